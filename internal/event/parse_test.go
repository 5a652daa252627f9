package event

import (
	"strings"
	"testing"
)

// Every log class that holds events parses back from its name and belongs to
// the provider that its name says.
func TestLogNames(t *testing.T) {
	prefix := map[Cloud]string{AWS: "cloudtrail.", Azure: "azure.", GCP: "gcp."}
	for l := range NumLogs {
		got, ok := ParseLog(l.String())
		if ok != l.Audited() || ok && got != l {
			t.Errorf("ParseLog(%q) = %v, %v", l, got, ok)
		}
		if ok && !strings.HasPrefix(l.String(), prefix[l.Cloud()]) || !ok && l.Cloud() != NoCloud {
			t.Errorf("%v.Cloud() = %v", l, l.Cloud())
		}
	}
	for _, c := range Clouds() {
		if got, ok := ParseCloud(c.String()); !ok || got != c {
			t.Errorf("ParseCloud(%q) = %v, %v", c, got, ok)
		}
	}
	for o := range NumOutcomes {
		if got, ok := ParseOutcome(o.String()); !ok || got != o {
			t.Errorf("ParseOutcome(%q) = %v, %v", o, got, ok)
		}
	}
	if _, ok := ParseCloud("none"); ok {
		t.Error(`ParseCloud("none") found a provider`)
	}
}

func TestParseUUIDDigits(t *testing.T) {
	const id = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
	k, ok := ParseUUID([]byte(id))
	if want := (Key{0x0f1e2d3c4b5a6978, 0x8796a5b4c3d2e1f0}); !ok || k != want {
		t.Fatalf("%x, %v; want %x", k, ok, want)
	}
	for i := range id {
		for c := range 256 {
			b := []byte(id)
			b[i] = byte(c)
			digit := c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
			if id[i] == '-' {
				digit = c == '-'
			}
			k, ok := ParseUUID(b)
			if ok != digit {
				t.Fatalf("ParseUUID(%q): %v, want %v", b, ok, digit)
			}
			if ok && string(k.AppendUUID(nil)) != string(b) {
				t.Fatalf("%q comes back as %q", b, k.AppendUUID(nil))
			}
		}
	}
}
