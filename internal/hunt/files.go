package hunt

import (
	_ "embed"
	"fmt"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/event"
)

//go:embed files.yaml
var filesYAML []byte

// files is how DuckDB reads raw logs.
type files struct {
	Records string            `yaml:"records"`
	Logs    map[string]string `yaml:"logs"`
	Source  string            `yaml:"source"`
}

func loadFiles() files {
	var f files
	if err := yaml.Load(filesYAML, &f, yaml.WithKnownFields()); err != nil {
		panic(err) // a test reads the file
	}
	return f
}

// Files returns the statements that make DuckDB read raw logs as tables, and
// the table of each of the logs. Patterns are DuckDB's: * and ** stand for
// parts of paths, and s3:// and others for what its extensions read.
func Files(patterns []string, logs []event.Log) (setup string, tables map[event.Log]string, err error) {
	f := loadFiles()
	var list []string
	for _, p := range patterns {
		if strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return "", nil, fmt.Errorf("%q has a control character", p)
		}
		list = append(list, "'"+strings.ReplaceAll(p, "'", "''")+"'")
	}
	var b strings.Builder
	b.WriteString(strings.Replace(f.Records, "{{files}}", strings.Join(list, ", "), 1))
	tables = map[event.Log]string{}
	for _, l := range logs {
		where, ok := f.Logs[l.String()]
		if !ok {
			return "", nil, fmt.Errorf("raw files of %s cannot be read", l)
		}
		if tables[l] != "" {
			continue
		}
		tables[l] = "vedette_" + strings.ReplaceAll(l.String(), ".", "_")
		fmt.Fprintf(&b, "CREATE TEMP VIEW %s AS SELECT record FROM vedette_records WHERE %s;\n", tables[l], where)
	}
	return b.String(), tables, nil
}
