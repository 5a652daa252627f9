// Package archtest holds the shape of the program: which room may import
// which, so that the arrows drawn in ARCHITECTURE.md stay true.
package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "vedette"

// rooms says, for each folder of internal, which other rooms its packages may
// import (tests excepted). A room may always import its own packages, but for
// the leaves below. "*" means any room.
var rooms = map[string][]string{
	"event":       {},
	"term":        {},
	"tsv":         {},
	"archtest":    {},
	"attack":      {"tsv"},
	"footprint":   {"tsv"},
	"guide":       {},
	"hub":         {"event", "plan", "detection", "guide", "attack", "rehearse", "term"},
	"scenario":    {"footprint"},
	"rehearse":    {"event", "finding", "footprint", "emulate", "live", "scenario", "triage"},
	"finding":     {"event"},
	"codec":       {"event"},
	"cloud":       {"event", "codec", "tsv"},
	"history":     {},
	"plan":        {"event"},
	"question":    {"event", "plan"},
	"detection":   {"event", "plan"},
	"seed":        {"event", "detection", "finding", "plan"},
	"coverage":    {"event", "finding"},
	"enrich":      {"event", "finding"},
	"engine":      {"event", "plan", "history", "finding"},
	"triage":      {"event", "history", "finding", "footprint", "tsv"},
	"exception":   {"event", "finding", "triage"},
	"siem":        {"event", "plan", "question", "attack"},
	"compile":     {"event", "plan", "question", "detection", "cloud", "siem"},
	"hunt":        {"event", "finding", "question", "siem"},
	"respond":     {"event", "finding"},
	"investigate": {"event", "codec", "finding", "tsv"},
	"emulate":     {"event", "codec", "cloud", "tsv"},
	"live":        {"event", "finding", "tsv"},
	"tune":        {"exception", "finding", "triage"},
	"report":      {"event", "finding", "question", "tune", "respond", "investigate", "rehearse", "term"},
	"scan":        {"event", "codec", "cloud", "history", "detection", "plan", "engine", "triage", "finding", "coverage", "seed"},
	"store":       {"event", "history", "finding"},
	"source":      {"event", "codec"},
	"sink":        {"finding", "report"},
	"service":     {"event", "codec", "cloud", "history", "detection", "plan", "engine", "triage", "finding", "source", "sink", "store", "scan"},
	"web":         {"event", "finding", "report", "store", "service", "respond"},
	"cli":         {"*"},
}

// never names what a room must not reach, not even through others.
var never = map[string][]string{
	"event":   {"*"},
	"finding": {"codec", "cloud", "engine", "siem", "scan", "cli"},
	"engine":  {"codec", "cloud", "siem", "report", "scan", "cli"},
	"siem":    {"codec", "cloud", "engine", "report", "scan", "cli"},
	"codec":   {"cloud", "engine", "siem", "scan", "cli"},
	"cloud":   {"engine", "siem", "scan", "report", "cli"},
}

// leaves are kinds of which there are many: each folder is imported by the
// "all" package of its kind and by nothing else, and all of them are. What a
// kind's own packages share is listed as shared.
var leaves = map[string]struct{ shared []string }{
	"cloud":  {shared: []string{"all", "cloudtest", "catalog", "outcomes", "scratch", "shape", "client"}},
	"siem":   {shared: []string{"all", "siemtest"}},
	"source": {shared: []string{"all", "sourcetest"}},
	"sink":   {shared: []string{"all", "sinktest"}},
}

// vague are package names that say nothing of what is inside.
var vague = []string{"util", "utils", "common", "helper", "helpers", "misc", "base", "shared", "lib"}

type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
	CgoFiles   []string
}

func TestImportDirections(t *testing.T) {
	pkgs := list(t)
	for _, p := range pkgs {
		room := roomOf(p.ImportPath)
		if room == "" {
			continue
		}
		allowed, ok := rooms[room]
		if !ok {
			t.Errorf("%s: room %q is not in the table of this test: say what it may import", p.ImportPath, room)
			continue
		}
		for _, imp := range p.Imports {
			to := roomOf(imp)
			if to == "" || to == room || slices.Contains(allowed, "*") {
				continue
			}
			if !slices.Contains(allowed, to) {
				t.Errorf("%s imports %s: %s must not know of %s", p.ImportPath, imp, room, to)
			}
		}
		for _, dep := range p.Deps {
			to := roomOf(dep)
			if to == "" || to == room {
				continue
			}
			if no := never[room]; slices.Contains(no, to) || slices.Contains(no, "*") {
				t.Errorf("%s reaches %s through its imports: %s must not depend on %s", p.ImportPath, dep, room, to)
			}
		}
	}
}

func TestEventImportsStandardLibraryOnly(t *testing.T) {
	pkgs := list(t)
	p, ok := pkgs[module+"/internal/event"]
	if !ok {
		t.Fatal("package event is gone")
	}
	for _, dep := range p.Deps {
		if d, ok := pkgs[dep]; !ok || !d.Standard {
			t.Errorf("event depends on %s, which is not of the standard library", dep)
		}
	}
}

func TestLeavesAreImportedByAllAlone(t *testing.T) {
	pkgs := list(t)
	for kind, k := range leaves {
		root := module + "/internal/" + kind + "/"
		all := pkgs[root+"all"]
		for at := range pkgs {
			rest, ok := strings.CutPrefix(at, root)
			if !ok {
				continue
			}
			leaf, _, nested := strings.Cut(rest, "/")
			if slices.Contains(k.shared, leaf) {
				continue
			}
			if !nested && !slices.Contains(all.Deps, at) {
				t.Errorf("%s is not listed in %sall", at, root)
			}
			for _, from := range pkgs {
				own := strings.HasPrefix(from.ImportPath+"/", root+leaf+"/")
				if !own && from.ImportPath != root+"all" && slices.Contains(from.Imports, at) {
					t.Errorf("%s imports the leaf %s: only %sall may", from.ImportPath, at, root)
				}
			}
		}
	}
}

func TestProductHasNoCgo(t *testing.T) {
	for _, p := range list(t) {
		if !p.Standard && len(p.CgoFiles) > 0 {
			t.Errorf("%s needs cgo (%v)", p.ImportPath, p.CgoFiles)
		}
	}
}

func TestTermServesPeopleAlone(t *testing.T) {
	for at, p := range list(t) {
		if slices.Contains(p.Imports, module+"/internal/term") {
			if r := roomOf(at); r != "cli" && r != "hub" && r != "report" {
				t.Errorf("%s imports term: only cli, hub and report may", at)
			}
		}
	}
}

// TestNoInitAndNoVagueNames reads every Go file of the module. Reading them
// here also makes the cached result of these tests depend on them.
func TestNoInitAndNoVagueNames(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			base := d.Name()
			if name != root && (strings.HasPrefix(base, ".") && base != ".." || base == "testdata" || base == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if slices.Contains(vague, strings.TrimSuffix(f.Name.Name, "_test")) {
			t.Errorf("%s: package name %q says nothing", name, f.Name.Name)
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init() makes order of import matter; list the thing where it is used", name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Fatalf("read %d Go files: the walk went astray", files)
	}
}

// list returns every package of the module and all they depend on.
func list(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-pgo=off", "-deps", "-json=ImportPath,Standard,Imports,Deps,CgoFiles", "./...")
	cmd.Dir = filepath.Join("..", "..")
	// With cgo off, files that need it would not be listed at all.
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	pkgs := make(map[string]pkg, 512)
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		pkgs[p.ImportPath] = p
	}
	return pkgs
}

// roomOf returns the folder of internal a package lies in, or "" for one
// that lies elsewhere.
func roomOf(importPath string) string {
	rest, ok := strings.CutPrefix(importPath, module+"/internal/")
	if !ok {
		return ""
	}
	room, _, _ := strings.Cut(rest, "/")
	return room
}
