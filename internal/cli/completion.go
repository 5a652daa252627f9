package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"vedette/internal/detection"
	"vedette/internal/event"
	"vedette/internal/hunt"
	"vedette/internal/question"
	"vedette/internal/report"
	backends "vedette/internal/siem/all"
	"vedette/internal/triage"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// words is what can follow a command: sub-commands, flags, and values that an
// argument can have; and what can follow a flag that takes a value, which is
// nothing where no list of values is known.
type words struct {
	path  string // "vedette detection"
	names []string
	after []choices
}

// choices are the values of a flag.
type choices struct {
	flag   string // "--format"
	short  string // "-f", or ""
	values []string
}

// Run writes a script that offers the sub-commands, flags and values of the
// grammar, and files where none fits.
func (c *completionCmd) Run(std IO, k *kong.Kong) error {
	ids, err := detectionIDs()
	if err != nil {
		return err
	}
	var list []words
	collect(k.Model.Node, "vedette", ids, &list)
	switch c.Shell {
	case "bash":
		bash(std.Stdout, list, false)
	case "zsh":
		bash(std.Stdout, list, true)
	case "fish":
		fish(std.Stdout, list)
	}
	return nil
}

func detectionIDs() ([]string, error) {
	list, err := detection.Builtin()
	var ids []string
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	return ids, err
}

func collect(n *kong.Node, path string, ids []string, list *[]words) {
	w := words{path: path}
	for _, ch := range n.Children {
		if !ch.Hidden {
			w.names = append(w.names, ch.Name)
		}
	}
	for _, a := range n.Positional {
		w.names = append(w.names, valuesOf(path, a, ids)...)
	}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			w.names = append(w.names, "--"+f.Name)
			if f.IsBool() {
				continue
			}
			c := choices{flag: "--" + f.Name, values: valuesOf(path, f.Value, ids)}
			if f.Short != 0 {
				c.short = "-" + string(f.Short)
			}
			w.after = append(w.after, c)
		}
	}
	slices.Sort(w.names)
	w.names = slices.Compact(w.names)
	slices.SortFunc(w.after, func(a, b choices) int { return strings.Compare(a.flag, b.flag) })
	*list = append(*list, w)
	for _, ch := range n.Children {
		collect(ch, path+" "+ch.Name, ids, list)
	}
}

// valuesOf lists the values that a flag or an argument of a command can have,
// as far as they are known beforehand.
func valuesOf(path string, v *kong.Value, ids []string) []string {
	switch path + " " + v.Name {
	case "vedette scan format":
		return names(report.Formats())
	case "vedette tune format":
		return names(report.TuneFormats())
	case "vedette hunt format":
		return names(report.RowFormats())
	case "vedette hunt engine":
		var list []string
		for _, e := range hunt.Engines() {
			list = append(list, e.Name)
		}
		return list
	case "vedette scan fail-on":
		return triage.Levels()
	case "vedette compile target":
		list := []string{"all"}
		for _, b := range backends.Backends() {
			list = append(list, b.Name())
		}
		return list
	case "vedette compile cloud", "vedette hunt cloud":
		return names(event.Clouds())
	case "vedette detection show name":
		return append(slices.Clone(ids), "related", allDetections, "seed")
	}
	switch v.Name {
	case "detection", "with-detection":
		return append(slices.Clone(ids), "related", allDetections)
	case "question":
		list := []string{allQuestions}
		library, err := question.Load()
		if err != nil {
			panic(err) // a test reads the library
		}
		for _, q := range library {
			list = append(list, q.ID)
		}
		if path == "vedette hunt" { // which asks tables what detections ask
			list = append(append(list, ids...), "related")
		}
		return list
	}
	return slices.DeleteFunc(slices.Clone(v.EnumSlice()), func(s string) bool { return s == "" })
}

func names[T any](list []T) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = fmt.Sprint(x)
	}
	return out
}

// bash writes a script for bash, or for zsh by way of its bash emulation.
func bash(w io.Writer, list []words, zsh bool) {
	if zsh {
		fmt.Fprintln(w, "#compdef vedette\nautoload -U +X bashcompinit && bashcompinit")
	}
	fmt.Fprintln(w, `_vedette() {
  local cur prev path word i names
  cur="${COMP_WORDS[COMP_CWORD]}"
  prev="${COMP_WORDS[COMP_CWORD-1]}"
  # --flag=value is three words.
  if [ "$cur" = "=" ]; then cur=""; elif [ "$prev" = "=" ]; then prev="${COMP_WORDS[COMP_CWORD-2]}"; fi
  path="vedette"
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${COMP_WORDS[i]}"
    case "$path $word" in`)
	for _, x := range list[1:] {
		fmt.Fprintf(w, "      %q) path=\"$path $word\" ;;\n", x.path)
	}
	fmt.Fprintln(w, `    esac
  done
  case "$path" in`)
	for _, x := range list {
		fmt.Fprintf(w, "    %q) names=%q ;;\n", x.path, strings.Join(x.names, " "))
	}
	fmt.Fprintln(w, `  esac
  case "$path $prev" in`)
	for _, x := range list {
		for _, c := range x.after {
			pattern := fmt.Sprintf("%q", x.path+" "+c.flag)
			if c.short != "" {
				pattern += fmt.Sprintf("|%q", x.path+" "+c.short)
			}
			fmt.Fprintf(w, "    %s) names=%q ;;\n", pattern, strings.Join(c.values, " "))
		}
	}
	fmt.Fprintln(w, `  esac
  COMPREPLY=($(compgen -W "$names" -- "$cur"))
}
complete -o default -o bashdefault -F _vedette vedette`)
}

func fish(w io.Writer, list []words) {
	for _, x := range list {
		parts := strings.Fields(x.path)[1:]
		cond := "__fish_use_subcommand"
		if len(parts) > 0 {
			cond = "__fish_seen_subcommand_from " + parts[len(parts)-1]
		}
		for _, n := range x.names {
			flag, ok := strings.CutPrefix(n, "--")
			if !ok {
				fmt.Fprintf(w, "complete -c vedette -n '%s' -f -a %s\n", cond, n)
				continue
			}
			value := ""
			if i := slices.IndexFunc(x.after, func(c choices) bool { return c.flag == n }); i >= 0 {
				value = " -r"
				if v := x.after[i].values; len(v) > 0 {
					value = fmt.Sprintf(" -x -a '%s'", strings.Join(v, " "))
				}
			}
			fmt.Fprintf(w, "complete -c vedette -n '%s' -l %s%s\n", cond, flag, value)
		}
	}
}
