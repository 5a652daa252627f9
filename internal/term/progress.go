package term

import (
	"io"
	"sync"
	"time"
)

// interval is how often the progress line is drawn.
const interval = 200 * time.Millisecond

// Status is how far a piece of work has come.
type Status struct {
	Done  int64 // bytes
	Total int64 // bytes; 0 when not known, as for standard input
	// Records read so far; not shown when 0.
	Records int64
}

// Progress is a line of a terminal that says how far a piece of work has
// come, how fast it goes and how long it will take.
type Progress struct {
	once sync.Once
	quit chan struct{}
	done chan struct{}
}

// StartProgress draws the progress line on w until [Progress.Stop], if t is
// interactive; otherwise it draws nothing. status is called from another
// goroutine, a few times a second, and never again once Stop has returned.
func StartProgress(w io.Writer, t Terminal, status func() Status) *Progress {
	p := &Progress{quit: make(chan struct{}), done: make(chan struct{})}
	if !t.Interactive {
		close(p.done)
		return p
	}
	go p.run(w, t, status)
	return p
}

// Stop clears the line and returns when nothing more will be drawn. It may
// be called more than once.
func (p *Progress) Stop() {
	p.once.Do(func() { close(p.quit) })
	<-p.done
}

// clearLine goes to the line's beginning and erases it.
const clearLine = "\r\x1b[K"

func (p *Progress) run(w io.Writer, t Terminal, status func() Status) {
	defer close(p.done)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	start, drawn := time.Now(), false
	for {
		select {
		case <-p.quit:
			if drawn {
				io.WriteString(w, clearLine)
			}
			return
		case now := <-tick.C:
			// One cell is left free: some terminals wrap at the last one.
			line := Clip(status().line(now.Sub(start)), t.Width-1, "")
			if _, err := io.WriteString(w, clearLine+line); err != nil {
				return
			}
			drawn = true
		}
	}
}

// line says s after so much time, as in
// "34% of 2.1 GB, 190 MB/s, 7s left, 1,204,332 records".
func (s Status) line(elapsed time.Duration) string {
	rate := float64(0)
	if elapsed > 0 {
		rate = float64(s.Done) / elapsed.Seconds()
	}
	var line string
	if s.Total > 0 {
		// Files may grow while they are read.
		line = Count(min(99, s.Done*100/s.Total)) + "% of " + Bytes(s.Total)
	} else {
		line = Bytes(s.Done)
	}
	if rate >= 1 {
		line += ", " + Bytes(int64(rate)) + "/s"
		if left := s.Total - s.Done; left > 0 {
			line += ", " + Duration((time.Duration(float64(left) / rate * float64(time.Second))).Round(time.Second)) + " left"
		}
	}
	if s.Records > 0 {
		line += ", " + Plural(s.Records, "record")
	}
	return line
}
