package hunt

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestFakeClient is no test: it is the client that the tests below run, which
// is this program again, in one of its moods.
func TestFakeClient(t *testing.T) {
	mood := os.Getenv("HUNT_TEST_MOOD")
	if mood == "" {
		t.Skip("run by other tests")
	}
	switch mood {
	case "deaf": // reads nothing, prints a row
		fmt.Println(good)
	case "flood":
		for {
			if _, err := fmt.Println("no row"); err != nil {
				os.Exit(0)
			}
		}
	case "malformed":
		fmt.Fprintln(os.Stderr, `Invalid Input Error: Malformed JSON in file "logs/b.json", at byte 9 in record/value 1: unexpected end of data.`)
		os.Exit(1)
	case "hang":
		time.Sleep(time.Minute)
	case "noise":
		for i := range 100_000 {
			fmt.Fprintf(os.Stderr, "line %d\n", i)
		}
		os.Exit(1)
	case "late": // says why after it has printed what is no row
		fmt.Println("oops")
		io.Copy(io.Discard, os.Stdin)
		time.Sleep(100 * time.Millisecond)
		fmt.Fprintln(os.Stderr, "the reason")
		os.Exit(2)
	}
	os.Exit(0)
}

func fake(t *testing.T, mood string) *Call {
	t.Setenv("HUNT_TEST_MOOD", mood)
	e, _ := Find("psql")
	// Longer than a pipe holds.
	return &Call{Engine: e, Client: []string{os.Args[0], "-test.run=^TestFakeClient$", "--"}, Query: "SELECT '" + strings.Repeat("x", 1<<20) + "'"}
}

func TestRun(t *testing.T) {
	if rows, err := fake(t, "deaf").Run(context.Background()); err != nil || len(rows) != 1 {
		t.Errorf("a client that reads nothing: %d rows, %v", len(rows), err)
	}
	_, err := fake(t, "noise").Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "line 99999") || len(err.Error()) > 2*stderrKept {
		t.Errorf("a client that says much: %d bytes", len(fmt.Sprint(err)))
	}
	_, err = fake(t, "late").Run(context.Background())
	if err == nil || !strings.Contains(err.Error(), "exit status 2") || !strings.Contains(err.Error(), "the reason") || !strings.Contains(err.Error(), `"oops"`) {
		t.Errorf("a client that says why: %v", err)
	}
}

// A client's error is followed by what to do about it, where that is known.
func TestHint(t *testing.T) {
	c := fake(t, "malformed")
	if _, err := c.Run(context.Background()); err == nil || strings.Contains(err.Error(), "--from") {
		t.Errorf("a hint of another engine: %v", err)
	}
	c.Engine, _ = Find("duckdb")
	if _, err := c.Run(context.Background()); err == nil || !strings.Contains(err.Error(), `"logs/b.json"`) || !strings.Contains(err.Error(), "\nDuckDB reads a file whole or not at all. Leave that one out: ") {
		t.Errorf("a damaged file: %v", err)
	}
}

// A client that does not end is ended.
func TestRunEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a client")
	}
	start := time.Now()
	if _, err := fake(t, "flood").Run(context.Background()); err == nil || !strings.Contains(err.Error(), "what is no result: line 1") {
		t.Errorf("a client without end: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if _, err := fake(t, "hang").Run(ctx); err == nil {
		t.Error("a client that was stopped has a result")
	}
	if d := time.Since(start); d > 40*time.Second {
		t.Errorf("it took %s", d)
	}
	if _, err := (&Call{Engine: &Engine{Name: "x", Client: []string{"no-such-program-of-vedette"}}}).Run(context.Background()); err == nil || !strings.Contains(err.Error(), exec.ErrNotFound.Error()) {
		t.Error(err)
	}
}
