package flow

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
)

func checkingService(o Options) *Service {
	o.Scopes = oauth.WildcardScope
	return &Service{Options: o}
}

func webClient() *oauth.Client {
	return &oauth.Client{
		ID: "app", RedirectURIs: []string{"https://app.example/cb", "http://127.0.0.1/cb"},
		Scope: "openid offline read.*", Audience: []string{"https://api.example/v1"},
	}
}

const challengeOfTest = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636 appendix B

// Each rule of the authorization request, by the parameter that breaks it.
func TestRequestChecks(t *testing.T) {
	good := url.Values{
		"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {"https://app.example/cb"},
		"scope": {"openid read.all"}, "state": {"12345678"},
	}
	for _, test := range []struct {
		name string
		set  url.Values // "" deletes
		want oauth.Kind
	}{
		{"everything in order", nil, ""},
		{"no state, no nonce", url.Values{"state": {""}}, ""},
		{"redirect_uri of somebody else", url.Values{"redirect_uri": {"https://evil.example/cb"}}, oauth.InvalidRequest},
		{"redirect_uri in another case", url.Values{"redirect_uri": {"https://app.example/CB"}}, oauth.InvalidRequest},
		{"redirect_uri with a slash more", url.Values{"redirect_uri": {"https://app.example/cb/"}}, oauth.InvalidRequest},
		{"redirect_uri with an encoded letter", url.Values{"redirect_uri": {"https://app.example/%63b"}}, oauth.InvalidRequest},
		{"redirect_uri missing although two are registered", url.Values{"redirect_uri": {""}, "scope": {"read.all"}}, oauth.InvalidRequest},
		{"redirect_uri missing with openid", url.Values{"redirect_uri": {""}}, oauth.InvalidRequest},
		{"loopback redirect_uri with a port", url.Values{"redirect_uri": {"http://127.0.0.1:51004/cb"}}, ""},
		{"state of 4 KiB and one", url.Values{"state": {strings.Repeat("x", maxState+1)}}, oauth.InvalidRequest},
		{"registration", url.Values{"registration": {"{}"}}, oauth.RegistrationNotSupported},
		{"scope that the client may not have", url.Values{"scope": {"openid write"}}, oauth.InvalidScope},
		{"scope with a double space", url.Values{"scope": {"openid  read.all"}}, oauth.InvalidScope},
		{"scope with a quotation mark", url.Values{"scope": {`openid read."x"`}}, oauth.InvalidScope},
		{"audience that the client may not have", url.Values{"audience": {"https://api.example/v2"}}, oauth.InvalidRequest},
		{"audience below an allowed one", url.Values{"audience": {"https://api.example/v1/users"}}, ""},
		{"audience out of an allowed one", url.Values{"audience": {"https://api.example/v1/../v2"}}, oauth.InvalidRequest},
		{"response_type missing", url.Values{"response_type": {""}}, oauth.UnsupportedResponseType},
		{"response_type not registered", url.Values{"response_type": {"token"}}, oauth.UnsupportedResponseType},
		{"response_mode unknown", url.Values{"response_mode": {"smoke"}}, oauth.InvalidRequest},
		{"prompt unknown", url.Values{"prompt": {"foo"}}, oauth.InvalidRequest},
		{"prompt none and login (contract case 45)", url.Values{"prompt": {"none login"}}, oauth.LoginRequired},
		{"prompt none and consent", url.Values{"prompt": {"none consent"}}, oauth.InvalidRequest},
		{"max_age negative", url.Values{"max_age": {"-1"}}, oauth.InvalidRequest},
		{"max_age huge", url.Values{"max_age": {"99999999999999999999"}}, oauth.InvalidRequest},
		{"max_age no number", url.Values{"max_age": {"1e3"}}, oauth.InvalidRequest},
		{"max_age zero", url.Values{"max_age": {"0"}}, ""},
		{"PKCE S256", url.Values{"code_challenge": {challengeOfTest}, "code_challenge_method": {"S256"}}, ""},
		{"PKCE plain", url.Values{"code_challenge": {challengeOfTest}, "code_challenge_method": {"plain"}}, oauth.InvalidRequest},
		{"PKCE s256 in small letters", url.Values{"code_challenge": {challengeOfTest}, "code_challenge_method": {"s256"}}, oauth.InvalidRequest},
		{"PKCE without a method", url.Values{"code_challenge": {challengeOfTest}}, oauth.InvalidRequest},
		{"PKCE method without a challenge", url.Values{"code_challenge_method": {"S256"}}, oauth.InvalidRequest},
		{"PKCE challenge that is no hash", url.Values{"code_challenge": {"abc"}, "code_challenge_method": {"S256"}}, oauth.InvalidRequest},
		{"PKCE challenge with dangling bits", url.Values{"code_challenge": {challengeOfTest[:42] + "N"}, "code_challenge_method": {"S256"}}, oauth.InvalidRequest},
		{"login_hint too long", url.Values{"login_hint": {strings.Repeat("x", maxText+1)}}, oauth.InvalidRequest},
		{"unknown parameter", url.Values{"foo": {"bar"}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			params := url.Values{}
			for name, values := range good {
				params[name] = values
			}
			for name, values := range test.set {
				if params[name] = values; values[0] == "" {
					delete(params, name)
				}
			}
			_, err := checkingService(Options{}).read(webClient(), params.Encode())
			if got := kind(err); got != test.want {
				t.Errorf("read() = %v, want kind %q", err, test.want)
			}
		})
	}
}

func kind(err error) oauth.Kind {
	if err == nil {
		return ""
	}
	return oauth.KindOf(err)
}

// The options that make the server stricter.
func TestRequestOptions(t *testing.T) {
	base := "client_id=app&response_type=code&redirect_uri=https%3A%2F%2Fapp.example%2Fcb"
	public := webClient()
	public.AuthMethod = oauth.AuthNone
	plain := webClient()
	plain.RedirectURIs = []string{"http://app.example/cb"}
	for _, test := range []struct {
		name   string
		o      Options
		client *oauth.Client
		query  string
		want   oauth.Kind
	}{
		{"state of 7 of 8", Options{MinState: 8}, webClient(), base + "&state=1234567", oauth.InvalidState},
		{"state of 8 of 8", Options{MinState: 8}, webClient(), base + "&state=12345678", ""},
		{"nonce of 7 of 8", Options{MinNonce: 8}, webClient(), base + "&nonce=1234567", oauth.InsufficientEntropy},
		{"no nonce", Options{MinNonce: 8}, webClient(), base, ""},
		{"PKCE for all", Options{PKCEForAll: true}, webClient(), base, oauth.InvalidRequest},
		{"PKCE for public clients, a public one", Options{PKCEForPublic: true}, public, base, oauth.InvalidRequest},
		{"PKCE for public clients, another", Options{PKCEForPublic: true}, webClient(), base, ""},
		{"http beyond loopback", Options{}, plain, "client_id=app&response_type=code", oauth.InvalidRequest},
		{"http beyond loopback in development", Options{InsecureRedirects: true}, plain, "client_id=app&response_type=code", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := checkingService(test.o).read(test.client, test.query)
			if got := kind(err); got != test.want {
				t.Errorf("read() = %v, want kind %q", err, test.want)
			}
		})
	}
}

// A request reads as it was meant.
func TestRequestRead(t *testing.T) {
	query := "client_id=app&response_type=code&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&scope=read.b+read.a+read.b" +
		"&audience=https%3A%2F%2Fapi.example%2Fv1&audience=https%3A%2F%2Fapi.example%2Fv1%2Fx&state=s&nonce=n&prompt=login+consent" +
		"&max_age=60&acr_values=1+2&ui_locales=de+en&display=page&login_hint=alice&response_mode=fragment"
	got, err := checkingService(Options{}).read(webClient(), query)
	if err != nil {
		t.Fatal(err)
	}
	age := int64(60)
	want := oauth.Request{
		ResponseType: []string{"code"}, Mode: oauth.ModeFragment,
		RedirectURI: "https://app.example/cb", RedirectURISent: "https://app.example/cb",
		Scope: []string{"read.b", "read.a"}, Audience: []string{"https://api.example/v1", "https://api.example/v1/x"},
		State: "s", Nonce: "n", Prompt: oauth.Prompt{"login", "consent"}, MaxAge: &age, Query: query,
		OIDC: oauth.OIDCContext{ACRValues: []string{"1", "2"}, UILocales: []string{"de", "en"}, Display: "page", LoginHint: "alice"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever a client sends, reading it ends with a Request or an *oauth.Error.
func FuzzRequest(f *testing.F) {
	f.Add("client_id=app&response_type=code&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&scope=openid&prompt=none&max_age=1")
	f.Add("redirect_uri=https://good@evil/&scope=%00")
	f.Fuzz(func(t *testing.T, query string) {
		req, err := checkingService(Options{}).read(webClient(), query)
		if err == nil && !webClient().AllowsRedirectURI(req.RedirectURI) {
			t.Errorf("%q: redirect URI %q was not registered", query, req.RedirectURI)
		}
	})
}

func TestWithoutHint(t *testing.T) {
	for in, want := range map[string]string{
		"a=1&b=%20+x":              "a=1&b=%20+x",
		"a=1&id_token_hint=x.y.z":  "a=1",
		"id%5Ftoken_hint=x&state=": "state=",
		"id_token_hint":            "",
		"login_hint=a&a=%":         "login_hint=a&a=%",
	} {
		if got := withoutHint(in); got != want {
			t.Errorf("withoutHint(%q) = %q, want %q", in, got, want)
		}
	}
}
