package sumo

import (
	"fmt"
	"strings"
	"time"

	"vedette/internal/siem"
)

// folder is a folder of the library with what is in it, as the content import
// API takes it (FolderSyncDefinition).
type folder struct {
	Type        string `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Children    []any  `json:"children"`
}

// savedSearch is a SavedSearchWithScheduleSyncDefinition.
type savedSearch struct {
	Type           string   `json:"type"`
	Name           string   `json:"name"`
	Search         search   `json:"search"`
	SearchSchedule schedule `json:"searchSchedule"`
	Description    string   `json:"description"`
}

type search struct {
	QueryText        string   `json:"queryText"`
	DefaultTimeRange string   `json:"defaultTimeRange"`
	ByReceiptTime    bool     `json:"byReceiptTime"`
	ViewName         string   `json:"viewName"`
	ViewStartTime    string   `json:"viewStartTime"`
	QueryParameters  []string `json:"queryParameters"`
	ParsingMode      string   `json:"parsingMode"`
}

type schedule struct {
	CronExpression       string            `json:"cronExpression"`
	DisplayableTimeRange string            `json:"displayableTimeRange"`
	ParseableTimeRange   timeRange         `json:"parseableTimeRange"`
	TimeZone             string            `json:"timeZone"`
	Threshold            threshold         `json:"threshold"`
	Notification         map[string]string `json:"notification"`
	ScheduleType         string            `json:"scheduleType"`
	MuteErrorEmails      bool              `json:"muteErrorEmails"`
	Parameters           []string          `json:"parameters"`
}

type timeRange struct {
	Type string            `json:"type"`
	From map[string]string `json:"from"`
	To   *struct{}         `json:"to"`
}

type threshold struct {
	ThresholdType string `json:"thresholdType"`
	Operator      string `json:"operator"`
	Count         int    `json:"count"`
}

// lookupTable is a LookupTableSyncDefinition.
type lookupTable struct {
	Type            string        `json:"type"`
	Name            string        `json:"name"`
	Description     string        `json:"description"`
	Fields          []lookupField `json:"fields"`
	PrimaryKeys     []string      `json:"primaryKeys"`
	TTL             int           `json:"ttl"`
	SizeLimitAction string        `json:"sizeLimitAction"`
}

type lookupField struct {
	FieldName string `json:"fieldName"`
	FieldType string `json:"fieldType"`
}

// Package returns a folder of scheduled searches with the lookup table of
// exceptions, for the content import API, and the Cloud SIEM rules.
func (Backend) Package(outputs []*siem.Output) ([]siem.File, error) {
	top := folder{Type: "FolderSyncDefinition", Name: "Vedette", Description: "Identities that enumerate cloud infrastructure (ATT&CK T1580)"}
	top.Children = append(top.Children, lookupTable{
		Type: "LookupTableSyncDefinition", Name: exceptions[strings.LastIndex(exceptions, "/")+1:], Description: "Identities that cloud discovery searches leave out",
		Fields:      []lookupField{{"Identity", "string"}, {"Reason", "string"}, {"Owner", "string"}, {"Expires", "string"}},
		PrimaryKeys: []string{"Identity"}, SizeLimitAction: "StopIncomingMessages",
	})
	var rules []siem.File
	for _, out := range outputs {
		r := out.Rule
		if r.Schedule == nil {
			return nil, fmt.Errorf("rule %s has no schedule", r.ID)
		}
		top.Children = append(top.Children, saved(out))
		for _, f := range out.Further {
			rules = append(rules, siem.File{Path: "cloud-siem/" + r.ID + "." + f.Name + f.Ext, Data: []byte(f.Text)})
		}
	}
	content, err := marshal(top)
	if err != nil {
		return nil, err
	}
	return append([]siem.File{
		{Path: "README.md", Data: []byte(readme)},
		{Path: "content.json", Data: content},
		{Path: "vedette_exceptions.csv", Data: []byte("Identity,Reason,Owner,Expires\n")},
	}, rules...), nil
}

const readme = `# Vedette's rules for Sumo Logic

- ` + "`content.json`" + ` is a folder for the content import API
  (` + "`POST /api/v2/content/folders/{id}/import`" + ` with the header ` + "`isAdminMode: true`" + `, id that of Admin Recommended): scheduled
  searches, and the lookup table of identities that they leave out. Imported elsewhere, change the path in the searches.
  They run every quarter of an hour, those that look back two days or more every hour, over windows that have closed and
  settled, each window once. Each row becomes a Cloud SIEM signal; without Cloud SIEM choose another alert type in the schedule.
- ` + "`vedette_exceptions.csv`" + ` is the form of that table, for its upload: the identity, why, who answers for it, until when.
` + siem.ExceptionNote + `- ` + "`cloud-siem/`" + ` has the same rules as aggregation rules, one a log and band of risk, each a body for
  ` + "`POST /api/sec/v1/rules/aggregation`" + `. They come disabled: use them or the searches, both would signal twice. They leave out
  what stands in the match list vedette_exceptions, whose items have an expiration of their own. They say less than the searches: copies count, sessions of one
  role are told apart.
- The source categories in the searches are guesses: each organisation names its own.
`

// saved is a rule as a scheduled search.
func saved(out *siem.Output) savedSearch {
	r := out.Rule
	back := fmt.Sprintf("-%dm", int(r.Lookback().Minutes()))
	return savedSearch{
		Type: "SavedSearchWithScheduleSyncDefinition", Name: fmt.Sprintf("%s (%s)", name(r.Title), name(r.ID)),
		Description: clip(plain(r.Description), 255),
		Search:      search{QueryText: out.Query, DefaultTimeRange: back, ViewStartTime: "1970-01-01T00:00:00Z", QueryParameters: []string{}, ParsingMode: "Manual"},
		SearchSchedule: schedule{
			CronExpression: cron(r.Schedule.Every), DisplayableTimeRange: back, TimeZone: "Etc/UTC", ScheduleType: "Custom",
			ParseableTimeRange: timeRange{Type: "BeginBoundedTimeRange", From: map[string]string{"type": "RelativeTimeRangeBoundary", "relativeTime": back}},
			Threshold:          threshold{"group", "gt", 0},
			Notification:       map[string]string{"taskType": "CseSignalNotificationSyncDefinition", "recordType": "Audit"},
			Parameters:         []string{},
		},
	}
}

// cron runs a search two minutes into each slot: the product may delay a run
// by five minutes, and a run answers for the slot that it starts in.
func cron(every time.Duration) string {
	if every < time.Hour {
		return fmt.Sprintf("0 2/%d * * * ? *", int(every.Minutes()))
	}
	return fmt.Sprintf("0 2 0/%d * * ? *", int(every.Hours()))
}

// name keeps to the signs that names of saved searches may have.
func name(s string) string {
	s = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(" +%-@.,_()", c) {
			return c
		}
		return ' '
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	return strings.TrimSpace(s[:min(len(s), 200)])
}

func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return strings.TrimSpace(string(r[:n-1])) + "…"
	}
	return s
}
