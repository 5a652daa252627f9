package enrich

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// mmdb is the smallest writer of MaxMind DB files that the tests need: 32-bit
// records, networks that do not contain each other. The format is that of
// https://maxmind.github.io/MaxMind-DB/.
type mmdb struct {
	version int // 4 or 6
	nodes   [][2]int
	leaves  map[[2]int]int // (node, bit) to offset in data
	data    []byte
}

func newMMDB(version int) *mmdb {
	return &mmdb{version: version, nodes: make([][2]int, 1), leaves: map[[2]int]int{}}
}

// add enters a network. In a tree of 128 bits an IPv4 network lies under
// ::/96.
func (m *mmdb) add(cidr string, record map[string]any) {
	p := netip.MustParsePrefix(cidr)
	addr, bits := p.Addr().AsSlice(), p.Bits()
	if m.version == 6 && p.Addr().Is4() {
		addr, bits = append(make([]byte, 12), addr...), bits+96
	}
	offset := len(m.data)
	m.data = appendValue(m.data, record)
	node := 0
	for i := range bits {
		bit := int(addr[i/8]>>(7-i%8)) & 1
		if i == bits-1 {
			m.leaves[[2]int{node, bit}] = offset
			return
		}
		if m.nodes[node][bit] == 0 {
			m.nodes = append(m.nodes, [2]int{})
			m.nodes[node][bit] = len(m.nodes) - 1
		}
		node = m.nodes[node][bit]
	}
}

// write writes the file and returns its path.
func (m *mmdb) write(t *testing.T) string {
	t.Helper()
	var out []byte
	n := len(m.nodes)
	for i, node := range m.nodes {
		for bit, next := range node {
			v := n // no data
			if next > 0 {
				v = next
			}
			if offset, ok := m.leaves[[2]int{i, bit}]; ok {
				v = n + 16 + offset
			}
			out = binary.BigEndian.AppendUint32(out, uint32(v))
		}
	}
	out = append(out, make([]byte, 16)...)
	out = append(out, m.data...)
	out = append(out, "\xab\xcd\xefMaxMind.com"...)
	out = appendValue(out, map[string]any{
		"node_count": uint64(n), "record_size": uint64(32), "ip_version": uint64(m.version), "database_type": "Test",
		"binary_format_major_version": uint64(2), "binary_format_minor_version": uint64(0), "build_epoch": uint64(1),
		"description": map[string]any{}, "languages": map[string]any(nil),
	})
	path := filepath.Join(t.TempDir(), "test.mmdb")
	if err := os.WriteFile(path, out, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// appendValue appends a value: a control byte with type and size, then the
// payload. Types 1 to 7 stand in the byte itself, others in the next.
func appendValue(b []byte, v any) []byte {
	control := func(typ, size int) {
		low, more := size, []byte(nil)
		if size >= 29 {
			low, more = 29, []byte{byte(size - 29)}
		}
		if typ <= 7 {
			b = append(b, byte(typ<<5|low))
		} else {
			b = append(b, byte(low), byte(typ-7))
		}
		b = append(b, more...)
	}
	switch v := v.(type) {
	case string:
		control(2, len(v))
		b = append(b, v...)
	case uint64:
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], v)
		i := 0
		for i < 8 && n[i] == 0 {
			i++
		}
		typ := 6 // uint32
		if i < 4 {
			typ = 9 // uint64
		}
		control(typ, 8-i)
		b = append(b, n[i:]...)
	case map[string]any:
		if v == nil {
			control(11, 0) // an empty array
			return b
		}
		control(7, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			b = appendValue(b, k)
			b = appendValue(b, v[k])
		}
	default:
		panic("the writer does not know this type")
	}
	return b
}
