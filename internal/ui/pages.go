package ui

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"net/http"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed assets/style.css
var stylesheet []byte

// pages are the templates by name, each with the layout around it.
type pages map[string]*template.Template

func parsePages() pages {
	out := pages{}
	for _, name := range []string{"start", "login", "login_skip", "consent", "result", "problem", "logout", "logout_kept", "logged_out", "error", "device", "device_confirm", "device_done"} {
		out[name] = template.Must(template.ParseFS(templates, "templates/layout.html", "templates/"+name+".html"))
	}
	return out
}

// view is what every page knows.
type view struct {
	Base   string // path of the public URL
	Public string // the public URL
	Style  string // version of the stylesheet
}

func (u *UI) view() view { return view{Base: u.base, Public: u.public, Style: styleVersion} }

// problemView is a problem as a page.
type problemView struct {
	view
	problem
}

// render writes a page. It is made in memory first, so that a template that
// fails leaves no half page behind.
func (u *UI) render(w http.ResponseWriter, status int, name string, data any) {
	var page bytes.Buffer
	if err := u.pages[name].ExecuteTemplate(&page, "layout", data); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w) // the browser has gone; nobody is left to tell
}

var styleVersion = func() string {
	sum := sha256.Sum256(stylesheet)
	return hex.EncodeToString(sum[:6])
}()

// style serves the stylesheet. Pages ask for it with its version in the
// query, so it may be kept for ever.
func (u *UI) style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Del("Pragma")
	_, _ = w.Write(stylesheet)
}

// pretty indents JSON and leaves everything else about it as it came.
func pretty(raw []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, bytes.TrimSpace(raw), "", "  ") != nil {
		return string(raw)
	}
	return out.String()
}

// loggedOut is where the server sends a browser after a sign-out.
func (u *UI) loggedOut(w http.ResponseWriter, _ *http.Request) error {
	u.render(w, http.StatusOK, "logged_out", u.view())
	return nil
}

// errorPage shows an authorization error that must not be redirected to the
// client (RFC 6749 §4.1.2.1): the server puts it into the query.
func (u *UI) errorPage(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	short := func(name string) string {
		s := []rune(q.Get(name))
		if len(s) > 1000 {
			s = append(s[:1000], '…')
		}
		return string(s)
	}
	u.render(w, http.StatusBadRequest, "error", struct {
		view
		Code, Description, Hint, Debug string
	}{u.view(), short("error"), short("error_description"), short("error_hint"), short("error_debug")})
	return nil
}
