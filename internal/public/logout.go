package public

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"hydra/internal/flow"
	"hydra/internal/oauth"
	"hydra/internal/web"
)

// handleLogout serves GET and POST /oauth2/sessions/logout (OpenID Connect
// RP-Initiated Logout §2), and the browser that comes back from the logout app.
func (h *Handler) handleLogout(w http.ResponseWriter, r *http.Request) {
	web.NoStore(w)
	out, err := h.logout(w, r)
	if err != nil {
		h.show(w, r, atLogout, err)
		return
	}
	if out.ClearSession {
		h.clearSession(w)
	}
	switch {
	case out.Ask != "":
		found(w, out.Ask)
	case len(out.Frames) > 0:
		h.showFrames(w, r, out)
	default:
		found(w, out.To)
	}
}

func (h *Handler) logout(w http.ResponseWriter, r *http.Request) (flow.LogoutOutcome, error) {
	params, raw, err := authorizeParams(w, r)
	if err != nil {
		return flow.LogoutOutcome{}, err
	}
	return h.Flows.Logout(r.Context(), params, raw, h.browser(r))
}

//go:embed logout_frames.html
var framesHTML string

//go:embed logout_frames.js
var framesScript string

var framesTemplate = template.Must(template.New("").Funcs(template.FuncMap{
	"css":    func() template.CSS { return template.CSS(fallbackCSS) }, //nolint:gosec // our own file
	"script": func() template.JS { return template.JS(framesScript) },  //nolint:gosec // our own file
}).Parse(framesHTML))

// showFrames writes the page that loads the clients' logout pages and then goes
// on (OpenID Connect Front-Channel Logout §2). It may frame the origins that
// those clients have registered and nothing else.
func (h *Handler) showFrames(w http.ResponseWriter, r *http.Request, out flow.LogoutOutcome) {
	var origins []string
	for _, frame := range out.Frames {
		if o := frameSource(frame); o != "" && !slices.Contains(origins, o) {
			origins = append(origins, o)
		}
	}
	var page bytes.Buffer
	err := framesTemplate.Execute(&page, struct {
		Frames []string
		To     template.URL
	}{out.Frames, template.URL(out.To)}) //nolint:gosec // registered by the client, without schemes that run something, or the operator's
	if err != nil {
		h.Errors.Write(w, r, web.AdminErrors, err)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-src "+strings.Join(origins, " ")+"; script-src "+sourceHash(framesScript)+
		"; style-src "+sourceHash(fallbackCSS)+"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	_, _ = w.Write(page.Bytes()) // the browser went away: nobody is left to tell
}

// frameSource is the origin of a registered address in the form of a
// Content-Security-Policy, in which some characters have a meaning.
func frameSource(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.ContainsAny(u.Host, " ;,'\"*") {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// handleFallbackLogout serves GET /oauth2/fallbacks/logout. With a challenge it
// asks whether the user wants to sign out, in place of a logout app that the
// operator has not set; without one it is where a browser goes afterwards.
func (h *Handler) handleFallbackLogout(w http.ResponseWriter, r *http.Request) error {
	query, err := web.Query(r)
	if err != nil {
		return err
	}
	challenge := query.Get("logout_challenge")
	if challenge == "" {
		return writePage(w, http.StatusOK, "logout", nil)
	}
	l, err := h.Flows.LogoutRequest(r.Context(), challenge)
	switch {
	case oauth.KindOf(err) == oauth.Conflict:
		return writePage(w, http.StatusOK, "logout", nil)
	case err != nil:
		return err
	}
	return writePageWith(w, http.StatusOK, "logout-ask", struct {
		Challenge, Client string
		Unverified        bool // nobody else calls the client so
	}{challenge, clientTitle(l.Client), l.Client != nil && l.Client.SelfRegistered() && l.Client.Name != ""}, formPolicy)
}

// formPolicy is that of pages with a form of their own. It names no target:
// browsers would apply it to the redirects that follow, too.
var formPolicy = strings.Replace(fallbackPolicy, " form-action 'none';", "", 1)

func clientTitle(c *oauth.Client) string {
	switch {
	case c == nil:
		return ""
	case c.Name != "":
		return bounded(c.Name)
	}
	return bounded(c.ID)
}

// handleFallbackLogoutDecision serves POST /oauth2/fallbacks/logout, the form
// of that page. Only that page can have sent it.
//
// Its Referrer-Policy makes browsers say "Origin: null", as frames of anybody
// do; Sec-Fetch-Site tells them apart, in all browsers since 2023.
func (h *Handler) handleFallbackLogoutDecision(w http.ResponseWriter, r *http.Request) error {
	ours := r.Header.Get("Origin") == "null" && r.Header.Get("Sec-Fetch-Site") == ""
	if err := new(http.CrossOriginProtection).Check(r); err != nil && !ours {
		return oauth.RequestForbidden.Hint("A page of another site must not send this form.").Because(err)
	}
	form, err := web.Form(w, r)
	if err != nil {
		return err
	}
	challenge := form.Get("logout_challenge")
	if form.Get("decision") != "accept" {
		if err := h.Flows.RejectLogout(r.Context(), challenge, true); err != nil {
			return err
		}
		return writePage(w, http.StatusOK, "logout-kept", nil)
	}
	to, err := h.Flows.AcceptLogout(r.Context(), challenge, true)
	if err != nil {
		return err
	}
	web.NoStore(w)
	found(w, to)
	return nil
}
