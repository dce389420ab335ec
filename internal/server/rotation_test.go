package server_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"hydra/internal/server"
)

// hourCache is a relying party that keeps the key set for an hour, whatever the
// server says, and does not ask again for a key that it does not know.
type hourCache struct {
	w    *world
	mu   sync.Mutex
	keys jose.JSONWebKeySet
	at   time.Time
}

// verify checks a JWT with the keys that it has.
func (h *hourCache) verify(t *testing.T, jwt any) (kid string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := h.w.clock.Now(); now.Sub(h.at) >= time.Hour {
		get(t, h.w.Public+"/.well-known/jwks.json").json(t, 200, &h.keys)
		h.at = now
	}
	parsed, err := jose.ParseSigned(fmt.Sprint(jwt), []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384})
	if err != nil {
		t.Error(err)
		return ""
	}
	kid = parsed.Signatures[0].Header.KeyID
	keys := h.keys.Key(kid)
	if len(keys) != 1 {
		t.Errorf("%v into its cache: it knows %d keys %s", h.w.clock.Now().Sub(h.at), len(keys), kid)
		return kid
	}
	if _, err := parsed.Verify(keys[0]); err != nil {
		t.Errorf("%v into its cache: %v", h.w.clock.Now().Sub(h.at), err)
	}
	return kid
}

// persistentWorld is a world whose database can be opened beside it.
func persistentWorld(t *testing.T, environ ...string) *world {
	t.Helper()
	return newWorld(t, append([]string{"DSN=sqlite://" + filepath.Join(t.TempDir(), "hydra.sqlite"), systemSecret, "CACHE_STALENESS=0s"}, environ...)...)
}

// rotate is hydra keys rotate.
func (w *world) rotate(t *testing.T) int {
	t.Helper()
	d, err := server.OpenData(t.Context(), w.Config, slog.New(slog.DiscardHandler), w.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	made, err := d.RotateKeys(t.Context(), "", "")
	if err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	return len(made)
}

// attacks.md: rotate a signing key under load. Relying parties that cache the
// key set for an hour, each from another minute on, verify every token before,
// during and after a rotation, and tokens of before stay good.
func TestAttackRotateUnderLoad(t *testing.T) {
	t.Parallel()
	w := persistentWorld(t, "OAUTH2_ACCESS_TOKEN_STRATEGY=jwt")
	clients := []*party{w.client(t, nil), w.client(t, m{"id_token_signed_response_alg": "ES384", "access_token_signed_response_alg": "ES384"})}
	full := []string{"scope", "openid offline a"}
	var holders []m
	for _, c := range clients {
		for range 2 {
			holders = append(holders, w.exchange(t, c, w.browser().visit(t, c, m{"subject": "u"}, nil, full...)))
		}
	}
	caches := make([]*hourCache, 6)
	for i := range caches {
		caches[i] = &hourCache{w: w, at: w.clock.Now().Add(-time.Hour + time.Duration(i)*10*time.Minute)}
		get(t, w.Public+"/.well-known/jwks.json").json(t, 200, &caches[i].keys)
	}
	before := holders[0]["id_token"]
	used := map[string]map[string]bool{}
	var mu sync.Mutex
	for minute := 0; minute <= 240; minute += 10 {
		var rotating sync.WaitGroup
		if minute == 60 {
			rotating.Go(func() { // while it goes on, too
				if n := w.rotate(t); n != 6 {
					t.Errorf("%d keys were made, want one for each set and algorithm, and two that clients encrypt to", n)
				}
			})
		}
		var wg sync.WaitGroup
		for i, c := range []*party{clients[0], clients[0], clients[1], clients[1]} {
			wg.Go(func() {
				out := w.token(t, c, "grant_type", "refresh_token", "refresh_token", holders[i]["refresh_token"].(string)).object(t, 200)
				holders[i] = out
				for _, name := range []string{"id_token", "access_token"} {
					for _, rp := range caches {
						kid := rp.verify(t, out[name])
						mu.Lock()
						if used[c.ID+name] == nil {
							used[c.ID+name] = map[string]bool{}
						}
						used[c.ID+name][kid] = true
						mu.Unlock()
					}
				}
				if !w.active(t, out["access_token"]) {
					t.Errorf("minute %d: a fresh access token is not active", minute)
				}
			})
		}
		wg.Wait()
		rotating.Wait() // the clock stands still meanwhile: it was this minute's
		w.clock.Advance(10 * time.Minute)
	}
	for what, kids := range used {
		if len(kids) != 2 {
			t.Errorf("%s was signed by %d keys, want the old and the new one", what, len(kids))
		}
	}
	caches[0].verify(t, before)
	w.browser().open(t, w.authURL(clients[0], "scope", "openid", "id_token_hint", fmt.Sprint(before))).challenge(t)

	jwks := get(t, w.Public+"/.well-known/jwks.json")
	if cc := jwks.Header.Get("Cache-Control"); cc != "public, max-age=300" || jwks.Header.Get("ETag") == "" {
		t.Errorf("the key set may be kept for %q with the etag %q", cc, jwks.Header.Get("ETag"))
	}
	if again := get(t, w.Public+"/.well-known/jwks.json", "If-None-Match: "+jwks.Header.Get("ETag")); again.Status != 304 {
		t.Errorf("asked with the etag: %d", again.Status)
	}
}

// attacks.md: a key is compromised. Removing it ends its tokens at once; those
// of other keys live, and the server signs on.
func TestAttackStolenSigningKey(t *testing.T) {
	t.Parallel()
	w := persistentWorld(t, "OAUTH2_ACCESS_TOKEN_STRATEGY=jwt")
	stolen, other := w.client(t, nil), w.client(t, m{"id_token_signed_response_alg": "ES256", "access_token_signed_response_alg": "ES256"})
	opaque := w.client(t, m{"access_token_strategy": "opaque"})
	signIn := func(c *party) m {
		t.Helper()
		return w.exchange(t, c, w.browser().visit(t, c, m{"subject": "u"}, nil, "scope", "openid offline a"))
	}
	dead, live, plain := signIn(stolen), signIn(other), signIn(opaque)
	kid := func(jwt any) string {
		t.Helper()
		var head struct {
			KID string `json:"kid"`
		}
		if err := json.Unmarshal(unb64(t, strings.SplitN(fmt.Sprint(jwt), ".", 2)[0]), &head); err != nil {
			t.Fatal(err)
		}
		return head.KID
	}
	for set, jwt := range map[string]any{"hydra.openid.id-token": dead["id_token"], "hydra.jwt.access-token": dead["access_token"]} {
		name := strings.TrimPrefix(kid(jwt), "public:")
		w.status(t, 204, "DELETE", "/admin/keys/"+set+"/"+name, nil)
	}
	if w.active(t, dead["access_token"]) || w.askUserinfo(t, dead["access_token"]).Status != 401 {
		t.Error("an access token of the stolen key is good")
	}
	w.browser().open(t, w.authURL(stolen, "scope", "openid", "id_token_hint", dead["id_token"].(string))).refused(t, "invalid_request")
	if body := get(t, w.Public+"/.well-known/jwks.json").Body; strings.Contains(body, kid(dead["id_token"])) || !strings.Contains(body, kid(live["id_token"])) {
		t.Errorf("the published keys are %s", body)
	}
	for name, out := range map[string]m{"another key": live, "opaque": plain} {
		if !w.active(t, out["access_token"]) {
			t.Errorf("%s: the access token died, too", name)
		}
	}
	w.browser().open(t, w.authURL(other, "scope", "openid", "id_token_hint", live["id_token"].(string))).challenge(t)
	again := w.token(t, stolen, "grant_type", "refresh_token", "refresh_token", dead["refresh_token"].(string)).object(t, 200)
	if !w.active(t, again["access_token"]) || kid(again["id_token"]) == kid(dead["id_token"]) {
		t.Error("the server does not sign on with another key")
	}
	w.verified(t, stolen, again["id_token"], "RS256")
}

// The schedule rotates: what a key has signed verifies all the way, what was
// encrypted to one opens, and the audit log tells of each key.
func TestScheduledRotation(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "audit.json")
	w := persistentWorld(t, "KEYS_ROTATION_INTERVAL=720h", "LOG_AUDIT="+file, "OAUTH2_ACCESS_TOKEN_STRATEGY=jwt")
	j := w.jar(t, nil)
	sign := func() m {
		t.Helper()
		return w.exchange(t, j.party, w.browser().visit(t, j.party, m{"subject": "u"}, nil, "scope", "openid"))
	}
	rotate := func() (kids []string) {
		t.Helper()
		if err := w.server.Job(t.Context(), "key-rotation"); err != nil {
			t.Fatal(err)
		}
		for _, k := range w.published(t) {
			kids = append(kids, k.KeyID)
		}
		return kids
	}
	first, old := sign(), w.published(t)
	w.clock.Advance(720*time.Hour - time.Second)
	if kids := rotate(); len(kids) != len(old) {
		t.Errorf("a second before its time the schedule made of %d keys %q", len(old), kids)
	}
	w.clock.Advance(time.Second)
	kids := rotate()
	if len(kids) != len(old)+2 { // signers are announced beside the old ones, the others replaced
		t.Errorf("the schedule published %q", kids)
	}
	if again := rotate(); len(again) != len(kids) {
		t.Errorf("and again: %q", again)
	}
	for _, k := range old {
		if k.Use == "enc" {
			if slices.Contains(kids, k.KeyID) {
				t.Errorf("%s is still published", k.KeyID)
			}
			object := encrypt(t, k, j.sign(t, m{"alg": "RS256", "kid": "r"}, j.claims(nil)))
			j.send(t, w.browser(), "request", object).challenge(t)
		}
	}
	relying := &hourCache{w: w, at: w.clock.Now().Add(-time.Hour)}
	second := sign()
	w.clock.Advance(w.Config.Keys.AnnounceFor)
	third := sign()
	kid := func(jwt any) string { return relying.verify(t, jwt) }
	if a, b, c := kid(first["id_token"]), kid(second["id_token"]), kid(third["id_token"]); a != b || b == c {
		t.Errorf("signed by %s, while announced by %s, and after by %s", a, b, c)
	}

	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"signing_key_rotated": 2, "encryption_key_rotated": 2} {
		if n := strings.Count(string(text), `"event":"`+name+`"`); n != want {
			t.Errorf("the audit log tells %d times of %s, want %d:\n%s", n, name, want, text)
		}
	}
}

// published is what the key set holds.
func (w *world) published(t *testing.T) []jose.JSONWebKey {
	t.Helper()
	var set jose.JSONWebKeySet
	get(t, w.Public+"/.well-known/jwks.json").json(t, 200, &set)
	return set.Keys
}

// encrypt makes a JWE of a request object.
func encrypt(t *testing.T, to jose.JSONWebKey, text string) string {
	t.Helper()
	opts := new(jose.EncrypterOptions).WithContentType("JWT")
	e, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.KeyAlgorithm(to.Algorithm), Key: to.Key, KeyID: to.KeyID}, opts)
	if err != nil {
		t.Fatal(err)
	}
	jwe, err := e.Encrypt([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out, err := jwe.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A token that a client revokes leaves a line with the id of its Grant, one
// that is unknown or somebody else's does not.
func TestRevocationIsAudited(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "audit.json")
	w := newWorld(t, "LOG_AUDIT="+file)
	c, other := w.client(t, nil), w.client(t, nil)
	tokens := w.exchange(t, c, w.browser().visit(t, c, m{"subject": "u"}, nil, "scope", "openid offline a"))
	grant := fmt.Sprint(w.consents(t, "u")[0]["consent_request_id"])
	machine := w.token(t, c, "grant_type", "client_credentials", "scope", "a").object(t, 200)
	revoke := func(by *party, token any) {
		t.Helper()
		form := url.Values{"token": {fmt.Sprint(token)}}.Encode()
		if r := do(t, client, "POST", w.Public+"/oauth2/revoke", form, formType, basic(by.ID, by.Secret), proxied); r.Status != 200 {
			t.Errorf("revoke: %d %s", r.Status, r.Body)
		}
	}
	revoke(other, tokens["access_token"])
	revoke(c, "unknown")
	revoke(c, tokens["refresh_token"])
	revoke(c, tokens["refresh_token"])
	revoke(c, machine["access_token"])
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var grants []string
	for line := range strings.Lines(string(text)) {
		var l struct {
			Event, Grant string
			ClientID     string `json:"client_id"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.Event == "token_revoked" {
			if grants = append(grants, l.Grant); l.ClientID != c.ID {
				t.Errorf("revoked by %s", l.ClientID)
			}
		}
	}
	if !slices.Equal(grants, []string{grant, ""}) {
		t.Errorf("the audit log tells of the Grants %q, want %q once and a token without one", grants, grant)
	}
}
