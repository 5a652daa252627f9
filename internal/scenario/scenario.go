// Package scenario makes trails of which it is known who is hostile: what
// tools, intruders, deployment, posture scanners, backups and people at a
// console do, as audit records of three clouds. Scenarios are data files.
//
// They are made, not captured: their lists of operations come from tools'
// sources, published reports and captured trails, each named in the file;
// pace, networks and refusals are chosen. Captured logs stay the better proof.
package scenario

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/footprint"
)

//go:embed scenarios holdout
var files embed.FS

// Label says which side a scenario is on.
type Label string

// The labels.
const (
	Hostile Label = "hostile"
	Benign  Label = "benign"
)

// Scenario is what one caller does.
type Scenario struct {
	ID     string `yaml:"id"`
	Label  Label  `yaml:"label"`
	Family string `yaml:"family"` // who is alike: left out together when figures are worked out
	About  string `yaml:"about"`
	Source string `yaml:"source"` // where its operations come from
	Cloud  string `yaml:"cloud"`  // aws, azure, gcp
	// Actor is a kind of caller: see actors.go.
	Actor string `yaml:"actor"`
	// Vendor is the account that the actor "vendor" assumes its role from.
	Vendor string `yaml:"vendor"`
	// Role is the name of a role, in place of a harmless one.
	Role string `yaml:"role"`
	// Network is where it calls from: see networks.
	Network string `yaml:"network"`
	// Client is what it calls with: see clients.
	Client string `yaml:"client"`
	// Console marks calls that the provider's web console made.
	Console bool `yaml:"console"`
	// Accounts is how many accounts, subscriptions or projects the steps are
	// played in, one after the other; 0 means one.
	Accounts int `yaml:"accounts"`
	// PerDay is how often a benign scenario comes about in a day of an
	// organisation; 0 means once.
	PerDay int    `yaml:"per_day"`
	Usual  *Usual `yaml:"usual"`
	Steps  []Step `yaml:"steps"`
	// Vary makes further scenarios, each with some of the fields replaced.
	Vary []Variant `yaml:"vary"`
}

// Variant is a scenario that differs from another in some things.
type Variant struct {
	ID      string `yaml:"id"` // appended to that of the scenario
	Actor   string `yaml:"actor"`
	Network string `yaml:"network"`
	Client  string `yaml:"client"`
	Denied  *Share `yaml:"denied"`
	Reason  string `yaml:"reason"`
	Pace    string `yaml:"pace"`
	Regions int    `yaml:"regions"`
	Usual   *Usual `yaml:"usual"`
	First   int    `yaml:"first"`
	Label   Label  `yaml:"label"`
	Absent  *Share `yaml:"absent"`
	Targets int    `yaml:"targets"`
}

// Share is a part of all calls, from 0 to 1.
type Share float64

// Usual is what the caller did on the days before.
type Usual struct {
	Days    int    `yaml:"days"`
	PerDay  int    `yaml:"per_day"`
	Set     string `yaml:"set"`
	Tool    string `yaml:"tool"` // in place of Set
	First   int    `yaml:"first"`
	Regions int    `yaml:"regions"` // 0 the home region
	Open    bool   `yaml:"open"`    // lists ask for all
	// Same plays the steps themselves on each of the days before, at the
	// same hour; the other fields but Days are then not read.
	Same    bool   `yaml:"same"`
	Network string `yaml:"network"` // as the scenario's, where empty
	Client  string `yaml:"client"`  // as the scenario's, where empty
}

// Step is a run of calls.
type Step struct {
	// What is called: a named set of the file, operations of a tool (with or
	// without a module), of an incident, or a list.
	Set      string   `yaml:"set"`
	Tool     string   `yaml:"tool"`     // "pacu" or "pacu/ec2__enum"
	Incident string   `yaml:"incident"` // an id of footprint's
	Calls    []string `yaml:"calls"`    // "ec2:DescribeInstances", a method, or an operation of Azure
	// First keeps this many of the operations, evenly spread, 0 all.
	First int `yaml:"first"`
	// Follow adds what reports say the intruder did besides (Incident alone).
	Follow bool `yaml:"follow"`

	At      time.Duration `yaml:"at"`      // from the end of the step before
	Pace    time.Duration `yaml:"pace"`    // between calls
	Jitter  bool          `yaml:"jitter"`  // pace of a person
	Times   int           `yaml:"times"`   // each call again, 0 once
	Rounds  int           `yaml:"rounds"`  // the whole step again, 0 once
	Every   time.Duration `yaml:"every"`   // between rounds
	Regions int           `yaml:"regions"` // each call in so many regions, 0 the home region
	Targets int           `yaml:"targets"` // each call for so many resources; 0: lists ask for all, the rest for one
	Aimed   bool          `yaml:"aimed"`   // lists ask for one resource too, as deployment does
	Denied  Share         `yaml:"denied"`
	Reason  string        `yaml:"reason"` // identity (default), resource, boundary, session, scp, unknown
	Absent  Share         `yaml:"absent"`
}

type file struct {
	Sets      map[string][]string `yaml:"sets"`
	Scenarios []*Scenario         `yaml:"scenarios"`
}

// Library is all scenarios with the sets that they name.
type Library struct {
	Scenarios []*Scenario // in order of file and place, variants behind theirs
	sets      map[string][]string
}

// Load reads the scenarios that the program comes with.
func Load() (*Library, error) { return load("scenarios") }

// LoadHoldout reads the scenarios that nothing was set by: they are for
// measuring alone.
func LoadHoldout() (*Library, error) { return load("holdout") }

func load(dir string) (*Library, error) {
	lib := &Library{sets: map[string][]string{}}
	entries, err := files.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		data, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var f file
		if err := yaml.Load(data, &f, yaml.WithKnownFields()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for set, ops := range f.Sets {
			if _, ok := lib.sets[set]; ok {
				return nil, fmt.Errorf("%s: set %q stands twice", name, set)
			}
			lib.sets[set] = ops
		}
		for _, s := range f.Scenarios {
			lib.Scenarios = append(lib.Scenarios, s)
			for _, v := range s.Vary {
				lib.Scenarios = append(lib.Scenarios, s.with(v))
			}
		}
	}
	return lib, lib.check()
}

// with returns the variant of a scenario.
func (s *Scenario) with(v Variant) *Scenario {
	c := *s
	c.ID, c.Vary = s.ID+"-"+v.ID, nil
	set := func(to *string, from string) {
		if from != "" {
			*to = from
		}
	}
	set(&c.Actor, v.Actor)
	set(&c.Network, v.Network)
	set(&c.Client, v.Client)
	if v.Label != "" {
		c.Label = v.Label
	}
	if v.Usual != nil {
		c.Usual = v.Usual
	}
	c.Steps = slices.Clone(s.Steps)
	for i := range c.Steps {
		p := &c.Steps[i]
		if v.Denied != nil {
			p.Denied = *v.Denied
		}
		if v.Absent != nil {
			p.Absent = *v.Absent
		}
		set(&p.Reason, v.Reason)
		if v.Regions > 0 {
			p.Regions = v.Regions
		}
		if v.First > 0 {
			p.First = v.First
		}
		if v.Targets > 0 && p.Targets > 0 {
			p.Targets = v.Targets
		}
		if d, err := time.ParseDuration(v.Pace); err == nil {
			p.Pace = d
		}
	}
	return &c
}

func (l *Library) check() error {
	seen := map[string]bool{}
	for _, s := range l.Scenarios {
		err := func(format string, args ...any) error {
			return fmt.Errorf("scenario %s: %s", s.ID, fmt.Sprintf(format, args...))
		}
		switch {
		case s.ID == "" || seen[s.ID]:
			return err("an id is needed, once")
		case s.Label != Hostile && s.Label != Benign:
			return err("label %q is neither hostile nor benign", s.Label)
		case s.Family == "" || s.About == "" || len(s.Steps) == 0:
			return err("family, about and steps are needed")
		case s.Network == "" || networks[s.Network] == nil:
			return err("there is no network %q", s.Network)
		case clients[s.Client] == "":
			return err("there is no client %q", s.Client)
		case !slices.Contains(actors[s.Cloud], s.Actor):
			return err("there is no actor %q in %q", s.Actor, s.Cloud)
		case s.Actor == "vendor" && len(s.Vendor) != 12:
			return err("a vendor needs the account that it comes from")
		}
		seen[s.ID] = true
		for i := range s.Steps {
			ops, e := l.operations(&s.Steps[i])
			if e != nil || len(ops) == 0 {
				return err("step %d has no calls: %v", i+1, e)
			}
		}
		if s.Usual != nil && !s.Usual.Same {
			if ops, e := l.usual(s.Usual); e != nil || len(ops) == 0 {
				return err("its usual days have no calls: %v", e)
			}
		}
	}
	return nil
}

// usual lists what a caller did on the days before.
func (l *Library) usual(u *Usual) ([]string, error) {
	return l.operations(&Step{Set: u.Set, Tool: u.Tool, First: u.First})
}

// operations lists what a step calls.
func (l *Library) operations(p *Step) ([]string, error) {
	ops := slices.Clone(p.Calls)
	if p.Set != "" {
		set, ok := l.sets[p.Set]
		if !ok {
			return nil, fmt.Errorf("there is no set %q", p.Set)
		}
		ops = append(ops, set...)
	}
	add := func(list []footprint.Operation) {
		for _, o := range list {
			ops = append(ops, strings.TrimSuffix(o.Service, ".amazonaws.com")+":"+o.Name)
		}
	}
	if p.Tool != "" {
		name, module, _ := strings.Cut(p.Tool, "/")
		add(footprint.OfTool(name, module))
	}
	if p.Incident != "" {
		i, ok := footprint.OfIncident(p.Incident)
		if !ok {
			return nil, fmt.Errorf("there is no incident %q", p.Incident)
		}
		add(i.Discovery)
		if p.Follow {
			add(i.Other)
		}
	}
	if p.First > 0 && p.First < len(ops) {
		few := make([]string, p.First)
		for i := range few {
			few[i] = ops[i*len(ops)/p.First]
		}
		ops = few
	}
	return ops, nil
}
