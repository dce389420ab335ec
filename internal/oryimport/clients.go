package oryimport

import (
	"context"

	"hydra/internal/oauth"
)

// Client is a client with the hash of its secret.
type Client struct {
	*oauth.Client
	Hash string
}

var (
	neededOfClient = []string{
		"id", "client_name", "client_secret", "redirect_uris", "grant_types", "response_types", "scope", "owner", "policy_uri", "tos_uri",
		"client_uri", "logo_uri", "contacts", "sector_identifier_uri", "jwks", "jwks_uri", "token_endpoint_auth_method",
		"request_uris", "request_object_signing_alg", "userinfo_signed_response_alg", "subject_type", "allowed_cors_origins", "audience",
		"created_at", "updated_at", "frontchannel_logout_uri", "frontchannel_logout_session_required", "post_logout_redirect_uris",
		"backchannel_logout_uri", "backchannel_logout_session_required", "metadata", "token_endpoint_auth_signing_alg",
	}
	othersOfClient = []string{
		"access_token_strategy", "skip_consent", "skip_logout_consent",
		"authorization_code_grant_access_token_lifespan", "authorization_code_grant_id_token_lifespan",
		"authorization_code_grant_refresh_token_lifespan", "client_credentials_grant_access_token_lifespan",
		"implicit_grant_access_token_lifespan", "implicit_grant_id_token_lifespan", "jwt_bearer_grant_access_token_lifespan",
		"refresh_token_grant_id_token_lifespan", "refresh_token_grant_access_token_lifespan", "refresh_token_grant_refresh_token_lifespan",
		"device_authorization_grant_access_token_lifespan", "device_authorization_grant_id_token_lifespan",
		"device_authorization_grant_refresh_token_lifespan",
	}
)

// Clients reads all clients, in the order of their ids.
func (s *Source) Clients(ctx context.Context, each func(Client) error) error {
	columns, err := s.pick(clientTable, "", neededOfClient, othersOfClient)
	if err != nil {
		return err
	}
	where, args := s.within("")
	stmt := "SELECT " + columns + " FROM " + clientTable + " WHERE id > ?" + where + " ORDER BY id LIMIT ?"
	return s.walk(ctx, clientTable, stmt, "id", args, func(rows []row) error {
		for _, r := range rows {
			if err := each(Client{clientOf(r), r.text("client_secret")}); err != nil {
				return err
			}
		}
		return nil
	})
}

func clientOf(r row) *oauth.Client {
	c := &oauth.Client{
		ID: r.text("id"), Name: r.text("client_name"), Owner: r.text("owner"),
		CreatedAt: r.time("created_at"), UpdatedAt: r.time("updated_at"),
		RedirectURIs: r.list("redirect_uris"), GrantTypes: r.list("grant_types"), ResponseTypes: r.list("response_types"),
		Scope: r.text("scope"), Audience: r.list("audience"),
		PolicyURI: r.text("policy_uri"), TermsOfServiceURI: r.text("tos_uri"), ClientURI: r.text("client_uri"), LogoURI: r.text("logo_uri"),
		Contacts: r.list("contacts"), AllowedCORSOrigins: r.list("allowed_cors_origins"),
		SubjectType: r.text("subject_type"), SectorIdentifierURI: r.text("sector_identifier_uri"),
		JWKSURI: r.text("jwks_uri"), JWKS: r.object("jwks"),
		AuthMethod: r.text("token_endpoint_auth_method"), AuthSigningAlg: r.text("token_endpoint_auth_signing_alg"),
		RequestURIs: r.list("request_uris"), RequestObjectSigningAlg: r.text("request_object_signing_alg"),
		UserinfoSignedAlg:      r.text("userinfo_signed_response_alg"),
		PostLogoutRedirectURIs: r.list("post_logout_redirect_uris"),
		FrontchannelLogoutURI:  r.text("frontchannel_logout_uri"), FrontchannelLogoutSID: r.flag("frontchannel_logout_session_required"),
		BackchannelLogoutURI: r.text("backchannel_logout_uri"), BackchannelLogoutSID: r.flag("backchannel_logout_session_required"),
		Metadata: r.object("metadata"), AccessTokenStrategy: r.text("access_token_strategy"), SkipConsent: r.flag("skip_consent"),
		Lifespans: oauth.Lifespans{
			AuthorizationCodeAccess:  r.span("authorization_code_grant_access_token_lifespan"),
			AuthorizationCodeID:      r.span("authorization_code_grant_id_token_lifespan"),
			AuthorizationCodeRefresh: r.span("authorization_code_grant_refresh_token_lifespan"),
			ClientCredentialsAccess:  r.span("client_credentials_grant_access_token_lifespan"),
			DeviceAccess:             r.span("device_authorization_grant_access_token_lifespan"),
			DeviceID:                 r.span("device_authorization_grant_id_token_lifespan"),
			DeviceRefresh:            r.span("device_authorization_grant_refresh_token_lifespan"),
			ImplicitAccess:           r.span("implicit_grant_access_token_lifespan"),
			ImplicitID:               r.span("implicit_grant_id_token_lifespan"),
			JWTBearerAccess:          r.span("jwt_bearer_grant_access_token_lifespan"),
			RefreshAccess:            r.span("refresh_token_grant_access_token_lifespan"),
			RefreshID:                r.span("refresh_token_grant_id_token_lifespan"),
			RefreshRefresh:           r.span("refresh_token_grant_refresh_token_lifespan"),
		},
	}
	if r["skip_logout_consent"] != nil {
		skip := r.flag("skip_logout_consent")
		c.SkipLogoutConsent = &skip
	}
	return c
}
