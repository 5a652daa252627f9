package respond

import (
	"slices"
	"strings"
	"testing"

	"vedette/internal/finding"
)

const (
	user    = "arn:aws:iam::111122223333:user/ops/marek.novak"
	role    = "arn:aws:iam::111122223333:role/deploy"
	object  = "entra:11111111-2222-3333-4444-555555555555/77777777-0000-0000-0000-000000000001"
	robot   = "report@shop-prod-4711.iam.gserviceaccount.com"
	subject = "principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/ci/subject/repo:a/b"
)

func made(cloud, kind, uid string, change ...func(*finding.Finding)) *finding.Finding {
	f := &finding.Finding{
		ID: "0123456789abcdef", FirstSeen: "2026-03-17T13:00:00Z", LastSeen: "2026-03-17T13:10:00.5Z",
		Cloud: finding.CloudRef{Provider: cloud, Account: finding.Account{ID: "111122223333"}},
		Actor: finding.Actor{Kind: kind, ID: uid},
	}
	for _, c := range change {
		c(f)
	}
	return f
}

func withKeys(list ...string) func(*finding.Finding) {
	return func(f *finding.Finding) {
		for _, k := range list {
			f.Keys = append(f.Keys, finding.Count{Name: k, Events: 1})
		}
	}
}

func withSession(name string) func(*finding.Finding) {
	return func(f *finding.Finding) { f.Sessions = []finding.Count{{Name: name, Events: 1}} }
}

func from(origin, kind, via string) func(*finding.Finding) {
	return func(f *finding.Finding) {
		f.Origin = &finding.Origin{ID: origin, Kind: kind}
		f.Chain = []finding.Link{{From: origin, To: f.Actor.ID, Via: via}}
	}
}

// with is the key that the origin asked with.
func with(key string) func(*finding.Finding) {
	return func(f *finding.Finding) { f.Chain[0].FromKey = key }
}

// over is a longer chain, from its beginning; the origin is where it begins,
// unless that is a service.
func over(links ...finding.Link) func(*finding.Finding) {
	return func(f *finding.Finding) {
		f.Chain = links
		if first := links[0].From; !strings.HasPrefix(first, "service:") {
			f.Origin = &finding.Origin{ID: first}
		}
	}
}

const (
	middle        = "arn:aws:iam::111122223333:role/middle"
	permissionSet = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef/ada"

	mid = "mid@shop-prod-4711.iam.gserviceaccount.com"
	eve = "eve@example.com"
)

// choice says who is to be contained as what (a question mark where the
// finding allows several), and by which steps in the branch of a leaked
// credential.
type choice struct {
	name    string
	finding *finding.Finding
	types   string
	steps   string
}

var chosen = []choice{
	{"user's key", made("aws", "iam_user", user, withKeys("AKIAIOSFODNN7EXAMPLE")), "aws_user_key", "aws-key-off aws-user-deny"},
	{"session of GetSessionToken", made("aws", "iam_user", user, withKeys("ASIAIOSFODNN7EXAMPLE"), from(user, "iam_user", "GetSessionToken")),
		"aws_session_token", "aws-user-deny"},
	{"temporary key of a user", made("aws", "iam_user", user, withKeys("ASIAIOSFODNN7EXAMPLE")), "aws_session_token? aws_user_console?", "aws-user-deny aws-password-off"},
	{"key and temporary key", made("aws", "iam_user", user, withKeys("ASIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE")),
		"aws_user_key aws_session_token? aws_user_console?", "aws-key-off aws-user-deny aws-password-off"},
	{"user without a key", made("aws", "iam_user", user), "aws_user_key? aws_user_console?", "aws-key-off aws-user-deny aws-password-off"},
	{"federated user", made("aws", "federated_user", user), "aws_federation_token", "aws-user-deny"},
	{"role of a user", made("aws", "iam_role", role, from(user, "iam_user", "AssumeRole")),
		"aws_role aws_user_key? aws_user_console?", "aws-key-off aws-user-deny aws-password-off aws-role-close aws-role-older"},
	{"role of a user's key", made("aws", "iam_role", role, from(user, "iam_user", "AssumeRole"), with("AKIAI44QH8DHBEXAMPLE")),
		"aws_role aws_user_key", "aws-key-off aws-user-deny aws-role-close aws-role-older"},
	{"role of a user's session", made("aws", "iam_role", role, from(user, "iam_user", "AssumeRole"), with("ASIAI44QH8DHBEXAMPLE")),
		"aws_role aws_session_token? aws_user_console?", "aws-user-deny aws-password-off aws-role-close aws-role-older"},
	{"session of a key that is known", made("aws", "iam_user", user, withKeys("ASIAIOSFODNN7EXAMPLE"), from(user, "iam_user", "GetSessionToken"), with("AKIAI44QH8DHBEXAMPLE")),
		"aws_session_token aws_user_key", "aws-key-off aws-user-deny"},
	{"role, nothing known", made("aws", "iam_role", role), "aws_role? aws_vendor_role? aws_web_identity_role?", "aws-role-close aws-role-older aws-vendor-contact aws-idp"},
	{"role of a service", made("aws", "iam_role", role, from("service:lambda.amazonaws.com", "aws_service", "AssumeRole")), "aws_role", "aws-role-close aws-role-older"},
	{"instance, by the provider", made("aws", "iam_role", role, withSession("arn:aws:sts::111122223333:assumed-role/deploy/i-0a1b2c3d4e5f60718"),
		from("instance:i-0a1b2c3d4e5f60718", "", "recorded by the provider")),
		"aws_instance_role", "aws-role-older aws-instance-isolate aws-instance-association aws-instance-detach"},
	{"instance, by name alone", made("aws", "iam_role", role, withSession("arn:aws:sts::111122223333:assumed-role/deploy/i-0a1b2c3d4e5f60718")),
		"aws_instance_role? aws_role?", "aws-role-close aws-role-older aws-instance-isolate aws-instance-association aws-instance-detach"},
	{"called like an instance by a user", made("aws", "iam_role", role, withSession("arn:aws:sts::111122223333:assumed-role/deploy/i-0a1b2c3d4e5f60718"),
		from("arn:aws:iam::111122223333:role/other", "iam_role", "AssumeRole")),
		"aws_role aws_role", "aws-role-close aws-role-close aws-role-older aws-role-older"},
	{"role over a role", made("aws", "iam_role", role, over(
		finding.Link{From: user, To: middle, Via: "AssumeRole", FromKey: "AKIAI44QH8DHBEXAMPLE", Key: "ASIAI44QH8DHBEXAMPL1"},
		finding.Link{From: middle, To: role, Via: "AssumeRole", FromKey: "ASIAI44QH8DHBEXAMPL1", Key: "ASIAI44QH8DHBEXAMPL2"})),
		"aws_role aws_role aws_user_key", "aws-key-off aws-user-deny aws-role-close aws-role-close aws-role-older aws-role-older"},
	{"role over an instance's role", made("aws", "iam_role", role, over(
		finding.Link{From: "service:ec2.amazonaws.com", To: middle, Via: "AssumeRole", Key: "ASIAI44QH8DHBEXAMPL1", Session: "arn:aws:sts::111122223333:assumed-role/middle/i-0a1b2c3d4e5f60718"},
		finding.Link{From: middle, To: role, Via: "AssumeRole", FromKey: "ASIAI44QH8DHBEXAMPL1"})),
		"aws_role? aws_vendor_role? aws_web_identity_role? aws_instance_role",
		"aws-role-close aws-role-older aws-role-older aws-instance-isolate aws-instance-association aws-instance-detach aws-vendor-contact aws-idp"},
	{"role over a role of a web identity", made("aws", "iam_role", role, over(
		finding.Link{From: "oidc:ci.example/repo:a/b", To: middle, Via: "AssumeRoleWithWebIdentity"}, finding.Link{From: middle, To: role, Via: "AssumeRole"})),
		"aws_role aws_web_identity_role", "aws-role-close aws-role-close aws-role-older aws-role-older aws-idp"},
	{"role over a role that another account took", made("aws", "iam_role", role, over(
		finding.Link{From: "account:999999999999", To: middle, Via: "AssumeRole"}, finding.Link{From: middle, To: role, Via: "AssumeRole"})),
		"aws_vendor_role aws_vendor_role", "aws-role-close aws-role-close aws-role-older aws-role-older aws-vendor-contact aws-vendor-contact"},
	{"role over a permission set", made("aws", "iam_role", role, over(
		finding.Link{From: user, To: permissionSet, Via: "AssumeRole"}, finding.Link{From: permissionSet, To: role, Via: "AssumeRole"})),
		"aws_role aws_sso_role aws_user_key? aws_user_console?",
		"aws-key-off aws-user-deny aws-password-off aws-role-close aws-role-older aws-sso-policy aws-sso-attach aws-sso-assignment aws-sso-disable"},
	{"person of a permission set", made("aws", "sso_user", "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef/ada"),
		"aws_sso_role", "aws-sso-policy aws-sso-attach aws-sso-assignment aws-sso-disable"},
	{"reserved role without a person", made("aws", "iam_role", "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef"),
		"aws_sso_role", "aws-sso-policy aws-sso-attach aws-sso-assignment aws-sso-disable"},
	{"user of Identity Center", made("aws", "identity_center_user", "identitycenter:arn:aws:identitystore::111122223333:identitystore/d-1/9"),
		"aws_sso_role", "aws-sso-policy aws-sso-attach aws-sso-assignment aws-sso-disable"},
	{"service-linked role", made("aws", "iam_role", "arn:aws:iam::111122223333:role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS"),
		"aws_service_linked_role", "aws-slr-source aws-slr-delete"},
	{"root", made("aws", "root", "arn:aws:iam::111122223333:root", withKeys("AKIAIOSFODNN7EXAMPLE")),
		"aws_root", "aws-root-key aws-root-password aws-root-policy aws-root-attach aws-root-support"},
	{"role of another account's role", made("aws", "iam_role", role, from("arn:aws:iam::999999999999:role/scanner", "iam_role", "AssumeRole")),
		"aws_vendor_role", "aws-role-close aws-role-older aws-vendor-contact"},
	{"role of another account", made("aws", "iam_role", role, from("account:999999999999", "aws_account", "AssumeRole")),
		"aws_vendor_role", "aws-role-close aws-role-older aws-vendor-contact"},
	{"account", made("aws", "aws_account", "account:999999999999"), "aws_vendor_role", "aws-role-close aws-role-older aws-vendor-contact"},
	{"role with a web identity", made("aws", "iam_role", role, from("oidc:token.actions.githubusercontent.com/repo:a/b", "web_identity", "AssumeRoleWithWebIdentity")),
		"aws_web_identity_role", "aws-role-close aws-role-older aws-idp"},
	{"role with SAML", made("aws", "iam_role", role, from("saml:idp/ada", "saml_user", "AssumeRoleWithSAML")), "aws_web_identity_role", "aws-role-close aws-role-older aws-idp"},
	{"SAML subject", made("aws", "saml_user", "saml:idp/ada"), "aws_web_identity_role", "aws-role-close aws-role-older aws-idp"},
	{"service of AWS", made("aws", "aws_service", "service:config.amazonaws.com"), "aws_unknown", ""},

	{"Entra user", made("azure", "entra_user", object), "azure_user", "az-roles az-user-disable az-user-revoke az-user-password az-listed-keys az-listed-storage az-listed-cosmos az-listed-registry az-listed-settings"},
	{"service principal", made("azure", "service_principal", object), "azure_sp_secret? azure_sp_certificate?", "az-roles az-sp-disable az-sp-secret az-sp-certificate az-listed-keys az-listed-storage az-listed-cosmos az-listed-registry az-listed-settings"},
	{"managed identity", made("azure", "managed_identity", object, from("resource:/subscriptions/s/vm1", "", "recorded by the provider")),
		"azure_managed_identity", "az-roles az-mi-detach az-listed-keys az-listed-storage az-listed-cosmos az-listed-registry az-listed-settings"},
	{"shared access signature", made("azure", "account_key", "sas:store1"), "azure_sas", "az-key-renew az-shared-key-off az-sas-policy az-sas-delegation"},
	{"account key", made("azure", "account_key", "accountkey:store1"), "azure_account_key", "az-key-renew az-shared-key-off"},
	{"nobody in Azure", made("azure", "anonymous", "anonymous:store1/203.0.113.66"), "azure_unknown", ""},

	{"Google user", made("gcp", "google_user", "ada@example.com"), "gcp_user", "gcp-user-suspend gcp-user-signout gcp-role-remove"},
	{"service account's key", made("gcp", "service_account", robot, withKeys(strings.Repeat("0a", 20))),
		"gcp_service_account_key", "gcp-role-remove gcp-key-disable gcp-sa-disable"},
	{"service account with an OAuth client", made("gcp", "service_account", robot, withKeys("32555940559.apps.googleusercontent.com")),
		"gcp_service_account_attached? gcp_service_account_impersonation?", "gcp-role-remove gcp-sa-disable gcp-impersonator gcp-machine-isolate"},
	{"impersonated by a user", made("gcp", "service_account", robot, from("ada@example.com", "google_user", "recorded by the provider")),
		"gcp_service_account_impersonation gcp_user", "gcp-user-suspend gcp-user-signout gcp-role-remove gcp-role-remove gcp-sa-disable gcp-impersonator"},
	{"impersonated by a service account's key", made("gcp", "service_account", "app@shop-prod-4711.iam.gserviceaccount.com", from(robot, "service_account", "GenerateAccessToken"), with(strings.Repeat("0b", 20))),
		"gcp_service_account_impersonation gcp_service_account_key", "gcp-role-remove gcp-role-remove gcp-key-disable gcp-sa-disable gcp-sa-disable gcp-impersonator"},
	{"impersonated over another account", made("gcp", "service_account", robot, over(
		finding.Link{From: eve, To: mid, Via: "recorded by the provider"}, finding.Link{From: mid, To: robot, Via: "recorded by the provider"})),
		"gcp_service_account_impersonation gcp_service_account_impersonation gcp_user",
		"gcp-user-suspend gcp-user-signout gcp-role-remove gcp-role-remove gcp-role-remove gcp-sa-disable gcp-sa-disable gcp-impersonator gcp-impersonator"},
	{"workload identity", made("gcp", "federated_identity", subject), "gcp_workload_federation", "gcp-role-remove gcp-pool-disable"},
	{"workforce identity", made("gcp", "federated_identity", "principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/ada"),
		"gcp_workforce", "gcp-role-remove gcp-workforce-disable"},
	{"left out by Google", made("gcp", "redacted", "redacted:shop-prod-4711/203.0.113.66/gcloud"), "gcp_unknown", ""},
}

func TestContainment(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range chosen {
		p, err := For(c.finding, Options{})
		if err != nil {
			t.Fatalf("%s: %s", c.name, err)
		}
		var types, steps []string
		for _, target := range p.Targets {
			seen[target.Type] = true
			mark := ""
			if !target.Sure {
				mark = "?"
			}
			types = append(types, target.Type+mark)
			if (target.Look == "") != target.Sure {
				t.Errorf("%s: %s does not say what to look at exactly where it is not sure", c.name, target.Type)
			}
			if target.Because == "" {
				t.Errorf("%s: %s has no reason", c.name, target.Type)
			}
		}
		for _, ph := range p.Phases {
			for _, s := range ph.Steps {
				if ph.ID == "contain" && slices.Contains(s.When, "leaked") {
					steps = append(steps, s.ID)
				}
			}
		}
		if got := strings.Join(types, " "); got != c.types {
			t.Errorf("%s is taken for\n%s, not\n%s", c.name, got, c.types)
		}
		if got := strings.Join(steps, " "); got != c.steps {
			t.Errorf("%s is contained by\n%s, not\n%s", c.name, got, c.steps)
		}
	}
	for _, typ := range BuiltIn().Types() {
		if !seen[typ.ID] {
			t.Errorf("no case is of type %s", typ.ID)
		}
	}
}

// A type that is given goes before what the finding says, but not before the
// cloud that it is of.
func TestGivenType(t *testing.T) {
	f := made("aws", "iam_role", role, from(user, "iam_user", "AssumeRole"))
	p, err := For(f, Options{Type: "aws_instance_role"})
	if err != nil {
		t.Fatal(err)
	}
	if p.Targets[0].Type != "aws_instance_role" || p.Targets[0].Principal != role || p.Targets[1].Who != "origin" {
		t.Errorf("targets %+v", p.Targets)
	}
	for _, typ := range []string{"gcp_user", "nonesuch"} {
		if _, err := For(f, Options{Type: typ}); err == nil || !strings.Contains(err.Error(), typ) {
			t.Errorf("%s: %v", typ, err)
		}
	}
	if _, err := Template("nonesuch", Options{}); err == nil || !strings.Contains(err.Error(), "aws_user_key") {
		t.Errorf("template of no type: %v", err)
	}
}
