// Command vedette finds the identities that enumerate a cloud, in its audit
// logs.
package main

import (
	"os"

	"vedette/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.IO{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
	}))
}
