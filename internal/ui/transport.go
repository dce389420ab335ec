package ui

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// local is an http.RoundTripper that hands requests to a handler in this
// process. Whatever stands in front of the ports (TLS, a unix socket, a port
// chosen by the system), the pages work, and what they do is plain HTTP all
// the same: status codes, headers, bodies.
type local struct{ handler http.Handler }

// inProcess returns a client whose every request goes to the handler and that
// follows no redirect: where a redirect leads is the browser's business.
func inProcess(h http.Handler) *http.Client {
	return &http.Client{
		Transport:     local{h},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip serves the request and waits for the end of the answer.
func (l local) RoundTrip(r *http.Request) (_ *http.Response, err error) {
	// A server's request has no scheme and host in its URL, but a RequestURI,
	// an address and never a nil body.
	in := r.Clone(blank{r.Context()})
	in.RequestURI = r.URL.RequestURI()
	in.URL.Scheme, in.URL.Host = "", ""
	in.RemoteAddr = "127.0.0.1:0"
	// Nothing left this process, so the guard that demands https is content.
	in.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	defer func() {
		_ = in.Body.Close()
		if v := recover(); v != nil {
			err = fmt.Errorf("the handler gave up: %v", v)
		}
	}()
	w := &answer{header: http.Header{}}
	l.handler.ServeHTTP(w, in)
	w.WriteHeader(http.StatusOK) // unless it has been written
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// blank is a context that ends with another one and knows nothing of what that
// one carries: a call in process is a request of its own, with its own log
// line, and must not see what the page's request has read before.
type blank struct{ context.Context }

// Value returns nil.
func (blank) Value(any) any { return nil }

// answer is an http.ResponseWriter that keeps what is written.
type answer struct {
	header, sent http.Header // sent is what header was when the status was written
	status       int
	body         bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status != 0 || status < 200 {
		return
	}
	a.status, a.sent = status, a.header.Clone()
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// refusal is an answer of the server other than success, in the words of
// RFC 6749 §5.2 (the admin API uses the same members).
type refusal struct {
	Status      int
	Code        string `json:"error"`
	Description string `json:"error_description"`
	Hint        string `json:"error_hint"`
}

func (e *refusal) Error() string {
	return fmt.Sprintf("the server answered %d %s", e.Status, e.Code)
}

// Sentence is what the server said, for people.
func (e *refusal) Sentence() string {
	s := e.Description
	if e.Hint != "" {
		s += " " + e.Hint
	}
	if s == "" {
		s = http.StatusText(e.Status)
	}
	return s
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 4 << 20

// call sends the request and returns the body of a successful answer; any
// status other than 2xx is a *refusal.
func call(c *http.Client, r *http.Request) ([]byte, error) {
	res, err := c.Do(r)
	if err != nil {
		// Without the address, which has a challenge in it: this ends in a log.
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return nil, fmt.Errorf("%s: %w", r.Method, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if res.StatusCode/100 != 2 {
		no := &refusal{}
		if json.Unmarshal(body, no) != nil || no.Code == "" {
			no.Code = http.StatusText(res.StatusCode)
		}
		no.Status = res.StatusCode
		return nil, no
	}
	return body, nil
}
