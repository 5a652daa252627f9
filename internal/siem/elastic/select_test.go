package elastic

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
	"vedette/internal/siem/siemtest"
)

// query is a reader of the part of Lucene's query syntax that threshold rules
// are written in: it says whether a document, fields by name, matches.
type query struct {
	rest string
	doc  map[string]string
}

func matches(t *testing.T, text string, doc map[string]string) bool {
	t.Helper()
	q := &query{text, doc}
	found := q.or()
	if q.rest != "" {
		t.Fatalf("what is %q in %s", q.rest, text)
	}
	return found
}

func (q *query) word(w string) bool {
	rest, ok := strings.CutPrefix(q.rest, w)
	if ok {
		q.rest = rest
	}
	return ok
}

func (q *query) or() bool {
	found := q.and()
	for q.word(" OR ") {
		found = q.and() || found
	}
	return found
}

func (q *query) and() bool {
	found, some := true, false
	for {
		not := q.word("NOT ")
		some = some || !not
		one := q.clause()
		found = found && one != not
		if !q.word(" AND ") {
			return found && some // nothing but negations matches nothing
		}
	}
}

func (q *query) clause() bool {
	if q.word("(") {
		found := q.or()
		if !q.word(")") {
			q.rest = "no end of a bracket in " + q.rest
		}
		return found
	}
	if q.word("_exists_:") {
		name := regexp.MustCompile(`^[a-z_.@]+`).FindString(q.rest)
		q.word(name)
		return q.doc[name] != ""
	}
	field, _, _ := strings.Cut(q.rest, ":")
	q.word(field + ":")
	value, ok := q.doc[field]
	switch {
	case q.rest != "" && q.rest[0] == '/':
		end := 1
		for end < len(q.rest) && q.rest[end] != '/' {
			if q.rest[end] == '\\' {
				end++
			}
			end++
		}
		re := q.rest[1:end]
		q.rest = q.rest[end+1:]
		if len(re) > maxRegex+100 { // slashes are escaped in it
			q.rest = fmt.Sprintf("an expression of %d characters", len(re))
		}
		return ok && regexp.MustCompile(`^(?:`+re+`)$`).MatchString(value)
	case q.word("(7 OR 16)"):
		return value == "7" || value == "16"
	case q.word("[1 TO *]"):
		return ok && value != "0"
	}
	m := regexp.MustCompile(`^"((?:[^"\\]|\\.)*)"`).FindStringSubmatch(q.rest)
	if m == nil {
		q.rest = "no value in " + q.rest
		return false
	}
	q.word(m[0])
	return ok && value == regexp.MustCompile(`\\(.)`).ReplaceAllString(m[1], "$1")
}

// document is a call as the integration has it.
func document(log event.Log, service, api, outcome string) map[string]string {
	switch log.Cloud() {
	case event.Azure:
		d := map[string]string{"data_stream.dataset": "azure.activitylogs", "azure.activitylogs.operation_name": strings.ToUpper(service + "/" + api),
			"azure.activitylogs.result_type": "Failure", "event.outcome": "Failure", "azure.activitylogs.result_signature": "Failed.NotFound"}
		switch outcome {
		case "ok":
			d["azure.activitylogs.result_type"], d["event.outcome"], d["azure.activitylogs.result_signature"] = "Success", "Success", "Succeeded."
		case "denied":
			d["azure.activitylogs.result_signature"] = "Forbidden.AuthorizationFailed"
		case "start":
			d["azure.activitylogs.result_type"] = "Start"
			delete(d, "event.outcome")
		}
		return d
	case event.GCP:
		d := map[string]string{"data_stream.dataset": "gcp.audit", "event.action": api, "service.name": service, "client.user.email": "a@example.com"}
		if code := map[string]string{"denied": "7", "failed": "5"}[outcome]; code != "" {
			d["gcp.audit.status.code"] = code
		}
		return d
	}
	d := map[string]string{"data_stream.dataset": "aws.cloudtrail", "event.action": api, "event.provider": service, "aws.cloudtrail.user_identity.type": "IAMUser"}
	if code := map[string]string{"denied": "Client.UnauthorizedOperation", "failed": "NoSuchBucket"}[outcome]; code != "" {
		d["aws.cloudtrail.error_code"] = code
	}
	return d
}

// forms are those of a rule, by language.
func forms(t *testing.T, r *siem.Rule) (eql []string, lucene []string) {
	t.Helper()
	out, err := Backend{}.Compile(r, Backend{}.Fields())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range out.Further {
		if f.Language == "EQL" {
			eql = append(eql, f.Text)
			continue
		}
		var rule struct{ Query string }
		if err := json.Unmarshal([]byte(f.Text), &rule); err != nil {
			t.Fatal(err)
		}
		lucene = append(lucene, rule.Query)
	}
	return eql, lucene
}

// TestThresholdSelects holds threshold rules against documents: names as their
// logs write them, names that are left out, services, outcomes.
func TestThresholdSelects(t *testing.T) {
	aws, azure, gcp := event.CloudTrailManagement, event.AzureActivity, event.GCPDataAccess
	gcpRule := siemtest.Rule(gcp)
	gcpRule.Legs[0].Select.NotNames = []plan.Name{{Cloud: event.GCP, Service: "storage.googleapis.com", API: "storage.objects.get"}}
	gcpRule.Legs[0].Select.Names = []plan.Name{{Cloud: event.GCP, Service: "bigquery.googleapis.com", API: "jobservice.query"}}
	whole := func(log event.Log, in, out string) *siem.Rule {
		r := siemtest.Rule(log)
		s := r.Legs[0].Select
		s.Names = append(s.Names, plan.Name{Cloud: log.Cloud(), Service: in, API: plan.Any})
		s.NotNames = append(s.NotNames, plan.Name{Cloud: log.Cloud(), Service: out, API: plan.Any})
		return r
	}
	for _, c := range []struct {
		rule          *siem.Rule
		service, api  string
		want, startOf bool
	}{
		{siemtest.Rule(aws), "ec2.amazonaws.com", "DescribeInstances", true, false},
		{siemtest.Rule(aws), "lambda.amazonaws.com", "ListFunctions20150331", true, false},
		{siemtest.Rule(aws), "ec2.amazonaws.com", "RunInstances", false, false},
		{siemtest.Rule(aws), "sts.amazonaws.com", "GetSessionToken", false, false},
		{siemtest.Rule(aws), "codecommit.amazonaws.com", "GetFile", false, false},
		{siemtest.Rule(aws), "other.amazonaws.com", "GetFile", true, false},
		{siemtest.Rule(aws), "iam.amazonaws.com", "GenerateCredentialReport", true, false},
		{siemtest.Rule(aws), "other.amazonaws.com", "GenerateCredentialReport", false, false},
		{siemtest.Rule(azure), "microsoft.storage", "storageaccounts/listkeys/action", true, true},
		{siemtest.Rule(azure), "microsoft.storage", "storageaccounts/write", false, true},
		{siemtest.Rule(azure), "microsoft.costmanagement", "query/action", true, true},
		{siemtest.Rule(azure), "microsoft.other", "query/action", false, true},
		{gcpRule, "compute.googleapis.com", "v1.compute.instances.list", true, false},
		{gcpRule, "compute.googleapis.com", "beta.compute.instances.insert", false, false},
		{gcpRule, "storage.googleapis.com", "storage.objects.get", false, false},
		{gcpRule, "other.googleapis.com", "storage.objects.get", true, false},
		{gcpRule, "bigquery.googleapis.com", "v2.jobservice.v2beta.query", true, false},
		{gcpRule, "bigquery.googleapis.com", "jobserviceXquery", false, false},
		{whole(aws, "acme.amazonaws.com", "ec2.amazonaws.com"), "ec2.amazonaws.com", "DescribeInstances", false, false},
		{whole(aws, "acme.amazonaws.com", "ec2.amazonaws.com"), "acme.amazonaws.com", "PurgeThings", true, false},
		{whole(azure, "microsoft.acme", "microsoft.storage"), "microsoft.storage", "storageaccounts/listkeys/action", false, true},
		{whole(azure, "microsoft.acme", "microsoft.storage"), "microsoft.storagesync", "services/listkeys/action", true, true},
		{whole(azure, "microsoft.acme", "microsoft.storage"), "microsoft.acme", "things/purge/action", true, true},
		{whole(gcp, "acme.googleapis.com", "compute.googleapis.com"), "compute.googleapis.com", "v1.compute.instances.list", false, false},
		{whole(gcp, "acme.googleapis.com", "compute.googleapis.com"), "acme.googleapis.com", "v1.things.purge", true, false},
	} {
		log := c.rule.Legs[0].Log
		for _, only := range []string{"", "ok", "denied"} {
			c.rule.Legs[0].Outcomes = map[string][]event.Outcome{"ok": {event.OK}, "denied": {event.Denied}}[only]
			eql, lucene := forms(t, c.rule)
			if len(eql) != 1 || len(lucene) != 2 {
				t.Fatalf("%s, %q: %d sequences and %d thresholds", log, only, len(eql), len(lucene))
			}
			for _, outcome := range []string{"ok", "denied", "failed", "start"} {
				if outcome == "start" && !c.startOf {
					continue
				}
				want := c.want && (only == "" && outcome != "start" || only == outcome)
				if got := matches(t, lucene[0], document(log, c.service, c.api, outcome)); got != want {
					t.Errorf("%s/%s, %s, of calls %q: matches %v, want %v\n%s", c.service, c.api, outcome, only, got, want, lucene[0])
				}
			}
		}
		// A document of another log, and a call that the provider made.
		_, lucene := forms(t, c.rule)
		d := document(log, c.service, c.api, "denied")
		if d["data_stream.dataset"] = "other"; matches(t, lucene[0], d) {
			t.Errorf("%s: another log matches", log)
		}
	}
}

// TestSequenceSays holds that EQL has what the rule asks for besides the verbs;
// conformance executes it.
func TestSequenceSays(t *testing.T) {
	for log, words := range map[event.Log][]string{
		event.CloudTrailManagement: {`(aws.cloudtrail.error_code regex "`, `(aws.cloudtrail.error_code == null)`,
			`and not ((event.provider == "codecommit.amazonaws.com" and event.action regex "(GetFile)(20[0-9_]+(v[0-9]+)?)?"))`},
		event.AzureActivity: {`(azure.activitylogs.result_signature like~ (`, `(event.outcome in~ ("success"))`, `regex~ "(microsoft\\.costmanagement/query/action)"`},
		event.GCPDataAccess: {`(gcp.audit.status.code in (7, 16))`, `(gcp.audit.status.code == null or gcp.audit.status.code == 0)`, `event.action regex "(.*[.])?(([Gg]et`},
	} {
		r := siemtest.Rule(log)
		for i, o := range []event.Outcome{event.Denied, event.OK} {
			r.Legs[0].Outcomes = []event.Outcome{o}
			eql, _ := forms(t, r)
			if len(eql) != 1 || !strings.Contains(eql[0], words[i]) || strings.Contains(eql[0], words[1-i]) || !strings.Contains(eql[0], words[2]) {
				t.Errorf("%s, %s alone: %q", log, o, eql)
			}
		}
	}
}

// TestUnsaidForms holds that there is no form of what it cannot say.
func TestUnsaidForms(t *testing.T) {
	r := siemtest.Rule(event.CloudTrailManagement)
	r.Legs[0].Outcomes = []event.Outcome{event.Denied, event.OK}
	if eql, lucene := forms(t, r); len(eql)+len(lucene) != 0 {
		t.Errorf("of two outcomes: %q, %q", eql, lucene)
	}
	r = siemtest.Rule(event.CloudTrailManagement)
	r.Legs[0].Outcomes = []event.Outcome{event.Denied}
	f := Backend{}.Fields()
	delete(f.Logs[event.CloudTrailManagement.String()].Set, "lucene_denied")
	out, err := Backend{}.Compile(r, f)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Further) != 1 || out.Further[0].Language != "EQL" {
		t.Errorf("a field map without lucene_denied: %d forms", len(out.Further))
	}
	// Thresholds look at no less than the time between two runs.
	for length, want := range map[time.Duration]string{30 * time.Second: "", 90 * time.Second: "now-90s 1m", 4 * time.Minute: "now-4m 4m", time.Hour: "now-60m 5m"} {
		r := siemtest.Rule(event.CloudTrailManagement)
		r.Window.Length = length
		out, err := Backend{}.Compile(r, Backend{}.Fields())
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range out.Further {
			var rule struct{ From, Interval string }
			if f.Language != "EQL" && json.Unmarshal([]byte(f.Text), &rule) == nil {
				got = rule.From + " " + rule.Interval
			}
		}
		if got != want {
			t.Errorf("windows of %s: %q, want %q", length, got, want)
		}
	}
}

// TestWithin holds that an expression that is too long is taken apart into
// ones that match the same.
func TestWithin(t *testing.T) {
	var names []string
	for i := range 500 {
		names = append(names, fmt.Sprintf("list%dthings", i))
	}
	re := `.*/((` + strings.Join(names, "|") + `)[a-z0-9_]*|query)/action`
	list := within(re, func(re string) int { return len(folded(re)) })
	if len(list) < 4 {
		t.Fatalf("%d parts", len(list))
	}
	for _, name := range append(names, "query", "nothing") {
		found := 0
		for _, part := range list {
			if n := len(folded(part)); n > maxRegex {
				t.Fatalf("%d characters", n)
			}
			if regexp.MustCompile(`^(?:` + folded(part) + `)$`).MatchString(strings.ToUpper("x/" + name + "/action")) {
				found++
			}
		}
		if (found > 0) != (name != "nothing") {
			t.Errorf("%s matches %d parts", name, found)
		}
	}
	if one := `(x|y)*` + strings.Repeat("z", 2000); len(within(one, func(re string) int { return len(re) })) != 1 {
		t.Error("a repeated group is taken apart")
	}
}

// FuzzExactly holds that an expression for a text matches it, ends where it
// ends between slashes, and matches no longer one; and in any letter case
// where it is folded.
func FuzzExactly(f *testing.F) {
	for _, s := range siemtest.Hostile() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := luceneWords.match("f", "("+exactly(s)+")", false)
		q := &query{text, map[string]string{"f": s}}
		if len(s) > 100 || strings.ContainsAny(s, "\n\r") || strings.ToValidUTF8(s, "") != s {
			t.Skip()
		}
		if !q.clause() || q.rest != "" {
			t.Errorf("%q does not match %q, or leaves %q", text, s, q.rest)
		}
		if (&query{text, map[string]string{"f": s + "x"}}).clause() {
			t.Errorf("%q matches %q", text, s+"x")
		}
		upper := strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' {
				r -= 'a' - 'A'
			}
			return r
		}, s)
		if !(&query{luceneWords.match("f", exactly(s), true), map[string]string{"f": upper}}).clause() {
			t.Errorf("%q, folded, does not match %q", s, upper)
		}
	})
}
