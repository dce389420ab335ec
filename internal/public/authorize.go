package public

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"hydra/internal/flow"
	"hydra/internal/oauth"
	"hydra/internal/web"
)

// handleAuthorize serves GET and POST /oauth2/auth (RFC 6749 §3.1, OpenID
// Connect Core §3.1.2.1), and the browser that comes back from the login or
// the consent app.
func (h *Handler) handleAuthorize(w http.ResponseWriter, r *http.Request) {
	web.NoStore(w)
	out, err := h.authorize(w, r)
	if err != nil {
		h.show(w, r, atAuthorization, err)
		return
	}
	h.setCookies(w, r, out)
	h.redirect(w, r, out)
}

func (h *Handler) authorize(w http.ResponseWriter, r *http.Request) (flow.Outcome, error) {
	params, raw, err := authorizeParams(w, r)
	if err != nil {
		return flow.Outcome{}, err
	}
	web.Note(r.Context(), "client_id", params.Get("client_id"))
	if flow.Resumes(params) {
		return h.Flows.Resume(r.Context(), params, h.browser(r))
	}
	return h.Flows.Start(r.Context(), params, raw, h.browser(r))
}

// authorizeParams joins the query and, of a POST, the body. raw is the same
// as a query string, as the client wrote it where that is possible.
func authorizeParams(w http.ResponseWriter, r *http.Request) (params url.Values, raw string, err error) {
	params, err = web.Query(r, "audience", "resource")
	if err != nil {
		return nil, "", err
	}
	if r.Method != http.MethodPost {
		return params, asWritten(r.URL.RawQuery, params), nil
	}
	body, err := web.Form(w, r, "audience", "resource")
	if err != nil {
		return nil, "", err
	}
	for name, values := range body {
		if params.Has(name) {
			return nil, "", oauth.InvalidRequest.Hint("A parameter stands both in the query and in the body.")
		}
		params[name] = values
	}
	return params, params.Encode(), nil
}

// asWritten is the query itself, unless it holds a semicolon, which some
// readers take for a separator: one that all read alike takes its place.
func asWritten(rawQuery string, params url.Values) string {
	if strings.Contains(rawQuery, ";") {
		return params.Encode()
	}
	return rawQuery
}

// browser reads the cookies that matter to flows.
func (h *Handler) browser(r *http.Request) flow.Browser {
	b := flow.Browser{Network: web.Network(r), Flows: map[string]string{}}
	b.Session, _ = h.SessionCookies.Read(r, h.SessionCookieName)
	for _, name := range h.FlowCookies.Names(r, h.flowCookie("")) {
		b.Flows[strings.TrimPrefix(name, h.flowCookie(""))], _ = h.FlowCookies.Read(r, name)
	}
	return b
}

func (h *Handler) flowCookie(suffix string) string { return h.FlowCookieName + "_" + suffix }

func (h *Handler) setCookies(w http.ResponseWriter, r *http.Request, out flow.Outcome) {
	for _, suffix := range out.ClearFlows {
		h.FlowCookies.Clear(w, h.flowCookie(suffix))
	}
	if out.SetFlow != "" {
		h.FlowCookies.Set(w, h.flowCookie(out.SetFlow), out.SetValue, int(h.FlowTTL/time.Second))
	}
	switch {
	case out.SetSession != "":
		h.SessionCookies.Set(w, h.SessionCookieName, out.SetSession, int(out.SessionMaxAge/time.Second))
		h.stateCookies().Set(w, h.stateCookie(), out.BrowserState, int(out.SessionMaxAge/time.Second))
	case out.ClearSession:
		h.clearSession(w)
	case out.BrowserState != "":
		// The cookie that goes beside that of the session was lost, or is older.
		if have, _ := h.stateCookies().Read(r, h.stateCookie()); have != out.BrowserState {
			h.stateCookies().Set(w, h.stateCookie(), out.BrowserState, 0)
		}
	}
}

// redirect sends the browser on, with the response or the error in the query
// or the fragment (RFC 6749 §4.1.2, §4.1.2.1), or by a form that it posts.
func (h *Handler) redirect(w http.ResponseWriter, r *http.Request, out flow.Outcome) {
	if out.To == "" { // only a device's flow has no redirect URI
		h.show(w, r, atDevice, out.Err)
		return
	}
	params := out.Params
	if out.Err != nil {
		params = h.errorParams(r, out.Err, params)
		if !out.AppsWords && !h.Options.HintParameters {
			fold(params)
		}
	}
	if out.Mode == oauth.ModeFormPost {
		h.postForm(w, r, out.To, params)
		return
	}
	to := out.To
	switch {
	case len(params) == 0:
	case out.Mode == oauth.ModeFragment:
		to += "#" + oauth.EncodeParams(params)
	default:
		to = oauth.WithQuery(to, params)
	}
	found(w, to)
}

// found answers 302 without a body that would repeat the URL. http.Redirect
// would rewrite the URL, which has to stay as the client registered it.
func found(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusFound)
}

// errorParams adds an error to the parameters of a response.
func (h *Handler) errorParams(r *http.Request, err error, beside url.Values) url.Values {
	web.NoteError(r.Context(), err)
	params := url.Values{}
	for name, values := range beside {
		params[name] = values
	}
	code, description, hint, debug := h.Errors.Describe(err)
	params.Set("error", clip(code, 100))
	params.Set("error_description", clip(description, 700))
	if hint != "" {
		params.Set("error_hint", clip(hint, 500))
	}
	if debug != "" {
		params.Set("error_debug", clip(debug, 300))
	}
	return params
}

// fold moves what helps a developer into the one parameter that the standard
// has for it (RFC 6749 §4.1.2.1), as releases since v1.9 do.
func fold(params url.Values) {
	text := params.Get("error_description")
	for _, name := range []string{"error_hint", "error_debug"} {
		if more := params.Get(name); more != "" {
			text += " " + more
		}
		params.Del(name)
	}
	params.Set("error_description", text)
}

// clip shortens a text that an app or a cause worded, so that the URL which
// carries it stays under 2,000 bytes: most is its length there.
func clip(text string, most int) string {
	const mark = "…"
	if len(url.QueryEscape(text)) <= most {
		return text
	}
	length := len(url.QueryEscape(mark))
	for i, c := range text {
		if length += len(url.QueryEscape(string(c))); length > most {
			return text[:i] + mark
		}
	}
	return text
}

// Endpoints whose errors are shown to the user. The error page learns which one
// it was as the parameter endpoint; the first one is none, as ever.
const (
	atAuthorization = ""
	atLogout        = "logout"
	atDevice        = "device"
)

// show tells the user. What nobody can mend by starting over is answered at
// once, with its status; the rest goes to the operator's error page.
func (h *Handler) show(w http.ResponseWriter, r *http.Request, endpoint string, err error) {
	if status := web.StatusOf(err); status >= http.StatusInternalServerError {
		h.showFault(w, r, status, endpoint, err)
		return
	}
	params := h.errorParams(r, err, nil)
	if !params.Has("error_hint") {
		params.Set("error_hint", "")
	}
	if endpoint != atAuthorization {
		params.Set("endpoint", endpoint)
	}
	found(w, oauth.WithQuery(h.ErrorURL, params))
}

// showFault shows a fault of the server as a page.
func (h *Handler) showFault(w http.ResponseWriter, r *http.Request, status int, endpoint string, err error) {
	web.NoteError(r.Context(), err)
	web.RetryAfter(w, err)
	code, description, hint, debug := h.Errors.Describe(err)
	if err := writePage(w, status, "error", shownError{Error: code, Description: description, Hint: hint, Debug: debug, Endpoint: endpoint}); err != nil {
		h.Errors.Write(w, r, web.AdminErrors, err)
	}
}

// handleSignOut serves GET /oauth2/auth/sessions/login/revoke: it ends the
// login session of this browser. Tokens and consents stay.
func (h *Handler) handleSignOut(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w)
	if err := h.Flows.SignOut(r.Context(), h.browser(r)); err != nil {
		return err
	}
	h.clearSession(w)
	found(w, h.LogoutRedirectURL)
	return nil
}
