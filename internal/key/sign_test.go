package key

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
)

func mustSign(t *testing.T, s *Service, set string) string {
	t.Helper()
	jwt, err := s.Sign(t.Context(), set, "JWT", []byte(`{"sub":"alice"}`))
	if err != nil {
		t.Fatalf("Sign() = %v", err)
	}
	return jwt
}

func kidOf(t *testing.T, jwt string) string {
	t.Helper()
	c, err := parseCompact(jwt)
	if err != nil {
		t.Fatal(err)
	}
	return c.KID
}

// publishedKIDs returns the kids of the published set, after checking that it
// gives nothing away and names no kid twice.
func publishedKIDs(t *testing.T, s *Service, sets ...string) []string {
	t.Helper()
	raw, err := s.PublicJWKS(t.Context(), sets...)
	if err != nil {
		t.Fatalf("PublicJWKS() = %v", err)
	}
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatalf("PublicJWKS() = %s: %v", raw, err)
	}
	seen := make(map[string]bool)
	var out []string
	for _, k := range set.Keys {
		for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
			if k[name] != nil {
				t.Errorf("a published key has the member %s", name)
			}
		}
		kid, _ := k["kid"].(string)
		if seen[kid] {
			t.Errorf("the kid %q is published twice", kid)
		}
		seen[kid] = true
		out = append(out, kid)
	}
	return out
}

func TestSignAndVerify(t *testing.T) {
	t.Parallel()
	for _, alg := range AssertionAlgs() {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			s, _, _ := newService(t)
			mustGenerate(t, s, "set", alg, "k")
			if got, err := s.SigningAlg(t.Context(), "set"); err != nil || got != alg {
				t.Errorf("SigningAlg() = %q, %v", got, err)
			}
			jwt, err := s.Sign(t.Context(), "set", "at+jwt", []byte(`{"sub":"a"}`))
			if err != nil {
				t.Fatal(err)
			}
			want := Verified{Header: Header{Alg: alg, Typ: "at+jwt", KID: "public:k"}, Payload: []byte(`{"sub":"a"}`)}
			got, err := s.Verify(t.Context(), "set", jwt)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("Verify() = %v (-want +got):\n%s", err, diff)
			}
			// A relying party does with the published set what Verify did.
			jwks, err := s.PublicJWKS(t.Context(), "set")
			if err != nil {
				t.Fatal(err)
			}
			if err := CheckClientJWKS(jwks); err != nil {
				t.Errorf("the published set is not one: %v", err)
			}
			if got, err := VerifyAssertion(jwks, jwt, []string{alg}); err != nil || !cmp.Equal(got, want) {
				t.Errorf("verified with the published set: %v, %v", got, err)
			}
		})
	}
}

func TestHeaderHasNothingElse(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	mustGenerate(t, s, "set", "ES256", "k")
	for typ, want := range map[string]string{
		"JWT": `{"alg":"ES256","kid":"public:k","typ":"JWT"}`,
		"":    `{"alg":"ES256","kid":"public:k"}`,
	} {
		jwt, err := s.Sign(t.Context(), "set", typ, []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(jwt, ".")
		if got, err := base64.RawURLEncoding.DecodeString(head); err != nil || string(got) != want {
			t.Errorf("header = %s, %v, want %s", got, err, want)
		}
	}
}

// Which kid a private key signs and is published under.
func TestPublishedNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		kid  string // of the private key, put alone
		want string
	}{
		{"a pair's private half alone", "private:x", "public:x"},
		{"a bare kid", "x", "x"},
		{"a bare kid with another prefix", "public:x", "public:x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, _, _ := newService(t)
			k := mustGenerate(t, s, "source", "ES256", "x")[1]
			if _, err := s.PutKey(t.Context(), "set", test.kid, with(t, k, map[string]any{"kid": nil}), Halves); err != nil {
				t.Fatal(err)
			}
			jwt := mustSign(t, s, "set")
			if got := kidOf(t, jwt); got != test.want {
				t.Errorf("signed as %q, want %q", got, test.want)
			}
			if got := publishedKIDs(t, s, "set"); !cmp.Equal(got, []string{test.want}) {
				t.Errorf("published as %q, want %q", got, test.want)
			}
			if _, err := s.Verify(t.Context(), "set", jwt); err != nil {
				t.Errorf("Verify() = %v", err)
			}
		})
	}
}

// The private key decides what is published under the name of the pair, so
// that what it signs verifies.
func TestMismatchedPublicHalf(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	mustGenerate(t, s, "set", "ES256", "x")
	other := mustGenerate(t, s, "source", "ES256", "x")[0]
	if _, err := s.PutKey(t.Context(), "set", "public:x", other.JSON, Halves); err != nil {
		t.Fatal(err)
	}
	jwks, err := s.PublicJWKS(t.Context(), "set")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyAssertion(jwks, mustSign(t, s, "set"), AssertionAlgs()); err != nil {
		t.Errorf("a signature does not verify with the published set: %v", err)
	}
}

func TestWhatIsPublished(t *testing.T) {
	t.Parallel()
	s, _, c := newService(t)
	if got := publishedKIDs(t, s, "one", "two"); len(got) != 0 {
		t.Errorf("published of nothing: %q", got)
	}
	if raw, err := s.PublicJWKS(t.Context(), "one"); err != nil || string(raw) != `{"keys":[]}` {
		t.Errorf("PublicJWKS() = %s, %v", raw, err)
	}
	mustGenerate(t, s, "one", "ES256", "a")
	mustGenerate(t, s, "one", "HS256", "secret")
	c.add(time.Second)
	mustGenerate(t, s, "two", "EdDSA", "a")
	mustGenerate(t, s, "two", "EdDSA", "b")
	if got, want := publishedKIDs(t, s, "one", "two"), []string{"public:a", "public:b"}; !cmp.Equal(got, want) {
		t.Errorf("published %q, want %q", got, want)
	}
	if got, want := publishedKIDs(t, s, "two", "one"), []string{"public:b", "public:a"}; !cmp.Equal(got, want) {
		t.Errorf("published %q, want %q", got, want)
	}
}

func TestKeysThatDoNotSign(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	mustGenerate(t, s, "set", "ES256", "good")
	encrypts := mustGenerate(t, s, "source", "ES256", "encrypts")[1]
	odd := mustGenerate(t, s, "source", "ES256", "odd")[1]
	for kid, raw := range map[string]json.RawMessage{
		"private:encrypts": with(t, encrypts, map[string]any{"use": "enc"}),
		"private:odd":      with(t, odd, map[string]any{"alg": "RS256"}),
	} {
		if _, err := s.PutKey(t.Context(), "set", kid, raw, Halves); err != nil {
			t.Fatal(err)
		}
	}
	mustGenerate(t, s, "set", "HS512", "newest")
	if got := kidOf(t, mustSign(t, s, "set")); got != "public:good" {
		t.Errorf("signed with %q, want the one key that signs", got)
	}
}

func TestKeyWithoutAlgTakesThatOfItsType(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"RS256", "ES256", "ES384", "ES512", "EdDSA"} {
		s, _, _ := newService(t)
		k := mustGenerate(t, s, "source", alg, "k")[1]
		if _, err := s.PutKey(t.Context(), "set", k.KID, with(t, k, map[string]any{"alg": nil}), Halves); err != nil {
			t.Fatal(err)
		}
		if got, err := s.SigningAlg(t.Context(), "set"); err != nil || got != alg {
			t.Errorf("SigningAlg() = %q, %v, want %q", got, err, alg)
		}
	}
}

// Rotate signing key under load → every token issued verifies against the JWKS
// a client fetched up to one cache time earlier.
func TestKeyIsAnnouncedBeforeItSigns(t *testing.T) {
	t.Parallel()
	s, _, c := newService(t)
	s.AnnounceFor = 10 * time.Minute
	mustGenerate(t, s, "set", "ES256", "old") // the first signs at once
	if got := kidOf(t, mustSign(t, s, "set")); got != "public:old" {
		t.Fatalf("signed with %q", got)
	}
	mustGenerate(t, s, "set", "ES256", "new")
	fetched, err := s.PublicJWKS(t.Context(), "set")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := publishedKIDs(t, s, "set"), []string{"public:old", "public:new"}; !cmp.Equal(got, want) {
		t.Errorf("while announced: published %q, want the signer first: %q", got, want)
	}
	for range 11 {
		jwt := mustSign(t, s, "set")
		if _, err := VerifyAssertion(fetched, jwt, AssertionAlgs()); err != nil {
			t.Errorf("a token does not verify with the set fetched before: %v", err)
		}
		if got, want := kidOf(t, jwt) == "public:new", !c.Now().Before(noon.Add(s.AnnounceFor)); got != want {
			t.Errorf("after %v: signed with the new key: %v, want %v", c.Now().Sub(noon), got, want)
		}
		c.add(time.Minute)
	}
	if got, want := publishedKIDs(t, s, "set"), []string{"public:new", "public:old"}; !cmp.Equal(got, want) {
		t.Errorf("when active: published %q, want the signer first: %q", got, want)
	}
}

// Contract case 228, with the option that restores Hydra's behaviour.
func TestKeySignsAtOnceWithoutAnnouncement(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	mustGenerate(t, s, "set", "ES256", "old")
	before := mustSign(t, s, "set")
	mustGenerate(t, s, "set", "EdDSA", "new")
	after := mustSign(t, s, "set")
	if got := kidOf(t, after); got != "public:new" {
		t.Errorf("signed with %q, want the newer pair", got)
	}
	for _, jwt := range []string{before, after} {
		if _, err := s.Verify(t.Context(), "set", jwt); err != nil {
			t.Errorf("Verify() = %v", err)
		}
	}
}

func TestOnlyAnnouncedKeysStillSign(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	s.AnnounceFor = time.Hour
	mustGenerate(t, s, "set", "ES256", "old")
	mustGenerate(t, s, "set", "ES256", "new")
	if err := s.DeleteKey(t.Context(), "set", "private:old"); err != nil {
		t.Fatal(err)
	}
	if got := kidOf(t, mustSign(t, s, "set")); got != "public:new" {
		t.Errorf("signed with %q, want the newest there is", got)
	}
}

// Compromise: emergency key removal → tokens signed by it die at once, others
// live.
func TestEmergencyRemoval(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	mustGenerate(t, s, "set", "ES256", "bad")
	bad := mustSign(t, s, "set")
	mustGenerate(t, s, "set", "ES256", "good")
	good := mustSign(t, s, "set")
	for _, kid := range []string{"private:bad", "public:bad"} {
		if err := s.DeleteKey(t.Context(), "set", kid); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Verify(t.Context(), "set", bad); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("Verify() of the removed key's token = %v, want ErrUnknownKey", err)
	}
	if _, err := s.Verify(t.Context(), "set", good); err != nil {
		t.Errorf("Verify() of the other key's token = %v", err)
	}
	if got := publishedKIDs(t, s, "set"); !cmp.Equal(got, []string{"public:good"}) {
		t.Errorf("published %q", got)
	}
	if err := s.DeleteSet(t.Context(), "set"); err != nil {
		t.Fatal(err)
	}
	if got := kidOf(t, mustSign(t, s, "set")); got == "public:good" || got == "public:bad" {
		t.Errorf("signed with the deleted key %q", got)
	}
}

func TestRotateOlder(t *testing.T) {
	t.Parallel()
	s, m, c := newService(t)
	rotate := func() {
		t.Helper()
		if _, err := s.RotateOlder(t.Context(), "set", time.Hour); err != nil {
			t.Errorf("RotateOlder() = %v", err)
		}
	}
	rotate()
	mustGenerate(t, s, "set", "HS256", "hs")
	rotate()
	if len(m.keys) != 1 {
		t.Errorf("a set that does not sign has %d keys now, want 1", len(m.keys))
	}
	mustGenerate(t, s, "set", "ES384", "first")
	c.add(time.Hour - time.Microsecond)
	mustGenerate(t, s, "set", "HS256", "hs2") // neither its age nor its algorithm count
	rotate()
	if len(m.keys) != 4 {
		t.Errorf("%d keys before the time, want 4", len(m.keys))
	}
	c.add(2 * time.Microsecond)
	rotate()
	rotate()
	if len(m.keys) != 6 {
		t.Errorf("%d keys after the time, want 6", len(m.keys))
	}
	if alg, err := s.SigningAlg(t.Context(), "set"); err != nil || alg != "ES384" || kidOf(t, mustSign(t, s, "set")) == "public:first" {
		t.Errorf("signs with the old key or with %s, %v", alg, err)
	}
}

// The cache is filled once, follows a change within the staleness bound and
// costs nothing in between.
func TestKeySetsAreCached(t *testing.T) {
	t.Parallel()
	one, m, c := newService(t)
	two := &Service{Store: m, Sealer: one.Sealer, Watch: &Watch{Store: m, Staleness: time.Second, Now: c.Now}, Now: c.Now}
	mustGenerate(t, one, "set", "ES256", "a")
	m.loads, m.asked = 0, 0
	jwt := mustSign(t, two, "set")
	for range 10 {
		mustSign(t, two, "set")
		publishedKIDs(t, two, "set")
		if _, err := two.Verify(t.Context(), "set", jwt); err != nil {
			t.Fatal(err)
		}
		forged := jwt[:len(jwt)-8] + "AAAAAAAA"
		if _, err := two.Verify(t.Context(), "set", forged); !errors.Is(err, ErrBadSignature) {
			t.Errorf("Verify() of a forged token = %v, want ErrBadSignature", err)
		}
	}
	if m.loads != 2 || m.asked != 1 { // the set, and the one beside it
		t.Errorf("%d loads and %d questions, want 2 and 1", m.loads, m.asked)
	}
	mustGenerate(t, one, "set", "ES256", "b")
	if got := kidOf(t, mustSign(t, two, "set")); got != "public:a" {
		t.Errorf("within the bound: signed with %q", got)
	}
	c.add(time.Second)
	if got := kidOf(t, mustSign(t, two, "set")); got != "public:b" {
		t.Errorf("after the bound: signed with %q", got)
	}
}

// A token that another node signed a moment ago with a key that is new to us
// is not refused; a flood of unknown kids asks once a second.
func TestUnknownKIDAsksAtMostOnceASecond(t *testing.T) {
	t.Parallel()
	one, m, c := newService(t)
	two := &Service{Store: m, Sealer: one.Sealer, Watch: &Watch{Store: m, Staleness: time.Hour, Now: c.Now}, Now: c.Now}
	mustGenerate(t, one, "set", "ES256", "a")
	mustSign(t, two, "set")
	mustGenerate(t, one, "set", "ES256", "b")
	if _, err := two.Verify(t.Context(), "set", mustSign(t, one, "set")); err != nil {
		t.Errorf("Verify() of a token of a new key = %v", err)
	}
	other, _, _ := newService(t)
	mustGenerate(t, other, "set", "ES256", "c")
	foreign := mustSign(t, other, "set")
	m.set(func() { m.asked = 0 })
	for range 100 {
		if _, err := two.Verify(t.Context(), "set", foreign); !errors.Is(err, ErrUnknownKey) {
			t.Fatalf("Verify() of a foreign token = %v, want ErrUnknownKey", err)
		}
	}
	if m.asked != 0 {
		t.Errorf("%d questions within the second, want none", m.asked)
	}
	c.add(time.Second)
	for range 100 {
		if _, err := two.Verify(t.Context(), "set", foreign); !errors.Is(err, ErrUnknownKey) {
			t.Fatalf("Verify() of a foreign token = %v, want ErrUnknownKey", err)
		}
	}
	if m.asked != 1 {
		t.Errorf("%d questions in the next second, want 1", m.asked)
	}
}

func TestSigningWhileKeysChange(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	mustGenerate(t, s, "set", "ES256", "")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				jwt, err := s.Sign(t.Context(), "set", "JWT", []byte(`{}`))
				if err != nil {
					t.Errorf("Sign() = %v", err)
					return
				}
				if _, err := s.Verify(t.Context(), "set", jwt); err != nil {
					t.Errorf("Verify() = %v", err)
				}
				if _, err := s.PublicJWKS(t.Context(), "set"); err != nil {
					t.Errorf("PublicJWKS() = %v", err)
				}
			}
		})
	}
	for range 10 {
		mustGenerate(t, s, "set", "EdDSA", "")
	}
	wg.Wait()
}

// Private-key operations run behind a semaphore with a bounded queue; above it
// the answer is 503 with Retry-After.
func TestLimiterShedsLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l Limiter
		release := make(chan struct{})
		var wg sync.WaitGroup
		work := func() {
			wg.Go(func() {
				if err := l.do(t.Context(), func() error { <-release; return nil }); err != nil {
					t.Errorf("do() = %v", err)
				}
			})
			synctest.Wait()
		}
		work()
		for range cap(l.running) - 1 + cap(l.waiting) - 1 {
			work()
		}
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- l.do(ctx, func() error { return nil }) }()
		synctest.Wait()

		err := l.do(t.Context(), func() error { return nil })
		var e *oauth.Error
		if !errors.As(err, &e) || e.Kind != oauth.TemporarilyUnavailable || e.RetryAfter < 1 {
			t.Errorf("do() above the queue = %v, want temporarily_unavailable with a time", err)
		}
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("do() of a caller that left = %v, want context.Canceled", err)
		}
		close(release)
		wg.Wait()
		if err := l.do(t.Context(), func() error { return errDown }); !errors.Is(err, errDown) {
			t.Errorf("do() = %v, want the function's error", err)
		}
	})
}

// OpenID Connect Core, Appendix A.3 and A.4 for SHA-256.
func TestLeftHash(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ alg, value, want string }{
		{"RS256", "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "77QmUPtjPfzWtF2AnpK9RQ"},
		{"ES256", "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk", "LDktKdoQak3Pk0cnXxCltA"},
	} {
		if got := LeftHash(test.alg, test.value); got != test.want {
			t.Errorf("LeftHash(%s) = %q, want %q", test.alg, got, test.want)
		}
	}
	for alg, size := range map[string]int{"PS256": 16, "RS384": 24, "ES384": 24, "ES512": 32, "EdDSA": 32} {
		if raw, err := base64.RawURLEncoding.DecodeString(LeftHash(alg, "x")); err != nil || len(raw) != size {
			t.Errorf("LeftHash(%s) has %d bytes, %v, want %d", alg, len(raw), err, size)
		}
	}
	if bytes.Equal([]byte(LeftHash("EdDSA", "x")), []byte(LeftHash("RS384", "x"))) {
		t.Error("SHA-512 gives the hash of SHA-384")
	}
}

func BenchmarkSign(b *testing.B) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		b.Run(alg, func(b *testing.B) {
			m, c := &memStore{}, newClock()
			r := newRing(&testing.T{}, m, c)
			if err := r.Start(b.Context()); err != nil {
				b.Fatal(err)
			}
			s := &Service{Store: m, Sealer: r.Sealer, Watch: &Watch{Store: m, Staleness: time.Hour, Now: c.Now}, Now: c.Now}
			if err := s.Ensure(b.Context(), "set", alg); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := s.Sign(b.Context(), "set", "JWT", []byte(`{"sub":"alice"}`)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
