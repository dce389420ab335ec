package flow

import (
	"net/url"
	"testing"

	"hydra/internal/oauth"
)

// Which mode an answer has, and what is refused of response types and modes.
func TestResponseTypeAndMode(t *testing.T) {
	const web, native = "https://app.example/cb", "com.example.app:/cb"
	for _, test := range []struct {
		name, kind, mode, redirect, alg string
		want                            oauth.Kind
		by                              oauth.ResponseMode
	}{
		{"code", "code", "", web, "", "", oauth.ModeQuery},
		{"code, form_post", "code", "form_post", web, "", "", oauth.ModeFormPost},
		{"code, form_post on the loopback interface", "code", "form_post", "http://127.0.0.1/cb", "", "", oauth.ModeFormPost},
		{"code, form_post to an app", "code", "form_post", native, "", oauth.InvalidRequest, oauth.ModeQuery},
		{"ID token", "id_token", "", web, "", "", oauth.ModeFragment},
		{"ID token in the query", "id_token", "query", web, "", oauth.InvalidRequest, oauth.ModeFragment},
		{"hybrid in the query", "token code", "query", web, "", oauth.InvalidRequest, oauth.ModeFragment},
		{"none", "none", "", web, "", "", oauth.ModeQuery},
		{"unknown type, known mode", "x", "form_post", web, "", oauth.UnsupportedResponseType, oauth.ModeFormPost},
		{"ID tokens without signature", "id_token", "", web, "none", oauth.UnsupportedResponseType, oauth.ModeFragment},
		{"ID tokens without signature, from the token endpoint", "code token", "", web, "none", "", oauth.ModeFragment},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &oauth.Client{
				ID: "app", RedirectURIs: []string{web, native, "http://127.0.0.1/cb"}, Scope: "openid", IDTokenSignedAlg: test.alg,
				GrantTypes: []string{"authorization_code", "implicit"}, ResponseTypes: []string{"code", "id_token", "code token", "none"},
			}
			q := url.Values{"client_id": {"app"}, "redirect_uri": {test.redirect}, "scope": {"openid"}, "nonce": {"n"}, "response_type": {test.kind}}
			if test.mode != "" {
				q.Set("response_mode", test.mode)
			}
			req, err := checkingService(Options{}).read(c, q.Encode())
			if kind(err) != test.want || req.Mode != test.by {
				t.Errorf("read() = %v by %q, want %q by %q", err, req.Mode, test.want, test.by)
			}
		})
	}
}
