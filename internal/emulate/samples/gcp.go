package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vedette/internal/emulate"
)

//go:embed gcp_estate.json
var gcpEstateJSON []byte

func recordGCP(r *recording) error {
	var estate emulate.GCPEstate
	if err := json.Unmarshal(gcpEstateJSON, &estate); err != nil {
		return fmt.Errorf("gcp_estate.json: %w", err)
	}
	rec := &emulate.GCP{Stage: r.stage, Estate: &estate, Policy: r.policy, UserAgent: emulate.PlainAgent}
	if err := r.serve(func(host string) http.Handler {
		if rec.Serves(host) {
			return rec
		}
		return nil
	}); err != nil {
		return err
	}
	for _, scene := range []func(*recording, string) error{gcpEngineer, gcpVisitor, gcpIntruder} {
		if err := scene(r, estate.Project); err != nil {
			return err
		}
	}
	if faults := append(rec.Faults(), r.proxy.Missed()...); len(faults) > 0 {
		return fmt.Errorf("not recorded honestly:\n%s", strings.Join(faults, "\n"))
	}
	paths, err := rec.Deliver(r.out)
	if err != nil {
		return err
	}
	fmt.Printf("gcp: %d files; called but in no log: %v\n", len(paths), rec.NotLogged())
	return nil
}

// gcloud runs lines of the Google Cloud CLI with the token of one caller.
func (r *recording) gcloud(project, token string, lines ...string) error {
	file := filepath.Join(r.work, token)
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		return err
	}
	env := []string{
		"CLOUDSDK_CONFIG=" + filepath.Join(r.work, "gcloud"), "CLOUDSDK_CORE_PROJECT=" + project, "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=" + file,
		"CLOUDSDK_PROXY_TYPE=http", "CLOUDSDK_PROXY_ADDRESS=" + host, "CLOUDSDK_PROXY_PORT=" + port,
		"CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE=" + r.caFile(), "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING=true",
		"CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK=true", "CLOUDSDK_CORE_DISABLE_PROMPTS=1",
	}
	for _, l := range lines {
		if _, err := r.client("Required '", env, r.bin.gcloud, strings.Fields(l)...); err != nil {
			return err
		}
	}
	return nil
}

// gcpEngineer labels a machine: a look, a write, and the wait for it.
func gcpEngineer(r *recording, project string) error {
	r.stage.Begin(emulate.Scene{Source: office, Start: day("09:40:02"), PaceMin: 400 * time.Millisecond, PaceMax: 1800 * time.Millisecond})
	return r.gcloud(project, "token-anna", "compute instances add-labels web-1 --zone=europe-west1-b --labels=release=4711")
}

// gcpVisitor has a name of the project and no right in it: every list is
// denied, and the log keeps the caller's name to itself.
func gcpVisitor(r *recording, project string) error {
	r.stage.Begin(emulate.Scene{Source: thief, Start: day("11:05:44"), PaceMin: 2 * time.Second, PaceMax: 5 * time.Second})
	return r.gcloud(project, "token-outsider",
		"compute instances list", "compute disks list", "compute networks list", "compute snapshots list",
		"compute firewall-rules list", "iam service-accounts list", "storage buckets list")
}

// gcpIntruder holds the key of a service account and lists what there is.
func gcpIntruder(r *recording, project string) error {
	r.stage.Begin(emulate.Scene{Source: intruder, Start: day("13:37:20"), PaceMin: 1500 * time.Millisecond, PaceMax: 4 * time.Second})
	return r.gcloud(project, "token-report",
		"compute instances list", "compute disks list", "compute networks list", "compute networks subnets list",
		"compute firewall-rules list", "compute addresses list", "compute snapshots list", "compute images list --no-standard-images",
		"iam service-accounts list", "iam roles list --project="+project,
		"storage buckets list", "sql instances list", "container clusters list")
}
