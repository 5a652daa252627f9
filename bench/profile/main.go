// Command profile is vedette under the CPU profiler: it takes vedette's
// arguments and writes the profile to the file that PROFILE names.
// bench/pgo.sh makes cmd/vedette/default.pgo with it.
package main

import (
	"fmt"
	"os"
	"runtime/pprof"

	"vedette/internal/cli"
)

func main() {
	f, err := os.Create(os.Getenv("PROFILE"))
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
	code := cli.Main(os.Args[1:], cli.IO{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv})
	pprof.StopCPUProfile()
	if err := f.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
	os.Exit(code)
}
