package tune

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/finding"
)

const labelled = `
attacks:
  - name: leaked key
    principal: arn:aws:iam::111122223333:user/backup-sync
    account: 011122223333
    from: 2026-03-17T13:00:00Z
    until: "2026-03-17T14:00:00.5+01:00"
benign:
  - {name: posture scan, principal: "*:role/scanner"}
  - {name: migration, principal: "*:user/eve", from: 2026-03-17T00:00:00Z}
`

func TestParseLabels(t *testing.T) {
	got, err := ParseLabels("labels.yaml", []byte(labelled))
	if err != nil {
		t.Fatal(err)
	}
	want := &Labels{
		Attacks: []Label{{
			Name: "leaked key", Principal: "arn:aws:iam::111122223333:user/backup-sync", Account: "011122223333",
			From: time.Date(2026, 3, 17, 13, 0, 0, 0, time.UTC), Until: time.Date(2026, 3, 17, 13, 0, 0, 5e8, time.UTC),
		}},
		Benign: []Label{
			{Name: "posture scan", Principal: "*:role/scanner"},
			{Name: "migration", Principal: "*:user/eve", From: time.Date(2026, 3, 17, 0, 0, 0, 0, time.UTC)},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// What is wrong in a file of labels is said where it is.
func TestLabelErrors(t *testing.T) {
	const span = "from: 2026-03-17T13:00:00Z, until: 2026-03-17T14:00:00Z"
	for _, c := range []struct{ text, want string }{
		{"", "f:1:1: the file is empty"},
		{"# nothing\n", "f:1:1: the file is empty"},
		{"{}", "f:1:1: there are no labels: neither attacks nor benign"},
		{"- a", "f:1:1: a file of labels is a mapping (fields: attacks, benign), not a list"},
		{"attacks:\n", "f:1:9: attacks is a list, not nothing"},
		{"attacks: []", "f:1:10: attacks is an empty list"},
		{"attack: []", `f:1:1: a file of labels has no field "attack"; its fields are attacks, benign`},
		{"benign:\n  - {name: a, principal: b}\nbenign: []", `f:3:1: "benign" is given twice, first on line 2`},
		{"benign:\n  - 7", `f:2:5: an entry of benign is a mapping (fields: name, principal, account, from, until), not "7"`},
		{"benign:\n  - {name: a}", `f:2:5: an entry of benign lacks "principal"`},
		{"attacks:\n  - {name: a, principal: b}", "f:2:5: an entry of attacks lacks \"from\"\nf:2:5: an entry of attacks lacks \"until\""},
		{"benign:\n  - {name: [], principal: b}", "f:2:12: name is text, not a list"},
		{"benign:\n  - {name: true, principal: b}", `f:2:12: name is text, not "true"`},
		{"benign:\n  - {name: ' ', principal: b}", "f:2:12: name is empty"},
		{"benign:\n  - {name: \"a\\e[1m\", principal: b}", "f:2:12: name is one line without control characters"},
		{"benign:\n  - {name: a, principal: '**'}", "f:2:26: principal: wildcards alone would name everyone"},
		{"benign:\n  - {name: a, principal: b, from: yesterday}", `f:2:35: from is a time in RFC 3339 such as 2026-03-17T13:00:00Z, not "yesterday"`},
		{"benign:\n  - {name: a, principal: b, from: 2026-03-17}", `f:2:35: from is a time in RFC 3339 such as 2026-03-17T13:00:00Z, not "2026-03-17"`},
		{"benign:\n  - {name: a, principal: b, from: 0001-01-01T00:00:00Z}", "f:2:35: from: 0001-01-01T00:00:00Z is no time of a log"},
		{"attacks:\n  - {name: a, principal: b, from: 2026-03-17T13:00:00Z, until: 2026-03-17T12:00:00Z}", "f:2:64: until: 2026-03-17T12:00:00Z is before from"},
		{"attacks:\n  - {name: a, principal: b, " + span + "}\n  - {name: a, principal: c, " + span + "}", `f:3:5: the name "a" is given twice in attacks, first on line 2`},
		{"attacks: &x\n  - *x", "f:2:5: an entry of attacks is a mapping (fields: name, principal, account, from, until), not an alias"},
		{"benign: [", "f:2:1: not YAML: "},
		{"benign:\n  - {name: \xff", "f:2:12: this byte is not UTF-8"},
		{"a: 1\n---\nb: 2", "f:2:1: a second document"},
	} {
		_, err := ParseLabels("f", []byte(c.text))
		if err == nil || err.Error() != c.want && !strings.HasSuffix(c.want, ": ") || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q:\n%v\nwant\n%s", c.text, err, c.want)
		}
	}
}

func TestHolds(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse("15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	f := &found{Finding: &finding.Finding{
		Actor: finding.Actor{ID: "arn:aws:iam::1:user/Ada"}, Cloud: finding.CloudRef{Account: finding.Account{ID: "1"}},
		Accounts: []finding.Account{{ID: "1"}, {ID: "2"}},
	}, first: at("10:00"), last: at("10:30")}
	for _, c := range []struct {
		principal, account, from, until string
		want                            bool
	}{
		{"arn:aws:iam::1:user/ada", "", "10:30", "11:00", true},
		{"*:user/ada", "", "09:00", "10:00", true},
		{"*", "", "10:31", "11:00", false},
		{"*", "", "09:00", "09:59", false},
		{"user/ada", "", "10:00", "10:30", false},
		{"*user*", "1", "10:00", "10:30", true},
		{"*user*", "2", "10:00", "10:30", true},
		{"*user*", "3", "10:00", "10:30", false},
		{"*ada*x", "", "10:00", "10:30", false},
	} {
		l := &Label{Principal: c.principal, Account: c.account, From: at(c.from), Until: at(c.until)}
		if l.holds(f) != c.want {
			t.Errorf("%+v: %v", c, !c.want)
		}
	}
}

// Whatever the file holds, the parser says where it is wrong, or gives labels
// that have what labels need.
func FuzzParseLabels(f *testing.F) {
	f.Add([]byte(labelled))
	f.Add([]byte("attacks: [{name: a, principal: '*'}]"))
	f.Add([]byte("attacks: &a [*a]\nbenign: !!x {}"))
	f.Add([]byte("benign:\n- ? {a: b}\n  : c"))
	f.Add([]byte("\xff"))
	where := regexp.MustCompile(`^labels:[1-9]\d*:[1-9]\d*: .`)
	f.Fuzz(func(t *testing.T, text []byte) {
		labels, err := ParseLabels("labels", text)
		if err != nil {
			if labels != nil || !where.MatchString(err.Error()) {
				t.Fatalf("%v, %q", labels, err)
			}
			return
		}
		if len(labels.Attacks)+len(labels.Benign) == 0 {
			t.Fatal("no label and no error")
		}
		names := map[string]bool{}
		for _, l := range labels.Attacks {
			if l.Name == "" || l.Principal == "" || l.From.IsZero() || l.Until.Before(l.From) || names[l.Name] {
				t.Fatalf("%+v", l)
			}
			names[l.Name] = true
		}
	})
}
