package investigate

import (
	"slices"
	"strconv"
	"strings"
)

// factNames are the facts that a guide may ask for, by their names in JSON.
var factNames = []string{"lineage", "activity", "slice", "changes", "neighbours", "first_seen", "denials", "resources", "benign", "coverage"}

// Table is figures as rows of text, which are those of the logs.
type Table struct {
	Title string
	Head  []string // none where the rows are prose: a label and sentences
	Right []bool   // marks the columns of numbers
	Wide  []bool   // marks the columns that may take what room there is
	Rows  [][]string
	More  int // rows that are not shown
}

// named returns what a fact cites, and its figures.
func (f *Facts) named(name string) (Cited, []Table) {
	switch name {
	case "lineage":
		return f.Lineage.Cited, f.Lineage.tables()
	case "activity":
		return f.Activity.Cited, f.Activity.tables()
	case "slice":
		return f.Slice.Cited, f.Slice.Span.tables("services")
	case "changes":
		return f.Changes.Cited, f.Changes.tables()
	case "neighbours":
		return f.Neighbours.Cited, f.Neighbours.tables()
	case "first_seen":
		return f.FirstSeen.Cited, f.FirstSeen.tables()
	case "denials":
		return f.Denials.Cited, f.Denials.tables()
	case "resources":
		return f.Resources.Cited, f.Resources.tables()
	case "benign":
		return f.Benign.Cited, nil
	case "coverage":
		return f.Coverage.Cited, f.Coverage.tables()
	}
	return Cited{}, nil
}

// made is a table, or none where it has no row. A column whose head begins
// with "#" is of numbers, one with "*" may be wide.
func made(title string, heads string, rows [][]string, total int) []Table {
	if len(rows) == 0 {
		return nil
	}
	t := Table{Title: title, Rows: rows, More: max(0, total-len(rows))}
	for _, h := range strings.Split(heads, ",") {
		t.Head, t.Right, t.Wide = append(t.Head, strings.TrimLeft(h, "#*")), append(t.Right, h[0] == '#'), append(t.Wide, h[0] == '*')
	}
	return []Table{t}
}

// chainEnds is how many steps of each end of a long chain are told.
const chainEnds = 3

// stepsBy names those who took steps, each once.
func stepsBy(links []Link) []string {
	var list []string
	for _, l := range links {
		if who := shortName(l.From); !slices.Contains(list, who) {
			list = append(list, who)
		}
	}
	return list
}

// tables tells each step in words, for its event's id must stay whole.
func (l *Lineage) tables() []Table {
	t := Table{Title: "the chain, from its beginning"}
	for i, w := range l.Ways {
		if e := w.Root.SignIn; e != nil {
			t.Rows = append(t.Rows, []string{"way " + strconv.Itoa(i+1) + ", " + clock(e.Time), shortName(w.Root.Principal) + " signed in to the console, event " + e.EventID})
		}
		way := "way " + strconv.Itoa(i+1)
		if w.Root.By == "chain_cut" {
			t.Rows = append(t.Rows, []string{way, "the chain is longer than " + plural(len(w.Chain), "step") + "; it goes on before " + shortName(w.Root.Principal)})
		}
		for i, c := range w.Chain {
			// A long chain is told by its ends.
			if rest := len(w.Chain) - 2*chainEnds; rest > 2 && i >= chainEnds && i < chainEnds+rest {
				if i == chainEnds {
					t.Rows = append(t.Rows, []string{way, plural(rest, "more step") + " between, by " + joined(stepsBy(w.Chain[i:i+rest]))})
				}
				continue
			}
			text := shortName(c.From) + " called " + c.Via
			if c.IP != "" {
				text += " from " + c.IP
			}
			text += ", which led to " + shortName(c.To)
			for _, part := range [][2]string{{"session", c.Session}, {"key", c.Key}, {"event", c.EventID}} {
				if part[1] != "" {
					text += ", " + part[0] + " " + part[1]
				}
			}
			t.Rows = append(t.Rows, []string{way + ", " + clock(c.Time), text})
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []Table{t}
}

func (a *Activity) tables() []Table {
	var out []Table
	for _, s := range []struct {
		title string
		span  *Span
	}{{"before", &a.Before}, {"during", &a.During}, {"after", &a.After}} {
		out = append(out, s.span.tables(s.title)...)
	}
	return out
}

func (s *Span) tables(title string) []Table {
	rows := make([][]string, len(s.Services))
	for i, v := range s.Services {
		rows[i] = []string{shortService(v.Name), count(v.Calls), count(v.Reads), count(v.Writes), count(v.Failed), count(v.Denied), clock(v.First), clock(v.Last)}
	}
	return made(title, "*SERVICE,#CALLS,#READS,#WRITES,#FAILED,#DENIED,FIRST (UTC),LAST (UTC)", rows, s.ServicesTotal)
}

func (c *Changes) tables() []Table {
	rows := make([][]string, len(c.Rows))
	for i, x := range c.Rows {
		rows[i] = []string{clock(x.First), x.When, x.Kind, x.Operation, shortName(x.Principal), x.Outcome, count(x.Calls), strings.Join(shortNames(x.Resources), ", ")}
	}
	out := made("changes", "FIRST (UTC),WHEN,FOR,*OPERATION,*BY,OUTCOME,#CALLS,*OF", rows, c.RowsTotal)
	rows = make([][]string, len(c.Opened))
	for i, h := range c.Opened {
		rows[i] = []string{shortName(h.Principal), count(h.Calls), count(h.Writes), count(h.Denied), clock(h.First)}
	}
	return append(out, made("with credentials that it handed out", "*WHO,#CALLS,#WRITES,#DENIED,FIRST (UTC)", rows, len(rows))...)
}

func (n *Neighbours) tables() []Table {
	rows := make([][]string, len(n.Rows))
	for i, x := range n.Rows {
		shared := x.Network
		if shared == "" {
			shared = x.Client
		}
		rows[i] = []string{shortName(x.Principal), count(x.Calls), count(x.Writes), count(x.Denied), clock(x.First), shortServices(x.Services), shared}
	}
	return made("others", "*WHO,#CALLS,#WRITES,#DENIED,FIRST (UTC),*SERVICES,*SHARES", rows, n.RowsTotal)
}

func (f *FirstSeen) tables() []Table {
	rows := make([][]string, 0, len(f.Rows))
	for _, d := range f.Rows {
		rows = append(rows, []string{d.Name, count(d.Total), count(d.Known), newNames(d)})
	}
	return made("new", "WHAT,#NEW,#KNOWN,*NEW ONES", rows, len(rows))
}

func (d *Denials) tables() []Table {
	rows := make([][]string, len(d.Rows))
	for i, x := range d.Rows {
		over := ""
		if len(x.Resources) > 0 {
			over = shortName(x.Resources[0])
			if x.Total > 1 {
				over += " and " + count(x.Total-1) + " more"
			}
		}
		rows[i] = []string{shortPermission(x.Permission), count(x.Calls), strings.ReplaceAll(x.Reason, "_", " "), over, clock(x.First)}
	}
	return made("refused", "*PERMISSION,#CALLS,REFUSED BY,*OVER,FIRST (UTC)", rows, d.RowsTotal)
}

func (r *Resources) tables() []Table {
	rows := make([][]string, len(r.Rows))
	for i, x := range r.Rows {
		rows[i] = []string{x.Kind, shortName(x.Name), count(x.Calls), count(x.Changed), count(x.Denied)}
	}
	return made("resources", "KIND,*NAME,#CALLS,#CHANGED,#DENIED", rows, r.RowsTotal)
}

func (c *Coverage) tables() []Table {
	t := Table{Title: "what cannot be seen"}
	for _, b := range c.Blind {
		row := []string{b.Log + ", " + strings.ReplaceAll(b.Verdict, "_", " "), b.Unseen}
		if b.Enable != "" {
			row = append(row, "To see it: "+b.Enable)
		}
		t.Rows = append(t.Rows, row)
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []Table{t}
}
