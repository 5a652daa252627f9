package finding

// Row is one window that fired, in the columns of the query that Vedette began
// with, in their order. The seed profile answers in rows, as compiled rules do.
type Row struct {
	TimeGenerated   string   `json:"TimeGenerated"` // start of the bin
	CloudProvider   string   `json:"CloudProvider"` // "AWS", "Azure" or "GCP"
	Identity        string   `json:"Identity"`
	AccountID       string   `json:"AccountId"`
	DiscoveryCount  int      `json:"DiscoveryCount"`
	DistinctAPIs    int      `json:"DistinctAPIs"`
	APIList         []string `json:"APIList"` // bytewise order, at most 50
	DistinctRegions int      `json:"DistinctRegions"`
	SourceIPs       []string `json:"SourceIPs"` // bytewise order, at most 10
	FirstSeen       string   `json:"FirstSeen"`
	LastSeen        string   `json:"LastSeen"`
	RiskScore       int      `json:"RiskScore"`
}
