package azure

import (
	"strings"
	"testing"

	"vedette/internal/cloud/catalog"
	"vedette/internal/event"
)

type counts struct{ decoded, skipped, broken, notMine int }

func TestPolicyRecordsAreNoReads(t *testing.T) {
	ev := decode(t, newDecoder(t), with(t, export, `"action":"Microsoft.Storage/storageAccounts/listKeys/action"`, `"action":"Microsoft.Resources/checkPolicyCompliance/read"`,
		"MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION", "Microsoft.Authorization/policies/audit/action", `"Administrative","resultType"`, `"Policy","resultType"`))
	if ev.API.Name != "policies/audit/action" || ev.API.Class == event.ClassDiscovery || ev.Has(event.ReadOnly) || ev.Log != event.AzureActivity {
		t.Errorf("%s is %v of %v", ev.API.Name, ev.API.Class, ev.Log)
	}
}

func TestStatement04_UnknownReads(t *testing.T) {
	d := newDecoder(t)
	for op, want := range map[string]struct {
		class event.Class
		flags event.Flag
	}{
		"Microsoft.New/widgets/read":                           {event.ClassDiscovery, event.ReadOnly},
		"MICROSOFT.NEW/WIDGETS/LISTSECRETS/ACTION":             {event.ClassDiscovery, 0},
		"Microsoft.New/widgets/getStatus/action":               {event.ClassDiscovery, 0},
		"Microsoft.New/widgets/write":                          {event.ClassWrite, event.Writes},
		"Microsoft.New/widgets/delete":                         {event.ClassWrite, event.Writes},
		"Microsoft.New/widgets/restart/action":                 {event.ClassWrite, 0},
		"Microsoft.New/" + strings.Repeat("x", 9000) + "/read": {event.ClassOther, event.ReadOnly}, // longer than any name that is kept whole
	} {
		ev := decode(t, d, with(t, export, "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION", op))
		if ev.API.Class != want.class || ev.Flags != want.flags || ev.API.Known || ev.API.Service != "microsoft.new" || len(ev.API.Name) > maxName {
			t.Errorf("%.60s: %v, flags %b, %s", op, ev.API.Class, ev.Flags, ev.API.Service)
		}
	}
	if ev := decode(t, d, with(t, vault, "SecretList", "WidgetVersionList")); ev.API.Class != event.ClassDiscovery || ev.API.Known {
		t.Errorf("WidgetVersionList is %v", ev.API.Class)
	}
}

func TestGraphPaths(t *testing.T) {
	d := newDecoder(t)
	for uri, want := range map[string]string{
		"https://graph.microsoft.com/v1.0/users":                     "/users",
		"https://graph.microsoft.com/beta/users?$top=999&$select=id": "/users",
		"https://graph.microsoft.us/v1.0/users/":                     "/users",
		"https://graph.microsoft.com//v1.0//users":                   "/users",
		"/v1.0/users": "/users",
		"https://graph.microsoft.com/v1.0/$batch/users/" + object:                              "/users/{id}",
		"https://graph.microsoft.com/v1.0/$batch":                                              "/$batch",
		"https://graph.microsoft.com/v1.0/users/" + object + "/memberOf":                       "/users/{id}/memberof",
		"https://graph.microsoft.com/v1.0/users/ada@example.com/memberOf":                      "/users/{id}/memberof",
		"https://graph.microsoft.com/v1.0/users/ada%40example.com/memberOf":                    "/users/{id}/memberof",
		"https://graph.microsoft.com/v1.0/users('ada@example.com')/memberOf":                   "/users/{id}/memberof",
		"https://graph.microsoft.com/v1.0/users('a/b')/memberOf":                               "/users/{id}/memberof",
		"https://graph.microsoft.com/v1.0/servicePrincipals(appId='" + object + "')":           "/serviceprincipals/{id}",
		"https://graph.microsoft.com/v1.0/domains/example.com":                                 "/domains/{id}",
		"https://graph.microsoft.com/v1.0/users/$count":                                        "/users/$count",
		"https://graph.microsoft.com/v1.0/users/delta":                                         "/users/delta",
		"https://graph.microsoft.com/v1.0/users/" + object + "/memberOf/microsoft.graph.group": "/users/{id}/memberof/microsoft.graph.group",
		"https://graph.microsoft.com/v1.0/oauth2PermissionGrants":                              "/oauth2permissiongrants",
		"https://graph.microsoft.com/v1.0/policies/authorizationPolicy":                        "/policies/authorizationpolicy",
		"https://graph.microsoft.com/v1.0/identity/conditionalAccess/policies/" + object:       "/identity/conditionalaccess/policies/{id}",
		"https://graph.microsoft.com/v1.0/reports/getOffice365ActiveUserDetail(period='D7')":   "/reports/getoffice365activeuserdetail",
		"https://graph.microsoft.com/v1.0/roleManagement/directory/roleAssignments":            "/rolemanagement/directory/roleassignments",
		"https://graph.microsoft.com/v1.0/":                                                    "/",
		"https://graph.microsoft.com":                                                          "/",
	} {
		ev := decode(t, d, with(t, graph, "https://graph.microsoft.com/v1.0/users?$top=999", uri))
		if ev.API.Name != "GET "+want || ev.API.Service != "graph.microsoft.com" {
			t.Errorf("%s is %s %s, want %s", uri, ev.API.Service, ev.API.Name, want)
		}
	}
	for method, flag := range map[string]event.Flag{"GET": event.ReadOnly, "get": event.ReadOnly, "POST": 0, "PATCH": event.Writes, "DELETE": event.Writes} {
		if ev := decode(t, d, with(t, graph, `"GET"`, `"`+method+`"`)); ev.Flags != flag || ev.API.Name != strings.ToUpper(method)+" /users" {
			t.Errorf("%s: flags %b, %s", method, ev.Flags, ev.API.Name)
		}
	}
	if ev := decode(t, d, with(t, graph, "$top=999", "$top=999&$skiptoken=abc")); !ev.Has(event.Page) {
		t.Error("a further page is none")
	}
}

func TestCatalogueNames(t *testing.T) {
	list, err := catalog.Parse(event.Azure, catalogTSV)
	if err != nil {
		t.Fatal(err)
	}
	d := newDecoder(t).(*decoder)
	graphs := 0
	for _, e := range list {
		if e.API.Service != "graph.microsoft.com" {
			// The Azure AD Graph's rows are there for the catalogue alone: its
			// log is passed over.
			if e.API.Service != "graph.windows.net" && e.API.Name != strings.ToLower(e.API.Name) {
				t.Errorf("line %d: %s is not in lower case", e.Line, e.API.Name)
			}
			continue
		}
		graphs++
		method, path, _ := strings.Cut(e.API.Name, " ")
		d.graphName([]byte(method), []byte("https://graph.microsoft.com/v1.0"+strings.ReplaceAll(path, "{id}", object)+"?$top=1"))
		if string(d.name) != e.API.Name {
			t.Errorf("line %d: %s is found as %s", e.Line, e.API.Name, d.name)
		}
	}
	if graphs < 50 {
		t.Errorf("%d rows of Graph", graphs)
	}
}
