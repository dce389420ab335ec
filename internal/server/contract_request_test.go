package server_test

import (
	"net/url"
	"strings"
	"testing"

	"hydra/internal/key"
)

// Contract cases 139 to 152: authorization requests that lead nowhere, and
// where their errors are told. What is not built yet is refused with the
// registered code (docs/divergences.md §6).

func TestContractRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.everything(t, nil)
	// refused opens the request and checks that the client learns of the code.
	refused := func(t *testing.T, code string, pairs ...string) url.Values {
		t.Helper()
		return w.browser().open(t, w.authURL(c, pairs...)).refused(t, code)
	}

	t.Run("case 139 response type token", func(t *testing.T) {
		r := w.browser().arrive(t, c, m{"subject": "u139"}, nil, "response_type", "token", "nonce", "-")
		equal(t, "response", []string{r.mode, r.Get("token_type"), r.Get("state"), r.Get("scope"), r.Get("expires_in")}, []string{"fragment", "bearer", "state-12345678", "a", "3600"})
		equal(t, "active", w.active(t, r.Get("access_token")), true)
	})
	t.Run("case 140 response type id_token: nonce missing, and too short for the option", func(t *testing.T) {
		r := w.browser().open(t, w.authURL(c, "response_type", "id_token", "scope", "openid", "nonce", "-")).respond(t, c)
		equal(t, "response", []string{r.mode, r.Get("error")}, []string{"fragment", "invalid_request"})
		strict := newWorld(t, "OAUTH2_MIN_STATE_NONCE_LENGTH=8")
		c := strict.everything(t, nil)
		r = strict.browser().open(t, strict.authURL(c, "response_type", "id_token", "scope", "openid", "nonce", "1234567")).respond(t, c)
		equal(t, "response", []string{r.mode, r.Get("error")}, []string{"fragment", "insufficient_entropy"})
	})
	t.Run("case 141 as ruled: openid not granted, told where the client waits", func(t *testing.T) {
		r := w.browser().arrive(t, c, m{"subject": "u141"}, m{"grant_scope": []string{"a"}}, "response_type", "id_token", "scope", "openid a")
		equal(t, "response", []string{r.mode, r.Get("error")}, []string{"fragment", "unsupported_response_type"})
	})
	t.Run("cases 142 and 143 hybrid: c_hash and at_hash", func(t *testing.T) {
		for _, kind := range []string{"code id_token", "code id_token token"} {
			r := w.browser().arrive(t, c, m{"subject": "u"}, nil, "response_type", kind, "scope", "openid a")
			equal(t, "mode", r.mode, "fragment")
			w.judge(t, c, r)
			code := w.browser().arrive(t, c, m{"subject": "u"}, nil, "response_type", kind, "scope", "openid a").Get("code")
			equal(t, "c_hash of the exchange", payload(t, w.exchange(t, c, code)["id_token"])["c_hash"], key.LeftHash("RS256", code))
		}
	})
	t.Run("case 144 the order of a response type", func(t *testing.T) {
		for _, kind := range []string{"token id_token", "id_token code", "token code", "token id_token code"} {
			w.browser().open(t, w.authURL(c, "response_type", kind, "scope", "openid")).challenge(t)
		}
	})
	t.Run("case 145 a response type that is not registered", func(t *testing.T) {
		plain := w.client(t, nil)
		r := w.browser().open(t, w.authURL(plain, "response_type", "code token")).respond(t, plain)
		equal(t, "response as ruled", []string{r.mode, r.Get("error"), r.Get("state")}, []string{"fragment", "unsupported_response_type", "state-12345678"})
		w.browser().open(t, w.authURL(plain, "response_type", "-")).refused(t, "unsupported_response_type")
		w.browser().open(t, w.authURL(plain, "response_type", "unheard-of")).refused(t, "unsupported_response_type")
	})
	t.Run("case 146 as ruled: state may be short, and missing", func(t *testing.T) {
		for _, state := range []string{"1234567", "12345678", "-"} {
			w.browser().open(t, w.authURL(c, "state", state)).challenge(t)
		}
	})
	t.Run("case 146 the option for the minimum of eight", func(t *testing.T) {
		strict := newWorld(t, "OAUTH2_MIN_STATE_NONCE_LENGTH=8")
		c := strict.client(t, nil)
		for _, state := range []string{"1234567", "-"} {
			u := strict.browser().open(t, strict.authURL(c, "state", state)).location(t)
			if u.Query().Get("error") != "invalid_state" {
				t.Errorf("state %q leads to %s", state, u)
			}
		}
		strict.browser().open(t, strict.authURL(c, "state", "12345678")).challenge(t)
	})
	t.Run("case 147 an unknown client", func(t *testing.T) {
		w.browser().open(t, w.authURL(&party{ID: "nobody", Redirect: appCallback})).shown(t, "invalid_client")
	})
	t.Run("case 148 an unregistered redirect URI", func(t *testing.T) {
		w.browser().open(t, w.authURL(c, "redirect_uri", "https://app.test/other")).shown(t, "invalid_request")
	})
	t.Run("case 149 no redirect URI, with one and two registered", func(t *testing.T) {
		b := w.browser()
		_, k := b.toConsent(t, c, m{"subject": "u149"}, "redirect_uri", "-")
		b.open(t, w.acceptConsent(t, k, m{"grant_scope": []string{"a"}})).leads(t, c.Redirect, "code")
		two := w.client(t, m{"redirect_uris": []string{appCallback, "https://app.test/other"}})
		w.browser().open(t, w.authURL(two, "redirect_uri", "-")).shown(t, "invalid_request")
	})
	t.Run("case 150 as ruled: an http redirect URI is refused before the login", func(t *testing.T) {
		secure := newWorld(t, "URLS_SELF_ISSUER=https://id.example.com/", "HTTPS_ALLOW_TERMINATION_FROM=127.0.0.0/8")
		created := do(t, client, "POST", secure.Admin+"/clients", `{"client_id":"app","redirect_uris":["http://example.com/cb","http://127.0.0.1/cb"]}`, "X-Forwarded-Proto: https")
		if created.Status != 201 {
			t.Fatalf("%d %s", created.Status, created.Body)
		}
		for redirect, ok := range map[string]bool{"http://example.com/cb": false, "http://127.0.0.1:1234/cb": true} {
			address := secure.Public + "/oauth2/auth?" + url.Values{"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {redirect}, "state": {"12345678"}}.Encode()
			to := get(t, address, "X-Forwarded-Proto: https").location(t).String()
			if strings.HasPrefix(to, loginPage) != ok || !ok && !strings.HasPrefix(to, errorPage) {
				t.Errorf("%s leads to %s", redirect, to)
			}
		}
	})
	t.Run("case 151 a scope that the client may not have", func(t *testing.T) {
		refused(t, "invalid_scope", "scope", "a forbidden")
	})
	t.Run("case 152 registration", func(t *testing.T) {
		refused(t, "registration_not_supported", "registration", "{}")
	})
}
