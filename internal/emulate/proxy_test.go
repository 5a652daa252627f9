package emulate

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
)

func TestTheProxySpeaksForAnyHostItKnows(t *testing.T) {
	p, err := NewProxy(func(host string) http.Handler {
		if host != "ec2.eu-west-1.amazonaws.com" {
			return nil
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, r.Host+" "+tlsName(r.TLS.Version)+" "+string(body))
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(p)
	defer s.Close()
	at, _ := url.Parse(s.URL)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(p.AuthorityPEM()) {
		t.Fatal("no certificate")
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(at), TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()

	for range 2 { // the second on the same connection
		resp, err := client.Post("https://ec2.eu-west-1.amazonaws.com/", "text/plain", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(got) != "ec2.eu-west-1.amazonaws.com TLSv1.3 " {
			t.Errorf("%q", got)
		}
	}
	resp, err := client.Get("https://elsewhere.example.com/x")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusBadGateway {
		t.Errorf("a host without a stand-in: %d", resp.StatusCode)
	}
	if m := p.Missed(); len(m) != 1 || m[0] != "GET elsewhere.example.com/x" {
		t.Errorf("missed: %q", m)
	}
}

var day0 = time.Date(2026, 3, 17, 0, 0, 0, 0, time.UTC)

func TestStageRepeatsItself(t *testing.T) {
	run := func(seed string) (out []string) {
		s := NewStage(seed)
		s.Begin(Scene{Source: "x", Start: day0, PaceMin: 1, PaceMax: 1000})
		for range 5 {
			at, _ := s.Tick()
			out = append(out, at.String(), s.UUID("a"), s.Token("b", upperAlnum, 16), s.Hex("c", 32))
		}
		return out
	}
	one, two, other := run("a"), run("a"), run("b")
	same := 0
	for i := range one {
		if one[i] != two[i] {
			t.Errorf("%d: %s, then %s", i, one[i], two[i])
		}
		if one[i] == other[i] {
			same++
		}
	}
	if same > 1 { // the start of the scene
		t.Errorf("another seed repeats %d values", same)
	}
	if one[1] == one[5] {
		t.Error("an identifier is given twice")
	}
}
