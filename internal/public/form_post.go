package public

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"hydra/internal/web"
)

// The page of the response mode form_post (OAuth 2.0 Form Post Response Mode
// §2): it sends itself to the client, and has a button for browsers that run
// no scripts.

//go:embed form_post.html
var formPostHTML string

//go:embed form_post.js
var formPostScript string

var formPostTemplate = template.Must(template.New("form_post").
	Funcs(template.FuncMap{
		"css":    func() template.CSS { return template.CSS(fallbackCSS) },  //nolint:gosec // our own file
		"script": func() template.JS { return template.JS(formPostScript) }, //nolint:gosec // our own file
	}).
	Parse(formPostHTML))

type formField struct{ Name, Value string }

// postForm answers with the page. Hydra's clients and the standard expect 200.
func (h *Handler) postForm(w http.ResponseWriter, r *http.Request, to string, params url.Values) {
	page := struct {
		Action template.HTMLAttr
		Fields []formField
	}{Action: template.HTMLAttr(`action="` + html.EscapeString(to) + `"`)} //nolint:gosec // http or https, escaped, and else as the client registered it
	for _, name := range slices.Sorted(maps.Keys(params)) {
		for _, v := range params[name] {
			page.Fields = append(page.Fields, formField{name, v})
		}
	}
	var b bytes.Buffer
	if err := formPostTemplate.Execute(&b, page); err != nil {
		h.showFault(w, r, http.StatusInternalServerError, atAuthorization, err)
		return
	}
	web.NoStore(w)
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", formPostPolicy(to))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(b.Bytes()) // the browser went away: nobody is left to tell
}

// formPostPolicy lets the page run its own script, look like itself, and send
// its form; nothing else of any kind.
//
// form-action cannot name the client's host: Chromium holds every redirect
// that follows the form to it, and clients send their users on to wherever
// these belong. The form has one fixed target, which nobody can inject into.
func formPostPolicy(to string) string {
	schemes := "https:"
	if strings.HasPrefix(to, "http:") {
		schemes = "http: https:"
	}
	return "default-src 'none'; script-src " + cspHash(formPostScript) + "; style-src " + cspHash(fallbackCSS) +
		"; form-action " + schemes + "; base-uri 'none'; frame-ancestors 'none'"
}

// cspHash names an inline script or style by its hash (CSP 3 §2.3.1).
func cspHash(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
