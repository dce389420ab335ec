// Package remote is the client side of a running server: it calls the admin
// and the public API over HTTP, as everybody else does, and says in words what
// went wrong, where, and what to try. The commands that manage a server from
// outside are built on it.
package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"hydra/internal/oauth"
)

// Options say how a server is reached.
type Options struct {
	Endpoint      string // http, https or unix:/path/to/socket
	SkipTLSVerify bool
	CAFile        string // PEM; beside the certificates of the system
	CertFile      string // PEM; the client's own certificate
	KeyFile       string
	Header        http.Header // added to every request
	AccessToken   oauth.Secret
	Timeout       time.Duration // of one call; 0 is none
}

// Client calls one port of a server.
type Client struct {
	Endpoint string // without a slash at its end
	Socket   string // the Unix socket to which it connects instead, if any
	header   http.Header
	http     *http.Client
	tls      *tls.Config
}

// TLS is how the client speaks TLS, for somebody else who calls the same port.
func (c *Client) TLS() *tls.Config { return c.tls.Clone() }

// Header is what the client adds to each request; it may hold an access token.
func (c *Client) Header() http.Header { return c.header.Clone() }

// New checks the options. It connects to nobody.
func New(o Options) (*Client, error) {
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
	}
	endpoint := strings.TrimRight(o.Endpoint, "/")
	var socket string
	if path, ok := strings.CutPrefix(endpoint, "unix:"); ok {
		socket = path
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}
		endpoint = "http://localhost"
	}
	u, err := url.Parse(endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, advise(errors.New("the endpoint is no address of a server"), "It looks like https://hydra.example.com:4445, without user, query and fragment; or unix:/path/to/socket.")
	}
	if transport.TLSClientConfig, err = o.tls(); err != nil {
		return nil, err
	}
	header := o.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if o.AccessToken != "" {
		header.Set("Authorization", "Bearer "+string(o.AccessToken))
	}
	return &Client{
		Endpoint: endpoint, Socket: socket, header: header, tls: transport.TLSClientConfig,
		http: &http.Client{
			Transport: transport, Timeout: o.Timeout,
			// Tokens and secrets go to the address that was given and nowhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func (o Options) tls() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.SkipTLSVerify}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, err
		}
		if c.RootCAs, err = x509.SystemCertPool(); err != nil {
			c.RootCAs = x509.NewCertPool()
		}
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM form", o.CAFile)
		}
	}
	if o.CertFile != "" || o.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("the client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// Call is one request.
type Call struct {
	Goal   string // what fails when it fails: "create the client"
	Method string
	Path   string // below the endpoint, escaped; a whole URL is taken as it is
	Query  url.Values
	JSON   any        // a body, or
	Form   url.Values // another one
	// Basic are credentials of a client (RFC 6749 §2.3.1).
	Basic *Credentials
	// Bearer is an access token in place of that of the options.
	Bearer oauth.Secret
}

// Credentials are those of a client.
type Credentials struct {
	ID     string
	Secret oauth.Secret
}

// Answer is what came back, if it was a success.
type Answer struct {
	Status int
	Header http.Header
	Body   json.RawMessage
}

// maxAnswer bounds what is read of an answer, in bytes: a page of 500 large
// clients fits.
const maxAnswer = 64 << 20

// Do sends the request. An answer other than 2xx is a *Refusal, and when there
// is none, the error is an *Unreachable.
func (c *Client) Do(ctx context.Context, call Call) (Answer, error) {
	r, err := c.request(ctx, call)
	if err != nil {
		return Answer{}, fmt.Errorf("cannot %s: %w", call.Goal, err)
	}
	at := where{Goal: call.Goal, Method: r.Method, Endpoint: c.Endpoint, URL: plain(r.URL)}
	res, err := c.http.Do(r)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // the URL is said already, and without its query
		}
		return Answer{}, &Unreachable{where: at, Cause: err}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errors.New("the answer is larger than 64 MiB")
	}
	if err != nil {
		return Answer{}, &Unreachable{where: at, Cause: err}
	}
	if res.StatusCode/100 != 2 {
		return Answer{}, refused(at, res, body)
	}
	return Answer{res.StatusCode, res.Header, body}, nil
}

// JSON sends the request and reads the answer into a value, unless that is nil.
func (c *Client) JSON(ctx context.Context, call Call, into any) (json.RawMessage, error) {
	answer, err := c.Do(ctx, call)
	if err != nil {
		return nil, err
	}
	if into == nil {
		return answer.Body, nil
	}
	if err := json.Unmarshal(answer.Body, into); err != nil {
		return nil, advise(fmt.Errorf("cannot %s: %s %s answered %d with something else than the JSON that was expected", call.Goal, call.Method, c.Endpoint+call.Path, answer.Status),
			"Is this the right port? The admin API is on another port than the public one.")
	}
	return answer.Body, nil
}

func (c *Client) request(ctx context.Context, call Call) (*http.Request, error) {
	var body io.Reader
	contentType := ""
	switch {
	case call.JSON != nil:
		raw, err := json.Marshal(call.JSON)
		if err != nil {
			return nil, err
		}
		body, contentType = bytes.NewReader(raw), "application/json"
	case call.Form != nil:
		body, contentType = strings.NewReader(call.Form.Encode()), "application/x-www-form-urlencoded"
	}
	address := call.Path
	if strings.HasPrefix(address, "/") {
		address = c.Endpoint + address
	}
	if len(call.Query) > 0 {
		address += "?" + call.Query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, call.Method, address, body)
	if err != nil {
		return nil, err
	}
	for name, values := range c.header {
		r.Header[name] = append([]string(nil), values...)
	}
	if host := c.header.Get("Host"); host != "" {
		r.Host = host
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "hydra-cli")
	switch {
	case call.Basic != nil:
		r.SetBasicAuth(url.QueryEscape(call.Basic.ID), url.QueryEscape(string(call.Basic.Secret)))
	case call.Bearer != "":
		r.Header.Set("Authorization", "Bearer "+string(call.Bearer))
	}
	return r, nil
}

// plain is a URL without its query, which may hold what is nobody's business.
func plain(u *url.URL) string {
	short := *u
	short.RawQuery, short.User, short.Fragment = "", nil, ""
	return short.String()
}

// Segment escapes a value for one segment of a path.
func Segment(value string) string {
	switch value {
	case ".", "..": // which would else be taken out of the path
		return strings.ReplaceAll(value, ".", "%2E")
	}
	return url.PathEscape(value)
}

// Next is a parameter of the link to the next page of a list (RFC 8288), or "".
func (a Answer) Next(parameter string) string {
	for _, line := range a.Header.Values("Link") {
		for one := range strings.SplitSeq(line, ",") {
			target, rest, _ := strings.Cut(one, ">")
			if !strings.Contains(rest, `rel="next"`) {
				continue
			}
			u, err := url.Parse(strings.TrimPrefix(strings.TrimSpace(target), "<"))
			if err == nil {
				return u.Query().Get(parameter)
			}
		}
	}
	return ""
}
