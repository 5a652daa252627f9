package investigate

import (
	"testing"
	"unicode/utf8"

	"vedette/internal/event"
	"vedette/internal/tsv"
)

// TestTables: every fact that is read of a table has a source.
func TestTables(t *testing.T) {
	for file, rows := range map[string][][]string{
		"issues.tsv":      tsv.Must("issues.tsv", issuesTSV, "cloud service operation path source"),
		"resources.tsv":   tsv.Must("resources.tsv", resourcesTSV, "member kind source"),
		"agent_words.tsv": tsv.Must("agent_words.tsv", agentWordsTSV, "prefix source"),
	} {
		for _, f := range rows {
			if f[len(f)-1] == "" {
				t.Errorf("%s: no source of %q", file, f)
			}
		}
	}
}

// FuzzDetail: whatever a record holds, what is kept of it is bounded, valid
// text, and of the cloud's own call.
func FuzzDetail(f *testing.F) {
	for _, s := range []string{
		`{"instancesSet":{"items":[{"instanceId":"i-1"},{"instanceId":"i-2"}]},"bucketName":"b"}`,
		`{"errorMessage":"User: x is not authorized to perform: ec2:DescribeA on resource: arn:aws:ec2:::x because no"}`,
		`{"errorMessage":"not authorized to perform: "}`,
		`{"protoPayload":{"authorizationInfo":[{"permission":"a.b","granted":true},{"permission":"c.d","resource":"r"}]}}`,
		`{"identity":{"authorization":"{\"action\":\"x/y\",\"scope\":\"/s\"}"}}`, `{"authorization":{"action":"a"}}`,
		`[[[[[`, `{"bucketName":[["x",{"bucketName":"y"`, "/a/b/c?sig=secret", "https://host/x/y",
	} {
		f.Add([]byte(s), []byte(s))
	}
	k := newKeeper(&subject{opts: &Options{}})
	f.Fuzz(func(t *testing.T, native, target []byte) {
		for _, c := range event.Clouds() {
			d := k.detail(native, &event.Event{Cloud: c, Target: target, Outcome: event.Denied})
			if d == nil {
				continue
			}
			if len(d.resources) > maxResources {
				t.Fatalf("%d resources", len(d.resources))
			}
			texts := []string{d.permission, d.over}
			for _, r := range d.resources {
				texts = append(texts, r.kind, r.name)
			}
			for _, s := range texts {
				// Each byte that is no UTF-8 becomes three.
				if len(s) > 3*maxText || !utf8.ValidString(s) {
					t.Fatalf("%d bytes, valid %v: %q", len(s), utf8.ValidString(s), s)
				}
			}
		}
	})
}
