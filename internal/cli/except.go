package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"vedette/internal/exception"
	"vedette/internal/finding"
	"vedette/internal/term"
)

type exceptCmd struct {
	inLogs
	counting
	Reason string `required:"" placeholder:"TEXT" help:"Why the finding is benign."`
	Owner  string `required:"" placeholder:"TEXT" help:"Who answers for that."`
	For    string `required:"" placeholder:"DURATION" help:"How long the exception holds after the finding's last call, such as 30d; 366d at most."`
	Output string `short:"o" type:"path" xor:"where" placeholder:"FILE" help:"Write a new file of exceptions there instead of to standard output."`
	Append string `type:"path" xor:"where" placeholder:"FILE" help:"Write it to the end of this file of exceptions; made if need be."`
	Quiet  bool   `short:"q" help:"No progress on standard error."`
}

func (c *exceptCmd) Run(ctx context.Context, std IO) error {
	if err := c.chosen().check(); err != nil {
		return err
	}
	if err := c.chosen().split(); err != nil {
		return err
	}
	if len(c.Paths) == 0 {
		return usagef("an exception is made of the calls themselves: name the logs that were scanned, beside the findings if those were saved")
	}
	life, err := parseDuration(c.For)
	if err != nil {
		return usagef("--for: %w", err)
	}
	old, err := c.old()
	if err != nil {
		return err
	}
	if c.Findings != "" {
		f, err := c.chosen().lookUp(std)
		if err != nil {
			return err
		}
		c.ID = f.ID
	}
	opts, _, err := c.counting.options(c.Paths, std, 0)
	if err != nil {
		return err
	}
	opts.Engine.Detail = 1 // only the facts are asked for
	judged := &judgedFacts{}
	opts.Engine.Judged = judged.after(opts.Engine.Judged)
	res, err := run(ctx, opts, std, c.Quiet)
	if err != nil {
		return err
	}
	if res.Report.Summary.Events == 0 {
		return errNothing(res, byScan)
	}
	f, err := pick(res.Report.Findings, c.ID)
	if err != nil {
		return err
	}
	if f.Aside != "" {
		return usagef("finding %s is put aside already: %s", f.ID, f.Aside)
	}
	rule, err := exception.For(judged.by[f.ID], exception.Terms{ID: exceptionID(f), Reason: c.Reason, Owner: c.Owner, Life: life})
	if err != nil {
		return usage(err)
	}
	does := effectOf(rule, res.Report.Findings, judged.by)
	if does.aside == 0 {
		return usagef("the exception would put no finding of these logs aside, and is not written: of %s it does not cover %s",
			f.ID, term.Safe(strings.Join(rule.Misses(judged.by[f.ID]), "; ")))
	}
	text, err := exception.Append(cmp.Or(c.Append, c.Output, "-"), old, rule)
	if err != nil {
		return usage(err)
	}
	story := std.Stdout
	if where := cmp.Or(c.Append, c.Output); where != "" {
		if err := c.write(where, text); err != nil {
			return err
		}
	} else {
		if _, err := std.Stdout.Write(text); err != nil {
			return err
		}
		story = std.Stderr
	}
	if err := does.tell(story, rule, len(res.Report.Findings)); err != nil {
		return err
	}
	return errLost(res, byScan)
}

// old is the text that the exception is appended to.
func (c *exceptCmd) old() ([]byte, error) {
	if c.Append == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.Append)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, usagef("--append: %w", err)
	}
	if len(text) > 0 {
		if _, err := exception.Parse(c.Append, text); err != nil {
			return nil, usage(err) // before the logs are read
		}
	}
	return text, nil
}

// write writes the file. A new one never takes the place of another: the
// exceptions in that would be gone.
func (c *exceptCmd) write(where string, text []byte) error {
	if c.Append != "" {
		if err := os.WriteFile(where, text, 0o600); err != nil {
			return fmt.Errorf("--append: %w", err)
		}
		return nil
	}
	f, err := os.OpenFile(where, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usagef("-o: %s exists: --append adds to it", where)
	}
	if err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// judgedFacts keeps the facts of findings, by their id.
type judgedFacts struct {
	mu sync.Mutex
	by map[string]*finding.Facts
}

func (k *judgedFacts) after(first func(*finding.Finding, *finding.Facts)) func(*finding.Finding, *finding.Facts) {
	return func(f *finding.Finding, facts *finding.Facts) {
		if first != nil {
			first(f, facts)
		}
		k.mu.Lock()
		if k.by == nil {
			k.by = map[string]*finding.Facts{}
		}
		k.by[f.ID] = facts.Clone()
		k.mu.Unlock()
	}
}

// exceptionID names an exception after the actor of a finding and its id.
func exceptionID(f *finding.Finding) string {
	name, _, _ := strings.Cut(f.Actor.Name[strings.LastIndexByte(f.Actor.Name, '/')+1:], "@")
	id := strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			return c
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		}
		return '-'
	}, name)
	if len(id) > 40 {
		id = id[:40]
	}
	return strings.TrimPrefix(strings.Trim(id, "-")+"-"+f.ID[:8], "-")
}

// effect is what a rule does to the findings of a scan.
type effect struct {
	aside, calls int // findings put aside, and their calls
	stay         int // findings of the same principal that it does not put aside
	// asideText and stayText list them.
	asideText, stayText strings.Builder
}

func effectOf(rule *exception.Rule, findings []finding.Finding, facts map[string]*finding.Facts) *effect {
	list := exception.NewList(rule)
	e := &effect{}
	for i := range findings {
		f := &findings[i]
		v := list.Judge(facts[f.ID])
		line := fmt.Sprintf("  %s  %s from %s to %s, priority %d\n", f.ID[:8], term.Plural(f.Events, "call"), f.FirstSeen, f.LastSeen, f.Priority)
		switch {
		case f.Aside != "":
		case v.Rule != nil:
			e.aside++
			e.calls += f.Events
			e.asideText.WriteString(line)
		case len(v.Partly) > 0:
			e.stay++
			e.stayText.WriteString(line)
			for _, miss := range v.Partly[0].Misses {
				fmt.Fprintf(&e.stayText, "    not covered: %s\n", term.Safe(miss))
			}
		}
	}
	return e
}

// tell says what a rule does among so many findings.
func (e *effect) tell(w io.Writer, rule *exception.Rule, findings int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Exception %s for %s holds until %s, as the time of calls goes.\n", rule.ID, term.Safe(rule.Principal), rule.Expires.Format(time.RFC3339))
	fmt.Fprintf(&b, "Here it puts %s of %d aside, with %s.\n%s", term.Plural(e.aside, "finding"), findings, term.Plural(e.calls, "call"), e.asideText.String())
	if e.stay > 0 {
		fmt.Fprintf(&b, "It does not put aside %s of the same principal.\n%s", term.Plural(e.stay, "finding"), e.stayText.String())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// tellExceptions notes how far exceptions were used.
func tellExceptions(list *exception.List, s *finding.Summary, asn bool) {
	newest, err := time.Parse(time.RFC3339Nano, s.LastEvent)
	if err != nil {
		newest = time.Time{} // there was no event
	}
	s.Exceptions = list.Uses(newest)
	hits, by := 0, map[string][]string{}
	for _, u := range s.Exceptions {
		hits += u.Hits
		by[u.State] = append(by[u.State], u.ID)
	}
	note := fmt.Sprintf("exceptions: %s put %s aside", term.Plural(len(s.Exceptions), "rule"), term.Plural(hits, "finding"))
	for _, state := range []string{"unused", "expired"} {
		if ids := by[state]; len(ids) > 0 {
			note += fmt.Sprintf("; %s: %s", state, strings.Join(ids, ", "))
		}
	}
	s.Notes = append(s.Notes, note)
	if ids := list.NeedsASN(); len(ids) > 0 && !asn {
		s.Notes = append(s.Notes, "exceptions: without --geoip no autonomous system is known, which these are bound to: "+strings.Join(ids, ", "))
	}
}
