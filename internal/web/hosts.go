package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"hydra/internal/oauth"
)

// LocalHosts is for a port that listens on the loopback interface only. It
// refuses requests whose Host is a name that anybody could own: a page whose
// name its owner has pointed at this machine ("DNS rebinding") counts as
// same-origin to the browser, so nothing else would stop it. Addresses,
// localhost and the given names pass.
func LocalHosts(e *Errors, names ...string) Middleware {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !localHost(r.Host, names) {
				e.Write(w, r, AdminErrors, oauth.RequestForbidden.Hint(
					"This port is for this machine and does not go by the name in the header Host. Set urls.self.admin to the address by which it is called."))
				return
			}
			h.ServeHTTP(w, r)
		})
	}
}

func localHost(host string, names []string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	for _, n := range names {
		if n != "" && strings.EqualFold(n, host) {
			return true
		}
	}
	return false
}
