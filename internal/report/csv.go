package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// csvColumn is a column of the csv format. Lists are JSON arrays of strings,
// so that a reader can take them apart whatever their members hold.
type csvColumn struct {
	name  string
	value func(f *finding.Finding) string
}

var csvColumns = []csvColumn{
	{"id", func(f *finding.Finding) string { return f.ID }},
	{"priority", func(f *finding.Finding) string { return strconv.Itoa(f.Priority) }},
	{"level", func(f *finding.Finding) string { return f.Level }},
	{"reasons", list(func(f *finding.Finding) []finding.Reason { return f.Reasons },
		func(r finding.Reason) string { return fmt.Sprintf("%d %s: %s", r.Points, r.Factor, r.Text) })},
	{"judged_slice", func(f *finding.Finding) string { return f.Slice }},
	{"aside_because", func(f *finding.Finding) string { return f.Aside }},
	{"claims", list(func(f *finding.Finding) []string { return f.Claims }, func(s string) string { return s })},
	{"tools", resembled(func(f *finding.Finding) []finding.Resemblance { return f.Tools })},
	{"similar_incidents", resembled(func(f *finding.Finding) []finding.Resemblance { return f.Incidents })},
	{"risk_score", func(f *finding.Finding) string { return strconv.Itoa(f.RiskScore) }},
	{"scope", func(f *finding.Finding) string { return f.Scope }},
	{"detections", list(func(f *finding.Finding) []finding.Detection { return f.Detections },
		func(d finding.Detection) string { return d.ID })},
	{"techniques", list(func(f *finding.Finding) []finding.Technique { return f.Techniques },
		func(t finding.Technique) string { return t.ID })},
	{"provider", func(f *finding.Finding) string { return f.Cloud.Provider }},
	{"account", func(f *finding.Finding) string { return f.Cloud.Account.ID }},
	{"account_name", func(f *finding.Finding) string { return f.Cloud.Account.Name }},
	{"account_environment", func(f *finding.Finding) string { return f.Cloud.Account.Environment }},
	{"account_criticality", func(f *finding.Finding) string { return f.Cloud.Account.Criticality }},
	{"accounts", list(func(f *finding.Finding) []finding.Account { return f.Accounts },
		func(a finding.Account) string { return a.ID })},
	{"actor_kind", func(f *finding.Finding) string { return f.Actor.Kind }},
	{"actor", func(f *finding.Finding) string { return f.Actor.ID }},
	{"actor_name", func(f *finding.Finding) string { return f.Actor.Name }},
	{"actor_owner", func(f *finding.Finding) string { return f.Actor.Owner }},
	{"origin", func(f *finding.Finding) string {
		if f.Origin == nil {
			return ""
		}
		return f.Origin.ID
	}},
	{"chain", list(func(f *finding.Finding) []finding.Link { return f.Chain },
		func(l finding.Link) string { return l.From + " -> " + l.To + " (" + l.Via + ")" })},
	{"first_seen", func(f *finding.Finding) string { return f.FirstSeen }},
	{"last_seen", func(f *finding.Finding) string { return f.LastSeen }},
	{"duration_seconds", func(f *finding.Finding) string {
		d, ok := lasted(f)
		if !ok {
			return ""
		}
		return strconv.FormatFloat(d.Round(time.Millisecond).Seconds(), 'f', -1, 64)
	}},
	{"events", func(f *finding.Finding) string { return strconv.Itoa(f.Events) }},
	{"distinct_apis", func(f *finding.Finding) string { return strconv.Itoa(f.DistinctAPIs) }},
	{"distinct_targets", func(f *finding.Finding) string { return strconv.Itoa(f.Targets) }},
	{"ok", func(f *finding.Finding) string { return strconv.Itoa(f.Outcomes.OK) }},
	{"denied", func(f *finding.Finding) string { return strconv.Itoa(f.Outcomes.Denied) }},
	{"absent", func(f *finding.Finding) string { return strconv.Itoa(f.Outcomes.Absent) }},
	{"throttled", func(f *finding.Finding) string { return strconv.Itoa(f.Outcomes.Throttled) }},
	{"invalid", func(f *finding.Finding) string { return strconv.Itoa(f.Outcomes.Invalid) }},
	{"other", func(f *finding.Finding) string { return strconv.Itoa(f.Outcomes.Other) }},
	{"peak_window", func(f *finding.Finding) string { return f.Peak.Name }},
	{"peak_start", func(f *finding.Finding) string { return f.Peak.Start }},
	{"peak_events", func(f *finding.Finding) string { return strconv.Itoa(f.Peak.Events) }},
	{"peak_distinct_apis", func(f *finding.Finding) string { return strconv.Itoa(f.Peak.DistinctAPIs) }},
	{"apis", list(func(f *finding.Finding) []finding.API { return f.APIs },
		func(a finding.API) string { return a.Service + ":" + a.Name })},
	{"services", names(func(f *finding.Finding) []finding.Count { return f.Services })},
	{"regions", names(func(f *finding.Finding) []finding.Count { return f.Regions })},
	{"global_services", names(func(f *finding.Finding) []finding.Count { return f.GlobalServices })},
	{"source_addresses", list(func(f *finding.Finding) []finding.Address { return f.Addresses },
		func(a finding.Address) string { return a.IP })},
	{"source_networks", list(func(f *finding.Finding) []finding.Address { return f.Addresses }, network)},
	{"clients", list(func(f *finding.Finding) []finding.Client { return f.Clients },
		func(c finding.Client) string { return c.Family })},
	{"keys", names(func(f *finding.Finding) []finding.Count { return f.Keys })},
	{"sessions_total", func(f *finding.Finding) string { return strconv.Itoa(f.SessionsTotal) }},
	{"worst_slice", func(f *finding.Finding) string { return f.WorstSlice }},
	{"campaign", func(f *finding.Finding) string { return f.Campaign }},
	{"continues", func(f *finding.Finding) string { return f.Continues }},
	{"evidence_total", func(f *finding.Finding) string { return strconv.Itoa(f.EvidenceTotal) }},
}

// list makes a column of the names of a finding's parts.
func list[T any](of func(*finding.Finding) []T, name func(T) string) func(*finding.Finding) string {
	return func(f *finding.Finding) string {
		parts := of(f)
		all := make([]string, 0, len(parts))
		for _, p := range parts {
			all = append(all, name(p))
		}
		return jsonArray(all)
	}
}

func names(of func(*finding.Finding) []finding.Count) func(*finding.Finding) string {
	return list(of, func(c finding.Count) string { return c.Name })
}

// after is a text behind what leads to it; empty where the text is.
func after(lead, text string) string {
	if text == "" {
		return ""
	}
	return lead + text
}

func resembled(of func(*finding.Finding) []finding.Resemblance) func(*finding.Finding) string {
	return list(of, func(r finding.Resemblance) string {
		return r.Name + " (" + r.Confidence + "): " + r.Basis + after("; but ", r.Against)
	})
}

// jsonArray is a list of strings as a JSON array, [] when there are none.
func jsonArray(list []string) string {
	b, err := json.Marshal(list, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		// A list of strings always has a JSON form: invalid UTF-8 is allowed.
		panic(err)
	}
	return string(escapeInvisible(b))
}

// network names the network of an address as the databases know it.
func network(a finding.Address) string {
	parts := make([]string, 0, 4)
	for _, s := range []string{a.ASN, a.ASName, a.Country, a.Label} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " ")
}

func writeCSV(w io.Writer, findings []finding.Finding) error {
	c := csv.NewWriter(w)
	row := make([]string, len(csvColumns))
	for i, col := range csvColumns {
		row[i] = col.name
	}
	c.Write(row)
	for i := range findings {
		for j, col := range csvColumns {
			row[j] = cell(col.value(&findings[i]))
		}
		c.Write(row)
	}
	c.Flush()
	return c.Error()
}

// cell makes s harmless in a spreadsheet and on a terminal: what a
// spreadsheet would take for a formula is preceded by an apostrophe, and
// characters that do not show themselves are escaped. The full-width forms of
// the signs start a formula where East Asian input is set.
func cell(s string) string {
	if strings.ContainsAny(firstSign(s), "=+-@＝＋－＠\t\r\n") {
		return "'" + term.Safe(s)
	}
	return term.Safe(s)
}

// firstSign is the first character that a spreadsheet would look at.
func firstSign(s string) string {
	s = strings.TrimLeft(s, " \u00a0\u200b\ufeff\"'")
	for _, r := range s {
		return string(r)
	}
	return ""
}
