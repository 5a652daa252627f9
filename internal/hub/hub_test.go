package hub

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
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
