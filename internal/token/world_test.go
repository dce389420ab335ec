package token

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"hydra/internal/client"
	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/secret"
)

const testIssuer = "https://issuer.test/"

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// world is a token service on a real store, with a clock that a test moves.
type world struct {
	*Service
	t     testing.TB
	store oauth.Store
	watch *key.Watch

	mu     sync.Mutex
	now    time.Time
	events []string
}

func newWorld(t testing.TB, store oauth.Store) *world {
	t.Helper()
	w := &world{t: t, store: store, now: noon}
	system, err := secret.NewSystem([]string{"a system secret for tests only"})
	if err != nil {
		t.Fatal(err)
	}
	sealer := secret.NewSealer(testIssuer)
	sealer.Now = w.clock
	w.watch = &key.Watch{Store: store, Staleness: time.Hour, Now: w.clock}
	ring := &key.Ring{Store: store, System: system, Sealer: sealer, Watch: w.watch, Now: w.clock, RotateEvery: -1}
	if err := ring.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys := &key.Service{Store: store, Sealer: sealer, Watch: w.watch, Now: w.clock}
	for _, set := range []string{IDTokenSet, AccessTokenSet} {
		if err := keys.Ensure(t.Context(), set, "ES256"); err != nil { // quick to make
			t.Fatal(err)
		}
	}
	w.Service = &Service{
		Store:   store,
		Clients: &client.Service{Store: store, Replays: store, Watch: w.watch, Now: w.clock},
		Keys:    keys,
		Sealer:  sealer,
		Options: Options{Issuer: testIssuer, GracePeriod: 10 * time.Second},
		Now:     w.clock,
		Observe: func(_ context.Context, e oauth.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e.Name)
		},
	}
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// wait moves the clock.
func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) happened(event string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return contains(w.events, event)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// addClient registers a confidential client that may do everything.
func (w *world) addClient(id string, change func(*oauth.Client)) *oauth.Client {
	w.t.Helper()
	c := &oauth.Client{
		UID: oauth.ID(secret.NewID()), ID: id, CreatedAt: w.clock(), UpdatedAt: w.clock(), ExpiresAt: oauth.Never,
		Scope:      "openid offline offline_access foo.* bar",
		Audience:   []string{"https://api.test/"},
		GrantTypes: []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken, oauth.GrantClientCredentials},
		AuthMethod: oauth.AuthSecretBasic,
	}
	if change != nil {
		change(c)
	}
	w.must(w.store.AddClient(w.t.Context(), c, nil))
	w.watch.Forget()
	return w.client(id)
}

func (w *world) client(id string) *oauth.Client {
	w.t.Helper()
	c, _, err := w.store.Client(w.t.Context(), id)
	w.must(err)
	return c
}

// grantOf does what the acceptance of a consent does, and hands out the code.
func (w *world) grantOf(c *oauth.Client, change func(*oauth.Grant, *oauth.GrantData)) (oauth.Seed, oauth.Secret) {
	w.t.Helper()
	seed := oauth.Seed(secret.NewID())
	now := w.clock()
	g := &oauth.Grant{
		ID: seed.GrantID(), ClientUID: c.UID, Kind: oauth.ConsentGrant, SubjectKey: oauth.ID(w.Sealer.Index("subject", "alice")),
		SessionID: seed.SessionID(), RequestedAt: now.Add(-time.Minute), HandledAt: now,
		FlowExpiresAt: now.Add(14 * time.Minute), CodeExpiresAt: now.Add(24 * time.Minute),
		ExpiresAt: now.Add(24 * time.Minute), PurgeAt: now.Add(34 * time.Minute), OpID: oauth.ID(secret.NewID()),
	}
	d := &oauth.GrantData{
		Subject: "alice", GrantedScope: []string{"openid", "offline_access", "foo.read", "bar"}, GrantedAudience: []string{"https://api.test/"},
		RedirectURI: "https://app.test/callback", Nonce: "a-nonce", AuthTime: now.Add(-time.Minute).Unix(), ACR: "1", AMR: []string{"pwd"},
		AccessClaims: json.RawMessage(`{"tier":"gold"}`), IDClaims: json.RawMessage(`{"email":"alice@test"}`),
	}
	if change != nil {
		change(g, d)
	}
	data, err := w.SealData(g.ID, d)
	w.must(err)
	g.Data = data
	w.must(w.store.AddGrant(w.t.Context(), g, oauth.Standing{Now: now}))
	code, err := w.Code(seed, now.Add(10*time.Minute))
	w.must(err)
	return seed, code
}

func (w *world) grant(seed oauth.Seed) *oauth.GrantRow {
	w.t.Helper()
	row, err := w.store.Grant(w.t.Context(), seed.GrantID())
	w.must(err)
	return row
}

func form(pairs ...string) url.Values {
	f := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		f.Add(pairs[i], pairs[i+1])
	}
	return f
}

func codeForm(code oauth.Secret, more ...string) url.Values {
	return form(append([]string{"grant_type", oauth.GrantAuthorizationCode, "code", string(code), "redirect_uri", "https://app.test/callback"}, more...)...)
}

func refreshForm(value oauth.Secret, more ...string) url.Values {
	return form(append([]string{"grant_type", oauth.GrantRefreshToken, "refresh_token", string(value)}, more...)...)
}

// exchange expects an answer, refuse one of the kind.
func (w *world) exchange(c *oauth.Client, f url.Values) *Response {
	w.t.Helper()
	res, err := w.Exchange(w.t.Context(), c, f)
	if err != nil {
		w.t.Fatalf("Exchange(%s) = %v", f.Get("grant_type"), err)
	}
	return res
}

func (w *world) refuse(c *oauth.Client, f url.Values, want oauth.Kind) {
	w.t.Helper()
	res, err := w.Exchange(w.t.Context(), c, f)
	if res != nil {
		w.t.Fatalf("Exchange(%s) gave tokens, want %s", f.Get("grant_type"), want)
	}
	if !errors.Is(err, want) {
		w.t.Fatalf("Exchange(%s) = %v, want %s", f.Get("grant_type"), err, want)
	}
}

// signIn does a whole code exchange.
func (w *world) signIn(c *oauth.Client) (oauth.Seed, *Response) {
	w.t.Helper()
	seed, code := w.grantOf(c, nil)
	return seed, w.exchange(c, codeForm(code))
}

func (w *world) introspect(value oauth.Secret, scope ...string) *Introspection {
	w.t.Helper()
	in, err := w.Introspect(w.t.Context(), value, "", scope)
	w.must(err)
	return in
}

func (w *world) active(value oauth.Secret) bool { w.t.Helper(); return w.introspect(value).Active }

// jwtParts decodes a JWT without looking at its signature.
func jwtParts(t testing.TB, value oauth.Secret) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(string(value), ".")
	if len(parts) != 3 {
		t.Fatalf("a JWT has %d parts", len(parts))
	}
	for i, dst := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, dst); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}
