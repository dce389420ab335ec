package key

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hydra/internal/oauth"
)

func mustRotate(t *testing.T, s *Service, set, alg string) []Rotated {
	t.Helper()
	made, err := s.Rotate(t.Context(), set, alg)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func mustSignBy(t *testing.T, s *Service, set, alg string) string {
	t.Helper()
	g, err := s.Signer(t.Context(), set, alg)
	if err != nil {
		t.Fatal(err)
	}
	jwt, err := g.Sign(t.Context(), "JWT", []byte(`{"sub":"alice"}`))
	if err != nil {
		t.Fatal(err)
	}
	if alg != "" && g.Alg != alg {
		t.Errorf("Signer(%s) signs with %s", alg, g.Alg)
	}
	return jwt
}

// The life of a key: announced, active, retired but published, retired and
// still good for an id_token_hint, gone.
func TestServiceRotates(t *testing.T) {
	t.Parallel()
	s, m, c := newService(t)
	s.AnnounceFor, s.PublishFor = time.Minute, time.Hour
	mustGenerate(t, s, "set", "ES256", "old")
	mustGenerate(t, s, "set", "HS256", "hs")
	jwt := mustSign(t, s, "set")
	made := mustRotate(t, s, "set", "")
	if len(made) != 1 || made[0].Alg != "ES256" || made[0].Set != "set" || !made[0].ActiveFrom.Equal(noon.Add(time.Minute)) {
		t.Fatalf("Rotate() = %+v", made)
	}
	verifies := func(want bool) {
		t.Helper()
		if _, err := s.Verify(t.Context(), "set", jwt); (err == nil) != want {
			t.Errorf("after %v: Verify() = %v, want it good: %v", c.Now().Sub(noon), err, want)
		}
	}
	publishes := func(n int) {
		t.Helper()
		if got := publishedKIDs(t, s, "set"); len(got) != n {
			t.Errorf("after %v: published %q, want %d keys", c.Now().Sub(noon), got, n)
		}
	}
	signs := func(want string) {
		t.Helper()
		if got := kidOf(t, mustSign(t, s, "set")); got != want {
			t.Errorf("after %v: %q signs, want %q", c.Now().Sub(noon), got, want)
		}
	}
	verifies(true)
	publishes(2)
	signs("public:old")
	c.add(time.Minute)
	publishes(2)
	signs(made[0].KID)
	c.add(time.Hour - 1)
	publishes(2)
	c.add(1) // the last token of the old key has expired
	publishes(1)
	verifies(true) // as an id_token_hint
	c.add(VerifyFor - time.Hour - time.Microsecond)
	verifies(true)
	c.add(time.Microsecond)
	verifies(false)
	mustRotate(t, s, "set", "")
	if len(m.keys) != 5 { // two pairs and the symmetric key
		t.Errorf("%d keys after the next rotation, want 5", len(m.keys))
	}
	for _, alg := range []string{"HS256", "none", "RS1"} {
		if _, err := s.Rotate(t.Context(), "set", alg); !errors.Is(err, oauth.InvalidRequest) {
			t.Errorf("Rotate() to %s = %v, want invalid_request", alg, err)
		}
	}
}

// A rotation destroys private halves that will not sign again, and leaves a key
// alone that publishes itself.
func TestRotationDestroysSpentPrivateHalves(t *testing.T) {
	t.Parallel()
	s, m, c := newService(t)
	mustGenerate(t, s, "set", "ES256", "pair")
	jwt := mustSign(t, s, "set")
	mustRotate(t, s, "set", "")
	has := func(kid string) bool {
		return slices.ContainsFunc(m.keys, func(k oauth.KeyRow) bool { return k.KID == kid })
	}
	c.add(clockSlack - time.Microsecond)
	mustRotate(t, s, "set", "")
	if !has("private:pair") {
		t.Error("the private half went while a slow node may sign with it")
	}
	c.add(time.Microsecond)
	mustRotate(t, s, "set", "")
	if has("private:pair") || !has("public:pair") {
		t.Errorf("the halves stay: private %v, public %v", has("private:pair"), has("public:pair"))
	}
	if _, err := s.Verify(t.Context(), "set", jwt); err != nil {
		t.Errorf("Verify() by the public half alone = %v", err)
	}
}

// Who asked for an algorithm by name keeps it, whatever the set signs with for
// the others; and its key does not change what the others get.
func TestKeysByAlgorithm(t *testing.T) {
	t.Parallel()
	s, m, c := newService(t)
	s.AnnounceFor = time.Minute
	mustGenerate(t, s, "set", "ES256", "first")
	named := mustSignBy(t, s, "set", "ES384")
	if kidOf(t, mustSign(t, s, "set")) != "public:first" || kidOf(t, mustSignBy(t, s, "set", "ES256")) != "public:first" || len(m.keys) != 4 {
		t.Errorf("%d keys, and another key than the first signs for ES256", len(m.keys))
	}
	if kidOf(t, mustSignBy(t, s, "set", "ES384")) != kidOf(t, named) {
		t.Error("the second signature made a second key")
	}
	if got := publishedKIDs(t, s, "set"); !slices.Equal(got, []string{"public:first", kidOf(t, named)}) {
		t.Errorf("published: %q", got)
	}
	if _, err := s.Verify(t.Context(), "set", named); err != nil {
		t.Errorf("Verify() = %v", err)
	}
	if _, err := s.Verify(t.Context(), "other", named); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("Verify() by another set = %v, want ErrUnknownKey", err)
	}
	for _, alg := range []string{"HS256", "none", "RS1", "es256"} {
		if _, err := s.Signer(t.Context(), "set", alg); err == nil {
			t.Errorf("Signer(%s) gave one", alg)
		}
	}

	// A rotation replaces both, each where it was.
	before := map[string]string{"": kidOf(t, mustSign(t, s, "set")), "ES384": kidOf(t, named)}
	if made := mustRotate(t, s, "set", ""); len(made) != 2 {
		t.Errorf("Rotate() = %+v, want two keys", made)
	}
	for _, after := range []time.Duration{0, time.Minute} {
		c.add(after)
		for alg, old := range before {
			if got := kidOf(t, mustSignBy(t, s, "set", alg)); (got == old) != (after == 0) {
				t.Errorf("%v after the rotation %q signs for %q", after, got, alg)
			}
		}
	}
	if alg, err := s.SigningAlg(t.Context(), "set"); err != nil || alg != "ES256" {
		t.Errorf("SigningAlg() = %s, %v", alg, err)
	}
}

// Another algorithm for everybody is announced first, and those who asked for
// the old one by name keep it without a gap, also over the rotations to come.
func TestPrefer(t *testing.T) {
	t.Parallel()
	s, _, c := newService(t)
	s.AnnounceFor = time.Hour
	prefer := func(alg string, want int) {
		t.Helper()
		if made, err := s.Prefer(t.Context(), "set", alg); err != nil || len(made) != want {
			t.Errorf("Prefer(%s) = %+v, %v, want %d keys", alg, made, err, want)
		}
	}
	signs := func(asked, want string) string {
		t.Helper()
		g, err := s.Signer(t.Context(), "set", asked)
		if err != nil {
			t.Fatal(err)
		}
		if g.Alg != want {
			t.Errorf("%v: %s signs for %q, want %s", c.Now().Sub(noon), g.Alg, asked, want)
		}
		return g.key.row.KID
	}
	prefer("ES384", 0) // the first key of all needs no announcement
	old := signs("", "ES384")
	prefer("ES384", 0)
	prefer("EdDSA", 1)
	prefer("EdDSA", 0) // the next start finds it announced
	signs("", "ES384")
	c.add(time.Hour)
	signs("", "EdDSA")
	if signs("ES384", "ES384") != old {
		t.Error("ES384 by name has another key, though the old one was not replaced")
	}
	c.add(24 * time.Hour)
	if made, err := s.RotateOlder(t.Context(), "set", 24*time.Hour); err != nil || len(made) != 2 {
		t.Errorf("RotateOlder() = %+v, %v, want two keys", made, err)
	}
	c.add(time.Hour)
	signs("", "EdDSA")
	if signs("ES384", "ES384") == old {
		t.Error("ES384 by name was not rotated")
	}
}

// A rotation must not bring back a key that is removed at the same moment.
func TestRotationBringsNothingBack(t *testing.T) {
	t.Parallel()
	s, m, _ := newService(t)
	mustGenerate(t, s, "set", "ES256", "stolen")
	jwt := mustSign(t, s, "set")
	m.onAdd = func() {
		m.keys = slices.DeleteFunc(m.keys, func(k oauth.KeyRow) bool { return strings.HasSuffix(k.KID, "stolen") })
	}
	mustRotate(t, s, "set", "")
	if _, err := s.Verify(t.Context(), "set", jwt); !errors.Is(err, ErrUnknownKey) || len(m.keys) != 2 {
		t.Errorf("Verify() = %v with %d keys, want the removed pair gone", err, len(m.keys))
	}
}

// Two nodes that rotate at once make one key.
func TestTwoNodesRotateAKeyAtOnce(t *testing.T) {
	t.Parallel()
	one, m, c := newService(t)
	two := &Service{Store: m, Sealer: one.Sealer, Watch: &Watch{Store: m, Now: c.Now}, Now: c.Now}
	mustGenerate(t, one, "set", "ES256", "first")
	mustSignBy(t, one, "set", "ES384")
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	load := make(chan struct{})
	for _, s := range []*Service{one, two, one, two} {
		wg.Go(func() {
			<-load
			got, err := s.RotateOlder(t.Context(), "set", time.Hour)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			made += len(got)
		})
	}
	c.add(time.Hour)
	close(load)
	wg.Wait()
	if made != 2 || len(m.keys) != 8 {
		t.Errorf("%d keys were made and %d rows are there, want 2 and 8", made, len(m.keys))
	}
}

// A node whose clock is behind takes the key that another made just now, and not
// the one that is announced after it, which not every node publishes yet.
func TestAnnouncedKeyDoesNotSignForANodeThatIsBehind(t *testing.T) {
	t.Parallel()
	ahead, m, c := newService(t)
	late := func() time.Time { return c.Now().Add(-4 * time.Second) }
	behind := &Service{Store: m, Sealer: ahead.Sealer, Watch: &Watch{Store: m, Now: late}, Now: late, AnnounceFor: time.Minute}
	ahead.AnnounceFor = time.Minute
	mustGenerate(t, ahead, "set", "ES256", "first")
	mustGenerate(t, ahead, "set", "ES256", "announced")
	if got := kidOf(t, mustSign(t, behind, "set")); got != "public:first" {
		t.Errorf("signed with %q, want the key that is in use", got)
	}
}

// Many first requests for an algorithm make one key, on one node and on two.
func TestFirstNeedMakesOneKey(t *testing.T) {
	t.Parallel()
	one, m, c := newService(t)
	two := &Service{Store: m, Sealer: one.Sealer, Watch: &Watch{Store: m, Now: c.Now}, Now: c.Now}
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			s := []*Service{one, two}[i%2]
			if _, err := s.Verify(t.Context(), "set", mustSignBy(t, s, "set", "ES512")); err != nil {
				t.Errorf("Verify() = %v", err)
			}
		})
	}
	wg.Wait()
	if len(m.keys) != 2 {
		t.Errorf("%d keys, want one pair", len(m.keys))
	}
}

// Each algorithm that is offered signs and verifies, and a token does not
// choose among the keys of its set: RFC 8725 §3.1.
func TestEachAlgorithmSigns(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	var tokens []string
	for _, alg := range SigningAlgs() {
		jwt := mustSignBy(t, s, "set", alg)
		v, err := s.Verify(t.Context(), "set", jwt)
		if err != nil || v.Alg != alg {
			t.Errorf("%s: Verify() = %+v, %v", alg, v, err)
		}
		tokens = append(tokens, jwt)
	}
	if got := publishedKIDs(t, s, "set"); len(got) != len(SigningAlgs()) {
		t.Errorf("%d published keys, want one for each algorithm", len(got))
	}
	// The head of one with the kid of another: the key decides the algorithm.
	for i, jwt := range tokens {
		other := kidOf(t, tokens[(i+1)%len(tokens)])
		_, rest, _ := strings.Cut(jwt, ".")
		forged := b64url(fmt.Appendf(nil, `{"alg":%q,"kid":%q,"typ":"JWT"}`, SigningAlgs()[i], other)) + "." + rest
		if _, err := s.Verify(t.Context(), "set", forged); !errors.Is(err, ErrAlgorithm) && !errors.Is(err, ErrBadSignature) {
			t.Errorf("%s with the kid of the next: Verify() = %v", SigningAlgs()[i], err)
		}
	}
}
