package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// DNS rebinding: a name that points to this machine is not this machine's name.
func TestLocalHosts(t *testing.T) {
	t.Parallel()
	h := LocalHosts(&Errors{}, "admin.internal", "")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for host, want := range map[string]int{
		"127.0.0.1:4445": 204, "[::1]:4445": 204, "[::1]": 204, "10.1.2.3": 204, "localhost:4445": 204, "LOCALHOST.": 204, "hydra.localhost": 204,
		"admin.internal:4445": 204, "Admin.Internal": 204,
		"evil.example:4445": 403, "127.0.0.1.evil.example": 403, "localhost.evil.example": 403, "evil.admin.internal": 403, "": 403,
	} {
		r := httptest.NewRequest(http.MethodGet, "/clients", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("Host %q: status %d, want %d", host, w.Code, want)
		}
	}
}
