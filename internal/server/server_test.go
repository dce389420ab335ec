package server_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The contract's cases 233 to 250 on transport, as far as the design keeps them.

func TestHealthAndVersion(t *testing.T) {
	t.Parallel()
	s := start(t, "DSN=memory")
	for _, test := range []struct {
		url    string
		status int
		body   string // exact, "" for anything
	}{
		{s.Admin + "/health/alive", 200, `{"status":"ok"}`},
		{s.Admin + "/health/ready", 200, `{"status":"ok"}`},
		{s.Public + "/health/alive", 200, `{"status":"ok"}`},
		{s.Admin + "/version", 200, `{"version":"v0.0.0-test"}`},
		{s.Admin + "/metrics/prometheus", 200, ""},
		{s.Admin + "/admin/health/alive", 200, `{"status":"ok"}`}, // v2 has both spellings
		{s.Admin + "/admin/health/ready", 200, `{"status":"ok"}`},
		{s.Admin + "/admin/version", 200, `{"version":"v0.0.0-test"}`},
		{s.Admin + "/admin/metrics/prometheus", 200, ""},
		{s.Public + "/admin/version", 404, ""},
		{s.Public + "/admin/clients", 404, ""},
		{s.Public + "/health/ready", 200, `{"status":"ok"}`}, // since v1.0.0; case 250 has 404
		{s.Public + "/version", 404, ""},
		{s.Public + "/clients", 404, ""},
		{s.Public + "/metrics/prometheus", 404, ""},
		{s.Public + "/demo", 404, ""}, // only in development mode
		{s.Admin + "/oauth2/auth", 404, ""},
	} {
		r := get(t, test.url)
		if r.Status != test.status || test.body != "" && r.Body != test.body {
			t.Errorf("GET %s = %d %q, want %d %q", test.url, r.Status, r.Body, test.status, test.body)
		}
	}
	if r := get(t, s.Admin+"/metrics/prometheus"); !strings.Contains(r.Body, `http_requests_total{app="hydra"`) || !strings.Contains(r.Body, "go_goroutines") {
		t.Error("the metrics lack http_requests_total or go_goroutines")
	}
}

// A request in flight finishes when the server is told to stop, new
// connections are refused, and the stop is no error.
func TestDrain(t *testing.T) {
	t.Parallel()
	s := start(t, "DSN=memory")
	address := strings.TrimPrefix(s.Public, "http://")
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	body := "grant_type=client_credentials&client_id=nobody&client_secret=x"
	fmt.Fprintf(conn, "POST /oauth2/token HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", address, len(body))
	in := bufio.NewReader(conn)
	// The handler asks for the body: so it is running.
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("the server answered %q, %v", line, err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	waitUntil(t, "new connections are refused", func() bool {
		c, err := d.DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	select {
	case err := <-stopped:
		t.Fatalf("the server did not wait for the request: %v", err)
	default:
	}
	fmt.Fprint(conn, body)
	if _, err := in.ReadString('\n'); err != nil { // the empty line after 100 Continue
		t.Fatal(err)
	}
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("the request in flight got %d, want 401", res.StatusCode)
	}
	if err := <-stopped; err != nil {
		t.Errorf("the server stopped with %v", err)
	}
}

// waitUntil asks again and again, for two minutes at most.
func waitUntil(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(2 * time.Minute)
	for !f() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("it never came true that %s", what)
		}
	}
}

// A database that is gone gives 503 from readiness and server_error from
// endpoints. When it is back, everything works without a restart (contract
// case 248).
func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, "DATA_DIR="+dir, "CACHE_STALENESS=0s")
	if r := get(t, s.Admin+"/clients"); r.Status != 200 {
		t.Fatalf("GET /clients = %d %s", r.Status, r.Body)
	}
	file, away := filepath.Join(dir, "hydra.sqlite"), filepath.Join(dir, "away")
	if err := os.Rename(file, away); err != nil {
		t.Fatal(err)
	}
	r := get(t, s.Admin+"/health/ready")
	if r.Status != 503 || !strings.Contains(r.Body, `"database"`) {
		t.Errorf("readiness = %d %s, want 503 with the reason", r.Status, r.Body)
	}
	if r := get(t, s.Public+"/health/ready"); r.Status != 503 || strings.Contains(r.Body, "hydra.sqlite") || strings.Contains(r.Body, "file") {
		t.Errorf("readiness of the public port = %d %s, want 503 without the reason", r.Status, r.Body)
	}
	if r := get(t, s.Admin+"/clients"); r.Status != 500 || !strings.Contains(r.Body, "server_error") || strings.Contains(r.Body, "SQL") {
		t.Errorf("GET /clients = %d %s, want 500 server_error without details", r.Status, r.Body)
	}
	if r := get(t, s.Public+"/health/alive"); r.Status != 200 {
		t.Errorf("alive = %d", r.Status)
	}
	if err := os.Rename(away, file); err != nil {
		t.Fatal(err)
	}
	if r := get(t, s.Admin+"/health/ready"); r.Status != 200 {
		t.Errorf("readiness = %d %s after the database came back", r.Status, r.Body)
	}
	if r := get(t, s.Admin+"/clients"); r.Status != 200 {
		t.Errorf("GET /clients = %d %s after the database came back", r.Status, r.Body)
	}
}

// Cases 240 and 241: a port with listed proxies answers nobody else.
func TestTermination(t *testing.T) {
	t.Parallel()
	s := start(t, "DSN=memory", "OAUTH2_ISSUER_URL=https://id.example.com", "HTTPS_ALLOW_TERMINATION_FROM=127.0.0.0/8")
	for _, test := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"header missing", nil, 502},
		{"called over http", []string{"X-Forwarded-Proto: http"}, 502},
		{"called over https", []string{"X-Forwarded-Proto: https"}, 200},
		{"a chain of proxies", []string{"X-Forwarded-Proto: https, https"}, 200},
	} {
		if r := get(t, s.Public+"/.well-known/openid-configuration", test.headers...); r.Status != test.status {
			t.Errorf("%s: %d, want %d", test.name, r.Status, test.status)
		}
	}
	if r := get(t, s.Admin+"/health/ready"); r.Status != 200 {
		t.Errorf("a probe without the header got %d", r.Status)
	}
	other := start(t, "DSN=memory", "OAUTH2_ISSUER_URL=https://id.example.com", "HTTPS_ALLOW_TERMINATION_FROM=10.0.0.0/8")
	if r := get(t, other.Public+"/.well-known/openid-configuration", "X-Forwarded-Proto: https"); r.Status != 502 {
		t.Errorf("a peer that is not listed got %d, want 502", r.Status)
	}
}

// The issuer may have a path; a proxy may take it away or leave it there.
func TestIssuerWithPath(t *testing.T) {
	t.Parallel()
	s := start(t, "DSN=memory", "URLS_SELF_ISSUER=http://localhost:9/tenant/a")
	for _, path := range []string{
		"/.well-known/openid-configuration", "/tenant/a/.well-known/openid-configuration",
		"/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server/tenant/a",
	} {
		r := get(t, s.Public+path)
		var doc struct {
			Issuer string `json:"issuer"`
			Token  string `json:"token_endpoint"`
		}
		if err := json.Unmarshal([]byte(r.Body), &doc); err != nil || r.Status != 200 {
			t.Errorf("GET %s = %d %s", path, r.Status, r.Body)
			continue
		}
		if doc.Issuer != "http://localhost:9/tenant/a" || doc.Token != "http://localhost:9/tenant/a/oauth2/token" {
			t.Errorf("GET %s: issuer %q, token endpoint %q", path, doc.Issuer, doc.Token)
		}
	}
	if r := get(t, s.Public+"/tenant/ab/.well-known/openid-configuration"); r.Status != 404 {
		t.Errorf("another path got %d, want 404", r.Status)
	}
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "hydra") // a socket's path has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "admin.sock")
	env := []string{"DSN=memory", "ADMIN_HOST=unix:" + socket, "SERVE_ADMIN_SOCKET_MODE=0660"}
	s := start(t, env...)
	if s.Admin != "unix:"+socket {
		t.Errorf("URL(admin) = %q", s.Admin)
	}
	info, err := os.Stat(socket)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o660 {
		t.Errorf("the socket has mode %v", info.Mode())
	}
	c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	if r := do(t, c, "GET", "http://hydra/health/ready", ""); r.Status != 200 {
		t.Errorf("readiness over the socket = %d", r.Status)
	}
	c.CloseIdleConnections()
	if _, err := tryStart(t, env...); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second server on the socket: %v", err)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	// What a crash leaves behind is no obstacle.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	start(t, env...)
}

// writeCertificate writes a new self-signed certificate for localhost.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func tlsClient(cert *x509.Certificate) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, DisableKeepAlives: true,
	}}
}

// Own certificate files are served on both ports, with HTTP/2, and read again
// when they change.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	first := writeCertificate(t, certFile, keyFile, 1)
	s := start(t, "DSN=memory", "HTTPS_TLS_CERT_PATH="+certFile, "HTTPS_TLS_KEY_PATH="+keyFile)
	if !strings.HasPrefix(s.Config.URLs.Issuer, "https://localhost:") {
		t.Errorf("issuer = %q", s.Config.URLs.Issuer)
	}
	c := tlsClient(first)
	if r := do(t, c, "GET", s.Public+"/health/alive", ""); r.Status != 200 || r.Proto != "HTTP/2.0" {
		t.Errorf("public: %d over %s", r.Status, r.Proto)
	}
	if r := do(t, c, "GET", s.Admin+"/health/ready", ""); r.Status != 200 {
		t.Errorf("admin: %d", r.Status)
	}
	if r, err := try(t, client, "GET", "http"+strings.TrimPrefix(s.Public, "https")+"/health/alive", ""); err == nil && r.Status == 200 {
		t.Error("plain HTTP is answered on a TLS port")
	}
	old, err := tls.DialWithDialer(&net.Dialer{}, "tcp", strings.TrimPrefix(s.Public, "https://"), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}) //nolint:gosec // it must be refused
	if err == nil {
		_ = old.Close()
		t.Error("TLS 1.1 is answered")
	}
	second := writeCertificate(t, certFile, keyFile, 2)
	waitUntil(t, "the new certificate is served", func() bool {
		_, err := try(t, tlsClient(second), "GET", s.Public+"/health/alive", "")
		return err == nil
	})
	if _, err := tryStart(t, "DSN=memory", "HTTPS_TLS_CERT_PATH="+certFile, "HTTPS_TLS_KEY_PATH="+filepath.Join(dir, "none")); err == nil {
		t.Error("started without the key")
	}
	// The same in base64.
	encoded := make([]string, 2)
	for i, name := range []string{certFile, keyFile} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		encoded[i] = base64.StdEncoding.EncodeToString(data)
	}
	s = start(t, "DSN=memory", "HTTPS_TLS_CERT="+encoded[0], "HTTPS_TLS_KEY="+encoded[1])
	if r := do(t, tlsClient(second), "GET", s.Public+"/health/alive", ""); r.Status != 200 {
		t.Errorf("certificate in base64: %d", r.Status)
	}
}

// Attack: a server that still runs in development mode, but has a login app,
// lets nobody around it.
func TestConfiguredPagesReplaceTheBuiltInOnes(t *testing.T) {
	t.Parallel()
	s := start(t, "DSN=memory", "DEV=true")
	for _, path := range []string{"/demo", "/dev/style.css"} {
		if r := get(t, s.Public+path); r.Status != 200 {
			t.Errorf("GET %s = %d", path, r.Status)
		}
	}
	if r := get(t, s.Public+"/dev/login"); r.Status == 404 {
		t.Error("there is no built-in login page")
	}
	s = start(t, "DSN=memory", "DEV=true", "URLS_LOGIN=https://app.example.com/login", "URLS_CONSENT=https://app.example.com/consent")
	for _, path := range []string{"/dev/login", "/dev/login/", "/dev//login", "/dev/consent", "/dev/consent?consent_challenge=x"} {
		if r := get(t, s.Public+path); r.Status == 200 || r.Status == 400 {
			t.Errorf("GET %s = %d, want none", path, r.Status)
		}
		if r := do(t, client, "POST", s.Public+path, "subject=root", "Content-Type: application/x-www-form-urlencoded"); r.Status < 300 {
			t.Errorf("POST %s = %d, want none", path, r.Status)
		}
	}
	if r := get(t, s.Public+"/demo"); r.Status != 200 {
		t.Errorf("GET /demo = %d", r.Status)
	}
}

// As since v1.0.0-rc.12. In rc.6 the page for the consent stood in for both.
func TestPageWithoutALoginApp(t *testing.T) {
	t.Parallel()
	s := start(t, "DSN=memory")
	do(t, client, "POST", s.Admin+"/clients", `{"client_id":"app","redirect_uris":["https://app.example/cb"]}`).object(t, 201)
	to := get(t, s.Public+"/oauth2/auth?client_id=app&response_type=code&state=12345678").Header.Get("Location")
	if !strings.HasPrefix(to, s.Config.URLs.Public+"/oauth2/fallbacks/login?login_challenge=") {
		t.Fatalf("the browser is sent to %s", to)
	}
	if r := get(t, to); r.Status != 200 || !strings.Contains(r.Body, "urls.login") {
		t.Errorf("GET %s = %d %s", to, r.Status, r.Body)
	}
}

// Cases 233 to 238: which origins may call.
func TestCORS(t *testing.T) {
	t.Parallel()
	const doc, origin = "/.well-known/openid-configuration", "Origin: http://foo.foobar.com"
	for _, test := range []struct {
		name, origins, want string // origins "-" switches CORS off
	}{
		{"disabled", "-", ""},
		{"foreign", "http://example.com", ""},
		{"listed", "http://example.com,http://foo.foobar.com", "http://foo.foobar.com"},
		{"wildcard for a label", "http://*.foobar.com", "http://foo.foobar.com"},
		{"all", "*", "*"},
	} {
		env := []string{"DSN=memory"}
		if test.origins != "-" {
			env = append(env, "CORS_ENABLED=true", "CORS_ALLOWED_ORIGINS="+test.origins)
		}
		s := start(t, env...)
		for _, url := range []string{s.Public + doc, s.Admin + "/clients"} {
			if got := get(t, url, origin).Header.Get("Access-Control-Allow-Origin"); got != test.want {
				t.Errorf("%s: %s allows %q, want %q", test.name, url, got, test.want)
			}
		}
		if got := get(t, s.Public+"/oauth2/auth", origin).Header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s: the authorization endpoint allows %q", test.name, got)
		}
	}
}

// Attack: two nodes' first start at once makes one key of each kind and one ring.
func TestTwoFirstStarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var nodes [2]*instance
	var errs [2]error
	var wg sync.WaitGroup
	for i := range nodes {
		wg.Go(func() {
			nodes[i], errs[i] = tryStart(t, "DATA_DIR="+dir, "URLS_SELF_ISSUER=http://localhost:1")
		})
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	a, b := get(t, nodes[0].Public+"/.well-known/jwks.json"), get(t, nodes[1].Public+"/.well-known/jwks.json")
	if a.Status != 200 || a.Body != b.Body {
		t.Errorf("the nodes publish\n%s\n%s", a.Body, b.Body)
	}
	for _, alg := range []string{"RS256", "RSA-OAEP-256", "ECDH-ES"} { // one to sign with, two to encrypt to
		if n := strings.Count(a.Body, `"alg":"`+alg+`"`); n != 1 {
			t.Errorf("%d keys of %s are published, want 1:\n%s", n, alg, a.Body)
		}
	}
}

// The generated secret stands in its file and nowhere else.
func TestGeneratedSecret(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, "DATA_DIR="+dir, "LOG_LEVEL=trace")
	data, err := os.ReadFile(filepath.Join(dir, "system-secret"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.Log.String(), strings.TrimSpace(string(data))) {
		t.Error("the secret is in the log")
	}
	if !strings.Contains(s.Log.String(), "system-secret") {
		t.Error("the log does not say where the secret is kept")
	}
	if len(strings.TrimSpace(string(data))) != 43 {
		t.Errorf("the secret has %d characters", len(data))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "system-secret-") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		benchmarkStart(b)
	}
}
