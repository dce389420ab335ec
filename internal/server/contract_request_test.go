package server_test

import (
	"net/url"
	"strings"
	"testing"
)

// Contract cases 139 to 157: authorization requests that lead nowhere, and
// where their errors are told. What is not built yet is refused with the
// registered code (docs/divergences.md §6).

func TestContractRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, m{"response_types": []string{"code", "token", "id_token", "id_token token", "code id_token", "code token", "code id_token token"}})
	// refused opens the request and checks that the client learns of the code.
	refused := func(t *testing.T, code string, pairs ...string) url.Values {
		t.Helper()
		return w.browser().open(t, w.authURL(c, pairs...)).refused(t, code)
	}

	t.Run("cases 139 to 144 implicit and hybrid: not here yet", func(t *testing.T) {
		for _, kind := range []string{"token", "id_token", "id_token token", "token id_token", "code id_token", "code token", "code id_token token"} {
			q := refused(t, "unsupported_response_type", "response_type", kind, "scope", "openid")
			if q.Has("access_token") || q.Has("id_token") {
				t.Errorf("%s: a token in the query", kind)
			}
		}
	})
	t.Run("case 145 a response type that is not registered", func(t *testing.T) {
		plain := w.client(t, nil)
		w.browser().open(t, w.authURL(plain, "response_type", "code token")).refused(t, "unsupported_response_type")
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
	t.Run("cases 153 to 157 request objects: not here yet", func(t *testing.T) {
		refused(t, "request_not_supported", "request", "e30.e30.", "scope", "openid")
		refused(t, "request_uri_not_supported", "request_uri", "https://app.test/request", "scope", "openid")
		refused(t, "request_not_supported", "request", "e30.e30.", "request_uri", "https://app.test/request", "scope", "openid")
	})
}
