package token

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/storetest"
)

// Contract cases 183 to 186.
func TestUserinfo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	signed := w.addClient("signed", func(c *oauth.Client) { c.UserinfoSignedAlg = "ES256" })
	none := w.addClient("none", func(c *oauth.Client) { c.UserinfoSignedAlg = "none" })
	odd := w.addClient("odd", func(c *oauth.Client) { c.UserinfoSignedAlg = "XS256" })

	tokenOf := func(c *oauth.Client) oauth.Secret {
		_, code := w.grantOf(c, func(_ *oauth.Grant, d *oauth.GrantData) {
			d.SubjectIdentifier = "pairwise-alice"
			d.IDClaims = json.RawMessage(`{"email":"alice@test","age":1.0,"sub":"x","iss":"x","aud":"x","nonce":"x","at_hash":"x","c_hash":"x","auth_time":1,"iat":1,"rat":1,"exp":1,"jti":"x","acr":"x"}`)
		})
		return w.exchange(c, codeForm(code)).AccessToken
	}
	for _, c := range []*oauth.Client{c, none} {
		info, err := w.Userinfo(t.Context(), tokenOf(c))
		w.must(err)
		if got, want := string(info.JSON), `{"acr":"1","age":1.0,"email":"alice@test","sub":"pairwise-alice"}`; got != want {
			t.Errorf("%s: userinfo = %s, want %s", c.ID, got, want)
		}
		if info.JWT != "" || info.Client.ID != c.ID {
			t.Errorf("%s: signed %v, client %s", c.ID, info.JWT != "", info.Client.ID)
		}
	}
	info, err := w.Userinfo(t.Context(), tokenOf(signed))
	w.must(err)
	v, err := w.Keys.Verify(t.Context(), IDTokenSet, string(info.JWT))
	w.must(err)
	if got, want := string(v.Payload), `{"acr":"1","age":1.0,"aud":["signed"],"email":"alice@test","iss":"`+testIssuer+`","sub":"pairwise-alice"}`; got != want {
		t.Errorf("signed userinfo = %s, want %s", got, want)
	}
	if _, err := w.Userinfo(t.Context(), tokenOf(odd)); oauth.KindOf(err) != oauth.ServerError {
		t.Errorf("unknown algorithm: %v, want a fault of the server", err)
	}
}

func TestUserinfoRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	_, res := w.signIn(c)
	machine := w.exchange(c, machineForm())
	for name, value := range map[string]oauth.Secret{
		"rubbish": "rubbish", "nothing": "", "refresh token": res.RefreshToken, "client credentials": machine.AccessToken, "ID token": res.IDToken,
	} {
		if _, err := w.Userinfo(t.Context(), value); !errors.Is(err, oauth.RequestUnauthorized) {
			t.Errorf("%s: %v, want request_unauthorized", name, err)
		}
	}
	w.wait(time.Hour)
	if _, err := w.Userinfo(t.Context(), res.AccessToken); !errors.Is(err, oauth.TokenExpired) {
		t.Errorf("expired: %v, want token_expired", err)
	}
}

func TestUserinfoWithoutOpenID(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	_, code := w.grantOf(c, func(_ *oauth.Grant, d *oauth.GrantData) { d.GrantedScope = []string{"bar"} })
	res := w.exchange(c, codeForm(code))
	if _, err := w.Userinfo(t.Context(), res.AccessToken); err != nil {
		t.Errorf("Userinfo() = %v; it works without openid (Q-34)", err)
	}
	w.Options.UserinfoRequiresOpenID = true
	if _, err := w.Userinfo(t.Context(), res.AccessToken); !errors.Is(err, oauth.InsufficientScope) {
		t.Errorf("Userinfo() = %v, want insufficient_scope", err)
	}
	_, whole := w.signIn(c)
	if _, err := w.Userinfo(t.Context(), whole.AccessToken); err != nil {
		t.Errorf("Userinfo() with openid = %v", err)
	}
	narrow := w.exchange(c, refreshForm(whole.RefreshToken, "scope", "bar"))
	if _, err := w.Userinfo(t.Context(), narrow.AccessToken); !errors.Is(err, oauth.InsufficientScope) {
		t.Errorf("Userinfo() with a token that was narrowed = %v", err)
	}
}
