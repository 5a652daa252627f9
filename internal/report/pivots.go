package report

import (
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"vedette/internal/finding"
	"vedette/internal/term"
)

//go:embed pivots.yaml
var pivotsYAML []byte

// pivot is a row of pivots.yaml.
type pivot struct {
	Title    string `yaml:"title"`
	Cloud    string `yaml:"cloud"`
	Language string `yaml:"language"` // shell, SQL, KQL or SPL
	Text     string `yaml:"text"`
	Source   string `yaml:"source"`
	text     *template.Template
}

var pivotData = sync.OnceValue(func() []pivot {
	list, err := loadPivots(pivotsYAML)
	if err != nil {
		panic(err) // a test reads the file
	}
	return list
})

func loadPivots(data []byte) ([]pivot, error) {
	var list []pivot
	if err := yaml.Load(data, &list, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("pivots.yaml: %w", err)
	}
	for i := range list {
		p := &list[i]
		if p.Title == "" || p.Source == "" {
			return nil, fmt.Errorf("pivots.yaml: row %d has no title or no source", i+1)
		}
		var err error
		if p.text, err = template.New(p.Title).Funcs(quotes).Parse(p.Text); err != nil {
			return nil, fmt.Errorf("pivots.yaml: %w", err)
		}
	}
	return list, nil
}

// quotes put a value between the quotes of a language. They refuse what has
// no safe form there, so that a pivot either says the value letter for letter
// or is not given.
var quotes = template.FuncMap{
	"known": known, // of a value that is a part of what is quoted
	"sh":    quoteShell,
	"sql":   quoteSQL,
	"kql":   quoteKQL,
	"spl":   quoteSPL,
	"gcl":   quoteKQL, // the Logging query language escapes as Kusto does
}

var (
	errMissing   = errors.New("the finding has no such value")
	errLong      = errors.New("the value is longer than any that a cloud gives")
	errInvisible = errors.New("the value holds characters that do not show themselves")
)

// maxValue is the greatest length of a value, in bytes: that of an ARN (AWS,
// Amazon Resource Names: 2048 characters at most in IAM's APIs).
const maxValue = 2048

// quotable refuses an empty value, and one that cannot be seen for what it is:
// nobody should paste it.
func quotable(s string) error {
	switch {
	case s == "":
		return errMissing
	case len(s) > maxValue:
		return errLong
	}
	if term.Safe(s) != s {
		return errInvisible
	}
	return nil
}

// known is a value that may be made a part of a longer one: quoted as a whole,
// that would hide that the value is missing.
func known(s string) (string, error) { return s, quotable(s) }

// quoteShell is an argument of a command in a POSIX shell, in single quotes where it needs any
// (POSIX.1-2017, Shell Command Language, 2.2.2).
func quoteShell(s string) (string, error) {
	if err := quotable(s); err != nil {
		return "", err
	}
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@%+,=", r)
	}
	if s[0] != '=' && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s, nil
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'", nil
}

// quoteSQL is a literal of standard SQL, as Trino, Athena and CloudTrail Lake
// read it: a quote is doubled and nothing else has a meaning.
func quoteSQL(s string) (string, error) {
	return "'" + strings.ReplaceAll(s, "'", "''") + "'", quotable(s)
}

// quoteKQL is a string literal of Kusto ("The string data type").
func quoteKQL(s string) (string, error) {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`, quotable(s)
}

// quoteSPL is a string literal of eval and where. Macros stand between
// backticks, which no document says to be harmless inside quotes.
func quoteSPL(s string) (string, error) {
	if strings.Contains(s, "`") {
		return "", errors.New("the value holds a backtick")
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`, quotable(s)
}

// pivotValues are what the templates of pivots.yaml may use.
type pivotValues struct {
	From, To           string // RFC 3339 to the second
	FromSpace, ToSpace string // the same with a space
	FromEpoch, ToEpoch string // seconds since 1970
	Issuer, Caller     string // how the logs name the principal: as session issuer, else as caller
	Key, Address       string
	Account, Region    string
}

// Snippet is something to paste.
type Snippet struct {
	Title, Language, Text string
}

// pivots are the queries that go on from a finding. skipped counts those that
// a value of the finding has no safe form in.
func pivots(f *finding.Finding) (list []Snippet, skipped int) {
	values, ok := pivotValuesOf(f)
	if !ok {
		return nil, 0
	}
	for i := range pivotData() {
		p := &pivotData()[i]
		if p.Cloud != f.Cloud.Provider {
			continue
		}
		var b strings.Builder
		switch err := p.text.Execute(&b, values); {
		case err == nil:
			list = append(list, Snippet{p.Title, p.Language, b.String()})
		case !errors.Is(err, errMissing):
			skipped++
		}
	}
	return list, skipped
}

func pivotValuesOf(f *finding.Finding) (pivotValues, bool) {
	first, errA := time.Parse(time.RFC3339, f.FirstSeen)
	last, errB := time.Parse(time.RFC3339, f.LastSeen)
	if errA != nil || errB != nil {
		return pivotValues{}, false
	}
	from, to := first.UTC().Add(-24*time.Hour).Truncate(time.Second), last.UTC().Add(24*time.Hour).Truncate(time.Second)
	v := pivotValues{
		From: from.Format(time.RFC3339), To: to.Format(time.RFC3339),
		FromSpace: from.Format(time.DateTime), ToSpace: to.Format(time.DateTime),
		FromEpoch: strconv.FormatInt(from.Unix(), 10), ToEpoch: strconv.FormatInt(to.Unix(), 10),
		Account: f.Cloud.Account.ID,
	}
	switch id := f.Actor.ID; f.Actor.Kind {
	case "iam_role":
		v.Issuer = id
	case "iam_user", "root":
		v.Caller = id
	case "entra_user", "service_principal", "managed_identity":
		// The activity log's caller is the name of a user and the object id of
		// others.
		if v.Caller = id[strings.LastIndexByte(id, '/')+1:]; strings.Contains(f.Actor.Name, "@") {
			v.Caller = f.Actor.Name
		}
	case "google_user", "service_account":
		v.Caller = id
	}
	if len(f.Keys) > 0 {
		v.Key = f.Keys[0].Name
	}
	if len(f.Regions) > 0 {
		v.Region = f.Regions[0].Name
	}
	for _, a := range f.Addresses {
		if ip, err := netip.ParseAddr(a.IP); err == nil && !ip.IsPrivate() && ip.Zone() == "" {
			v.Address = ip.String()
			break
		}
	}
	return v, true
}
