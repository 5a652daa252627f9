package cli

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"vedette/internal/cloud/all"
	"vedette/internal/detection"
	"vedette/internal/engine"
	"vedette/internal/event"
	"vedette/internal/plan"
	"vedette/internal/question"
)

// loadDetections gives the detections that are named, by the id of a built-in
// one, by a group of them or by a file, which it checks; or, where none is
// named, the built-in ones that are run by default.
func loadDetections(names []string) ([]*detection.Detection, error) {
	builtin, err := detection.Builtin()
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return slices.DeleteFunc(builtin, func(d *detection.Detection) bool { return !d.ByDefault() }), nil
	}
	var list []*detection.Detection
	ids := map[string]string{}
	for _, name := range names {
		named, err := namedDetections(builtin, name)
		if err != nil {
			return nil, err
		}
		for _, d := range named {
			if other, dup := ids[d.ID]; dup {
				return nil, usagef("%s and %s are both detection %s", other, name, d.ID)
			}
			ids[d.ID] = name
			list = append(list, d)
		}
	}
	return list, nil
}

// allDetections is the group of the built-in detections that are part of no
// other.
const allDetections = "all"

// namedDetections gives what a name names: a built-in detection, a group of
// them, or a file.
func namedDetections(builtin []*detection.Detection, name string) ([]*detection.Detection, error) {
	if d := byID(builtin, name); d != nil {
		return []*detection.Detection{d}, nil
	}
	if group := groupOf(builtin, name); group != nil {
		return group, nil
	}
	d, err := readDetection(name)
	if err != nil {
		return nil, err
	}
	return []*detection.Detection{d}, nil
}

// groupOf gives the built-in detections of a group, or none.
func groupOf(builtin []*detection.Detection, name string) []*detection.Detection {
	var group []*detection.Detection
	for _, d := range builtin {
		if d.Group != "" && strings.EqualFold(d.Group, name) || d.PartOf == "" && strings.EqualFold(name, allDetections) {
			group = append(group, d)
		}
	}
	return group
}

// isBuiltin reports whether a name is of a built-in detection or of a group.
func isBuiltin(name string) bool {
	list, err := detection.Builtin()
	return err == nil && (byID(list, name) != nil || groupOf(list, name) != nil)
}

// isQuestion reports whether a name is of one of the program's hunting
// questions.
func isQuestion(name string) bool {
	list, err := question.Load()
	return err == nil && slices.ContainsFunc(list, func(q *question.Question) bool { return q.ID == name })
}

// byID returns the detection with an id, without letter case, or nil.
func byID(list []*detection.Detection, id string) *detection.Detection {
	if i := slices.IndexFunc(list, func(d *detection.Detection) bool { return strings.EqualFold(d.ID, id) }); i >= 0 {
		return list[i]
	}
	return nil
}

// readDetection reads and checks a detection file.
func readDetection(file string) (*detection.Detection, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && strings.EqualFold(file, "seed") {
		return nil, usagef("no detection %q: the original query is T1580 --profile seed", file)
	}
	if errors.Is(err, fs.ErrNotExist) {
		if isQuestion(file) {
			return nil, usagef("%s is a hunting question and no detection: vedette hunt %[1]s PATH asks it, vedette compile --question %[1]s prints it", file)
		}
		return nil, usagef("no built-in detection %q (vedette detection list shows them), and no such file", file)
	}
	if err != nil {
		return nil, usage(err)
	}
	d, err := detection.Load(file, data)
	if err != nil {
		return nil, usage(err)
	}
	problems, err := checkDetection(d)
	if err != nil {
		return nil, err
	}
	if err := problems.Err(); err != nil {
		return nil, usage(err)
	}
	return d, nil
}

// checkDetection runs a detection's examples over registries of their own.
func checkDetection(d *detection.Detection) (detection.Problems, error) {
	reg := event.NewRegistry()
	for _, p := range all.Providers() {
		if err := p.Register(reg); err != nil {
			return nil, err
		}
	}
	return detection.Check(d, reg, func(p *plan.Plan, events []event.Event) (bool, int) {
		return engine.Evaluate(reg, p, events)
	}), nil
}
