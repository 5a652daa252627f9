package sumo

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// operator reads what stands between two pipes.
func (r *reader) operator() (step, error) {
	switch {
	case r.take("json"):
		return r.json()
	case r.take("where"):
		e, err := r.or()
		return func(rows []row) ([]row, error) {
			var kept []row
			for _, x := range rows {
				v, err := e(x)
				if err != nil {
					return nil, err
				}
				if v == true {
					kept = append(kept, x)
				}
			}
			return kept, nil
		}, err
	case r.take("timeslice"):
		return r.timeslice()
	case r.take("parse"):
		return r.multi()
	case r.take("lookup"):
		// lookup Expires as Field from path://"…" on Field=Column
		if err := r.need("Expires"); err != nil {
			return nil, err
		}
		key := ""
		field, err := r.as()
		if err == nil {
			err = r.need("from")
		}
		if err == nil {
			err = r.need("path://")
		}
		if err == nil {
			_, err = r.literal()
		}
		if err == nil {
			err = r.need("on")
		}
		if err == nil {
			key, err = r.field()
		}
		if err == nil {
			err = r.need("=")
		}
		if err == nil {
			_, err = r.word()
		}
		return func(rows []row) ([]row, error) {
			for _, x := range rows {
				x[field] = nil
				if until, ok := r.listed[show(x[key])]; ok {
					x[field] = until
				}
			}
			return rows, nil
		}, err
	case r.take("sort"):
		return r.sort()
	case r.take("fields"):
		var names []string
		err := r.list(func() error {
			w, err := r.field()
			if slices.Contains(names, w) {
				return fmt.Errorf("%s twice", w)
			}
			names = append(names, w)
			return err
		})
		return func(rows []row) ([]row, error) {
			for i, x := range rows {
				rows[i] = row{}
				for _, n := range names {
					rows[i][n] = x[n]
				}
			}
			return rows, nil
		}, err
	}
	if rest := strings.TrimLeft(r.text[r.pos:], " "); strings.HasPrefix(rest, "count") {
		return r.aggregate()
	}
	e, err := r.or()
	if err != nil {
		return nil, err
	}
	name, err := r.as()
	return func(rows []row) ([]row, error) {
		for _, x := range rows {
			v, err := e(x)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			x[name] = v
		}
		return rows, nil
	}, err
}

func (r *reader) json() (step, error) {
	var paths, names []string
	err := r.list(func() error {
		s, err := r.literal()
		paths = append(paths, s)
		return err
	})
	if err == nil {
		err = r.need("as")
	}
	if err == nil {
		err = r.list(func() error {
			w, err := r.word()
			if r.known[w] {
				return fmt.Errorf("%s is read twice", w)
			}
			r.known[w] = true
			names = append(names, w)
			return err
		})
	}
	if err == nil {
		err = r.need("nodrop")
	}
	if err == nil && len(paths) != len(names) {
		err = fmt.Errorf("%d keys as %d fields", len(paths), len(names))
	}
	return func(rows []row) ([]row, error) {
		for _, x := range rows {
			var doc any
			if err := json.Unmarshal([]byte(x["_raw"].(string)), &doc); err != nil {
				return nil, err
			}
			for i, p := range paths {
				x[names[i]] = follow(doc, p)
			}
		}
		return rows, nil
	}, err
}

// follow follows a JSONPath of keys: a.b['c.d'].
func follow(v any, path string) any {
	for path != "" {
		var key string
		if rest, ok := strings.CutPrefix(path, "['"); ok {
			key, path, _ = strings.Cut(rest, "']")
		} else {
			n := strings.IndexAny(path, ".[")
			if n < 0 {
				n = len(path)
			}
			key, path = path[:n], path[n:]
		}
		path = strings.TrimPrefix(path, ".")
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	switch v := v.(type) {
	case nil, string:
		return v
	case map[string]any, []any:
		b, _ := json.Marshal(v)
		return string(b)
	}
	return show(v) // parsed fields are texts
}

func (r *reader) timeslice() (step, error) {
	r.space()
	m := regexp.MustCompile(`^([0-9]+)([smhdw])`).FindStringSubmatch(r.text[r.pos:])
	if m == nil {
		return nil, fmt.Errorf("no time period")
	}
	r.pos += len(m[0])
	n, _ := strconv.ParseFloat(m[1], 64)
	n *= map[string]float64{"s": 1e3, "m": 6e4, "h": 36e5, "d": 864e5, "w": 6048e5}[m[2]]
	name, err := r.as()
	return func(rows []row) ([]row, error) {
		for _, x := range rows {
			x[name] = math.Floor(x["_messagetime"].(float64)/n) * n
		}
		return rows, nil
	}, err
}

// multi is parse regex with a row for each match.
func (r *reader) multi() (step, error) {
	for _, w := range []string{"regex", "field", "="} {
		if err := r.need(w); err != nil {
			return nil, err
		}
	}
	field, err := r.field()
	if err != nil {
		return nil, err
	}
	s, err := r.literal()
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(s)
	if err == nil {
		err = r.need("multi")
	}
	if err != nil || re.NumSubexp() != 1 || re.SubexpNames()[1] == "" {
		return nil, fmt.Errorf("parse regex takes named groups alone: %v", err)
	}
	name := strings.ToLower(re.SubexpNames()[1])
	r.known[name] = true
	return func(rows []row) ([]row, error) {
		var out []row
		for _, x := range rows {
			for _, m := range re.FindAllStringSubmatch(x[field].(string), -1) {
				y := row{}
				for k, v := range x {
					y[k] = v
				}
				y[name] = m[1]
				out = append(out, y)
			}
		}
		return out, nil
	}, nil
}

func (r *reader) sort() (step, error) {
	if err := r.need("by"); err != nil {
		return nil, err
	}
	var names []string
	var up []bool
	err := r.list(func() error {
		w, err := r.field()
		names, up = append(names, w), append(up, r.take("asc"))
		return err
	})
	return func(rows []row) ([]row, error) {
		slices.SortStableFunc(rows, func(a, b row) int {
			for i, n := range names {
				var c int
				if m, ok := a[n].(float64); ok {
					c = cmp.Compare(m, b[n].(float64))
				} else {
					c = strings.Compare(show(a[n]), show(b[n]))
				}
				if !up[i] {
					c = -c
				}
				if c != 0 {
					return c
				}
			}
			return 0
		})
		return rows, nil
	}, err
}

// aggregate groups rows. After it there are no fields but its own.
func (r *reader) aggregate() (step, error) {
	type column struct{ function, field, name string }
	var columns []column
	made := map[string]bool{}
	err := r.list(func() error {
		w, err := r.word()
		if err != nil {
			return err
		}
		c := column{function: w}
		if !slices.Contains([]string{"count", "count_distinct", "values", "min", "max"}, w) {
			return fmt.Errorf("no aggregate %s", w)
		}
		if w != "count" {
			if err := r.need("("); err != nil {
				return err
			}
			if c.field, err = r.field(); err != nil {
				return err
			}
			if err := r.need(")"); err != nil {
				return err
			}
		}
		if err := r.need("as"); err != nil {
			return err
		}
		c.name, err = r.word()
		c.name = strings.ToLower(c.name)
		made[c.name] = true
		columns = append(columns, c)
		return err
	})
	if err == nil {
		err = r.need("by")
	}
	var by []string
	if err == nil {
		err = r.list(func() error {
			w, err := r.field()
			by, made[w] = append(by, w), true
			return err
		})
	}
	r.known = made
	return func(rows []row) ([]row, error) {
		var order []string
		groups := map[string][]row{}
		for _, x := range rows {
			var k []string
			for _, n := range by {
				if x[n] == nil {
					return nil, fmt.Errorf("groups by %s, which is null", n)
				}
				k = append(k, show(x[n]))
			}
			key := strings.Join(k, "\x00")
			if groups[key] == nil {
				order = append(order, key)
			}
			groups[key] = append(groups[key], x)
		}
		var out []row
		for _, key := range order {
			g := groups[key]
			x := row{}
			for _, n := range by {
				x[n] = g[0][n]
			}
			for _, c := range columns {
				var values []string
				least, most := math.Inf(1), math.Inf(-1)
				for _, y := range g {
					if c.function != "count" && y[c.field] == nil {
						return nil, fmt.Errorf("%s of null: what it gives is not documented", c.function)
					}
					if n, ok := y[c.field].(float64); ok {
						least, most = min(least, n), max(most, n)
					}
					values = append(values, show(y[c.field]))
				}
				slices.Sort(values)
				distinct := slices.Compact(slices.Clone(values))
				switch c.function {
				case "count":
					x[c.name] = float64(len(g))
				case "count_distinct":
					x[c.name] = float64(len(distinct))
				case "values":
					x[c.name] = strings.Join(distinct[:min(len(distinct), 100)], "\n")
				case "min":
					x[c.name] = least
				case "max":
					x[c.name] = most
				}
			}
			out = append(out, x)
		}
		return out, nil
	}, err
}
