package coverage

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/coverage.md has a row for every verdict there is, and for no other.
func TestVerdictsAreDocumented(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "coverage.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	list, err := loadAdvice()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, a := range list {
		known[a.ID] = true
		if !strings.Contains(page, "\n| `"+a.ID+"` |") {
			t.Errorf("docs/coverage.md has no row for the verdict %s", a.ID)
		}
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z]+\\.[a-z_.]+)` \\|").FindAllStringSubmatch(page, -1)
	for _, row := range rows {
		if !known[row[1]] {
			t.Errorf("docs/coverage.md explains %s, which is no verdict", row[1])
		}
	}
	for _, v := range []string{ReadsSeen, OnlyWritesSeen, NotSeen} {
		if !strings.Contains(page, "\n| `"+v+"` |") {
			t.Errorf("docs/coverage.md does not explain the verdict %s", v)
		}
	}
}
