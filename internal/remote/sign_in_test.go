package remote

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// A provider that says what the test wants, to see what a relying party of ours
// believes (OpenID Connect Core §3.1.3.7, RFC 9207).
func TestWhatASignInBelieves(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	const issuer = "https://id.example/"
	for _, test := range []struct {
		name   string
		change func(claims map[string]any, response url.Values)
		key    ed25519.PrivateKey
		says   string
	}{
		{"a good answer", nil, private, ""},
		{"another audience beside it, for us", func(c map[string]any, _ url.Values) { c["aud"], c["azp"] = []string{"shop", "b"}, "shop" }, private, ""},
		{"attack: a token signed with another key", nil, foreign, "signature"},
		{"attack: a code of another issuer (mix-up)", func(_ map[string]any, r url.Values) { r.Set("iss", "https://evil.example/") }, private, "RFC 9207"},
		{"attack: an answer that does not say who it is from", func(_ map[string]any, r url.Values) { r.Del("iss") }, private, "RFC 9207"},
		{"attack: a token for another client", func(c map[string]any, _ url.Values) { c["aud"] = "other" }, private, "aud does not name"},
		{"attack: a token that another client asked for", func(c map[string]any, _ url.Values) { c["aud"], c["azp"] = []string{"shop", "b"}, "b" }, private, "azp"},
		{"attack: a token of another sign-in", func(c map[string]any, _ url.Values) { c["nonce"] = "old" }, private, "nonce"},
		{"attack: a token without a nonce", func(c map[string]any, _ url.Values) { delete(c, "nonce") }, private, "nonce"},
		{"attack: an access token of somebody else", func(c map[string]any, _ url.Values) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, private, "at_hash"},
		{"another issuer in the token", func(c map[string]any, _ url.Values) { c["iss"] = "https://id.example" }, private, "iss is"},
		{"an expired token", func(c map[string]any, _ url.Values) { c["exp"] = now.Unix() }, private, "exp"},
		{"a token without an end", func(c map[string]any, _ url.Values) { delete(c, "exp") }, private, "exp"},
		{"a token about nobody", func(c map[string]any, _ url.Values) { delete(c, "sub") }, private, "sub"},
		{"attack: a response with another state", func(_ map[string]any, r url.Values) { r.Set("state", "made-up") }, private, "state is unknown"},
		{"a refusal", func(_ map[string]any, r url.Values) { r.Set("error", "access_denied") }, private, "access_denied"},
		{"a code that was used", func(_ map[string]any, r url.Values) { r.Set("code", "used") }, private, "400 Bad Request, invalid_grant: The code was used."},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var idToken string
			provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == jwksPath:
					_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "k", Algorithm: "EdDSA", Use: "sig"}}})
				case r.FormValue("code") == "used":
					w.WriteHeader(http.StatusBadRequest)
					_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"The code was used."}`))
				case r.FormValue("code_verifier") != "" && r.FormValue("client_id") == "shop":
					_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "a", "id_token": idToken, "expires_in": 60})
				}
			}))
			t.Cleanup(provider.Close)
			c, err := New(Options{Endpoint: provider.URL + "/"})
			if err != nil {
				t.Fatal(err)
			}
			s := &SignIn{Client: c, Provider: Provider{issuer, "https://id.example/auth?tenant=1", true}, As: Credentials{ID: "shop"},
				Redirect: "http://127.0.0.1/callback", Scope: []string{"openid", "email"}, MaxAge: -1, Now: func() time.Time { return now }}
			request, err := s.Begin()
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(request)
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			if q.Get("tenant") != "1" || q.Get("scope") != "openid email" || len(q.Get("state")) < 40 || q.Has("max_age") || q.Get("code_challenge_method") != "S256" {
				t.Errorf("the request is %s", request)
			}
			claims := map[string]any{"iss": issuer, "aud": "shop", "sub": "alice", "exp": now.Unix() + 1, "nonce": q.Get("nonce")}
			response := url.Values{"code": {"c"}, "state": {q.Get("state")}, "iss": {issuer}}
			if test.change != nil {
				test.change(claims, response)
			}
			idToken = sign(t, test.key, claims)
			tokens, err := s.Finish(t.Context(), response)
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("it says %v, want %q in it", err, test.says)
				}
				return
			}
			if err != nil || tokens.AccessToken != "a" || !strings.Contains(string(tokens.Claims), "alice") {
				t.Errorf("%+v, %v", tokens, err)
			}
			if _, err := s.Finish(t.Context(), response); !errors.Is(err, ErrForeign) {
				t.Errorf("a second time: %v", err)
			}
		})
	}
}

func sign(t *testing.T, k ed25519.PrivateKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: k}, (&jose.SignerOptions{}).WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestCalls(t *testing.T) {
	t.Parallel()
	var seen http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Clone()
		w.Header().Set("Link", `</x?page_token=a>; rel="first",</x?page_token=b%2Bc>; rel="next"`)
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "https://evil.example/", http.StatusTemporaryRedirect)
		case "/busy":
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/html":
			_, _ = w.Write([]byte("<html>"))
		case "/forbidden":
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"error":"request_forbidden","error_description":"No.","error_hint":"Ask."}`))
		}
	}))
	t.Cleanup(server.Close)
	c, err := New(Options{Endpoint: server.URL, AccessToken: "t", Header: http.Header{"X-A": {"1"}}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Do(t.Context(), Call{Method: http.MethodGet, Path: "/"})
	if err != nil || a.Next("page_token") != "b+c" || seen.Get("Authorization") != "Bearer t" || seen.Get("X-A") != "1" {
		t.Errorf("%v %v %v", a, err, seen)
	}
	if _, err := c.Do(t.Context(), Call{Method: http.MethodPost, Path: "/", Form: url.Values{}, Basic: &Credentials{"a b", "ü"}}); err != nil || seen.Get("Authorization") != "Basic YSti"+"OiVDMyVCQw==" {
		t.Errorf("%v %v", err, seen)
	}
	for path, want := range map[string][2]string{
		"/moved":     {"307 Temporary Redirect", "sends on to https://evil.example/"},
		"/busy":      {"503 Service Unavailable", "in 7 seconds"},
		"/forbidden": {"403 Forbidden, request_forbidden: No. Ask.", "--access-token"},
		"/html":      {"something else than the JSON", "right port"},
	} {
		_, err := c.JSON(t.Context(), Call{Goal: "test", Method: http.MethodGet, Path: path, Query: url.Values{"secret": {"hidden"}}}, &struct{}{})
		advised, ok := err.(interface{ Advice() string }) //nolint:errorlint // it is not wrapped
		if !ok || !strings.Contains(err.Error(), want[0]) || !strings.Contains(advised.Advice(), want[1]) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, bad := range []string{"", "x", "ftp://x", "http://user:pass@x", "http://x?y", "http://x#y", "http://"} {
		if _, err := New(Options{Endpoint: bad}); err == nil || strings.Contains(err.Error(), "pass") {
			t.Errorf("the endpoint %q: %v", bad, err)
		}
	}
	for _, o := range []Options{{CAFile: "nothing"}, {CAFile: "sign_in_test.go"}, {CertFile: "nothing"}} {
		o.Endpoint = "http://x"
		if _, err := New(o); err == nil {
			t.Errorf("%+v is good", o)
		}
	}
	if got := Segment("..") + Segment("a/b") + Segment("."); got != "%2E%2Ea%2Fb%2E" {
		t.Errorf("segments: %s", got)
	}
}
