package sigma

import (
	"slices"
	"strings"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
)

// grades says what the text says otherwise than the rule.
func (p *printer) grades(out *siem.Output, g *siem.Grades, places []siem.Place) {
	r := p.r
	for _, at := range places {
		identity, roles := siem.Principal, []siem.Role{siem.Service, siem.API, siem.AccountID, siem.EventID}
		if r.BySession {
			identity = siem.Session
		}
		if at.Raw {
			identity, roles = siem.RawCaller, []siem.Role{siem.RawAPI, siem.RawAccount}
		} else {
			roles = append(roles, siem.ServiceMade)
		}
		if r.CountsTargets() {
			roles = append(roles, siem.Target)
		}
		if len(at.Outcomes) > 0 {
			roles = append(roles, siem.IsDenied, siem.IsOK)
		}
		at.Check(out, g, at.Leg.Log, append(roles, identity)...)
		p.gradesOf(g, at)
	}
	g.Say(siem.Windowing, siem.Approximated, "a timespan says how long a window is; how windows lie, and whether both ends belong to them, is left to the product or converter")
	g.Say(siem.Lists, siem.Impossible, "the calls that a correlation matched are shown instead, as far as the product does")
	g.Say(siem.Regions, siem.Impossible, "the calls that a correlation matched are shown instead, as far as the product does")
	g.Say(siem.Order, siem.Impossible, "columns and order are the product's")
	var trigger []string
	if len(r.Trigger) > 1 {
		trigger = append(trigger, "a correlation rule for each alternative, so that who reaches two of them alerts twice")
	}
	if slices.ContainsFunc(r.Trigger, func(t plan.Thresholds) bool { return len(counts(t)) > 1 }) {
		trigger = append(trigger, "for two counts at once a correlation rule for each and one over them, whose windows need not be the same; few converters take it")
	}
	if len(trigger) > 0 {
		g.Say(siem.Trigger, siem.Approximated, strings.Join(trigger, "; "))
	}
	switch {
	case len(p.both) > 0:
		g.Say(siem.Risk, siem.Approximated, "a higher level instead of a score, by further correlation rules; those that ask for two counts at once stand in the form bands, and their windows need not be the same")
	case len(r.Bands) > 0:
		g.Say(siem.Risk, siem.Approximated, "a level instead of a score, a higher one by further correlation rules")
	}
	if len(r.Legs) > 1 {
		g.Say(siem.Union, siem.Approximated, "rules of their own for each log, in one file: calls of one caller in several logs of a cloud do not add up, but in the form joined")
	}
	if r.Schedule != nil {
		g.Say(siem.Exceptions, siem.Approximated, siem.ByIdentity+"; the list is a Sigma filter, which acts when rules are converted or loaded, and its end is a note only")
		g.Say(siem.Lateness, siem.Impossible, "when rules run and over what time is the product's")
	}
	if slices.ContainsFunc(places, func(at siem.Place) bool { return !at.Raw && (at.Select.Match != "" || at.Set["method"] != "") }) {
		out.Warnings = append(out.Warnings, "regular expressions are of the kind that is searched for, with ^ and $: in Elasticsearch and OpenSearch, whose expressions match whole values and have neither, take the target elastic instead")
	}
	out.Warnings = append(out.Warnings, "converters need to be told where the logs are and what their fields are called there: give them the processing pipeline of your product")
}

func (p *printer) gradesOf(g *siem.Grades, at siem.Place) {
	log := at.Leg.Log
	switch {
	case at.Raw:
		if !at.FoldCase {
			g.SayOf(log, siem.Selection, siem.Approximated, "names are compared without letter case")
		}
	case at.Set["method"] != "":
		g.SayOf(log, siem.APICount, siem.Approximated, "whole addresses count, with the ids of objects and what is asked of them: eight users read are eight")
	case at.Expr(siem.Service) != "" && at.Expr(siem.Service) != at.Expr(siem.API):
		g.SayOf(log, siem.APICount, siem.Approximated, "names count as logged: a name that two services share counts once, and each version of it by itself")
	case log.Cloud() == event.Azure:
		g.SayOf(log, siem.APICount, siem.Approximated, "names count as logged: some products tell letter cases apart")
	}
}
