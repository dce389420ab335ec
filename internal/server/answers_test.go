package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// How ID tokens, userinfo and access tokens are signed and encrypted, judged by
// foreign libraries with what the server publishes.

// announced returns a list of the discovery document.
func (w *world) announced(t *testing.T, member string) []string {
	t.Helper()
	var out []string
	list, ok := get(t, w.Public+"/.well-known/openid-configuration").object(t, 200)[member].([]any)
	if !ok {
		t.Fatalf("discovery has no %s", member)
	}
	for _, v := range list {
		out = append(out, v.(string))
	}
	return out
}

// keySet verifies with what the server publishes, as go-oidc does it.
func (w *world) keySet(t *testing.T) (context.Context, *oidc.RemoteKeySet) {
	t.Helper()
	ctx := oidc.ClientContext(t.Context(), client)
	return ctx, oidc.NewRemoteKeySet(ctx, w.Public+"/.well-known/jwks.json")
}

// verified judges a JWT as a relying party does that registered the algorithm.
func (w *world) verified(t *testing.T, c *party, jwt any, alg string) *oidc.IDToken {
	t.Helper()
	ctx, keys := w.keySet(t)
	id, err := oidc.NewVerifier(w.Config.URLs.Issuer, keys, &oidc.Config{
		ClientID: c.ID, SupportedSigningAlgs: []string{alg}, Now: w.clock.Now,
	}).Verify(ctx, fmt.Sprint(jwt))
	if err != nil {
		t.Fatalf("%s: %v", alg, err)
	}
	return id
}

// askUserinfo asks with the access token.
func (w *world) askUserinfo(t *testing.T, token any) reply {
	t.Helper()
	return get(t, w.Public+"/userinfo", fmt.Sprintf("Authorization: Bearer %v", token))
}

var claimed = m{"grant_scope": []string{"openid", "offline", "a"}, "session": m{"id_token": m{"email": "alice@test"}}}

// Every algorithm that discovery announces signs ID tokens, userinfo and JWT
// access tokens of a client that registers it, and the next one's keys do not
// change what the others get.
func TestEveryAnnouncedAlgorithmSigns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "OIDC_UNSIGNED_ID_TOKENS=true")
	forID, forUserinfo := w.announced(t, "id_token_signing_alg_values_supported"), w.announced(t, "userinfo_signing_alg_values_supported")
	if len(forID) != 11 || forID[0] != "RS256" || len(forUserinfo) != 11 || !slices.Contains(forUserinfo, "none") {
		t.Errorf("announced: %q for ID tokens, %q for userinfo", forID, forUserinfo)
	}
	for _, alg := range forID {
		t.Run(alg, func(t *testing.T) {
			change := m{"id_token_signed_response_alg": alg, "userinfo_signed_response_alg": alg}
			if alg != "none" {
				change["access_token_signed_response_alg"], change["access_token_strategy"] = alg, "jwt"
			}
			c := w.client(t, change)
			out := w.exchange(t, c, w.browser().visit(t, c, m{"subject": "alice"}, claimed, "scope", "openid offline a"))
			w.judgeAnswers(t, c, alg, out)
			again := w.token(t, c, "grant_type", "refresh_token", "refresh_token", out["refresh_token"].(string)).object(t, 200)
			w.judgeAnswers(t, c, alg, again)
		})
	}
	c := w.client(t, nil)
	w.judgeAnswers(t, c, "RS256", w.exchange(t, c, w.browser().visit(t, c, m{"subject": "alice"}, claimed, "scope", "openid offline a")))
}

// judgeAnswers checks all three with a foreign library.
func (w *world) judgeAnswers(t *testing.T, c *party, alg string, out m) {
	t.Helper()
	access, _ := out["access_token"].(string)
	if alg == "none" {
		w.judgeUnsigned(t, c, out)
		return
	}
	id := w.verified(t, c, out["id_token"], alg)
	if err := id.VerifyAccessToken(access); err != nil {
		t.Errorf("%s: at_hash: %v", alg, err)
	}
	if strings.Count(access, ".") == 2 {
		ctx, keys := w.keySet(t)
		if _, err := oidc.NewVerifier(w.Config.URLs.Issuer, keys, &oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: []string{alg}, Now: w.clock.Now}).Verify(ctx, access); err != nil {
			t.Errorf("%s: access token: %v", alg, err)
		}
		if !w.active(t, access) {
			t.Errorf("%s: the access token is not active", alg)
		}
	}
	info := w.askUserinfo(t, access)
	if info.Header.Get("Content-Type") == "application/json" {
		return // the client registered nothing for it
	}
	equal(t, "content type", info.Header.Get("Content-Type"), "application/jwt")
	ctx, keys := w.keySet(t)
	body, err := keys.VerifySignature(ctx, info.Body)
	if err != nil {
		t.Fatalf("%s: userinfo: %v", alg, err)
	}
	var claims m
	if err := json.Unmarshal(body, &claims); err != nil {
		t.Fatal(err)
	}
	equal(t, "userinfo", claims, m{"iss": w.Config.URLs.Issuer, "aud": []string{c.ID}, "sub": "alice", "email": "alice@test"})
}

// An unsecured ID token says of itself that it is one, and has no hash; nothing
// takes one for signed.
func (w *world) judgeUnsigned(t *testing.T, c *party, out m) {
	t.Helper()
	id, _ := out["id_token"].(string)
	if head := string(unb64(t, strings.SplitN(id, ".", 2)[0])); head != `{"alg":"none","typ":"JWT"}` || !strings.HasSuffix(id, ".") {
		t.Errorf("the ID token is %s", id)
	}
	if claims := payload(t, id); claims["sub"] != "alice" || claims["aud"] == nil || claims["at_hash"] != nil {
		t.Errorf("claims %v", claims)
	}
	equal(t, "userinfo", w.askUserinfo(t, out["access_token"]).object(t, 200), m{"sub": "alice", "email": "alice@test"})
	w.browser().open(t, w.authURL(c, "scope", "openid", "id_token_hint", id)).refused(t, "invalid_request")
}

// attacks.md, RFC 8725 §3.1, §3.2: the algorithm is what the client registered,
// never what a request or a token asks for; and what would weaken it is not
// registered.
func TestAttackWeakenTheAlgorithm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if got := w.announced(t, "id_token_signing_alg_values_supported"); slices.Contains(got, "none") {
		t.Errorf("none is announced: %q", got)
	}
	weak := map[string]any{"n": "AQAB", "e": "AQAB", "kty": "RSA"}
	strong := jwk(t, newECKey(t).Public(), "k", "enc")
	for name, change := range map[string]m{
		"unsigned where not allowed":    {"id_token_signed_response_alg": "none"},
		"symmetric":                     {"id_token_signed_response_alg": "HS256"},
		"unknown":                       {"id_token_signed_response_alg": "RS1"},
		"another case":                  {"id_token_signed_response_alg": "rs256"},
		"symmetric userinfo":            {"userinfo_signed_response_alg": "HS512"},
		"unsigned access tokens":        {"access_token_signed_response_alg": "none"},
		"enc without alg":               {"id_token_encrypted_response_enc": "A256GCM", "jwks": m{"keys": []any{strong}}},
		"RSA1_5":                        {"id_token_encrypted_response_alg": "RSA1_5", "jwks": m{"keys": []any{strong}}},
		"dir":                           {"userinfo_encrypted_response_alg": "dir", "jwks": m{"keys": []any{strong}}},
		"unknown enc":                   {"userinfo_encrypted_response_alg": "ECDH-ES", "userinfo_encrypted_response_enc": "none", "jwks": m{"keys": []any{strong}}},
		"encryption without a key":      {"userinfo_encrypted_response_alg": "ECDH-ES"},
		"encryption, key of other type": {"userinfo_encrypted_response_alg": "RSA-OAEP", "jwks": m{"keys": []any{strong}}},
		"encryption, weak key":          {"userinfo_encrypted_response_alg": "RSA-OAEP", "jwks": m{"keys": []any{weak}}},
	} {
		body := m{"client_id": w.name("weak"), "redirect_uris": []string{appCallback}}
		for k, v := range change {
			body[k] = v
		}
		if got := w.call(t, "POST", "/clients", body); got.Status != 400 {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}

	open := newWorld(t, "OIDC_UNSIGNED_ID_TOKENS=true")
	front := m{"client_id": "front", "redirect_uris": []string{appCallback}, "response_types": []string{"code", "code id_token"}, "id_token_signed_response_alg": "none"}
	if got := open.call(t, "POST", "/clients", front); got.Status != 400 {
		t.Errorf("unsigned ID tokens in the front channel: %d %s", got.Status, got.Body)
	}
}

// newECKey makes a client's EC key.
func newECKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Every announced pair of algorithms encrypts ID token and userinfo for the
// client's key, by value and by reference; inside is what is signed.
func TestEveryAnnouncedEncryptionWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	algs, encs := w.announced(t, "id_token_encryption_alg_values_supported"), w.announced(t, "id_token_encryption_enc_values_supported")
	equal(t, "algorithms for userinfo", w.announced(t, "userinfo_encryption_alg_values_supported"), algs)
	equal(t, "encryptions for userinfo", w.announced(t, "userinfo_encryption_enc_values_supported"), encs)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey := newECKey(t)
	jwks := m{"keys": []any{jwk(t, newECKey(t).Public(), "sig", "sig"), jwk(t, rsaKey.Public(), "rsa", "enc"), jwk(t, ecKey.Public(), "ec", "")}}
	for i, pair := range pairs(algs, encs) {
		alg, enc := pair[0], pair[1]
		t.Run(alg+" "+enc, func(t *testing.T) {
			change := m{
				"jwks": jwks, "id_token_encrypted_response_alg": alg, "id_token_encrypted_response_enc": enc,
				"userinfo_encrypted_response_alg": alg, "userinfo_encrypted_response_enc": enc, "id_token_signed_response_alg": "ES256",
			}
			if i%2 == 0 {
				change["userinfo_signed_response_alg"] = "ES256"
			}
			c := w.client(t, change)
			out := w.exchange(t, c, w.browser().visit(t, c, m{"subject": "alice"}, claimed, "scope", "openid offline a"))
			var private any = ecKey
			if strings.HasPrefix(alg, "RSA") {
				private = rsaKey
			}
			id := w.verified(t, c, decrypted(t, out["id_token"], alg, enc, "JWT", private), "ES256")
			if err := id.VerifyAccessToken(out["access_token"].(string)); err != nil || id.Subject != "alice" {
				t.Errorf("%v: %+v", err, id)
			}
			info := w.askUserinfo(t, out["access_token"])
			equal(t, "content type", info.Header.Get("Content-Type"), "application/jwt")
			want, inside := m{"sub": "alice", "email": "alice@test"}, ""
			if i%2 == 0 {
				want["iss"], want["aud"], inside = w.Config.URLs.Issuer, []string{c.ID}, "JWT"
			}
			text := decrypted(t, info.Body, alg, enc, inside, private)
			if inside == "JWT" {
				ctx, keys := w.keySet(t)
				body, err := keys.VerifySignature(ctx, text)
				if err != nil {
					t.Fatal(err)
				}
				text = string(body)
			}
			var claims m
			if err := json.Unmarshal([]byte(text), &claims); err != nil {
				t.Fatal(err)
			}
			equal(t, "userinfo", claims, want)
		})
	}
}

// pairs is each of a with the first of b, and the first of a with each of b.
func pairs(a, b []string) (out [][2]string) {
	for _, one := range a {
		out = append(out, [2]string{one, b[0]})
	}
	for _, one := range b[1:] {
		out = append(out, [2]string{a[len(a)-1], one})
	}
	return out
}

// jwk writes a JSON Web Key.
func jwk(t *testing.T, k any, kid, use string) json.RawMessage {
	t.Helper()
	raw, err := jose.JSONWebKey{Key: k, KeyID: kid, Use: use}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// decrypted opens a JWE of exactly these algorithms.
func decrypted(t *testing.T, jwe any, alg, enc, contentType string, private any) string {
	t.Helper()
	parsed, err := jose.ParseEncryptedCompact(fmt.Sprint(jwe), []jose.KeyAlgorithm{jose.KeyAlgorithm(alg)}, []jose.ContentEncryption{jose.ContentEncryption(enc)})
	if err != nil {
		t.Fatalf("%v in %v", err, jwe)
	}
	plain, err := parsed.Decrypt(private)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := parsed.Header.ExtraHeaders[jose.HeaderContentType].(string); got != contentType {
		t.Errorf("cty is %q, want %q", got, contentType)
	}
	if kid := parsed.Header.KeyID; kid != "rsa" && kid != "ec" {
		t.Errorf("kid is %q", kid)
	}
	return string(plain)
}

// A client's encryption key may come from its jwks_uri, and be changed there;
// while it cannot be read the code is not spent.
func TestEncryptionByReference(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	w := newWorld(t, "CLIENTS_HTTP_CA_FILE="+h.caFile, "CLIENTS_HTTP_ALLOWED_NETWORKS=127.0.0.0/8")
	first, second := newECKey(t), newECKey(t)
	h.publish("/jwks", m{"keys": []any{jwk(t, first.Public(), "ec", "enc")}})
	c := w.client(t, m{"jwks_uri": h.URL + "/jwks", "id_token_encrypted_response_alg": "ECDH-ES+A256KW", "id_token_encrypted_response_enc": "A256GCM"})
	signIn := func(private any) {
		t.Helper()
		out := w.exchange(t, c, w.browser().visit(t, c, m{"subject": "alice"}, claimed, "scope", "openid offline a"))
		w.verified(t, c, decrypted(t, out["id_token"], "ECDH-ES+A256KW", "A256GCM", "JWT", private), "RS256")
	}
	signIn(first)
	h.publish("/jwks", m{"keys": []any{jwk(t, second.Public(), "ec", "enc")}})
	w.clock.Advance(2 * time.Hour)
	signIn(second)

	h.publish("/jwks", "nothing of use")
	w.clock.Advance(4 * time.Hour)
	code := w.browser().visit(t, c, m{"subject": "alice"}, claimed, "scope", "openid offline a")
	refused := w.token(t, c, "grant_type", "authorization_code", "code", code, "redirect_uri", c.Redirect)
	if refused.Status != http.StatusServiceUnavailable || strings.Contains(refused.Body, h.URL) {
		t.Errorf("the keys cannot be read: %d %s", refused.Status, refused.Body)
	}
	h.publish("/jwks", m{"keys": []any{jwk(t, first.Public(), "ec", "enc")}})
	w.clock.Advance(time.Minute)
	out := w.exchange(t, c, code)
	w.verified(t, c, decrypted(t, out["id_token"], "ECDH-ES+A256KW", "A256GCM", "JWT", first), "RS256")
}

// RFC 6749 §4.2.2.1, OpenID Connect Core §3.2.2.6 and §3.3.2.6: where the ID
// token comes from the authorization endpoint the client learns that its keys
// cannot be used, and nothing is spent.
func TestUnusableKeysAreToldToTheClient(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	w := newWorld(t, "CLIENTS_HTTP_CA_FILE="+h.caFile, "CLIENTS_HTTP_ALLOWED_NETWORKS=127.0.0.0/8")
	private := newECKey(t)
	good := m{"keys": []any{jwk(t, private.Public(), "ec", "enc")}}
	for _, kind := range []string{"id_token", "code id_token"} {
		for code, published := range map[string]any{"temporarily_unavailable": "nothing of use", "invalid_request": m{"keys": []any{}}} {
			t.Run(kind+" "+code, func(t *testing.T) {
				path := "/" + w.name("jwks")
				h.publish(path, published)
				c := w.everything(t, m{"jwks_uri": h.URL + path, "id_token_encrypted_response_alg": "ECDH-ES"})
				b := w.browser()
				_, challenge := b.toConsent(t, c, m{"subject": "u"}, "response_type", kind, "scope", "openid")
				to := w.acceptConsent(t, challenge, m{"grant_scope": []string{"openid"}})
				kept := b.clone()
				r := b.open(t, to).respond(t, c)
				if r.Get("error") != code || r.mode != "fragment" || r.Get("state") != "state-12345678" || r.Get("iss") != w.Config.URLs.Issuer || r.Has("code") || r.Has("id_token") {
					t.Errorf("the client gets %v by %s", r.Values, r.mode)
				}
				if strings.Contains(r.Encode(), url.QueryEscape(h.URL)) {
					t.Errorf("the answer says whom this server called: %v", r.Values)
				}
				b.open(t, to).shown(t, "request_forbidden") // the cookie of the flow is gone, as after any refusal

				h.publish(path, good)
				w.clock.Advance(time.Minute)
				r = kept.open(t, to).respond(t, c)
				w.verified(t, c, decrypted(t, r.Get("id_token"), "ECDH-ES", "A128CBC-HS256", "JWT", private), "RS256")
			})
		}
	}
}
