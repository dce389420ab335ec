package judges

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"maps"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	hydra "github.com/ory/hydra-client-go/v2"
)

// github.com/ory/hydra-client-go/v2 v2.2.1, the client of Go programs.

const (
	callback = "http://127.0.0.1:5555/callback"
	secret   = "a-secret-of-the-judge"
)

// judgement is the client on both ports.
type judgement struct {
	t             *testing.T
	cover         *coverage
	admin, public *hydra.APIClient
}

func TestHydraClientGo(t *testing.T) {
	t.Parallel()
	j := &judgement{t: t, cover: &coverage{driven: map[string]bool{}}}
	connect := func(base string) *hydra.APIClient {
		c := hydra.NewConfiguration()
		c.Servers = hydra.ServerConfigurations{{URL: base}}
		c.HTTPClient = &http.Client{Transport: j.cover, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		return hydra.NewAPIClient(c)
	}
	j.admin, j.public = connect(adminURL), connect(publicURL)
	j.signIns()
	j.rejections()
	j.clients()
	j.keys()
	j.issuers()
	j.itself()

	// What comes with other work is driven as soon as it is there.
	logout := absent(t, "signing out comes with the logout work", map[string][2]string{
		"OAuth2API.GetOAuth2LogoutRequest":    {"GET", adminURL + "/admin/oauth2/auth/requests/logout?logout_challenge=x"},
		"OAuth2API.AcceptOAuth2LogoutRequest": {"PUT", adminURL + "/admin/oauth2/auth/requests/logout/accept?logout_challenge=x"},
		"OAuth2API.RejectOAuth2LogoutRequest": {"PUT", adminURL + "/admin/oauth2/auth/requests/logout/reject?logout_challenge=x"},
		"OidcAPI.RevokeOidcSession":           {"GET", publicURL + "/oauth2/sessions/logout"},
	})
	if len(logout) == 0 {
		j.signingOut()
	}
	registration := absent(t, "dynamic registration comes with its own work", map[string][2]string{
		"OidcAPI.CreateOidcDynamicClient": {"POST", publicURL + "/oauth2/register"},
		"OidcAPI.GetOidcDynamicClient":    {"GET", publicURL + "/oauth2/register/x"},
		"OidcAPI.SetOidcDynamicClient":    {"PUT", publicURL + "/oauth2/register/x"},
		"OidcAPI.DeleteOidcDynamicClient": {"DELETE", publicURL + "/oauth2/register/x"},
	})
	if len(registration) == 0 {
		j.registration()
	}
	leftOut := map[string]lacking{"OidcAPI.CreateVerifiableCredential": {"a draft that is left out", "POST", publicURL + "/credentials"}}
	maps.Copy(leftOut, logout)
	maps.Copy(leftOut, registration)
	j.cover.check(t, operations(j.admin), leftOut)
}

// must returns what the client made of an answer that it liked.
func must[T any](j *judgement) func(v T, res *http.Response, err error) T {
	return func(v T, res *http.Response, err error) T {
		j.t.Helper()
		if err != nil {
			var said *hydra.GenericOpenAPIError
			if errors.As(err, &said) {
				j.t.Fatalf("%v: %s", err, said.Body())
			}
			j.t.Fatalf("%v, %v", err, res)
		}
		return v
	}
}

// gone is must for an answer without a body.
func (j *judgement) gone(res *http.Response, err error) {
	j.t.Helper()
	if err != nil || res.StatusCode != http.StatusNoContent && res.StatusCode != http.StatusOK {
		j.t.Fatalf("%v, %v", err, res)
	}
}

func (j *judgement) refused(res *http.Response, err error, status int) {
	j.t.Helper()
	if err == nil || res == nil || res.StatusCode != status {
		j.t.Fatalf("%v, %v, want status %d", err, res, status)
	}
}

func (j *judgement) equal(what string, got, want any) {
	j.t.Helper()
	if got != want {
		j.t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func (j *judgement) as(c *hydra.OAuth2Client) context.Context {
	return context.WithValue(j.t.Context(), hydra.ContextBasicAuth, hydra.BasicAuth{UserName: c.GetClientId(), Password: secret})
}

func (j *judgement) client(change func(*hydra.OAuth2Client)) *hydra.OAuth2Client {
	j.t.Helper()
	c := hydra.NewOAuth2Client()
	c.SetClientName("judged")
	c.SetClientSecret(secret)
	c.SetRedirectUris([]string{callback})
	c.SetGrantTypes([]string{"authorization_code", "refresh_token", "client_credentials"})
	c.SetResponseTypes([]string{"code"})
	c.SetScope("openid offline read")
	if change != nil {
		change(c)
	}
	return must[*hydra.OAuth2Client](j)(j.admin.OAuth2API.CreateOAuth2Client(j.t.Context()).OAuth2Client(*c).Execute())
}

// browser follows one redirect at a time.
func (j *judgement) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		j.t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (j *judgement) open(b *http.Client, address string) url.Values {
	j.t.Helper()
	req, err := http.NewRequestWithContext(j.t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		j.t.Fatal(err)
	}
	res, err := b.Do(req)
	if err != nil {
		j.t.Fatal(err)
	}
	_ = res.Body.Close()
	to, err := res.Location()
	if err != nil {
		j.t.Fatalf("GET %s: %s, %v", address, res.Status, err)
	}
	return to.Query()
}

func (j *judgement) begin(b *http.Client, c *hydra.OAuth2Client) (loginChallenge string) {
	j.t.Helper()
	q := url.Values{"client_id": {c.GetClientId()}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {"openid offline read"}, "state": {"state-of-the-judge"}}
	return j.open(b, publicURL+"/oauth2/auth?"+q.Encode()).Get("login_challenge")
}

// signIn plays the login and consent app and returns the code.
func (j *judgement) signIn(b *http.Client, c *hydra.OAuth2Client, subject string, skip bool) (code, session string) {
	j.t.Helper()
	api, ctx := j.admin.OAuth2API, j.t.Context()
	login := j.begin(b, c)
	asked := must[*hydra.OAuth2LoginRequest](j)(api.GetOAuth2LoginRequest(ctx).LoginChallenge(login).Execute())
	j.equal("skip of the login", asked.GetSkip(), skip)
	j.equal("the client", asked.Client.GetClientId(), c.GetClientId())
	accept := hydra.NewAcceptOAuth2LoginRequest(subject)
	accept.SetRemember(true)
	accept.SetRememberFor(3600)
	accept.SetAmr([]string{"pwd"})
	accept.SetContext(map[string]any{"from": "login"})
	to := must[*hydra.OAuth2RedirectTo](j)(api.AcceptOAuth2LoginRequest(ctx).LoginChallenge(login).AcceptOAuth2LoginRequest(*accept).Execute())

	challenge := j.open(b, to.RedirectTo).Get("consent_challenge")
	agreed := must[*hydra.OAuth2ConsentRequest](j)(api.GetOAuth2ConsentRequest(ctx).ConsentChallenge(challenge).Execute())
	j.equal("skip of the consent", agreed.GetSkip(), skip)
	j.equal("subject", agreed.GetSubject(), subject)
	j.equal("scope", strings.Join(agreed.GetRequestedScope(), " "), "openid offline read")
	consent := hydra.NewAcceptOAuth2ConsentRequest()
	consent.SetGrantScope(agreed.GetRequestedScope())
	consent.SetRemember(true)
	consent.SetRememberFor(3600)
	consent.SetSession(hydra.AcceptOAuth2ConsentRequestSession{AccessToken: map[string]any{"tier": "gold"}, IdToken: map[string]any{"email": "alice@test"}})
	to = must[*hydra.OAuth2RedirectTo](j)(api.AcceptOAuth2ConsentRequest(ctx).ConsentChallenge(challenge).AcceptOAuth2ConsentRequest(*consent).Execute())
	end := j.open(b, to.RedirectTo)
	j.equal("state", end.Get("state"), "state-of-the-judge")
	return end.Get("code"), asked.GetSessionId()
}

func (j *judgement) exchange(c *hydra.OAuth2Client, code string) *hydra.OAuth2TokenExchange {
	j.t.Helper()
	return must[*hydra.OAuth2TokenExchange](j)(j.public.OAuth2API.Oauth2TokenExchange(j.as(c)).GrantType("authorization_code").Code(code).RedirectUri(callback).Execute())
}

func (j *judgement) introspect(token string) *hydra.IntrospectedOAuth2Token {
	j.t.Helper()
	return must[*hydra.IntrospectedOAuth2Token](j)(j.admin.OAuth2API.IntrospectOAuth2Token(j.t.Context()).Token(token).Scope("read").Execute())
}

func (j *judgement) signIns() {
	api, ctx := j.admin.OAuth2API, j.t.Context()
	c, b, subject := j.client(nil), j.browser(), "alice-"+rand.Text()
	code, session := j.signIn(b, c, subject, false)
	first := j.exchange(c, code)
	live := j.introspect(first.GetAccessToken())
	j.equal("active", live.Active, true)
	j.equal("sub", live.GetSub(), subject)
	j.equal("ext", live.GetExt()["tier"], "gold")
	j.equal("token_use", live.GetTokenUse(), "access_token")
	info := must[*hydra.OidcUserInfo](j)(j.public.OidcAPI.GetOidcUserInfo(context.WithValue(ctx, hydra.ContextAccessToken, first.GetAccessToken())).Execute())
	j.equal("userinfo", info.GetSub()+" "+info.GetEmail(), subject+" alice@test")
	next := must[*hydra.OAuth2TokenExchange](j)(j.public.OAuth2API.Oauth2TokenExchange(j.as(c)).GrantType("refresh_token").RefreshToken(first.GetRefreshToken()).Execute())
	j.equal("the refreshed token", j.introspect(first.GetAccessToken()).Active, false)

	listed := must[[]hydra.OAuth2ConsentSession](j)(api.ListOAuth2ConsentSessions(ctx).Subject(subject).LoginSessionId(session).PageSize(10).Execute())
	if len(listed) != 1 || !slices.Equal(listed[0].GetGrantScope(), []string{"openid", "offline", "read"}) || listed[0].ConsentRequest.Client.GetClientId() != c.GetClientId() {
		j.t.Errorf("the consents are %+v", listed)
	}
	code, _ = j.signIn(b, c, subject, true)
	second := j.exchange(c, code)
	res, err := api.RevokeOAuth2ConsentSessions(ctx).Subject(subject).Execute()
	j.refused(res, err, 400)
	j.gone(api.RevokeOAuth2ConsentSessions(ctx).Subject(subject).Client(c.GetClientId()).Execute())
	for _, token := range []string{next.GetAccessToken(), next.GetRefreshToken(), second.GetAccessToken()} {
		j.equal("a token of a revoked consent", j.introspect(token).Active, false)
	}
	j.gone(api.RevokeOAuth2ConsentSessions(ctx).Subject(subject).All(true).Execute())
	j.gone(api.RevokeOAuth2LoginSessions(ctx).Sid(session).Execute())
	j.gone(api.RevokeOAuth2LoginSessions(ctx).Subject(subject).Execute())
	asked := must[*hydra.OAuth2LoginRequest](j)(api.GetOAuth2LoginRequest(ctx).LoginChallenge(j.begin(b, c)).Execute())
	j.equal("skip after the revocation", asked.GetSkip(), false)

	// This client cannot send parameters here: what it gets is the error page.
	if _, res, err := j.public.OAuth2API.OAuth2Authorize(ctx).Execute(); res == nil || res.StatusCode != http.StatusFound {
		j.t.Errorf("an authorization request without parameters: %v, %v", res, err)
	}
}

func (j *judgement) rejections() {
	api, ctx := j.admin.OAuth2API, j.t.Context()
	c, b := j.client(nil), j.browser()
	no := hydra.NewRejectOAuth2Request()
	no.SetError("access_denied")
	no.SetErrorDescription("not today")
	to := must[*hydra.OAuth2RedirectTo](j)(api.RejectOAuth2LoginRequest(ctx).LoginChallenge(j.begin(b, c)).RejectOAuth2Request(*no).Execute())
	j.equal("error", j.open(b, to.RedirectTo).Get("error"), "access_denied")
	to = must[*hydra.OAuth2RedirectTo](j)(api.AcceptOAuth2LoginRequest(ctx).LoginChallenge(j.begin(b, c)).AcceptOAuth2LoginRequest(*hydra.NewAcceptOAuth2LoginRequest("bob")).Execute())
	challenge := j.open(b, to.RedirectTo).Get("consent_challenge")
	to = must[*hydra.OAuth2RedirectTo](j)(api.RejectOAuth2ConsentRequest(ctx).ConsentChallenge(challenge).RejectOAuth2Request(*no).Execute())
	j.equal("error", j.open(b, to.RedirectTo).Get("error"), "access_denied")
	_, res, err := api.GetOAuth2LoginRequest(ctx).LoginChallenge("0").Execute()
	j.refused(res, err, 404)
}

func (j *judgement) clients() {
	api, ctx := j.admin.OAuth2API, j.t.Context()
	owner := "owner-" + rand.Text()
	named := func(c *hydra.OAuth2Client) { c.SetOwner(owner); c.SetClientName(owner) }
	c := j.client(named)
	j.client(named)
	j.equal("the secret", c.GetClientSecret(), secret)
	id := c.GetClientId()
	read := must[*hydra.OAuth2Client](j)(api.GetOAuth2Client(ctx, id).Execute())
	read.SetMetadata(map[string]any{"n": 1})
	changed := must[*hydra.OAuth2Client](j)(api.SetOAuth2Client(ctx, id).OAuth2Client(*read).Execute())
	if m, ok := changed.GetMetadata().(map[string]any); !ok || m["n"] != 1.0 {
		j.t.Errorf("metadata is %v", changed.GetMetadata())
	}
	patch := hydra.NewJsonPatch("replace", "/policy_uri")
	patch.SetValue("https://client.test/policy")
	patched := must[*hydra.OAuth2Client](j)(api.PatchOAuth2Client(ctx, id).JsonPatch([]hydra.JsonPatch{*patch}).Execute())
	j.equal("policy_uri", patched.GetPolicyUri(), "https://client.test/policy")
	life := hydra.NewOAuth2ClientTokenLifespans()
	life.SetClientCredentialsGrantAccessTokenLifespan("90s")
	lived := must[*hydra.OAuth2Client](j)(api.SetOAuth2ClientLifespans(ctx, id).OAuth2ClientTokenLifespans(*life).Execute())
	j.equal("lifespan", lived.GetClientCredentialsGrantAccessTokenLifespan(), "1m30s")

	page, res, err := api.ListOAuth2Clients(ctx).Owner(owner).ClientName(owner).PageSize(1).Execute()
	if page = must[[]hydra.OAuth2Client](j)(page, res, err); len(page) != 1 || !strings.Contains(res.Header.Get("Link"), `rel="next"`) {
		j.t.Errorf("%d clients on the page, Link %q", len(page), res.Header.Get("Link"))
	}
	token := func() string {
		return must[*hydra.OAuth2TokenExchange](j)(j.public.OAuth2API.Oauth2TokenExchange(j.as(c)).GrantType("client_credentials").Execute()).GetAccessToken()
	}
	one := token()
	live := must[*hydra.IntrospectedOAuth2Token](j)(api.IntrospectOAuth2Token(ctx).Token(one).Execute())
	j.equal("lifetime", live.GetExp()-live.GetIat(), int64(90))
	j.gone(api.DeleteOAuth2Token(ctx).ClientId(id).Execute())
	j.equal("a token after all were deleted", j.introspect(one).Active, false)
	two := token()
	j.gone(j.public.OAuth2API.RevokeOAuth2Token(j.as(c)).Token(two).Execute())
	j.equal("a revoked token", j.introspect(two).Active, false)
	j.gone(api.DeleteOAuth2Client(ctx, id).Execute())
	_, res, err = api.GetOAuth2Client(ctx, id).Execute()
	j.refused(res, err, 404)
}

func (j *judgement) keys() {
	api, ctx, set := j.admin.JwkAPI, j.t.Context(), "set-"+rand.Text()
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		made := must[*hydra.JsonWebKeySet](j)(api.CreateJsonWebKeySet(ctx, set).CreateJsonWebKeySet(*hydra.NewCreateJsonWebKeySet(alg, alg, "sig")).Execute())
		if len(made.Keys) != 1 || made.Keys[0].Kid != alg || made.Keys[0].GetD() == "" {
			j.t.Errorf("%s: %+v", alg, made.Keys)
		}
	}
	j.equal("keys", len(must[*hydra.JsonWebKeySet](j)(api.GetJsonWebKeySet(ctx, set).Execute()).Keys), 3)
	one := must[*hydra.JsonWebKeySet](j)(api.GetJsonWebKey(ctx, set, "ES256").Execute()).Keys[0]
	j.equal("kid", must[*hydra.JsonWebKey](j)(api.SetJsonWebKey(ctx, set, "ES256").JsonWebKey(one).Execute()).Kid, "ES256")
	only := hydra.JsonWebKeySet{Keys: []hydra.JsonWebKey{one}}
	j.equal("keys", len(must[*hydra.JsonWebKeySet](j)(api.SetJsonWebKeySet(ctx, set).JsonWebKeySet(only).Execute()).Keys), 1)
	j.gone(api.DeleteJsonWebKey(ctx, set, "ES256").Execute())
	must[*hydra.JsonWebKeySet](j)(api.SetJsonWebKeySet(ctx, set).JsonWebKeySet(only).Execute())
	j.gone(api.DeleteJsonWebKeySet(ctx, set).Execute())
	_, res, err := api.GetJsonWebKeySet(ctx, set).Execute()
	j.refused(res, err, 404)
}

func (j *judgement) issuers() {
	api, ctx := j.admin.OAuth2API, j.t.Context()
	pair, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		j.t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	jwk := hydra.NewJsonWebKey("RS256", "one", "RSA", "sig")
	jwk.SetN(encode(pair.N.Bytes()))
	jwk.SetE(encode(big.NewInt(int64(pair.E)).Bytes()))
	issuer := "https://idp.test/" + rand.Text()
	trust := hydra.NewTrustOAuth2JwtGrantIssuer(time.Now().Add(time.Hour), issuer, *jwk, []string{"read"})
	trust.SetAllowAnySubject(true)
	made := must[*hydra.TrustedOAuth2JwtGrantIssuer](j)(api.TrustOAuth2JwtGrantIssuer(ctx).TrustOAuth2JwtGrantIssuer(*trust).Execute())
	j.equal("issuer", made.GetIssuer(), issuer)
	j.equal("kid", made.PublicKey.GetKid(), "one")
	j.equal("id", must[*hydra.TrustedOAuth2JwtGrantIssuer](j)(api.GetTrustedOAuth2JwtGrantIssuer(ctx, made.GetId()).Execute()).GetId(), made.GetId())
	listed := must[[]hydra.TrustedOAuth2JwtGrantIssuer](j)(api.ListTrustedOAuth2JwtGrantIssuers(ctx).Issuer(issuer).Execute())
	j.equal("issuers", len(listed), 1)
	j.gone(api.DeleteTrustedOAuth2JwtGrantIssuer(ctx, made.GetId()).Execute())
	_, res, err := api.GetTrustedOAuth2JwtGrantIssuer(ctx, made.GetId()).Execute()
	j.refused(res, err, 404)
}

func (j *judgement) itself() {
	ctx := j.t.Context()
	j.equal("issuer", must[*hydra.OidcConfiguration](j)(j.public.OidcAPI.DiscoverOidcConfiguration(ctx).Execute()).Issuer, publicURL)
	if keys := must[*hydra.JsonWebKeySet](j)(j.public.WellknownAPI.DiscoverJsonWebKeys(ctx).Execute()); len(keys.Keys) == 0 {
		j.t.Error("no keys are published")
	}
	for _, c := range []*hydra.APIClient{j.admin, j.public} {
		must[*hydra.HealthStatus](j)(c.MetadataAPI.IsAlive(ctx).Execute())
		must[*hydra.IsReady200Response](j)(c.MetadataAPI.IsReady(ctx).Execute())
	}
	j.equal("a version", must[*hydra.GetVersion200Response](j)(j.admin.MetadataAPI.GetVersion(ctx).Execute()).GetVersion() != "", true)
}

func (j *judgement) signingOut() {
	api, ctx := j.admin.OAuth2API, j.t.Context()
	c, b, subject := j.client(nil), j.browser(), "erin-"+rand.Text()
	_, session := j.signIn(b, c, subject, false)
	// The client has no parameters here, but the browser's cookies can be its own.
	address, err := url.Parse(publicURL)
	if err != nil {
		j.t.Fatal(err)
	}
	own := hydra.NewConfiguration()
	*own = *j.public.GetConfig()
	ask := func() string {
		var cookies []string
		for _, cookie := range b.Jar.Cookies(address) {
			cookies = append(cookies, cookie.Name+"="+cookie.Value)
		}
		own.DefaultHeader = map[string]string{"Cookie": strings.Join(cookies, "; ")}
		res, err := hydra.NewAPIClient(own).OidcAPI.RevokeOidcSession(ctx).Execute()
		if res == nil || res.StatusCode != http.StatusFound {
			j.t.Fatalf("%v, %v", res, err)
		}
		b.Jar.SetCookies(address, res.Cookies())
		to, err := res.Location()
		if err != nil {
			j.t.Fatal(err)
		}
		return to.Query().Get("logout_challenge")
	}
	challenge := ask()
	wanted := must[*hydra.OAuth2LogoutRequest](j)(api.GetOAuth2LogoutRequest(ctx).LogoutChallenge(challenge).Execute())
	j.equal("the logout request", wanted.GetSubject()+" "+wanted.GetSid(), subject+" "+session)
	j.equal("rp_initiated", wanted.GetRpInitiated(), false)
	j.gone(api.RejectOAuth2LogoutRequest(ctx).LogoutChallenge(challenge).Execute())
	skip := func() bool {
		return must[*hydra.OAuth2LoginRequest](j)(api.GetOAuth2LoginRequest(ctx).LoginChallenge(j.begin(b, c)).Execute()).GetSkip()
	}
	j.equal("skip after the rejection", skip(), true)
	to := must[*hydra.OAuth2RedirectTo](j)(api.AcceptOAuth2LogoutRequest(ctx).LogoutChallenge(ask()).Execute())
	j.open(b, to.RedirectTo)
	j.equal("skip after signing out", skip(), false)
}

func (j *judgement) registration() {
	api, ctx := j.public.OidcAPI, j.t.Context()
	c := hydra.NewOAuth2Client()
	c.SetClientName("registered")
	c.SetRedirectUris([]string{callback})
	made := must[*hydra.OAuth2Client](j)(api.CreateOidcDynamicClient(ctx).OAuth2Client(*c).Execute())
	id := made.GetClientId()
	as := func(c *hydra.OAuth2Client) context.Context {
		return context.WithValue(ctx, hydra.ContextAccessToken, c.GetRegistrationAccessToken())
	}
	j.equal("registration_client_uri", made.GetRegistrationClientUri(), publicURL+"/oauth2/register/"+id)
	j.equal("client_name", must[*hydra.OAuth2Client](j)(api.GetOidcDynamicClient(as(made), id).Execute()).GetClientName(), "registered")
	c.SetClientName("changed")
	changed := must[*hydra.OAuth2Client](j)(api.SetOidcDynamicClient(as(made), id).OAuth2Client(*c).Execute())
	j.equal("client_name", changed.GetClientName(), "changed")
	_, res, err := api.GetOidcDynamicClient(as(made), id).Execute()
	j.refused(res, err, 401) // the token was exchanged
	j.gone(api.DeleteOidcDynamicClient(as(changed), id).Execute())
}
