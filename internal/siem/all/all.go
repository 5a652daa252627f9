// Package all lists the backends.
package all

import (
	"slices"

	"vedette/internal/siem"
	"vedette/internal/siem/elastic"
	"vedette/internal/siem/kusto"
	"vedette/internal/siem/logscale"
	"vedette/internal/siem/qradar"
	"vedette/internal/siem/sigma"
	"vedette/internal/siem/splunk"
	"vedette/internal/siem/sql"
	"vedette/internal/siem/sumo"
	"vedette/internal/siem/yaral"
)

// Backends returns every backend, in the order in which tables show them.
func Backends() []siem.Backend {
	return slices.Concat(
		[]siem.Backend{
			kusto.Backend{},
			splunk.Backend{},
			elastic.Backend{},
			qradar.Backend{},
			sumo.Backend{},
			yaral.Backend{},
			logscale.Backend{},
			sigma.Backend{},
		},
		sql.Backends(),
	)
}
