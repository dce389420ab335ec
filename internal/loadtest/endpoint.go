package loadtest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Endpoint is one port of a server, and how it is reached.
type Endpoint struct {
	URL    string      // http or https
	Socket string      // a Unix socket to connect to instead of the URL's host
	TLS    *tls.Config // of https; nil: certificates that the system believes
	Header http.Header // added to every request
}

// route is an Endpoint that was understood.
type route struct {
	network, addr string // to dial
	host          string // for the header Host
	prefix        string // path of the URL, without a slash at its end
	header        string // complete lines
	tls           *tls.Config
}

// route refuses every host but a literal loopback address or localhost, unless
// the caller says that any will do: load must never come upon another machine
// by accident, whatever a name server says.
func (e Endpoint) route(anyHost bool) (*route, error) {
	u, err := url.Parse(e.URL)
	if err != nil {
		return nil, err
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return nil, fmt.Errorf("%s: want http://host:port", u.Redacted())
	}
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	r := &route{network: "tcp", host: u.Host, prefix: strings.TrimSuffix(u.EscapedPath(), "/")}
	if e.Socket != "" {
		r.network, r.addr = "unix", e.Socket
	} else {
		local := IsLoopback(host)
		if !local && !anyHost {
			return nil, fmt.Errorf("%s is not a loopback address", host)
		}
		if host == "localhost" {
			host = "127.0.0.1"
		}
		r.addr = net.JoinHostPort(host, port)
	}
	if u.Scheme == "https" {
		r.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		if e.TLS != nil {
			r.tls = e.TLS.Clone()
		}
		if r.tls.ServerName == "" {
			r.tls.ServerName = u.Hostname()
		}
		r.tls.NextProtos = []string{"http/1.1"}
	}
	var lines strings.Builder
	if err := e.Header.Write(&lines); err != nil {
		return nil, err
	}
	r.header = lines.String()
	return r, nil
}

// IsLoopback reports whether a host of a URL is this machine for certain: a
// literal loopback address, or localhost.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (r *route) dial(ctx context.Context, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	nc, err := (&net.Dialer{}).DialContext(ctx, r.network, r.addr)
	if err != nil || r.tls == nil {
		return nc, err
	}
	c := tls.Client(nc, r.tls)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return c, nil
}
