package cli

import (
	"bufio"
	"context"
	"fmt"

	"vedette/internal/finding"
	"vedette/internal/report"
	"vedette/internal/respond"
	"vedette/internal/term"
)

type playbookCmd struct {
	ID       string   `arg:"" optional:"" help:"The finding's id, or a beginning of it that no other finding has; none for the template of --principal-type."`
	Paths    []string `arg:"" optional:"" name:"path" help:"The logs that were scanned."`
	Findings string   `type:"path" placeholder:"FILE" help:"Look the finding up in this JSON output of scan (- for standard input) instead of scanning; logs beside it complete it. Such a file may stand among the paths as well."`
	counting
	PrincipalType string `placeholder:"TYPE" help:"Take the caller to be of this type, whatever the finding says; without an id, write the template of that type."`
	Types         bool   `help:"List the types of principals, and how to tell them."`
	Playbooks     string `type:"path" placeholder:"DIR" help:"Lay the files *.yaml of this folder over the built-in playbooks."`
	Format        string `short:"f" enum:"text,markdown,json" default:"text" help:"text, markdown or json. Default: ${default}."`
	Quiet         bool   `short:"q" help:"No progress on standard error."`
}

func (c *playbookCmd) Run(ctx context.Context, std IO) error {
	opts := respond.Options{Paths: c.Paths, Type: c.PrincipalType}
	if c.Playbooks != "" {
		book, err := respond.Load(c.Playbooks)
		if err != nil {
			return usage(err)
		}
		opts.Book = book
	}
	switch {
	case c.Types:
		return c.list(opts.Book, std)
	case c.ID == "" && c.PrincipalType == "":
		return usagef("name a finding, or --principal-type for a template")
	}
	asked := chosen{ID: c.ID, Paths: c.Paths, Findings: c.Findings}
	book, f, err := c.make(ctx, &asked, opts, std)
	if err != nil {
		return err
	}
	err = report.WritePlaybook(std.Stdout, c.Format, book, f, report.Options{Terminal: term.Detect(std.Stdout, std.Getenv), Version: Version()})
	if err != nil {
		return err
	}
	return asked.lost()
}

// make returns the playbook, and the finding that it is for, if it is for one.
func (c *playbookCmd) make(ctx context.Context, asked *chosen, opts respond.Options, std IO) (*respond.Playbook, *finding.Finding, error) {
	if c.ID == "" {
		book, err := respond.Template(c.PrincipalType, opts)
		if err != nil {
			return nil, nil, usage(err)
		}
		return book, nil, nil
	}
	f, err := asked.find(ctx, std, &c.counting, 0, c.Quiet)
	if err != nil {
		return nil, nil, err
	}
	opts.Paths = asked.Paths
	book, err := respond.For(f, opts)
	if err != nil {
		return nil, nil, usage(err)
	}
	return book, f, nil
}

// list writes the types in order.
func (c *playbookCmd) list(book *respond.Book, std IO) error {
	if book == nil {
		book = respond.BuiltIn()
	}
	w := bufio.NewWriter(std.Stdout)
	for _, t := range book.Types() {
		fmt.Fprintf(w, "%-34s %s\n%-34s   %s\n", term.Safe(t.ID), term.Safe(t.Title), "", term.Safe(t.Look))
	}
	return w.Flush()
}
