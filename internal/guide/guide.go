// Package guide holds what an analyst needs to know of a technique of
// discovery: what it is, what each cloud's logs show of it, what it is confused
// with, what to ask first, how to tune its detection and what to do next.
//
// A guide is a file below guides. Facts of the providers have their pages in
// its list of sources; what captured logs show names the set.
package guide

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// Guide is what there is to know of a technique. Texts are prose of one or more
// sentences, without line breaks; lists are of sentences.
type Guide struct {
	Technique string `json:"technique"` // of ATT&CK, such as "T1613"
	What      string `json:"what"`
	// AWS, Azure and GCP say what the cloud's logs show of it, or that none
	// does.
	AWS   string `json:"aws"`
	Azure string `json:"azure"`
	GCP   string `json:"gcp"`
	// Confused is benign work that looks like it, Ask what to ask first, Tune
	// how to have fewer findings, and Next where to look then.
	Confused []string `json:"confused"`
	Ask      []string `json:"ask"`
	Tune     []string `json:"tune"`
	Next     []string `json:"next"`
	Related  []string `json:"related"` // techniques
	Sources  []string `json:"sources"` // addresses
}

// Looks is what the logs of a cloud show, by its name: aws, azure, gcp.
func (g *Guide) Looks(cloud string) string {
	return map[string]string{"aws": g.AWS, "azure": g.Azure, "gcp": g.GCP}[cloud]
}

//go:embed guides/*.yaml
var files embed.FS

// Builtin returns the guides, in order of their techniques. A technique that
// a guide calls related has a guide too.
func Builtin() ([]*Guide, error) {
	names, err := fs.Glob(files, "guides/*.yaml")
	if err != nil {
		return nil, err
	}
	var list []*Guide
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		g, err := Load(name, text)
		if err != nil {
			return nil, err
		}
		if path.Base(name) != g.Technique+".yaml" {
			return nil, fmt.Errorf("%s: it is the guide of %s", name, g.Technique)
		}
		list = append(list, g)
	}
	for _, g := range list {
		for _, id := range g.Related {
			if Find(list, id) == nil {
				return nil, fmt.Errorf("guides/%s.yaml: related: there is no guide of %s", g.Technique, id)
			}
		}
	}
	return list, nil
}

// Find returns the guide of a technique, without letter case, or nil.
func Find(list []*Guide, technique string) *Guide {
	i := slices.IndexFunc(list, func(g *Guide) bool { return strings.EqualFold(g.Technique, technique) })
	if i < 0 {
		return nil
	}
	return list[i]
}

var (
	technique = regexp.MustCompile(`^T\d{4}(\.\d{3})?$`)
	address   = regexp.MustCompile(`^https://[^\s"<>]+$`)
)

// Load reads a guide. Everything that is wrong with the file is told, each at
// its line.
func Load(file string, text []byte) (*Guide, error) {
	var root yaml.Node
	if err := yaml.Load(text, &root); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(root.Content) != 1 || root.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:1: a guide is a mapping", file)
	}
	g := &Guide{}
	r := &reader{file: file}
	r.mapping(root.Content[0], "", map[string]func(string, *yaml.Node){
		"technique": r.text(&g.Technique), "what": r.text(&g.What),
		"looks": func(name string, n *yaml.Node) {
			r.mapping(n, name+".", map[string]func(string, *yaml.Node){"aws": r.text(&g.AWS), "azure": r.text(&g.Azure), "gcp": r.text(&g.GCP)})
		},
		"confused": r.list(&g.Confused, nil), "ask": r.list(&g.Ask, nil), "tune": r.list(&g.Tune, nil), "next": r.list(&g.Next, nil),
		"related": r.list(&g.Related, technique), "sources": r.list(&g.Sources, address),
	})
	if g.Technique != "" && !technique.MatchString(g.Technique) {
		r.fault(root.Content[0], "%q is no ATT&CK id such as T1613", g.Technique)
	}
	return g, errors.Join(r.faults...)
}

// reader collects what is wrong with a file.
type reader struct {
	file   string
	faults []error
}

func (r *reader) fault(n *yaml.Node, format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s:%d: %s", r.file, n.Line, fmt.Sprintf(format, args...)))
}

// mapping reads a mapping that has each of the fields once and no other.
func (r *reader) mapping(n *yaml.Node, prefix string, fields map[string]func(string, *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.fault(n, "%s is a mapping", strings.TrimSuffix(prefix, "."))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read := fields[key.Value]
		switch {
		case read == nil:
			r.fault(key, "a guide has no field %q", prefix+key.Value)
		case seen[key.Value]:
			r.fault(key, "%s stands twice", prefix+key.Value)
		default:
			read(prefix+key.Value, value)
		}
		seen[key.Value] = true
	}
	var missing []string
	for name := range fields {
		if !seen[name] {
			missing = append(missing, prefix+name)
		}
	}
	slices.Sort(missing)
	if missing != nil {
		r.fault(n, "%s: missing", strings.Join(missing, ", "))
	}
}

// text reads prose and joins its lines.
func (r *reader) text(into *string) func(string, *yaml.Node) {
	return func(name string, n *yaml.Node) {
		if *into = strings.Join(strings.Fields(n.Value), " "); n.Kind != yaml.ScalarNode || *into == "" {
			r.fault(n, "%s is a text", name)
		}
	}
}

// list reads a list of texts, of the form where one is given.
func (r *reader) list(into *[]string, form *regexp.Regexp) func(string, *yaml.Node) {
	return func(name string, n *yaml.Node) {
		if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
			r.fault(n, "%s is a list of texts", name)
			return
		}
		for _, c := range n.Content {
			s := strings.Join(strings.Fields(c.Value), " ")
			switch {
			case c.Kind != yaml.ScalarNode || s == "":
				r.fault(c, "%s: an entry is no text", name)
			case form != nil && !form.MatchString(s):
				r.fault(c, "%s: %q has not the form of such", name, s)
			}
			*into = append(*into, s)
		}
	}
}
