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

func TestPlayIsTheSameTwice(t *testing.T) {
	lib, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 3, 17, 10, 0, 0, 0, time.UTC)
	for i, s := range lib.Scenarios {
		a, b := lib.Play(s, i, start, Forge{}), lib.Play(s, i, start, Forge{})
		if len(a.Records) == 0 || !bytes.Equal(bytes.Join(a.Records, nil), bytes.Join(b.Records, nil)) {
			t.Errorf("%s: %d records, and two plays differ or are empty", s.ID, len(a.Records))
		}
	}
}
