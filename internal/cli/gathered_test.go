package cli

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Arguments may stand before, between and behind flags.
func TestArgumentsAmongFlags(t *testing.T) {
	var g struct {
		Scan struct {
			Paths  []string `arg:"" optional:""`
			Quiet  bool     `short:"q"`
			Dedup  bool     `negatable:""`
			Format string   `short:"f"`
			Cloud  []string
		} `cmd:""`
		Show struct {
			List struct {
				Format string `short:"f"`
			} `cmd:""`
		} `cmd:""`
	}
	parser, err := kong.New(&g)
	if err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"scan a -q b":                       "scan -q a b",
		"scan a --format json b -qf csv c":  "scan --format json -qf csv a b c",
		"scan a --format=json --no-dedup -": "scan --format=json --no-dedup a -",
		"scan a -fjson scan --cloud x scan": "scan -fjson --cloud x a scan scan",
		"scan a -q -- -b -q":                "scan -q -- a -b -q",
		"scan a --what b":                   "scan a --what b",
		"scan a -f":                         "scan -f a",
		"show list -f x":                    "show list -f x",
		"show --help":                       "show --help",
		"scan --format":                     "scan --format",
		"scan a --format -q":                "scan --format -q a",
		"what a -q b":                       "what a -q b",
	} {
		if got := strings.Join(gathered(parser.Model.Node, strings.Fields(args)), " "); got != want {
			t.Errorf("%s: %s, want %s", args, got, want)
		}
	}
}
