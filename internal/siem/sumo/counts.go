package sumo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/internal/plan"
	"vedette/internal/siem"
)

// hop is how far apart overlapping windows start: a third of their length, or
// half of it where that is no whole second.
func (p *printer) hop() time.Duration {
	if third := p.r.Window.Length / 3; third%time.Second == 0 {
		return third
	}
	return p.r.Window.Length / 2
}

// windows lays windows over the rows and leaves those that are due.
func (p *printer) windows() {
	length := p.r.Window.Length
	step := length
	if p.r.Window.Kind == siem.Overlapping {
		step = p.hop()
		p.line("| timeslice %s as Slice", span(step))
		var starts []string
		for back := length - step; back > 0; back -= step {
			starts = append(starts, fmt.Sprintf("toLong(Slice - %d)", back.Milliseconds()), `","`)
		}
		// A row for each window that the record lies in.
		p.set("Starts", "concat("+strings.Join(append(starts, "toLong(Slice)"), ", ")+")")
		p.line(`| parse regex field=Starts "(?<WindowStart>[0-9]+)" multi`)
		p.set("WindowStart", "toLong(WindowStart)")
	} else {
		p.line("| timeslice %s as WindowStart", span(length))
	}
	if s := p.r.Schedule; s != nil {
		every, settled := s.Every.Milliseconds(), (length + s.Settle).Milliseconds()
		p.set("RunTime", "queryEndTime()")
		p.set("Due", fmt.Sprintf("floor(RunTime / %d) * %d", every, every))
		p.line("| where WindowStart + %d <= Due and WindowStart + %d > Due - %d", settled, settled, every)
	}
}

// exceptions is where the package's folder puts the table of identities that
// scheduled rules leave out.
const exceptions = "/Library/Admin Recommended/Vedette/vedette_exceptions"

// counts counts, keeps what fires, scores and sorts.
func (p *printer) counts() {
	count := "count_distinct(EventId)"
	if p.r.KeepCopies {
		count = "count"
	}
	p.line("| %s as DiscoveryCount,", count)
	p.line("    count_distinct(Api) as DistinctAPIs,")
	if p.r.CountsTargets() {
		p.line("    count_distinct(Target) as DistinctTargets,")
	}
	p.line("    values(Api) as APIList,")
	raw := p.places[0].Raw
	if raw {
		p.line("    count_distinct(Region) as DistinctRegions,") // an empty one is one too
	} else {
		p.line("    count_distinct(Region) as DistinctRegions, max(NoRegion) as NoRegion,")
	}
	p.line("    values(SourceIp) as SourceIPs,")
	p.line("    min(_messageTime) as FirstSeen, max(_messageTime) as LastSeen")
	p.line("    by CloudProvider, Identity, AccountId, WindowStart")
	p.line("| where %s", words.Condition(p.r.Trigger))
	if p.r.Schedule != nil {
		p.line("| lookup Expires as Until from path://%s on Identity=Identity", quote(exceptions))
		// What is no date stays behind one that is long past.
		p.set("Until", `replace(concat("1970-01-01 ", Until), /^1970-01-01 ([0-9]{4}-[0-9]{2}-[0-9]{2})$/, "$1")`)
		p.line(`| where parseDate(Until, "yyyy-MM-dd", "UTC") <= toLong(WindowStart)`)
		p.out.Parameters = append(p.out.Parameters, siem.Parameter{Name: "exceptions", Log: p.places[0].Leg.Log, Value: exceptions, Why: "where the package's folder was imported"})
	}
	p.set("RiskScore", bands(p.r.Bands, func(_ int, risk int) int { return risk }, 0))
	if !raw {
		p.set("DistinctRegions", "DistinctRegions - NoRegion")
		p.set("SourceIPs", `replace(SourceIPs, /^\n/, "")`) // no address is none
	}
	p.set("APIList", first("APIList", p.r.MaxAPIs))
	p.set("SourceIPs", first("SourceIPs", p.r.MaxAddresses))
	for _, c := range [][2]string{{"WindowStart", "TimeGenerated"}, {"FirstSeen", "FirstSeen"}, {"LastSeen", "LastSeen"}} {
		p.line(`| formatDate(toLong(%s), "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "UTC") as %s`, c[0], c[1])
	}
	columns := siem.Columns()
	if p.r.CountsTargets() {
		columns = slices.Insert(columns, 6, siem.ColTargets)
	}
	if p.r.Schedule != nil {
		columns = append(columns, p.signal()...)
	}
	p.line("| sort by RiskScore, DiscoveryCount, CloudProvider asc, Identity asc, AccountId asc, TimeGenerated asc")
	p.line("| fields %s", strings.Join(columns, ", "))
}

// signal adds what Cloud SIEM makes a signal of ("Generate Cloud SIEM Signals
// With a Scheduled Search"), and returns its columns. Here the severity can
// follow the counts.
func (p *printer) signal() []string {
	p.set("normalizedseverity", bands(p.r.Bands, func(i, _ int) int { return severity(p.r, i) }, base(p.r)))
	p.set("stage", quote(stage(p.r)))
	p.set("user_username", "Identity")
	return []string{"normalizedseverity", "stage", "user_username"}
}

var words = siem.Words{Events: siem.ColEvents, APIs: siem.ColAPIs, Targets: siem.ColTargets, And: " and ", Or: " or "}

// bands prints the value of the first band that holds, else last.
func bands(list []plan.Band, value func(i, risk int) int, last int) string {
	var b strings.Builder
	n := 0
	for i, band := range list {
		if len(band.When) == 0 {
			last = value(i, band.Risk)
			break
		}
		fmt.Fprintf(&b, "if(%s, %d,\n", words.Condition(band.When), value(i, band.Risk))
		n++
	}
	return fmt.Sprintf("%s%d%s", b.String(), last, strings.Repeat(")", n))
}

// first keeps the first lines of a field with a value a line.
func first(field string, n int) string {
	return fmt.Sprintf(`replace(%s, /^(([^\n]*\n){%d}[^\n]*)\n[\s\S]*$/, "$1")`, field, n-1)
}

// span writes a time span of the operator timeslice.
func span(d time.Duration) string {
	if d%time.Minute == 0 {
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
