package main

import (
	"bytes"
	"os"
	"path/filepath"
	"time"

	"vedette/internal/scenario"
)

// start is when hostile scenarios and the benign day begin.
var start = time.Date(2026, 3, 17, 6, 0, 0, 0, time.UTC)

// trail is scenarios in a folder, with who is who in it.
type trail struct {
	dir       string
	events    int                           // calls, an operation of Azure's two records once
	scenarios map[string]*scenario.Scenario // by principal
	first     map[string]time.Time          // by principal: when its steps begin
	owner     map[string]string             // by account: whose it is, a principal
}

// add writes a trail of one scenario into the folder.
func (t *trail) add(p scenario.Trail) error {
	data := append(bytes.Join(p.Records, []byte("\n")), '\n')
	f, err := os.OpenFile(filepath.Join(t.dir, p.Scenario.ID+".json"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	for _, principal := range p.Principals {
		t.scenarios[principal] = p.Scenario
		if first, ok := t.first[principal]; !ok || p.First.Before(first) {
			t.first[principal] = p.First
		}
	}
	for _, account := range p.Accounts {
		t.owner[account] = p.Principals[0]
	}
	return f.Close()
}

func newTrail(dir string) (*trail, error) {
	return &trail{dir: dir, scenarios: map[string]*scenario.Scenario{}, first: map[string]time.Time{}, owner: map[string]string{}}, os.MkdirAll(dir, 0o700)
}

// benignDay writes a day of all benign scenarios, each as often as it says,
// spread over the hours. What it did on days before is the day's own history
// and left out.
func benignDay(lib *scenario.Library, dir string) (*trail, error) {
	t, err := newTrail(dir)
	if err != nil {
		return nil, err
	}
	for n, s := range lib.Scenarios {
		if s.Label != scenario.Benign {
			continue
		}
		one := *s
		one.Usual = nil
		times := max(s.PerDay, 1)
		for i := range times {
			at := start.Add(24*time.Hour*time.Duration(i)/time.Duration(times) + time.Duration(n)*37*time.Second)
			// Ids of calls are of a caller and its call's number: each run is
			// played as part of a caller of its own, with the name of the first.
			if err := t.add(lib.PlayAgain(&one, n, i, at, scenario.Forge{})); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

// hostile writes all hostile scenarios, each in an account of its own.
func hostile(lib *scenario.Library, dir string) (*trail, error) {
	t, err := newTrail(dir)
	if err != nil {
		return nil, err
	}
	for n, s := range lib.Scenarios {
		if s.Label != scenario.Hostile {
			continue
		}
		if err := t.add(lib.Play(s, n, start.Add(4*time.Hour+time.Duration(n)*13*time.Second), scenario.Forge{})); err != nil {
			return nil, err
		}
	}
	return t, nil
}
