// Package public serves the OAuth 2.0 and OpenID Connect endpoints of the
// public port. Its handlers decode, call a service once, and encode.
package public

import (
	"net/http"
	"net/url"
	"time"

	"hydra/internal/client"
	"hydra/internal/flow"
	"hydra/internal/key"
	"hydra/internal/token"
	"hydra/internal/web"
)

// Handler serves the public port. Its fields are set before Routes is called.
type Handler struct {
	Clients *client.Service
	Keys    *key.Service
	Tokens  *token.Service
	Flows   *flow.Service
	Errors  *web.Errors
	Options Options

	SessionCookies    web.Cookies
	SessionCookieName string
	FlowCookies       web.Cookies
	FlowCookieName    string        // the flow's suffix follows after an underscore
	FlowTTL           time.Duration // how long a flow cookie lives

	ErrorURL          string // where errors for the user's eyes are shown
	LogoutRedirectURL string // where a browser goes after it signed out
}

// Routes adds the endpoints to the mux. CORS is for the endpoints that pages
// call; those that read cookies have none.
func (h *Handler) Routes(mux *web.Mux) {
	mux.Handle("GET,POST /oauth2/auth", http.HandlerFunc(h.handleAuthorize))
	mux.Handle("GET /oauth2/device/verify", http.HandlerFunc(h.handleDeviceVerification))
	mux.Handle("GET /oauth2/auth/sessions/login/revoke", h.Errors.Handle(web.AdminErrors, h.handleSignOut))

	mux.Handle("GET,POST /oauth2/sessions/logout", http.HandlerFunc(h.handleLogout))
	mux.Handle("GET /oauth2/sessions/check", h.checkSession())

	discovery := h.discovery()
	for pattern, handler := range map[string]http.Handler{
		"POST,OPTIONS /oauth2/token":                          h.Errors.Handle(web.OAuthErrors, h.handleToken),
		"POST,OPTIONS /oauth2/device/auth":                    h.Errors.Handle(web.OAuthErrors, h.handleDeviceAuthorization),
		"POST,OPTIONS /oauth2/revoke":                         h.Errors.Handle(web.OAuthErrors, h.handleRevoke),
		"GET,POST,OPTIONS /userinfo":                          h.Errors.Handle(web.BearerErrors, h.handleUserinfo),
		"GET,OPTIONS /.well-known/openid-configuration":       h.Errors.Handle(web.AdminErrors, discovery),
		"GET,OPTIONS /.well-known/oauth-authorization-server": h.Errors.Handle(web.AdminErrors, discovery),
		"GET,OPTIONS /.well-known/jwks.json":                  h.Errors.Handle(web.AdminErrors, h.jwks()),
	} {
		mux.Handle(pattern, h.Options.CORS.Clients(noOptions(handler), h.originsOf))
	}

	h.routesRegister(mux)

	mux.Handle("GET /oauth2/fallbacks/consent", h.Errors.Handle(web.AdminErrors, h.handleFallbackConsent))
	mux.Handle("GET /oauth2/fallbacks/device", h.Errors.Handle(web.AdminErrors, h.handleFallbackDevice))
	mux.Handle("GET /oauth2/fallbacks/device/done", h.Errors.Handle(web.AdminErrors, h.handleFallbackDeviceDone))
	mux.Handle("GET /oauth2/fallbacks/error", h.Errors.Handle(web.AdminErrors, h.handleFallbackError))
	mux.Handle("GET /oauth2/fallbacks/login", h.Errors.Handle(web.AdminErrors, h.handleFallbackLogin))
	mux.Handle("GET /oauth2/fallbacks/logout", h.Errors.Handle(web.AdminErrors, h.handleFallbackLogout))
	mux.Handle("POST /oauth2/fallbacks/logout", h.Errors.Handle(web.AdminErrors, h.handleFallbackLogoutDecision))
	mux.Handle("GET /oauth2/fallbacks/logout/callback", h.Errors.Handle(web.AdminErrors, h.handleFallbackLogout))
	mux.Handle("GET /health/alive", web.Alive())
}

// noOptions answers an OPTIONS request that is no preflight with nothing.
func noOptions(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusOK)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// originsOf are the origins that the client of a Basic header allows. Others
// are found by the handlers, which judge the token or the body anyway.
func (h *Handler) originsOf(r *http.Request) []string {
	user, _, ok := r.BasicAuth()
	if !ok {
		return nil
	}
	id, err := url.QueryUnescape(user)
	if err != nil {
		return nil
	}
	c, err := h.Clients.Client(r.Context(), id)
	if err != nil {
		return nil
	}
	return c.AllowedCORSOrigins
}
