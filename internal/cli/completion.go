package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// words is what can follow a command: sub-commands and flags.
type words struct {
	path  string // "vedette detection"
	names []string
}

// Run writes a script that offers the sub-commands and flags of the grammar,
// and files where neither fits.
func (c *completionCmd) Run(std IO, k *kong.Kong) error {
	var list []words
	collect(k.Model.Node, "vedette", &list)
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

func collect(n *kong.Node, path string, list *[]words) {
	w := words{path: path}
	for _, ch := range n.Children {
		if !ch.Hidden {
			w.names = append(w.names, ch.Name)
		}
	}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			w.names = append(w.names, "--"+f.Name)
		}
	}
	slices.Sort(w.names)
	w.names = slices.Compact(w.names)
	*list = append(*list, w)
	for _, ch := range n.Children {
		collect(ch, path+" "+ch.Name, list)
	}
}

// bash writes a script for bash, or for zsh by way of its bash emulation.
func bash(w io.Writer, list []words, zsh bool) {
	if zsh {
		fmt.Fprintln(w, "#compdef vedette\nautoload -U +X bashcompinit && bashcompinit")
	}
	fmt.Fprintln(w, `_vedette() {
  local cur path word i names
  cur="${COMP_WORDS[COMP_CWORD]}"
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
			if flag, ok := strings.CutPrefix(n, "--"); ok {
				fmt.Fprintf(w, "complete -c vedette -n '%s' -l %s\n", cond, flag)
			} else {
				fmt.Fprintf(w, "complete -c vedette -n '%s' -f -a %s\n", cond, n)
			}
		}
	}
}
