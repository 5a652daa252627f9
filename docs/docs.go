// Package docs holds what the program takes from its documents.
package docs

import _ "embed"

// Rehearsal is what the attack tests came to, as vedette rehearse verify -f
// json wrote it; conformance/run.sh writes the file anew.
//
//go:embed rehearsal.json
var Rehearsal []byte
