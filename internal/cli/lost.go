package cli

import (
	"errors"
	"fmt"

	"vedette/internal/event"
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

// errNothing ends a command in whose input there was no call of the clouds that
// were asked for, or of any. What was lost of it may have held some.
func errNothing(res *scan.Result, named string, clouds ...event.Cloud) error {
	of := "a cloud"
	for i, c := range clouds {
		if i == 0 {
			of = c.String()
		} else {
			of += " or " + c.String()
		}
	}
	text := fmt.Sprintf("no audited call of %s was in the input: nothing could be found", of)
	switch lost := errLost(res, named); {
	case lost == nil:
	case len(clouds) > 0: // what is of others cannot be read without their providers
		text += fmt.Sprintf("; %s of input could not be read, as lost or of another cloud", plural(res.Report.Summary.ProblemsTotal, "piece"))
	default:
		text += "; " + lost.Error()
	}
	return exit{ExitLost, errors.New(text)}
}

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
