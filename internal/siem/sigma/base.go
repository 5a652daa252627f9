package sigma

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/siem"
)

// base is a base rule: the calls of one kind of caller in one log.
type base struct {
	siem.Place
	name  string // by which correlations refer to it
	title string // where the calls are, such as "AWS CloudTrail"
	who   string // the kind of caller, such as "a Role"; empty where there is one kind

	searches  []named
	condition string

	// The fields that correlations group by and count.
	identity, account, api, event, target string
}

type named struct {
	name string
	search
}

// bases makes the base rules of a log: one, or two where callers of one kind
// are named by another field than all others.
func bases(r *siem.Rule, at siem.Place) ([]*base, error) {
	_, service, _ := strings.Cut(at.Source, "/")
	b := base{
		Place: at, title: at.Set["title"], name: slug(r) + "_" + strings.ReplaceAll(service, ".", "_"),
		identity: at.Expr(siem.Principal), account: at.Expr(siem.AccountID), api: at.Expr(siem.API), event: at.Expr(siem.EventID), target: at.Expr(siem.Target),
	}
	if r.BySession {
		b.identity = at.Expr(siem.Session)
	}
	if at.Raw {
		b.identity, b.account, b.api = at.Expr(siem.RawCaller), at.Expr(siem.RawAccount), at.Expr(siem.RawAPI)
		return []*base{&b}, b.raw()
	}
	if err := b.selection(); err != nil {
		return nil, err
	}
	if at.Set["kind"] == "" {
		return []*base{&b}, nil
	}
	kind, rest := b, b
	kind.name, kind.who, kind.identity = b.name+"_"+at.Set["kind"], at.Set["kind_title"], at.Set["kind_principal"]
	if r.BySession {
		kind.identity = at.Set["kind_session"]
	}
	rest.name, rest.who = b.name+"_"+at.Set["others"], at.Set["others_title"]
	is := at.Set["kind"]
	for _, one := range []*base{&kind, &rest} {
		one.searches = slices.Clone(b.searches)
		if err := one.add(is, at.Set["kind_when"]); err != nil {
			return nil, err
		}
	}
	if not := at.Set["kind_not"]; not != "" {
		for _, one := range []*base{&kind, &rest} {
			if err := one.add("no_"+is, not); err != nil {
				return nil, err
			}
		}
		kind.condition += " and " + is + " and not no_" + is
		rest.condition += " and (not " + is + " or no_" + is + ")"
	} else {
		kind.condition += " and " + is
		rest.condition += " and not " + is
	}
	return []*base{&kind, &rest}, nil
}

// slug is a rule's id as it stands in names.
func slug(r *siem.Rule) string { return strings.ReplaceAll(r.ID, "-", "_") }

// add adds a search of the field map.
func (b *base) add(name, text string) error {
	s, err := parse(text)
	if err != nil {
		return fmt.Errorf("field map, %s: %w", b.Leg.Log, err)
	}
	b.searches = append(b.searches, named{name, s})
	return nil
}

// raw compares names as they are logged, as the query that Vedette began with
// does.
func (b *base) raw() error {
	x := item{key: b.api}
	for _, n := range b.Select.Names {
		if v := literal(n.API); !slices.Contains(x.values, v) {
			x.values = append(x.values, v)
		}
	}
	b.searches = []named{{"names", search{{x}}}}
	b.condition = "names"
	if w := b.Set["raw_where"]; w != "" {
		if err := b.add("answered", w); err != nil {
			return err
		}
		b.condition += " and answered"
	}
	if b.NeedsCaller {
		b.searches = append(b.searches, named{"caller", search{{{b.identity, []string{"'*'"}}}}})
		b.condition += " and caller"
	}
	return nil
}

// selection prints what calls count.
func (b *base) selection() error {
	s := b.Select
	var any []string
	put := func(name string, x search) string {
		b.searches = append(b.searches, named{name, x})
		return name
	}
	if s.Match != "" {
		one := put("verbs", b.matches(s.Match))
		if s.Unless != "" {
			one += " and not " + put("other_verbs", b.matches(s.Unless))
		}
		if len(s.NotNames) > 0 {
			one += " and not " + put("other_calls", b.among(s.NotNames))
		}
		any = append(any, one)
	}
	if len(s.Names) > 0 {
		any = append(any, put("calls", b.among(s.Names)))
	}
	b.condition = any[0]
	if len(any) > 1 {
		if strings.Contains(any[0], " ") {
			any[0] = "(" + any[0] + ")"
		}
		b.condition = "(" + any[0] + " or " + any[1] + ")"
	}
	var but []string
	for _, x := range []struct {
		when bool
		name string
		text string
		not  bool
	}{
		{b.Only(event.Denied), "refused", b.Expr(siem.IsDenied), false},
		{b.Only(event.OK), "answered", b.Expr(siem.IsOK), false},
		{!b.Services, "own", b.Set["own"], false},
		{!b.Services, "service", b.Expr(siem.ServiceMade), true},
		{true, "no_call", b.Set["skip"], true},
	} {
		if !x.when || x.text == "" {
			continue
		}
		if err := b.add(x.name, x.text); err != nil {
			return err
		}
		if x.not {
			but = append(but, x.name)
		} else {
			b.condition += " and " + x.name
		}
	}
	for _, name := range but {
		b.condition += " and not " + name
	}
	return nil
}

// compared is the field of names with the modifiers that compare it with an
// expression.
func (b *base) compared() string {
	if b.Set["fold"] != "" {
		return b.api + "|re|i"
	}
	return b.api + "|re"
}

// matches searches names for an expression. Logs put versions behind names.
func (b *base) matches(expr string) search {
	if rest, ok := strings.CutSuffix(expr, "$"); ok {
		expr = rest + b.Set["after"] + "$"
	}
	return search{{{b.compared(), []string{scalar(expr)}}}}
}

// among holds for listed names.
func (b *base) among(names []plan.Name) search {
	if method := b.Set["method"]; method != "" {
		return b.requests(names, method)
	}
	service := b.Expr(siem.Service)
	var s search
	for _, of := range siem.ByService(names) {
		x := item{key: b.api}
		switch {
		case of.Whole && service == b.api:
			s = append(s, []item{{b.api + "|startswith", []string{literal(of.Service + "/")}}})
			continue
		case of.Whole && service == "":
			// The log is of one service.
			s = append(s, []item{{b.api, []string{"'*'"}}})
			continue
		case of.Whole:
			s = append(s, []item{{service, []string{literal(of.Service)}}})
			continue
		case service == b.api:
			for _, n := range of.APIs {
				x.values = append(x.values, literal(of.Service+"/"+n))
			}
			// One field says both, so that one list does.
			if i := slices.IndexFunc(s, func(a []item) bool { return a[0].key == x.key }); i >= 0 {
				s[i][0].values = append(s[i][0].values, x.values...)
				continue
			}
		case b.Set["after"]+b.Set["before"]+b.Set["dot"] != "":
			x = item{b.compared(), []string{scalar(b.versioned(of.APIs))}}
		default:
			for _, n := range of.APIs {
				x.values = append(x.values, literal(n))
			}
		}
		if service == "" || service == b.api {
			s = append(s, []item{x})
		} else {
			s = append(s, []item{{service, []string{literal(of.Service)}}, x})
		}
	}
	return s
}

// versioned is an expression for names that logs put versions into.
func (b *base) versioned(names []string) string {
	var list []string
	for _, n := range names {
		n = regexp.QuoteMeta(n)
		if dot := b.Set["dot"]; dot != "" {
			n = strings.ReplaceAll(n, `\.`, dot)
		}
		list = append(list, n)
	}
	return "^" + b.Set["before"] + group(list) + b.Set["after"] + "$"
}

func group(list []string) string {
	if len(list) == 1 {
		return list[0]
	}
	return "(" + strings.Join(list, "|") + ")"
}

// requests holds for names that are a method and a path, with {id} where an
// object's id stands.
func (b *base) requests(names []plan.Name, method string) search {
	var methods []string
	paths := map[string][]string{}
	var s search
	for _, n := range names {
		if n.API == plan.Any {
			s = append(s, []item{{b.api, []string{"'*'"}}})
			continue
		}
		verb, path, _ := strings.Cut(n.API, " ")
		if paths[verb] == nil {
			methods = append(methods, verb)
		}
		paths[verb] = append(paths[verb], strings.ReplaceAll(regexp.QuoteMeta(path), `\{id\}`, `[^/?]+`))
	}
	for _, verb := range methods {
		s = append(s, []item{
			{method, []string{literal(strings.ToUpper(verb))}},
			{b.compared(), []string{scalar(`^https?://[^/?]+/(v1[.]0|beta)` + group(paths[verb]) + `/?([?].*)?$`)}},
		})
	}
	return s
}
