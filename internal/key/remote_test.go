package key

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hydra/internal/oauth"
)

// publisher is a client that publishes its keys, as they are at the moment.
type publisher struct {
	*RemoteKeys
	*site
	clock   *clock
	fetches atomic.Int64
	body    atomic.Pointer[string] // nil: 500
	header  atomic.Pointer[string] // Cache-Control
	events  atomic.Int64
}

const publishedAt = "https://example.com/jwks"

func newPublisher(t *testing.T, body string) *publisher {
	t.Helper()
	p := &publisher{clock: newClock()}
	p.publish(body)
	p.site = newSite(t, func(w http.ResponseWriter, _ *http.Request) {
		p.fetches.Add(1)
		if h := p.header.Load(); h != nil {
			w.Header().Set("Cache-Control", *h)
		}
		body := p.body.Load()
		if body == nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, *body)
	})
	p.RemoteKeys = &RemoteKeys{Fetcher: p.site.Fetcher, Now: p.clock.Now, Observe: func(_ context.Context, e oauth.Event) {
		if e.Name != "jwks_uri_failed" || e.Detail == "" {
			t.Errorf("event %+v", e)
		}
		p.events.Add(1)
	}}
	return p
}

func (p *publisher) publish(body string)  { p.body.Store(&body) }
func (p *publisher) caching(value string) { p.header.Store(&value) }
func (p *publisher) breakDown()           { p.body.Store(nil) }

// verify checks a genuine token of the kid, and returns how often the keys
// were fetched for it.
func (p *publisher) verify(t *testing.T, kid string) (fetches int64, err error) {
	t.Helper()
	before := p.fetches.Load()
	jwt := newAttacker().es256JWT(fmt.Sprintf(`{"alg":"ES256","kid":%q}`, kid), claims)
	v, err := p.VerifyAssertion(t.Context(), publishedAt, jwt, AssertionAlgs())
	if err == nil && (v.KID != kid || string(v.Payload) != claims) {
		t.Errorf("verified %+v", v)
	}
	return p.fetches.Load() - before, err
}

// expect is verify with what must come out of it.
func (p *publisher) expect(t *testing.T, when, kid string, fetches int64, want error) {
	t.Helper()
	if n, err := p.verify(t, kid); !errors.Is(err, want) || n != fetches {
		t.Errorf("%s: kid %q: %v after %d fetches, want %v after %d", when, kid, err, n, want, fetches)
	}
}

func setOf(kids ...string) string {
	var keys []string
	for _, kid := range kids {
		keys = append(keys, newAttacker().ecJWK(fmt.Sprintf(`,"kid":%q`, kid)))
	}
	return `{"keys":[` + strings.Join(keys, ",") + `]}`
}

func TestRemoteKeysAreKept(t *testing.T) {
	t.Parallel()
	for header, life := range map[string]time.Duration{
		"": 10 * time.Minute, "public": 10 * time.Minute, "max-age=300": 5 * time.Minute, "max-age=1": time.Minute, "no-store": time.Minute, "max-age=86400": time.Hour,
	} {
		p := newPublisher(t, setOf("a"))
		p.caching(header)
		p.expect(t, header+": first", "a", 1, nil)
		p.expect(t, header+": at once", "a", 0, nil)
		p.clock.add(life - time.Second)
		p.expect(t, header+": just before its end", "a", 0, nil)
		p.clock.add(time.Second)
		p.expect(t, header+": at its end", "a", 1, nil)
	}
}

// A client changes its keys: a new kid is looked for, but not within the
// cool-down after the last fetch, and the old key is dead with that fetch.
func TestRemoteKeysRotate(t *testing.T) {
	t.Parallel()
	p := newPublisher(t, setOf("old"))
	p.expect(t, "first", "old", 1, nil)
	p.publish(setOf("new"))
	p.expect(t, "within the cool-down", "new", 0, ErrUnknownKey)
	p.clock.add(remoteCool - time.Millisecond)
	p.expect(t, "still within", "new", 0, ErrUnknownKey)
	p.expect(t, "the old key, kept", "old", 0, nil)
	p.clock.add(time.Millisecond)
	p.expect(t, "after the cool-down", "new", 1, nil)
	p.expect(t, "the old key", "old", 0, ErrUnknownKey)
	p.clock.add(remoteCool)
	p.expect(t, "the old key, later", "old", 1, ErrUnknownKey)
	p.expect(t, "the new one", "new", 0, nil)
}

// A client that gives a new key an old kid, or none, is understood, too.
func TestRemoteKeysRotateWithoutKID(t *testing.T) {
	t.Parallel()
	for _, kid := range []string{"same", ""} {
		other := `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"other","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},` +
			`{"kty":"EC","crv":"P-256","kid":"same","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`
		p := newPublisher(t, other)
		p.expect(t, "another's key", kid, 1, ErrBadSignature)
		p.publish(setOf("same"))
		p.clock.add(remoteCool)
		p.expect(t, "after the cool-down", kid, 1, nil)
	}
}

// Tokens with kids that nobody has, as many as somebody cares to send at once,
// make one fetch in each cool-down, and do not disturb good ones.
func TestUnknownKIDFlood(t *testing.T) {
	t.Parallel()
	p := newPublisher(t, setOf("good"))
	flood := func() {
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				jwt := newAttacker().es256JWT(fmt.Sprintf(`{"alg":"ES256","kid":"unknown %d"}`, i), claims)
				if _, err := p.VerifyAssertion(context.Background(), publishedAt, jwt, AssertionAlgs()); !errors.Is(err, ErrUnknownKey) {
					t.Errorf("VerifyAssertion() = %v", err)
				}
			})
		}
		all.Wait()
	}
	for round := range int64(3) {
		flood()
		if n := p.fetches.Load(); n != round+1 {
			t.Errorf("%d fetches after flood %d", n, round+1)
		}
		p.expect(t, "in a flood", "good", 0, nil)
		p.clock.add(remoteCool)
	}
	// What is no token at all is not looked up.
	other := newPublisher(t, setOf("good"))
	for _, jwt := range []string{"", "a.b.c", newAttacker().es256JWT(`{"alg":"ES256K"}`, claims), newAttacker().es256JWT(`{"alg":"none"}`, claims), newAttacker().es256JWT(`{"alg":"HS256"}`, claims)} {
		if _, err := other.VerifyAssertion(t.Context(), publishedAt, jwt, AssertionAlgs()); !errors.Is(err, ErrInvalidJWT) {
			t.Errorf("%.20q: %v", jwt, err)
		}
	}
	if n := other.fetches.Load(); n > 0 {
		t.Errorf("%d fetches for what is no token", n)
	}
}

// While the host fails the last good set serves, for an hour beyond its time.
func TestRemoteKeysWhenTheirHostFails(t *testing.T) {
	t.Parallel()
	p := newPublisher(t, setOf("a"))
	p.breakDown()
	p.expect(t, "down from the start", "a", 1, ErrFetch)
	p.expect(t, "and asked again at once", "a", 0, ErrFetch)
	p.clock.add(remoteCool)
	p.publish(setOf("a"))
	p.expect(t, "up", "a", 1, nil)
	p.breakDown()
	p.clock.add(remoteUsual)
	p.expect(t, "down when out of date", "a", 1, nil)
	p.expect(t, "not asked again at once", "a", 0, nil)
	p.clock.add(remoteStale - time.Second)
	p.expect(t, "down for almost an hour", "a", 1, nil)
	p.expect(t, "an unknown kid", "b", 0, ErrUnknownKey)
	p.clock.add(time.Second)
	p.expect(t, "down for an hour", "a", 0, ErrFetch)
	p.publish("<html>an error page with status 200</html>")
	p.clock.add(remoteCool)
	p.expect(t, "up with nonsense", "a", 1, ErrFetch)
	p.publish(setOf("a"))
	p.clock.add(remoteCool)
	p.expect(t, "up again", "a", 1, nil)
	p.clock.add(-24 * time.Hour)
	p.expect(t, "a clock that was put back", "a", 0, nil)
	if n := p.events.Load(); n != 4 {
		t.Errorf("%d events for 4 failed fetches", n)
	}
}

// What stands in a published set decides, key by key.
func TestRemoteKeysContent(t *testing.T) {
	t.Parallel()
	a := newAttacker()
	good := a.ecJWK(`,"kid":"a"`)
	private := a.ecJWK(`,"kid":"b","d":"` + b64url(make([]byte, 32)) + `"`)
	for name, test := range map[string]struct {
		body string
		want error
	}{
		"good":                     {`{"keys":[` + good + `]}`, nil},
		"with other members":       {`{"keys":[` + good + `],"more":1}`, nil},
		"a curve that is not ours": {`{"keys":[{"kty":"EC","crv":"secp256k1","kid":"k","x":"AA","y":"AA"},` + good + `]}`, nil},
		"a type that is not ours":  {`{"keys":[{"kty":"AKP","alg":"ML-DSA-44","pub":"AA","kid":"k"},` + good + `]}`, nil},
		"a short RSA key":          {`{"keys":[{"kty":"RSA","kid":"k","n":"` + b64url([]byte(strings.Repeat("n", 128))) + `","e":"AQAB"},` + good + `]}`, nil},
		"for encryption":           {`{"keys":[` + a.ecJWK(`,"kid":"a","use":"enc"`) + `]}`, ErrUnknownKey},
		"empty":                    {`{"keys":[]}`, ErrUnknownKey},
		"without keys":             {`{}`, ErrFetch},
		"null":                     {`null`, ErrFetch},
		"keys twice":               {`{"keys":[],"keys":[` + good + `]}`, ErrFetch},
		"not JSON":                 {`keys`, ErrFetch},
		"nothing":                  {``, ErrFetch},
		"a private key beside it":  {`{"keys":[` + good + `,` + private + `]}`, ErrFetch},
		"a symmetric key":          {`{"keys":[` + good + `,{"kty":"oct","k":"c2VjcmV0","kid":"s"}]}`, ErrFetch},
		"too many keys":            {`{"keys":[` + strings.Repeat(good+",", maxClientKeys) + good + `]}`, ErrFetch},
		"too long":                 {`{"keys":[` + good + `]` + strings.Repeat(" ", maxClientJWKS) + `}`, ErrFetch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPublisher(t, test.body)
			p.expect(t, name, "a", 1, test.want)
		})
	}
}

// A set that shows a private key ends what was kept: the key may be in it, too.
func TestRemoteKeysThatLeak(t *testing.T) {
	t.Parallel()
	p := newPublisher(t, setOf("a"))
	p.expect(t, "first", "a", 1, nil)
	p.publish(`{"keys":[` + newAttacker().ecJWK(`,"kid":"a","d":"`+b64url(make([]byte, 32))+`"`) + `]}`)
	p.clock.add(remoteUsual)
	p.expect(t, "with its private part", "a", 1, ErrFetch)
	p.expect(t, "and again", "a", 0, ErrFetch)
}

// What is kept is bounded, and the sets that were used last stay.
func TestRemoteKeysAreBounded(t *testing.T) {
	t.Parallel()
	p := newPublisher(t, setOf("a"))
	p.MaxURLs = 3
	jwt := newAttacker().es256JWT(`{"alg":"ES256","kid":"a"}`, claims)
	use := func(n int) int64 {
		p.clock.add(time.Millisecond)
		before := p.fetches.Load()
		if _, err := p.VerifyAssertion(t.Context(), fmt.Sprintf("%s?%d", publishedAt, n), jwt, AssertionAlgs()); err != nil {
			t.Errorf("set %d: %v", n, err)
		}
		return p.fetches.Load() - before
	}
	for i, step := range []struct {
		set     int
		fetches int64
	}{{1, 1}, {2, 1}, {3, 1}, {1, 0}, {4, 1}, {1, 0}, {3, 0}, {2, 1}, {4, 1}} {
		if n := use(step.set); n != step.fetches {
			t.Errorf("step %d: %d fetches of set %d, want %d", i, n, step.set, step.fetches)
		}
	}
	if len(p.sets) != 3 {
		t.Errorf("%d sets are kept", len(p.sets))
	}
}

// That this server is busy says nothing about the client's host: it may be
// asked again at once. A request that ends does not end the fetch for others.
func TestRemoteKeysOfABusyServer(t *testing.T) {
	t.Parallel()
	p := newPublisher(t, setOf("a"))
	for range fetchPerHost {
		if !p.enter("example.com") {
			t.Fatal("no place")
		}
	}
	p.expect(t, "busy", "a", 0, oauth.TemporarilyUnavailable)
	if n := p.events.Load(); n > 0 {
		t.Errorf("%d events about the client's host", n)
	}
	for range fetchPerHost {
		p.leave("example.com")
	}
	inside, stay := make(chan struct{}), make(chan struct{})
	p.site.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		close(inside)
		<-stay
		return p.connect(ctx, to)
	}
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		jwt := newAttacker().es256JWT(`{"alg":"ES256","kid":"a"}`, claims)
		_, err := p.VerifyAssertion(ctx, publishedAt, jwt, AssertionAlgs())
		gone <- err
	}()
	<-inside
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the request that ended: %v", err)
	}
	close(stay)
	if _, err := p.verify(t, "a"); err != nil || p.fetches.Load() != 1 {
		t.Errorf("another request: %v after %d fetches", err, p.fetches.Load())
	}
}

func FuzzPublishedKeys(f *testing.F) {
	f.Add([]byte(setOf("a", "b")))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":""}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		good, err := readRemote(body)
		if (good == nil) == (err == nil) {
			t.Fatalf("readRemote() = %v, %v", good, err)
		}
		// What may be registered by value may be published, too.
		if CheckClientJWKS(body) == nil && err != nil {
			t.Errorf("a set that may be registered is refused: %v", err)
		}
		if good != nil && len(good.list) > maxClientKeys {
			t.Errorf("%d keys", len(good.list))
		}
	})
}
