package cli

import (
	"context"
	"io"
	"os"
	"slices"

	"vedette/internal/cloud/all"
	"vedette/internal/event"
	"vedette/internal/finding"
	"vedette/internal/scan"
)

// spare refuses an output that would take the place of what the command reads:
// logs in which somebody may have to look again. A file that lies in a folder of
// logs and is none, such as what was written there last time, may be written
// anew. beside are files that are read besides the logs; empty ones do not count.
func spare(ctx context.Context, stdin io.Reader, output string, paths []string, beside ...string) error {
	there, err := os.Stat(output)
	if output == "" || err != nil {
		return nil // nothing is there, or writing says why not
	}
	for _, name := range beside {
		if info, err := os.Stat(name); name != "" && err == nil && os.SameFile(info, there) {
			return usagef("-o: %s is read, and would be overwritten: name another file", name)
		}
	}
	if f, ok := stdin.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && os.SameFile(info, there) {
			return usagef("-o: %s is standard input, and would be overwritten: name another file", output)
		}
	}
	name, named := scan.Find(paths, there)
	if name == "" || !named && !isLog(ctx, name) {
		return nil
	}
	return usagef("-o: %s is one of the inputs, and would be overwritten: name another file", name)
}

// isLog reports whether a file holds records of a log, or what may have been
// one. It reads no further than to the first.
func isLog(ctx context.Context, path string) bool {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	res, err := scan.Visit(ctx, scan.Options{Paths: []string{path}, Providers: all.Providers()}, func() scan.Visitor { return firstEvent(stop) })
	if err != nil {
		return true
	}
	s := &res.Report.Summary
	return s.Unparsed > 0 || s.ProblemsTotal > 0 ||
		slices.ContainsFunc(s.Logs, func(l finding.LogCount) bool { return l.Cloud != event.NoCloud.String() })
}

// firstEvent ends a read at the first event.
type firstEvent func()

// Event implements [scan.Visitor].
func (stop firstEvent) Event(string, *scan.Record, *event.Event) { stop() }
