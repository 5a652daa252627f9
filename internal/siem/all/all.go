// Package all lists the backends.
package all

import (
	"vedette/internal/siem"
	"vedette/internal/siem/kusto"
)

// Backends returns every backend, in the order in which tables show them.
func Backends() []siem.Backend {
	return []siem.Backend{
		kusto.Backend{},
	}
}
