package sql

import "vedette/internal/siem"

// Package returns the statements, and the table of exceptions and other tables
// that they read.
func (b Backend) Package(outputs []*siem.Output) ([]siem.File, error) {
	files := []siem.File{{Path: "exceptions.sql", Data: []byte(b.exceptions())}}
	if t := tables(outputs); t != "" {
		files = append(files, siem.File{Path: "tables.sql", Data: []byte(t)})
	}
	for _, o := range outputs {
		files = append(files, siem.File{Path: o.Rule.ID + ".sql", Data: []byte(o.Query)})
	}
	return files, nil
}

func (b Backend) exceptions() string {
	kind := map[string]string{"bigquery": "STRING", "spark": "STRING", "clickhouse": "String", "athena": "string", "flink": "STRING"}[b.d.name]
	if kind == "" {
		kind = "VARCHAR"
		if b.d.name == "postgresql" {
			kind = "text"
		}
	}
	end := ""
	switch b.d.name {
	case "clickhouse":
		end = " ENGINE = MergeTree ORDER BY caller"
	case "athena":
		end = "\nLOCATION 's3://BUCKET/vedette_exceptions/' TBLPROPERTIES ('table_type' = 'ICEBERG')"
	case "flink":
		end = " WITH ('connector' = 'filesystem', 'path' = 'file:///PATH', 'format' = 'csv')"
	}
	return "-- Identities that scheduled rules leave out, with why, who answers for it, and until when.\n" +
		"CREATE TABLE " + ExceptionTable + " (caller " + kind + ", reason " + kind + ", owner " + kind + ", expires " + kind + ")" + end + ";\n"
}
