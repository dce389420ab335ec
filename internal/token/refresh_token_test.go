package token

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/storetest"
)

// Contract cases 102 and 119 to 122.
func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	w.Options.GracePeriod = 0 // strict
	c := w.addClient("app", nil)
	seed, first := w.signIn(c)
	w.wait(time.Hour - time.Second)

	second := w.exchange(c, refreshForm(first.RefreshToken))
	if second.AccessToken == first.AccessToken || second.RefreshToken == first.RefreshToken {
		t.Error("a refresh gave the same token again")
	}
	if second.Scope != first.Scope || second.ExpiresIn != 3600 {
		t.Errorf("scope %q, %d s", second.Scope, second.ExpiresIn)
	}
	if w.active(first.AccessToken) {
		t.Error("the old access token is alive after a plain refresh (case 120)")
	}
	if _, err := w.Userinfo(t.Context(), first.AccessToken); !errors.Is(err, oauth.RequestUnauthorized) {
		t.Errorf("userinfo with the old access token = %v", err)
	}
	if w.active(first.RefreshToken) || !w.active(second.RefreshToken) || !w.active(second.AccessToken) {
		t.Error("after a refresh the new tokens live, and the old do not")
	}
	if g := w.grant(seed); g.Generation != 1 || g.AccessFloor != 1 || !g.RefreshExpiresAt.Equal(w.clock().Add(720*time.Hour)) {
		t.Errorf("generation %d, floor %d, refresh until %v", g.Generation, g.AccessFloor, g.RefreshExpiresAt)
	}
	third := w.exchange(c, refreshForm(second.RefreshToken)) // case 122
	w.refuse(c, refreshForm(second.RefreshToken), oauth.InvalidGrant)
	if w.active(third.AccessToken) || w.active(third.RefreshToken) {
		t.Error("reuse did not end the Grant")
	}
	if g := w.grant(seed); g.EndReason != oauth.EndedByReuse {
		t.Errorf("end reason %d", g.EndReason)
	}
	if !w.happened("refresh_token_reused") {
		t.Error("no event for a reused refresh token")
	}
}

func TestRefreshGrace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	other := w.addClient("other", nil)
	seed, first := w.signIn(c)
	second := w.exchange(c, refreshForm(first.RefreshToken))
	w.wait(10*time.Second - time.Microsecond)

	w.refuse(other, refreshForm(first.RefreshToken), oauth.InvalidGrant)
	again := w.exchange(c, refreshForm(first.RefreshToken))
	if g := w.grant(seed); g.Generation != 1 || g.GraceUses != 1 {
		t.Errorf("generation %d, %d uses of the grace period", g.Generation, g.GraceUses)
	}
	for name, value := range map[string]oauth.Secret{
		"access of the winner": second.AccessToken, "access of the repeat": again.AccessToken,
		"refresh of the winner": second.RefreshToken, "refresh of the repeat": again.RefreshToken,
	} {
		if !w.active(value) {
			t.Errorf("%s is dead", name)
		}
	}
	// No second chain: both refresh tokens are the current one.
	third := w.exchange(c, refreshForm(again.RefreshToken))
	fourth := w.exchange(c, refreshForm(second.RefreshToken)) // now itself the one before
	if g := w.grant(seed); g.Generation != 2 || g.GraceUses != 1 {
		t.Errorf("generation %d, %d uses", g.Generation, g.GraceUses)
	}
	if !w.active(third.RefreshToken) || !w.active(fourth.RefreshToken) {
		t.Error("the two answers of one generation do not stand for the same token")
	}

	w.wait(10 * time.Second)
	w.refuse(c, refreshForm(second.RefreshToken), oauth.InvalidGrant)
	if w.active(third.AccessToken) || w.active(fourth.RefreshToken) {
		t.Error("after the grace period the older token is reuse, and ends the Grant")
	}
}

func TestRefreshOlderThanTheOneBeforeIsReuse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c, other := w.addClient("app", nil), w.addClient("other", nil)
	seed, first := w.signIn(c)
	second := w.exchange(c, refreshForm(first.RefreshToken))
	third := w.exchange(c, refreshForm(second.RefreshToken))

	// A stranger must not be able to end the Grant (case 166).
	w.refuse(other, refreshForm(first.RefreshToken), oauth.InvalidGrant)
	w.refuse(other, refreshForm(third.RefreshToken), oauth.InvalidGrant)
	if !w.active(third.RefreshToken) || !w.happened("refresh_token_of_another_client") {
		t.Error("another client's attempt changed something, or told nobody")
	}
	w.refuse(c, refreshForm(first.RefreshToken), oauth.InvalidGrant)
	if g := w.grant(seed); g.EndReason != oauth.EndedByReuse {
		t.Errorf("end reason %d", g.EndReason)
	}
	w.refuse(c, refreshForm(third.RefreshToken), oauth.InvalidGrant)
}

// Two tokens of one generation come from two histories of the database, and
// only one of them is the row's.
func TestRefreshOfAnotherHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	seed, res := w.signIn(c)
	w.exchange(c, refreshForm(res.RefreshToken))
	fork, err := w.sealRefresh(seed, 1, [8]byte{1})
	w.must(err)
	if w.active(fork) {
		t.Error("active")
	}
	w.refuse(c, refreshForm(fork), oauth.InvalidGrant)
	if g := w.grant(seed); g.EndReason != oauth.EndedByReuse {
		t.Errorf("end reason %d", g.EndReason)
	}
}

// A refresh that loses to another one between read and write looks again, and
// is answered with the winner's generation.
func TestRefreshLostByMilliseconds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	seed, res := w.signIn(c)
	var winner *Response
	w.BeforeSpend = func(context.Context, *Payout) error {
		w.BeforeSpend = nil
		winner = w.exchange(c, refreshForm(res.RefreshToken))
		return nil
	}
	loser := w.exchange(c, refreshForm(res.RefreshToken))
	if g := w.grant(seed); g.Generation != 1 || !w.active(winner.RefreshToken) || !w.active(loser.RefreshToken) {
		t.Errorf("generation %d, winner %v, loser %v", g.Generation, w.active(winner.RefreshToken), w.active(loser.RefreshToken))
	}
}

func TestRefreshGraceLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	w.Options.GracePeriod = time.Hour
	public := w.addClient("public", func(c *oauth.Client) { c.AuthMethod = oauth.AuthNone })
	confidential := w.addClient("confidential", nil)

	_, a := w.signIn(public)
	_, b := w.signIn(confidential)
	w.exchange(public, refreshForm(a.RefreshToken))
	w.exchange(confidential, refreshForm(b.RefreshToken))
	w.wait(59 * time.Second)
	w.exchange(public, refreshForm(a.RefreshToken))
	w.wait(time.Second)
	w.refuse(public, refreshForm(a.RefreshToken), oauth.InvalidGrant)
	w.wait(58 * time.Minute)
	w.exchange(confidential, refreshForm(b.RefreshToken))

	w.Options.GraceUses = 2
	w.exchange(confidential, refreshForm(b.RefreshToken))
	w.refuse(confidential, refreshForm(b.RefreshToken), oauth.InvalidGrant)
}

func TestRefreshRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	codeOnly := w.addClient("code-only", func(c *oauth.Client) { c.GrantTypes = []string{oauth.GrantAuthorizationCode} })

	w.refuse(c, form("grant_type", oauth.GrantRefreshToken), oauth.InvalidRequest)
	w.refuse(c, refreshForm("ory_rt_rubbish"), oauth.InvalidGrant)
	// A refresh token is paid out, but the client may not use it (§3.2.3).
	_, res := w.signIn(codeOnly)
	if res.RefreshToken == "" {
		t.Error("offline_access was granted, but there is no refresh token")
	}
	w.refuse(codeOnly, refreshForm(res.RefreshToken), oauth.InvalidGrant)

	_, res = w.signIn(c)
	value := string(res.RefreshToken)
	for name, bad := range map[string]string{
		"an access token":     string(res.AccessToken),
		"without the prefix":  value[len("ory_rt_"):],
		"other case":          "ORY_RT_" + value[len("ory_rt_"):],
		"truncated":           value[:len(value)-1],
		"padded":              value + "=",
		"with a line feed":    value[:40] + "\n" + value[40:],
		"prefix of an access": "ory_at_" + value[len("ory_rt_"):],
	} {
		if _, err := w.Exchange(t.Context(), c, refreshForm(oauth.Secret(bad))); !errors.Is(err, oauth.InvalidGrant) {
			t.Errorf("%s: %v, want invalid_grant", name, err)
		}
	}

	w.wait(720*time.Hour - time.Microsecond)
	res = w.exchange(c, refreshForm(res.RefreshToken))
	w.wait(720 * time.Hour)
	w.refuse(c, refreshForm(res.RefreshToken), oauth.InvalidGrant) // case 101
	if w.active(res.RefreshToken) {
		t.Error("an expired refresh token is active")
	}
}

func TestRefreshThatNeverExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	w.Options.RefreshLifespan = -1
	c := w.addClient("app", nil)
	never := -time.Nanosecond
	hour := time.Hour
	short := w.addClient("short", func(c *oauth.Client) {
		c.Lifespans = oauth.Lifespans{AuthorizationCodeRefresh: &hour, RefreshRefresh: &never, AuthorizationCodeAccess: &hour, RefreshAccess: &hour}
	})
	seed, res := w.signIn(c)
	w.wait(20 * 365 * 24 * time.Hour)
	if in := w.introspect(res.RefreshToken); !in.Active || !oauth.IsNever(in.ExpiresAt) {
		t.Errorf("refresh token: active %v, until %v", in.Active, in.ExpiresAt)
	}
	if g := w.grant(seed); oauth.IsNever(g.PurgeAt) {
		t.Error("nobody will ever look whether this row can go")
	}
	w.exchange(c, refreshForm(res.RefreshToken))

	_, res = w.signIn(short)
	w.wait(time.Hour - time.Second)
	res = w.exchange(short, refreshForm(res.RefreshToken))
	w.wait(10 * 365 * 24 * time.Hour)
	w.exchange(short, refreshForm(res.RefreshToken))
}

func TestRefreshNarrowsTheScope(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"opaque", "jwt"} {
		w := newWorld(t, storetest.New(t))
		w.Options.AccessTokenStrategy = strategy
		c := w.addClient("app", nil)
		_, res := w.signIn(c)

		w.refuse(c, refreshForm(res.RefreshToken, "scope", "openid beyond"), oauth.InvalidScope)
		narrow := w.exchange(c, refreshForm(res.RefreshToken, "scope", "bar"))
		if narrow.Scope != "bar" || narrow.IDToken != "" {
			t.Errorf("%s: scope %q, ID token: %v", strategy, narrow.Scope, narrow.IDToken != "")
		}
		if in := w.introspect(narrow.AccessToken); !slices.Equal(in.Scope, []string{"bar"}) {
			t.Errorf("%s: introspected scope %v", strategy, in.Scope)
		}
		if w.introspect(narrow.AccessToken, "foo.read").Active || !w.introspect(narrow.AccessToken, "bar").Active {
			t.Errorf("%s: a narrowed token answers for scopes that it lacks, or not for its own", strategy)
		}
		// The Grant keeps what it had.
		whole := w.exchange(c, refreshForm(narrow.RefreshToken))
		if whole.Scope != "openid offline_access foo.read bar" || whole.IDToken == "" {
			t.Errorf("%s: scope after narrowing %q", strategy, whole.Scope)
		}
	}
}

func TestRefreshAfterTheClientLostARight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	for name, test := range map[string]struct {
		change func(*oauth.Client)
		want   oauth.Kind
	}{
		"scope":    {func(c *oauth.Client) { c.Scope = "openid offline_access foo.*" }, oauth.InvalidScope},
		"audience": {func(c *oauth.Client) { c.Audience = nil }, oauth.InvalidRequest},
	} {
		c := w.addClient(name, nil)
		_, res := w.signIn(c)
		changed := *c
		test.change(&changed)
		w.must(w.store.UpdateClient(t.Context(), &changed, nil))
		w.refuse(w.client(name), refreshForm(res.RefreshToken), test.want)
		// Nothing was burnt: once it has the right again, it goes on.
		w.exchange(c, refreshForm(res.RefreshToken))
	}
}

func TestOverlappingRefreshKeepsOlderAccessTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", func(c *oauth.Client) { c.OverlappingRefresh = true })
	_, first := w.signIn(c)
	second := w.exchange(c, refreshForm(first.RefreshToken))
	if !w.active(first.AccessToken) || !w.active(second.AccessToken) {
		t.Error("a client that asked for overlapping access tokens lost one")
	}
}

func TestParallelRefreshes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	seed, first := w.signIn(c)
	answers := make([]*Response, 16)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			res, err := w.Exchange(t.Context(), c, refreshForm(first.RefreshToken))
			if err != nil {
				t.Errorf("Exchange() = %v", err)
			}
			answers[i] = res
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	if g := w.grant(seed); g.Generation != 1 || g.GraceUses != 15 {
		t.Errorf("generation %d, %d uses of the grace period; want 1 and 15", g.Generation, g.GraceUses)
	}
	for _, res := range answers {
		if !w.active(res.AccessToken) || !w.active(res.RefreshToken) {
			t.Error("an answer holds a dead token")
		}
	}
}

// A backup is restored: clients that refreshed since then go on.
func TestRefreshAheadOfARestoredDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	seed, res := w.signIn(c)
	backup := w.grant(seed)
	for range 3 {
		res = w.exchange(c, refreshForm(res.RefreshToken))
	}
	restored := newWorld(t, storetest.New(t))
	restored.Sealer = w.Sealer // the ring comes along with the backup
	restored.must(restored.store.AddClient(t.Context(), c, nil))
	row := backup.Grant
	restored.must(restored.store.AddGrant(t.Context(), &row, oauth.Standing{Now: noon}))
	if g := restored.grant(seed); g.Generation != 0 || g.RotationID != backup.RotationID {
		t.Fatalf("the restored row is not the one of the backup: generation %d", g.Generation)
	}

	if !restored.active(res.RefreshToken) || !restored.active(res.AccessToken) {
		t.Error("genuine tokens of the forgotten time are dead")
	}
	next := restored.exchange(c, refreshForm(res.RefreshToken))
	if g := restored.grant(seed); g.Generation != 4 || g.Dead() {
		t.Errorf("generation %d, dead %v; want 4, above all that was given out", g.Generation, g.Dead())
	}
	if !restored.happened("refresh_token_ahead") {
		t.Error("nobody was told that the database went back in time")
	}
	restored.exchange(c, refreshForm(next.RefreshToken))
	// A lost response is answered here, too; what is older is reuse.
	restored.exchange(c, refreshForm(next.RefreshToken))
	restored.refuse(c, refreshForm(res.RefreshToken), oauth.InvalidGrant)
	if g := restored.grant(seed); g.EndReason != oauth.EndedByReuse {
		t.Errorf("end reason %d", g.EndReason)
	}
}
