package tune

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/output.md lists each field of a report and none that it has not.
func TestFieldsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "output.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## Comparisons\n")
	if !ok {
		t.Fatal("docs/output.md has no section Comparisons")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	documented := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| (`[^|]+`) \\| ([^|]+) \\|").FindAllStringSubmatch(section, -1) {
		for name := range strings.SplitSeq(m[1], ", ") {
			name = strings.Trim(name, "`")
			if documented[name] != "" {
				t.Errorf("%s is documented twice", name)
			}
			documented[name] = m[2]
		}
	}
	// Named types stand by themselves, and the sides of Benign for each other.
	named := map[reflect.Type]string{reflect.TypeFor[Side](): "side", reflect.TypeFor[Verdict](): "verdict", reflect.TypeFor[Caller](): "caller"}
	var have []string
	var walk func(at string, typ reflect.Type)
	walk = func(at string, typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "-" {
				continue
			}
			path := strings.TrimPrefix(at+"."+name, ".")
			in := f.Type
			mark := ""
			for in.Kind() == reflect.Pointer || in.Kind() == reflect.Slice {
				if in.Kind() == reflect.Slice {
					mark = "[]"
				}
				in = in.Elem()
			}
			how, ok := documented[path]
			switch want := map[reflect.Kind]string{reflect.String: "string", reflect.Int: "integer", reflect.Float64: "number"}[in.Kind()]; {
			case path == "input":
			case !ok:
				t.Errorf("%s is not documented", path)
			case !strings.Contains(how, want), strings.Contains(how, "optional") != (opts == "omitempty"), (mark == "[]") != strings.HasPrefix(how, "list"):
				t.Errorf("%s is documented as %q", path, how)
			}
			have = append(have, path)
			if in.Kind() == reflect.Struct && named[in] == "" && path != "benign[].after" {
				walk(path+mark, in)
			}
		}
	}
	walk("", reflect.TypeFor[Report]())
	for typ, name := range named {
		walk(name, typ)
	}
	for path := range documented {
		if !slices.Contains(have, path) {
			t.Errorf("%s is documented and not there", path)
		}
	}
}
