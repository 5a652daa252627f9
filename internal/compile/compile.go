// Package compile turns detections into the rules that SIEM backends print.
// It is where the catalogues become predicates over the names that logs show.
package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/internal/detection"
	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
)

// Options say how a detection is compiled.
type Options struct {
	// Clouds narrows the rule to these; empty means all.
	Clouds []event.Cloud
	// Window is how windows lie.
	Window siem.WindowKind
	// BySession groups by session instead of by principal.
	BySession bool
	// KeepCopies counts every record.
	KeepCopies bool
	// Services makes calls count that the provider made itself.
	Services bool
	// Schedule makes rules that run by themselves; nil makes queries for a
	// person.
	Schedule *siem.Schedule
}

// DefaultSchedule is the schedule of packaged rules. Providers deliver within
// some 15 minutes, as a rule.
func DefaultSchedule() *siem.Schedule {
	return &siem.Schedule{Every: 15 * time.Minute, Settle: 15 * time.Minute}
}

// schedule is the schedule of a rule over windows of that length.
func schedule(s *siem.Schedule, w siem.Window) *siem.Schedule {
	if s == nil || s.Every >= siem.FarBackEvery {
		return s
	}
	if r := (&siem.Rule{Window: w, Schedule: s}); r.Lookback() < siem.FarBack {
		return s
	}
	return &siem.Schedule{Every: siem.FarBackEvery, Settle: s.Settle}
}

// The caps of the lists in a result row.
const (
	maxAPIs      = 50
	maxAddresses = 10
)

// Rules returns the rules of a detection, one a window. The registry must
// hold the catalogues.
func Rules(d *detection.Detection, reg *event.Registry, opts Options) ([]*siem.Rule, error) {
	p, err := detection.Lower(d, detection.Options{Services: opts.Services})
	if err != nil {
		return nil, err
	}
	var rules []*siem.Rule
	for i := range p.Windows {
		w := &p.Windows[i]
		r := &siem.Rule{
			ID: ruleID(d, w), Detection: d.ID, Version: d.Version, Profile: "vedette",
			// Products want a description, and a detection need not have one.
			Title: d.Name, Description: cmp.Or(line(d.Description), strings.TrimSuffix(line(d.Name), ".")+"."), Kind: kindOf(w),
			Techniques: d.Techniques, Severity: d.Severity, Confidence: d.Confidence,
			References: d.References, FalsePositives: d.FalsePositives,
			BySession: opts.BySession, KeepCopies: opts.KeepCopies, Leftover: d.Leftover,
			Window:  siem.Window{Length: w.Length, Kind: opts.Window},
			Trigger: w.Trigger, Bands: w.Bands,
			MaxAPIs: maxAPIs, MaxAddresses: maxAddresses,
		}
		r.Schedule = schedule(opts.Schedule, r.Window)
		if len(p.Windows) > 1 {
			r.Title += " (" + w.Name + ")"
		}
		if r.Kind == siem.Burst && (d.Builtin || d.Severity == "") {
			// Volume and breadth are what administrators make too: the rule is
			// a building block, for the risk of its caller to add up. Who writes
			// a detection and says how severe it is means it.
			r.BuildingBlock, r.Severity = true, "low"
			if d.Severity != "low" {
				r.Says = d.Severity
			}
		}
		if r.Severity == "" {
			r.Severity = "medium"
		}
		outcomes, ok := sayable(w.Select.Outcomes)
		if !ok {
			r.Unsaid = "a query tells calls that were refused and calls that were answered from all others, and the detection asks for those that were " +
				outcomeNames(w.Select.Outcomes) + ": write [denied], [ok], or no outcomes"
		}
		for _, l := range logs {
			if len(opts.Clouds) > 0 && !slices.Contains(opts.Clouds, l.of[0].Cloud()) {
				continue
			}
			sel, differs := predicate(&w.Select, l.of, l.shape, reg)
			if sel.Match == "" && len(sel.Names) == 0 {
				continue
			}
			r.Legs = append(r.Legs, siem.Leg{Log: l.of[0], Select: sel, Differs: differs, Outcomes: outcomes, Services: w.Select.Services})
			r.Warnings = append(r.Warnings, warnings[l.of[0]]...)
		}
		if len(r.Legs) == 0 {
			return nil, fmt.Errorf("detection %s, window %s: no log of the clouds asked for has calls that it selects", d.ID, w.Name)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// warnings are what readers of a log must know whatever the language.
var warnings = map[event.Log][]string{
	event.AzureActivity: {"the Azure activity log has no reads (GET): of it only list-like actions (POST), such as listKeys, are selected"},
	event.AzureKeyVault: {"Key Vault logs calls only where a diagnostic setting of the vault sends AuditEvent"},
	event.AzureStorage:  {"Storage logs calls only where a diagnostic setting of the account sends StorageRead"},
	event.AzureGraph:    {"Microsoft Graph logs calls only where a diagnostic setting of the tenant sends MicrosoftGraphActivityLogs"},
	event.GCPDataAccess: {"Google Cloud logs reads only where Data Access audit logs (ADMIN_READ) are switched on"},
}

// sayable are the outcomes of a selector as languages know them: denied, ok or
// any.
func sayable(list []event.Outcome) (outcomes []event.Outcome, ok bool) {
	set := map[event.Outcome]bool{}
	for _, o := range list {
		set[o] = true
	}
	switch {
	case len(set) == 0 || len(set) == int(event.NumOutcomes):
		return nil, true
	case len(set) == 1 && (set[event.Denied] || set[event.OK]):
		return list[:1], true
	}
	return nil, false
}

// outcomeNames joins the names of outcomes.
func outcomeNames(list []event.Outcome) string {
	names := make([]string, len(list))
	for i, o := range list {
		names[i] = o.String()
	}
	return strings.Join(names, " or ")
}

func kindOf(w *plan.Window) siem.Kind {
	if len(w.Select.Outcomes) == 1 && w.Select.Outcomes[0] == event.Denied {
		return siem.Denied
	}
	for _, t := range w.Trigger {
		if t.DistinctTargets > 0 {
			return siem.Sweep
		}
	}
	return siem.Burst
}

// Seed returns the rule of the seed profile: the query that Vedette began
// with, whatever the language.
func Seed(s *detection.Seed, d *detection.Detection, opts Options) (*siem.Rule, error) {
	r := &siem.Rule{
		ID: slug(s.ID + "-seed"), Detection: s.ID, Version: d.Version, Title: s.Name, Profile: "seed",
		Description: "Detects high-volume or broad-scope cloud infrastructure enumeration by one identity in one account, in bins of 15 minutes.",
		Techniques:  []string{s.ID}, Severity: "high", Confidence: "medium", BuildingBlock: true,
		References: []string{"https://attack.mitre.org/techniques/T1580/"}, FalsePositives: d.FalsePositives,
		KeepCopies: true, Window: siem.Window{Length: s.Bin, Kind: siem.Tumbling},
		Trigger: s.Trigger, Bands: s.Bands, MaxAPIs: s.MaxAPIs, MaxAddresses: s.MaxAddresses,
	}
	r.Schedule = schedule(opts.Schedule, r.Window)
	for _, l := range []struct {
		log event.Log
		leg detection.SeedLeg
	}{{event.CloudTrailManagement, s.AWS}, {event.AzureActivity, s.Azure}} {
		if len(opts.Clouds) > 0 && !slices.Contains(opts.Clouds, l.log.Cloud()) {
			continue
		}
		sel := &plan.Predicate{}
		for _, n := range l.leg.Names {
			sel.Names = append(sel.Names, plan.Name{Cloud: l.log.Cloud(), API: n})
		}
		r.Legs = append(r.Legs, siem.Leg{Log: l.log, Select: sel, Raw: true, FoldCase: l.log == event.AzureActivity, NeedsCaller: l.leg.NeedsIdentity})
	}
	if len(r.Legs) == 0 {
		return nil, fmt.Errorf("the seed profile has no query for the clouds asked for: it reads AWS and Azure")
	}
	r.Warnings = []string{
		"SourceIPAddress, which the query that this profile reproduces names, is no column; SourceIpAddress is taken",
		"the operations ending in /read never appear in the Azure activity log, which has no reads: the Azure part cannot fire",
		"ListFunctions and GetPublicAccessBlock never appear in CloudTrail: they are logged as ListFunctions20150331 and GetBucketPublicAccessBlock or GetAccountPublicAccessBlock",
	}
	return r, nil
}

// ruleID names a rule by its detection and window. A detection that is part
// of another is named for what it looks for already.
func ruleID(d *detection.Detection, w *plan.Window) string {
	if d.PartOf != "" && len(d.Windows) == 1 {
		return slug(d.ID)
	}
	return slug(d.ID + "-" + w.Name)
}

// slug makes an identifier of lower-case letters, digits and hyphens.
func slug(s string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(s) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			b.WriteRune(c)
		} else if b.Len() > 0 && !strings.HasSuffix(b.String(), "-") {
			b.WriteByte('-')
		}
	}
	return strings.TrimSuffix(b.String(), "-")
}

// line joins the lines of a text.
func line(s string) string { return strings.Join(strings.Fields(s), " ") }
