package server

import (
	"net/http"
	"slices"
	"strings"

	"hydra/internal/client"
	"hydra/internal/config"
	"hydra/internal/flow"
	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/public"
	"hydra/internal/token"
	"hydra/internal/ui"
	"hydra/internal/web"
)

// The configuration as each service wants it.

func clientOptions(c *config.Config) client.Options {
	o := client.Options{
		Audiences:        []string{c.URLs.Issuer, tokenURL(c)},
		DefaultScope:     strings.Join(c.OIDC.DefaultScopes, " "),
		SubjectTypes:     c.OIDC.SubjectTypes,
		RedirectSchemes:  c.OAuth2.RedirectSchemes,
		PBKDF2Iterations: c.OAuth2.PBKDF2Iterations,
		UnsignedIDTokens: c.OIDC.UnsignedIDTokens,
	}
	if c.Registration.Enabled {
		o.Registration = registration(c)
	}
	return o
}

// registration is who may register clients. What a client gets that names no
// scope is the option's, else all that discovery lists.
func registration(c *config.Config) client.Registration {
	r := client.Registration{
		Access: c.Registration.Access, PerHour: c.Registration.PerHour, Total: c.Registration.Total, UnusedFor: c.Registration.UnusedFor,
		StatementIssuers: map[string]string{},
	}
	listed := public.ScopesSupported(c.WebFinger.SupportedScopes)
	r.AllowedScopes = append(listed, c.Registration.AllowedScopes...)
	if r.Scopes = c.OIDC.DefaultScopes; len(r.Scopes) == 0 {
		r.Scopes = listed
	}
	for _, entry := range c.Registration.StatementIssuers {
		issuer, uri, _ := strings.Cut(entry, " ")
		r.StatementIssuers[issuer] = uri
	}
	return r
}

// tokenURL is the token endpoint as clients know it.
func tokenURL(c *config.Config) string {
	if c.WebFinger.TokenURL != "" {
		return c.WebFinger.TokenURL
	}
	return c.URLs.Public + "/oauth2/token"
}

func tokenOptions(c *config.Config) token.Options {
	return token.Options{
		Issuer:                   c.URLs.Issuer,
		AccessLifespan:           c.TTL.AccessToken,
		IDLifespan:               c.TTL.IDToken,
		RefreshLifespan:          c.TTL.RefreshToken,
		DeviceInterval:           c.OAuth2.DevicePollingInterval,
		GracePeriod:              c.OAuth2.RotationGracePeriod,
		GraceUses:                int64(c.OAuth2.RotationGraceReuseCount),
		AccessTokenStrategy:      c.Strategies.AccessToken,
		AccessTokenProfile:       c.Strategies.JWTProfile,
		ScopeClaim:               c.Strategies.JWTScopeClaim,
		ExcludeNotBefore:         c.OAuth2.ExcludeNotBefore,
		TopLevelClaims:           c.OAuth2.AllowedTopLevelClaims,
		UnmirroredClaims:         !c.OAuth2.MirrorTopLevelClaims,
		ScopeStrategy:            scopes(c),
		DefaultGrantAllowedScope: c.OAuth2.DefaultGrantAllowedScope,
		UserinfoRequiresOpenID:   c.OAuth2.UserinfoRequiresOpenID,
		ClaimsPlacement:          c.OIDC.ClaimsPlacement,
		ClaimsByScope:            c.OIDC.ClaimsByScope,
		UnsignedIDTokens:         c.OIDC.UnsignedIDTokens,
		AssertionAudiences:       []string{c.URLs.Issuer, tokenURL(c)},
		AssertionMaxTTL:          c.OAuth2.AssertionMaxTTL,
		AssertionJTIOptional:     c.OAuth2.AssertionJTIOptional,
		AssertionIATOptional:     c.OAuth2.AssertionIATOptional,
	}
}

// scopes is the configured strategy. The option allows none that has no name.
func scopes(c *config.Config) oauth.ScopeStrategy {
	s, ok := oauth.ScopeStrategyNamed(c.Strategies.Scope)
	if !ok {
		panic("server: the configuration let " + c.Strategies.Scope + " through")
	}
	return s
}

func flowOptions(c *config.Config) flow.Options {
	return flow.Options{
		Issuer:            c.URLs.Issuer,
		PublicURL:         c.URLs.Public,
		LoginURL:          page(c, c.URLs.Login, "/oauth2/fallbacks/login", "/dev/login"),
		RegistrationURL:   page(c, c.URLs.Registration, "", ""),
		ConsentURL:        page(c, c.URLs.Consent, "/oauth2/fallbacks/consent", "/dev/consent"),
		LogoutURL:         page(c, c.URLs.Logout, "/oauth2/fallbacks/logout", "/dev/logout"),
		LogoutTellFor:     c.OIDC.LogoutTellFor,
		LoggedOutURL:      page(c, c.URLs.PostLogout, "/oauth2/fallbacks/logout", "/dev/logged-out"),
		DeviceURL:         page(c, c.URLs.DeviceVerification, "/oauth2/fallbacks/device", "/dev/device"),
		DeviceDoneURL:     page(c, c.URLs.DeviceSuccess, "/oauth2/fallbacks/device/done", "/dev/device/done"),
		DeviceCodeTTL:     c.TTL.DeviceUserCode,
		UserCodes:         oauth.UserCodesOf(c.OAuth2.UserCodePreset, c.OAuth2.UserCodeCharacters, c.OAuth2.UserCodeLength),
		FlowTTL:           c.TTL.LoginConsentRequest,
		CodeTTL:           c.TTL.AuthCode,
		SessionTTL:        c.TTL.AuthenticationSession,
		Scopes:            scopes(c),
		MinState:          c.OAuth2.MinStateNonceLength,
		MinNonce:          c.OAuth2.MinStateNonceLength,
		PKCEForAll:        c.OAuth2.PKCEEnforced,
		PKCEForPublic:     c.OAuth2.PKCEEnforcedPublic,
		RequestObjects:    flow.RequestObjects{RefuseUnsigned: !c.OIDC.UnsignedRequestObjects, VerifyHash: c.OIDC.VerifyRequestHash},
		InsecureRedirects: c.Dev,
		MaxSealedChars:    c.Flow.MaxSealedChars,
		Pairwise:          slices.Contains(c.OIDC.SubjectTypes, oauth.SubjectPairwise),
		PairwiseSalt:      c.OIDC.PairwiseSalt,
	}
}

// page returns the address of a configured page; a path is one of this
// server. Without one it is the built-in page, if there is one, in development
// mode the other.
func page(c *config.Config, configured, fallback, dev string) string {
	switch {
	case configured != "" && !strings.HasPrefix(configured, "/"):
		return configured
	case configured != "":
		return c.URLs.Public + configured
	case fallback == "":
		return ""
	case c.Dev && dev != "":
		return c.URLs.Public + dev
	}
	return c.URLs.Public + fallback
}

func publicHandler(c *config.Config, errs *web.Errors, clients *client.Service, keys *key.Service, tokens *token.Service, flows *flow.Service) *public.Handler {
	flowCookies := web.Cookies{
		Secure:   c.HTTPS() || c.Dev && c.Serve.Cookies.Secure,
		Domain:   c.Serve.Cookies.Domain,
		SameSite: sameSite(c.Serve.Cookies.SameSite),
	}
	sessionCookies := flowCookies
	sessionCookies.Path = c.Serve.Cookies.SessionPath
	return &public.Handler{
		Clients: clients, Keys: keys, Tokens: tokens, Flows: flows, Errors: errs,
		SessionCookies: sessionCookies, SessionCookieName: c.Serve.Cookies.SessionName,
		FlowCookies: flowCookies, FlowCookieName: c.Serve.Cookies.FlowName, FlowTTL: c.TTL.LoginConsentRequest,
		Options:           publicOptions(c),
		ErrorURL:          page(c, c.URLs.Error, "/oauth2/fallbacks/error", "/dev/error"),
		LogoutRedirectURL: page(c, c.URLs.PostLogout, "/oauth2/fallbacks/logout", "/dev/logged-out"),
	}
}

func publicOptions(c *config.Config) public.Options {
	sets := []string{token.AccessTokenSet}
	for _, s := range c.WebFinger.BroadcastKeys {
		if !slices.Contains(sets, s) {
			sets = append(sets, s)
		}
	}
	demo := announcements(c)
	return public.Options{
		Issuer: c.URLs.Issuer, PublicURL: c.URLs.Public,
		Announce: public.Endpoints{
			Authorization: c.WebFinger.AuthURL, Token: c.WebFinger.TokenURL, Userinfo: c.WebFinger.UserinfoURL,
			JWKS: c.WebFinger.JWKSURL, Registration: c.WebFinger.RegistrationURL,
			Device: c.WebFinger.DeviceURL,
		},
		Claims: slices.Concat(c.WebFinger.SupportedClaims, demo.claims), Scopes: slices.Concat(c.WebFinger.SupportedScopes, demo.scopes),
		HintParameters: c.Compatibility == "rc",
		ACRValues:      c.WebFinger.SupportedACRValues, SubjectTypes: c.OIDC.SubjectTypes,
		JWKSSets: sets, EncryptionSet: flow.RequestObjectSet,
		SignedRequestsOnly: !c.OIDC.UnsignedRequestObjects,
		JWKSMaxAge:         jwksMaxAge(c.Keys.AnnounceFor), UnsignedIDTokens: c.OIDC.UnsignedIDTokens,
		StandardDiscovery: c.WebFinger.StandardOnly,
		CORS:              cors(c.Serve.Public.CORS),
		Register:          c.Registration.Enabled,
	}
}

// announced are scopes and claims that discovery lists beside the server's own.
type announced struct{ scopes, claims []string }

// announcements are what the built-in consent page knows to tell. With another
// one only the operator can say.
func announcements(c *config.Config) announced {
	if !c.Dev || c.URLs.Consent != "" {
		return announced{}
	}
	return announced{ui.Scopes, ui.Claims()}
}

func sameSite(name string) http.SameSite {
	switch name {
	case "Strict":
		return http.SameSiteStrictMode
	case "Lax":
		return http.SameSiteLaxMode
	}
	return http.SameSiteNoneMode
}

func cors(c config.CORS) web.CORS {
	return web.CORS{
		Enabled: c.Enabled, Origins: c.AllowedOrigins, Methods: c.AllowedMethods, Headers: c.AllowedHeaders,
		Exposed: c.ExposedHeaders, Credentials: c.AllowCredentials, MaxAge: c.MaxAge, AllWhenEmpty: true,
	}
}
