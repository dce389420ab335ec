package judges

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
)

// github.com/zitadel/oidc, a certified relying party, by its own handlers: they
// keep state and PKCE verifier in cookies. It does not decrypt ID tokens, and
// leaves making request objects to go-jose.

const nonce = "the-nonce-of-zitadel"

func newZitadel(t *testing.T, p *party, more ...rp.Option) rp.RelyingParty {
	t.Helper()
	cookies := httphelper.NewCookieHandler([]byte(strings.Repeat("h", 32)), []byte(strings.Repeat("e", 32)), httphelper.WithUnsecure())
	options := append([]rp.Option{
		rp.WithCookieHandler(cookies), rp.WithPKCE(cookies), rp.WithSigningAlgsFromDiscovery(),
		rp.WithVerifierOpts(rp.WithNonce(func(context.Context) string { return nonce }), rp.WithIssuedAtMaxAge(10*time.Minute)),
	}, more...)
	out, err := rp.NewRelyingPartyOIDC(t.Context(), publicURL, p.id, p.secret, callback, []string{oidc.ScopeOpenID, oidc.ScopeOfflineAccess, oidc.ScopeEmail}, options...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// outcome is what the library hands to the program behind it.
type outcome struct {
	tokens *oidc.Tokens[*oidc.IDTokenClaims]
	info   *oidc.UserInfo
	state  string
}

// zitadelSignIn goes through both handlers of the library. A nil object sends
// the request as it is.
func zitadelSignIn(t *testing.T, party rp.RelyingParty, someone *person, object func(string) string, more ...rp.URLParamOpt) (outcome, url.Values, string) {
	t.Helper()
	began := httptest.NewRecorder()
	more = append(more, rp.WithURLParam("nonce", nonce))
	rp.AuthURLHandler(func() string { return "the-state" }, party, more...)(began, httptest.NewRequest(http.MethodGet, "http://127.0.0.1:5555/login", http.NoBody))
	address := began.Header().Get("Location")
	if object != nil {
		address = object(address)
	}
	parameters, mode := someone.signIn(address)
	var back *http.Request
	if mode == "form_post" {
		back = httptest.NewRequest(http.MethodPost, callback, strings.NewReader(parameters.Encode()))
		back.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		back = httptest.NewRequest(http.MethodGet, callback+"?"+parameters.Encode(), http.NoBody)
	}
	for _, c := range began.Result().Cookies() {
		back.AddCookie(c)
	}
	var out outcome
	ended := httptest.NewRecorder()
	rp.CodeExchangeHandler(rp.UserinfoCallback(func(_ http.ResponseWriter, _ *http.Request, tokens *oidc.Tokens[*oidc.IDTokenClaims], state string, _ rp.RelyingParty, info *oidc.UserInfo) {
		out = outcome{tokens, info, state}
	}), party)(ended, back)
	if out.tokens == nil || out.info == nil || out.state != "the-state" {
		t.Fatalf("the library answers %d %s", ended.Code, ended.Body)
	}
	if out.tokens.IDTokenClaims.Subject != "alice" || out.info.Subject != "alice" || out.info.Email != "alice@example.org" {
		t.Errorf("claims %+v, userinfo %+v", out.tokens.IDTokenClaims, out.info)
	}
	return out, parameters, mode
}

func TestZitadel(t *testing.T) {
	t.Parallel()
	t.Run("code with PKCE, userinfo, refresh, revocation and logout", func(t *testing.T) {
		t.Parallel()
		// Outside of its handlers the library takes a secret for client_secret_post.
		p, someone := newParty(t, map[string]any{"token_endpoint_auth_method": "client_secret_post"}), newPerson(t)
		party := newZitadel(t, p)
		got, _, _ := zitadelSignIn(t, party, someone, nil)
		refreshing := newZitadel(t, p, rp.WithVerifierOpts()) // the nonce is not repeated (OpenID Connect Core §12.2)
		fresh, err := rp.RefreshTokens[*oidc.IDTokenClaims](t.Context(), refreshing, got.tokens.RefreshToken, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := rp.RevokeToken(t.Context(), party, fresh.RefreshToken, "refresh_token"); err != nil {
			t.Error(err)
		}
		if _, err := rp.Userinfo[*oidc.UserInfo](t.Context(), fresh.AccessToken, oidc.BearerToken, "alice", party); err == nil {
			t.Error("the access token outlives the revocation")
		}
		// The library makes the request by itself, without the browser's cookies:
		// the ID token says which session is meant.
		to, err := rp.EndSession(t.Context(), party, got.tokens.IDToken, goodbye, "s", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if at := someone.agree(to); at != goodbye+"?state=s" {
			t.Errorf("the logout ends at %s", at)
		}
		someone.gone(rp.AuthURL("the-state", party))
	})
	for _, mode := range []oidc.ResponseMode{"", oidc.ResponseModeFormPost} {
		t.Run("code id_token by "+string(mode), func(t *testing.T) {
			t.Parallel()
			party := newZitadel(t, newParty(t, map[string]any{"token_endpoint_auth_method": "client_secret_post"}))
			more := []rp.URLParamOpt{rp.WithURLParam("response_type", "code id_token")}
			if mode != "" {
				more = append(more, rp.WithResponseModeURLParam(mode))
			}
			_, parameters, _ := zitadelSignIn(t, party, newPerson(t), nil, more...)
			claims, err := rp.VerifyIDToken[*oidc.IDTokenClaims](t.Context(), parameters.Get("id_token"), party.IDTokenVerifier())
			if err != nil {
				t.Fatal(err)
			}
			want, err := oidc.ClaimHash(parameters.Get("code"), jose.RS256)
			if err != nil || claims.CodeHash != want {
				t.Errorf("c_hash is %q, want %q, %v", claims.CodeHash, want, err)
			}
		})
	}
	t.Run("code by form_post", func(t *testing.T) {
		t.Parallel()
		if _, _, mode := zitadelSignIn(t, newZitadel(t, newParty(t, nil)), newPerson(t), nil, rp.WithResponseModeURLParam(oidc.ResponseModeFormPost)); mode != "form_post" {
			t.Errorf("the response comes by %s", mode)
		}
	})
	t.Run("private_key_jwt and a signed request object", func(t *testing.T) {
		t.Parallel()
		p := newParty(t, map[string]any{"token_endpoint_auth_method": "private_key_jwt", "request_object_signing_alg": "PS256", "id_token_signed_response_alg": "ES384"})
		p.secret = "" // which nobody sends who signs
		party := newZitadel(t, p, rp.WithAuthStyle(oauth2.AuthStyleInParams), rp.WithJWTProfile(rp.SignerFromKeyAndKeyID(p.pem(), kid)))
		zitadelSignIn(t, party, newPerson(t), func(address string) string { return p.asObject(t, address) })
	})
}
