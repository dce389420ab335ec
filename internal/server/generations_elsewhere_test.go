package server_test

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// The rows of later-generations.md §1.2 that are settled in one way for every
// generation, most of them not on the admin port.
func TestGenerationsElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	b := w.browser()
	tokens := w.exchange(t, c, b.visit(t, c, m{"subject": "everywhere", "remember": true}, nil, "scope", "openid offline a"))

	t.Run("rows 29 and 38: one issuer everywhere, and URLs below the public one", func(t *testing.T) {
		document := get(t, w.Public+"/.well-known/openid-configuration").object(t, 200)
		equal(t, "issuer", document["issuer"], w.Config.URLs.Issuer)
		equal(t, "iss of the ID token", payload(t, tokens["id_token"])["iss"], w.Config.URLs.Issuer)
		equal(t, "iss of introspection", w.introspect(t, tokens["access_token"])["iss"], w.Config.URLs.Issuer)
		for _, name := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"} {
			if at, _ := document[name].(string); !strings.HasPrefix(at, w.Config.URLs.Public+"/") {
				t.Errorf("%s is %q", name, at)
			}
		}
	})
	t.Run("row 31: introspection asks nobody who they are", func(t *testing.T) {
		body := url.Values{"token": {tokens["access_token"].(string)}}.Encode()
		for _, path := range []string{"/oauth2/introspect", "/admin/oauth2/introspect"} {
			for _, who := range []string{"X-Nothing: 1", "Authorization: Basic d2hvZXZlcjppZ25vcmVk", "Authorization: Bearer x"} {
				equal(t, path, do(t, client, "POST", w.Admin+path, body, formType, who).object(t, 200)["active"], true)
			}
		}
	})
	t.Run("row 32: userinfo leaves the claims of the ID token out", func(t *testing.T) {
		given := m{"email": "x", "amr": []string{"pwd"}}
		for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "nonce", "rat", "auth_time", "at_hash", "c_hash", "sid"} {
			given[name] = "x"
		}
		for _, signed := range []bool{false, true} {
			c, want := w.client(t, nil), []string{"amr", "email", "sub"}
			if signed {
				c, want = w.client(t, m{"userinfo_signed_response_alg": "RS256"}), []string{"amr", "aud", "email", "iss", "sub"}
			}
			consent := m{"grant_scope": []string{"openid"}, "session": m{"id_token": given}}
			tokens := w.exchange(t, c, w.browser().visit(t, c, m{"subject": "row32"}, consent, "scope", "openid"))
			r := get(t, w.Public+"/userinfo", "Authorization: Bearer "+tokens["access_token"].(string))
			var got m
			if signed {
				got = payload(t, r.Body)
			} else {
				got = r.object(t, 200)
			}
			if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) || got["sub"] != "row32" {
				t.Errorf("signed %t: userinfo has %v of %v, want %v", signed, names, got["sub"], want)
			}
		}
	})
	t.Run("row 33: userinfo says what is missing", func(t *testing.T) {
		r := get(t, w.Public+"/userinfo", "Authorization: Bearer x")
		if r.Status != 401 || !strings.HasPrefix(r.Header.Get("WWW-Authenticate"), "Bearer ") || !strings.Contains(r.Header.Get("WWW-Authenticate"), `error="`) {
			t.Errorf("%d %q", r.Status, r.Header.Get("WWW-Authenticate"))
		}
	})
	t.Run("row 35: admin errors are flat", func(t *testing.T) {
		for _, path := range []string{"/clients/none", "/admin/clients/none"} {
			if e := get(t, w.Admin+path).object(t, 404); e["error"] != "not_found" || e["error_description"] == "" {
				t.Errorf("%s: %v", path, e)
			}
		}
	})
	t.Run("row 36: readiness", func(t *testing.T) {
		for _, path := range []string{"/health/ready", "/admin/health/ready", "/health/alive", "/admin/health/alive"} {
			equal(t, path, get(t, w.Admin+path).Body, `{"status":"ok"}`)
		}
	})
	t.Run("row 37: fallback pages are 200", func(t *testing.T) {
		for _, page := range []string{"login", "consent", "logout", "logout/callback"} {
			if r := get(t, w.Public+"/oauth2/fallbacks/"+page); r.Status != 200 || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
				t.Errorf("%s = %d %s", page, r.Status, r.Header.Get("Content-Type"))
			}
		}
	})
	t.Run("row 39: cookies have the names of v2", func(t *testing.T) {
		if b.session() == "" {
			t.Errorf("the browser has %s", b.header())
		}
		fresh := w.browser()
		fresh.open(t, w.authURL(c)).challenge(t)
		if !strings.HasPrefix(fresh.header(), "ory_hydra_login_csrf_") {
			t.Errorf("the browser has %s", fresh.header())
		}
	})
	t.Run("row 41: redirect_uri may be left out without openid, if there is one", func(t *testing.T) {
		w.browser().open(t, w.authURL(c, "redirect_uri", "-")).challenge(t)
		w.browser().open(t, w.authURL(c, "redirect_uri", "-", "scope", "openid")).shown(t, "invalid_request")
	})
	t.Run("row 42: prefixes of tokens", func(t *testing.T) {
		code := w.browser().visit(t, c, m{"subject": "row42"}, nil)
		for prefix, value := range map[string]any{"ory_ac_": code, "ory_at_": tokens["access_token"], "ory_rt_": tokens["refresh_token"]} {
			if text, _ := value.(string); !strings.HasPrefix(text, prefix) {
				t.Errorf("%s… is missing", prefix)
			}
		}
	})
	t.Run("row 43: an unknown client is 401", func(t *testing.T) {
		equal(t, "error", w.token(t, &party{ID: "nobody", Secret: "x"}, "grant_type", "client_credentials").object(t, 401)["error"], "invalid_client")
	})
	t.Run("row 44: an unknown path is 404 in plain text", func(t *testing.T) {
		for _, at := range []string{w.Public + "/nowhere", w.Admin + "/nowhere", w.Admin + "/admin/nowhere"} {
			if r := get(t, at); r.Status != 404 || r.Body != "404 page not found\n" {
				t.Errorf("%s = %d %q", at, r.Status, r.Body)
			}
		}
	})
}
