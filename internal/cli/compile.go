package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vedette/internal/compile"
	"vedette/internal/detection"
	"vedette/internal/siem"
	backends "vedette/internal/siem/all"
	"vedette/internal/term"
)

type compileCmd struct {
	Detections []string `arg:"" optional:"" name:"detection" help:"Ids of built-in detections, such as T1580, groups of them (related, all), or detection files."`
	Question   []string `sep:"," placeholder:"ID" help:"Compile hunting questions, such as aws-root-reads, or all, in place of detections; vedette hunt --list has them. Only --cloud, --fields and -o go with it."`
	Library    string   `type:"path" placeholder:"FILE" help:"File of further questions."`
	Target     []string `required:"" short:"t" sep:"," placeholder:"NAME" help:"kusto (Microsoft Sentinel), splunk, elastic, qradar, sumo, yaral (Google SecOps, once Chronicle), logscale (CrowdStrike), sigma, sql:<dialect> (duckdb, postgresql, clickhouse, spark, athena, trino, bigquery, flink), or all; several with commas."`
	Cloud      []string `sep:"," placeholder:"NAME" help:"Read only these clouds: aws, azure, gcp."`
	Profile    string   `enum:"vedette,seed" default:"vedette" help:"vedette, or seed: the original query, its fault mended. Default: ${default}."`
	Window     string   `enum:"tumbling,overlapping" default:"tumbling" help:"Windows side by side, or overlapping so that no burst is cut at an edge. Default: ${default}."`
	Identity   string   `enum:"principal,session" default:"principal" help:"Group by principal (the role) or by session. Default: ${default}."`
	NoDedup    bool     `help:"Count every record: copies of one act, and retries of throttled calls."`
	Services   bool     `name:"include-services" help:"Let calls count that the provider made itself."`
	Fields     string   `type:"path" placeholder:"FILE" help:"Field map to lay over the built-in one of the target: names of tables and fields."`
	Package    bool     `help:"Write what the product imports: scheduled rules with their metadata. Needs -o."`
	Output     string   `short:"o" type:"path" placeholder:"DIR" help:"Write files there instead of one query to standard output."`
	Format     string   `short:"f" enum:"text,json" default:"text" help:"text, or json: queries with what each language cannot say. Default: ${default}."`
}

func (c *compileCmd) Run(std IO) error {
	targets, err := c.targets()
	if err != nil {
		return err
	}
	switch {
	case len(c.Question) > 0:
		return c.questions(targets, std)
	case len(c.Detections) == 0:
		return usagef("name a detection, or a question with --question")
	}
	rules, err := c.rules()
	if err != nil {
		return err
	}
	if c.Package && c.Output == "" {
		return usagef("--package writes files: say where with -o")
	}
	if c.Output == "" && c.Format == "text" && (len(targets) != 1 || len(rules) != 1) {
		return usagef("standard output takes one query, and these are %d: say where with -o", len(targets)*len(rules))
	}
	var results []compiled
	for _, b := range targets {
		fields, err := c.fields(b)
		if err != nil {
			return err
		}
		for _, r := range rules {
			out, err := b.Compile(r, fields)
			if err != nil && !errors.Is(err, siem.ErrNotSaid) {
				return err
			}
			results = append(results, compiled{b, r, out, err})
		}
	}
	switch {
	case c.Output != "":
		return c.write(targets, results, std)
	case c.Format == "json":
		if err := writeCompiled(results, std.Stdout); err != nil {
			return err
		}
		return c.tellParts(std, alsoCompiled)
	}
	if err := results[0].err; err != nil {
		return err
	}
	if _, err = io.WriteString(std.Stdout, results[0].out.Query); err != nil {
		return err
	}
	return c.tellParts(std, alsoCompiled)
}

// compiled is a rule in one language, or why it is not.
type compiled struct {
	backend siem.Backend
	rule    *siem.Rule
	out     *siem.Output
	err     error
}

func (c *compileCmd) targets() ([]siem.Backend, error) {
	list := backends.Backends()
	if slices.Contains(c.Target, "all") {
		return list, nil
	}
	var chosen []siem.Backend
	for _, name := range c.Target {
		i := slices.IndexFunc(list, func(b siem.Backend) bool { return b.Name() == name })
		if i < 0 {
			if products := targetsOf(name); len(products) > 0 {
				return nil, usagef("no target %q: %s", name, strings.Join(products, ", "))
			}
			return nil, usagef("no target %q: there are %s and all", name, targetNames())
		}
		chosen = append(chosen, list[i])
	}
	return chosen, nil
}

// targetsOf says by which name the products go whose own name has this in it:
// targets are languages, and people know products.
func targetsOf(product string) []string {
	var list []string
	for _, b := range backends.Backends() {
		if len(product) >= 3 && strings.Contains(strings.ToLower(b.Product()), strings.ToLower(product)) {
			list = append(list, b.Product()+" is "+b.Name())
		}
	}
	return list
}

func targetNames() string {
	var names []string
	for _, b := range backends.Backends() {
		names = append(names, b.Name())
	}
	return strings.Join(names, ", ")
}

func (c *compileCmd) rules() ([]*siem.Rule, error) {
	opts := compile.Options{BySession: c.Identity == "session", KeepCopies: c.NoDedup, Services: c.Services}
	if c.Window == "overlapping" {
		opts.Window = siem.Overlapping
	}
	if c.Package {
		opts.Schedule = compile.DefaultSchedule()
	}
	clouds, err := cloudsOf(c.Cloud)
	if err != nil {
		return nil, err
	}
	opts.Clouds = clouds
	list, err := c.detections()
	if err != nil {
		return nil, err
	}
	if c.Profile == "seed" {
		s, err := detection.LoadSeedProfile()
		if err != nil {
			return nil, err
		}
		if len(list) != 1 || list[0].ID != s.ID {
			return nil, usagef("the seed profile is of %s alone", s.ID)
		}
		r, err := compile.Seed(s, list[0], opts)
		if err != nil {
			return nil, usage(err)
		}
		return []*siem.Rule{r}, nil
	}
	reg, err := registry()
	if err != nil {
		return nil, err
	}
	var rules []*siem.Rule
	for _, d := range list {
		r, err := compile.Rules(d, reg, opts)
		if err != nil {
			return nil, usage(err)
		}
		rules = append(rules, r...)
	}
	for i, r := range rules {
		// Files and products know a rule by its id.
		if k := slices.IndexFunc(rules, func(o *siem.Rule) bool { return o.ID == r.ID }); k < i {
			return nil, usagef("two rules would be called %s: %q of %s and %q of %s; name the windows or detections so that letters a-z and digits tell them apart",
				r.ID, rules[k].Title, rules[k].Detection, r.Title, r.Detection)
		}
	}
	return rules, nil
}

// detections finds built-in detections by id and reads files.
func (c *compileCmd) detections() ([]*detection.Detection, error) {
	builtin, err := detection.Builtin()
	if err != nil {
		return nil, err
	}
	var list []*detection.Detection
	add := func(d *detection.Detection) {
		if !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	for _, name := range c.Detections {
		named, err := namedDetections(builtin, name)
		if err != nil {
			return nil, err
		}
		for _, d := range named {
			add(d)
			if !d.Builtin || c.Output == "" || c.Profile == "seed" {
				continue
			}
			for _, part := range builtin {
				if part.PartOf == d.ID {
					add(part)
				}
			}
		}
	}
	return list, nil
}

func (c *compileCmd) fields(b siem.Backend) (*siem.Fields, error) {
	f := b.Fields()
	if c.Fields == "" {
		return f, nil
	}
	data, err := os.ReadFile(c.Fields)
	if err != nil {
		return nil, usage(err)
	}
	own, err := siem.ParseFields(c.Fields, data)
	if err != nil {
		return nil, usage(err)
	}
	if own.Language != "" && own.Language != f.Language && len(c.Target) > 1 {
		return f, nil // it is for another of the targets
	}
	if err := f.Merge(own); err != nil {
		return nil, usage(fmt.Errorf("%s: %w", c.Fields, err))
	}
	return f, nil
}

// write writes queries, or packages, into folders by target and says what is
// exact, approximated or impossible.
func (c *compileCmd) write(targets []siem.Backend, results []compiled, std IO) error {
	// Nothing is written before all of it is there: half a set of packages
	// would look like one.
	all := map[string][]siem.File{}
	for _, b := range targets {
		var outputs []*siem.Output
		for _, r := range results {
			if r.backend.Name() == b.Name() && r.err == nil {
				outputs = append(outputs, r.out)
			}
		}
		if len(outputs) == 0 {
			continue // a package of no rule is none
		}
		if c.Package {
			files, err := b.Package(outputs)
			if err != nil {
				return fmt.Errorf("package for %s: %w", b.Name(), err)
			}
			all[b.Name()] = files
			continue
		}
		for _, o := range outputs {
			all[b.Name()] = append(all[b.Name()], siem.Files(b, o)...)
		}
	}
	written := map[string]bool{}
	var dirs []string
	for _, b := range targets {
		dir := filepath.Join(c.Output, strings.ReplaceAll(b.Name(), ":", "-"))
		for _, f := range all[b.Name()] {
			path := filepath.Join(dir, filepath.FromSlash(f.Path))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, f.Data, 0o644); err != nil {
				return err
			}
			written[path] = true
		}
		dirs = append(dirs, dir)
	}
	if err := others(std.Stderr, dirs, written); err != nil {
		return err
	}
	if c.Format == "json" {
		err := writeCompiled(results, std.Stdout)
		return cmp.Or(err, noneCompiled(results))
	}
	err := writeGrades(results, std.Stdout, term.Detect(std.Stdout, std.Getenv).Width)
	return cmp.Or(err, noneCompiled(results))
}

// noneCompiled is the error of a call that has made nothing at all.
func noneCompiled(results []compiled) error {
	if slices.ContainsFunc(results, func(r compiled) bool { return r.err == nil }) {
		return nil
	}
	return errors.New("none of it could be compiled")
}

// othersNamed is how many files that were there before are named.
const othersNamed = 5

// others says which files in the folders this call did not write: what an
// earlier one left would be imported with the rest.
func others(w io.Writer, dirs []string, written map[string]bool) error {
	var list []string
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // nothing was written there
			}
			if err == nil && !d.IsDir() && !written[path] {
				list = append(list, term.Safe(path))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	more := ""
	if n := len(list) - othersNamed; n > 0 {
		list, more = list[:othersNamed], fmt.Sprintf(", and %d more", n)
	}
	_, err := fmt.Fprintf(w, "Note: not of this call, and left as they are: %s%s\n", strings.Join(list, ", "), more)
	return err
}

// writeCompiled prints queries and grades as JSON.
func writeCompiled(results []compiled, w io.Writer) error {
	type grade struct {
		Feature string `json:"feature"`
		Log     string `json:"log"`
		Said    string `json:"said"`
		How     string `json:"how,omitempty"`
	}
	type parameter struct {
		Name  string `json:"name"`
		Log   string `json:"log"`
		Value string `json:"value"`
		Why   string `json:"why"`
	}
	type form struct {
		Name     string `json:"name"`
		Language string `json:"language"`
		Why      string `json:"why"`
		Text     string `json:"text"`
	}
	type result struct {
		Target     string      `json:"target"`
		Product    string      `json:"product"`
		Rule       string      `json:"rule"`
		Detection  string      `json:"detection"`
		Profile    string      `json:"profile"`
		Window     string      `json:"window"`
		Error      string      `json:"error,omitempty"`
		Query      string      `json:"query,omitempty"`
		Length     int         `json:"length,omitempty"`
		Limit      int         `json:"limit,omitempty"`
		Further    []form      `json:"further,omitempty"`
		Grades     []grade     `json:"grades,omitempty"`
		Parameters []parameter `json:"parameters,omitempty"`
		Warnings   []string    `json:"warnings,omitempty"`
	}
	list := []result{}
	for _, r := range results {
		x := result{
			Target: r.backend.Name(), Product: r.backend.Product(), Rule: r.rule.ID, Detection: r.rule.Detection,
			Profile: r.rule.Profile, Window: r.rule.Window.Kind.String(),
		}
		if r.err != nil {
			x.Error = r.err.Error()
			list = append(list, x)
			continue
		}
		x.Query, x.Length, x.Limit = r.out.Query, len([]rune(r.out.Query)), r.out.Limit
		x.Warnings = slices.Concat(r.rule.Warnings, r.out.Warnings)
		for _, f := range r.out.Further {
			x.Further = append(x.Further, form{f.Name, f.Language, f.Why, f.Text})
		}
		for _, g := range r.out.Grades {
			x.Grades = append(x.Grades, grade{string(g.Feature), g.Log.String(), g.Said.String(), g.How})
		}
		for _, p := range r.out.Parameters {
			x.Parameters = append(x.Parameters, parameter{p.Name, p.Log.String(), p.Value, p.Why})
		}
		list = append(list, x)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(list)
}
