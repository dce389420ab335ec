package public

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"hydra/internal/client"
	"hydra/internal/oauth"
	"hydra/internal/web"
)

const registerPath = "/oauth2/register"

// registrationJSON is a client as it describes itself (RFC 7591 §2, OpenID
// Connect Registration §2, and what Hydra's clients have). What only an
// administrator decides is not among it.
type registrationJSON struct {
	ID                      string          `json:"client_id,omitempty"`
	IssuedAt                int64           `json:"client_id_issued_at,omitempty"`
	Secret                  string          `json:"client_secret,omitempty"`
	SecretExpiresAt         *int64          `json:"client_secret_expires_at,omitempty"` // with a secret; 0: never
	Name                    string          `json:"client_name,omitempty"`
	RedirectURIs            []string        `json:"redirect_uris,omitempty"`
	GrantTypes              []string        `json:"grant_types,omitempty"`
	ResponseTypes           []string        `json:"response_types,omitempty"`
	Scope                   string          `json:"scope,omitempty"`
	AllowedCORSOrigins      []string        `json:"allowed_cors_origins,omitempty"`
	ClientURI               string          `json:"client_uri,omitempty"`
	LogoURI                 string          `json:"logo_uri,omitempty"`
	PolicyURI               string          `json:"policy_uri,omitempty"`
	TermsOfServiceURI       string          `json:"tos_uri,omitempty"`
	Contacts                []string        `json:"contacts,omitempty"`
	SubjectType             string          `json:"subject_type,omitempty"`
	SectorIdentifierURI     string          `json:"sector_identifier_uri,omitempty"`
	JWKSURI                 string          `json:"jwks_uri,omitempty"`
	JWKS                    json.RawMessage `json:"jwks,omitempty"`
	AuthMethod              string          `json:"token_endpoint_auth_method,omitempty"`
	AuthSigningAlg          string          `json:"token_endpoint_auth_signing_alg,omitempty"`
	InitiateLoginURI        string          `json:"initiate_login_uri,omitempty"`
	RequestURIs             []string        `json:"request_uris,omitempty"`
	RequestObjectSigningAlg string          `json:"request_object_signing_alg,omitempty"`
	RequestObjectEncAlg     string          `json:"request_object_encryption_alg,omitempty"`
	RequestObjectEnc        string          `json:"request_object_encryption_enc,omitempty"`
	RequireSignedRequest    bool            `json:"require_signed_request_object,omitempty"`
	ApplicationType         string          `json:"application_type,omitempty"`
	DefaultMaxAge           *int64          `json:"default_max_age,omitempty"`
	RequireAuthTime         bool            `json:"require_auth_time,omitempty"`
	DefaultACRValues        []string        `json:"default_acr_values,omitempty"`
	UserinfoSignedAlg       string          `json:"userinfo_signed_response_alg,omitempty"`
	IDTokenSignedAlg        string          `json:"id_token_signed_response_alg,omitempty"`
	IDTokenEncAlg           string          `json:"id_token_encrypted_response_alg,omitempty"`
	IDTokenEnc              string          `json:"id_token_encrypted_response_enc,omitempty"`
	UserinfoEncAlg          string          `json:"userinfo_encrypted_response_alg,omitempty"`
	UserinfoEnc             string          `json:"userinfo_encrypted_response_enc,omitempty"`
	PostLogoutRedirectURIs  []string        `json:"post_logout_redirect_uris,omitempty"`
	FrontchannelLogoutURI   string          `json:"frontchannel_logout_uri,omitempty"`
	FrontchannelLogoutSID   bool            `json:"frontchannel_logout_session_required,omitempty"`
	BackchannelLogoutURI    string          `json:"backchannel_logout_uri,omitempty"`
	BackchannelLogoutSID    bool            `json:"backchannel_logout_session_required,omitempty"`
	ClaimsPlacement         string          `json:"claims_placement,omitempty"` // ours

	Token     string     `json:"registration_access_token,omitempty"` // RFC 7592 §3
	Location  string     `json:"registration_client_uri,omitempty"`
	CreatedAt *time.Time `json:"created_at,omitempty"` // as Hydra writes them
	UpdatedAt *time.Time `json:"updated_at,omitempty"`
}

// registration is the body of a request.
type registration struct {
	registrationJSON
	Statement string `json:"software_statement"` // RFC 7591 §2.3

	// What nobody may say of himself.

	Metadata            json.RawMessage `json:"metadata"`
	AccessTokenStrategy string          `json:"access_token_strategy"`
	SkipConsent         bool            `json:"skip_consent"`
	SkipLogoutConsent   *bool           `json:"skip_logout_consent"`
}

// presumptuous names a member that only an administrator may set.
func (r *registration) presumptuous() string {
	switch m := string(r.Metadata); {
	case m != "" && m != "null" && m != "{}":
		return "metadata"
	case r.AccessTokenStrategy != "":
		return "access_token_strategy"
	case r.SkipConsent:
		return "skip_consent"
	case r.SkipLogoutConsent != nil && *r.SkipLogoutConsent:
		return "skip_logout_consent"
	}
	return ""
}

func (r *registrationJSON) client() *oauth.Client {
	return &oauth.Client{
		Name: r.Name, RedirectURIs: r.RedirectURIs, GrantTypes: r.GrantTypes, ResponseTypes: r.ResponseTypes, Scope: r.Scope,
		AllowedCORSOrigins: r.AllowedCORSOrigins, ClientURI: r.ClientURI, LogoURI: r.LogoURI, PolicyURI: r.PolicyURI,
		TermsOfServiceURI: r.TermsOfServiceURI, Contacts: r.Contacts, SubjectType: r.SubjectType, SectorIdentifierURI: r.SectorIdentifierURI,
		JWKSURI: r.JWKSURI, JWKS: r.JWKS, AuthMethod: r.AuthMethod, AuthSigningAlg: r.AuthSigningAlg, InitiateLoginURI: r.InitiateLoginURI,
		RequestURIs: r.RequestURIs, RequestObjectSigningAlg: r.RequestObjectSigningAlg, RequestObjectEncAlg: r.RequestObjectEncAlg,
		RequestObjectEnc: r.RequestObjectEnc, UserinfoSignedAlg: r.UserinfoSignedAlg, IDTokenSignedAlg: r.IDTokenSignedAlg,
		IDTokenEncAlg: r.IDTokenEncAlg, IDTokenEnc: r.IDTokenEnc, RequireSignedRequest: r.RequireSignedRequest, ApplicationType: r.ApplicationType,
		DefaultMaxAge: r.DefaultMaxAge, RequireAuthTime: r.RequireAuthTime, DefaultACRValues: r.DefaultACRValues,
		UserinfoEncAlg: r.UserinfoEncAlg, UserinfoEnc: r.UserinfoEnc, PostLogoutRedirectURIs: r.PostLogoutRedirectURIs, FrontchannelLogoutURI: r.FrontchannelLogoutURI, FrontchannelLogoutSID: r.FrontchannelLogoutSID,
		BackchannelLogoutURI: r.BackchannelLogoutURI, BackchannelLogoutSID: r.BackchannelLogoutSID, ClaimsPlacement: r.ClaimsPlacement,
	}
}

// encodeRegistration writes every member that is registered, defaults too (RFC
// 7591 §3.2.1).
func encodeRegistration(c *oauth.Client) *registrationJSON {
	j := &registrationJSON{
		ID: c.ID, IssuedAt: c.CreatedAt.Unix(), Name: c.Name, RedirectURIs: c.RedirectURIs, GrantTypes: c.GrantTypes,
		ResponseTypes: c.ResponseTypes, Scope: c.Scope, AllowedCORSOrigins: c.AllowedCORSOrigins, ClientURI: c.ClientURI, LogoURI: c.LogoURI,
		PolicyURI: c.PolicyURI, TermsOfServiceURI: c.TermsOfServiceURI, Contacts: c.Contacts, SubjectType: c.SubjectType,
		SectorIdentifierURI: c.SectorIdentifierURI, JWKSURI: c.JWKSURI, JWKS: c.JWKS, AuthMethod: c.AuthMethod, AuthSigningAlg: c.AuthSigningAlg,
		InitiateLoginURI: c.InitiateLoginURI, RequestURIs: c.RequestURIs, RequestObjectSigningAlg: c.RequestObjectSigningAlg,
		RequestObjectEncAlg: c.RequestObjectEncAlg, RequestObjectEnc: c.RequestObjectEnc, UserinfoSignedAlg: c.UserinfoSignedAlg,
		IDTokenSignedAlg: c.IDTokenSignedAlg, IDTokenEncAlg: c.IDTokenEncAlg, IDTokenEnc: c.IDTokenEnc, RequireSignedRequest: c.RequireSignedRequest,
		ApplicationType: c.ApplicationType, DefaultMaxAge: c.DefaultMaxAge, RequireAuthTime: c.RequireAuthTime, DefaultACRValues: c.DefaultACRValues,
		UserinfoEncAlg: c.UserinfoEncAlg, UserinfoEnc: c.UserinfoEnc, PostLogoutRedirectURIs: c.PostLogoutRedirectURIs, FrontchannelLogoutURI: c.FrontchannelLogoutURI,
		FrontchannelLogoutSID: c.FrontchannelLogoutSID, BackchannelLogoutURI: c.BackchannelLogoutURI, BackchannelLogoutSID: c.BackchannelLogoutSID,
		ClaimsPlacement: c.ClaimsPlacement, CreatedAt: &c.CreatedAt, UpdatedAt: &c.UpdatedAt,
	}
	if len(j.GrantTypes) == 0 {
		j.GrantTypes = []string{oauth.GrantAuthorizationCode}
	}
	if len(j.ResponseTypes) == 0 {
		j.ResponseTypes = []string{"code"}
	}
	return j
}

// registration encodes a client with what only it learns.
func (h *Handler) registration(r client.Registered) *registrationJSON {
	j := encodeRegistration(r.Client)
	j.Token, j.Location = string(r.Token), h.Options.PublicURL+registerPath+"/"+url.PathEscape(r.Client.ID)
	if r.Secret != "" {
		j.Secret, j.SecretExpiresAt = string(r.Secret), &r.Client.SecretExpiresAt
	}
	return j
}

// readRegistration reads and verifies the body of a request. What a software
// statement says counts more than the members beside it (RFC 7591 §2.3).
func (h *Handler) readRegistration(w http.ResponseWriter, r *http.Request) (*registration, error) {
	var in registration
	if err := web.DecodeJSON(w, r, &in, web.JSONOptions{}); err != nil {
		return nil, asMetadata(err)
	}
	if in.Statement != "" {
		claims, err := h.Clients.VerifySoftwareStatement(r.Context(), in.Statement)
		if err != nil {
			return nil, err
		}
		secret := in.Secret
		if err := json.Unmarshal(claims, &in); err != nil {
			return nil, oauth.InvalidSoftwareStatement.Hint("A member of the software statement has another type than the client metadata of that name.").Because(err)
		}
		in.Secret = secret
	}
	if name := in.presumptuous(); name != "" {
		return nil, oauth.InvalidClientMetadata.Hint("The member " + name + " can be set by an administrator only.")
	}
	return &in, nil
}

// asMetadata gives a body that cannot be read the code of RFC 7591 §3.2.2.
func asMetadata(err error) error {
	if oauth.KindOf(err) != oauth.InvalidRequest {
		return err
	}
	_, _, hint, _ := web.Describe(err)
	return oauth.InvalidClientMetadata.Hint(hint).Because(err)
}

// handleRegister serves POST /oauth2/register (RFC 7591 §3).
func (h *Handler) handleRegister(w http.ResponseWriter, r *http.Request) error {
	token, err := web.Bearer(r)
	if err != nil {
		return err
	}
	in, err := h.readRegistration(w, r)
	if err != nil {
		return err
	}
	if in.Secret != "" {
		return oauth.InvalidClientMetadata.Hint("The client_secret is drawn by the server.")
	}
	out, err := h.Clients.Register(r.Context(), client.RegistrationRequest{
		Client: in.client(), Token: token, Statement: in.Statement != "", Network: web.Network(r),
	})
	if err != nil {
		return err
	}
	web.Note(r.Context(), "client_id", out.Client.ID)
	h.prepare(r.Context(), out.Client)
	web.NoStore(w)
	answer := h.registration(out)
	w.Header().Set("Location", answer.Location)
	return web.WriteJSON(w, http.StatusCreated, answer)
}

// prepare makes the signing keys that a client's algorithms need, because many
// relying parties read the key set once, before the first sign-in. The client
// is registered in any case, and what failed here is made on first need.
func (h *Handler) prepare(ctx context.Context, c *oauth.Client) {
	if err := h.Tokens.PrepareKeys(ctx, c); err != nil {
		web.NoteError(ctx, err)
	}
}

// handleRegistration serves GET /oauth2/register/{id} (RFC 7592 §2.1).
func (h *Handler) handleRegistration(w http.ResponseWriter, r *http.Request) error {
	token, err := web.Bearer(r)
	if err != nil {
		return err
	}
	c, err := h.Clients.Registration(r.Context(), r.PathValue("id"), token)
	if err != nil {
		return err
	}
	web.NoStore(w)
	return web.WriteJSON(w, http.StatusOK, encodeRegistration(c))
}

// handleUpdateRegistration serves PUT /oauth2/register/{id} (RFC 7592 §2.2).
func (h *Handler) handleUpdateRegistration(w http.ResponseWriter, r *http.Request) error {
	token, err := web.Bearer(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if _, err := h.Clients.Registration(r.Context(), id, token); err != nil {
		return err // before the body says anything to anybody
	}
	in, err := h.readRegistration(w, r)
	if err != nil {
		return err
	}
	if in.ID != "" && in.ID != id {
		return oauth.InvalidClientMetadata.Hint("The client_id in the body is another than that of the path.")
	}
	out, err := h.Clients.UpdateRegistration(r.Context(), id, token, in.client(), oauth.Secret(in.Secret))
	if err != nil {
		return err
	}
	h.prepare(r.Context(), out.Client)
	web.NoStore(w)
	return web.WriteJSON(w, http.StatusOK, h.registration(out))
}

// handleDeleteRegistration serves DELETE /oauth2/register/{id} (RFC 7592 §2.3).
func (h *Handler) handleDeleteRegistration(w http.ResponseWriter, r *http.Request) error {
	token, err := web.Bearer(r)
	if err != nil {
		return err
	}
	if err := h.Clients.DeleteRegistration(r.Context(), r.PathValue("id"), token); err != nil {
		return err
	}
	web.NoStore(w)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// routesRegister adds dynamic registration. Pages of any origin that CORS is
// configured for may call it; nobody knows a client's own origins yet.
func (h *Handler) routesRegister(mux *web.Mux) {
	serve := func(f web.HandlerFunc) http.Handler {
		return h.Errors.Handle(web.BearerErrors, func(w http.ResponseWriter, r *http.Request) error {
			if !h.Options.Register {
				return oauth.NotFound.Hint("Clients cannot register themselves here.")
			}
			return f(w, r)
		})
	}
	one := map[string]http.Handler{
		http.MethodGet: serve(h.handleRegistration), http.MethodPut: serve(h.handleUpdateRegistration), http.MethodDelete: serve(h.handleDeleteRegistration),
	}
	any := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := one[r.Method]; f != nil {
			f.ServeHTTP(w, r)
			return
		}
		one[http.MethodGet].ServeHTTP(w, r) // HEAD
	})
	mux.Handle("POST,OPTIONS "+registerPath, h.Options.CORS.Clients(noOptions(serve(h.handleRegister)), nil))
	mux.Handle("GET,PUT,DELETE,OPTIONS "+registerPath+"/{id}", h.Options.CORS.Clients(noOptions(any), nil))
}
