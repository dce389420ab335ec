package client

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"hydra/internal/key"
	"hydra/internal/oauth"
)

// RequestObjectAlgs are the algorithms of a request object (OpenID Connect
// Core §6.1, RFC 9101 §6.2), none among them, which signs nothing.
func RequestObjectAlgs() []string {
	return slices.Concat([]string{"none"}, key.AssertionAlgs(), key.SecretAlgs())
}

// requestObjects checks the members request_object_*.
func requestObjects(d draft) string {
	alg := d.RequestObjectSigningAlg
	secret := slices.Contains(key.SecretAlgs(), alg)
	switch {
	case alg != "" && !slices.Contains(RequestObjectAlgs(), alg):
		return "This server does not offer the request_object_signing_alg."
	case secret && d.AuthMethod != oauth.AuthSecretJWT:
		return "A request_object_signing_alg of HS256, HS384 or HS512 needs the token_endpoint_auth_method client_secret_jwt: the secrets of other clients are kept as hashes."
	case alg != "" && alg != "none" && !secret && d.JWKS == nil && d.JWKSURI == "":
		return "The request_object_signing_alg needs jwks or jwks_uri."
	case d.RequireSignedRequest && alg == "none":
		return "The require_signed_request_object excludes the request_object_signing_alg none."
	case d.RequestObjectEnc != "" && d.RequestObjectEncAlg == "":
		return "The member request_object_encryption_enc needs request_object_encryption_alg."
	case d.RequestObjectEncAlg != "" && !slices.Contains(key.DecryptionAlgs(), d.RequestObjectEncAlg),
		d.RequestObjectEnc != "" && !slices.Contains(key.ContentEncryptions(), d.RequestObjectEnc):
		return "This server does not offer the request_object_encryption_alg or request_object_encryption_enc."
	}
	return ""
}

// requestURIs takes http, too, which is fetched where a jwks_uri is: a request
// object that is signed needs no https (OpenID Connect Core §6.2).
func requestURIs(d draft) string {
	if slices.ContainsFunc(d.RequestURIs, func(uri string) bool { return !webURL(uri, "https", "http") }) {
		return "The request_uris must be absolute URLs with scheme https or http."
	}
	return ""
}

// VerifyRequestObject checks the signature of a request object, wherever the
// client's keys are: those it registered or publishes, or its secrets if they
// can be read. One with the algorithm none passes only where the caller says so.
// A registered request_object_signing_alg is the only one that counts (OpenID
// Connect Registration §2). It judges no claims.
//
// The error is oauth.InvalidRequestObject, oauth.TemporarilyUnavailable or the
// context's.
func (s *Service) VerifyRequestObject(ctx context.Context, c *oauth.Client, jwt string, unsigned bool) (key.Verified, error) {
	header, err := key.ReadHeader(jwt)
	if err != nil {
		return key.Verified{}, oauth.InvalidRequestObject.Hint("The request object is not a JWT in compact serialization.").Because(err)
	}
	alg := header.Alg
	if want := c.RequestObjectSigningAlg; want != "" && alg != want {
		return key.Verified{}, oauth.InvalidRequestObject.Hint("The request object is not signed with the request_object_signing_alg that the client registered.")
	}
	var v key.Verified
	switch {
	case alg == "none" && c.RequireSignedRequest:
		return key.Verified{}, oauth.InvalidRequestObject.Hint("The client has registered that its request objects are signed.")
	case alg == "none" && !unsigned:
		return key.Verified{}, oauth.InvalidRequestObject.Hint("The server takes signed request objects only.")
	case alg == "none":
		v, err = key.ReadUnsigned(jwt)
	case slices.Contains(key.SecretAlgs(), alg):
		v, err = s.verifyBySecret(ctx, c, jwt, alg)
	case c.JWKS != nil:
		v, err = key.VerifyAssertion(c.JWKS, jwt, []string{alg})
	case c.JWKSURI != "" && s.RemoteKeys != nil:
		v, err = s.RemoteKeys.VerifyAssertion(ctx, c.JWKSURI, jwt, []string{alg})
	default:
		err = fmt.Errorf("%w: the client has no keys", key.ErrUnknownKey)
	}
	switch {
	case errors.Is(err, key.ErrInvalidJWT):
		return key.Verified{}, oauth.InvalidRequestObject.Hint("The signature of the request object cannot be verified with the keys of the client.").Because(err)
	case errors.Is(err, key.ErrFetch):
		return key.Verified{}, oauth.InvalidRequestObject.Hint("The keys at the jwks_uri of the client could not be read.").Because(err)
	}
	return v, err
}

func (s *Service) verifyBySecret(ctx context.Context, c *oauth.Client, jwt, alg string) (key.Verified, error) {
	if c.AuthMethod != oauth.AuthSecretJWT {
		return key.Verified{}, key.ErrAlgorithm
	}
	l, err := s.load(ctx, c.ID)
	if err != nil {
		return key.Verified{}, err
	}
	if l.client.UID != c.UID {
		return key.Verified{}, key.ErrUnknownKey // deleted and made again a moment ago
	}
	return s.verifyMAC(l, jwt, alg)
}
