package detection

import (
	"regexp"
	"slices"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/event"
	"vedette/internal/plan"
)

// The defaults of a detection that does not say.
const (
	DefaultQuiet     = 30 * time.Minute
	DefaultMaxLength = 24 * time.Hour
)

// Bounds of what a detection may ask for.
const (
	maxWindow       = 31 * 24 * time.Hour
	maxThreshold    = 1_000_000_000
	maxWindows      = 16
	maxAlternatives = 8
	// What one selection includes, and what it excludes.
	maxNames = 5000
)

var (
	idForm        = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	techniqueForm = regexp.MustCompile(`^T[0-9]{4}(\.[0-9]{3})?$`)

	severities  = []string{"informational", "low", "medium", "high", "critical"}
	confidences = []string{"low", "medium", "high"}
)

// Load reads a detection. file is its name for messages. The error is a
// [Problems] that holds everything wrong with the form of the file, and with
// windows and bands that no figures can reach; what only a catalogue and an
// engine can tell is for [Check].
func Load(file string, data []byte) (*Detection, error) {
	r := &reader{report{file: file}}
	d := &Detection{File: file}
	if root := r.document(data); root != nil {
		r.detection(root, d)
	}
	r.problems.sort()
	if err := r.problems.Err(); err != nil {
		return nil, err
	}
	return d, nil
}

func (r *reader) detection(n *yaml.Node, d *Detection) {
	m := r.mapping(n, "a detection", "id", "part_of", "group", "leftover", "name", "version", "description", "techniques", "severity", "confidence",
		"references", "select", "windows", "quiet", "max_length", "false_positives", "examples")
	if m == nil {
		return
	}
	d.pos = m.pos
	r.require(m, "id", "name", "version", "techniques", "windows", "examples")
	f := m.fields
	if d.ID = r.text(f["id"], "id"); d.ID != "" && !idForm.MatchString(d.ID) {
		r.errorf(at(f["id"]), "id is up to 64 letters, digits, dots, dashes and underscores, not %q", d.ID)
	}
	d.PartOf = r.either(f["part_of"], "part_of", "")
	d.Group = r.either(f["group"], "group", "")
	d.Leftover, _ = r.truth(f["leftover"], "leftover")
	d.Name = r.text(f["name"], "name")
	d.Version = r.text(f["version"], "version")
	d.Description = r.prose(f["description"], "description")
	d.Techniques = r.techniques(f["techniques"])
	if f["severity"] != nil {
		d.Severity = r.oneOf(f["severity"], "severity", severities)
	}
	if f["confidence"] != nil {
		d.Confidence = r.oneOf(f["confidence"], "confidence", confidences)
	}
	d.References = r.texts(f["references"], "references", func(s string) string {
		if strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") {
			return ""
		}
		return "a reference is an address that starts with https://"
	})
	d.FalsePositives = r.texts(f["false_positives"], "false_positives", nil)
	d.Quiet = r.duration(f["quiet"], "quiet", 0, 24*time.Hour, DefaultQuiet)
	d.MaxLength = r.duration(f["max_length"], "max_length", time.Minute, maxWindow, DefaultMaxLength)
	if f["select"] != nil {
		d.Select = r.selection(f["select"], d)
	}
	r.windows(f["windows"], d)
	if f["examples"] != nil {
		r.examples(f["examples"], d)
	}
}

func (r *reader) techniques(n *yaml.Node) []string {
	return r.texts(n, "techniques", func(s string) string {
		if techniqueForm.MatchString(s) {
			return ""
		}
		return "a technique is an ATT&CK id such as T1580 or T1087.004"
	})
}

func (r *reader) windows(n *yaml.Node, d *Detection) {
	first := map[string]int{}
	for _, c := range r.list(n, "windows") {
		if len(d.Windows) == maxWindows {
			r.errorf(at(c), "a detection has at most %d windows", maxWindows)
			break
		}
		w, ok := r.window(c, d)
		if !ok {
			continue
		}
		if line, dup := first[w.Name]; dup && w.Name != "" {
			r.errorf(w.pos, "two windows are named %q, the first on line %d", w.Name, line)
		} else {
			first[w.Name] = w.pos.line
		}
		d.Windows = append(d.Windows, w)
	}
}

func (r *reader) window(n *yaml.Node, d *Detection) (w Window, ok bool) {
	m := r.mapping(n, "a window", "name", "length", "kind", "select", "trigger", "bands")
	if m == nil {
		return w, false
	}
	before := len(r.problems)
	r.require(m, "name", "length", "trigger", "bands")
	f := m.fields
	w.pos = m.pos
	w.Name = r.text(f["name"], "name")
	w.Length = r.duration(f["length"], "length", time.Second, maxWindow, 0)
	if w.Length > d.MaxLength {
		r.errorf(at(f["length"]), "length %v is more than max_length %v, at which findings are cut", w.Length, d.MaxLength)
	}
	if f["kind"] != nil && r.oneOf(f["kind"], "kind", []string{"sliding", "tumbling"}) == "tumbling" {
		w.Kind = plan.Tumbling
	}
	switch {
	case f["select"] != nil:
		w.selected = at(f["select"])
		w.Select = r.selection(f["select"], d)
	case d.Select == nil:
		r.errorf(m.pos, "a window lacks \"select\", and the detection has none for all windows")
	}
	if f["trigger"] != nil {
		w.Trigger, w.trigger = r.condition(r.mapping(f["trigger"], "a trigger", "events", "distinct_apis", "distinct_targets", "any"), true)
	}
	r.bands(f["bands"], &w)
	if len(r.problems) == before {
		r.reach(&w)
	}
	return w, true
}

func (r *reader) bands(n *yaml.Node, w *Window) {
	last := 101
	for _, c := range r.list(n, "bands") {
		m := r.mapping(c, "a band", "risk", "events", "distinct_apis", "distinct_targets", "any")
		if m == nil {
			continue
		}
		r.require(m, "risk")
		risk := r.number(m.fields["risk"], "risk", 0, 100, -1)
		when, _ := r.condition(m, false)
		if risk >= last {
			r.errorf(at(m.fields["risk"]), "bands are tried in order, so the highest risk comes first: %d stands after %d", risk, last)
		}
		if risk >= 0 {
			last = risk
		}
		w.Bands = append(w.Bands, plan.Band{Risk: risk, When: when})
		w.bands = append(w.bands, m.pos)
	}
}

// condition reads thresholds: events, distinct_apis and distinct_targets, all
// of which must be reached, or a list of such alternatives under any. Without needed, none at
// all is the condition that always holds.
func (r *reader) condition(m *mapping, needed bool) (plan.Condition, []pos) {
	if m == nil {
		return nil, nil
	}
	any := m.fields["any"]
	if any == nil {
		t, ok := r.thresholds(m, needed)
		if !ok {
			return nil, nil
		}
		return plan.Condition{t}, []pos{m.pos}
	}
	for _, name := range []string{"events", "distinct_apis", "distinct_targets"} {
		if n := m.fields[name]; n != nil {
			r.errorf(at(n), "%s has both \"any\" and %q: move it into the list, or leave the list out", m.what, name)
		}
	}
	var (
		c  plan.Condition
		at []pos
	)
	for _, n := range r.list(any, "any") {
		alternative := r.mapping(n, "an alternative", "events", "distinct_apis", "distinct_targets")
		if alternative == nil {
			continue
		}
		if len(c) == maxAlternatives {
			r.errorf(alternative.pos, "any has at most %d alternatives", maxAlternatives)
			break
		}
		if t, ok := r.thresholds(alternative, true); ok {
			c, at = append(c, t), append(at, alternative.pos)
		}
	}
	return c, at
}

func (r *reader) thresholds(m *mapping, needed bool) (t plan.Thresholds, ok bool) {
	events, apis, targets := m.fields["events"], m.fields["distinct_apis"], m.fields["distinct_targets"]
	if events == nil && apis == nil && targets == nil {
		if needed {
			r.errorf(m.pos, "%s needs a threshold: events, distinct_apis or distinct_targets", m.what)
		}
		return t, false
	}
	t.Events = r.number(events, "events", 1, maxThreshold, 0)
	t.DistinctAPIs = r.number(apis, "distinct_apis", 1, maxThreshold, 0)
	t.DistinctTargets = r.number(targets, "distinct_targets", 1, maxThreshold, 0)
	return t, t != plan.Thresholds{}
}

// selection reads a selector. Its names are kept in d for [Check].
func (r *reader) selection(n *yaml.Node, d *Detection) *plan.Selector {
	m := r.mapping(n, "a selection", "clouds", "logs", "not_logs", "classes", "techniques", "include", "exclude", "outcomes", "services")
	if m == nil {
		return &plan.Selector{}
	}
	f := m.fields
	s := &plan.Selector{
		Clouds:     words(r, f["clouds"], "clouds", event.ParseCloud, event.Clouds()),
		Logs:       words(r, f["logs"], "logs", event.ParseLog, audited()),
		NotLogs:    words(r, f["not_logs"], "not_logs", event.ParseLog, audited()),
		Classes:    words(r, f["classes"], "classes", event.ParseClass, classes()),
		Techniques: r.techniques(f["techniques"]),
		Include:    r.names(f["include"], "include", d),
		Exclude:    r.names(f["exclude"], "exclude", d),
		Outcomes:   words(r, f["outcomes"], "outcomes", event.ParseOutcome, outcomes()),
	}
	s.Services, _ = r.truth(f["services"], "services")
	if f["classes"] == nil && f["include"] == nil {
		r.errorf(m.pos, "a selection needs classes, include or both; else it selects nothing")
	}
	if f["techniques"] != nil && f["classes"] == nil {
		r.errorf(at(f["techniques"]), "techniques narrow classes, and there are none")
	}
	if f["exclude"] != nil && f["classes"] == nil {
		r.errorf(at(f["exclude"]), "exclude takes from classes, and there are none")
	}
	if !slices.ContainsFunc(audited(), s.Sees) {
		r.errorf(m.pos, "no log is left that the selection sees: clouds, logs and not_logs shut out all of them")
	}
	return s
}

// names reads lists of APIs. Each entry may name several.
func (r *reader) names(n *yaml.Node, what string, d *Detection) []plan.Name {
	var list []plan.Name
	for _, c := range r.list(n, what) {
		m := r.mapping(c, "an entry of "+what, "cloud", "service", "api")
		if m == nil {
			continue
		}
		r.require(m, "api")
		var name plan.Name
		if f := m.fields["cloud"]; f != nil {
			if name.Cloud, _ = event.ParseCloud(r.oneOf(f, "cloud", strs(event.Clouds()))); name.Cloud == event.NoCloud {
				continue
			}
		}
		if f := m.fields["service"]; f != nil {
			name.Service = r.service(f)
		}
		apis, where := r.apis(m.fields["api"])
		for i, api := range apis {
			name.API = api
			if api == plan.Any && (name.Service == "" || name.Service == plan.Any) {
				r.errorf(where[i], "\"*\" needs a service; for everything use classes")
				continue
			}
			if slices.Contains(list, name) {
				r.errorf(where[i], "%s names %s twice", what, api)
				continue
			}
			if len(list) == maxNames {
				r.errorf(where[i], "%s names more than %d APIs", what, maxNames)
				return list
			}
			list = append(list, name)
			d.names = append(d.names, named{name, what == "exclude", where[i]})
		}
	}
	return list
}

// apis reads one API name or a list of them.
func (r *reader) apis(n *yaml.Node) (names []string, where []pos) {
	nodes := []*yaml.Node{n}
	if n == nil {
		return nil, nil
	} else if n.Kind == yaml.SequenceNode {
		nodes = r.list(n, "api")
	}
	for _, c := range nodes {
		if s := r.text(c, "api"); s != "" {
			names, where = append(names, s), append(where, at(c))
		}
	}
	return names, where
}

func (r *reader) service(n *yaml.Node) string {
	s := r.text(n, "service")
	if s != strings.ToLower(s) {
		r.errorf(at(n), "services are in lower case: %q", strings.ToLower(s))
	}
	return s
}

// words reads a list of words of a closed set.
func words[T interface {
	comparable
	String() string
}](r *reader, n *yaml.Node, what string, parse func(string) (T, bool), all []T) []T {
	var list []T
	for _, c := range r.list(n, what) {
		v, ok := parse(r.oneOf(c, "an entry of "+what, strs(all)))
		switch {
		case !ok:
		case slices.Contains(list, v):
			r.errorf(at(c), "%s lists %q twice", what, v.String())
		default:
			list = append(list, v)
		}
	}
	return list
}

func strs[T interface{ String() string }](all []T) []string {
	list := make([]string, len(all))
	for i, v := range all {
		list[i] = v.String()
	}
	return list
}

func audited() (list []event.Log) {
	for l := range event.NumLogs {
		if l.Audited() {
			list = append(list, l)
		}
	}
	return list
}

func classes() (list []event.Class) {
	for c := range event.NumClasses {
		list = append(list, c)
	}
	return list
}
