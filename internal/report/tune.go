package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/term"
	"vedette/internal/tune"
)

// TuneFormats lists the formats of [WriteTune].
func TuneFormats() []Format { return []Format{Table, JSON} }

// WriteTune writes what a change of settings does. Options.Limit bounds how
// many changes, callers and days the table shows.
func WriteTune(w io.Writer, format string, r *tune.Report, opts Options) error {
	b := bufio.NewWriter(w)
	switch Format(format) {
	case Table:
		newPage(b, opts).tune(r)
	case JSON:
		text, err := marshal(r, true, "")
		if err != nil {
			return fmt.Errorf("write comparison as json: %w", err)
		}
		b.Write(append(text, '\n'))
	default:
		return unknownFormat(format, TuneFormats())
	}
	return b.Flush()
}

func (p *page) tune(r *tune.Report) {
	p.rates(r)
	p.changes(r)
	p.labelledAttacks(r)
	p.benignCallers(r)
	side := &r.Before
	if r.After != nil {
		side = r.After
	}
	if side.Budget != nil {
		p.budget(r, side.Budget)
	}
	p.paragraph(tuneVerdict(r), "", term.Strong)
}

// rates is the table of findings a day.
func (p *page) rates(r *tune.Report) {
	days := r.Input.FirstEvent[:10]
	if r.Input.Days > 1 {
		days += " to " + r.Input.LastEvent[:10]
	}
	if r.Input.ActiveDays < r.Input.Days {
		days += ", " + term.Count(r.Input.ActiveDays) + " with events"
	}
	p.paragraph("Findings over "+term.Plural(r.Input.Days, "day")+" (UTC), "+days+":", "", term.Plain)
	p.blank()
	cols := []column{{head: "LEVEL"}, {head: "FINDINGS", right: true}, {head: "A DAY", right: true}}
	if r.After != nil {
		cols = []column{{head: "LEVEL"}, {head: "BEFORE", right: true}, {head: "A DAY", right: true}, {head: "AFTER", right: true}, {head: "A DAY", right: true}}
	}
	var rows [][]string
	add := func(name string, n [2]int, rate [2]float64) {
		row := []string{name, term.Count(n[0]), rateText(n[0], rate[0])}
		if r.After != nil {
			row = append(row, term.Count(n[1]), rateText(n[1], rate[1]))
		}
		rows = append(rows, row)
	}
	all, rate := [2]int{r.Before.Findings}, [2]float64{r.Before.PerDay}
	for i, l := range r.Before.Levels {
		other := l
		if r.After != nil {
			other = r.After.Levels[i]
		}
		add(l.Level, [2]int{l.Findings, other.Findings}, [2]float64{l.PerDay, other.PerDay})
	}
	if r.After != nil {
		all[1], rate[1] = r.After.Findings, r.After.PerDay
	}
	add("all", all, rate)
	t := p.table(cols, rows)
	t.header()
	for i := range rows {
		style := term.Plain
		if i < len(rows)-1 {
			style = levelColor(rows[i][0])
		}
		t.row(i, style)
	}
	p.blank()
}

func levelColor(level string) term.Style {
	switch level {
	case "critical", "high":
		return term.High
	case "medium":
		return term.Medium
	case "low":
		return term.Low
	}
	return term.Plain
}

// rateText is the average that n findings come to. Some are never none.
func rateText(n int, rate float64) string {
	if n > 0 && rate < 0.01 {
		return "under 0.01"
	}
	return strconv.FormatFloat(rate, 'f', 2, 64)
}

// changes lists what goes, comes and moves.
func (p *page) changes(r *tune.Report) {
	if len(r.Changes) == 0 {
		return
	}
	shown := r.Changes
	if p.limit > 0 && len(shown) > p.limit {
		shown = shown[:p.limit]
	}
	rows := make([][]string, len(shown))
	for i := range shown {
		c := &shown[i]
		id := c.After
		if c.Before != nil {
			id = c.Before
		}
		rows[i] = []string{c.Kind, prefix(id.ID, r.IDLength), callerText(&c.Caller), verdictLevel(c.Before), verdictLevel(c.After)}
	}
	t := p.table([]column{{head: "CHANGE"}, {head: "ID", whole: true}, {head: "WHO", flex: true}, {head: "BEFORE"}, {head: "AFTER"}}, rows)
	t.header()
	for i := range shown {
		c := &shown[i]
		t.row(i, term.Plain)
		when := c.After
		if c.Before != nil {
			when = c.Before
		}
		p.field("when", span(when.FirstSeen, when.LastSeen))
		if c.Before != nil && c.After != nil && c.Before.ID != c.After.ID {
			p.field("id after", prefix(c.After.ID, r.IDLength))
		}
		p.field("why", strings.Join(c.Why, "; "))
		if len(c.Attacks) > 0 {
			p.styled("attack", strings.Join(c.Attacks, "; "), term.High)
		}
	}
	if n := len(r.Changes) - len(shown); n > 0 {
		p.line(term.Plural(n, "more change") + ": `--limit 0` shows them all, and json always does.")
	}
	p.blank()
}

func verdictLevel(v *tune.Verdict) string {
	if v == nil {
		return "-"
	}
	return v.Level + " " + strconv.Itoa(v.Priority)
}

// callerText names a caller as the table of findings does.
func callerText(c *tune.Caller) string {
	return who(&finding.Finding{Actor: finding.Actor{ID: c.Principal, Name: c.Name}, Cloud: finding.CloudRef{Account: finding.Account{ID: c.Account}}})
}

// attacks says what becomes of each labelled attack.
func (p *page) labelledAttacks(r *tune.Report) {
	if len(r.Attacks) == 0 {
		return
	}
	cols := []column{{head: "STATE"}, {head: "ATTACK", flex: true, tail: true}, {head: "FINDING"}}
	if r.After != nil {
		cols = []column{{head: "STATE"}, {head: "ATTACK", flex: true, tail: true}, {head: "BEFORE"}, {head: "AFTER"}}
	}
	verdict := func(v *tune.Verdict) string {
		if v == nil {
			return "-"
		}
		return verdictLevel(v) + " " + prefix(v.ID, r.IDLength)
	}
	rows := make([][]string, len(r.Attacks))
	for i, a := range r.Attacks {
		rows[i] = []string{a.State, a.Name, verdict(a.Before)}
		if r.After != nil {
			rows[i] = append(rows[i], verdict(a.After))
		}
	}
	t := p.table(cols, rows)
	t.header()
	for i, a := range r.Attacks {
		style := term.Plain
		if a.State == "lost" || a.State == "missed" {
			style = term.High
		}
		t.row(i, style)
		p.field("why", strings.Join(a.Why, "; "))
		p.field("note", a.Note)
	}
	p.blank()
}

// benignCallers says how loud those are who are known to be benign.
func (p *page) benignCallers(r *tune.Report) {
	if len(r.Benign) == 0 {
		return
	}
	loud := loudColumn(r)
	cols := []column{{head: "BENIGN", flex: true, tail: true}, {head: "FINDINGS", right: true}, loud}
	if r.After != nil {
		cols = []column{{head: "BENIGN", flex: true, tail: true}, {head: "BEFORE", right: true}, loud, {head: "AFTER", right: true}, loud}
	}
	rows := make([][]string, len(r.Benign))
	for i, b := range r.Benign {
		rows[i] = []string{b.Name, term.Count(b.Before.Findings), term.Count(b.Before.Loud)}
		if b.After != nil {
			rows[i] = append(rows[i], term.Count(b.After.Findings), term.Count(b.After.Loud))
		}
	}
	t := p.table(cols, rows)
	t.header()
	for i, b := range r.Benign {
		t.row(i, term.Plain)
		p.field("note", b.Note)
	}
	p.blank()
}

// loudColumn counts findings at the level that is looked at, or higher.
func loudColumn(r *tune.Report) column {
	return column{head: strings.ToUpper(r.Level) + "+", right: true}
}

const (
	maxExceeded = 5
	maxCosts    = 10
)

// budget says where findings keep to a budget, and what costs most.
func (p *page) budget(r *tune.Report, f *tune.Fit) {
	p.heading("Budget " + f.Budget)
	if f.MinPriority == tune.NoPriority {
		p.paragraph("No priority keeps to it: too many findings have the highest there is.", "  ", term.Plain)
	} else {
		text := "From priority " + strconv.Itoa(f.MinPriority) + " on: " + term.Plural(f.Findings, "finding") + ", " + rateText(f.Findings, f.Average) + " a " + f.Period + "."
		if f.MinLevel != "" {
			text += " The least level that keeps to it is " + f.MinLevel + "."
		} else {
			text += " No level keeps to it."
		}
		if r.After != nil && r.Before.Budget.MinPriority != f.MinPriority {
			text += " " + beforeText(r.Before.Budget.MinPriority)
		}
		p.paragraph(text, "  ", term.Plain)
		if len(f.Exceeded) == 0 {
			p.paragraph("It is exceeded on no "+f.Period+" of "+term.Count(f.Periods)+".", "  ", term.Plain)
		} else {
			p.paragraph("It is exceeded on "+term.Count(len(f.Exceeded))+" of "+term.Plural(f.Periods, f.Period)+": "+exceeded(f)+".", "  ", term.Plain)
		}
	}
	if len(r.Attacks) > 0 {
		if len(f.Lost) == 0 {
			p.paragraph("No labelled attack that is caught lies below it.", "  ", term.Plain)
		} else {
			p.paragraph("Lost at it: "+strings.Join(f.Lost, "; ")+".", "  ", term.High)
		}
	}
	p.blank()
	p.costs(r, f)
}

func beforeText(priority int) string {
	if priority == tune.NoPriority {
		return "Before, no priority kept to it."
	}
	return "Before, the priority was " + strconv.Itoa(priority) + "."
}

// exceeded names the periods that exceed the budget most, in order of time.
func exceeded(f *tune.Fit) string {
	worst := f.Worst(maxExceeded)
	slices.SortFunc(worst, func(a, b tune.Exceeded) int { return strings.Compare(a.From, b.From) })
	texts := make([]string, len(worst))
	for i, e := range worst {
		texts[i] = e.From + " by " + term.Count(e.Over)
	}
	if n := len(f.Exceeded) - len(worst); n > 0 {
		texts = append(texts, "and "+term.Count(n)+" more by less")
	}
	return strings.Join(texts, ", ")
}

func (p *page) costs(r *tune.Report, f *tune.Fit) {
	if len(f.Costs) == 0 {
		return
	}
	shown := f.Costs[:min(len(f.Costs), maxCosts)]
	rows := make([][]string, len(shown))
	for i := range shown {
		c := &shown[i]
		rows[i] = []string{term.Count(c.Findings), rateText(c.Findings, c.PerDay), callerText(&c.Caller), quietText(c, r.IDLength)}
	}
	t := p.table([]column{loudColumn(r), {head: "A DAY", right: true}, {head: "WHO", flex: true}, {head: "WHAT WOULD QUIET IT", flex: true, tail: true}}, rows)
	t.header()
	for i := range rows {
		t.row(i, term.Plain)
	}
	if slices.ContainsFunc(shown, func(c tune.Cost) bool { return c.Quiet != nil }) {
		p.paragraph("Only if it is benign: an exception hides an attack as well as a routine. `vedette explain` the finding first.", "", term.Plain)
	}
	if n := len(f.Costs) - len(shown); n > 0 {
		p.line(term.Plural(n, "more principal") + " with fewer: json lists them all.")
	}
	p.blank()
}

func quietText(c *tune.Cost, length int) string {
	switch {
	case c.Quiet == nil && len(c.Attacks) > 0:
		return "nothing, being attack " + strings.Join(c.Attacks, "; ")
	case c.Quiet == nil:
		return "no exception fits" + unboundText(c.Unbound)
	}
	text := "except " + prefix(c.Quiet.ID, length)
	if c.Findings > 1 {
		text += " (like it: " + term.Count(c.Quiet.Findings) + " of " + term.Count(c.Findings) + ")"
	}
	if len(c.Attacks) > 0 {
		text += "; others are attack " + strings.Join(c.Attacks, "; ")
	}
	return text
}

// unboundText says why an exception has nothing to be bound to.
func unboundText(why string) string {
	switch why {
	case tune.SeveralAccounts:
		return ": in several accounts"
	case tune.UnnamedCaller:
		return ": caller not named"
	case tune.PrivateAddress:
		return ": not all addresses are public"
	case tune.Followed:
		return ": none covers what followed"
	case tune.UnwritableName:
		return ": a name cannot be written into one"
	case tune.PutAside:
		return ": put aside already"
	}
	return ""
}

// tuneVerdict is the answer in a sentence.
func tuneVerdict(r *tune.Report) string {
	states := map[string]int{}
	var lost []string
	for _, a := range r.Attacks {
		states[a.State]++
		if a.State == "lost" {
			lost = append(lost, a.Name)
		}
	}
	attacks := term.Plural(len(r.Attacks), "labelled attack")
	if r.After == nil {
		text := term.Plural(r.Before.Findings, "finding") + "."
		if len(r.Attacks) > 0 {
			text += " Of " + attacks + " " + term.Count(states["caught"]) + " caught at " + r.Level + " or higher, " + term.Count(states["missed"]) + " missed."
		}
		return text
	}
	kinds := map[string]int{}
	for i := range r.Changes {
		kinds[r.Changes[i].Kind]++
	}
	text := strings.Join(r.Changed, " ") + ": " + term.Plural(kinds["removed"], "finding") + " removed, " + term.Count(kinds["added"]) + " added, " +
		term.Count(kinds["raised"]) + " raised, " + term.Count(kinds["lowered"]) + " lowered, " + term.Count(r.Kept.Findings) + " at the same level"
	if n := r.Kept.Reprioritised; n > 0 {
		text += " (" + term.Count(n) + " with another priority)"
	}
	text += "."
	switch {
	case len(r.Attacks) == 0:
		return text + " Nothing is labelled, so nothing is said of attacks that it loses."
	case len(lost) > 0:
		text += " Of " + attacks + " it loses " + term.Count(len(lost)) + ": " + strings.Join(lost, "; ") + "."
	default:
		text += " Of " + attacks + " it loses none."
	}
	if n := states["gained"]; n > 0 {
		text += " It gains " + term.Count(n) + "."
	}
	if n := states["missed"]; n > 0 {
		text += " " + term.Count(n) + " missed, before and after."
	}
	return text
}
