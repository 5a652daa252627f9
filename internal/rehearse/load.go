package rehearse

import (
	"embed"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/event"
	"vedette/internal/triage"
)

//go:embed tests
var builtin embed.FS

// Builtin returns the tests that the program comes with, by id.
func Builtin() ([]*Test, error) {
	sub, err := fs.Sub(builtin, "tests")
	if err != nil {
		return nil, err
	}
	return load(sub, "built-in")
}

// Load reads the tests in the folders below dir, by id.
func Load(dir string) ([]*Test, error) { return load(os.DirFS(dir), dir) }

// unknownField is how the YAML library tells of one.
var unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)

// maxFile bounds each file of a test, in bytes.
const maxFile = 4 << 20

func load(root fs.FS, where string) ([]*Test, error) {
	folders, err := fs.ReadDir(root, ".")
	if err != nil {
		return nil, fmt.Errorf("tests in %s: %w", where, err)
	}
	var list []*Test
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		t := &Test{files: map[string][]byte{}}
		entries, err := fs.ReadDir(root, folder.Name())
		if err != nil {
			return nil, fmt.Errorf("tests in %s: %w", where, err)
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || !info.Mode().IsRegular() {
				continue
			}
			if info.Size() > maxFile {
				return nil, fmt.Errorf("%s: larger than %d bytes", path.Join(where, folder.Name(), e.Name()), maxFile)
			}
			if t.files[e.Name()], err = fs.ReadFile(root, path.Join(folder.Name(), e.Name())); err != nil {
				return nil, fmt.Errorf("tests in %s: %w", where, err)
			}
		}
		name := path.Join(where, folder.Name(), "test.yaml")
		text, ok := t.files["test.yaml"]
		if !ok {
			return nil, fmt.Errorf("%s: there is none", name)
		}
		delete(t.files, "test.yaml")
		if err := yaml.Load(text, t, yaml.WithKnownFields()); err != nil {
			return nil, fmt.Errorf("%s: %s", name, unknownField.ReplaceAllString(err.Error(), "unknown field $1"))
		}
		if err := t.check(folder.Name()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		list = append(list, t)
	}
	return list, nil
}

// check says what is wrong with a test.
func (t *Test) check(folder string) error {
	cloud, known := event.ParseCloud(t.Provider)
	switch {
	case t.ID != folder:
		return fmt.Errorf("id %q is not the folder's name", t.ID)
	case t.Name == "" || t.Technique == "" || t.About == "":
		return fmt.Errorf("name, technique and about are needed")
	case !known:
		return fmt.Errorf("provider %q is none of aws, azure, gcp", t.Provider)
	case t.Kind != Attack && t.Kind != Benign:
		return fmt.Errorf("kind %q is neither attack nor benign", t.Kind)
	case (len(t.Steps) == 0) == (t.Recipe == nil):
		return fmt.Errorf("either steps or a recipe is needed")
	case len(t.Runs) == 0:
		return fmt.Errorf("no run says what must come of it")
	case len(t.Steps) > 0 && len(t.Needs) == 0:
		return fmt.Errorf("the steps call programs that needs does not name")
	case len(t.Steps) > 0 && strings.TrimSpace(t.Cleanup) == "":
		return fmt.Errorf("cleanup is needed: lines of a shell, or a comment that says why nothing is left")
	case t.Changes && (t.Provider != "aws" || t.Recipe != nil):
		return fmt.Errorf("changes is for steps in AWS: other stand-ins are of one run alone")
	case !technique.MatchString(t.Technique):
		return fmt.Errorf("technique %q is none of ATT&CK's, such as T1580 or T1087.004", t.Technique)
	}
	if r := t.Recipe; r != nil {
		if (r.Scenario == "") == (r.Records == "") || r.Why == "" {
			return fmt.Errorf("a recipe has a scenario or records, and says why")
		}
		if r.Records != "" && t.files[r.Records] == nil {
			return fmt.Errorf("no file %q beside it", r.Records)
		}
	}
	for i := range t.Steps {
		if err := t.Steps[i].check(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	for i := range t.Live {
		if err := t.Live[i].Check(); err != nil {
			return fmt.Errorf("live call %d: %w", i+1, err)
		}
	}
	names := map[string]bool{}
	for i := range t.Runs {
		r := &t.Runs[i]
		if r.Name == "" || names[r.Name] || strings.ContainsAny(r.Name, "/\\. ") {
			return fmt.Errorf("run %d: its name is empty, twice, or no name of a folder", i+1)
		}
		names[r.Name] = true
		if err := r.check(cloud, t); err != nil {
			return fmt.Errorf("run %s: %w", r.Name, err)
		}
	}
	for _, s := range t.Signal {
		l, ok := event.ParseLog(s.Log)
		switch {
		case s.Said == "":
			return fmt.Errorf("a signal without said")
		case len(s.Logged) > 0 && (!ok || l.Cloud() != cloud):
			return fmt.Errorf("signal %s: %q is no class of log of %s", s.Said, s.Log, t.Provider)
		case len(s.Logged) == 0 && s.Note == "":
			return fmt.Errorf("signal %s: a note must say why no log has it", s.Said)
		}
		for _, run := range s.Only {
			if !names[run] {
				return fmt.Errorf("signal %s: there is no run %q", s.Said, run)
			}
		}
	}
	return nil
}

var technique = regexp.MustCompile(`^T\d{4}(\.\d{3})?$`)

func (s *Step) check() (err error) {
	if _, err := netip.ParseAddr(s.From); err != nil {
		return fmt.Errorf("from %q is no address that the provider could see the caller at", s.From)
	}
	if strings.TrimSpace(s.Sh) == "" {
		return fmt.Errorf("sh is empty")
	}
	least, most, span := strings.Cut(s.Pace, "-")
	if s.paceMin, err = time.ParseDuration(least); err != nil || s.paceMin < 0 {
		return fmt.Errorf("pace %q is neither a time from one call to the next nor a span, such as 1s or 300ms-2s", s.Pace)
	}
	s.paceMax = s.paceMin
	if span {
		if s.paceMax, err = time.ParseDuration(most); err != nil || s.paceMax < s.paceMin {
			return fmt.Errorf("pace %q is neither a time from one call to the next nor a span, such as 1s or 300ms-2s", s.Pace)
		}
	}
	return nil
}

func (r *Run) check(cloud event.Cloud, t *Test) error {
	e := r.Expect
	set := 0
	for _, is := range []bool{e.AtLeast != "", e.AtMost != "", e.Silent, e.Invisible != "", e.SeedRisk != 0} {
		if is {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("expect needs one of at_least, at_most, silent, invisible, seed_risk")
	}
	for _, level := range []string{e.AtLeast, e.AtMost} {
		if level != "" && !slices.Contains(triage.Levels(), level) {
			return fmt.Errorf("there is no level %q", level)
		}
	}
	for _, name := range append(slices.Clone(r.Logs), e.Invisible) {
		if l, ok := event.ParseLog(name); name != "" && (!ok || l.Cloud() != cloud) {
			return fmt.Errorf("%q is no class of log of %s", name, t.Provider)
		}
	}
	for i, id := range r.Questions {
		if id == "" || slices.Contains(r.Questions[:i], id) {
			return fmt.Errorf("questions has %q, which is empty or there twice", id)
		}
	}
	if t.Recipe == nil && r.As == "" {
		return fmt.Errorf("as must say who calls")
	}
	if t.Kind == Benign && (e.AtLeast != "" || e.Invisible != "") {
		return fmt.Errorf("a benign test stays quiet")
	}
	return nil
}

//go:embed setup.sh
var setup []byte

// Setup is the script, for a POSIX shell, that installs the clients.
func Setup() []byte { return setup }
