package finding

// SeedRow is one row of the seed profile's result, with the columns of the
// query it reproduces, in their order.
type SeedRow struct {
	TimeGenerated   string   `json:"TimeGenerated"` // start of the bin
	CloudProvider   string   `json:"CloudProvider"` // "AWS" or "Azure"
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
