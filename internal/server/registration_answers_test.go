package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
)

// A client that registers itself gets what discovery announces: ID tokens and
// userinfo of every algorithm, signed with a key that was published before the
// first sign-in.
func TestRegisteredAlgorithms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrationOn)
	doc := do(t, user, "GET", w.Public+"/.well-known/openid-configuration", "").object(t, 200)
	algs, _ := doc["id_token_signing_alg_values_supported"].([]any)
	if len(algs) != 10 || !slices.Contains(algs, any("ES256")) || !slices.Contains(algs, any("PS256")) {
		t.Fatalf("discovery announces %v", algs)
	}
	for _, alg := range algs {
		name := alg.(string)
		t.Run(name, func(t *testing.T) {
			out := w.register(t, "POST", "", "", metadata(m{"id_token_signed_response_alg": name, "userinfo_signed_response_alg": name})).object(t, 201)
			equal(t, "registered alg", out["id_token_signed_response_alg"], name)
			before := do(t, user, "GET", w.Public+"/.well-known/jwks.json", "").Body
			c := &party{ID: out["client_id"].(string), Secret: out["client_secret"].(string), Redirect: appCallback}
			front := w.browser().arrive(t, c, m{"subject": "u"}, nil, "response_type", "id_token", "scope", "openid")
			tokens := w.exchange(t, c, w.browser().visit(t, c, m{"subject": "u"}, nil, "scope", "openid"))
			ctx := oidc.ClientContext(t.Context(), client)
			keys := oidc.NewRemoteKeySet(ctx, w.Public+"/.well-known/jwks.json")
			v := oidc.NewVerifier(w.Config.URLs.Issuer, keys, &oidc.Config{ClientID: c.ID, SupportedSigningAlgs: []string{name}, Now: w.clock.Now})
			signed := map[string]string{
				"ID token": tokens["id_token"].(string), "ID token of the front channel": front.Get("id_token"),
				"userinfo": do(t, user, "GET", w.Public+"/userinfo", "", "Authorization: Bearer "+tokens["access_token"].(string)).Body,
			}
			for what, jwt := range signed {
				header := decoded(t, strings.Split(jwt, ".")[0])
				kid, _ := header["kid"].(string)
				if header["alg"] != name || kid == "" || !strings.Contains(before, fmt.Sprintf("%q", kid)) {
					t.Errorf("%s has the header %v; the keys published at registration are %s", what, header, before)
				}
				if what == "userinfo" {
					if _, err := keys.VerifySignature(ctx, jwt); err != nil {
						t.Errorf("%s: %v", what, err)
					}
				} else if _, err := v.Verify(ctx, jwt); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}

// Whatever is wrong with what somebody registers, the answer is of RFC 7591
// §3.2.2: 400 and JSON with one of its codes, on POST and on PUT.
func TestRegistrationErrorCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrationOn)
	good := w.register(t, "POST", "", "", metadata(nil)).object(t, 201)
	put, token := "/"+good["client_id"].(string), good["registration_access_token"].(string)
	refused := func(name, code string, body any) {
		t.Helper()
		for path, method := range map[string]string{"": "POST", put: "PUT"} {
			bearer := ""
			if method == "PUT" {
				bearer = token
			}
			r := w.register(t, method, path, bearer, body)
			out := r.object(t, 400)
			if out["error"] != code || out["error_description"] == nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") || !strings.Contains(r.Header.Get("Cache-Control"), "no-store") {
				t.Errorf("%s %s: %v %v, want %s", method, name, out, r.Header, code)
			}
		}
	}
	for name, uris := range map[string][]string{
		"fragment": {"https://app.test/cb#x"}, "empty fragment": {"https://app.test/cb#"}, "relative": {"/cb"}, "scripts": {"javascript:alert(1)"}, "user information": {"https://good@app.test/cb"},
		"line break": {"https://app.test/\ncb"}, "empty text": {""}, "long": {"https://app.test/" + strings.Repeat("x", 3000)}, "one of two": {appCallback, "ftp://app.test/"}, "none": {},
		"of a scheme without a dot": {"myapp:/cb"},
	} {
		refused("redirect_uris: "+name, "invalid_redirect_uri", metadata(m{"redirect_uris": uris}))
	}
	refused("no redirect_uris", "invalid_redirect_uri", metadata(m{"redirect_uris": nil}))
	refused("no redirect_uris, by default", "invalid_redirect_uri", m{"client_name": "x"})
	for name, change := range map[string]m{
		"auth method": {"token_endpoint_auth_method": "magic"}, "auth method as a number": {"token_endpoint_auth_method": 1},
		"auth alg": {"token_endpoint_auth_signing_alg": "none"}, "private_key_jwt without keys": {"token_endpoint_auth_method": "private_key_jwt"},
		"id_token alg": {"id_token_signed_response_alg": "HS256"}, "id_token alg none": {"id_token_signed_response_alg": "none"},
		"userinfo alg": {"userinfo_signed_response_alg": "RS1"}, "encryption without keys": {"id_token_encrypted_response_alg": "RSA-OAEP-256"},
		"enc without alg": {"id_token_encrypted_response_enc": "A256GCM"}, "unknown encryption": {"userinfo_encrypted_response_alg": "RSA1_5"},
		"request object alg": {"request_object_signing_alg": "XS256"}, "request object encryption": {"request_object_encryption_alg": "x"},
		"request_uris": {"request_uris": []string{"file:///etc/passwd"}}, "request_uris without a host": {"request_uris": []string{"https://"}},
		"subject_type": {"subject_type": "secret"}, "pairwise, not offered": {"subject_type": "pairwise"},
		"sector by http": {"sector_identifier_uri": "http://app.test/s"}, "jwks_uri": {"jwks_uri": "ftp://app.test/"}, "jwks as text": {"jwks": "x"},
		"tos_uri": {"tos_uri": "javascript:alert(1)"}, "policy_uri": {"policy_uri": "data:text/html,x"}, "client_uri": {"client_uri": "file:///"},
		"post-logout address": {"post_logout_redirect_uris": []string{"https://evil.test/"}}, "frontchannel": {"frontchannel_logout_uri": "https://evil.test/"},
		"backchannel": {"backchannel_logout_uri": "https://app.test/#x"}, "CORS origin": {"allowed_cors_origins": []string{"https://app.test/path"}},
		"contacts": {"contacts": "a@app.test"}, "scope as a list": {"scope": []string{"openid"}}, "scope with a quotation mark": {"scope": `a"b`},
		"claims_placement": {"claims_placement": "everywhere"}, "grant_types": {"grant_types": []string{""}},
	} {
		refused(name, "invalid_client_metadata", metadata(change))
	}
	for name, body := range map[string]string{"no JSON": "x=1", "a list": "[]", "a text": `"x"`, "null": "null", "empty": "", "two objects": "{}{}", "deep": strings.Repeat(`{"a":`, 1000)} {
		refused(name, "invalid_client_metadata", body)
	}
}

// A client that registers itself has its claims where the standard puts them,
// unless it says otherwise; what an administrator decided stays.
func TestRegisteredClaimsPlacement(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrationOn, "OIDC_DISCOVERY_SCOPES_SUPPORTED=email")
	claims := func(out m) []string {
		t.Helper()
		c := &party{ID: out["client_id"].(string), Redirect: appCallback}
		c.Secret, _ = out["client_secret"].(string)
		tokens := w.exchange(t, c, w.browser().visit(t, c, m{"subject": "u"}, m{"grant_scope": []string{"openid", "email"}, "session": m{"id_token": m{"email": "ute@example.test"}}}, "scope", "openid email"))
		return []string{names(payload(t, tokens["id_token"])), names(w.userinfo(t, tokens["access_token"]))}
	}
	out := w.register(t, "POST", "", "", metadata(nil)).object(t, 201)
	equal(t, "claims_placement", out["claims_placement"], "standard")
	equal(t, "claims", claims(out), []string{"", "email"})
	both := w.register(t, "POST", "", "", metadata(m{"claims_placement": "both"})).object(t, 201)
	equal(t, "claims", claims(both), []string{"email", "email"})
	equal(t, "claims of a client of the operator", claims(w.call(t, "POST", "/clients", metadata(m{"scope": "openid email"})).object(t, 201)), []string{"email", "email"})

	id := out["client_id"].(string)
	all := w.call(t, "GET", "/clients/"+id, nil).object(t, 200)
	all["claims_placement"] = "both"
	w.call(t, "PUT", "/clients/"+id, all).object(t, 200)
	out = w.register(t, "PUT", "/"+id, out["registration_access_token"].(string), metadata(nil)).object(t, 200)
	equal(t, "claims_placement after the client's own PUT", out["claims_placement"], "both")
	out = w.register(t, "PUT", "/"+id, out["registration_access_token"].(string), metadata(m{"claims_placement": "standard"})).object(t, 200)
	equal(t, "claims_placement that the client asks for", out["claims_placement"], "standard")
}

// RFC 7591 §2.1: a response type without the grant type that it needs here is
// refused, also by PUT. Who names one of both alone contradicts nothing, nor
// who sends back what the answer said (RFC 7592 §2.2).
func TestRegistrationOfContradictingTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrationOn)
	for _, test := range []struct {
		responses, grants any
		want              int
	}{
		{[]string{"code"}, []string{"implicit"}, 400},
		{[]string{"code"}, []string{"client_credentials"}, 400},
		{[]string{"token"}, []string{"authorization_code"}, 400},
		{[]string{"id_token"}, []string{"authorization_code", "refresh_token"}, 400},
		{[]string{"code id_token"}, []string{"implicit"}, 400},
		{[]string{"code token"}, []string{"authorization_code"}, 400},
		{[]string{"code token"}, []string{"implicit"}, 400},
		{[]string{"code", "token id_token"}, []string{"authorization_code"}, 400},
		{[]string{"code"}, []string{"authorization_code"}, 201},
		{[]string{"id_token token", "id_token"}, []string{"implicit"}, 201},
		{[]string{"code id_token"}, []string{"authorization_code"}, 201},
		{[]string{"code id_token token"}, []string{"implicit", "authorization_code"}, 201},
		{[]string{"none"}, []string{"client_credentials"}, 201},
		{[]string{}, []string{"client_credentials"}, 201},
		{nil, []string{"client_credentials"}, 201},
		{[]string{"id_token"}, nil, 201},
	} {
		t.Run(fmt.Sprint(test.responses, test.grants), func(t *testing.T) {
			body := metadata(m{"response_types": test.responses, "grant_types": test.grants})
			out := w.register(t, "POST", "", "", body).object(t, test.want)
			if test.want == 400 {
				equal(t, "error of POST", out["error"], "invalid_client_metadata")
				good := w.register(t, "POST", "", "", metadata(nil)).object(t, 201)
				out = w.register(t, "PUT", "/"+good["client_id"].(string), good["registration_access_token"].(string), body).object(t, 400)
				equal(t, "error of PUT", out["error"], "invalid_client_metadata")
				w.call(t, "POST", "/clients", body).object(t, 201) // an administrator's clients have no such rule
				return
			}
			again := w.register(t, "PUT", "/"+out["client_id"].(string), out["registration_access_token"].(string), out).object(t, 200)
			equal(t, "grant_types", again["grant_types"], out["grant_types"])
			equal(t, "response_types", again["response_types"], out["response_types"])
		})
	}
}

// Name, logo and links of a client that registered itself are its own words;
// whoever shows them can tell, and the built-in page does.
func TestSelfRegisteredClientsAreMarked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrationOn, "URLS_LOGOUT=/oauth2/fallbacks/logout")
	out := w.register(t, "POST", "", "", metadata(m{"client_name": "Google", "post_logout_redirect_uris": []string{byePage}})).object(t, 201)
	c := &party{ID: out["client_id"].(string), Secret: out["client_secret"].(string), Redirect: appCallback}
	b := w.browser()
	login, consent := b.toConsent(t, c, m{"subject": "alice", "remember": true}, "scope", "openid")
	for _, path := range []string{loginPath + login, consentPath + consent} {
		client, _ := w.call(t, "GET", path, nil).object(t, 200)["client"].(m)
		equal(t, path, client["self_registered"], true)
	}
	hint := w.exchange(t, c, b.open(t, w.acceptConsent(t, consent, m{"grant_scope": []string{"openid"}})).leads(t, appCallback, "code"))["id_token"].(string)
	page := b.open(t, b.open(t, w.logoutURL("id_token_hint", hint, "post_logout_redirect_uri", byePage)).location(t).String())
	if !strings.Contains(page.Body, "An application that calls itself <strong") {
		t.Errorf("the built-in page: %d %s", page.Status, page.Body)
	}
	// An administrator's changes leave the name to the client, and cannot say otherwise.
	for _, prefix := range []string{"", "/admin"} {
		path := prefix + "/clients/" + c.ID
		all := w.call(t, "GET", path, nil).object(t, 200)
		all["self_registered"] = false
		equal(t, "after PUT", w.call(t, "PUT", path, all).object(t, 200)["self_registered"], true)
		equal(t, "after PATCH", w.call(t, "PATCH", path, []m{{"op": "add", "path": "/owner", "value": "x"}}).object(t, 200)["self_registered"], true)
		equal(t, "status of a PATCH of it", w.call(t, "PATCH", path, []m{{"op": "replace", "path": "/self_registered", "value": false}}).Status, 400)
		own := w.call(t, "POST", prefix+"/clients", m{"client_name": "Google", "self_registered": true}).object(t, 201)
		equal(t, "a client of the admin API", own["self_registered"], nil)
	}
}
