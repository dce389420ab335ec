package public

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strings"

	"hydra/internal/oauth"
	"hydra/internal/web"
)

// The pages that stand in for apps which the operator has not set. They load
// nothing and run nothing; each heading and value has an id of its own, so
// that people can automate them.

//go:embed fallback.html
var fallbackHTML string

//go:embed fallback.css
var fallbackCSS string

var fallbackTemplates = template.Must(template.New("").
	Funcs(template.FuncMap{"css": func() template.CSS { return template.CSS(fallbackCSS) }}). //nolint:gosec // our own file
	Parse(fallbackHTML))

// fallbackPolicy allows the one style sheet in the page, by its hash.
var fallbackPolicy = "default-src 'none'; style-src " + sourceHash(fallbackCSS) +
	"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// handleFallbackLogin serves GET /oauth2/fallbacks/login: a flow came here
// because no login app is set.
func (h *Handler) handleFallbackLogin(w http.ResponseWriter, _ *http.Request) error {
	return writePage(w, http.StatusOK, "apps", "login")
}

// handleFallbackConsent serves GET /oauth2/fallbacks/consent, where no consent
// app is set. In rc.6 the login ended here, too, so that the page names both.
func (h *Handler) handleFallbackConsent(w http.ResponseWriter, _ *http.Request) error {
	return writePage(w, http.StatusOK, "apps", "consent")
}

// shownError is what the error page shows, and where it happened. An endpoint
// that is none of ours may be anybody's joke, too; that page speaks of a sign-in.
type shownError struct{ Error, Description, Hint, Debug, Endpoint string }

// handleFallbackError serves GET /oauth2/fallbacks/error: an error that the
// user has to see, because the client must not or cannot learn it (RFC 6749
// §4.1.2.1). Everything shown comes out of the URL, so anybody may have
// written it; the page says no more than what the user was about failed.
func (h *Handler) handleFallbackError(w http.ResponseWriter, r *http.Request) error {
	query, err := web.Query(r)
	if err != nil {
		return writePage(w, http.StatusBadRequest, "error", shownError{Error: "invalid_request", Description: "The address of this page is malformed."})
	}
	e := shownError{
		Error:       bounded(query.Get("error")),
		Description: bounded(query.Get("error_description")),
		Hint:        bounded(query.Get("error_hint")),
		Debug:       bounded(query.Get("error_debug")),
	}
	if e == (shownError{}) {
		e.Description = "The address of this page does not say which error happened."
	}
	e.Endpoint = query.Get("endpoint")
	return writePage(w, statusOf(e.Error), "error", e)
}

// statusOf gives the page the status of the error that it shows, so that
// monitors and scripts see it, too. A code that is none of ours may be
// anybody's joke: that page has been shown, which is all that is known of it.
func statusOf(code string) int {
	if !web.Knows(oauth.Kind(code)) {
		return http.StatusOK
	}
	return web.StatusOf(oauth.Kind(code))
}

// bounded cuts a text that is too long for a page, and drops what could turn
// the direction of the text around it.
func bounded(s string) string {
	const most = 2000
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return ' '
		}
		return r
	}, s)
}

// writePage answers with a page, or with nothing at all when it cannot be made.
func writePage(w http.ResponseWriter, status int, name string, data any) error {
	return writePageWith(w, status, name, data, fallbackPolicy)
}

func writePageWith(w http.ResponseWriter, status int, name string, data any, policy string) error {
	var b bytes.Buffer
	if err := fallbackTemplates.ExecuteTemplate(&b, name, data); err != nil {
		return err
	}
	web.NoStore(w)
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", policy)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the browser went away: nobody is left to tell
	return nil
}
