package token

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/storetest"
)

const idpName = "https://idp.test"

// idp signs assertions with one key.
type idp struct {
	t    testing.TB
	name string
	kid  string
	key  *ecdsa.PrivateKey
}

func newIDP(t testing.TB, name, kid string) *idp {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &idp{t, name, kid, key}
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (p *idp) jwk() json.RawMessage {
	p.t.Helper()
	point, err := p.key.PublicKey.Bytes() // 4 ‖ x ‖ y
	if err != nil {
		p.t.Fatal(err)
	}
	return json.RawMessage(`{"kty":"EC","crv":"P-256","kid":"` + p.kid + `","x":"` + base64url(point[1:33]) + `","y":"` + base64url(point[33:]) + `"}`)
}

type jwtMembers map[string]any

// claims are those of a good assertion at the world's time; nil takes one away.
func (p *idp) claims(now time.Time, change jwtMembers) jwtMembers {
	c := jwtMembers{
		"iss": p.name, "sub": "alice", "aud": testIssuer, "jti": rand.Text(),
		"exp": now.Add(time.Minute).Unix(), "iat": now.Unix(),
	}
	for name, v := range change {
		if c[name] = v; v == nil {
			delete(c, name)
		}
	}
	return c
}

func (p *idp) jwt(header, claims any) string {
	p.t.Helper()
	var parts [2]string
	for i, v := range []any{header, claims} {
		raw, ok := v.(string)
		if !ok {
			b, err := json.Marshal(v)
			if err != nil {
				p.t.Fatal(err)
			}
			raw = string(b)
		}
		parts[i] = base64url([]byte(raw))
	}
	signed := parts[0] + "." + parts[1]
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, p.key, sum[:])
	if err != nil {
		p.t.Fatal(err)
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + base64url(signature[:])
}

func (p *idp) sign(claims jwtMembers) string {
	return p.jwt(jwtMembers{"alg": "ES256", "kid": p.kid}, claims)
}

func bearerForm(assertion string, more ...string) url.Values {
	return form(append([]string{"grant_type", oauth.GrantJWTBearer, "assertion", assertion}, more...)...)
}

// newBearerWorld is a world whose client may use the grant, and an issuer that
// it trusts with alice.
func newBearerWorld(t testing.TB, store oauth.Store) (*world, *oauth.Client, *idp) {
	t.Helper()
	w := newWorld(t, store)
	w.Options.AssertionAudiences = []string{testIssuer, testIssuer + "oauth2/token"}
	c := w.addClient("app", func(c *oauth.Client) { c.GrantTypes = append(c.GrantTypes, oauth.GrantJWTBearer) })
	p := newIDP(t, idpName, "k1")
	w.trust(p, nil)
	return w, c, p
}

func (w *world) trust(p *idp, change func(*oauth.TrustedIssuer)) *oauth.TrustedIssuer {
	w.t.Helper()
	trust := &oauth.TrustedIssuer{Issuer: p.name, Subject: "alice", Scope: []string{"bar", "foo.*"}, JWK: p.jwk(), ExpiresAt: w.clock().Add(time.Hour)}
	if change != nil {
		change(trust)
	}
	w.must(w.Trust(w.t.Context(), trust))
	return trust
}

func TestJWTBearer(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"opaque", "jwt"} {
		w, c, p := newBearerWorld(t, storetest.New(t))
		w.Options.AccessTokenStrategy = strategy
		res := w.exchange(c, bearerForm(p.sign(p.claims(noon, nil)), "scope", "foo.read bar", "audience", "https://api.test/v1"))
		if res.RefreshToken != "" || res.IDToken != "" || res.Scope != "foo.read bar" || res.ExpiresIn != 3600 || res.TokenType != "bearer" {
			t.Errorf("%s: %+v", strategy, res)
		}
		in := w.introspect(res.AccessToken)
		if !in.Active || in.Use != useAccess || in.Subject != "alice" || in.ClientID != "app" || in.Extra != nil ||
			!slices.Equal(in.Scope, []string{"foo.read", "bar"}) || !slices.Equal(in.Audience, []string{"https://api.test/v1"}) ||
			!in.IssuedAt.Equal(noon) || !in.ExpiresAt.Equal(noon.Add(time.Hour)) {
			t.Errorf("%s: introspection %+v", strategy, in)
		}
		if strategy == "jwt" {
			if _, claims := jwtParts(t, res.AccessToken); claims["sub"] != "alice" || claims["client_id"] != "app" {
				t.Errorf("claims %v", claims)
			}
		}
		if _, err := w.Userinfo(t.Context(), res.AccessToken); !errors.Is(err, oauth.RequestUnauthorized) {
			t.Errorf("%s: userinfo = %v", strategy, err)
		}
		w.must(w.Revoke(t.Context(), c, res.AccessToken))
		if w.active(res.AccessToken) {
			t.Errorf("%s: alive after its revocation", strategy)
		}
		dead := w.exchange(c, bearerForm(p.sign(p.claims(noon, nil))))
		w.must(w.store.RaiseEpoch(t.Context(), c.ID))
		if w.active(dead.AccessToken) {
			t.Errorf("%s: alive after the end of all access tokens of the client", strategy)
		}
	}
}

func TestJWTBearerLifespan(t *testing.T) {
	t.Parallel()
	w, _, p := newBearerWorld(t, storetest.New(t))
	hours := 3 * time.Hour
	c := w.addClient("long", func(c *oauth.Client) {
		c.GrantTypes, c.Lifespans.JWTBearerAccess = []string{oauth.GrantJWTBearer}, &hours
	})
	res := w.exchange(c, bearerForm(p.sign(p.claims(noon, nil))))
	if res.ExpiresIn != 3*3600 {
		t.Errorf("the token lives for %d seconds", res.ExpiresIn)
	}
	w.wait(hours - time.Second)
	if !w.active(res.AccessToken) {
		t.Error("dead before its time")
	}
	w.wait(time.Second)
	if w.active(res.AccessToken) {
		t.Error("alive after its time")
	}
}

// RFC 7523 §3, and the rules of RFC 8725.
func TestJWTBearerAssertions(t *testing.T) {
	t.Parallel()
	w, c, p := newBearerWorld(t, storetest.New(t))
	at := func(d time.Duration) int64 { return noon.Add(d).Unix() }
	for name, change := range map[string]jwtMembers{
		"aud is the token endpoint": {"aud": testIssuer + "oauth2/token"},
		"two of our own audiences":  {"aud": []string{testIssuer, testIssuer + "oauth2/token"}},
		"nbf within the skew":       {"nbf": at(30 * time.Second)},
		"iat within the skew":       {"iat": at(30 * time.Second)},
		"the longest lifetime":      {"exp": at(720 * time.Hour)},
	} {
		if _, err := w.Exchange(t.Context(), c, bearerForm(p.sign(p.claims(noon, change)))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]jwtMembers{
		"without iss": {"iss": nil}, "without sub": {"sub": nil}, "without aud": {"aud": nil}, "without exp": {"exp": nil},
		"without iat": {"iat": nil}, "without jti": {"jti": nil},
		"empty jti":               {"jti": ""},
		"empty sub":               {"sub": ""},
		"sub of another":          {"sub": "bob"},
		"sub in another case":     {"sub": "Alice"},
		"iss of another":          {"iss": "https://other.test"},
		"iss with a slash":        {"iss": idpName + "/"},
		"iss as a list":           {"iss": []string{idpName}},
		"aud elsewhere":           {"aud": "https://evil.test/oauth2/token"},
		"aud also elsewhere":      {"aud": []string{testIssuer, "https://evil.test/"}},
		"aud of no shape":         {"aud": 7},
		"expired":                 {"exp": at(0)},
		"exp far ahead":           {"exp": at(720*time.Hour + time.Second)},
		"exp far from an old iat": {"iat": at(-720 * time.Hour)},
		"exp as a string":         {"exp": "4000000000"},
		"exp as 1e400":            {"exp": json.RawMessage("1e400")},
		"exp negative":            {"exp": -1},
		"nbf ahead":               {"nbf": at(2 * time.Minute)},
		"iat ahead":               {"iat": at(2 * time.Minute)},
		"a very long jti":         {"jti": strings.Repeat("j", 257)},
		"a very long sub":         {"sub": strings.Repeat("s", 2000)},
	} {
		if res, err := w.Exchange(t.Context(), c, bearerForm(p.sign(p.claims(noon, change)))); res != nil || !errors.Is(err, oauth.InvalidGrant) {
			t.Errorf("%s: %v, %v", name, res, err)
		}
	}

	good := p.claims(noon, nil)
	encoded, err := json.Marshal(good)
	w.must(err)
	twice := strings.Replace(string(encoded), `{`, `{"sub":"bob",`, 1)
	signed := p.sign(good)
	parts := strings.Split(signed, ".")
	mac := hmac.New(sha256.New, p.jwk())
	hs := base64url([]byte(`{"alg":"HS256","kid":"k1"}`)) + "." + parts[1]
	mac.Write([]byte(hs))
	thief := newIDP(t, idpName, "k1")
	for name, assertion := range map[string]string{
		"alg none":                   base64url([]byte(`{"alg":"none","kid":"k1"}`)) + "." + parts[1] + ".",
		"alg none with signature":    base64url([]byte(`{"alg":"none","kid":"k1"}`)) + "." + parts[1] + "." + parts[2],
		"HS256 with the public key":  hs + "." + base64url(mac.Sum(nil)),
		"another key":                thief.sign(good),
		"another key that it brings": thief.jwt(jwtMembers{"alg": "ES256", "kid": "k1", "jwk": thief.jwk(), "jku": "https://evil.test/jwks"}, good),
		"another alg":                p.jwt(jwtMembers{"alg": "RS256", "kid": "k1"}, good),
		"another kid":                p.jwt(jwtMembers{"alg": "ES256", "kid": "../k1"}, good),
		"a kid of SQL":               p.jwt(jwtMembers{"alg": "ES256", "kid": "' OR '1'='1"}, good),
		"crit":                       p.jwt(jwtMembers{"alg": "ES256", "kid": "k1", "crit": []string{"exp"}}, good),
		"typ of an access token":     p.jwt(jwtMembers{"alg": "ES256", "kid": "k1", "typ": "at+jwt"}, good),
		"typ of a client assertion":  p.jwt(jwtMembers{"alg": "ES256", "kid": "k1", "typ": "client-authentication+jwt"}, good),
		"a claim twice":              p.jwt(jwtMembers{"alg": "ES256", "kid": "k1"}, twice),
		"claims changed":             parts[0] + "." + base64url([]byte(strings.Replace(string(encoded), "alice", "mallo", 1))) + "." + parts[2],
		"JSON serialization":         `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"not a JWT":                  "x",
		"too long":                   signed + strings.Repeat("A", maxBearerAssertion),
	} {
		if res, err := w.Exchange(t.Context(), c, bearerForm(assertion)); res != nil || !errors.Is(err, oauth.InvalidGrant) {
			t.Errorf("%s: %v, %v", name, res, err)
		}
	}
	w.refuse(c, form("grant_type", oauth.GrantJWTBearer), oauth.InvalidRequest)
	w.exchange(c, bearerForm(signed)) // none of these attempts has spent it
	if !w.happened("jwt_bearer_untrusted") {
		t.Error("no event tells of assertions that nobody trusted has signed")
	}
}

func TestJWTBearerOptions(t *testing.T) {
	t.Parallel()
	w, c, p := newBearerWorld(t, storetest.New(t))
	w.Options.AssertionIATOptional, w.Options.AssertionJTIOptional, w.Options.AssertionMaxTTL = true, true, 10*time.Minute
	bare := jwtMembers{"iat": nil, "jti": nil}
	again := p.sign(p.claims(noon, bare))
	w.exchange(c, bearerForm(again))
	w.exchange(c, bearerForm(again)) // without a jti nothing says that it was used
	bare["exp"] = noon.Add(10*time.Minute + time.Second).Unix()
	w.refuse(c, bearerForm(p.sign(p.claims(noon, bare))), oauth.InvalidGrant)
	once := p.sign(p.claims(noon, nil))
	w.exchange(c, bearerForm(once))
	w.refuse(c, bearerForm(once), oauth.InvalidGrant) // a jti that is there still counts
}

func TestJWTBearerReplay(t *testing.T) {
	t.Parallel()
	store := storetest.New(t)
	w, c, p := newBearerWorld(t, store)
	other := newWorld(t, store) // another node
	other.Options = w.Options
	assertion := p.sign(p.claims(noon, nil))
	var paid, refused atomic.Int32
	var wg sync.WaitGroup
	for i := range 16 {
		node := []*world{w, other}[i%2]
		wg.Go(func() {
			switch _, err := node.Exchange(t.Context(), c, bearerForm(assertion)); {
			case err == nil:
				paid.Add(1)
			case errors.Is(err, oauth.InvalidGrant):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if paid.Load() != 1 || refused.Load() != 15 {
		t.Errorf("%d paid out and %d refused, want 1 and 15", paid.Load(), refused.Load())
	}
	if !w.happened("jwt_bearer_replayed") {
		t.Error("no event tells of the replay")
	}

	// Another client, or another assertion with that jti, is the same jti.
	jti := rand.Text()
	w.exchange(c, bearerForm(p.sign(p.claims(noon, jwtMembers{"jti": jti}))))
	second := w.addClient("second", func(c *oauth.Client) { c.GrantTypes = []string{oauth.GrantJWTBearer} })
	w.refuse(second, bearerForm(p.sign(p.claims(noon, jwtMembers{"jti": jti, "exp": noon.Add(2 * time.Minute).Unix()}))), oauth.InvalidGrant)
	// Another issuer's is not.
	stranger := newIDP(t, "https://stranger.test", "k1")
	w.trust(stranger, nil)
	w.exchange(c, bearerForm(stranger.sign(stranger.claims(noon, jwtMembers{"jti": jti}))))

	// A clean-up, even on a node whose clock is ahead, forgets no assertion that
	// still counts.
	long := p.sign(p.claims(noon, nil))
	w.exchange(c, bearerForm(long))
	other.wait(5 * time.Minute)
	if _, err := other.Purge(t.Context(), other.clock(), 0); err != nil {
		t.Fatal(err)
	}
	w.refuse(c, bearerForm(long), oauth.InvalidGrant)
}

func TestJWTBearerTrust(t *testing.T) {
	t.Parallel()
	w, c, p := newBearerWorld(t, storetest.New(t))
	sign := func(p *idp, change jwtMembers) url.Values {
		return bearerForm(p.sign(p.claims(w.clock(), change)), "scope", "bar")
	}

	everybody := newIDP(t, "https://all.test", "a")
	anyone := w.trust(everybody, func(tr *oauth.TrustedIssuer) { tr.Subject, tr.AllowAnySubject = "", true })
	if in := w.introspect(w.exchange(c, sign(everybody, jwtMembers{"sub": "carol"})).AccessToken); in.Subject != "carol" {
		t.Errorf("subject %q", in.Subject)
	}
	// Its trust does not reach other issuers.
	w.refuse(c, sign(p, jwtMembers{"sub": "carol"}), oauth.InvalidGrant)
	// Nor does its key sign for them.
	w.refuse(c, sign(everybody, jwtMembers{"iss": idpName}), oauth.InvalidGrant)

	// Without a kid, each of the issuer's keys is tried.
	next := newIDP(t, idpName, "k2")
	w.trust(next, nil)
	noKID := func(p *idp) url.Values {
		return bearerForm(p.jwt(jwtMembers{"alg": "ES256"}, p.claims(noon, nil)), "scope", "bar")
	}
	w.exchange(c, noKID(p))
	w.exchange(c, noKID(next))
	w.refuse(c, noKID(newIDP(t, idpName, "k3")), oauth.InvalidGrant)

	w.must(w.Distrust(t.Context(), anyone.ID))
	w.refuse(c, sign(everybody, jwtMembers{"sub": "carol"}), oauth.InvalidGrant)
	w.wait(time.Hour) // the trust in alice ends
	w.refuse(c, sign(p, nil), oauth.InvalidGrant)
}

func TestJWTBearerScope(t *testing.T) {
	t.Parallel()
	w, c, p := newBearerWorld(t, storetest.New(t))
	ask := func(scope string) url.Values { return bearerForm(p.sign(p.claims(noon, nil)), "scope", scope) }
	w.refuse(c, ask("openid"), oauth.InvalidScope)      // the client may have it, the issuer may not give it
	w.refuse(c, ask("beyond"), oauth.InvalidScope)      // neither
	w.refuse(c, ask("bar openid"), oauth.InvalidScope)  // one of two
	w.refuse(c, ask("foo.\u202ex"), oauth.InvalidScope) // a pattern lets no strange characters in
	if res := w.exchange(c, ask("")); res.Scope != "" {
		t.Errorf("scope %q without asking", res.Scope)
	}
	narrow := w.addClient("narrow", func(c *oauth.Client) { c.Scope, c.GrantTypes = "foo.read", []string{oauth.GrantJWTBearer} })
	w.refuse(narrow, ask("bar"), oauth.InvalidScope) // the issuer may give it, the client may not have it
	w.exchange(narrow, ask("foo.read"))
	w.refuse(c, bearerForm(p.sign(p.claims(noon, nil)), "audience", "https://evil.test/"), oauth.InvalidRequest)

	without := w.addClient("without", nil)
	w.refuse(without, ask("bar"), oauth.InvalidGrant)

	huge := w.addClient("huge", func(c *oauth.Client) { c.Scope, c.GrantTypes = "foo.*", []string{oauth.GrantJWTBearer} })
	assertion := p.sign(p.claims(noon, nil))
	w.refuse(huge, bearerForm(assertion, "scope", "foo."+strings.Repeat("x", 1500)), oauth.InvalidScope)
	w.exchange(huge, bearerForm(assertion)) // an answer that could not be made has not spent it
}

// What cannot be written is no success, and may be tried again.
func TestJWTBearerStorageFails(t *testing.T) {
	t.Parallel()
	w, c, p := newBearerWorld(t, storetest.New(t))
	broken := errors.New("the disk is gone")
	for _, fail := range []string{"read", "write"} {
		assertion := p.sign(p.claims(noon, nil))
		w.Store = failingTrust{w.store, fail, broken}
		if res, err := w.Exchange(t.Context(), c, bearerForm(assertion)); res != nil || !errors.Is(err, broken) || oauth.KindOf(err) != oauth.ServerError {
			t.Errorf("%s: %v, %v", fail, res, err)
		}
		w.Store = w.store
		w.exchange(c, bearerForm(assertion))
	}
}

type failingTrust struct {
	oauth.Store
	what string
	err  error
}

func (f failingTrust) TrustedFor(ctx context.Context, issuer, subject, kid string, now time.Time, limit int) ([]oauth.TrustedIssuer, error) {
	if f.what == "read" {
		return nil, f.err
	}
	return f.Store.TrustedFor(ctx, issuer, subject, kid, now, limit)
}

func (f failingTrust) AddReplay(ctx context.Context, id oauth.ID, until time.Time) error {
	if f.what == "write" {
		return f.err
	}
	return f.Store.AddReplay(ctx, id, until)
}

// The budget of issue 7: one look-up and one write; none for what cannot be right.
func TestJWTBearerBudget(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"opaque", "jwt"} {
		store, counter := storetest.NewCounted(t)
		w, c, p := newBearerWorld(t, store)
		w.Options.AccessTokenStrategy = strategy
		res := w.exchange(c, bearerForm(p.sign(p.claims(noon, nil)))) // the versions are known
		for _, step := range []struct {
			name          string
			reads, writes int
			do            func()
		}{
			{"exchange", 1, 1, func() { w.exchange(c, bearerForm(p.sign(p.claims(noon, nil)), "scope", "bar")) }},
			{"introspect", 1, 0, func() { w.introspect(res.AccessToken) }},
			{"userinfo", 0, 0, func() { _, _ = w.Userinfo(t.Context(), res.AccessToken) }},
			{"untrusted", 1, 0, func() { w.refuse(c, bearerForm(p.sign(p.claims(noon, jwtMembers{"sub": "bob"}))), oauth.InvalidGrant) }},
			{"expired", 0, 0, func() { w.refuse(c, bearerForm(p.sign(p.claims(noon, jwtMembers{"exp": 1}))), oauth.InvalidGrant) }},
			{"malformed", 0, 0, func() { w.refuse(c, bearerForm("a.b.c"), oauth.InvalidGrant) }},
			{"scope beyond the client", 0, 0, func() { w.refuse(c, bearerForm(p.sign(p.claims(noon, nil)), "scope", "beyond"), oauth.InvalidScope) }},
		} {
			counter.Take()
			step.do()
			if got, seen := counter.TakeAll(); got != (storetest.Counts{Reads: step.reads, Writes: step.writes}) {
				t.Errorf("%s, %s: %+v:\n%s", strategy, step.name, got, strings.Join(seen, "\n"))
			}
		}
	}
}

// A replay writes nothing, also where the token would have had a row.
func TestAttackReplayedAssertionWritesNothing(t *testing.T) {
	t.Parallel()
	store, counter := storetest.NewCounted(t)
	h := newHooked(t, store)
	h.Options.AssertionAudiences = []string{testIssuer}
	c := h.addClient("app", func(c *oauth.Client) { c.GrantTypes = []string{oauth.GrantJWTBearer} })
	p := newIDP(t, idpName, "k1")
	h.trust(p, nil)
	h.says(200, `{"session":{"access_token":{"many":"`+strings.Repeat("x", 4<<10)+`"}}}`)
	assertion := p.sign(p.claims(noon, nil))
	counter.Take()
	res := h.exchange(c, bearerForm(assertion))
	if n := counter.Take(); n != (storetest.Counts{Reads: 1, Writes: 2}) {
		t.Errorf("an assertion whose token has a row costs %+v", n)
	}
	for range 3 {
		h.refuse(c, bearerForm(assertion), oauth.InvalidGrant)
	}
	if n, seen := counter.TakeAll(); n != (storetest.Counts{Reads: 3, Writes: 3}) { // each write is the jti's, and refused
		t.Errorf("three replays cost %+v:\n%s", n, strings.Join(seen, "\n"))
	}
	if !h.active(res.AccessToken) {
		t.Error("a replay has ended the token")
	}
	h.wait(2 * time.Hour)
	if done, err := h.Purge(t.Context(), h.clock(), 0); err != nil || done.Deleted[oauth.ExpiredGrants] != 1 {
		t.Errorf("one token was paid out, and there were %v, %v", done.Deleted, err)
	}
}

func TestTrust(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	p := newIDP(t, idpName, "k1")
	want := w.trust(p, func(tr *oauth.TrustedIssuer) { tr.Scope = []string{"a", "b", "a"} })
	if want.ID.IsZero() || want.KID != "k1" || !want.CreatedAt.Equal(noon) || !slices.Equal(want.Scope, []string{"a", "b"}) {
		t.Errorf("stored %+v", want)
	}
	got, err := w.TrustedIssuer(t.Context(), want.ID)
	w.must(err)
	if got.Issuer != idpName || got.Subject != "alice" || got.KID != "k1" || !got.ExpiresAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("TrustedIssuer() = %+v", got)
	}
	list, err := w.TrustedIssuers(t.Context(), oauth.TrustQuery{Limit: 10})
	if err != nil || len(list) != 1 {
		t.Errorf("TrustedIssuers() = %d, %v", len(list), err)
	}

	good := func() *oauth.TrustedIssuer {
		return &oauth.TrustedIssuer{Issuer: "https://new.test", Subject: "alice", JWK: p.jwk(), ExpiresAt: noon.Add(time.Hour)}
	}
	d := base64url(make([]byte, 32))
	for name, test := range map[string]struct {
		change func(*oauth.TrustedIssuer)
		want   oauth.Kind
	}{
		"no issuer":        {func(tr *oauth.TrustedIssuer) { tr.Issuer = "" }, oauth.MissingParameter},
		"no subject":       {func(tr *oauth.TrustedIssuer) { tr.Subject = "" }, oauth.MissingParameter},
		"both subjects":    {func(tr *oauth.TrustedIssuer) { tr.AllowAnySubject = true }, oauth.MissingParameter},
		"no end":           {func(tr *oauth.TrustedIssuer) { tr.ExpiresAt = time.Time{} }, oauth.MissingParameter},
		"no key":           {func(tr *oauth.TrustedIssuer) { tr.JWK = nil }, oauth.MissingParameter},
		"no kid":           {func(tr *oauth.TrustedIssuer) { tr.JWK = newIDP(t, "", "").jwk() }, oauth.MissingParameter},
		"a kid of no text": {func(tr *oauth.TrustedIssuer) { tr.JWK = json.RawMessage(`{"kty":"EC","kid":7}`) }, oauth.MissingParameter},
		"a private key": {func(tr *oauth.TrustedIssuer) {
			tr.JWK = json.RawMessage(strings.Replace(string(p.jwk()), "{", `{"d":"`+d+`",`, 1))
		}, oauth.InvalidRequest},
		"a symmetric key": {func(tr *oauth.TrustedIssuer) { tr.JWK = json.RawMessage(`{"kty":"oct","kid":"k","k":"` + d + `"}`) }, oauth.InvalidRequest},
		"a weak RSA key": {func(tr *oauth.TrustedIssuer) {
			tr.JWK = json.RawMessage(`{"kty":"RSA","kid":"k","e":"AQAB","n":"` + base64url(append([]byte{0x80}, make([]byte, 127)...)) + `"}`)
		}, oauth.InvalidRequest},
		"a point off the curve": {func(tr *oauth.TrustedIssuer) {
			tr.JWK = json.RawMessage(`{"kty":"EC","crv":"P-256","kid":"k","x":"` + d + `","y":"` + d + `"}`)
		}, oauth.InvalidRequest},
		"no JSON":         {func(tr *oauth.TrustedIssuer) { tr.JWK = json.RawMessage(`{"kid":"k"},{"kid":"l"}`) }, oauth.InvalidRequest},
		"a list":          {func(tr *oauth.TrustedIssuer) { tr.JWK = json.RawMessage(`[]`) }, oauth.InvalidRequest},
		"a strange scope": {func(tr *oauth.TrustedIssuer) { tr.Scope = []string{"a b"} }, oauth.InvalidRequest},
		"a long issuer":   {func(tr *oauth.TrustedIssuer) { tr.Issuer = strings.Repeat("x", maxName+1) }, oauth.InvalidRequest},
		"a long subject":  {func(tr *oauth.TrustedIssuer) { tr.Subject = strings.Repeat("x", maxPerson+1) }, oauth.InvalidRequest},
		"many scopes":     {func(tr *oauth.TrustedIssuer) { tr.Scope = slices.Repeat([]string{"x"}, maxListed+1) }, oauth.InvalidRequest},
		"there already":   {func(tr *oauth.TrustedIssuer) { tr.Issuer = idpName }, oauth.Conflict},
	} {
		trust := good()
		test.change(trust)
		if err := w.Trust(t.Context(), trust); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}

	w.must(w.Distrust(t.Context(), want.ID))
	for _, id := range []oauth.ID{want.ID, secret.NewID()} {
		if _, err := w.TrustedIssuer(t.Context(), id); !errors.Is(err, oauth.NotFound) {
			t.Errorf("TrustedIssuer() = %v", err)
		}
		if err := w.Distrust(t.Context(), id); !errors.Is(err, oauth.NotFound) {
			t.Errorf("Distrust() = %v", err)
		}
	}
}
