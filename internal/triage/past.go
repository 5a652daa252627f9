package triage

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// minDays is how many days of history it takes before what is new says
// something, and what is known.
const (
	minDays   = 3
	knownDays = 7
)

func (s *sheet) past(f *finding.Facts) {
	h := &f.History
	if h.Peers > 0 {
		n, rare := 0., []string(nil)
		for i := range f.Operations {
			o := &f.Operations[i]
			if n += o.Unusual; o.Unusual >= 0.5 {
				rare = append(rare, o.API.Name)
			}
		}
		slices.Sort(rare)
		if s.add("unusual", n, 1) {
			s.say("%s that few of the account's %d callers use: %s", count(len(rare), "operation"), h.Peers, few(rare, 6))
		}
	}
	if h.Days < minDays {
		if h.Days == 0 {
			s.note("cold_start", "no history of this caller: nothing is said of what is new")
		} else {
			s.note("cold_start", "%s of history of this caller: too little to say what is new", count(h.Days, "day"))
		}
		return
	}
	fresh := 0
	for i := range f.Operations {
		if f.Operations[i].New {
			fresh++
		}
	}
	days := count(h.Days, "day")
	if s.add("new_apis", float64(fresh), 1) {
		s.say("%s never used by this %s in %s", count(fresh, "operation"), h.From, days)
	}
	if s.add("new_services", float64(len(h.NewServices)), 1) {
		s.say("%s never used by this %s in %s: %s", count(len(h.NewServices), "service"), h.From, days, few(h.NewServices, 6))
	}
	if s.add("new_regions", float64(len(h.NewRegions)), 1) {
		s.say("%s never used in %s: %s", count(len(h.NewRegions), "region"), days, few(h.NewRegions, 4))
	}
	if len(h.NewNetworks) > 0 {
		if s.add("new_network", 1, 1) {
			s.say("from a network not seen in %s: %s", days, few(h.NewNetworks, 3))
		}
	}
	if len(h.NewClients) > 0 {
		// No points: whoever knows the usual client can send its name.
		s.note("new_client", "with a client not seen in %s: %s", days, few(h.NewClients, 3))
	}
	if h.Idle.Hours() >= 30*24 {
		if s.add("dormant", 1, 1) {
			s.say("the first call in %d days", int(h.Idle.Hours()/24))
		}
	}
}

// pageServices is how many services one page of a console asks, with those
// that stand beside it on every page.
const pageServices = 4

// page reports whether the calls are those of a console's pages. Google marks
// a browser by its user agent alone, which anyone can send.
func page(f *finding.Facts) bool {
	return f.Cloud != event.GCP && f.Console*10 >= f.Events*8 && len(f.Services) <= pageServices
}

// known takes away what history explains, and what one page of the console
// does.
func (s *sheet) known(f *finding.Facts, explicable float64) {
	h := &f.History
	private := slices.Contains(f.Networks, finding.PrivateNetwork)
	if private && (h.Recurs >= minDays || h.From == "principal" && h.Days >= knownDays && h.Active >= minDays) {
		s.note("private_network", "history takes nothing away: it came from private addresses without an endpoint, which are everybody's")
	}
	if f.Cloud != event.GCP && f.Console*10 >= f.Events*8 && h.From == "principal" && h.Days >= minDays && h.Active >= minDays && len(h.NewNetworks) == 0 && !private {
		if s.add("console_known", 1, 1) {
			s.say("pages of the console, from networks that this caller used on %d of %s", h.Active, count(h.Days, "day"))
		}
	}
	if h.From == "principal" && h.Days >= knownDays && h.Active >= minDays && len(h.NewNetworks) == 0 && !private {
		old := 0
		for i := range f.Operations {
			if !f.Operations[i].New {
				old++
			}
		}
		share := float64(old) / float64(len(f.Operations))
		if share >= 0.5 {
			if s.add("known", explicable*share, 1) {
				s.say("%d of %s used before, from the same networks, on %d of %s", old, count(len(f.Operations), "operation"), h.Active, count(h.Days, "day"))
			}
		}
	}
	if h.Recurs >= minDays && !private {
		if s.add("recurs", explicable, 1) {
			s.say("a burst like it on each of %d earlier days, from the same networks", h.Recurs)
		}
	}
	if page(f) && len(h.NewNetworks) == 0 {
		if s.add("console_page", 1, 1) {
			s.say("pages of the console for %s load such reads at once", count(len(f.Services), "service"))
		}
	}
}

// Followed lists the calls beside and after discovery that matter. What
// building is made of is left out where the caller builds.
func Followed(f *finding.Facts) []finding.FollowOn {
	var out []finding.FollowOn
	kinds := telling(f)
	for _, e := range f.Follow {
		if e.Undone && f.Changes >= builderChanges {
			continue // built and taken down again, or the other way round
		}
		if slices.Contains(kinds, followOn()[apiName(e.API)]) {
			out = append(out, e)
		}
	}
	return out
}

// telling lists the kinds of follow-on that say something of the caller.
func telling(f *finding.Facts) []string {
	kinds := []string{"logging", "sharing", "keys", "policy", "secrets", "compute"}
	if f.Changes >= builderChanges {
		kinds = kinds[:3] // the others are what building is made of
	}
	return kinds
}

// maxFollowed is how many operations of a kind the evidence names.
const maxFollowed = 4

func (s *sheet) followed(f *finding.Facts) {
	if len(f.Follow) == 0 {
		return
	}
	by, requests := map[string][]finding.FollowOn{}, map[string]int{}
	for _, e := range Followed(f) {
		kind := followOn()[apiName(e.API)]
		by[kind] = append(by[kind], e)
		requests[kind] += e.Requests
	}
	for _, kind := range telling(f) {
		list, factor := by[kind], "follow_"+kind
		if len(list) == 0 {
			continue
		}
		scored := s.add(factor, float64(requests[kind]), 1)
		whole := int(math.Round(s.whole))
		if !s.worded || !scored && whole <= 0 {
			continue
		}
		// What the limit of the group leaves no points to is said all the same:
		// what somebody tried matters beyond the priority.
		if !scored {
			s.note(factor, "")
		}
		e := &s.entries[len(s.entries)-1]
		e.text, e.vain = "then "+followedText(list), !slices.ContainsFunc(list, mayHaveWorked)
		if points := int(math.Round(e.points)); points < whole {
			e.text += fmt.Sprintf(" (%d of %d points: %s)", points, whole, s.limitOf(factor))
		}
	}
}

// limitOf says how many points the group of a factor adds at most.
func (s *sheet) limitOf(factor string) string {
	group := s.w.Factors[factor].Group
	what := "what followed"
	if group != "follow" {
		what = "the group " + group
	}
	return fmt.Sprintf("%s counts %.4g at most", what, s.w.Groups[group])
}

// followedText names the operations that followed, by time. Where there is no
// room for all, those that succeeded are not the ones that are left out.
func followedText(list []finding.FollowOn) string {
	chosen := slices.Clone(list)
	slices.SortStableFunc(chosen, func(a, b finding.FollowOn) int { return cmp.Compare(workedRank(a), workedRank(b)) })
	chosen = chosen[:min(len(chosen), maxFollowed)]
	slices.SortStableFunc(chosen, func(a, b finding.FollowOn) int { return a.Time.Compare(b.Time) })
	texts := make([]string, len(chosen))
	for i, e := range chosen {
		texts[i] = e.API.Name + outcomeMark(e)
		if e.Requests > 1 {
			texts[i] += fmt.Sprintf(" of %d", e.Requests)
		}
		texts[i] += " at " + e.Time.Format("15:04:05")
	}
	text := strings.Join(texts, ", ")
	if rest := len(list) - len(chosen); rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text
}

// outcomeMark says of an operation, none of whose calls succeeded, what came of
// it.
func outcomeMark(e finding.FollowOn) string {
	switch {
	case e.Outcome == event.OK:
		return ""
	case e.Outcome == event.Denied:
		return " (refused)"
	case mayHaveWorked(e):
		return " (no success logged)"
	}
	return " (failed)"
}

// mayHaveWorked reports whether an operation succeeded, or may have: an
// activity of Azure of which the log has the beginning alone is of the class
// that failures without a known code are of, too.
func mayHaveWorked(e finding.FollowOn) bool {
	return e.Outcome == event.OK || e.API.Cloud == event.Azure && e.Outcome == event.Other
}

func workedRank(e finding.FollowOn) int {
	switch {
	case e.Outcome == event.OK:
		return 0
	case mayHaveWorked(e):
		return 1
	}
	return 2
}
