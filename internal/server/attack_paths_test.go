package server_test

import (
	"net/http"
	"strings"
	"testing"
)

// Attacks by what stands in the path and the query, over HTTP against the
// whole program.

// Attack: segments that another parser, or a database, would take for
// something else. Nothing fails, nothing is found and nothing is hurt.
func TestAttackOddPaths(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	a := r.tokens(c, sign{login: m{"remember": true}, consent: m{"remember": true}})
	odd := []string{
		"%00", "a%00b", "%ff", "%c0%af", "%ed%a0%80", "%E2%80%AE", "..%2f..%2fetc%2fpasswd", "%2e%2e", "%2e", "%2F", "a%2Fb", "%5c", "'%20OR%20'1'='1", "%25", "%",
		"%zz", "*", "%2A", strings.Repeat("x", 5_000), strings.Repeat("%41", 2_000), "%0d%0aX:%20y", "a;b=c", "a?b", "a%3Fb", "%23", "alice%20", strings.ToUpper(c.id), c.id + "%00", "Alice", "%EF%BD%81lice",
	}
	routes := []struct{ method, path string }{
		{"GET", "/clients/{}"}, {"PUT", "/clients/{}"}, {"DELETE", "/clients/{}"},
		{"GET", "/keys/{}"}, {"GET", "/keys/hydra.openid.id-token/{}"}, {"DELETE", "/keys/{}"}, {"DELETE", "/keys/{}/{}"}, {"DELETE", "/keys/hydra.openid.id-token/{}"},
		{"GET", "/oauth2/auth/requests/login/{}"}, {"PUT", "/oauth2/auth/requests/login/{}/accept"}, {"PUT", "/oauth2/auth/requests/login/{}/reject"},
		{"GET", "/oauth2/auth/requests/consent/{}"}, {"PUT", "/oauth2/auth/requests/consent/{}/accept"}, {"PUT", "/oauth2/auth/requests/consent/{}/reject"},
		{"GET", "/oauth2/auth/sessions/consent/{}"}, {"DELETE", "/oauth2/auth/sessions/consent/{}"}, {"DELETE", "/oauth2/auth/sessions/consent/{}/{}"},
		{"DELETE", "/oauth2/auth/sessions/consent/alice/{}"}, {"DELETE", "/oauth2/auth/sessions/login/{}"},
	}
	for _, route := range routes {
		for _, segment := range odd {
			address := r.Admin + strings.ReplaceAll(route.path, "{}", segment)
			req, err := http.NewRequestWithContext(t.Context(), route.method, r.Admin, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			req.URL.Opaque = address // as it stands, also what no URL may hold
			res, err := client.Do(req)
			if err != nil {
				t.Errorf("%s %.100s: %v", route.method, address, err)
				continue
			}
			_ = res.Body.Close()
			if res.StatusCode >= 500 {
				t.Errorf("%s %.100s = %d", route.method, address, res.StatusCode)
			}
			if res.Header.Get("X") != "" {
				t.Errorf("%s %.100s: a header was split", route.method, address)
			}
		}
	}
	if !r.active(a.text("access_token")) {
		t.Error("the token is dead")
	}
	if got := r.refresh(c, a.text("refresh_token")); got.Status != 200 {
		t.Errorf("refresh: %d %s", got.Status, got.Body)
	}
	if got := r.admin("GET", "/keys/hydra.openid.id-token", nil); got.Status != 200 {
		t.Errorf("the key set: %d %s", got.Status, got.Body)
	}
}

// Attack: numbers and names of lists that overflow, or mean something to SQL.
func TestAttackListParameters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tokens(r.client(nil), sign{})
	for _, path := range []string{"/clients", "/oauth2/auth/sessions/consent/alice"} {
		for _, query := range []string{
			"limit=9223372036854775807&offset=9223372036854775807", "limit=9223372036854775808", "limit=-9223372036854775808&offset=-1", "limit=1e9", "limit=%00", "offset=1;DROP TABLE grants",
			"limit=" + strings.Repeat("9", 10_000), "limit=0x10", "limit=&offset=", "offset=99999999999999999999999", "limit=１０",
		} {
			if got := get(t, r.Admin+path+"?"+strings.ReplaceAll(query, " ", "%20")); got.Status >= 500 || got.Status == 200 && !strings.HasPrefix(got.Body, "[") {
				t.Errorf("%s?%.60s = %d %.200s", path, query, got.Status, got.Body)
			}
		}
	}
}

// Attack: bodies without an end that are not multipart, and lengths that lie.
func TestAttackEndlessBodies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	for _, test := range []struct{ method, address, contentType, head string }{
		{"POST", r.Public + "/oauth2/token", "application/x-www-form-urlencoded", "grant_type="},
		{"POST", r.Public + "/oauth2/revoke", "application/x-www-form-urlencoded", "token="},
		{"POST", r.Public + "/userinfo", "application/x-www-form-urlencoded", "access_token="},
		{"POST", r.Public + "/oauth2/auth", "application/x-www-form-urlencoded", "client_id="},
		{"POST", r.Admin + "/oauth2/introspect", "application/x-www-form-urlencoded", "token="},
		{"POST", r.Admin + "/clients", "application/json", `{"client_name":"`},
		{"PUT", r.Admin + "/clients/" + c.id, "application/json", `{"client_name":"`},
		{"POST", r.Admin + "/keys/foo", "application/json", `{"alg":"`},
		{"PUT", r.Admin + "/keys/foo", "application/json", `{"keys":["`},
		{"POST", r.Admin + "/oauth2/flush", "application/json", `{"notAfter":"`},
		{"PUT", r.Admin + "/oauth2/auth/requests/login/x/accept", "application/json", `{"subject":"`},
		{"GET", r.Public + "/.well-known/jwks.json", "application/json", `{`},
		{"DELETE", r.Admin + "/clients/nobody", "application/json", `{`},
	} {
		body := &endless{head: strings.NewReader(test.head)}
		req, err := http.NewRequestWithContext(t.Context(), test.method, test.address, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", test.contentType)
		res, err := client.Do(req)
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode >= 500 || res.StatusCode < 300 && test.method != "GET" && test.method != "DELETE" {
				t.Errorf("%s %s = %d", test.method, test.address, res.StatusCode)
			}
		}
		// An answer may get lost when the connection is cut in the middle of the request.
		if taken := body.taken.Load(); taken > 32<<20 {
			t.Errorf("%s %s took %d bytes", test.method, test.address, taken)
		}
	}
	if got := r.admin("GET", "/clients/"+c.id, nil); got.Status != 200 {
		t.Errorf("the client: %d %s", got.Status, got.Body)
	}
}
