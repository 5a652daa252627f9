package report

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"vedette/internal/finding"
	"vedette/internal/term"
)

// The OCSF format: Detection Finding (class 2004) of OCSF 1.8.0 with the
// cloud profile, one object a line, which is how log shippers and lakes take
// OCSF events. Numbers and captions are those of https://schema.ocsf.io/1.8.0;
// what OCSF has no attribute for is kept under "unmapped".
const (
	ocsfVersion = "1.8.0"
	ocsfClass   = 2004
	ocsfCreate  = 1
)

func writeOCSF(w io.Writer, r *finding.Report, opts Options) error {
	for i := range r.Findings {
		if err := writeLine(w, ocsfOf(&r.Findings[i], r, opts.Version)); err != nil {
			return err
		}
	}
	return nil
}

// ocsfOf is a finding as an OCSF Detection Finding. The times are those of
// its events; no clock is asked, so that equal findings are equal bytes.
func ocsfOf(f *finding.Finding, r *finding.Report, version string) *ocsfFinding {
	first, last := epochMillis(f.FirstSeen), epochMillis(f.LastSeen)
	severity, level := ocsfSeverity(f.Level), ocsfRisk(f.RiskScore)
	o := &ocsfFinding{
		ActivityID: ocsfCreate, ActivityName: "Create",
		CategoryUID: 2, CategoryName: "Findings",
		ClassUID: ocsfClass, ClassName: "Detection Finding",
		TypeUID: ocsfClass*100 + ocsfCreate, TypeName: "Detection Finding: Create",
		Time: last, StartTime: first, EndTime: last, Count: f.Events,
		SeverityID: severity.id, Severity: severity.caption,
		StatusID: 1, Status: "New", IsAlert: true,
		Message: Sentence(f), RiskScore: f.RiskScore, RiskLevelID: level.id, RiskLevel: level.caption, RiskDetails: reasonsInWords(f.Reasons),
		Metadata: ocsfMetadata{
			Version: ocsfVersion, Profiles: []string{"cloud"}, UID: f.ID, CorrelationUID: f.Campaign,
			Product:     ocsfProduct{Name: "Vedette", VendorName: "Vedette", Version: version},
			IsTruncated: f.EvidenceTotal > len(f.Evidence),
		},
		FindingInfo: ocsfInfo{
			UID: f.ID, Title: "Cloud infrastructure discovery by " + who(f), Desc: ocsfDesc(f),
			Types: []string{"Discovery"}, FirstSeen: first, LastSeen: last, CreatedTime: last,
			DataSources: logsOf(r, f.Cloud.Provider),
		},
		Cloud: ocsfCloud{Provider: ocsfProvider(f.Cloud.Provider), Account: ocsfAccountOf(f.Cloud.Provider, f.Cloud.Account)},
		Unmapped: &ocsfUnmapped{
			Judgement: f.Judgement, Scope: f.Scope, Peak: f.Peak, DistinctAPIs: f.DistinctAPIs, Targets: f.Targets, Outcomes: f.Outcomes,
			DenialReasons: f.DenialReasons, APIs: f.APIs, Services: f.Services, Regions: f.Regions,
			GlobalServices: f.GlobalServices, Addresses: f.Addresses, Clients: f.Clients, Sessions: f.Sessions,
			Keys: f.Keys, Origin: f.Origin, Chain: f.Chain, ChainTotal: f.ChainTotal, Slices: f.Slices, WorstSlice: f.WorstSlice,
			PreviousIDs: f.PreviousIDs, EvidenceTotal: f.EvidenceTotal,
		},
	}
	if f.Aside != "" {
		// What is known to be benign asks nobody to act.
		o.StatusID, o.Status, o.StatusDetail, o.IsAlert = 3, "Suppressed", f.Aside, false
	}
	if len(f.Regions) == 1 {
		o.Cloud.Region = f.Regions[0].Name
	}
	for i, d := range f.Detections {
		a := ocsfAnalytic{TypeID: 1, Type: "Rule", UID: d.ID, Name: d.Name, Version: d.Version}
		if i == 0 {
			o.FindingInfo.Analytic = &a
		} else {
			o.FindingInfo.OtherAnalytic = append(o.FindingInfo.OtherAnalytic, a)
		}
	}
	for _, t := range f.Techniques {
		o.FindingInfo.Attacks = append(o.FindingInfo.Attacks, ocsfAttackOf(t))
	}
	if f.Continues != "" {
		o.FindingInfo.RelatedEvents = []ocsfRelated{{UID: f.Continues, TypeUID: ocsfClass*100 + ocsfCreate, Title: "Finding that this one continues"}}
	}
	accounts := f.Accounts
	if len(accounts) == 0 {
		accounts = []finding.Account{f.Cloud.Account}
	}
	for _, a := range accounts {
		o.Resources = append(o.Resources, ocsfResource{UID: a.ID, Name: a.Name, Type: ocsfAccountType(f.Cloud.Provider).caption,
			Provider: ocsfProvider(f.Cloud.Provider), RoleID: 1, Role: "Target", Criticality: a.Criticality, Labels: labels(a.Environment)})
	}
	o.evidence(f)
	o.observe(f)
	return o
}

// evidence writes each event of the finding as an artifact: who called what
// from where, and in Data where the record lies.
func (o *ocsfFinding) evidence(f *finding.Finding) {
	user := ocsfUserOf(f)
	endpoints := make(map[string]*ocsfEndpoint, len(f.Addresses))
	for _, a := range f.Addresses {
		if endpoints[a.IP] == nil {
			endpoints[a.IP] = ocsfEndpointOf(a)
		}
	}
	for i := range f.Evidence {
		e := &f.Evidence[i]
		src := endpoints[e.IP]
		if src == nil {
			src = ocsfEndpointOf(finding.Address{IP: e.IP})
		}
		api := ocsfAPI{Operation: e.Operation}
		if e.Service != "" {
			api.Service = &ocsfService{Name: e.Service}
		}
		o.Evidences = append(o.Evidences, ocsfEvidence{
			UID: e.EventID, Name: e.Service + ":" + e.Operation, Actor: ocsfActor{User: user}, API: api, SrcEndpoint: src, Data: e,
		})
	}
}

// observe lists what an analyst searches other logs for.
func (o *ocsfFinding) observe(f *finding.Finding) {
	add := func(kind idCaption, name, value string) {
		if value != "" {
			o.Observables = append(o.Observables, ocsfObservable{TypeID: kind.id, Type: kind.caption, Name: name, Value: value})
		}
	}
	add(idCaption{31, "User Object: uid"}, "evidences[].actor.user.uid", f.Actor.ID)
	add(idCaption{4, "User Name"}, "evidences[].actor.user.name", f.Actor.Name)
	add(idCaption{35, "Account Object: uid"}, "cloud.account.uid", f.Cloud.Account.ID)
	for _, a := range f.Addresses {
		if ip, ok := ocsfIP(a.IP); ok {
			add(idCaption{2, "IP Address"}, "unmapped.source_addresses[].ip", ip)
		}
		if a.IP != "" && (a.Label != "" || a.Kind != "") {
			o.Enrichments = append(o.Enrichments, ocsfEnrichment{Name: "unmapped.source_addresses[].ip", Value: a.IP, Type: "network",
				Data: map[string]string{"label": a.Label, "kind": a.Kind}})
		}
	}
	for _, c := range f.Clients {
		add(idCaption{16, "HTTP User-Agent"}, "unmapped.clients[].user_agent", c.UserAgent)
	}
	for _, k := range f.Keys {
		add(idCaption{19, "User Credential ID"}, "unmapped.keys[].name", k.Name)
	}
	if f.Actor.Owner != "" {
		o.Enrichments = append(o.Enrichments, ocsfEnrichment{Name: "evidences[].actor.user.uid", Value: f.Actor.ID, Type: "owner",
			Data: map[string]string{"owner": f.Actor.Owner}})
	}
}

// idCaption is a value of an OCSF enumeration with its caption.
type idCaption struct {
	id      int
	caption string
}

// ocsfSeverity maps levels to OCSF's severity, which has the same five.
func ocsfSeverity(level string) idCaption {
	switch level {
	case "critical":
		return idCaption{5, "Critical"}
	case "high":
		return idCaption{4, "High"}
	case "medium":
		return idCaption{3, "Medium"}
	case "low":
		return idCaption{2, "Low"}
	case "informational":
		return idCaption{1, "Informational"}
	}
	return idCaption{0, "Unknown"}
}

// ocsfRisk maps the risk bands of the detections to OCSF's risk level. That
// many calls have done no harm by themselves: it is never critical.
func ocsfRisk(risk int) idCaption {
	switch {
	case risk >= 90:
		return idCaption{3, "High"}
	case risk >= 70:
		return idCaption{2, "Medium"}
	case risk >= 50:
		return idCaption{1, "Low"}
	}
	return idCaption{0, "Info"}
}

// ocsfDesc is what a finding is about and what makes its priority.
func ocsfDesc(f *finding.Finding) string {
	text := Sentence(f) + " Priority " + strconv.Itoa(f.Priority) + " (" + f.Level + ")"
	main, others, points := mainReasons(f.Reasons)
	if len(main) == 0 {
		return text + "."
	}
	text += ": " + reasonsInWords(main)
	if others > 0 {
		text += fmt.Sprintf("; %+d by %s", points, term.Plural(others, "further reason"))
	}
	return text + "."
}

// reasonsInWords lists reasons with their points.
func reasonsInWords(reasons []finding.Reason) string {
	list := make([]string, len(reasons))
	for i, r := range reasons {
		list[i] = fmt.Sprintf("%+d %s", r.Points, r.Text)
	}
	return strings.Join(list, "; ")
}

func ocsfProvider(p string) string {
	switch p {
	case "aws", "gcp":
		return strings.ToUpper(p)
	case "azure":
		return "Azure"
	}
	return p
}

func ocsfAccountType(provider string) idCaption {
	switch provider {
	case "aws":
		return idCaption{10, "AWS Account"}
	case "azure":
		return idCaption{13, "Azure Subscription"}
	case "gcp":
		return idCaption{11, "GCP Project"}
	}
	return idCaption{0, "Unknown"}
}

func ocsfAccountOf(provider string, a finding.Account) *ocsfAccount {
	if a.ID == "" && a.Name == "" {
		return nil
	}
	t := ocsfAccountType(provider)
	return &ocsfAccount{UID: a.ID, Name: a.Name, TypeID: t.id, Type: t.caption, Labels: labels(a.Environment)}
}

func labels(environment string) []string {
	if environment == "" {
		return nil
	}
	return []string{"environment:" + environment}
}

func ocsfUserOf(f *finding.Finding) ocsfUser {
	u := ocsfUser{UID: f.Actor.ID, Name: f.Actor.Name, TypeID: 99, Type: f.Actor.Kind}
	switch f.Actor.Kind {
	case "root":
		u.TypeID, u.Type = 2, "Admin"
	case "iam_user", "sso_user", "federated_user", "saml_user", "identity_center_user", "directory_user", "entra_user", "google_user":
		u.TypeID, u.Type = 1, "User"
	case "aws_service", "service_principal", "managed_identity", "service_account":
		u.TypeID, u.Type = 4, "Service"
	case "unknown", "redacted", "":
		u.TypeID, u.Type = 0, "Unknown"
	}
	return u
}

// ocsfIP is s as OCSF takes an address: one that parses, without a zone.
func ocsfIP(s string) (string, bool) {
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" {
		return "", false
	}
	return ip.Unmap().String(), true
}

func ocsfEndpointOf(a finding.Address) *ocsfEndpoint {
	if a.IP == "" {
		return nil
	}
	e := &ocsfEndpoint{InterfaceUID: a.Endpoint}
	if ip, ok := ocsfIP(a.IP); ok {
		e.IP = ip
	} else {
		e.Name = a.IP
	}
	number, _ := strconv.ParseInt(strings.TrimPrefix(a.ASN, "AS"), 10, 64)
	if number > 0 || a.ASName != "" {
		e.AS = &ocsfAS{Number: number, Name: a.ASName}
	}
	if a.Country != "" {
		e.Location = &ocsfLocation{Country: a.Country}
	}
	return e
}

// ocsfAttackOf is an ATT&CK technique under the tactic Discovery, the only
// one whose calls score. A sub-technique (T1087.004) stands with its parent.
func ocsfAttackOf(t finding.Technique) ocsfAttack {
	a := ocsfAttack{Tactic: ocsfTechnique{UID: "TA0007", Name: "Discovery"}, Technique: ocsfTechnique{UID: t.ID, Name: t.Name}}
	if parent, _, ok := strings.Cut(t.ID, "."); ok {
		a.Technique = ocsfTechnique{UID: parent}
		a.SubTechnique = &ocsfTechnique{UID: t.ID, Name: t.Name}
	}
	return a
}

// logsOf names the logs of the provider that held events.
func logsOf(r *finding.Report, provider string) []string {
	var out []string
	for _, l := range r.Summary.Logs {
		if l.Cloud == provider && l.Events > 0 {
			out = append(out, l.Log)
		}
	}
	return out
}

// epochMillis is an RFC 3339 time in milliseconds since the Unix epoch, 0 for
// what is not a time.
func epochMillis(s string) int64 {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return 0
	}
	return t.UnixMilli()
}
