// Package rehearse plays attack tests on one machine: real clients call
// stand-ins of the clouds, the recorder writes what the provider would have
// logged, and what is found in it is held against what the test says must be
// found. Nothing leaves the machine.
//
// A test is a folder below tests: test.yaml and the scripts that it runs.
// docs/rehearsal.md describes the file.
package rehearse

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/internal/event"
	"vedette/internal/live"
)

// Kind says on which side a test is.
type Kind string

// The kinds of test.
const (
	Attack Kind = "attack" // must be found, each run as it says
	Benign Kind = "benign" // must stay quiet
)

// Test is one attack test, or a counter-test of benign work.
type Test struct {
	ID        string `yaml:"id"`
	Name      string `yaml:"name"`
	Technique string `yaml:"technique"` // of ATT&CK
	Provider  string `yaml:"provider"`  // aws, azure, gcp
	Kind      Kind   `yaml:"kind"`
	About     string `yaml:"about"`
	// Origin names the document whose test this restates.
	Origin string `yaml:"origin"`
	// Quick marks the tests that a quick run plays.
	Quick bool `yaml:"quick"`
	// Needs are the programs that the steps call: aws, az, gcloud, pacu...
	Needs []string `yaml:"needs"`
	// Changes says that the steps change what other tests ask about, so that
	// each run has an account of its own and the clean-up is played after it
	// (AWS).
	Changes bool `yaml:"changes"`
	// Prerequisites and Cleanup are for those who run the steps in a cloud of
	// their own; Cleanup is lines of a shell, empty where nothing is left.
	Prerequisites []string `yaml:"prerequisites"`
	Cleanup       string   `yaml:"cleanup"`

	Steps []Step `yaml:"steps"`
	// Recipe is what no client on this machine can do: a scenario that is
	// made, not recorded, or records that somebody typed.
	Recipe *Recipe `yaml:"recipe"`

	// Live are the same calls for a run with the user's own credentials in a
	// real cloud; they only read.
	Live []live.Call `yaml:"live"`

	// Detections are the ids or groups of the detections that judge the test;
	// those that a scan runs by default where none is named.
	Detections []string `yaml:"detections"`
	Runs       []Run    `yaml:"runs"`
	Signal     []Signal `yaml:"signal"`

	files map[string][]byte // what lies beside test.yaml, by name
}

// Synthetic reports whether the logs of the test are made and not recorded.
func (t *Test) Synthetic() bool { return t.Recipe != nil }

// Files returns the names of the files beside test.yaml, sorted.
func (t *Test) Files() []string {
	var names []string
	for name := range t.files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Step is what one caller does from one place.
type Step struct {
	// As is who calls, by the name that the provider's estate has for it; it
	// stands for the run's own caller where it is empty.
	As string `yaml:"as"`
	// Instance is the id of the instance whose role calls, in place of As.
	Instance string `yaml:"instance"`
	// From is the address that the provider sees.
	From string `yaml:"from"`
	// After is how long after the step before it begins.
	After time.Duration `yaml:"after"`
	// Days is on how many days before the same was done, at the same hour: it
	// is played and recorded, and not judged.
	Days int `yaml:"days"`
	// Pace is the time from one call to the next, as "300ms" or "300ms-2s".
	Pace string `yaml:"pace"`
	// Sh is lines of a POSIX shell. A refused call is part of the story, so
	// no exit code ends it.
	Sh string `yaml:"sh"`

	paceMin, paceMax time.Duration
}

// Recipe names logs that are made.
type Recipe struct {
	// Scenario is one of package scenario's; Records is a file beside
	// test.yaml.
	Scenario string `yaml:"scenario"`
	Records  string `yaml:"records"`
	Why      string `yaml:"why"` // why no client can do it here
}

// Run is one playing of a test: with what rights, under which logs, and what
// must come of it.
type Run struct {
	Name  string `yaml:"name"`
	About string `yaml:"about"`
	// As is who calls, by the name that the provider's estate has for it.
	As string `yaml:"as"`
	// Allow are the actions that the caller may take, those of the estate where
	// it is left out; Deny those that a service control policy takes away from
	// everybody (AWS).
	Allow []string `yaml:"allow"`
	Deny  []string `yaml:"deny"`
	// Logs are the classes of log that are switched on; the provider's
	// usual ones where none is named.
	Logs   []string `yaml:"logs"`
	Expect Expect   `yaml:"expect"`
	// Questions are the hunting questions that have an answer in the run's
	// logs, by id: a row that reaches into the time that is judged.
	Questions []string `yaml:"questions"`
}

// Expect is what must come of a run: one of its fields.
type Expect struct {
	// AtLeast and AtMost bound the level of the worst finding; AtMost also
	// holds where nothing is found.
	AtLeast string `yaml:"at_least"`
	AtMost  string `yaml:"at_most"`
	// Silent says that there must be no finding at all.
	Silent bool `yaml:"silent"`
	// Invisible says that the calls leave no record in the logs that are
	// switched on: nothing is found, and the scan says what it cannot see.
	// Its value is the log class that is blind.
	Invisible string `yaml:"invisible"`
	// SeedRisk is the highest risk score that the seed profile must give;
	// the run is then judged by that profile.
	SeedRisk int `yaml:"seed_risk"`
}

func (e Expect) String() string {
	switch {
	case e.AtLeast != "":
		return e.AtLeast + " or higher"
	case e.AtMost != "":
		return e.AtMost + " or lower"
	case e.Silent:
		return "nothing"
	case e.Invisible != "":
		return "invisible"
	}
	return fmt.Sprintf("seed risk %d", e.SeedRisk)
}

// Signal is one thing that the origin of a test says the logs will show, and
// what they really do.
type Signal struct {
	Said string `yaml:"said"`
	// Logged are the names by which the provider logs it, any of which will
	// do; none where no log has it.
	Logged []string `yaml:"logged"`
	// Log is the class of log that it lies in.
	Log string `yaml:"log"`
	// Only names the runs that make the call at all; empty for all.
	Only []string `yaml:"only"`
	Note string   `yaml:"note"`
}

// of reports whether a signal belongs to a run.
func (s *Signal) of(run string) bool { return len(s.Only) == 0 || slices.Contains(s.Only, run) }

// usualLogs are the classes that are on where a run says nothing else.
var usualLogs = map[string][]event.Log{
	"aws":   {event.CloudTrailManagement},
	"azure": {event.AzureActivity, event.AzureKeyVault, event.AzureStorage, event.AzureGraph},
	"gcp":   {event.GCPActivity, event.GCPDataAccess},
}

// logs returns the classes of log that are on in a run, less those of without.
func (r *Run) logs(provider string, without []event.Log) []event.Log {
	var on []event.Log
	for _, name := range r.Logs {
		if l, ok := event.ParseLog(name); ok {
			on = append(on, l)
		}
	}
	if len(r.Logs) == 0 {
		on = slices.Clone(usualLogs[provider])
	}
	return slices.DeleteFunc(on, func(l event.Log) bool { return slices.Contains(without, l) })
}

// Find returns the tests that are named, in the order of list; "all" names
// every one. An unknown name is an error that lists what there is.
func Find(list []*Test, names []string) ([]*Test, error) {
	var out []*Test
	for _, name := range names {
		if name != "all" && !slices.ContainsFunc(list, func(t *Test) bool { return t.ID == name }) {
			var ids []string
			for _, t := range list {
				ids = append(ids, t.ID)
			}
			return nil, fmt.Errorf("there is no test %q; there are %s", name, strings.Join(ids, ", "))
		}
	}
	for _, t := range list {
		if slices.Contains(names, "all") || slices.Contains(names, t.ID) {
			out = append(out, t)
		}
	}
	return out, nil
}
