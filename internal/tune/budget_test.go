package tune

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/event"
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

// What an exception does not cover quiets nothing: what followed, and requests
// refused beyond those of the finding that it is made of.
func TestQuietIsWhatAnExceptionCovers(t *testing.T) {
	var list []finding.Finding
	for i, user := range []string{"key", "key", "refused", "refused", "refused", "aside", "partly", "partly"} {
		f := made(fmt.Sprint("f", i), user, i*100, 90-i)
		f.APIs = []finding.API{{Service: "s3.amazonaws.com", Name: "GetBucketPolicy"}}
		f.Addresses, f.AddressesTotal = []finding.Address{{IP: "198.51.100.1"}}, 1
		if user == "aside" {
			f.Aside = "exception x"
		}
		list = append(list, f)
	}
	res := result(2, list...)
	follow := func(id string) {
		f := res.Facts[id]
		f.Follow = []finding.FollowOn{{API: &event.API{Cloud: event.AWS, Service: "iam.amazonaws.com", Name: "CreateAccessKey"}, Requests: 1, Time: f.Last}}
	}
	follow("f0")
	follow("f1")
	follow("f6")
	for id, n := range map[string]int{"f2": 3, "f3": 12, "f4": 20} {
		f := res.Facts[id]
		f.Operations[0].Denied, f.DeniedTargets = n, n
	}
	// It came from where nobody is, which is private no less.
	for i, ip := range []string{"169.254.170.2", "127.0.0.1", "0.0.0.0", "::", "fe80::1"} {
		f := made(fmt.Sprint("g", i), ip, 0, 50)
		f.Addresses = []finding.Address{{IP: ip}}
		res.Findings = append(res.Findings, f)
		res.Facts[f.ID] = factsOf(&f)
	}
	r, err := New(res, nil, Options{Budget: &Budget{1, 1}, Level: "medium"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range r.Before.Budget.Costs {
		s := c.Unbound
		if c.Quiet != nil {
			s += fmt.Sprintf("%s: %d", c.Quiet.ID, c.Quiet.Findings)
		}
		got[c.Caller.Principal[len("arn:aws:iam::1:user/"):]] = s
	}
	want := map[string]string{
		"key": Followed, "refused": "f4: 3", "aside": PutAside, "partly": "f7: 1",
		"169.254.170.2": PrivateAddress, "127.0.0.1": PrivateAddress, "0.0.0.0": PrivateAddress, "::": PrivateAddress, "fe80::1": PrivateAddress,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
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
