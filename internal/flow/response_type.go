package flow

import (
	"slices"
	"strings"

	"hydra/internal/oauth"
)

// settleMode decides how the answer travels before anything is refused, so
// that errors arrive where the client waits for them: in the mode that it
// asked for, if that can be had, else in that of its response type.
func settleMode(r *reading) *oauth.Error {
	r.req.ResponseType = oauth.Fields(r.params.Get("response_type"))
	r.req.Mode = r.req.ResponseType.DefaultMode()
	if mode := oauth.ResponseMode(r.params.Get("response_mode")); modeFault(r, mode) == "" {
		r.req.Mode = mode
	}
	return nil
}

// modeFault says why a response mode cannot be had, and nothing when it can.
func modeFault(r *reading, mode oauth.ResponseMode) string {
	switch {
	case !slices.Contains(oauth.ResponseModes, string(mode)):
		return "The server supports the response modes query, fragment and form_post."
	case mode == oauth.ModeQuery && r.req.ResponseType.Front():
		// Servers, proxies and histories keep queries.
		return "A response with a token must not be in the query: use the response mode fragment or form_post."
	case mode == oauth.ModeFormPost && !postable(r.req.RedirectURI):
		return "The response mode form_post needs a redirect URI with the scheme https or http."
	}
	return ""
}

// postable reports whether a browser can send a form to the URI.
func postable(uri string) bool { return hasHTTPS(uri) || strings.HasPrefix(uri, "http://") }

func checkResponseType(r *reading) *oauth.Error {
	t := r.req.ResponseType
	switch {
	case len(t) == 0:
		return oauth.UnsupportedResponseType.Hint("The parameter response_type is required.")
	case !t.Known():
		return oauth.UnsupportedResponseType.Hint("The server does not know this response_type.")
	case !r.client.AllowsResponseType(t):
		return oauth.UnsupportedResponseType.Hint("The client is not allowed to use this response_type.")
	case t.Has(oauth.ResponseIDToken) && r.client.IDTokenSignedAlg == "none":
		// OpenID Connect Registration §2, id_token_signed_response_alg.
		return oauth.UnsupportedResponseType.Hint("A client whose ID tokens are not signed gets none from the authorization endpoint.")
	case t.Has(oauth.ResponseIDToken) && !slices.Contains(r.req.Scope, "openid"):
		return oauth.InvalidRequest.Hint("A response_type with id_token needs the scope openid.")
	}
	return nil
}

func checkResponseMode(r *reading) *oauth.Error {
	mode := oauth.ResponseMode(r.params.Get("response_mode"))
	if mode == "" {
		return nil
	}
	if fault := modeFault(r, mode); fault != "" {
		return oauth.InvalidRequest.Hint(fault)
	}
	return nil
}

// checkGrantTypes holds the client to the grant types of its registration,
// where tokens come from this endpoint. A code's is checked when it is
// exchanged, as Hydra does, unless tokens come with it (contract §3.1.3).
func checkGrantTypes(r *reading) *oauth.Error {
	if !r.req.ResponseType.Front() {
		return nil
	}
	for _, need := range r.req.ResponseType.GrantTypes() {
		if !r.client.AllowsGrantType(need) {
			return oauth.UnauthorizedClient.Hint("The client is not registered for the grant type " + need + ".")
		}
	}
	return nil
}

func checkNonce(r *reading) *oauth.Error {
	r.req.Nonce = r.params.Get("nonce")
	switch {
	case r.req.Nonce == "" && r.req.ResponseType.Has(oauth.ResponseIDToken):
		// Nothing else tells an ID token from one that was put in its place.
		return oauth.InvalidRequest.Hint("The parameter nonce is required for a response_type with id_token.")
	case len(r.req.Nonce) > maxNonce:
		return oauth.InvalidRequest.Hint("The parameter nonce is too long.")
	case r.req.Nonce != "" && len(r.req.Nonce) < r.s.Options.MinNonce:
		return oauth.InsufficientEntropy.Hintf("The parameter nonce must have at least %d characters.", r.s.Options.MinNonce)
	}
	return nil
}
