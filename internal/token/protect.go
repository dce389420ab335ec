package token

import (
	"context"
	"errors"
	"fmt"

	"hydra/internal/key"
	"hydra/internal/oauth"
)

// AlgNone is the signing algorithm of a JWT that nobody has signed (RFC 7518
// §3.6), and of a userinfo response that is no JWT.
const AlgNone = "none"

// signer makes the JWTs for one client. Without a key it makes unsecured ones.
type signer struct{ *key.Signer }

// idTokenSigner is that of a client's ID tokens: by the algorithm that it has
// registered, or by that of the server. Unsecured ones (OpenID Connect Core §2)
// are made where the operator allows them and never for the front channel.
func (s *Service) idTokenSigner(ctx context.Context, c *oauth.Client, front bool) (signer, error) {
	if c.IDTokenSignedAlg == AlgNone {
		if front || !s.Options.UnsignedIDTokens {
			return signer{}, errors.New("token: the client wants unsigned ID tokens, which this server does not make here")
		}
		return signer{}, nil
	}
	g, err := s.Keys.Signer(ctx, IDTokenSet, c.IDTokenSignedAlg)
	return signer{g}, err
}

// sign signs claims.
func (g signer) sign(ctx context.Context, claims []byte) (string, error) {
	if g.Signer == nil {
		return key.Unsecured(typeJWT, claims), nil
	}
	return g.Sign(ctx, typeJWT, claims)
}

// hashInto puts the hash of a code or token beside the claims that go with it.
// The hash is that of the signature's family (OpenID Connect Core §3.1.3.6),
// and unsecured tokens have none.
func (g signer) hashInto(claims map[string]any, name string, value oauth.Secret) {
	if g.Signer != nil && value != "" {
		claims[name] = key.LeftHash(g.Alg, string(value))
	}
}

// encrypt encrypts for a client that has registered an algorithm for it, and
// leaves text alone for one that has not. The public key is one of the client's
// jwks or of its jwks_uri.
func (s *Service) encrypt(ctx context.Context, c *oauth.Client, e key.Encryption, text string) (oauth.Secret, error) {
	if e.Alg == "" {
		return oauth.Secret(text), nil
	}
	var jwe string
	var err error
	switch {
	case c.JWKSURI != "" && s.RemoteKeys != nil:
		jwe, err = s.RemoteKeys.Encrypt(ctx, c.JWKSURI, e, []byte(text))
	default:
		jwe, err = key.Encrypt(c.JWKS, e, []byte(text))
	}
	switch {
	case errors.Is(err, key.ErrFetch):
		return "", oauth.TemporarilyUnavailable.Hint("The answer is to be encrypted, and the keys at the client's jwks_uri cannot be read.").Because(err)
	case errors.Is(err, key.ErrNoEncryptionKey):
		return "", oauth.InvalidRequest.Hintf("The answer is to be encrypted with %s, for which the client has published no key.", e.Alg).Because(err)
	case err != nil:
		return "", fmt.Errorf("token: encrypt: %w", err)
	}
	return oauth.Secret(jwe), nil
}

// PrepareKeys makes the keys that a client's algorithms need, so that they are
// published before they sign. What is not prepared is made on first need.
func (s *Service) PrepareKeys(ctx context.Context, c *oauth.Client) error {
	wanted := []struct{ set, alg string }{
		{IDTokenSet, c.IDTokenSignedAlg}, {IDTokenSet, c.UserinfoSignedAlg}, {AccessTokenSet, c.AccessTokenSignedAlg},
	}
	for _, w := range wanted {
		if w.alg == "" || w.alg == AlgNone {
			continue
		}
		if _, err := s.Keys.Signer(ctx, w.set, w.alg); err != nil {
			return err
		}
	}
	return nil
}
