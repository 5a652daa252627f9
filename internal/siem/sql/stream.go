package sql

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/internal/siem"
)

// timeColumn is the time attribute of a table that an engine reads without
// end: windows close when its watermark has passed them.
const timeColumn = "event_time"

// lag is how far a watermark is behind the newest event where no schedule says
// how late logs come.
const lag = 15 * time.Minute

// table prints the statement that makes a table with a time attribute. A
// record without a time is older than any window, and so counts nowhere.
func (p *printer) table(name, at string) string {
	behind := lag
	if p.r.Schedule != nil {
		behind = p.r.Schedule.Settle
	}
	return fmt.Sprintf("CREATE TABLE %s (\n  record STRING,\n  %s AS coalesce(%s, TIMESTAMP '1970-01-01 00:00:00'),\n"+
		"  WATERMARK FOR %s AS %s - %s\n"+
		") WITH ('connector' = 'kafka', 'topic' = %s, 'properties.bootstrap.servers' = 'HOST:9092', 'format' = 'raw');\n",
		name, timeColumn, at, timeColumn, timeColumn, p.d.interval(behind), p.d.string(name))
}

// tablesForm is those statements as a form beside the query.
func (p *printer) tablesForm() siem.Form {
	return siem.Form{
		Name: "tables", Language: p.d.product, Ext: ".sql",
		Why:  "makes the tables with a time attribute and a watermark, which windows of a stream need; put your own connector in place",
		Text: strings.Join(p.tables, "\n"),
	}
}

// tables are the statements of several outputs, each once.
func tables(outputs []*siem.Output) string {
	var list []string
	for _, o := range outputs {
		for _, f := range o.Further {
			for _, t := range strings.SplitAfter(f.Text, ";\n") {
				if t = strings.TrimLeft(t, "\n"); t != "" && !slices.Contains(list, t) {
					list = append(list, t)
				}
			}
		}
	}
	return strings.Join(list, "\n")
}

// hop is how far apart overlapping windows start: a third of their length, or
// the next less of whole seconds that divides it, as the engine asks.
func hop(length time.Duration) time.Duration {
	n := int(length / time.Second)
	for parts := 3; parts < n; parts++ {
		if n%parts == 0 {
			return time.Duration(n/parts) * time.Second
		}
	}
	return time.Second
}

// stream counts in the windows of an engine that reads without end.
func (p *printer) stream() {
	size := p.d.interval(p.r.Window.Length)
	windows := "TUMBLE(TABLE calls, DESCRIPTOR(ts), " + size + ")"
	if p.r.Window.Kind == siem.Overlapping {
		hop := hop(p.r.Window.Length)
		windows = "HOP(TABLE calls, DESCRIPTOR(ts), " + p.d.interval(hop) + ", " + size + ")"
		p.g.Say(siem.Windowing, siem.Approximated, fmt.Sprintf("windows start every %s: a burst of up to %s lies whole in one, a longer one may be split",
			siem.Duration(hop), siem.Duration(p.r.Window.Length-hop)))
	}
	p.g.Say(siem.Lists, siem.Approximated, "lists are neither capped nor in order")
	p.g.Say(siem.Order, siem.Approximated, "rows come as windows close, in no order")
	p.line("windows AS (")
	p.line("  SELECT window_start, provider, caller, account,")
	p.line("    %s", strings.Join(append(p.figures(""), p.details("")...), ",\n    "))
	p.line("  FROM TABLE(%s)", windows)
	p.line("  GROUP BY window_start, window_end, provider, caller, account")
	p.line(")")
	p.rows("windows", p.risk(""), p.trigger(""))
}
