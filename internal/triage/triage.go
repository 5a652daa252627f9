// Package triage judges findings: how much each matters, from 0 to 100, and
// why. It reads facts and nothing else; the detection's own verdict stays as
// it is.
//
// What a caller can set (user agent, names) raises a priority or does
// nothing. What lowers one is what the provider writes, and history.
package triage

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

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
	s := &sheet{w: j.w, index: j.tools, worded: true}
	tools := j.add(s, f)
	out := s.judgement()
	out.Tools, out.Incidents = shown(tools), j.tools.incidents(f)
	out.Claims = claims(f)
	if why := aside(f); why != "" {
		out.putAside(why, j.w)
	}
	return out.Judgement
}

// Priority is that of Judge, without the words.
func (j *Judge) Priority(f *finding.Facts) int {
	s := &sheet{w: j.w, index: j.tools}
	j.add(s, f)
	sum := min(max(s.sum, 0), 100)
	if aside(f) != "" {
		sum = min(sum, j.w.Levels["low"]-1)
	}
	return sum
}

// add adds up all factors, and returns the tools that the calls are like.
func (j *Judge) add(s *sheet, f *finding.Facts) []attribution {
	tools := j.tools.tools(f, s.worded)
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

// aimed is how much an operation, a service or a kind counts for breadth that
// was asked about named resources alone, as deployment does of what it knows.
const aimed = 1. / 3

// maxMarks bounds of how many services, and kinds, it is noted that they were
// asked for all there is: far more than give points.
const maxMarks = 512

func (s *sheet) breadth(f *finding.Facts) {
	apis := 0.
	var services, categories [maxMarks]bool
	mark := func(list []string, x string, marks *[maxMarks]bool) {
		if i, ok := slices.BinarySearch(list, x); ok && i < maxMarks {
			marks[i] = true
		}
	}
	for i := range f.Operations {
		o := &f.Operations[i]
		if o.Open == 0 {
			apis += aimed
			continue
		}
		apis++
		mark(f.Services, o.API.Service, &services)
		mark(f.Categories, o.API.Category, &categories)
	}
	weigh := func(list []string, open *[maxMarks]bool) (n float64) {
		for i := range list {
			if i < maxMarks && open[i] {
				n++
			} else {
				n += aimed
			}
		}
		return n
	}
	if s.add("services", weigh(f.Services, &services), 1) {
		s.say("%s asked: %s", count(len(f.Services), "service"), few(f.Services, 8))
	}
	if s.add("apis", apis, 1) {
		s.say("%s", count(len(f.Operations), "distinct operation"))
	}
	if s.add("categories", weigh(f.Categories, &categories), 1) {
		s.say("%s of resource: %s", count(len(f.Categories), "kind"), few(f.Categories, 8))
	}
	if s.add("regions", float64(len(f.Regions)), 1) {
		s.say("%s: %s", count(len(f.Regions), "region"), few(f.Regions, 6))
	}
	if s.add("volume", float64(f.Events), 1) {
		s.say("%s", count(f.Events, "call"))
	}
	if s.add("pace", float64(f.Minute), 1) {
		s.say("%d calls within a minute", f.Minute)
	}
	if s.add("accounts", float64(f.Accounts), 1) {
		s.say("%s", count(f.Accounts, "account"))
	}
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
		if s.add("reads_only", 1, 1) {
			s.say("no successful change is logged in the hour around%s", triedText(f))
		}
	}
	if asked, before := beganByWhoami(f); asked != nil && len(f.Services) >= 4 {
		if s.add("whoami", 1, 1) {
			further := count(len(f.Services)-1, "further service")
			if before == nil {
				s.say("it began by asking who it is (%s), then looked at %s", asked.Name, further)
			} else {
				s.say("it asked who it is (%s) after no other operation than %s, and looked at %s", asked.Name, before.Name, further)
			}
		}
	}
	var bulkCalls []string
	n := 0
	for i := range f.Operations {
		if o := &f.Operations[i]; o.OK > 0 && s.index.of(o.API).bulk {
			bulkCalls = append(bulkCalls, o.API.Name)
			n++
		}
	}
	slices.Sort(bulkCalls)
	if s.add("bulk", float64(n), 1) {
		s.say("%s that answers for all at once: %s", count(n, "operation"), few(bulkCalls, 6))
	}
}

// builderChanges is how many kinds of change make a caller one that builds:
// who builds reads what it built, one by one and in lists. It takes that many
// changes that the provider carried out, each of them louder than a read.
const builderChanges = 10

// changesAround is how far from its discovery a caller's changes count, as the
// facts count them.
const changesAround = time.Hour

// triedText says how many changes are known to have been tried in vain: of those
// that matter by themselves alone, since no other is kept that did not succeed.
func triedText(f *finding.Facts) string {
	tried := 0
	for i := range f.Follow {
		if e := &f.Follow[i]; e.API.Class == event.ClassWrite && e.Outcome != event.OK && !e.Time.After(f.Last.Add(changesAround)) {
			tried++
		}
	}
	if tried == 0 {
		return ""
	}
	return fmt.Sprintf(", where %d or more were tried", tried)
}

// beganByWhoami returns the operation by which the caller asked who it is, where
// fewer than two others came before, and the other where one did. Which of those
// at the same time came first, nobody knows.
func beganByWhoami(f *finding.Facts) (asked, first *event.API) {
	for i := range f.Operations {
		o := &f.Operations[i]
		if o.API.Name != "GetCallerIdentity" && o.API.Name != "GET /me" {
			continue
		}
		before := 0
		var other *event.API
		for k := range f.Operations {
			if f.Operations[k].After < o.After {
				before++
				other = f.Operations[k].API
			}
		}
		if before < 2 && (asked == nil || o.API.Name < asked.Name) {
			asked, first = o.API, other
		}
	}
	return asked, first
}

// lists counts how much was asked without a filter, and of how many.
func (s *sheet) lists(f *finding.Facts, lists, open int) {
	if lists >= minLists && f.Cloud == event.AWS {
		if s.add("open", float64(open), 1) {
			s.say("%d of %s without a filter, over %d operations", f.Open, count(f.Listings, "list"), lists)
		}
	} else if lists >= minLists {
		if s.add("open", float64(100*f.Listings/f.Events), 1) {
			s.say("%d of %s list many, by %d operations", f.Listings, count(f.Events, "call"), lists)
		}
	}
	var rare []string
	for _, service := range f.Services {
		if f.Cloud == event.AWS && !common()[service] {
			rare = append(rare, service)
		}
	}
	if s.add("rare", float64(len(rare)), 1) {
		s.say("%s that few use: %s", count(len(rare), "service"), few(rare, 6))
	}
	if o := widest(f, func(o *finding.Operation) int {
		if o.API.Breadth == "account" || o.OK == 0 {
			return 0
		}
		return o.Targets
	}); o != nil {
		share, why := 1.0, ""
		if knewAll(f, o) {
			share, why = s.w.Shares["sweep_known"], ", each known before: nothing was listed, refused or missed"
		}
		if s.add("sweep", float64(o.Targets), share) {
			s.say("a sweep over %d resources with %s%s", o.Targets, o.API.Name, why)
		}
	}
	s.swept(f)
}

// knewAll reports whether a caller asked for resources by name that are all
// there, and listed nothing: deployment reads what stands in its state, where
// an intruder lists first, or guesses.
func knewAll(f *finding.Facts, o *finding.Operation) bool {
	return f.Cloud == event.AWS && f.Open == 0 && f.Outcomes.Denied == 0 && o.OK == o.Events
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
		switch {
		case asksPermissions(o.API):
			probes += o.Events
		case o.API.Log == event.AzureGraph:
			kinds++
		case o.API.Cloud == event.Azure && listsKeys(o.API):
			keys += o.Targets
		case o.API.Cloud == event.Azure && listsStore(o.API):
			if store == nil || o.Targets > store.Targets || o.Targets == store.Targets && o.API.Name < store.API.Name {
				store = o
			}
		case o.API.Breadth != "account" && o.Targets >= minSwept && o.OK > 0:
			questions++
		}
	}
	if s.add("sweep_questions", float64(questions), 1) {
		s.say("%d questions, each put to %d resources or more", questions, minSwept)
	}
	if s.add("key_lists", float64(keys), 1) {
		s.say("keys or settings with secrets asked for of %d resources", keys)
	}
	if s.add("directory", float64(kinds), 1) {
		s.say("%d kinds of directory object and relation read", kinds)
	}
	if s.add("probes", float64(probes), 1) {
		s.say("%d times asked what it may do", probes)
	}
	if store != nil {
		if s.add("store_lists", float64(store.Targets), 1) {
			s.say("%s of %d vaults or storage accounts", store.API.Name, store.Targets)
		}
	}
}

// asksPermissions reports whether an operation asks what the caller may do.
func asksPermissions(a *event.API) bool {
	name := a.Name[strings.LastIndexByte(a.Name, '.')+1:]
	return strings.EqualFold(name, "TestIamPermissions") || strings.HasPrefix(name, "Simulate")
}

// listsKeys reports whether an operation lists keys or settings of a resource.
func listsKeys(a *event.API) bool {
	name := strings.ToLower(a.Name)
	return strings.Contains(name, "list") && strings.HasSuffix(name, "/action")
}

// listsStore reports whether an operation lists what is in one vault or
// storage account.
func listsStore(a *event.API) bool {
	return a.Log == event.AzureKeyVault || a.Log == event.AzureStorage
}

// widest returns the operation of the most resources, as they are counted; nil
// where none has any.
func widest(f *finding.Facts, resources func(*finding.Operation) int) (best *finding.Operation) {
	most := 0
	for i := range f.Operations {
		o := &f.Operations[i]
		if n := resources(o); n > most || best != nil && n == most && compareAPIs(o.API, best.API) < 0 {
			best, most = o, n
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
	requests, refused, answered, asksWho := 0, 0, false, false
	for i := range f.Operations {
		o := &f.Operations[i]
		if answersAnyone(o.API) {
			asksWho = true
			continue
		}
		requests += o.Requests
		refused += o.Refused
		answered = answered || o.Denied < o.Events
	}
	share, why := 1.0, ""
	policy := byPolicy(&f.Reasons)
	switch {
	case policy != "":
		share, why = s.w.Shares["denied_by_organization"], policy
	case page(f):
		share, why = s.w.Shares["denied_in_console"], ", in pages of the console"
	}
	// Of calls or of distinct requests, whichever says more: whoever is told the
	// same thing two hundred times was not answered the more often.
	k, n, what := f.Outcomes.Denied, f.Events, "call"
	low := wilson(k, n)
	if x := wilson(refused, requests); x > low {
		k, n, what, low = refused, requests, "different request", x
	}
	apis := 0
	for i := range f.Operations {
		if f.Operations[i].Denied > 0 {
			apis++
		}
	}
	sweep := func(byPolicyToo bool) *finding.Operation {
		return widest(f, func(o *finding.Operation) int {
			if o.DeniedTargets*2 <= o.Targets || !byPolicyToo && byPolicy(&o.Reasons) != "" {
				return 0
			}
			return o.DeniedTargets
		})
	}
	// Where policies refused most, that excuses the operations that they refused.
	sweepShare, sweepWhy := share, why
	o := sweep(policy == "")
	if policy != "" {
		if o != nil && o.DeniedTargets >= minRefusals {
			sweepShare, sweepWhy = 1, ""
		} else if o = sweep(true); o != nil {
			sweepWhy = byPolicy(&o.Reasons)
		}
	}
	over := ""
	if o != nil && o.DeniedTargets >= minRefusals {
		over = fmt.Sprintf(" over %d resources", o.DeniedTargets)
	}
	if s.add("denied", 100*low, share) {
		s.say("%d of %s refused%s%s", k, count(n, what), over, why)
	}
	if s.add("denied_apis", float64(apis), share) {
		s.say("%s refused%s", count(apis, "distinct operation"), why)
	}
	if o != nil {
		if s.add("denied_sweep", float64(o.DeniedTargets), sweepShare) {
			s.say("%s refused for %d different resources%s", o.API.Name, o.DeniedTargets, sweepWhy)
		}
	}
	if !answered {
		if s.add("none_answered", 1, share) {
			but := ""
			if asksWho {
				but = " but the one that asks who the caller is"
			}
			s.say("not one call was answered%s%s", but, why)
		}
	}
}

// byPolicy says in words whether four fifths of some refusals or more came from
// a policy of the organisation or of the session, and is empty where not.
func byPolicy(reasons *[event.NumReasons]int) string {
	all := 0
	for _, n := range reasons {
		all += n
	}
	switch n := reasons[event.ReasonSCP] + reasons[event.ReasonBoundary] + reasons[event.ReasonSession] + reasons[event.ReasonEndpoint]; {
	case all == 0 || n*10 < all*8:
		return ""
	case n < all:
		return ", mostly by a policy of the organisation or of the session"
	}
	return ", by a policy of the organisation or of the session"
}

// answersAnyone reports whether an operation is answered whatever the caller
// may do, so that its answer says nothing: GetCallerIdentity needs no permission
// and heeds no denial (AWS STS API reference).
func answersAnyone(a *event.API) bool {
	return a.Cloud == event.AWS && a.Service == "sts.amazonaws.com" && a.Name == "GetCallerIdentity"
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
		if s.add("root", 1, 1) {
			s.say("the root user of the account")
		}
	}
	if f.LongLived && len(f.Services) >= 3 {
		if s.add("long_lived_key", 1, 1) {
			s.say("a key that does not expire")
		}
	}
	if f.NoMFA*10 >= f.Events*8 {
		if s.add("no_mfa", 1, 1) {
			s.say("a person's session without a second factor")
		}
	}
	if f.KeyNetworks > 1 {
		n := float64(f.KeyNetworks)
		if f.Instance {
			if s.add("instance_outside", n, 1) {
				s.say("a machine's credential used from %d networks within an hour", f.KeyNetworks)
			}
		} else {
			if s.add("networks_of_key", n, 1) {
				s.say("one credential used from %d networks within an hour", f.KeyNetworks)
			}
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
		if s.add("tool", float64(best), 1) {
			s.say("calls like those of %s: %s", which.Name, which.Basis)
		}
	}
}

func compareAPIs(a, b *event.API) int {
	return cmp.Or(cmp.Compare(a.Cloud.String(), b.Cloud.String()), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name))
}

func apiName(a *event.API) string { return a.Cloud.String() + " " + a.Service + " " + a.Name }
