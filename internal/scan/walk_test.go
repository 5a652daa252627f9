package scan

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"vedette/internal/cloud/all"
	"vedette/internal/event"
)

// TestWalkShowsEveryEvent: as Run reads them, with the broken end of one file
// told of and the rest not lost.
func TestWalkShowsEveryEvent(t *testing.T) {
	calls := burst(0, 6, 6, time.Second, call{User: "ada"})
	whole := trail(texts(calls[:4])...)
	cut := trail(texts(calls[4:])...)
	root := folder(t, map[string]string{"b.json.gz": zip(t, whole), "a.json": cut[:len(cut)-40], "c.txt": "no log\n"})
	var got []string
	problems, err := Walk(t.Context(), []string{root}, all.Providers(), func(file string, r *Record, ev *event.Event) {
		if r.Verdict != event.Decoded || !strings.Contains(string(r.Raw), string(ev.ID)) {
			t.Errorf("%s: record %d is not its event's", file, r.Number)
		}
		got = append(got, file[len(file)-1:]+string(ev.ID))
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 5 || got[0] != "n"+uuid(4) || got[1] != "z"+uuid(0) || got[4] != "z"+uuid(3) {
		t.Errorf("events %q", got)
	}
	if len(problems) == 0 || !strings.HasSuffix(problems[0].File, "a.json") {
		t.Errorf("problems %+v", problems)
	}
	if _, err := Walk(t.Context(), []string{t.TempDir()}, all.Providers(), nil); !errors.Is(err, ErrNothing) {
		t.Errorf("an empty folder: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Walk(ctx, []string{root}, all.Providers(), func(string, *Record, *event.Event) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}
