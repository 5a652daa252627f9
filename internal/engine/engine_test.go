package engine

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/plan"
)

// t1580 is the thresholds of the built-in detection.
func t1580() *plan.Plan {
	return &plan.Plan{
		Detection: "T1580", Name: "Cloud infrastructure discovery", Version: "1", Techniques: []string{"T1580"},
		Quiet: 30 * time.Minute, MaxLength: 24 * time.Hour,
		Windows: []plan.Window{{
			Name: "burst", Length: 15 * time.Minute,
			Select:  plan.Selector{Classes: []event.Class{event.ClassDiscovery}},
			Trigger: plan.Condition{{Events: 10}, {DistinctAPIs: 5}},
			Bands: []plan.Band{
				{Risk: 90, When: plan.Condition{{Events: 50, DistinctAPIs: 10}}},
				{Risk: 70, When: plan.Condition{{Events: 20, DistinctAPIs: 7}}},
				{Risk: 50, When: plan.Condition{{DistinctAPIs: 5}, {Events: 10}}},
			},
		}},
	}
}

// act is an event as the tests write it.
type act struct {
	At        time.Duration
	API       int
	Principal string
	Account   string
	Session   string
	Key       string
	Address   string
	Agent     string
	Outcome   event.Outcome
	Target    string
	Name      string
	ID        string
	Flags     event.Flag
	GrantKey  string
	// GrantSession is the session that a call with GrantKey opens.
	GrantSession string
	Region       string
	file, rec    uint32
	Kind         event.ActorKind
	Grantor      bool
	// Creator and Delegates are as event.Actor has them.
	Creator, Delegates string
	Shared             string
	Partial            bool
	Recipient          string
	ClassWrite         bool
}

var epoch = time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)

func registry(n int) *event.Registry {
	reg := event.NewRegistry()
	for i := range n {
		reg.Add(event.API{Cloud: event.AWS, Service: fmt.Sprintf("s%d.amazonaws.com", i%3), Name: fmt.Sprintf("List%03d", i),
			Class: event.ClassDiscovery, Known: true, Technique: "T1580"})
	}
	reg.Add(event.API{Cloud: event.AWS, Service: "sts.amazonaws.com", Name: "AssumeRole", Class: event.ClassSession, Known: true})
	return reg
}

func (a *act) event(reg *event.Registry) event.Event {
	ev := event.Event{
		Cloud: event.AWS, Log: event.CloudTrailManagement, Time: epoch.Add(a.At).UnixNano(),
		ID: []byte(a.ID), Key: event.IDKey("t", []byte(a.ID)), API: reg.At(uint32(a.API)), Outcome: a.Outcome,
		Region: []byte(a.Region), Account: []byte(a.Account), Address: []byte(a.Address), UserAgent: []byte(a.Agent),
		Target: []byte(a.Target), Flags: a.Flags, Recipient: []byte(a.Recipient),
		Actor: event.Actor{Kind: a.Kind, Principal: []byte(a.Principal), Session: []byte(a.Session), Key: []byte(a.Key), Name: []byte(a.Name), Partial: a.Partial, Creator: []byte(a.Creator), Delegates: []byte(a.Delegates)},
	}
	if a.Outcome == event.Denied {
		ev.Reason = event.ReasonUnknown
	}
	if a.Shared != "" {
		ev.Shared, ev.Key = true, event.IDKey("t", []byte(a.Shared))
	}
	if a.GrantKey != "" {
		ev.API = reg.Lookup(event.AWS, "sts.amazonaws.com", "AssumeRole")
		ev.Grant = event.Grant{Key: []byte(a.GrantKey), Session: []byte(a.GrantSession), Via: "AssumeRole"}
	}
	return ev
}

// evaluate runs acts through an engine, spread over collectors.
func evaluate(t testing.TB, acts []act, collectors int, opts Options) ([]finding.Finding, Stats) {
	t.Helper()
	reg := registry(40)
	if opts.Plans == nil {
		opts.Plans = []*plan.Plan{t1580()}
	}
	if opts.Evidence == 0 {
		opts.Evidence = 1000
	}
	opts.Family = func(a []byte) string { return string(a) }
	e, err := New(reg, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	cs := make([]*Collector, collectors)
	for i := range cs {
		cs[i] = e.Collector()
	}
	var wg sync.WaitGroup
	for k, c := range cs {
		wg.Go(func() {
			for i := k; i < len(acts); i += collectors {
				ev := acts[i].event(reg)
				c.Add(&ev, acts[i].file, acts[i].rec)
			}
			c.Close()
		})
	}
	wg.Wait()
	found, stats, err := e.Run(func(f uint32) string { return fmt.Sprintf("f%d", f) })
	if err != nil {
		t.Fatal(err)
	}
	return found, stats
}

// withoutAt drops where evidence lies, the one key that may differ.
func withoutAt(found []finding.Finding) string {
	for i := range found {
		found[i].Evidence = append([]finding.Evidence(nil), found[i].Evidence...)
		for j := range found[i].Evidence {
			found[i].Evidence[j].At = finding.At{}
		}
	}
	b, err := json.MarshalIndent(found, "", " ")
	if err != nil {
		panic(err)
	}
	return string(b)
}

// genActs draws a few principals with calls close enough together to fire
// often, on a coarse clock so that times tie.
func genActs(t *rapid.T) []act {
	n := rapid.IntRange(0, 120).Draw(t, "n")
	acts := make([]act, n)
	for i := range acts {
		p := rapid.IntRange(0, 2).Draw(t, "principal")
		a := act{
			At:  time.Duration(rapid.IntRange(0, 400).Draw(t, "tick")) * 30 * time.Second,
			API: rapid.IntRange(0, 11).Draw(t, "api"), Principal: fmt.Sprintf("arn:aws:iam::1:role/p%d", p), Name: fmt.Sprintf("role/p%d", p),
			Account: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "account"),
			Session: rapid.SampledFrom([]string{"", "s1", "s2"}).Draw(t, "session"),
			Key:     rapid.SampledFrom([]string{"k1", "k2", "k3"}).Draw(t, "key"),
			Address: rapid.SampledFrom([]string{"198.51.100.7", "203.0.113.9"}).Draw(t, "address"),
			Agent:   rapid.SampledFrom([]string{"boto3", "aws-cli"}).Draw(t, "agent"),
			Outcome: rapid.SampledFrom([]event.Outcome{event.OK, event.OK, event.Denied, event.Throttled}).Draw(t, "outcome"),
			Target:  rapid.SampledFrom([]string{"a", "b"}).Draw(t, "target"), Region: rapid.SampledFrom([]string{"eu-west-1", "us-east-1"}).Draw(t, "region"),
			Kind: event.AWSRole,
			ID:   fmt.Sprintf("id-%d", i),
		}
		if rapid.IntRange(0, 30).Draw(t, "grant") == 0 {
			a.GrantKey = rapid.SampledFrom([]string{"k2", "k3"}).Draw(t, "granted")
		}
		acts[i] = a
	}
	return acts
}

// TestStatement23_OrderChangesNothing: any permutation, any split over files,
// 1 or 8 workers, duplicated input, small memory: the same findings.
func TestStatement23_OrderChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		acts := genActs(rt)
		want, _ := evaluate(t, acts, 1, Options{})
		rng := rand.New(rand.NewSource(int64(rapid.Uint32().Draw(rt, "seed"))))
		other := append([]act(nil), acts...)
		if rapid.Bool().Draw(rt, "duplicated") {
			other = append(other, acts...)
		}
		rng.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
		for i := range other {
			other[i].file, other[i].rec = uint32(rng.Intn(5)), uint32(rng.Intn(1000))
		}
		opts := Options{Workers: rapid.SampledFrom([]int{1, 8}).Draw(rt, "workers")}
		if rapid.Bool().Draw(rt, "small") {
			opts.Memory = 1
		}
		got, stats := evaluate(t, other, rapid.SampledFrom([]int{1, 3, 8}).Draw(rt, "collectors"), opts)
		if d := cmp.Diff(withoutAt(want), withoutAt(got)); d != "" {
			rt.Fatalf("findings differ (-in order +shuffled):\n%s", d)
		}
		if n := len(other) - len(acts); stats.Duplicates != n {
			rt.Fatalf("%d duplicates counted, want %d", stats.Duplicates, n)
		}
	})
}

// brute is the definition, spelled out: for every scoring event the window
// [t, t+w) of its group; a finding's events are those in a firing window.
func brute(acts []act, w time.Duration, counts func(act) bool, fires func(plan.Figures) bool) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for _, anchor := range acts {
		if anchor.GrantKey != "" || !counts(anchor) {
			continue
		}
		var in []act
		apis, targets := map[int]bool{}, map[string]bool{}
		answered, waiting := map[string]int{}, map[string]bool{}
		for _, a := range acts {
			if a.GrantKey == "" && counts(a) && a.Principal == anchor.Principal && a.Account == anchor.Account && a.At >= anchor.At && a.At < anchor.At+w {
				in = append(in, a)
				apis[a.API] = true
				k := fmt.Sprint(a.API, " ", a.Target)
				targets[k] = true
				if a.Outcome == event.Throttled {
					waiting[k] = true
				} else {
					answered[k]++
				}
			}
		}
		events := 0
		for _, n := range answered {
			events += n
		}
		for k := range waiting {
			if answered[k] == 0 {
				events++
			}
		}
		if !fires(plan.Figures{Events: events, DistinctAPIs: len(apis), DistinctTargets: len(targets)}) {
			continue
		}
		g := anchor.Principal + " " + anchor.Account
		if out[g] == nil {
			out[g] = map[string]bool{}
		}
		for _, a := range in {
			out[g][a.ID] = true
		}
	}
	return out
}

func TestWindowsAgainstTheDefinition(t *testing.T) {
	burst := func(f plan.Figures) bool { return f.Events >= 10 || f.DistinctAPIs >= 5 }
	againstTheDefinition(t, t1580(), func(act) bool { return true }, burst)
}

func TestTargetsAgainstTheDefinition(t *testing.T) {
	p := t1580()
	p.Windows[0].Trigger = plan.Condition{{DistinctTargets: 6}, {DistinctAPIs: 4, DistinctTargets: 5}}
	againstTheDefinition(t, p, func(act) bool { return true }, func(f plan.Figures) bool {
		return f.DistinctTargets >= 6 || f.DistinctAPIs >= 4 && f.DistinctTargets >= 5
	})
}

func TestOutcomesAgainstTheDefinition(t *testing.T) {
	p := t1580()
	p.Windows[0].Select.Outcomes = []event.Outcome{event.Denied}
	p.Windows[0].Trigger = plan.Condition{{Events: 2}}
	denied := func(a act) bool { return a.Outcome == event.Denied }
	againstTheDefinition(t, p, denied, func(f plan.Figures) bool { return f.Events >= 2 })
}

func againstTheDefinition(t *testing.T, p *plan.Plan, counts func(act) bool, fires func(plan.Figures) bool) {
	rapid.Check(t, func(rt *rapid.T) {
		acts := genActs(rt)
		found, _ := evaluate(t, acts, 2, Options{Evidence: -1, Plans: []*plan.Plan{p}})
		got := map[string]map[string]bool{}
		for _, f := range found {
			if f.Scope != "account" {
				continue
			}
			g := f.Actor.ID + " " + f.Cloud.Account.ID
			if got[g] == nil {
				got[g] = map[string]bool{}
			}
			for _, e := range f.Evidence {
				if got[g][e.EventID] {
					rt.Fatalf("event %s is in two findings", e.EventID)
				}
				got[g][e.EventID] = true
			}
			if f.Events+f.ThrottledRetries != f.EvidenceTotal {
				rt.Fatalf("%d events + %d retries, %d pieces of evidence", f.Events, f.ThrottledRetries, f.EvidenceTotal)
			}
		}
		if want := brute(acts, 15*time.Minute, counts, fires); !reflect.DeepEqual(got, want) {
			rt.Fatalf("events in findings differ: %s", cmp.Diff(want, got))
		}
	})
}

func burst(n int, apis int, principal, account string, at time.Duration, step time.Duration) []act {
	acts := make([]act, n)
	for i := range acts {
		acts[i] = act{At: at + time.Duration(i)*step, API: i % apis, Principal: principal, Account: account, Kind: event.AWSUser,
			ID: fmt.Sprintf("%s/%s/%d/%d", principal, account, at, i), Address: "198.51.100.1", Agent: "boto3", Key: "AKIA1"}
	}
	return acts
}

// TestStatement24_EveryPhase: ten calls over ten minutes are found wherever a
// bin edge falls between them, second by second.
func TestStatement24_EveryPhase(t *testing.T) {
	missedByBins := 0
	for phase := range 900 {
		acts := burst(10, 1, "u", "1", time.Duration(phase)*time.Second, time.Minute)
		if found, _ := evaluate(t, acts, 1, Options{}); len(found) != 1 || found[0].Events != 10 {
			t.Fatalf("phase %d: %d findings", phase, len(found))
		}
		bins := t1580()
		bins.Windows[0].Kind = plan.Tumbling
		if found, _ := evaluate(t, acts, 1, Options{Plans: []*plan.Plan{bins}}); len(found) == 0 {
			missedByBins++
		}
	}
	if missedByBins == 0 {
		t.Error("fixed bins miss none of the phases: the test does not test")
	}
}

// TestStatement14_FiftyAccounts: five calls of one API in each of fifty
// accounts are found at the level of the name, and of the origin.
func TestStatement14_FiftyAccounts(t *testing.T) {
	for _, linked := range []bool{false, true} {
		var acts []act
		for i := range 50 {
			account := fmt.Sprintf("%012d", i)
			b := burst(5, 1, "arn:aws:iam::"+account+":role/OrgAudit", account, time.Duration(i)*time.Second, 2*time.Second)
			for j := range b {
				b[j].Kind, b[j].Name = event.AWSRole, "role/OrgAudit"
				if linked {
					b[j].Principal = fmt.Sprintf("arn:aws:iam::%s:role/Differs%d", account, i)
					b[j].Name = fmt.Sprintf("role/Differs%d", i)
					b[j].Key = fmt.Sprintf("ASIA%d", i)
				}
			}
			if linked {
				acts = append(acts, act{Principal: "arn:aws:iam::9:user/eve", Name: "user/eve", Account: "9", Kind: event.AWSUser,
					GrantKey: fmt.Sprintf("ASIA%d", i), ID: fmt.Sprintf("grant%d", i), Key: "AKIAEVE"})
			}
			acts = append(acts, b...)
		}
		found, _ := evaluate(t, acts, 3, Options{})
		if len(found) != 1 {
			t.Fatalf("linked %v: %d findings, want 1", linked, len(found))
		}
		f := found[0]
		want := "role/OrgAudit"
		if linked {
			want = "arn:aws:iam::9:user/eve"
		}
		if f.Scope != "origin" || f.Actor.ID != want || f.Events != 250 || len(f.Accounts) != 50 || f.Campaign == "" {
			t.Errorf("linked %v: scope %s, actor %s, %d events, %d accounts, campaign %q", linked, f.Scope, f.Actor.ID, f.Events, len(f.Accounts), f.Campaign)
		}
	}
}

// TestCampaign: where an account shows the burst by itself there is no second
// finding, but both accounts' findings share a campaign.
func TestCampaign(t *testing.T) {
	var acts []act
	for i, account := range []string{"1", "2"} {
		b := burst(12, 2, "arn:aws:iam::"+account+":role/R", account, time.Duration(i)*time.Minute, time.Second)
		for j := range b {
			b[j].Name = "role/R"
		}
		acts = append(acts, b...)
	}
	found, _ := evaluate(t, acts, 1, Options{})
	if len(found) != 2 || found[0].Scope != "account" || found[1].Scope != "account" {
		t.Fatalf("%d findings", len(found))
	}
	if found[0].Campaign == "" || found[0].Campaign != found[1].Campaign {
		t.Errorf("campaigns %q and %q", found[0].Campaign, found[1].Campaign)
	}
}

// TestQuietPeriodAndCut: bursts closer than the quiet period are one finding;
// one that goes on is cut after a day and the parts are linked.
func TestQuietPeriodAndCut(t *testing.T) {
	near := append(burst(10, 1, "u", "1", 0, time.Second), burst(10, 1, "u", "1", 30*time.Minute, time.Second)...)
	if found, _ := evaluate(t, near, 1, Options{}); len(found) != 1 || found[0].Events != 20 {
		t.Errorf("29:51 apart: %d findings", len(found))
	}
	far := append(burst(10, 1, "u", "1", 0, time.Second), burst(10, 1, "u", "1", 30*time.Minute+9*time.Second, time.Second)...)
	if found, _ := evaluate(t, far, 1, Options{}); len(found) != 2 {
		t.Errorf("30:00 apart: %d findings", len(found))
	}
	long := burst(50*60*4, 3, "u", "1", 0, 15*time.Second) // 50 hours
	found, _ := evaluate(t, long, 1, Options{})
	if len(found) != 3 {
		t.Fatalf("50 hours: %d findings, want 3", len(found))
	}
	total, linked := 0, 0
	ids := map[string]bool{}
	for _, f := range found {
		total += f.Events
		ids[f.ID] = true
	}
	for _, f := range found {
		if f.Continues != "" && ids[f.Continues] {
			linked++
		}
	}
	if total != len(long) || linked != 2 || len(ids) != 3 {
		t.Errorf("%d of %d events, %d linked, %d ids", total, len(long), linked, len(ids))
	}
}

// TestForeignSlice: 30 calls of a thief inside 900 of the owner, and inside
// those of 400 sessions of a role, stand apart with figures of their own.
func TestForeignSlice(t *testing.T) {
	owner := burst(900, 5, "u", "1", 0, time.Second)
	for i := range owner {
		owner[i].Agent = "console"
		owner[i].Key = fmt.Sprintf("ASIA%03d", i%100)
	}
	thief := burst(30, 10, "u", "1", 5*time.Minute+500*time.Millisecond, time.Second)
	for i := range thief {
		thief[i].Address, thief[i].Agent, thief[i].Outcome, thief[i].API = "203.0.113.50", "boto3", event.Denied, 20+i%10
	}
	check := func(acts []act, name string) {
		t.Helper()
		found, _ := evaluate(t, acts, 2, Options{})
		if len(found) != 1 {
			t.Fatalf("%d findings", len(found))
		}
		for _, s := range found[0].Slices {
			if s.Cut == "network" && s.Name == name {
				if !s.Fires || s.Events != 30 || s.DistinctAPIs != 10 || s.Outcomes.Denied != 30 || s.RiskScore != 70 {
					t.Errorf("slice %+v", s)
				}
				return
			}
		}
		t.Errorf("no slice %q in %+v", name, found[0].Slices)
	}
	check(append(owner, thief...), "203.0.113.0/24 boto3")

	var role []act
	for s := range 400 {
		b := burst(20, 4, "arn:aws:iam::1:role/R", "1", time.Duration(s)*time.Second, 20*time.Second)
		for i := range b {
			b[i].Session = fmt.Sprintf("arn:aws:sts::1:assumed-role/R/i-%04d", s)
			b[i].Key, b[i].ID = fmt.Sprintf("ASIAI%04d", s), fmt.Sprintf("%d/%d", s, i)
		}
		role = append(role, b...)
	}
	stolen := burst(30, 10, "arn:aws:iam::1:role/R", "1", 5*time.Minute, time.Second)
	for i := range stolen {
		stolen[i].Session, stolen[i].Key = role[0].Session, role[0].Key
		stolen[i].Address, stolen[i].Agent, stolen[i].Outcome, stolen[i].API = "203.0.113.50", "boto3", event.Denied, 20+i%10
		stolen[i].ID = fmt.Sprintf("stolen%d", i)
	}
	check(append(role, stolen...), "203.0.113.0/24 boto3")
}

// TestStatement20_SharedEvent: copies of one act in two accounts are one act
// in two locations, and the copy that knows its caller is kept.
func TestStatement20_SharedEvent(t *testing.T) {
	acts := burst(10, 1, "arn:aws:iam::1:user/u", "1", 0, time.Second)
	for i := range acts {
		acts[i].Shared = fmt.Sprintf("shared%d", i)
	}
	copies := append([]act(nil), acts...)
	for i := range copies {
		copies[i].ID += "copy"
		copies[i].Kind, copies[i].Principal, copies[i].Account = event.AWSAccount, "account:1", "2"
	}
	found, stats := evaluate(t, append(copies, acts...), 2, Options{})
	if len(found) != 1 || found[0].Events != 10 || stats.Duplicates != 10 {
		t.Fatalf("%d findings, %d duplicates", len(found), stats.Duplicates)
	}
	if f := found[0]; f.Actor.ID != "arn:aws:iam::1:user/u" || len(f.Accounts) != 2 {
		t.Errorf("actor %s, accounts %v", f.Actor.ID, f.Accounts)
	}
}

// TestStatement29_ThrottledRetries and pages: many events, one API.
func TestStatement29_Pages(t *testing.T) {
	acts := burst(500, 1, "u", "1", 0, time.Second)
	found, _ := evaluate(t, acts, 1, Options{})
	if len(found) != 1 || found[0].DistinctAPIs != 1 || found[0].Events != 500 || found[0].RiskScore != 50 {
		t.Errorf("pages of one list: %+v", found[0].Peak)
	}
	for i := range acts {
		acts[i].Outcome, acts[i].Target = event.Throttled, "one"
	}
	if found, _ := evaluate(t, acts, 1, Options{}); len(found) != 0 {
		t.Errorf("500 throttled tries of one request fire: %d events", found[0].Events)
	}
}

// TestStatement11_SessionsFold and TestStatement12: a role with a hundred
// sessions, a user with a hundred and nine keys, are one principal each.
func TestStatement11and12_OnePrincipal(t *testing.T) {
	var acts []act
	for i := range 100 {
		a := burst(1, 1, "arn:aws:iam::1:role/R", "1", time.Duration(i)*time.Second, 0)[0]
		a.Kind, a.Session, a.Key, a.ID = event.AWSRole, fmt.Sprintf("arn:aws:sts::1:assumed-role/R/random-%d", i), fmt.Sprintf("ASIA%d", i), fmt.Sprint(i)
		acts = append(acts, a)
	}
	for i := range 109 {
		a := burst(1, 1, "arn:aws:iam::1:user/u", "1", time.Duration(i)*time.Second, 0)[0]
		a.Key, a.ID = fmt.Sprintf("ASIAU%d", i), fmt.Sprint("u", i)
		acts = append(acts, a)
	}
	found, _ := evaluate(t, acts, 4, Options{})
	if len(found) != 2 {
		t.Fatalf("%d findings, want 2", len(found))
	}
	for _, f := range found {
		if f.Actor.Kind == "iam_role" && (f.SessionsTotal != 100 || f.Events != 100) || f.Actor.Kind == "iam_user" && (f.KeysTotal != 109 || f.Events != 109) {
			t.Errorf("%s: %d sessions, %d keys, %d events", f.Actor.ID, f.SessionsTotal, f.KeysTotal, f.Events)
		}
	}
	if found, _ := evaluate(t, acts, 4, Options{BySession: true}); len(found) != 0 {
		t.Errorf("by session: %d findings, want none", len(found))
	}
}

// TestStatement15_Chain: the session is linked to whoever assumed it, and
// stays a finding of its own.
func TestStatement15_Chain(t *testing.T) {
	acts := burst(12, 1, "arn:aws:iam::1:role/victim", "1", 0, time.Second)
	for i := range acts {
		acts[i].Kind, acts[i].Key = event.AWSRole, "ASIA2"
	}
	acts = append(acts,
		act{Principal: "arn:aws:iam::1:user/eve", Account: "1", Kind: event.AWSUser, Key: "AKIA1", GrantKey: "ASIA1", ID: "g1"},
		act{Principal: "arn:aws:iam::1:role/step", Account: "1", Kind: event.AWSRole, Key: "ASIA1", GrantKey: "ASIA2", ID: "g2"})
	found, _ := evaluate(t, acts, 2, Options{})
	if len(found) != 1 {
		t.Fatalf("%d findings", len(found))
	}
	f := found[0]
	if f.Actor.ID != "arn:aws:iam::1:role/victim" || f.Origin == nil || f.Origin.ID != "arn:aws:iam::1:user/eve" || len(f.Chain) != 2 {
		t.Fatalf("actor %s, origin %+v, chain %+v", f.Actor.ID, f.Origin, f.Chain)
	}
	if a, b := f.Chain[0], f.Chain[1]; a.EventID != "g1" && b.EventID != "g1" || a.Via != "AssumeRole" {
		t.Errorf("chain %+v", f.Chain)
	}
	keys := map[string]string{}
	for _, l := range f.Chain {
		keys[l.FromKey] = l.Key
	}
	if keys["AKIA1"] != "ASIA1" || keys["ASIA1"] != "ASIA2" {
		t.Errorf("which key led to which: %v", keys)
	}
}

// TestStatement15_LinksInTime: a credential is not used before it is handed
// out, nor a session after the longest time that it can live. Of several grants of one
// session the last before the burst is the link, else the first within it.
func TestStatement15_LinksInTime(t *testing.T) {
	const start = 100 * time.Hour
	const end = start + 11*time.Second // of the burst
	for _, c := range []struct {
		name   string
		grants []time.Duration
		want   time.Duration // of the link; -1: none
	}{
		{"before", []time.Duration{start - time.Minute}, start - time.Minute},
		{"at once", []time.Duration{start}, start},
		{"with the last call", []time.Duration{end}, end},
		{"after the last call", []time.Duration{end + time.Second}, -1},
		{"at the longest", []time.Duration{start - 36*time.Hour}, start - 36*time.Hour},
		{"too long before", []time.Duration{start - 36*time.Hour - time.Second}, -1},
		{"too long before, and after", []time.Duration{start - 40*time.Hour, end + time.Hour}, -1},
		{"the last before", []time.Duration{start - 50*time.Hour, start - 2*time.Hour, start - time.Hour, start + time.Second}, start - time.Hour},
		{"the first within", []time.Duration{start - 50*time.Hour, start + 2*time.Second, start + 3*time.Second}, start + 2*time.Second},
	} {
		for _, by := range []string{"key", "session"} {
			acts := burst(12, 1, "arn:aws:iam::1:role/r", "1", start, time.Second)
			for i := range acts {
				acts[i].Kind, acts[i].Key, acts[i].Session = event.AWSRole, "", "arn:aws:sts::1:assumed-role/r/s"
				if by == "key" {
					acts[i].Key, acts[i].Session = "ASIA1", ""
				}
			}
			// Calls long before and after, which the finding is not made of.
			for _, at := range []time.Duration{start - 90*time.Hour, end + 90*time.Hour} {
				far := acts[0]
				far.At, far.ID = at, fmt.Sprintf("far %d", at)
				acts = append(acts, far)
			}
			for _, at := range c.grants {
				g := act{At: at, Principal: "arn:aws:iam::1:user/eve", Account: "1", Kind: event.AWSUser, Key: "AKIA1", GrantKey: "ASIA1", ID: fmt.Sprintf("grant %d", at)}
				if by == "session" {
					g.GrantKey, g.GrantSession = "ASIA9", acts[0].Session
				}
				acts = append(acts, g)
			}
			want := c.want
			for _, at := range c.grants {
				if by == "key" && at <= start {
					want = at // the id is of one credential, however old
				}
			}
			found, _ := evaluate(t, acts, 2, Options{})
			if len(found) != 1 {
				t.Fatalf("%s by %s: %d findings", c.name, by, len(found))
			}
			f := &found[0]
			switch {
			case want < 0:
				if f.Origin != nil || len(f.Chain) > 0 {
					t.Errorf("%s by %s: origin %+v, chain %+v; want none", c.name, by, f.Origin, f.Chain)
				}
			case f.Origin == nil || len(f.Chain) != 1 || f.Chain[0].EventID != fmt.Sprintf("grant %d", want):
				t.Errorf("%s by %s: origin %+v, chain %+v", c.name, by, f.Origin, f.Chain)
			}
		}
	}
}
