// Package all lists the clouds. A new cloud is its folder and one line here.
package all

import (
	"vedette/internal/cloud"
	"vedette/internal/cloud/aws"
	"vedette/internal/cloud/azure"
	"vedette/internal/cloud/gcp"
)

// Providers returns the clouds that Vedette reads, in the order in which
// reports show them.
func Providers() []cloud.Provider {
	return []cloud.Provider{aws.New(), azure.New(), gcp.New()}
}
