package hunt

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"vedette/internal/question"
	"vedette/internal/siem"
)

// readAnswer reads the rows of a question as a client prints them: a JSON
// object a line, with the columns that [siem.AnswerColumns] lists and no others.
func readAnswer(q *question.Question, r io.Reader, most limits) ([]question.Row, error) {
	names := siem.AnswerColumns(q)
	rows := []question.Row{}
	err := eachLine(r, most, func(line []byte) error {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(line, &members); err != nil {
			return fmt.Errorf("%.200q is no row as JSON", line)
		}
		for name := range members {
			if !slices.Contains(names, name) {
				return fmt.Errorf("%.60q is no column of a row", name)
			}
		}
		c := columns{members: members}
		row := question.Row{First: c.instant(siem.AnswerFirst), Last: c.instant(siem.AnswerLast)}
		if q.Per > 0 {
			row.Start = c.instant(siem.AnswerStart)
		}
		for _, f := range q.By {
			row.Values = append(row.Values, c.text(string(f)))
		}
		for _, f := range q.Figures() {
			row.Counts = append(row.Counts, c.count(string(f)))
		}
		for _, f := range q.Lists {
			row.Lists = append(row.Lists, c.sorted(siem.AnswerList(f)))
		}
		row.Evidence = c.sorted(siem.AnswerEvidence)
		rows = append(rows, row)
		return c.err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, question.Compare)
	return rows, nil
}

// sorted reads a list in order of bytes; engines sort text in their own ways.
// One of no value is null in some of them.
func (c *columns) sorted(name string) []string {
	if string(c.members[name]) == "null" {
		return []string{}
	}
	list := c.list(name)
	slices.Sort(list)
	return list
}
