// Package hub joins what there is for each technique of Discovery: the
// detections, the logs of each cloud that show it, what the rehearsals came to,
// what each SIEM can say, and the guide. It looks nothing up by itself; what it
// joins is handed in.
package hub

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vedette/internal/attack"
	"vedette/internal/detection"
	"vedette/internal/event"
	"vedette/internal/guide"
	"vedette/internal/plan"
	"vedette/internal/rehearse"
)

// Hub is the tactic, technique by technique, in order of their ids.
type Hub struct {
	Tactic     string       `json:"tactic"`
	Attack     string       `json:"attack_version"`
	Techniques []*Technique `json:"techniques"`
}

// Technique is all that there is of one.
type Technique struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Detections []Detection  `json:"detections"`
	Also       []string     `json:"also_in"` // detections of other techniques that name this one
	Clouds     []*Cloud     `json:"clouds"`
	Rules      []Rule       `json:"rules"`
	Guide      *guide.Guide `json:"guide"`
}

// Detection is a built-in detection whose main technique this is.
type Detection struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Version string   `json:"version"`
	About   string   `json:"about"`
	Runs    string   `json:"runs"`     // when a scan runs it, in words
	Fires   []string `json:"fires_at"` // a window each: "burst: 10 events or 5 distinct APIs within 15m00s"
	Benign  []string `json:"false_positives"`
}

// Cloud is where one cloud shows the technique, and what was rehearsed there.
type Cloud struct {
	Name  string `json:"cloud"`
	Shows string `json:"shows"` // what its logs show, in words
	Logs  []Log  `json:"logs"`
	// Unlogged is how many APIs of the technique no log has.
	Unlogged int `json:"apis_in_no_log"`
	// CannotFire says why no window of the technique's detections can fire here,
	// though its logs show some of what they select: too few kinds of call. It
	// is empty where one can, and where nothing is selected.
	CannotFire string `json:"cannot_fire,omitempty"`
	Runs       []Run  `json:"rehearsals"`
}

// Log is a class of log that shows the technique: APIs that the catalogue counts
// for it or that its detections select.
type Log struct {
	Class    string   `json:"class"`
	APIs     int      `json:"apis"`
	Selected int      `json:"selected"` // of these by the technique's detections
	Some     []string `json:"examples"` // at most 3 different names, as the log writes them
}

// Run is what one run of an attack test or counter-test came to.
type Run struct {
	Test      string   `json:"test"`
	Run       string   `json:"run"`
	Kind      string   `json:"kind"`
	Want      string   `json:"want"`
	Got       string   `json:"got"`
	Status    string   `json:"status"`
	Synthetic bool     `json:"synthetic"` // made, not recorded from a client
	JudgedBy  []string `json:"judged_by"` // empty: by what a scan runs by default
	// Found says that there was a finding, of whatever level.
	Found bool `json:"found"`
	// Why says why it was not played, or what of it failed.
	Why []string `json:"why,omitempty"`
}

// Came is what a run came to, in words: for one that was not played, why.
func (r *Run) Came() string {
	switch {
	case r.Got != "":
		return "was " + r.Got
	case len(r.Why) > 0:
		return "was not played: " + strings.Join(r.Why, "; ")
	}
	return "was not played"
}

// Rule is what one SIEM language makes of a window of a detection.
type Rule struct {
	Target    string `json:"target"`
	ID        string `json:"rule"`
	Detection string `json:"detection"`
	Exact     int    `json:"exact"` // features
	// Approximated and Impossible are the features that the language says less
	// than exactly, or not.
	Approximated []string `json:"approximated"`
	Impossible   []string `json:"impossible"`
	// Why says why there is no rule; empty where there is one.
	Why string `json:"why,omitempty"`
}

// Input is what a hub is made of.
type Input struct {
	Guides     []*guide.Guide
	Detections []*detection.Detection // the built-in ones
	Registry   *event.Registry        // of all clouds' catalogues
	Rules      []Rule
	Results    []rehearse.Result
	// Duration writes a window's length.
	Duration func(*plan.Window) string
}

// Build joins. The techniques are those that have a guide.
func Build(in Input) (*Hub, error) {
	h := &Hub{Tactic: "Discovery", Attack: attack.Version}
	for _, g := range in.Guides {
		a, ok := attack.Lookup(g.Technique)
		if !ok {
			return nil, fmt.Errorf("guide %s: no such technique is known", g.Technique)
		}
		t := &Technique{ID: g.Technique, Name: a.Name, Detections: []Detection{}, Also: []string{}, Rules: []Rule{}, Guide: g}
		var windows []plan.Window
		for _, d := range in.Detections {
			if d.Techniques[0] != t.ID {
				if slices.Contains(d.Techniques, t.ID) {
					t.Also = append(t.Also, d.ID)
				}
				continue
			}
			p, err := detection.Lower(d, detection.Options{})
			if err != nil {
				return nil, err
			}
			one := Detection{ID: d.ID, Name: d.Name, Version: d.Version, About: strings.Join(strings.Fields(d.Description), " "), Runs: runs(d), Benign: d.FalsePositives}
			for i := range p.Windows {
				w := &p.Windows[i]
				one.Fires = append(one.Fires, fmt.Sprintf("%s: %s within %s", w.Name, w.Trigger, in.Duration(w)))
			}
			windows = append(windows, p.Windows...)
			t.Detections = append(t.Detections, one)
		}
		for _, r := range in.Rules {
			if slices.ContainsFunc(t.Detections, func(d Detection) bool { return d.ID == r.Detection }) {
				t.Rules = append(t.Rules, r)
			}
		}
		for _, c := range event.Clouds() {
			t.Clouds = append(t.Clouds, t.cloud(c, windows, in.Registry, t.runs(c, in.Results)))
		}
		h.Techniques = append(h.Techniques, t)
	}
	return h, nil
}

// runs says when a scan runs a detection.
func runs(d *detection.Detection) string {
	switch {
	case d.PartOf != "":
		return "as a rule beside " + d.PartOf + ", and where it is named"
	case d.Group != "":
		return "where it or " + d.Group + " is named"
	}
	return "by default"
}

// examplesOf is how many names a log is shown with.
const examplesOf = 3

// cloud counts the APIs of the technique, by the log that has them.
func (t *Technique) cloud(c event.Cloud, windows []plan.Window, reg *event.Registry, rehearsed []Run) *Cloud {
	out := &Cloud{Name: c.String(), Shows: t.Guide.Looks(c.String()), Logs: []Log{}, Runs: rehearsed}
	names := map[event.Log][]string{}
	selected := map[event.Log]int{}
	kinds := make([]int, len(windows)) // that each window may count here
	catalogued := plan.Selector{Classes: []event.Class{event.ClassDiscovery, event.ClassDataRead}, Techniques: []string{t.ID}}
	for _, a := range reg.All() {
		if a.Cloud != c {
			continue
		}
		mine := false
		for i, w := range windows {
			if w.Select.Sees(a.Log) && w.Select.Selects(a, false) {
				mine = true
				if a.Log.Audited() {
					kinds[i]++
				}
			}
		}
		switch {
		case !mine && !catalogued.Selects(a, false):
		case !a.Log.Audited():
			out.Unlogged++
		default:
			name := a.Name
			if len(a.Logged) > 0 {
				name = a.Logged[0]
			}
			names[a.Log] = append(names[a.Log], name)
			if mine {
				selected[a.Log]++
			}
		}
	}
	for _, l := range slices.Sorted(maps.Keys(names)) {
		list := names[l]
		apis := len(list)
		slices.Sort(list)
		list = slices.Compact(list) // services may have a name in common
		out.Logs = append(out.Logs, Log{Class: l.String(), APIs: apis, Selected: selected[l], Some: list[:min(len(list), examplesOf)]})
	}
	out.CannotFire = cannotFire(windows, kinds)
	return out
}

// cannotFire says of windows that may count so many kinds of call each why none
// of them can fire. It is empty where one can, and where none counts anything.
func cannotFire(windows []plan.Window, kinds []int) string {
	var why []string
	for i, w := range windows {
		if kinds[i] == 0 {
			continue
		}
		least := w.Trigger[0].DistinctAPIs
		for _, alternative := range w.Trigger {
			least = min(least, alternative.DistinctAPIs)
		}
		if least <= kinds[i] {
			return ""
		}
		why = append(why, fmt.Sprintf("%s asks for %d kinds of call, and its logs show %d", w.Name, least, kinds[i]))
	}
	return strings.Join(why, "; ")
}

// runs are the results of tests of the technique, or judged by one of its
// detections, in a cloud; and of counter-tests of which one of them counted a
// call.
func (t *Technique) runs(c event.Cloud, results []rehearse.Result) []Run {
	list := []Run{}
	for _, r := range results {
		mine := slices.ContainsFunc(t.Detections, func(d Detection) bool { return slices.Contains(r.JudgedBy, d.ID) || slices.Contains(r.Counted, d.ID) })
		if r.Provider != c.String() || r.Technique != t.ID && !mine {
			continue
		}
		judged := r.JudgedBy
		if judged == nil {
			judged = []string{}
		}
		list = append(list, Run{Test: r.Test, Run: r.Run, Kind: string(r.Kind), Want: r.Want, Got: r.Got, Status: string(r.Status), Synthetic: r.Synthetic != "", JudgedBy: judged, Found: r.Finding != nil, Why: r.Why})
	}
	return list
}

// Targets are the languages of the technique's rules, and how many of these
// have a rule for each of its windows.
func (t *Technique) Targets() (whole, all int) {
	missing := map[string]bool{}
	for _, r := range t.Rules {
		missing[r.Target] = missing[r.Target] || r.Why != ""
	}
	for _, m := range missing {
		if !m {
			whole++
		}
	}
	return whole, len(missing)
}

// Passed is how many of a cloud's runs came to what they must, of those that
// were played.
func (c *Cloud) Passed() (passed, played int) {
	for _, r := range c.Runs {
		if r.Status != string(rehearse.Skipped) {
			played++
		}
		if r.Status == string(rehearse.Passed) {
			passed++
		}
	}
	return passed, played
}

// Found is how many runs of attacks had a finding.
func (c *Cloud) Found() (n int) {
	for _, r := range c.Runs {
		if r.Found && r.Kind == string(rehearse.Attack) {
			n++
		}
	}
	return n
}

// Silent is why nothing can be found in a cloud, in few words; empty where
// something can.
func (c *Cloud) Silent() string {
	selected := 0
	for _, l := range c.Logs {
		selected += l.Selected
	}
	switch {
	case len(c.Logs) == 0:
		return "not logged"
	case c.CannotFire != "":
		return "cannot fire"
	case selected == 0:
		return "no detection of its own"
	}
	return ""
}

// Choose leaves the techniques that are named, without letter case; none named
// leaves all.
func (h *Hub) Choose(ids []string) error {
	var kept []*Technique
	for _, id := range ids {
		i := slices.IndexFunc(h.Techniques, func(t *Technique) bool { return strings.EqualFold(t.ID, id) })
		if i < 0 {
			var all []string
			for _, t := range h.Techniques {
				all = append(all, t.ID)
			}
			return fmt.Errorf("there is no guide of %q; there are %s", id, strings.Join(all, ", "))
		}
		if !slices.Contains(kept, h.Techniques[i]) {
			kept = append(kept, h.Techniques[i])
		}
	}
	if len(ids) > 0 {
		h.Techniques = kept
	}
	return nil
}
