package logscale

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/internal/siem"
)

// windows lays windows over the rows and leaves those that are due.
func (p *printer) windows() {
	n := p.r.Window.Length
	if p.r.Schedule != nil {
		// What a call may have of that name is not the list's.
		p.line("| Expires := \"\"")
		p.line("| match(file=%s, field=Identity, column=Identity, mode=glob, include=[Expires], strict=false)", quote(Exceptions))
		p.line(`| Until := replace("^([0-9]{4})-([0-9]{2})-([0-9]{2})$", with="$1$2$3", field=Expires)`)
		p.line(`| Until := replace("^([0-9]{8}|).*$", with="1$1", field=Until)`) // no date is before all
		p.line("| Day := formatTime(\"1%%Y%%m%%d\", field=@timestamp, timezone=\"Z\")")
		p.line("| test(Until <= Day)")
	}
	if p.r.Window.Kind == siem.Overlapping {
		// One copy of the row for each window that it lies in.
		hop := p.hop()
		p.line("| Hop := @timestamp - (@timestamp %% %d)", ms(hop))
		for i, back := 0, time.Duration(0); back < n; i, back = i+1, back+hop {
			p.line("| WindowStart[%d] := Hop - %d", i, ms(back))
		}
		p.line("| drop([@rawstring])\n| split(WindowStart)")
		p.g.Say(siem.Windowing, siem.Approximated, fmt.Sprintf("windows start every %s: a burst of up to %s lies whole in one, a longer one may be split",
			siem.Duration(hop), siem.Duration(n-hop)))
	} else {
		p.line("| WindowStart := @timestamp - (@timestamp %% %d)", ms(n))
	}
	if s := p.r.Schedule; s != nil {
		// The end of the interval is when the run was due, even where it is made up for.
		p.line("| Due := end() - (end() %% %d)", ms(s.Every))
		p.line("| test(WindowStart + %d <= Due)", ms(n+s.Settle))
		p.line("| test(WindowStart + %d > Due - %d)", ms(n+s.Settle), ms(s.Every))
	}
}

// Exceptions is the lookup file of identities that scheduled rules leave out.
const Exceptions = "vedette_exceptions.csv"

// hop is how far apart overlapping windows start.
func (p *printer) hop() time.Duration { return p.r.Window.Length / 3 }

// maxRows is the most rows that table takes ("table()", LogScale).
const maxRows = 20_000

// maxCollected is far above what a row shows. A collect that meets its limit
// makes the product warn, and a scheduled search whose result has a warning
// acts on nothing: with the row's own cap the loudest caller would silence it.
const maxCollected = 10_000

// first prints a call that keeps the first n values of what collect wrote, one
// a line.
func first(n int, field string) string {
	return fmt.Sprintf(`replace("^(([^\\n]*\\n){%d}[^\\n]*)\\n(.|\\n)*$", with="$1", field=%s)`, n-1, field)
}

// counts counts, keeps what fires, scores and sorts.
func (p *printer) counts() {
	count := "count(EventId, distinct=true, as=DiscoveryCount)"
	if p.r.KeepCopies {
		count = "count(as=DiscoveryCount)"
	}
	p.line("| groupBy([CloudProvider, Identity, AccountId, WindowStart], function=[")
	p.line("    %s,", count)
	p.line("    count(Api, distinct=true, as=DistinctAPIs),")
	if p.r.CountsTargets() {
		p.line("    count(Target, distinct=true, as=DistinctTargets),")
	}
	p.line("    collect([Api], limit=%d),", maxCollected)
	regions := slices.ContainsFunc(p.places, func(at siem.Place) bool { return at.Raw || at.Expr(siem.Region) != "" })
	if regions {
		p.line("    count(Region, distinct=true, as=DistinctRegions),")
	}
	p.line("    collect([SourceIp], limit=%d),", maxCollected)
	p.line("    min(@timestamp, as=First),")
	p.line("    max(@timestamp, as=Last)")
	p.line("  ], limit=max)")
	w := siem.Words{Events: siem.ColEvents, APIs: siem.ColAPIs, Targets: siem.ColTargets, And: " AND ", Or: " OR "}
	p.line("| %s", w.Condition(p.r.Trigger))
	var clauses []string
	last := 0
	for _, band := range p.r.Bands {
		if len(band.When) == 0 {
			last = band.Risk
			break
		}
		clauses = append(clauses, fmt.Sprintf("    %s\n      | RiskScore := %d", w.Condition(band.When), band.Risk))
	}
	if len(clauses) > 0 {
		p.line("| case {\n%s;\n    *\n      | RiskScore := %d\n  }", strings.Join(clauses, ";\n"), last)
	} else {
		p.line("| RiskScore := %d", last)
	}
	if !regions {
		p.line("| DistinctRegions := 0")
	}
	for _, t := range [][2]string{{siem.ColTime, "WindowStart"}, {siem.ColFirst, "First"}, {siem.ColLast, "Last"}} {
		p.line("| %s := formatTime(\"%%Y-%%m-%%dT%%H:%%M:%%SZ\", field=%s, timezone=\"Z\")", t[0], t[1])
	}
	p.line("| APIList := %s", first(p.r.MaxAPIs, "Api"))
	p.line("| SourceIPs := %s", first(p.r.MaxAddresses, "SourceIp"))
	columns := siem.Columns()
	if p.r.CountsTargets() {
		columns = append(columns[:6:6], append([]string{siem.ColTargets}, columns[6:]...)...)
	}
	p.line("| table([%s],", strings.Join(columns, ", "))
	p.line("    sortby=[RiskScore, DiscoveryCount, CloudProvider, Identity, AccountId, TimeGenerated], order=[desc, desc, asc, asc, asc, asc],")
	p.line("    type=[number, number, string, string, string, string], limit=%d)", maxRows)
}

func (p *printer) grades() {
	// "Accuracy When Counting Distinct Values", count(), LogScale.
	const estimate = "a distinct count is an estimate in this language"
	p.g.Say(siem.APICount, siem.Approximated, estimate+", exact in the vendor's tests of 10 and of 100 values, 0.5% off at 1,000, and never guaranteed")
	p.g.Say(siem.Regions, siem.Approximated, estimate)
	if !p.r.KeepCopies {
		p.g.Say(siem.EventCount, siem.Approximated, "each retry of a throttled call counts, and "+estimate)
	}
	if p.r.CountsTargets() {
		for _, at := range p.places {
			how := estimate
			if a := at.Roles[siem.Target].Approximate; a != "" {
				how += ", of a target that is not quite the rule's: " + a
			}
			p.g.SayOf(at.Leg.Log, siem.TargetCount, siem.Approximated, how)
		}
	}
	p.g.Say(siem.Lists, siem.Approximated, "past 10,000 values or 1 MiB the product cuts a row's list and warns, and scheduled searches do not act on a result with a warning unless told to")
	p.g.Say(siem.Order, siem.Approximated, "of no more than 20,000 rows")
}

func ms(d time.Duration) int64 { return d.Milliseconds() }
