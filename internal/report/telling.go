package report

import (
	"slices"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// telling is the data of verdict.yaml on which operations a reader must not
// miss, however few calls they had.
type telling struct {
	// Categories are kinds of resource, as the catalogues have them.
	Categories []string `yaml:"categories"`
	// Words stand in the names of operations, in lower case.
	Words []string `yaml:"words"`
}

// weight says how much an operation of a finding tells: 0 for what can be
// counted instead of shown.
func (t *telling) weight(a *finding.API, reasons string) int {
	name := strings.ToLower(a.Name)
	switch {
	case a.Outcomes.Denied > 0:
		return 4
	case a.Name != "" && strings.Contains(reasons, a.Name):
		return 3 // the priority rests on it
	case slices.Contains(t.Categories, a.Category), slices.ContainsFunc(t.Words, func(w string) bool { return strings.Contains(name, w) }):
		return 2
	case !a.Known:
		return 1
	}
	return 0
}

// apiChoice is the operations of a finding that there is room for.
type apiChoice struct {
	shown   []finding.API // what tells first, then the others, both by calls
	telling int           // of those that are shown
	more    int           // not shown
	calls   int           // made to those, as far as the finding lists them
	missed  int           // of those that are not shown, how many tell
}

// chooseAPIs takes at most so many operations of a finding; most below 0
// takes all. Where all have room they stay in the finding's order.
func chooseAPIs(f *finding.Finding, most int) apiChoice {
	total := max(f.DistinctAPIs, len(f.APIs))
	if most < 0 || len(f.APIs) <= most {
		return apiChoice{shown: f.APIs, more: total - len(f.APIs)}
	}
	var texts []string
	for _, r := range f.Reasons {
		if r.Points != 0 {
			texts = append(texts, r.Text)
		}
	}
	reasons := strings.Join(texts, "\n")
	order, weights := make([]int, len(f.APIs)), make([]int, len(f.APIs))
	for i := range f.APIs {
		order[i], weights[i] = i, adviceData().Telling.weight(&f.APIs[i], reasons)
	}
	slices.SortStableFunc(order, func(a, b int) int { return weights[b] - weights[a] })
	kept := order[:most]
	c := apiChoice{more: total - most}
	for n, i := range order {
		tells := weights[i] > 0
		switch {
		case n < most && tells:
			c.telling++
		case n >= most:
			c.calls += f.APIs[i].Events
			if tells {
				c.missed++
			}
		}
	}
	// Above those that tell no more than the others, by calls.
	slices.SortFunc(kept, func(a, b int) int {
		if (weights[a] > 0) != (weights[b] > 0) {
			if weights[a] > 0 {
				return -1
			}
			return 1
		}
		return a - b
	})
	for _, i := range kept {
		c.shown = append(c.shown, f.APIs[i])
	}
	return c
}

// tellingText names what is shown first.
const tellingText = "were refused, ask for secrets or keys, look at defences, have a part in the priority, or stand in no catalogue"

// firstText says how many of those that tell are shown: "the 6", or "5 of the
// 27" where not all have room.
func (c *apiChoice) firstText() string {
	if c.missed > 0 {
		return term.Count(c.telling) + " of the " + term.Count(c.telling+c.missed)
	}
	return "the " + term.Count(c.telling)
}

// cutText says what is left out, and "" where nothing is.
func (c *apiChoice) cutText() string {
	if c.more <= 0 {
		return ""
	}
	text := "and " + term.Plural(c.more, "more API")
	if c.calls > 0 {
		text += " with " + term.Plural(c.calls, "call")
	}
	switch {
	case c.missed > 0:
		text += ", of which " + term.Count(c.missed) + " tell as much as those above"
	case c.telling > 0:
		text += ", none of them refused, of secrets, keys or defences"
	}
	return text
}
