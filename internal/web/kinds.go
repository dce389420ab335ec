package web

import (
	"net/http"

	"hydra/internal/oauth"
)

// kindText is what the wire says about a kind when the error itself says no
// more. The hint is empty where only the situation can tell what to do.
type kindText struct {
	status      int
	description string
	hint        string
}

// kinds is the one table from kind to status and description. Statuses follow
// contract §1.6 and, where that is silent, the RFC that registers the code.
var kinds = map[oauth.Kind]kindText{
	oauth.InvalidRequest: {http.StatusBadRequest, "The request lacks a required parameter, repeats one, has a value that is not allowed, or is otherwise malformed.",
		"Compare the request with the documentation of this endpoint."},
	oauth.UnauthorizedClient: {http.StatusBadRequest, "The client may not use this kind of request.",
		"Check the grant types and response types that the client is registered with."},
	oauth.AccessDenied: {http.StatusForbidden, "The user or the server denied the request.",
		"Ask for access again, and give it when asked."},
	oauth.UnsupportedResponseType: {http.StatusBadRequest, "The server does not issue what this response type asks for.", ""},
	oauth.InvalidScope:            {http.StatusBadRequest, "A requested scope is unknown, malformed, or not allowed for this client.", ""},
	oauth.ServerError:             {http.StatusInternalServerError, "The server met a condition that it did not expect and could not complete the request.", ""},
	oauth.TemporarilyUnavailable:  {http.StatusServiceUnavailable, "The server cannot handle the request just now; a later attempt may succeed.", ""},
	oauth.InvalidClient:           {http.StatusUnauthorized, "Client authentication failed: the client is unknown, its credentials are missing or wrong, or it uses another authentication method than it is registered with.", ""},
	oauth.InvalidGrant:            {http.StatusBadRequest, "The authorization grant or refresh token is invalid, expired or revoked, or belongs to another client or redirect URI.", ""},
	oauth.UnsupportedGrantType:    {http.StatusBadRequest, "The server does not support this grant type.", ""},
	oauth.AuthorizationPending:    {http.StatusBadRequest, "The user has not finished on the other device yet.", ""},
	oauth.SlowDown:                {http.StatusBadRequest, "The device asks more often than it may.", ""},
	oauth.ExpiredToken:            {http.StatusBadRequest, "The device code has expired.", ""},
	oauth.InvalidToken: {http.StatusUnauthorized, "The access token is malformed, expired, revoked, or otherwise not good for this request.",
		"Get a new access token and try again."},
	oauth.InsufficientScope: {http.StatusForbidden, "The access token was not granted the scope that this request needs.", ""},

	oauth.LoginRequired:            {http.StatusBadRequest, "The user has to sign in first, and the request forbids to ask for it.", ""},
	oauth.ConsentRequired:          {http.StatusBadRequest, "The user has to give consent first, and the request forbids to ask for it.", ""},
	oauth.InteractionRequired:      {http.StatusBadRequest, "The user has to do something first, and the request forbids to ask for it.", ""},
	oauth.AccountSelectionRequired: {http.StatusBadRequest, "The user has to select an account first, and the request forbids to ask for it.", ""},
	oauth.UnmetAuthentication:      {http.StatusBadRequest, "The user could not be authenticated in the way that the request demands.", ""},
	oauth.RequestNotSupported:      {http.StatusBadRequest, "The server does not support the parameter request.", ""},
	oauth.RequestURINotSupported:   {http.StatusBadRequest, "The server does not support the parameter request_uri.", ""},
	oauth.RegistrationNotSupported: {http.StatusBadRequest, "The server does not support the parameter registration.", ""},
	oauth.InvalidRequestURI:        {http.StatusBadRequest, "The request_uri leads nowhere, or to something that is no request object.", ""},
	oauth.InvalidRequestObject:     {http.StatusBadRequest, "The request object is malformed, or its signature or a claim in it is not good.", ""},
	oauth.InvalidClientMetadata:    {http.StatusBadRequest, "A member of the client's metadata has a value that is not allowed.", ""},
	oauth.InvalidRedirectURI:       {http.StatusBadRequest, "A redirect URI of the client is malformed or not allowed.", ""},

	oauth.InvalidSoftwareStatement:    {http.StatusBadRequest, "The software statement is malformed, or its signature or a claim in it is not good.", ""},
	oauth.UnapprovedSoftwareStatement: {http.StatusBadRequest, "The software statement is of nobody whom this server trusts.", ""},

	oauth.InvalidState:        {http.StatusBadRequest, "The state is missing or shorter than this server demands.", ""},
	oauth.InsufficientEntropy: {http.StatusBadRequest, "A value that must be hard to guess is missing or too short.", ""},
	oauth.RequestUnauthorized: {http.StatusUnauthorized, "The request could not be authorized.",
		"Check that the credentials were sent, in the right form, and are still good."},
	oauth.RequestForbidden: {http.StatusForbidden, "The request is not allowed.",
		"Start over; this browser or client may not continue what it began."},
	oauth.TokenExpired: {http.StatusUnauthorized, "The token has expired.",
		"Get a new token and try again."},
	oauth.MissingParameter: {http.StatusBadRequest, "The request lacks a member that is required, or has two that exclude each other.", ""},
	oauth.NotFound:         {http.StatusNotFound, "The requested resource does not exist.", ""},
	oauth.Conflict:         {http.StatusConflict, "The resource exists already, or was changed or handled meanwhile.", ""},
	oauth.Gone:             {http.StatusGone, "The resource was handled before and is gone.", ""},
	oauth.TooLarge:         {http.StatusRequestEntityTooLarge, "The request is larger than the server accepts.", ""},
	oauth.UnsupportedMedia: {http.StatusUnsupportedMediaType, "The server does not accept a body of this content type here.", ""},
}

// kindOf returns the texts for the kind of an error. A code that a login or
// consent app made up is the fault of a request, not of this server.
func kindOf(err error) kindText {
	kind := oauth.KindOf(err)
	if t, ok := kinds[kind]; ok {
		return t
	}
	if kind == "" {
		return kinds[oauth.ServerError]
	}
	return kindText{http.StatusBadRequest, "The request was refused.", ""}
}

// Knows reports whether the kind is one of this server's own.
func Knows(kind oauth.Kind) bool {
	_, ok := kinds[kind]
	return ok
}
