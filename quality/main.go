// Quality measures detections on scenarios of which it is known who is
// hostile. It prints Markdown to standard output.
//
//	go run ./quality siem     # docs/siem-coverage.md
//	go run ./quality triage   # docs/triage-quality.md
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quality:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) == 1 {
		switch args[0] {
		case "siem":
			return siemCoverage(out)
		case "triage":
			return triageQuality(out)
		}
	}
	return fmt.Errorf("usage: quality siem|triage")
}
