package siem

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/event"
)

// ErrNotSaid says that a language cannot say a rule at all.
var ErrNotSaid = errors.New("cannot be said in this language")

// TooLong is the error, wrapping [ErrNotSaid], for a query of n characters
// where the product takes limit.
func TooLong(r *Rule, product string, n, limit int) error {
	advice := ""
	if len(r.Legs) > 0 && slices.ContainsFunc(r.Legs, func(l Leg) bool { return l.Log.Cloud() != r.Legs[0].Log.Cloud() }) {
		advice = ": compile it for each --cloud by itself"
	}
	return fmt.Errorf("%w: the query of %s has %d characters, %s takes %d%s", ErrNotSaid, r.ID, n, product, limit, advice)
}

// Role is what a rule needs of a log's rows.
type Role string

// The roles. Each is an expression of the target language over one row of the
// log; conditions are marked so.
const (
	Time        Role = "time"         // when the call was made
	Service     Role = "service"      // service that was called, lower case, as the catalogue has it
	API         Role = "api"          // name of the operation as [plan.Predicate] compares it
	Principal   Role = "principal"    // the caller, sessions folded into the role
	Session     Role = "session"      // the caller's session, else credential
	AccountID   Role = "account"      // account, subscription or project
	Region      Role = "region"       // region, or empty
	Address     Role = "address"      // network address of the caller
	Target      Role = "target"       // what was asked for, as text
	EventID     Role = "event_id"     // the log's own id of the act
	IsDenied    Role = "denied"       // condition: the call was refused
	IsOK        Role = "ok"           // condition: the call succeeded
	ServiceMade Role = "service_made" // condition: the provider made the call itself
	CallerKind  Role = "kind"         // kind of principal, as [event.ActorKind] names it
	Credential  Role = "key"          // id of the credential
	Agent       Role = "agent"        // user agent
	ErrorCode   Role = "error"        // error code
	Assumed     Role = "assumed"      // role that an AssumeRole asks for
	RawAPI      Role = "raw_api"      // the operation as logged (seed profile)
	RawCaller   Role = "raw_caller"   // the caller as logged (seed profile)
	RawAccount  Role = "raw_account"  // account of the caller as logged (seed profile)
	RawRegion   Role = "raw_region"   // region as the seed's query has it
)

// Roles lists the roles in the order in which tables show them.
func Roles() []Role {
	return []Role{Time, Service, API, Principal, Session, AccountID, Region, Address, Target, EventID, IsDenied, IsOK, ServiceMade, CallerKind, Credential, Agent, ErrorCode, Assumed, RawAPI, RawCaller, RawAccount, RawRegion}
}

// Fields is a field map: for each log class where a product keeps it and how
// its rows answer to the roles. It is read from YAML; docs/extending.md has
// the format.
type Fields struct {
	Language string             `yaml:"language"`
	Logs     map[string]*LogMap `yaml:"logs"`
}

// LogMap is a field map's part for one log class.
type LogMap struct {
	// Source is the table, index or stream.
	Source string `yaml:"source"`
	// Where narrows the source to this log, as a condition of the target
	// language; empty where the source holds nothing else.
	Where string `yaml:"where"`
	// Needs names what must be switched on or installed, for people.
	Needs string `yaml:"needs"`
	// From is where the facts of this entry come from.
	From string `yaml:"from"`
	// Confirmed says that From is a public source that was read; otherwise
	// the entry is a parameter that the header lists.
	Confirmed bool `yaml:"confirmed"`
	// Roles are the expressions.
	Roles map[Role]FieldMap `yaml:"roles"`
	// Set holds further settings of the backend's own.
	Set map[string]string `yaml:"set"`
}

// FieldMap is the expression for one role. In YAML it is the bare expression,
// or a mapping where something is to be said of it.
type FieldMap struct {
	Expr string `yaml:"expr"`
	From string `yaml:"from"`
	// Unconfirmed marks an expression that no public source confirms.
	Unconfirmed bool `yaml:"unconfirmed"`
	// Approximate says in what the expression differs from the role.
	Approximate string `yaml:"approximate"`
}

// UnmarshalYAML reads the bare expression or the mapping.
func (m *FieldMap) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		m.Expr = n.Value
		return nil
	}
	type plain FieldMap
	return n.Decode((*plain)(m))
}

// ParseFields reads a field map. Errors name the file.
func ParseFields(file string, data []byte) (*Fields, error) {
	f := &Fields{}
	if err := yaml.Load(data, f, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for name, m := range f.Logs {
		if l, ok := event.ParseLog(name); !ok || !l.Audited() {
			return nil, fmt.Errorf("%s: %q is no log class", file, name)
		}
		if m == nil {
			return nil, fmt.Errorf("%s: %s is empty", file, name)
		}
		for role, e := range m.Roles {
			if !slices.Contains(Roles(), role) {
				return nil, fmt.Errorf("%s: %s: %q is no role; the roles are %v", file, name, role, Roles())
			}
			if strings.TrimSpace(e.Expr) == "" {
				return nil, fmt.Errorf("%s: %s: %s has no expression", file, name, role)
			}
		}
	}
	return f, nil
}

// MustFields is ParseFields for a file that is part of the program.
func MustFields(file string, data []byte) *Fields {
	f, err := ParseFields(file, data)
	if err != nil {
		panic(err) // a test reads every file
	}
	return f
}

// Merge lays the entries of o over those of f: single roles and settings.
func (f *Fields) Merge(o *Fields) error {
	if o.Language != "" && o.Language != f.Language {
		return fmt.Errorf("a field map of %s cannot go with %s", o.Language, f.Language)
	}
	for name, om := range o.Logs {
		m := f.Logs[name]
		if m == nil {
			f.Logs[name] = om
			continue
		}
		if om.Source != "" {
			m.Source, m.Confirmed = om.Source, true
		}
		if om.Needs != "" {
			m.Needs = om.Needs
		}
		if om.Where != "" {
			m.Where = om.Where
		}
		for role, e := range om.Roles {
			m.Roles[role] = e
		}
		for k, v := range om.Set {
			if m.Set == nil {
				m.Set = map[string]string{}
			}
			m.Set[k] = v
		}
	}
	return nil
}

// Place is a leg of a rule with the place where a product keeps its log.
type Place struct {
	*Leg
	*LogMap
}

// Places pairs the legs of a rule with the places of a product. A leg whose
// log the product does not keep is left out and graded so; where no leg is
// left, the error wraps [ErrNotSaid].
func (f *Fields) Places(r *Rule, g *Grades) ([]Place, error) {
	if r.Unsaid != "" {
		return nil, fmt.Errorf("%w: %s", ErrNotSaid, r.Unsaid)
	}
	var list []Place
	for i := range r.Legs {
		l := &r.Legs[i]
		m := f.Logs[l.Log.String()]
		if m == nil {
			g.SayOf(l.Log, Source, Impossible, "the product has no documented place for this log; the query leaves it out")
			continue
		}
		list = append(list, Place{l, m})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: %s has a place for none of the logs of %s", ErrNotSaid, f.Language, r.ID)
	}
	return list, nil
}

// Expr returns the expression of a role; "" where the log has none.
func (m *LogMap) Expr(r Role) string { return m.Roles[r].Expr }

// Check adds to out what the field map leaves open for a leg: unconfirmed
// names as parameters, approximate expressions as grades.
func (m *LogMap) Check(out *Output, g *Grades, l event.Log, roles ...Role) {
	if !m.Confirmed {
		out.Parameters = append(out.Parameters, Parameter{"source", l, m.Source, "no public source confirms it"})
	}
	for _, r := range roles {
		e, ok := m.Roles[r]
		if !ok {
			continue
		}
		if e.Unconfirmed {
			out.Parameters = append(out.Parameters, Parameter{string(r), l, e.Expr, "no public source confirms it"})
		}
		if e.Approximate != "" {
			g.SayOf(l, featureOf(r), Approximated, e.Approximate)
		}
	}
}

// featureOf is the feature that a role serves.
func featureOf(r Role) Feature {
	switch r {
	case Principal, Session, RawCaller:
		return Identity
	case AccountID, RawAccount:
		return Account
	case Region, RawRegion:
		return Regions
	case Address:
		return Lists
	case Target:
		return TargetCount
	case IsDenied, IsOK:
		return Outcome
	case ServiceMade:
		return Services
	case EventID:
		return Duplicates
	}
	return Selection
}
