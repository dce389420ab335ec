package config

import (
	"strings"
	"time"
)

const (
	day    = 24 * time.Hour
	ageMax = 100 * 365 * day
)

const (
	pageAllowed = "an http or https URL, or a path of this server that begins with `/`"
	webAllowed  = "an http or https URL without user and fragment"
	ttlAllowed  = "a duration above 0, such as 90s, 30m or 720h"
)

var urlOptions = []option{
	{
		Key: "urls.self.issuer", Env: []string{"OAUTH2_ISSUER_URL"},
		Doc: "What this server is called in tokens and discovery (`iss`), and the base of its endpoints. It is taken as it is; the rc name `OAUTH2_ISSUER_URL` ends in exactly one slash, as it always did. " +
			"It must be https, except on localhost, in development mode or with `dangerous-force-http`. Empty: the public port on localhost.",
		Allowed: "an http or https URL without user, query and fragment", bind: func(c *Config) any { return &c.URLs.Issuer }, check: issuerAddress,
	},
	{
		Key: "urls.self.public", Doc: "Base of the public endpoints. Empty: the issuer.",
		Allowed: webAllowed, bind: func(c *Config) any { return &c.URLs.Public }, check: issuerAddress,
	},
	{
		Key: "urls.self.admin", Doc: "Base of the admin endpoints, for display. Empty: the admin port.",
		Allowed: webAllowed, bind: func(c *Config) any { return &c.URLs.Admin }, check: issuerAddress,
	},
	page("urls.login", "OAUTH2_LOGIN_URL", "Login app, which gets `login_challenge`. Empty: a page that says that this must be set; the built-in page in development mode.", func(c *Config) *string { return &c.URLs.Login }),
	page("urls.consent", "OAUTH2_CONSENT_URL", "Consent app, which gets `consent_challenge`. Empty: as `urls.login`.", func(c *Config) *string { return &c.URLs.Consent }),
	page("urls.registration", "", "Page that opens accounts: where a browser goes with `prompt=create` or `prompt=registration`, with a `login_challenge` that is decided as the login page's is. Empty: the login page.", func(c *Config) *string { return &c.URLs.Registration }),
	page("urls.logout", "", "Page that asks whether the user wants to sign out; gets `logout_challenge`. Empty: a built-in page that asks.", func(c *Config) *string { return &c.URLs.Logout }),
	page("urls.error", "OAUTH2_ERROR_URL", "Page that shows errors which the client must not learn; gets `error`, `error_description` and `error_hint`, and `endpoint` where it was no sign-in: `logout` or `device`. Empty: a built-in page.", func(c *Config) *string { return &c.URLs.Error }),
	page("urls.device.verification", "", "Page where a person types the code that a device shows; gets `device_challenge`, and `user_code` if the address had it. Empty: as `urls.login`.", func(c *Config) *string { return &c.URLs.DeviceVerification }),
	page("urls.device.success", "", "Page that says that the device is connected; gets `client_id`. Empty: a built-in page.", func(c *Config) *string { return &c.URLs.DeviceSuccess }),
	page("urls.post_logout_redirect", "OAUTH2_LOGOUT_REDIRECT_URL", "Where the browser goes after logout, unless the client registered its own. Empty: a built-in page.", func(c *Config) *string { return &c.URLs.PostLogout }),
}

func page(key, rc, doc string, at func(*Config) *string) option {
	o := option{Key: key, Doc: doc, Allowed: pageAllowed, bind: func(c *Config) any { return at(c) }, check: pageAddress}
	if rc != "" {
		o.Env = []string{rc}
	}
	return o
}

var ttlOptions = []option{
	ttl("login_consent_request", "30m", "LOGIN_CONSENT_REQUEST_LIFESPAN", "Time from the first request to the last redirect of a flow.", day, func(c *Config) *time.Duration { return &c.TTL.LoginConsentRequest }),
	ttl("authentication_session", "720h", "", "How long a remembered login lasts if the login app does not say, and at most.", 180*day, func(c *Config) *time.Duration { return &c.TTL.AuthenticationSession }),
	ttl("access_token", "1h", "ACCESS_TOKEN_LIFESPAN", "Lifetime of access tokens.", ageMax, func(c *Config) *time.Duration { return &c.TTL.AccessToken }),
	ttl("id_token", "1h", "ID_TOKEN_LIFESPAN", "Lifetime of ID tokens.", ageMax, func(c *Config) *time.Duration { return &c.TTL.IDToken }),
	ttl("auth_code", "10m", "AUTH_CODE_LIFESPAN", "Lifetime of authorization codes.", day, func(c *Config) *time.Duration { return &c.TTL.AuthCode }),
	ttl("device_user_code", "10m", "", "Lifetime of the codes that a device gets, the one to type and the one to ask with.", day, func(c *Config) *time.Duration { return &c.TTL.DeviceUserCode }),
	{
		Key: "ttl.refresh_token", Default: "720h", Env: []string{"REFRESH_TOKEN_LIFESPAN"},
		Doc: "Lifetime of refresh tokens, counted from each refresh. `-1`: they never expire.", Allowed: "a duration above 0, such as 720h, or -1",
		bind:  func(c *Config) any { return &c.TTL.RefreshToken },
		check: func(v any) error { return foreverOr(v.(*time.Duration)) },
	},
}

// ttl is an option for a lifetime. 0 selects the default, as in the original.
func ttl(name, value, rc, doc string, most time.Duration, at func(*Config) *time.Duration) option {
	o := option{
		Key: "ttl." + name, Default: value, Doc: doc + " 0 selects the default.", Allowed: ttlAllowed + ", at most " + duration(most),
		bind: func(c *Config) any { return at(c) },
		check: func(v any) error {
			d := v.(*time.Duration)
			if *d == 0 {
				*d, _ = time.ParseDuration(value)
			}
			return lasting(1, most)(d)
		},
	}
	if rc != "" {
		o.Env = []string{rc}
	}
	return o
}

func foreverOr(d *time.Duration) error {
	switch {
	case *d < 0:
		*d = Forever
	case *d == 0:
		*d = 720 * time.Hour
	case *d > ageMax:
		return errNotAllowed
	}
	return nil
}

var strategyOptions = []option{
	{
		Key: "strategies.scope", Default: "wildcard", Env: []string{"SCOPE_STRATEGY"},
		Doc:     "How a requested scope is compared with those of the client. `DEPRECATED_HIERARCHICAL_SCOPE_STRATEGY` is the original's name of `hierarchic`.",
		Allowed: "`wildcard`, `exact` or `hierarchic`", bind: func(c *Config) any { return &c.Strategies.Scope },
		check: func(v any) error {
			if s := v.(*string); *s == "DEPRECATED_HIERARCHICAL_SCOPE_STRATEGY" {
				*s = "hierarchic"
			}
			return oneOf("wildcard", "exact", "hierarchic")(v)
		},
	},
	{
		Key: "strategies.access_token", Default: "opaque", Env: []string{"OAUTH2_ACCESS_TOKEN_STRATEGY"},
		Doc:     "Form of access tokens, unless a client has its own. JWTs are longer, show their content and cost a signature; they are revoked like opaque ones wherever introspection is used.",
		Allowed: "`opaque` or `jwt`", bind: func(c *Config) any { return &c.Strategies.AccessToken }, check: oneOf("opaque", "jwt"),
	},
	{
		Key: "strategies.jwt.profile", Default: "hydra",
		Doc:     "Shape of JWT access tokens, unless a client has its own: as the original makes them (`typ: JWT`, `scp`), or RFC 9068 (`typ: at+jwt`, `scope`).",
		Allowed: "`hydra` or `rfc9068`", bind: func(c *Config) any { return &c.Strategies.JWTProfile }, check: oneOf("hydra", "rfc9068"),
	},
	{
		Key: "strategies.jwt.scope_claim", Default: "list",
		Doc:     "Scope in JWT access tokens of profile `hydra`: list `scp`, string `scope`, or both.",
		Allowed: "`list`, `string` or `both`", bind: func(c *Config) any { return &c.Strategies.JWTScopeClaim }, check: oneOf("list", "string", "both"),
	},
}

var oauth2Options = []option{
	{
		Key: "oauth2.expose_internal_errors", Default: "false", Env: []string{"OAUTH2_SHARE_ERROR_DEBUG"},
		Doc: "Show clients the cause of an error (`error_debug`). For debugging: a cause may name hosts and rows.", bind: func(c *Config) any { return &c.OAuth2.ExposeInternalErrors },
	},
	{
		Key: "oauth2.userinfo_requires_openid", Default: "false",
		Doc: "Refuse access tokens without the scope `openid` at the userinfo endpoint (OpenID Connect Core §5.3).", bind: func(c *Config) any { return &c.OAuth2.UserinfoRequiresOpenID },
	},
	{
		Key: "oauth2.min_state_nonce_length", Default: "0",
		Doc: "Least length of `state`, and of a `nonce` that is sent. The original demands 8; the RFCs do not.", Allowed: "a number from 0 to 256",
		bind: func(c *Config) any { return &c.OAuth2.MinStateNonceLength }, check: between(0, 256),
	},
	{
		Key: "oauth2.pkce.enforced", Default: "false",
		Doc: "Every client must use PKCE (RFC 7636) with S256.", bind: func(c *Config) any { return &c.OAuth2.PKCEEnforced },
	},
	{
		Key: "oauth2.pkce.enforced_for_public_clients", Default: "false",
		Doc: "Clients without a secret must use PKCE.", bind: func(c *Config) any { return &c.OAuth2.PKCEEnforcedPublic },
	},
	{
		Key: "oauth2.grant.refresh_token.rotation_grace_period", Default: "10s",
		Doc:     "How long the refresh token before the current one is still answered, so that a lost response can be repeated. 0: never, any reuse ends the Grant. Above 60s it counts only for clients that authenticate.",
		Allowed: "a duration from 0s to 5m", bind: func(c *Config) any { return &c.OAuth2.RotationGracePeriod }, check: lasting(0, 5*time.Minute),
	},
	{
		Key: "oauth2.grant.refresh_token.rotation_grace_reuse_count", Default: "0",
		Doc: "How often that may happen per refresh. 0: as often as asked within the period.", Allowed: "a number from 0 to 1000",
		bind: func(c *Config) any { return &c.OAuth2.RotationGraceReuseCount }, check: between(0, 1000),
	},
	{
		Key: "oauth2.grant.jwt.jti_optional", Default: "false",
		Doc: "Take assertions of the JWT bearer grant (RFC 7523) without `jti`. Such an assertion can be used any number of times until it expires.", bind: func(c *Config) any { return &c.OAuth2.AssertionJTIOptional },
	},
	{
		Key: "oauth2.grant.jwt.iat_optional", Default: "false",
		Doc: "Take assertions of the JWT bearer grant without `iat`.", bind: func(c *Config) any { return &c.OAuth2.AssertionIATOptional },
	},
	{
		Key: "oauth2.grant.jwt.max_ttl", Default: "720h",
		Doc:     "How long an assertion of the JWT bearer grant may live, from its `iat` to its `exp`.",
		Allowed: "a duration from 1s to 8760h", bind: func(c *Config) any { return &c.OAuth2.AssertionMaxTTL }, check: lasting(time.Second, 365*day),
	},
	{
		Key: "oauth2.device_authorization.token_polling_interval", Default: "5s",
		Doc:     "How long a device waits between two requests at the token endpoint. One that does not is told to slow down.",
		Allowed: "a duration from 1s to 1m", bind: func(c *Config) any { return &c.OAuth2.DevicePollingInterval }, check: lasting(time.Second, time.Minute),
	},
	{
		Key: "oauth2.device_authorization.user_code.entropy_preset", Default: "high",
		Doc:     "Codes that people type: 8 letters and digits that are not mistaken for others, 8 letters, or 9 digits. Case, dashes and spaces do not count when a code is typed.",
		Allowed: "`high`, `medium` or `low`", bind: func(c *Config) any { return &c.OAuth2.UserCodePreset }, check: oneOf("high", "medium", "low"),
	},
	{
		Key: "oauth2.device_authorization.user_code.length", Default: "0",
		Doc:     "Another length of these codes. 0: the preset's. All codes together must have 20 bits at least, as seven characters out of eight have.",
		Allowed: "0, or a number from 6 to 32", bind: func(c *Config) any { return &c.OAuth2.UserCodeLength },
		check: func(v any) error {
			if *v.(*int) == 0 {
				return nil
			}
			return between(6, 32)(v)
		},
	},
	{
		Key:     "oauth2.device_authorization.user_code.character_set",
		Doc:     "Other characters for these codes; small letters count as capitals. Empty: the preset's.",
		Allowed: "8 or more different letters, digits and ASCII signs except the dash", bind: func(c *Config) any { return &c.OAuth2.UserCodeCharacters }, check: userCodeCharacters,
	},
	{
		Key: "oauth2.client_credentials.default_grant_allowed_scope", Default: "false",
		Doc: "Give a client-credentials token all scopes of its client if the request names none.", bind: func(c *Config) any { return &c.OAuth2.DefaultGrantAllowedScope },
	},
	{
		Key: "oauth2.exclude_not_before_claim", Default: "false",
		Doc: "Leave `nbf` out of JWT access tokens.", bind: func(c *Config) any { return &c.OAuth2.ExcludeNotBefore },
	},
	{
		Key: "oauth2.allowed_top_level_claims",
		Doc: "Claims of the consent's `access_token` map that stand at the top of JWT access tokens, and not only under `ext`.", bind: func(c *Config) any { return &c.OAuth2.AllowedTopLevelClaims },
	},
	{
		Key: "oauth2.mirror_top_level_claims", Default: "true",
		Doc: "Keep such claims under `ext`, too.", bind: func(c *Config) any { return &c.OAuth2.MirrorTopLevelClaims },
	},
	{
		Key: "oauth2.hashers.pbkdf2.iterations", Default: "25000",
		Doc: "Cost of hashing client secrets that somebody chose. Generated secrets are random enough to need none.", Allowed: "a number from 10000 to 10000000",
		bind: func(c *Config) any { return &c.OAuth2.PBKDF2Iterations }, check: between(10000, 10_000_000),
	},
}

var oidcOptions = []option{
	{
		Key: "oidc.subject_identifiers.supported_types", Was: []string{"oidc.subject_identifiers.enabled"}, Default: "public", Env: []string{"OIDC_SUBJECT_TYPES_SUPPORTED"},
		Doc: "Subject types that clients may register. `pairwise` gives the clients of each sector another name for the same user (OpenID Connect Core §8); it needs a salt and opaque access tokens.", Allowed: "a list of `public` and `pairwise`",
		bind: func(c *Config) any { return &c.OIDC.SubjectTypes }, check: eachOf("public", "pairwise"),
	},
	{
		Key: "oidc.subject_identifiers.pairwise.salt", Env: []string{"OIDC_SUBJECT_TYPE_PAIRWISE_SALT"}, Secret: true,
		Doc: "Salt of pairwise subjects, at least 8 bytes. Changing it changes every pairwise subject.", bind: func(c *Config) any { return &c.OIDC.PairwiseSalt },
	},
	unsignedIDTokens,
	{
		Key: "oidc.dynamic_client_registration.default_scope", Env: []string{"OIDC_DYNAMIC_CLIENT_REGISTRATION_DEFAULT_SCOPE"},
		Doc: "Scopes of a client that is created without any.", bind: func(c *Config) any { return &c.OIDC.DefaultScopes },
	},
}

var discoveryOptions = []option{
	{
		Key: "webfinger.jwks.broadcast_keys", Default: "hydra.openid.id-token",
		Doc: "Key sets whose public halves are published in `/.well-known/jwks.json`. `hydra.jwt.access-token` always is.", bind: func(c *Config) any { return &c.WebFinger.BroadcastKeys },
	},
	announced("jwks_url", "", "`jwks_uri`", func(c *Config) *string { return &c.WebFinger.JWKSURL }),
	announced("token_url", "", "`token_endpoint`", func(c *Config) *string { return &c.WebFinger.TokenURL }),
	announced("auth_url", "", "`authorization_endpoint`", func(c *Config) *string { return &c.WebFinger.AuthURL }),
	announced("device_authorization_url", "", "`device_authorization_endpoint`", func(c *Config) *string { return &c.WebFinger.DeviceURL }),
	announced("client_registration_url", "OAUTH2_CLIENT_REGISTRATION_URL", "`registration_endpoint`", func(c *Config) *string { return &c.WebFinger.RegistrationURL }),
	announced("userinfo_url", "OIDC_DISCOVERY_USERINFO_ENDPOINT", "`userinfo_endpoint`", func(c *Config) *string { return &c.WebFinger.UserinfoURL }),
	{
		Key: "webfinger.oidc_discovery.supported_claims", Env: []string{"OIDC_DISCOVERY_CLAIMS_SUPPORTED"},
		Doc: "Claims that discovery lists beside `sub`.", bind: func(c *Config) any { return &c.WebFinger.SupportedClaims },
	},
	{
		Key: "webfinger.oidc_discovery.supported_scope", Env: []string{"OIDC_DISCOVERY_SCOPES_SUPPORTED"},
		Doc: "Scopes that discovery lists beside `openid`, `offline` and `offline_access`.", bind: func(c *Config) any { return &c.WebFinger.SupportedScopes },
	},
	{
		Key: "webfinger.oidc_discovery.supported_acr_values",
		Doc: "What discovery lists as `acr_values_supported`: the contexts that the login app knows.", bind: func(c *Config) any { return &c.WebFinger.SupportedACRValues },
	},
	{
		Key: "webfinger.oidc_discovery.standard_only", Env: []string{"OIDC_DISCOVERY_STANDARD_ONLY"}, Default: "false",
		Doc:  "Leave `id_token_signed_response_alg` and `userinfo_signed_response_alg` out of discovery. No standard has them, but Hydra's own Go client of v2 refuses a document without them.",
		bind: func(c *Config) any { return &c.WebFinger.StandardOnly },
	},
}

func announced(name, rc, member string, at func(*Config) *string) option {
	o := option{
		Key: "webfinger.oidc_discovery." + name, Doc: "What discovery announces as " + member + ". Empty: derived from `urls.self.public`.",
		Allowed: webAllowed, bind: func(c *Config) any { return at(c) }, check: webAddress,
	}
	if rc != "" {
		o.Env = []string{rc}
	}
	return o
}

var serverOptions = []option{
	{
		Key: "flow.max_sealed_chars", Default: "1400",
		Doc:     "Longest challenge that carries its flow itself. Longer ones are stored, and the challenge becomes 32 characters. 0: always stored, for login apps with short columns.",
		Allowed: "a number from 0 to 1800", bind: func(c *Config) any { return &c.Flow.MaxSealedChars }, check: between(0, 1800),
	},
	{
		Key: "cache.staleness", Default: "1s",
		Doc:     "How long a node may use clients and keys before it asks the database whether they changed. 0: ask at each request. Revocation of tokens never waits for it.",
		Allowed: "a duration from 0s to 1m", bind: func(c *Config) any { return &c.Cache.Staleness }, check: lasting(0, time.Minute),
	},
	{
		Key: "keys.announce_for", Default: "70m",
		Doc:     "How long a new signing key is published before it signs, so that whoever caches the key set for an hour knows it by then. 0: it signs at once, as in the original.",
		Allowed: "a duration from 0s to 720h", bind: func(c *Config) any { return &c.Keys.AnnounceFor }, check: lasting(0, 30*day),
	},
	{
		Key: "keys.rotation_interval", Default: "0s",
		Doc: "Replace signing keys, and keys that clients encrypt to, that are older. 0: only by command.", Allowed: "0s, or a duration from 1h to 87600h",
		bind: func(c *Config) any { return &c.Keys.RotateEvery }, check: zeroOr(time.Hour, 3650*day),
	},
	{
		Key: "keys.seal_rotation_interval", Default: "168h",
		Doc: "Replace the keys that seal tokens and rows when they are older; what they sealed stays valid. 0: never.", Allowed: "0s, or a duration from 1h to 8760h",
		bind: func(c *Config) any { return &c.Keys.SealRotation }, check: zeroOr(time.Hour, 365*day),
	},
	idTokenAlg, accessTokenAlg, publishRetired,
	{
		Key: "janitor.interval", Default: "5m",
		Doc: "How often expired rows are deleted, by one node at a time. 0: only by `POST /oauth2/flush`.", Allowed: "0s, or a duration from 1s to 24h",
		bind: func(c *Config) any { return &c.Janitor.Interval }, check: zeroOr(time.Second, day),
	},
}

func zeroOr(low, high time.Duration) func(any) error {
	return func(v any) error {
		if *v.(*time.Duration) == 0 {
			return nil
		}
		return lasting(low, high)(v)
	}
}

// userCodeCharacters wants enough characters that can be typed and that stay
// different when small letters become capitals.
func userCodeCharacters(v any) error {
	s := strings.ToUpper(*v.(*string))
	if s == "" {
		return nil
	}
	different := map[rune]bool{}
	for _, r := range s {
		if r <= ' ' || r > '~' || r == '-' {
			return errNotAllowed
		}
		different[r] = true
	}
	if len(different) < 8 {
		return errNotAllowed
	}
	return nil
}
