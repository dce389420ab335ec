package oauth

import (
	"encoding/json"
	"slices"
	"time"
)

// Grant types, RFC 6749 and RFC 8628, RFC 7523.
const (
	GrantAuthorizationCode = "authorization_code"
	GrantImplicit          = "implicit"
	GrantRefreshToken      = "refresh_token"
	GrantClientCredentials = "client_credentials"
	GrantDeviceCode        = "urn:ietf:params:oauth:grant-type:device_code"
	GrantJWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// Client authentication methods, OpenID Connect Core §9.
const (
	AuthSecretBasic   = "client_secret_basic"
	AuthSecretPost    = "client_secret_post"
	AuthSecretJWT     = "client_secret_jwt"
	AuthPrivateKeyJWT = "private_key_jwt"
	AuthNone          = "none"
)

// Subject types, OpenID Connect Core §8.
const (
	SubjectPublic   = "public"
	SubjectPairwise = "pairwise"
)

// Kinds of applications, OpenID Connect Registration §2.
const (
	ApplicationWeb    = "web"
	ApplicationNative = "native"
)

// Client is a registered client: the metadata of RFC 7591 §2 and OpenID
// Connect Dynamic Registration §2, plus the members that Hydra's API has.
//
// Everything that belongs to a client carries its UID, never its public ID:
// delete a client, create another with the same ID, and nothing old comes
// back to life.
type Client struct {
	UID     ID     `json:"-"` // new at each creation
	ID      string `json:"-"` // client_id, compared byte for byte
	Epoch   int64  `json:"-"` // raised to end every access token of the client
	Version int64  `json:"-"` // raised by each change; decides racing updates

	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"`
	ExpiresAt time.Time `json:"-"` // Never, except for unused anonymous registrations

	RegistrationGeneration int64 `json:"-"` // of the registration access token, RFC 7592

	Name                    string          `json:"name,omitempty"`
	Owner                   string          `json:"owner,omitempty"`
	RedirectURIs            []string        `json:"redirect_uris,omitempty"`
	GrantTypes              []string        `json:"grant_types,omitempty"`
	ResponseTypes           []string        `json:"response_types,omitempty"`
	Scope                   string          `json:"scope,omitempty"`
	Audience                []string        `json:"audience,omitempty"`
	PolicyURI               string          `json:"policy_uri,omitempty"`
	TermsOfServiceURI       string          `json:"tos_uri,omitempty"`
	ClientURI               string          `json:"client_uri,omitempty"`
	LogoURI                 string          `json:"logo_uri,omitempty"`
	Contacts                []string        `json:"contacts,omitempty"`
	AllowedCORSOrigins      []string        `json:"allowed_cors_origins,omitempty"`
	SubjectType             string          `json:"subject_type,omitempty"`
	SectorIdentifierURI     string          `json:"sector_identifier_uri,omitempty"`
	JWKSURI                 string          `json:"jwks_uri,omitempty"`
	JWKS                    json.RawMessage `json:"jwks,omitempty"` // public keys only; nil when absent
	AuthMethod              string          `json:"auth_method,omitempty"`
	AuthSigningAlg          string          `json:"auth_signing_alg,omitempty"`
	InitiateLoginURI        string          `json:"initiate_login_uri,omitempty"` // OpenID Connect Core §4
	RequestURIs             []string        `json:"request_uris,omitempty"`
	RequestObjectSigningAlg string          `json:"request_object_signing_alg,omitempty"`
	RequestObjectEncAlg     string          `json:"request_object_enc_alg,omitempty"`        // JWE alg
	RequestObjectEnc        string          `json:"request_object_enc,omitempty"`            // JWE enc
	RequireSignedRequest    bool            `json:"require_signed_request_object,omitempty"` // RFC 9101 §10.5
	ApplicationType         string          `json:"application_type,omitempty"`              // "web", "native" or "" for no rule
	DefaultMaxAge           *int64          `json:"default_max_age,omitempty"`               // seconds; nil: none
	RequireAuthTime         bool            `json:"require_auth_time,omitempty"`             // every ID token has auth_time anyway
	DefaultACRValues        []string        `json:"default_acr_values,omitempty"`
	UserinfoSignedAlg       string          `json:"userinfo_signed_alg,omitempty"`
	IDTokenSignedAlg        string          `json:"id_token_signed_alg,omitempty"`
	IDTokenEncAlg           string          `json:"id_token_enc_alg,omitempty"`
	IDTokenEnc              string          `json:"id_token_enc,omitempty"`
	UserinfoEncAlg          string          `json:"userinfo_enc_alg,omitempty"`
	UserinfoEnc             string          `json:"userinfo_enc,omitempty"`
	AccessTokenSignedAlg    string          `json:"access_token_signed_alg,omitempty"` // "": the server's
	AccessTokenStrategy     string          `json:"access_token_strategy,omitempty"`   // "opaque", "jwt" or "" for the server's
	AccessTokenProfile      string          `json:"access_token_profile,omitempty"`    // "hydra", "rfc9068" or "" for the server's
	ClaimsPlacement         string          `json:"claims_placement,omitempty"`        // "both", "standard" or "" for the server's
	PostLogoutRedirectURIs  []string        `json:"post_logout_redirect_uris,omitempty"`
	FrontchannelLogoutURI   string          `json:"frontchannel_logout_uri,omitempty"`
	FrontchannelLogoutSID   bool            `json:"frontchannel_logout_sid,omitempty"`
	BackchannelLogoutURI    string          `json:"backchannel_logout_uri,omitempty"`
	BackchannelLogoutSID    bool            `json:"backchannel_logout_sid,omitempty"`
	Metadata                json.RawMessage `json:"metadata,omitempty"`
	SkipConsent             bool            `json:"skip_consent,omitempty"`
	SkipLogoutConsent       *bool           `json:"skip_logout_consent,omitempty"`
	LocalhostAnyPort        bool            `json:"localhost_any_port,omitempty"`  // http://localhost matches on any port
	OverlappingRefresh      bool            `json:"overlapping_refresh,omitempty"` // a refresh leaves the older access tokens alive
	Lifespans               Lifespans       `json:"lifespans,omitzero"`
	SecretExpiresAt         int64           `json:"secret_expires_at,omitempty"` // Unix seconds, 0 = never
}

// SelfRegistered reports whether the client came by dynamic registration, in
// whichever way it was let in: its name, logo and links are its own words, also
// after an administrator has changed it, for it can change them again.
func (c *Client) SelfRegistered() bool { return c.RegistrationGeneration > 0 }

// Lifespans are a client's own token lifetimes; nil leaves the server's.
type Lifespans struct {
	AuthorizationCodeAccess  *time.Duration `json:"aca,omitempty"`
	AuthorizationCodeID      *time.Duration `json:"aci,omitempty"`
	AuthorizationCodeRefresh *time.Duration `json:"acr,omitempty"`
	ClientCredentialsAccess  *time.Duration `json:"cca,omitempty"`
	DeviceAccess             *time.Duration `json:"dea,omitempty"`
	DeviceID                 *time.Duration `json:"dei,omitempty"`
	DeviceRefresh            *time.Duration `json:"der,omitempty"`
	ImplicitAccess           *time.Duration `json:"ima,omitempty"`
	ImplicitID               *time.Duration `json:"imi,omitempty"`
	JWTBearerAccess          *time.Duration `json:"jba,omitempty"`
	RefreshAccess            *time.Duration `json:"rta,omitempty"`
	RefreshID                *time.Duration `json:"rti,omitempty"`
	RefreshRefresh           *time.Duration `json:"rtr,omitempty"`
}

// ClientSecret is one secret of a client, as it is stored: a hash. A client
// may hold several, so that one can be exchanged for another without a gap.
type ClientSecret struct {
	ID        ID
	ClientUID ID
	Hash      string
	Sealed    []byte // the secret itself, for clients with client_secret_jwt alone; else nil
	CreatedAt time.Time
	ExpiresAt time.Time // Never, unless the secret was given an end
}

// IsPublic reports whether the client cannot keep a secret (RFC 6749 §2.1).
func (c *Client) IsPublic() bool { return c.AuthMethod == AuthNone }

// HearsLogout reports whether the client wants to hear of the end of a session
// (OpenID Connect Front- and Back-Channel Logout §2.2).
func (c *Client) HearsLogout() bool {
	return c.FrontchannelLogoutURI != "" || c.BackchannelLogoutURI != ""
}

// AllowsGrantType reports whether the client may use the grant type. A client
// that lists none may use authorization_code (RFC 7591 §2).
func (c *Client) AllowsGrantType(t string) bool {
	if len(c.GrantTypes) == 0 {
		return t == GrantAuthorizationCode
	}
	return slices.Contains(c.GrantTypes, t)
}

// AllowsResponseType reports whether the response types, in any order, are a
// combination that the client registered (RFC 6749 §3.1.1). A client that
// lists none may use code. No response type, or one twice, is no combination.
func (c *Client) AllowsResponseType(want []string) bool {
	registered := c.ResponseTypes
	if len(registered) == 0 {
		registered = []string{"code"}
	}
	return slices.ContainsFunc(registered, func(r string) bool {
		return ResponseType(want).Is(Fields(r))
	})
}

// ClientState is what a look-up by UID tells of a client today: whether it
// still exists, and which of its access tokens are still good.
type ClientState struct {
	Exists  bool
	ID      string
	Epoch   int64
	Version int64
}
