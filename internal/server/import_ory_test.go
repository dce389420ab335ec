package server_test

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"hydra/internal/config"
	"hydra/internal/oauth"
	"hydra/internal/oryimport/orytest"
	"hydra/internal/server"
	"hydra/internal/storetest"
)

// oldKey is the key of another server.
var oldKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// oldJWK is that key as a JWK; the private half where d is set.
func oldJWK(t *testing.T, kid string, private bool) json.RawMessage {
	t.Helper()
	k, err := oldKey()
	if err != nil {
		t.Fatal(err)
	}
	jwk := m{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
	if private {
		k.Precompute()
		for name, v := range map[string]*big.Int{
			"d": k.D, "p": k.Primes[0], "q": k.Primes[1], "dp": k.Precomputed.Dp, "dq": k.Precomputed.Dq, "qi": k.Precomputed.Qinv,
		} {
			jwk[name] = b64(v.Bytes())
		}
	}
	raw, err := json.Marshal(jwk)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

const oldSecret = "the old secret of the client"

// oldHash hashes that secret as the release does: bcrypt before v2.0, PBKDF2
// since.
func oldHash(t *testing.T, r orytest.Release) string {
	t.Helper()
	if r < orytest.V2 {
		hash, err := bcrypt.GenerateFromPassword([]byte(oldSecret), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		return string(hash)
	}
	salt := []byte("salt of 16 bytes")
	key, err := pbkdf2.Key(sha256.New, oldSecret, salt, 25000, 32)
	if err != nil {
		t.Fatal(err)
	}
	b := base64.RawStdEncoding
	return "$pbkdf2-sha256$i=25000,l=32$" + b.EncodeToString(salt) + "$" + b.EncodeToString(key)
}

// newHome is the environment of a server on an empty database of the engine,
// SQLite where it is nil. Its issuer is the same each time.
func newHome(t *testing.T, e *storetest.Engine) []string {
	t.Helper()
	dsn := "sqlite://" + storetest.File(t)
	if e != nil {
		dsn = e.DSN(t, "max_conns=5")
	}
	return []string{"DSN=" + dsn, "DATA_DIR=" + t.TempDir(), systemSecret, "URLS_SELF_ISSUER=https://id.test/"}
}

// take imports a database into that of the environment, and returns what
// became of each thing, by what it is and its name, and the log.
func take(t *testing.T, environ []string, o server.ImportORY) (map[string]string, string, error) {
	t.Helper()
	cfg, err := config.Load(config.Input{Environ: environ})
	if err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	d, err := server.OpenData(t.Context(), cfg, slog.New(slog.NewTextHandler(log, nil)), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]string{}
	o.Tell = func(r server.ImportResult) { results[r.What+" "+r.Name] = r.Result }
	if o.Secrets == nil {
		o.Secrets = []oauth.Secret{orytest.Secret}
	}
	err = d.ImportORY(t.Context(), o)
	if closed := d.Close(); closed != nil {
		t.Fatal(closed)
	}
	return results, log.String(), err
}

// old is a database with something of everything.
type old struct {
	*orytest.Database
	now                         time.Time
	live, spent, other, revoked string // refresh tokens
}

const oldTrust = "11111111-2222-4333-8444-555555555555"

func newOld(t *testing.T, r orytest.Release, e *storetest.Engine) *old {
	t.Helper()
	d := &old{Database: orytest.New(t, r, e), now: time.Now().Truncate(time.Second)}
	d.Client("app", oldHash(t, r), nil)
	d.Client("public", "", orytest.Row{"token_endpoint_auth_method": "none", "grant_types": []string{"authorization_code", "refresh_token"}})
	d.Client("bearer", oldHash(t, r), orytest.Row{"grant_types": []string{bearerGrant}})
	for _, set := range []string{"hydra.openid.id-token", "hydra.jwt.access-token", "a set of its own"} {
		d.Key(set, set+" 2", orytest.Secret, oldJWK(t, set+" 2", true), d.now.Add(-time.Hour))
	}
	d.Key("https://idp.test", "one", orytest.Secret, oldJWK(t, "one", false), d.now)
	d.Trust(oldTrust, "https://idp.test", "alice", "one", []string{"a"}, d.now.Add(24*time.Hour))

	scope := []string{"openid", "offline", "a"}
	remembered := orytest.Consent{Challenge: "remembered", Client: "app", Subject: "u", Scope: scope, Remember: true, At: d.now.Add(-time.Hour), IDToken: m{"email": "u@old.test"}}
	d.Consent(remembered)
	end := d.now.Add(24 * time.Hour)
	d.Refresh(orytest.Refresh{Consent: remembered, At: d.now.Add(-time.Hour), ExpiresAt: end, Spent: true})
	d.live = d.Refresh(orytest.Refresh{Consent: remembered, At: d.now.Add(-time.Minute), ExpiresAt: end})
	// The same user at another time, not remembered; and others.
	second := orytest.Consent{Challenge: "second", Client: "app", Subject: "v", Scope: scope, At: d.now.Add(-time.Hour)}
	d.Consent(second)
	d.spent = d.Refresh(orytest.Refresh{Consent: second, At: d.now.Add(-time.Hour), ExpiresAt: end, Spent: true})
	d.other = d.Refresh(orytest.Refresh{Consent: second, At: d.now.Add(-time.Minute), ExpiresAt: end})
	third := orytest.Consent{Challenge: "third", Client: "public", Subject: "x", Scope: scope, At: d.now.Add(-time.Hour)}
	d.Consent(third)
	d.revoked = d.Refresh(orytest.Refresh{Consent: third, At: d.now.Add(-time.Hour), ExpiresAt: end})
	// What does not count any more.
	over := orytest.Consent{Challenge: "over", Client: "app", Subject: "y", Scope: scope, Remember: true, For: 60, At: d.now.Add(-time.Hour)}
	d.Consent(over)
	d.Refresh(orytest.Refresh{Consent: over, At: d.now.Add(-time.Hour), ExpiresAt: d.now.Add(-time.Minute)})
	return d
}

// What is in every such database becomes this.
var allCreated = map[string]string{
	"client app": server.ImportCreated, "client public": server.ImportCreated, "client bearer": server.ImportCreated,
	"key hydra.openid.id-token hydra.openid.id-token 2": server.ImportCreated, "key hydra.jwt.access-token hydra.jwt.access-token 2": server.ImportCreated,
	"key a set of its own a set of its own 2": server.ImportCreated, "trusted issuer https://idp.test one": server.ImportCreated,
	"authorization app remembered": server.ImportCreated, "authorization app second": server.ImportCreated, "authorization public third": server.ImportCreated,
}

func unchanged() map[string]string {
	out := maps.Clone(allCreated)
	for name := range out {
		out[name] = server.ImportUnchanged
	}
	return out
}

func (w *world) refresh(t *testing.T, c *party, token any) reply {
	t.Helper()
	return w.token(t, c, "grant_type", "refresh_token", "refresh_token", fmt.Sprint(token))
}

// Nobody has to sign in again, whichever release the database is of and
// wherever the two databases are.
func TestImportORY(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		release  orytest.Release
		from, to *storetest.Engine
	}{
		{orytest.V1, nil, nil},
		{orytest.V2, storetest.MariaDB, storetest.MariaDB},
		{orytest.V26, storetest.PostgreSQL, storetest.PostgreSQL},
		{orytest.V26, nil, nil},
	} {
		name := test.release.String()
		if test.from != nil {
			name += " " + test.from.Name
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, home := newOld(t, test.release, test.from), newHome(t, test.to)
			from := server.ImportORY{DSN: oauth.Secret(d.DSN)}

			dry := from
			dry.DryRun = true
			for range 2 { // a dry run writes nothing, so the second says the same
				got, log, err := take(t, home, dry)
				if err != nil || strings.Contains(log, "ory_imported") {
					t.Fatalf("dry run: %v, log %s", err, log)
				}
				equal(t, "the dry run's report", got, allCreated)
			}
			got, log, err := take(t, home, from)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "the report", got, allCreated)
			if !strings.Contains(log, "audit=true event=ory_imported outcome=done actor=command created=10 ") {
				t.Errorf("the log has no line of the audit: %s", log)
			}
			got, _, err = take(t, home, from)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "the second report", got, unchanged())

			w := newWorldAt(t, home)
			d.lives(t, w)
			// What was used, revoked and ended here stays so.
			if got, _, err = take(t, home, from); err != nil {
				t.Fatal(err)
			}
			equal(t, "the report after a while", got, unchanged())
			if r := w.refresh(t, &party{ID: "public"}, d.revoked); r.Status != 400 {
				t.Errorf("a revoked refresh token lives again: %d %s", r.Status, r.Body)
			}
			w.purged(t, test.to)
		})
	}
}

// lives is the life of what was imported.
func (d *old) lives(t *testing.T, w *world) {
	t.Helper()
	c, public := &party{ID: "app", Secret: oldSecret, Redirect: appCallback}, &party{ID: "public", Redirect: appCallback}

	// Client secrets.
	for range 2 { // the second after the hash was replaced by a better one
		w.token(t, c, "grant_type", "client_credentials", "scope", "a").object(t, 200)
	}
	if r := w.token(t, &party{ID: "app", Secret: "wrong"}, "grant_type", "client_credentials"); r.Status != 401 {
		t.Errorf("a wrong secret: %d %s", r.Status, r.Body)
	}

	// Refresh tokens.
	random, signature, _ := strings.Cut(strings.TrimPrefix(d.live, "ory_rt_"), ".")
	for name, forged := range map[string]string{
		"another random part": "ory_rt_" + strings.Repeat("A", len(random)) + "." + signature, "another signature": random + "." + strings.Repeat("A", len(signature)),
		"signed by another": d.another(), "a dot": ".", "as long as it may be": strings.Repeat("A", 4000) + "." + signature,
	} {
		w.spends(t, "a forged token, "+name, 0, 0, func() {
			if r := w.refresh(t, c, forged); r.Status != 400 {
				t.Errorf("%s: %d %s", name, r.Status, r.Body)
			}
		})
		w.spends(t, "introspection of a forged token, "+name, 0, 0, func() {
			if w.active(t, forged) {
				t.Errorf("%s: it is active", name)
			}
		})
	}
	if got := w.introspect(t, d.live); got["active"] != true || got["sub"] != "u" || got["client_id"] != "app" || got["token_use"] != "refresh_token" {
		t.Errorf("the imported token is %v", got)
	}
	if r := w.refresh(t, public, d.live); r.Status != 400 {
		t.Errorf("another client refreshed: %d %s", r.Status, r.Body)
	}
	var first, next m
	get(t, w.Public+"/.well-known/jwks.json") // from now on the signing key is known
	w.spends(t, "the first use of an imported token", 2, 1, func() { first = w.refresh(t, c, d.live).object(t, 200) })
	if text := fmt.Sprint(first["refresh_token"]); strings.Contains(text, ".") {
		t.Errorf("the new refresh token is %q", text)
	}
	if got := payload(t, first["id_token"]); got["sub"] != "u" || got["email"] != "u@old.test" || got["acr"] != "2" {
		t.Errorf("the ID token says %v", got)
	}
	if got := w.introspect(t, first["access_token"]); got["sub"] != "u" || got["scope"] != "openid offline a" {
		t.Errorf("the access token is %v", got)
	}
	w.spends(t, "refresh", 1, 1, func() { next = w.refresh(t, c, first["refresh_token"]).object(t, 200) })
	if r := w.refresh(t, c, d.live); r.Status != 400 {
		t.Errorf("the imported token works again: %d %s", r.Status, r.Body)
	}
	w.dead(t, c, next) // attack: a stolen token of before ends what came after it
	if r := w.refresh(t, c, d.spent); r.Status != 400 {
		t.Errorf("a token that was replaced over there works: %d %s", r.Status, r.Body)
	}
	if r := w.refresh(t, c, d.other); r.Status != 400 || w.active(t, d.other) {
		t.Errorf("its reuse did not end the chain: %d %s", r.Status, r.Body)
	}

	// Key sets: relying parties know the key that signs.
	header, err := base64.RawURLEncoding.DecodeString(strings.Split(fmt.Sprint(first["id_token"]), ".")[0])
	if err != nil || !strings.Contains(string(header), `"kid":"hydra.openid.id-token 2"`) {
		t.Errorf("the ID token's header is %s, %v", header, err)
	}
	w.verified(t, c, first["id_token"], "RS256")
	if got := w.call(t, "GET", "/keys/a%20set%20of%20its%20own", nil).object(t, 200); !strings.Contains(fmt.Sprint(got), "kid:a set of its own 2") {
		t.Errorf("the set holds %v", got)
	}

	// Trusted issuers.
	k, err := oldKey()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, instance: w.instance, clock: w.clock, own: w.Public, issued: map[string]string{}}
	s := &signer{app{id: "https://idp.test"}, r, k}
	bearer := &party{ID: "bearer", Secret: oldSecret}
	ask := func(aud string) reply {
		return w.token(t, bearer, "grant_type", bearerGrant, "scope", "a", "assertion", s.jwt(nil, s.claims(m{"sub": "alice", "aud": aud})))
	}
	if got := w.introspect(t, ask("https://id.test/").object(t, 200)["access_token"]); got["sub"] != "alice" {
		t.Errorf("the assertion's token is %v", got)
	}
	if r := ask("https://elsewhere.test/"); r.Status != 400 {
		t.Errorf("an assertion for another: %d %s", r.Status, r.Body)
	}

	// Remembered consents.
	_, challenge := w.browser().toConsent(t, c, m{"subject": "u"}, "scope", "openid offline a")
	if got := w.consentRequest(t, challenge); got["skip"] != true {
		t.Errorf("the remembered consent is forgotten: %v", got)
	}
	_, challenge = w.browser().toConsent(t, c, m{"subject": "u"}, "scope", "openid b")
	if got := w.consentRequest(t, challenge); got["skip"] == true {
		t.Error("the remembered consent covers what it never granted")
	}
	_, challenge = w.browser().toConsent(t, c, m{"subject": "v"}, "scope", "openid")
	if got := w.consentRequest(t, challenge); got["skip"] == true {
		t.Error("a consent is remembered that never was")
	}
	listed := w.consents(t, "u")
	if len(listed) != 1 || !strings.Contains(fmt.Sprint(listed[0]["consent_request"]), "client_id:app") {
		t.Errorf("the listed consents are %v", listed)
	}
	w.status(t, 204, "DELETE", sessionsPath+"consent/x", nil)
	if r := w.refresh(t, public, d.revoked); r.Status != 400 {
		t.Errorf("a revoked consent refreshes: %d %s", r.Status, r.Body)
	}
}

// another is a token that is signed as it should be, by nobody who may.
func (d *old) another() string {
	token, _ := d.Token("a secret that was never of that server")
	return token
}

// purged checks that nothing of the import is left when all has expired.
func (w *world) purged(t *testing.T, e *storetest.Engine) {
	t.Helper()
	w.clock.Advance(2 * 365 * 24 * time.Hour)
	w.status(t, 204, "POST", "/oauth2/flush", m{})
	if e == nil {
		return // storetest holds the same
	}
	var n int
	row := e.DB(t, string(w.Config.DSN)).QueryRowContext(t.Context(), "SELECT COUNT(*) FROM imported_tokens WHERE expires_at < 9223372036854775807")
	if err := row.Scan(&n); err != nil || n != 0 {
		t.Errorf("two years later %d rows of imported tokens are left, %v", n, err)
	}
}

// What cannot be taken over is told, and keeps nothing else out.
func TestImportORYReports(t *testing.T) {
	t.Parallel()
	d, home := newOld(t, orytest.V26, nil), newHome(t, nil)
	from := server.ImportORY{DSN: oauth.Secret(d.DSN)}
	if got, _, err := take(t, home, server.ImportORY{DSN: from.DSN, Secrets: []oauth.Secret{"another secret"}}); err == nil || !strings.Contains(err.Error(), "secrets.system") || len(got) != 0 {
		t.Errorf("with a wrong secret: %v, %v", got, err)
	}

	d.Client("odd hash", "$argon2id$v=19$m=1,t=1,p=1$AA$AA", nil)
	d.Client("refused", "", orytest.Row{"redirect_uris": []string{"https://app.test/#fragment"}})
	d.Key("a set of its own", "lost", "a secret that nobody has any more", oldJWK(t, "lost", true), d.now)
	d.Trust("22222222-2222-4333-8444-555555555555", "https://gone.test", "u", "lost", nil, d.now.Add(time.Hour))
	d.Trust("33333333-2222-4333-8444-555555555555", "https://idp.test", "bob", "one", nil, d.now.Add(-time.Hour))
	lost := orytest.Consent{Challenge: "lost", Client: "app", Subject: "z", At: d.now}
	d.Consent(lost)
	d.Refresh(orytest.Refresh{Consent: lost, At: d.now, Signed: "a secret that nobody has any more"})
	d.Consent(orytest.Consent{Challenge: "of another", Client: "odd hash", Subject: "z", At: d.now, Remember: true})

	want := maps.Clone(allCreated)
	maps.Copy(want, map[string]string{
		"client odd hash": server.ImportFailed, "client refused": server.ImportFailed, "key a set of its own lost": server.ImportFailed,
		"trusted issuer https://gone.test lost": server.ImportFailed, "authorization app lost": server.ImportFailed,
		"authorization odd hash of another": server.ImportSkipped,
	})
	got, log, err := take(t, home, from)
	if !errors.Is(err, server.ErrImportIncomplete) || !strings.Contains(err.Error(), "5 failed") {
		t.Errorf("the import = %v", err)
	}
	delete(got, "trusted issuer https://idp.test one") // two have this name
	delete(want, "trusted issuer https://idp.test one")
	equal(t, "the report", got, want)
	if !strings.Contains(log, "outcome=failed") || strings.Contains(log, "secret") {
		t.Errorf("the log is %s", log)
	}

	// A client that was changed here stays, unless the operator wants it otherwise.
	d.Exec("UPDATE hydra_client SET client_name = 'New' WHERE id = 'app'")
	if got, _, _ = take(t, home, from); got["client app"] != server.ImportDiffers || got["authorization app remembered"] != server.ImportSkipped {
		t.Errorf("a client that differs is %q, its authorization %q", got["client app"], got["authorization app remembered"])
	}
	from.Replace = true
	if got, _, _ = take(t, home, from); got["client app"] != server.ImportUpdated || got["authorization app remembered"] != server.ImportUnchanged {
		t.Errorf("a client that is replaced is %q, its authorization %q", got["client app"], got["authorization app remembered"])
	}
	w := newWorldAt(t, home)
	if got := w.call(t, "GET", "/clients/app", nil).object(t, 200); got["client_name"] != "New" {
		t.Errorf("the client is called %v", got["client_name"])
	}
	w.refresh(t, &party{ID: "app", Secret: oldSecret}, d.live).object(t, 200)
}

// A server that has a signing key of its own goes on with it, and publishes
// the imported ones: they verify.
func TestImportORYIntoARunningServer(t *testing.T) {
	t.Parallel()
	d, home := newOld(t, orytest.V26, nil), newHome(t, nil)
	w := newWorldAt(t, home, "CACHE_STALENESS=0s")
	if r := w.refresh(t, &party{ID: "app", Secret: oldSecret}, d.live); r.Status != 401 {
		t.Errorf("before the import: %d %s", r.Status, r.Body)
	}
	before := fmt.Sprint(get(t, w.Public+"/.well-known/jwks.json").Body)
	if _, _, err := take(t, home, server.ImportORY{DSN: oauth.Secret(d.DSN)}); err != nil {
		t.Fatal(err)
	}
	out := w.refresh(t, &party{ID: "app", Secret: oldSecret}, d.live).object(t, 200)
	header, err := base64.RawURLEncoding.DecodeString(strings.Split(fmt.Sprint(out["id_token"]), ".")[0])
	var h struct{ KID string }
	if err := errors.Join(err, json.Unmarshal(header, &h)); err != nil || h.KID == "" || !strings.Contains(before, h.KID) {
		t.Errorf("the ID token is signed with %s, %v; the keys before were %s", header, err, before)
	}
	if after := get(t, w.Public+"/.well-known/jwks.json").Body; !strings.Contains(after, "hydra.openid.id-token 2") || !strings.Contains(after, h.KID) {
		t.Errorf("published are %s", after)
	}
}

// Both halves of a system secret's rotation: the secret of the other server is
// sealed like everything else, and is sealed anew with it.
func TestImportORYAndSecretsRotate(t *testing.T) {
	t.Parallel()
	d, home := newOld(t, orytest.V26, nil), newHome(t, nil)
	if _, _, err := take(t, home, server.ImportORY{DSN: oauth.Secret(d.DSN)}); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(config.Input{Environ: append(home, "SECRETS_SYSTEM=another-system-secret-of-the-tests,"+strings.TrimPrefix(systemSecret, "SYSTEM_SECRET="))})
	if err != nil {
		t.Fatal(err)
	}
	data, err := server.OpenData(t.Context(), cfg, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	if err := errors.Join(data.RotateRows(t.Context(), 0, func(text string) { said = append(said, text) }), data.Close()); err != nil {
		t.Fatal(err)
	}
	home[2] = "SECRETS_SYSTEM=another-system-secret-of-the-tests"
	w := newWorldAt(t, home)
	w.refresh(t, &party{ID: "app", Secret: oldSecret}, d.live).object(t, 200)
	if got, _, err := take(t, home, server.ImportORY{DSN: oauth.Secret(d.DSN)}); err != nil || got["authorization app second"] != server.ImportUnchanged {
		t.Errorf("an import after the rotation: %v, %v; it said %q", got, err, said)
	}
}
