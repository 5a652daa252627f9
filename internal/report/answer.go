package report

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"vedette/internal/finding"
	"vedette/internal/question"
	"vedette/internal/term"
)

// WriteAnswers writes what questions gave: as tables, as a JSON array of rows,
// a row a line, or CSV, where each question has columns of its own and so must
// stand alone. Formats are those of [RowFormats]. In JSON the values stand
// letter for letter; in CSV and in the table hostile ones are defused as in
// [Write].
func WriteAnswers(w io.Writer, format string, answers []*question.Answer, opts Options) error {
	b := bufio.NewWriter(w)
	var err error
	switch Format(format) {
	case Table:
		p := newPage(b, opts)
		for i, a := range answers {
			if i > 0 {
				p.blank()
			}
			p.answerTable(a)
		}
	case JSON, NDJSON:
		var rows []any
		for _, a := range answers {
			for i := range a.Rows {
				rows = append(rows, answerRow(a.Question, &a.Rows[i]))
			}
		}
		if Format(format) == JSON {
			err = writeArray(b, len(rows), "", func(i int) any { return rows[i] })
			b.WriteByte('\n')
			break
		}
		for i := range rows {
			if err = writeLine(b, rows[i]); err != nil {
				break
			}
		}
	case CSV:
		if len(answers) != 1 {
			return fmt.Errorf("write answers as csv: each question has columns of its own, and these are %d questions", len(answers))
		}
		err = answerCSV(b, answers[0])
	default:
		return unknownFormat(format, RowFormats())
	}
	if err == nil {
		err = b.Flush()
	}
	if err != nil {
		return fmt.Errorf("write answers as %s: %w", format, err)
	}
	return nil
}

// member is a member of a row as JSON, in order.
type member struct {
	name  string
	value any
}

type members []member

// MarshalJSONTo writes the members in their order.
func (m members) MarshalJSONTo(e *jsontext.Encoder) error {
	if err := e.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, x := range m {
		if err := e.WriteToken(jsontext.String(x.name)); err != nil {
			return err
		}
		if err := json.MarshalEncode(e, x.value); err != nil {
			return err
		}
	}
	return e.WriteToken(jsontext.EndObject)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// answerRow is a row with the columns that queries give, and the question's id.
func answerRow(q *question.Question, r *question.Row) members {
	m := members{{"question", q.ID}}
	if q.Per > 0 {
		m = append(m, member{"start", stamp(r.Start)})
	}
	for i, f := range q.By {
		m = append(m, member{string(f), r.Values[i]})
	}
	for i, f := range q.Figures() {
		m = append(m, member{string(f), r.Counts[i]})
	}
	for i, f := range q.Lists {
		m = append(m, member{string(f) + "_list", r.Lists[i]})
	}
	return append(m, member{"first", stamp(r.First)}, member{"last", stamp(r.Last)}, member{"evidence", r.Evidence})
}

func answerCSV(w io.Writer, a *question.Answer) error {
	c := csv.NewWriter(w)
	q := a.Question
	var head []string
	for _, m := range answerRow(q, &question.Row{
		Values: make([]string, len(q.By)), Counts: make([]int, len(q.Figures())), Lists: make([][]string, len(q.Lists)),
	}) {
		head = append(head, m.name)
	}
	c.Write(head)
	for i := range a.Rows {
		var cells []string
		for _, m := range answerRow(q, &a.Rows[i]) {
			switch v := m.value.(type) {
			case string:
				cells = append(cells, cell(v))
			case int:
				cells = append(cells, strconv.Itoa(v))
			case []string:
				cells = append(cells, jsonArray(v))
			}
		}
		c.Write(cells)
	}
	c.Flush()
	return c.Error()
}

// answerTable shows a question with its rows, and how to read them.
func (p *page) answerTable(a *question.Answer) {
	q := a.Question
	p.heading(q.Title)
	p.line(q.Asks)
	p.blank()
	for _, n := range a.Notes {
		p.line("Note: " + n + ".")
	}
	if len(a.Rows) == 0 {
		p.line("No row, in what was read. What is not in it was not seen.")
		return
	}
	var cols []column
	for _, f := range q.Figures() {
		cols = append(cols, column{head: strings.ToUpper(string(f)), right: true})
	}
	for i, f := range q.By {
		c := column{head: strings.ToUpper(string(f)), flex: i == 0 || f == question.Principal}
		if i > 0 && slices.Contains(ids, f) && p.width >= roomForIDs {
			c.whole, c.keep = true, uuidWidth
		}
		cols = append(cols, c)
	}
	cells := make([][]string, len(a.Rows))
	for i := range a.Rows {
		r := &a.Rows[i]
		for _, n := range r.Counts {
			cells[i] = append(cells[i], strconv.Itoa(n))
		}
		cells[i] = append(cells[i], r.Values...)
	}
	t := p.table(cols, cells)
	t.header()
	for i := range a.Rows {
		r := &a.Rows[i]
		t.row(i, term.Plain)
		for j, f := range q.By { // what the row had no room for
			if at := len(r.Counts) + j; term.Width(t.rows[i][at]) > t.cols[at].width {
				p.whole(string(f), r.Values[j])
			}
		}
		p.field("when", span(stamp(r.First), stamp(r.Last)))
		for j, f := range q.Lists {
			p.items(string(f), listed(q, r, f, r.Lists[j]), 0)
		}
		p.items("evidence", r.Evidence, 3)
		p.blank()
	}
	p.field("reading", q.Reading)
	p.sentences("benign", q.Benign)
	p.sentences("next", q.Next)
}

// listed is a list of a row, with how many values of the field there are beyond
// it where a figure of the row counts them.
func listed(q *question.Question, r *question.Row, f question.Field, list []string) []string {
	for i, figure := range q.Figures() {
		if figure != question.Events && figure.Field() == f && i < len(r.Counts) {
			return more(slices.Clone(list), r.Counts[i])
		}
	}
	return list
}

// sentences writes a labelled list, a line or more for each.
func (p *page) sentences(label string, list []string) {
	for _, s := range list {
		p.field(label, s)
		label = ""
	}
}

// ids are fields whose values are ids, which are typed again.
var ids = []question.Field{question.Account, question.Key}

// Cells of a UUID, and from how many on a page has room for one beside a name.
const (
	uuidWidth  = 36
	roomForIDs = 100
)

// AnswerSummary writes what the answers rest on: what was read and lost, and
// what the input cannot show.
func AnswerSummary(w io.Writer, r *finding.Report, answers []*question.Answer, opts Options) error {
	b := bufio.NewWriter(w)
	rows := 0
	for _, a := range answers {
		rows += len(a.Rows)
	}
	verdict := term.Plural(rows, "row")
	switch {
	case r.Summary.Events == 0:
		verdict = nothingRead(r)
	case rows == 0:
		verdict = "No row" + butBlind(r)
	default:
		verdict += "."
	}
	p := newPage(b, opts)
	p.answer(verdict, r)
	for _, a := range answers {
		for _, n := range a.Notes {
			p.line("Note: " + a.Question.ID + ": " + n + ".")
		}
	}
	return b.Flush()
}

// Listed is a question with the targets in whose language it is said exactly,
// nearly or not at all.
type Listed struct {
	Question                        *question.Question
	Exact, Approximated, Impossible []string
}

// WriteQuestions lists questions, as a table or as JSON.
func WriteQuestions(w io.Writer, format string, list []Listed, opts Options) error {
	b := bufio.NewWriter(w)
	switch Format(format) {
	case Table:
		p := newPage(b, opts)
		cols := []column{{head: "QUESTION", whole: true}, {head: "ASKS", flex: true, tail: true}, {head: "LOGS", flex: true, tail: true}}
		rows := make([][]string, len(list))
		narrow := p.width < roomForIDs
		for i, l := range list {
			rows[i] = []string{l.Question.ID, l.Question.Title, strings.Join(l.Question.Logs, ", ")}
			if narrow {
				rows[i] = rows[i][:2] // the logs move below, where there is room for them
			}
			// Ids are typed again, so that the rest makes room for them.
			cols[0].keep = min(max(cols[0].keep, term.Width(l.Question.ID)), p.width-2-minFlex)
		}
		if narrow {
			cols = cols[:2]
		}
		t := p.table(cols, rows)
		t.header()
		for i, l := range list {
			t.row(i, term.Plain)
			if narrow {
				p.items("logs", l.Question.Logs, 0)
			}
			p.items("exact", append([]string{"files"}, l.Exact...), 0)
			if len(l.Approximated) > 0 {
				p.items("nearly", l.Approximated, 0)
			}
			if len(l.Impossible) > 0 {
				p.items("not", l.Impossible, 0)
			}
		}
	case JSON:
		err := writeArray(b, len(list), "", func(i int) any {
			l := list[i]
			return members{
				{"id", l.Question.ID}, {"title", l.Question.Title}, {"question", l.Question.Asks}, {"techniques", l.Question.Techniques},
				{"logs", l.Question.Logs}, {"exact", append([]string{"files"}, l.Exact...)}, {"approximated", l.Approximated}, {"impossible", l.Impossible},
			}
		})
		if err != nil {
			return fmt.Errorf("list questions: %w", err)
		}
		b.WriteByte('\n')
	default:
		return unknownFormat(format, []Format{Table, JSON})
	}
	return b.Flush()
}
