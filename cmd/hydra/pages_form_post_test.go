package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// The page of the response mode form_post sends itself; without JavaScript it
// waits for a click on its button. Its policy lets the client send the browser
// on to another host, which Chromium counts as a part of the form's target.
func walkFormPost(t *testing.T, s *program, tb *tab) {
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, "<p id=came>%s</p>", r.URL.Query().Get("got"))
	}))
	t.Cleanup(home.Close)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := r.Method
		for _, name := range []string{"code", "id_token", "state", "iss"} {
			if r.PostFormValue(name) != "" {
				got += " " + name
			}
		}
		http.Redirect(w, r, strings.Replace(home.URL, "127.0.0.1", "localhost", 1)+"/?got="+url.QueryEscape(got), http.StatusSeeOther)
	}))
	t.Cleanup(app.Close)
	call(t, http.MethodPost, s.Admin+"/clients", `{"client_id": "poster", "redirect_uris": ["`+app.URL+`/cb"], "scope": "openid",
		"grant_types": ["authorization_code", "implicit"], "response_types": ["code id_token"]}`)
	request := s.Public + "/oauth2/auth?" + url.Values{
		"client_id": {"poster"}, "redirect_uri": {app.URL + "/cb"}, "response_type": {"code id_token"}, "response_mode": {"form_post"},
		"scope": {"openid"}, "state": {"a-state-of-some-length"}, "nonce": {"a-nonce-of-some-length"},
	}.Encode()

	tb.open(request)
	tb.press("login-accept")
	tb.press("consent-allow")
	tb.says("came", "POST code id_token state iss")

	tb.do("switch scripts off", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	tb.open(request)
	tb.press("login-accept")
	tb.press("consent-allow")
	tb.says("form-post-text", "go on by yourself")
	tb.press("form-post-continue")
	tb.says("came", "POST code id_token state iss")
}
