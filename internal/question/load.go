package question

import (
	"embed"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/event"
	"vedette/internal/plan"
)

//go:embed questions
var files embed.FS

// Load returns the questions that the program comes with, in order of their
// ids.
func Load() ([]*Question, error) {
	entries, err := files.ReadDir("questions")
	if err != nil {
		return nil, err
	}
	var list []*Question
	for _, e := range entries {
		name := path.Join("questions", e.Name())
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		some, err := Parse(name, data)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	return Add(nil, list)
}

// Add puts further questions among others, by id. One of the same id is an
// error.
func Add(list, more []*Question) ([]*Question, error) {
	list = slices.Concat(list, more)
	slices.SortStableFunc(list, func(a, b *Question) int { return strings.Compare(a.ID, b.ID) })
	for i := 1; i < len(list); i++ {
		if a, b := list[i-1], list[i]; a.ID == b.ID {
			return nil, fmt.Errorf("%s:%d: there is a question %s already, at %s:%d", b.File, b.Line, b.ID, a.File, a.Line)
		}
	}
	return list, nil
}

// Parse reads a file of questions, a list in YAML. Errors are
// "file:line: what is wrong".
func Parse(file string, data []byte) ([]*Question, error) {
	var nodes []yaml.Node
	if err := yaml.Load(data, &nodes); err != nil {
		return nil, fmt.Errorf("%s: no list of questions: %w", file, err)
	}
	var list []*Question
	for i := range nodes {
		n := &nodes[i]
		q := &Question{File: file, Line: n.Line}
		fail := func(err error) error { return fmt.Errorf("%s:%d: question %s: %w", file, n.Line, q.ID, err) }
		if err := n.Load(q, yaml.WithKnownFields()); err != nil {
			return nil, fail(err)
		}
		if err := q.check(); err != nil {
			return nil, fail(err)
		}
		list = append(list, q)
	}
	return list, nil
}

var slug = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func (q *Question) check() error {
	if !slug.MatchString(q.ID) {
		return fmt.Errorf("the id %q is not of lower-case letters, digits and hyphens", q.ID)
	}
	for name, text := range map[string]string{"title": q.Title, "question": q.Asks, "why": q.Why, "reading": q.Reading, "source": q.Source} {
		if strings.TrimSpace(text) == "" || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' }) {
			return fmt.Errorf("%s is missing, or has a control character", name)
		}
	}
	if len(q.Techniques) == 0 || len(q.Benign) == 0 || len(q.Next) == 0 {
		return fmt.Errorf("techniques, benign and next are needed")
	}
	if len(q.Logs) == 0 {
		return fmt.Errorf("logs are needed")
	}
	for _, name := range q.Logs {
		if l, ok := event.ParseLog(name); !ok || !l.Audited() {
			return fmt.Errorf("%q is no log class", name)
		}
	}
	if err := q.Calls.check(); err != nil {
		return err
	}
	earlier := 0
	for _, s := range q.Then {
		if err := s.check(); err != nil {
			return err
		}
		if s.After != nil {
			earlier++
		}
	}
	if earlier > 1 {
		return fmt.Errorf("after stands once")
	}
	if len(q.By) == 0 {
		return fmt.Errorf("by needs a field")
	}
	if err := checkFields(append(slices.Clone(q.By), q.Lists...)...); err != nil {
		return err
	}
	for f, least := range q.Having {
		if !slices.Contains(Figures(), f) {
			return fmt.Errorf("having: %q is no figure: there are %v", f, Figures())
		}
		if least < 1 {
			return fmt.Errorf("having: %s: %d is less than 1", f, least)
		}
	}
	if s := q.Spike; s != nil && (q.Per == 0 || s.Times < 2 || s.Least < 1) {
		return fmt.Errorf("a spike needs per, times of 2 or more, and least of 1 or more")
	}
	if q.Per != 0 {
		return checkSpan("per", q.Per)
	}
	return nil
}

func (s *Stage) check() error {
	switch {
	case s.Rare != nil && s.First == nil && s.Silent == nil && s.After == nil:
		if s.Rare.Most < 1 || s.Rare.Among <= s.Rare.Most {
			return fmt.Errorf("rare needs most of 1 or more, and among more than that")
		}
		return checkFields(s.Rare.Value)
	case s.First != nil && s.Rare == nil && s.Silent == nil && s.After == nil:
		if err := checkSpan("last", s.First.Last); err != nil {
			return err
		}
		return checkFields(s.First.Value, s.First.Of)
	case s.Silent != nil && s.Rare == nil && s.First == nil && s.After == nil:
		if err := checkSpan("last", s.Silent.Last); err != nil {
			return err
		}
		if err := checkSpan("gap", s.Silent.Gap); err != nil {
			return err
		}
		return checkFields(s.Silent.Of)
	case s.After != nil && s.Rare == nil && s.First == nil && s.Silent == nil:
		if s.After.Link != "" && !s.After.Linked() {
			return fmt.Errorf("after: link is assumed or nothing, not %q", s.After.Link)
		}
		if err := checkSpan("within", s.After.Within); err != nil {
			return err
		}
		return s.After.Calls.check()
	}
	return fmt.Errorf("a stage is one of rare, first_seen, silent and after")
}

func checkSpan(name string, s Span) error {
	if d := time.Duration(s); d < time.Minute || d%time.Minute != 0 {
		return fmt.Errorf("%s is %s: at least a minute is needed, and whole ones", name, d)
	}
	return nil
}

func checkFields(list ...Field) error {
	for _, f := range list {
		if !slices.Contains(Fields(), f) {
			return fmt.Errorf("%q is no field: there are %v", f, Fields())
		}
	}
	return nil
}

func (c *Calls) check() error {
	for _, name := range c.Classes {
		if _, ok := event.ParseClass(name); !ok {
			return fmt.Errorf("%q is no class of calls", name)
		}
	}
	for _, a := range c.APIs {
		if service, name, ok := strings.Cut(a, "/"); !ok || service == "" || name == "" || service == plan.Any || name == plan.Any {
			return fmt.Errorf("%q is no API, which is service/name", a)
		}
	}
	if len(c.Classes) == 0 && len(c.APIs) == 0 && !c.Every {
		return fmt.Errorf("calls need classes or apis, or every")
	}
	if c.Every && len(c.Classes)+len(c.Techniques)+len(c.APIs) > 0 {
		return fmt.Errorf("calls of every API have no classes, techniques or apis")
	}
	if !slices.Contains([]string{"", "ok", "denied", "failed"}, c.Outcome) {
		return fmt.Errorf("%q is no outcome: ok, denied or failed", c.Outcome)
	}
	for _, m := range []map[Field]string{c.Where, c.Unless} {
		for f, re := range m {
			if err := checkFields(f); err != nil {
				return err
			}
			if err := checkExpression(re); err != nil {
				return fmt.Errorf("%s: %w", f, err)
			}
		}
	}
	return nil
}

// checkExpression keeps to what POSIX ERE, RE2, PCRE and Java read alike.
func checkExpression(re string) error {
	if _, err := regexp.Compile(re); err != nil {
		return err
	}
	if re == "" || strings.ContainsAny(re, `\{}`) || strings.Contains(re, "(?") || strings.Contains(re, "[[") || strings.ContainsFunc(re, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("%q: an expression is of printable ASCII, with [ ] ( ) | * + ? ^ $ and the point alone", re)
	}
	return nil
}

// apiName reads "service/name". The service tells the cloud.
func apiName(s string) plan.Name {
	service, name, _ := strings.Cut(s, "/")
	cloud := event.Azure
	switch {
	case strings.HasSuffix(service, ".amazonaws.com"):
		cloud = event.AWS
	case strings.HasSuffix(service, ".googleapis.com"):
		cloud = event.GCP
	}
	return plan.Name{Cloud: cloud, Service: service, API: name}
}

// UnmarshalYAML reads "90m", "24h" or "30d".
func (s *Span) UnmarshalYAML(n *yaml.Node) error {
	text := n.Value
	days := 1
	if rest, ok := strings.CutSuffix(text, "d"); ok {
		text, days = rest+"h", 24
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("line %d: %q is no duration such as 90m, 24h or 30d", n.Line, n.Value)
	}
	*s = Span(d * time.Duration(days))
	return nil
}
