package sql

import (
	"fmt"
	"strings"

	"vedette/internal/event"
	"vedette/internal/siem"
)

// Package returns the statements, and the table of exceptions and other tables
// that they read.
func (b Backend) Package(outputs []*siem.Output) ([]siem.File, error) {
	files := []siem.File{{Path: "README.md", Data: []byte(b.readme(outputs))}, {Path: "exceptions.sql", Data: []byte(b.exceptions())}}
	if t := tables(outputs); t != "" {
		files = append(files, siem.File{Path: "tables.sql", Data: []byte(t)})
	}
	for _, o := range outputs {
		files = append(files, siem.File{Path: o.Rule.ID + ".sql", Data: []byte(o.Query)})
	}
	return files, nil
}

// readme says which tables there must be and when to run the statements.
func (b Backend) readme(outputs []*siem.Output) string {
	var s strings.Builder
	s.WriteString("# Vedette's rules for " + b.d.product + "\n\n" +
		"1. Run `exceptions.sql` once: it makes the table of identities that the rules leave out, as a rule shows them in Identity,\n" +
		"   with why, who answers for it and until when. The statements do not run without it.\n" + siem.ExceptionNote)
	if b.d.streams {
		s.WriteString("   The table and the day are read when a job starts: start it again after a change, and once a day.\n" +
			"2. Run `tables.sql` with your own connectors in place: it makes the tables of records, with a time attribute.\n" +
			"3. Each other file is a job that runs without end. A row comes when the watermark has passed the end of its window.\n")
	} else {
		s.WriteString("2. Each other file is one statement that reads the tables below and gives a row a finding. Have a scheduler run each\n")
		if len(outputs) > 0 && outputs[0].Rule.Schedule != nil {
			s.WriteString("   " + often(outputs) + ", and alert on its rows. A run looks at the windows that came to be " +
				siem.Duration(outputs[0].Rule.Schedule.Settle) + " old since the run before, so that\n" +
				"   each is looked at once: one that is left out is looked at by no other.\n")
		}
		s.WriteString("3. What is not in the tables when its window is looked at was not seen.\n")
	}
	s.WriteString("\nTables that the rules read; `vedette compile --fields` names others:\n\n| log | table | needs |\n|---|---|---|\n")
	fields, seen := b.Fields(), map[event.Log]bool{}
	for _, o := range outputs {
		for _, l := range o.Rule.Legs {
			if m := fields.Logs[l.Log.String()]; m != nil && !seen[l.Log] {
				seen[l.Log] = true
				fmt.Fprintf(&s, "| %s | %s | %s |\n", l.Log, m.Source, m.Needs)
			}
		}
	}
	return s.String()
}

// often says how often to run statements, and names those that are run
// otherwise than the first.
func often(outputs []*siem.Output) string {
	every := outputs[0].Rule.Schedule.Every
	s := "every " + siem.Duration(every)
	for _, o := range outputs {
		if e := o.Rule.Schedule.Every; e != every {
			s += ", " + o.Rule.ID + " every " + siem.Duration(e)
		}
	}
	return s
}

func (b Backend) exceptions() string {
	date := "DATE"
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
		date = "Nullable(Date)"
		end = " ENGINE = MergeTree ORDER BY caller"
	case "athena":
		end = "\nLOCATION 's3://BUCKET/vedette_exceptions/' TBLPROPERTIES ('table_type' = 'ICEBERG')"
	case "flink":
		end = " WITH ('connector' = 'filesystem', 'path' = 'file:///PATH', 'format' = 'csv',\n" +
			"  'csv.ignore-parse-errors' = 'true')" // what is no date is NULL
	}
	return "-- Identities that scheduled rules leave out, with why, who answers for it, and until when: from the\n" +
		"-- day expires on, or where it is NULL, a row leaves nobody out.\n" +
		"CREATE TABLE " + ExceptionTable + " (caller " + kind + ", reason " + kind + ", owner " + kind + ", expires " + date + ")" + end + ";\n"
}
