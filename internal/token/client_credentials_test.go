package token

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/storetest"
)

func machineForm(pairs ...string) map[string][]string {
	return form(append([]string{"grant_type", oauth.GrantClientCredentials}, pairs...)...)
}

// Contract cases 124 to 127.
func TestClientCredentials(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"opaque", "jwt"} {
		w := newWorld(t, storetest.New(t))
		w.Options.AccessTokenStrategy = strategy
		hour2 := 2 * time.Hour
		c := w.addClient("machine", func(c *oauth.Client) { c.Lifespans.ClientCredentialsAccess = &hour2 })

		res := w.exchange(c, machineForm("scope", "bar foo.x bar", "audience", "https://api.test/v1", "audience", "https://api.test/v2 https://api.test/v1"))
		if res.RefreshToken != "" || res.IDToken != "" || res.Scope != "bar foo.x" || res.ExpiresIn != 7200 {
			t.Errorf("%s: scope %q, %d s, refresh %v, ID %v", strategy, res.Scope, res.ExpiresIn, res.RefreshToken != "", res.IDToken != "")
		}
		in := w.introspect(res.AccessToken)
		if !in.Active || in.Use != "access_token" || in.ClientID != "machine" || in.Subject != "machine" || in.Extra != nil ||
			!slices.Equal(in.Scope, []string{"bar", "foo.x"}) || !slices.Equal(in.Audience, []string{"https://api.test/v1", "https://api.test/v2"}) ||
			!in.ExpiresAt.Equal(noon.Add(hour2)) || !in.IssuedAt.Equal(noon) || in.Issuer != testIssuer {
			t.Errorf("%s: introspection %+v", strategy, in)
		}
		bare := w.exchange(c, machineForm())
		if bare.Scope != "" || !w.active(bare.AccessToken) {
			t.Errorf("%s: scope %q without scope", strategy, bare.Scope)
		}
		w.refuse(c, machineForm("scope", "beyond"), oauth.InvalidScope)
		for _, odd := range []string{"foo.\x01", "foo.\u202ex", `foo."`, `foo.\`, "foo.\u00e9"} { // foo.* must not let them in
			w.refuse(c, machineForm("scope", odd), oauth.InvalidScope)
		}
		w.refuse(c, machineForm("audience", "https://evil.test/"), oauth.InvalidRequest)

		w.wait(2*time.Hour - time.Second)
		if !w.active(res.AccessToken) {
			t.Errorf("%s: dead before its time", strategy)
		}
		w.wait(time.Second)
		if w.active(res.AccessToken) {
			t.Errorf("%s: alive after its time", strategy)
		}
	}
}

func TestClientCredentialsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	public := w.addClient("public", func(c *oauth.Client) { c.AuthMethod = oauth.AuthNone })
	web := w.addClient("web", func(c *oauth.Client) { c.GrantTypes = nil })
	w.refuse(public, machineForm(), oauth.InvalidGrant)
	w.refuse(web, machineForm(), oauth.InvalidGrant)
}

func TestClientCredentialsDefaultScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	w.Options.DefaultGrantAllowedScope = true
	c := w.addClient("machine", func(c *oauth.Client) { c.Scope = "a b" })
	if res := w.exchange(c, machineForm()); res.Scope != "a b" {
		t.Errorf("scope = %q, want all that the client may have", res.Scope)
	}
	if res := w.exchange(c, machineForm("scope", "b")); res.Scope != "b" {
		t.Errorf("scope = %q, want what was asked for", res.Scope)
	}
}

func TestClientCredentialsBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("machine", func(c *oauth.Client) { c.Scope = "*" })
	var many []string
	for i := range 10_000 {
		many = append(many, fmt.Sprint("s", i))
	}
	w.refuse(c, machineForm("scope", strings.Join(many, " ")), oauth.InvalidScope)
	w.refuse(c, machineForm("audience", strings.Join(many, " ")), oauth.InvalidRequest)
	w.refuse(c, machineForm("scope", strings.Repeat("x", 1500)), oauth.InvalidScope)
	if res := w.exchange(c, machineForm("scope", strings.Repeat("x", 900))); len(res.AccessToken) > maxMachineToken {
		t.Errorf("a token of %d characters", len(res.AccessToken))
	}
}

// "Delete all access tokens of a client" is one number more in its row.
func TestEpochEndsAccessTokens(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"opaque", "jwt"} {
		w := newWorld(t, storetest.New(t))
		w.Options.AccessTokenStrategy = strategy
		c := w.addClient("app", nil)
		machine := w.exchange(c, machineForm())
		_, user := w.signIn(c)
		w.must(w.store.RaiseEpoch(t.Context(), c.ID))
		if w.active(machine.AccessToken) || w.active(user.AccessToken) {
			t.Errorf("%s: access tokens of the epoch before are alive", strategy)
		}
		if !w.active(user.RefreshToken) {
			t.Errorf("%s: the refresh token died with them", strategy)
		}
		if next := w.exchange(c, refreshForm(user.RefreshToken)); !w.active(next.AccessToken) {
			t.Errorf("%s: a token that was issued after is dead", strategy)
		}
		w.must(w.store.DeleteClient(t.Context(), c.ID, noon))
		machine = w.exchange(w.addClient("app", nil), machineForm())
		if !w.active(machine.AccessToken) {
			t.Errorf("%s: the new client's token is dead", strategy)
		}
	}
}
