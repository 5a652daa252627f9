package emulate

import (
	"strings"
	"testing"

	"vedette/internal/event"
)

// TestGraphAnswersWhatBelongsToAnObject: members and owners, collections that
// lie deeper, and policies of which there is one; each is a record of its own
// path, and the program's own decoder knows it.
func TestGraphAnswersWhatBelongsToAnObject(t *testing.T) {
	const group, nobody = "55555555-1111-0000-0000-000000000001", "55555555-1111-0000-0000-0000000000ff"
	for path, want := range map[string]string{
		"groups/" + group + "/members":                                "ines.keller@",
		"groups/" + group + "/owners":                                 "ines.keller@",
		"directoryRoles/88888888-1111-0000-0000-000000000001/members": "ines.keller@",
		"roleManagement/directory/roleAssignments":                    "principalId",
		"identity/conditionalAccess/policies":                         "Second factor",
		"policies/authorizationPolicy":                                "allowInvitesFrom",
		"policies/identitySecurityDefaultsEnforcementPolicy":          "Security Defaults",
		"domains": "example.onmicrosoft.com",
	} {
		a := rehearsalAzure(t)
		w := a.askAs(rehearsalOwner, "GET", "https://graph.microsoft.com/v1.0/"+path, "")
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) || len(a.Faults()) != 0 {
			t.Errorf("%s: %d %s %q", path, w.Code, w.Body, a.Faults())
		}
		for _, recs := range a.logs {
			text, _ := marshal(recs[0])
			var ev event.Event
			if _, v := decoder(t, event.Azure).Decode(text, &ev); v != event.Decoded || !ev.API.Known || ev.API.Class != event.ClassDiscovery {
				t.Errorf("%s: %v %+v", path, v, ev.API)
			}
		}
		// Whoever may not read the directory gets none of it, and a record.
		if w := a.askAs("66666666-1111-0000-0000-00000000000a", "GET", "https://graph.microsoft.com/v1.0/"+path, ""); w.Code != 403 || strings.Contains(w.Body.String(), want) {
			t.Errorf("%s, refused: %d %s", path, w.Code, w.Body)
		}
	}
	for _, path := range []string{"groups/" + nobody + "/members", "groups/" + group + "/calendar", "policies/tokenLifetimePolicies"} {
		a := rehearsalAzure(t)
		if w := a.askAs(rehearsalOwner, "GET", "https://graph.microsoft.com/v1.0/"+path, ""); w.Code != 404 || len(a.Faults()) != 1 {
			t.Errorf("%s: %d %q", path, w.Code, a.Faults())
		}
	}
}

// TestAPostedQueryOfCostsIsARead: Cost Management checks a right to read for it.
func TestAPostedQueryOfCostsIsARead(t *testing.T) {
	a := rehearsalAzure(t)
	w := a.askAs(rehearsalOwner, "POST", "https://management.azure.com/subscriptions/"+a.Estate.Subscription+"/providers/Microsoft.CostManagement/query?api-version=1", `{"type":"Usage"}`)
	if w.Code != 200 || len(a.logs) != 0 || a.NotLogged()["Microsoft.CostManagement/query/read"] != 1 || len(a.Faults()) != 0 {
		t.Errorf("%d %v %v %q", w.Code, a.logs, a.NotLogged(), a.Faults())
	}
}
