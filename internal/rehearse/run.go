package rehearse

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"vedette/internal/emulate"
	"vedette/internal/event"
)

// Player plays tests. Close must be called when it is done.
type Player struct {
	Tools Tools
	// Dir is where the runs are kept: DIR/TEST/RUN with the logs in trail,
	// what was played in run.json and what the clients printed in clients.log.
	Dir string
	// Without are classes of log that are switched off in every run.
	Without []event.Log
	// Jobs is how many runs are played at a time.
	Jobs int
	// Timeout ends a run; zero is ten minutes.
	Timeout time.Duration
	// Begun is told of each run when it begins, Done when it ends. Calls do
	// not overlap.
	Begun func(t *Test, r *Run)
	Done  func(*Played)

	aws awsAccount
}

// Played is what became of one run.
type Played struct {
	Test      string   `json:"test"`
	Run       string   `json:"run"`
	Synthetic bool     `json:"synthetic,omitempty"`
	Logs      []string `json:"logs"` // the classes that were on
	// Skipped says why it was not played.
	Skipped string `json:"skipped,omitempty"`
	Calls   int    `json:"calls"`
	// NotLogged counts the calls that left no record, by operation.
	NotLogged map[string]int `json:"not_logged,omitempty"`
	// NotImplemented counts the calls that the stand-in could not answer:
	// they are recorded as failed, never as refused.
	NotImplemented map[string]int `json:"not_implemented,omitempty"`
	// Faults count the calls that could not be recorded as the provider would
	// have, and left no record, by why. See [Played.Unrecorded].
	Faults map[string]int `json:"faults,omitempty"`
	// Left is what the clean-up of a test that changes something did not undo.
	Left []string `json:"left,omitempty"`
	// From is the time from which on findings are judged: what was before are
	// the caller's earlier days. Empty where all are.
	From string `json:"from,omitempty"`
}

// fault counts calls that could not be recorded.
func (p *Played) fault(why ...string) {
	if p.Faults == nil && len(why) > 0 {
		p.Faults = map[string]int{}
	}
	for _, w := range why {
		p.Faults[w]++
	}
}

// Unrecorded is how many calls could not be recorded, and whether they are too
// many for the logs to prove anything: more than one in a hundred.
func (p *Played) Unrecorded() (n int, tooMany bool) {
	n = total(p.Faults)
	return n, n*100 > p.Calls
}

// Play plays every run of the tests. What cannot be played is skipped and
// says why; an error ends everything.
func (p *Player) Play(ctx context.Context, tests []*Test) error {
	if err := p.claim(); err != nil {
		return err
	}
	type job struct {
		t *Test
		r *Run
	}
	var jobs []job
	for _, t := range tests {
		for i := range t.Runs {
			jobs = append(jobs, job{t, &t.Runs[i]})
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan job)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range max(p.Jobs, 1) {
		wg.Go(func() {
			for j := range next {
				mu.Lock()
				if p.Begun != nil {
					p.Begun(j.t, j.r)
				}
				mu.Unlock()
				played, err := p.one(ctx, j.t, j.r)
				if err != nil {
					cancel(fmt.Errorf("%s, %s: %w", j.t.ID, j.r.Name, err))
					continue
				}
				mu.Lock()
				if p.Done != nil {
					p.Done(played)
				}
				mu.Unlock()
			}
		})
	}
	for _, j := range jobs {
		select {
		case next <- j:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// Close ends what the runs shared.
func (p *Player) Close() { p.aws.stop() }

// one plays one run into its folder.
func (p *Player) one(ctx context.Context, t *Test, r *Run) (*Played, error) {
	if err := clearRun(p.Dir, t.ID, r.Name); err != nil {
		return nil, err
	}
	if err := Mark(p.Dir, t.ID, r.Name); err != nil {
		return nil, err
	}
	dir := filepath.Join(p.Dir, t.ID, r.Name)
	if err := os.Mkdir(filepath.Join(dir, "trail"), 0o755); err != nil {
		return nil, err
	}
	played := &Played{Test: t.ID, Run: r.Name, Synthetic: t.Synthetic()}
	on := r.logs(t.Provider, p.Without)
	for _, l := range on {
		played.Logs = append(played.Logs, l.String())
	}
	var err error
	switch absent := p.Tools.absent(t.needs()); {
	case t.Recipe != nil:
		err = t.cook(dir)
	case len(absent) > 0:
		played.Skipped = "needs " + strings.Join(absent, ", ") + ", which is not installed"
	default:
		err = p.play(ctx, t, r, on, dir, played)
	}
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(played, "", "  ")
	if err != nil {
		return nil, err
	}
	return played, os.WriteFile(filepath.Join(dir, runFile), append(text, '\n'), 0o644)
}

// needs are the programs of a test with those of its provider's stand-in.
func (t *Test) needs() []string {
	all := slices.Clone(t.Needs)
	if t.Provider == "aws" {
		all = append(all, "moto_server", "python3")
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// day is when the first step of every run begins. A fixed day makes the same
// calls the same records.
var day = time.Date(2026, 3, 17, 13, 2, 41, 0, time.UTC)

func (p *Player) play(ctx context.Context, t *Test, r *Run, on []event.Log, dir string, played *Played) error {
	timeout := p.Timeout
	if timeout == 0 {
		timeout = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not done after %s", timeout))
	defer cancel()
	work, err := os.MkdirTemp("", "rehearsal")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	log, err := os.Create(filepath.Join(dir, "clients.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s := &session{work: work, tools: p.Tools, stage: emulate.NewStage(t.ID + "/" + r.Name), log: log}
	if err := t.unpack(filepath.Join(work, "files")); err != nil {
		return err
	}
	in, end, err := p.standIn(t, r, on, s)
	defer end()
	if err != nil {
		return err
	}
	shut, err := s.open(in)
	if err != nil {
		return err
	}
	defer shut()
	at := day
	for i := range t.Steps {
		step := t.Steps[i]
		if step.As == "" {
			step.As = r.As
		}
		start := at.Add(step.After)
		if step.Days > 0 && played.From == "" {
			played.From = start.Format(time.RFC3339)
		}
		for d := step.Days; d >= 0; d-- {
			s.stage.Begin(emulate.Scene{Source: step.From, Start: start.AddDate(0, 0, -d), PaceMin: step.paceMin, PaceMax: step.paceMax})
			env, before, err := in.begin(s, &step)
			if err != nil {
				return fmt.Errorf("step %d: %w", i+1, err)
			}
			if err := s.run(ctx, before+step.Sh, env); err != nil {
				return fmt.Errorf("step %d: %w", i+1, context.Cause(ctx))
			}
		}
		at = s.stage.Now()
	}
	played.Calls = int(s.calls.Load())
	in.told(played)
	for _, m := range s.proxy.Missed() {
		played.fault("no stand-in: " + m)
	}
	if err := in.deliver(filepath.Join(dir, "trail")); err != nil {
		return err
	}
	if own, ok := in.(*awsRun); ok && t.Changes {
		played.Left, err = own.undo(ctx, s, t.Cleanup)
	}
	return err
}

// standIn gives a run its stand-in, and what ends it after the run.
func (p *Player) standIn(t *Test, r *Run, on []event.Log, s *session) (in standIn, end func(), err error) {
	end = func() {}
	switch t.Provider {
	case "aws":
		account := &p.aws
		if t.Changes {
			account = &awsAccount{}
			end = account.stop
		}
		in, err = account.standIn(p.Tools, r, on, s, t.Changes)
	case "azure":
		in, err = azureStandIn(r, on, s)
	default:
		in, err = gcpStandIn(r, on, s)
	}
	return in, end, err
}

//go:embed scripts
var scripts embed.FS

// unpack writes the files of a test, and the scripts that tests share, into
// one folder.
func (t *Test) unpack(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range t.everything() {
		if err := os.WriteFile(filepath.Join(dir, name), t.file(name), 0o644); err != nil {
			return err
		}
	}
	return nil
}
