// Package hunt asks the tables of an engine: it runs a statement through the
// engine's own client program and reads rows from what that prints. Vedette
// has no driver of any database, and needs no credential: how to connect is
// for the client and its user to know.
package hunt

import (
	_ "embed"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

//go:embed engines.yaml
var enginesYAML []byte

// Engine is an engine by way of its client program.
type Engine struct {
	// Name is as the command line has it: "psql".
	Name string `yaml:"name"`
	// Dialects are the names of dialects of SQL ("postgresql"), the usual one
	// first.
	Dialects []string `yaml:"dialects"`
	// Client is the program and what stands before all other arguments.
	Client []string `yaml:"client"`
	// Args make the client print JSON objects and stop at errors.
	Args []string `yaml:"args"`
	// Script is the flag that takes a file with statements; empty where they
	// go to standard input.
	Script string `yaml:"script"`
	// Env is added to the environment.
	Env []string `yaml:"env"`
	// Before and After are statements around the query.
	Before string `yaml:"before"`
	After  string `yaml:"after"`
	// Hints say what to do about what the client says.
	Hints  []Hint `yaml:"hints"`
	Source string `yaml:"source"`
}

// Hint is what to do where a client has failed and said this.
type Hint struct {
	Says string `yaml:"says"`
	Do   string `yaml:"do"`
}

// Engines returns the engines in the order in which they are listed.
func Engines() []Engine {
	var list []Engine
	if err := yaml.Load(enginesYAML, &list, yaml.WithKnownFields()); err != nil {
		panic(err) // a test reads the file
	}
	return list
}

// Find returns the engine of that name.
func Find(name string) (*Engine, bool) {
	list := Engines()
	i := slices.IndexFunc(list, func(e Engine) bool { return e.Name == name })
	if i < 0 {
		return nil, false
	}
	return &list[i], true
}

// Call is a statement with the client that it is for.
type Call struct {
	Engine *Engine
	// Client replaces the engine's own program; empty keeps that.
	Client []string
	// Args are the user's: where to connect, and as whom.
	Args []string
	// Setup are statements before the query, each with its end sign.
	Setup string
	// Query is a statement without an end sign, as [siem.Tabular] gives it.
	Query string
}

// Statements returns the whole text that goes to the client.
func (c *Call) Statements() string {
	var b strings.Builder
	for _, s := range []string{c.Engine.Before, c.Setup, strings.TrimRight(c.Query, "\n ") + ";", c.Engine.After} {
		if s != "" {
			b.WriteString(strings.TrimRight(s, "\n") + "\n")
		}
	}
	return b.String()
}

// argv is the command line, for a script in the file of that name.
func (c *Call) argv(script string) []string {
	client := c.Client
	if len(client) == 0 {
		client = c.Engine.Client
	}
	argv := slices.Concat(client, c.Engine.Args, c.Args)
	if c.Engine.Script != "" {
		argv = append(argv, c.Engine.Script, script)
	}
	return argv
}

// String returns the command line as a POSIX shell would read it, with
// secrets masked.
func (c *Call) String() string {
	argv := maskedArgs(c.argv("FILE"))
	for i, a := range argv {
		argv[i] = quoted(a)
	}
	for i := len(c.Engine.Env); i > 0; i-- {
		argv = slices.Insert(argv, 0, quoted(c.Engine.Env[i-1]))
	}
	return strings.Join(argv, " ")
}

// quoted puts an argument in quotes where a shell would read more than a word
// in it.
func quoted(a string) string {
	if a != "" && !strings.ContainsFunc(a, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_=+./:@,%", r))
	}) {
		return a
	}
	return "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
}
