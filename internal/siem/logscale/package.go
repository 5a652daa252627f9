package logscale

import (
	"bytes"
	"fmt"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/siem"
)

// folder is what a package is made of; its name is the package's, without the
// scope.
const folder = "cloud-discovery"

// The schemas of the files, as the vendor's community packages and the
// product's exports name them.
const (
	manifestSchema  = "https://schemas.humio.com/manifest/v2.0.0"
	scheduledSchema = "https://schemas.humio.com/scheduledsearch/v0.1.0"
	querySchema     = "https://schemas.humio.com/query/v0.1.0"
)

// manifest says what a package is ("Package File Formats", LogScale).
type manifest struct {
	Schema      string `yaml:"$schema"`
	Name        string `yaml:"name"`
	Version     string `yaml:"version"`
	Type        string `yaml:"type"`
	MinVersion  string `yaml:"minHumioVersion"`
	Description string `yaml:"description"`
	Author      author `yaml:"author"`
	License     string `yaml:"licenseUrl"`
}

type author struct {
	Name string `yaml:"name"`
}

// scheduled is a scheduled search.
type scheduled struct {
	Schema      string   `yaml:"$schema"`
	Name        string   `yaml:"name"`
	Description string   `yaml:"description"`
	Enabled     bool     `yaml:"enabled"`
	Query       string   `yaml:"queryString"`
	Start       string   `yaml:"queryStart"`
	End         string   `yaml:"queryEnd"`
	Schedule    string   `yaml:"schedule"`
	TimeZone    string   `yaml:"timeZone"`
	Backfill    int      `yaml:"backfillLimit"`
	Actions     []string `yaml:"actionNameReferences"`
	Labels      []string `yaml:"labels"`
}

// saved is a saved query.
type saved struct {
	Schema   string   `yaml:"$schema"`
	Name     string   `yaml:"name"`
	Query    string   `yaml:"queryString"`
	Interval interval `yaml:"timeInterval"`
}

type interval struct {
	Live  bool   `yaml:"isLive"`
	Start string `yaml:"start"`
}

// backfill is how many missed runs the product makes up for; it allows 5.
const backfill = 4

// Package returns the folder that is zipped and installed, with a scheduled
// search and a saved query for each rule, and beside it the lookup file of
// exceptions: a package's own files are replaced when it is updated.
func (Backend) Package(outputs []*siem.Output) ([]siem.File, error) {
	files := []siem.File{
		{Path: "README.md", Data: []byte(readme)},
		{Path: Exceptions, Data: []byte("Identity,Reason,Owner,Expires\n")},
		{Path: folder + "/README.md", Data: []byte(about)},
	}
	add := func(path string, v any) error {
		var b bytes.Buffer
		enc := yaml.NewEncoder(&b)
		enc.SetIndent(2)
		if err := enc.Encode(v); err != nil {
			return err
		}
		files = append(files, siem.File{Path: folder + "/" + path, Data: b.Bytes()})
		return nil
	}
	err := add("manifest.yaml", manifest{
		// coalesce() came with 1.159.
		Schema: manifestSchema, Name: "vedette/" + folder, Version: "1.0.0", Type: "application", MinVersion: "1.159.0",
		Description: "Identities that enumerate cloud infrastructure (ATT&CK T1580)", Author: author{"Vedette"},
		License: "https://www.apache.org/licenses/LICENSE-2.0",
	})
	if err != nil {
		return nil, err
	}
	for _, out := range outputs {
		r := out.Rule
		if r.Schedule == nil {
			return nil, fmt.Errorf("rule %s has no schedule", r.ID)
		}
		err := add("scheduled-searches/"+r.ID+".yaml", scheduled{
			Schema: scheduledSchema, Name: name(r), Description: description(out), Query: out.Query,
			Start: fmt.Sprintf("%dm", int(r.Lookback().Minutes())), End: "now",
			Schedule: r.Schedule.Cron(), TimeZone: "UTC+00:00", Backfill: backfill,
			Actions: []string{}, Labels: append([]string{"vedette", r.Kind.String(), "severity:" + r.Severity}, r.Techniques...),
		})
		if err != nil {
			return nil, err
		}
		for _, f := range out.Further {
			if f.Name != hunting {
				continue
			}
			if err := add("queries/"+r.ID+".yaml", saved{querySchema, name(r), f.Text, interval{Start: "1d"}}); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

func name(r *siem.Rule) string { return siem.PlainLine(r.Title + " (" + r.ID + ")") }

// description is the rule's, with its severity, which scheduled searches have
// no field for, and its known false positives.
func description(out *siem.Output) string {
	r := out.Rule
	s := r.Description + " Severity " + r.Severity + "."
	if r.BuildingBlock {
		s += " A signal, not a finding: administrators and tools make bursts too."
	}
	if len(r.FalsePositives) > 0 {
		s += " Known false positives: " + strings.Join(r.FalsePositives, "; ") + "."
	}
	return siem.PlainLine(s)
}

const about = `# Cloud discovery

Scheduled searches for identities that enumerate cloud infrastructure (MITRE ATT&CK T1580), and the same as saved
queries for a person. The head of each query says how it counts, what it needs and what it cannot say.
`

const readme = `# Vedette's rules for LogScale and Falcon Next-Gen SIEM

1. Upload ` + "`" + Exceptions + "`" + ` to the repository or view (Files). It lists identities that the scheduled
   searches leave out, with why, who answers for it and until when; * stands for any text. Without the file they fail.
   Give an identity one entry: of several, one counts.
` + siem.ExceptionNote + `2. Zip what is in ` + "`" + folder + "/`" + ` (manifest.yaml at the top) and install it: Settings > Packages > Import package,
   or ` + "`humioctl packages install`" + `.
3. The scheduled searches come disabled and without actions: give each an action, then enable it. They run every quarter
   of an hour, those that look back two days or more every hour, over windows that have closed and settled, each window
   once; a run that was missed is made up for.
4. By default a scheduled search does not act on a result with a warning, such as that a row has more than 10,000 kinds
   of call. Watch the searches' errors and warnings: a caller can make one on purpose.
5. Falcon Next-Gen SIEM: where packages are not at hand, paste the text of a query into a correlation rule or a
   scheduled search with the same schedule and search window.
6. What a query's head lists under CHECK could not be confirmed in a public source: compare it with a record of yours,
   and lay other names over it with ` + "`vedette compile --fields`" + `.
`
