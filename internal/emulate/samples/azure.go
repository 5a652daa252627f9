package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"vedette/internal/emulate"
)

//go:embed azure_estate.json
var azureEstateJSON []byte

func recordAzure(r *recording) error {
	var estate emulate.AzureEstate
	if err := json.Unmarshal(azureEstateJSON, &estate); err != nil {
		return fmt.Errorf("azure_estate.json: %w", err)
	}
	rec := &emulate.Azure{Stage: r.stage, Estate: &estate, Policy: r.policy, UserAgent: emulate.PlainAgent}
	if err := r.serve(func(host string) http.Handler {
		switch {
		case rec.Serves(host):
			return rec
		case host == "azcliprod.blob.core.windows.net":
			// The Azure CLI asks whether it is up to date: not a call to the
			// cloud that is recorded.
			return http.NotFoundHandler()
		}
		return nil
	}); err != nil {
		return err
	}
	if err := azureEngineer(r); err != nil {
		return err
	}
	if err := azureIntruder(r, estate.Tenant); err != nil {
		return err
	}
	if faults := append(rec.Faults(), r.proxy.Missed()...); len(faults) > 0 {
		return fmt.Errorf("not recorded honestly:\n%s", strings.Join(faults, "\n"))
	}
	paths, err := rec.Deliver(r.out)
	if err != nil {
		return err
	}
	fmt.Printf("azure: %d blobs; called but in no log: %v\n", len(paths), rec.NotLogged())
	return nil
}

// az runs lines of the Azure CLI with a configuration folder of its own.
func (r *recording) az(who string, lines ...string) error {
	env := []string{
		"AZURE_CONFIG_DIR=" + r.work + "/" + who, "REQUESTS_CA_BUNDLE=" + r.caFile(), "AZURE_CORE_COLLECT_TELEMETRY=no",
		"AZURE_CORE_LOGIN_EXPERIENCE_V2=off", "AZURE_CORE_NO_COLOR=yes", "AZURE_CORE_ONLY_SHOW_ERRORS=yes", "AZURE_EXTENSION_USE_DYNAMIC_INSTALL=no",
	}
	for _, l := range lines {
		if _, err := r.client("(AuthorizationFailed)", env, r.bin.az, strings.Fields(l)...); err != nil {
			return err
		}
	}
	return nil
}

// azureEngineer is a person at work: one look, one key, one tag.
func azureEngineer(r *recording) error {
	r.stage.Begin(emulate.Scene{Source: office, Start: day("09:12:30"), PaceMin: 5 * time.Second, PaceMax: 70 * time.Second})
	return r.az("engineer",
		"login --use-device-code",
		"storage account list",
		"storage account keys list --account-name shopimages --resource-group rg-shop",
		"group update --name rg-shop --set tags.release=4711",
	)
}

// azureIntruder holds the secret of a service principal and walks through what
// it can see: first lists, which leave no record, then keys, which do.
func azureIntruder(r *recording, tenant string) error {
	r.stage.Begin(emulate.Scene{Source: intruder, Start: day("13:21:08"), PaceMin: 1200 * time.Millisecond, PaceMax: 3 * time.Second})
	lines := []string{
		"login --service-principal --username 66666666-0000-0000-0000-00000000000a --password not-a-password --tenant " + tenant,
		"group list", "vm list", "storage account list", "sql server list", "network vnet list", "aks list", "keyvault list", "resource list",
	}
	for _, s := range []string{"rg-shop/shoporders", "rg-shop/shopimages", "rg-data/shopbackup", "rg-data/shopexports", "rg-ops/opsdiag", "rg-ops/opstfstate"} {
		group, name, _ := strings.Cut(s, "/")
		lines = append(lines, "storage account keys list --account-name "+name+" --resource-group "+group)
	}
	lines = append(lines,
		"cosmosdb keys list --name shop-carts --resource-group rg-data",
		"redis list-keys --name shop-cache --resource-group rg-data",
		"acr credential show --name shopimages --resource-group rg-ops",
		"servicebus namespace authorization-rule keys list --namespace-name shop-bus --resource-group rg-shop --name RootManageSharedAccessKey",
		"aks get-credentials --name shop-aks --resource-group rg-shop --file -",
		"keyvault show --name kv-shop --resource-group rg-shop",
		"keyvault secret list --vault-name kv-shop",
		"keyvault key list --vault-name kv-shop",
		"keyvault certificate list --vault-name kv-shop",
		"keyvault show --name kv-ops --resource-group rg-ops",
		"keyvault secret list --vault-name kv-ops",
		"ad user list", "ad group list", "ad app list --all", "ad sp list --all",
	)
	return r.az("intruder", lines...)
}
