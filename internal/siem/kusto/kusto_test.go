package kusto

import (
	"testing"

	"vedette/internal/siem/siemtest"
)

func TestSuite(t *testing.T) { siemtest.Run(t, Backend{}) }
