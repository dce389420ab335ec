package key

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ErrFetch says that a document could not be had. What stands behind it names
// addresses and repeats what their host said: it is for the log alone.
var ErrFetch = errors.New("key: the document could not be fetched")

// Fetcher gets documents from URLs that clients choose, which makes this
// server call whom somebody else wants it to (OWASP: server-side request
// forgery). So it calls only public hosts, dials exactly the addresses that it
// has checked, follows no redirects, uses no proxy of the environment, sends
// no cookies, takes no compressed answers, and bounds bytes, time and the
// number of calls. The zero value is ready; do not copy it.
type Fetcher struct {
	Reach Reach
	// PlainHTTP allows http URLs, which a development server needs. A pattern
	// of Reach that begins with http:// allows them for what it describes.
	PlainHTTP bool
	Roots     *x509.CertPool // nil: those of the system
	// Resolve finds the addresses of a name. nil: the system's resolver.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Dial opens a TCP connection. nil: the system's.
	Dial func(ctx context.Context, to netip.AddrPort) (net.Conn, error)

	once  sync.Once
	limit Limiter
	mu    sync.Mutex
	hosts map[string]int // calls under way
}

// FetchLimits bounds one call.
type FetchLimits struct {
	Bytes int64         // of the document; 0: 1 MiB
	Time  time.Duration // of everything, the wait for a free place included; 0: 5 s
	Types []string      // media types that the document may have, in lower case; none: any
}

// Fetched is what an answer says about its document.
type Fetched struct {
	Type string // the media type in lower case without parameters; empty when absent
	// MaxAge is how long it may be kept (Cache-Control, RFC 9111 §5.2.2): 0 for
	// not at all, negative when the answer does not say.
	MaxAge time.Duration
}

const (
	fetchBytes     = 1 << 20
	fetchTime      = 5 * time.Second
	fetchAtOnce    = 32
	fetchWaiting   = 512
	fetchPerHost   = 4 // a host that never answers takes only so many places
	connectTime    = 2 * time.Second
	maxFetchHeader = 32 << 10
	maxFetchURL    = 4 << 10
	maxAddresses   = 4 // that are tried
	maxCause       = 300
)

// JSONTypes are the media types under which hosts serve JSON, among them those
// of static file servers that know nothing about the file. An HTML page, such
// as an error page with status 200, is not among them.
func JSONTypes() []string {
	return []string{"", "application/json", "application/jwk-set+json", "text/json", "text/plain", "application/octet-stream", "binary/octet-stream"}
}

// Get returns the document at a URL, answered with status 200 and within the
// limits. The error is ErrFetch, oauth.TemporarilyUnavailable when this server
// itself has too many calls under way, or the context's.
func (f *Fetcher) Get(ctx context.Context, address string, l FetchLimits) (body []byte, meta Fetched, err error) {
	err = f.guarded(ctx, address, l.Time, func(ctx context.Context, target *url.URL) (err error) {
		body, meta, err = f.get(ctx, target, l)
		return err
	})
	if err != nil {
		return nil, Fetched{}, err
	}
	return body, meta, nil
}

// guarded makes one call within the bounds of number and time. Its errors are
// those of Get.
func (f *Fetcher) guarded(ctx context.Context, address string, limit time.Duration, call func(context.Context, *url.URL) error) error {
	f.once.Do(func() { f.limit.Slots, f.limit.Queue = fetchAtOnce, fetchWaiting })
	target, err := f.target(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFetch, err)
	}
	host := strings.ToLower(target.Hostname())
	if !f.enter(host) {
		return busy()
	}
	defer f.leave(host)

	bounded, cancel := context.WithTimeout(ctx, cmp.Or(limit, fetchTime))
	defer cancel()
	began := false
	err = f.limit.do(bounded, func() error {
		began = true
		return call(bounded, target)
	})
	if err == nil {
		// A server may end its answer because we have hung up on it.
		err = bounded.Err()
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case !began:
		return busy()
	}
	return fmt.Errorf("%w: %s: %w", ErrFetch, host, short(err))
}

// target reads a URL and refuses what needs no look-up to be refused.
func (f *Fetcher) target(address string) (*url.URL, error) {
	if len(address) > maxFetchURL {
		return nil, errors.New("a URL of more than 4 KiB")
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, errors.New("no URL") // its text is in the error
	case u.User != nil:
		return nil, errors.New("a URL with user information")
	case u.Scheme == "https", u.Scheme == "http" && (f.PlainHTTP || f.Reach.exempts(u)):
	default:
		return nil, errors.New("a scheme that is not allowed")
	}
	if _, _, err := literal(u.Hostname()); err != nil {
		return nil, err
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return nil, errors.New("a port out of range")
		}
	}
	return u, nil
}

func (f *Fetcher) enter(host string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hosts[host] >= fetchPerHost {
		return false
	}
	if f.hosts == nil {
		f.hosts = make(map[string]int)
	}
	f.hosts[host]++
	return true
}

func (f *Fetcher) leave(host string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hosts[host]--; f.hosts[host] == 0 {
		delete(f.hosts, host)
	}
}

func (f *Fetcher) get(ctx context.Context, target *url.URL, l FetchLimits) ([]byte, Fetched, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, Fetched{}, err
	}
	req.Header.Set("User-Agent", "hydra")
	req.Header.Set("Accept", "*/*")
	req.Header.Set("Accept-Encoding", "identity")
	// The transport and not a client: the transport knows neither redirects
	// nor cookies.
	res, err := f.transport(target, cmp.Or(l.Time, fetchTime)).RoundTrip(req)
	if err != nil {
		return nil, Fetched{}, err
	}
	defer func() { _ = res.Body.Close() }()
	meta := Fetched{MaxAge: maxAge(res.Header.Values("Cache-Control"))}
	if t := res.Header.Get("Content-Type"); t != "" {
		if meta.Type, _, err = mime.ParseMediaType(t); err != nil {
			return nil, Fetched{}, errors.New("an unreadable Content-Type")
		}
	}
	limit := cmp.Or(l.Bytes, fetchBytes)
	switch coding := res.Header.Get("Content-Encoding"); {
	case res.StatusCode != http.StatusOK:
		return nil, Fetched{}, fmt.Errorf("status %d", res.StatusCode)
	case coding != "" && !strings.EqualFold(coding, "identity"):
		return nil, Fetched{}, errors.New("a compressed answer, which was not asked for")
	case len(l.Types) > 0 && !slices.Contains(l.Types, meta.Type):
		return nil, Fetched{}, fmt.Errorf("the type %.100q", meta.Type)
	case res.ContentLength > limit:
		return nil, Fetched{}, errTooLong
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	switch {
	case err != nil:
		return nil, Fetched{}, err
	case int64(len(body)) > limit:
		return nil, Fetched{}, errTooLong
	}
	return body, meta, nil
}

var errTooLong = errors.New("more bytes than allowed")

// transport is for one call. No connection outlives its call, since the next
// one has to look at the addresses again.
func (f *Fetcher) transport(target *url.URL, limit time.Duration) *http.Transport {
	free := f.Reach.exempts(target)
	return &http.Transport{
		Proxy: nil, // not that of the environment: it would reach what we may not
		DialContext: func(ctx context.Context, _, hostPort string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, limit) // the call's own deadline does not reach here
			defer cancel()
			return f.connect(ctx, hostPort, free)
		},
		TLSClientConfig:        &tls.Config{RootCAs: f.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    limit,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxFetchHeader,
	}
}

// connect resolves once, judges every address, and dials those addresses and
// not the name, so that a second answer of the DNS changes nothing (DNS
// rebinding). One address that is not allowed speaks against them all.
func (f *Fetcher) connect(ctx context.Context, hostPort string, free bool) (net.Conn, error) {
	host, portText, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, err
	}
	addrs, err := f.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if !free && !f.Reach.permits(a) {
			return nil, fmt.Errorf("the address %s is not public; clients.http.allowed_networks can allow it", a)
		}
	}
	err = errors.New("the name has no address")
	for _, a := range addrs[:min(len(addrs), maxAddresses)] {
		var conn net.Conn
		if conn, err = f.dial(ctx, netip.AddrPortFrom(a, uint16(port))); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

func (f *Fetcher) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	a, ok, err := literal(host)
	if err != nil {
		return nil, err
	}
	if ok {
		return []netip.Addr{a}, nil
	}
	resolve := f.Resolve
	if resolve == nil {
		resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	addrs, err := resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	out := make([]netip.Addr, len(addrs))
	for i, a := range addrs {
		out[i] = a.Unmap() // the resolver's way to write IPv4
	}
	return out, nil
}

func (f *Fetcher) dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	if f.Dial != nil {
		return f.Dial(ctx, to)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", to.String())
}

// maxAge reads Cache-Control (RFC 9111 §5.2.2). What it cannot read is as good
// as absent; of several the shortest counts.
func maxAge(values []string) time.Duration {
	age := time.Duration(-1)
	for part := range strings.SplitSeq(strings.ToLower(strings.Join(values, ",")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			n, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if d := time.Duration(n) * time.Second; err == nil && (age < 0 || d < age) {
				age = d
			}
		}
	}
	return age
}

// short bounds what a foreign host can write to our log.
func short(err error) error {
	text := err.Error()
	if len(text) <= maxCause {
		return err
	}
	return errors.New(strings.ToValidUTF8(text[:maxCause], "") + "…")
}
