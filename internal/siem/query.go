package siem

import (
	"fmt"
	"slices"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/question"
)

// Query is a question with the names of its APIs resolved, for backends that
// are [Asker].
type Query struct {
	*question.Question
	// Legs are the logs that the question reads, and the calls that it takes
	// of each.
	Legs []QueryLeg
	// Range is the time that is asked about: calls in it, and no others.
	Range Range
}

// QueryLeg is a query's part for one log.
type QueryLeg struct {
	Log    event.Log
	Select *plan.Predicate
	// Differs says in what Select is not what the question selects.
	Differs []string
	Calls   *question.Calls
	// Earlier marks calls that those of the question must follow.
	Earlier bool
}

// Unlisted reports whether the query selects an API by the names alone, as
// [question.Unlisted] has it.
func (q *Query) Unlisted(a *event.API, l event.Log, earlier bool) bool {
	for i := range q.Legs {
		leg := &q.Legs[i]
		// Logs of Azure are tables each; those of the others are one.
		if leg.Earlier == earlier && (leg.Log == l || leg.Log.Cloud() == l.Cloud() && l.Cloud() != event.Azure) && leg.Select.Selects(a.Service, a.Name) {
			return true
		}
	}
	return false
}

// Asker is a backend in whose language questions are printed.
type Asker interface {
	Backend
	// Ask prints a question. The error wraps [ErrNotSaid] where the language,
	// or the product's tables, cannot say it.
	Ask(q *Query, f *Fields) (*Asked, error)
}

// TabularAsker is an Asker whose rows every client program prints alike.
type TabularAsker interface {
	Asker
	// AskedRows is [Tabular.Rows] for a question: columns are those that
	// [AnswerColumns] lists.
	AskedRows(a *Asked) (string, error)
}

// Asked is a question in one language.
type Asked struct {
	Query *Query
	// Text is the query, whole, with a header in comments.
	Text string
	// Differs says in what rows may differ from those over files; none where
	// the text is exact.
	Differs []string
	// Check are names of fields that no public source confirms.
	Check []string
}

// Columns of an answer besides those of fields and figures.
const (
	AnswerStart    = "start"
	AnswerFirst    = "first"
	AnswerLast     = "last"
	AnswerEvidence = "evidence"
)

// AnswerList is the column of the list of a field's values.
func AnswerList(f question.Field) string { return string(f) + "_list" }

// AnswerColumns are the columns of a question's rows, in order.
func AnswerColumns(q *question.Question) []string {
	var list []string
	if q.Per > 0 {
		list = append(list, AnswerStart)
	}
	for _, f := range q.By {
		list = append(list, string(f))
	}
	for _, f := range q.Figures() {
		list = append(list, string(f))
	}
	for _, f := range q.Lists {
		list = append(list, AnswerList(f))
	}
	return append(list, AnswerFirst, AnswerLast, AnswerEvidence)
}

// RolesOf are the roles that a field is made of.
func RolesOf(f question.Field) []Role {
	switch f {
	case question.Principal:
		return []Role{Principal}
	case question.Kind:
		return []Role{CallerKind}
	case question.Account:
		return []Role{AccountID}
	case question.Service:
		return []Role{Service}
	case question.API:
		return []Role{Service, API}
	case question.Region:
		return []Role{Region}
	case question.Address, question.Network:
		return []Role{Address}
	case question.Session:
		return []Role{Session, Credential}
	case question.Key:
		return []Role{Credential}
	case question.Client:
		return []Role{Agent}
	case question.Target:
		return []Role{Target}
	case question.Error:
		return []Role{ErrorCode}
	}
	return nil
}

// AskedPlace is a leg of a query with the place where a product keeps its log.
type AskedPlace struct {
	QueryLeg
	*LogMap
}

// Asked pairs the legs of a query with the places of a product, and notes in
// what its fields differ from what the question means. A log without a place,
// or a field that a log does not keep, is an error that wraps [ErrNotSaid]: an
// answer without it would be no answer.
func (f *Fields) Asked(q *Query, a *Asked) ([]AskedPlace, error) {
	var list []AskedPlace
	differs := func(s string) {
		if !slices.Contains(a.Differs, s) {
			a.Differs = append(a.Differs, s)
		}
	}
	for _, leg := range q.Legs {
		m := f.Logs[leg.Log.String()]
		if m == nil {
			return nil, fmt.Errorf("%w: it has no documented place for %s", ErrNotSaid, leg.Log)
		}
		for _, d := range leg.Differs {
			differs(fmt.Sprintf("calls of %s: %s", leg.Log, d))
		}
		if !m.Confirmed {
			a.Check = append(a.Check, m.Source)
		}
		roles := []Role{Time, Service, API, EventID, ServiceMade}
		switch leg.Calls.Outcome {
		case "denied":
			roles = append(roles, IsDenied)
		case "ok", "failed":
			roles = append(roles, IsOK)
		}
		for _, field := range q.Uses() {
			for _, r := range RolesOf(field) {
				if m.Expr(r) == "" && field != question.Region && !(r == Credential && field == question.Session) {
					return nil, fmt.Errorf("%w: its tables of %s keep no %s", ErrNotSaid, leg.Log, field)
				}
				roles = append(roles, r)
			}
		}
		if leg.Earlier && q.Earlier().Linked() {
			if m.Expr(Assumed) == "" {
				return nil, fmt.Errorf("%w: its tables of %s keep no role that was assumed", ErrNotSaid, leg.Log)
			}
			roles = append(roles, Assumed)
		}
		for _, r := range roles {
			e := m.Roles[r]
			if e.Approximate != "" {
				differs(fmt.Sprintf("%s of %s: %s", r, leg.Log, e.Approximate))
			}
			if e.Unconfirmed && !slices.Contains(a.Check, e.Expr) {
				a.Check = append(a.Check, e.Expr)
			}
		}
		list = append(list, AskedPlace{leg, m})
	}
	return list, nil
}
