package sumo

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// call reads the arguments of a function, as its page lists them.
func (r *reader) call(name string) (expr, error) {
	var args []expr
	var re *regexp.Regexp
	r.space()
	if !strings.HasPrefix(r.text[r.pos:], ")") {
		err := r.list(func() error {
			r.space()
			if name == "replace" && len(args) == 1 && re == nil {
				var err error
				re, err = r.regex()
				return err
			}
			e, err := r.or()
			args = append(args, e)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	least, most := map[string]int{"if": 3, "concat": 2, "replace": 2, "formatDate": 3, "parseDate": 3, "queryEndTime": 0}, map[string]int{"concat": 16, "replace": 2, "if": 3, "formatDate": 3, "parseDate": 3, "queryEndTime": 0}
	lo, hi := 1, 1
	if n, ok := least[name]; ok {
		lo, hi = n, most[name]
	}
	if len(args) < lo || len(args) > hi {
		return nil, fmt.Errorf("%s with %d arguments", name, len(args))
	}
	value := func(f func(v []any) (any, error)) expr {
		return func(x row) (any, error) {
			v := make([]any, len(args))
			for i, a := range args {
				var err error
				if v[i], err = a(x); err != nil {
					return nil, err
				}
			}
			return f(v)
		}
	}
	switch name {
	case "if":
		return func(x row) (any, error) {
			c, err := args[0](x)
			if err != nil {
				return nil, err
			}
			b, ok := c.(bool)
			if !ok {
				return nil, fmt.Errorf("if(%v", c)
			}
			if b {
				return args[1](x)
			}
			return args[2](x)
		}, nil
	case "isNull":
		return value(func(v []any) (any, error) { return v[0] == nil, nil }), nil
	case "isBlank":
		return value(func(v []any) (any, error) { return v[0] == nil || strings.TrimSpace(show(v[0])) == "", nil }), nil
	case "concat":
		return value(func(v []any) (any, error) {
			var b strings.Builder
			for _, one := range v {
				b.WriteString(show(one))
			}
			return b.String(), nil
		}), nil
	case "toLowerCase":
		return value(func(v []any) (any, error) {
			if v[0] == nil {
				return nil, nil
			}
			return strings.ToLower(show(v[0])), nil
		}), nil
	case "replace":
		if re == nil {
			return nil, fmt.Errorf("replace without an expression")
		}
		return value(func(v []any) (any, error) {
			if v[0] == nil || v[1] == nil {
				return nil, nil
			}
			return re.ReplaceAllString(show(v[0]), strings.ReplaceAll(show(v[1]), "$1", "${1}")), nil
		}), nil
	case "toLong":
		return value(func(v []any) (any, error) { return strconv.ParseFloat(show(v[0]), 64) }), nil
	case "floor":
		return value(func(v []any) (any, error) {
			n, ok := v[0].(float64)
			if !ok {
				return nil, fmt.Errorf("floor(%v)", v[0])
			}
			return math.Floor(n), nil
		}), nil
	case "queryEndTime":
		return func(row) (any, error) { return r.clock, nil }, nil
	case "parseDate": // the text begins with the date
		return value(func(v []any) (any, error) {
			s := show(v[0])
			at, err := time.Parse(time.DateOnly, s[:min(len(s), len(time.DateOnly))])
			if err != nil || v[1] != "yyyy-MM-dd" || v[2] != "UTC" {
				return nil, fmt.Errorf("parseDate(%v", v)
			}
			return float64(at.UnixMilli()), nil
		}), nil
	case "formatDate":
		return value(func(v []any) (any, error) {
			n, ok := v[0].(float64)
			if !ok || v[1] != "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'" || v[2] != "UTC" {
				return nil, fmt.Errorf("formatDate(%v", v)
			}
			return time.UnixMilli(int64(n)).UTC().Format("2006-01-02T15:04:05.000Z"), nil
		}), nil
	}
	return nil, fmt.Errorf("no function %s", name)
}

func show(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}
