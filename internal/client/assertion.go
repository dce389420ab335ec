package client

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hydra/internal/key"
	"hydra/internal/oauth"
)

// Bounds of a client assertion.
const (
	maxAssertion  = 16 << 10
	maxJTI        = 256 // characters
	assertionSkew = time.Minute
	replaySkew    = 6 * time.Minute // how much longer a jti is kept than the assertion lives: nodes' clocks differ
)

// authenticateAssertion checks a signed JWT of the client (RFC 7523 §2.2, §3).
// The jti is spent last, after everything else was right.
func (s *Service) authenticateAssertion(ctx context.Context, cr oauth.Credentials) (*oauth.Client, error) {
	if len(cr.Assertion) > maxAssertion {
		return nil, refused(errors.New("the client assertion is too long"))
	}
	id := cr.PostID
	if id == "" {
		var err error
		if id, err = claimedSubject(string(cr.Assertion)); err != nil {
			return nil, refused(err)
		}
	}
	l, err := s.load(ctx, id)
	if errors.Is(err, oauth.ErrNotFound) {
		return nil, refused(err)
	}
	if err != nil {
		return nil, err
	}
	c := l.client
	var verified key.Verified
	switch c.AuthMethod {
	case oauth.AuthPrivateKeyJWT:
		verified, err = s.verifyAssertion(ctx, c, string(cr.Assertion))
	case oauth.AuthSecretJWT:
		verified, err = s.verifyMAC(l, string(cr.Assertion), c.AuthSigningAlg)
		if errors.Is(err, key.ErrInvalidJWT) {
			err = refused(err)
		}
	default:
		err = refused(errMethod)
	}
	if err != nil {
		return nil, err
	}
	claims, err := parseAssertion(verified.Payload)
	if err != nil {
		return nil, oauth.InvalidClient.Hint("The claims of the client assertion are malformed (RFC 7523 §3).").Because(err)
	}
	now := s.Now()
	if hint := s.Options.checkAssertion(c, verified.Typ, claims, now); hint != "" {
		return nil, oauth.InvalidClient.Hint(hint)
	}
	err = s.Replays.AddReplay(ctx, replayKey("client_assertion", c.UID, claims.JTI), claims.Expires.Add(replaySkew))
	if errors.Is(err, oauth.ErrExists) {
		s.Observe.Observe(ctx, oauth.Event{Name: "client_assertion_replayed", ClientID: c.ID, Detail: "A client assertion was presented a second time."})
		return nil, oauth.InvalidClient.Hint("The client assertion has been used before; each needs a jti of its own.").Because(err)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// verifyAssertion checks the signature with the client's keys, wherever they
// are. That a client's host does not answer is the client's outage and not
// ours, so it is no 5xx; and the answer is the same whatever happened there,
// since whoever registers clients must not learn what our network looks like.
func (s *Service) verifyAssertion(ctx context.Context, c *oauth.Client, jwt string) (key.Verified, error) {
	algs := key.AssertionAlgs()
	if c.AuthSigningAlg != "" {
		algs = []string{c.AuthSigningAlg}
	}
	var verified key.Verified
	var err error
	switch {
	case c.JWKS != nil:
		verified, err = key.VerifyAssertion(c.JWKS, jwt, algs)
	case s.RemoteKeys != nil:
		verified, err = s.RemoteKeys.VerifyAssertion(ctx, c.JWKSURI, jwt, algs)
	default:
		err = fmt.Errorf("%w: there is nothing to fetch with", key.ErrFetch)
	}
	switch {
	case errors.Is(err, key.ErrInvalidJWT):
		return key.Verified{}, refused(err)
	case errors.Is(err, key.ErrFetch):
		return key.Verified{}, oauth.InvalidClient.Hint("The keys at the jwks_uri of the client could not be read.").Because(err)
	}
	return verified, err
}

// checkAssertion returns what is wrong with verified claims, or "". Whoever
// reads the answer holds the client's key.
func (o *Options) checkAssertion(c *oauth.Client, typ string, a key.Claims, now time.Time) string {
	lifetime := o.AssertionLifetime
	if lifetime <= 0 {
		lifetime = time.Hour
	}
	switch {
	case !slices.Contains([]string{"", "jwt", "client-authentication+jwt"}, strings.ToLower(typ)):
		// RFC 8725 §3.11: what was signed for another purpose is no assertion.
		return "The typ of the client assertion is that of another kind of JWT."
	case a.Issuer != c.ID || a.Subject != c.ID:
		return "The claims iss and sub of the client assertion must both be the client_id."
	case a.JTI == "" || len(a.JTI) > maxJTI:
		return "The client assertion needs a jti of at most 256 characters."
	case oauth.Past(a.Expires, now):
		return "The client assertion has expired."
	case a.Expires.After(now.Add(lifetime + assertionSkew)):
		return "The exp of the client assertion is too far ahead."
	case a.NotBefore.After(now.Add(assertionSkew)):
		return "The nbf of the client assertion is in the future."
	case a.IssuedAt.After(now.Add(assertionSkew)):
		return "The iat of the client assertion is in the future."
	case !a.IssuedAt.IsZero() && a.IssuedAt.Before(now.Add(-lifetime-assertionSkew)):
		return "The client assertion is too old."
	case !a.AddressedTo(o.Audiences):
		return "The aud of the client assertion must be the issuer or the token endpoint of this server, and of no other."
	}
	return ""
}

// claimedSubject reads the sub of a JWT that nobody has verified yet, only to
// know whose keys to try.
func claimedSubject(jwt string) (string, error) {
	_, claims, err := key.ReadUnverified(jwt)
	return claims.Subject, err
}

// parseAssertion reads the claims strictly. None of those that an assertion
// must have may be missing (RFC 7523 §3; OpenID Connect Core §9 adds jti).
func parseAssertion(payload []byte) (key.Claims, error) {
	a, err := key.ParseClaims(payload)
	switch {
	case err != nil:
		return key.Claims{}, err
	case a.Issuer == "" || a.Subject == "" || a.JTI == "" || len(a.Audience) == 0 || a.Expires.IsZero():
		return key.Claims{}, errors.New("one of the claims iss, sub, aud, exp and jti is missing")
	}
	return a, nil
}

// replayKey names a one-time value among all that are kept: its purpose, whom
// it belongs to, and the value.
func replayKey(purpose string, owner oauth.ID, value string) oauth.ID {
	h := sha256.New()
	for _, part := range []string{purpose, string(owner[:]), value} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	return oauth.ID(h.Sum(nil)[:16])
}
