package exception

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vedette/internal/event"
	"vedette/internal/finding"
)

const whole = `# Who put this here?
exceptions:
  - id: inspector
    principal: arn:aws:iam::111122223333:role/ci-*
    cloud: aws
    account: ["111122223333", 444455556666]
    client: [boto3, aws-sdk-*, "-"]
    source:
      - 203.0.113.0/24
      - 2001:db8:5ca::/48
      - AS64500
      - vpce-0123456789abcdef0
      - //compute.googleapis.com/projects/shop/global/networks/prod
    operations:
      ec2.amazonaws.com: [Describe*, GetConsoleOutput]
      iam.amazonaws.com: ListRoles
    services: [s3.amazonaws.com]
    refused:
      requests: 3
      operations: {iam.amazonaws.com: [ListRoles]}
    reason: "Inventory, see ticket 17"
    owner: Platform team
    created: 2024-05-06
    expires: 2024-06-05T12:00:00+02:00
`

func TestParse(t *testing.T) {
	list, err := Parse("x.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := &Rule{
		ID: "inspector", Principal: "arn:aws:iam::111122223333:role/ci-*", Cloud: "aws", Accounts: []string{"111122223333", "444455556666"},
		Clients: []string{"boto3", "aws-sdk-*", "-"},
		Sources: []Source{{Network: netip.MustParsePrefix("203.0.113.0/24")}, {Network: netip.MustParsePrefix("2001:db8:5ca::/48")},
			{ASN: "AS64500"}, {Endpoint: "vpce-0123456789abcdef0"}, {Endpoint: "//compute.googleapis.com/projects/shop/global/networks/prod"}},
		Covers:   Operations{{"ec2.amazonaws.com", []string{"Describe*", "GetConsoleOutput"}}, {"iam.amazonaws.com", []string{"ListRoles"}}},
		Services: []string{"s3.amazonaws.com"},
		Refused:  Refused{3, Operations{{"iam.amazonaws.com", []string{"ListRoles"}}}},
		Reason:   "Inventory, see ticket 17", Owner: "Platform team",
		Created: time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC), Expires: time.Date(2024, 6, 5, 10, 0, 0, 0, time.UTC),
	}
	if diff := cmp.Diff([]*Rule{want}, list.Rules(), sameRule); diff != "" {
		t.Error(diff)
	}
	if got := list.NeedsASN(); !cmp.Equal(got, []string{"inspector"}) {
		t.Errorf("these need an autonomous system: %v", got)
	}
	for _, text := range []string{"exceptions:\n", "exceptions: []\n"} {
		if list, err := Parse("x.yaml", []byte(text)); err != nil || len(list.Rules()) != 0 {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The files that docs/exceptions.md shows can be read, and it tells of every
// key.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/exceptions.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(page), "\r\n", "\n")
	blocks := strings.Split(text, "```yaml\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("it shows no file")
	}
	for _, b := range blocks {
		file, _, _ := strings.Cut(b, "```")
		if list, err := Parse("docs/exceptions.md", []byte(file)); err != nil || len(list.Rules()) < 2 {
			t.Errorf("%v\n%s", err, file)
		}
	}
	for _, k := range keys {
		if !strings.Contains(text, "\n| `"+k+"` | ") {
			t.Errorf("it does not tell of %s", k)
		}
	}
}

var sameRule = cmp.Options{cmpopts.IgnoreUnexported(Rule{}), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}

// Every fault is told where it stands.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		old, new string // what is replaced in the file above
		want     string
	}{
		{"principal: arn:aws:iam::111122223333:role/ci-*\n    ", "", `x.yaml:3:5: the exception lacks "principal": it is bound to all three of principal, client and source`},
		{`client: [boto3, aws-sdk-*, "-"]` + "\n    ", "", `x.yaml:3:5: the exception lacks "client": it is bound to all three`},
		{"source:", "sources:", `x.yaml:8:5: an exception has no "sources"; it has id, principal,`},
		{"source:", "sources:", `x.yaml:3:5: the exception lacks "source": it is bound to all three`},
		{"    expires: 2024-06-05T12:00:00+02:00\n", "", `x.yaml:3:5: the exception lacks "expires": it ends`},
		{"    owner: Platform team\n", "", `x.yaml:3:5: the exception lacks "owner": somebody answers for it`},
		{`reason: "Inventory, see ticket 17"`, "reason: ''", `x.yaml:21:13: reason is empty`},
		{`reason: "Inventory, see ticket 17"`, "reason: [a]", `x.yaml:21:13: reason is a text, not a list`},
		{`reason: "Inventory, see ticket 17"`, `reason: "a\nb"`, `x.yaml:21:13: reason is one line of printable text`},
		{`reason: "Inventory, see ticket 17"`, `reason: "a\u202eb"`, `x.yaml:21:13: reason is one line of printable text`},
		{"owner: Platform team", "owner: ~", `x.yaml:22:12: owner is empty`},
		{"role/ci-*", "role/*", `x.yaml:4:16: in a principal * stands for a part of a path segment, never for a whole one`},
		{"arn:aws:iam::111122223333:role/ci-*", `"*"`, `x.yaml:4:16: in a principal * stands for a part`},
		{"111122223333:role", "*:role", `x.yaml:4:16: in a principal * stands for a part`},
		{"cloud: aws", "cloud: AWS", `x.yaml:5:12: cloud "AWS" is none of aws, azure, gcp`},
		{"aws-sdk-*", "'*'", `x.yaml:7:21: "*" would be any client`},
		{"aws-sdk-*", "boto3", `x.yaml:7:21: "boto3" stands here twice`},
		{`[boto3, aws-sdk-*, "-"]`, "[]", `x.yaml:7:13: client is empty`},
		{`[boto3, aws-sdk-*, "-"]`, "{boto3: yes}", `x.yaml:7:13: client is a text, not a mapping`},
		{"203.0.113.0/24", "203.0.113.7/24", `x.yaml:9:9: 203.0.113.7/24 has bits beyond its prefix; is 203.0.113.0/24 meant?`},
		{"203.0.113.0/24", "0.0.0.0/0", `x.yaml:9:9: 0.0.0.0/0 is too wide: at least /8, or /20 for IPv6`},
		{"2001:db8:5ca::/48", "2000::/3", `x.yaml:10:9: 2000::/3 is too wide`},
		{"2001:db8:5ca::/48", "::ffff:203.0.113.0/120", `x.yaml:10:9: write ::ffff:203.0.113.0/120 as an IPv4 network`},
		{"203.0.113.0/24", "10.0.0.0/8", `x.yaml:9:9: 10.0.0.0/8 is private, and everyone has such addresses: name the endpoint`},
		{"203.0.113.0/24", "office", `x.yaml:9:9: "office" is no source`},
		{"AS64500", "AS64x", `x.yaml:11:9: "AS64x" is no source`},
		{"vpce-0123456789abcdef0", "vpce-*", `x.yaml:12:9: an endpoint is named whole`},
		{"AS64500", "203.0.113.0/24", `x.yaml:11:9: "203.0.113.0/24" stands here twice`},
		{"[Describe*, GetConsoleOutput]", "'*'", `x.yaml:15:26: "*" would be every operation: list the service under services`},
		{"iam.amazonaws.com: ListRoles", "iam*: ListRoles", `x.yaml:16:7: a service is named whole: "iam*" has a *`},
		{"iam.amazonaws.com: ListRoles", "ec2.amazonaws.com: ListRoles", `x.yaml:16:7: "ec2.amazonaws.com" stands here twice`},
		{"[s3.amazonaws.com]", "['*']", `x.yaml:17:16: a service is named whole: "*" has a *`},
		{"requests: 3", "requests: many", `x.yaml:19:17: requests is how many distinct requests may be refused, at least 1, not "many"`},
		{"      requests: 3\n", "", `x.yaml:19:7: refused has both requests and operations`},
		{"created: 2024-05-06", "created: last week", `x.yaml:23:14: created: "last week" is no time`},
		{"created: 2024-05-06", "created: 2024-06-06", `x.yaml:24:14: it expires before it is created`},
		{"created: 2024-05-06", "created: 2023-05-06", `x.yaml:24:14: an exception lives for 366 days at most`},
		{"id: inspector", "id: in spector", `x.yaml:3:9: an id has letters`},
		{"owner: Platform team", "owner: &a x", ``},
		{"owner: Platform team", "owner: *a", `x.yaml:22:12: `},
		{"exceptions:", "rules:", `x.yaml:2:1: the file has no "rules"; it has exceptions`},
		{"exceptions:", "exceptions: [", `x.yaml:3:`},
		{whole, "", `x.yaml:1:1: the file is empty`},
		{whole, "\xff", `x.yaml:1:1: the file is not UTF-8`},
		{whole, "- a\n", `x.yaml:1:1: the file is a mapping, not a list`},
		{whole, "{}\n", `x.yaml:1:1: the file lacks exceptions`},
		{whole, "exceptions: 1\n", `x.yaml:1:13: exceptions is a list, not "1"`},
		{whole, "exceptions: [a]\n", `x.yaml:1:14: an exception is a mapping, not "a"`},
		{whole, "# nothing\n", `x.yaml:1:1: the file is empty`},
		{whole, "exceptions: []\n---\nexceptions: []\n", `x.yaml:1:1: the file has a second document`},
		{whole, whole + strings.TrimPrefix(whole[strings.Index(whole, "  - id"):], ""), `x.yaml:25:9: the exception on line 3 has the id "inspector" too`},
	} {
		text := strings.Replace(whole, c.old, c.new, 1)
		if text == whole {
			t.Fatalf("%q is not in the file", c.old)
		}
		_, err := Parse("x.yaml", []byte(text))
		if c.want == "" {
			if err != nil {
				t.Errorf("%q: %v", c.new, err)
			}
			continue
		}
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+c.want) {
			t.Errorf("%q for %q gives\n%v\nwhich has no line that begins with\n%s", c.new, c.old, err, c.want)
		}
	}
	// All at once.
	_, err := Parse("x.yaml", []byte("exceptions:\n  - id: a\n  - id: a\n"))
	if err == nil || len(strings.Split(err.Error(), "\n")) != 17 {
		t.Errorf("two rules that lack eight things each, of one id: %v", err)
	}
}

// facts are those of a finding that the rule of the file above covers whole.
func facts() *finding.Facts {
	api := func(service, name string) *event.API {
		return &event.API{Cloud: event.AWS, Service: service + ".amazonaws.com", Name: name}
	}
	first := time.Date(2024, 5, 7, 9, 0, 0, 0, time.UTC)
	return &finding.Facts{
		Cloud: event.AWS, Kind: event.AWSRole, Principal: "arn:aws:iam::111122223333:role/ci-inventory",
		First: first, Last: first.Add(time.Minute), Events: 40, DeniedTargets: 3,
		Operations: []finding.Operation{
			{API: api("ec2", "DescribeInstances"), Events: 20, OK: 20}, {API: api("ec2", "GetConsoleOutput"), Events: 10, OK: 10},
			{API: api("iam", "ListRoles"), Events: 5, Denied: 5}, {API: api("s3", "ListBuckets"), Events: 5, OK: 5},
		},
		Sources: []finding.Source{
			{Account: "111122223333", Client: "boto3", Address: "203.0.113.7", Network: "203.0.113.0/24"},
			{Account: "444455556666", Client: "aws-sdk-go", Address: "2001:db8:5ca::1", Network: "2001:db8:5ca::/48"},
			{Account: "111122223333", Client: "", Address: "198.51.100.9", Network: "AS64500 Example"},
			{Account: "111122223333", Client: "boto3", Address: "10.0.0.1", Endpoint: "vpce-0123456789abcdef0", Network: "vpce-0123456789abcdef0"},
		},
	}
}

func TestMisses(t *testing.T) {
	list, err := Parse("x.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(f *finding.Facts)
		want   string // misses, joined; "-" where the principal is another
	}{
		{"all of it", func(f *finding.Facts) {}, ""},
		{"another principal", func(f *finding.Facts) { f.Principal = "arn:aws:iam::111122223333:role/xci-inventory" }, "-"},
		{"* stays in its segment", func(f *finding.Facts) { f.Principal = "arn:aws:iam::111122223333:role/ci-a/admin" }, "-"},
		{"case counts", func(f *finding.Facts) { f.Principal = "arn:aws:iam::111122223333:role/CI-inventory" }, "-"},
		{"an account", func(f *finding.Facts) { f.Sources[1].Account = "777788889999" }, "account 777788889999"},
		{"a cloud", func(f *finding.Facts) { f.Cloud = event.GCP }, "cloud gcp"},
		{"clients", func(f *finding.Facts) { f.Sources[0].Client, f.Sources[1].Client = "curl", "aws-cli" }, "clients aws-cli, curl"},
		{"a network", func(f *finding.Facts) { f.Sources[0].Address, f.Sources[0].Network = "192.0.2.1", "192.0.2.0/24" }, "network 192.0.2.0/24"},
		{"mapped into IPv6", func(f *finding.Facts) { f.Sources[0].Address = "::ffff:203.0.113.7" }, ""},
		{"an autonomous system whose number begins alike", func(f *finding.Facts) { f.Sources[2].Network = "AS645001 Example" }, "network AS645001 Example"},
		{"the name of an autonomous system says nothing", func(f *finding.Facts) { f.Sources[2].Network = "AS1 AS64500" }, "network AS1 AS64500"},
		{"another endpoint", func(f *finding.Facts) { f.Sources[3].Endpoint = "vpce-0fffffffffffffff0" }, "network behind vpce-0fffffffffffffff0"},
		{"an address that is right, through somebody's endpoint", func(f *finding.Facts) { f.Sources[0].Endpoint = "vpce-0eeeeeeeeeeeeeee0" }, "network behind vpce-0eeeeeeeeeeeeeee0"},
		{"private, without the endpoint", func(f *finding.Facts) { f.Sources[3].Endpoint, f.Sources[3].Network = "", finding.PrivateNetwork },
			"network 10.0.0.1 (private, without an endpoint)"},
		{"no address", func(f *finding.Facts) { f.Sources[0].Address, f.Sources[0].Network = "", "-" }, "network unknown"},
		{"the name of a service", func(f *finding.Facts) {
			f.Sources[0].Address, f.Sources[0].Network = "config.amazonaws.com", "config.amazonaws.com"
		}, "network config.amazonaws.com"},
		{"an operation", func(f *finding.Facts) { f.Operations[1].API.Name = "GetPasswordData" }, "operation ec2.amazonaws.com GetPasswordData"},
		{"any of a service", func(f *finding.Facts) { f.Operations[3].API.Name = "GetBucketPolicy" }, ""},
		{"a refusal more", func(f *finding.Facts) { f.DeniedTargets = 4 }, "4 requests refused where it covers 3"},
		{"a refusal of something else", func(f *finding.Facts) { f.Operations[3].Denied = 1 }, "refused operation s3.amazonaws.com ListBuckets"},
		{"what followed", func(f *finding.Facts) {
			f.Follow = []finding.FollowOn{{API: &event.API{Cloud: event.AWS, Service: "iam.amazonaws.com", Name: "CreateAccessKey"}, Time: f.Last, Outcome: event.Denied}}
		}, "then iam.amazonaws.com CreateAccessKey at 2024-05-07T09:01:00Z"},
		{"the end", func(f *finding.Facts) { f.Last = time.Date(2024, 6, 5, 10, 0, 0, 0, time.UTC) }, "it expired at 2024-06-05T10:00:00Z"},
		{"a campaign", func(f *finding.Facts) { f.Accounts = 2 }, "a campaign over several accounts"},
		{"from nowhere", func(f *finding.Facts) { f.Sources = nil }, "calls of which it is not known where they came from"},
		{"nobody", func(f *finding.Facts) { f.Kind = event.GCPRedacted }, "a caller of whom the log does not say who it is"},
		{"all in order", func(f *finding.Facts) {
			f.Sources[0].Client, f.Operations[1].API.Name, f.DeniedTargets = "curl", "X", 9
		}, "client curl; operation ec2.amazonaws.com X; 9 requests refused where it covers 3"},
		{"many", func(f *finding.Facts) {
			for i := range 9 {
				f.Operations = append(f.Operations, finding.Operation{API: &event.API{Service: "x", Name: fmt.Sprint(i, strings.Repeat("é", 100))}})
			}
		}, "operations " + strings.Join([]string{long(0), long(1), long(2), long(3), long(4), long(5)}, ", ") + " and 3 more"},
	} {
		f := facts()
		c.change(f)
		v := list.Judge(f)
		got := "-"
		switch {
		case v.Rule != nil:
			got = ""
		case len(v.Partly) > 0:
			got = strings.Join(v.Partly[0].Misses, "; ")
		}
		if got != c.want {
			t.Errorf("%s: %q is not covered, want %q", c.name, got, c.want)
		}
	}
}

func long(i int) string { return "x " + fmt.Sprint(i) + strings.Repeat("é", 58) + "…" }

// The first rule that covers a finding has the hit; what is put aside already
// is no hit; and the states follow from the newest event.
func TestApply(t *testing.T) {
	second := strings.ReplaceAll(whole[strings.Index(whole, "  - id"):], "id: inspector", "id: second")
	third := strings.ReplaceAll(strings.ReplaceAll(second, "second", "third"), "ci-*", "ci-inventory")
	list, err := Parse("x.yaml", []byte(strings.Replace(whole, "boto3", "boto4", 1)+second+third))
	if err != nil {
		t.Fatal(err)
	}
	aside := func(j *finding.Judgement, why string) { j.Aside = why }
	var j finding.Judgement
	list.Apply(facts(), &j, aside)
	if want := "exception second: Inventory, see ticket 17 (Platform team, until 2024-06-05T10:00:00Z)"; j.Aside != want || len(j.Reasons) != 0 {
		t.Errorf("%+v", j)
	}
	list.Apply(facts(), &j, aside)
	f := facts()
	f.Cloud = event.Azure
	j = finding.Judgement{}
	list.Apply(f, &j, aside)
	var got []string
	for _, r := range j.Reasons {
		got = append(got, fmt.Sprint(r.Factor, " ", r.Points, " ", r.Text))
	}
	if diff := cmp.Diff([]string{
		"exception 0 exception inspector does not cover: cloud azure; client boto3",
		"exception 0 exception second does not cover: cloud azure",
		"exception 0 exception third does not cover: cloud azure",
	}, got); diff != "" || j.Aside != "" {
		t.Errorf("%s, put aside because %q", diff, j.Aside)
	}
	for _, c := range []struct{ newest, want string }{
		{"2024-06-05T09:59:59Z", "inspector 0 unused, second 1 live, third 0 unused"},
		{"2024-06-05T10:00:00Z", "inspector 0 expired, second 1 expired, third 0 expired"},
	} {
		newest, _ := time.Parse(time.RFC3339, c.newest)
		var got []string
		for _, u := range list.Uses(newest) {
			if u.Expires != "2024-06-05T10:00:00Z" {
				t.Errorf("expires %s", u.Expires)
			}
			got = append(got, fmt.Sprint(u.ID, " ", u.Hits, " ", u.State))
		}
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("at %s: %s, want %s", c.newest, s, c.want)
		}
	}
}

// A pattern never matches over the end of a segment, and its time is bounded.
func TestMatchWithin(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"a/ci-*", "a/ci-", true}, {"a/ci-*", "a/ci-x", true}, {"a/ci-*", "a/ci-x/y", false}, {"a/ci-*", "a/ci-x:y", false},
		{"a/ci-*/b", "a/ci-x/b", true}, {"a/ci-*/b", "a/ci-x/c/b", false}, {"*-x@p", "a-b-x@p", true}, {"*-x@p", "a@b-x@p", false},
		{"a*b*c", "aXbYbZc", true}, {"a*b*c", "aXbY", false}, {"a*", "b", false}, {"a", "ab", false}, {"ab", "a", false},
		{strings.Repeat("a*", 50) + "b", strings.Repeat("a", 5000), false},
	} {
		if got := matchWithin(c.pattern, c.s, separators); got != c.want {
			t.Errorf("%.20s matches %.20s: %v", c.pattern, c.s, got)
		}
	}
}
