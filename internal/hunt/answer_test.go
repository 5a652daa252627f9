package hunt

import (
	"strings"
	"testing"

	"vedette/internal/question"
)

func TestReadAnswer(t *testing.T) {
	q := &question.Question{By: []question.Field{question.Principal}, Lists: []question.Field{question.API}, Per: 1}
	row := `{"start":1714996800000000,"principal":"ada","events":"2","apis":1,"api_list":["b","a"],"first":1714996800000000,"last":1714996801000000,"evidence":null}`
	rows, err := readAnswer(q, strings.NewReader(row+"\n\n"+strings.Replace(row, `"2"`, "3", 1)), usual)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0].Counts[0] != 3 || rows[1].Values[0] != "ada" || strings.Join(rows[1].Lists[0], "") != "ab" || rows[0].Start.Format("15:04") != "12:00" {
		t.Errorf("%+v", rows)
	}
	for _, wrong := range []string{
		strings.Replace(row, `"ada"`, "null", 1), strings.Replace(row, `"2"`, "-1", 1), strings.Replace(row, `["b","a"]`, `"x"`, 1),
		strings.Replace(row, `"first":1714996800000000,`, "", 1), strings.Replace(row, `"apis"`, `"risk"`, 1), "[]", "ERROR: no table",
	} {
		if _, err := readAnswer(q, strings.NewReader(wrong), usual); err == nil {
			t.Errorf("is read: %s", wrong)
		}
	}
}
