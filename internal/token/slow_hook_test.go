package token

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/storetest"
)

// exchanges are a client and one form for each grant type. Each of them may be
// presented until it was answered.
func (h *hooked) exchanges() (*oauth.Client, map[string]url.Values) {
	h.t.Helper()
	h.Options.AssertionAudiences = []string{testIssuer}
	c := h.addClient("app", func(c *oauth.Client) {
		devices(c)
		c.GrantTypes = append(c.GrantTypes, oauth.GrantJWTBearer)
	})
	p := newIDP(h.t, idpName, "k1")
	h.trust(p, nil)
	_, code := h.grantOf(c, nil)
	_, device := h.deviceOf(c, true)
	_, session := h.signIn(c)
	_, renewed := h.signIn(c)
	h.exchange(c, refreshForm(renewed.RefreshToken))
	return c, map[string]url.Values{
		"code":                 codeForm(code),
		"device code":          deviceForm(device),
		"refresh":              refreshForm(session.RefreshToken),
		"repetition":           refreshForm(renewed.RefreshToken),
		"client credentials":   machineForm(),
		"JWT bearer assertion": bearerForm(p.sign(p.claims(noon, nil))),
	}
}

// The grace period is there for answers that get lost. They leave after the
// hook has answered, so that it begins then.
func TestGracePeriodBeginsAfterTheHook(t *testing.T) {
	t.Parallel()
	h := newHooked(t, storetest.New(t)) // with 10 s of grace
	c := h.addClient("app", nil)
	_, first := h.signIn(c)
	h.takes = 8 * time.Second
	h.exchange(c, refreshForm(first.RefreshToken)) // the answer is lost
	h.wait(9 * time.Second)
	again := h.exchange(c, refreshForm(first.RefreshToken))
	if !h.active(again.AccessToken) || h.happened("refresh_token_reused") {
		t.Error("the repetition was taken for a theft")
	}
}

// Tokens and rows count from the moment of the spend, not from one before the
// hook was asked.
func TestTimesAfterASlowHook(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"opaque", "jwt"} {
		h := newHooked(t, storetest.New(t))
		h.Options.AccessTokenStrategy = strategy
		c, forms := h.exchanges()
		h.takes = time.Second
		for name, f := range forms {
			res := h.exchange(c, f)
			now := h.clock()
			if in := h.introspect(res.AccessToken); !in.IssuedAt.Equal(now) || !in.ExpiresAt.Equal(now.Add(time.Hour)) {
				t.Errorf("%s, %s: the access token is of %s until %s, now is %s", strategy, name, in.IssuedAt, in.ExpiresAt, now)
			}
			if res.IDToken != "" {
				if _, claims := jwtParts(t, res.IDToken); claims["iat"] != float64(now.Unix()) || claims["exp"] != float64(now.Add(time.Hour).Unix()) {
					t.Errorf("%s, %s: ID token %v", strategy, name, claims)
				}
			}
			if res.RefreshToken == "" || name == "repetition" {
				continue // a repetition starts no new lifetime
			}
			if in := h.introspect(res.RefreshToken); !in.ExpiresAt.Equal(now.Add(720 * time.Hour)) {
				t.Errorf("%s, %s: the refresh token lives until %s, now is %s", strategy, name, in.ExpiresAt, now)
			}
		}
		// So does the row that carries what fits into no token.
		h.says(200, `{"session":{"access_token":{"many":"`+strings.Repeat("x", 4<<10)+`"}}}`)
		res := h.exchange(c, machineForm())
		if in := h.introspect(res.AccessToken); !in.ExpiresAt.Equal(h.clock().Add(time.Hour)) {
			t.Errorf("%s: the large token lives until %s", strategy, in.ExpiresAt)
		}
	}
}

// A refresh token that expires while the hook is asked is an expired one, and
// the hook is not asked again.
func TestRefreshTokenExpiresWhileTheHookIsAsked(t *testing.T) {
	t.Parallel()
	h := newHooked(t, storetest.New(t))
	c := h.addClient("app", nil)
	_, res := h.signIn(c)
	h.wait(720*time.Hour - time.Second)
	h.takes, h.asked = 2*time.Second, nil
	_, err := h.Exchange(t.Context(), c, refreshForm(res.RefreshToken))
	if e, ok := errors.AsType[*oauth.Error](err); !ok || !errors.Is(err, oauth.InvalidGrant) || !strings.Contains(e.Public, "expired") || len(h.asked) != 1 {
		t.Errorf("Exchange() = %v after %d questions", err, len(h.asked))
	}
}

// A caller who hung up while the hook was asked, or whose time is over, can be
// told nothing any more. So nothing is spent, and the next try is answered.
func TestNothingIsSpentForACallerWhoHasGone(t *testing.T) {
	t.Parallel()
	store, counter := storetest.NewCounted(t)
	h := newHooked(t, store)
	c, forms := h.exchanges()
	h.Options.DeviceInterval = time.Millisecond
	h.takes = h.Options.DeviceInterval // so that no device comes too early
	// Tokens that have no row get one.
	h.says(200, `{"session":{"access_token":{"many":"`+strings.Repeat("x", 4<<10)+`"}}}`)
	for name, f := range forms {
		for _, reason := range []error{context.Canceled, context.DeadlineExceeded} {
			ctx := &ending{Context: t.Context()}
			h.then = func() { ctx.reason = reason }
			counter.Take()
			if res, err := h.Exchange(ctx, c, f); res != nil || !errors.Is(err, reason) {
				t.Errorf("%s: %v, %v, want %v", name, res, err, reason)
			}
			if n, seen := counter.TakeAll(); n.Writes != 0 {
				t.Errorf("%s: %+v, want no write:\n%s", name, n, strings.Join(seen, "\n"))
			}
		}
		h.then = nil
		h.exchange(c, f)
	}
}

// ending is a context that ends when the test says so, for either reason.
type ending struct {
	context.Context
	reason error
}

func (e *ending) Err() error { return e.reason }
