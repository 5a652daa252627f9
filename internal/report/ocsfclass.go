package report

import "vedette/internal/finding"

// ocsfFinding is the class as far as a finding fills it, in the order in which
// members are written.
type ocsfFinding struct {
	ActivityID   int              `json:"activity_id"`
	ActivityName string           `json:"activity_name"`
	CategoryUID  int              `json:"category_uid"`
	CategoryName string           `json:"category_name"`
	ClassUID     int              `json:"class_uid"`
	ClassName    string           `json:"class_name"`
	TypeUID      int              `json:"type_uid"`
	TypeName     string           `json:"type_name"`
	Time         int64            `json:"time"`
	StartTime    int64            `json:"start_time"`
	EndTime      int64            `json:"end_time"`
	Count        int              `json:"count"`
	SeverityID   int              `json:"severity_id"`
	Severity     string           `json:"severity"`
	StatusID     int              `json:"status_id"`
	Status       string           `json:"status"`
	StatusDetail string           `json:"status_detail,omitempty"`
	IsAlert      bool             `json:"is_alert"`
	Message      string           `json:"message"`
	RiskScore    int              `json:"risk_score"`
	RiskLevelID  int              `json:"risk_level_id"`
	RiskLevel    string           `json:"risk_level"`
	RiskDetails  string           `json:"risk_details,omitempty"`
	FindingInfo  ocsfInfo         `json:"finding_info"`
	Cloud        ocsfCloud        `json:"cloud"`
	Resources    []ocsfResource   `json:"resources,omitempty"`
	Evidences    []ocsfEvidence   `json:"evidences,omitempty"`
	Observables  []ocsfObservable `json:"observables,omitempty"`
	Enrichments  []ocsfEnrichment `json:"enrichments,omitempty"`
	Metadata     ocsfMetadata     `json:"metadata"`
	Unmapped     *ocsfUnmapped    `json:"unmapped"`
}

type ocsfMetadata struct {
	Version        string      `json:"version"`
	Profiles       []string    `json:"profiles"`
	Product        ocsfProduct `json:"product"`
	UID            string      `json:"uid"`
	CorrelationUID string      `json:"correlation_uid,omitempty"`
	// IsTruncated says that evidence was left out of a long finding.
	IsTruncated bool `json:"is_truncated,omitzero"`
}

type ocsfProduct struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
	Version    string `json:"version,omitempty"`
}

type ocsfInfo struct {
	UID           string         `json:"uid"`
	Title         string         `json:"title"`
	Desc          string         `json:"desc"`
	Types         []string       `json:"types"`
	Analytic      *ocsfAnalytic  `json:"analytic,omitempty"`
	OtherAnalytic []ocsfAnalytic `json:"related_analytics,omitempty"`
	Attacks       []ocsfAttack   `json:"attacks,omitempty"`
	DataSources   []string       `json:"data_sources,omitempty"`
	FirstSeen     int64          `json:"first_seen_time"`
	LastSeen      int64          `json:"last_seen_time"`
	CreatedTime   int64          `json:"created_time"`
	RelatedEvents []ocsfRelated  `json:"related_events,omitempty"`
}

type ocsfRelated struct {
	UID     string `json:"uid"`
	TypeUID int    `json:"type_uid"`
	Title   string `json:"title"`
}

type ocsfAnalytic struct {
	TypeID  int    `json:"type_id"`
	Type    string `json:"type"`
	UID     string `json:"uid"`
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// ocsfTechnique is a tactic, technique or sub-technique of ATT&CK.
type ocsfTechnique struct {
	UID  string `json:"uid"`
	Name string `json:"name,omitempty"`
}

type ocsfAttack struct {
	Tactic       ocsfTechnique  `json:"tactic"`
	Technique    ocsfTechnique  `json:"technique"`
	SubTechnique *ocsfTechnique `json:"sub_technique,omitempty"`
}

type ocsfCloud struct {
	Provider string       `json:"provider"`
	Account  *ocsfAccount `json:"account,omitempty"`
	Region   string       `json:"region,omitempty"`
}

type ocsfAccount struct {
	UID    string   `json:"uid,omitempty"`
	Name   string   `json:"name,omitempty"`
	TypeID int      `json:"type_id"`
	Type   string   `json:"type"`
	Labels []string `json:"labels,omitempty"`
}

type ocsfResource struct {
	UID         string   `json:"uid"`
	Name        string   `json:"name,omitempty"`
	Type        string   `json:"type"`
	Provider    string   `json:"provider,omitempty"`
	RoleID      int      `json:"role_id"`
	Role        string   `json:"role"`
	Criticality string   `json:"criticality,omitempty"`
	Labels      []string `json:"labels,omitempty"`
}

type ocsfEvidence struct {
	UID         string        `json:"uid,omitempty"`
	Name        string        `json:"name"`
	Actor       ocsfActor     `json:"actor"`
	API         ocsfAPI       `json:"api"`
	SrcEndpoint *ocsfEndpoint `json:"src_endpoint,omitempty"`
	Data        any           `json:"data"`
}

type ocsfActor struct {
	User ocsfUser `json:"user"`
}

type ocsfUser struct {
	UID     string       `json:"uid"`
	Name    string       `json:"name,omitempty"`
	TypeID  int          `json:"type_id"`
	Type    string       `json:"type"`
	Account *ocsfAccount `json:"account,omitempty"`
}

type ocsfAPI struct {
	Operation string       `json:"operation"`
	Service   *ocsfService `json:"service,omitempty"`
}

type ocsfService struct {
	Name string `json:"name"`
}

type ocsfEndpoint struct {
	IP           string        `json:"ip,omitempty"`
	Name         string        `json:"name,omitempty"`
	InterfaceUID string        `json:"interface_uid,omitempty"`
	AS           *ocsfAS       `json:"autonomous_system,omitempty"`
	Location     *ocsfLocation `json:"location,omitempty"`
}

type ocsfAS struct {
	Number int64  `json:"number,omitzero"`
	Name   string `json:"name,omitempty"`
}

type ocsfLocation struct {
	Country string `json:"country"`
}

type ocsfObservable struct {
	TypeID int    `json:"type_id"`
	Type   string `json:"type"`
	Name   string `json:"name"`
	Value  string `json:"value"`
}

type ocsfEnrichment struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Type  string `json:"type"`
	Data  any    `json:"data"`
}

// ocsfUnmapped keeps the figures of a finding that OCSF has no attribute for,
// under their names in the JSON format.
type ocsfUnmapped struct {
	finding.Judgement
	Scope          string            `json:"scope"`
	Peak           finding.Window    `json:"peak"`
	DistinctAPIs   int               `json:"distinct_apis"`
	Targets        int               `json:"distinct_targets"`
	Outcomes       finding.Outcomes  `json:"outcomes"`
	DenialReasons  map[string]int    `json:"denial_reasons,omitempty"`
	APIs           []finding.API     `json:"apis"`
	Services       []finding.Count   `json:"services"`
	Regions        []finding.Count   `json:"regions"`
	GlobalServices []finding.Count   `json:"global_services"`
	Addresses      []finding.Address `json:"source_addresses"`
	Clients        []finding.Client  `json:"clients"`
	Sessions       []finding.Count   `json:"sessions"`
	Keys           []finding.Count   `json:"keys"`
	Origin         *finding.Origin   `json:"origin,omitempty"`
	Chain          []finding.Link    `json:"chain,omitempty"`
	ChainTotal     int               `json:"chain_total,omitzero"`
	Slices         []finding.Slice   `json:"slices"`
	WorstSlice     string            `json:"worst_slice,omitempty"`
	PreviousIDs    []string          `json:"previous_ids,omitempty"`
	EvidenceTotal  int               `json:"evidence_total"`
}
