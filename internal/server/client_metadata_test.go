package server_test

import (
	"testing"
	"time"
)

// What a client registers for its requests comes back, in the admin API's and
// in its own shape, and goes again.
func TestRequestMetadataRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrationOn)
	want := m{
		"require_signed_request_object": true, "application_type": "native", "default_max_age": 0, "require_auth_time": true, "default_acr_values": []string{"gold", "silver"},
	}
	w.status(t, 201, "POST", "/admin/clients", m{"client_id": "of-admin", "redirect_uris": []string{"http://127.0.0.1/cb"}, "require_signed_request_object": true,
		"application_type": "native", "default_max_age": 0, "require_auth_time": true, "default_acr_values": []string{"gold", "silver"}})
	got := w.call(t, "GET", "/admin/clients/of-admin", nil).object(t, 200)
	for name, value := range want {
		equal(t, name, got[name], value)
	}
	w.status(t, 200, "PUT", "/admin/clients/of-admin", m{"redirect_uris": []string{"http://127.0.0.1/cb"}})
	got = w.call(t, "GET", "/admin/clients/of-admin", nil).object(t, 200)
	for name := range want {
		equal(t, name+" after a PUT without", got[name], nil)
	}

	native := m{"grant_types": nil, "response_types": nil, "redirect_uris": []string{"com.example.app:/cb", "http://[::1]/cb"}}
	for name, value := range want {
		native[name] = value
	}
	out := w.register(t, "POST", "", "", metadata(native)).object(t, 201)
	for name, value := range want {
		equal(t, "registered "+name, out[name], value)
	}
	id, token := out["client_id"].(string), out["registration_access_token"].(string)
	put := w.register(t, "PUT", "/"+id, token, metadata(nil)).object(t, 200)
	equal(t, "application_type by default", put["application_type"], "web") // OpenID Connect Registration §2
	equal(t, "default_max_age after a PUT without", put["default_max_age"], nil)

	for name, test := range map[string]struct {
		change m
		code   string
	}{
		"web with the implicit grant, http":      {m{"redirect_uris": []string{"http://app.test/cb"}}, "invalid_redirect_uri"},
		"web with the implicit grant, localhost": {m{"redirect_uris": []string{"https://localhost/cb"}}, "invalid_redirect_uri"},
		"native, http elsewhere":                 {m{"application_type": "native", "redirect_uris": []string{"http://app.test/cb"}}, "invalid_redirect_uri"},
		"another kind":                           {m{"application_type": "desktop"}, "invalid_client_metadata"},
		"negative age":                           {m{"default_max_age": -1}, "invalid_client_metadata"},
		"age in words":                           {m{"default_max_age": "60"}, "invalid_client_metadata"},
		"signed with none":                       {m{"require_signed_request_object": true, "request_object_signing_alg": "none"}, "invalid_client_metadata"},
		"acr with a space":                       {m{"default_acr_values": []string{"gold silver"}}, "invalid_client_metadata"},
	} {
		equal(t, name, w.register(t, "POST", "", "", metadata(test.change)).object(t, 400)["error"], test.code)
	}
}

// Attack: a request that nobody signed, for a client that signs its requests
// (RFC 9101 §10.5). Neither is one with the algorithm none let through.
func TestAttackUnsignedRequestOfSigningClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.jar(t, m{"require_signed_request_object": true})
	b := w.browser()
	b.open(t, w.authURL(j.party)).shown(t, "invalid_request")
	j.send(t, b, "request", j.sign(t, m{"alg": "none"}, j.claims(nil))).shown(t, "invalid_request_object")
	r := j.send(t, b, "request", j.sign(t, m{"alg": "RS256", "kid": "r"}, j.claims(nil)))
	j.follow(t, b, r, "openid")

	// Nor does a start over make an unsigned request of a signed one.
	r = j.send(t, b, "request", j.sign(t, m{"alg": "RS256", "kid": "r"}, j.claims(nil)))
	k := b.open(t, w.acceptLogin(t, r.challenge(t), m{"subject": "u"})).consentChallenge(t)
	back := w.acceptConsent(t, k, m{"grant_scope": []string{"openid"}})
	w.exchange(t, j.party, b.open(t, back).leads(t, j.Redirect, "code"))
	b.open(t, b.open(t, back).location(t).String()).shown(t, "invalid_request")
}

// default_max_age and default_acr_values stand for what a request leaves open,
// and a request that says it counts more (OpenID Connect Registration §2).
func TestRequestDefaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, m{"default_max_age": 600, "default_acr_values": []string{"gold", "silver"}, "require_auth_time": true})
	b := w.browser()
	tokens := w.exchange(t, c, b.visit(t, c, m{"subject": "u", "remember": true}, nil, "scope", "openid"))
	if payload(t, tokens["id_token"])["auth_time"] == nil {
		t.Error("no auth_time, which the client requires")
	}
	for _, test := range []struct {
		name  string
		wait  time.Duration
		pairs []string
		skip  bool
		acr   []string
	}{
		{"within the default age", 9 * time.Minute, nil, true, []string{"gold", "silver"}},
		{"beyond it", 2 * time.Minute, nil, false, []string{"gold", "silver"}},
		{"a max_age that allows it", 0, []string{"max_age", "3600"}, true, []string{"gold", "silver"}},
		{"acr_values of the request", 0, []string{"acr_values", "bronze"}, false, []string{"bronze"}},
		{"an acr by the parameter claims", 0, []string{"claims", `{"id_token":{"acr":{"values":["iron"]}}}`}, false, []string{"iron"}},
		{"any acr by the parameter claims", 0, []string{"claims", `{"id_token":{"acr":null}}`}, false, nil},
	} {
		w.clock.Advance(test.wait)
		seen := w.loginRequest(t, b.open(t, w.authURL(c, test.pairs...)).challenge(t))
		equal(t, test.name+": skip", seen["skip"], test.skip)
		want := any(test.acr)
		if test.acr == nil {
			want = nil
		}
		equal(t, test.name+": acr_values", seen["oidc_context"].(m)["acr_values"], want)
	}
	// prompt=none beyond the default age cannot be had.
	if got := b.open(t, w.authURL(c, "prompt", "none")).leads(t, c.Redirect, "error"); got != "login_required" {
		t.Errorf("prompt=none beyond the default age: %s", got)
	}
}
