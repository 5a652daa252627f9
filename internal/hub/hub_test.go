package hub

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"vedette/internal/detection"
	"vedette/internal/event"
	"vedette/internal/guide"
	"vedette/internal/plan"
	"vedette/internal/rehearse"
	"vedette/internal/term"
)

// small is a hub over the real guides and detections and two made-up APIs,
// with results of a rehearsal whose texts are payload.
func small(t *testing.T, payload string) *Hub {
	t.Helper()
	in := Input{Registry: event.NewRegistry(), Duration: func(*plan.Window) string { return "15m" }}
	in.Registry.Add(event.API{Cloud: event.AWS, Service: "ecs.amazonaws.com", Name: "ListTasks", Class: event.ClassDiscovery, Known: true, Technique: "T1613", Log: event.CloudTrailManagement})
	in.Registry.Add(event.API{Cloud: event.AWS, Service: "batch.amazonaws.com", Name: "RunJobs", Class: event.ClassWrite, Known: true, Log: event.CloudTrailManagement})
	in.Registry.Add(event.API{Cloud: event.Azure, Service: "microsoft.app", Name: "containerapps/read", Class: event.ClassDiscovery, Known: true, Technique: "T1613"})
	var err error
	if in.Guides, err = guide.Builtin(); err != nil {
		t.Fatal(err)
	}
	if in.Detections, err = detection.Builtin(); err != nil {
		t.Fatal(err)
	}
	in.Rules = []Rule{
		{Target: "kusto", ID: "t1613-control-planes", Detection: "T1613", Exact: 9, Impossible: []string{"slices"}},
		{Target: "kusto", ID: "t1613-credentials", Detection: "T1613", Exact: 9},
		{Target: "qradar", ID: "t1613-control-planes", Detection: "T1613", Exact: 9},
		{Target: "qradar", ID: "t1613-credentials", Detection: "T1613", Why: payload},
	}
	in.Results = []rehearse.Result{
		{Test: "a", Run: "low", Technique: "T1613", Provider: "aws", Kind: rehearse.Attack, Want: "low or higher", Got: payload, Status: rehearse.Passed},
		{Test: payload, Run: payload, Technique: "T1580", JudgedBy: []string{"T1613"}, Provider: "aws", Kind: rehearse.Benign, Want: payload, Got: payload, Status: rehearse.Failed},
		{Test: "c", Run: "low", Technique: "T1613", Provider: "aws", Kind: rehearse.Attack, Status: rehearse.Skipped},
		{Test: "d", Run: "low", Technique: "T1201", Provider: "aws", Kind: rehearse.Attack, Status: rehearse.Passed},
	}
	h, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestBuildJoins(t *testing.T) {
	h := small(t, "nothing")
	if len(h.Techniques) < 10 {
		t.Fatalf("%d techniques", len(h.Techniques))
	}
	if err := h.Choose([]string{"t1613"}); err != nil {
		t.Fatal(err)
	}
	x := h.Techniques[0]
	if x.ID != "T1613" || len(x.Detections) != 1 || len(x.Detections[0].Fires) != 2 || len(x.Also) == 0 {
		t.Errorf("%+v", x)
	}
	aws, azure := x.Clouds[0], x.Clouds[1]
	if len(aws.Logs) != 1 || aws.Logs[0].APIs != 1 || aws.Logs[0].Selected != 1 || azure.Unlogged != 1 || len(azure.Logs) != 0 {
		t.Errorf("logs: %+v, %+v", aws, azure)
	}
	if passed, played := aws.Passed(); passed != 1 || played != 2 || len(aws.Runs) != 3 {
		t.Errorf("%d of %d passed, %d runs", passed, played, len(aws.Runs))
	}
	if whole, all := x.Targets(); whole != 1 || all != 2 {
		t.Errorf("%d of %d targets", whole, all)
	}
	if err := h.Choose([]string{"T9999"}); err == nil || !strings.Contains(err.Error(), "T9999") {
		t.Errorf("an unknown technique: %v", err)
	}
}

// A cloud's cell says in words why nothing was found there, and does not take
// what no log has for what nobody rehearsed.
func TestCellsSayWhyNothingIsFound(t *testing.T) {
	selected, none := []Log{{Class: "aws.x", APIs: 3, Selected: 3}}, []Log{{Class: "aws.x", APIs: 3}}
	run := func(kind rehearse.Kind, found bool) Run {
		return Run{Kind: string(kind), Status: string(rehearse.Passed), Found: found}
	}
	for _, c := range []struct {
		cloud Cloud
		want  string
	}{
		{Cloud{Logs: selected}, "not rehearsed"},
		{Cloud{Unlogged: 4}, "not logged"},
		{Cloud{Logs: selected, CannotFire: "too few"}, "cannot fire"},
		{Cloud{Logs: none}, "no detection of its own"},
		{Cloud{Logs: selected, Runs: []Run{run(rehearse.Attack, true), run(rehearse.Attack, false), run(rehearse.Benign, true)}}, "3 of 3, 1 found"},
		{Cloud{Logs: selected, Runs: []Run{run(rehearse.Benign, true)}}, "1 of 1, none found"},
		{Cloud{Unlogged: 4, Runs: []Run{run(rehearse.Attack, false)}}, "1 of 1, not logged"},
		{Cloud{Logs: none, Runs: []Run{run(rehearse.Attack, true)}}, "1 of 1, 1 found"},
		{Cloud{Logs: selected, CannotFire: "too few", Runs: []Run{run(rehearse.Attack, false)}}, "1 of 1, cannot fire"},
		{Cloud{Logs: selected, Runs: []Run{{Kind: string(rehearse.Attack), Status: string(rehearse.Skipped)}}}, "not rehearsed"},
	} {
		if got := rehearsed(&c.cloud); got != c.want {
			t.Errorf("%+v: %s, want %s", c.cloud, got, c.want)
		}
	}
}

func TestWhyNoWindowCanFire(t *testing.T) {
	windows := []plan.Window{
		{Name: "pages", Trigger: plan.Condition{{DistinctAPIs: 4}}},
		{Name: "keys", Trigger: plan.Condition{{DistinctAPIs: 3}, {DistinctAPIs: 2, Events: 9}}},
	}
	for _, c := range []struct {
		kinds []int
		want  string
	}{
		{[]int{0, 0}, ""},
		{[]int{2, 0}, "pages asks for 4 kinds of call, and its logs show 2"},
		{[]int{2, 1}, "pages asks for 4 kinds of call, and its logs show 2; keys asks for 2 kinds of call, and its logs show 1"},
		{[]int{4, 0}, ""},
		{[]int{2, 2}, ""},
	} {
		if got := cannotFire(windows, c.kinds); got != c.want {
			t.Errorf("%v: %q, want %q", c.kinds, got, c.want)
		}
	}
}

// A counter-test that a group judges belongs to the techniques whose detections
// counted a call of it, and to no other.
func TestCounterTestsBelongToWhatTheyComeNear(t *testing.T) {
	x := &Technique{ID: "T1613", Detections: []Detection{{ID: "T1613"}}}
	results := []rehearse.Result{
		{Test: "near", Technique: "T1526", Provider: "aws", JudgedBy: []string{"related"}, Counted: []string{"T1526", "T1613"}},
		{Test: "far", Technique: "T1526", Provider: "aws", JudgedBy: []string{"related"}, Counted: []string{"T1526"}},
		{Test: "elsewhere", Technique: "T1613", Provider: "gcp"},
	}
	if got := x.runs(event.AWS, results); len(got) != 1 || got[0].Test != "near" {
		t.Errorf("%+v", got)
	}
}

// Results may be a file of somebody else's: nothing in them reaches a page or
// a terminal as anything but text.
func TestNothingHostileGetsOut(t *testing.T) {
	for _, payload := range []string{
		`</style><script>alert(1)</script><img src=x onerror=alert(1)>`, `" onmouseover="alert(1)`, "\x1b[2J\x1b]0;owned\x07", "a\u202egpj.exe\u200b", `{{.Style}}`,
	} {
		h := small(t, payload)
		var page, text bytes.Buffer
		if err := WriteHTML(&page, h, "1.0"); err != nil {
			t.Fatal(err)
		}
		if err := WriteTechniques(&text, h, term.Terminal{Width: 100}); err != nil {
			t.Fatal(err)
		}
		if err := WriteText(&text, h, term.Terminal{Width: 100}); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(payload, `<"`) && strings.Contains(page.String(), payload) {
			t.Errorf("%q stands in the page as it is", payload)
		}
		for _, out := range []string{page.String(), text.String()} {
			for line := range strings.Lines(out) {
				if line = strings.TrimSuffix(line, "\n"); term.Safe(line) != line {
					t.Errorf("%q: characters that do not show themselves: %q", payload, line)
				}
			}
		}
	}
}

// The page allows its own style and nothing else, and has no link out of it.
func TestPageAsksForNothing(t *testing.T) {
	var b bytes.Buffer
	if err := WriteHTML(&b, small(t, "nothing"), "1.0"); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	_, rest, _ := strings.Cut(page, "<style>")
	css, _, ok := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(css))
	hash := base64.StdEncoding.EncodeToString(sum[:])
	if !ok || !strings.Contains(strings.ReplaceAll(page, "&#43;", "+"), "default-src &#39;none&#39;; style-src &#39;sha256-"+hash+"&#39;") {
		t.Errorf("the policy does not name the style's hash %s", hash)
	}
	for _, never := range []string{"<script", "<img", "<link", "<iframe", "<form", "src=", "url(", "@import", "style=", "javascript:"} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %s", never)
		}
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("id %s stands twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "#") || !ids[m[1][1:]] {
			t.Errorf("a link to %s", m[1])
		}
	}
}

// A run that was not played says why, and no sentence stops before its end.
func TestWhatRunsCameTo(t *testing.T) {
	for want, r := range map[string]Run{
		"was medium": {Got: "medium", Why: []string{"x"}},
		"was not played: needs prowler, which is not installed; no network": {Why: []string{"needs prowler, which is not installed", "no network"}},
		"was not played": {},
	} {
		if got := r.Came(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	h, err := Build(Input{Registry: event.NewRegistry(), Guides: mustGuides(t), Results: []rehearse.Result{
		{Test: "aws-prowler", Run: "low", Technique: "T1580", Provider: "aws", Kind: rehearse.Attack, Want: "medium or higher", Status: rehearse.Skipped, Why: []string{"needs prowler"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var text, page bytes.Buffer
	if err := errors.Join(h.Choose([]string{"T1580"}), WriteTechniques(&text, h, term.Terminal{Width: 200}), WriteHTML(&page, h, "1")); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{text.String(), page.String()} {
		if !strings.Contains(out, "was not played: needs prowler") {
			t.Errorf("why is not in\n%s", out)
		}
	}
}

// Names that services share are shown once; they count as often as they are.
func TestExamplesDiffer(t *testing.T) {
	in := Input{Registry: event.NewRegistry(), Guides: mustGuides(t)}
	for service, name := range map[string]string{"microsoft.a": "accounts/listkeys/action", "microsoft.b": "accounts/listkeys/action", "microsoft.c": "boxes/listkeys/action"} {
		in.Registry.Add(event.API{Cloud: event.Azure, Service: service, Name: name, Class: event.ClassDiscovery, Known: true, Technique: "T1580", Log: event.AzureActivity})
	}
	h, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Choose([]string{"T1580"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range h.Techniques[0].Clouds {
		if c.Name == "azure" && (len(c.Logs) != 1 || c.Logs[0].APIs != 3 || !slices.Equal(c.Logs[0].Some, []string{"accounts/listkeys/action", "boxes/listkeys/action"})) {
			t.Errorf("%+v", c.Logs)
		}
	}
}

func mustGuides(t *testing.T) []*guide.Guide {
	t.Helper()
	list, err := guide.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return list
}
