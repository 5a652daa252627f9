package emulate

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"
)

// Proxy is an HTTP proxy that ends the TLS of every connection itself and
// serves the request from a stand-in, so that clients speak to the real host
// names and no client needs its endpoints changed.
type Proxy struct {
	// Route returns the stand-in of a host name (no port), or nil where there
	// is none. A host without a stand-in is answered 502 and remembered.
	Route func(host string) http.Handler

	ca     *x509.Certificate
	caKey  *ecdsa.PrivateKey
	mu     sync.Mutex
	leaves map[string]*tls.Certificate
	missed []string
}

// NewProxy makes a proxy with a fresh certificate authority, which lives as
// long as the process.
func NewProxy(route func(host string) http.Handler) (*Proxy, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	tmpl := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "Log recorder"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(48 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	return &Proxy{Route: route, ca: ca, caKey: key, leaves: map[string]*tls.Certificate{}}, nil
}

// AuthorityPEM returns the certificate that clients must trust.
func (p *Proxy) AuthorityPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.ca.Raw})
}

// Missed returns the hosts that were asked for and have no stand-in.
func (p *Proxy) Missed() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.missed...)
}

// ServeHTTP answers CONNECT by serving the tunnel; a plain request through the
// proxy is served in the same way.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		p.serve(w, r, r.URL.Hostname())
		return
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	hj, ok := w.(http.Hijacker)
	if !ok {
		http.Error(w, "no tunnel here", http.StatusInternalServerError)
		return
	}
	raw, buf, err := hj.Hijack()
	if err != nil {
		return
	}
	if _, err := io.WriteString(raw, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = raw.Close()
		return
	}
	conn := tls.Server(&readAhead{Conn: raw, r: buf.Reader}, &tls.Config{
		GetCertificate: func(hi *tls.ClientHelloInfo) (*tls.Certificate, error) {
			name := hi.ServerName
			if name == "" {
				name = host
			}
			return p.leaf(name)
		},
		NextProtos: []string{"http/1.1"},
	})
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// The server cannot see through the wrapped connection, and the
			// records want the TLS that was really spoken.
			state := conn.ConnectionState()
			r.TLS = &state
			p.serve(w, r, host)
		}),
		ReadHeaderTimeout: 30 * time.Second,
	}
	_ = srv.Serve(&oneConn{conn: conn, done: make(chan struct{})})
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request, host string) {
	if h := p.Route(host); h != nil {
		h.ServeHTTP(w, r)
		return
	}
	p.mu.Lock()
	p.missed = append(p.missed, r.Method+" "+host+r.URL.Path)
	p.mu.Unlock()
	http.Error(w, "no stand-in for "+host, http.StatusBadGateway)
}

func (p *Proxy) leaf(name string) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.leaves[name]; c != nil {
		return c, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(p.leaves) + 2)),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    p.ca.NotBefore,
		NotAfter:     p.ca.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		tmpl.IPAddresses = []net.IP{ip}
	} else {
		tmpl.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, p.ca, &key.PublicKey, p.caKey)
	if err != nil {
		return nil, err
	}
	c := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	p.leaves[name] = c
	return c, nil
}

// readAhead gives back what the HTTP server had read past the CONNECT line.
type readAhead struct {
	net.Conn
	r *bufio.Reader
}

func (c *readAhead) Read(b []byte) (int, error) { return c.r.Read(b) }

// oneConn is a listener of a single connection: it hands the connection out
// once and then waits until it is closed.
type oneConn struct {
	conn net.Conn
	once sync.Once
	done chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	var c net.Conn
	l.once.Do(func() { c = &closeTold{Conn: l.conn, done: l.done} })
	if c != nil {
		return c, nil
	}
	<-l.done
	return nil, errors.New("tunnel closed")
}
func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }

type closeTold struct {
	net.Conn
	once sync.Once
	done chan struct{}
}

func (c *closeTold) Close() error {
	c.once.Do(func() { close(c.done) })
	return c.Conn.Close()
}
