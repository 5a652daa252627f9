package investigate

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/finding"
)

// The guide that the program comes with; its own comments explain the form.
//
//go:embed guide.yaml
var guideYAML []byte

// Guide is the questions of an investigation, in their order.
type Guide struct {
	file  string
	steps []question
}

// Step is one question with its answer.
type Step struct {
	ID       string   `json:"id"`
	Question string   `json:"question"`
	Answer   []string `json:"answer"` // sentences
	Tables   []Table  `json:"-"`      // the figures of the facts, as rows; in JSON they are under facts
	Cited
	Next []Next `json:"next"`
}

// Next is what to ask after a step. Of the links at most one is set.
type Next struct {
	Ask      string `json:"ask"`
	Step     string `json:"step,omitempty"`     // of this guide
	Hunt     string `json:"hunt,omitempty"`     // a hunting question
	Playbook string `json:"playbook,omitempty"` // a phase of the playbook
	Run      string `json:"run,omitempty"`      // a command, its values quoted for a POSIX shell
}

// question is a step as the file has it.
type question struct {
	line     int
	id       string
	question string
	facts    []string
	answer   []*template.Template
	next     []ask
}

type ask struct {
	when, ask, run       *template.Template // when and run may be nil
	step, hunt, playbook string
}

// phases are those of a response playbook.
var phases = []string{"preserve", "triage", "contain", "eradicate", "recover", "learn"}

// DefaultGuide returns the guide that the program comes with.
func DefaultGuide() *Guide {
	g, err := LoadGuide("guide.yaml", guideYAML)
	if err != nil {
		panic("investigate: " + err.Error()) // a test reads it
	}
	return g
}

// GuideFile returns the file that [DefaultGuide] is read from, with its
// explanations.
func GuideFile() []byte { return slices.Clone(guideYAML) }

// maxGuide bounds a guide, in bytes.
const maxGuide = 1 << 20

// LoadGuide reads a guide. Errors name the file and the line. All templates
// are tried on a walk without calls, so that a name which no fact has is an
// error here.
func LoadGuide(file string, data []byte) (*Guide, error) {
	if len(data) > maxGuide {
		return nil, fmt.Errorf("%s: %d bytes are more than a guide may have (%d)", file, len(data), maxGuide)
	}
	var doc struct {
		Version int         `yaml:"version"`
		Steps   []yaml.Node `yaml:"steps"`
	}
	if err := yaml.Load(data, &doc, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if doc.Version != 1 || len(doc.Steps) == 0 {
		return nil, fmt.Errorf("%s:1: a guide begins with version: 1 and has steps", file)
	}
	g := &Guide{file: file}
	for i := range doc.Steps {
		q, err := readQuestion(file, &doc.Steps[i])
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(g.steps, func(o question) bool { return o.id == q.id }) {
			return nil, fmt.Errorf("%s:%d: a second step %q", file, q.line, q.id)
		}
		g.steps = append(g.steps, *q)
	}
	for _, q := range g.steps {
		for _, n := range q.next {
			if n.step != "" && !slices.ContainsFunc(g.steps, func(o question) bool { return o.id == n.step }) {
				return nil, fmt.Errorf("%s:%d: step %q leads to %q, which the guide has not", file, q.line, q.id, n.step)
			}
		}
	}
	if _, err := g.answer(&Walk{}, nil, nil); err != nil {
		return nil, err
	}
	return g, nil
}

func readQuestion(file string, n *yaml.Node) (*question, error) {
	at := func(n *yaml.Node, format string, args ...any) error {
		return fmt.Errorf("%s:%d: %s", file, n.Line, fmt.Sprintf(format, args...))
	}
	var raw struct {
		ID       string      `yaml:"id"`
		Question string      `yaml:"question"`
		Facts    []string    `yaml:"facts"`
		Answer   []yaml.Node `yaml:"answer"`
		Next     []yaml.Node `yaml:"next"`
	}
	if err := known(n, "id", "question", "facts", "answer", "next"); err != nil {
		return nil, at(n, "%v", err)
	}
	if err := n.Decode(&raw); err != nil {
		return nil, at(n, "%v", err)
	}
	if raw.ID == "" || raw.Question == "" || len(raw.Facts) == 0 || len(raw.Answer) == 0 {
		return nil, at(n, "a step needs id, question, facts and answer")
	}
	q := &question{line: n.Line, id: raw.ID, question: raw.Question, facts: raw.Facts}
	for _, f := range raw.Facts {
		if !slices.Contains(factNames, f) {
			return nil, at(n, "there is no fact %q; there are %s", f, strings.Join(factNames, ", "))
		}
	}
	text := func(n *yaml.Node, s string) (*template.Template, error) {
		t, err := template.New(fmt.Sprintf("%s:%d", file, n.Line)).Funcs(words).Parse(s)
		if err != nil {
			return nil, at(n, "%v", err)
		}
		return t, nil
	}
	for i := range raw.Answer {
		t, err := text(&raw.Answer[i], raw.Answer[i].Value)
		if err != nil {
			return nil, err
		}
		q.answer = append(q.answer, t)
	}
	for i := range raw.Next {
		n := &raw.Next[i]
		var r struct {
			When     string `yaml:"when"`
			Ask      string `yaml:"ask"`
			Step     string `yaml:"step"`
			Hunt     string `yaml:"hunt"`
			Playbook string `yaml:"playbook"`
			Run      string `yaml:"run"`
		}
		if err := known(n, "when", "ask", "step", "hunt", "playbook", "run"); err != nil {
			return nil, at(n, "%v", err)
		}
		if err := n.Decode(&r); err != nil {
			return nil, at(n, "%v", err)
		}
		if r.Ask == "" {
			return nil, at(n, "what to ask next needs ask")
		}
		if r.Playbook != "" && !slices.Contains(phases, r.Playbook) {
			return nil, at(n, "a playbook has no phase %q: there are %s", r.Playbook, strings.Join(phases, ", "))
		}
		a := ask{step: r.Step, hunt: r.Hunt, playbook: r.Playbook}
		for to, s := range map[**template.Template]string{&a.when: r.When, &a.ask: r.Ask, &a.run: r.Run} {
			if s == "" {
				continue
			}
			t, err := text(n, s)
			if err != nil {
				return nil, err
			}
			*to = t
		}
		q.next = append(q.next, a)
	}
	return q, nil
}

// known refuses members of a mapping that nothing reads.
func known(n *yaml.Node, names ...string) error {
	if n.Kind != yaml.MappingNode {
		return errors.New("this is no mapping")
	}
	for i := 0; i < len(n.Content); i += 2 {
		if !slices.Contains(names, n.Content[i].Value) {
			return fmt.Errorf("there is no %q here: there are %s", n.Content[i].Value, strings.Join(names, ", "))
		}
	}
	return nil
}

// page is what templates see: the facts by their names, the subject, the
// finding, which is empty where there is none, and the paths that are read.
type page struct {
	Facts
	Subject Subject
	Finding *finding.Finding
	Logs    string
}

// ShellWords writes paths as words of a POSIX shell, in quotes where they
// need them: a command is there to be copied. They are in order, since the one
// in which logs are named changes nothing. Standard input cannot be read by
// another command, and PATH stands for it.
func ShellWords(paths []string) string {
	if len(paths) == 0 || slices.Contains(paths, "-") {
		return "PATH"
	}
	list := slices.Sorted(slices.Values(paths))
	for i, p := range list {
		if strings.HasPrefix(p, "-") {
			p = "./" + p // no flag
		}
		plain := func(r rune) bool {
			return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@,=%", r)
		}
		if list[i] = p; p == "" || strings.ContainsFunc(p, func(r rune) bool { return !plain(r) }) {
			list[i] = shellQuote(p)
		}
	}
	return strings.Join(list, " ")
}

// maxSentence bounds a sentence, in bytes.
const maxSentence = 4000

// answer words every step.
func (g *Guide) answer(w *Walk, f *finding.Finding, paths []string) ([]Step, error) {
	if f == nil {
		f = &finding.Finding{}
	}
	p := &page{Facts: w.Facts, Subject: w.Subject, Finding: f, Logs: ShellWords(paths)}
	steps := make([]Step, 0, len(g.steps))
	for i := range g.steps {
		q := &g.steps[i]
		s := Step{ID: q.id, Question: q.question, Answer: []string{}, Next: []Next{}}
		for _, t := range q.answer {
			text, err := p.say(t)
			if err != nil {
				return nil, fmt.Errorf("step %q: %w", q.id, err)
			}
			if text != "" {
				s.Answer = append(s.Answer, text)
			}
		}
		s.Evidence = []finding.Evidence{}
		for _, name := range q.facts {
			cited, tables := w.Facts.named(name)
			s.Evidence = append(s.Evidence, cited.Evidence...)
			s.EvidenceTotal += cited.EvidenceTotal
			s.Tables = append(s.Tables, tables...)
		}
		for _, n := range q.next {
			next, err := p.next(&n)
			if err != nil {
				return nil, fmt.Errorf("step %q: %w", q.id, err)
			}
			if next != nil {
				s.Next = append(s.Next, *next)
			}
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// next words what to ask after a step, or returns nil where its condition does
// not hold.
func (p *page) next(a *ask) (*Next, error) {
	if a.when != nil {
		holds, err := p.say(a.when)
		if err != nil || holds == "" || holds == "false" {
			return nil, err
		}
	}
	n := &Next{Step: a.step, Hunt: a.hunt, Playbook: a.playbook}
	var err error
	if n.Ask, err = p.say(a.ask); err != nil {
		return nil, err
	}
	if a.run != nil {
		n.Run, err = p.say(a.run)
	}
	return n, err
}

// say fills in a template and sets single blanks between the words.
func (p *page) say(t *template.Template) (string, error) {
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		return "", err
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	if len(text) > maxSentence {
		text = strings.ToValidUTF8(text[:maxSentence], "") + " …"
	}
	return text, nil
}
