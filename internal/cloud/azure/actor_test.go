package azure

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vedette/internal/event"
)

func TestStatement10_Actors(t *testing.T) {
	d := newDecoder(t)
	noClaims := with(t, rest, `"claims":`+userClaims+`,`, ``)
	noName := with(t, noClaims, `"caller":"Ada@Example.com",`, ``)
	claims := func(c string) string { return with(t, rest, userClaims, c, `"caller":"Ada@Example.com",`, ``) }
	ids := `"oid":"` + object + `","tid":"` + tenant + `","appid":"` + application + `"`
	for name, c := range map[string]struct {
		record, principal string
		kind              event.ActorKind
	}{
		"user":             {rest, user, event.AzureUser},
		"caller":           {noClaims, "ada@example.com", event.AzureUser},
		"caller's id":      {with(t, noClaims, "Ada@Example.com", strings.ToUpper(object)), object, event.AzureServicePrincipal},
		"nobody":           {noName, "unknown:" + tenant + "/198.51.100.7", event.UnknownActor},
		"application":      {claims(`{"idtyp":"app",` + ids + `}`), user, event.AzureServicePrincipal},
		"no type of token": {claims(`{` + ids + `}`), user, event.AzureServicePrincipal},
		"public client":    {claims(`{"appidacr":"0",` + ids + `}`), user, event.UnknownActor},
		"issuer":           {claims(`{"idtyp":"user","oid":"` + object + `","iss":"https://sts.windows.net/` + strings.ToUpper(tenant) + `/"}`), user, event.AzureUser},
		"no object":        {claims(`{"idtyp":"app","appid":"` + application + `"}`), "app:" + tenant + "/" + application, event.AzureServicePrincipal},
		"mail alone":       {claims(`{"name":"Ada","http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":"Ada@Example.com"}`), "ada@example.com", event.AzureUser},
		"managed identity": {claims(`{"idtyp":"app","xms_mirid":"/Subscriptions/S/vm1",` + ids + `}`), user, event.AzureManagedIdentity},
		"claims in text":   {with(t, rest, userClaims, `"{\"oid\":\"`+object+`\",\"tid\":\"`+tenant+`\",\"idtyp\":\"user\"}"`), user, event.AzureUser},
		"identity in text": {with(t, export, `"identity":{`, `"identity":"{\"claims\":{\"oid\":\"`+object+`\",\"tid\":\"`+tenant+`\",\"idtyp\":\"user\"}}","x":{`), user, event.AzureUser},
		"evidence":         {with(t, claims(`{"oid":"`+object+`","tid":"`+tenant+`"}`), `"authorization":{`, `"authorization":"{\"evidence\":{\"principalType\":\"User\"}}","x":{`), user, event.AzureUser},
		"graph app":        {with(t, graph, `"userId":"`+object+`","servicePrincipalId":null`, `"userId":null,"servicePrincipalId":"`+object+`"`), user, event.AzureServicePrincipal},
		"account key":      {with(t, store, `"type":"OAuth"`, `"type":"AccountKey"`, `"requester"`, `"x"`), "accountkey:store1", event.AzureAccountKey},
		"shared access":    {with(t, store, `"type":"OAuth"`, `"type":"SAS"`, `"requester"`, `"x"`), "sas:store1", event.AzureAccountKey},
		"anonymous":        {with(t, store, `"type":"OAuth"`, `"type":"Anonymous"`, `"requester"`, `"x"`), "anonymous:store1/198.51.100.7", event.Anonymous},
	} {
		ev := decode(t, d, c.record)
		if string(ev.Actor.Principal) != c.principal || ev.Actor.Kind != c.kind {
			t.Errorf("%s: %v %q, want %v %q", name, ev.Actor.Kind, ev.Actor.Principal, c.kind, c.principal)
		}
	}
	ev := decode(t, d, claims(`{"idtyp":"app","xms_mirid":"/Subscriptions/S/id","xms_az_rid":"/Subscriptions/S/vm1",`+ids+`}`))
	if string(ev.Actor.Creator) != "resource:/subscriptions/s/vm1" {
		t.Errorf("creator %q", ev.Actor.Creator)
	}
	ev = decode(t, d, with(t, rest, `"clientIpAddress":"198.51.100.7",`, ``))
	if in := decode(t, d, with(t, rest, `"httpRequest":{"clientRequestId":"x","clientIpAddress":"198.51.100.7","method":"POST"}`, `"httpRequest":"{\"clientIpAddress\":\"198.51.100.8\"}"`)); string(in.Address) != "198.51.100.8" {
		t.Errorf("address %q", in.Address)
	}
	if string(ev.Address) != "203.0.113.9" || string(ev.Actor.Session) != "token-1" || string(ev.Actor.Label) != "Ada@Example.com" {
		t.Errorf("address %q, session %q, label %q", ev.Address, ev.Actor.Session, ev.Actor.Label)
	}
}

// TestTenantNotLogged: a vault's record without a tenant says so, instead of a
// principal with an empty part, and is partial; with one it is whole.
func TestTenantNotLogged(t *testing.T) {
	d := newDecoder(t)
	for name, c := range map[string]struct {
		record, principal string
		partial           bool
	}{
		"none":          {with(t, vault, `"tenantId":"`+tenant+`",`, ``), "entra:tenant-not-logged/" + object, true},
		"empty":         {with(t, vault, `"tenantId":"`+tenant+`",`, `"tenantId":"",`), "entra:tenant-not-logged/" + object, true},
		"of the record": {vault, "entra:" + tenant + "/" + object, false},
		"of the claims": {with(t, vault, `"tenantId":"`+tenant+`",`, ``, `"appid"`, `"http://schemas.microsoft.com/identity/claims/tenantid":"`+tenant+`","appid"`), "entra:" + tenant + "/" + object, false},
	} {
		ev := decode(t, d, c.record)
		if string(ev.Actor.Principal) != c.principal || ev.Actor.Partial != c.partial || string(ev.Actor.Name) != "entra:"+object {
			t.Errorf("%s: principal %q, name %q, partial %v", name, ev.Actor.Principal, ev.Actor.Name, ev.Actor.Partial)
		}
	}
}

func TestStatement16_FirstPartyApplications(t *testing.T) {
	d := newDecoder(t)
	const insights = "1d78a85d-813d-46f0-b496-dd72f50a3ec0" // Microsoft Azure Policy Insights
	app := func(id, kind string) string {
		return with(t, rest, userClaims, `{"oid":"`+object+`","tid":"`+tenant+`","appid":"`+id+`"`+kind+`}`, `"caller":"Ada@Example.com",`, ``)
	}
	for name, c := range map[string]struct {
		record string
		want   bool
	}{
		"service":                {app(insights, `,"idtyp":"app"`), true},
		"service, upper case":    {app(strings.ToUpper(insights), `,"idtyp":"APP"`), true},
		"service without a type": {app(insights, ``), true},
		"a user of it":           {app(insights, `,"idtyp":"user"`), false},
		"a user by name":         {app(insights, `,"upn":"ada@example.com"`), false},
		"a user by scope":        {app(insights, `,"scp":"user_impersonation"`), false},
		"as a public client":     {app(insights, `,"appidacr":"0"`), false},
		"Azure CLI":              {app("04b07795-8ddb-461a-bbee-02f9e1bf7b46", `,"idtyp":"app"`), false},
		"Azure PowerShell":       {app("1950a258-227b-4e31-a9cf-717495945fc2", `,"idtyp":"app"`), false},
		"portal":                 {app("c44b4083-3bb0-49c1-b47d-974e53cbdf3c", `,"idtyp":"app"`), false},
		"the customer's own":     {app(application, `,"idtyp":"app"`), false},
		"graph":                  {with(t, graph, application, insights, `"userId":"`+object+`","servicePrincipalId":null`, `"userId":"","servicePrincipalId":"`+object+`"`), true},
		"graph for a user":       {with(t, graph, application, insights), false},
		"user agent":             {with(t, graph, "python-requests", "Microsoft Azure Policy Insights "+insights), false},
		"vault's client":         {with(t, vault, "azsdk-python", insights), false},
	} {
		if ev := decode(t, d, c.record); ev.Has(event.ServiceMade) != c.want {
			t.Errorf("%s: service-made is %v", name, !c.want)
		}
	}
	if ev := decode(t, d, app("c44b4083-3bb0-49c1-b47d-974e53cbdf3c", `,"idtyp":"user"`)); !ev.Has(event.Console) {
		t.Error("the portal is no console")
	}
	service, client := 0, 0
	for _, role := range New().mustRegister(t).apps {
		switch role {
		case "service":
			service++
		case "client":
			client++
		}
	}
	if service < 700 || client < 7 {
		t.Errorf("%d services, %d clients", service, client)
	}
}

func (p *Provider) mustRegister(t *testing.T) *Provider {
	t.Helper()
	if err := p.Register(event.NewRegistry()); err != nil {
		t.Fatal(err)
	}
	return p
}

// The key vault's real log has a service of Microsoft's and a person in the
// portal.
func TestStatement16_RealServiceCalls(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "logs", "azure", "galawin59__azure_security", "PT1H.keyvault.redacted.jsonl"))
	if err != nil {
		t.Skip("no real logs at ../shared/logs beside the checkout")
	}
	d := newDecoder(t)
	var got []string
	for line := range strings.Lines(string(b)) {
		ev := decode(t, d, strings.TrimSpace(line))
		got = append(got, fmt.Sprintf("%v service=%v console=%v", ev.Actor.Kind, ev.Has(event.ServiceMade), ev.Has(event.Console)))
	}
	want := []string{"service_principal service=true console=false", "entra_user service=false console=true"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
