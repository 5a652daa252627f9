package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by release builds.
var version = ""

// Version returns the program's version: the release's, else that of the
// module or the commit it was built from, else "devel".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "devel-" + s.Value[:12]
		}
	}
	return "devel"
}

type versionCmd struct{}

func (versionCmd) Run(std IO) error {
	fmt.Fprintf(std.Stdout, "vedette %s %s/%s %s\n", Version(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	return nil
}
