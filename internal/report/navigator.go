package report

import (
	"bufio"
	"slices"
	"strconv"
	"strings"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// layer is a layer of MITRE's ATT&CK Navigator, as its format 4.5 has it
// (mitre-attack/attack-navigator, layers/spec/v4.5/layerformat.md).
type layer struct {
	Name        string           `json:"name"`
	Versions    layerVersions    `json:"versions"`
	Domain      string           `json:"domain"`
	Description string           `json:"description"`
	Sorting     int              `json:"sorting"` // 3: by score, descending
	HideDisable bool             `json:"hideDisabled"`
	Techniques  []layerTechnique `json:"techniques"`
	Gradient    layerGradient    `json:"gradient"`
}

type layerVersions struct {
	Navigator string `json:"navigator"` // at least 4.9.0
	Layer     string `json:"layer"`
}

type layerTechnique struct {
	ID                string          `json:"techniqueID"`
	Score             *int            `json:"score,omitzero"` // the greatest priority of its findings; nil for none
	Comment           string          `json:"comment,omitzero"`
	ShowSubtechniques bool            `json:"showSubtechniques"`
	Metadata          []layerMetadata `json:"metadata,omitzero"`
}

type layerMetadata struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type layerGradient struct {
	Colors   []string `json:"colors"`
	MinValue int      `json:"minValue"`
	MaxValue int      `json:"maxValue"`
}

// maxLayerFindings is how many findings the comment of a technique names.
const maxLayerFindings = 20

// writeNavigator writes a layer with the techniques of all findings that are
// not put aside.
func writeNavigator(w *bufio.Writer, r *finding.Report) error {
	l := layer{
		Name: "Vedette", Versions: layerVersions{Navigator: "5.2.0", Layer: "4.5"}, Domain: "enterprise-attack",
		Description: documentVerdict(r), Sorting: 3, Techniques: []layerTechnique{},
		Gradient: layerGradient{Colors: []string{"#ffffff", "#ffd08a", "#d94f3d"}, MaxValue: 100},
	}
	type use struct {
		layerTechnique
		events, findings int
		lines            []string
	}
	by := map[string]*use{}
	var order []string
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Aside != "" {
			continue
		}
		for _, t := range f.Techniques {
			u := by[t.ID]
			if u == nil {
				u = &use{layerTechnique: layerTechnique{ID: t.ID, Score: new(int)}}
				by[t.ID] = u
				order = append(order, t.ID)
			}
			*u.Score = max(*u.Score, f.Priority)
			u.events += t.Events
			u.findings++
			if len(u.lines) < maxLayerFindings {
				u.lines = append(u.lines, f.ID+": "+clipped(who(f))+", "+f.Level+" "+strconv.Itoa(f.Priority)+", "+term.Plural(t.Events, "call"))
			}
		}
	}
	slices.Sort(order)
	for _, id := range order {
		u := by[id]
		if rest := u.findings - len(u.lines); rest > 0 {
			u.lines = append(u.lines, "and "+term.Plural(rest, "more finding"))
		}
		u.Comment = strings.Join(u.lines, "\n")
		u.Metadata = []layerMetadata{{"Findings", term.Count(u.findings)}, {"Calls", term.Count(u.events)}}
		// A sub-technique is only seen where its parent is unfolded.
		u.ShowSubtechniques = slices.ContainsFunc(order, func(o string) bool { return strings.HasPrefix(o, id+".") })
		l.Techniques = append(l.Techniques, u.layerTechnique)
		if parent, _, sub := strings.Cut(id, "."); sub && by[parent] == nil {
			by[parent] = &use{}
			l.Techniques = append(l.Techniques, layerTechnique{ID: parent, ShowSubtechniques: true})
		}
	}
	return writeIndented(w, &l)
}

func writeIndented(w *bufio.Writer, v any) error {
	b, err := marshal(v, true, "")
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
