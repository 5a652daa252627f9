package cli

import (
	"bytes"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// Who waits for standard input does not see the first signal. The second ends
// the program, whatever it does.
func TestSecondSignalEnds(t *testing.T) {
	cmd := exec.Command("vedette", "scan", "-")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// More than a pipe holds: it is reading once this is written.
	if _, err := stdin.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for began := time.Now(); time.Since(began) < 20*time.Second; {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
	_ = cmd.Process.Kill()
	t.Errorf("it goes on after 20 seconds of signals: %s", &out)
}
