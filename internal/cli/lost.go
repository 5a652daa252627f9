package cli

import (
	"errors"
	"fmt"

	"vedette/internal/report"
	"vedette/internal/scan"
)

// errLost ends a command that has finished although some of its input was
// lost, and nil where none was. Nobody should have to look an exit code up to
// learn that an answer is of part of the input, so it is said in one line, quiet
// or not; named says where each piece is.
func errLost(res *scan.Result, named string) error {
	if !res.Lost() {
		return nil
	}
	return exit{ExitLost, fmt.Errorf("%s of input lost: %s", plural(res.Report.Summary.ProblemsTotal, "piece"), named)}
}

// byScan is where lost input is named by none of what a command writes.
const byScan = "vedette scan names them"

// errNothing is that of input in which there was nothing to look at.
var errNothing = errors.New("no audited call of a cloud was in the input: nothing could be found")

// lostNamed says where this scan names the input that was lost.
func (c *scanCmd) lostNamed() string {
	switch {
	case c.Format == string(report.JSON) && !c.inRows():
		return "summary.problems names them"
	case c.Quiet:
		return "without --quiet they are named"
	}
	return "named above"
}
