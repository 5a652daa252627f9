package engine

import "net/netip"

// Network returns the network that an address lies in for the cut of a
// principal into slices: its /24, or /48 for IPv6. What is not an address
// (the name of a service) stands for itself.
func Network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	bits := 24
	if ip.Is6() {
		bits = 48
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return address
	}
	return p.String()
}
