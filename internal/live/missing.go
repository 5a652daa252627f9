package live

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/internal/event"
)

// missing says what has not come, one sentence for each class of log and one
// for the finding, with what is known of why.
func (a *await) missing() []string {
	var list []string
	expected, names := map[string]int{}, map[string][]string{}
	for i := range a.w.Record.Calls {
		m := &a.w.Record.Calls[i]
		if !m.Expected() {
			continue
		}
		expected[m.Log]++
		if _, here := a.lines[i]; !here {
			names[m.Log] = append(names[m.Log], m.Event)
		}
	}
	for l := event.NoLog; l < event.NumLogs; l++ {
		if lost := names[l.String()]; len(lost) > 0 {
			list = append(list, fmt.Sprintf("%d of %s of %s: %s (%s)",
				len(lost), plural(expected[l.String()], "line"), l, a.why(l, len(lost) == expected[l.String()]), strings.Join(summary(lost), ", ")))
		}
	}
	if a.w.Findings == nil || a.w.Silent || a.Found != nil {
		return list
	}
	switch {
	case len(a.Unmet) > 0:
		return append(list, fmt.Sprintf("the finding: %s of this run, and not the one that is awaited", plural(len(a.Unmet), "finding")))
	case len(a.ids) == 0 && len(names) == 0:
		return append(list, "the finding: no call of this run is one that a log must show, and none has shown up")
	case len(names) > 0:
		return append(list, "the finding: it may need the lines that are missing")
	}
	return append(list, "the finding: every line is here and no detection fired on them")
}

// why says what the folder shows of a class of which lines are missing.
func (a *await) why(l event.Log, all bool) string {
	at, any := a.newest[l]
	if !any {
		return "nothing of this class has come at all; is it switched on, and does it go to this folder?"
	}
	newest := time.Unix(0, at).UTC()
	last := a.w.Record.Calls[len(a.w.Record.Calls)-1].Time
	switch {
	case newest.Before(last.Truncate(time.Second)):
		return fmt.Sprintf("the newest event of this class is of %s, before the last call: the log lags behind", newest.Format(time.RFC3339))
	case all:
		return "newer events of this class have come and none carries the marker; another account, region or service than is logged here?"
	}
	return "other lines of this run have come; are their services, regions and kinds of call logged?"
}

// summary names each event once, the first five.
func summary(names []string) []string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) > 5 {
		names = append(names[:5:5], fmt.Sprintf("%d more", len(names)-5))
	}
	return names
}
