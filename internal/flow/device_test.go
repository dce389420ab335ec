package flow

import (
	"testing"
	"time"

	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/storetest"
	"hydra/internal/token"
)

// With one user code in all, the first device gets it, and the second is told
// to come back: when the first has expired and was cleaned up, the code is free.
func TestUserCodesThatAreTaken(t *testing.T) {
	t.Parallel()
	store, counter := storetest.NewCounted(t)
	now := time.Now()
	clock := func() time.Time { return now }
	system, err := secret.NewSystem([]string{"a system secret for tests only"})
	if err != nil {
		t.Fatal(err)
	}
	sealer := secret.NewSealer("https://id.test/")
	sealer.Now = clock
	watch := &key.Watch{Store: store, Staleness: time.Hour, Now: clock}
	if err := (&key.Ring{Store: store, System: system, Sealer: sealer, Watch: watch, Now: clock, RotateEvery: -1}).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &Service{
		Store: store, Sealer: sealer, Now: clock, Tokens: &token.Service{Store: store, Sealer: sealer, Now: clock},
		Options: Options{PublicURL: "https://id.test", DeviceCodeTTL: time.Minute, UserCodes: oauth.UserCodes{Alphabet: "A", Length: 1}, Scopes: oauth.ExactScope},
	}
	c := &oauth.Client{UID: oauth.ID{1}, ID: "tv", GrantTypes: []string{oauth.GrantDeviceCode}}
	if _, err := s.AuthorizeDevice(t.Context(), c, nil, "network"); err != nil {
		t.Fatal(err)
	}
	counter.Take()
	_, err = s.AuthorizeDevice(t.Context(), c, nil, "network")
	if oauth.KindOf(err) != oauth.TemporarilyUnavailable {
		t.Errorf("the second device is told %v", err)
	}
	if n := counter.Take(); n.Writes != userCodeAttempts {
		t.Errorf("%d user codes were tried, want %d", n.Writes, userCodeAttempts)
	}
	now = now.Add(time.Hour)
	if _, err := s.Tokens.Purge(t.Context(), now, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AuthorizeDevice(t.Context(), c, nil, "network"); err != nil {
		t.Errorf("after the clean-up: %v", err)
	}
}
