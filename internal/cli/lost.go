package cli

import (
	"errors"
	"fmt"

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
