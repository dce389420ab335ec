package public

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"

	"hydra/internal/web"
)

//go:embed check_session.js
var checkSessionScript string

// sessionMetadata is what discovery says of sessions and their end.
type sessionMetadata struct {
	CheckSessionIframe   string `json:"check_session_iframe"` // Session Management §3.3
	EndSessionEndpoint   string `json:"end_session_endpoint"` // RP-Initiated Logout §2.1
	Frontchannel         bool   `json:"frontchannel_logout_supported"`
	FrontchannelSessions bool   `json:"frontchannel_logout_session_supported"` // Front-Channel Logout §3
	Backchannel          bool   `json:"backchannel_logout_supported"`
	BackchannelSessions  bool   `json:"backchannel_logout_session_supported"` // Back-Channel Logout §2.1
}

func (o *Options) sessions() sessionMetadata {
	return sessionMetadata{
		CheckSessionIframe: o.endpoint("", "/oauth2/sessions/check"),
		EndSessionEndpoint: o.endpoint("", "/oauth2/sessions/logout"),
		Frontchannel:       true, FrontchannelSessions: true,
		Backchannel: true, BackchannelSessions: true,
	}
}

// checkSession returns the handler of GET /oauth2/sessions/check, the
// check_session_iframe (OpenID Connect Session Management §3.2). Pages of
// clients frame it, so it may be framed by anybody; it runs the one script and
// loads nothing.
func (h *Handler) checkSession() http.Handler {
	script := strings.Replace(checkSessionScript, "COOKIE_NAME", h.SessionCookies.Name(h.stateCookie()), 1)
	policy := "default-src 'none'; script-src " + sourceHash(script) + "; base-uri 'none'; form-action 'none'"
	page := []byte("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Session check</title>\n<script>" +
		script + "</script>\n</head>\n<body></body>\n</html>\n")
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header.Del("X-Frame-Options")
		header.Set("Content-Security-Policy", policy)
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Cache-Control", "no-cache")
		_, _ = w.Write(page) // the browser went away: nobody is left to tell
	})
}

// sourceHash allows one text in a Content-Security-Policy.
func sourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// The cookie with the browser state goes beside the session cookie, under its
// name and with its attributes, and is the one that a script reads.

func (h *Handler) stateCookie() string { return h.SessionCookieName + "_state" }

func (h *Handler) stateCookies() web.Cookies {
	c := h.SessionCookies
	c.Readable = true
	return c
}

// clearSession makes the browser forget its login.
func (h *Handler) clearSession(w http.ResponseWriter) {
	h.SessionCookies.Clear(w, h.SessionCookieName)
	h.stateCookies().Clear(w, h.stateCookie())
}
