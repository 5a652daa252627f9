package triage

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/tsv"
)

// Accounts that vendors call their customers' accounts from. Source:
// fwdcloudsec/known_aws_accounts (Apache-2.0, see NOTICE) and public Terraform
// of customers, each row with the vendor's own page.
//
//go:embed vendor_accounts.tsv
var vendorAccountsTSV string

// What vendors of a category read: services, or single operations of one. The
// choice is the program's, after the policies that vendors ask for. Categories
// that are not in it have no calls that fit.
//
//go:embed vendor_calls.tsv
var vendorCallsTSV string

// What a client says that it is, by the family of its user agent
// (internal/cloud/client).
//
//go:embed claims.tsv
var claimsTSV string

type vendor struct{ name, category string }

var (
	vendors = sync.OnceValue(func() map[string]vendor {
		m := map[string]vendor{}
		for _, f := range tsv.Must("triage/vendor_accounts.tsv", vendorAccountsTSV, "account vendor category source") {
			m[f[0]] = vendor{f[1], f[2]}
		}
		return m
	})
	vendorCalls = sync.OnceValue(func() map[[3]string]bool {
		m := map[[3]string]bool{}
		for _, f := range tsv.Must("triage/vendor_calls.tsv", vendorCallsTSV, "category service operation") {
			m[[3]string(f)] = true
		}
		return m
	})
	claimed = sync.OnceValue(func() map[string]string {
		m := map[string]string{}
		for _, f := range tsv.Must("triage/claims.tsv", claimsTSV, "family claim") {
			m[f[0]] = f[1]
		}
		return m
	})
)

// aside says why a caller is put aside as benign, "" where it is not. It rests
// on what callers cannot set.
func aside(f *finding.Facts) string {
	switch {
	case f.Kind == event.AWSRole && serviceLinked(f.Principal):
		return "a service-linked role, which the service alone can assume"
	case f.Made > 0 && f.Made == f.Events && f.Cloud == event.AWS:
		return "every call was made by an AWS service, by the provider's mark"
	case f.Made > 0 && f.Made == f.Events && f.Cloud == event.Azure:
		return "one of Microsoft's own applications, acting for itself"
	case f.Made > 0 && f.Made == f.Events && f.Cloud == event.GCP:
		return "a service agent of Google's, which customers cannot create"
	}
	if v, ok := vendorOf(f); ok && v.usual(f) {
		return fmt.Sprintf("sessions handed out to the account of %s (%s), which did what they always do and nothing else", v.name, v.category)
	}
	return ""
}

// serviceLinked reports whether an ARN is that of a service-linked role:
// customers cannot create roles below this path.
func serviceLinked(arn string) bool {
	_, path, ok := strings.Cut(arn, ":role/")
	return ok && strings.HasPrefix(path, "aws-service-role/")
}

// vendorOf returns the vendor behind every call of the facts. Names have no
// say: each call must be made with a key that was seen handed out to the
// vendor's account.
func vendorOf(f *finding.Facts) (vendor, bool) {
	if f.Cloud != event.AWS || !f.Issued {
		return vendor{}, false
	}
	account, ok := strings.CutPrefix(f.Origin, "account:")
	if arn := strings.Split(f.Origin, ":"); !ok && len(arn) >= 6 && arn[0] == "arn" {
		account = arn[4]
	}
	v, ok := vendors()[account]
	return v, ok
}

// usual reports whether the calls are those of the vendor's trade, nothing is
// new against history, and nothing followed. Vendors are broken into, too.
func (v vendor) usual(f *finding.Facts) bool {
	if len(f.Follow) > 0 || f.Changes > 0 {
		return false
	}
	calls := vendorCalls()
	for i := range f.Operations {
		a := f.Operations[i].API
		if !calls[[3]string{v.category, a.Service, a.Name}] && !calls[[3]string{v.category, a.Service, "*"}] && !calls[[3]string{v.category, "*", "*"}] {
			return false
		}
	}
	h := &f.History
	if slices.Contains(f.Networks, finding.PrivateNetwork) {
		return false
	}
	if h.Recurs >= minDays {
		return true
	}
	return h.Days >= knownDays && h.Active >= minDays && len(h.NewServices) == 0 && len(h.NewRegions) == 0 && len(h.NewNetworks) == 0 &&
		!slices.ContainsFunc(f.Operations, func(o finding.Operation) bool { return o.New })
}

// byWayOf says whose account stands behind the calls, where it is a vendor's.
// It has no points: that a vendor is known says nothing of who uses its keys.
func (s *sheet) byWayOf(f *finding.Facts) {
	if v, ok := vendorOf(f); ok {
		s.note("vendor", "by way of the account of %s, known as a vendor (%s)", v.name, v.category)
	}
}

// claims lists what the clients say they are. Anyone can say so: a claim
// lowers nothing.
func claims(f *finding.Facts) []string {
	var list []string
	for _, c := range f.Clients {
		if what := claimed()[c]; what != "" {
			list = append(list, "claims to be "+what)
		}
	}
	for _, agent := range f.UserAgents {
		agent = strings.ToLower(agent)
		for _, system := range [...]string{"kali", "parrot", "pentoo"} {
			if strings.Contains(agent, system) {
				list = append(list, "claims to run on "+strings.ToUpper(system[:1])+system[1:]+" Linux, which testers and intruders use")
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
