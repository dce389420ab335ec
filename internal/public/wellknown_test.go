package public

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/storetest"
	"hydra/internal/token"
	"hydra/internal/web"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// gate is a store of versions that a test can shut.
type gate struct {
	oauth.Store
	shut error
}

func keysOn(t *testing.T) (*key.Service, *gate) {
	t.Helper()
	store := &gate{Store: storetest.New(t)}
	system, err := secret.NewSystem([]string{"a system secret for tests only"})
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }
	sealer := secret.NewSealer("https://issuer.test/")
	sealer.Now = now
	watch := &key.Watch{Store: store, Now: now}
	ring := &key.Ring{Store: store, System: system, Sealer: sealer, Watch: watch, Now: now, RotateEvery: -1}
	if err := ring.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys := &key.Service{Store: store, Sealer: sealer, Watch: watch, Now: now}
	if err := keys.Ensure(t.Context(), token.IDTokenSet, "ES256"); err != nil {
		t.Fatal(err)
	}
	return keys, store
}

func get(h http.Handler, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Contract §3.5, with the quirks that are fixed: only what this server does.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	keys, store := keysOn(t)
	h := &Handler{Keys: keys, Errors: &web.Errors{}, Options: Options{
		Issuer: "https://id.example/oidc/", PublicURL: "https://id.example/oidc",
		Announce:     Endpoints{Userinfo: "https://users.example/me", Registration: "https://id.example/register"},
		Claims:       []string{"email", "sub"},
		Scopes:       []string{"profile", "openid"},
		SubjectTypes: []string{"public", "pairwise"},
	}}
	serve := h.Errors.Handle(web.AdminErrors, h.discovery())
	w := get(serve, "/.well-known/openid-configuration")
	var doc map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/discovery.golden.json"
	pretty, err := json.MarshalIndent(json.RawMessage(w.Body.Bytes()), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, append(pretty, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(pretty)+"\n"); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("answer %d %v", w.Code, w.Header())
	}
	if again := get(serve, "/", "If-None-Match", `"x", W/`+w.Header().Get("ETag")); again.Code != 304 || again.Body.Len() > 0 {
		t.Errorf("asked with the etag: %d %q", again.Code, again.Body)
	}

	// With the database away the document is still true.
	store.shut = errors.New("the database is gone")
	if again := get(serve, "/"); again.Code != 200 || again.Body.String() != w.Body.String() {
		t.Errorf("without database: %d %s", again.Code, again.Body)
	}
	store.shut = nil

	// A relying party must learn about another algorithm before it meets it.
	if _, err := keys.Generate(t.Context(), token.IDTokenSet, "EdDSA", "sig", "new"); err != nil {
		t.Fatal(err)
	}
	again := get(serve, "/")
	if err := json.Unmarshal(again.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if got := doc["id_token_signed_response_alg"]; !cmp.Equal(got, []any{"EdDSA"}) || again.Header().Get("ETag") == w.Header().Get("ETag") {
		t.Errorf("after the rotation: %v, etag %s", got, again.Header().Get("ETag"))
	}
}

func (g *gate) Versions(ctx context.Context) (oauth.VersionSet, error) {
	if g.shut != nil {
		return oauth.VersionSet{}, g.shut
	}
	return g.Store.Versions(ctx)
}

// The zero options describe a server without any setting.
func TestMetadataDefaults(t *testing.T) {
	t.Parallel()
	o := Options{Issuer: "https://id.example", PublicURL: "https://id.example"}
	m := o.metadata("RS256")
	for name, got := range map[string][]string{
		"subject types": m.SubjectTypes, "scopes": m.Scopes, "claims": m.Claims, "ID token algorithms": m.IDTokenSigningAlgs, "userinfo algorithms": m.UserinfoSigningAlgs,
	} {
		want := map[string][]string{
			"subject types": {"public"}, "scopes": {"offline", "openid", "offline_access"}, "claims": {"sub"}, "ID token algorithms": key.SigningAlgs(), "userinfo algorithms": slices.Concat([]string{"none"}, key.SigningAlgs()),
		}[name]
		if !slices.Equal(got, want) {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	body, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, absent := range []string{"registration_endpoint", "introspection_endpoint"} {
		if strings.Contains(string(body), absent) {
			t.Errorf("%s is announced, and is not there", absent)
		}
	}
}

func TestJWKS(t *testing.T) {
	t.Parallel()
	keys, store := keysOn(t)
	h := &Handler{Keys: keys, Errors: &web.Errors{}, Options: Options{JWKSSets: []string{token.AccessTokenSet, token.IDTokenSet}, JWKSMaxAge: 5 * time.Minute}}
	serve := h.Errors.Handle(web.AdminErrors, h.jwks())
	w := get(serve, "/.well-known/jwks.json")
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%v, %s", err, w.Body)
	}
	if set.Keys[0]["d"] != nil || set.Keys[0]["alg"] != "ES256" {
		t.Errorf("key %v", set.Keys[0])
	}
	if w.Header().Get("Cache-Control") != "public, max-age=300" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", w.Header())
	}
	if again := get(serve, "/", "If-None-Match", w.Header().Get("ETag")); again.Code != 304 {
		t.Errorf("asked with the etag: %d", again.Code)
	}
	h.Options.JWKSMaxAge = 0
	serve = h.Errors.Handle(web.AdminErrors, h.jwks())
	if again := get(serve, "/"); again.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("Cache-Control %q", again.Header().Get("Cache-Control"))
	}
	store.shut = errors.New("pq: the database is gone")
	if again := get(serve, "/"); again.Code != 500 || strings.Contains(again.Body.String(), "pq:") || again.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("without database: %d %v %s", again.Code, again.Header(), again.Body)
	}
}

func TestSameETag(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		lines []string
		want  bool
	}{
		{nil, false}, {[]string{""}, false}, {[]string{`"b"`}, false}, {[]string{`a`}, false},
		{[]string{`"a"`}, true}, {[]string{`W/"a"`}, true}, {[]string{`*`}, true}, {[]string{`"b", "a"`}, true}, {[]string{`"b"`, `"a"`}, true},
	} {
		if got := sameETag(test.lines, `"a"`); got != test.want {
			t.Errorf("sameETag(%q) = %t, want %t", test.lines, got, test.want)
		}
	}
}
