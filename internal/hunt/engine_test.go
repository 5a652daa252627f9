package hunt

import (
	"strings"
	"testing"

	"vedette/internal/event"
)

func TestEngines(t *testing.T) {
	names := map[string]bool{}
	for _, e := range Engines() {
		if e.Name == "" || names[e.Name] || len(e.Dialects) == 0 || len(e.Client) == 0 || len(e.Args) == 0 || e.Source == "" {
			t.Errorf("%+v", e)
		}
		names[e.Name] = true
		if found, ok := Find(e.Name); !ok || found.Name != e.Name {
			t.Errorf("%s is not found", e.Name)
		}
	}
	if _, ok := Find("sh"); ok || len(names) < 5 {
		t.Errorf("%d engines", len(names))
	}
}

func TestCallShown(t *testing.T) {
	engine := func(name string) *Engine {
		e, ok := Find(name)
		if !ok {
			t.Fatal(name)
		}
		return e
	}
	for want, c := range map[string]*Call{
		"duckdb -batch -bail -list -noheader trail.duckdb":                         {Engine: engine("duckdb"), Args: []string{"trail.duckdb"}},
		"clickhouse local --format=JSONEachRow '--path=my data' 'it'\\''s; rm' ''": {Engine: engine("clickhouse"), Client: []string{"clickhouse", "local"}, Args: []string{"--path=my data", "it's; rm", ""}},
		"spark-sql -S --master yarn -f FILE":                                       {Engine: engine("spark-sql"), Args: []string{"--master", "yarn"}},
	} {
		if got := c.String(); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
	c := &Call{Engine: engine("psql"), Setup: "SET x;\n", Query: "SELECT 1\n"}
	if got, want := c.Statements(), "BEGIN READ ONLY;\nSET x;\nSELECT 1;\nCOMMIT;\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestMasked(t *testing.T) {
	for given, want := range map[string]string{
		"postgresql://ada:geheim@db/lake?sslmode=require":           "postgresql://ada:***@db/lake?sslmode=require",
		"postgresql://ada:ge@heim:x@db/lake?password=y&a=b":         "postgresql://ada:***@db/lake?password=***&a=b",
		"postgresql://db/lake":                                      "postgresql://db/lake",
		"host=db user=ada password=geheim dbname=lake":              "host=db user=ada password=*** dbname=lake",
		"host=db password='ge he\\'im' dbname=lake":                 "host=db password=*** dbname=lake",
		"--password geheim --host db":                               "--password *** --host db",
		"--password --user ada":                                     "--password --user ada",
		"--password=geheim":                                         "--password=***",
		"--access-token=abc.def --server https://trino.example.com": "--access-token=*** --server https://trino.example.com",
		"--extra-credential=k=v":                                    "--extra-credential=***",
		"--conf spark.hadoop.fs.s3a.secret.key=abc":                 "--conf spark.hadoop.fs.s3a.secret.key=***",
		"-h db -d lake":                                             "-h db -d lake",
	} {
		// Words, but for the connection string, which is one argument.
		argv := strings.Fields(given)
		if strings.HasPrefix(given, "host=") {
			argv = []string{given}
		}
		if got := strings.Join(maskedArgs(argv), " "); got != want {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
	}
}

func TestFiles(t *testing.T) {
	logs := []event.Log{event.CloudTrailManagement, event.GCPDataAccess, event.CloudTrailManagement}
	setup, tables, err := Files([]string{"logs/**/*.json.gz", "it's'); DROP TABLE x; --"}, logs)
	if err != nil || len(tables) != 2 {
		t.Fatal(tables, err)
	}
	for _, want := range []string{"['logs/**/*.json.gz', 'it''s''); DROP TABLE x; --']", "VIEW " + tables[event.CloudTrailManagement] + " AS", "VIEW " + tables[event.GCPDataAccess] + " AS"} {
		if strings.Count(setup, want) != 1 {
			t.Errorf("%q is not there once:\n%s", want, setup)
		}
	}
	if _, _, err := Files([]string{"a\nb"}, logs); err == nil {
		t.Error("a line break in a pattern")
	}
	for _, l := range []event.Log{event.CloudTrailManagement, event.AzureActivity, event.AzureKeyVault, event.AzureStorage, event.AzureGraph, event.GCPDataAccess} {
		if _, tables, err := Files([]string{"x"}, []event.Log{l}); err != nil || tables[l] == "" {
			t.Errorf("%s: %v", l, err)
		}
	}
}
