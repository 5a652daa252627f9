package emulate

import (
	"os/exec"
	"strings"
	"sync"
)

// kernel is the release of the kernel.
var kernel = sync.OnceValue(func() string {
	out, err := exec.Command("uname", "-r").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
})

// PlainAgent puts a common kernel release in place of this machine's: it stands
// in most user agents and says more of the machine than a log that is passed on
// should.
func PlainAgent(ua string) string {
	if kernel() == "" {
		return ua
	}
	release, _, _ := strings.Cut(kernel(), "-")
	return strings.ReplaceAll(strings.ReplaceAll(ua, kernel(), "6.8.0"), "client-os-ver/"+release, "client-os-ver/6.8.0")
}
