package inflate

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	kgzip "github.com/klauspost/compress/gzip"
)

// trail makes n records in the manner of CloudTrail: long constant keys, names
// from a small stock, and ids that do not repeat.
func trail(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	actions := []string{
		"ec2.amazonaws.com DescribeInstances", "ec2.amazonaws.com DescribeVolumes", "s3.amazonaws.com GetObject",
		"s3.amazonaws.com ListBuckets", "kms.amazonaws.com Decrypt", "sts.amazonaws.com AssumeRole",
		"iam.amazonaws.com ListRoles", "logs.amazonaws.com CreateLogStream", "lambda.amazonaws.com Invoke",
	}
	agents := []string{"aws-cli/2.15.0 Python/3.11.6 Linux/6.1 exe/x86_64", "Boto3/1.34.2 md/Botocore#1.34.2 ua/2.0 os/linux", "console.amazonaws.com", "APN/1.0 HashiCorp/1.0 Terraform/1.6.0"}
	const account = "111111111111"
	id := func() string {
		return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", r.Uint32(), r.Uint32()>>16, r.Uint32()>>20, r.Uint32()>>16, r.Uint64()>>16)
	}
	var out bytes.Buffer
	out.WriteString(`{"Records":[`)
	for i := range n {
		if i > 0 {
			out.WriteByte(',')
		}
		who := r.IntN(400)
		var source, name string
		fmt.Sscan(actions[r.IntN(len(actions))], &source, &name)
		fmt.Fprintf(&out, `{"eventVersion":"1.09","userIdentity":{"type":"AssumedRole","principalId":"AROA%016X:session-%d","arn":"arn:aws:sts::%s:assumed-role/service-role-%d/session-%d","accountId":"%s","accessKeyId":"ASIA%016X","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA%016X","arn":"arn:aws:iam::%s:role/service-role-%d","accountId":"%s","userName":"service-role-%d"},"attributes":{"creationDate":"2026-03-17T%02d:00:00Z","mfaAuthenticated":"false"}}},`,
			who*7919, who%9, account, who, who%9, account, r.Uint64(), who*7919, account, who, account, who, r.IntN(24))
		fmt.Fprintf(&out, `"eventTime":"2026-03-17T%02d:%02d:%02dZ","eventSource":"%s","eventName":"%s","awsRegion":"eu-west-%d","sourceIPAddress":"10.%d.%d.%d","userAgent":"%s",`,
			r.IntN(24), r.IntN(60), r.IntN(60), source, name, r.IntN(3)+1, r.IntN(256), r.IntN(256), r.IntN(256), agents[r.IntN(len(agents))])
		switch r.IntN(3) {
		case 0:
			out.WriteString(`"requestParameters":null,"responseElements":null,`)
		case 1:
			fmt.Fprintf(&out, `"requestParameters":{"bucketName":"bucket-%d","key":"data/%d/part-%05d.json","Host":"s3.eu-west-1.amazonaws.com"},"responseElements":null,"additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","bytesTransferredOut":%d},`, r.IntN(50), r.IntN(1000), r.IntN(99999), r.IntN(1e6))
		case 2:
			fmt.Fprintf(&out, `"requestParameters":{"filterSet":{"items":[{"name":"instance-id","valueSet":{"items":[{"value":"i-%017x"}]}}]},"maxResults":%d},"responseElements":null,`, r.Uint64()>>4, r.IntN(1000))
		}
		fmt.Fprintf(&out, `"requestID":"%s","eventID":"%s","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111111111111","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"%s"}}`, id(), id(), source)
	}
	out.WriteString("]}")
	return out.Bytes()
}

// pack compresses data with compress/gzip.
func pack(t testing.TB, level int, data []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func BenchmarkGunzip(b *testing.B) {
	plain := trail(1, 3000)
	packed := pack(b, 6, plain)
	b.Logf("%d bytes from %d", len(plain), len(packed))
	b.Run("inflate", func(b *testing.B) {
		var d Decoder
		var out []byte
		b.SetBytes(int64(len(plain)))
		b.ReportAllocs()
		for b.Loop() {
			var err error
			if out, err = d.Gunzip(out, packed, 1<<30); err != nil {
				b.Fatal(err)
			}
		}
	})
	type resetter interface {
		io.Reader
		Reset(io.Reader) error
	}
	for name, z := range map[string]resetter{"klauspost": new(kgzip.Reader), "stdlib": new(gzip.Reader)} {
		b.Run(name, func(b *testing.B) {
			out := make([]byte, len(plain))
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				if err := z.Reset(bytes.NewReader(packed)); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(z, out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
