//go:build unix

package rehearse

import (
	"os/exec"
	"syscall"
)

// endTogether makes a command's own processes end with it: clients start
// others.
func endTogether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
