package public

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"hydra/internal/web"
)

func TestFallbackPages(t *testing.T) {
	t.Parallel()
	h := &Handler{Errors: &web.Errors{}}
	for _, test := range []struct {
		name string
		f    web.HandlerFunc
		want []string
	}{
		{"login", h.handleFallbackLogin, []string{`id="fallback-login"`, "urls.login", "URLS_LOGIN", "OAUTH2_LOGIN_URL", "urls.consent"}},
		{"consent", h.handleFallbackConsent, []string{"urls.login", "URLS_LOGIN", "OAUTH2_LOGIN_URL", "urls.consent", "URLS_CONSENT", "OAUTH2_CONSENT_URL", `id="fallback-consent"`, `id="fallback-login-env"`}},
		{"logout", h.handleFallbackLogout, []string{"signed out", "urls.post_logout_redirect", "OAUTH2_LOGOUT_REDIRECT_URL"}},
		{"error", h.handleFallbackError, []string{"urls.error", "OAUTH2_ERROR_URL", `id="error-description"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := get(h.Errors.Handle(web.AdminErrors, test.f), "/oauth2/fallbacks/"+test.name)
			body := w.Body.String()
			if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("answer %d %v", w.Code, w.Header())
			}
			for _, want := range test.want {
				if !strings.Contains(body, want) {
					t.Errorf("the page lacks %q", want)
				}
			}
			// The policy names the style sheet that is really in the page, and nothing else.
			_, style, _ := strings.Cut(body, "<style>")
			style, _, _ = strings.Cut(style, "</style>")
			sum := sha256.Sum256([]byte(style))
			policy := w.Header().Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"';") || strings.Contains(policy, "unsafe") {
				t.Errorf("policy %q", policy)
			}
			for _, bad := range []string{"<script", "http://", "https://", " style=", "<form"} {
				if strings.Contains(body, bad) {
					t.Errorf("the page has %q", bad)
				}
			}
		})
	}
}

// Contract §3.7: what the URL says is shown, and stays text.
func TestErrorPageEscapes(t *testing.T) {
	t.Parallel()
	h := &Handler{Errors: &web.Errors{}}
	serve := h.Errors.Handle(web.AdminErrors, h.handleFallbackError)
	evil := `"><script>alert(1)</script>`
	w := get(serve, "/oauth2/fallbacks/error?"+url.Values{
		"error": {"access_denied" + evil}, "error_description": {"The user said no & left." + evil},
		"error_hint": {"Hint" + evil}, "error_debug": {"Debug" + evil}, "other": {"not shown"},
	}.Encode())
	body := w.Body.String()
	for _, want := range []string{
		`<code id="error">access_denied&#34;&gt;&lt;script&gt;alert(1)`, `<td id="error-description">The user said no &amp; left.`,
		`<td id="error-hint">Hint&#34;`, `<td id="error-debug">Debug&#34;`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(body, "<script") || strings.Contains(body, "not shown") {
		t.Errorf("the page has what it must not have: %s", body)
	}
}

func TestErrorPageIsBounded(t *testing.T) {
	t.Parallel()
	h := &Handler{Errors: &web.Errors{}}
	serve := h.Errors.Handle(web.AdminErrors, h.handleFallbackError)
	long := get(serve, "/?"+url.Values{"error_description": {strings.Repeat("ü", 20_000)}}.Encode())
	if n := strings.Count(long.Body.String(), "ü"); n != 1000 {
		t.Errorf("%d letters shown, want 1000", n)
	}
	turned := get(serve, "/?error_hint=a%E2%80%AEb%0Ac")
	if !strings.Contains(turned.Body.String(), ">a b c<") {
		t.Errorf("the direction of the text can be turned: %s", turned.Body)
	}
	for _, target := range []string{"/?error=a&error=b", "/?error=%ff", "/?error=%00"} {
		if w := get(serve, target); w.Code != 400 || !strings.Contains(w.Body.String(), "malformed") {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
	if w := get(serve, "/"); !strings.Contains(w.Body.String(), "does not say which error") {
		t.Error("a page without an error says nothing")
	}
}

// The page has the status of the error that it shows; a code that anybody may
// have made up has none.
func TestErrorPageStatus(t *testing.T) {
	t.Parallel()
	h := &Handler{Errors: &web.Errors{}}
	serve := h.Errors.Handle(web.AdminErrors, h.handleFallbackError)
	for code, want := range map[string]int{
		"request_forbidden": 403, "invalid_client": 401, "invalid_request": 400, "request_unauthorized": 401, "<b>": 200, "": 200,
	} {
		if w := get(serve, "/?"+url.Values{"error": {code}}.Encode()); w.Code != want {
			t.Errorf("error=%s: status %d, want %d", code, w.Code, want)
		}
	}
}

// What did not work is what the user was about, whether the page stands at its
// own address or in place of an answer. The address says it by one of the
// server's own words.
func TestErrorPageSaysWhatDidNotWork(t *testing.T) {
	t.Parallel()
	h := &Handler{Errors: &web.Errors{}}
	serve := h.Errors.Handle(web.AdminErrors, h.handleFallbackError)
	for endpoint, want := range map[string]string{
		"": "The sign-in did not work", "logout": "The sign-out did not work", "device": "The device was not connected", "<b>": "The sign-in did not work",
	} {
		direct := httptest.NewRecorder()
		h.show(direct, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), endpoint, errors.New("a fault"))
		for name, w := range map[string]*httptest.ResponseRecorder{
			"by its address": get(serve, "/?"+url.Values{"error": {"server_error"}, "endpoint": {endpoint}}.Encode()), "at once": direct,
		} {
			if body := w.Body.String(); w.Code != 500 || strings.Count(body, want) != 2 || strings.Count(body, " did not work")+strings.Count(body, " was not connected") != 2 || !strings.Contains(body, `<code id="error">server_error<`) || strings.Contains(body, "<b>") {
				t.Errorf("endpoint %q, %s: %d %s", endpoint, name, w.Code, body)
			}
		}
	}
}
