package server_test

import (
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// discovery is the discovery document.
func (s *suite) discovery(t *testing.T) m {
	t.Helper()
	r := do(t, user, "GET", s.Public+"/.well-known/openid-configuration", "", proxied)
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		t.Errorf("the document is %s", r.Header.Get("Content-Type"))
	}
	return r.object(t, 200)
}

// jwks is the key set, by kid, held to RFC 7517 §4.
func (s *suite) jwks(t *testing.T) map[string]m {
	t.Helper()
	var set struct{ Keys []m }
	do(t, user, "GET", s.Public+"/.well-known/jwks.json", "", proxied).json(t, 200, &set)
	out := map[string]m{}
	for _, k := range set.Keys {
		kid, _ := k["kid"].(string)
		if kid == "" || out[kid] != nil {
			t.Errorf("a key has the kid %q", kid)
		}
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if k[private] != nil {
				t.Errorf("key %s shows %s", kid, private)
			}
		}
		out[kid] = k
	}
	return out
}

// oidcc-config-certification-test-plan, whose one module the plan Dynamic has,
// too.
func TestConformanceConfig(t *testing.T) {
	t.Parallel()
	t.Run("oidcc-discovery-endpoint-verification", verifyDiscovery)
	// By default there are two members more, for Hydra's own clients.
	equal(t, "a member for Hydra's clients", newSuite(t).discovery(t)["id_token_signed_response_alg"], []string{"RS256"})
}

func verifyDiscovery(t *testing.T) {
	s := newSuite(t, "OIDC_DISCOVERY_STANDARD_ONLY=true")
	doc := s.discovery(t)
	equal(t, "issuer", doc["issuer"], conformanceIssuer)
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "registration_endpoint", "end_session_endpoint", "check_session_iframe"} {
		if _, ok := doc[name].(string); !ok {
			t.Errorf("no %s", name)
		}
	}
	for name, value := range doc {
		if text, ok := value.(string); ok && !strings.HasPrefix(text, "https://") {
			t.Errorf("%s is %s", name, text)
		}
		if !registeredMetadata[name] {
			t.Errorf("the document has %s, which nobody registered", name)
		}
	}
	for name, values := range map[string][]string{
		"response_types_supported": {"code", "id_token", "token id_token", "code id_token", "code token", "token id_token code", "none"},
		"subject_types_supported":  {"public", "pairwise"},
		"scopes_supported":         {"openid", "offline_access", "profile", "email", "address", "phone"},
		"claims_supported":         {"sub", "name", "email", "address", "phone_number"}, "grant_types_supported": {"authorization_code", "implicit", "refresh_token"},
		"id_token_signing_alg_values_supported": {"RS256"}, "userinfo_signing_alg_values_supported": {"RS256"},
		"request_object_signing_alg_values_supported": {"none", "RS256"}, "code_challenge_methods_supported": {"S256"},
		"token_endpoint_auth_methods_supported": {"client_secret_basic", "client_secret_post", "private_key_jwt"}, "acr_values_supported": {"1", "2"},
	} {
		list, _ := doc[name].([]any)
		for _, value := range values {
			if !slices.Contains(list, any(value)) {
				t.Errorf("%s is %v, without %s", name, list, value)
			}
		}
	}
	// Left out it would mean yes (Discovery §3); it is said all the same.
	for _, name := range []string{"claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported"} {
		equal(t, name, doc[name], true)
	}
	if len(s.jwks(t)) == 0 {
		t.Error("no keys")
	}
}

// registeredMetadata are the members of IANA's registry of authorization
// server metadata that this server may show.
var registeredMetadata = func() map[string]bool {
	out := map[string]bool{}
	for _, name := range strings.Fields(`issuer authorization_endpoint registration_endpoint token_endpoint jwks_uri subject_types_supported
		response_types_supported claims_supported grant_types_supported response_modes_supported userinfo_endpoint scopes_supported
		token_endpoint_auth_methods_supported userinfo_signing_alg_values_supported id_token_signing_alg_values_supported
		request_parameter_supported request_uri_parameter_supported require_request_uri_registration claims_parameter_supported
		request_object_signing_alg_values_supported request_object_encryption_alg_values_supported request_object_encryption_enc_values_supported
		id_token_encryption_alg_values_supported id_token_encryption_enc_values_supported userinfo_encryption_alg_values_supported
		userinfo_encryption_enc_values_supported token_endpoint_auth_signing_alg_values_supported revocation_endpoint
		revocation_endpoint_auth_methods_supported revocation_endpoint_auth_signing_alg_values_supported device_authorization_endpoint
		prompt_values_supported acr_values_supported code_challenge_methods_supported authorization_response_iss_parameter_supported
		check_session_iframe end_session_endpoint frontchannel_logout_supported frontchannel_logout_session_supported
		backchannel_logout_supported backchannel_logout_session_supported service_documentation op_policy_uri op_tos_uri
		require_signed_request_object`) {
		out[name] = true
	}
	return out
}()

// dynamicModules are those of the plan Dynamic that the others do not have.
var dynamicModules = []struct {
	name   string
	in     func(x variant) bool
	change func(*module) m
	do     func(*module)
}{
	{"oidcc-server", all, nil, happy()},
	{"oidcc-idtoken-rs256", all, with(m{"id_token_signed_response_alg": "RS256"}), happy()},
	{"oidcc-userinfo-rs256", withToken, with(m{"userinfo_signed_response_alg": "RS256"}), func(x *module) {
		p := x.params()
		r := x.pages(x.ask(p)).respond(x.t, x.c)
		access := r.Get("access_token")
		if code := r.Get("code"); code != "" {
			access = x.tokens("grant_type", "authorization_code", "code", code, "redirect_uri", x.c.Redirect)["access_token"].(string)
		}
		info := do(x.t, user, "GET", x.Public+"/userinfo", "", proxied, "Authorization: Bearer "+access)
		header := decoded(x.t, strings.Split(info.Body, ".")[0])
		claims := payload(x.t, info.Body)
		ctx := oidc.ClientContext(x.t.Context(), x.http)
		if _, err := oidc.NewRemoteKeySet(ctx, conformanceIssuer+"/.well-known/jwks.json").VerifySignature(ctx, info.Body); err != nil {
			x.t.Error(err)
		}
		if info.Status != 200 || info.Header.Get("Content-Type") != "application/jwt" || header["alg"] != "RS256" || claims["iss"] != conformanceIssuer || claims["nonce"] != nil || claims["sub"] == nil {
			x.t.Errorf("userinfo is %v %v %v", info.Header, header, claims)
		}
		equal(x.t, "aud", claims["aud"], []string{x.c.ID})
	}},
	{"oidcc-ensure-redirect-uri-in-authorization-request", all, with(m{"redirect_uris": []string{appCallback, "https://app.test/second"}}), func(x *module) {
		x.ask(x.params("redirect_uri", "-")).shown(x.t, "invalid_request")
	}},
	{"oidcc-redirect-uri-query-OK", all, with(m{"redirect_uris": []string{"https://app.test/cb?bar=foo"}}), happy()},
	{"oidcc-redirect-uri-query-mismatch", all, with(m{"redirect_uris": []string{"https://app.test/cb?bar=foo"}}), func(x *module) {
		x.ask(x.params("redirect_uri", "https://app.test/cb?bar=bar")).shown(x.t, "invalid_request")
	}},
	{"oidcc-redirect-uri-query-added", all, with(m{"redirect_uris": []string{"https://app.test/cb"}}), func(x *module) {
		x.ask(x.params("redirect_uri", "https://app.test/cb?foo=bar")).shown(x.t, "invalid_request")
	}},
	{"oidcc-redirect-uri-regfrag", all, nil, func(x *module) {
		x.rejected(m{"redirect_uris": []string{"https://app.test/cb#foobar"}}, "invalid_redirect_uri")
	}},
	{"oidcc-registration-logo-uri", all, with(m{"logo_uri": "https://app.test/logo.png"}), links("logo_uri")},
	{"oidcc-registration-policy-uri", all, with(m{"policy_uri": "https://app.test/policy"}), links("policy_uri")},
	{"oidcc-registration-tos-uri", all, with(m{"tos_uri": "https://app.test/tos"}), links("tos_uri")},
	{"oidcc-registration-jwks-uri", withCode, byReference, happy()},
	{"oidcc-registration-sector-uri", all, func(x *module) m {
		x.host.publish("/sector", []string{appCallback, "https://app.test/second"})
		return m{"subject_type": "pairwise", "sector_identifier_uri": x.host.URL + "/sector"}
	}, func(x *module) {
		if sub := x.last(x.flow())["sub"]; sub == "ute" {
			x.t.Error("the client learns its user's real name")
		}
	}},
	{"oidcc-registration-sector-bad", all, nil, func(x *module) {
		x.host.publish("/sector-bad", []string{"https://app.test/another"})
		x.rejected(m{"subject_type": "pairwise", "sector_identifier_uri": x.host.URL + "/sector-bad"}, "invalid_client_metadata")
	}},
	{"oidcc-server-rotate-keys", all, nil, func(x *module) {
		before := x.jwks(x.t)
		x.rotate(x.t)
		after := x.jwks(x.t)
		fresh := 0
		for kid, k := range after {
			if before[kid] == nil && k["use"] == "sig" {
				fresh++
			}
		}
		for kid, k := range before { // nobody is to encrypt to a key of before
			if after[kid] == nil && k["use"] == "sig" {
				x.t.Errorf("the key %s is gone", kid)
			}
		}
		if fresh == 0 {
			x.t.Error("no new key")
		}
	}},
	{"oidcc-refresh-token-rp-key-rotation", withCode, func(x *module) m {
		out := byReference(x)
		maps.Copy(out, offline(x))
		return out
	}, func(x *module) {
		token := x.flow("scope", "openid offline_access", "prompt", "consent").tokens["refresh_token"].(string)
		var err error
		if x.signer, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			x.t.Fatal(err)
		}
		x.kid = "two"
		x.publishKeys()
		x.clock.Advance(time.Minute)
		x.tokens("grant_type", "refresh_token", "refresh_token", token)
	}},
	{"oidcc-request-uri-unsigned", all, withRequestURI, byRequestURI("none")},
	{"oidcc-request-uri-signed-rs256", all, func(x *module) m {
		return m{"request_uris": withRequestURI(x)["request_uris"], "request_object_signing_alg": "RS256"}
	}, byRequestURI("RS256")},
	{"oidcc-ensure-request-object-with-redirect-uri", all, nil, coreModule("oidcc-ensure-request-object-with-redirect-uri")},
	{"oidcc-refresh-token", withCode, offline, refresh},
	{"oidcc-ensure-client-assertion-with-iss-aud-succeeds", withCode, nil, func(x *module) {
		p := x.params()
		code := x.pages(x.ask(p)).respond(x.t, x.c).Get("code")
		out := x.tokens("grant_type", "authorization_code", "code", code, "redirect_uri", x.c.Redirect, "client_assertion", x.assertion(conformanceIssuer))
		x.verify(out["id_token"].(string), p)
	}},
}

func with(change m) func(*module) m { return func(*module) m { return change } }

// byReference has the client publish its keys.
func byReference(x *module) m {
	x.publishKeys()
	return m{"jwks": nil, "jwks_uri": x.host.URL + x.keyPath()}
}

func (x *module) keyPath() string { return "/keys/" + url.PathEscape(x.t.Name()) }

func (x *module) publishKeys() {
	at, err := url.Parse(x.keyPath())
	if err != nil {
		x.t.Fatal(err)
	}
	x.host.publish(at.Path, x.keys(x.signer, x.kid))
}

// links checks that a login page can show what the client registered: both
// apps are told.
func links(member string) func(*module) {
	return func(x *module) {
		r := x.ask(x.params())
		challenge := r.challenge(x.t)
		told, _ := x.loginRequest(x.t, challenge)["client"].(m)
		equal(x.t, member+" for the login app", told[member], x.said[member])
		k := x.b.open(x.t, x.acceptLogin(x.t, challenge, m{"subject": "ute"})).consentChallenge(x.t)
		told, _ = x.consentRequest(x.t, k)["client"].(m)
		equal(x.t, member+" for the consent app", told[member], x.said[member])
		x.flow()
	}
}

// rejected is a registration that fails (RFC 7591 §3.2.2).
func (x *module) rejected(change m, code string) {
	x.t.Helper()
	r := x.post(x.metadata(change))
	equal(x.t, "error", r.object(x.t, 400)["error"], code)
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		x.t.Errorf("the answer is %s", r.Header.Get("Content-Type"))
	}
}

// coreModule is what a module does in the other plans.
func coreModule(name string) func(*module) {
	return func(x *module) {
		for _, c := range coreModules {
			if c.name == name {
				c.do(x)
			}
		}
	}
}

// oidcc-dynamic-certification-test-plan, with the response types that it may be
// run for.
func TestConformanceDynamic(t *testing.T) {
	t.Parallel()
	s := newSuite(t, "DSN=sqlite://"+filepath.Join(t.TempDir(), "hydra.sqlite"), systemSecret, "CACHE_STALENESS=0s")
	for _, kind := range []string{"code", "id_token", "code id_token token"} {
		t.Run(kind, func(t *testing.T) {
			v := variant{kind, "", "private_key_jwt"}
			for _, module := range dynamicModules {
				if module.in(v) {
					s.run(t, v, module.name, module.change, module.do)
				}
			}
		})
	}
}

// oidcc-idtoken-unsigned is skipped as long as discovery does not list none,
// and passes where the operator allows it.
func TestConformanceUnsignedIDToken(t *testing.T) {
	t.Parallel()
	listed := func(s *suite) bool {
		return slices.Contains(s.discovery(t)["id_token_signing_alg_values_supported"].([]any), any("none"))
	}
	if listed(newSuite(t)) {
		t.Error("none is listed, and nobody asked for it")
	}
	s := newSuite(t, "OIDC_UNSIGNED_ID_TOKENS=true")
	if !listed(s) {
		t.Error("none is not listed")
	}
	s.run(t, variant{"code", "", "client_secret_basic"}, "oidcc-idtoken-unsigned", with(m{"id_token_signed_response_alg": "none"}), func(x *module) {
		p := x.params()
		code := x.pages(x.ask(p)).respond(x.t, x.c).Get("code")
		jwt := x.tokens("grant_type", "authorization_code", "code", code, "redirect_uri", x.c.Redirect)["id_token"].(string)
		header, claims := decoded(x.t, strings.Split(jwt, ".")[0]), payload(x.t, jwt)
		if header["alg"] != "none" || !strings.HasSuffix(jwt, ".") || claims["iss"] != conformanceIssuer || claims["nonce"] != p.Get("nonce") {
			x.t.Errorf("the ID token is %v %v", header, claims)
		}
	})
}

// oidcc-3rdparty-init-login-certification-test-plan.
func TestConformanceThirdPartyInitiatedLogin(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for _, kind := range []string{"code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"} {
		v := variant{kind, "", "client_secret_basic"}
		s.run(t, v, "oidcc-3rd_party-init-login", with(m{"initiate_login_uri": "https://app.test/start"}), func(x *module) {
			r := do(x.t, user, "GET", x.address(x.text("registration_client_uri")), "", proxied, "Authorization: Bearer "+x.text("registration_access_token"))
			equal(x.t, "initiate_login_uri", r.object(x.t, 200)["initiate_login_uri"], "https://app.test/start")
		})
		s.run(t, v, "oidcc-3rd_party-init-login-nohttps", nil, func(x *module) {
			x.rejected(m{"initiate_login_uri": "http://app.test/start"}, "invalid_client_metadata")
		})
	}
}
