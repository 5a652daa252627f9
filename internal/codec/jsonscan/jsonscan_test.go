package jsonscan

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestSkip(t *testing.T) {
	tests := []struct {
		in  string
		end int
		err error
	}{
		{`{}`, 2, nil},
		{`{"a":"}"} tail`, 9, nil},
		{`{"a\"":["]",{"b":[]}]}x`, 22, nil},
		{`"a\\"b`, 5, nil},
		{`"abcdefgh\"ijklmnop"z`, 20, nil},
		{`-1.5e+3,`, 7, nil},
		{`true}`, 4, nil},
		{`null`, 4, nil},
		{`{"a":1`, 6, ErrTruncated},
		{`"abc`, 4, ErrTruncated},
		{`"abc\`, 5, ErrTruncated},
		{`tr`, 2, ErrTruncated},
		{`trux`, 0, ErrSyntax},
		{`{]`, 1, ErrSyntax},
		{`[}`, 1, ErrSyntax},
		{`}`, 0, ErrSyntax},
		{``, 0, ErrTruncated},
		{strings.Repeat("[", maxDepth+1), maxDepth, ErrSyntax},
	}
	for _, tt := range tests {
		end, err := Skip([]byte(tt.in), 0)
		if end != tt.end || err != tt.err {
			t.Errorf("Skip(%.40q) = %d, %v; want %d, %v", tt.in, end, err, tt.end, tt.err)
		}
	}
}

func TestMembers(t *testing.T) {
	in := ` x` // Members does not skip white space before the object
	o := Members([]byte(in))
	if _, _, ok := o.Next(); ok || o.Err() != ErrSyntax {
		t.Errorf("Members(%q): err %v", in, o.Err())
	}
	in = "{ \"a\" : 1 ,\n\"b\":{\"c\":[1,2]}\t, \"a\":\"x\" } rest"
	o = Members([]byte(in))
	var got []string
	for {
		k, v, ok := o.Next()
		if !ok {
			break
		}
		got = append(got, string(k)+"="+string(v))
	}
	want := `a=1|b={"c":[1,2]}|a="x"`
	if s := strings.Join(got, "|"); s != want || o.Err() != nil {
		t.Errorf("members %s, err %v; want %s", s, o.Err(), want)
	}
	if rest := in[o.End():]; rest != " rest" {
		t.Errorf("the object ends before %q, want before %q", rest, " rest")
	}
	if got := GetText([]byte(in), "a"); string(got) != "x" {
		t.Errorf("of a key that stands twice the last counts: got %q", got)
	}
	if got := Get([]byte(in), "b", "c"); string(got) != "[1,2]" {
		t.Errorf("Get(b, c) = %q", got)
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		`"plain"`:                  "plain",
		`"a\"\\\/\b\f\n\r\t"`:      "a\"\\/\b\f\n\r\t",
		`"\u00e9\uD83D\uDE00"`:     "é😀",
		`"\ud800x"`:                "\ufffdx",
		`"\uZZZZ"`:                 "\ufffdZZZZ",
		`12`:                       "",
		`null`:                     "",
		`{"a":1}`:                  "",
		`"\ud83d\u0041"`:           "\ufffdA",
		`"ends in an escape \\\\"`: `ends in an escape \\`,
	} {
		if got := string(Text([]byte(in))); got != want {
			t.Errorf("Text(%s) = %q, want %q", in, got, want)
		}
	}
}

// FuzzAgainstEncodingJSON holds the walk against encoding/json: of valid
// input it must see every member and every text; of any input it must neither
// panic nor step outside.
func FuzzAgainstEncodingJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"b":"x\u0041","c":[{"d":null},true,-1.5e3],"e":{"f":{}}}`,
		`[1,"two",{"three":3},[],{}]`, `"str\\ing"`, `{"a":"\ud83d\ude00"}`, `{"":""}`, `{"a":{"b":"}"}}`, "[\n]", `{,}`, `{"a"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		start := Space(in, 0)
		if start == len(in) {
			return
		}
		b := in[start:]
		end, err := Skip(b, 0)
		if end < 0 || end > len(b) {
			t.Fatalf("Skip ends at %d of %d", end, len(b))
		}
		valid := json.Valid(b)
		if valid {
			b = bytes.TrimRight(b, " \t\r\n")
		}
		walk(t, b, valid, 0)
		if !valid {
			return
		}
		if nesting(b) < maxDepth && (err != nil || end != len(b)) {
			t.Fatalf("Skip of valid %q = %d, %v", b, end, err)
		}
	})
}

func nesting(b []byte) (deepest int) {
	depth := 0
	for _, c := range b {
		switch c {
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest
}

func walk(t *testing.T, b []byte, valid bool, depth int) {
	if depth > 20 || nesting(b) >= maxDepth {
		return
	}
	switch b[0] {
	case '{':
		var want map[string]json.RawMessage
		if valid {
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
		}
		got := map[string][]byte{}
		o := Members(b)
		for {
			k, v, ok := o.Next()
			if !ok {
				break
			}
			got[string(Unescape(nil, k))] = v
			walk(t, v, valid, depth+1)
		}
		if !valid {
			return
		}
		if o.Err() != nil || len(got) != len(want) {
			// encoding/json also replaces invalid UTF-8, which can make two
			// keys one.
			if o.Err() != nil || len(got) < len(want) {
				t.Fatalf("members of %q: %v; got %d, want %d", b, o.Err(), len(got), len(want))
			}
			return
		}
		for k, w := range want {
			if g, ok := got[k]; ok && string(g) != string(w) {
				t.Fatalf("member %q of %q = %q, want %q", k, b, g, w)
			}
		}
	case '[':
		var want []json.RawMessage
		if valid {
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		a := Elements(b)
		for {
			v, ok := a.Next()
			if !ok {
				break
			}
			if valid && string(v) != string(want[n]) {
				t.Fatalf("element %d of %q = %q, want %q", n, b, v, want[n])
			}
			n++
			walk(t, v, valid, depth+1)
		}
		if valid && (a.Err() != nil || n != len(want)) {
			t.Fatalf("elements of %q: %v; got %d, want %d", b, a.Err(), n, len(want))
		}
	case '"':
		got := Text(b)
		var want string
		if valid && json.Unmarshal(b, &want) == nil && strings.ToValidUTF8(string(got), "\ufffd") != strings.ToValidUTF8(want, "\ufffd") && !strings.Contains(want, "\ufffd") {
			t.Fatalf("Text(%q) = %q, want %q", b, got, want)
		}
	}
}

// BenchmarkMembers walks a record-like object and skips every value.
func BenchmarkMembers(b *testing.B) {
	rec := []byte(`{"eventVersion":"1.09","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLE:session-1","arn":"arn:aws:sts::111122223333:assumed-role/app/session-1","accountId":"111122223333","accessKeyId":"ASIAEXAMPLE","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLE","arn":"arn:aws:iam::111122223333:role/app","accountId":"111122223333","userName":"app"},"attributes":{"creationDate":"2024-05-01T09:00:00Z","mfaAuthenticated":"false"}}},"eventTime":"2024-05-01T10:00:00Z","eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","userAgent":"Boto3/1.34.145 md/Botocore#1.34.145 ua/2.0 os/linux#5.10.220 md/arch#x86_64 lang/python#3.12.4","requestParameters":{"instancesSet":{"items":[{"instanceId":"i-0123456789abcdef0"},{"instanceId":"i-0123456789abcdef1"}]},"filterSet":{}},"responseElements":null,"requestID":"a4594a09-7600-4f3b-a58d-bd554daf9bbf","eventID":"b81ae1dc-efe1-4ba5-a55a-14997f3e08dd","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"ec2.eu-west-1.amazonaws.com"}}`)
	b.SetBytes(int64(len(rec)))
	for b.Loop() {
		o := Members(rec)
		for {
			if _, _, ok := o.Next(); !ok {
				break
			}
		}
	}
}
