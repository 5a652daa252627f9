package sql

import (
	"testing"

	"vedette/internal/siem/siemtest"
)

func TestSuite(t *testing.T) {
	for _, b := range Backends() {
		t.Run(b.Name(), func(t *testing.T) { siemtest.Run(t, b) })
	}
}
