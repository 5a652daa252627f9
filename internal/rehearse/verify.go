package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/triage"
)

// Judging reads logs as the user's own scan would, with a set of detections.
type Judging struct {
	// Scan gives the report on a folder of logs.
	Scan func(ctx context.Context, dir string) (*finding.Report, error)
	// Busiest gives the same report with thresholds of one call, which says
	// what there was where nothing fired.
	Busiest func(ctx context.Context, dir string) (*finding.Report, error)
	// Seed gives the rows of the seed profile.
	Seed func(ctx context.Context, dir string) ([]finding.Row, error)
	// Questions asks hunting questions, by id, of a folder of logs, and gives
	// their answers in the same order.
	Questions func(ctx context.Context, dir string, ids []string) ([]Answer, error)
	// Thresholds say in words when each detection fires.
	Thresholds []string
	// Detections are the ids of those that judge. AsAsked says that they are the
	// ones that the test asks for, and not others that the user named.
	Detections []string
	AsAsked    bool
}

// Answer is what a hunting question gave: the time of the last call of each of
// its rows.
type Answer struct {
	ID   string
	Last []time.Time
}

// Status is what a run came to.
type Status string

// The statuses.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Skipped Status = "skipped"
)

// Result is a run held against what the test says of it. Its JSON is what
// verify writes.
type Result struct {
	Test      string `json:"test"`
	Run       string `json:"run"`
	Name      string `json:"name"`
	About     string `json:"about,omitempty"`
	Technique string `json:"technique"`
	Provider  string `json:"provider"`
	Kind      Kind   `json:"kind"`
	Origin    string `json:"origin,omitempty"`
	// Synthetic is why the logs were made and not recorded; empty where real
	// clients made the calls.
	Synthetic string `json:"synthetic,omitempty"`
	// JudgedBy are the detections that the test asks for; empty where those
	// that a scan runs by default judge it.
	JudgedBy []string `json:"judged_by,omitempty"`
	// Counted are the detections that counted a call of a counter-test, so that
	// its silence says something of them.
	Counted []string `json:"counted_by,omitempty"`

	Want   string   `json:"want"`
	Got    string   `json:"got"`
	Status Status   `json:"status"`
	Why    []string `json:"why,omitempty"` // of what failed or was skipped
	Notes  []string `json:"notes,omitempty"`

	Logs           []string      `json:"logs"`
	Calls          int           `json:"calls"`
	Records        int           `json:"records"`
	NotLogged      int           `json:"not_logged"`
	NotImplemented int           `json:"not_implemented"`
	Unrecorded     int           `json:"unrecorded"`
	Finding        *Found        `json:"finding,omitempty"`
	Signals        []SignalCheck `json:"signals,omitempty"`
	// Questions are the hunting questions that the test claims to answer.
	Questions []QuestionCheck `json:"questions,omitempty"`
}

// QuestionCheck is a hunting question and how many of its rows reach into the
// time that is judged.
type QuestionCheck struct {
	ID   string `json:"id"`
	Rows int    `json:"rows"`
}

// Found is the worst finding of a run.
type Found struct {
	ID         string                `json:"id"`
	Actor      string                `json:"actor"`
	Detections []string              `json:"detections"`
	Priority   int                   `json:"priority"`
	Level      string                `json:"level"`
	RiskScore  int                   `json:"risk_score"`
	Events     int                   `json:"events"`
	APIs       int                   `json:"distinct_apis"`
	Peak       int                   `json:"peak_events"` // in the window with the highest risk
	Denied     int                   `json:"denied"`
	Reasons    []finding.Reason      `json:"reasons"`
	Tools      []finding.Resemblance `json:"tools,omitempty"`
	Aside      string                `json:"aside_because,omitempty"`
}

// SignalCheck is one thing that the origin of a test expects, and what came of
// it.
type SignalCheck struct {
	Said     string   `json:"said"`
	Logged   []string `json:"logged"` // empty: no log has it
	Log      string   `json:"log,omitempty"`
	Recorded int      `json:"recorded"`
	// Off says that the class of log was switched off in this run.
	Off  bool   `json:"off,omitempty"`
	Note string `json:"note,omitempty"`
}

// Rehearsal is what verify says of all runs.
type Rehearsal struct {
	Results []Result `json:"results"`
	Passed  int      `json:"passed"`
	Failed  int      `json:"failed"`
	Skipped int      `json:"skipped"`
}

// ErrNotPlayed says that a folder holds no run of the tests.
var ErrNotPlayed = errors.New("no run of these tests is there")

// Verify holds the runs that a [Player] left in dir against their tests, in
// the order of the tests. Runs that were not played are left out, or, where all
// of the tests must have been played, have failed; none at all is
// [ErrNotPlayed].
//
// judging gives what judges by the detections that a test names, by those that
// a scan runs by default where it names none.
func Verify(ctx context.Context, dir string, tests []*Test, must bool, judging func(detections []string) (Judging, error)) (*Rehearsal, error) {
	all := &Rehearsal{Results: []Result{}}
	var absent []Result
	for _, t := range tests {
		j, err := judging(t.Detections)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.ID, err)
		}
		for i := range t.Runs {
			r := &t.Runs[i]
			text, err := os.ReadFile(filepath.Join(dir, t.ID, r.Name, runFile))
			if errors.Is(err, fs.ErrNotExist) {
				if must {
					absent = append(absent, Result{
						Test: t.ID, Run: r.Name, Name: t.Name, Technique: t.Technique, Provider: t.Provider, Kind: t.Kind,
						Want: r.Expect.String(), Logs: []string{}, Status: Failed, Why: []string{"it was not played"},
					})
				}
				continue
			}
			if err != nil {
				return nil, err
			}
			var played Played
			if err := json.Unmarshal(text, &played); err != nil {
				return nil, fmt.Errorf("%s, %s: run.json: %w", t.ID, r.Name, err)
			}
			res, err := verify(ctx, filepath.Join(dir, t.ID, r.Name, "trail"), t, r, &played, j)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", t.ID, r.Name, err)
			}
			switch res.Status {
			case Passed:
				all.Passed++
			case Failed:
				all.Failed++
			default:
				all.Skipped++
			}
			all.Results = append(all.Results, *res)
		}
	}
	if len(all.Results) == 0 {
		return nil, fmt.Errorf("%s: %w", dir, ErrNotPlayed)
	}
	all.Results = append(all.Results, absent...)
	all.Failed += len(absent)
	return all, nil
}

func verify(ctx context.Context, trail string, t *Test, r *Run, played *Played, j Judging) (*Result, error) {
	res := &Result{
		Test: t.ID, Run: r.Name, Name: t.Name, About: r.About, Technique: t.Technique, Provider: t.Provider, Kind: t.Kind, Origin: t.Origin,
		JudgedBy: t.Detections, Want: r.Expect.String(), Logs: played.Logs, Calls: played.Calls,
		NotLogged: total(played.NotLogged), NotImplemented: total(played.NotImplemented),
	}
	if t.Recipe != nil {
		res.Synthetic = t.Recipe.Why
	}
	if played.Skipped != "" {
		res.Status, res.Why = Skipped, []string{played.Skipped}
		return res, nil
	}
	if t.Recipe == nil && played.Calls == 0 {
		res.fail("no call was made: %s", filepath.Join(filepath.Dir(trail), "clients.log"))
	}
	unrecorded, tooMany := played.Unrecorded()
	res.Unrecorded = unrecorded
	for why, n := range sorted(played.Faults) {
		text := fmt.Sprintf("%d of %d calls not recorded as the provider would have: %s", n, max(n, played.Calls), why)
		if tooMany {
			res.fail("%s", text)
		} else {
			res.Notes = append(res.Notes, text)
		}
	}
	names, err := recorded(trail)
	if err != nil {
		return nil, err
	}
	for _, of := range names {
		res.Records += total(of)
	}
	if err := res.judge(ctx, trail, r, played.From, names, j); err != nil {
		return nil, err
	}
	if err := res.quiet(ctx, trail, t, r, j); err != nil {
		return nil, err
	}
	res.signals(t, r, names)
	if err := res.questions(ctx, trail, r, played.From, j); err != nil {
		return nil, err
	}
	for _, left := range played.Left {
		res.fail("the clean-up does not undo the test: %s", left)
	}
	res.Status = Passed
	if len(res.Why) > 0 {
		res.Status = Failed
		if t.Recipe == nil && played.Calls > 0 {
			res.Notes = append(res.Notes, "what the clients said: "+filepath.Join(filepath.Dir(trail), "clients.log"))
		}
	}
	return res, nil
}

func (res *Result) fail(format string, args ...any) {
	res.Why = append(res.Why, fmt.Sprintf(format, args...))
}

// questions asks the hunting questions that the run claims to answer.
func (res *Result) questions(ctx context.Context, trail string, r *Run, from string, j Judging) error {
	if len(r.Questions) == 0 {
		return nil
	}
	answers := make([]Answer, len(r.Questions))
	if res.Records > 0 {
		var err error
		if answers, err = j.Questions(ctx, trail, r.Questions); err != nil {
			return err
		}
	}
	for i, id := range r.Questions {
		c := QuestionCheck{ID: id}
		for _, last := range answers[i].Last {
			if !before(last.Format(time.RFC3339Nano), from) {
				c.Rows++
			}
		}
		if c.Rows == 0 {
			res.fail("the hunting question %s has no answer in its logs", id)
		}
		res.Questions = append(res.Questions, c)
	}
	return nil
}

// judge scans the logs and compares with what the run expects.
func (res *Result) judge(ctx context.Context, trail string, r *Run, from string, names map[event.Log]map[string]int, j Judging) error {
	e := r.Expect
	if e.SeedRisk != 0 {
		rows, err := j.Seed(ctx, trail)
		if err != nil {
			return err
		}
		risk := 0
		for _, row := range rows {
			risk = max(risk, row.RiskScore)
		}
		res.Got = fmt.Sprintf("seed risk %d", risk)
		if risk != e.SeedRisk {
			res.fail("the seed profile's highest risk is %d", risk)
		}
		return nil
	}
	if res.Records == 0 {
		res.Got = "no record"
		if e.AtLeast != "" {
			res.fail("no call left a record in the logs that are on: %s", strings.Join(res.Logs, ", "))
		}
		if e.Invisible != "" && res.Calls == 0 {
			res.fail("no call was made at all")
		}
		return nil
	}
	report, err := j.Scan(ctx, trail)
	if err != nil {
		return err
	}
	res.Got = "nothing"
	judged := slices.DeleteFunc(slices.Clone(report.Findings), func(f finding.Finding) bool { return before(f.LastSeen, from) })
	if w := most(judged, func(f *finding.Finding) int { return f.Priority }); w != nil {
		res.Finding = found(w)
		res.Got = w.Level
	}
	rank := func(level string) int { return slices.Index(triage.Levels(), level) }
	switch f := res.Finding; {
	case e.AtLeast != "" && f == nil:
		return res.whyNothing(ctx, trail, j)
	case e.AtLeast != "" && rank(f.Level) < rank(e.AtLeast):
		res.fail("the worst finding is %s, priority %d: %s", f.Level, f.Priority, reasons(f.Reasons))
	case e.AtMost != "" && f != nil && rank(f.Level) > rank(e.AtMost):
		res.fail("%s is %s, priority %d: %s", f.Actor, f.Level, f.Priority, reasons(f.Reasons))
	case e.Silent && f != nil:
		res.fail("%s fired for %s: %d calls, %d APIs", strings.Join(f.Detections, ", "), f.Actor, f.Events, f.APIs)
	case e.Invisible != "":
		res.invisible(e.Invisible, report)
	}
	return nil
}

// invisible holds that the calls left nothing, and that the scan says so.
func (res *Result) invisible(class string, report *finding.Report) {
	if res.Finding != nil {
		res.fail("%s fired for %s", strings.Join(res.Finding.Detections, ", "), res.Finding.Actor)
	}
	res.Got = "invisible"
	i := slices.IndexFunc(report.Coverage, func(c finding.Coverage) bool { return c.Log == class && c.Service == "*" })
	if i < 0 || report.Coverage[i].Verdict == "reads_seen" || report.Coverage[i].Blind == "" {
		res.fail("the scan does not say that %s shows no reads", class)
	}
}

// whyNothing says what there was, and what a finding would have needed.
func (res *Result) whyNothing(ctx context.Context, trail string, j Judging) error {
	report, err := j.Busiest(ctx, trail)
	if err != nil {
		return err
	}
	if w := most(report.Findings, func(f *finding.Finding) int { return f.Peak.Events }); w != nil {
		res.fail("nothing fired: the busiest caller, %s, made %d calls of %d APIs within %s, and %s",
			name(&w.Actor), w.Peak.Events, w.Peak.DistinctAPIs, w.Peak.Name, strings.Join(j.Thresholds, "; "))
	} else {
		res.fail("nothing fired: none of the %d records is of a call that counts", res.Records)
	}
	for _, c := range report.Coverage {
		if c.Service == "*" && c.Verdict != "reads_seen" && c.Blind != "" && slices.Contains(res.Logs, c.Log) {
			res.Notes = append(res.Notes, c.Log+": "+strings.TrimSpace(c.Blind))
		}
	}
	return nil
}

// before reports whether a time is before another; nothing is before none.
func before(at, from string) bool {
	a, err := time.Parse(time.RFC3339Nano, at)
	b, err2 := time.Parse(time.RFC3339Nano, from)
	return err == nil && err2 == nil && a.Before(b)
}

// most is the finding that has most of something, the first of equals.
func most(list []finding.Finding, of func(*finding.Finding) int) *finding.Finding {
	var m *finding.Finding
	for i := range list {
		if m == nil || of(&list[i]) > of(m) {
			m = &list[i]
		}
	}
	return m
}

func found(f *finding.Finding) *Found {
	out := &Found{
		ID: f.ID, Actor: name(&f.Actor), Priority: f.Priority, Level: f.Level, RiskScore: f.RiskScore, Events: f.Events, APIs: f.DistinctAPIs,
		Peak: f.Peak.Events, Denied: f.Outcomes.Denied, Reasons: f.Reasons, Tools: f.Tools, Aside: f.Aside,
	}
	for _, d := range f.Detections {
		out.Detections = append(out.Detections, d.ID)
	}
	return out
}

func name(a *finding.Actor) string {
	if a.Name != "" {
		return a.Name
	}
	return a.ID
}

// reasons are a priority's parts in short: "denied +22, services +10".
func reasons(list []finding.Reason) string {
	var out []string
	for _, r := range list {
		if r.Points != 0 {
			out = append(out, fmt.Sprintf("%s %+d", r.Factor, r.Points))
		}
	}
	if out == nil {
		return "no reason"
	}
	return strings.Join(out, ", ")
}

func total(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}
