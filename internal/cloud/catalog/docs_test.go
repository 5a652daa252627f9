package catalog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vedette/internal/event"
)

// The page that documents the format must name every column and class.
func TestDocumented(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "catalog.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for _, column := range strings.Split(header, "\t") {
		if !strings.Contains(page, "`"+column+"`") {
			t.Errorf("docs/catalog.md does not name the column %s", column)
		}
	}
	for c := range event.NumClasses {
		if !strings.Contains(page, "| `"+c.String()+"` |") {
			t.Errorf("docs/catalog.md does not name the class %s", c)
		}
	}
}
