package token

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/storetest"
)

// Contract cases 172 to 174 and Q-37.
func TestIntrospect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	_, code := w.grantOf(c, func(_ *oauth.Grant, d *oauth.GrantData) {
		d.SubjectIdentifier = "pairwise-alice"
		d.GrantedScope = []string{"offline", "foo.*"}
	})
	w.wait(time.Minute)
	res := w.exchange(c, codeForm(code))
	now := noon.Add(time.Minute)
	want := &Introspection{
		Active: true, Use: "access_token", Scope: []string{"offline", "foo.*"}, ClientID: "app", Subject: "alice",
		ObfuscatedSubject: "pairwise-alice", IssuedAt: now, ExpiresAt: now.Add(time.Hour),
		Audience: []string{"https://api.test/"}, Issuer: testIssuer, Extra: []byte(`{"tier":"gold"}`),
	}
	if diff := cmp.Diff(want, w.introspect(res.AccessToken)); diff != "" {
		t.Errorf("access token (-want +got):\n%s", diff)
	}
	want.Use, want.ExpiresAt = "refresh_token", now.Add(720*time.Hour)
	if diff := cmp.Diff(want, w.introspect(res.RefreshToken)); diff != "" {
		t.Errorf("refresh token (-want +got):\n%s", diff)
	}
	w.wait(time.Minute)
	res = w.exchange(c, refreshForm(res.RefreshToken))
	if in := w.introspect(res.RefreshToken); !in.IssuedAt.Equal(now.Add(time.Minute)) {
		t.Errorf("iat of a rotated refresh token = %v", in.IssuedAt)
	}

	for scope, want := range map[string]bool{
		"": true, "foo.bar": true, "foo.bar offline": true, "foo": false, "bar": false, "foo.bar bar": false, // case 171
	} {
		if got := w.introspect(res.AccessToken, oauth.Fields(scope)...).Active; got != want {
			t.Errorf("scope %q: active %v, want %v", scope, got, want)
		}
	}
	w.Options.ScopeStrategy = oauth.ExactScope
	if w.introspect(res.AccessToken, "foo.bar").Active {
		t.Error("the strategy of the options is not the one that counts")
	}
}

// Contract case 170, and sealed values that were tampered with.
func TestIntrospectWhatIsNoToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	seed, res := w.signIn(c)
	code, err := w.Code(seed, noon.Add(time.Hour))
	w.must(err)
	value := string(res.AccessToken)
	foreign := newWorld(t, storetest.New(t))
	_, elsewhere := foreign.signIn(foreign.addClient("app", nil))
	short, err := w.Sealer.Seal(secret.Access, []byte("not a payload"))
	w.must(err)
	for name, bad := range map[string]string{
		"nothing":                      "",
		"rubbish":                      "rubbish",
		"two dots":                     "..",
		"three parts":                  "a.b.c",
		"a code":                       string(code),
		"the access token as refresh":  "ory_rt_" + strings.TrimPrefix(value, "ory_at_"),
		"without its prefix":           strings.TrimPrefix(value, "ory_at_"),
		"one character changed":        flip(value, len(value)/2),
		"dangling bits":                flip(value, len(value)-1),
		"carriage return":              value[:50] + "\r" + value[50:],
		"another installation's token": string(elsewhere.AccessToken),
		"a payload of another release": short,
		"a megabyte":                   "ory_at_" + strings.Repeat("A", 1<<20),
		"NUL":                          value + "\x00",
	} {
		if w.active(oauth.Secret(bad)) {
			t.Errorf("%s: active", name)
		}
	}
	w.wait(time.Hour)
	if w.active(res.AccessToken) {
		t.Error("an expired access token is active")
	}
}

func flip(s string, i int) string {
	b := []byte(s)
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

var errDown = errors.New("the database is down")

// brokenStore fails whatever a token is judged or ended by.
type brokenStore struct{ Store }

func (brokenStore) Grant(context.Context, oauth.ID) (*oauth.GrantRow, error) { return nil, errDown }
func (brokenStore) MachineToken(context.Context, oauth.ID, oauth.ID) (oauth.ClientState, bool, error) {
	return oauth.ClientState{}, false, errDown
}
func (brokenStore) RevokeToken(context.Context, oauth.ID, oauth.ID, time.Time, int) error {
	return errDown
}

// unwritable reads, but does not write.
type unwritable struct{ Store }

func (unwritable) EndGrant(context.Context, oauth.ID, oauth.EndReason, time.Time) error {
	return errDown
}
func (unwritable) SpendCode(context.Context, oauth.ID, oauth.CodeSpend) error { return errDown }
func (unwritable) Rotate(context.Context, oauth.ID, oauth.Rotation) error     { return errDown }

// A database that is down never makes a token look dead, unknown or revoked.
func TestAFaultOfTheStoreSaysNothingOfTheToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	_, res := w.signIn(c)
	_, code := w.grantOf(c, nil)
	machine := w.exchange(c, machineForm())
	working := w.Service.Store
	ctx := t.Context()

	isFault := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, errDown) || oauth.KindOf(err) != oauth.ServerError {
			t.Errorf("%s = %v, want the store's own error", what, err)
		}
	}
	isRetry := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, errDown) || oauth.KindOf(err) != oauth.TemporarilyUnavailable {
			t.Errorf("%s = %v, want temporarily_unavailable", what, err)
		}
	}
	w.Service.Store = brokenStore{working}
	for _, value := range []oauth.Secret{res.AccessToken, res.RefreshToken, machine.AccessToken} {
		in, err := w.Introspect(ctx, value, "", nil)
		isFault("Introspect()", err)
		if in != nil {
			t.Error("Introspect() answers beside its error")
		}
		isRetry("Revoke()", w.Revoke(ctx, c, value))
	}
	_, err := w.Userinfo(ctx, res.AccessToken)
	isFault("Userinfo()", err)
	_, err = w.Exchange(ctx, c, codeForm(code))
	isFault("Exchange(code)", err)
	_, err = w.Exchange(ctx, c, refreshForm(res.RefreshToken))
	isFault("Exchange(refresh)", err)

	w.Service.Store = unwritable{working}
	isRetry("Revoke()", w.Revoke(ctx, c, res.AccessToken))
	_, err = w.Exchange(ctx, c, codeForm(code))
	isFault("Exchange(code)", err)
	_, err = w.Exchange(ctx, c, refreshForm(res.RefreshToken))
	isFault("Exchange(refresh)", err)

	w.Service.Store = working
	if !w.active(res.AccessToken) || !w.active(machine.AccessToken) {
		t.Error("a failed revocation revoked something")
	}
	w.exchange(c, codeForm(code)) // the client tries again
	w.exchange(c, refreshForm(res.RefreshToken))
}
