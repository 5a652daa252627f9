package report

import (
	"strings"

	"vedette/internal/finding"
)

// The reports of the golden files are built by hand. Addresses and accounts
// are of the ranges kept for documentation.

// fixtures are the reports by the name of their golden folder.
func fixtures() map[string]*finding.Report {
	all := map[string]*finding.Report{"three-clouds": threeClouds(), "nothing": nothing(), "hostile": hostile()}
	for _, r := range all {
		r.Tally()
	}
	return all
}

func builtin() []finding.Detection {
	return []finding.Detection{{ID: "t1580", Name: "Cloud infrastructure discovery", Version: "1", Windows: []string{"15m"}}}
}

func t1580(n int) []finding.Technique {
	return []finding.Technique{{ID: "T1580", Name: "Cloud Infrastructure Discovery", Events: n}}
}

func threeClouds() *finding.Report {
	aws := finding.Finding{
		ID: "3f2a9c1d7be04f5a", Scope: "account", Campaign: "c0ffee0011223344",
		Detections: builtin(),
		Techniques: append(t1580(27), finding.Technique{ID: "T1087.004", Name: "Cloud Account", Events: 2}),
		Cloud: finding.CloudRef{Provider: "aws", Account: finding.Account{ID: "111122223333", Name: "payments",
			Environment: "production", Criticality: "critical"}},
		Actor:  finding.Actor{Kind: "iam_role", ID: "arn:aws:iam::111122223333:role/service/get-password-data-role", Owner: "Platform team"},
		Origin: &finding.Origin{ID: "arn:aws:iam::444455556666:user/bert-jan", Kind: "iam_user", Others: 1},
		Chain: []finding.Link{
			{From: "arn:aws:iam::444455556666:user/bert-jan", To: "arn:aws:iam::444455556666:role/hop", Via: "AssumeRole",
				Session: "arn:aws:sts::444455556666:assumed-role/hop/s1", Key: "ASIAEXAMPLEHOP000001", FromKey: "AKIAEXAMPLEBERT00001", Time: "2023-07-10T11:40:01Z", EventID: "0c2e7a7e-0000-4000-8000-000000000001"},
			{From: "arn:aws:iam::444455556666:role/hop", To: "arn:aws:iam::111122223333:role/service/get-password-data-role", Via: "AssumeRole",
				Session: "arn:aws:sts::111122223333:assumed-role/get-password-data-role/red", Key: "ASIAEXAMPLEKEY000001", Time: "2023-07-10T11:41:00Z"},
		},
		Judgement: finding.Judgement{Priority: 81, Level: "critical", Slice: "arn:aws:sts::111122223333:assumed-role/get-password-data-role/red",
			Reasons: []finding.Reason{
				{Factor: "denied", Points: 33, Text: "29 of 29 calls refused over 29 resources"},
				{Factor: "denied_sweep", Points: 22, Text: "GetPasswordData refused for 29 different resources"},
				{Factor: "follow_keys", Points: 15, Text: "then CreateAccessKey at 12:31:07, CreateLoginProfile (refused) at 12:31:09"},
				{Factor: "tool", Points: 14, Text: "calls like those of Pacu: 6 of the 7 calls of iam__enum_permissions in its order"},
				{Factor: "services", Points: 10, Text: "11 services asked: ec2.amazonaws.com, iam.amazonaws.com, kms.amazonaws.com, lambda.amazonaws.com, newservice.amazonaws.com, rds.amazonaws.com and 5 more"},
				{Factor: "new_network", Points: 8, Text: "from a network not seen in 30 days: 203.0.113.0/24"},
				{Factor: "apis", Points: 3, Text: "14 distinct operations"},
				{Factor: "known", Points: -24, Text: "8 of 14 operations used before, from the same networks with the same clients, on 22 of 30 days"},
			},
			Claims: []string{"claims to be Terraform"},
			Tools: []finding.Resemblance{{Name: "Pacu", Confidence: "high", Basis: "6 of the 7 calls of iam__enum_permissions in its order", Link: "https://example.com/pacu",
				Against: "the client speaks against it, which calls itself terraform; Pacu calls by boto3, botocore, unless it is made to hide"}},
			Incidents: []finding.Resemblance{
				{Name: "LUCR-3", Confidence: "medium", Basis: "7 of 11 published calls", Link: "https://example.com/lucr-3"},
				{Name: "A second incident", Confidence: "low", Basis: "4 of 12 published calls", Link: "https://example.com/second"}}},
		RiskScore: 90,
		Peak:      finding.Window{Name: "15m", Start: "2023-07-10T11:42:36Z", End: "2023-07-10T11:57:36Z", RiskScore: 90, Events: 29, DistinctAPIs: 6},
		Events:    1029, DistinctAPIs: 14, FirstSeen: "2023-07-10T11:42:36Z", LastSeen: "2023-07-10T12:08:39.25Z", ThrottledRetries: 3,
		Outcomes:      finding.Outcomes{OK: 990, Denied: 29, Absent: 7, Throttled: 1, Invalid: 1, Other: 1},
		DenialReasons: map[string]int{"identity_policy": 20, "unknown": 8, "organization_policy": 1},
		APIs: []finding.API{
			{Service: "ec2.amazonaws.com", Name: "DescribeInstances", Events: 900, Outcomes: finding.Outcomes{OK: 880, Denied: 20}, Technique: "T1580", Category: "compute", Known: true, Targets: 4},
			{Service: "iam.amazonaws.com", Name: "ListUsers", Events: 120, Outcomes: finding.Outcomes{OK: 111, Denied: 9}, Technique: "T1087.004", Category: "identity", Known: true, Targets: 1},
			{Service: "newservice.amazonaws.com", Name: "ListThingsOfAVeryLongNameThatNoCatalogueHasEverHeardOfBefore", Events: 9, Outcomes: finding.Outcomes{OK: 9}, Targets: 9},
		},
		Services: []finding.Count{{Name: "ec2.amazonaws.com", Events: 900}, {Name: "iam.amazonaws.com", Events: 120}, {Name: "newservice.amazonaws.com", Events: 9}},
		Regions: []finding.Count{{Name: "us-east-1", Events: 500}, {Name: "eu-west-1", Events: 200}, {Name: "eu-central-1", Events: 100},
			{Name: "ap-northeast-1", Events: 60}, {Name: "sa-east-1", Events: 30}, {Name: "us-west-2", Events: 10}, {Name: "ca-central-1", Events: 9}},
		GlobalServices: []finding.Count{{Name: "iam.amazonaws.com", Events: 120}},
		Accounts:       []finding.Account{{ID: "111122223333", Name: "payments", Environment: "production", Criticality: "critical", Events: 1029}},
		Addresses: []finding.Address{
			{IP: "203.0.113.77", Events: 900, ASN: "AS64500", ASName: "Example Transit", Country: "NL"},
			{IP: "198.51.100.4", Events: 100, Label: "Utrecht office", Kind: "office"},
			{IP: "10.0.3.9", Endpoint: "vpce-0a1b2c3d4e5f", Events: 20},
			{IP: "2001:db8::17", Events: 9, ASN: "AS64501", Country: "DE"},
		},
		AddressesTotal: 6,
		Clients: []finding.Client{{Family: "aws-cli", UserAgent: "aws-cli/2.12.1 Python/3.11.4 Darwin/22.5.0 exe/x86_64 prompt/off command/ec2.describe-instances", Events: 1000},
			{Family: "boto3", UserAgent: "Boto3/1.26.0", Events: 29}},
		Sessions: []finding.Count{{Name: "arn:aws:sts::111122223333:assumed-role/get-password-data-role/work", Events: 1000},
			{Name: "arn:aws:sts::111122223333:assumed-role/get-password-data-role/red", Events: 29}},
		SessionsTotal: 2, Keys: []finding.Count{{Name: "ASIAEXAMPLEKEY000002", Events: 1000}, {Name: "ASIAEXAMPLEKEY000001", Events: 29}}, KeysTotal: 2, Targets: 14,
		Slices: []finding.Slice{
			{Cut: "session", Name: "arn:aws:sts::111122223333:assumed-role/get-password-data-role/red", Fires: true, RiskScore: 90, Events: 29, DistinctAPIs: 6,
				Peak:     &finding.Window{Name: "15m", Start: "2023-07-10T11:42:36Z", End: "2023-07-10T11:57:36Z", RiskScore: 90, Events: 29, DistinctAPIs: 6},
				Outcomes: finding.Outcomes{Denied: 29}, FirstSeen: "2023-07-10T11:42:36Z", LastSeen: "2023-07-10T11:42:39Z"},
			{Cut: "network", Name: "203.0.113.0/24 aws-cli", Events: 1000, DistinctAPIs: 10, Outcomes: finding.Outcomes{OK: 1000},
				FirstSeen: "2023-07-10T11:42:36Z", LastSeen: "2023-07-10T12:08:39.25Z"},
		},
		SlicesTotal: 3, WorstSlice: "arn:aws:sts::111122223333:assumed-role/get-password-data-role/red",
		Evidence: []finding.Evidence{
			{EventID: "5f1c0c3a-0000-4000-8000-00000000000a", Time: "2023-07-10T11:42:36Z", Service: "ec2.amazonaws.com", Operation: "DescribeInstances", Outcome: "denied",
				Account: "111122223333", Region: "us-east-1", IP: "203.0.113.77", At: finding.At{File: "logs/111122223333_CloudTrail_us-east-1_20230710T1145Z.json.gz", Record: 12}},
			{EventID: "5f1c0c3a-0000-4000-8000-00000000000b", Time: "2023-07-10T11:42:37Z", Service: "iam.amazonaws.com", Operation: "ListUsers", Outcome: "ok",
				Account: "111122223333", IP: "10.0.3.9", At: finding.At{File: "logs/111122223333_CloudTrail_us-east-1_20230710T1145Z.json.gz", Record: 13}},
		},
		EvidenceTotal: 1029,
	}
	azure := finding.Finding{
		ID: "3f2a9c1d00000000", Scope: "account", Continues: "9999aaaabbbbcccc", PreviousIDs: []string{"1111222233334444"},
		Detections: builtin(), Techniques: t1580(33),
		Cloud: finding.CloudRef{Provider: "azure", Account: finding.Account{ID: "00000000-1111-2222-3333-444444444444"}},
		Actor: finding.Actor{Kind: "entra_user", ID: "entra:9f0c1d2e-0000-0000-0000-000000000000/7a7a7a7a-0000-0000-0000-000000000000", Name: "mallory@example.com"},
		Judgement: finding.Judgement{Priority: 30, Level: "low", Reasons: []finding.Reason{
			{Factor: "key_lists", Points: 30, Text: "keys or settings with secrets asked for of 33 resources"}}},
		RiskScore: 70, Peak: finding.Window{Name: "15m", Start: "2024-02-28T23:55:00Z", End: "2024-02-29T00:10:00Z", RiskScore: 70, Events: 33, DistinctAPIs: 11},
		Events: 33, DistinctAPIs: 11, FirstSeen: "2024-02-28T23:55:00Z", LastSeen: "2024-02-29T00:04:30Z",
		Outcomes: finding.Outcomes{OK: 33},
		APIs:     []finding.API{{Service: "microsoft.storage", Name: "storageAccounts/listKeys/action", Events: 33, Outcomes: finding.Outcomes{OK: 33}, Technique: "T1580", Known: true, Targets: 33}},
		Services: []finding.Count{{Name: "microsoft.storage", Events: 33}}, Regions: []finding.Count{{Name: "westeurope", Events: 33}},
		Accounts:  []finding.Account{{ID: "00000000-1111-2222-3333-444444444444", Events: 33}},
		Addresses: []finding.Address{{IP: "192.0.2.200", Events: 33}}, AddressesTotal: 1,
		Evidence: []finding.Evidence{{EventID: "a1", Time: "2024-02-28T23:55:00Z", Service: "microsoft.storage", Operation: "storageAccounts/listKeys/action",
			Outcome: "ok", Account: "00000000-1111-2222-3333-444444444444", IP: "192.0.2.200", At: finding.At{File: "activity.json", Record: 1}}},
		EvidenceTotal: 1, Targets: 33,
	}
	gcp := finding.Finding{
		ID: "77d1e2f3a4b5c6d7", Scope: "origin", Detections: builtin(), Techniques: t1580(250),
		Cloud: finding.CloudRef{Provider: "gcp", Account: finding.Account{ID: "payments-prod"}},
		Actor: finding.Actor{Kind: "service_account", ID: "scanner@payments-prod.iam.gserviceaccount.com"},
		Judgement: finding.Judgement{Priority: 14, Level: "informational", Aside: "a service agent of the project, which nobody else can be",
			Reasons: []finding.Reason{
				{Factor: "sweep", Points: 12, Text: "a sweep over 250 resources with compute.instances.list"},
				{Factor: "volume", Points: 4, Text: "250 calls"},
				{Factor: "aside", Points: -2, Text: "a service agent of the project, which nobody else can be"}}},
		RiskScore: 50, Peak: finding.Window{Name: "15m", Start: "2024-03-01T08:00:00Z", End: "2024-03-01T08:15:00Z", RiskScore: 50, Events: 250, DistinctAPIs: 1},
		Events: 250, DistinctAPIs: 1, FirstSeen: "2024-03-01T08:00:00Z", LastSeen: "2024-03-01T08:00:00Z",
		Outcomes: finding.Outcomes{OK: 250}, Services: []finding.Count{{Name: "compute.googleapis.com", Events: 250}},
		APIs:      []finding.API{{Service: "compute.googleapis.com", Name: "compute.instances.list", Events: 250, Outcomes: finding.Outcomes{OK: 250}, Technique: "T1580", Known: true, Targets: 250}},
		Accounts:  []finding.Account{{ID: "payments-prod", Events: 5}, {ID: "payments-test", Events: 5}},
		Addresses: []finding.Address{{IP: "gce-internal-ip", Events: 250}}, AddressesTotal: 1,
		Evidence: []finding.Evidence{{EventID: "b1", Time: "2024-03-01T08:00:00Z", Service: "compute.googleapis.com", Operation: "compute.instances.list", Outcome: "ok",
			Account: "payments-prod", IP: "gce-internal-ip", At: finding.At{File: "-", Record: 7}}},
		EvidenceTotal: 250, Targets: 250,
	}
	return &finding.Report{
		SchemaVersion: finding.SchemaVersion,
		Findings:      []finding.Finding{aws, azure, gcp},
		Summary: finding.Summary{Files: 412, Bytes: 123_456_789, Records: 45_123, Events: 45_100, Duplicates: 12, Scoring: 9_001, ServiceMade: 333, Skipped: 20, Unparsed: 3,
			FirstEvent: "2023-07-10T11:00:00Z", LastEvent: "2024-03-01T09:00:00Z",
			Logs: []finding.LogCount{{Cloud: "aws", Log: "cloudtrail.management", Records: 45_003, Events: 45_000}, {Cloud: "azure", Log: "azure.activity", Records: 100, Events: 100},
				{Cloud: "none", Log: "other", Records: 20}},
			Problems:      []finding.Problem{{File: "logs/broken.json.gz", Reason: "unexpected end of gzip data"}, {File: "logs/odd.json", Record: 3, Offset: 90_210, Reason: "eventTime is a number"}},
			ProblemsTotal: 4, Detections: []string{"t1580"}, Filtered: 1,
			Notes:      []string{"context context.yaml: 1 of 2 accounts met"},
			Exceptions: []finding.Exception{{ID: "nightly", State: "unused", Expires: "2023-08-01T00:00:00Z"}}},
		Coverage: []finding.Coverage{
			{Provider: "aws", Service: "*", Region: "*", Log: "cloudtrail.data", Verdict: "not_seen", Blind: "Reads of S3 objects, Lambda invocations and other data events are not in this input.", Enable: "Add data event selectors to the trail.", ID: "aws.data_events"},
			{Provider: "aws", Service: "*", Region: "*", Log: "cloudtrail.management", Verdict: "reads_seen", Reads: 40_000, Writes: 5_000, ID: "aws.management"},
			{Provider: "aws", Service: "ec2.amazonaws.com", Region: "us-east-1", Log: "cloudtrail.management", Verdict: "reads_seen", Reads: 39_000, Writes: 4_000},
			{Provider: "aws", Service: "iam.amazonaws.com", Region: "us-east-1", Log: "cloudtrail.management", Verdict: "only_writes_seen", Writes: 1_000},
			{Provider: "azure", Service: "*", Region: "*", Log: "azure.activity", Verdict: "only_writes_seen", Writes: 100, Blind: "The Activity log holds no reads: a caller that lists virtual machines leaves no row.",
				Enable: "Nothing switches it on for the control plane; use Microsoft Graph activity logs and resource logs.", ID: "azure.activity_no_reads"},
		},
	}
}

func nothing() *finding.Report {
	return &finding.Report{
		SchemaVersion: finding.SchemaVersion,
		Summary: finding.Summary{Files: 1, Bytes: 900, Records: 5, Events: 5, FirstEvent: "2024-03-01T08:00:00Z", LastEvent: "2024-03-01T08:10:00Z",
			Logs: []finding.LogCount{{Cloud: "gcp", Log: "gcp.admin_activity", Records: 5, Events: 5}}, Detections: []string{"t1580"}},
		Coverage: []finding.Coverage{{Provider: "gcp", Service: "*", Region: "*", Log: "gcp.data_access", Verdict: "not_seen",
			Blind: "Reads of Google Cloud services are logged as Data Access, of which there is none here.", Enable: "Switch on ADMIN_READ for all services in the audit configuration.", ID: "gcp.no_data_access"},
			{Provider: "gcp", Service: "compute.googleapis.com", Region: "europe-west4", Log: "gcp.admin_activity", Verdict: "only_writes_seen", Writes: 5}},
	}
}

// hostile has in every place where a caller can write what attacks a
// terminal, a spreadsheet, a page or a parser.
func hostile() *finding.Report {
	const (
		ansi    = "\x1b[2J\x1b]0;owned\x07"
		bidi    = "user\u202egpj.exe\u2066x\u2069"
		formula = "=cmd|' /C calc'!A0"
		html    = "</script><script>alert(1)</script>&\u2028"
		broken  = "caf\xc3 \xff"
		newline = "line\r\nRISK 0 all is well"
	)
	long := strings.Repeat("A very long name ", 40)
	f := finding.Finding{
		ID: "deadbeef00000001", Scope: "account", Detections: builtin(), Techniques: t1580(10),
		Cloud:  finding.CloudRef{Provider: "aws", Account: finding.Account{ID: "+111122223333", Name: formula}},
		Actor:  finding.Actor{Kind: "sso_user", ID: formula + ansi, Name: bidi + newline},
		Origin: &finding.Origin{ID: html, Kind: newline},
		Chain:  []finding.Link{{From: broken, To: bidi, Via: ansi, Session: long, Key: "\u200b\ufeff", FromKey: formula + ansi, Time: "not a time", EventID: html}},
		Judgement: finding.Judgement{Priority: 3, Level: "informational", Slice: ansi + newline,
			Reasons: []finding.Reason{
				{Factor: formula, Points: 7, Text: ansi + newline}, {Factor: bidi, Points: 5, Text: long + html},
				{Factor: broken, Points: -4, Text: formula}, {Factor: html, Points: -5, Text: bidi + broken}},
			Claims:    []string{formula, ansi + newline},
			Tools:     []finding.Resemblance{{Name: ansi, Confidence: newline, Basis: long, Against: formula + html + ansi, Link: "javascript:alert(1)" + bidi}},
			Incidents: []finding.Resemblance{{Name: html, Confidence: bidi, Basis: formula + ansi, Link: newline}}},
		RiskScore: 90, Peak: finding.Window{Name: ansi, Start: "yesterday", End: "", RiskScore: 90, Events: 9, DistinctAPIs: 5},
		Events: 10, DistinctAPIs: 5, FirstSeen: ansi, LastSeen: "2024-03-01T08:00:00Z",
		Outcomes: finding.Outcomes{Denied: 10}, DenialReasons: map[string]int{ansi: 4, html: 6},
		APIs:     []finding.API{{Service: html, Name: "-2+3" + ansi, Events: 10, Targets: 1}},
		Services: []finding.Count{{Name: "@SUM(A1)", Events: 5}, {Name: "", Events: 5}}, Regions: []finding.Count{{Name: bidi, Events: 10}},
		Accounts:  []finding.Account{{ID: "+111122223333", Events: 10}},
		Addresses: []finding.Address{{IP: "203.0.113.9%" + ansi, Events: 5, ASN: "ASnone", ASName: newline, Country: bidi, Label: ansi}, {IP: "999.1.1.1", Events: 5}},
		Clients:   []finding.Client{{Family: ansi, UserAgent: long + ansi, Events: 10}},
		Sessions:  []finding.Count{{Name: newline, Events: 10}}, Keys: []finding.Count{{Name: broken, Events: 10}},
		Slices:     []finding.Slice{{Cut: "session", Name: newline + ansi, Fires: true, RiskScore: 90, Events: 5, DistinctAPIs: 5, FirstSeen: "x", LastSeen: "y"}},
		WorstSlice: newline + ansi, SessionsTotal: 1, KeysTotal: 1, AddressesTotal: 2, SlicesTotal: 1,
		Evidence: []finding.Evidence{{EventID: html, Time: ansi, Service: broken, Operation: bidi, Outcome: newline, Account: formula, Region: ansi, IP: long,
			At: finding.At{File: "dir/\x1b[31mred\n.json", Record: 1}}},
		EvidenceTotal: 10,
	}
	aside := f
	aside.ID, aside.Aside = "feedbeef00000002", formula+ansi+html
	return &finding.Report{
		SchemaVersion: finding.SchemaVersion, Findings: []finding.Finding{f, aside},
		Summary: finding.Summary{Files: 1, Records: 10, Events: 10, FirstEvent: ansi, LastEvent: html,
			Logs:     []finding.LogCount{{Cloud: ansi, Log: long, Records: 10, Events: 10}},
			Problems: []finding.Problem{{File: ansi + newline, Reason: bidi + long}}, ProblemsTotal: 1, Notes: []string{ansi + newline}},
		Coverage: []finding.Coverage{{Provider: ansi, Service: "*", Region: bidi, Log: newline, Verdict: html, Blind: long, Enable: ansi}},
	}
}

func seedRows() []finding.Row {
	return []finding.Row{
		{TimeGenerated: "2023-07-10T11:30:00Z", CloudProvider: "AWS", Identity: "arn:aws:iam::111122223333:user/bert-jan", AccountID: "111122223333",
			DiscoveryCount: 297, DistinctAPIs: 13, APIList: []string{"DescribeInstances", "ListBuckets", "ListUsers"}, DistinctRegions: 2,
			SourceIPs: []string{"198.51.100.4", "203.0.113.77"}, FirstSeen: "2023-07-10T11:31:00Z", LastSeen: "2023-07-10T11:44:59Z", RiskScore: 90},
		{TimeGenerated: "2023-07-10T11:45:00Z", CloudProvider: "Azure", Identity: "=HYPERLINK(\"http://example.com\")\x1b[31m", AccountID: "",
			DiscoveryCount: 10, DistinctAPIs: 1, DistinctRegions: 1, FirstSeen: "2023-07-10T11:46:00Z", LastSeen: "2023-07-10T11:46:00Z", RiskScore: 50},
	}
}
