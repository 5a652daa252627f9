package hunt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"vedette/internal/finding"
	"vedette/internal/question"
)

const (
	// stderrKept is how much of what a client says on standard error is kept,
	// from the end.
	stderrKept = 32 << 10
	// leave is how long a client has to end after it was asked to.
	leave = 5 * time.Second
)

// Run runs the client and returns the rows that it prints, in the order of
// `vedette scan --rows`. The error of a client that fails holds what it said,
// which is not fit for a terminal as it is.
func (c *Call) Run(ctx context.Context) ([]finding.Row, error) {
	var rows []finding.Row
	err := c.run(ctx, func(out io.Reader) (err error) {
		rows, err = readRows(out, usual)
		return err
	})
	return rows, err
}

// Ask is Run for the statement of a question; rows are in the order of
// [question.Compare].
func (c *Call) Ask(ctx context.Context, q *question.Question) ([]question.Row, error) {
	var rows []question.Row
	err := c.run(ctx, func(out io.Reader) (err error) {
		rows, err = readAnswer(q, out, usual)
		return err
	})
	return rows, err
}

// run runs the client and gives what it prints to read.
func (c *Call) run(ctx context.Context, read func(io.Reader) error) error {
	script := ""
	if c.Engine.Script != "" {
		f, err := scriptFile(c.Statements())
		if err != nil {
			return err
		}
		script = f
		defer os.Remove(script)
	}
	argv := c.argv(script)
	name := argv[0]
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, argv[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it cancels its query
	cmd.WaitDelay = leave
	cmd.Env = append(os.Environ(), c.Engine.Env...)
	if script == "" {
		cmd.Stdin = strings.NewReader(c.Statements())
	}
	said := &tail{}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("the client of %s is not to be found: %w: install it, or name it with --client", c.Engine.Name, err)
		}
		return fmt.Errorf("run %s: %w", name, err)
	}
	failed := read(out)
	if failed != nil {
		// It may be about to say why. It has not all the time for it.
		defer time.AfterFunc(leave, cancel).Stop()
	}
	io.Copy(io.Discard, out)
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case failed != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0):
		return c.failure(name, nil, said.String(), failed)
	case err != nil:
		return c.failure(name, err, said.String(), failed)
	}
	return nil
}

// failure says what a client did wrong, and all that it said of it.
func (c *Call) failure(name string, exit error, said string, unread error) error {
	var b strings.Builder
	switch {
	case exit != nil:
		fmt.Fprintf(&b, "%s failed: %v", name, exit)
	default:
		fmt.Fprintf(&b, "%s printed what is no result", name)
	}
	if unread != nil {
		fmt.Fprintf(&b, ": %v", unread)
	}
	if said = strings.TrimRight(said, " \r\n\t"); said != "" {
		b.WriteString(". It says:\n" + masked(strings.NewReplacer("\r\n", "\n", "\t", " ").Replace(said)))
	}
	for _, h := range c.Engine.Hints {
		if strings.Contains(said, h.Says) {
			b.WriteString("\n" + h.Do)
		}
	}
	return errors.New(b.String())
}

// scriptFile writes statements to a file that nobody else can read.
func scriptFile(statements string) (string, error) {
	f, err := os.CreateTemp("", "vedette-hunt-*.sql") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(statements)
	if err := errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// tail keeps the end of what is written to it.
type tail struct {
	kept []byte
	cut  bool
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if len(t.kept) > 2*stderrKept {
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-stderrKept:]...)
		t.cut = true
	}
	return len(p), nil
}

func (t *tail) String() string {
	kept := t.kept
	if len(kept) > stderrKept {
		kept, t.cut = kept[len(kept)-stderrKept:], true
	}
	if t.cut {
		if i := bytes.IndexByte(kept, '\n'); i >= 0 {
			kept = kept[i+1:]
		}
		return "…\n" + string(kept)
	}
	return string(kept)
}
