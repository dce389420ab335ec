package server_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// coreModules are those of the plans Basic, Implicit and Hybrid, and of their
// runs by form_post. In says for which response types a module runs.
var coreModules = []struct {
	name   string
	in     func(x variant) bool
	change func(*module) m
	do     func(*module)
}{
	{"oidcc-server", all, nil, happy()},
	{"oidcc-response-type-missing", oneOf("code", "id_token token", "code id_token"), nil, func(x *module) {
		p := x.params("response_type", "-")
		x.refused(x.ask(p), p, "invalid_request", "unsupported_response_type")
	}},
	{"oidcc-idtoken-signature", all, nil, happy()}, // finish takes nothing but RS256 and a kid
	{"oidcc-userinfo-get", withToken, nil, userinfo("GET", false)},
	{"oidcc-userinfo-post-header", withToken, nil, userinfo("POST", false)},
	{"oidcc-userinfo-post-body", withToken, nil, userinfo("POST", true)},
	{"oidcc-ensure-request-without-nonce-succeeds-for-code-flow", oneOf("code", "code token"), nil, happy("nonce", "-")},
	{"oidcc-ensure-request-without-nonce-fails", oneOf("id_token", "id_token token", "code id_token", "code id_token token"), nil, func(x *module) {
		p := x.params("nonce", "-")
		x.refused(x.ask(p), p, "invalid_request")
	}},
	{"oidcc-scope-profile", all, nil, scopes("profile")},
	{"oidcc-scope-email", all, nil, scopes("email")},
	{"oidcc-scope-address", all, nil, scopes("address")},
	{"oidcc-scope-phone", all, nil, scopes("phone")},
	{"oidcc-scope-all", all, nil, scopes("profile", "email", "address", "phone")},
	{"oidcc-alternate-happy-flow", oneOf("code", "id_token", "id_token token", "code id_token"), nil, func(x *module) {
		p := x.params("scope", "email openid")
		var pairs []string
		for name := range p {
			pairs = append(pairs, url.QueryEscape(name)+"="+url.QueryEscape(p.Get(name)))
		}
		slices.SortFunc(pairs, func(a, b string) int { return strings.Compare(b, a) })
		x.finish(x.pages(x.b.open(x.t, x.Config.URLs.Public+"/oauth2/auth?"+strings.Join(pairs, "&"))), p)
	}},
	{"oidcc-display-page", all, nil, happy("display", "page")},
	{"oidcc-display-popup", all, nil, happy("display", "popup")},
	{"oidcc-prompt-login", all, nil, func(x *module) { again(x, true, "prompt", "login") }},
	{"oidcc-prompt-none-not-logged-in", all, nil, func(x *module) {
		p := x.params("prompt", "none", "state", strings.Repeat("0aZ-._~9", 16))
		x.refused(x.ask(p), p, "login_required", "interaction_required", "consent_required", "account_selection_required")
	}},
	{"oidcc-prompt-none-logged-in", all, nil, func(x *module) { again(x, false, "prompt", "none") }},
	{"oidcc-max-age-1", all, nil, func(x *module) { again(x, true, "max_age", "1") }},
	{"oidcc-max-age-10000", all, nil, func(x *module) { again(x, false, "max_age", "10000") }},
	{"oidcc-ensure-request-with-unknown-parameter-succeeds", all, nil, happy("extra", "foobar")},
	{"oidcc-id-token-hint", all, nil, func(x *module) {
		first := x.flow()
		second := x.flow("prompt", "none", "id_token_hint", first.idToken)
		equal(x.t, "sub and auth_time", []any{x.last(second)["sub"], x.last(second)["auth_time"]}, []any{x.last(first)["sub"], x.last(first)["auth_time"]})
	}},
	{"oidcc-login-hint", all, nil, happy("login_hint", "ute@people.test")},
	{"oidcc-ui-locales", all, nil, happy("ui_locales", "se")},
	{"oidcc-claims-locales", all, nil, happy("claims_locales", "se")},
	{"oidcc-ensure-request-with-acr-values-succeeds", all, nil, func(x *module) {
		announced := x.discovery(x.t)["acr_values_supported"].([]any)
		equal(x.t, "acr", x.last(x.flow("acr_values", announced[0].(string)+" "+announced[1].(string)))["acr"], announced[0])
	}},
	{"oidcc-codereuse", withCode, nil, reuse(0)},
	{"oidcc-codereuse-30seconds", withCode, nil, reuse(30 * time.Second)},
	{"oidcc-ensure-registered-redirect-uri", all, nil, func(x *module) {
		x.ask(x.params("redirect_uri", appCallback+"&foo=bar")).shown(x.t, "invalid_request")
		x.ask(x.params("redirect_uri", "https://app.test/elsewhere")).shown(x.t, "invalid_request")
	}},
	{"oidcc-ensure-post-request-succeeds", oneOf("code"), nil, func(x *module) {
		p := x.params()
		x.finish(x.pages(x.b.send(x.t, "POST", x.Config.URLs.Public+"/oauth2/auth", p.Encode())), p)
	}},
	{"oidcc-server-client-secret-post", withCode, func(x *module) m {
		x.auth = "client_secret_post"
		return nil
	}, happy()},
	{"oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported", all, withRequestURI, byRequestURI("none")},
	{"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported", all, nil, func(x *module) {
		p := x.params()
		outer := url.Values{"client_id": p["client_id"], "response_type": p["response_type"], "scope": p["scope"], "request": {x.object("none", p)}}
		x.finish(x.pages(x.ask(outer)), p)
	}},
	{"oidcc-ensure-request-object-with-redirect-uri", all, nil, func(x *module) {
		p := x.params()
		outer := url.Values{"client_id": p["client_id"], "response_type": p["response_type"], "scope": p["scope"], "redirect_uri": {"https://app.test/bad"}, "request": {x.object("none", p)}}
		x.finish(x.pages(x.ask(outer)), p)
	}},
	{"oidcc-claims-essential", all, nil, func(x *module) {
		g := x.flow("claims", `{"userinfo":{"name":{"essential":true}}}`)
		if g.access != "" {
			equal(x.t, "name", x.info("GET", "", "Authorization: Bearer "+g.access)["name"], everyClaim["name"])
		}
	}},
	{"oidcc-refresh-token", withCode, offline, refresh},
	{"oidcc-ensure-request-with-valid-pkce-succeeds", oneOf("code", "code id_token"), nil, func(x *module) {
		verifier := oauth2.GenerateVerifier()
		p := x.params("code_challenge", oauth2.S256ChallengeFromVerifier(verifier), "code_challenge_method", "S256")
		x.finish(x.pages(x.ask(p)), p, "code_verifier", verifier)
		p = x.params("code_challenge", oauth2.S256ChallengeFromVerifier(verifier), "code_challenge_method", "S256")
		code := x.pages(x.ask(p)).respond(x.t, x.c).Get("code")
		x.dead(x.token("grant_type", "authorization_code", "code", code, "redirect_uri", x.c.Redirect, "code_verifier", oauth2.GenerateVerifier()))
	}},
}

func all(variant) bool         { return true }
func withCode(v variant) bool  { return strings.HasPrefix(v.kind, "code") }
func withToken(v variant) bool { return v.kind != "id_token" }
func oneOf(kinds ...string) func(variant) bool {
	return func(v variant) bool { return slices.Contains(kinds, v.kind) }
}

// happy is a flow that succeeds with these parameters.
func happy(pairs ...string) func(*module) { return func(x *module) { x.flow(pairs...) } }

// userinfo asks with the token where the module puts it.
func userinfo(method string, inBody bool) func(*module) {
	return func(x *module) {
		g := x.flow("scope", "openid profile")
		var info m
		if inBody {
			info = x.info(method, "access_token="+url.QueryEscape(g.access), formType)
		} else {
			info = x.info(method, "", "Authorization: Bearer "+g.access)
		}
		equal(x.t, "sub", info["sub"], x.last(g)["sub"])
		equal(x.t, "name", info["name"], everyClaim["name"])
	}
}

// scopes wants all claims of the scopes, and no other, from where the standard has them.
func scopes(names ...string) func(*module) {
	return func(x *module) {
		g := x.flow("scope", "openid "+strings.Join(names, " "))
		from := g.front
		if g.access != "" {
			from = x.info("GET", "", "Authorization: Bearer "+g.access)
		}
		for scope, claims := range claimsOfScope {
			for _, name := range claims {
				if _, ok := from[name]; ok != slices.Contains(names, scope) {
					x.t.Errorf("with the scopes %v there is %s: %v", names, name, ok)
				}
			}
		}
	}
}

// again signs in, waits two seconds, and asks once more. The second time must
// show a login page, or must not.
func again(x *module, login bool, pairs ...string) {
	before := []string{}
	if pairs[0] == "max_age" && !login {
		before = pairs
	}
	first := x.last(x.flow(before...))
	equal(x.t, "login pages", x.shown, 1)
	x.clock.Advance(2 * time.Second)
	second := x.last(x.flow(pairs...))
	equal(x.t, "sub", second["sub"], first["sub"])
	if !login {
		equal(x.t, "login pages", x.shown, 1)
		equal(x.t, "auth_time", second["auth_time"], first["auth_time"])
		if pairs[0] == "max_age" && second["auth_time"] == nil {
			x.t.Error("no auth_time")
		}
		return
	}
	equal(x.t, "login pages", x.shown, 2)
	equal(x.t, "auth_time", second["auth_time"], x.clock.Now().Unix())
	if at, ok := first["auth_time"].(float64); ok && at >= second["auth_time"].(float64) {
		x.t.Errorf("auth_time is %v, and was %v", second["auth_time"], at)
	}
}

// reuse presents a code twice. What it bought dies.
func reuse(after time.Duration) func(*module) {
	return func(x *module) {
		g := x.flow()
		x.clock.Advance(after)
		x.dead(x.token("grant_type", "authorization_code", "code", g.Get("code"), "redirect_uri", x.c.Redirect))
		if r := do(x.t, user, "GET", x.Public+"/userinfo", "", proxied, "Authorization: Bearer "+g.access); r.Status != 401 {
			x.t.Errorf("the access token answers %d %s", r.Status, r.Body)
		}
	}
}

func offline(x *module) m {
	return m{"grant_types": append(x.metadata(nil)["grant_types"].([]string), "refresh_token")}
}

// refresh takes a refresh token of each of two clients.
func refresh(x *module) {
	ask := []string{"scope", "openid offline_access", "prompt", "consent"}
	first := x.flow(ask...)
	token, _ := first.tokens["refresh_token"].(string)
	x.random(token)
	x.clock.Advance(2 * time.Second)
	second := x.tokens("grant_type", "refresh_token", "refresh_token", token)
	fresh := payload(x.t, second["id_token"])
	for _, name := range []string{"iss", "sub", "aud", "auth_time", "azp"} {
		equal(x.t, name, fresh[name], first.claims[name])
	}
	if fresh["iat"].(float64) <= first.claims["iat"].(float64) {
		x.t.Error("the new ID token is as old as the first")
	}
	if again, ok := second["refresh_token"].(string); ok {
		x.random(again)
	}
	other := &module{suite: x.suite, variant: x.variant, t: x.t, b: x.suite.browser(), kid: x.kid, signer: x.signer}
	other.register(offline(other))
	others := other.flow(ask...).tokens["refresh_token"].(string)
	x.dead(x.token("grant_type", "refresh_token", "refresh_token", others))
	other.tokens("grant_type", "refresh_token", "refresh_token", others)
	other.unregister()
}

// object makes a request object of the parameters.
func (x *module) object(alg string, p url.Values) string {
	x.t.Helper()
	claims := m{"iss": x.c.ID, "aud": conformanceIssuer}
	for name := range p {
		claims[name] = p.Get(name)
	}
	header := m{"alg": alg}
	if alg != "none" {
		header["kid"] = x.kid
	}
	return x.jar().sign(x.t, header, claims)
}

// withRequestURI registers a request_uri with a fragment, as the plans do.
func withRequestURI(x *module) m {
	return m{"request_uris": []string{x.host.URL + "/requests/" + url.PathEscape(x.t.Name()) + "#" + "of-the-module"}}
}

// byRequestURI asks by reference.
func byRequestURI(alg string) func(*module) {
	return func(x *module) {
		uri := x.said["request_uris"].([]any)[0].(string)
		at, err := url.Parse(uri)
		if err != nil {
			x.t.Fatal(err)
		}
		p := x.params()
		x.host.publish(at.Path, x.object(alg, p))
		outer := url.Values{"client_id": p["client_id"], "response_type": p["response_type"], "scope": p["scope"], "request_uri": {uri}}
		x.finish(x.pages(x.ask(outer)), p)
	}
}

// core runs the modules that the plan has for these response types.
func core(t *testing.T, mode string, kinds ...string) {
	t.Helper()
	s := newSuite(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			v := variant{kind, mode, "client_secret_basic"}
			for _, module := range coreModules {
				if module.in(v) {
					s.run(t, v, module.name, module.change, module.do)
				}
			}
		})
	}
}

// oidcc-basic-certification-test-plan.
func TestConformanceBasic(t *testing.T) {
	t.Parallel()
	core(t, "", "code")
}

// oidcc-implicit-certification-test-plan.
func TestConformanceImplicit(t *testing.T) {
	t.Parallel()
	core(t, "", "id_token", "id_token token")
}

// oidcc-hybrid-certification-test-plan.
func TestConformanceHybrid(t *testing.T) {
	t.Parallel()
	core(t, "", "code id_token", "code token", "code id_token token")
}

// oidcc-formpost-basic-certification-test-plan,
// oidcc-formpost-implicit-certification-test-plan and
// oidcc-formpost-hybrid-certification-test-plan.
func TestConformanceFormPost(t *testing.T) {
	t.Parallel()
	for name, kinds := range map[string][]string{
		"basic": {"code"}, "implicit": {"id_token", "id_token token"}, "hybrid": {"code id_token", "code token", "code id_token token"},
	} {
		t.Run(name, func(t *testing.T) { core(t, "form_post", kinds...) })
	}
}
