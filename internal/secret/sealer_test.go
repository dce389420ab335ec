package secret

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// newSealer returns a sealer with one key per kind; the key of kind k has the
// kid 100+k.
func newSealer(issuer string) *Sealer {
	s := NewSealer(issuer)
	s.Now = func() time.Time { return noon }
	s.Use(ringKeys())
	return s
}

func ringKeys() []DataKey {
	var keys []DataKey
	for _, k := range Kinds() {
		keys = append(keys, DataKey{KID: 100 + uint32(k), Kind: k, Key: [32]byte{byte(k)}, ActiveFrom: noon.Add(-time.Hour)})
	}
	return keys
}

func mustSeal(t *testing.T, s *Sealer, k Kind, payload string) string {
	t.Helper()
	v, err := s.Seal(k, []byte(payload))
	if err != nil {
		t.Fatalf("Seal(%s) = %v", k, err)
	}
	return v
}

// Contract case 227.
func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	s := newSealer("https://a.example/")
	for _, k := range Kinds() {
		for _, payload := range []string{"", "x", strings.Repeat("long", 500)} {
			v := mustSeal(t, s, k, payload)
			if !strings.HasPrefix(v, k.Prefix()) {
				t.Errorf("%s value begins with %.8q, want %q", k, v, k.Prefix())
			}
			o, err := s.Open(t.Context(), v, PageToken, k)
			if err != nil || o.Kind != k || string(o.Payload) != payload || o.KID != 100+uint32(k) {
				t.Errorf("Open(%s) = %v, %d bytes, kid %d, %v", k, o.Kind, len(o.Payload), o.KID, err)
			}
		}
	}
}

// Gateways and secret scanners match on the prefixes; stored rows and values
// hold the numbers.
func TestKindsAreFixed(t *testing.T) {
	t.Parallel()
	if n := len(Kinds()); n != 19 {
		t.Errorf("%d kinds, want 19", n)
	}
	for k, want := range map[Kind]string{Code: "ory_ac_", Access: "ory_at_", Machine: "ory_at_", Refresh: "ory_rt_", DeviceCode: "ory_dc_", JWTReference: "", SessionCookie: ""} {
		if k.Prefix() != want {
			t.Errorf("prefix of %s = %q, want %q", k, k.Prefix(), want)
		}
	}
	if Row != 18 || Index != 19 || Kind(0).Valid() || Kind(20).Valid() || Kind(20).String() != "unknown" || Kind(20).Prefix() != "" {
		t.Error("the numbers of the kinds have moved")
	}
}

func TestValuesAreAllDifferent(t *testing.T) {
	t.Parallel()
	s := newSealer("https://a.example/")
	if mustSeal(t, s, Code, "same") == mustSeal(t, s, Code, "same") {
		t.Error("one payload gave the same value twice")
	}
}

func TestUnboundAccessTokenFitsInto120Characters(t *testing.T) {
	t.Parallel()
	v := mustSeal(t, newSealer("https://a.example/"), Access, strings.Repeat("a", 16+4+4+5+3+4)) // key, generation, epoch, issued, lifetime, bit sets
	if len(v) > 120 {
		t.Errorf("an access token has %d characters, want at most 120", len(v))
	}
}

// A sealed value with CR/LF, padding, other case of the prefix, dangling bits,
// a kind swapped, a kid of another kind → unknown, without SQL.
func TestOpenAcceptsOneSpellingOnly(t *testing.T) {
	t.Parallel()
	s := newSealer("https://a.example/")
	var reloads atomic.Int32
	s.Reload = func(context.Context) error { reloads.Add(1); return nil }
	v := mustSeal(t, s, Access, "payload")
	body := strings.TrimPrefix(v, "ory_at_")
	last := body[len(body)-1]
	dangling := body[:len(body)-1] + string(nextInAlphabet(last))
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	otherKID := bytes.Clone(raw)
	otherKID[3] = 100 + byte(Machine)
	codeKID := bytes.Clone(raw)
	codeKID[3] = 100 + byte(Code)
	for name, value := range map[string]string{
		"empty":                     "",
		"prefix only":               "ory_at_",
		"no prefix":                 body,
		"prefix of another kind":    "ory_rt_" + body,
		"prefix in capitals":        "ORY_AT_" + body,
		"LF inside":                 v[:20] + "\n" + v[20:],
		"CR at the end":             v + "\r",
		"LF after the prefix":       "ory_at_\n" + body,
		"space before":              " " + v,
		"padding":                   v + "=",
		"standard alphabet":         "ory_at_" + base64.RawStdEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 80)),
		"dangling bits":             "ory_at_" + dangling,
		"truncated":                 v[:len(v)-1],
		"one byte more":             "ory_at_" + base64.RawURLEncoding.EncodeToString(append(bytes.Clone(raw), 0)),
		"too short for a tag":       "ory_at_" + base64.RawURLEncoding.EncodeToString(raw[:43]),
		"too long":                  "ory_at_" + strings.Repeat("A", MaxValue),
		"kid of another kind":       "ory_at_" + base64.RawURLEncoding.EncodeToString(otherKID),
		"kid of another prefix":     "ory_at_" + base64.RawURLEncoding.EncodeToString(codeKID),
		"kind that is not asked":    mustSeal(t, s, Refresh, "payload"),
		"other issuer":              mustSeal(t, newSealer("https://b.example/"), Access, "payload"),
		"value of the row's sealer": mustSeal(t, s, Row, "payload"),
	} {
		if o, err := s.Open(t.Context(), value, Access, Machine); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: Open() = %q, %v, want ErrUnknown", name, o.Payload, err)
		}
	}
	if n := reloads.Load(); n != 0 {
		t.Errorf("%d reloads for values with known kids, want none", n)
	}
	if _, err := s.Open(t.Context(), "ory_at_"+v, Access); !errors.Is(err, ErrUnknown) {
		t.Errorf("Open() with the prefix twice = %v, want ErrUnknown", err)
	}
	if _, err := s.Open(t.Context(), v); !errors.Is(err, ErrUnknown) {
		t.Errorf("Open() for no kind = %v, want ErrUnknown", err)
	}
}

// nextInAlphabet changes the lowest bit of a base64url digit.
func nextInAlphabet(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^1]
}

// A value without prefix may begin with the letters of one by chance.
func TestUnprefixedValueThatLooksPrefixed(t *testing.T) {
	t.Parallel()
	head, err := base64.RawURLEncoding.DecodeString("ory_at_A")
	if err != nil {
		t.Fatal(err)
	}
	kid := uint32(head[0])<<24 | uint32(head[1])<<16 | uint32(head[2])<<8 | uint32(head[3])
	s := newSealer("https://a.example/")
	s.Use(append(ringKeys(), DataKey{KID: kid, Kind: JWTReference, ActiveFrom: noon}))
	v, err := s.SealNonce(JWTReference, kid, [NonceSize]byte{head[4], head[5]}, []byte("payload"))
	if err != nil || !strings.HasPrefix(v, "ory_at_") {
		t.Fatalf("SealNonce() = %q, %v", v, err)
	}
	for _, order := range [][]Kind{{Access, JWTReference}, {JWTReference, Access}} {
		if o, err := s.Open(t.Context(), v, order...); err != nil || o.Kind != JWTReference {
			t.Errorf("Open(%v) = %v, %v", order, o.Kind, err)
		}
	}
}

func TestSealNonceRebuildsByteForByte(t *testing.T) {
	t.Parallel()
	s := newSealer("https://a.example/")
	v := mustSeal(t, s, LoginChallenge, "the request")
	o, err := s.Open(t.Context(), v, LoginChallenge)
	if err != nil {
		t.Fatal(err)
	}
	// A newer key seals by now; the value keeps its own.
	s.Use(append(ringKeys(), DataKey{KID: 7, Kind: LoginChallenge, ActiveFrom: noon}))
	again, err := s.SealNonce(LoginChallenge, o.KID, o.Nonce, o.Payload)
	if err != nil || again != v {
		t.Errorf("SealNonce() = %q, %v, want %q", again, err, v)
	}
	if _, err := s.SealNonce(LoginVerifier, o.KID, o.Nonce, o.Payload); !errors.Is(err, ErrUnknown) {
		t.Errorf("SealNonce() with a key of another kind = %v, want ErrUnknown", err)
	}
	if _, err := s.SealNonce(LoginChallenge, 8, o.Nonce, o.Payload); !errors.Is(err, ErrUnknown) {
		t.Errorf("SealNonce() with an unknown key = %v, want ErrUnknown", err)
	}
}

func TestWhichKeySeals(t *testing.T) {
	t.Parallel()
	at := func(kid uint32, from, retired time.Duration) DataKey {
		k := DataKey{KID: kid, Kind: Code, Key: [32]byte{byte(kid)}, ActiveFrom: noon.Add(from)}
		if retired != 0 {
			k.RetiredAt = noon.Add(retired)
		}
		return k
	}
	for _, test := range []struct {
		name string
		keys []DataKey
		want uint32
	}{
		{"the only one", []DataKey{at(1, -time.Hour, 0)}, 1},
		{"the newest active", []DataKey{at(1, -2*time.Hour, 0), at(2, -time.Hour, 0)}, 2},
		{"not an announced one", []DataKey{at(1, -2*time.Hour, 0), at(2, time.Minute, 0)}, 1},
		{"active from this moment", []DataKey{at(1, -2*time.Hour, 0), at(2, 0, 0)}, 2},
		{"none active: the newest", []DataKey{at(1, time.Hour, 0), at(2, 2*time.Hour, 0)}, 2},
		{"not a retired one", []DataKey{at(1, -2*time.Hour, 0), at(2, -time.Hour, -time.Minute)}, 1},
		{"retired in the future", []DataKey{at(1, -2*time.Hour, 0), at(2, -time.Hour, time.Minute)}, 2},
		{"all retired: the newest", []DataKey{at(1, -2*time.Hour, -time.Hour), at(2, -time.Hour, -time.Minute)}, 2},
		{"same age: the greater kid", []DataKey{at(5, -time.Hour, 0), at(4, -time.Hour, 0)}, 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSealer("https://a.example/")
			s.Use(test.keys)
			o, err := s.Open(t.Context(), mustSeal(t, s, Code, "payload"), Code)
			if err != nil || o.KID != test.want {
				t.Errorf("sealed with key %d, %v, want %d", o.KID, err, test.want)
			}
		})
	}
}

func TestRetiredKeyOpensUntilItIsGone(t *testing.T) {
	t.Parallel()
	s := newSealer("https://a.example/")
	v := mustSeal(t, s, Code, "payload")
	keys := ringKeys()
	keys[0].RetiredAt = noon.Add(-time.Minute)
	s.Use(append(keys, DataKey{KID: 1, Kind: Code, ActiveFrom: noon}))
	if _, err := s.Open(t.Context(), v, Code); err != nil {
		t.Errorf("Open() with a retired key = %v", err)
	}
	s.Use(keys[1:])
	if _, err := s.Open(t.Context(), v, Code); !errors.Is(err, ErrUnknown) {
		t.Errorf("Open() with a deleted key = %v, want ErrUnknown", err)
	}
	if _, err := s.Seal(Code, nil); !errors.Is(err, ErrNoKey) {
		t.Errorf("Seal() without a key = %v, want ErrNoKey", err)
	}
}

func TestEmptySealerKnowsNothing(t *testing.T) {
	t.Parallel()
	v := mustSeal(t, newSealer("https://a.example/"), Code, "payload")
	s := NewSealer("https://a.example/")
	if _, err := s.Open(t.Context(), v, Code); !errors.Is(err, ErrUnknown) {
		t.Errorf("Open() = %v, want ErrUnknown", err)
	}
	if _, err := s.Seal(Code, nil); !errors.Is(err, ErrNoKey) {
		t.Errorf("Seal() = %v, want ErrNoKey", err)
	}
}

func TestTooLongPayloadIsRefused(t *testing.T) {
	t.Parallel()
	s := newSealer("https://a.example/")
	room := base64.RawURLEncoding.DecodedLen(MaxValue-len("ory_ac_")) - 44
	v, err := s.Seal(Code, make([]byte, room))
	if err != nil {
		t.Fatalf("Seal() of %d bytes = %v", room, err)
	}
	if _, err := s.Open(t.Context(), v, Code); err != nil {
		t.Errorf("Open() of the longest value = %v", err)
	}
	if _, err := s.Seal(Code, make([]byte, room+1)); err == nil {
		t.Error("a value that Open refuses was sealed")
	}
}

// An unknown kid reloads the ring at most once a second.
func TestUnknownKIDReloads(t *testing.T) {
	t.Parallel()
	other := newSealer("https://a.example/")
	other.Use([]DataKey{{KID: 9, Kind: Code, ActiveFrom: noon}})
	v := mustSeal(t, other, Code, "payload")

	s := newSealer("https://a.example/")
	now := noon
	s.Now = func() time.Time { return now }
	outage := errors.New("the database is out")
	calls := 0
	answer := outage
	s.Reload = func(context.Context) error { calls++; return answer }

	open := func() error { _, err := s.Open(t.Context(), v, Code); return err }
	if err := open(); !errors.Is(err, outage) || errors.Is(err, ErrUnknown) {
		t.Errorf("Open() while the database is out = %v, want its error", err)
	}
	answer, now = nil, now.Add(999*time.Millisecond)
	if err := open(); !errors.Is(err, outage) || calls != 1 {
		t.Errorf("Open() within the second = %v after %d calls, want the same error after 1", err, calls)
	}
	now = now.Add(time.Millisecond)
	if err := open(); !errors.Is(err, ErrUnknown) || calls != 2 {
		t.Errorf("Open() after the second = %v after %d calls, want ErrUnknown after 2", err, calls)
	}
	if err := open(); !errors.Is(err, ErrUnknown) || calls != 2 {
		t.Errorf("Open() in the cool-down = %v after %d calls, want ErrUnknown after 2", err, calls)
	}
	now = now.Add(time.Second)
	s.Reload = func(context.Context) error {
		s.Use(append(ringKeys(), DataKey{KID: 9, Kind: Code, ActiveFrom: noon}))
		return nil
	}
	if err := open(); err != nil {
		t.Errorf("Open() once the key is there = %v", err)
	}
}

// A flood of unknown kids is one query, and a caller that goes away neither
// waits nor spoils the answer for the others.
func TestReloadIsSingleFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		other := newSealer("https://a.example/")
		other.Use([]DataKey{{KID: 9, Kind: Code, ActiveFrom: noon}})
		v := mustSeal(t, other, Code, "payload")
		s := newSealer("https://a.example/")
		s.Now = time.Now
		var calls atomic.Int32
		release := make(chan struct{})
		s.Reload = func(ctx context.Context) error {
			calls.Add(1)
			<-release
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s.Use([]DataKey{{KID: 9, Kind: Code, ActiveFrom: noon}})
			return nil
		}
		hurried, leave := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() { _, err := s.Open(hurried, v, Code); gone <- err }()
		synctest.Wait()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := s.Open(t.Context(), v, Code); err != nil {
					t.Errorf("Open() = %v", err)
				}
			})
		}
		synctest.Wait()
		leave()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("Open() of the caller that left = %v, want context.Canceled", err)
		}
		close(release)
		wg.Wait()
		if n := calls.Load(); n != 1 {
			t.Errorf("%d reloads, want 1", n)
		}
	})
}

func TestUseWhileOthersSeal(t *testing.T) {
	t.Parallel()
	s := newSealer("https://a.example/")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if _, err := s.Open(t.Context(), mustSeal(t, s, Refresh, "payload"), Refresh); err != nil {
					t.Errorf("Open() = %v", err)
				}
			}
		})
	}
	for range 200 {
		s.Use(ringKeys())
	}
	wg.Wait()
}

func FuzzOpen(f *testing.F) {
	s := newSealer("https://a.example/")
	payload := []byte("a payload of some length")
	var nonce [NonceSize]byte
	for _, k := range []Kind{Access, Code, LoginChallenge} {
		v, err := s.SealNonce(k, 100+uint32(k), nonce, payload)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(v)
		f.Add(v + "\n")
		f.Add(v + "A")
	}
	f.Fuzz(func(t *testing.T, value string) {
		o, err := s.Open(t.Context(), value, Kinds()...)
		if errors.Is(err, ErrUnknown) {
			return
		}
		if err != nil {
			t.Fatalf("Open(%q) = %v, want ErrUnknown", value, err)
		}
		again, err := s.SealNonce(o.Kind, o.KID, o.Nonce, o.Payload)
		if err != nil || again != value {
			t.Errorf("%q opens, but its spelling is %q (%v)", value, again, err)
		}
	})
}
