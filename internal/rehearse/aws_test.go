package rehearse

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/emulate"
)

func TestWhoCanCallInAnAccount(t *testing.T) {
	d := awsDescription{
		Keys: map[string]awsKey{
			"low": {ARN: "arn:aws:iam::111122223333:user/backup-sync"}, "vendor": {ARN: "arn:aws:iam::444455556666:user/collector"},
			"root": {ARN: "arn:aws:iam::111122223333:root"},
		},
		Roles: map[string]string{"vendor": "arn:aws:iam::111122223333:role/cost-review"},
	}
	for as, want := range map[string]string{
		"user/low": "arn:aws:iam::111122223333:user/backup-sync", "user/vendor": "arn:aws:iam::444455556666:user/collector",
		"role/vendor": "arn:aws:iam::111122223333:role/cost-review", "root": "arn:aws:iam::111122223333:root",
		"user/root": "", "role/low": "", "low": "", "": "",
	} {
		if got, err := d.arn(as); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", as, got, err)
		}
	}
}

// TestAnInstanceKeepsItsCredentials holds that whoever takes the credentials of
// an instance has the same ones as the instance, until these end, and that
// days before and other instances have their own.
func TestAnInstanceKeepsItsCredentials(t *testing.T) {
	made := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "Action=GetRole") {
			fmt.Fprint(w, "<R><RoleId>AROAEXAMPLE0000000001</RoleId></R>")
			return
		}
		made++
		fmt.Fprintf(w, "<R><AccessKeyId>ASIA%d</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>x</SessionToken><Arn>arn:aws:sts::111122223333:assumed-role/r/i</Arn></R>", made)
	}))
	defer s.Close()
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	stage := emulate.NewStage("x")
	run := &awsRun{given: map[string]delivered{}, rec: &emulate.AWS{Stage: stage, Backend: at}}
	start := time.Date(2026, 3, 17, 13, 0, 0, 0, time.UTC)
	var got []string
	for _, step := range []struct {
		id    string
		after time.Duration
	}{
		{"i-1", -24 * time.Hour}, {"i-1", 0}, {"i-1", 2 * time.Hour}, {"i-2", 2 * time.Hour}, {"i-1", 6*time.Hour - time.Second}, {"i-1", 6 * time.Hour}, {"i-1", 5 * time.Hour},
	} {
		stage.Begin(emulate.Scene{Source: "203.0.113.1", Start: start.Add(step.after)})
		key, err := run.instance(&session{stage: stage}, "arn:aws:iam::111122223333:role/r", step.id)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, key.ID)
	}
	// The last step is before what the instance has by then: a clock that goes
	// back has no credentials of the future.
	if want := []string{"ASIA1", "ASIA2", "ASIA2", "ASIA3", "ASIA2", "ASIA4", "ASIA5"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
