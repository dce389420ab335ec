package admin

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"hydra/internal/openapi"
	"hydra/internal/web"
)

var description = sync.OnceValues(openapi.Load)

// described is the handler h, whose answers are compared with the description
// of the API.
func described(t testing.TB, h http.Handler) http.Handler {
	t.Helper()
	api, err := description()
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if err := api.Judge(openapi.Answer{
			Port: "admin", Method: r.Method, Path: r.URL.EscapedPath(), Status: rec.Code,
			ContentType: rec.Header().Get("Content-Type"), Body: rec.Body.Bytes(),
		}); err != nil {
			t.Errorf("the description of the API: %v", err)
		}
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

// Each route of this package is described, and what is described is a route.
func TestRoutesAreDescribed(t *testing.T) {
	t.Parallel()
	api, err := description()
	if err != nil {
		t.Fatal(err)
	}
	mux := new(web.Mux)
	(&Handler{Errors: new(web.Errors)}).Routes(mux)
	(&Description{Errors: new(web.Errors)}).Routes(mux)
	routes := mux.Patterns()
	var have []string
	for _, op := range api.Operations {
		for _, r := range op.Routes {
			pattern := r.Method + " " + r.Path
			// What every port has is added where the ports are made, see
			// TestPortsAreDescribed.
			if r.Port != "admin" || strings.Contains(r.Path, "/health/") || strings.HasSuffix(r.Path, "/version") || strings.Contains(r.Path, "/metrics/") {
				continue
			}
			have = append(have, pattern)
			if !slices.Contains(routes, pattern) {
				t.Errorf("%s (%s) is described and no route: take it out of internal/openapi/parts", pattern, op.ID)
			}
		}
	}
	for _, pattern := range routes {
		if !slices.Contains(have, pattern) {
			t.Errorf("%s is a route and not described: add an operation to a file of internal/openapi/parts, with its path in segment (rc), query (v1, and v2 below /admin), both (the same path with and without /admin), "+
				"plain (without /admin) or admin, its parameters, body, responses, and the schemas of both", pattern)
		}
	}
}

// The document and the page are complete, and the page loads nothing.
func TestDescriptionIsServed(t *testing.T) {
	t.Parallel()
	mux := new(web.Mux)
	(&Description{Version: "v9", PublicURL: "https://id.test", AdminURL: "https://admin.test", Errors: new(web.Errors)}).Routes(mux)
	server := httptest.NewServer(described(t, mux))
	t.Cleanup(server.Close)
	a := &api{t: t, url: server.URL}
	document := a.call("GET", "/openapi.json", "").is(200)
	if o := document.object(); o["openapi"] != "3.1.0" || o["info"].(map[string]any)["version"] != "v9" {
		t.Errorf("the document begins %.200s", document.body)
	}
	page := a.call("GET", "/docs", "").is(200)
	text := string(page.body)
	for _, part := range []string{
		`<article id="acceptLoginRequest">`, `<article id="schema-Client">`, "https://admin.test/admin/clients", `<code>clients:write</code>`,
		`curl -X PUT -H &#39;Content-Type: application/json&#39;`, "/oauth2/auth/requests/login/{challenge}/accept",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the page has no %s", part)
		}
	}
	for _, foreign := range []string{"<script", "src=", "@import", "url("} {
		if strings.Contains(text, foreign) {
			t.Errorf("the page has %s", foreign)
		}
	}
	if got := page.header.Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'none'") || !strings.Contains(got, "style-src 'sha256-") {
		t.Errorf("the policy is %q", got)
	}
	for _, line := range strings.Split(text, `href="#`)[1:] {
		target, _, _ := strings.Cut(line, `"`)
		if !strings.Contains(text, `id="`+target+`"`) {
			t.Errorf("the page has a link to #%s, which does not exist", target)
		}
	}
}
