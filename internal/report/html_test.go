package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// documentOptions have a command and a playbook, so that both are drawn.
func documentOptions() Options {
	return Options{
		Version:  "1.2.3",
		Saved:    []string{"Made from findings that a scan saved (" + payloads[0] + payloads[6] + "), as they were found and judged then."},
		Commands: func(id string) [][]string { return [][]string{{"vedette", "explain", id, "my logs"}} },
		Playbook: func(f *finding.Finding) []Section {
			return []Section{{"Preserve", []Step{{"Keep the records of " + f.Actor.ID, []string{"It changes nothing."},
				[]Snippet{{Language: "shell", Text: "first\n\n  second"}}}}}}
		},
	}
}

func writeDocument(t interface{ Fatalf(string, ...any) }, format Format, r *finding.Report) string {
	var b bytes.Buffer
	if err := WriteDocument(&b, string(format), r, documentOptions()); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.String()
}

// elements are all that a page is made of, with their attributes.
var elements = map[string]string{
	"html": "lang", "head": "", "meta": "charset http-equiv content name", "title": "", "style": "", "body": "", "a": "class href",
	"header": "class", "main": "class", "footer": "class", "section": "aria-labelledby", "article": "class id aria-labelledby", "div": "class tabindex role aria-label",
	"h1": "", "h2": "id tabindex", "h3": "class id", "h4": "", "p": "class", "ul": "class aria-label", "li": "class", "b": "", "strong": "", "span": "class", "br": "", "code": "", "pre": "",
	"dl": "", "dt": "", "dd": "", "details": "class open", "summary": "",
	"table": "class", "caption": "class", "thead": "", "tbody": "", "tfoot": "", "tr": "class", "th": "scope class colspan", "td": "class",
	"svg": "viewbox viewBox preserveAspectRatio aria-hidden focusable", "path": "class d", "label": "", "input": "type",
}

// checkPage holds a page against what it may be: these elements and
// attributes, links within it, a policy that allows its own style and nothing
// else, and no character that does not show itself.
func checkPage(t interface{ Errorf(string, ...any) }, page string) *html.Node {
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Errorf("%v", err)
		return nil
	}
	for line := range strings.Lines(page) {
		if line = strings.TrimSuffix(line, "\n"); term.Safe(line) != line {
			t.Errorf("characters that do not show themselves: %q", line)
		}
	}
	policy, style := "", ""
	ids, targets := map[string]int{}, map[string]bool{}
	for n := range doc.Descendants() {
		switch n.Type {
		case html.CommentNode:
			t.Errorf("a comment: %q", n.Data)
		case html.ElementNode:
			allowed, ok := elements[n.Data]
			if !ok {
				t.Errorf("element <%s>", n.Data)
			}
			attr := map[string]string{}
			for _, a := range n.Attr {
				attr[a.Key] = a.Val
				if !slices.Contains(strings.Fields(allowed), a.Key) {
					t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
				}
			}
			if id := attr["id"]; id != "" {
				ids[id]++
			}
			if n.Data == "a" {
				if !strings.HasPrefix(attr["href"], "#") {
					t.Errorf("a link to %q", attr["href"])
				}
				targets[strings.TrimPrefix(attr["href"], "#")] = true
			}
			if attr["http-equiv"] == "Content-Security-Policy" {
				policy = attr["content"]
			}
			if n.Data == "style" {
				style += n.FirstChild.Data
			}
			if n.Data == "input" && attr["type"] != "checkbox" {
				t.Errorf("an input of type %q", attr["type"])
			}
		}
	}
	sum := sha256.Sum256([]byte(style))
	if want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"; policy != want {
		t.Errorf("policy %q, want %q", policy, want)
	}
	for id := range targets {
		if ids[id] == 0 && id != "" {
			t.Errorf("a link to #%s, which is not there", id)
		}
	}
	return doc
}

func TestPageIsHarmless(t *testing.T) {
	for _, r := range fixtures() {
		checkPage(t, writeDocument(t, HTML, r))
	}
	root := readSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		r := drawReport(t, root)
		for i := range r.Findings {
			r.Findings[i].ID = fmt.Sprintf("%016x", i)
		}
		checkPage(t, writeDocument(t, HTML, r))
	})
}

// payloads attack a page, a terminal, a template, a ticket and a shell.
var payloads = []string{
	`</style></title></textarea><script>alert(1)</script><img src=x onerror=alert(1)>`,
	`" onmouseover="alert(1)" x="`, `' autofocus onfocus=alert(1) '`, `javascript:alert(1)`, `<!--`, `]]><svg onload=alert(1)>`,
	"\x1b[2J\x1b]0;owned\x07", "user\u202egpj.exe\u2066x\u2069\u200b", "caf\xc3 \xff", `{{.Style}}{{printf "%s" .}}`, `=cmd|' /C calc'!A0`,
	"`id`$(id);id|id&&id\nid", `'; DROP TABLE x; --`, "[x](javascript:alert(1)) ![x](http://198.51.100.9/) @everyone #1 https://evil.example www.evil.example <b>x</b>",
	"| a | b |\n| --- | --- |\n# Heading\n- [ ] item\n```\nend of code", "```\n````\n",
}

// poison sets every string of a report that a log may have written.
func poison(v reflect.Value, payload string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem(), payload)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			poison(v.Field(i), payload)
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i), payload)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			e := v.MapIndex(k)
			v.SetMapIndex(k, reflect.Value{})
			v.SetMapIndex(reflect.ValueOf(payload), e)
		}
	case reflect.String:
		v.SetString(payload)
	}
}

// poisoned is a report all of whose strings are the payload, but for what
// pivots need to be made at all.
func poisoned(payload string) *finding.Report {
	r := threeClouds()
	clean := threeClouds()
	poison(reflect.ValueOf(r), payload)
	for i := range r.Findings {
		f, c := &r.Findings[i], &clean.Findings[i]
		f.ID = c.ID
		f.FirstSeen, f.LastSeen, f.Cloud.Provider, f.Actor.Kind = c.FirstSeen, c.LastSeen, c.Cloud.Provider, c.Actor.Kind
		for j := range f.Evidence {
			f.Evidence[j].Time = c.Evidence[j].Time
		}
	}
	return r
}

// TestFixtureHasEveryMember: what is poisoned is every member that a report can
// have, so that none is forgotten in the tests of channels.
func TestFixtureHasEveryMember(t *testing.T) {
	set := map[string]bool{}
	var walk func(v reflect.Value, name string)
	walk = func(v reflect.Value, name string) {
		switch v.Kind() {
		case reflect.Pointer:
			if v.IsNil() {
				walk(reflect.Zero(v.Type().Elem()), name)
				return
			}
			walk(v.Elem(), name)
		case reflect.Struct:
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.Tag.Get("json") != "-" {
					walk(v.Field(i), name+"."+f.Name)
				}
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i), name)
			}
			if v.Len() == 0 {
				walk(reflect.Zero(v.Type().Elem()), name)
			}
		case reflect.Map:
			set[name] = set[name] || v.Len() > 0
		case reflect.String:
			set[name] = set[name] || v.String() != ""
		}
	}
	walk(reflect.ValueOf(threeClouds()).Elem(), "Report")
	if len(set) < 80 {
		t.Errorf("%d members", len(set))
	}
	for name, has := range set {
		// What is said against a tool by its client is said of no incident.
		if !has && name != "Report.Findings.Judgement.Incidents.Against" {
			t.Errorf("no finding of the fixture has %s", name)
		}
	}
}

func TestEveryStringIsHarmless(t *testing.T) {
	for _, p := range payloads {
		for _, r := range []*finding.Report{poisoned(p), poisoned(strings.Repeat(p, 400))} {
			page := writeDocument(t, HTML, r)
			checkPage(t, page)
			if len(page) > 1<<20 {
				t.Errorf("%q: a page of %d bytes: some string is not bounded", p[:10], len(page))
			}
			for _, f := range []Format{Markdown, Navigator} {
				if text := writeDocument(t, f, r); len(text) > 1<<20 {
					t.Errorf("%q: %d bytes of %s: some string is not bounded", p[:10], len(text), f)
				}
			}
		}
	}
}

// What is to be pasted stands in the page letter for letter.
func TestPageKeepsCode(t *testing.T) {
	doc := checkPage(t, writeDocument(t, HTML, threeClouds()))
	var code []string
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "pre" {
			code = append(code, n.FirstChild.Data)
		}
	}
	for _, want := range []string{"vedette explain 3f2a9c1d7be04f5a 'my logs'", "first\n\n  second"} {
		if !slices.Contains(code, want) {
			t.Errorf("no %q in %q", want, code)
		}
	}
}

// A page says what its findings say: the points add up, what is put aside is
// listed and counted, what is left out is counted.
func TestPageIsComplete(t *testing.T) {
	r := threeClouds()
	r.Tally()
	text := pageText(checkPage(t, writeDocument(t, HTML, r)))
	for _, want := range []string{
		"Put aside: 1", "a service agent of the project, which nobody else can be", "payments-prod",
		"What was read, and what it cannot show", "4 problems, 3 records unparsed", "logs/odd.json, record 3: eventTime is a number",
		"Add data event selectors to the trail.", "3 findings, the highest priority 81",
		"The drawing holds 2 of 1,029 calls", "2 of 1,029 events", "and 1,027 more", "and 11 more APIs",
		"No reason rests on what it did afterwards.", "from a network not seen in 30 days", "LUCR-3",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		sum := 0
		for _, reason := range f.Reasons {
			sum += reason.Points
			if !strings.Contains(text, signed(reason.Points)) {
				t.Errorf("finding %s: no %s", f.ID, signed(reason.Points))
			}
		}
		if sum != f.Priority {
			t.Fatalf("finding %s: the fixture's points come to %d", f.ID, sum)
		}
	}
	if text := pageText(checkPage(t, writeDocument(t, HTML, nothing()))); !strings.Contains(text, "but this input cannot show everything: gcp.data_access (not in this input).") {
		t.Errorf("nothing found is not qualified:\n%s", text)
	}
}

// What a limit leaves out is counted.
func TestDocumentLimit(t *testing.T) {
	for format, want := range map[Format]string{HTML: "and 2 more findings, lower in order", Markdown: "and 2 more findings, lower in order"} {
		var b bytes.Buffer
		if err := WriteDocument(&b, string(format), threeClouds(), Options{Limit: 1}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), want) || strings.Contains(b.String(), "payments-prod.iam") {
			t.Errorf("%s: not limited, or not said", format)
		}
	}
}

func pageText(doc *html.Node) string {
	var b strings.Builder
	for n := range doc.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			b.WriteString(n.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// Text has a contrast of 4.5 and drawings have one of 3, in both palettes
// (WCAG 2.2, 1.4.3 and 1.4.11).
func TestContrast(t *testing.T) {
	palettes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(htmlCSS, -1)
	if len(palettes) != 2 {
		t.Fatalf("%d palettes", len(palettes))
	}
	for i, p := range palettes {
		colour := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z0-9]+): #([0-9a-f]{6});`).FindAllStringSubmatch(p[1], -1) {
			n, _ := strconv.ParseUint(m[2], 16, 32)
			colour[m[1]] = luminance(n)
		}
		pairs := map[string]float64{"ink card": 4.5, "ink page": 4.5, "ink well": 4.5, "soft card": 4.5, "soft page": 4.5, "soft well": 4.5,
			"link card": 4.5, "link page": 4.5, "no card": 4.5, "ok card": 3, "h1 card": 3, "h2 card": 3, "h3 card": 3, "h4 card": 3}
		for _, level := range []string{"critical", "high", "medium", "low", "informational"} {
			pairs["badge "+level] = 4.5
			pairs[level+" card"] = 3
		}
		for pair, least := range pairs {
			a, b, _ := strings.Cut(pair, " ")
			la, okA := colour[a]
			lb, okB := colour[b]
			if !okA || !okB {
				t.Fatalf("palette %d has no %s", i, pair)
			}
			if c := (max(la, lb) + 0.05) / (min(la, lb) + 0.05); c < least {
				t.Errorf("palette %d: %s on %s has a contrast of %.2f, less than %.1f", i, a, b, c, least)
			}
		}
	}
}

// luminance is the relative luminance of a colour in sRGB (WCAG 2.2).
func luminance(rgb uint64) float64 {
	part := func(shift uint) float64 {
		c := float64(rgb>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

// rich is a report of findings that fill every part of a page.
func rich(findings, evidence int) *finding.Report {
	r := threeClouds()
	model := r.Findings[0]
	r.Findings = nil
	start := time.Date(2024, 5, 6, 0, 0, 0, 0, time.UTC)
	for i := range findings {
		f := model
		f.ID = fmt.Sprintf("%08x%08x", i*7919, i)
		f.Actor.ID = fmt.Sprintf("arn:aws:iam::111122223333:role/service/a-rather-long-name-of-a-role-%03d", i)
		f.APIs, f.Evidence, f.Slices, f.Services = nil, nil, nil, nil
		for j := range 120 {
			f.APIs = append(f.APIs, finding.API{Service: fmt.Sprintf("service%02d.amazonaws.com", j%30), Name: fmt.Sprintf("DescribeRatherLongNames%03d", j),
				Events: 5000/120 + 1, Outcomes: finding.Outcomes{OK: 30, Denied: 12}, Technique: "T1580", Known: true})
		}
		for j := range 30 {
			f.Services = append(f.Services, finding.Count{Name: fmt.Sprintf("service%02d.amazonaws.com", j), Events: 160})
		}
		for j := range 20 {
			f.Slices = append(f.Slices, finding.Slice{Cut: "session", Name: fmt.Sprintf("arn:aws:sts::111122223333:assumed-role/a-rather-long-name/session-%03d", j), Fires: true,
				RiskScore: 90, Events: 250, DistinctAPIs: 60, FirstSeen: "2024-05-06T00:00:00Z", LastSeen: "2024-05-06T09:00:00Z"})
		}
		from := start.Add(time.Duration(i) * time.Hour)
		for j := range evidence {
			api := f.APIs[j*7%120]
			outcome := "ok"
			if j%3 == 0 {
				outcome = "denied"
			}
			f.Evidence = append(f.Evidence, finding.Evidence{EventID: fmt.Sprintf("%08x-0000-4000-8000-%012x", i, j), Time: from.Add(time.Duration(j) * 7 * time.Second).Format(time.RFC3339),
				Service: api.Service, Operation: api.Name, Outcome: outcome, Account: "111122223333", Region: "eu-central-1", IP: "203.0.113.77",
				At: finding.At{File: "logs/AWSLogs/111122223333/CloudTrail/eu-central-1/2024/05/06/111122223333_CloudTrail_eu-central-1_20240506T0000Z_aBcDeFgHiJkLmNoP.json.gz", Record: j}})
		}
		f.Events, f.DistinctAPIs, f.EvidenceTotal, f.SlicesTotal = evidence, 120, evidence, 20
		f.FirstSeen, f.LastSeen = f.Evidence[0].Time, f.Evidence[evidence-1].Time
		r.Findings = append(r.Findings, f)
	}
	r.Tally()
	return r
}

// 200 findings over a million events are a page of less than 5 MB.
func TestPageStaysSmall(t *testing.T) {
	r := rich(200, 5000)
	start := time.Now()
	page := writeDocument(t, HTML, r)
	t.Logf("%d bytes in %v", len(page), time.Since(start))
	if len(page) >= 5_000_000 {
		t.Errorf("%d bytes", len(page))
	}
}

func TestAxis(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "first"), 0).UTC()
		last := first.Add(time.Duration(rapid.Int64Range(0, 9e18).Draw(t, "length")))
		a := newAxis(first, last, chartCells)
		if a.cells < 1 || a.cells > chartCells || a.start.After(first) || a.start.Add(time.Duration(a.cells)*a.step).Before(last) && last.Sub(first) < 1e18 {
			t.Fatalf("%v to %v: %+v", first, last, a)
		}
		if a.cell(first) > 1 || a.cell(last) >= a.cells {
			t.Fatalf("%v to %v: cells %d and %d of %d", first, last, a.cell(first), a.cell(last), a.cells)
		}
	})
}
