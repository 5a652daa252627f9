package investigate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vedette/internal/finding"
)

// theft is a chain over all that hands out a credential: ada signs in to the
// console and makes a key for bob; who has the key opens a session of build,
// and that one of deploy, which enumerates.
func theft() []object {
	build, deploy := role("build", "s", "ASIABUILD"), role("deploy", "s", "ASIADEPLOY")
	records := []object{
		aws(1, -300, user("ada", ""), "signin", "ConsoleLogin", object{"eventType": "AwsConsoleSignIn", "sourceIPAddress": "198.51.100.9", "responseElements": object{"ConsoleLogin": "Success"}}),
		aws(2, -290, user("ada", "ASIACONSOLE"), "iam", "CreateAccessKey", object{"requestParameters": object{"userName": "bob"}, "responseElements": object{"accessKey": object{"accessKeyId": "AKIABOB"}}}),
		aws(3, -10, user("bob", "AKIABOB"), "sts", "AssumeRole", assumed("build", "s", "ASIABUILD")),
		aws(4, -5, build, "sts", "AssumeRole", assumed("deploy", "s", "ASIADEPLOY")),
	}
	for i := range 12 {
		records = append(records, aws(10+i, float64(i)/10, deploy, "ec2", fmt.Sprintf("Describe%c", 'A'+i), nil))
	}
	return records
}

const deployUID = "arn:aws:iam::111122223333:role/deploy"

func TestChainToTheBeginning(t *testing.T) {
	w := run(t, burst(options(t, deployUID, 2, write(t, 3, theft()...)), 0, 5))
	if len(w.Facts.Lineage.Ways) != 1 {
		t.Fatalf("ways %+v", w.Facts.Lineage.Ways)
	}
	way := w.Facts.Lineage.Ways[0]
	want := []struct{ from, via, key, id string }{
		{"user/ada", "CreateAccessKey", "AKIABOB", uuid(2)},
		{"user/bob", "AssumeRole", "ASIABUILD", uuid(3)},
		{"role/build", "AssumeRole", "ASIADEPLOY", uuid(4)},
	}
	if len(way.Chain) != len(want) {
		t.Fatalf("chain %+v", way.Chain)
	}
	for i, l := range way.Chain {
		if shortName(l.From) != want[i].from || l.Via != want[i].via || l.Key != want[i].key || l.EventID != want[i].id || l.At.Record == 0 {
			t.Errorf("link %d: %+v, want %+v", i, l, want[i])
		}
	}
	if r := way.Root; shortName(r.Principal) != "user/ada" || r.By != "console_sign_in" || r.SignIn == nil || r.SignIn.EventID != uuid(1) || r.SignIn.IP != "198.51.100.9" {
		t.Errorf("root %+v", r)
	}
	if way.Calls != 12 || len(w.Facts.Lineage.Evidence) != 4 {
		t.Errorf("%d calls, evidence %+v", way.Calls, w.Facts.Lineage.Evidence)
	}
	says(t, w, "who", "goes back 3 steps to user/ada, who began by signing in to the console at 2026-03-17 07:00:00 from 198.51.100.9")
	says(t, w, "who", "(event "+uuid(2)+")")
}

// TestRoots: what each kind of caller is said to have held.
func TestRoots(t *testing.T) {
	instance := role("web", "i-0abc", "ASIAWEB")
	instance["sessionContext"].(object)["ec2RoleDelivery"] = "2.0"
	for name, c := range map[string]struct {
		who          object
		uid, by, id  string
		before       []object
		chain, calls int
	}{
		"long-lived key": {who: user("ada", "AKIAADA"), uid: "user/ada", by: "long_lived_key", id: "AKIAADA"},
		"temporary key":  {who: user("ada", "ASIAADA"), uid: "user/ada", by: "temporary_key", id: "ASIAADA"},
		"session token": {who: user("ada", "ASIAADA"), uid: "user/ada", by: "long_lived_key", id: "AKIAADA", chain: 1, before: []object{
			aws(90, -20, user("ada", "AKIAADA"), "sts", "GetSessionToken", object{"responseElements": object{"credentials": object{"accessKeyId": "ASIAADA"}}})}},
		"instance": {who: instance, uid: "role/web", by: "instance", id: "i-0abc"},
		"instance by its service": {who: instance, uid: "role/web", by: "instance", id: "i-0abc", chain: 1, before: []object{
			aws(90, -1, object{"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}, "sts", "AssumeRole", assumed("web", "i-0abc", "ASIAWEB"))}},
		"web identity": {who: role("ci", "run", "ASIACI"), uid: "role/ci", by: "nothing_logged", chain: 1, before: []object{
			aws(90, -1, object{"type": "WebIdentityUser", "principalId": "x:sts:repo", "userName": "repo:shop/app", "identityProvider": "arn:aws:iam::111122223333:oidc-provider/ci.example"},
				"sts", "AssumeRoleWithWebIdentity", assumed("ci", "run", "ASIACI"))}},
		// The name of a session says nothing once two have taken it.
		"shared name": {who: role("ops", "admin", ""), uid: "role/ops", by: "nothing_logged", before: []object{
			aws(90, -3, user("ada", "AKIAADA"), "sts", "AssumeRole", assumed("ops", "admin", "ASIA1")),
			aws(91, -2, user("bob", "AKIABOB"), "sts", "AssumeRole", assumed("ops", "admin", "ASIA2"))}},
		"name of one": {who: role("ops", "admin", ""), uid: "role/ops", by: "long_lived_key", id: "AKIAADA", chain: 1, before: []object{
			aws(90, -3, user("ada", "AKIAADA"), "sts", "AssumeRole", assumed("ops", "admin", "ASIA1"))}},
		// A name may be taken again: what was handed out two days before is over.
		"name of old": {who: role("ops", "admin", ""), uid: "role/ops", by: "nothing_logged", before: []object{
			aws(90, -2880, user("ada", "AKIAADA"), "sts", "AssumeRole", assumed("ops", "admin", "ASIA1"))}},
		"key of old": {who: role("ops", "admin", "ASIA1"), uid: "role/ops", by: "long_lived_key", id: "AKIAADA", chain: 1, before: []object{
			aws(90, -2880, user("ada", "AKIAADA"), "sts", "AssumeRole", assumed("ops", "admin", "ASIA1"))}},
	} {
		t.Run(name, func(t *testing.T) {
			records := append([]object{aws(1, 0, c.who, "ec2", "DescribeInstances", nil), aws(2, 1, c.who, "ec2", "DescribeVpcs", nil)}, c.before...)
			w := run(t, burst(options(t, "arn:aws:iam::111122223333:"+c.uid, 1, write(t, 10, records...)), 0, 5))
			way := w.Facts.Lineage.Ways[0]
			if way.Root.By != c.by || c.id != "" && way.Root.ID != c.id || len(way.Chain) != c.chain || way.Calls != 2 {
				t.Errorf("way %+v", way)
			}
		})
	}
}

// TestLinksInACircle: credentials that hand out one another end somewhere.
func TestLinksInACircle(t *testing.T) {
	a, b := role("a", "s", "ASIAA"), role("b", "s", "ASIAB")
	w := run(t, options(t, "arn:aws:iam::111122223333:role/a", 1, write(t, 10,
		aws(1, 0, a, "sts", "AssumeRole", assumed("b", "s", "ASIAB")), aws(2, 0, b, "sts", "AssumeRole", assumed("a", "s", "ASIAA")))))
	way := w.Facts.Lineage.Ways[0]
	if n := len(way.Chain); n != 2 || way.Root.By != "chain_circle" {
		t.Errorf("%d links, root %+v", n, way.Root)
	}
	says(t, w, "who", "in a session whose steps back, 2 of one time, lead to one another: who began it is not shown")
}

// juggled is a user who takes a role, which takes another, and so on for n
// steps every 50 minutes, the last of which enumerates at the time 0.
func juggled(n int) []object {
	name := func(i int) string { return string(rune('a' + i%2)) }
	key := func(i int) string { return fmt.Sprintf("ASIA%04d", i) }
	var records []object
	who := user("ada", "AKIAADA")
	for i := range n {
		records = append(records, aws(1000+i, float64((i-n)*50), who, "sts", "AssumeRole", assumed(name(i), fmt.Sprint("s", i), key(i))))
		who = role(name(i), fmt.Sprint("s", i), key(i))
	}
	for i := range 12 {
		records = append(records, aws(10+i, float64(i)/10, who, "ec2", fmt.Sprintf("Describe%c", 'A'+i), nil))
	}
	return records
}

// TestLongChain: a chain of more than a day of sessions that follow one another
// is followed to its beginning and told by its ends; one that is longer than is
// followed says so.
func TestLongChain(t *testing.T) {
	for _, n := range []int{8, 17, 30, finding.MaxChain, finding.MaxChain + 1, 3000} {
		uid := "arn:aws:iam::111122223333:role/" + string(rune('a'+(n-1)%2))
		w := run(t, burst(options(t, uid, 2, write(t, 1000, juggled(n)...)), 0, 5))
		l := &w.Facts.Lineage
		way := l.Ways[0]
		if len(way.Chain) != min(n, finding.MaxChain) || way.Chain[len(way.Chain)-1].EventID != uuid(1000+n-1) {
			t.Fatalf("%d steps: %d in the chain", n, len(way.Chain))
		}
		told := 0
		var rows []string
		for _, r := range l.tables()[0].Rows {
			if r[0] == "way 1" || strings.HasPrefix(r[0], "way 1,") {
				rows = append(rows, strings.Join(r, ": "))
				if strings.Contains(r[1], "called AssumeRole") {
					told++
				}
			}
		}
		text := strings.Join(rows, "\n")
		if n == 8 {
			if told != 8 {
				t.Errorf("a short chain:\n%s", text)
			}
		} else if told != 6 || !strings.Contains(text, fmt.Sprintf("%d more steps between, by role/", len(way.Chain)-6)) {
			t.Errorf("%d steps:\n%s", n, text)
		}
		if n <= finding.MaxChain {
			if way.Root.By != "long_lived_key" || way.Root.ID != "AKIAADA" {
				t.Errorf("%d steps: root %+v", n, way.Root)
			}
			says(t, w, "who", fmt.Sprintf("goes back %d steps to user/ada, who began with the long-lived access key AKIAADA", n))
			continue
		}
		if way.Root.By != "chain_cut" || way.Root.Principal != way.Chain[0].From || way.Root.ID != way.Chain[0].FromKey {
			t.Errorf("%d steps: root %+v", n, way.Root)
		}
		says(t, w, "who", "in a session whose chain is longer than 256 steps; it goes on before role/")
		if !strings.Contains(text, "the chain is longer than 256 steps; it goes on before role/") {
			t.Errorf("%d steps:\n%s", n, text)
		}
	}
}

// TestAnyOrder: the walk depends on the records alone, wherever they lie; and
// with the same files, on where they lie and on nothing else.
func TestAnyOrder(t *testing.T) {
	records := append(theft(), busy()...)
	want := bytesOf(t, run(t, burst(options(t, deployUID, 1, write(t, 1000, records...)), 0, 5)), true)
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 1))
		shuffled := slices.Clone(records)
		for range r.IntN(6) {
			shuffled = append(shuffled, records[r.IntN(len(records))])
		}
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		dir := write(t, 1+r.IntN(40), shuffled...)
		if got := bytesOf(t, run(t, burst(options(t, deployUID, 1+r.IntN(4), dir), 0, 5)), true); got != want {
			t.Fatalf("seed %d: another walk:\n%s\nwant\n%s", seed, got, want)
		}
		one := bytesOf(t, run(t, burst(options(t, deployUID, 1, dir), 0, 5)), false)
		if got := bytesOf(t, run(t, burst(options(t, deployUID, 4, dir), 0, 5)), false); got != one {
			t.Fatalf("seed %d: the number of workers shows", seed)
		}
	}
}

// TestBounded: what does not fit is the furthest, whatever the order, and is
// told of.
func TestBounded(t *testing.T) {
	defer func(n int) { maxKept = n }(maxKept)
	maxKept = 13
	records := append(theft(), busy()...)
	want := ""
	for _, per := range []int{1, 3, 7, 1000} {
		w := run(t, burst(options(t, deployUID, 3, write(t, per, records...)), 0, 1.15))
		if w.Facts.Activity.During.Calls != 12 || len(w.Notes) == 0 {
			t.Errorf("%d calls of the time in question, notes %q", w.Facts.Activity.During.Calls, w.Notes)
		}
		got := bytesOf(t, w, true)
		if want != "" && got != want {
			t.Errorf("with %d records a file it is another walk", per)
		}
		want = got
	}
}
