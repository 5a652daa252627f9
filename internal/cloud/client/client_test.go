package client

import (
	"strings"
	"testing"
)

func TestFamily(t *testing.T) {
	for agent, want := range map[string]string{
		"aws-cli/2.13.0 Python/3.11.4 Linux/5.15 exe/x86_64.ubuntu.20 prompt/off command/iam.create-user":                "aws-cli",
		"[aws-cli/1.16.145 Python/3.6.7 Darwin/18.6.0 botocore/1.12.135]":                                                "aws-cli",
		"Boto3/1.26.1 Python/3.10 Linux/5.4 Botocore/1.29.1":                                                             "boto3",
		"[Boto3/1.26.1 Python/3.10 Linux/5.4 Botocore/1.29.1]":                                                           "boto3",
		"Boto3/1.26.1 Python/3.10 Botocore/1.29.1 APN_1826889":                                                           "prowler",
		"Boto3/1.26.1 Botocore/1.29.1 Pacu-Session-0aa1f2a8-0000-4000-8000-000000000000":                                 "pacu",
		"Scout Suite/5.14.0 Boto3/1.2 Scout Suite/5.14.0 (https://github.com/nccgroup/ScoutSuite)":                       "scoutsuite",
		"APN/1.0 HashiCorp/1.0 Terraform/1.1.2 (+https://www.terraform.io) aws-sdk-go/1.44.157 (go1.19.3; linux; amd64)": "terraform",
		"APN/1.0 Pulumi/1.0 PulumiAwsNative/0.1":                                                                         "pulumi",
		"aws-sdk-go/1.44.1 (go1.19; linux; amd64) amazon-ssm-agent/":                                                     "aws-ssm-agent",
		"aws-sdk-go-v2/1.18.0 os/linux lang/go#1.20 md/GOOS#linux api/iam#1.19.12":                                       "aws-sdk-go",
		"aws-sdk-nodejs/2.1 linux/v18":                                                                                   "aws-sdk-js",
		"[S3Console/0.4, aws-internal/3 aws-sdk-java/1.11 Linux/5.4]":                                                    "console",
		"RDS Console, aws-internal/3 aws-sdk-java/1.11":                                                                  "console",
		"EC2ConsoleFrontend, aws-internal/3 aws-sdk-java/1.12":                                                           "console",
		"aws-internal/3 aws-sdk-java/1.12 Linux/5.4":                                                                     "aws-internal",
		"AWS Internal":                 "aws-internal",
		"console.amazonaws.com":        "console",
		"console.ec2.amazonaws.com":    "console",
		"signin.amazonaws.com":         "console",
		"cloudformation.amazonaws.com": "aws-service",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36":          "console",
		"stratus-red-team_00000000-0000-4000-8000-000000000000":                 "stratus-red-team",
		"google-cloud-sdk gcloud/400.0.0 command/gcloud.compute.instances.list": "gcloud",
		"apitools Python/3.9 gsutil/5.1 (linux) analytics/disabled":             "gsutil",
		"(gzip),gzip(gfe)":                          "google-api-client",
		"python/3.10 (Linux) AZURECLI/2.50.0 (DEB)": "azure-cli",
		"azurehound/v2.0.4":                         "azurehound",
		"Python-Requests/2.28":                      "python-requests",
		"Python/3.10 aiohttp/3.8.1":                 "python-aiohttp",
		"curl/7.81.0":                               "curl",
		"Coral/Jakarta":                             "coral",
		"  MyTool-2.x (a; b)":                       "mytool-2.x",
		"[custom]":                                  "custom",
		"":                                          Unknown,
		"[]":                                        Unknown,
		"-":                                         Unknown,
		"\x1b[31mred":                               Unknown,
		"ÜberTool/1":                                Unknown,
	} {
		if got := Family([]byte(agent)); got != want {
			t.Errorf("Family(%q) = %q, want %q", agent, got, want)
		}
	}
	if got := Family([]byte(strings.Repeat("A", 5000))); got != strings.Repeat("a", maxFamily) {
		t.Errorf("a long name gives %q", got)
	}
}

func TestFamilyDoesNotAllocate(t *testing.T) {
	agent := []byte("Boto3/1.26.1 Python/3.10 Linux/5.4 Botocore/1.29.1")
	if n := testing.AllocsPerRun(100, func() { Family(agent) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestRules(t *testing.T) {
	list, err := parse(clientsTSV)
	if err != nil {
		t.Fatal(err)
	}
	// A rule whose text an earlier rule of another family takes can never hold.
	for _, r := range list {
		if got := Family(r.text); got != r.family {
			t.Errorf("rule %q of %s is shadowed by %s", r.text, r.family, got)
		}
	}
	const h = "family\tmatch\ttext\tsource\n"
	for text, want := range map[string]string{
		"family\n":                     "clients.tsv:1:",
		h + "a\tprefix\tb\n":           "clients.tsv:2:",
		h + "a\tregexp\tb\tx\n":        `clients.tsv:2: unknown match "regexp"`,
		h + "a\tprefix\tB\tx\n":        "clients.tsv:2:",
		h + "a\tprefix\tb\tx\na\t\t\t": "clients.tsv:3:",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzFamily(f *testing.F) {
	for _, s := range []string{"", "[", "]", "[aws-cli/1]", "Mozilla/5.0", "\xff\x00", "a/b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, agent []byte) {
		got := Family(agent)
		if got == "" || len(got) > maxFamily {
			t.Fatalf("Family(%q) = %q", agent, got)
		}
		for i := range len(got) {
			if !isName(got[i]) {
				t.Fatalf("Family(%q) = %q", agent, got)
			}
		}
	})
}
