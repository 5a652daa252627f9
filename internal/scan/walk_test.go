package scan

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
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

// listener is a visitor that notes what it is shown.
type listener struct {
	mu     *sync.Mutex
	native map[string]string // by file and id
}

func (l listener) Event(file string, r *Record, ev *event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.native[file[strings.LastIndexByte(file, '/')+1:]+" "+string(ev.ID)] = string(r.Native)
}

// TestVisitShowsEveryEvent: to any number of workers the same ones, each with
// its own record in the provider's form, also where many lie in one envelope
// or the file has another schema; and the coverage verdict is that of Run.
func TestVisitShowsEveryEvent(t *testing.T) {
	calls := burst(0, 6, 6, time.Second, call{User: "ada"})
	whole, cut := trail(texts(calls[:4])...), trail(texts(calls[4:])...)
	root := folder(t, map[string]string{"b.json.gz": zip(t, whole), "a.json": cut[:len(cut)-40], "c.txt": "no log\n",
		"d.json": `{"version":"0","detail-type":"AWS API Call via CloudTrail","source":"aws.ec2","detail":` + texts(calls)[0] + `}`})
	want, err := Run(t.Context(), options(t, root))
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 3} {
		l := listener{&sync.Mutex{}, map[string]string{}}
		opts := options(t, root)
		opts.Engine.Workers = workers
		visitors := 0
		got, err := Visit(t.Context(), opts, func() Visitor { visitors++; return l })
		if err != nil {
			t.Fatal(err)
		}
		if len(l.native) != 6 || visitors != workers {
			t.Errorf("%d events, %d visitors: %q", len(l.native), visitors, slices.Sorted(maps.Keys(l.native)))
		}
		for at, native := range l.native {
			_, id, _ := strings.Cut(at, " ")
			if strings.Count(native, "eventID") != 1 || !strings.Contains(native, id) || native[0] != '{' {
				t.Errorf("%s: record %q", at, native)
			}
		}
		if !slices.Equal(got.Report.Coverage, want.Report.Coverage) || got.Report.Summary.Events != want.Report.Summary.Events || !got.Lost() {
			t.Errorf("coverage or summary is not that of Run: %+v", got.Report.Summary)
		}
	}
	if _, err := Visit(t.Context(), options(t, t.TempDir()), nil); !errors.Is(err, ErrNothing) {
		t.Errorf("an empty folder: %v", err)
	}
}
