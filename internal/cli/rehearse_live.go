package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vedette/internal/cloud/all"
	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/live"
	"vedette/internal/rehearse"
	"vedette/internal/scan"
	backends "vedette/internal/siem/all"
	"vedette/internal/term"
)

// liveRun is the flags of a run in a real cloud.
type liveRun struct {
	Live      bool              `help:"Make the test's calls in a real cloud, with your own credentials. They only read."`
	Var       map[string]string `placeholder:"NAME=VALUE" help:"With --live: what a placeholder of the calls stands for, such as subscription; may be given again." mapsep:"none"`
	AWSConfig string            `name:"aws-profile" placeholder:"NAME" help:"With --live: profile of the AWS configuration."`
	AWSRegion string            `name:"aws-region" placeholder:"NAME" help:"With --live: region of calls that name none."`
	Sensitive bool              `help:"With --live: make calls too whose answers hold secrets; the answers are thrown away."`
	Yes       bool              `help:"With --live: do not ask."`
}

// liveFile is where a live run is kept in a rehearsal's folder.
func liveFile(dir, test string) string { return filepath.Join(dir, test, liveName, "run.json") }

// liveName is the run of a test that was a live one.
const liveName = "live"

// signIn says how to come by credentials.
var signIn = map[string]string{
	"aws":   "Credentials are those of the AWS SDK: AWS_PROFILE or --aws-profile, AWS_ACCESS_KEY_ID, or aws sso login.",
	"azure": "Credentials are those of azidentity: az login, or AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET.",
	"gcp":   "Credentials are Google's application default ones: gcloud auth application-default login, or GOOGLE_APPLICATION_CREDENTIALS.",
}

// oneLive returns the test of a live run.
func oneLive(list []*rehearse.Test) (*rehearse.Test, error) {
	if len(list) != 1 {
		return nil, usagef("--live is for one test at a time, and these are %d", len(list))
	}
	if len(list[0].Live) == 0 {
		return nil, usagef("%s has no calls for a real cloud; `vedette rehearse plan %s` shows its steps", list[0].ID, list[0].ID)
	}
	return list[0], nil
}

// live announces the calls of a test, asks, and makes them.
func (c *rehearseRun) live(ctx context.Context, list []*rehearse.Test, std IO) error {
	t, err := oneLive(list)
	if err != nil {
		return err
	}
	if len(c.Without) > 0 {
		return usagef("--without is for stand-ins: what a real cloud logs is yours to switch")
	}
	plan, err := live.Prepare(ctx, live.Options{Calls: t.Live, Vars: c.Var, Profile: c.AWSConfig, Region: c.AWSRegion, Sensitive: c.Sensitive})
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n") // the SDKs print pages
		return exit{ExitFailed, fmt.Errorf("%s\nNothing was called. %s", first, signIn[t.Provider])}
	}
	p := rehearse.Player{Dir: c.Dir}
	if err := p.Play(ctx, nil); err != nil { // takes the folder
		plan.Close()
		return err
	}
	for _, line := range plan.Lines() {
		fmt.Fprintln(std.Stderr, term.Safe(line))
	}
	if !c.Yes {
		fmt.Fprint(std.Stderr, "Go on? [y/N] ")
		answer, err := bufio.NewReader(io.LimitReader(std.Stdin, 80)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) || !slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer))) {
			plan.Close()
			return exit{ExitFailed, errors.New("nothing was called")}
		}
	}
	record, err := plan.Run(ctx, func(m *live.Made) {
		if !c.Quiet {
			text := m.Outcome
			if m.Code != "" {
				text += " " + m.Code
			}
			fmt.Fprintf(std.Stderr, "%s %s %s: %s\n", m.Time.Format(time.TimeOnly), term.Safe(m.Call), term.Safe(m.Region), term.Safe(text))
		}
	})
	if record != nil && len(record.Calls) > 0 {
		werr := rehearse.Mark(c.Dir, t.ID, liveName)
		if werr == nil {
			werr = writeJSONFile(liveFile(c.Dir, t.ID), record)
		}
		if werr != nil {
			return errors.Join(err, werr)
		}
	}
	if err != nil {
		return fmt.Errorf("%s, %d not made: %w", term.Plural(len(record.Calls), "call"), record.Left, err)
	}
	fmt.Fprintf(std.Stderr, "%s, marked %s. Next: vedette rehearse verify%s --live FOLDER\n", term.Plural(len(record.Calls), "call"), record.UserAgent, c.again())
	return nil
}

func writeJSONFile(file string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}

// liveVerify is the flags of waiting for a real cloud's logs.
type liveVerify struct {
	Live    string        `type:"path" placeholder:"FOLDER" help:"Wait in this folder for the log lines of a live run, and for the finding."`
	Wait    time.Duration `default:"30m" placeholder:"DURATION" help:"With --live: how long to wait. Default: ${default}."`
	Every   time.Duration `default:"5s" placeholder:"DURATION" help:"With --live: time between two looks. Default: ${default}."`
	Level   string        `enum:"informational,low,medium,high,critical" default:"low" placeholder:"LEVEL" help:"With --live: level that the finding must have at least. Default: ${default}."`
	Queries string        `type:"path" placeholder:"DIR" help:"With --live: write the queries that should now find it there instead of to standard output."`
}

// arrived is what waiting came to, as JSON.
type arrived struct {
	Test string `json:"test"`
	// Silent says that the test expects no finding.
	Silent bool `json:"no_finding_expected,omitempty"`
	*live.Arrival
}

// live waits for the lines of a live run, and for the finding where the test
// expects one.
func (c *rehearseVerify) live(ctx context.Context, list []*rehearse.Test, std IO) error {
	t, err := oneLive(list)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(liveFile(c.Dir, t.ID))
	if err != nil {
		return usagef("%w: run `vedette rehearse run %s --live` first", err, t.ID)
	}
	var record live.Record
	if err := json.Unmarshal(text, &record); err != nil {
		return usage(fmt.Errorf("%s: %w", liveFile(c.Dir, t.ID), err))
	}
	opts, enricher, err := c.counting.options(nil, std, 0)
	if err != nil {
		return err
	}
	silent := !slices.ContainsFunc(t.Runs, func(r rehearse.Run) bool { return !r.Expect.Silent })
	a, err := live.Await(ctx, live.Watch{
		Folder: c.Live, Record: &record, Silent: silent, Poll: c.Every, Timeout: c.Wait,
		Lines: func(ctx context.Context, paths []string, visit func(string, []byte, *event.Event)) error {
			_, err := scan.Walk(ctx, paths, all.Providers(), func(file string, r *scan.Record, ev *event.Event) { visit(file, r.Raw, ev) })
			return err
		},
		Findings: func(ctx context.Context, paths []string) ([]finding.Finding, error) {
			o := opts
			o.Paths = paths
			res, err := scan.Run(ctx, o)
			if err != nil {
				return nil, err
			}
			enricher.apply(&res.Report)
			return res.Report.Findings, nil
		},
		Fires: func(f *finding.Finding) bool { return levelRank(f.Level) >= levelRank(c.Level) },
		Told:  func(line string) { fmt.Fprintln(std.Stderr, term.Safe(line)) },
	})
	if a == nil {
		return err
	}
	if err == nil && !silent {
		err = c.queries(t, a.Found, std)
	}
	if c.Format == "json" {
		out, jerr := json.MarshalIndent(arrived{t.ID, silent, a}, "", "  ")
		if jerr != nil {
			return jerr
		}
		fmt.Fprintf(std.Stdout, "%s\n", out)
	} else {
		tellArrival(std.Stdout, a, silent)
	}
	return err
}

func tellArrival(w io.Writer, a *live.Arrival, silent bool) {
	delay := func(s *float64) string {
		if s == nil {
			return "not yet"
		}
		return term.Duration(time.Duration(*s * float64(time.Second)))
	}
	fmt.Fprintf(w, "lines        %d of %d, %s more of the run\n", len(a.Lines), a.Expected, term.Plural(a.Others, "line"))
	fmt.Fprintf(w, "first line   %s after the first call\n", delay(a.FirstLine))
	fmt.Fprintf(w, "last line    %s\n", delay(a.LastLine))
	if silent && a.Fired == nil {
		fmt.Fprintln(w, "finding      none, and the test expects none")
	} else {
		fmt.Fprintf(w, "finding      %s\n", delay(a.Fired))
	}
	if f := a.Found; f != nil {
		fmt.Fprintf(w, "             %s, %s, priority %d, %d calls of %d APIs: %s\n", term.Safe(f.Level), term.Safe(f.Actor.ID), f.Priority, f.Events, f.DistinctAPIs, term.Safe(f.ID))
	}
	for _, m := range a.Missing {
		fmt.Fprintf(w, "missing      %s\n", term.Safe(m))
	}
}

// queries shows, for each SIEM, the query that should now find the run there.
func (c *rehearseVerify) queries(t *rehearse.Test, f *finding.Finding, std IO) error {
	var ids []string
	for _, d := range f.Detections {
		ids = append(ids, d.ID)
	}
	of := compileCmd{Detections: ids, Target: []string{"all"}, Cloud: []string{t.Provider}, Profile: "vedette", Window: "tumbling", Identity: c.Identity, Output: c.Queries, Format: "text"}
	if c.Queries != "" {
		if c.Format == "json" {
			std.Stdout = std.Stderr // standard output is one object
		}
		return of.Run(std)
	}
	rules, err := of.rules()
	if err != nil {
		return err
	}
	if c.Format == "json" {
		return nil // one object, and nothing else
	}
	for _, b := range backends.Backends() {
		fields, err := of.fields(b)
		if err != nil {
			return err
		}
		for _, r := range rules {
			out, err := b.Compile(r, fields)
			if err != nil {
				continue // what a language cannot say: compile tells it
			}
			fmt.Fprintf(std.Stdout, "=== %s: %s\n%s\n", b.Name(), r.ID, out.Query)
		}
	}
	return nil
}
