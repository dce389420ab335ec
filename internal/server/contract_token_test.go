package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Contract cases 99 to 138 and 158 to 169, over HTTP through the whole
// program. docs/contract-cases.md says where each number is.

// A pair of RFC 7636, Appendix B.
const pkceVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func withPKCE() sign {
	return sign{params: form("code_challenge", challengeOf(pkceVerifier), "code_challenge_method", "S256")}
}

func TestContractCodeFlow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	t.Run("99: audience that the client may not have", func(t *testing.T) {
		to := r.visit(newBrowser(t), r.Public+"/oauth2/auth?"+form(
			"client_id", c.id, "response_type", "code", "redirect_uri", callback, "scope", "openid", "state", "state-of-the-test", "audience", "https://other.test/",
		).Encode())
		if q := to.Query(); to.Host != "client.test" || q.Get("error") != "invalid_request" || q.Has("code") {
			t.Errorf("the browser is sent to %s", to)
		}
	})
	t.Run("100: openid, with everything remembered", func(t *testing.T) {
		a := r.tokens(c, sign{
			params: form("nonce", "nonce-of-the-test"), login: m{"remember": true, "remember_for": 3600, "acr": "1"},
			consent: m{"remember": true, "remember_for": 3600},
		})
		got := r.claims(a.text("id_token"))
		want := m{"sub": "alice", "acr": "1", "nonce": "nonce-of-the-test", "iss": r.Config.URLs.Issuer}
		for name, want := range want {
			if got[name] != want {
				t.Errorf("%s = %v, want %v", name, got[name], want)
			}
		}
		if diff := cmp.Diff([]any{c.id}, got["aud"]); diff != "" {
			t.Errorf("aud: %s", diff)
		}
		for _, name := range []string{"exp", "iat", "jti", "at_hash"} {
			if got[name] == nil {
				t.Errorf("%s is missing", name)
			}
		}
		if a.text("refresh_token") == "" {
			t.Error("no refresh token")
		}
	})
	t.Run("103: audience, with session data", func(t *testing.T) {
		a := r.tokens(c, sign{
			params:  form("audience", "https://api.test/", "scope", "openid offline_access foo.bar"),
			login:   m{"remember": true},
			consent: m{"remember": true, "session": m{"access_token": m{"foo": "bar"}, "id_token": m{"bar": "baz"}}},
		})
		got := r.introspect(a.text("access_token")).is(200, "").fields()
		want := m{
			"aud": []any{"https://api.test/"}, "scope": "openid offline_access foo.bar", "ext": m{"foo": "bar"},
			"client_id": c.id, "sub": "alice", "iss": r.Config.URLs.Issuer, "active": true,
		}
		for name, want := range want {
			if diff := cmp.Diff(want, got[name]); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		if got := r.claims(a.text("id_token")); got["bar"] != "baz" || got["foo"] != nil {
			t.Errorf("ID token = %v", got)
		}
	})
	t.Run("112: userinfo by header, by form; a bad token", func(t *testing.T) {
		access := r.tokens(c, sign{}).text("access_token")
		for how, a := range map[string]reply{
			"GET header":  do(t, client, "GET", r.Public+"/userinfo", "", "Authorization: Bearer "+access),
			"POST header": do(t, client, "POST", r.Public+"/userinfo", "", "Authorization: bearer "+access),
			"POST form":   do(t, client, "POST", r.Public+"/userinfo", form("access_token", access).Encode(), formType),
		} {
			if a.Status != 200 || !strings.Contains(a.Body, `"sub":"alice"`) {
				t.Errorf("%s: %d %s", how, a.Status, a.Body)
			}
		}
		r.userinfo("bad").is(401, "request_unauthorized")
	})
	t.Run("106, 109: no openid, no ID token; no offline, no refresh token", func(t *testing.T) {
		a := r.tokens(c, sign{params: form("scope", "offline_access")})
		if a.text("id_token") != "" || a.text("refresh_token") == "" {
			t.Errorf("offline_access alone: %s", a.Body)
		}
		if aud := r.introspect(a.text("access_token")).fields()["aud"]; len(aud.([]any)) != 0 {
			t.Errorf("aud = %v", aud)
		}
		a = r.tokens(c, sign{consent: m{"grant_scope": []string{"openid"}}})
		if a.text("id_token") == "" || a.text("refresh_token") != "" {
			t.Errorf("openid alone: %s", a.Body)
		}
	})
	t.Run("168, 169: acr, and custom claims", func(t *testing.T) {
		a := r.tokens(c, sign{
			params: form("acr_values", "1 2"),
			consent: m{"session": m{"id_token": m{
				"sub": "mallory", "iss": "https://evil.test/", "aud": []string{"evil"}, "exp": 1, "custom": "kept",
			}}},
		})
		got := r.claims(a.text("id_token"))
		if got["acr"] != "0" || got["sub"] != "alice" || got["iss"] != r.Config.URLs.Issuer || got["custom"] != "kept" || got["exp"] == 1.0 {
			t.Errorf("ID token = %v", got)
		}
		if diff := cmp.Diff([]any{c.id}, got["aud"]); diff != "" {
			t.Errorf("aud: %s", diff)
		}
	})
}

// Cases 101, 102, 119 to 122, with both kinds of access tokens.
func TestContractRefresh(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"opaque", "jwt"} {
		t.Run(strategy, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "OAUTH2_ACCESS_TOKEN_STRATEGY="+strategy)
			c := r.client(nil)
			first := r.tokens(c, sign{})
			r.wait(2 * time.Second)
			second := r.refresh(c, first.text("refresh_token")).is(200, "")
			if first.text("access_token") == second.text("access_token") || first.text("refresh_token") == second.text("refresh_token") {
				t.Errorf("102: the refresh answers %s after %s", second.Body, first.Body)
			}
			if strategy == "jwt" {
				a, b := r.claims(first.text("access_token")), r.claims(second.text("access_token"))
				for _, name := range []string{"exp", "iat", "nbf", "jti"} {
					if a[name] == nil || a[name] == b[name] {
						t.Errorf("119: %s = %v, then %v", name, a[name], b[name])
					}
				}
				if a["client_id"] != c.id || b["client_id"] != c.id {
					t.Errorf("119: client_id = %v, then %v", a["client_id"], b["client_id"])
				}
			}
			r.userinfo(first.text("access_token")).is(401, "")  // 120
			r.userinfo(second.text("access_token")).is(200, "") // 120
			// 121, within the grace period: tokens of the current generation.
			again := r.refresh(c, first.text("refresh_token")).is(200, "")
			if !r.active(again.text("access_token")) || !r.active(second.text("access_token")) {
				t.Error("121: a token set of the current generation is dead")
			}
			third := r.refresh(c, second.text("refresh_token")).is(200, "") // 122
			// 121, after it: refused, and the Grant is over.
			r.wait(11 * time.Second)
			r.refresh(c, second.text("refresh_token")).is(400, "invalid_grant")
			if r.active(third.text("access_token")) || r.active(third.text("refresh_token")) {
				t.Error("121: a reused refresh token left the Grant alive")
			}
			late := r.tokens(c, sign{})
			r.wait(720 * time.Hour)
			r.refresh(c, late.text("refresh_token")).is(400, "invalid_grant") // 101
		})
	}
}

// Case 104.
func TestContractJWTAccessToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, "OAUTH2_ACCESS_TOKEN_STRATEGY=jwt")
	c := r.client(nil)
	a := r.tokens(c, sign{
		params:  form("audience", "https://api.test/", "scope", "openid offline_access foo.bar"),
		consent: m{"session": m{"access_token": m{"foo": "bar"}}},
	})
	got := r.claims(a.text("access_token"))
	want := m{
		"client_id": c.id, "sub": "alice", "iss": r.Config.URLs.Issuer, "aud": []any{"https://api.test/"},
		"scp": []any{"openid", "offline_access", "foo.bar"}, "ext": m{"foo": "bar"}, "nbf": got["iat"],
	}
	for name, want := range want {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got["jti"] == nil || got["exp"].(float64)-got["iat"].(float64) != 3600 {
		t.Errorf("jti %v, exp %v, iat %v", got["jti"], got["exp"], got["iat"])
	}
	if !r.active(a.text("access_token")) {
		t.Error("the token is inactive")
	}
	// Cases 126 and 127.
	got = r.claims(r.token(c, "grant_type", "client_credentials", "audience", "https://api.test/").is(200, "").text("access_token"))
	if diff := cmp.Diff([]any{"https://api.test/"}, got["aud"]); diff != "" || got["sub"] != c.id {
		t.Errorf("126: sub %v, aud %s", got["sub"], diff)
	}
	got = r.claims(r.token(c, "grant_type", "client_credentials").is(200, "").text("access_token"))
	if diff := cmp.Diff([]any{}, got["aud"]); diff != "" {
		t.Errorf("127: aud %s", diff)
	}
}

// Cases 123, 128 to 138.
func TestContractCode(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, other := r.client(nil), r.client(nil)
	spa := r.client(m{"token_endpoint_auth_method": "none"})
	t.Run("123, 128: replay", func(t *testing.T) {
		code := r.code(c, sign{})
		a := r.exchange(c, code).is(200, "")
		r.exchange(c, code).is(400, "invalid_grant")
		if r.active(a.text("access_token")) || r.active(a.text("refresh_token")) {
			t.Error("the tokens of the first exchange are alive")
		}
	})
	t.Run("129: another client; ruled invalid_grant", func(t *testing.T) {
		code := r.code(c, sign{})
		r.exchange(other, code).is(400, "invalid_grant")
		r.exchange(c, code).is(200, "")
	})
	t.Run("130: redirect_uri missing; ruled invalid_grant", func(t *testing.T) {
		code := r.code(c, sign{})
		r.token(c, "grant_type", "authorization_code", "code", code).is(400, "invalid_grant")
		r.exchange(c, code).is(200, "")
	})
	t.Run("131: too old", func(t *testing.T) {
		code := r.code(c, sign{})
		r.wait(10*time.Minute + 10*time.Second)
		r.exchange(c, code).is(400, "invalid_grant")
	})
	t.Run("132: the right verifier", func(t *testing.T) {
		r.exchange(spa, r.code(spa, withPKCE()), "code_verifier", pkceVerifier).is(200, "")
	})
	t.Run("133: the wrong verifier, then the right one", func(t *testing.T) {
		code := r.code(spa, withPKCE())
		r.exchange(spa, code, "code_verifier", strings.Repeat("x", 43)).is(400, "invalid_grant")
		r.exchange(spa, code, "code_verifier", pkceVerifier).is(400, "invalid_grant")
	})
	t.Run("134: a short verifier; ruled invalid_request", func(t *testing.T) {
		r.exchange(spa, r.code(spa, withPKCE()), "code_verifier", pkceVerifier[:42]).is(400, "invalid_request")
	})
	t.Run("135: plain, or no method; ruled before login", func(t *testing.T) {
		for name, params := range map[string]url.Values{
			"plain": form("code_challenge", pkceVerifier, "code_challenge_method", "plain"),
			"none":  form("code_challenge", pkceVerifier),
			"s256":  form("code_challenge", challengeOf(pkceVerifier), "code_challenge_method", "s256"),
		} {
			to := r.visit(newBrowser(t), r.Public+"/oauth2/auth?"+form(
				"client_id", spa.id, "response_type", "code", "redirect_uri", callback, "scope", "openid", "state", "state-of-the-test").Encode()+"&"+params.Encode())
			if q := to.Query(); to.Host != "client.test" || q.Get("error") != "invalid_request" {
				t.Errorf("%s: the browser is sent to %s", name, to)
			}
		}
	})
	t.Run("136: confidential client, no verifier; ruled invalid_grant", func(t *testing.T) {
		code := r.code(c, withPKCE())
		r.exchange(c, code).is(400, "invalid_grant")
		r.exchange(c, code, "code_verifier", pkceVerifier).is(400, "invalid_grant") // it is burnt
	})
	t.Run("137: public client, no challenge", func(t *testing.T) {
		r.exchange(spa, r.code(spa, sign{})).is(200, "")
	})
	t.Run("138: verifier without a challenge", func(t *testing.T) {
		r.exchange(spa, r.code(spa, sign{}), "code_verifier", pkceVerifier).is(400, "invalid_grant")
	})
}

// Cases 124 to 127.
func TestContractClientCredentials(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	r.token(c, "grant_type", "client_credentials", "audience", "https://other.test/").is(400, "invalid_request") // 124
	r.token(c, "grant_type", "client_credentials", "scope", "foreign").is(400, "invalid_scope")                  // 125
	a := r.token(c, "grant_type", "client_credentials", "scope", "foo.bar", "audience", "https://api.test/").is(200, "")
	if a.text("refresh_token")+a.text("id_token") != "" {
		t.Errorf("126: %s", a.Body)
	}
	got := r.introspect(a.text("access_token")).fields()
	if diff := cmp.Diff([]any{"https://api.test/"}, got["aud"]); diff != "" || got["sub"] != c.id || got["scope"] != "foo.bar" {
		t.Errorf("126: introspection = %v", got)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Pragma": "no-cache", "Content-Type": "application/json;charset=UTF-8"} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("167: %s = %q, want %q", name, got, want)
		}
	}
}

// Cases 158 and 161 to 164: who asks, and how.
func TestContractTokenRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	post := r.client(m{"token_endpoint_auth_method": "client_secret_post"})
	const grant = "grant_type"
	swapped := func(c app, method string) app { c.method = method; return c }
	r.token(swapped(c, "client_secret_post"), grant, "client_credentials").is(401, "invalid_client")                       // 158
	r.token(swapped(post, "client_secret_basic"), grant, "client_credentials").is(401, "invalid_client")                   // 158
	r.token(post, grant, "client_credentials").is(200, "")                                                                 // 158
	r.token(app{}, grant, "client_credentials", "client_assertion_type", "urn:x").is(400, "invalid_request")               // 161
	r.token(app{}, grant, "client_credentials").is(400, "invalid_request")                                                 // 162
	for _, value := range []string{"urn:x", "password", "implicit", "authorization_code refresh_token", "Refresh_Token"} { // 163
		r.token(c, grant, value).is(400, "invalid_request")
	}
	a := answer{t, do(t, client, "POST", r.Public+"/oauth2/token", `{"grant_type":"client_credentials"}`, "Content-Type: application/json", basic(c.id, c.secret))}
	a.is(400, "invalid_request") // 164
}

// Cases 165 and 166: refreshing what the client may not have.
func TestContractRefreshRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, other := r.client(nil), r.client(nil)
	value := r.tokens(c, sign{}).text("refresh_token")
	r.refresh(other, value).is(400, "invalid_grant") // 166, ruled
	stored := r.admin("GET", "/clients/"+c.id, nil).is(200, "").fields()
	stored["scope"] = "openid offline_access"
	r.admin("PUT", "/clients/"+c.id, stored).is(200, "")
	r.refresh(c, value).is(400, "invalid_scope") // 165
	stored["scope"] = "openid offline_access read"
	r.admin("PUT", "/clients/"+c.id, stored).is(200, "")
	got := strings.Fields(r.refresh(c, value).is(200, "").text("scope"))
	if !slices.Equal(got, []string{"openid", "offline_access", "read"}) {
		t.Errorf("scope = %v", got)
	}
}
