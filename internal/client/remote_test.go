package client

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hydra/internal/key"
	"hydra/internal/oauth"
)

// remoteSigner is a service with the client "signer", whose keys are at
// https://example.com/jwks: on this machine, though they seem to be elsewhere.
func remoteSigner(t *testing.T, published http.HandlerFunc) (*Service, *clock) {
	t.Helper()
	server := httptest.NewTLSServer(published)
	t.Cleanup(server.Close)
	s, now := signerService(t, func(c *oauth.Client) { c.JWKS, c.JWKSURI = nil, "https://example.com/jwks" })
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	s.RemoteKeys = &key.RemoteKeys{Now: now.now, Fetcher: &key.Fetcher{
		Roots: roots,
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("93.184.215.14")}, nil
		},
		Dial: func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", server.Listener.Addr().String())
		},
	}}
	return s, now
}

func TestAssertionWithRemoteKeys(t *testing.T) {
	t.Parallel()
	var fetches atomic.Int64
	s, now := remoteSigner(t, func(w http.ResponseWriter, _ *http.Request) {
		fetches.Add(1)
		_, _ = w.Write(testKeys.set)
	})
	for alg := range kids {
		cr := withAssertion(assertion(t, alg, goodClaims(map[string]any{"jti": alg})))
		if c, err := s.Authenticate(t.Context(), cr); err != nil || c.ID != "signer" {
			t.Errorf("%s: Authenticate() = %v, %v", alg, c, err)
		}
	}
	// The rules are those of registered keys.
	once := withAssertion(assertion(t, "ES256", goodClaims(nil)))
	for i, want := range []error{nil, oauth.InvalidClient} {
		if _, err := s.Authenticate(t.Context(), once); !errors.Is(err, want) {
			t.Errorf("presented for time %d: %v, want %v", i+1, err, want)
		}
	}
	for range 20 {
		jwt := sign(t, "ES256", `{"alg":"ES256","kid":"unknown"}`, fmt.Appendf(nil, `{"sub":"signer","exp":%d}`, noon.Unix()+60))
		if _, err := s.Authenticate(t.Context(), withAssertion(oauth.Secret(jwt))); !errors.Is(err, oauth.InvalidClient) {
			t.Errorf("an unknown kid: %v", err)
		}
	}
	if n := fetches.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
	now.set(noon.Add(time.Minute / 2))
	jwt := sign(t, "ES256", `{"alg":"ES256","kid":"unknown"}`, []byte(`{"sub":"signer"}`))
	_, _ = s.Authenticate(t.Context(), withAssertion(oauth.Secret(jwt)))
	if n := fetches.Load(); n != 2 {
		t.Errorf("%d fetches after the cool-down, want 2", n)
	}
}

// What goes wrong at the client's host is the client's fault, and the answer
// is one for everything: no address, no banner, no status.
func TestAssertionWhenRemoteKeysFail(t *testing.T) {
	t.Parallel()
	hints := map[string]bool{}
	for name, h := range map[string]http.HandlerFunc{
		"failure": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "nginx/1.2.3", http.StatusBadGateway) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://10.0.0.1/", http.StatusFound)
		},
		"page": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>intranet")) },
		"private key": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Replace(string(testKeys.set), `"kid":"ec"`, `"kid":"ec","d":"AAAA"`, 1)))
		},
		"another protocol": func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
				_, _ = conn.Write([]byte("SSH-2.0-OpenSSH_9.9\r\n"))
				_ = conn.Close()
			}
		},
	} {
		s, _ := remoteSigner(t, h)
		_, err := s.Authenticate(t.Context(), withAssertion(assertion(t, "ES256", goodClaims(nil))))
		e, ok := errors.AsType[*oauth.Error](err)
		if !ok || e.Kind != oauth.InvalidClient || e.Description != "" || !errors.Is(err, key.ErrFetch) {
			t.Errorf("%s: %v, want invalid_client with the cause for the log", name, err)
			continue
		}
		hints[e.Public] = true
	}
	s, _ := remoteSigner(t, nil)
	s.RemoteKeys.Fetcher.Resolve = func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("169.254.169.254")}, nil
	}
	_, err := s.Authenticate(t.Context(), withAssertion(assertion(t, "ES256", goodClaims(nil))))
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		hints[e.Public] = true
	}
	if len(hints) != 1 || !hints["The keys at the jwks_uri of the client could not be read."] {
		t.Errorf("answers: %v", hints)
	}
}
