package key

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/storetest"
)

// node is a ring and a key service over a real store.
func node(t *testing.T, store oauth.Store, c *clock) (*Ring, *Service) {
	t.Helper()
	system, err := secret.NewSystem([]string{systemSecret})
	if err != nil {
		t.Fatal(err)
	}
	sealer := secret.NewSealer("https://a.example/")
	sealer.Now = c.Now
	w := &Watch{Store: store, Staleness: time.Second, Now: c.Now}
	return &Ring{Store: store, System: system, Sealer: sealer, Watch: w, Now: c.Now},
		&Service{Store: store, Sealer: sealer, Watch: w, Now: c.Now}
}

// Two nodes' first start at once → one signing key, one seal ring.
func TestFirstStartOnSQLite(t *testing.T) {
	t.Parallel()
	store, c := storetest.New(t), newClock()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			r, s := node(t, store, c)
			if err := r.Start(t.Context()); err != nil {
				t.Errorf("Start() = %v", err)
				return
			}
			if err := s.Ensure(t.Context(), "set", "ES256"); err != nil {
				t.Errorf("Ensure() = %v", err)
			}
		})
	}
	wg.Wait()
	seal, err := store.SealKeys(t.Context())
	if err != nil || len(seal) != len(secret.Kinds()) {
		t.Errorf("%d data keys for %d kinds, %v", len(seal), len(secret.Kinds()), err)
	}
	keys, err := store.KeySet(t.Context(), "set")
	if err != nil || len(keys) != 2 {
		t.Errorf("%d keys, %v, want one pair", len(keys), err)
	}
}

// What the tests on a store in memory say holds for the real one.
func TestKeysOnSQLite(t *testing.T) {
	t.Parallel()
	store, c := storetest.New(t), newClock()
	r, s := node(t, store, c)
	mustStart(t, r)
	const set = "a set/with % 🔑"
	mustGenerate(t, s, set, "ES256", "Foo")
	mustGenerate(t, s, set, "EdDSA", "foo") // another key: kids are compared byte for byte
	jwt := mustSign(t, s, set)

	keys, err := s.Set(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"public:foo", "private:foo", "public:Foo", "private:Foo"}, kids(keys)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if _, err := s.ReplaceSet(t.Context(), set, setJSON(keys...), Halves); err != nil {
		t.Fatal(err)
	}
	if again, err := s.Set(t.Context(), set); err != nil || !cmp.Equal(again, keys) {
		t.Errorf("a set that was written back: %q, %v, want %q", kids(again), err, kids(keys))
	}
	if _, err := s.Rotate(t.Context(), set, "ES384"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteKey(t.Context(), set, "private:Foo"); err != nil {
		t.Fatal(err)
	}

	c.add(8 * 24 * time.Hour)
	value, err := r.Sealer.Seal(secret.Refresh, []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := r.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.add(time.Hour)
	}
	other, s2 := node(t, store, c)
	mustStart(t, other)
	if _, err := other.Sealer.Open(t.Context(), value, secret.Refresh); err != nil {
		t.Errorf("Open() on another node after a rotation = %v", err)
	}
	if _, err := s2.Verify(t.Context(), set, jwt); err != nil {
		t.Errorf("Verify() on another node after a rotation = %v", err)
	}
	if alg, err := s2.SigningAlg(t.Context(), set); err != nil || alg != "ES384" {
		t.Errorf("SigningAlg() on another node = %q, %v", alg, err)
	}
}
