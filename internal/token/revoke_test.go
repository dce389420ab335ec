package token

import (
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/storetest"
)

// Contract cases 176 and 177.
func TestRevoke(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"opaque", "jwt"} {
		w := newWorld(t, storetest.New(t))
		w.Options.AccessTokenStrategy = strategy
		c, other := w.addClient("app", nil), w.addClient("other", nil)
		for name, pick := range map[string]func(*Response) oauth.Secret{
			"access":  func(r *Response) oauth.Secret { return r.AccessToken },
			"refresh": func(r *Response) oauth.Secret { return r.RefreshToken },
		} {
			seed, res := w.signIn(c)
			_, bystander := w.signIn(c)
			revoke := func(c *oauth.Client, value oauth.Secret) {
				t.Helper()
				if err := w.Revoke(t.Context(), c, value); err != nil {
					t.Errorf("%s, %s: Revoke() = %v", strategy, name, err)
				}
			}
			revoke(c, "rubbish")
			revoke(other, pick(res))
			if !w.active(res.AccessToken) || !w.active(res.RefreshToken) {
				t.Fatalf("%s, %s: another client revoked it", strategy, name)
			}
			revoke(c, pick(res))
			if w.active(res.AccessToken) || w.active(res.RefreshToken) {
				t.Errorf("%s, %s: tokens are alive", strategy, name)
			}
			revoke(c, pick(res))
			w.refuse(c, refreshForm(res.RefreshToken), oauth.InvalidGrant)
			if g := w.grant(seed); g.EndReason != oauth.EndedByClient || !g.RevokedAt.IsZero() {
				t.Errorf("%s, %s: end reason %d, revoked %v; the consent stays", strategy, name, g.EndReason, g.RevokedAt)
			}
			if !w.active(bystander.AccessToken) {
				t.Errorf("%s, %s: another sign-in of the client ended, too", strategy, name)
			}
		}
		_, res := w.signIn(c)
		w.wait(time.Hour)
		if err := w.Revoke(t.Context(), c, res.AccessToken); err != nil {
			t.Errorf("%s: Revoke(expired) = %v", strategy, err)
		}
		if !w.active(res.RefreshToken) {
			t.Errorf("%s: an expired access token took the refresh token along", strategy)
		}
	}
}

// A client that tidies up after a refresh must not sign its user out; one that
// lost the response of a refresh must be able to.
func TestRevokeWhatARefreshReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	_, first := w.signIn(c)
	second := w.exchange(c, refreshForm(first.RefreshToken))
	w.must(w.Revoke(t.Context(), c, first.AccessToken))
	if !w.active(second.AccessToken) {
		t.Error("the access token that a refresh replaced took its successor along")
	}
	w.must(w.Revoke(t.Context(), c, first.RefreshToken))
	if w.active(second.AccessToken) || w.active(second.RefreshToken) {
		t.Error("the refresh token before did not end the Grant")
	}
}

func TestRevokeMachineToken(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"opaque", "jwt"} {
		w := newWorld(t, storetest.New(t))
		w.Options.AccessTokenStrategy, w.Options.MaxRevoked = strategy, 3
		c, other := w.addClient("machine", nil), w.addClient("other", nil)
		kept := w.exchange(c, machineForm())
		stranger := w.exchange(other, machineForm())
		for range 3 {
			res := w.exchange(c, machineForm())
			w.must(w.Revoke(t.Context(), other, res.AccessToken))
			if !w.active(res.AccessToken) {
				t.Fatalf("%s: another client revoked it", strategy)
			}
			w.must(w.Revoke(t.Context(), c, res.AccessToken))
			if w.active(res.AccessToken) {
				t.Errorf("%s: alive after its revocation", strategy)
			}
			w.must(w.Revoke(t.Context(), c, res.AccessToken))
		}
		if !w.active(kept.AccessToken) {
			t.Errorf("%s: a token that nobody revoked is dead", strategy)
		}
		// The list is full: all access tokens of the client end instead.
		for range 2 {
			res := w.exchange(w.client("machine"), machineForm())
			w.must(w.Revoke(t.Context(), c, res.AccessToken))
			if w.active(res.AccessToken) {
				t.Errorf("%s: alive after its revocation over the bound", strategy)
			}
		}
		if w.active(kept.AccessToken) || !w.happened("revocation_list_full") {
			t.Errorf("%s: over the bound the epoch is raised, and somebody is told", strategy)
		}
		if !w.active(stranger.AccessToken) {
			t.Errorf("%s: another client's tokens ended, too", strategy)
		}
	}
}
