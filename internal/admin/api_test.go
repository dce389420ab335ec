package admin

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/client"
	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/storetest"
	"hydra/internal/token"
	"hydra/internal/web"
)

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// api is the admin API with the services of clients and keys, on a store of
// its own and with a clock that a test sets.
type api struct {
	t       *testing.T
	url     string
	clients *client.Service
	keys    *key.Service
	tokens  *token.Service
	now     *atomic.Pointer[time.Time]
}

func newAPI(t *testing.T) *api {
	t.Helper()
	store := storetest.New(t)
	a := &api{t: t, now: new(atomic.Pointer[time.Time])}
	a.now.Store(&noon)
	now := func() time.Time { return *a.now.Load() }
	watch := &key.Watch{Store: store, Staleness: time.Second, Now: now}
	sealer := secret.NewSealer("https://op.example/")
	sealer.Now = now
	var ring []secret.DataKey
	for i, kind := range secret.Kinds() {
		ring = append(ring, secret.DataKey{KID: uint32(i + 1), Kind: kind, Key: [32]byte{byte(i + 1)}, ActiveFrom: noon.Add(-time.Hour)})
	}
	sealer.Use(ring)
	a.clients = &client.Service{Store: store, Replays: store, Watch: watch, Now: now}
	a.keys = &key.Service{Store: store, Sealer: sealer, Watch: watch, Now: now}
	a.tokens = &token.Service{
		Store: store, Clients: a.clients, Keys: a.keys, Sealer: sealer, Now: now,
		Options: token.Options{Issuer: "https://op.example/", AccessLifespan: time.Hour},
	}
	mux := new(web.Mux)
	(&Handler{Clients: a.clients, Keys: a.keys, Tokens: a.tokens, Sealer: sealer, Errors: new(web.Errors)}).Routes(mux)
	server := httptest.NewServer(described(t, mux))
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

// on returns the same API for a subtest.
func (a *api) on(t *testing.T) *api {
	b := *a
	b.t = t
	return &b
}

// answer is a response that was read.
type answer struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   []byte
}

// call sends a request; the body is JSON as it stands.
func (a *api) call(method, path, body string) answer {
	a.t.Helper()
	return a.send(method, path, "", body)
}

func (a *api) send(method, path, contentType, body string) answer {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer{a.t, method + " " + path, response.StatusCode, response.Header, read}
}

// is fails the test unless the status is the wanted one.
func (r answer) is(status int) answer {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s = %d %s, want %d", r.what, r.status, r.body, status)
	}
	return r
}

// refused wants an error in the encoding E1 of the contract.
func (r answer) refused(status int, code string) {
	r.t.Helper()
	r.is(status)
	e := r.object()
	if e["error"] != code || e["status_code"] != float64(status) || e["error_description"] == nil || e["request_id"] == nil {
		r.t.Errorf("%s = %s, want %s", r.what, r.body, code)
	}
	if e["error_debug"] != nil {
		r.t.Errorf("%s tells the cause: %s", r.what, r.body)
	}
}

func (r answer) object() (o map[string]any) {
	r.t.Helper()
	if err := json.Unmarshal(r.body, &o); err != nil {
		r.t.Fatalf("%s = %s: %v", r.what, r.body, err)
	}
	return o
}

func (r answer) array() (o []map[string]any) {
	r.t.Helper()
	if err := json.Unmarshal(r.body, &o); err != nil || o == nil {
		r.t.Fatalf("%s = %s: %v", r.what, r.body, err)
	}
	return o
}

// golden compares with a file that shows the wire format.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var indented bytes.Buffer
	if err := json.Indent(&indented, got, "", "  "); err != nil {
		t.Fatal(err)
	}
	indented.WriteByte('\n')
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, indented.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), indented.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func ids(clients []map[string]any) (out []string) {
	for _, c := range clients {
		id, _ := c["client_id"].(string)
		out = append(out, id)
	}
	return out
}

func credentials(id string, plain any) oauth.Credentials {
	s, _ := plain.(string)
	return oauth.Credentials{Basic: true, BasicID: id, BasicSecret: oauth.Secret(s)}
}

func sortedKeys(m map[string]any) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
