package compile

import (
	"regexp"
	"slices"
	"strings"

	"vedette/internal/cloud/catalog"
	"vedette/internal/event"
	"vedette/internal/plan"
)

// written is what a list of names says of a log by itself, whatever its
// catalogue lists.
type written struct {
	// words are names in any service, as patterns.
	words []catalog.Pattern
	// names are names in a service, or all of it.
	names []plan.Name
	// lost are names that the expressions of the log cannot hold.
	lost []string
}

// portable are names that stand in an expression of every language, but for
// dots, which are set into brackets.
var portable = regexp.MustCompile(`^[A-Za-z0-9_.]+$`)

// write reads a list of names for logs that are kept together. known are the
// APIs that the catalogues list for them.
func write(list []plan.Name, log event.Log, sh shape, known []*event.API, reg *event.Registry) written {
	var w written
	for _, n := range list {
		if n.Cloud != event.NoCloud && n.Cloud != log.Cloud() {
			continue
		}
		if n.Service != "" && n.Service != plan.Any {
			if serves(log, n.Service, known) {
				n.Cloud = log.Cloud()
				w.names = append(w.names, n)
			}
			continue
		}
		listed := slices.ContainsFunc(known, n.Matches)
		if !listed && slices.ContainsFunc(reg.All(), func(a *event.API) bool { return a.Known && n.Matches(a) }) {
			continue // it is a name of another log
		}
		switch {
		case sh.said(log, n.API):
			w.words = append(w.words, catalog.Pattern{Prefix: n.API, Exact: true})
		case !listed && (n.Cloud != event.NoCloud || alike(log, n.API)):
			w.lost = append(w.lost, n.API)
		}
	}
	return w
}

// said reports whether the expressions of a log can hold a name as it is.
func (sh shape) said(log event.Log, name string) bool {
	return !sh.listed && log != event.AzureActivity && portable.MatchString(name) && strings.Contains(name, ".") == (log.Cloud() == event.GCP)
}

// alike reports whether a name looks like those of a log.
func alike(log event.Log, name string) bool {
	switch log.Cloud() {
	case event.GCP:
		return strings.Contains(name, ".")
	case event.AWS:
		return !strings.ContainsAny(name, "./ ")
	}
	return log == event.AzureActivity && strings.Contains(name, "/") || log == event.AzureGraph && strings.Contains(name, " /")
}

// serves reports whether a log has calls of the service: one that the
// catalogues know from it, or one that none of them knows and whose name is
// not of another cloud's kind.
func serves(log event.Log, service string, known []*event.API) bool {
	if slices.ContainsFunc(known, func(a *event.API) bool { return a.Service == service }) {
		return true
	}
	switch {
	case strings.HasSuffix(service, ".amazonaws.com"):
		return log.Cloud() == event.AWS
	case strings.HasSuffix(service, ".googleapis.com"):
		return log.Cloud() == event.GCP
	case strings.HasPrefix(service, "microsoft."):
		return log == event.AzureActivity
	}
	// The services of Azure's other logs are all known.
	return log.Cloud() != event.Azure || log == event.AzureActivity
}
