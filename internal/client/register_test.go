package client

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"hydra/internal/oauth"
)

func many(n int, s string) []string { return slices.Repeat([]string{s}, n) }

func seconds(n int64) *int64 { return &n }

func lifespan(d time.Duration) *time.Duration { return &d }

// What is refused, and with which words.
func TestRulesRefuse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		client oauth.Client
		secret oauth.Secret
		want   string // part of the hint
	}{
		{"id too long", oauth.Client{ID: strings.Repeat("x", 256)}, "", "client_id"},
		{"id with a control character", oauth.Client{ID: "a\x00b"}, "", "client_id"},
		{"id that is no UTF-8", oauth.Client{ID: "a\xffb"}, "", "client_id"},
		{"long name", oauth.Client{Name: strings.Repeat("x", 1025)}, "", "client_name"},
		{"name with a line break", oauth.Client{Name: "a\nb"}, "", "client_name"},
		{"long scope", oauth.Client{Scope: strings.Repeat("s ", 5000)}, "", "scope"},
		{"long owner", oauth.Client{Owner: strings.Repeat("x", 1025)}, "", "owner"},
		{"101 redirect URIs", oauth.Client{RedirectURIs: many(101, "https://a.example/")}, "", "redirect_uris"},
		{"101 audiences", oauth.Client{Audience: many(101, "a")}, "", "audience"},
		{"long contact", oauth.Client{Contacts: []string{strings.Repeat("x", 2001)}}, "", "contacts"},
		{"NUL in a grant type", oauth.Client{GrantTypes: []string{"a\x00"}}, "", "grant_types"},
		{"unknown method", oauth.Client{AuthMethod: "tls_client_auth"}, "", "token_endpoint_auth_method"},
		{"HMAC secret of 31 bytes", oauth.Client{AuthMethod: oauth.AuthSecretJWT}, oauth.Secret(strings.Repeat("x", 31)), "at least 32 bytes"},
		{"HMAC secret of 63 bytes for HS512", oauth.Client{AuthMethod: oauth.AuthSecretJWT, AuthSigningAlg: "HS512"}, oauth.Secret(strings.Repeat("x", 63)), "at least 64 bytes"},
		{"client_secret_jwt with RS256", oauth.Client{AuthMethod: oauth.AuthSecretJWT, AuthSigningAlg: "RS256"}, "", "HS256"},
		{"private_key_jwt with HS256", oauth.Client{AuthMethod: oauth.AuthPrivateKeyJWT, AuthSigningAlg: "HS256", JWKS: testKeys.set}, "", "token_endpoint_auth_signing_alg"},
		{"private_key_jwt without keys", oauth.Client{AuthMethod: oauth.AuthPrivateKeyJWT}, "", "needs jwks"},
		{"private_key_jwt with an empty set", oauth.Client{AuthMethod: oauth.AuthPrivateKeyJWT, JWKS: json.RawMessage(`{"keys":[]}`)}, "", "needs jwks"},
		{"jwks and jwks_uri", oauth.Client{JWKS: testKeys.set, JWKSURI: "https://a.example/jwks"}, "", "exclude each other"},
		{"symmetric key", oauth.Client{JWKS: json.RawMessage(`{"keys":[{"kty":"oct","kid":"a","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}`)}, "", "jwks"},
		{"jwks of another type", oauth.Client{JWKS: json.RawMessage(`"keys"`)}, "", "jwks"},
		{"jwks_uri on a file", oauth.Client{JWKSURI: "file:///etc/passwd"}, "", "jwks_uri"},
		{"secret of five characters", oauth.Client{}, "12345", "6 characters"},
		{"secret of five characters in ten bytes", oauth.Client{}, "äöüßé", "6 characters"},
		{"secret of 1,025 bytes", oauth.Client{}, oauth.Secret(strings.Repeat("x", 1025)), "1,024 bytes"},
		{"origin with a path", oauth.Client{AllowedCORSOrigins: []string{"https://a.example/app"}}, "", "path"},
		{"origin with two slashes", oauth.Client{AllowedCORSOrigins: []string{"https://a.example//"}}, "", "path"},
		{"origin with user information", oauth.Client{AllowedCORSOrigins: []string{"https://u:p@a.example"}}, "", "user information"},
		{"origin with another scheme", oauth.Client{AllowedCORSOrigins: []string{"ftp://a.example"}}, "", "scheme"},
		{"origin with a query", oauth.Client{AllowedCORSOrigins: []string{"https://a.example?x"}}, "", "query"},
		{"origin with a fragment", oauth.Client{AllowedCORSOrigins: []string{"https://a.example#"}}, "", "fragment"},
		{"origin null", oauth.Client{AllowedCORSOrigins: []string{"null"}}, "", "scheme"},
		{"any origin", oauth.Client{AllowedCORSOrigins: []string{"*"}}, "", "scheme"},
		{"origin without a host", oauth.Client{AllowedCORSOrigins: []string{"https://:443"}}, "", "absolute"},
		{"sector over http", oauth.Client{SectorIdentifierURI: "http://a.example/s"}, "", "sector_identifier_uri"},
		{"sector without a host", oauth.Client{SectorIdentifierURI: "https:///s"}, "", "sector_identifier_uri"},
		{"scope with a quotation mark", oauth.Client{Scope: `read "write`}, "", "RFC 6749 §3.3"},
		{"scope that turns the direction of text", oauth.Client{Scope: "read \u202ewrite"}, "", "RFC 6749 §3.3"},
		{"userinfo signed with HS256", oauth.Client{UserinfoSignedAlg: "HS256"}, "", "userinfo_signed_response_alg"},
		{"redirect with a fragment", oauth.Client{RedirectURIs: []string{"https://a.example/cb#f"}}, "", "fragment"},
		{"redirect with an empty fragment", oauth.Client{RedirectURIs: []string{"https://a.example/cb#"}}, "", "fragment"},
		{"redirect to javascript", oauth.Client{RedirectURIs: []string{"javascript:alert(1)"}}, "", "scheme"},
		{"redirect to data", oauth.Client{RedirectURIs: []string{"data:text/html,x"}}, "", "scheme"},
		{"redirect to a file", oauth.Client{RedirectURIs: []string{"file:///etc/passwd"}}, "", "scheme"},
		{"redirect with user information", oauth.Client{RedirectURIs: []string{"https://good@evil.example/"}}, "", "user information"},
		{"redirect with a backslash", oauth.Client{RedirectURIs: []string{`https://good.example\@evil.example`}}, "", "backslash"},
		{"redirect with a tab", oauth.Client{RedirectURIs: []string{"https://a.example/\tcb"}}, "", "control"},
		{"relative redirect", oauth.Client{RedirectURIs: []string{"/cb"}}, "", "absolute"},
		{"private-use scheme without a dot", oauth.Client{RedirectURIs: []string{"myapp://cb"}}, "", "dot"},
		{"post-logout redirect to javascript", oauth.Client{PostLogoutRedirectURIs: []string{"javascript:alert(1)"}}, "", "scheme"},
		{"unknown subject type", oauth.Client{SubjectType: "foo"}, "", "subject_type"},
		{"pairwise where it is not enabled", oauth.Client{SubjectType: oauth.SubjectPairwise}, "", "subject_type"},
		{"assertions signed with HS256", oauth.Client{AuthSigningAlg: "HS256"}, "", "token_endpoint_auth_signing_alg"},
		{"assertions not signed", oauth.Client{AuthSigningAlg: "none"}, "", "token_endpoint_auth_signing_alg"},
		{"logo that runs", oauth.Client{LogoURI: "javascript:alert(1)"}, "", "logo_uri"},
		{"policy that runs, in capitals", oauth.Client{PolicyURI: "JavaScript:alert(1)"}, "", "policy_uri"},
		{"request object at no URL", oauth.Client{RequestURIs: []string{"https://a.example/r", "b"}}, "", "request_uris"},
		{"request object at an empty URL", oauth.Client{RequestURIs: []string{""}}, "", "request_uris"},
		{"request object on no host", oauth.Client{RequestURIs: []string{"https://"}}, "", "request_uris"},
		{"request object at a blank", oauth.Client{RequestURIs: []string{"https://a/ b"}}, "", "request_uris"},
		{"request object with a password", oauth.Client{RequestURIs: []string{"https://a:b@a.example/"}}, "", "request_uris"},
		{"request object that runs", oauth.Client{RequestURIs: []string{"javascript:alert(1)"}}, "", "request_uris"},
		{"logout on a file", oauth.Client{BackchannelLogoutURI: "file:///x"}, "", "logout"},
		{"logout with a fragment", oauth.Client{FrontchannelLogoutURI: "https://a.example/#x"}, "", "logout"},
		{"unknown token strategy", oauth.Client{AccessTokenStrategy: "paseto"}, "", "access_token_strategy"},
		{"unknown token profile", oauth.Client{AccessTokenProfile: "x"}, "", "access_token_profile"},
		{"metadata is a list", oauth.Client{Metadata: json.RawMessage(`[]`)}, "", "metadata"},
		{"metadata with a member twice", oauth.Client{Metadata: json.RawMessage(`{"a":1,"a":2}`)}, "", "metadata"},
		{"much metadata", oauth.Client{Metadata: json.RawMessage(`{"a":"` + strings.Repeat("x", 16<<10) + `"}`)}, "", "16 KiB"},
		{"signed request objects without a signature", oauth.Client{RequireSignedRequest: true, RequestObjectSigningAlg: "none"}, "", "require_signed_request_object"},
		{"unknown kind of application", oauth.Client{ApplicationType: "desktop"}, "", "application_type"},
		{"web, implicit, over http", oauth.Client{ApplicationType: "web", GrantTypes: []string{"implicit"}, RedirectURIs: []string{"http://a.example/cb"}}, "", "https only"},
		{"web, hybrid, on localhost", oauth.Client{ApplicationType: "web", ResponseTypes: []string{"code id_token"}, RedirectURIs: []string{"https://localhost/cb"}}, "", "localhost"},
		{"web, implicit, private-use scheme", oauth.Client{ApplicationType: "web", GrantTypes: []string{"implicit"}, RedirectURIs: []string{"com.example.app:/cb"}}, "", "https only"},
		{"native, http on another host", oauth.Client{ApplicationType: "native", RedirectURIs: []string{"http://a.example/cb"}}, "", "loopback"},
		{"negative default age", oauth.Client{DefaultMaxAge: seconds(-1)}, "", "default_max_age"},
		{"huge default age", oauth.Client{DefaultMaxAge: seconds(1 << 31)}, "", "default_max_age"},
		{"empty acr", oauth.Client{DefaultACRValues: []string{""}}, "", "default_acr_values"},
		{"two acrs in one", oauth.Client{DefaultACRValues: []string{"a b"}}, "", "default_acr_values"},
		{"acrs of 2 KiB", oauth.Client{DefaultACRValues: many(2, strings.Repeat("x", 1024))}, "", "2 KiB"},
		{"lifespan of nothing", oauth.Client{Lifespans: oauth.Lifespans{RefreshAccess: lifespan(0)}}, "", "lifespan"},
		{"negative lifespan", oauth.Client{Lifespans: oauth.Lifespans{DeviceRefresh: lifespan(-time.Second)}}, "", "lifespan"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var s Service
			err := s.settle(t.Context(), &test.client, test.secret)
			e, ok := errors.AsType[*oauth.Error](err)
			if !ok || e.Kind != oauth.InvalidRequest || !strings.Contains(e.Public, test.want) {
				t.Errorf("settle() = %v, want invalid_request about %q", err, test.want)
			}
		})
	}
}

func TestRulesAccept(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		client oauth.Client
		secret oauth.Secret
	}{
		{"nothing at all", oauth.Client{}, ""},
		{"id with every printable thing", oauth.Client{ID: "a/b %zz 😀 :?#"}, ""},
		{"secret of six characters", oauth.Client{}, "äöüßéx"},
		{"redirects of native apps", oauth.Client{RedirectURIs: []string{"com.example.app:/cb", "http://127.0.0.1/cb", "http://[::1]:8080/cb"}}, ""},
		{"redirect with a query and a dot", oauth.Client{RedirectURIs: []string{"https://a.example/c.b?x=1|2"}}, ""},
		{"scheme that the operator allows", oauth.Client{RedirectURIs: []string{"MyApp://cb"}}, ""},
		{"links that are no URLs, as Hydra's own clients have", oauth.Client{PolicyURI: "policy-uri", LogoURI: "logo-uri"}, ""},
		{"all subject types that are enabled", oauth.Client{SubjectType: oauth.SubjectPairwise}, ""},
		{"unknown grant and response types", oauth.Client{GrantTypes: []string{"urn:x"}, ResponseTypes: []string{"code token"}}, ""},
		{"keys by reference", oauth.Client{AuthMethod: oauth.AuthPrivateKeyJWT, JWKSURI: "https://a.example/jwks"}, ""},
		{"empty set of an SDK and keys by reference (Q-12)", oauth.Client{JWKS: json.RawMessage(` {} `), JWKSURI: "https://a.example/jwks"}, ""},
		{"keys by value", oauth.Client{AuthMethod: oauth.AuthPrivateKeyJWT, JWKS: testKeys.set}, ""},
		{"request objects by hash, on a port, and for development", oauth.Client{RequestURIs: []string{"https://a.example/r#x", "https://a.example:8443/r?a=b", "http://localhost/r"}}, ""},
		{"metadata", oauth.Client{Metadata: json.RawMessage(`{"a":{"b":[1]}}`)}, ""},
		{"web with the code flow, for development", oauth.Client{ApplicationType: "web", RedirectURIs: []string{"http://localhost:3000/cb"}}, ""},
		{"implicit without a kind of application", oauth.Client{GrantTypes: []string{"implicit"}, RedirectURIs: []string{"http://localhost:3000/cb"}}, ""},
		{"native: private-use scheme, loopback and claimed https", oauth.Client{ApplicationType: "native", RedirectURIs: []string{"com.example.app:/cb", "http://localhost/cb", "https://app.example/cb"}}, ""},
		{"default age of nothing", oauth.Client{DefaultMaxAge: seconds(0), DefaultACRValues: []string{"gold"}}, ""},
		{"lifespans", oauth.Client{Lifespans: oauth.Lifespans{RefreshAccess: lifespan(time.Hour)}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := Service{Options: Options{SubjectTypes: []string{"public", "pairwise"}, RedirectSchemes: []string{"myapp"}}}
			if err := s.settle(t.Context(), &test.client, test.secret); err != nil {
				t.Errorf("settle() = %v, want nil", err)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	s := Service{Options: Options{DefaultScope: "openid offline"}}
	c := oauth.Client{
		JWKS: json.RawMessage(`{"keys":null}`), Metadata: json.RawMessage(`null`), SecretExpiresAt: 10,
		AllowedCORSOrigins: []string{"https://a.example/", "http://b.example:8080"},
	}
	if err := s.settle(t.Context(), &c, ""); err != nil {
		t.Fatal(err)
	}
	if c.Scope != "openid offline" || c.AuthMethod != oauth.AuthSecretBasic || c.SubjectType != oauth.SubjectPublic ||
		c.UserinfoSignedAlg != "none" || c.JWKS != nil || c.Metadata != nil || c.SecretExpiresAt != 0 {
		t.Errorf("defaults = %+v", c)
	}
	if want := []string{"https://a.example", "http://b.example:8080"}; !slices.Equal(c.AllowedCORSOrigins, want) {
		t.Errorf("origins = %q, want %q", c.AllowedCORSOrigins, want)
	}
	if !c.AllowsGrantType(oauth.GrantAuthorizationCode) || c.AllowsGrantType(oauth.GrantRefreshToken) || !c.AllowsResponseType([]string{"code"}) {
		t.Error("a client without grant and response types may do other than authorization_code with code")
	}
}

// The default subject type is public where that is enabled, else the first.
func TestDefaultSubjectType(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		enabled []string
		want    string
	}{
		{nil, "public"},
		{[]string{"pairwise", "public"}, "public"},
		{[]string{"pairwise"}, "pairwise"},
	} {
		s := Service{Options: Options{SubjectTypes: test.enabled}}
		var c oauth.Client
		if err := s.settle(t.Context(), &c, ""); err != nil || c.SubjectType != test.want {
			t.Errorf("with %q: subject_type %q, %v, want %q", test.enabled, c.SubjectType, err, test.want)
		}
	}
}

// Contract case 207.
func TestSectorIdentifierContent(t *testing.T) {
	t.Parallel()
	redirects := []string{"https://a.example/1", "https://a.example/2"}
	for _, test := range []struct {
		name, body string
		err        error
		ok         bool
	}{
		{"empty body", "", nil, false},
		{"empty list", "[]", nil, false},
		{"not a list of strings", `{"a":1}`, nil, false},
		{"lists them all", `["https://a.example/2","https://b.example/","https://a.example/1"]`, nil, true},
		{"lists some", `["https://a.example/1"]`, nil, false},
		{"cannot be read", "", errors.New("dial tcp 10.0.0.1:443: refused"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := Service{Fetch: func(_ context.Context, uri string) ([]byte, error) {
				if uri != "https://a.example/sector" {
					t.Errorf("fetched %q", uri)
				}
				return []byte(test.body), test.err
			}}
			c := oauth.Client{SectorIdentifierURI: "https://a.example/sector", RedirectURIs: redirects}
			err := s.settle(t.Context(), &c, "")
			if test.ok != (err == nil) {
				t.Fatalf("settle() = %v", err)
			}
			if e, ok := errors.AsType[*oauth.Error](err); !test.ok && (!ok || e.Kind != oauth.InvalidRequest || strings.Contains(e.Public, "10.0.0.1")) {
				t.Errorf("settle() = %v, want invalid_request that does not tell the address", err)
			}
		})
	}
	s := Service{Fetch: func(context.Context, string) ([]byte, error) { return nil, oauth.TemporarilyUnavailable }}
	if err := s.settle(t.Context(), &oauth.Client{SectorIdentifierURI: "https://a.example/sector"}, ""); !errors.Is(err, oauth.TemporarilyUnavailable) {
		t.Errorf("settle() of a busy server = %v, which is not the client's fault", err)
	}
}
