package emulate

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRulesAreRead(t *testing.T) {
	got, err := ParseRules("p.yaml", []byte(`
identities:
  - arn: arn:aws:iam::123456789012:user/intern
    keys: [test, 123]
    allow: [ec2:Describe*, "s3:List*"]
    boundary: {deny: ["iam:*"]}
  - arn: arn:aws:iam::123456789012:role/admin
  - principal: someone@example.com
    allow: [compute.*]
service_control:
  deny: [organizations:*]
`))
	if err != nil {
		t.Fatal(err)
	}
	want := &Rules{
		Identities: []Identity{{"arn:aws:iam::123456789012:user/intern", []string{"test", "123"}}},
		Policy: Policy{
			"arn:aws:iam::123456789012:user/intern": {"ec2:Describe*", "s3:List*"},
			"arn:aws:iam::123456789012:role/admin":  {"*"},
			"someone@example.com":                   {"compute.*"},
		},
		Boundary:       Policy{"arn:aws:iam::123456789012:user/intern": {"iam:*"}},
		ServiceControl: []string{"organizations:*"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	open, err := ParseRules("p.yaml", []byte("identities: [{arn: 'arn:aws:iam::1:user/a', keys: [k]}]"))
	if err != nil || open.Policy != nil || !open.Policy.Allows("anyone", "ec2:RunInstances") {
		t.Errorf("a file without allow allows everything: %+v, %v", open, err)
	}
}

func TestWhatIsWrongWithRulesIsSaidWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "p.yaml:1:1: the file is empty",
		"identities: {}":                      "p.yaml:1:13: identities is a list",
		"identities:\n  - allow: []":          "p.yaml:2:5: an identity has either an arn or a principal",
		"nobody: []":                          `p.yaml:1:1: a policy file has no "nobody"; it has identities, service_control`,
		"service_control:\n  deny: ['ec2 x']": `p.yaml:2:10: "ec2 x" is no action, as ec2:Describe*`,
		"identities: [":                       "p.yaml:2:1: not YAML: ",
		"identities:\n  - arn: bob":           "p.yaml:2:10: an arn is that of a user or role",
		"a: 1\n---\nb: 2":                     "p.yaml:1:1: the file has more than one document",
		"identities:\n  - principal: x\n    keys: [k]":                                "p.yaml:3:11: long-lived keys belong to a user",
		"identities:\n  - {principal: x, allow: [a]}\n  - {principal: x, allow: [b]}": "p.yaml:3:17: x stands here twice",
	} {
		_, err := ParseRules("p.yaml", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestDenialsOfEachKindOfPolicy holds the words against those of the IAM User
// Guide.
func TestDenialsOfEachKindOfPolicy(t *testing.T) {
	a := recorder(t)
	a.ServiceControl = []string{"organizations:*"}
	a.Boundary = Policy{userARN: {"ec2:DescribeKeyPairs"}}
	call(a, userKey, "organizations", "Action=ListAccounts")
	call(a, userKey, "ec2", "Action=DescribeKeyPairs")
	call(a, userKey, "ec2", "Action=RunInstances")
	call(a, userKey, "ec2", "Action=DescribeInstances")
	want := []string{
		"User: " + userARN + " is not authorized to perform: organizations:ListAccounts with an explicit deny in a service control policy",
		"You are not authorized to perform this operation. User: " + userARN + " is not authorized to perform: ec2:DescribeKeyPairs with an explicit deny in a permissions boundary",
		"You are not authorized to perform this operation. User: " + userARN + " is not authorized to perform: ec2:RunInstances because no identity-based policy allows the ec2:RunInstances action",
		"",
	}
	for i, rec := range a.records {
		if rec.ErrorMessage != want[i] {
			t.Errorf("%s: %q, want %q", rec.EventName, rec.ErrorMessage, want[i])
		}
	}
	if len(a.records) != len(want) {
		t.Fatalf("%d records, faults %q", len(a.records), a.Faults())
	}
	// The root user of an account has no identity-based policy, but is bound
	// by the organisation's.
	root := &AWS{Stage: NewStage("x"), Backend: server(t, func(w http.ResponseWriter, f url.Values) {
		stsAnswers("arn:aws:iam::000000000000:root", "000000000000")(w, f)
	}), AnyKey: true, Policy: Policy{}, ServiceControl: []string{"iam:*"}}
	direct(root, "k", "ec2", "Action=DescribeInstances")
	direct(root, "k", "iam", "Action=ListUsers")
	if len(root.records) != 2 || root.records[0].ErrorCode != "" || root.records[1].ErrorCode != "AccessDenied" {
		t.Errorf("%+v, faults %q", root.records, root.Faults())
	}
}
