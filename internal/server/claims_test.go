package server_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// userinfo asks for the claims behind a token.
func (w *world) userinfo(t *testing.T, token any) m {
	t.Helper()
	text, _ := token.(string)
	return do(t, user, "GET", w.Public+"/userinfo", "", "Authorization: Bearer "+text).object(t, 200)
}

// known is what a consent app sends that always sends all it knows.
var known = m{"name": "Ute", "email": "ute@example.test", "email_verified": true, "updated_at": 1700000000, "address": m{"country": "DE"}, "phone_number": "1", "roles": []string{"r"}}

// names are the members that stand in both.
func names(claims m) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		if _, ok := known[name]; ok {
			out = append(out, name)
		}
	}
	return strings.Join(out, " ")
}

// oidcc-server, oidcc-scope-*: claims of a scope come from userinfo when an
// access token is issued, from the ID token when nothing else is (OpenID
// Connect Core §5.4). The original's placement stands in both.
func TestClaimsPlacementOverHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "OIDC_CLAIMS_PLACEMENT=standard", "OIDC_CLAIMS_BY_SCOPE=true")
	own := w.everything(t, nil)
	original := w.everything(t, m{"claims_placement": "both"})
	equal(t, "claims_placement as stored", w.call(t, "GET", "/clients/"+original.ID, nil).object(t, 200)["claims_placement"], "both")
	w.status(t, 400, "POST", "/clients", m{"redirect_uris": []string{appCallback}, "claims_placement": "nowhere"})
	for _, test := range []struct {
		name, kind, scope, claims string
		c                         *party
		front, back, userinfo     string // claims; "-": there is none
	}{
		{"code", "code", "openid email", "", own, "-", "roles", "email email_verified roles"},
		{"id_token", "id_token", "openid email", "", own, "email email_verified roles", "-", "-"},
		{"id_token, nothing but openid", "id_token", "openid", "", own, "roles", "-", "-"},
		{"id_token token", "id_token token", "openid profile", "", own, "roles", "-", "name roles updated_at"},
		{"hybrid", "code id_token token", "openid profile", "", own, "roles", "roles", "name roles updated_at"},
		{"the original's", "code id_token", "openid email", "", original, "email email_verified roles", "email email_verified roles", "email email_verified roles"},
		{"oidcc-claims-essential", "code", "openid", `{"userinfo":{"name":{"essential":true}}}`, own, "-", "roles", "name roles"},
		{"claims in the ID token", "code id_token", "openid", `{"id_token":{"name":null,"shoe_size":{"essential":true}}}`, own, "name roles", "name roles", "roles"},
		{"claims in both", "code", "openid email", `{"id_token":{"email":null,"roles":null},"userinfo":{"roles":null,"phone_number":null}}`, own, "-", "email roles", "email email_verified phone_number roles"},
	} {
		t.Run(test.name, func(t *testing.T) {
			pairs := []string{"response_type", test.kind, "scope", test.scope}
			if test.claims != "" {
				pairs = append(pairs, "claims", test.claims)
			}
			r := w.browser().arrive(t, test.c, m{"subject": "u"}, m{"grant_scope": strings.Fields(test.scope), "session": m{"id_token": known}}, pairs...)
			tokens := m{"access_token": r.Get("access_token"), "id_token": nil}
			if r.Has("code") {
				tokens = w.exchange(t, test.c, r.Get("code"))
			}
			got := []string{"-", "-", "-"}
			if r.Has("id_token") {
				got[0] = names(payload(t, r.Get("id_token")))
			}
			if tokens["id_token"] != nil {
				got[1] = names(payload(t, tokens["id_token"]))
			}
			if tokens["access_token"] != "" {
				got[2] = names(w.userinfo(t, tokens["access_token"]))
			}
			equal(t, "claims from the front, the back, and userinfo", got, []string{test.front, test.back, test.userinfo})
		})
	}
	t.Run("a claim of a wrong type", func(t *testing.T) {
		_, k := w.browser().toConsent(t, own, m{"subject": "u"}, "scope", "openid")
		w.status(t, 400, "PUT", consentPath+k+"/accept", m{"grant_scope": []string{"openid"}, "session": m{"id_token": m{"updated_at": "yesterday"}}})
	})
	t.Run("a narrowed token tells less", func(t *testing.T) {
		code := w.browser().visit(t, own, m{"subject": "u"}, m{"grant_scope": []string{"openid", "email", "offline"}, "session": m{"id_token": known}}, "scope", "openid email offline")
		fresh := w.token(t, own, "grant_type", "refresh_token", "refresh_token", w.exchange(t, own, code)["refresh_token"].(string), "scope", "openid").object(t, 200)
		equal(t, "claims", names(w.userinfo(t, fresh["access_token"])), "roles")
	})
}

// By default every client of the original finds its claims where they were.
func TestClaimsPlacementDefault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.everything(t, nil)
	tokens := w.exchange(t, c, w.browser().visit(t, c, m{"subject": "u"}, m{"grant_scope": []string{"openid", "email"}, "session": m{"id_token": known}}, "scope", "openid email"))
	all := strings.Join(slices.Sorted(maps.Keys(known)), " ")
	equal(t, "claims", []string{names(payload(t, tokens["id_token"])), names(w.userinfo(t, tokens["access_token"]))}, []string{all, all})
}

// OpenID Connect Core §5.5.1: the claims sub, acr and auth_time are asked for
// by name, and with values.
func TestClaimsParameter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.everything(t, nil)
	t.Run("the apps see it", func(t *testing.T) {
		const claims = `{"id_token":{"acr":{"values":["2","1"]},"auth_time":{"essential":true}},"userinfo":{"name":null}}`
		b := w.browser()
		l := b.open(t, w.authURL(c, "claims", claims, "acr_values", "1 0", "scope", "openid")).challenge(t)
		context := w.loginRequest(t, l)["oidc_context"].(m)
		equal(t, "acr_values", context["acr_values"], []string{"1", "0", "2"})
		equal(t, "claims", context["claims"], m{"id_token": m{"acr": m{"values": []string{"2", "1"}}, "auth_time": m{"essential": true}}, "userinfo": m{"name": nil}})
		k := b.open(t, w.acceptLogin(t, l, m{"subject": "u", "acr": "2"})).consentChallenge(t)
		equal(t, "claims", w.consentRequest(t, k)["oidc_context"].(m)["claims"], context["claims"])
		code := b.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"openid"}})).leads(t, c.Redirect, "code")
		got := payload(t, w.exchange(t, c, code)["id_token"])
		equal(t, "acr", got["acr"], "2")
		equal(t, "auth_time", got["auth_time"], w.clock.Now().Unix())
	})
	t.Run("no claims, no member", func(t *testing.T) {
		l := w.browser().open(t, w.authURL(c)).challenge(t)
		equal(t, "oidc_context", w.loginRequest(t, l)["oidc_context"], m{})
	})
	t.Run("another sub than the one that is wanted", func(t *testing.T) {
		const claims = `{"id_token":{"sub":{"value":"u"}}}`
		b := w.browser()
		l := b.open(t, w.authURL(c, "claims", claims)).challenge(t)
		b.open(t, w.acceptLogin(t, l, m{"subject": "somebody else", "remember": true})).refused(t, "login_required")
		equal(t, "session", b.session(), "")
		b.visit(t, c, m{"subject": "u", "remember": true}, m{"grant_scope": []string{"a"}, "remember": true}, "claims", claims)
		b.visit(t, c, m{"subject": "u"}, nil, "claims", claims, "prompt", "none")
		b.open(t, w.authURL(c, "claims", `{"userinfo":{"sub":{"value":"x"}}}`)).refused(t, "login_required")
		b.open(t, w.authURL(c, "claims", `{"id_token":{"sub":{"values":["x","y"]}}}`, "prompt", "none")).refused(t, "login_required")
	})
	t.Run("an acr that is a condition", func(t *testing.T) {
		const claims = `{"id_token":{"acr":{"essential":true,"values":["gold","silver"]}}}`
		for acr, met := range map[string]bool{"silver": true, "bronze": false, "": false} {
			b := w.browser()
			l := b.open(t, w.authURL(c, "claims", claims)).challenge(t)
			r := b.open(t, w.acceptLogin(t, l, m{"subject": "u", "acr": acr}))
			if met {
				r.consentChallenge(t)
			} else {
				r.refused(t, "unmet_authentication_requirements")
			}
		}
		// One that is only wished for is no condition (§5.5.1.1).
		b := w.browser()
		l := b.open(t, w.authURL(c, "claims", `{"id_token":{"acr":{"values":["gold"]}}}`)).challenge(t)
		b.open(t, w.acceptLogin(t, l, m{"subject": "u", "acr": "bronze"})).consentChallenge(t)
	})
	t.Run("a remembered consent does not cover more claims", func(t *testing.T) {
		b := w.browser()
		b.visit(t, c, m{"subject": "more", "remember": true}, m{"grant_scope": []string{"openid"}, "remember": true}, "scope", "openid", "claims", `{"userinfo":{"name":null}}`)
		for claims, skip := range map[string]bool{`{"id_token":{"name":null}}`: true, `{"userinfo":{"roles":null}}`: false} {
			_, k := b.toConsent(t, c, m{"subject": "more"}, "scope", "openid", "claims", claims)
			equal(t, "skip with "+claims, w.consentRequest(t, k)["skip"], skip)
		}
		l := b.open(t, w.authURL(c, "scope", "openid", "claims", `{"userinfo":{"roles":null}}`, "prompt", "none")).challenge(t)
		b.open(t, w.acceptLogin(t, l, m{"subject": "more"})).refused(t, "consent_required")
	})
	t.Run("malformed", func(t *testing.T) {
		for _, claims := range []string{"x", "[]", `{"id_token":{"a":1}}`, `{"id_token":{"a":null,"a":null}}`, `{"id_token":{"a":{"value":"` + strings.Repeat("x", 9000) + `"}}}`} {
			w.browser().open(t, w.authURL(c, "claims", claims)).refused(t, "invalid_request")
		}
	})
}

// The parameters of OpenID Connect Core §3.1.2.1 that must not do harm:
// oidcc-display-*, -ui-locales, -claims-locales, -login-hint,
// -ensure-request-with-unknown-parameter-succeeds, -alternate-happy-flow.
func TestParametersThatAreOnlyWishes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.everything(t, nil)
	for _, pairs := range [][]string{
		{"display", "page"}, {"display", "popup"}, {"display", "hologram"}, {"ui_locales", "se xx"}, {"claims_locales", "se"}, {"login_hint", "bob@example.com"},
		{"extra", "foobar"}, {"acr_values", "1 2"}, {"scope", "email profile openid"}, {"max_age", "15000"},
	} {
		for _, kind := range []string{"code", "id_token", "code id_token"} {
			r := w.browser().arrive(t, c, m{"subject": "u"}, nil, append([]string{"response_type", kind, "scope", "openid"}, pairs...)...)
			if r.Has("error") {
				t.Errorf("%v: %v", pairs, r.Values)
			}
		}
	}
	// oidcc-ensure-post-request-succeeds, for every response type.
	b := w.browser()
	l := b.send(t, "POST", w.Config.URLs.Public+"/oauth2/auth", w.authParams(c, "response_type", "code id_token token", "scope", "openid", "claims", `{"userinfo":{"name":null}}`).Encode()).challenge(t)
	k := b.open(t, w.acceptLogin(t, l, m{"subject": "u"})).consentChallenge(t)
	if r := b.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"openid"}})).respond(t, c); r.Get("id_token") == "" || r.Get("code") == "" {
		t.Errorf("a POST gets %v", r.Values)
	}
}

// oidcc-prompt-*, oidcc-max-age-*, oidcc-id-token-hint, for implicit flows: the
// front channel keeps time and user as the token endpoint does.
func TestPromptsOfFrontChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.everything(t, nil)
	begin := func(subject string) (*browser, m, string) {
		b := w.browser()
		r := b.arrive(t, c, m{"subject": subject, "remember": true}, m{"grant_scope": []string{"openid"}, "remember": true}, "response_type", "id_token", "scope", "openid")
		return b, payload(t, r.Get("id_token")), r.Get("id_token")
	}
	again := func(b *browser, subject string, pairs ...string) m {
		r := b.arrive(t, c, m{"subject": subject}, nil, append([]string{"response_type", "id_token", "scope", "openid"}, pairs...)...)
		return payload(t, r.Get("id_token"))
	}
	b, first, hint := begin("u")
	w.clock.Advance(2 * time.Second)
	for _, pairs := range [][]string{{"prompt", "none"}, {"prompt", "none", "id_token_hint", hint}, {"max_age", "10000"}} {
		second := again(b, "u", pairs...)
		equal(t, "sub and auth_time", []any{second["sub"], second["auth_time"]}, []any{first["sub"], first["auth_time"]})
	}
	for _, pairs := range [][]string{{"max_age", "1"}, {"max_age", "0"}, {"prompt", "login"}, {"prompt", "select_account"}, {"prompt", "create"}, {"prompt", "registration consent"}} {
		l := b.open(t, w.authURL(c, append([]string{"response_type", "id_token", "scope", "openid"}, pairs...)...)).challenge(t)
		equal(t, "login skip", w.loginRequest(t, l)["skip"], false)
		if claims := again(b, "u", pairs...); claims["auth_time"].(float64) <= first["auth_time"].(float64) {
			t.Errorf("%v: auth_time %v, before %v", pairs, claims["auth_time"], first["auth_time"])
		}
		b, _, hint = begin("u")
		w.clock.Advance(2 * time.Second)
	}
	for _, test := range []struct {
		code  string
		pairs []string
	}{
		{"login_required", []string{"prompt", "none", "max_age", "1"}}, {"login_required", []string{"prompt", "none login"}},
		{"invalid_request", []string{"prompt", "none select_account"}}, {"invalid_request", []string{"prompt", "none consent"}}, {"invalid_request", []string{"prompt", "none create"}},
		{"invalid_request", []string{"prompt", "telepathy"}}, {"invalid_request", []string{"max_age", "-1"}}, {"invalid_request", []string{"max_age", "99999999999999999999"}}, {"invalid_request", []string{"max_age", "soon"}},
		{"invalid_request", []string{"id_token_hint", "x"}},
	} {
		r := b.open(t, w.authURL(c, append([]string{"response_type", "id_token", "scope", "openid"}, test.pairs...)...)).respond(t, c)
		if r.Get("error") != test.code || r.mode != "fragment" || r.Get("state") == "" {
			t.Errorf("%v: %v by %s", test.pairs, r.Values, r.mode)
		}
	}
	// attack: an id_token_hint of another user.
	_, _, other := begin("other")
	for _, prompt := range []string{"-", "none"} {
		r := b.open(t, w.authURL(c, "response_type", "id_token", "scope", "openid", "prompt", prompt, "id_token_hint", other)).respond(t, c)
		equal(t, "a hint of another user", r.Get("error"), "login_required")
	}
}

// prompt=create and its older name lead to the page that opens accounts.
func TestRegistrationPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "URLS_REGISTRATION=http://login.test/register?new=1")
	c := w.client(t, nil)
	for _, prompt := range []string{"create", "registration", "create consent"} {
		l := w.browser().open(t, w.authURL(c, "prompt", prompt)).leads(t, "http://login.test/register?new=1&", "login_challenge")
		equal(t, "skip", w.loginRequest(t, l)["skip"], false)
		if to := w.acceptLogin(t, l, m{"subject": "u"}); to == "" {
			t.Error("the challenge of the registration page cannot be accepted")
		}
	}
	w.browser().open(t, w.authURL(c, "prompt", "select_account")).challenge(t)
}

// oidcc-discovery-endpoint-verification, as far as it speaks of authorization.
func TestDiscoveryOfAuthorization(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "WEBFINGER_OIDC_DISCOVERY_SUPPORTED_ACR_VALUES=1,2", "WEBFINGER_OIDC_DISCOVERY_SUPPORTED_CLAIMS=email")
	doc := do(t, user, http.MethodGet, w.Public+"/.well-known/openid-configuration", "").object(t, 200)
	equal(t, "response types", doc["response_types_supported"], []string{"code", "code id_token", "id_token", "token id_token", "token", "token id_token code", "code token", "none"})
	equal(t, "response modes", doc["response_modes_supported"], []string{"query", "fragment", "form_post"})
	equal(t, "claims parameter", doc["claims_parameter_supported"], true)
	equal(t, "prompts", doc["prompt_values_supported"], []string{"none", "login", "consent", "select_account", "create", "registration"})
	equal(t, "acr values", doc["acr_values_supported"], []string{"1", "2"})
	equal(t, "claims", doc["claims_supported"], []string{"sub", "email"})
	if !slices.Contains(doc["grant_types_supported"].([]any), any("implicit")) {
		t.Errorf("grant types: %v", doc["grant_types_supported"])
	}
}
