package remote

import (
	"bytes"
	"context"
	_ "embed" // the template of the pages
	"encoding/json"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"slices"
)

//go:embed page.html
var pageText string

var pages = template.Must(template.New("page").Parse(pageText))

// Page is the small site that a sign-in shows in the browser: a button, and
// what came of it. It listens on this machine only.
type Page struct {
	SignIn *SignIn
	// Done is told of every response that belongs to this sign-in.
	Done func(Tokens, error)
}

// pageView is what the template shows.
type pageView struct {
	ClientID, Issuer, Redirect string
	Scope                      []string
	Failure                    string
	Tokens                     *pageTokens
}

type pageTokens struct{ Response, Claims string }

// maxForm bounds a response by form post, in bytes.
const maxForm = 64 << 10

// ServeHTTP shows the pages.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A page of somebody else that has a name for this address learns nothing.
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	to, err := url.Parse(p.SignIn.Redirect)
	if err != nil || (!slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, host) && host != to.Hostname()) {
		http.Error(w, "This host is not served here.", http.StatusMisdirectedRequest)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "The form cannot be read.", http.StatusBadRequest)
		return
	}
	path := to.Path
	if path == "" {
		path = "/"
	}
	switch {
	case r.URL.Path == path && (path != "/" || r.Form.Has("state") || r.Form.Has("error")):
		p.callback(w, r)
	case r.Method == http.MethodGet && r.URL.Path == "/":
		p.show(w, http.StatusOK, pageView{})
	case r.Method == http.MethodGet && r.URL.Path == "/sign-in":
		to, err := p.SignIn.Begin()
		if err != nil {
			p.show(w, http.StatusInternalServerError, pageView{Failure: err.Error()})
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, to, http.StatusSeeOther)
	default:
		http.NotFound(w, r)
	}
}

func (p *Page) callback(w http.ResponseWriter, r *http.Request) {
	t, err := p.SignIn.Finish(context.WithoutCancel(r.Context()), r.Form) // the code is good once
	if err != nil {
		p.show(w, http.StatusBadRequest, pageView{Failure: err.Error()})
	} else {
		p.show(w, http.StatusOK, pageView{Tokens: &pageTokens{pretty(t.Raw), pretty(t.Claims)}})
	}
	if err != ErrForeign { //nolint:errorlint // as Finish returns it; somebody else's response ends nothing
		p.Done(t, err)
	}
}

func (p *Page) show(w http.ResponseWriter, status int, v pageView) {
	v.ClientID, v.Issuer, v.Redirect, v.Scope = p.SignIn.As.ID, p.SignIn.Provider.Issuer, p.SignIn.Redirect, p.SignIn.Scope
	var b bytes.Buffer
	if err := pages.Execute(&b, v); err != nil {
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a browser that has gone is no concern of ours
}

func pretty(raw []byte) string {
	var b bytes.Buffer
	if len(raw) == 0 || json.Indent(&b, raw, "", "  ") != nil {
		return ""
	}
	return b.String()
}
