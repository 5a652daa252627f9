package scenario

import (
	"bytes"
	"testing"
	"time"
)

func TestLibrary(t *testing.T) {
	lib, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	count := map[Label]int{}
	clouds := map[string]map[Label]int{}
	for _, s := range lib.Scenarios {
		count[s.Label]++
		if clouds[s.Cloud] == nil {
			clouds[s.Cloud] = map[Label]int{}
		}
		clouds[s.Cloud][s.Label]++
	}
	t.Log(count, clouds)
	if count[Hostile] < 60 || count[Benign] < 60 {
		t.Errorf("%v: sixty of each are wanted", count)
	}
	for _, cloud := range []string{"aws", "azure", "gcp"} {
		if clouds[cloud][Hostile] < 8 || clouds[cloud][Benign] < 8 {
			t.Errorf("%s: %v", cloud, clouds[cloud])
		}
	}
}

func TestHoldout(t *testing.T) {
	lib, err := LoadHoldout()
	if err != nil {
		t.Fatal(err)
	}
	known, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, s := range known.Scenarios {
		ids[s.ID] = true
	}
	clouds := map[string]map[Label]int{}
	for _, s := range lib.Scenarios {
		if ids[s.ID] {
			t.Errorf("%s is in both sets", s.ID)
		}
		if s.Source == "" {
			t.Errorf("%s says no source", s.ID)
		}
		if clouds[s.Cloud] == nil {
			clouds[s.Cloud] = map[Label]int{}
		}
		clouds[s.Cloud][s.Label]++
	}
	t.Log(clouds)
	for _, cloud := range []string{"aws", "azure", "gcp"} {
		if clouds[cloud][Hostile] < 8 || clouds[cloud][Benign] < 8 {
			t.Errorf("%s: %v", cloud, clouds[cloud])
		}
	}
}

func TestAccounts(t *testing.T) {
	lib, err := LoadHoldout()
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range lib.Scenarios {
		if s.Accounts == 0 {
			continue
		}
		trail := lib.Play(s, i, time.Date(2026, 3, 17, 10, 0, 0, 0, time.UTC), Forge{})
		c := newCaller(s, i)
		seen := map[string]bool{}
		for _, r := range trail.Records {
			for n := range s.Accounts {
				account := c.in(n).account
				if bytes.Contains(bytes.ToLower(r), []byte(`"projects/`+account+`"`)) || bytes.Contains(r, []byte(`:"`+account+`"`)) ||
					bytes.Contains(bytes.ToLower(r), []byte(`/subscriptions/`+account)) {
					seen[account] = true
				}
			}
		}
		if len(seen) != s.Accounts {
			t.Errorf("%s: calls in %d accounts, want %d", s.ID, len(seen), s.Accounts)
		}
	}
}

func TestPlayIsTheSameTwice(t *testing.T) {
	lib, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	held, err := LoadHoldout()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 3, 17, 10, 0, 0, 0, time.UTC)
	for _, lib := range []*Library{lib, held} {
		for i, s := range lib.Scenarios {
			a, b := lib.Play(s, i, start, Forge{}), lib.Play(s, i, start, Forge{})
			if len(a.Records) == 0 || !bytes.Equal(bytes.Join(a.Records, nil), bytes.Join(b.Records, nil)) {
				t.Errorf("%s: %d records, and two plays differ or are empty", s.ID, len(a.Records))
			}
		}
	}
}
