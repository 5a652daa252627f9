package catalog

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"vedette/internal/event"
)

func TestParseRefuses(t *testing.T) {
	const ok = "s.x\tB\t\t\tnone\tdiscovery\tT1580\t\tcompute\taccount\t3\t\tinferred\tmodel\t\n"
	for _, c := range []struct{ name, tsv, want string }{
		{"nothing", "", "line 1: no header"},
		{"another header", "service\tname\n", "line 1: header is not"},
		{"too few columns", header + "\ns.x\tB\n", "line 2: 2 columns, want 15"},
		{"upper-case service", header + "\n" + strings.Replace(ok, "s.x", "S.x", 1), `line 2: service "S.x"`},
		{"no name", header + "\n" + strings.Replace(ok, "\tB\t", "\t\t", 1), "line 2: no name"},
		{"unknown class", header + "\n" + strings.Replace(ok, "discovery", "scan", 1), `line 2: unknown class "scan"`},
		{"unknown log", header + "\n" + strings.Replace(ok, "none", "syslog", 1), `line 2: unknown log "syslog"`},
		{"weight 6", header + "\n" + strings.Replace(ok, "\t3\t", "\t6\t", 1), `line 2: weight "6"`},
		{"discovery of no technique", header + "\n" + strings.Replace(ok, "T1580", "", 1), "line 2: a discovery API needs"},
		{"unknown breadth", header + "\n" + strings.Replace(ok, "account", "wide", 1), `line 2: unknown breadth "wide"`},
		{"unknown evidence", header + "\n" + strings.Replace(ok, "inferred", "felt", 1), `line 2: unknown evidence "felt"`},
		{"no source", header + "\n" + strings.Replace(ok, "model", "", 1), "line 2: no source"},
		{"same row twice", header + "\n" + ok + ok, "line 3: s.x B is out of order"},
		{"out of order", header + "\n" + ok + strings.Replace(ok, "\tB\t", "\tA\t", 1), "line 3: s.x A is out of order"},
		{"one name for two", header + "\n" + ok + strings.Replace(ok, "\tB\t\t", "\tC\tB\t", 1), "line 3: s.x B is already a name of line 2"},
		{"scope of two minds", header + "\n" + ok + strings.Replace(strings.Replace(ok, "\tB\t", "\tC\t", 1), "\t3\t\t", "\t3\tglobal\t", 1), "line 3: scope differs"},
	} {
		_, err := Parse(event.AWS, []byte(c.tsv))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := Parse(event.AWS, []byte(header+"\n"+ok)); err != nil {
		t.Error(err)
	}
}

func TestLoad(t *testing.T) {
	const tsv = header + "\n" +
		"s.x\tList\tList1,List2\tlist\tcloudtrail.management\tdiscovery\tT1580\tT1526\tcompute\taccount\t3\tglobal\tobserved\tlogs\ta note\n"
	reg := event.NewRegistry()
	names, err := Load(reg, event.AWS, []byte(tsv), bytes.TrimSpace)
	if err != nil {
		t.Fatal(err)
	}
	want := event.API{
		Cloud: event.AWS, Service: "s.x", Name: "List", Class: event.ClassDiscovery, Known: true, Global: true,
		Technique: "T1580", Secondary: "T1526", Category: "compute", Weight: 3, Breadth: "account",
		Logged: []string{"List1", "List2"}, Log: event.CloudTrailManagement,
	}
	if got := reg.Lookup(event.AWS, "s.x", "List"); got == nil || !reflect.DeepEqual(*got, want) {
		t.Fatalf("registered %+v, want %+v", got, want)
	}
	for _, name := range []string{"List", "List1", "List2", "list"} {
		if names.Lookup([]byte("s.x"), []byte(name)) != reg.Lookup(event.AWS, "s.x", "List") {
			t.Errorf("%s is not found", name)
		}
	}
	if names.Lookup([]byte("s.x"), []byte("List3")) != nil || names.Lookup([]byte("s.y"), []byte("List")) != nil {
		t.Error("a name is found that is not there")
	}
	if !names.Global("s.x") || names.Global("s.y") {
		t.Error("scope is lost")
	}
}

// files reads the catalogues of the clouds as they stand in the repository.
func files(t *testing.T) map[event.Cloud][]Entry {
	t.Helper()
	all := map[event.Cloud][]Entry{}
	for _, c := range event.Clouds() {
		b, err := os.ReadFile(filepath.Join("..", c.String(), "catalog.tsv"))
		if err != nil {
			t.Fatal(err)
		}
		if all[c], err = Parse(c, b); err != nil {
			t.Fatalf("%s: %v", c, err)
		}
	}
	return all
}

func TestCatalogues(t *testing.T) {
	technique := regexp.MustCompile(`^(T\d{4}(\.\d{3})?)?$`)
	version := regexp.MustCompile(`(^|\.)(v\d+[a-z0-9]*|alpha|beta)\.`)
	for cloud, list := range files(t) {
		if len(list) < 350 {
			t.Errorf("%s: %d rows", cloud, len(list))
		}
		for _, e := range list {
			a := e.API
			if !technique.MatchString(a.Technique) || !technique.MatchString(a.Secondary) {
				t.Errorf("%s line %d: techniques %q, %q", cloud, e.Line, a.Technique, a.Secondary)
			}
			// What is no discovery must not look as if it counted.
			if a.Class != event.ClassDiscovery && (a.Weight != 0 || a.Breadth != "") {
				t.Errorf("%s line %d: class %s with weight or breadth", cloud, e.Line, a.Class)
			}
			switch cloud {
			case event.Azure:
				if _, path, graph := strings.Cut(a.Name, " "); graph && path != strings.ToLower(path) || !graph && a.Name != strings.ToLower(a.Name) {
					t.Errorf("azure line %d: %s is not in lower case", e.Line, a.Name)
				}
			case event.GCP:
				if version.MatchString(a.Name) {
					t.Errorf("gcp line %d: %s has a version part", e.Line, a.Name)
				}
			}
		}
	}
}

// Each spelling of a name leads to one operation, in the clouds where
// versions, letter case and paths could split one.
func TestSpellings(t *testing.T) {
	for _, c := range []struct {
		cloud         event.Cloud
		service, want string
		spelt         []string
	}{
		{event.GCP, "compute.googleapis.com", "compute.instances.list", []string{"v1.compute.instances.list", "beta.compute.instances.list"}},
		{event.GCP, "iam.googleapis.com", "google.iam.admin.ListServiceAccounts", []string{"google.iam.admin.v1.ListServiceAccounts"}},
		{event.GCP, "container.googleapis.com", "google.container.ClusterManager.ListClusters", []string{"google.container.v1.ClusterManager.ListClusters", "google.container.v1beta1.ClusterManager.ListClusters"}},
		{event.Azure, "microsoft.keyvault", "secretlist", []string{"SecretList"}},
		{event.Azure, "microsoft.storage", "listcontainers", []string{"ListContainers"}},
		{event.Azure, "graph.microsoft.com", "GET /users/{id}/memberof", []string{"GET /users/{id}/memberOf"}},
	} {
		tsv, err := os.ReadFile(filepath.Join("..", c.cloud.String(), "catalog.tsv"))
		if err != nil {
			t.Fatal(err)
		}
		names, err := Load(event.NewRegistry(), c.cloud, tsv, bytes.TrimSpace)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range append(c.spelt, c.want) {
			if a := names.Lookup([]byte(c.service), []byte(s)); a == nil || a.Name != c.want {
				t.Errorf("%s %s leads to %v, want %s", c.service, s, a, c.want)
			}
		}
	}
}
