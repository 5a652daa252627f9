package triage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/internal/finding"
	"vedette/internal/footprint"
)

// attribution is a resemblance with what judgement asks of it.
type attribution struct {
	finding.Resemblance
	tool  *knownTool
	class string
	alike float64
}

// shown is what of attributions stands in a judgement.
func shown(list []attribution) []finding.Resemblance {
	var out []finding.Resemblance
	for _, a := range list {
		out = append(out, a.Resemblance)
	}
	return out
}

// The confidence in a tool: by how many distinct operations, which share of
// what was called is the tool's, and which share of the tool's was called. The
// first that holds counts. Shares are weighed by rarity.
var grades = []struct {
	confidence    string
	least         int
	share, extent float64
}{
	{"high", 12, 0.8, 0.6},
	{"medium", 7, 0.7, 0.35},
	{"low", minOps, 0.6, 0.15},
}

const (
	minOps     = 6 // fewer distinct operations say nothing of a tool
	minModule  = 4 // pieces of fewer have no order to speak of
	maxClosest = 3 // how many tools and incidents are named
)

// tools names the tools whose calls the facts are like, the likeliest first;
// on what it rests is told where it is to be put into words.
func (x *toolIndex) tools(f *finding.Facts, worded bool) []attribution {
	var c called
	x.call(f, &c)
	var list []attribution
	all := 0.
	if c.known >= minOps {
		all = c.ops.weigh(&c.ops, x.byTool) + float64(c.others)*unknown(len(x.programs))
	}
	for _, t := range x.programs {
		var a attribution
		switch {
		case c.known < minOps:
		case len(t.modules) > 0:
			a = x.pieces(t, f, &c, worded)
		default:
			a = x.whole(t, &c, all, worded)
		}
		a = x.client(t, f, a)
		if a.Confidence != "" {
			a.Name, a.class, a.tool = t.Title, t.Class, t
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b attribution) int {
		return cmp.Or(cmp.Compare(confidence(b.Confidence), confidence(a.Confidence)), cmp.Compare(b.alike, a.alike), strings.Compare(a.Name, b.Name))
	})
	list = closest(list)
	for i := range list {
		if worded {
			list[i].Against = x.against(list[i].tool, f)
		}
	}
	return list
}

// closest keeps the tools that are about as likely as the first: tools of one
// kind call much the same, and each is like the others to a degree.
func closest(list []attribution) []attribution {
	for i := range list {
		if i > 0 && list[i].alike < list[0].alike*0.9 && list[i].alike < 1 {
			list[i].Confidence = ""
		}
	}
	list = slices.DeleteFunc(list, func(a attribution) bool { return a.Confidence == "" })
	return list[:min(len(list), maxClosest)]
}

func confidence(s string) int { return slices.Index([]string{"", "low", "medium", "high"}, s) }

// whole judges a tool by all that it calls.
func (x *toolIndex) whole(t *knownTool, c *called, all float64, worded bool) (a attribution) {
	n := c.ops.common(&t.ops)
	if n < minOps {
		return a
	}
	both := c.ops.weigh(&t.ops, x.byTool)
	share, extent := both/all, both/t.total
	for _, g := range grades {
		if n >= g.least && share >= g.share && extent >= g.extent {
			a.Confidence = g.confidence
			a.alike = 2 * share * extent / (share + extent)
			break
		}
	}
	if a.Confidence == "" || !worded {
		return a
	}
	a.Basis = fmt.Sprintf("%d of %d operations are among the %d that it calls", n, c.known+c.others, t.n)
	var own opSet
	for i := range own {
		own[i] = c.ops[i] & t.ops[i]
	}
	if k := own.common(&x.only); k > 0 {
		a.Basis += fmt.Sprintf("; %d of them no other tool known calls", k)
	}
	return a
}

// pieces judges a tool by its modules that were run as a whole and in order.
func (x *toolIndex) pieces(t *knownTool, f *finding.Facts, c *called, worded bool) (a attribution) {
	var ops opSet
	var names []string
	longest := 0
	for i := range t.modules {
		m := &t.modules[i]
		n := c.ops.common(&m.ops)
		// One may be missing: lists were taken from the source by pattern.
		missing := len(m.order) - n
		if n < minModule || missing > 1 || missing == 1 && n < minOps || !inOrder(m, f, c, n) {
			continue
		}
		longest = max(longest, n)
		names = append(names, m.name)
		for i := range ops {
			ops[i] |= c.ops[i] & m.ops[i]
		}
	}
	if longest < minOps {
		return a
	}
	n := ops.common(&ops)
	switch {
	case n >= 16 && len(names) >= 2, longest >= 12:
		a.Confidence = "high"
	case n >= 9:
		a.Confidence = "medium"
	default:
		a.Confidence = "low"
	}
	a.alike = 1 // order is more than a set says
	if !worded {
		return a
	}
	what := "operations of its modules " + few(names, 5).String() + " follow"
	if len(names) == 1 {
		what = "operations of its " + names[0] + " follow"
	}
	a.Basis = fmt.Sprintf("%d of %d %s one another in its order", n, c.known+c.others, what)
	return a
}

// inOrder reports whether the calls of a module came as its source has them,
// and by themselves. Calls with equal times say nothing: of the pairs that
// differ a tenth may stand the other way round, and there must be as many as
// it takes for chance to do that once in thousands.
func inOrder(m *knownModule, f *finding.Facts, c *called, n int) bool {
	var first, last time.Duration
	right, wrong := 0, 0
	began := false
	for i, a := range m.order {
		if !c.ops.has(a) {
			continue
		}
		at := f.Operations[c.place[a]].After
		if !began || at < first {
			first = at
		}
		if !began || at > last {
			last = at
		}
		began = true
		for _, b := range m.order[i+1:] {
			if !c.ops.has(b) {
				continue
			}
			switch later := f.Operations[c.place[b]].After; {
			case later > at:
				right++
			case later < at:
				wrong++
			}
		}
	}
	if wrong*10 > right || right < n {
		return false
	}
	between := 0
	for i := range f.Operations {
		if at := f.Operations[i].After; first < at && at < last {
			between++
		}
	}
	return between <= n+n/2
}

// client adds what the client says of itself: it raises, and it alone carries
// no more than low unless it names the tool.
func (x *toolIndex) client(t *knownTool, f *finding.Facts, a attribution) attribution {
	if t.Client != "" && slices.Contains(f.Clients, t.Client) {
		a.Confidence, a.alike = "high", max(a.alike, 1)
		a.Basis = strings.TrimPrefix(a.Basis+"; its client names itself", "; ")
		return a
	}
	if t.disguised(f) {
		a.Confidence = map[string]string{"": "low", "low": "medium", "medium": "high", "high": "high"}[a.Confidence]
		a.Basis = strings.TrimPrefix(a.Basis+"; the user agent is one that it puts on to hide", "; ")
	}
	return a
}

// disguised tells whether a user agent is one that the tool puts on.
func (t *knownTool) disguised(f *finding.Facts) bool {
	return slices.ContainsFunc(f.UserAgents, func(s string) bool { return t.disguises[s] })
}

// unknownClient is the family of a user agent that is missing or says nothing.
const unknownClient = "unknown"

// against says that not one client is the tool's, or a library that it is
// written with. It is said and nothing is made of it: whoever hides a tool has
// it call itself something else.
func (x *toolIndex) against(t *knownTool, f *finding.Facts) string {
	own := slices.Concat([]string{t.Client}, t.Libraries)
	if len(t.Libraries) == 0 || len(f.Clients) == 0 || t.disguised(f) {
		return ""
	}
	for _, c := range f.Clients {
		if c == "" || c == unknownClient || slices.Contains(own, c) {
			return ""
		}
	}
	clients := slices.Sorted(slices.Values(f.Clients))
	return "the client speaks against it, which calls itself " + few(clients, 3).String() + "; " + t.Title + " calls by " +
		few(t.Libraries, 2).String() + ", unless it is made to hide"
}

// What it takes to say that calls are like those of an incident: operations
// in common, the share of the report's, and of both together.
const (
	minShared   = 5
	minContains = 0.5
	minJaccard  = 0.3
)

// incidents names the published incidents whose calls are like those of the
// facts, the most alike first. Reports name few of the calls there were, and
// intruders are alike: that is no attribution.
func (x *toolIndex) incidents(f *finding.Facts) []finding.Resemblance {
	var c called
	x.call(f, &c)
	for i := range f.Follow {
		a := f.Follow[i].API
		if n, ok := x.number[footprint.Operation{Service: a.Service, Name: a.Name}]; ok && !c.ops.has(n) {
			c.ops.add(n)
			c.known++
		}
	}
	if c.known < minShared {
		return nil
	}
	type near struct {
		*knownIncident
		n     int
		alike float64
	}
	var list []near
	all := -1.
	for i := range x.reports {
		k := &x.reports[i]
		n := c.ops.common(&k.ops)
		if n < minShared {
			continue
		}
		if all < 0 {
			all = c.ops.weigh(&c.ops, x.byIncident) + float64(c.others)*unknown(len(x.reports))
		}
		both := c.ops.weigh(&k.ops, x.byIncident)
		if alike := both / (all + k.total - both); both/k.total >= minContains && alike >= minJaccard {
			list = append(list, near{k, n, alike})
		}
	}
	slices.SortFunc(list, func(a, b near) int {
		return cmp.Or(cmp.Compare(b.alike, a.alike), strings.Compare(a.ID, b.ID))
	})
	var out []finding.Resemblance
	for _, k := range list[:min(len(list), maxClosest)] {
		grade := "low"
		switch {
		case k.alike >= 0.75:
			grade = "high"
		case k.alike >= 0.5:
			grade = "medium"
		}
		out = append(out, finding.Resemblance{
			Name: k.Title, Confidence: grade, Link: k.Link,
			Basis: fmt.Sprintf("similarity, not attribution: %d of the %d operations that the report names, among %d", k.n, k.size, c.known+c.others),
		})
	}
	return out
}
