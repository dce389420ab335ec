package admin

import (
	"encoding/json"
	"errors"
	"time"

	"hydra/internal/oauth"
)

// clientJSON is a client as Hydra's API writes it (RFC 7591 §2 and Hydra's own
// members). What rc.6 always shows is always there; what later generations
// added appears only where it is set.
type clientJSON struct {
	ID                      string          `json:"client_id"`
	Name                    string          `json:"client_name"`
	Secret                  string          `json:"client_secret,omitempty"`
	RedirectURIs            []string        `json:"redirect_uris"`
	GrantTypes              []string        `json:"grant_types"`
	ResponseTypes           []string        `json:"response_types"`
	Scope                   string          `json:"scope"`
	Audience                []string        `json:"audience"`
	Owner                   string          `json:"owner"`
	PolicyURI               string          `json:"policy_uri"`
	AllowedCORSOrigins      []string        `json:"allowed_cors_origins"`
	TermsOfServiceURI       string          `json:"tos_uri"`
	ClientURI               string          `json:"client_uri"`
	LogoURI                 string          `json:"logo_uri"`
	Contacts                []string        `json:"contacts"`
	SecretExpiresAt         int64           `json:"client_secret_expires_at"`
	SubjectType             string          `json:"subject_type"`
	SectorIdentifierURI     string          `json:"sector_identifier_uri,omitempty"`
	JWKSURI                 string          `json:"jwks_uri,omitempty"`
	JWKS                    json.RawMessage `json:"jwks,omitempty"`
	AuthMethod              string          `json:"token_endpoint_auth_method,omitempty"`
	AuthSigningAlg          string          `json:"token_endpoint_auth_signing_alg,omitempty"`
	RequestURIs             []string        `json:"request_uris,omitempty"`
	RequestObjectSigningAlg string          `json:"request_object_signing_alg,omitempty"`
	UserinfoSignedAlg       string          `json:"userinfo_signed_response_alg,omitempty"`
	IDTokenSignedAlg        string          `json:"id_token_signed_response_alg,omitempty"`
	CreatedAt               timestamp       `json:"created_at"`
	UpdatedAt               timestamp       `json:"updated_at"`

	InitiateLoginURI       string          `json:"initiate_login_uri,omitempty"`
	RequestObjectEncAlg    string          `json:"request_object_encryption_alg,omitempty"`
	RequestObjectEnc       string          `json:"request_object_encryption_enc,omitempty"`
	RequireSignedRequest   bool            `json:"require_signed_request_object,omitempty"`
	ApplicationType        string          `json:"application_type,omitempty"`
	DefaultMaxAge          *int64          `json:"default_max_age,omitempty"`
	RequireAuthTime        bool            `json:"require_auth_time,omitempty"`
	DefaultACRValues       []string        `json:"default_acr_values,omitempty"`
	IDTokenEncAlg          string          `json:"id_token_encrypted_response_alg,omitempty"`
	IDTokenEnc             string          `json:"id_token_encrypted_response_enc,omitempty"`
	UserinfoEncAlg         string          `json:"userinfo_encrypted_response_alg,omitempty"`
	UserinfoEnc            string          `json:"userinfo_encrypted_response_enc,omitempty"`
	AccessTokenSignedAlg   string          `json:"access_token_signed_response_alg,omitempty"` // ours
	AccessTokenStrategy    string          `json:"access_token_strategy,omitempty"`
	AccessTokenProfile     string          `json:"access_token_profile,omitempty"` // ours
	ClaimsPlacement        string          `json:"claims_placement,omitempty"`     // ours
	LocalhostAnyPort       bool            `json:"localhost_any_port,omitempty"`   // ours
	OverlappingRefresh     bool            `json:"overlapping_refresh,omitempty"`  // ours
	PostLogoutRedirectURIs []string        `json:"post_logout_redirect_uris,omitempty"`
	FrontchannelLogoutURI  string          `json:"frontchannel_logout_uri,omitempty"`
	FrontchannelLogoutSID  bool            `json:"frontchannel_logout_session_required,omitempty"`
	BackchannelLogoutURI   string          `json:"backchannel_logout_uri,omitempty"`
	BackchannelLogoutSID   bool            `json:"backchannel_logout_session_required,omitempty"`
	Metadata               json.RawMessage `json:"metadata,omitempty"`
	SkipConsent            bool            `json:"skip_consent,omitempty"`
	SkipLogoutConsent      *bool           `json:"skip_logout_consent,omitempty"`
	SelfRegistered         bool            `json:"self_registered,omitempty"` // ours; only written
	lifespansJSON
}

// lifespansJSON are a client's own token lifetimes, as later generations
// write them.
type lifespansJSON struct {
	AuthorizationCodeAccess  *duration `json:"authorization_code_grant_access_token_lifespan,omitempty"`
	AuthorizationCodeID      *duration `json:"authorization_code_grant_id_token_lifespan,omitempty"`
	AuthorizationCodeRefresh *duration `json:"authorization_code_grant_refresh_token_lifespan,omitempty"`
	ClientCredentialsAccess  *duration `json:"client_credentials_grant_access_token_lifespan,omitempty"`
	DeviceAccess             *duration `json:"device_authorization_grant_access_token_lifespan,omitempty"`
	DeviceID                 *duration `json:"device_authorization_grant_id_token_lifespan,omitempty"`
	DeviceRefresh            *duration `json:"device_authorization_grant_refresh_token_lifespan,omitempty"`
	ImplicitAccess           *duration `json:"implicit_grant_access_token_lifespan,omitempty"`
	ImplicitID               *duration `json:"implicit_grant_id_token_lifespan,omitempty"`
	JWTBearerAccess          *duration `json:"jwt_bearer_grant_access_token_lifespan,omitempty"`
	RefreshAccess            *duration `json:"refresh_token_grant_access_token_lifespan,omitempty"`
	RefreshID                *duration `json:"refresh_token_grant_id_token_lifespan,omitempty"`
	RefreshRefresh           *duration `json:"refresh_token_grant_refresh_token_lifespan,omitempty"`
}

// timestamp is a time that only we write: RFC 3339, UTC, whole seconds. What a
// request says is not read, because SDKs send back whatever they received.
type timestamp time.Time

// MarshalJSON writes the time.
func (t timestamp) MarshalJSON() ([]byte, error) {
	const quoted = `"` + time.RFC3339 + `"` // nothing in it needs escaping
	return time.Time(t).UTC().AppendFormat(make([]byte, 0, len(quoted)), quoted), nil
}

// UnmarshalJSON ignores the value.
func (*timestamp) UnmarshalJSON([]byte) error { return nil }

// duration is written as Go writes durations: "1h30m0s".
type duration time.Duration

// MarshalJSON writes the duration as a string.
func (d duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads a string such as "24h"; null never gets here.
func (d *duration) UnmarshalJSON(raw []byte) error {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return errors.New("a lifespan is a string such as \"24h\"")
	}
	parsed, err := time.ParseDuration(s)
	if err != nil {
		return errors.New("a lifespan is a string such as \"24h\"")
	}
	*d = duration(parsed)
	return nil
}

// ClientJSON returns what encodes a client without its secret, as it stands in
// answers of the client, login and consent operations.
func ClientJSON(c *oauth.Client) any { return encodeClient(c, "") }

func encodeClient(c *oauth.Client, plain oauth.Secret) *clientJSON {
	l := c.Lifespans
	return &clientJSON{
		ID:                      c.ID,
		Name:                    c.Name,
		Secret:                  string(plain),
		RedirectURIs:            list(c.RedirectURIs),
		GrantTypes:              list(c.GrantTypes),
		ResponseTypes:           list(c.ResponseTypes),
		Scope:                   c.Scope,
		Audience:                list(c.Audience),
		Owner:                   c.Owner,
		PolicyURI:               c.PolicyURI,
		AllowedCORSOrigins:      list(c.AllowedCORSOrigins),
		TermsOfServiceURI:       c.TermsOfServiceURI,
		ClientURI:               c.ClientURI,
		LogoURI:                 c.LogoURI,
		Contacts:                list(c.Contacts),
		SecretExpiresAt:         c.SecretExpiresAt,
		SubjectType:             c.SubjectType,
		SectorIdentifierURI:     c.SectorIdentifierURI,
		JWKSURI:                 c.JWKSURI,
		JWKS:                    c.JWKS,
		AuthMethod:              c.AuthMethod,
		AuthSigningAlg:          c.AuthSigningAlg,
		RequestURIs:             c.RequestURIs,
		RequestObjectSigningAlg: c.RequestObjectSigningAlg,
		UserinfoSignedAlg:       c.UserinfoSignedAlg,
		IDTokenSignedAlg:        c.IDTokenSignedAlg,
		CreatedAt:               timestamp(c.CreatedAt),
		UpdatedAt:               timestamp(c.UpdatedAt),
		InitiateLoginURI:        c.InitiateLoginURI,
		RequestObjectEncAlg:     c.RequestObjectEncAlg,
		RequestObjectEnc:        c.RequestObjectEnc,
		RequireSignedRequest:    c.RequireSignedRequest,
		ApplicationType:         c.ApplicationType,
		DefaultMaxAge:           c.DefaultMaxAge,
		RequireAuthTime:         c.RequireAuthTime,
		DefaultACRValues:        c.DefaultACRValues,
		IDTokenEncAlg:           c.IDTokenEncAlg,
		IDTokenEnc:              c.IDTokenEnc,
		UserinfoEncAlg:          c.UserinfoEncAlg,
		UserinfoEnc:             c.UserinfoEnc,
		AccessTokenSignedAlg:    c.AccessTokenSignedAlg,
		AccessTokenStrategy:     c.AccessTokenStrategy,
		AccessTokenProfile:      c.AccessTokenProfile,
		ClaimsPlacement:         c.ClaimsPlacement,
		LocalhostAnyPort:        c.LocalhostAnyPort,
		OverlappingRefresh:      c.OverlappingRefresh,
		PostLogoutRedirectURIs:  c.PostLogoutRedirectURIs,
		FrontchannelLogoutURI:   c.FrontchannelLogoutURI,
		FrontchannelLogoutSID:   c.FrontchannelLogoutSID,
		BackchannelLogoutURI:    c.BackchannelLogoutURI,
		BackchannelLogoutSID:    c.BackchannelLogoutSID,
		Metadata:                c.Metadata,
		SkipConsent:             c.SkipConsent,
		SkipLogoutConsent:       c.SkipLogoutConsent,
		SelfRegistered:          c.SelfRegistered(),
		lifespansJSON: lifespansJSON{
			(*duration)(l.AuthorizationCodeAccess), (*duration)(l.AuthorizationCodeID), (*duration)(l.AuthorizationCodeRefresh),
			(*duration)(l.ClientCredentialsAccess), (*duration)(l.DeviceAccess), (*duration)(l.DeviceID), (*duration)(l.DeviceRefresh),
			(*duration)(l.ImplicitAccess), (*duration)(l.ImplicitID), (*duration)(l.JWTBearerAccess),
			(*duration)(l.RefreshAccess), (*duration)(l.RefreshID), (*duration)(l.RefreshRefresh),
		},
	}
}

// client returns what a request describes; identity and times are not taken
// from it, save the id that a new client may ask for.
func (j *clientJSON) client() *oauth.Client {
	l := j.lifespansJSON
	return &oauth.Client{
		ID:                      j.ID,
		Name:                    j.Name,
		Owner:                   j.Owner,
		RedirectURIs:            j.RedirectURIs,
		GrantTypes:              j.GrantTypes,
		ResponseTypes:           j.ResponseTypes,
		Scope:                   j.Scope,
		Audience:                j.Audience,
		PolicyURI:               j.PolicyURI,
		TermsOfServiceURI:       j.TermsOfServiceURI,
		ClientURI:               j.ClientURI,
		LogoURI:                 j.LogoURI,
		Contacts:                j.Contacts,
		AllowedCORSOrigins:      j.AllowedCORSOrigins,
		SubjectType:             j.SubjectType,
		SectorIdentifierURI:     j.SectorIdentifierURI,
		JWKSURI:                 j.JWKSURI,
		JWKS:                    j.JWKS,
		AuthMethod:              j.AuthMethod,
		AuthSigningAlg:          j.AuthSigningAlg,
		RequestURIs:             j.RequestURIs,
		RequestObjectSigningAlg: j.RequestObjectSigningAlg,
		UserinfoSignedAlg:       j.UserinfoSignedAlg,
		IDTokenSignedAlg:        j.IDTokenSignedAlg,
		InitiateLoginURI:        j.InitiateLoginURI,
		RequestObjectEncAlg:     j.RequestObjectEncAlg,
		RequestObjectEnc:        j.RequestObjectEnc,
		RequireSignedRequest:    j.RequireSignedRequest,
		ApplicationType:         j.ApplicationType,
		DefaultMaxAge:           j.DefaultMaxAge,
		RequireAuthTime:         j.RequireAuthTime,
		DefaultACRValues:        j.DefaultACRValues,
		IDTokenEncAlg:           j.IDTokenEncAlg,
		IDTokenEnc:              j.IDTokenEnc,
		UserinfoEncAlg:          j.UserinfoEncAlg,
		UserinfoEnc:             j.UserinfoEnc,
		AccessTokenSignedAlg:    j.AccessTokenSignedAlg,
		AccessTokenStrategy:     j.AccessTokenStrategy,
		AccessTokenProfile:      j.AccessTokenProfile,
		ClaimsPlacement:         j.ClaimsPlacement,
		LocalhostAnyPort:        j.LocalhostAnyPort,
		OverlappingRefresh:      j.OverlappingRefresh,
		PostLogoutRedirectURIs:  j.PostLogoutRedirectURIs,
		FrontchannelLogoutURI:   j.FrontchannelLogoutURI,
		FrontchannelLogoutSID:   j.FrontchannelLogoutSID,
		BackchannelLogoutURI:    j.BackchannelLogoutURI,
		BackchannelLogoutSID:    j.BackchannelLogoutSID,
		Metadata:                j.Metadata,
		SkipConsent:             j.SkipConsent,
		SkipLogoutConsent:       j.SkipLogoutConsent,
		Lifespans: oauth.Lifespans{
			AuthorizationCodeAccess:  (*time.Duration)(l.AuthorizationCodeAccess),
			AuthorizationCodeID:      (*time.Duration)(l.AuthorizationCodeID),
			AuthorizationCodeRefresh: (*time.Duration)(l.AuthorizationCodeRefresh),
			ClientCredentialsAccess:  (*time.Duration)(l.ClientCredentialsAccess),
			DeviceAccess:             (*time.Duration)(l.DeviceAccess),
			DeviceID:                 (*time.Duration)(l.DeviceID),
			DeviceRefresh:            (*time.Duration)(l.DeviceRefresh),
			ImplicitAccess:           (*time.Duration)(l.ImplicitAccess),
			ImplicitID:               (*time.Duration)(l.ImplicitID),
			JWTBearerAccess:          (*time.Duration)(l.JWTBearerAccess),
			RefreshAccess:            (*time.Duration)(l.RefreshAccess),
			RefreshID:                (*time.Duration)(l.RefreshID),
			RefreshRefresh:           (*time.Duration)(l.RefreshRefresh),
		},
	}
}

// list writes an absent list as [], which is what reading back has always shown.
func list(values []string) []string {
	if values == nil {
		return []string{}
	}
	return values
}
