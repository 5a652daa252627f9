package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// writer makes the records of one file: one account and region, times rising.
type writer struct {
	shape
	rng     *rand.Rand
	account int
	region  string
	now     time.Time
}

// start is the first instant of a set; a set spans one day of it.
var start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

var regions = []string{"us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2", "sa-east-1"}

// newWriter returns the writer of file i. Its random numbers depend on the
// seed and on i alone, so that files may be made in any order.
func newWriter(s shape, i int) *writer {
	return &writer{
		shape:   s,
		rng:     rand.New(rand.NewPCG(s.seed, uint64(i)+1)),
		account: i % s.accounts,
		region:  regions[i/s.accounts%s.regions],
	}
}

// path is where file i lies, as CloudTrail names its objects.
func (w *writer) path(i int) string {
	acct := accountID(w.account)
	return fmt.Sprintf("AWSLogs/%s/CloudTrail/%s/%s/%s_CloudTrail_%s_%s_%08d.json.gz",
		acct, w.region, w.now.Format("2006/01/02"), acct, w.region, w.now.Format("20060102T1504Z"), i)
}

// file appends records first, first+1, ... of a set of total records.
func (w *writer) file(b []byte, first, n, total int) []byte {
	w.now = start
	b = append(b, `{"Records":[`...)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		k := first + i
		if w.each > 0 {
			// One call of every caller after the other, and again: what a
			// caller does lies in as many files as it makes calls.
			round, p := k/w.principals, k%w.principals
			w.now = start.Add(time.Duration(round)*3*time.Minute + time.Duration(p%150)*time.Second)
			b = w.record(b, w.caller(p), discovery[(p+round*7)%len(discovery)])
			continue
		}
		w.now = start.Add(day * time.Duration(k) / time.Duration(total)).Truncate(time.Second)
		b = w.record(b, w.someone(), w.someCall())
	}
	return append(b, `]}`...)
}

// someone picks a caller of the file's account: a few are busy, most are not.
func (w *writer) someone() caller {
	f := w.rng.Float64()
	n := int(f * f * f * float64(max(1, w.principals/w.accounts)))
	return w.caller(n*w.accounts + w.account)
}

func (w *writer) someCall() *call {
	n := w.rng.IntN(totalWeight)
	for i := range calls {
		if n -= calls[i].weight; n < 0 {
			return &calls[i]
		}
	}
	panic("the weights do not add up")
}

// caller is who makes a call. Its account and its kind follow from its number.
type caller struct {
	n       int
	account int
	kind    byte // 'r' role, 'u' user, 's' service, 'o' root
	session int
}

func (w *writer) caller(n int) caller {
	c := caller{n: n, account: n % w.accounts, kind: 'r'}
	switch k := n / w.accounts; {
	case k%20 < 4, w.each > 0 && k%20 < 8:
		c.kind = 'u'
	case w.each == 0 && k%20 < 8:
		c.kind = 's'
	case w.each == 0 && k == 19:
		c.kind = 'o'
	}
	if c.kind == 'r' {
		c.session = int(w.now.Sub(start)/time.Hour)*8 + w.rng.IntN(8)
		if w.each > 0 {
			c.session = n % 8 // all its calls in one session
		}
	}
	return c
}

func accountID(n int) string { return fmt.Sprintf("%012d", 111122220000+n) }

var userAgents = []string{
	"aws-cli/2.17.32 md/awscrt#0.21.2 ua/2.0 os/linux#6.1.0-23-cloud-amd64 md/arch#x86_64 lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#standard",
	"Boto3/1.34.145 md/Botocore#1.34.145 ua/2.0 os/linux#5.10.220 md/arch#x86_64 lang/python#3.12.4 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.34.145",
	"APN/1.0 HashiCorp/1.0 Terraform/1.9.2 (+https://www.terraform.io) terraform-provider-aws/5.58.0 aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5",
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
	"aws-sdk-java/2.26.20 Linux/5.10.219 OpenJDK_64-Bit_Server_VM/21.0.3+9-LTS Java/21.0.3 kotlin/1.9 vendor/Amazon.com_Inc. io/sync http/Apache",
}

func (w *writer) record(b []byte, c caller, a *call) []byte {
	b = append(b, `{"eventVersion":"1.09","userIdentity":`...)
	b = w.identity(b, c)
	b = append(b, `,"eventTime":"`...)
	b = w.now.AppendFormat(b, time.RFC3339)
	b = append(b, `","eventSource":"`...)
	b = append(b, a.source...)
	b = append(b, `","eventName":"`...)
	b = append(b, a.name...)
	b = append(b, `","awsRegion":"`...)
	b = append(b, w.region...)
	b = append(b, `","sourceIPAddress":"`...)
	if c.kind == 's' {
		b = append(b, `autoscaling.amazonaws.com","userAgent":"autoscaling.amazonaws.com"`...)
	} else {
		b = w.address(b, c)
		b = append(b, `","userAgent":"`...)
		b = append(b, userAgents[(c.n*7+c.session)%len(userAgents)]...)
		b = append(b, '"')
	}
	if w.rng.IntN(100) < 6 {
		b = append(b, `,"errorCode":"`...)
		b = append(b, a.denied()...)
		b = append(b, `","errorMessage":"You are not authorized to perform this operation. User is not authorized to perform: `...)
		b = append(b, a.name...)
		b = append(b, ` because no identity-based policy allows the action"`...)
	}
	b = append(b, `,"requestParameters":`...)
	b = a.request(b, w)
	b = append(b, `,"responseElements":`...)
	b = a.response(b, w)
	b = append(b, `,"requestID":"`...)
	b = w.uuid(b)
	b = append(b, `","eventID":"`...)
	b = w.uuid(b)
	b = append(b, `","readOnly":`...)
	b = strconv.AppendBool(b, a.read)
	b = append(b, `,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"`...)
	b = append(b, accountID(c.account)...)
	b = append(b, `","eventCategory":"Management"`...)
	if c.kind != 's' {
		b = append(b, `,"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"`...)
		b = append(b, a.source[:len(a.source)-len("amazonaws.com")]...)
		b = append(b, w.region...)
		b = append(b, `.amazonaws.com"}`...)
	}
	return append(b, '}')
}

func (w *writer) identity(b []byte, c caller) []byte {
	acct := accountID(c.account)
	switch c.kind {
	case 's':
		return append(b, `{"type":"AWSService","invokedBy":"autoscaling.amazonaws.com"}`...)
	case 'o':
		return fmt.Appendf(b, `{"type":"Root","principalId":%q,"arn":"arn:aws:iam::%s:root","accountId":%q,"accessKeyId":""}`, acct, acct, acct)
	case 'u':
		return fmt.Appendf(b, `{"type":"IAMUser","principalId":"AIDA%016d","arn":"arn:aws:iam::%s:user/engineering/user-%07d","accountId":%q,"accessKeyId":"AKIA%016d","userName":"user-%07d"}`,
			c.n, acct, c.n, acct, c.n, c.n)
	}
	return fmt.Appendf(b, `{"type":"AssumedRole","principalId":"AROA%016d:worker-%05d","arn":"arn:aws:sts::%s:assumed-role/service-role-%07d/worker-%05d",`+
		`"accountId":%q,"accessKeyId":"ASIA%07d%09d","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA%016d",`+
		`"arn":"arn:aws:iam::%s:role/platform/service-role-%07d","accountId":%q,"userName":"service-role-%07d"},"webIdFederationData":{},`+
		`"attributes":{"creationDate":"%s","mfaAuthenticated":"false"}}}`,
		c.n, c.session, acct, c.n, c.session, acct, c.n, c.session, c.n, acct, c.n, acct, c.n, w.now.Truncate(time.Hour).Format(time.RFC3339))
}

// address is one of a handful that a caller uses.
func (w *writer) address(b []byte, c caller) []byte {
	b = append(b, "198."...)
	b = strconv.AppendInt(b, int64(18+c.n&1), 10)
	b = append(b, '.')
	b = strconv.AppendInt(b, int64(c.n>>1&255), 10)
	b = append(b, '.')
	host := 1 + c.n%60*4
	if w.each == 0 {
		host += w.rng.IntN(4)
	}
	return strconv.AppendInt(b, int64(host), 10)
}

// uuid appends a random version 4 UUID.
func (w *writer) uuid(b []byte) []byte {
	const hex = "0123456789abcdef"
	hi, lo := w.rng.Uint64()&^0xf000|0x4000, w.rng.Uint64()&^(3<<62)|1<<63
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			b = append(b, '-')
		}
		if i < 16 {
			b = append(b, hex[hi>>(60-4*i)&15])
		} else {
			b = append(b, hex[lo>>(60-4*(i-16))&15])
		}
	}
	return b
}

// hexID appends an id such as "i-0123456789abcdef0".
func (w *writer) hexID(b []byte, prefix string) []byte {
	b = append(b, prefix...)
	return fmt.Appendf(b, "-0%016x", w.rng.Uint64N(500)*0x9e3779b97f4a7c15)
}
