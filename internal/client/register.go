package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"hydra/internal/key"
	"hydra/internal/oauth"
)

// Bounds of what a client may bring, in bytes unless said otherwise.
const (
	maxClientID  = 255
	maxText      = 1 << 10 // names and other single-line texts
	maxURI       = 2000
	maxScope     = 8 << 10
	maxEntries   = 100 // of a list
	maxMetadata  = 16 << 10
	maxSecret    = 1 << 10
	minSecret    = 6 // characters, Hydra's minimum
	maxShortWord = 255
)

// draft is what somebody wants to register.
type draft struct {
	*oauth.Client
	secret  oauth.Secret // given, or empty
	options *Options
}

// rules run in this order and the first that is broken is the answer: a
// sentence fit for the public. From keysPresent on, the order is Hydra's.
var rules = []func(draft) string{
	idForm,              // RFC 6749 §2.2, §A.1
	bounds,              // ours: nothing without a limit
	scopes,              // RFC 6749 §3.3
	authMethod,          // OpenID Connect Registration §2, token_endpoint_auth_method
	keysPresent,         // OpenID Connect Core §9, private_key_jwt
	keysOnce,            // RFC 7591 §2, jwks
	keysSound,           // RFC 7517, RFC 8725 §3.5
	secretForm,          // Hydra
	corsOrigins,         // RFC 6454 §6.2
	sectorForm,          // OpenID Connect Registration §5
	userinfoAlg,         // OpenID Connect Registration §2, userinfo_signed_response_alg
	idTokenAlg,          // OpenID Connect Core §2, id_token_signed_response_alg
	accessTokenAlg,      // ours
	responseEncryption,  // OpenID Connect Registration §2
	redirectURIs,        // RFC 6749 §3.1.2, RFC 8252 §7.1
	subjectType,         // OpenID Connect Registration §2, subject_type
	pairwiseSector,      // OpenID Connect Core §8.1
	authSigningAlg,      // OpenID Connect Registration §2, token_endpoint_auth_signing_alg
	shownURIs,           // RFC 7591 §5: links that a login page may show
	initiateLogin,       // OpenID Connect Registration §2, initiate_login_uri
	requestURIs,         // OpenID Connect Registration §2, request_uris
	requestObjects,      // OpenID Connect Registration §2, request_object_*; RFC 9101 §10.5
	applicationType,     // OpenID Connect Registration §2, application_type
	requestDefaults,     // OpenID Connect Registration §2, default_*
	logoutURIs,          // OpenID Connect Front- and Back-Channel Logout §2.2
	accessTokenStrategy, // Hydra
	metadataForm,        // Hydra
	lifespansPositive,   // Hydra
}

// settle fills in defaults and checks every rule.
func (s *Service) settle(ctx context.Context, c *oauth.Client, given oauth.Secret) error {
	s.Options.fill(c)
	d := draft{c, given, &s.Options}
	for _, broken := range rules {
		if hint := broken(d); hint != "" {
			return oauth.InvalidRequest.Hint(hint)
		}
	}
	// What the rule has checked is compared with a browser's Origin header,
	// which has no path.
	for i, origin := range c.AllowedCORSOrigins {
		c.AllowedCORSOrigins[i] = strings.TrimSuffix(origin, "/")
	}
	return s.sectorContent(ctx, c)
}

// fill puts defaults in place of what is absent (RFC 7591 §2). Absent grant
// and response types stay absent: oauth.Client knows what they mean.
func (o *Options) fill(c *oauth.Client) {
	if c.Scope == "" {
		c.Scope = o.DefaultScope
	}
	if c.AuthMethod == "" {
		c.AuthMethod = oauth.AuthSecretBasic
	}
	if c.SubjectType == "" {
		_, c.SubjectType = o.subjectTypes()
	}
	if c.UserinfoSignedAlg == "" {
		c.UserinfoSignedAlg = "none"
	}
	if noKeys(c.JWKS) {
		c.JWKS = nil
	}
	if m := bytes.TrimSpace(c.Metadata); len(m) == 0 || string(m) == "null" {
		c.Metadata = nil
	}
	c.SecretExpiresAt = 0 // Hydra's clients never lose their secret by time
}

// noKeys reports whether a key set is absent or has no key in it. SDKs send
// {} for "none".
func noKeys(set json.RawMessage) bool {
	set = bytes.TrimSpace(set)
	if len(set) == 0 || string(set) == "null" {
		return true
	}
	var members struct{ Keys []json.RawMessage }
	return json.Unmarshal(set, &members) == nil && len(members.Keys) == 0
}

func idForm(d draft) string {
	if len(d.ID) > maxClientID || !plain(d.ID) {
		return "A client_id is text of at most 255 bytes without control characters."
	}
	return ""
}

// plain reports whether a text is valid UTF-8 without control characters.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// scopes holds the scopes, which may be patterns, to the grammar of RFC 6749
// §3.3: no request could ever have another.
func scopes(d draft) string {
	for _, token := range oauth.Fields(d.Scope) {
		if !oauth.IsScopeToken(token) {
			return "A scope has visible ASCII characters other than quotation mark and backslash (RFC 6749 §3.3)."
		}
	}
	return ""
}

func bounds(d draft) string {
	for _, text := range []struct {
		name, value string
		max         int
	}{
		{"client_name", d.Name, maxText},
		{"owner", d.Owner, maxText},
		{"scope", d.Scope, maxScope},
		{"policy_uri", d.PolicyURI, maxURI},
		{"tos_uri", d.TermsOfServiceURI, maxURI},
		{"client_uri", d.ClientURI, maxURI},
		{"logo_uri", d.LogoURI, maxURI},
		{"initiate_login_uri", d.InitiateLoginURI, maxURI},
		{"sector_identifier_uri", d.SectorIdentifierURI, maxURI},
		{"jwks_uri", d.JWKSURI, maxURI},
		{"frontchannel_logout_uri", d.FrontchannelLogoutURI, maxURI},
		{"backchannel_logout_uri", d.BackchannelLogoutURI, maxURI},
		{"subject_type", d.SubjectType, maxShortWord},
		{"token_endpoint_auth_method", d.AuthMethod, maxShortWord},
		{"token_endpoint_auth_signing_alg", d.AuthSigningAlg, maxShortWord},
		{"request_object_signing_alg", d.RequestObjectSigningAlg, maxShortWord},
		{"request_object_encryption_alg", d.RequestObjectEncAlg, maxShortWord},
		{"request_object_encryption_enc", d.RequestObjectEnc, maxShortWord},
		{"userinfo_signed_response_alg", d.UserinfoSignedAlg, maxShortWord},
		{"id_token_signed_response_alg", d.IDTokenSignedAlg, maxShortWord},
		{"id_token_encrypted_response_alg", d.IDTokenEncAlg, maxShortWord},
		{"id_token_encrypted_response_enc", d.IDTokenEnc, maxShortWord},
		{"userinfo_encrypted_response_alg", d.UserinfoEncAlg, maxShortWord},
		{"userinfo_encrypted_response_enc", d.UserinfoEnc, maxShortWord},
		{"access_token_signed_response_alg", d.AccessTokenSignedAlg, maxShortWord},
	} {
		if len(text.value) > text.max || !plain(text.value) {
			return "The member " + text.name + " is too long or contains control characters."
		}
	}
	for _, list := range []struct {
		name   string
		values []string
	}{
		{"redirect_uris", d.RedirectURIs},
		{"grant_types", d.GrantTypes},
		{"response_types", d.ResponseTypes},
		{"audience", d.Audience},
		{"contacts", d.Contacts},
		{"allowed_cors_origins", d.AllowedCORSOrigins},
		{"request_uris", d.RequestURIs},
		{"post_logout_redirect_uris", d.PostLogoutRedirectURIs},
		{"default_acr_values", d.DefaultACRValues},
	} {
		if len(list.values) > maxEntries {
			return "The member " + list.name + " has more than 100 entries."
		}
		if slices.ContainsFunc(list.values, func(v string) bool { return len(v) > maxURI || !plain(v) }) {
			return "An entry of " + list.name + " is longer than 2,000 bytes or contains control characters."
		}
	}
	return ""
}

func authMethod(d draft) string {
	switch d.AuthMethod {
	case oauth.AuthSecretBasic, oauth.AuthSecretPost, oauth.AuthSecretJWT, oauth.AuthPrivateKeyJWT, oauth.AuthNone:
		return ""
	}
	return "The token_endpoint_auth_method is one of client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt and none."
}

func keysPresent(d draft) string {
	if d.AuthMethod == oauth.AuthPrivateKeyJWT && d.JWKS == nil && d.JWKSURI == "" {
		return "The token_endpoint_auth_method private_key_jwt needs jwks or jwks_uri."
	}
	return ""
}

func keysOnce(d draft) string {
	if d.JWKS != nil && d.JWKSURI != "" {
		return "The members jwks and jwks_uri exclude each other."
	}
	return ""
}

func keysSound(d draft) string {
	if d.JWKS != nil {
		if err := key.CheckClientJWKS(d.JWKS); err != nil {
			if e, ok := errors.AsType[*oauth.Error](err); ok {
				return e.Public
			}
			return "The member jwks is not a JSON Web Key Set that this server accepts."
		}
	}
	if d.JWKSURI != "" && !webURL(d.JWKSURI, "https", "http") {
		return "The jwks_uri must be an absolute URL with scheme https or http."
	}
	return ""
}

func secretForm(d draft) string {
	switch n := utf8.RuneCountInString(string(d.secret)); {
	case d.secret == "":
		return ""
	case n < minSecret:
		return "The client_secret must have at least 6 characters."
	case len(d.secret) > maxSecret || !plain(string(d.secret)):
		return "The client_secret is longer than 1,024 bytes or contains control characters."
	case d.AuthMethod == oauth.AuthSecretJWT && len(d.secret) < key.SecretBytes(d.AuthSigningAlg):
		// RFC 7518 §3.2: the key of an HMAC is at least as long as its hash.
		return fmt.Sprintf("With client_secret_jwt the client_secret must have at least %d bytes (RFC 7518 §3.2).", key.SecretBytes(d.AuthSigningAlg))
	}
	return ""
}

func corsOrigins(d draft) string {
	for _, origin := range d.AllowedCORSOrigins {
		u, err := url.Parse(origin)
		switch {
		case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
			return "An allowed CORS origin must be an absolute URL with scheme http or https."
		case u.User != nil:
			return "An allowed CORS origin must not contain user information."
		case u.Path != "" && u.Path != "/":
			return "An allowed CORS origin must not have a path."
		case u.RawQuery != "" || u.ForceQuery:
			return "An allowed CORS origin must not have a query."
		case strings.Contains(origin, "#"):
			return "An allowed CORS origin must not have a fragment."
		}
	}
	return ""
}

func sectorForm(d draft) string {
	if d.SectorIdentifierURI != "" && !webURL(d.SectorIdentifierURI, "https") {
		return "The sector_identifier_uri must be an absolute URL with scheme https."
	}
	return ""
}

func redirectURIs(d draft) string {
	for _, uri := range slices.Concat(d.RedirectURIs, d.PostLogoutRedirectURIs) {
		if hint := oauth.CheckRedirectURI(uri); hint != "" {
			return hint
		}
		scheme, _, _ := strings.Cut(uri, ":")
		scheme = strings.ToLower(scheme)
		known := scheme == "http" || scheme == "https" || strings.Contains(scheme, ".")
		if !known && !slices.ContainsFunc(d.options.RedirectSchemes, func(s string) bool { return strings.EqualFold(s, scheme) }) {
			return "A private-use scheme of a redirect URI needs a dot in its name, as in com.example.app (RFC 8252 §7.1), or the operator's permission."
		}
	}
	return ""
}

func subjectType(d draft) string {
	if enabled, _ := d.options.subjectTypes(); !slices.Contains(enabled, d.SubjectType) {
		return "This server does not offer the subject_type."
	}
	return ""
}

func authSigningAlg(d draft) string {
	if d.AuthMethod == oauth.AuthSecretJWT {
		if d.AuthSigningAlg != "" && !slices.Contains(key.SecretAlgs(), d.AuthSigningAlg) {
			return "With client_secret_jwt the token_endpoint_auth_signing_alg is HS256, HS384 or HS512."
		}
		return ""
	}
	if d.AuthSigningAlg != "" && !slices.Contains(key.AssertionAlgs(), d.AuthSigningAlg) {
		return "The token_endpoint_auth_signing_alg is not offered; choose one of RS256 to RS512, PS256 to PS512, ES256 to ES512 and EdDSA."
	}
	return ""
}

// shownURIs refuses links that would run or read something where a page shows
// them. Texts that are no URL at all are left alone: Hydra's clients have them.
func shownURIs(d draft) string {
	for _, uri := range []string{d.PolicyURI, d.TermsOfServiceURI, d.ClientURI, d.LogoURI} {
		u, err := url.Parse(uri)
		if err != nil || (u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https") {
			return "The members policy_uri, tos_uri, client_uri and logo_uri take http and https URLs."
		}
	}
	return ""
}

func initiateLogin(d draft) string {
	if d.InitiateLoginURI != "" && !webURL(d.InitiateLoginURI, "https") {
		return "The initiate_login_uri must be an absolute URL with scheme https."
	}
	return ""
}

func accessTokenStrategy(d draft) string {
	if !slices.Contains([]string{"", "opaque", "jwt"}, d.AccessTokenStrategy) {
		return "The access_token_strategy is opaque or jwt."
	}
	if !slices.Contains([]string{"", "hydra", "rfc9068"}, d.AccessTokenProfile) {
		return "The access_token_profile is hydra or rfc9068."
	}
	if !slices.Contains([]string{"", "both", "standard"}, d.ClaimsPlacement) {
		return "The claims_placement is both or standard."
	}
	return ""
}

func metadataForm(d draft) string {
	if d.Metadata == nil {
		return ""
	}
	if len(d.Metadata) > maxMetadata {
		return "The metadata is longer than 16 KiB."
	}
	if _, err := key.StrictObject(d.Metadata); err != nil {
		return "The metadata must be a JSON object without duplicate members."
	}
	return ""
}

func lifespansPositive(d draft) string {
	l := d.Lifespans
	for _, v := range []*time.Duration{
		l.AuthorizationCodeAccess, l.AuthorizationCodeID, l.AuthorizationCodeRefresh, l.ClientCredentialsAccess,
		l.DeviceAccess, l.DeviceID, l.DeviceRefresh, l.ImplicitAccess, l.ImplicitID, l.JWTBearerAccess,
		l.RefreshAccess, l.RefreshID, l.RefreshRefresh,
	} {
		if v != nil && *v <= 0 {
			return "A token lifespan must be longer than zero."
		}
	}
	return ""
}

// webURL reports whether the text is an absolute URL with a host, with one of
// the schemes and without user information.
func webURL(s string, schemes ...string) bool {
	u, err := url.Parse(s)
	return err == nil && slices.Contains(schemes, u.Scheme) && u.Hostname() != "" && u.User == nil && !strings.ContainsAny(s, " \\")
}
