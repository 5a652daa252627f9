package gcp

import (
	"bytes"
	"maps"
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
		change  []string
		verdict event.Verdict
		log     event.Log
		flags   event.Flag
	}{
		{nil, event.Decoded, event.GCPDataAccess, event.ReadOnly},
		{[]string{`%2Fdata_access`, `/data_access`}, event.Decoded, event.GCPDataAccess, event.ReadOnly},
		{[]string{`data_access`, `activity`, `,"permissionType":"ADMIN_READ"`, ``}, event.Decoded, event.GCPActivity, event.Writes},
		{[]string{`,"permissionType":"ADMIN_READ"`, ``}, event.Decoded, event.GCPDataAccess, 0},
		{[]string{`ADMIN_READ`, `DATA_WRITE`}, event.Decoded, event.GCPDataAccess, event.Writes},
		{[]string{`ADMIN_READ"}]`, `ADMIN_READ"},{"permissionType":"ADMIN_WRITE"}]`}, event.Decoded, event.GCPDataAccess, event.Writes},
		{[]string{`data_access`, `policy`}, event.Decoded, event.GCPPolicy, event.ReadOnly},
		{[]string{`data_access`, `unheard_of`}, event.Decoded, event.GCPDataAccess, event.ReadOnly},
		{[]string{`"serviceName":"compute.googleapis.com"`, `"serviceName":"k8s.io"`}, event.Skipped, event.GCPKubernetes, 0},
		{[]string{`v1.compute.instances.aggregatedList`, `io.k8s.core.v1.pods.list`}, event.Skipped, event.GCPKubernetes, 0},
		{[]string{`"serviceName":"compute.googleapis.com"`, `"serviceName":"login.googleapis.com"`}, event.Skipped, event.GCPWorkspace, 0},
		{[]string{`google.cloud.audit.AuditLog`, `google.appengine.logging.v1.RequestLog`}, event.Skipped, event.OtherLog, 0},
		{[]string{`"protoPayload"`, `"jsonPayload"`}, event.Skipped, event.OtherLog, 0},
		{[]string{`"protoPayload":{`, `"protoPayload":null,"textPayload":{`}, event.Skipped, event.OtherLog, 0},
		{[]string{`"timestamp":"2024-05-06T07:08:09.123456789Z",`, ``}, event.Broken, event.NoLog, 0},
		{[]string{`"timestamp":"2024-05-06T07:08:09.123456789Z",`, `"timestamp":17,`}, event.Broken, event.NoLog, 0},
		{[]string{`"methodName":"v1.compute.instances.aggregatedList",`, ``}, event.Broken, event.NoLog, 0},
		{[]string{`"methodName"`, `"method"`}, event.Broken, event.NoLog, 0},
	} {
		r := with(t, list, c.change...)
		var ev event.Event
		n, v := d.Decode([]byte(r), &ev)
		if v != c.verdict || n != len(r) {
			t.Errorf("%q: verdict %d after %d of %d bytes", c.change, v, n, len(r))
			continue
		}
		if v != event.Broken && (ev.Log != c.log || ev.Cloud != event.GCP) {
			t.Errorf("%q: log %v of %v", c.change, ev.Log, ev.Cloud)
		}
		if v == event.Decoded && ev.Flags&(event.ReadOnly|event.Writes) != c.flags {
			t.Errorf("%q: flags %b", c.change, ev.Flags)
		}
	}
}

func TestNotMine(t *testing.T) {
	d := newDecoder(t)
	for _, r := range []string{
		`{}`, `{"a":1}`, `{"methodName":"v1.compute.firewalls.insert"}`, `{"operation":{"producer":"k8s.io"}}`,
		`{"eventVersion":"1.08","eventName":"ListUsers"}`, `{"entries":[` + list + `]}`, `{"message":{"data":"x"}}`,
		`{"time":"2024-01-01T00:00:00Z","operationName":"x","resourceId":"/subscriptions/1"}`, `{"logName":1,}{`, `{nonsense`,
		`{"logName":"x"}`,
	} {
		var ev event.Event
		if n, v := d.Decode([]byte(r), &ev); v != event.NotMine || n != 0 {
			t.Errorf("%s: verdict %d after %d", r, v, n)
		}
	}
	var ev event.Event
	if n, v := d.Decode([]byte(with(t, list, `"severity":"INFO"`, `"severity" "INFO"`)), &ev); v != event.Broken || n != 0 {
		t.Errorf("bad syntax: verdict %d after %d", v, n)
	}
}

func TestRealLogs(t *testing.T) {
	root := filepath.Join("..", "..", "..", "..", "shared", "logs", "gcp")
	if _, err := os.Stat(root); err != nil {
		t.Skip("no real logs at ../shared/logs beside the checkout")
	}
	for name, want := range map[string]counts{
		"elastic__integrations/test-audit.log.selected.jsonl":                         {decoded: 3, skipped: 1},
		"log2timeline__plaso/gcp_logging.jsonl":                                       {decoded: 9, skipped: 2},
		"googleapis__google-cloudevents/LogEntryData-pubsubCreateTopic.json":          {decoded: 1},
		"googleapis__google-cloudevents/LogEntryData-bigqueryjobcompleted.json":       {decoded: 1},
		"googleapis__google-cloudevents/LogEntryData-monitoringCreateTimeSeries.json": {decoded: 1},
		"bilals12__iota/samples.jsonl":                                                {decoded: 2, notMine: 1},
		"timescale__rsigma/gcp_audit.json":                                            {decoded: 1},
		"panther-labs__panther-analysis/gcp_audit_rules.jsonl":                        {decoded: 54, skipped: 2, broken: 6, notMine: 6},
		"panther-labs__panther-analysis/gcp_k8s_rules.jsonl":                          {decoded: 2, skipped: 8, notMine: 2},
	} {
		t.Run(filepath.Dir(name), func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(root, name))
			if err != nil {
				t.Fatal(err)
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
					t.Logf("not mine: %.200s", bytes.TrimSpace(b[pos:end]))
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

func TestRealWorkspaceLogs(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "logs", "gcp", "SEKOIA-IO__intake-formats", "*.json"))
	if len(files) == 0 {
		t.Skip("no real logs at ../shared/logs beside the checkout")
	}
	d := newDecoder(t)
	got := map[string]int{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var ev event.Event
		_, v := d.Decode(jsonscan.GetText(b, "input", "message"), &ev)
		if v != event.Decoded && v != event.Skipped {
			t.Errorf("%s: verdict %d", filepath.Base(name), v)
		}
		got[ev.Log.String()]++
	}
	want := map[string]int{"gcp.workspace": 24, "gcp.kubernetes": 2, "gcp.admin_activity": 1}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
