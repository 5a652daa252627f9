package hunt

import (
	"regexp"
	"slices"
	"strings"
)

// What stands for a secret where a command line is shown.
const hidden = "***"

var (
	// A name that says that a secret follows.
	secretName = regexp.MustCompile(`(?i)(passw|passphrase|pwd|secret|token|credential|api-?key|access-?key)`)
	// user:secret@ of a URL.
	inURL = regexp.MustCompile(`(://[^/?#\s:@]*):[^/?#\s]*@`)
	// name=secret in a connection string, a URL's query or a setting.
	inPairs = regexp.MustCompile(`(?i)([a-z0-9_.-]*(?:passw|passphrase|pwd|secret|token|credential|api-?key|access-?key)[a-z0-9_.-]*\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&;,]+)`)
)

// maskedArgs hides what command lines give as secrets: it goes by their
// names, and by user:secret@ in URLs.
func maskedArgs(argv []string) []string {
	argv = slices.Clone(argv)
	next := false
	for i, a := range argv {
		if next && !strings.HasPrefix(a, "-") {
			argv[i], next = hidden, false
			continue
		}
		name, value, pair := strings.Cut(a, "=")
		next = strings.HasPrefix(a, "-") && !pair && secretName.MatchString(name)
		if strings.HasPrefix(a, "-") && pair && secretName.MatchString(name) && value != "" {
			argv[i] = name + "=" + hidden
			continue
		}
		argv[i] = masked(a)
	}
	return argv
}

// masked hides secrets in a text.
func masked(s string) string {
	s = inURL.ReplaceAllString(s, "$1:"+hidden+"@")
	return inPairs.ReplaceAllString(s, "${1}"+hidden)
}
