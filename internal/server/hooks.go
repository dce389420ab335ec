package server

import (
	"context"
	"crypto/x509"
	"net/http"

	"hydra/internal/config"
	"hydra/internal/key"
	"hydra/internal/token"
)

// beforeSpend asks the operator's token hooks; nil when there are none.
func beforeSpend(c *config.Config, o *token.Options, roots *x509.CertPool, m *metrics) func(context.Context, *token.Payout) error {
	h := &token.Hooks{
		Options: o,
		Token:   hookCall(c.OAuth2.TokenHook, roots),
		Refresh: hookCall(c.OAuth2.RefreshTokenHook, roots),
		Count:   func(hook, outcome string) { m.hooks.WithLabelValues(hook, outcome).Inc() },
	}
	if h.Token == nil && h.Refresh == nil {
		return nil
	}
	return h.BeforeSpend
}

// hookCall is nil for a hook that is not configured.
func hookCall(h config.Hook, roots *x509.CertPool) token.HookCall {
	if h.URL == "" {
		return nil
	}
	p := &key.Poster{URL: string(h.URL), Header: http.Header{}, Roots: roots}
	switch {
	case h.AuthName == "":
	case h.AuthIn == "cookie":
		p.Header.Set("Cookie", (&http.Cookie{Name: h.AuthName, Value: string(h.AuthValue)}).String())
	default:
		p.Header.Set(h.AuthName, string(h.AuthValue))
	}
	return p.Post
}
