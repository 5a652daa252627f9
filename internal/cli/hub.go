package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"vedette/docs"
	"vedette/internal/cloud/all"
	"vedette/internal/compile"
	"vedette/internal/detection"
	"vedette/internal/event"
	"vedette/internal/guide"
	"vedette/internal/hub"
	"vedette/internal/plan"
	"vedette/internal/rehearse"
	"vedette/internal/siem"
	backends "vedette/internal/siem/all"
	"vedette/internal/term"
)

type hubCmd struct {
	Techniques []string `arg:"" optional:"" name:"technique" help:"ATT&CK ids, such as T1613: each is told in full."`
	Rehearsal  string   `type:"path" placeholder:"FILE" help:"Results of a rehearsal of your own (vedette rehearse verify -f json), instead of those that the program comes with."`
	Format     string   `short:"f" enum:"table,html,json,markdown" default:"table" help:"table, html, json, or markdown for a wiki. Default: ${default}."`
	Output     string   `short:"o" type:"path" placeholder:"FILE" help:"Write there instead of to standard output."`
}

func (c *hubCmd) Run(std IO) error {
	if err := spare(context.Background(), nil, c.Output, nil, c.Rehearsal); err != nil {
		return err
	}
	h, err := c.build()
	if err != nil {
		return err
	}
	in, err := detection.Builtin()
	if err != nil {
		return err
	}
	for _, t := range c.Techniques {
		if list := groupOf(in, t); list != nil {
			return usagef("%s is a group of detections and no technique: without a name vedette hub shows all, and vedette detection show %[1]s --guide has the guides of the group", t)
		}
	}
	if err := h.Choose(c.Techniques); err != nil {
		return usage(err)
	}
	var b bytes.Buffer
	t := term.Terminal{Width: 120}
	if c.Output == "" {
		t = term.Detect(std.Stdout, std.Getenv)
	}
	switch {
	case c.Format == "html":
		err = hub.WriteHTML(&b, h, Version())
	case c.Format == "markdown":
		err = hub.WriteMarkdown(&b, h)
	case c.Format == "json":
		enc := json.NewEncoder(&b)
		enc.SetIndent("", "  ")
		err = enc.Encode(h)
	case len(c.Techniques) > 0:
		err = hub.WriteTechniques(&b, h, t)
	default:
		err = hub.WriteText(&b, h, t)
	}
	if err != nil {
		return err
	}
	if c.Output != "" {
		return os.WriteFile(c.Output, b.Bytes(), 0o644)
	}
	_, err = std.Stdout.Write(b.Bytes())
	return err
}

func (c *hubCmd) build() (*hub.Hub, error) {
	text, name := docs.Rehearsal, "docs/rehearsal.json"
	if c.Rehearsal != "" {
		var err error
		name = c.Rehearsal
		if text, err = os.ReadFile(name); err != nil {
			return nil, usage(err)
		}
	}
	var results rehearse.Rehearsal
	if err := json.Unmarshal(text, &results); err != nil {
		return nil, usage(fmt.Errorf("%s: no results of vedette rehearse verify -f json: %w", name, err))
	}
	in := hub.Input{Results: results.Results, Registry: event.NewRegistry(), Duration: func(w *plan.Window) string { return term.Duration(w.Length) }}
	for _, p := range all.Providers() {
		if err := p.Register(in.Registry); err != nil {
			return nil, err
		}
	}
	var err error
	if in.Guides, err = guide.Builtin(); err != nil {
		return nil, err
	}
	if in.Detections, err = detection.Builtin(); err != nil {
		return nil, err
	}
	for _, d := range in.Detections {
		list, err := hubRules(d, in.Registry)
		if err != nil {
			return nil, err
		}
		in.Rules = append(in.Rules, list...)
	}
	return hub.Build(in)
}

// hubRules says what each SIEM makes of a detection.
func hubRules(d *detection.Detection, reg *event.Registry) ([]hub.Rule, error) {
	rules, err := compile.Rules(d, reg, compile.Options{})
	if err != nil {
		return nil, err
	}
	var list []hub.Rule
	for _, b := range backends.Backends() {
		for _, r := range rules {
			out, err := b.Compile(r, b.Fields())
			x := hub.Rule{Target: b.Name(), ID: r.ID, Detection: d.ID, Approximated: []string{}, Impossible: []string{}}
			switch {
			case errors.Is(err, siem.ErrNotSaid):
				x.Why = err.Error()
			case err != nil:
				return nil, err
			default:
				x.Approximated = append(x.Approximated, siem.Lost(out, siem.Approximated)...)
				x.Impossible = append(x.Impossible, siem.Lost(out, siem.Impossible)...)
				for _, f := range siem.Features() {
					if slices.ContainsFunc(out.Grades, func(g siem.Grade) bool { return g.Feature == f && g.Said == siem.Exact }) {
						x.Exact++
					}
				}
			}
			list = append(list, x)
		}
	}
	return list, nil
}
