package cli

import (
	"context"
	"net/http"
	"slices"
	"sync"
)

// callsUnderWay knows which calls are being answered, so that a recording does
// not end before them. The server cannot say: it knows nothing of what goes on
// in the tunnels of its proxy.
type callsUnderWay struct {
	mu    sync.Mutex
	calls map[*http.Request]string
	ended bool
	idle  chan struct{} // closed when it has ended and no call is left
}

func newCallsUnderWay() *callsUnderWay {
	return &callsUnderWay{calls: map[*http.Request]string{}, idle: make(chan struct{})}
}

// through has h answer calls until the end.
func (u *callsUnderWay) through(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !u.begin(r) {
			http.Error(w, "the recording has ended", http.StatusServiceUnavailable)
			return
		}
		defer u.done(r)
		h.ServeHTTP(w, r)
	})
}

func (u *callsUnderWay) begin(r *http.Request) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return false
	}
	u.calls[r] = r.Method + " " + r.Host + r.URL.Path
	return true
}

func (u *callsUnderWay) done(r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.calls, r)
	if u.ended && len(u.calls) == 0 {
		close(u.idle)
	}
}

// end lets no further call begin. It is called once.
func (u *callsUnderWay) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = true
	if len(u.calls) == 0 {
		close(u.idle)
	}
}

// wait returns when no call is left, or with those that are when ctx is done.
func (u *callsUnderWay) wait(ctx context.Context) (left []string) {
	select {
	case <-u.idle:
		return nil
	case <-ctx.Done():
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, name := range u.calls {
		left = append(left, name+": still under way when the recording ended")
	}
	slices.Sort(left)
	return left
}
