package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
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

func TestCodeExchange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	seed, code := w.grantOf(c, nil)

	res := w.exchange(c, codeForm(code))
	if res.TokenType != "bearer" || res.ExpiresIn != 3600 || res.Scope != "openid offline_access foo.read bar" {
		t.Errorf("answer = %q, %d s, %q", res.TokenType, res.ExpiresIn, res.Scope)
	}
	if !strings.HasPrefix(string(res.AccessToken), "ory_at_") || !strings.HasPrefix(string(res.RefreshToken), "ory_rt_") {
		t.Error("tokens lack Hydra's prefixes")
	}
	if n := len(res.AccessToken); n > 120 {
		t.Errorf("an unbound access token has %d characters, want at most 120", n)
	}
	if res.IDToken == "" {
		t.Error("openid was granted, but there is no ID token")
	}
	g := w.grant(seed)
	if !g.CodeUsedAt.Equal(noon) || !g.RefreshExpiresAt.Equal(noon.Add(720*time.Hour)) || g.Generation != 0 {
		t.Errorf("row: code used %v, refresh until %v, generation %d", g.CodeUsedAt, g.RefreshExpiresAt, g.Generation)
	}
	if g.ExpiresAt.Before(g.RefreshExpiresAt) || !g.PurgeAt.After(g.ExpiresAt) {
		t.Errorf("row: expires %v, purge at %v; refresh token until %v", g.ExpiresAt, g.PurgeAt, g.RefreshExpiresAt)
	}
}

// A used code that comes back after its lifetime ends what it bought (RFC 6749
// §4.1.2). Attack: nobody but its own client, authenticated, can do that.
func TestExpiredCodeReplay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c, other := w.addClient("app", nil), w.addClient("other", nil)
	public := w.addClient("public", func(c *oauth.Client) { c.AuthMethod = oauth.AuthNone })
	seed, code := w.grantOf(c, nil)
	tokens := w.exchange(c, codeForm(code))
	_, unused := w.grantOf(c, nil)
	publicSeed, publicCode := w.grantOf(public, nil)
	w.exchange(public, codeForm(publicCode))
	w.wait(50 * time.Minute)
	w.refuse(other, codeForm(code), oauth.InvalidGrant)
	w.refuse(c, codeForm(unused), oauth.InvalidGrant)
	if !w.active(tokens.AccessToken) {
		t.Fatal("another client's replay ended the tokens")
	}
	w.refuse(c, codeForm(code), oauth.InvalidGrant)
	if g := w.grant(seed); w.active(tokens.AccessToken) || g.EndReason != oauth.EndedByReplay || !w.happened("code_replayed") {
		t.Errorf("the tokens are alive, end reason %d", g.EndReason)
	}
	w.refuse(public, codeForm(publicCode), oauth.InvalidGrant)
	if g := w.grant(publicSeed); !g.EndedAt.IsZero() {
		t.Error("whoever finds an old code of a public client can end its Grant")
	}
}

func TestCodeExchangePaysOnlyWhatWasGranted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	_, code := w.grantOf(c, func(_ *oauth.Grant, d *oauth.GrantData) { d.GrantedScope = []string{"bar"} })
	res := w.exchange(c, codeForm(code))
	if res.RefreshToken != "" {
		t.Error("a refresh token without offline_access")
	}
	if res.IDToken != "" {
		t.Error("an ID token without openid")
	}

	// A consent may grant what the client is not registered for.
	_, code = w.grantOf(c, func(_ *oauth.Grant, d *oauth.GrantData) { d.GrantedScope = []string{"offline", "beyond"} })
	res = w.exchange(c, codeForm(code))
	if res.Scope != "offline beyond" || res.RefreshToken == "" {
		t.Errorf("scope = %q, refresh token: %v", res.Scope, res.RefreshToken != "")
	}
	w.refuse(c, refreshForm(res.RefreshToken), oauth.InvalidScope) // contract case 165
}

func TestCodeRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	other := w.addClient("other", nil)
	implicitOnly := w.addClient("implicit-only", func(c *oauth.Client) { c.GrantTypes = []string{oauth.GrantImplicit} })

	w.refuse(c, form("grant_type", oauth.GrantAuthorizationCode), oauth.InvalidRequest)
	w.refuse(c, form("grant_type", "password"), oauth.InvalidRequest) // contract case 163
	w.refuse(c, form("grant_type", "authorization_code refresh_token"), oauth.InvalidRequest)
	w.refuse(c, form(), oauth.InvalidRequest)
	w.refuse(c, codeForm("ory_ac_rubbish"), oauth.InvalidGrant)

	_, code := w.grantOf(c, nil)
	w.refuse(implicitOnly, codeForm(code), oauth.InvalidGrant)

	// Contract case 129: the rightful client is not hurt.
	w.refuse(other, codeForm(code), oauth.InvalidGrant)
	if !w.happened("code_of_another_client") {
		t.Error("no event for a code of another client")
	}
	// Contract case 130, and the attack of another redirect_uri: nothing burnt.
	for _, uri := range []string{"", "https://app.test/callback/", "https://APP.test/callback", "https://evil.test/"} {
		f := codeForm(code)
		f.Set("redirect_uri", uri)
		w.refuse(c, f, oauth.InvalidGrant)
	}
	// A value sealed for something else is no code.
	refresh, err := w.sealRefresh(oauth.Seed{1}, 0, [8]byte{})
	w.must(err)
	w.refuse(c, codeForm(refresh), oauth.InvalidGrant)
	w.refuse(c, codeForm(code+"\n"), oauth.InvalidGrant)
	w.refuse(c, codeForm(oauth.Secret(strings.Replace(string(code), "ory_ac_", "ORY_AC_", 1))), oauth.InvalidGrant)
	w.exchange(c, codeForm(code))

	// Contract case 131.
	_, code = w.grantOf(c, nil)
	w.wait(10*time.Minute - time.Microsecond)
	_, fresh := w.grantOf(c, nil)
	w.exchange(c, codeForm(code))
	w.wait(10 * time.Minute)
	w.refuse(c, codeForm(fresh), oauth.InvalidGrant)
}

func TestCodeWithoutRedirectURIInTheRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	_, code := w.grantOf(c, func(_ *oauth.Grant, d *oauth.GrantData) { d.RedirectURI = "" })
	f := codeForm(code)
	f.Del("redirect_uri")
	w.exchange(c, f)
}

// Contract cases 123 and 128: the second presentation takes back what the
// first one bought.
func TestCodeReplayEndsTheGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c, other := w.addClient("app", nil), w.addClient("other", nil)
	seed, code := w.grantOf(c, nil)
	res := w.exchange(c, codeForm(code))

	w.refuse(other, codeForm(code), oauth.InvalidGrant)
	if !w.active(res.AccessToken) {
		t.Fatal("another client's replay ended the tokens")
	}
	again, err := w.Code(seed, noon.Add(time.Minute)) // another value of the same code
	w.must(err)
	w.refuse(c, codeForm(again), oauth.InvalidGrant)
	if w.active(res.AccessToken) || w.active(res.RefreshToken) {
		t.Error("tokens of a replayed code are alive")
	}
	if g := w.grant(seed); g.EndReason != oauth.EndedByReplay || !g.RevokedAt.IsZero() {
		t.Errorf("end reason %d, revoked %v; the consent itself stays", g.EndReason, g.RevokedAt)
	}
	if !w.happened("code_replayed") {
		t.Error("no event for a replayed code")
	}
	w.refuse(c, refreshForm(res.RefreshToken), oauth.InvalidGrant)
	w.refuse(c, codeForm(code), oauth.InvalidGrant)
}

func TestParallelExchangesOfOneCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	seed, code := w.grantOf(c, nil)
	var wins atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			_, err := w.Exchange(t.Context(), c, codeForm(code))
			switch {
			case err == nil:
				wins.Add(1)
			case !errors.Is(err, oauth.InvalidGrant):
				t.Errorf("Exchange() = %v, want invalid_grant", err)
			}
		})
	}
	wg.Wait()
	if wins.Load() != 1 {
		t.Errorf("%d requests got tokens, want 1", wins.Load())
	}
	if g := w.grant(seed); g.EndReason != oauth.EndedByReplay {
		t.Errorf("end reason %d, want that of a replay", g.EndReason)
	}
}

func TestDeadGrantsPayNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	for name, kill := range map[string]func(c *oauth.Client, id oauth.ID) error{
		"ended": func(_ *oauth.Client, id oauth.ID) error {
			return w.store.EndGrant(t.Context(), id, oauth.EndedByClient, noon)
		},
		"revoked": func(_ *oauth.Client, id oauth.ID) error {
			_, err := w.store.RevokeGrant(t.Context(), id, noon)
			return err
		},
		"client deleted, another made with its id": func(c *oauth.Client, _ oauth.ID) error {
			err := w.store.DeleteClient(t.Context(), c.ID, noon)
			if errors.Is(err, oauth.ErrNotFound) {
				return nil // gone with the first of the two Grants
			}
			w.addClient(c.ID, nil)
			return err
		},
	} {
		c := w.addClient(name, nil)
		open, code := w.grantOf(c, nil)
		paid, res := w.signIn(c)
		if !w.active(res.AccessToken) || !w.active(res.RefreshToken) {
			t.Fatalf("%s: tokens were dead before", name)
		}
		w.must(kill(c, open.GrantID()))
		w.must(kill(c, paid.GrantID()))
		for _, now := range []*oauth.Client{c, w.client(c.ID)} { // as the cache of a node may have it, and as it is
			w.refuse(now, codeForm(code), oauth.InvalidGrant)
			w.refuse(now, refreshForm(res.RefreshToken), oauth.InvalidGrant)
		}
		if w.active(res.AccessToken) || w.active(res.RefreshToken) {
			t.Errorf("%s: tokens are alive", name)
		}
		if _, err := w.Userinfo(t.Context(), res.AccessToken); !errors.Is(err, oauth.RequestUnauthorized) {
			t.Errorf("%s: Userinfo() = %v", name, err)
		}
	}
}

// TestRowChangesBetweenReadAndSpend lets something happen in the one moment in
// which nothing holds the row: no token comes out of a dead Grant.
func TestRowChangesBetweenReadAndSpend(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	seed, code := w.grantOf(c, nil)
	w.BeforeSpend = func(ctx context.Context, _ *Payout) error {
		_, err := w.store.RevokeGrant(ctx, seed.GrantID(), noon)
		return err
	}
	w.refuse(c, codeForm(code), oauth.InvalidGrant)

	w.BeforeSpend = nil
	seed, res := w.signIn(c)
	w.BeforeSpend = func(ctx context.Context, _ *Payout) error {
		return w.store.EndGrant(ctx, seed.GrantID(), oauth.EndedByClient, noon)
	}
	w.refuse(c, refreshForm(res.RefreshToken), oauth.InvalidGrant)
}

// The consent app replaces its decision while the code is exchanged: what comes
// out is what the row says from then on, be it the first or the second one.
func TestDecisionIsReplacedBetweenReadAndSpend(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"opaque", "jwt"} {
		w := newWorld(t, storetest.New(t))
		c := w.addClient("app", func(c *oauth.Client) { c.AccessTokenStrategy = strategy })
		seed, code := w.grantOf(c, nil)
		asked := 0
		w.BeforeSpend = func(ctx context.Context, _ *Payout) error {
			if asked++; asked > 1 {
				return nil
			}
			g := w.grant(seed).Grant
			data, err := w.SealData(g.ID, &oauth.GrantData{
				Subject: "alice", GrantedScope: []string{"openid", "bar"}, RedirectURI: "https://app.test/callback",
				AuthTime: noon.Unix(), IDClaims: json.RawMessage(`{"role":"guest"}`),
			})
			w.must(err)
			g.Data, g.OpID = data, oauth.ID(secret.NewID())
			return w.store.UpdateOpenGrant(ctx, &g, oauth.Standing{Now: noon})
		}
		res := w.exchange(c, codeForm(code))
		if res.Scope != "openid bar" || res.RefreshToken != "" || asked != 2 {
			t.Errorf("%s: scope %q, refresh token %q, asked %d times", strategy, res.Scope, res.RefreshToken, asked)
		}
		if _, claims := jwtParts(t, res.IDToken); claims["role"] != "guest" {
			t.Errorf("%s: ID token %v", strategy, claims)
		}
		if got := w.introspect(res.AccessToken); !got.Active || !slices.Equal(got.Scope, []string{"openid", "bar"}) {
			t.Errorf("%s: introspection %+v", strategy, got)
		}
	}
}

// A request that loses the race by milliseconds has presented a used code,
// like one that comes a minute later.
func TestCodeLostByMilliseconds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	seed, code := w.grantOf(c, nil)
	var winner *Response
	w.BeforeSpend = func(context.Context, *Payout) error {
		w.BeforeSpend = nil
		winner = w.exchange(c, codeForm(code))
		return nil
	}
	w.refuse(c, codeForm(code), oauth.InvalidGrant)
	if g := w.grant(seed); g.EndReason != oauth.EndedByReplay || w.active(winner.AccessToken) {
		t.Errorf("end reason %d, the winner's token is active: %v", g.EndReason, w.active(winner.AccessToken))
	}
}

func TestBeforeSpendRefusesAndBurnsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	_, code := w.grantOf(c, nil)
	w.BeforeSpend = func(_ context.Context, p *Payout) error {
		if p.Data.Subject != "alice" || p.Client.ID != "app" || p.GrantType != oauth.GrantAuthorizationCode || p.Grant == nil {
			t.Errorf("Payout of %q to %q by %s", p.Data.Subject, p.Client.ID, p.GrantType)
		}
		return oauth.AccessDenied
	}
	w.refuse(c, codeForm(code), oauth.AccessDenied)
	w.BeforeSpend = nil
	w.exchange(c, codeForm(code))
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B

func challenge(v string) string {
	sum := sha256.Sum256([]byte(v))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestPKCE(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	public := w.addClient("public", func(c *oauth.Client) { c.AuthMethod = oauth.AuthNone })
	confidential := w.addClient("confidential", nil)
	other := w.addClient("other", nil)
	if got := challenge(verifier); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Fatalf("S256 of the RFC's verifier = %s", got)
	}
	for _, test := range []struct {
		name      string
		challenge string
		verifier  string
		want      oauth.Kind // "" for tokens
		burnt     bool
	}{
		{"right verifier (132)", challenge(verifier), verifier, "", false},
		{"neither (137)", "", "", "", false},
		{"wrong verifier (133)", challenge(verifier), strings.Repeat("x", 43), oauth.InvalidGrant, true},
		{"no verifier (136)", challenge(verifier), "", oauth.InvalidGrant, true},
		{"verifier without challenge (138)", "", verifier, oauth.InvalidGrant, true},
		{"42 characters (134)", challenge(verifier), strings.Repeat("x", 42), oauth.InvalidRequest, false},
		{"129 characters", challenge(verifier), strings.Repeat("x", 129), oauth.InvalidRequest, false},
		{"other alphabet", challenge(verifier), strings.Repeat("x", 42) + "+", oauth.InvalidRequest, false},
		{"the challenge itself", challenge(verifier), challenge(verifier), oauth.InvalidGrant, true},
	} {
		for _, c := range []*oauth.Client{public, confidential} {
			seed, code := w.grantOf(c, func(_ *oauth.Grant, d *oauth.GrantData) { d.CodeChallenge = test.challenge })
			f := codeForm(code)
			if test.verifier != "" {
				f.Set("code_verifier", test.verifier)
			}
			w.refuse(other, f, oauth.InvalidGrant)
			if w.grant(seed).Dead() {
				t.Errorf("%s: another client burnt the code", test.name)
			}
			_, err := w.Exchange(t.Context(), c, f)
			if test.want == "" && err != nil || test.want != "" && !errors.Is(err, test.want) {
				t.Errorf("%s, %s: %v, want %q", test.name, c.ID, err, test.want)
			}
			if got := w.grant(seed).EndReason == oauth.EndedByPKCE; got != test.burnt {
				t.Errorf("%s, %s: burnt = %v, want %v", test.name, c.ID, got, test.burnt)
			}
			if test.burnt {
				f.Set("code_verifier", verifier)
				w.refuse(c, f, oauth.InvalidGrant)
				f.Del("code_verifier")
				w.refuse(c, f, oauth.InvalidGrant)
			}
		}
	}
}
