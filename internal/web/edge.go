package web

import (
	"net/http"
	"net/netip"
	"strings"

	"hydra/internal/oauth"
)

// Edge learns where a request comes from, and turns away what came over plain
// HTTP when that is not allowed. Forwarding headers are believed only when the
// peer, by its socket address, is a trusted proxy. A peer on a unix socket is
// one: whoever may open the socket was let in by the file system. It belongs
// within Events, which keeps what it learns.
type Edge struct {
	// RequireHTTPS turns away requests that came neither over TLS nor through
	// a trusted proxy that says it was called over HTTPS.
	RequireHTTPS bool
	// Trusted lists the networks of the proxies in front of this server.
	Trusted []netip.Prefix
	Errors  *Errors
}

// Wrap returns h with the guard in front of it (contract §1.2).
func (m *Edge) Wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !m.pass(r) {
			err := oauth.ServerError.Hint("This server answers HTTPS only. Call it over HTTPS, or list the proxy that terminates TLS in serve.tls.allow_termination_from (HTTPS_ALLOW_TERMINATION_FROM) and let it send X-Forwarded-Proto: https.")
			err.Status = http.StatusBadGateway
			m.Errors.Write(w, r, AdminErrors, err)
			return
		}
		if e := eventOf(r.Context()); e != nil {
			e.source, e.located = m.source(r), true
		}
		h.ServeHTTP(w, r)
	})
}

func (m *Edge) pass(r *http.Request) bool {
	switch {
	case !m.RequireHTTPS, r.TLS != nil:
		return true
	case isProbe(r.URL.Path):
		return true // probes come from anywhere and carry nothing
	}
	peer, unix := peerOf(r)
	return unix || m.trusts(peer) && forwardedHTTPS(r.Header.Values("X-Forwarded-Proto"))
}

// isProbe knows the paths of health checks, also as v2 spells them.
func isProbe(path string) bool {
	path = strings.TrimPrefix(path, "/admin")
	return path == "/health/alive" || path == "/health/ready"
}

// forwardedHTTPS reports whether every proxy on the way was called over HTTPS:
// a chain of proxies sends a list.
func forwardedHTTPS(lines []string) bool {
	if len(lines) == 0 {
		return false
	}
	for proto := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		if strings.Trim(proto, " \t") != "https" {
			return false
		}
	}
	return true
}

// source returns the address that the request comes from: the last one in
// X-Forwarded-For that is not a trusted proxy's, as far as trusted proxies
// wrote it.
func (m *Edge) source(r *http.Request) netip.Addr {
	peer, unix := peerOf(r)
	if !unix && !m.trusts(peer) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		addr, err := parseHop(strings.Trim(hops[i], " \t"))
		if err != nil {
			break // whoever wrote this knows no more than the hop behind it
		}
		peer = addr
		if !m.trusts(addr) {
			break
		}
	}
	return peer
}

// parseHop reads an address with or without a port.
func parseHop(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		var ap netip.AddrPort
		ap, err = netip.ParseAddrPort(s)
		addr = ap.Addr()
	}
	return addr.Unmap().WithZone(""), err
}

func (m *Edge) trusts(addr netip.Addr) bool {
	for _, p := range m.Trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// peerOf returns the socket address of the other side; unix is true when it
// has none because the socket is a file.
func peerOf(r *http.Request) (addr netip.Addr, unix bool) {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, r.RemoteAddr == "" || r.RemoteAddr[0] == '@' || r.RemoteAddr[0] == '/'
	}
	return ap.Addr().Unmap().WithZone(""), false
}

// Network returns where the request comes from, coarsely: the IPv4 address, or
// the /64 of an IPv6 address, which one customer has for himself. It is a key
// for limits; without an address it is "local".
func Network(r *http.Request) string {
	if e := eventOf(r.Context()); e != nil && e.located {
		return network(e.source)
	}
	addr, _ := peerOf(r)
	return network(addr)
}

func network(addr netip.Addr) string {
	switch {
	case !addr.IsValid():
		return "local"
	case addr.Is4():
		return addr.String()
	}
	p, err := addr.Prefix(64)
	if err != nil {
		return "local"
	}
	return p.String()
}
