// Package cli is the command line: one file a command.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"vedette/internal/term"
)

// Exit codes. They are an API: scripts rely on them.
const (
	ExitDone     = 0 // finished, with findings or without
	ExitFailed   = 1 // could not finish
	ExitUsage    = 2 // the command line or a file named in it is wrong
	ExitFindings = 3 // a finding at or above --fail-on
	ExitLost     = 4 // finished, but some input could not be read or held no audited call
)

// IO is the world outside, so that tests can stand in for it.
type IO struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
}

type grammar struct {
	Scan        scanCmd        `cmd:"" help:"Read audit logs and report the identities that enumerate."`
	Report      reportCmd      `cmd:"" help:"Write the findings as a page to read, keep and hand on."`
	Explain     explainCmd     `cmd:"" help:"Show one finding in full."`
	Investigate investigateCmd `cmd:"" help:"Walk the investigation guide over the logs: who stands behind a finding, what it did, who else was there."`
	Guide       guideCmd       `cmd:"" help:"Show the questions that investigate asks, to change them."`
	Playbook    playbookCmd    `cmd:"" help:"Say what to do about a finding, with the commands filled in."`
	Extract     extractCmd     `cmd:"" help:"Copy the original records behind a finding, byte for byte."`
	Learn       learnCmd       `cmd:"" help:"Keep what callers do as a baseline, for later scans to compare with."`
	Tune        tuneCmd        `cmd:"" help:"Show what a change of settings would do to the findings."`
	Except      exceptCmd      `cmd:"" help:"Write an exception for a finding, and show what it puts aside."`
	Hunt        huntCmd        `cmd:"" help:"Ask hunting questions of files, or of the tables of a database through its own client program."`
	Compile     compileCmd     `cmd:"" help:"Write a detection as native queries and rules of SIEMs."`
	Rehearse    rehearseCmd    `cmd:"" help:"Play attack tests with real clients, and prove that the detection fires."`
	Record      recordCmd      `cmd:"" help:"Record what a cloud would have logged of calls to a stand-in."`
	Detection   detectionCmd   `cmd:"" help:"Check, list and show detection files."`
	Hub         hubCmd         `cmd:"" help:"Show, technique by technique, what detects discovery, where logs show it, and what was rehearsed."`
	Weights     weightsCmd     `cmd:"" help:"Show the weights that priorities are made of."`
	Catalog     catalogCmd     `cmd:"" help:"List the APIs that Vedette knows, and how it classes them."`
	Completion  completionCmd  `cmd:"" help:"Write a completion script for a shell."`
	Version     versionCmd     `cmd:"" help:"Show the version (also vedette --version)."`
}

const description = `Vedette reads the audit logs of AWS, Azure and Google Cloud, finds the identities
that enumerate (MITRE ATT&CK T1580), and says what the logs cannot show.

Exit codes: 0 finished, 1 failed, 2 wrong usage, 3 a finding at or above --fail-on,
4 finished but some input could not be read, or held no audited call (3 goes before 4).`

// exit ends a command with a code of its own.
type exit struct {
	code int
	err  error
}

func (e exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e exit) Unwrap() error { return e.err }

// usage makes an error one of usage.
func usage(err error) error { return exit{ExitUsage, err} }

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

// parsed is thrown by kong's exit hook, after help was shown.
type parsed struct{ code int }

// Main runs the command line and returns the exit code.
func Main(args []string, std IO) (code int) {
	var g grammar
	parser, err := kong.New(&g,
		kong.Name("vedette"),
		kong.Description(description),
		kong.Writers(std.Stdout, std.Stderr),
		kong.Exit(func(c int) { panic(parsed{c}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Bind(std),
	)
	if err != nil {
		fmt.Fprintln(std.Stderr, "vedette:", err)
		return ExitFailed
	}
	defer func() {
		if p := recover(); p != nil {
			done, ok := p.(parsed)
			if !ok {
				panic(p)
			}
			code = done.code
		}
	}()
	args = gathered(parser.Model.Node, plainly(args))
	call, err := parser.Parse(args)
	if err != nil {
		// A flag that need not be given may be empty, which is no choice.
		fmt.Fprintf(std.Stderr, "vedette: %s\n", term.Safe(strings.Replace(err.Error(), `,"" but got`, " but got", 1)))
		command := ""
		var pe *kong.ParseError
		if errors.As(err, &pe) && pe.Context != nil {
			for word := range strings.FieldsSeq(pe.Context.Command()) {
				if strings.HasPrefix(word, "<") {
					break
				}
				command += word + " "
			}
		}
		fmt.Fprintf(std.Stderr, "Try: vedette %s--help\n", command)
		return ExitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends what does not heed the first
	call.BindTo(ctx, (*context.Context)(nil))
	call.Bind(parser)
	return result(call.Run(std, parser), std)
}

// plainly puts what people try first in the grammar's words: no argument and
// "help" ask for help, "help scan" for that of a command. What stands behind
// "--" in a hunt is for the client program.
func plainly(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case args[0] == "--version":
		return append([]string{"version"}, args[1:]...)
	case args[0] == "hunt" && slices.Contains(args, "--"):
		i := slices.Index(args, "--")
		own := slices.Clone(args[:i])
		for _, a := range args[i+1:] {
			own = append(own, "--client-arg="+a)
		}
		return own
	}
	return args
}

// gathered puts the arguments of a command behind its flags. The parser takes a
// list of arguments in one piece, and people name a path behind a flag that
// stands behind another.
func gathered(node *kong.Node, args []string) []string {
	flags := slices.Clone(node.Flags)
	named := func(is func(*kong.Flag) bool) *kong.Flag {
		if i := slices.IndexFunc(flags, is); i >= 0 {
			return flags[i]
		}
		return nil
	}
	var words, given, rest []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			rest = slices.Concat([]string{a}, rest, args[i+1:])
			break
		}
		if len(a) < 2 || a[0] != '-' {
			child := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == a || slices.Contains(n.Aliases, a) })
			if child < 0 || len(rest) > 0 {
				rest = append(rest, a)
				continue
			}
			node = node.Children[child]
			flags = append(flags, node.Flags...)
			words = append(append(words, given...), a)
			given = nil
			continue
		}
		given = append(given, a)
		var f *kong.Flag
		attached := false
		if name, long := strings.CutPrefix(a, "--"); long {
			name, _, attached = strings.Cut(name, "=")
			f = named(func(f *kong.Flag) bool {
				return f.Name == name || slices.Contains(f.Aliases, name) || f.Tag.Negatable != "" && "no-"+f.Name == name
			})
		} else {
			short := []rune(a[1:])
			for n, r := range short {
				f = named(func(f *kong.Flag) bool { return f.Short == r })
				attached = n+1 < len(short)
				if f == nil || !f.IsBool() {
					break
				}
			}
		}
		if f == nil {
			return args // the parser says what is wrong
		}
		if !attached && !f.IsBool() && !f.IsCounter() && i+1 < len(args) {
			i++
			given = append(given, args[i])
		}
	}
	return slices.Concat(words, given, rest)
}

// result turns a command's error into the exit code and tells it.
func result(err error, std IO) int {
	if err == nil {
		return ExitDone
	}
	code := ExitFailed
	var e exit
	if errors.As(err, &e) {
		code = e.code
	}
	if msg := err.Error(); msg != "" {
		for i, line := range strings.Split(msg, "\n") {
			if i == 0 {
				line = "vedette: " + line
			}
			fmt.Fprintln(std.Stderr, term.Safe(line))
		}
	}
	return code
}
