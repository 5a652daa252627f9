package scan

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// Limits on what the summary lists; the totals stand beside the lists.
const (
	maxListed = 1000
	maxNamed  = 5
)

// summarise adds up what the workers counted, for one of the evaluations.
func summarise(res *Result, evaluation int, workers []*worker, files []input, problems []finding.Problem) *finding.Summary {
	s := &finding.Summary{Files: len(files), Detections: []string{}}
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	days := map[int64]struct{}{}
	var logs [event.NumLogs]finding.LogCount
	var reports []fileTally
	for _, w := range workers {
		t := &w.tally
		s.Bytes += t.bytes
		s.Records += t.records
		s.Events += t.events
		s.Skipped += t.skipped
		s.Unparsed += t.unparsed
		s.ServiceMade += t.serviceMade[evaluation]
		first, last = min(first, t.first), max(last, t.last)
		maps.Copy(days, t.days)
		for l := range t.logs {
			logs[l].Records += t.logs[l].records
			logs[l].Events += t.logs[l].events
		}
		reports = append(reports, t.files...)
	}
	if s.Events > 0 {
		s.FirstEvent, s.LastEvent = formatTime(first), formatTime(last)
		res.First, res.Last, res.Days = first, last, len(days)
	}
	s.Logs = []finding.LogCount{}
	for l, c := range logs {
		if c.Records > 0 {
			c.Log = event.Log(l).String()
			if event.Log(l) == event.NoLog {
				c.Log = "unparsed"
			}
			c.Cloud = event.Log(l).Cloud().String()
			s.Logs = append(s.Logs, c)
		}
	}
	slices.SortFunc(s.Logs, func(a, b finding.LogCount) int {
		return cmp.Or(strings.Compare(a.Cloud, b.Cloud), strings.Compare(a.Log, b.Log))
	})
	slices.SortFunc(reports, func(a, b fileTally) int { return a.file - b.file })
	s.ProblemsTotal = len(problems)
	s.Problems = problems
	var notLogs []string
	for _, r := range reports {
		s.ProblemsTotal += r.lost
		s.Problems = append(s.Problems, r.problems...)
		if r.notLog {
			notLogs = append(notLogs, files[r.file].name)
		}
	}
	if len(s.Problems) > maxListed {
		s.Problems = s.Problems[:maxListed]
	}
	if n := len(notLogs); n > 0 {
		what := strings.Join(notLogs[:min(n, maxNamed)], ", ")
		if n > maxNamed {
			what += fmt.Sprintf(" and %d more", n-maxNamed)
		}
		s.Notes = append(s.Notes, fmt.Sprintf("not a log, passed over: %s", what))
	}
	return s
}

// Lost reports whether any input was lost.
func (r *Result) Lost() bool { return r.Report.Summary.ProblemsTotal > 0 }
