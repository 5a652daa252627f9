package report

import (
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// axis cuts a span of time into cells of one length.
type axis struct {
	start time.Time
	step  time.Duration
	cells int // 1 or more
}

// steps are the lengths that a cell may have: what people count time in.
var steps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour,
}

// leastCells is how many cells an axis has at least.
const leastCells = 15

// newAxis covers the times from first to last with at most most cells, of the
// shortest length that does.
func newAxis(first, last time.Time, most int) axis {
	var a axis
	for _, a.step = range steps {
		a.start = first.Truncate(a.step)
		// The difference of far times is cut to some 292 years.
		a.cells = int(last.Sub(a.start)/a.step) + 1
		if a.cells <= most {
			a.cells = max(a.cells, leastCells) // a bar is never a block
			return a
		}
	}
	a.step = last.Sub(a.start)/time.Duration(most-1) + 1
	a.cells = int(last.Sub(a.start)/a.step) + 1
	return a
}

// cell is the number of the cell that holds t; times beyond the ends are put
// into the outermost.
func (a axis) cell(t time.Time) int {
	return min(max(int(t.Sub(a.start)/a.step), 0), a.cells-1)
}

// ticks are the times at the beginning, in the middle and at the end of the
// axis, with as much of the date as tells them apart.
func (a axis) ticks() []string {
	end := a.start.Add(time.Duration(a.cells) * a.step)
	layout := "15:04:05"
	switch days := end.Sub(a.start) / (24 * time.Hour); {
	case days >= 4:
		layout = time.DateOnly
	case days >= 1 || a.start.Format(time.DateOnly) != end.Format(time.DateOnly):
		layout = "01-02 15:04"
	}
	return []string{a.start.Format(layout), a.start.Add(end.Sub(a.start) / 2).Format(layout), end.Format(layout)}
}

// length is how long a cell is, in words.
func (a axis) length() string {
	for _, unit := range []struct {
		d    time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if a.step%unit.d == 0 {
			return term.Plural(int(a.step/unit.d), unit.name)
		}
	}
	return term.Duration(a.step)
}

// tally is how many calls of one row fall into each cell.
type tally struct{ answered, denied []int }

func newTally(cells int) *tally { return &tally{make([]int, cells), make([]int, cells)} }

func (t *tally) add(cell int, outcome string) {
	if outcome == "denied" {
		t.denied[cell]++
	} else {
		t.answered[cell]++
	}
}

// peak is the most that one cell holds of a kind.
func (t *tally) peak() int { return max(slices.Max(t.answered), slices.Max(t.denied)) }

// barHeight is the height of each half of a drawing of bars. A cell is one
// unit wide, and a bar is a stroke in its middle, which is where it is counted
// from: that is the shortest that a path can be.
const barHeight = 12

// bars draws a row: answered calls grow up from a middle line, denied ones
// down from it, so that they are told apart without colour. Heights are
// logarithmic; most is the peak that stands for the full height. There is
// nothing of the logs in a drawing but numbers.
func (t *tally) bars(most int) template.HTML {
	height := func(n int) int {
		if n == 0 {
			return 0
		}
		return max(3, int(math.Round(barHeight*math.Log1p(float64(n))/math.Log1p(float64(max(most, 1))))))
	}
	var up, down strings.Builder
	for i := range t.answered {
		if h := height(t.answered[i]); h > 0 {
			bar(&up, i, barHeight, -h)
		}
		if h := height(t.denied[i]); h > 0 {
			bar(&down, i, barHeight+1, h)
		}
	}
	return drawing(len(t.answered), 2*barHeight+1, `<path class="rule" d="M-1 `+strconv.Itoa(barHeight)+`h`+strconv.Itoa(len(t.answered)+1)+`"/>`+
		path("ok", up.String())+path("no", down.String()))
}

// shades is how many steps of intensity a heat strip has.
const shades = 4

// heat draws a row as a strip whose cells are the darker the more calls they
// hold, on a logarithmic scale up to most. A cell with denied calls has a
// notch below it. from and to are the cells that the row's findings span.
func (t *tally) heat(most, from, to int) template.HTML {
	var by [shades]strings.Builder
	var notch strings.Builder
	for i := range t.answered {
		n := t.answered[i] + t.denied[i]
		if n == 0 {
			continue
		}
		shade := int(shades * math.Log1p(float64(n)) / math.Log1p(float64(max(most, 1))))
		bar(&by[min(max(shade, 0), shades-1)], i, 0, 16)
		if t.denied[i] > 0 {
			bar(&notch, i, 18, 4)
		}
	}
	var inner strings.Builder
	inner.WriteString(`<path class="rule" d="M` + strconv.Itoa(from) + ` 8h` + strconv.Itoa(to-from) + `"/>`)
	for i := range by {
		inner.WriteString(string(path("h"+strconv.Itoa(i+1), by[i].String())))
	}
	inner.WriteString(path("no", notch.String()))
	return drawing(len(t.answered), 22, inner.String())
}

func path(class, d string) string {
	if d == "" {
		return ""
	}
	return `<path class="` + class + `" d="` + d + `"/>`
}

// bar adds a stroke from y on, as long as height.
func bar(b *strings.Builder, cell, y, height int) {
	b.WriteString("M" + strconv.Itoa(cell) + " " + strconv.Itoa(y) + "v" + strconv.Itoa(height))
}

// drawing is hidden from readers that do not see: the row says the same in
// words.
func drawing(cells, height int, inner string) template.HTML {
	return template.HTML(`<svg viewBox="-.5 0 ` + strconv.Itoa(cells) + ` ` + strconv.Itoa(height) + `" preserveAspectRatio="none" aria-hidden="true" focusable="false">` + inner + `</svg>`)
}

// seen is a piece of evidence with its time; what has no time has no place in
// a drawing.
type seen struct {
	*finding.Evidence
	at time.Time
}

// timed is the evidence that has a time, in order.
func timed(list []finding.Evidence) []seen {
	out := make([]seen, 0, len(list))
	for i := range list {
		if t, err := time.Parse(time.RFC3339, list[i].Time); err == nil {
			out = append(out, seen{&list[i], t.UTC()})
		}
	}
	slices.SortStableFunc(out, func(a, b seen) int { return a.at.Compare(b.at) })
	return out
}

// cadence says how fast the calls came, of evidence in order.
func cadence(list []seen) string {
	if len(list) < 3 {
		return ""
	}
	gaps := make([]time.Duration, len(list)-1)
	busiest, from := 0, 0
	for i := range list {
		if i > 0 {
			gaps[i-1] = list[i].at.Sub(list[i-1].at)
		}
		for list[i].at.Sub(list[from].at) >= time.Minute {
			from++
		}
		busiest = max(busiest, i-from+1)
	}
	longest := slices.Max(gaps)
	slices.Sort(gaps)
	median := gaps[len(gaps)/2]
	pace := "half of the calls came within " + term.Duration(median) + " of the one before"
	if median == 0 {
		pace = "half of the calls came in the same second as the one before"
	}
	return pace + ", at most " + term.Plural(busiest, "call") + " in a minute; the longest pause was " + term.Duration(longest)
}
