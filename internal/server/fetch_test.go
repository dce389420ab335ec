package server_test

import (
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// host is a client's TLS host on this machine, with documents by path; it
// counts what is asked for.
type host struct {
	*httptest.Server
	caFile string
	count  atomic.Int64

	mu        sync.Mutex
	documents map[string]string
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{documents: map[string]string{}}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.count.Add(1)
		h.mu.Lock()
		body, ok := h.documents[r.URL.Path]
		h.mu.Unlock()
		if !ok {
			http.Error(w, "banner of the intranet", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(h.Close)
	h.caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(h.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *host) publish(path string, document any) {
	text, ok := document.(string)
	if !ok {
		data, err := json.Marshal(document)
		if err != nil {
			panic(err)
		}
		text = string(data)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.documents[path] = text
}

// public is the signer's key set with the given kid.
func (s *signer) public(kid string) m {
	return m{"keys": []m{{
		"kty": "RSA", "kid": kid, "use": "sig", "n": b64(s.key.N.Bytes()), "e": b64(big.NewInt(int64(s.key.E)).Bytes()),
	}}}
}

// A client that publishes its keys authenticates with them, changes them, and
// cannot make the server ask more often than it wants to.
func TestPrivateKeyJWTByReference(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	r := newRig(t, "CLIENTS_HTTP_CA_FILE="+h.caFile, "CLIENTS_HTTP_ALLOWED_NETWORKS=127.0.0.0/8")
	s := r.signer(m{"jwks": nil, "jwks_uri": h.URL + "/jwks"})
	h.publish("/jwks", s.public("one"))
	for range 3 {
		if a := s.credentials(s.jwt(nil, s.claims(nil))); a.Status != 200 {
			t.Fatalf("with published keys: %d %s", a.Status, a.Body)
		}
	}
	second := s.public("two")
	h.publish("/jwks", second)
	two := func() answer { return s.credentials(s.jwt(m{"kid": "two"}, s.claims(nil))) }
	for range 5 {
		if a := two(); a.Status != 401 || a.text("error") != "invalid_client" {
			t.Errorf("a new key within the cool-down: %d %s", a.Status, a.Body)
		}
	}
	if n := h.count.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
	r.wait(30 * time.Second)
	if a := two(); a.Status != 200 {
		t.Errorf("a new key after the cool-down: %d %s", a.Status, a.Body)
	}
	if a := s.credentials(s.jwt(nil, s.claims(nil))); a.Status != 401 {
		t.Errorf("the old key: %d %s", a.Status, a.Body)
	}
	if n := h.count.Load(); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}

	// The client's outage: 401, and nobody learns what the host said.
	down := r.signer(m{"jwks": nil, "jwks_uri": h.URL + "/nowhere"})
	a := down.credentials(down.jwt(nil, down.claims(nil)))
	if a.Status != 401 || a.text("error") != "invalid_client" || strings.Contains(a.Body, "404") || strings.Contains(a.Body, "banner") || strings.Contains(a.Body, "127.0.0.1") {
		t.Errorf("when the host fails: %d %s", a.Status, a.Body)
	}
	if log := r.Log.String(); !strings.Contains(log, "status 404") || !strings.Contains(log, "jwks_uri_failed") {
		t.Error("the operator does not learn why")
	}
}

// Case 207.
func TestContractSectorIdentifier(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	r := newRig(t, "CLIENTS_HTTP_CA_FILE="+h.caFile, "CLIENTS_HTTP_ALLOWED_NETWORKS=127.0.0.0/8")
	redirects := []string{"https://a.test/1", "https://a.test/2"}
	h.publish("/empty body", "")
	h.publish("/empty list", "[]")
	h.publish("/object", `{"redirect_uris":["https://a.test/1","https://a.test/2"]}`)
	h.publish("/all", append([]string{"https://b.test/"}, redirects...))
	h.publish("/some", redirects[:1])
	register := func(uri string, change m) reply {
		body := m{"redirect_uris": redirects, "sector_identifier_uri": uri}
		maps.Copy(body, change)
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		return do(t, client, "POST", r.Admin+"/clients", string(data), "Content-Type: application/json")
	}
	for name, test := range map[string]struct {
		uri    string
		status int
	}{
		"http":          {"http" + strings.TrimPrefix(h.URL, "https") + "/all", 400},
		"no answer":     {h.URL + "/nowhere", 400},
		"empty body":    {h.URL + "/empty%20body", 400},
		"empty list":    {h.URL + "/empty%20list", 400},
		"object":        {h.URL + "/object", 400},
		"matching list": {h.URL + "/all", 201},
		"partial list":  {h.URL + "/some", 400},
		"inside":        {"https://10.0.0.1/sector", 400},
	} {
		if a := register(test.uri, nil); a.Status != test.status || strings.Contains(a.Body, "banner") || strings.Contains(a.Body, "10.0.0.1") && a.Status != 201 {
			t.Errorf("207: %s: %d %s", name, a.Status, a.Body)
		}
	}
	// An update is held to the same.
	a := register(h.URL+"/all", m{"client_id": "sector"})
	if a.Status != 201 {
		t.Fatal(a.Body)
	}
	for path, status := range map[string]int{"/all": 200, "/some": 400} {
		body := `{"redirect_uris":["https://a.test/2"],"sector_identifier_uri":"` + h.URL + path + `"}`
		if a := do(t, client, "PUT", r.Admin+"/clients/sector", body, "Content-Type: application/json"); a.Status != status {
			t.Errorf("PUT with %s: %d %s", path, a.Status, a.Body)
		}
	}
	if a := register(h.URL+"/all", m{"redirect_uris": []string{}}); a.Status != 201 {
		t.Errorf("without redirect URIs: %d %s", a.Status, a.Body)
	}
}

// By default nothing on this machine is called; a host whose certificate is
// from nobody we know is not believed.
func TestClientsReachPublicHostsOnly(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.publish("/all", []string{})
	h.publish("/sector", []string{"https://a.test/1"})
	for name, test := range map[string]struct {
		environ []string
		status  int
	}{
		"by default":                  {[]string{"CLIENTS_HTTP_CA_FILE=" + h.caFile}, 400},
		"another authority":           {[]string{"CLIENTS_HTTP_DISALLOW_PRIVATE_IP_RANGES=false"}, 400},
		"opened":                      {[]string{"CLIENTS_HTTP_CA_FILE=" + h.caFile, "CLIENTS_HTTP_DISALLOW_PRIVATE_IP_RANGES=false"}, 201},
		"an exception":                {[]string{"CLIENTS_HTTP_CA_FILE=" + h.caFile, "CLIENTS_HTTP_PRIVATE_IP_EXCEPTION_URLS=" + h.URL + "/s*"}, 201},
		"an exception for other URLs": {[]string{"CLIENTS_HTTP_CA_FILE=" + h.caFile, "CLIENTS_HTTP_PRIVATE_IP_EXCEPTION_URLS=" + h.URL + "/a*"}, 400},
	} {
		before := h.count.Load()
		r := newRig(t, test.environ...)
		a := do(t, client, "POST", r.Admin+"/clients", `{"redirect_uris":["https://a.test/1"],"sector_identifier_uri":"`+h.URL+`/sector"}`, "Content-Type: application/json")
		if calls := h.count.Load() - before; a.Status != test.status || (calls > 0) != (test.status == 201) {
			t.Errorf("%s: %d %s after %d calls", name, a.Status, a.Body, calls)
		}
	}
	for _, file := range []string{filepath.Join(t.TempDir(), "missing.pem"), "fetch_test.go"} {
		if _, err := tryStart(t, "CLIENTS_HTTP_CA_FILE="+file); err == nil || !strings.Contains(err.Error(), "clients.http.ca_file") {
			t.Errorf("with the authorities in %s: %v", file, err)
		}
	}
}
