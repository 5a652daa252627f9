package scenario

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// act is one call of a scenario, before it is written as a record.
type act struct {
	time    time.Time
	service string // "ec2"; the cloud's own form elsewhere
	name    string
	region  string
	target  string // "" asks for all
	outcome string // ok, denied, absent
	reason  string
	network string
	client  string
	console bool
	account int // which of the caller's accounts
	n       int // from 0, in the order of the scenario
}

// reads reports whether an operation of AWS is one that CloudTrail marks as
// a read, by its verb.
func reads(name string) bool {
	for _, verb := range []string{"Describe", "Get", "List", "Lookup", "Search", "BatchGet", "Head", "Scan", "Select", "Simulate", "Query", "Assume"} {
		if strings.HasPrefix(name, verb) {
			return true
		}
	}
	return false
}

// lists reports whether an operation asks, without further words, for all
// that there is.
func lists(name string) bool {
	name = name[strings.LastIndexAny(name, "./")+1:]
	for _, verb := range []string{"Describe", "List", "list", "aggregatedList", "Search", "search"} {
		if strings.HasPrefix(name, verb) {
			return true
		}
	}
	return false
}

// regionNames are the regions of a scenario, home first.
var regionNames = []string{
	"eu-west-1", "us-east-1", "us-west-2", "eu-central-1", "us-east-2", "us-west-1", "eu-west-2", "eu-west-3", "eu-north-1",
	"ap-south-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "sa-east-1",
}

// acts plays a scenario from an instant on, after its usual days.
func (l *Library) acts(s *Scenario, start time.Time, rng *rand.Rand) []act {
	var list []act
	add := func(a act) {
		a.n = len(list)
		list = append(list, a)
	}
	days := 0
	if u := s.Usual; u != nil && u.Same {
		days = u.Days
	} else if u != nil {
		ops, _ := l.usual(u) // checked by Load
		for day := u.Days; day > 0; day-- {
			for i := range u.PerDay {
				at := start.AddDate(0, 0, -day).Add(time.Duration(i)*10*time.Hour/time.Duration(u.PerDay) - 4*time.Hour + time.Duration(rng.IntN(120))*time.Second)
				a := l.act(ops[(i+day)%len(ops)], at)
				a.network, a.client = or(u.Network, s.Network), or(u.Client, s.Client)
				a.region, a.outcome, a.target = regionNames[i%max(u.Regions, 1)], "ok", fmt.Sprintf("usual-%d", i%5)
				if u.Open && lists(a.name) {
					a.target = ""
				}
				add(a)
			}
		}
	}
	for day := days; day >= 0; day-- {
		now := start.AddDate(0, 0, -day)
		for account := range max(s.Accounts, 1) {
			now = l.steps(s, now, rng, func(a act) {
				a.account = account
				add(a)
			})
		}
	}
	return list
}

// steps plays the steps of a scenario from an instant on, and returns the
// instant at which they end.
func (l *Library) steps(s *Scenario, now time.Time, rng *rand.Rand, add func(act)) time.Time {
	for _, p := range s.Steps {
		ops, _ := l.operations(&p) // checked by Load
		now = now.Add(p.At)
		for round := range max(p.Rounds, 1) {
			if round > 0 {
				now = now.Add(p.Every)
			}
			var due, refused, absent Share
			for region := range max(p.Regions, 1) {
				for _, op := range ops {
					for again := range max(p.Times, 1) * max(p.Targets, 1) {
						a := l.act(op, now)
						a.network, a.client, a.console = s.Network, s.Client, s.Console
						a.region, a.outcome = regionNames[region%len(regionNames)], "ok"
						switch {
						case p.Targets > 0:
							a.target = fmt.Sprintf("%s-%03d", or(short(a.service), "r"), again%p.Targets)
						case p.Aimed || !lists(a.name):
							a.target = fmt.Sprintf("%s-%03d", or(short(a.service), "r"), (again+round)%4)
						}
						if refused += p.Denied; refused > due+0.999 {
							refused--
							a.outcome, a.reason = "denied", or(p.Reason, "identity")
						} else if absent += p.Absent; absent > 0.999 {
							absent--
							a.outcome = "absent"
						}
						add(a)
						pace := p.Pace
						if p.Jitter {
							pace = pace/2 + time.Duration(rng.Int64N(int64(pace)+1))
						}
						now = now.Add(pace)
					}
				}
			}
		}
	}
	return now
}

// act takes "ec2:DescribeInstances", "compute.googleapis.com
// v1.compute.instances.list" or an operation of Azure apart.
func (l *Library) act(op string, at time.Time) act {
	if service, name, ok := strings.Cut(op, " "); ok && strings.Contains(service, ".googleapis.com") {
		return act{time: at, service: service, name: name}
	}
	if service, name, ok := strings.Cut(op, ":"); ok && !strings.Contains(op, "/") {
		return act{time: at, service: service, name: name}
	}
	return act{time: at, name: op}
}

func short(service string) string {
	s, _, _ := strings.Cut(service, ".")
	return s
}

func or(s, other string) string {
	if s != "" {
		return s
	}
	return other
}
