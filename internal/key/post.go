package key

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Poster sends JSON to the one URL that the operator has configured, wherever
// that is: it usually lies in a private network. Beyond that it trusts nobody
// either: it follows no redirects, uses no proxy of the environment, keeps no
// cookies, takes no compressed answers, and bounds bytes, time and the number
// of calls, so that a service which is slow or never answers cannot hold up
// the whole server. Do not copy it.
type Poster struct {
	URL    string
	Header http.Header    // sent along: a key, say
	Roots  *x509.CertPool // nil: those of the system
	Time   time.Duration  // of everything, the wait for a free place included; 0: 10 s
	Bytes  int64          // of an answer; 0: 1 MiB
	Limit  *Limiter       // of calls, which several Posters may share; nil: 64 under way and 256 that wait

	once      sync.Once
	transport *http.Transport
}

const (
	postTime   = 10 * time.Second
	postAtOnce = 64
	postQueue  = 256
	maxIdle    = 90 * time.Second
)

// Post sends the body and returns status and document of the answer; only that
// of a 200 is read. Without an answer the error is ErrFetch,
// oauth.TemporarilyUnavailable when too many calls are under way, or the
// context's. A call may reach the service twice when a connection breaks.
func (p *Poster) Post(ctx context.Context, body []byte) (status int, reply []byte, err error) {
	p.once.Do(p.prepare)
	bounded, cancel := context.WithTimeout(ctx, cmp.Or(p.Time, postTime))
	defer cancel()
	began := false
	err = p.Limit.do(bounded, func() (err error) {
		began = true
		status, reply, err = p.post(bounded, body)
		return err
	})
	switch {
	case err == nil:
		return status, reply, nil
	case ctx.Err() != nil:
		return 0, nil, ctx.Err()
	case !began:
		return 0, nil, busy()
	}
	return 0, nil, fmt.Errorf("%w: %w", ErrFetch, short(err))
}

func (p *Poster) prepare() {
	if p.Limit == nil {
		p.Limit = &Limiter{Slots: postAtOnce, Queue: postQueue}
	}
	p.transport = &http.Transport{
		Proxy:                  nil, // not that of the environment: the body names people
		DialContext:            (&net.Dialer{Timeout: connectTime}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: p.Roots, MinVersion: tls.VersionTLS12},
		DisableCompression:     true,
		MaxConnsPerHost:        p.Limit.Slots,
		MaxIdleConnsPerHost:    p.Limit.Slots,
		IdleConnTimeout:        maxIdle,
		MaxResponseHeaderBytes: maxFetchHeader,
	}
}

func (p *Poster) post(ctx context.Context, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL, bytes.NewReader(body))
	if err != nil {
		return 0, nil, errors.New("no URL") // its text is in the error, and may hold a secret
	}
	for name, values := range p.Header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "hydra")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Encoding", "identity")
	// Not sent: it lets the transport repeat a call that met a connection which
	// the service had just closed.
	req.Header["X-Idempotency-Key"] = []string{}
	// The transport and not a client: the transport knows neither redirects
	// nor cookies.
	res, err := p.transport.RoundTrip(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	limit := cmp.Or(p.Bytes, fetchBytes)
	switch coding := res.Header.Get("Content-Encoding"); {
	case res.StatusCode != http.StatusOK:
		return res.StatusCode, nil, nil
	case coding != "" && !strings.EqualFold(coding, "identity"):
		return 0, nil, errors.New("a compressed answer, which was not asked for")
	case res.ContentLength > limit:
		return 0, nil, errTooLong
	}
	reply, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	switch {
	case err != nil:
		return 0, nil, err
	case int64(len(reply)) > limit:
		return 0, nil, errTooLong
	}
	return res.StatusCode, reply, nil
}

// PostForm sends a form to a URL that a client has named, under the rules of
// Get, and returns the status of the answer, of which nothing else is read.
func (f *Fetcher) PostForm(ctx context.Context, address string, form url.Values, limit time.Duration) (status int, err error) {
	err = f.guarded(ctx, address, limit, func(ctx context.Context, target *url.URL) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(form.Encode()))
		if err != nil {
			return err
		}
		req.Header.Set("User-Agent", "hydra")
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Accept-Encoding", "identity")
		res, err := f.transport(target, cmp.Or(limit, fetchTime)).RoundTrip(req)
		if err != nil {
			return err
		}
		status = res.StatusCode
		return res.Body.Close()
	})
	if err != nil {
		return 0, err
	}
	return status, nil
}
