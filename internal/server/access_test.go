package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tokenEntry is an entry of serve.admin.auth.tokens.
func tokenEntry(name, token string, scopes ...string) string {
	sum := sha256.Sum256([]byte(token))
	return strings.Join(append([]string{name, fmt.Sprintf("%x", sum)}, scopes...), " ")
}

// With tokens configured the admin API asks who calls, and each token can do
// what its scopes say and no more.
func TestAdminTokens(t *testing.T) {
	t.Parallel()
	s := start(t, "DSN=memory", "SERVE_ADMIN_AUTH_TOKENS="+strings.Join([]string{
		tokenEntry("all", "token-of-all", "*"), tokenEntry("reader", "token-of-reader", "*:read"),
		tokenEntry("clients", "token-of-clients", "clients:write"), tokenEntry("probe", "token-of-probe", "metrics"),
		tokenEntry("gateway", "token-of-gateway", "tokens:read"),
	}, ","))
	call := func(token, method, path, body string, headers ...string) reply {
		t.Helper()
		if token != "" {
			headers = append(headers, "Authorization: Bearer "+token)
		}
		return do(t, client, method, s.Admin+path, body, headers...)
	}
	for _, prefix := range []string{"", "/admin"} {
		for _, test := range []struct {
			token, method, path, body string
			want                      int
		}{
			{"token-of-all", "POST", "/clients", "{}", 201},
			{"token-of-all", "GET", "/keys/hydra.openid.id-token", "", 200},
			{"token-of-reader", "GET", "/clients", "", 200},
			{"token-of-reader", "GET", "/version", "", 200},
			{"token-of-reader", "POST", "/clients", "{}", 403},
			{"token-of-reader", "DELETE", "/oauth2/tokens?client_id=x", "", 403},
			{"token-of-clients", "POST", "/clients", "{}", 201},
			{"token-of-clients", "GET", "/clients", "", 403}, // writing does not include reading
			{"token-of-clients", "GET", "/keys/hydra.openid.id-token", "", 403},
			{"token-of-clients", "DELETE", "/oauth2/auth/sessions/login?subject=x", "", 403},
			{"token-of-clients", "GET", "/metrics/prometheus", "", 403},
			{"token-of-probe", "GET", "/metrics/prometheus", "", 200},
			{"token-of-gateway", "POST", "/oauth2/introspect", "token=x", 200},
			{"token-of-gateway", "GET", "/clients", "", 403},
			{"", "GET", "/health/alive", "", 200},
			{"", "GET", "/health/ready", "", 200},
			{"", "GET", "/clients", "", 401},
			{"", "GET", "/metrics/prometheus", "", 401},
			{"", "GET", "/version", "", 401},
			{"", "GET", "/nowhere", "", 401},
			{"", "POST", "/oauth2/introspect", "token=x", 401},
			{"wrong", "GET", "/clients", "", 401},
		} {
			r := call(test.token, test.method, prefix+test.path, test.body, formType)
			if r.Status != test.want {
				t.Errorf("%s %s%s with %q = %d %s, want %d", test.method, prefix, test.path, test.token, r.Status, r.Body, test.want)
			}
		}
	}
	t.Run("errors have the form of the generation, and a challenge", func(t *testing.T) {
		r := call("", "GET", "/clients", "")
		if e := r.object(t, 401); e["error"] != "request_unauthorized" || e["status_code"] != 401.0 || e["request_id"] == nil {
			t.Errorf("rc and v1: %s", r.Body)
		}
		equal(t, "challenge", r.Header.Get("WWW-Authenticate"), `Bearer realm="hydra admin"`)
		r = call("wrong", "GET", "/admin/clients", "")
		refusedBriefly(t, r, 401, "request_unauthorized")
		equal(t, "challenge", r.Header.Get("WWW-Authenticate"), `Bearer realm="hydra admin", error="invalid_token"`)
		r = call("token-of-clients", "GET", "/admin/clients", "")
		refusedBriefly(t, r, 403, "request_forbidden")
		equal(t, "challenge", r.Header.Get("WWW-Authenticate"), `Bearer realm="hydra admin", error="insufficient_scope", scope="clients:read"`)
		if e := call("token-of-clients", "GET", "/clients", "").object(t, 403); e["error"] != "request_forbidden" || e["status_code"] != 403.0 {
			t.Errorf("rc and v1: %v", e)
		}
	})
	t.Run("the log names the caller", func(t *testing.T) {
		if log := s.Log.String(); !strings.Contains(log, "actor=token:reader") || strings.Contains(log, "token-of-") {
			t.Error("the log does not name the token reader, or shows a token")
		}
	})
}

// Attack: get past the admin API's authentication with a token in the wrong
// place, a digest, parts of a token, spellings of free paths.
func TestAttackAdminTokens(t *testing.T) {
	t.Parallel()
	entry := tokenEntry("all", "token-of-all", "*")
	s := start(t, "DSN=memory", "SERVE_ADMIN_AUTH_TOKENS="+entry)
	for name, test := range map[string]struct{ path, header string }{
		"in the query":           {"/clients?access_token=token-of-all", "X-Nothing: 1"},
		"as Basic":               {"/clients", basic("all", "token-of-all")},
		"in a cookie":            {"/clients", "Cookie: access_token=token-of-all"},
		"without a scheme":       {"/clients", "Authorization: token-of-all"},
		"the digest":             {"/clients", "Authorization: Bearer " + strings.Fields(entry)[1]},
		"cut off by one":         {"/clients", "Authorization: Bearer token-of-al"},
		"longer by one":          {"/clients", "Authorization: Bearer token-of-alll"},
		"in upper case":          {"/clients", "Authorization: Bearer TOKEN-OF-ALL"},
		"two in one header":      {"/clients", "Authorization: Bearer token-of-all, Bearer x"},
		"nothing":                {"/clients", "Authorization: Bearer "},
		"below a free path":      {"/health/alive/../../clients", "X-Nothing: 1"},
		"an escaped free path":   {"/health%2Falive/..%2F..%2Fclients", "X-Nothing: 1"},
		"a doubled prefix":       {"/admin/admin/clients", "X-Nothing: 1"},
		"slashes":                {"//clients", "X-Nothing: 1"},
		"a claimed certificate":  {"/clients", "X-Client-Cert: all"},
		"a claimed proxy":        {"/clients", "X-Forwarded-For: 127.0.0.1"},
		"another method's route": {"/clients", "X-HTTP-Method-Override: OPTIONS"},
	} {
		if r := get(t, s.Admin+test.path, test.header); r.Status != 401 && r.Status != 404 || strings.Contains(r.Body, "[") {
			t.Errorf("%s: %d %s", name, r.Status, r.Body)
		}
	}
	if r := get(t, s.Admin+"/clients", "Authorization: bearer token-of-all"); r.Status != 200 { // RFC 9110 §11.1
		t.Errorf("the scheme in lower case: %d", r.Status)
	}
	// Failures are told to the operator, and not without a bound.
	for range 60 {
		get(t, s.Admin+"/clients", "Authorization: Bearer guess")
	}
	if n := strings.Count(s.Log.String(), "event=admin_unauthorized"); n < 10 || n > 40 {
		t.Errorf("%d events of failures", n)
	}
}

// The built-in pages call the admin API in this process and need no token.
func TestDevelopmentPagesWithAdminTokens(t *testing.T) {
	t.Parallel()
	s := start(t, "DSN=memory", "DEV=true", "SERVE_ADMIN_AUTH_TOKENS="+tokenEntry("all", "token-of-all", "*"))
	r := get(t, s.Public+"/demo/sign-in")
	for range 5 { // to the page on which somebody signs in
		to := r.Header.Get("Location")
		if r.Status != http.StatusFound && r.Status != http.StatusSeeOther || strings.Contains(to, "/dev/login") {
			break
		}
		r = get(t, strings.Replace(to, s.Config.URLs.Public, s.Public, 1))
	}
	if to := r.Header.Get("Location"); !strings.Contains(to, "/dev/login") {
		t.Fatalf("the demo answers %d %s %.200s", r.Status, to, r.Body)
	}
	if r = get(t, strings.Replace(r.Header.Get("Location"), s.Config.URLs.Public, s.Public, 1)); r.Status != 200 {
		t.Errorf("the login page is %d %.300s", r.Status, r.Body)
	}
}

// authority makes client certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key = a.make(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

func (a *authority) make(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// file writes the authority's own certificate.
func (a *authority) file() string {
	a.t.Helper()
	name := filepath.Join(a.t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return name
}

// client is an HTTP client that trusts roots and shows a certificate for the
// name, or none for "".
func (a *authority) client(roots *x509.CertPool, name string, change func(*x509.Certificate)) *http.Client {
	c := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if name != "" {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "the name of " + name}, DNSNames: []string{name},
			NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}
		if change != nil {
			change(template)
		}
		cert, key := a.make(template)
		c.Certificates = []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}, Timeout: 2 * time.Minute}
}

// Mutual TLS: who shows a certificate of the right authority may do what the
// rule for its name says. Attacks: another authority, no client's certificate,
// an expired one, a name as prefix.
func TestAdminCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	roots := x509.NewCertPool()
	roots.AddCert(writeCertificate(t, certFile, keyFile, 1))
	ca, other := newAuthority(t), newAuthority(t)
	environ := []string{"DSN=memory", "SERVE_ADMIN_TLS_CERT_PATH=" + certFile, "SERVE_ADMIN_TLS_KEY_PATH=" + keyFile, "SERVE_ADMIN_AUTH_CLIENT_CA=" + ca.file()}
	s := start(t, environ...)
	for name, test := range map[string]struct {
		client  *http.Client
		headers []string
		want    int // 0: the connection fails
	}{
		"any certificate":        {ca.client(roots, "anybody", nil), nil, 200},
		"no certificate":         {ca.client(roots, "", nil), nil, 401},
		"of another authority":   {other.client(roots, "anybody", nil), nil, 0},
		"expired":                {ca.client(roots, "anybody", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), nil, 0},
		"of a server":            {ca.client(roots, "anybody", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), nil, 0},
		"with an unknown token":  {ca.client(roots, "anybody", nil), []string{"Authorization: Bearer x"}, 401},
		"with Basic credentials": {ca.client(roots, "anybody", nil), []string{basic("a", "b")}, 200},
	} {
		r, err := try(t, test.client, "GET", s.Admin+"/clients", "", test.headers...)
		if (test.want == 0) != (err != nil) || r.Status != test.want {
			t.Errorf("%s: %d %s %v", name, r.Status, r.Body, err)
		}
	}
	if r := do(t, ca.client(roots, "", nil), "GET", s.Admin+"/health/ready", ""); r.Status != 200 {
		t.Errorf("a health check without a certificate: %d", r.Status)
	}

	s = start(t, append(environ, "SERVE_ADMIN_AUTH_CERTIFICATES=app dns:login.internal requests clients:read", "SERVE_ADMIN_AUTH_TOKENS="+tokenEntry("all", "token-of-all", "*"))...)
	app := ca.client(roots, "login.internal", nil)
	for name, test := range map[string]struct {
		client       *http.Client
		method, path string
		headers      []string
		want         int
	}{
		"what the rule allows":     {app, "GET", "/clients", nil, 200},
		"what it does not":         {app, "POST", "/clients", nil, 403},
		"a name that has no rule":  {ca.client(roots, "xlogin.internal", nil), "GET", "/clients", nil, 403},
		"the name in the CN alone": {ca.client(roots, "x", func(c *x509.Certificate) { c.Subject.CommonName, c.DNSNames = "dns:login.internal", nil }), "GET", "/clients", nil, 403},
		"a token instead":          {ca.client(roots, "", nil), "POST", "/clients", []string{"Authorization: Bearer token-of-all"}, 201},
		"a token beside it":        {app, "POST", "/clients", []string{"Authorization: Bearer token-of-all"}, 201},
	} {
		if r := do(t, test.client, test.method, s.Admin+test.path, "{}", test.headers...); r.Status != test.want {
			t.Errorf("%s: %d %s, want %d", name, r.Status, r.Body, test.want)
		}
	}
	if log := s.Log.String(); !strings.Contains(log, "actor=certificate:app") {
		t.Error("the log does not name the certificate's rule")
	}
	if _, err := tryStart(t, append(environ[:3:3], "SERVE_ADMIN_AUTH_CLIENT_CA="+keyFile)...); err == nil || !strings.Contains(err.Error(), "no certificate") {
		t.Errorf("a CA file without a certificate: %v", err)
	}
}
