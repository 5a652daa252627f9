package rehearse

import (
	"slices"
	"strings"

	"vedette/internal/event"
)

// signals holds that what the origin expects is in the logs, where the
// provider logs it.
func (res *Result) signals(t *Test, r *Run, names map[event.Log]map[string]int) {
	missing := map[string][]string{} // by class
	for i := range t.Signal {
		s := &t.Signal[i]
		if !s.of(r.Name) {
			continue
		}
		check := SignalCheck{Said: s.Said, Logged: s.Logged, Log: s.Log, Note: s.Note}
		if check.Logged == nil {
			check.Logged = []string{}
		}
		l, _ := event.ParseLog(s.Log)
		for written, n := range names[l] {
			if slices.ContainsFunc(s.Logged, func(name string) bool { return strings.EqualFold(name, written) }) {
				check.Recorded += n
			}
		}
		if len(s.Logged) > 0 {
			meant := slices.Contains(logNames(r.logs(t.Provider, nil)), s.Log)
			check.Off = !slices.Contains(res.Logs, s.Log)
			if meant && check.Recorded == 0 {
				missing[s.Log] = append(missing[s.Log], s.Logged[0])
			}
		}
		res.Signals = append(res.Signals, check)
	}
	for class, list := range sorted(missing) {
		how := "though the class is on"
		if !slices.Contains(res.Logs, class) {
			how = "and the class is switched off"
		}
		res.fail("%s has no record of %s, %s", class, strings.Join(list, ", "), how)
	}
}

func logNames(list []event.Log) []string {
	var out []string
	for _, l := range list {
		out = append(out, l.String())
	}
	return out
}
