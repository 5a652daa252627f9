package tune

import (
	"testing"

	"vedette/internal/finding"
)

// Years without a log are not years without a finding: averages, and with them
// the budget, are over the days that have events.
func TestAveragesAreOverDaysWithEvents(t *testing.T) {
	list := []finding.Finding{made("a", "ada", 0, 70), made("b", "bob", 10, 60), made("c", "cid", 4000*24*60, 40)}
	res := result(4001, list...)
	res.Days = 2
	r, err := New(res, nil, Options{Budget: &Budget{1, 1}, Level: "medium"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Input.Days != 4001 || r.Input.ActiveDays != 2 || r.Before.PerDay != 1.5 {
		t.Errorf("%+v, %v a day", r.Input, r.Before.PerDay)
	}
	if f := r.Before.Budget; f.MinPriority != 41 || f.Average != 1 || f.Costs[0].PerDay != 0.5 {
		t.Errorf("%+v", f)
	}
	res.Days = 0
	if r, err = New(res, nil, Options{Level: "medium"}); err != nil || r.Input.ActiveDays != 4001 {
		t.Errorf("%+v, %v", r.Input, err)
	}
}

// A caller of whom nothing is labelled and whom no exception fits is told of
// with the reason, and is not taken for an attack.
func TestWhyNothingFits(t *testing.T) {
	from := func(f finding.Finding, a finding.Address) finding.Finding {
		f.Addresses, f.AddressesTotal = []finding.Address{a}, 1
		return f
	}
	public := finding.Address{IP: "198.51.100.1"}
	origin := from(made("o", "origin", 0, 90), public)
	origin.Scope = "origin"
	redacted := from(made("r", "redacted", 0, 80), public)
	redacted.Actor.Kind = "redacted"
	list := []finding.Finding{
		origin, redacted, from(made("p", "private", 0, 70), finding.Address{IP: "10.0.0.1"}), from(made("n", "named", 0, 65), finding.Address{IP: "rds.amazonaws.com"}),
		from(made("e", "endpoint", 0, 60), finding.Address{IP: "10.0.0.1", Endpoint: "vpce-1"}), from(made("b", "bob", 0, 55), finding.Address{IP: "10.0.0.1"}),
		from(made("m1", "mixed", 0, 50), public), from(made("m2", "mixed", 100, 52), finding.Address{IP: "10.0.0.1"}),
	}
	r, err := New(result(2, list...), nil, Options{Budget: &Budget{9, 1}, Level: "medium", Labels: &Labels{Attacks: []Label{label("bob's key", "bob", 0, 5)}}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"origin": SeveralAccounts, "redacted": UnnamedCaller, "private": PrivateAddress, "named": PrivateAddress,
		"endpoint": "", "bob": "", "mixed": "",
	}
	if n := len(r.Before.Budget.Costs); n != len(want) {
		t.Fatalf("%d callers", n)
	}
	for _, c := range r.Before.Budget.Costs {
		name := c.Caller.Principal[len("arn:aws:iam::1:user/"):]
		why, ok := want[name]
		if !ok || c.Unbound != why || (c.Quiet == nil) != (why != "" || name == "bob") {
			t.Errorf("%s: %q, %+v; want %q", name, c.Unbound, c.Quiet, why)
		}
	}
}
