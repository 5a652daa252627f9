package cli

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"vedette/internal/finding"
	"vedette/internal/report"
	"vedette/internal/term"
)

// Hostile values of a member of a record. The first has characters that act on
// a terminal, which no query and no command takes; the second has none, so that
// it reaches them and must stay within its quotes.
var hostileMembers = []string{
	"=cmd|' /C calc'!A0</title></style></script><script>CANARY()</script><img src=x onerror=CANARY()>\x1b[2J\x1b]0;owned\x07\u202e\u200b\u009b" +
		"{{.Style}}{{printf \"%s\" .}}${7*7}'; touch CANARY; \"$(touch CANARY)`touch CANARY`\n| a |\n# b\r\n[x](javascript:CANARY()) @everyone",
	"=SUM(1)'; touch CANARY; #\" ; touch CANARY; \" OR 1=1 -- CANARY' OR 'CANARY $(touch CANARY)</script><img src=x onerror=CANARY()>{{.Style}} | [x](javascript:CANARY())",
}

// trail is the records of a cloud's examples, as they decode.
func trail(t *testing.T, cloud string) []map[string]any {
	t.Helper()
	var list []map[string]any
	err := filepath.WalkDir(filepath.Join("..", "..", "examples", cloud), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "Digest") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".gz") {
			z, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				return err
			}
			var b bytes.Buffer
			if _, err := b.ReadFrom(z); err != nil {
				return err
			}
			data = b.Bytes()
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		for dec.More() {
			var one struct{ Records []map[string]any }
			var raw json.RawMessage
			if err := dec.Decode(&raw); err != nil {
				return err
			}
			if json.Unmarshal(raw, &one) == nil && one.Records != nil {
				list = append(list, one.Records...)
				continue
			}
			var r map[string]any
			if err := json.Unmarshal(raw, &r); err != nil {
				return err
			}
			list = append(list, r)
		}
		return nil
	})
	if err != nil || len(list) < 10 {
		t.Fatalf("%d records of %s: %v", len(list), cloud, err)
	}
	return list
}

// rewrite copies a decoded value, each string replaced by what f makes of it
// and of the names above it; members of lists have the name [].
func rewrite(v any, path string, f func(path, text string) string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = rewrite(e, path+"/"+k, f)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = rewrite(e, path+"/[]", f)
		}
		return out
	case string:
		return f(path, v)
	}
	return v
}

// members are the names of all members of records that are strings.
func members(records []map[string]any) []string {
	seen := map[string]bool{}
	for _, r := range records {
		rewrite(r, "", func(path, text string) string { seen[path] = true; return text })
	}
	var list []string
	for path := range seen {
		list = append(list, path)
	}
	slices.Sort(list)
	return list
}

// framing are members without which a record is of no cloud, no log or no
// time: they are hostile one at a time, and not where all others are.
var framing = regexp.MustCompile(`^/(eventVersion|eventTime|eventSource|eventName|eventType|eventCategory|time|category|operationName|resourceId|resultType` +
	`|timestamp|logName|protoPayload/(@type|serviceName|methodName)|userIdentity/type|properties/(requestMethod|requestUri))$`)

// idOfRecord are members by which copies of a record are known.
var idOfRecord = regexp.MustCompile(`/(eventID|requestID|correlationId|eventDataId|insertId|requestId|operationId)$`)

// TestEveryMemberOfARecordIsHarmless: each string of a record, alone and with all
// others, holds what attacks a page, a spreadsheet, a terminal, a ticket, a
// template, a query or a shell. It comes out of every channel as text.
func TestEveryMemberOfARecordIsHarmless(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of scans")
	}
	var pasted []string
	for _, cloud := range []string{"aws", "azure", "gcp"} {
		records := trail(t, cloud)
		names := members(records)
		if len(names) < 30 {
			t.Fatalf("%s: %d members", cloud, len(names))
		}
		reached := map[string]bool{}
		for i, payload := range hostileMembers {
			for j, name := range append([]string{""}, names...) {
				if name != "" && i != j%2 && !strings.Contains(strings.ToLower(name), "identity") {
					continue // all at once, and who calls, are tried with each value
				}
				file := hostileTrail(t, records, func(path, text string) string {
					if path == name || name == "" && !framing.MatchString(path) {
						return payload
					}
					return text
				})
				commands, found := everyChannel(t, cloud+name, file, name == "")
				pasted = append(pasted, commands...)
				if found {
					reached[name] = true
				}
			}
		}
		// Values of most members leave findings there, so that the channels had
		// something to write.
		if !reached[""] || len(reached) < len(names)*3/4 {
			t.Errorf("%s: of %d members %d left a finding, all at once: %v", cloud, len(names), len(reached), reached[""])
		}
	}
	runPasted(t, pasted)
}

// hostileTrail writes records with their strings changed.
func hostileTrail(t *testing.T, records []map[string]any, change func(path, text string) string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trail.json")
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for i, r := range records {
		r := rewrite(r, "", func(path, text string) string {
			now := change(path, text)
			if now != text && idOfRecord.MatchString(path) {
				now += strconv.Itoa(i) // records of one id are copies
			}
			return now
		})
		if err := enc.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// everyChannel scans a trail, writes its findings to every channel, and checks
// each. It returns the lines of shell that are there to be pasted, and whether
// there was a finding. With deep it investigates as well, and hunts.
func everyChannel(t *testing.T, what, file string, deep bool) (pasted []string, found bool) {
	t.Helper()
	run := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		code := Main(args, IO{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: plainUTF8})
		if code == ExitFailed || code == ExitUsage {
			t.Fatalf("%s: %q ends with %d: %s", what, args, code, stderr.String())
		}
		checkScreen(t, what+", standard error", stderr.String())
		return stdout.String()
	}
	saved := filepath.Join(filepath.Dir(file), "saved.json")
	text := run("scan", file, "-q", "-f", "json")
	checkJSON(t, what, text)
	if err := os.WriteFile(saved, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var r finding.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	wide := term.Terminal{Width: 120, Unicode: true}
	for _, format := range report.Formats() {
		var b bytes.Buffer
		if err := report.Write(&b, string(format), &r, report.Options{Terminal: wide}); err != nil {
			t.Fatal(err)
		}
		switch format {
		case report.Table:
			checkScreen(t, what, b.String())
		case report.CSV:
			checkSheet(t, what, b.String())
		default:
			checkJSON(t, what, b.String())
		}
	}
	pasted = append(pasted, checkHTML(t, what, run("report", saved, file))...)
	checkMarkdown(t, what, run("report", saved, "-f", "markdown"))
	checkJSON(t, what, run("report", saved, "-f", "navigator"))
	for i := range r.Findings {
		id := r.Findings[i].ID
		if i > 0 && !deep {
			break // the page has the playbooks of the others
		}
		checkScreen(t, what, run("explain", id, saved, "--evidence", "all"))
		checkScreen(t, what, run("playbook", id, saved))
		checkMarkdown(t, what, run("playbook", id, saved, "-f", "markdown"))
		book := run("playbook", id, saved, "-f", "json")
		checkJSON(t, what, book)
		pasted = append(pasted, commandsOf(t, book)...)
		if !deep {
			continue
		}
		checkScreen(t, what, run("investigate", id, saved, file))
		checkMarkdown(t, what, run("investigate", id, saved, file, "-f", "markdown"))
		checkJSON(t, what, run("investigate", id, saved, file, "-f", "json"))
	}
	if deep {
		checkScreen(t, what, run("hunt", "all", file, "-q"))
		checkJSON(t, what, run("hunt", "all", file, "-q", "-f", "ndjson"))
		checkSheet(t, what, run("hunt", "aws-low-and-slow", file, "-q", "-f", "csv"))
	}
	return pasted, len(r.Findings) > 0
}

// commandsOf are the lines of a playbook in JSON.
func commandsOf(t *testing.T, book string) (list []string) {
	t.Helper()
	var p struct {
		Phases []struct {
			Steps []struct {
				Commands     []string `json:"commands"`
				UndoCommands []string `json:"undo_commands"`
			} `json:"steps"`
		} `json:"phases"`
	}
	if err := json.Unmarshal([]byte(book), &p); err != nil {
		t.Fatal(err)
	}
	for _, ph := range p.Phases {
		for _, s := range ph.Steps {
			list = append(append(list, s.Commands...), s.UndoCommands...)
		}
	}
	return list
}

// runPasted has a shell read lines as they would be pasted, with programs that
// do nothing: whatever else runs, or is written outside of the folder of a
// case, came from a value.
func runPasted(t *testing.T, lines []string) {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	slices.Sort(lines)
	lines = slices.Compact(lines)
	hostile := 0
	folders := map[string]bool{}
	folder := regexp.MustCompile(`evidence-[0-9a-f]{8,16}`)
	for _, l := range lines {
		if strings.Contains(l, "CANARY") {
			hostile++
		}
		for _, f := range folder.FindAllString(l, -1) {
			folders[f] = true
		}
	}
	if hostile == 0 {
		t.Error("no value of a record is in any command: this proves nothing")
	}
	work := t.TempDir()
	home := filepath.Join(work, "case")
	for f := range folders {
		if err := os.MkdirAll(filepath.Join(home, f), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var script bytes.Buffer
	w := bufio.NewWriter(&script)
	for _, program := range []string{"aws", "az", "gcloud", "vedette"} {
		w.WriteString(program + "() { :; }\n")
	}
	for _, l := range lines {
		w.WriteString(l + "\n")
	}
	w.Flush()
	cmd := exec.Command(sh)
	cmd.Dir, cmd.Stdin = home, &script
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("the shell says %.400s (%v)", out, err)
	}
	err = filepath.WalkDir(work, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Base(path) == "CANARY" {
			t.Errorf("a value ran: %s is there", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(home)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !folders[e.Name()] {
			t.Errorf("%s was written outside of the case", e.Name())
		}
	}
}
