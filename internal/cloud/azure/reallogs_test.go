package azure

import (
	"os"
	"path/filepath"
	"testing"

	"vedette/internal/cloud/cloudtest"
	"vedette/internal/codec/jsonscan"
	"vedette/internal/event"
)

func TestLogClasses(t *testing.T) {
	d := newDecoder(t)
	for _, c := range []struct {
		record  string
		change  []string
		verdict event.Verdict
		log     event.Log
	}{
		{export, []string{`"category":"Administrative",`, ``}, event.Decoded, event.AzureActivity},
		{export, []string{`"category":"Administrative"`, `"category":"Action"`}, event.Decoded, event.AzureActivity},
		{export, []string{`"category":"Administrative"`, `"category":"Policy"`}, event.Decoded, event.AzureActivity},
		{export, []string{`"category":"Administrative"`, `"category":"ServiceHealth"`}, event.Skipped, event.OtherLog},
		{export, []string{`"category":"Administrative"`, `"category":"Security"`}, event.Skipped, event.OtherLog},
		{export, []string{`"category":"Administrative"`, `"category":"kube-audit"`}, event.Skipped, event.OtherLog},
		{export, []string{`"category":"Administrative"`, `"category":"SignInLogs"`}, event.Skipped, event.OtherLog},
		{export, []string{`"category":"Administrative"`, `"category":"AADGraphActivityLogs"`}, event.Skipped, event.OtherLog},
		{export, []string{`"operationName"`, `"metricName"`, `"category":"Administrative",`, ``}, event.Skipped, event.OtherLog},
		{store, []string{`"category":"StorageRead",`, ``}, event.Decoded, event.AzureStorage},
		{vault, []string{`"category":"AuditEvent",`, ``}, event.Decoded, event.AzureKeyVault},
		{vault, []string{`Microsoft.KeyVault`, `Microsoft.Batch`}, event.Skipped, event.OtherLog},
		{export, []string{`"time":"2024-05-06T07:08:09.1234567Z",`, ``}, event.Broken, event.NoLog},
		{export, []string{`"time":"2024-05-06T07:08:09.1234567Z"`, `"time":1714979289`}, event.Broken, event.NoLog},
		{export, []string{`"operationName":"MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION"`, `"operationName":{"localizedValue":"x"}`}, event.Broken, event.NoLog},
		{graph, []string{`"requestUri"`, `"x"`}, event.Broken, event.NoLog},
	} {
		r := with(t, c.record, c.change...)
		var ev event.Event
		n, v := d.Decode([]byte(r), &ev)
		if v != c.verdict || n != len(r) || ev.Log != c.log || ev.Cloud != event.Azure {
			t.Errorf("%q: verdict %d after %d of %d bytes, log %v", c.change, v, n, len(r), ev.Log)
		}
	}
}

func TestNotMine(t *testing.T) {
	d := newDecoder(t)
	for _, r := range []string{
		`{}`, `{"a":1}`, `{"operationName":"x"}`, `{"time":"2024-01-01T00:00:00Z"}`, `{"time":"2024-01-01T00:00:00Z","category":"x"}`,
		`{"records":[` + export + `]}`, `{"value":[` + rest + `]}`, `{nonsense`,
		`{"eventVersion":"1.08","eventName":"ListUsers","resourceId":"/x"}`, `{"logName":"projects/p","insertId":"1"}`,
		`{"TimeGenerated":"2024-01-01T00:00:00Z","OperationName":"x"}`, `{"operationName":"x","category":"y","id":"z"}`,
	} {
		var ev event.Event
		if n, v := d.Decode([]byte(r), &ev); v != event.NotMine || n != 0 {
			t.Errorf("%s: verdict %d after %d", r, v, n)
		}
	}
	var ev event.Event
	if n, v := d.Decode([]byte(with(t, export, `"level":4`, `"level" 4`)), &ev); v != event.Broken || n != 0 {
		t.Errorf("bad syntax: verdict %d after %d", v, n)
	}
}

func TestRealLogs(t *testing.T) {
	root := filepath.Join("..", "..", "..", "..", "shared", "logs", "azure")
	if _, err := os.Stat(root); err != nil {
		t.Skip("no real logs at ../shared/logs beside the checkout")
	}
	for name, want := range map[string]counts{
		"panther-labs__panther-analysis/azure_activity_rules.jsonl":      {decoded: 121, skipped: 2},
		"log2timeline__plaso/azure_activity_log.jsonl":                   {decoded: 4},
		"elastic__integrations/test-activitylogs-raw.log.selected.jsonl": {decoded: 1, skipped: 1},
		"elastic__integrations/graphactivitylogs.raw.selected.jsonl":     {decoded: 2},
		"galawin59__azure_security/PT1H.keyvault.redacted.jsonl":         {decoded: 2},
		"timescale__rsigma/azure_activitylogs.json":                      {decoded: 1},
		"cloud-custodian/eventtypes-values-2015-04-01.json":              {decoded: 1},
	} {
		t.Run(filepath.Dir(name), func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				t.Fatal(err)
			}
			if page := jsonscan.Get(b, "value"); page != nil {
				a := jsonscan.Elements(page)
				b, _ = a.Next() // a page of one
			}
			d := newDecoder(t)
			var got counts
			for pos := jsonscan.Space(b, 0); pos < len(b); pos = jsonscan.Space(b, pos) {
				end, err := jsonscan.Skip(b, pos)
				if err != nil {
					t.Fatal(err)
				}
				var ev event.Event
				n, v := d.Decode(b[pos:], &ev)
				if v != event.NotMine && n != end-pos {
					t.Errorf("byte %d: %d bytes read of %d", pos, n, end-pos)
				}
				switch v {
				case event.Decoded:
					got.decoded++
					cloudtest.Complete(t, &ev)
				case event.Skipped:
					got.skipped++
				case event.Broken:
					got.broken++
					t.Logf("broken: %.300s", b[pos:end])
				case event.NotMine:
					got.notMine++
					t.Logf("not mine: %.200s", b[pos:end])
				default:
					t.Errorf("byte %d: verdict %d", pos, v)
				}
				pos = end
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}
