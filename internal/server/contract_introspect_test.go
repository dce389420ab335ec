package server_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Contract cases 170 to 190, over HTTP through the whole program.
// docs/contract-cases.md says where each number is.

// Cases 170 to 172, 174 and 175, with the option compatibility: rc.
func TestContractIntrospect(t *testing.T) {
	t.Parallel()
	r := newRig(t, "COMPATIBILITY=rc")
	c := r.client(nil)
	a := r.tokens(c, sign{
		params:  form("scope", "openid offline_access foo.bar"),
		consent: m{"grant_scope": []string{"offline_access", "foo.*"}, "session": m{"access_token": m{"foo": "bar"}}},
	})
	access, refresh := a.text("access_token"), a.text("refresh_token")
	const inactive = `{"active":false}` + "\n"
	for name, pairs := range map[string][]string{
		"170: garbage":              {"garbage"},
		"170: nothing":              {""},
		"171: scope not granted":    {access, "scope", "bar"},
		"171: one of two scopes":    {access, "scope", "foo.bar bar"},
		"171: scope above":          {access, "scope", "foo"},
		"170: with the prefix cut":  {strings.TrimPrefix(access, "ory_at_")},
		"170: with another prefix":  {"ory_rt_" + strings.TrimPrefix(access, "ory_at_")},
		"170: padded":               {access + "="},
		"170: in upper case":        {strings.ToUpper(access)},
		"170: with a line break":    {access + "\n"},
		"170: cut off by one":       {access[:len(access)-1]},
		"170: an ID token's shape":  {"e30.e30."},
		"170: refresh, scope above": {refresh, "scope", "bar"},
	} {
		if got := r.introspect(pairs[0], pairs[1:]...); got.Status != 200 || got.Body != inactive {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	for _, pairs := range [][]string{nil, {"scope", "foo.bar"}, {"scope", "offline_access foo.bar"}, {"token_type_hint", "refresh_token"}} { // 172
		got := r.introspect(access, pairs...).is(200, "").fields()
		if got["active"] != true || got["sub"] != "alice" || got["iss"] != r.Config.URLs.Issuer || got["scope"] != "offline_access foo.*" {
			t.Errorf("172: %v", got)
		}
		if diff := cmp.Diff(m{"foo": "bar"}, got["ext"]); diff != "" || got["exp"].(float64)-got["iat"].(float64) != 3600 {
			t.Errorf("172: ext %s, exp %v, iat %v", diff, got["exp"], got["iat"])
		}
	}
	if !strings.HasSuffix(r.Config.URLs.Issuer, "/") {
		t.Errorf("172: the issuer is %q, without a slash", r.Config.URLs.Issuer)
	}
	if got := r.introspect(refresh).is(200, "").fields(); got["active"] != true || got["token_type"] != "refresh_token" { // 174
		t.Errorf("174: %v", got)
	}
	bearer := newRig(t)
	refresh = bearer.tokens(bearer.client(nil), sign{}).text("refresh_token")
	if got := bearer.introspect(refresh).is(200, "").fields(); got["token_type"] != "Bearer" || got["token_use"] != "refresh_token" {
		t.Errorf("174 without the option: %v", got)
	}
	for name, headers := range map[string][]string{"175: a form": {formType}, "175: no type": nil} {
		if a := do(t, client, "POST", r.Admin+"/oauth2/introspect", "", headers...); a.Status != 400 || !strings.Contains(a.Body, `"error":"invalid_request"`) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	r.wait(time.Hour + time.Second)
	if got := r.introspect(access); got.Body != inactive { // 170
		t.Errorf("170: expired: %s", got.Body)
	}
}

// Cases 176 to 178.
func TestContractRevoke(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, other := r.client(nil), r.client(nil)
	own, foreign, expired := r.tokens(c, sign{}), r.tokens(other, sign{}), r.token(c, "grant_type", "client_credentials").is(200, "")
	revoke := func(value string) {
		t.Helper()
		if a := r.call("/oauth2/revoke", c, "token", value); a.Status != 200 || a.Body != "" {
			t.Errorf("revoke = %d %s", a.Status, a.Body)
		}
	}
	r.wait(30 * time.Minute)
	machine := r.token(c, "grant_type", "client_credentials").is(200, "").text("access_token")
	r.wait(31 * time.Minute)
	own = r.refresh(c, own.text("refresh_token")).is(200, "")
	for _, value := range []string{"garbage", foreign.text("refresh_token"), own.text("access_token"), own.text("access_token"), expired.text("access_token"), machine} {
		revoke(value) // 176
	}
	for name, test := range map[string]struct {
		value  string
		active bool
	}{
		"176: a foreign token":                      {foreign.text("refresh_token"), true},
		"176: an own token":                         {own.text("access_token"), false},
		"177: the refresh token of an access token": {own.text("refresh_token"), false},
		"176: a token of client credentials":        {machine, false},
	} {
		if got := r.active(test.value); got != test.active {
			t.Errorf("%s: active = %v", name, got)
		}
	}
	wrong := c
	wrong.secret += "x"
	r.call("/oauth2/revoke", wrong, "token", "x").is(401, "invalid_client")                                               // 178
	answer{t, do(t, client, "POST", r.Public+"/oauth2/revoke", "", formType)}.is(401, "invalid_client")                   // 178
	answer{t, do(t, client, "POST", r.Public+"/oauth2/revoke", "token=x", formType)}.is(401, "invalid_client")            // 178
	answer{t, do(t, client, "POST", r.Public+"/oauth2/revoke", "", formType, basic(c.id, "x"))}.is(401, "invalid_client") // 178
}

// Cases 179 to 182: what flush leaves is what introspection finds.
func TestContractFlush(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	old := r.tokens(c, sign{consent: m{"grant_scope": []string{"openid"}}})
	r.wait(2 * time.Hour)
	living := r.tokens(c, sign{})
	for _, ago := range []time.Duration{24 * time.Hour, 90 * time.Minute, 0} { // 179, 180, 181
		r.admin("POST", "/oauth2/flush", m{"notAfter": r.clock.Now().Add(-ago).UTC().Format(time.RFC3339)}).is(204, "")
	}
	r.admin("POST", "/oauth2/flush", m{}).is(204, "")                // 182
	r.admin("POST", "/oauth2/flush", nil).is(400, "invalid_request") // 182, ruled
	if r.active(old.text("access_token")) || !r.active(living.text("access_token")) || !r.active(living.text("refresh_token")) {
		t.Error("181: the expired token lives, or the living one is gone")
	}
}

// Case 184.
func TestContractUserinfoWithRefreshToken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.userinfo(r.tokens(r.client(nil), sign{}).text("refresh_token")).is(401, "request_unauthorized")
}

// Cases 187 and 188; what is announced beyond them is in docs/divergences.md.
func TestContractDiscovery(t *testing.T) {
	t.Parallel()
	r := newRig(t, "OAUTH2_CLIENT_REGISTRATION_URL=https://register.test/", "OIDC_DISCOVERY_SCOPES_SUPPORTED=foo,bar",
		"OIDC_DISCOVERY_CLAIMS_SUPPORTED=email,name", "OIDC_DISCOVERY_USERINFO_ENDPOINT=https://userinfo.test/me")
	a := answer{t, get(t, r.Public+"/.well-known/openid-configuration")}.is(200, "")
	got := a.fields()
	want := m{
		"issuer": r.Config.URLs.Issuer, "authorization_endpoint": r.Public + "/oauth2/auth", "token_endpoint": r.Public + "/oauth2/token",
		"jwks_uri": r.Public + "/.well-known/jwks.json", "registration_endpoint": "https://register.test/", "userinfo_endpoint": "https://userinfo.test/me",
		"subject_types_supported": []any{"public"}, "claims_parameter_supported": true,
	}
	for name, want := range want {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("187: %s: %s", name, diff)
		}
	}
	for name, wanted := range map[string][]string{
		"scopes_supported": {"openid", "foo", "bar"}, "claims_supported": {"sub", "email", "name"},
		"grant_types_supported": {"authorization_code", "client_credentials", "refresh_token"}, "response_types_supported": {"code"},
		"token_endpoint_auth_methods_supported": {"client_secret_post", "client_secret_basic", "private_key_jwt", "none"},
		"id_token_signing_alg_values_supported": {"RS256"},
	} {
		list, err := json.Marshal(got[name])
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range wanted {
			if !strings.Contains(string(list), `"`+value+`"`) {
				t.Errorf("187, 188: %s = %s, want %s in it", name, list, value)
			}
		}
	}
}

// Cases 189 and 190.
func TestContractFallbackPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, "URLS_LOGIN=", "URLS_CONSENT=")
	if a := get(t, r.Public+"/oauth2/fallbacks/consent"); a.Status != 200 || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || a.Body == "" { // 189
		t.Errorf("189: %d %s", a.Status, a.Body)
	}
	const markup = `<script>alert("1")</script>`
	for _, name := range []string{"error", "error_description", "error_hint", "error_debug"} { // 190
		a := get(t, r.Public+"/oauth2/fallbacks/error?"+url.Values{"error": {"x"}, name: {markup}}.Encode())
		if a.Status != 200 || strings.Contains(a.Body, "<script") || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
			t.Errorf("190: %s: %d %s", name, a.Status, a.Body)
		}
	}
}
