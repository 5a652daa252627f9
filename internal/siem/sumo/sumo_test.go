package sumo

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"vedette/internal/cloud/all"
	"vedette/internal/compile"
	"vedette/internal/detection"
	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
	"vedette/internal/siem/siemtest"
)

func TestSuite(t *testing.T) { siemtest.Run(t, Backend{}) }

func compiled(t *testing.T, r *siem.Rule) *siem.Output {
	t.Helper()
	out, err := Backend{}.Compile(r, Backend{}.Fields())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRead(t *testing.T) {
	for name, r := range siemtest.Rules() {
		out, err := Backend{}.Compile(r, Backend{}.Fields())
		if errors.Is(err, siem.ErrNotSaid) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, _, err := read(out.Query, 0); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out.Query)
		}
	}
}

// TestBuiltin holds that the built-in rules over all clouds are within the
// product's limit, at their longest.
func TestBuiltin(t *testing.T) {
	reg := event.NewRegistry()
	for _, p := range all.Providers() {
		if err := p.Register(reg); err != nil {
			t.Fatal(err)
		}
	}
	list, err := detection.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		rules, err := compile.Rules(d, reg, compile.Options{BySession: true, Window: siem.Overlapping, Schedule: compile.DefaultSchedule()})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules {
			out := compiled(t, r)
			if _, _, err := read(out.Query, 0); err != nil {
				t.Errorf("%s: %v", r.ID, err)
			}
		}
	}
}

// TestReadRejects holds that the reader sees what is wrong.
func TestReadRejects(t *testing.T) {
	for _, wrong := range []string{
		`x | where a = "b"`, "x\n| where _raw = \"b", "x\n| where _raw matches /(/", "x\n| evil(_raw) as a", "x\n| toLowerCase(_raw)",
		"x\n| where _raw = \"a\\\"", "x\n| concat(_raw) as a", "x\n| where (_raw = \"a\"", "x\n| _raw as a | where b = \"a\"", "x\n| count as n by _raw | where _messagetime > 1",
		"x\n| where _raw matches /a\\//", "x\n| where _raw = \"{{y}}\"", "// {{x}}\nx\n| _raw as a", "x\n| _raw as a | | _raw as b", "x\n| where _raw in (\"a\" \"b\")",
	} {
		if _, _, err := read(wrong, 0); err == nil {
			t.Errorf("%q passes", wrong)
		}
	}
}

// run runs a query over records as the product delivers them.
func run(t *testing.T, query string, rows []row, clock time.Time) []row {
	t.Helper()
	_, steps, err := read(query, float64(clock.UnixMilli()))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range steps {
		if rows, err = s(rows); err != nil {
			t.Fatalf("operator %d: %v", i, err)
		}
	}
	return rows
}

type call struct {
	at                                        time.Time
	role, session, service, api, id, addr, rg string
	denied, made                              bool
}

// trail writes a call as a CloudTrail record, without the keys that records
// of the kind lack.
func trail(c call) row {
	who := map[string]any{"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/" + c.role + "/" + c.session, "accountId": "111122223333",
		"sessionContext": map[string]any{"sessionIssuer": map[string]any{"arn": "arn:aws:iam::111122223333:role/" + c.role}}}
	if c.made {
		who["invokedBy"] = "config.amazonaws.com"
	}
	rec := map[string]any{"eventSource": c.service, "eventName": c.api, "eventID": c.id, "sourceIPAddress": c.addr, "awsRegion": c.rg,
		"recipientAccountId": "111122223333", "userIdentity": who, "requestParameters": nil}
	if c.denied {
		rec["errorCode"] = "Client.UnauthorizedOperation"
	}
	b, _ := json.Marshal(rec)
	return row{"_raw": string(b), "_messagetime": float64(c.at.UnixMilli())}
}

// gcp writes a call as a LogEntry in the wrapping of Pub/Sub.
func gcp(at time.Time, method, email, id string) row {
	b, _ := json.Marshal(map[string]any{"message": map[string]any{"data": map[string]any{"insertId": id, "resource": map[string]any{"labels": map[string]any{"project_id": "blue"}},
		"protoPayload": map[string]any{"serviceName": "compute.googleapis.com", "methodName": method, "authenticationInfo": map[string]any{"principalEmail": email},
			"requestMetadata": map[string]any{"callerIp": "192.0.2.1"}, "resourceName": "projects/blue"}}}})
	return row{"_raw": string(b), "_messagetime": float64(at.UnixMilli())}
}

// TestRows runs compiled searches over generated calls and holds their rows
// against a count by hand.
func TestRows(t *testing.T) {
	start := time.Date(2026, 3, 17, 13, 0, 0, 0, time.UTC)
	names := []string{"DescribeInstances", "DescribeVpcs", "ListRoles", "ListFunctions20150331", "GetSessionToken", "GetFile", "GetX", "Get", "Describes", "RunInstances",
		"GenerateCredentialReport", "x or y"}
	services := []string{"ec2.amazonaws.com", "iam.amazonaws.com", "codecommit.amazonaws.com"}
	date := regexp.MustCompile(`(20[0-9]{6}|20[0-9]{2}_[0-9]{2}_[0-9]{2})(v[0-9]+)?$`)
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		pick := func(list []string) string { return list[rng.IntN(len(list))] }
		var calls []call
		for i := range 150 {
			c := call{start.Add(time.Duration(rng.IntN(3600)) * time.Second), pick([]string{"a", "b"}), pick([]string{"s1", "s2"}), pick(services), pick(names),
				fmt.Sprint(i), pick([]string{"192.0.2.1", "198.51.100.7"}), pick([]string{"", "eu-west-1", "us-east-1"}), rng.IntN(3) == 0, rng.IntN(8) == 0}
			calls = append(calls, c)
			if rng.IntN(10) == 0 {
				calls = append(calls, c) // a copy
			}
		}
		r := siemtest.Rule(event.CloudTrailManagement, event.GCPDataAccess)
		r.Legs[0].Select.Names = append(r.Legs[0].Select.Names, plan.Name{Cloud: event.AWS, Service: "iam.amazonaws.com", API: "x or y"})
		r.BySession, r.KeepCopies = seed&1 != 0, seed&2 != 0
		onlyDenied := seed&4 != 0
		if onlyDenied {
			r.Legs[0].Outcomes, r.Trigger = []event.Outcome{event.Denied}, plan.Condition{{Events: 3}, {DistinctAPIs: 2}}
		}
		step := r.Window.Length
		if seed&8 != 0 {
			r.Window.Kind, step = siem.Overlapping, r.Window.Length/3
		}
		clock := start.Add(time.Duration(rng.IntN(7200)) * time.Second)
		if seed&16 != 0 {
			r.Schedule = &siem.Schedule{Every: 15 * time.Minute, Settle: 15 * time.Minute}
		}
		type group struct {
			events             int
			ids, apis, regions map[string]bool
			first, last        time.Time
		}
		groups := map[string]*group{}
		for _, c := range calls {
			api := date.ReplaceAllString(c.api, "")
			if c.made || onlyDenied && !c.denied || !r.Legs[0].Select.Selects(c.service, api) {
				continue
			}
			who := "arn:aws:iam::111122223333:role/" + c.role
			if r.BySession {
				who = "arn:aws:sts::111122223333:assumed-role/" + c.role + "/" + c.session
			}
			for w := c.at.Truncate(step); w.After(c.at.Add(-r.Window.Length)); w = w.Add(-step) {
				if due := clock.Truncate(15 * time.Minute); r.Schedule != nil {
					end := w.Add(r.Window.Length + 15*time.Minute)
					if end.After(due) || !end.After(due.Add(-15*time.Minute)) {
						continue
					}
				}
				k := who + " " + w.Format("15:04:05")
				g := groups[k]
				if g == nil {
					g = &group{ids: map[string]bool{}, apis: map[string]bool{}, regions: map[string]bool{}, first: c.at, last: c.at}
					groups[k] = g
				}
				g.events++
				g.ids[c.id], g.apis[c.service+"/"+api] = true, true
				if c.rg != "" {
					g.regions[c.rg] = true
				}
				if c.at.Before(g.first) {
					g.first = c.at
				}
				if c.at.After(g.last) {
					g.last = c.at
				}
			}
		}
		var want []string
		for k, g := range groups {
			n := len(g.ids)
			if r.KeepCopies {
				n = g.events
			}
			fires := func(c plan.Condition) bool {
				return slices.ContainsFunc(c, func(x plan.Thresholds) bool { return n >= x.Events && len(g.apis) >= x.DistinctAPIs })
			}
			if !fires(r.Trigger) {
				continue
			}
			risk := 0
			for _, b := range r.Bands {
				if fires(b.When) {
					risk = b.Risk
					break
				}
			}
			want = append(want, fmt.Sprint(k, " 111122223333 ", n, len(g.apis), len(g.regions), risk, g.first.Format(" 15:04:05"), g.last.Format(" 15:04:05 "),
				strings.Join(slices.Sorted(maps.Keys(g.apis)), " ")))
		}
		var rows []row
		for _, c := range calls {
			rows = append(rows, trail(c))
		}
		for i := range 12 { // one burst of another cloud
			rows = append(rows, gcp(start.Add(time.Duration(i)*time.Second), "v1.compute.instances.list", "Ann@Example.com", fmt.Sprint(i)))
		}
		var got []string
		clouds := map[string]int{}
		for _, x := range run(t, compiled(t, r).Query, rows, clock) {
			clouds[show(x["cloudprovider"])]++
			if x["cloudprovider"] == "GCP" {
				if x["identity"] != "ann@example.com" || x["accountid"] != "blue" || x["discoverycount"] != 12.0 || x["apilist"] != "compute.googleapis.com/compute.instances.list" {
					t.Errorf("seed %d: %v", seed, x)
				}
				continue
			}
			clock := func(n string) string { return show(x[n])[11:19] }
			got = append(got, fmt.Sprint(x["identity"], " ", clock("timegenerated"), " ", x["accountid"], " ", x["discoverycount"], x["distinctapis"], x["distinctregions"], x["riskscore"],
				" ", clock("firstseen"), " ", clock("lastseen"), " ", x["apilist"]))
		}
		for i := range want {
			want[i] = strings.Join(strings.Fields(want[i]), " ")
		}
		for i := range got {
			got[i] = strings.Join(strings.Fields(got[i]), " ")
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d:\n%s\nwant\n%s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if onlyDenied && len(want) == 0 && r.Schedule == nil || r.Schedule == nil && clouds["GCP"] == 0 {
			t.Errorf("seed %d: the case is empty: %v", seed, clouds)
		}
	}
}

// TestLogs holds a record of each log against the row that it makes.
func TestLogs(t *testing.T) {
	const resource = `"resourceId":"/SUBSCRIPTIONS/5F2A/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/V","correlationId":"c1"`
	const claims = `"http://schemas.microsoft.com/identity/claims/objectidentifier":"o1","http://schemas.microsoft.com/identity/claims/tenantid":"t1"`
	for _, c := range []struct {
		log                   event.Log
		raw                   string
		identity, account, ip string
		api                   plan.Name
	}{
		{event.AzureActivity, `{"category":"Action","operationName":"MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION","resultType":"Success","callerIpAddress":"192.0.2.1",` + resource + `,
			"identity":{"claims":{` + claims + `}}}`, "entra:t1/o1", "5f2a", "192.0.2.1", plan.Name{Service: "microsoft.storage", API: "storageaccounts/listkeys/action"}},
		{event.AzureActivity, `{"category":"Administrative","operationName":"Microsoft.Storage/storageAccounts/listKeys/action","resultType":"Failure",` + resource + `,
			"identity":{"claims":{"appid":"a1"}}}`, "a1", "5f2a", "", plan.Name{Service: "microsoft.storage", API: "storageaccounts/listkeys/action"}},
		{event.AzureKeyVault, `{"category":"AuditEvent","operationName":"SecretList","callerIpAddress":"192.0.2.1",` + resource + `,"identity":{"claim":{` + claims + `}},
			"properties":{"httpStatusCode":200,"requestUri":"https://v"}}`, "entra:t1/o1", "5f2a", "192.0.2.1", plan.Name{Service: "microsoft.keyvault", API: "secretlist"}},
		{event.AzureStorage, `{"category":"StorageRead","operationName":"ListBlobs","callerIpAddress":"192.0.2.1:4711",` + resource + `,"statusCode":200,
			"identity":{"type":"OAuth","requester":{"objectId":"o1","tenantId":"t1"}}}`, "entra:t1/o1", "5f2a", "192.0.2.1", plan.Name{Service: "microsoft.storage", API: "listblobs"}},
		{event.AzureStorage, `{"category":"StorageRead","operationName":"ListBlobs",` + resource + `,"identity":{"type":"SAS"},"properties":{"accountName":"acc"}}`,
			"sas:acc", "5f2a", "", plan.Name{Service: "microsoft.storage", API: "listblobs"}},
		{event.AzureGraph, `{"category":"MicrosoftGraphActivityLogs","tenantId":"t1","properties":{"requestMethod":"GET","requestUri":"https://graph.microsoft.com/v1.0/users/0f8fad5b-d9cb-469f-a165-70867728950e/memberOf?$top=1",
			"servicePrincipalId":"p1","requestId":"q","ipAddress":"192.0.2.1"}}`, "entra:t1/p1", "t1", "192.0.2.1", plan.Name{Service: "graph.microsoft.com", API: "get /users/{id}/memberof"}},
		{event.GCPDataAccess, `{"message":{"data":{"insertId":"i","resource":{"labels":{"project_id":"blue"}},"protoPayload":{"serviceName":"storage.googleapis.com","methodName":"storage.buckets.list",
			"authenticationInfo":{},"requestMetadata":{"callerIp":"192.0.2.1"}}}}}`, "redacted:blue/192.0.2.1", "blue", "192.0.2.1", plan.Name{Service: "storage.googleapis.com", API: "storage.buckets.list"}},
	} {
		for _, legs := range [][]event.Log{{c.log}, siemtest.Logs()} {
			r := siemtest.Rule(legs...)
			for i := range r.Legs {
				r.Legs[i].Select = &plan.Predicate{Names: []plan.Name{c.api}}
			}
			r.Trigger = plan.Condition{{Events: 1}}
			at := time.Date(2026, 3, 17, 13, 0, 0, 0, time.UTC)
			got := run(t, compiled(t, r).Query, []row{{"_raw": c.raw, "_messagetime": float64(at.UnixMilli())}}, at)
			if len(got) != 1 || got[0]["identity"] != c.identity || got[0]["accountid"] != c.account || got[0]["sourceips"] != c.ip || got[0]["apilist"] != c.api.Service+"/"+c.api.API {
				t.Errorf("%s: %v", c.log, got)
			}
		}
	}
}

// TestLists holds that lists are capped and without empty lines.
func TestLists(t *testing.T) {
	r := siemtest.Rule(event.CloudTrailManagement)
	r.MaxAPIs, r.MaxAddresses = 2, 1
	var rows []row
	at := time.Date(2026, 3, 17, 13, 0, 0, 0, time.UTC)
	for i, api := range []string{"ListA", "ListB", "ListC", "ListD", "ListE"} {
		c := call{at: at, role: "a", session: "s", service: "ec2.amazonaws.com", api: api, id: api}
		if i > 1 {
			c.addr = fmt.Sprint("192.0.2.", i)
		}
		rows = append(rows, trail(c))
	}
	got := run(t, compiled(t, r).Query, rows, at)
	if len(got) != 1 || got[0]["apilist"] != "ec2.amazonaws.com/ListA\nec2.amazonaws.com/ListB" || got[0]["sourceips"] != "192.0.2.2" || got[0]["distinctregions"] != 0.0 {
		t.Errorf("%v", got)
	}
}

// TestSignal holds that a signal's severity follows the counts.
func TestSignal(t *testing.T) {
	r := siemtest.Rule(event.CloudTrailManagement)
	r.Schedule = &siem.Schedule{Every: 15 * time.Minute, Settle: 15 * time.Minute}
	at := time.Date(2026, 3, 17, 13, 0, 0, 0, time.UTC)
	for n, want := range map[int]float64{5: 2, 20: 3, 50: 4} {
		var rows []row
		for i := range n {
			rows = append(rows, trail(call{at: at, role: "a", session: "s", service: "ec2.amazonaws.com", api: "List" + string(rune('A'+i%12)), id: fmt.Sprint(i), addr: "192.0.2.1"}))
		}
		got := run(t, compiled(t, r).Query, rows, at.Add(31*time.Minute))
		if len(got) != 1 || got[0]["normalizedseverity"] != want || got[0]["stage"] != "Discovery" || got[0]["user_username"] != got[0]["identity"] {
			t.Errorf("%d calls: %v", n, got)
		}
	}
}

// TestExceptions holds that an entry leaves its identity out until its day
// begins, and that one without a date leaves nobody out.
func TestExceptions(t *testing.T) {
	r := siemtest.Rule(event.CloudTrailManagement)
	r.Schedule = &siem.Schedule{Every: 15 * time.Minute, Settle: 15 * time.Minute}
	query := compiled(t, r).Query
	at := time.Date(2026, 3, 17, 0, 0, 0, 0, time.UTC)
	for until, fires := range map[string]bool{
		"2026-03-18": false, "2100-01-01": false, "2026-03-17": true, "2026-03-16": true, "": true, "never": true, "2026": true, "2100-01-01 or so": true,
	} {
		var rows []row
		for i := range 12 {
			rows = append(rows, trail(call{at: at, role: "a", session: "s", service: "ec2.amazonaws.com", api: "ListA", id: fmt.Sprint(i), addr: "192.0.2.1"}))
		}
		_, steps, err := readWith(query, float64(at.Add(31*time.Minute).UnixMilli()), map[string]string{"arn:aws:iam::111122223333:role/a": until})
		for i := 0; i < len(steps) && err == nil; i++ {
			rows, err = steps[i](rows)
		}
		if err != nil || (len(rows) == 1) != fires {
			t.Errorf("an entry until %q: %v, %v", until, rows, err)
		}
	}
}

func TestWarnsOfEstimates(t *testing.T) {
	r := siemtest.Rule(event.CloudTrailManagement)
	if w := compiled(t, r).Warnings; len(w) != 0 {
		t.Errorf("%q", w)
	}
	r.Trigger = plan.Condition{{DistinctAPIs: 100}}
	if w := compiled(t, r).Warnings; len(w) != 1 || !strings.Contains(w[0], "estimate") {
		t.Errorf("%q", w)
	}
}

// TestAggregations holds the rules of Cloud SIEM against what its API takes.
func TestAggregations(t *testing.T) {
	seen := 0
	for name, r := range siemtest.Rules() {
		out, err := Backend{}.Compile(r, Backend{}.Fields())
		if err != nil {
			continue
		}
		var triggers []string
		for _, f := range out.Further {
			seen++
			var x aggregationRule
			dec := json.NewDecoder(strings.NewReader(f.Text))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&x); err != nil {
				t.Fatal(err)
			}
			a := x.Fields
			if a.Enabled || a.Stream != "record" || len(a.AggregationFunctions) > 6 || a.WindowSize != "CUSTOM" || a.WindowSizeMilliseconds != "900000" ||
				a.SuppressionWindowSize <= 900000 || a.ScoreMapping.Type != "constant" || a.ScoreMapping.Default < 1 || a.ScoreMapping.Default > 10 || len(a.EntitySelectors) == 0 {
				t.Errorf("%s: %+v", name, a)
			}
			for _, m := range regexp.MustCompile(`matches /((?:[^/\\]|\\.)*)/`).FindAllStringSubmatch(a.MatchExpression, -1) {
				re, err := regexp.Compile(m[1])
				if err != nil || !strings.HasPrefix(m[1], "^") || !strings.HasSuffix(m[1], "$") || re.MatchString("RunInstances") {
					t.Errorf("%s: %s: %v", name, m[1], err)
				}
			}
			if !strings.Contains(a.MatchExpression, "array_contains(listMatches, 'vedette_exceptions')") || strings.Contains(a.TriggerExpression, "targets") {
				t.Errorf("%s: %s %s", name, a.MatchExpression, a.TriggerExpression)
			}
			if name == "denied" && !strings.Contains(a.MatchExpression, "AccessDenied") {
				t.Errorf("%s: %s", name, a.MatchExpression)
			}
			triggers = append(triggers, a.TriggerExpression)
		}
		if name == "log cloudtrail.management" && !slices.Equal(triggers, []string{
			"(event_count >= 10 OR distinct_api_count >= 5) AND (distinct_api_count >= 10 AND event_count >= 50)",
			"(event_count >= 10 OR distinct_api_count >= 5) AND (distinct_api_count >= 7 AND event_count >= 20) AND !(distinct_api_count >= 10 AND event_count >= 50)",
			"(event_count >= 10 OR distinct_api_count >= 5) AND !(distinct_api_count >= 10 AND event_count >= 50) AND !(distinct_api_count >= 7 AND event_count >= 20)",
		}) {
			t.Errorf("%q", triggers)
		}
	}
	if seen == 0 {
		t.Error("no rule has a form for Cloud SIEM")
	}
	r := siemtest.Rule(event.AzureActivity) // whose outcome Cloud SIEM's records do not show
	r.Legs[0].Outcomes = []event.Outcome{event.Denied}
	if f := compiled(t, r).Further; len(f) != 0 {
		t.Errorf("a rule of any outcome for refused calls: %+v", f[0])
	}
}

func TestWindowSize(t *testing.T) {
	for d, want := range map[time.Duration]string{5 * time.Minute: "T05M", time.Hour: "T60M", 15 * time.Minute: "CUSTOM 900000", 120 * time.Hour: "T05D"} {
		size, n, ok := windowSize(d)
		if got := strings.TrimSpace(size + " " + n); got != want || !ok {
			t.Errorf("%s is %s, %v", d, got, ok)
		}
	}
	for _, d := range []time.Duration{30 * time.Second, 121 * time.Hour} {
		if _, _, ok := windowSize(d); ok {
			t.Errorf("%s has a size", d)
		}
	}
}

// TestContent holds the package's folder against the content import API.
func TestContent(t *testing.T) {
	r := siemtest.Rule(event.CloudTrailManagement)
	r.Title = `A/B "c" <d> {{e}} é ` + strings.Repeat("long ", 99)
	r.Schedule = &siem.Schedule{Every: 15 * time.Minute, Settle: 15 * time.Minute}
	files, err := Backend{}.Package([]*siem.Output{compiled(t, r)})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(files, func(f siem.File) bool { return f.Path == "content.json" })
	var top struct {
		Type     string
		Children []map[string]any
	}
	if err := json.Unmarshal(files[i].Data, &top); err != nil || top.Type != "FolderSyncDefinition" || len(top.Children) != 2 {
		t.Fatalf("%v: %+v", err, top)
	}
	table, saved := top.Children[0], top.Children[1]
	if table["type"] != "LookupTableSyncDefinition" || !strings.HasSuffix(exceptions, "/Vedette/"+table["name"].(string)) {
		t.Errorf("%v", table)
	}
	if n := saved["name"].(string); !regexp.MustCompile(`^[a-zA-Z0-9 +%\-@.,_()]{1,255}$`).MatchString(n) {
		t.Errorf("name %q", n)
	}
	if d := saved["description"].(string); utf8.RuneCountInString(d) > 255 {
		t.Errorf("description of %d characters", utf8.RuneCountInString(d))
	}
	schedule := saved["searchSchedule"].(map[string]any)
	if schedule["cronExpression"] != "0 2/15 * * * ? *" || schedule["parseableTimeRange"].(map[string]any)["from"].(map[string]any)["relativeTime"] != "-60m" {
		t.Errorf("%v", schedule)
	}
	r.Schedule = nil
	if _, err := (Backend{}).Package([]*siem.Output{compiled(t, r)}); err == nil {
		t.Error("a rule without a schedule is packed")
	}
}

// FuzzQuote holds that a condition on hostile values ends where it ends, and
// holds for these values alone.
func FuzzQuote(f *testing.F) {
	for _, s := range siemtest.Hostile() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip("names are UTF-8")
		}
		cond := in("_raw", []string{s, "plain"})
		for _, c := range cond {
			if !unicode.IsGraphic(c) {
				t.Fatalf("%q holds what cannot be seen", cond)
			}
		}
		query := "x\n| where " + cond + "\n"
		_, steps, err := read(query, 0)
		if utf8.RuneCountInString(query) > limit {
			if err == nil {
				t.Fatalf("a query of %d characters is taken", utf8.RuneCountInString(query))
			}
			return
		}
		if err != nil || len(steps) != 1 {
			t.Fatalf("%q: %d operators, %v", cond, len(steps), err)
		}
		for value, want := range map[string]bool{s: true, "plain": true, s + "x": s+"x" == "plain", "x" + s: "x"+s == "plain", s + "\n": s+"\n" == "plain"} {
			rows, err := steps[0]([]row{{"_raw": value}})
			if err != nil || (len(rows) == 1) != want {
				t.Errorf("%q for %q: %d rows, %v", cond, value, len(rows), err)
			}
		}
		header := comment([]string{s})
		if strings.Count(header, "\n") != 1 || strings.Contains(header, "{{") || strings.Contains(header, "/*") {
			t.Errorf("comment %q", header)
		}
		if !regexp.MustCompile(`^[a-zA-Z0-9 +%\-@.,_()]*$`).MatchString(name(s)) {
			t.Errorf("name %q", name(s))
		}
	})
}
