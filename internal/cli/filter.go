package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"vedette/internal/finding"
	"vedette/internal/scan"
	"vedette/internal/triage"
)

// filter cuts the findings that are shown, never the events that their
// windows need.
type filter struct {
	Since   string   `placeholder:"TIME" help:"Findings that reach past this time (RFC 3339, or a date)."`
	Until   string   `placeholder:"TIME" help:"Findings that begin before this time."`
	Last    string   `placeholder:"DURATION" help:"Findings in the time before the newest event, such as 24h or 7d."`
	Actor   []string `placeholder:"NAME" help:"Findings of this actor: name, ARN, id, origin, or a pattern with *." sep:"none"`
	Account []string `placeholder:"ID" help:"Findings in this account, subscription or project: id, name, or a pattern with *." sep:"none"`
	MinRisk int      `placeholder:"RISK" help:"Findings with at least this risk score, 0 to 100."`

	MinPriority int    `placeholder:"N" help:"Findings with at least this priority, 0 to 100."`
	MinLevel    string `enum:"informational,low,medium,high,critical," default:"" help:"Findings of at least this level."`

	since, until time.Time
	last         time.Duration
}

func (f *filter) set() bool {
	return f.Since != "" || f.Until != "" || f.Last != "" || len(f.Actor) > 0 || len(f.Account) > 0 ||
		f.MinRisk > 0 || f.MinPriority > 0 || f.MinLevel != ""
}

// ordered reports whether the filter keeps a beginning of the findings: they
// stand in order of priority.
func (f *filter) ordered() bool {
	return !f.dated() && len(f.Actor)+len(f.Account) == 0 && f.MinRisk == 0
}

// dated reports whether findings are chosen by time.
func (f *filter) dated() bool { return f.Since != "" || f.Until != "" || f.Last != "" }

// check reads the flags before anything else is done.
func (f *filter) check() (err error) {
	if f.since, err = parseTime("--since", f.Since); err != nil {
		return err
	}
	if f.until, err = parseTime("--until", f.Until); err != nil {
		return err
	}
	if err = inOrder(f.since, f.until); err != nil {
		return err
	}
	if f.MinRisk < 0 || f.MinRisk > 100 {
		return usagef("--min-risk: %d is no risk: they go from 0 to 100", f.MinRisk)
	}
	if f.MinPriority < 0 || f.MinPriority > 100 {
		return usagef("--min-priority: %d is no priority: they go from 0 to 100", f.MinPriority)
	}
	if f.Last != "" {
		if f.Since != "" {
			return usagef("--last and --since say the same in two ways: give one")
		}
		if f.last, err = parseDuration(f.Last); err != nil {
			return usagef("--last: %w", err)
		}
	}
	return nil
}

// levelRank is the place of a level, from 0, or -1 where there is none of
// that name.
func levelRank(level string) int { return slices.Index(triage.Levels(), level) }

// parseTime reads an instant, or a date, which stands for its first instant
// in UTC.
func parseTime(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("%s: %q is no time: write for example 2024-05-01T13:00:00Z or 2024-05-01", flag, s)
}

// inOrder refuses a time that ends before it begins. Zero bounds are none.
func inOrder(since, until time.Time) error {
	if !since.IsZero() && !until.IsZero() && !since.Before(until) {
		return usagef("--since %s is not before --until %s", since.Format(time.RFC3339), until.Format(time.RFC3339))
	}
	return nil
}

// parseDuration is time.ParseDuration with days and weeks.
func parseDuration(s string) (time.Duration, error) {
	for unit, d := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if n, ok := strings.CutSuffix(s, unit); ok {
			if v, err := strconv.ParseFloat(n, 64); err == nil && v > 0 && v < 36500 {
				return time.Duration(v * float64(d)), nil
			}
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no duration: write for example 90m, 24h or 7d", s)
	}
	return d, nil
}

// apply drops the findings that are not asked for and counts them.
func (f *filter) apply(res *scan.Result) error {
	since := f.since
	if f.last > 0 {
		since = time.Unix(0, res.Last).UTC().Add(-f.last)
	}
	kept := []finding.Finding{}
	for _, x := range res.Report.Findings {
		keep, err := f.keeps(&x, since)
		if err != nil {
			return err
		}
		if keep {
			kept = append(kept, x)
		}
	}
	res.Report.Summary.Filtered = len(res.Report.Findings) - len(kept)
	res.Report.Findings = kept
	res.Report.Tally()
	return nil
}

func (f *filter) keeps(x *finding.Finding, since time.Time) (bool, error) {
	first, err := time.Parse(time.RFC3339Nano, x.FirstSeen)
	if err != nil {
		return false, err
	}
	last, err := time.Parse(time.RFC3339Nano, x.LastSeen)
	if err != nil {
		return false, err
	}
	switch {
	case x.RiskScore < f.MinRisk,
		x.Priority < f.MinPriority,
		f.MinLevel != "" && levelRank(x.Level) < levelRank(f.MinLevel),
		!since.IsZero() && last.Before(since),
		!f.until.IsZero() && !first.Before(f.until):
		return false, nil
	}
	if len(f.Actor) > 0 {
		names := []string{x.Actor.ID, x.Actor.Name}
		if x.Origin != nil {
			names = append(names, x.Origin.ID)
		}
		if !anyMatch(f.Actor, names) {
			return false, nil
		}
	}
	if len(f.Account) > 0 {
		var names []string
		for _, a := range x.Accounts {
			names = append(names, a.ID, a.Name)
		}
		return anyMatch(f.Account, names), nil
	}
	return true, nil
}

// anyMatch compares without letter case. A pattern matches the whole name; a
// plain word also the part of an ARN or address after its last slash or colon.
func anyMatch(patterns, names []string) bool {
	for _, p := range patterns {
		p = strings.ToLower(p)
		for _, n := range names {
			n = strings.ToLower(n)
			if n == "" {
				continue
			}
			if n == p || strings.HasSuffix(n, "/"+p) || strings.HasSuffix(n, ":"+p) || wildcard(p, n) {
				return true
			}
		}
	}
	return false
}

// wildcard matches * against any text, slashes and colons included.
func wildcard(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(s, p)
		if i < 0 {
			return false
		}
		s = s[i+len(p):]
	}
	return strings.HasSuffix(s, parts[len(parts)-1])
}
