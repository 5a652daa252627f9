package tune

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/triage"
)

var morning = time.Date(2026, 3, 16, 8, 0, 0, 0, time.UTC)

// made is a finding of a user that begins some minutes after the morning and
// lasts ten.
func made(id, user string, minutes, priority int) finding.Finding {
	first := morning.Add(time.Duration(minutes) * time.Minute)
	return finding.Finding{
		ID: id, Scope: "account", Actor: finding.Actor{Kind: "iam_user", ID: "arn:aws:iam::1:user/" + user},
		Cloud:     finding.CloudRef{Provider: "aws", Account: finding.Account{ID: "1"}},
		Judgement: finding.Judgement{Priority: priority, Level: levelOf(priority), Reasons: []finding.Reason{{Factor: "services", Points: priority}}},
		Peak:      finding.Window{Name: "burst", Events: 12, DistinctAPIs: 6}, Detections: []finding.Detection{{ID: "T1"}},
		Events: 12, FirstSeen: first.Format(time.RFC3339Nano), LastSeen: first.Add(10 * time.Minute).Format(time.RFC3339Nano),
	}
}

var weights = triage.DefaultWeights()

func levelOf(priority int) string {
	w, level := weights, "informational"
	for _, l := range triage.Levels()[1:] {
		if priority >= w.Levels[l] {
			level = l
		}
	}
	return level
}

func label(name, user string, from, until int) Label {
	return Label{Name: name, Principal: "*:user/" + user, From: morning.Add(time.Duration(from) * time.Minute), Until: morning.Add(time.Duration(until) * time.Minute)}
}

func result(days int, list ...finding.Finding) Result {
	slices.SortStableFunc(list, func(a, b finding.Finding) int { return b.Priority - a.Priority })
	r := Result{Findings: list, First: morning, Last: morning.AddDate(0, 0, days-1).Add(15 * time.Hour), Facts: map[string]*finding.Facts{}}
	for i := range list {
		r.Facts[list[i].ID] = factsOf(&list[i])
	}
	return r
}

// factsOf are facts that say what a finding does.
func factsOf(f *finding.Finding) *finding.Facts {
	out := &finding.Facts{Cloud: event.AWS, Principal: f.Actor.ID, Accounts: 1, Last: morning.Add(24 * time.Hour)}
	for k := range event.NumActorKinds {
		if k.String() == f.Actor.Kind {
			out.Kind = k
		}
	}
	if f.Scope != "account" {
		out.Accounts = 2
	}
	for i := range f.APIs {
		out.Operations = append(out.Operations, finding.Operation{API: &event.API{Service: f.APIs[i].Service, Name: f.APIs[i].Name}})
	}
	for _, a := range f.Addresses {
		out.Sources = append(out.Sources, finding.Source{Account: "1", Address: a.IP, Endpoint: a.Endpoint})
	}
	return out
}

func compared(t *testing.T, before, after Result, opts Options) *Report {
	t.Helper()
	if opts.Level == "" {
		opts.Level = "medium"
	}
	opts.Changed = []string{"--with-weights w.yaml"}
	r, err := New(before, &after, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// in tells changes in short: kind, ids and levels, why.
func in(changes []Change) (out []string) {
	for _, c := range changes {
		s := c.Kind
		for _, v := range []*Verdict{c.Before, c.After} {
			if v == nil {
				s += " -"
			} else {
				s += fmt.Sprintf(" %s:%s", v.ID, v.Level)
			}
		}
		out = append(out, s+": "+strings.Join(c.Why, "; "))
	}
	return out
}

func TestChanges(t *testing.T) {
	aside := made("a7", "gus", 0, 10)
	aside.Aside, aside.Reasons = "exception x", append(aside.Reasons, finding.Reason{Factor: "aside", Points: -40})
	aside.Reasons[0].Points = 50
	lower := made("a2", "bob", 0, 20)
	lower.Events = 9
	lower.Reasons = []finding.Reason{{Factor: "denied", Points: 1}, {Factor: "a", Points: 4}, {Factor: "b", Points: 5}, {Factor: "c", Points: 10}, {Factor: "d", Points: 0}}
	other := made("a3", "cid", 0, 40)
	other.Level = "low"
	r := compared(t,
		result(1, made("a1", "ada", 0, 70), made("a2", "bob", 0, 50), made("a3", "cid", 0, 40), made("b4", "dan", 0, 60), made("a5", "eve", 0, 36), made("b6", "fay", 0, 16), made("b8", "fay", 5, 15), made("a7", "gus", 0, 50)),
		result(1, made("a1", "ada", 0, 65), lower, other, made("a4", "dan", 8, 61), made("c5", "ida", 60, 12), made("a6", "fay", 4, 80), aside),
		Options{})
	want := []string{
		"raised b8:low a6:critical: services 15 to 80",
		"lowered a2:medium a2:low: 9 calls, before 12; services 50 to 0, c 0 to 10, b 0 to 5, a 0 to 4, and 1 further factor",
		"lowered a7:medium a7:informational: aside: exception x",
		"lowered a3:medium a3:low: its priority stays 40: levels begin elsewhere",
		"removed a5:medium -: nothing fires: its peak was 12 calls of 6 APIs in window burst of T1",
		"removed b6:low -: no finding of its own: a6 covers the time",
		"added - c5:informational: burst fires: its peak was 12 calls of 6 APIs in window burst of T1",
	}
	if d := cmp.Diff(want, in(r.Changes)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(&Kept{Findings: 2, Reprioritised: 2, Renamed: 1}, r.Kept); d != "" {
		t.Error(d)
	}
}

// Each finding of either side is kept, or in one change.
func TestNothingIsLost(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		side := func(mark string) (list []finding.Finding) {
			for i := range rng.IntN(30) {
				id := fmt.Sprint(mark, i)
				if rng.IntN(2) == 0 {
					id = fmt.Sprint("same", i)
				}
				list = append(list, made(id, string(rune('a'+rng.IntN(4))), rng.IntN(200), rng.IntN(101)))
			}
			return list
		}
		before, after := result(1, side("b")...), result(1, side("a")...)
		r := compared(t, before, after, Options{})
		n := map[string]int{}
		for _, c := range r.Changes {
			n[c.Kind]++
			if len(c.Why) == 0 {
				t.Fatalf("%+v has no reason", c)
			}
		}
		moved := n["raised"] + n["lowered"]
		if len(before.Findings) != r.Kept.Findings+moved+n["removed"] || len(after.Findings) != r.Kept.Findings+moved+n["added"] {
			t.Fatalf("%d before, %d after, %d kept, %v", len(before.Findings), len(after.Findings), r.Kept.Findings, n)
		}
		if again := compared(t, before, after, Options{}); cmp.Diff(r, again) != "" {
			t.Fatal("the same findings, another answer")
		}
	}
}

func TestAttacks(t *testing.T) {
	labels := &Labels{
		Attacks: []Label{
			label("kept", "ada", 0, 5), label("lost", "bob", 0, 5), label("gone", "cid", 0, 5), label("gained", "dan", 0, 5),
			label("quiet", "eve", 0, 5), label("other time", "ada", 60, 90), label("nobody", "nobody", 0, 5), label("before all", "ada", -100, -50),
		},
		Benign: []Label{{Name: "fay", Principal: "*:user/fay"}, {Name: "typo", Principal: "x"}},
	}
	before := result(1, made("a", "ada", 0, 50), made("a+", "ada", 2, 70), made("b", "bob", 0, 50), made("c", "cid", 0, 50), made("d", "dan", 0, 10), made("e", "eve", 0, 20), made("f", "fay", 0, 90), made("f2", "fay", 100, 10))
	after := result(1, made("a", "ada", 0, 40), made("b", "bob", 0, 34), made("d", "dan", 0, 35), made("e", "eve", 0, 30), made("f2", "fay", 100, 10))
	r := compared(t, before, after, Options{Labels: labels})
	var got []string
	for _, a := range r.Attacks {
		s := a.Name + ": " + a.State
		for _, v := range []*Verdict{a.Before, a.After} {
			if v != nil {
				s += fmt.Sprintf(" %s:%d", v.ID, v.Priority)
			} else {
				s += " -"
			}
		}
		got = append(got, strings.TrimSpace(s+" "+strings.Join(a.Why, "; ")+a.Note))
	}
	want := []string{
		"kept: caught a+:70 a:40",
		"lost: lost b:50 b:34 services 50 to 34",
		"gone: lost c:50 - nothing fires: its peak was 12 calls of 6 APIs in window burst of T1",
		"gained: gained d:10 d:35 services 10 to 35",
		"quiet: missed e:20 e:30",
		"other time: missed - - 1 finding of this principal, at other times",
		"nobody: missed - - no finding is of this principal",
		"before all: missed - - the input has no event of its time",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	benign := []Benign{
		{Name: "fay", Principal: "*:user/fay", Before: Noise{2, 1}, After: &Noise{1, 0}},
		{Name: "typo", Principal: "x", After: &Noise{}, Note: "no finding is of this principal"},
	}
	if d := cmp.Diff(benign, r.Benign); d != "" {
		t.Error(d)
	}
	// With a lower bar the quiet one is caught as well, and with none to
	// compare with nothing is lost.
	alone, err := New(before, nil, Options{Labels: labels, Level: "low"})
	if err != nil {
		t.Fatal(err)
	}
	for i, state := range []string{"caught", "caught", "caught", "missed", "caught", "missed", "missed", "missed"} {
		if a := alone.Attacks[i]; a.State != state || a.After != nil {
			t.Errorf("%s alone is %s, want %s", a.Name, a.State, state)
		}
	}
	if alone.After != nil || alone.Kept != nil || len(alone.Changes) > 0 {
		t.Error("something is compared with nothing")
	}
}

func TestParseBudget(t *testing.T) {
	for s, want := range map[string]*Budget{
		"5/day": {5, 1}, "20/week": {20, 7}, "0/day": {0, 1}, "5": nil, "5/month": nil, "-1/day": nil, "x/day": nil, "/day": nil, "1.5/day": nil, "9999999/day": nil, "5/day/": nil,
	} {
		got, err := ParseBudget(s)
		if (err == nil) != (want != nil) || cmp.Diff(want, got) != "" {
			t.Errorf("%s: %v, %v", s, got, err)
		}
		if want != nil && got.String() != s {
			t.Errorf("%s is written %s", s, got)
		}
	}
}

// The least priority is the least of all that keep to the budget, counted one
// by one; likewise the level, and the periods in which it is exceeded.
func TestBudgetIsTheLeast(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	w := triage.DefaultWeights()
	w.Levels["informational"] = 0
	for range 400 {
		days := 1 + rng.IntN(20)
		var list []finding.Finding
		for i := range rng.IntN(60) {
			list = append(list, made(fmt.Sprint(i), "ada", rng.IntN(days*24*60-8*60), min(100, rng.IntN(130))))
		}
		b := &Budget{rng.IntN(6), 1 + 6*rng.IntN(2)}
		r, err := New(result(days, list...), nil, Options{Budget: b, Level: "medium"})
		if err != nil {
			t.Fatal(err)
		}
		got := r.Before.Budget
		keeps := func(p int) (n int, ok bool) {
			for _, f := range list {
				if f.Priority >= p {
					n++
				}
			}
			return n, float64(n)/(float64(days)/float64(b.Days)) <= float64(b.Findings)+1e-9
		}
		p := 0
		for ; p < NoPriority; p++ {
			if _, ok := keeps(p); ok {
				break
			}
		}
		n, _ := keeps(p)
		if got.MinPriority != p || got.Findings != n {
			t.Fatalf("%s over %d days: from %d on %d, want from %d on %d", b, days, got.MinPriority, got.Findings, p, n)
		}
		level := ""
		for _, l := range triage.Levels() {
			if _, ok := keeps(w.Levels[l]); ok {
				level = l
				break
			}
		}
		if got.MinLevel != level {
			t.Fatalf("level %q, want %q", got.MinLevel, level)
		}
		var over []Exceeded
		day := morning.Truncate(24 * time.Hour)
		for i := 0; i < days; i += b.Days {
			n := 0
			for _, f := range list {
				at, err := time.Parse(time.RFC3339Nano, f.FirstSeen)
				if err != nil {
					t.Fatal(err)
				}
				if f.Priority >= p && !at.Before(day.AddDate(0, 0, i)) && at.Before(day.AddDate(0, 0, i+b.Days)) {
					n++
				}
			}
			if n > b.Findings {
				over = append(over, Exceeded{day.AddDate(0, 0, i).Format(time.DateOnly), n, n - b.Findings})
			}
		}
		if !slices.Equal(got.Exceeded, over) {
			t.Fatalf("%s over %d days: %v, want %v", b, days, got.Exceeded, over)
		}
	}
}

func TestBudgetTooSmallForAny(t *testing.T) {
	r, err := New(result(1, made("a", "ada", 0, 100), made("b", "bob", 0, 100)), nil, Options{Budget: &Budget{1, 1}, Level: "medium"})
	if err != nil {
		t.Fatal(err)
	}
	if f := r.Before.Budget; f.MinPriority != NoPriority || f.MinLevel != "" || f.Findings != 0 {
		t.Errorf("%+v", f)
	}
}

// What costs most, and the exception that would quiet most of it without an
// attack.
func TestCosts(t *testing.T) {
	from := func(f finding.Finding, ip string, apis ...string) finding.Finding {
		f.Addresses, f.AddressesTotal = []finding.Address{{IP: ip}}, 1
		for _, a := range apis {
			f.APIs = append(f.APIs, finding.API{Service: "ec2", Name: a})
		}
		return f
	}
	list := []finding.Finding{
		from(made("s1", "scan", 0, 60), "198.51.100.1", "A", "B"), from(made("s2", "scan", 100, 50), "198.51.100.2", "A"),
		from(made("s3", "scan", 200, 45), "198.51.100.3", "A", "B", "C"), from(made("s4", "scan", 300, 44), "203.0.113.1", "A"),
		from(made("s5", "scan", 400, 20), "198.51.100.9", "A"), // below the level
		from(made("x1", "bob", 0, 90), "203.0.113.9", "A"),
		from(made("y1", "eve", 0, 80), "203.0.113.9", "A"), from(made("y2", "eve", 100, 70), "203.0.113.9", "A", "B"), from(made("y3", "eve", 200, 40), "198.51.100.1", "C"),
	}
	r, err := New(result(2, list...), nil, Options{Budget: &Budget{1, 1}, Level: "medium",
		Labels: &Labels{Attacks: []Label{label("bob's key", "bob", 0, 5), label("eve's key", "eve", 0, 5)}}})
	if err != nil {
		t.Fatal(err)
	}
	caller := func(user string) Caller {
		return Caller{Provider: "aws", Kind: "iam_user", Principal: "arn:aws:iam::1:user/" + user}
	}
	want := []Cost{
		{Caller: caller("scan"), Findings: 4, PerDay: 2, Attacks: []string{}, Quiet: &Quiet{"s3", 3}},
		{Caller: caller("eve"), Findings: 3, PerDay: 1.5, Attacks: []string{"eve's key"}, Quiet: &Quiet{"y3", 1}},
		{Caller: caller("bob"), Findings: 1, PerDay: 0.5, Attacks: []string{"bob's key"}},
	}
	if d := cmp.Diff(want, r.Before.Budget.Costs); d != "" {
		t.Error(d)
	}
	// Two findings fit a budget of one a day over two days: bob's and eve's.
	if f := r.Before.Budget; f.MinPriority != 71 || f.Findings != 2 || len(f.Lost) != 0 {
		t.Errorf("%+v", f)
	}
	r, err = New(result(2, list...), nil, Options{Budget: &Budget{0, 1}, Level: "medium", Labels: &Labels{Attacks: []Label{label("bob's key", "bob", 0, 5)}}})
	if err != nil {
		t.Fatal(err)
	}
	if f := r.Before.Budget; f.MinPriority != 91 || !slices.Equal(f.Lost, []string{"bob's key"}) {
		t.Errorf("%+v", f)
	}
}

// Days are those of UTC, whatever the zone of an event.
func TestDaysAreUTC(t *testing.T) {
	zone := time.FixedZone("", -8*3600)
	c := newCalendar(time.Date(2026, 3, 16, 23, 59, 0, 0, time.UTC), time.Date(2026, 3, 17, 16, 0, 0, 0, zone))
	if c.n != 3 || c.date(0) != "2026-03-16" || c.day(time.Date(2026, 3, 16, 17, 0, 0, 0, zone)) != 1 {
		t.Errorf("%+v", c)
	}
	if one := newCalendar(c.first, c.first); one.n != 1 {
		t.Errorf("%+v", one)
	}
}

func TestIDLength(t *testing.T) {
	a, err := newSide(Result{Findings: []finding.Finding{made("0123456789a", "a", 0, 1), made("0123456789b", "b", 0, 1), made("f", "c", 0, 1)}}, &Options{Labels: &Labels{}})
	if err != nil {
		t.Fatal(err)
	}
	if n := idLength(a, a); n != 11 {
		t.Errorf("%d", n)
	}
	if n := idLength(a[2:]); n != 8 {
		t.Errorf("%d", n)
	}
}
