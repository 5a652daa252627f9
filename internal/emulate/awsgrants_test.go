package emulate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// grantingServer is a stand-in with one user, one managed policy, and yes to
// everything else.
func grantingServer(w http.ResponseWriter, form url.Values) {
	switch form.Get("Action") {
	case "GetCallerIdentity":
		fmt.Fprintf(w, "<R><Arn>%s</Arn><UserId>abcdefghij0123456789</UserId><Account>111122223333</Account></R>", userARN)
	case "GetPolicy":
		fmt.Fprint(w, "<R><Policy><DefaultVersionId>v2</DefaultVersionId></Policy></R>")
	case "GetPolicyVersion":
		if form.Get("VersionId") != "v2" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		document := url.QueryEscape(`{"Statement":[{"Effect":"Allow","Action":["rds:Describe*"],"Resource":"*"}]}`)
		fmt.Fprintf(w, "<R><PolicyVersion><Document>%s</Document></PolicyVersion></R>", document)
	default:
		fmt.Fprint(w, "<R/>")
	}
}

func TestRightsFollowWhatIsGranted(t *testing.T) {
	put := func(document string) string {
		return "Action=PutUserPolicy&UserName=ida&PolicyName=p&PolicyDocument=" + url.QueryEscape(document)
	}
	const everything = `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	attach := "UserName=ida&PolicyArn=" + url.QueryEscape("arn:aws:iam::aws:policy/Databases")
	for _, c := range []struct {
		name    string
		follow  bool
		change  []string
		service string
		ask     string
		refused bool
		fault   string
	}{
		{"before", true, nil, "ec2", "Action=DescribeInstances", true, ""},
		{"put on", true, []string{put(everything)}, "ec2", "Action=DescribeInstances", false, ""},
		{"put on, and not followed", false, []string{put(everything)}, "ec2", "Action=DescribeInstances", true, ""},
		{"put on and taken away", true, []string{put(everything), "Action=DeleteUserPolicy&UserName=ida&PolicyName=p"}, "ec2", "Action=DescribeInstances", true, ""},
		{"put on another", true, []string{strings.Replace(put(everything), "=ida", "=eve", 1)}, "ec2", "Action=DescribeInstances", true, ""},
		{"attached", true, []string{"Action=AttachUserPolicy&" + attach}, "rds", "Action=DescribeDBInstances", false, ""},
		{"attached, which allows something else", true, []string{"Action=AttachUserPolicy&" + attach}, "ec2", "Action=DescribeInstances", true, ""},
		{"attached and detached", true, []string{"Action=AttachUserPolicy&" + attach, "Action=DetachUserPolicy&" + attach}, "rds", "Action=DescribeDBInstances", true, ""},
		{"with a condition", true, []string{put(`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}]}`)}, "ec2", "Action=DescribeInstances", true, "more than allow"},
		{"a denial", true, []string{put(`{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`)}, "ec2", "Action=DescribeInstances", true, "more than allow"},
		{"one thing", true, []string{put(`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::x"}]}`)}, "ec2", "Action=DescribeInstances", true, "more than allow"},
		{"no document", true, []string{put(`{`)}, "ec2", "Action=DescribeInstances", true, "policy document"},
		{"by a group", true, []string{"Action=AddUserToGroup&UserName=ida&GroupName=g"}, "ec2", "Action=DescribeInstances", true, "not followed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &AWS{Stage: NewStage("x"), Backend: server(t, grantingServer), Policy: Policy{userARN: {"iam:*"}}, Grants: c.follow}
			for _, form := range c.change {
				if w := call(a, userKey, "iam", form); w.Code != 200 {
					t.Fatalf("%s: %d %s", form, w.Code, w.Body)
				}
			}
			w := call(a, userKey, c.service, c.ask)
			if refused := w.Code == http.StatusForbidden; refused != c.refused {
				t.Errorf("answered %d %s", w.Code, w.Body)
			}
			if faults := strings.Join(a.Faults(), "\n"); (c.fault == "") != (faults == "") || !strings.Contains(faults, c.fault) {
				t.Errorf("faults %q, want %q", faults, c.fault)
			}
		})
	}
}

// TestACallIntoAnotherAccountHasTwoRecords holds that either account's trail
// has its own view of it, and that a trail holds its own account's alone.
func TestACallIntoAnotherAccountHasTwoRecords(t *testing.T) {
	const role = "arn:aws:iam::444455556666:role/team/inspector"
	form := "Action=AssumeRole&RoleSessionName=s&ExternalId=shop-7&RoleArn=" + url.QueryEscape(role)
	a := recorder(t)
	call(a, userKey, "sts", form)
	if len(a.records) != 2 || len(a.Faults()) != 0 {
		t.Fatalf("%d records, faults %q", len(a.records), a.Faults())
	}
	theirs, ours := a.records[0], a.records[1]
	if ours.RecipientAccountID != "111122223333" || ours.UserIdentity.ARN != userARN {
		t.Errorf("the caller's own: %+v of %s", ours.UserIdentity, ours.RecipientAccountID)
	}
	want := userIdentity{Type: "AWSAccount", PrincipalID: ours.UserIdentity.PrincipalID, AccountID: "111122223333"}
	if d := cmp.Diff(want, theirs.UserIdentity); d != "" || theirs.RecipientAccountID != "444455556666" {
		t.Errorf("of %s: %s", theirs.RecipientAccountID, d)
	}
	if theirs.EventID == ours.EventID || theirs.SharedEventID == "" || theirs.SharedEventID != ours.SharedEventID || theirs.RequestParameters["externalId"] != "shop-7" {
		t.Errorf("ids %s, %s; shared %s, %s; parameters %v", theirs.EventID, ours.EventID, theirs.SharedEventID, ours.SharedEventID, theirs.RequestParameters)
	}
	b := recorder(t)
	b.Accounts = []string{"444455556666"}
	call(b, userKey, "ec2", "Action=DescribeInstances")
	call(b, userKey, "sts", form)
	if len(b.records) != 1 || b.records[0].UserIdentity.Type != "AWSAccount" {
		t.Errorf("the other account's trail: %+v", b.records)
	}
	c := recorder(t)
	call(c, userKey, "sts", "Action=AssumeRole&RoleSessionName=s&RoleArn="+url.QueryEscape(roleARN))
	if len(c.records) != 1 || c.records[0].SharedEventID != "" || c.records[0].UserIdentity.Type != "IAMUser" {
		t.Errorf("within one account: %+v", c.records)
	}
}

func TestSharingASnapshotIsWrittenInOneForm(t *testing.T) {
	for form, want := range map[string]string{
		"Attribute=createVolumePermission&OperationType=add&UserId.1=444455556666&UserId.2=777788889999": `{"add":{"items":[{"userId":"444455556666"},{"userId":"777788889999"}]}}`,
		"CreateVolumePermission.Add.1.UserId=444455556666":                                               `{"add":{"items":[{"userId":"444455556666"}]}}`,
		"Attribute=createVolumePermission&OperationType=remove&UserGroup.1=all":                          `{"remove":{"items":[{"group":"all"}]}}`,
	} {
		values, err := url.ParseQuery("Action=ModifySnapshotAttribute&Version=2016-11-15&SnapshotId=snap-1&" + form)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(ec2Params(values))
		if err != nil {
			t.Fatal(err)
		}
		if whole := `{"attributeType":"CREATE_VOLUME_PERMISSION","createVolumePermission":` + want + `,"snapshotId":"snap-1"}`; string(got) != whole {
			t.Errorf("%s: %s, want %s", form, got, whole)
		}
	}
}

// TestGrantsWithoutPath: calls name a user alone, whose ARN may have a path.
func TestGrantsWithoutPath(t *testing.T) {
	a := &AWS{granted: map[string]map[string][]string{
		"arn:aws:iam::111122223333:user/ida": {"inline/p": {"ec2:*"}},
	}}
	for arn, want := range map[string]bool{
		"arn:aws:iam::111122223333:user/ida":       true,
		"arn:aws:iam::111122223333:user/a/b/ida":   true,
		"arn:aws:iam::111122223333:user/a/b/idata": false,
		"arn:aws:iam::111122223333:role/ida":       false,
		"arn:aws:iam::111122223333:root":           false,
		"":                                         false,
	} {
		if got := a.grants(arn, "ec2:DescribeInstances"); got != want {
			t.Errorf("%s: %v", arn, got)
		}
	}
}
