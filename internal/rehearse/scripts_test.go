package rehearse

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// unpackScripts writes the shared scripts into a folder and returns it.
func unpackScripts(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	list, err := scripts.ReadDir("scripts")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		text, err := scripts.ReadFile("scripts/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestScriptsRefuseToReachACloud starts each script as somebody with real keys
// in the environment might: no call may be made unless it goes to this machine.
func TestScriptsRefuseToReachACloud(t *testing.T) {
	dir := unpackScripts(t)
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	run := func(env []string, name string, args ...string) (string, error) {
		cmd := exec.Command(name, args...)
		// Should a check fail, the addresses are those kept for documentation
		// and the keys nobody's.
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x"}, env...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	bad := map[string][]string{
		"no proxy":               nil,
		"another machine":        {"HTTPS_PROXY=http://192.0.2.1:3128"},
		"a name that looks near": {"HTTPS_PROXY=http://127.0.0.1.example.invalid:3128"},
		"a user that looks near": {"HTTPS_PROXY=http://127.0.0.1:1@192.0.2.1:3128"},
		"the other spelling":     {"HTTPS_PROXY=http://127.0.0.1:1", "https_proxy=http://192.0.2.1:3128"},
		"hosts past the proxy":   {"HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=127.0.0.1,.amazonaws.com"},
		"all past the proxy":     {"HTTPS_PROXY=http://127.0.0.1:1", "no_proxy=*"},
	}
	refused := func(what string, env []string, name string) {
		shell := python
		if strings.HasSuffix(name, ".sh") {
			shell = "sh"
		}
		// A program that does nothing stands for Pacu and its like.
		out, err := run(env, shell, filepath.Join(dir, name), "true", "us-east-1")
		if err == nil || !strings.Contains(out, "refused: ") {
			t.Errorf("%s with %s was not refused: %v\n%s", name, what, err, out)
		}
	}
	for what, env := range bad {
		refused(what, env, "loopback.py")
		refused(what, env, "offline.sh")
	}
	// Each script has to ask one of the two.
	list, err := scripts.ReadDir("scripts")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		refused("another machine", bad["another machine"], e.Name())
	}

	good := []string{"HTTPS_PROXY=http://127.0.0.1:1", "https_proxy=http://localhost:1", "NO_PROXY=127.0.0.1,localhost"}
	if out, err := run(good, "sh", filepath.Join(dir, "offline.sh")); err != nil {
		t.Errorf("offline.sh refuses this machine: %v\n%s", err, out)
	}
	if out, err := run(good, python, filepath.Join(dir, "loopback.py")); err != nil {
		t.Errorf("loopback.py refuses this machine: %v\n%s", err, out)
	}
}
