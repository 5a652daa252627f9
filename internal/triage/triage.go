// Package triage judges findings: how much each matters, from 0 to 100, and
// why. It reads facts and nothing else; the detection's own verdict stays as
// it is.
//
// What a caller can set (user agent, names) raises a priority or does
// nothing. What lowers one is what the provider writes, and history.
package triage

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"vedette/internal/event"
	"vedette/internal/finding"
)

// Judge judges facts with a set of weights.
type Judge struct {
	w *Weights
	// Attribution of tools and incidents, see resemble.go.
	tools *toolIndex
}

// New returns a judge. The caller keeps w as it is.
func New(w *Weights) *Judge { return &Judge{w: w, tools: newToolIndex()} }

// Judge returns the judgement on facts. It is safe for concurrent use.
func (j *Judge) Judge(f *finding.Facts) finding.Judgement {
	s := &sheet{w: j.w, worded: true}
	tools := j.add(s, f)
	out := s.judgement()
	out.Tools, out.Incidents = shown(tools), j.tools.incidents(f)
	out.Claims = claims(f)
	out.Lowered = f.Changes >= builderChanges || slices.ContainsFunc(s.entries, func(e entry) bool { return e.points < 0 })
	if why := aside(f); why != "" {
		out.putAside(why, j.w)
	}
	return out.Judgement
}

// Priority is that of Judge, without the words.
func (j *Judge) Priority(f *finding.Facts) int {
	s := &sheet{w: j.w}
	j.add(s, f)
	sum := 0
	for i := range s.entries {
		sum += int(math.Round(s.entries[i].points))
	}
	sum = min(max(sum, 0), 100)
	if aside(f) != "" {
		sum = min(sum, j.w.Levels["low"]-1)
	}
	return sum
}

// add adds up all factors, and returns the tools that the calls are like.
func (j *Judge) add(s *sheet, f *finding.Facts) []attribution {
	tools := j.tools.tools(f)
	s.breadth(f)
	s.asked(f)
	s.refused(f)
	s.who(f)
	s.byWayOf(f)
	if v, ok := vendorOf(f); !ok || v.category != "cspm" {
		s.toolsOf(tools) // vendors of posture run such tools
	}
	explicable := s.total // what history or a console page can explain
	s.past(f)
	s.known(f, explicable)
	s.followed(f)
	return tools
}

// sheet adds points up.
type sheet struct {
	w       *Weights
	total   float64
	worded  bool // entries have their texts
	groups  map[string]float64
	entries []entry
	space   [32]entry // of entries, as long as they fit
}

type entry struct {
	factor string
	points float64
	text   string
}

// add counts n for a factor, times share, with its evidence in words.
func (s *sheet) add(factor string, n, share float64, format string, args ...any) {
	w, ok := s.w.Factors[factor]
	if !ok {
		return
	}
	p := w.Each * max(0, n-w.Least)
	p = max(-w.Cap, min(w.Cap, p)) * share
	if g := w.Group; g != "" {
		if s.groups == nil {
			s.groups = map[string]float64{}
		}
		p = min(p, s.w.Groups[g]-s.groups[g])
		s.groups[g] += p
	}
	if math.Round(p) == 0 {
		if w.Group != "" {
			s.groups[w.Group] -= p
		}
		return
	}
	s.total += p
	s.enter(factor, p, format, args)
}

func (s *sheet) enter(factor string, points float64, format string, args []any) {
	e := entry{factor: factor, points: points}
	if s.worded {
		e.text = fmt.Sprintf(format, args...)
	}
	if s.entries == nil {
		s.entries = s.space[:0]
	}
	s.entries = append(s.entries, e)
}

// note records what has no points but is worth knowing.
func (s *sheet) note(factor, format string, args ...any) {
	s.enter(factor, 0, format, args)
}

// aimed is how much an operation, a service or a kind counts for breadth that
// was asked about named resources alone, as deployment does of what it knows.
const aimed = 1. / 3

func (s *sheet) breadth(f *finding.Facts) {
	open := map[string]bool{}
	apis := 0.
	for i := range f.Operations {
		o := &f.Operations[i]
		if o.Open == 0 {
			apis += aimed
			continue
		}
		apis++
		open[o.API.Service], open["/"+o.API.Category] = true, true
	}
	weigh := func(list []string, mark string) (n float64) {
		for _, x := range list {
			if open[mark+x] {
				n++
			} else {
				n += aimed
			}
		}
		return n
	}
	s.add("services", weigh(f.Services, ""), 1, "%s asked: %s", count(len(f.Services), "service"), few(f.Services, 8))
	s.add("apis", apis, 1, "%s", count(len(f.Operations), "distinct operation"))
	s.add("categories", weigh(f.Categories, "/"), 1, "%s of resource: %s", count(len(f.Categories), "kind"), few(f.Categories, 8))
	s.add("regions", float64(len(f.Regions)), 1, "%s: %s", count(len(f.Regions), "region"), few(f.Regions, 6))
	s.add("volume", float64(f.Events), 1, "%s", count(f.Events, "call"))
	s.add("pace", float64(f.Minute), 1, "%d calls within a minute", f.Minute)
	s.add("accounts", float64(f.Accounts), 1, "%s", count(f.Accounts, "account"))
}

// minLists is how many kinds of list must be asked for before the share that
// asked for all says something.
const minLists = 6

func (s *sheet) asked(f *finding.Facts) {
	lists, open := 0, 0
	for i := range f.Operations {
		if f.Operations[i].API.Breadth == "account" {
			lists++
		}
	}
	if f.Listings > 0 {
		open = 100 * f.Open / f.Listings
	}
	if f.Changes < builderChanges {
		s.lists(f, lists, open)
	}
	if f.Changes == 0 && len(f.Services) >= 3 {
		s.add("reads_only", 1, 1, "nothing was changed in the hour around")
	}
	if len(f.Services) >= 4 {
		for i := range f.Operations[:min(2, len(f.Operations))] {
			if a := f.Operations[i].API; a.Name == "GetCallerIdentity" || a.Name == "GET /me" {
				s.add("whoami", 1, 1, "it began by asking who it is (%s), then looked at %s", a.Name, count(len(f.Services)-1, "further service"))
				break
			}
		}
	}
	var bulkCalls []string
	n := 0
	for i := range f.Operations {
		if o := &f.Operations[i]; bulk()[apiName(o.API)] != "" && o.OK > 0 {
			bulkCalls = append(bulkCalls, o.API.Name)
			n++
		}
	}
	slices.Sort(bulkCalls)
	s.add("bulk", float64(n), 1, "%s that answers for all at once: %s", count(n, "operation"), few(bulkCalls, 6))
}

// builderChanges is how many kinds of change make a caller one that builds:
// who builds reads what it built, one by one and in lists. It takes that many
// changes that the provider carried out, each of them louder than a read.
const builderChanges = 10

// lists counts how much was asked without a filter, and of how many.
func (s *sheet) lists(f *finding.Facts, lists, open int) {
	if lists >= minLists && f.Cloud == event.AWS {
		s.add("open", float64(open), 1, "%d of %s without a filter, over %d operations", f.Open, count(f.Listings, "list"), lists)
	} else if lists >= minLists {
		s.add("open", float64(100*f.Listings/f.Events), 1, "%d of %s list many, by %d operations", f.Listings, count(f.Events, "call"), lists)
	}
	var rare []string
	for _, service := range f.Services {
		if f.Cloud == event.AWS && !common()[service] {
			rare = append(rare, service)
		}
	}
	s.add("rare", float64(len(rare)), 1, "%s that few use: %s", count(len(rare), "service"), few(rare, 6))
	if o := widest(f, func(o *finding.Operation) bool { return o.API.Breadth != "account" && o.OK > 0 }); o != nil {
		s.add("sweep", float64(o.Targets), 1, "a sweep over %d resources with %s", o.Targets, o.API.Name)
	}
	s.swept(f)
}

// minSwept is how many resources a question must be put to before it is one of
// a sweep with several.
const minSwept = 10

// swept counts what has stores of its own: questions put to many resources
// each, lists of many stores, keys of many resources, kinds of directory
// object.
func (s *sheet) swept(f *finding.Facts) {
	questions, keys, kinds, probes := 0, 0, 0, 0
	var store *finding.Operation
	for i := range f.Operations {
		o := &f.Operations[i]
		name := strings.ToLower(o.API.Name)
		switch {
		case strings.HasSuffix(name, "testiampermissions"), strings.HasPrefix(name, "simulate"):
			probes += o.Events
		case o.API.Log == event.AzureGraph:
			kinds++
		case o.API.Cloud == event.Azure && strings.Contains(name, "list") && strings.HasSuffix(name, "/action"):
			keys += o.Targets
		case o.API.Cloud == event.Azure && listsStore(o.API):
			if store == nil || o.Targets > store.Targets || o.Targets == store.Targets && o.API.Name < store.API.Name {
				store = o
			}
		case o.API.Breadth != "account" && o.Targets >= minSwept && o.OK > 0:
			questions++
		}
	}
	s.add("sweep_questions", float64(questions), 1, "%d questions, each put to %d resources or more", questions, minSwept)
	s.add("key_lists", float64(keys), 1, "keys or settings with secrets asked for of %d resources", keys)
	s.add("directory", float64(kinds), 1, "%d kinds of directory object and relation read", kinds)
	s.add("probes", float64(probes), 1, "%d times asked what it may do", probes)
	if store != nil {
		s.add("store_lists", float64(store.Targets), 1, "%s of %d vaults or storage accounts", store.API.Name, store.Targets)
	}
}

// listsStore reports whether an operation lists what is in one vault or
// storage account.
func listsStore(a *event.API) bool {
	return a.Log == event.AzureKeyVault || a.Log == event.AzureStorage
}

// widest returns the operation asked for the most resources, among some.
func widest(f *finding.Facts, among func(*finding.Operation) bool) *finding.Operation {
	var best *finding.Operation
	for i := range f.Operations {
		o := &f.Operations[i]
		if !among(o) {
			continue
		}
		if best == nil || o.Targets > best.Targets || o.Targets == best.Targets && apiName(o.API) < apiName(best.API) {
			best = o
		}
	}
	return best
}

// minRefusals is how many distinct refusals it takes to say anything of their
// share.
const minRefusals = 5

func (s *sheet) refused(f *finding.Facts) {
	if f.DeniedTargets < minRefusals {
		return
	}
	denied := f.Outcomes.Denied
	share, why := 1.0, ""
	organisation := f.Reasons[event.ReasonSCP] + f.Reasons[event.ReasonBoundary] + f.Reasons[event.ReasonSession] + f.Reasons[event.ReasonEndpoint]
	switch {
	case organisation*10 >= denied*8:
		share, why = s.w.Shares["denied_by_organization"], ", by a policy of the organisation or of the session"
	case page(f):
		share, why = s.w.Shares["denied_in_console"], ", in pages of the console"
	}
	low := 100 * wilson(denied, f.Events)
	apis := 0
	for i := range f.Operations {
		if f.Operations[i].Denied > 0 {
			apis++
		}
	}
	o := widest(f, func(o *finding.Operation) bool { return o.Denied*2 > o.Events })
	over := ""
	if o != nil && o.Targets >= minRefusals {
		over = fmt.Sprintf(" over %d resources", o.Targets)
	}
	s.add("denied", low, share, "%d of %s refused%s%s", denied, count(f.Events, "call"), over, why)
	s.add("denied_apis", float64(apis), share, "%s refused%s", count(apis, "distinct operation"), why)
	if o != nil {
		s.add("denied_sweep", float64(o.Targets), share, "%s refused for %d different resources%s", o.API.Name, o.Targets, why)
	}
	if denied == f.Events {
		s.add("none_answered", 1, share, "not one call was answered%s", why)
	}
}

// wilson is the lower bound of the share k of n, at 95 %.
func wilson(k, n int) float64 {
	if n == 0 {
		return 0
	}
	const z = 1.96
	p, m := float64(k)/float64(n), float64(n)
	return (p + z*z/(2*m) - z*math.Sqrt(p*(1-p)/m+z*z/(4*m*m))) / (1 + z*z/m)
}

func (s *sheet) who(f *finding.Facts) {
	if f.Kind == event.AWSRoot {
		s.add("root", 1, 1, "the root user of the account")
	}
	if f.LongLived && len(f.Services) >= 3 {
		s.add("long_lived_key", 1, 1, "a key that does not expire")
	}
	if f.NoMFA*10 >= f.Events*8 {
		s.add("no_mfa", 1, 1, "a person's session without a second factor")
	}
	if f.KeyNetworks > 1 {
		n := float64(f.KeyNetworks)
		if f.Instance {
			s.add("instance_outside", n, 1, "a machine's credential used from %d networks within an hour", f.KeyNetworks)
		} else {
			s.add("networks_of_key", n, 1, "one credential used from %d networks within an hour", f.KeyNetworks)
		}
	}
}

func (s *sheet) toolsOf(tools []attribution) {
	best := 0
	var which attribution
	for _, t := range tools {
		if n := confidence(t.Confidence) - 1; n > best && (t.class == "offensive" || t.class == "dual") {
			best, which = n, t
		}
	}
	if best > 0 {
		s.add("tool", float64(best), 1, "calls like those of %s: %s", which.Name, which.Basis)
	}
}

// minDays is how many days of history it takes before what is new says
// something, and what is known.
const (
	minDays   = 3
	knownDays = 5
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
		s.add("unusual", n, 1, "%s that few of the account's %d callers use: %s", count(len(rare), "operation"), h.Peers, few(rare, 6))
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
	s.add("new_apis", float64(fresh), 1, "%s never used by this %s in %s", count(fresh, "operation"), h.From, days)
	s.add("new_services", float64(len(h.NewServices)), 1, "%s never used by this %s in %s: %s", count(len(h.NewServices), "service"), h.From, days, few(h.NewServices, 6))
	s.add("new_regions", float64(len(h.NewRegions)), 1, "%s never used in %s: %s", count(len(h.NewRegions), "region"), days, few(h.NewRegions, 4))
	if len(h.NewNetworks) > 0 {
		s.add("new_network", 1, 1, "from a network not seen in %s: %s", days, few(h.NewNetworks, 3))
	}
	if len(h.NewClients) > 0 {
		// No points: whoever knows the usual client can send its name.
		s.note("new_client", "with a client not seen in %s: %s", days, few(h.NewClients, 3))
	}
	if h.Idle.Hours() >= 30*24 {
		s.add("dormant", 1, 1, "the first call in %d days", int(h.Idle.Hours()/24))
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
		s.add("console_known", 1, 1, "pages of the console, from networks that this caller used on %d of %s", h.Active, count(h.Days, "day"))
	}
	if h.From == "principal" && h.Days >= knownDays && h.Active >= minDays && !private {
		old := 0
		for i := range f.Operations {
			if !f.Operations[i].New {
				old++
			}
		}
		share := float64(old) / float64(len(f.Operations))
		switch {
		case share >= 0.5 && len(h.NewNetworks) == 0:
			s.add("known", explicable*share, 1, "%d of %s used before, from the same networks, on %d of %s",
				old, count(len(f.Operations), "operation"), h.Active, count(h.Days, "day"))
		case share >= 0.9:
			s.add("known", explicable*share/2, 1, "%d of %s used before, from other networks, on %d of %s",
				old, count(len(f.Operations), "operation"), h.Active, count(h.Days, "day"))
		}
	}
	if h.Recurs >= minDays && !private {
		s.add("recurs", explicable, 1, "a burst like it on each of %d earlier days, from the same networks", h.Recurs)
	}
	if page(f) && len(h.NewNetworks) == 0 {
		s.add("console_page", 1, 1, "pages of the console for %s load such reads at once", count(len(f.Services), "service"))
	}
}

// Followed lists the calls beside and after discovery that matter. What
// building is made of is left out where the caller builds.
func Followed(f *finding.Facts) []finding.FollowOn {
	var out []finding.FollowOn
	for _, e := range f.Follow {
		if e.Undone && f.Changes >= builderChanges {
			continue // built and taken down again, or the other way round
		}
		if slices.Contains(telling(f), followOn()[apiName(e.API)]) {
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

func (s *sheet) followed(f *finding.Facts) {
	by, requests := map[string][]string{}, map[string]int{}
	for _, e := range Followed(f) {
		text := e.API.Name
		if e.Outcome == event.Denied {
			text += " (refused)"
		}
		kind := followOn()[apiName(e.API)]
		if e.Requests > 1 {
			text += fmt.Sprintf(" of %d", e.Requests)
		}
		by[kind] = append(by[kind], fmt.Sprintf("%s at %s", text, e.Time.Format("15:04:05")))
		requests[kind] += e.Requests
	}
	for _, kind := range telling(f) {
		if list := by[kind]; len(list) > 0 {
			s.add("follow_"+kind, float64(requests[kind]), 1, "then %s", few(list, 4))
		}
	}
}

// judged is a judgement in the making.
type judged struct{ finding.Judgement }

// judgement rounds the points so that they add up to the priority.
func (s *sheet) judgement() judged {
	var j judged
	j.Reasons = []finding.Reason{}
	sum := 0
	for _, e := range s.entries {
		p := int(math.Round(e.points))
		sum += p
		j.Reasons = append(j.Reasons, finding.Reason{Factor: e.factor, Points: p, Text: e.text})
	}
	slices.SortStableFunc(j.Reasons, func(a, b finding.Reason) int { return b.Points - a.Points })
	j.limit(sum, 0, 100, "limit", "no priority is below 0 or above 100")
	j.Level = s.w.level(j.Priority)
	return j
}

// limit sets the priority, with a reason for what is cut off.
func (j *judged) limit(sum, low, high int, factor, text string) {
	j.Priority = min(max(sum, low), high)
	if cut := j.Priority - sum; cut != 0 {
		j.Reasons = append(j.Reasons, finding.Reason{Factor: factor, Points: cut, Text: text})
	}
}

// Joined adds that a finding is one of a campaign over several accounts.
func (j *Judge) Joined(out *finding.Judgement, accounts int) {
	w := j.w.Factors["accounts"]
	points := int(math.Round(min(w.Cap, w.Each*max(0, float64(accounts)-w.Least))))
	points = min(points, 100-out.Priority)
	vendor := slices.ContainsFunc(out.Reasons, func(r finding.Reason) bool { return r.Factor == "vendor" })
	if points <= 0 || out.Aside != "" || vendor {
		return // a vendor looks at all accounts of its customers
	}
	out.Priority += points
	out.Level = j.w.level(out.Priority)
	out.Reasons = append(out.Reasons, finding.Reason{Factor: "accounts", Points: points, Text: fmt.Sprintf("one of a campaign over %d accounts", accounts)})
	slices.SortStableFunc(out.Reasons, func(a, b finding.Reason) int { return b.Points - a.Points })
}

// PutAside puts a finding aside that was judged, and says why.
func (j *Judge) PutAside(out *finding.Judgement, why string) {
	aside := judged{*out}
	aside.putAside(why, j.w)
	*out = aside.Judgement
}

func (j *judged) putAside(why string, w *Weights) {
	j.Aside = why
	j.limit(j.Priority, 0, w.Levels["low"]-1, "aside", why)
	j.Level = w.level(j.Priority)
}

// listed lists the first n of many; it is written out only where it is shown.
type listed struct {
	list []string
	n    int
}

func few(list []string, n int) listed { return listed{list, n} }

func (l listed) String() string {
	if len(l.list) <= l.n {
		return strings.Join(l.list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(l.list[:l.n], ", "), len(l.list)-l.n)
}

// counted says a number of things.
type counted struct {
	n    int
	what string
}

func count(n int, what string) counted { return counted{n, what} }

func (c counted) String() string {
	if c.n != 1 {
		return fmt.Sprintf("%d %ss", c.n, c.what)
	}
	return fmt.Sprintf("%d %s", c.n, c.what)
}

func apiName(a *event.API) string { return a.Cloud.String() + " " + a.Service + " " + a.Name }
