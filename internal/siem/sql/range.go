package sql

import (
	"fmt"
	"strings"
	"time"

	"vedette/internal/siem"
)

// within are the conditions on a call's time that the rule's range makes.
func (p *printer) within(ts string) []string {
	reads := p.r.Reads()
	var list []string
	if !reads.Since.IsZero() {
		list = append(list, ts+" >= "+p.instant(reads.Since))
	}
	if !reads.Until.IsZero() {
		list = append(list, ts+" < "+p.instant(reads.Until))
	}
	return list
}

// touching are the conditions on a window: it has calls that reach into the
// range.
func (p *printer) touching() []string {
	var list []string
	if t := p.r.Range.Since; !t.IsZero() {
		list = append(list, "last_seen >= "+p.instant(t))
	}
	if t := p.r.Range.Until; !t.IsZero() {
		list = append(list, "first_seen < "+p.instant(t))
	}
	return list
}

// instant writes a time, to the microsecond.
func (p *printer) instant(t time.Time) string {
	return p.d.time(p.d.string(t.UTC().Format("2006-01-02T15:04:05.999999Z")))
}

// partitions are the conditions by which a table's partitions or index are
// narrowed to the range, as far as its field map has them. Without them the
// answer is the same, and the table is read whole.
func (p *printer) partitions(m *siem.LogMap) []string {
	var list []string
	if w := m.Set["since"]; w != "" && !p.r.Range.Since.IsZero() {
		list = append(list, w)
	}
	if w := m.Set["until"]; w != "" && !p.r.Range.Until.IsZero() {
		list = append(list, w)
	}
	return list
}

// since is {{since LAYOUT}} of a field map: the first instant that is read,
// as a string in that layout.
func (p *printer) since(layout string) (string, error) {
	return p.laidOut(p.r.Reads().Since, layout)
}

// until is {{until LAYOUT [LATE]}} of a field map: the end of what is read,
// and later by that duration, where records may lie under a later time.
func (p *printer) until(layout string, late ...string) (string, error) {
	t := p.r.Reads().Until
	if len(late) > 1 {
		return "", fmt.Errorf("until takes a layout and one duration")
	}
	for _, l := range late {
		d, err := time.ParseDuration(l)
		if err != nil || d < 0 {
			return "", fmt.Errorf("until: %q is no duration such as 24h", l)
		}
		t = t.Add(d)
	}
	return p.laidOut(t, layout)
}

// laidOut writes a time in UTC by the signs of strftime.
func (p *printer) laidOut(t time.Time, layout string) (string, error) {
	if t.IsZero() {
		return "", fmt.Errorf("the query has no such end of its time")
	}
	t = t.UTC()
	var b strings.Builder
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' {
			b.WriteByte(layout[i])
			continue
		}
		i++
		sign := ""
		if i < len(layout) {
			sign = layout[i : i+1]
		}
		form, ok := map[string]string{"Y": "2006", "m": "01", "d": "02", "H": "15", "M": "04", "S": "05"}[sign]
		switch {
		case ok:
			b.WriteString(t.Format(form))
		case sign == "s":
			fmt.Fprint(&b, t.Unix())
		case sign == "%":
			b.WriteByte('%')
		default:
			return "", fmt.Errorf("%q: %%%s is none of %%Y %%m %%d %%H %%M %%S %%s", layout, sign)
		}
	}
	return p.d.string(b.String()), nil
}
