package token

import (
	"context"
	"time"

	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// reservedIDClaims never come from a session. Three more may, as long as the
// server itself has no value for them: acr, amr, c_hash.
var reservedIDClaims = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "nonce", "rat", "auth_time", "at_hash", "sid",
}

// idToken makes the ID token that goes with an access token, or with none,
// OpenID Connect Core §2, §3.1.3.3, §3.2.2.10 and §3.3.2.11. A refreshed one keeps auth_time and acr and has no
// nonce (§12.2).
func (s *Service) idToken(ctx context.Context, p payout, access oauth.Secret) (oauth.Secret, error) {
	signer, err := s.idTokenSigner(ctx, p.client, p.grantType == oauth.GrantImplicit)
	if err != nil {
		return "", err
	}
	session, err := sessionClaims(p.data, reservedIDClaims)
	if err != nil {
		return "", err
	}
	session = s.Options.release(session, p.client, p.data, p.scope, p.place)
	claims := make(map[string]any, len(session)+12)
	for name, v := range session {
		claims[name] = v
	}
	issued := p.now.Unix()
	claims["iss"] = s.Options.Issuer
	claims["sub"] = subjectIdentifier(p.data)
	claims["aud"] = []string{p.client.ID}
	claims["jti"] = secret.UUID()
	claims["iat"] = issued
	claims["exp"] = issued + int64(p.life.id/time.Second)
	if s.Options.placement(p.client) != PlacementStandard {
		claims["rat"] = p.row.RequestedAt.Unix() // the original's own; nobody asked for it
	}
	signer.hashInto(claims, "at_hash", access)
	signer.hashInto(claims, "c_hash", p.code)
	if p.data.AuthTime != 0 {
		claims["auth_time"] = p.data.AuthTime
	}
	if p.nonce != "" {
		claims["nonce"] = p.nonce
	}
	if p.data.ACR != "" {
		claims["acr"] = p.data.ACR
	}
	if len(p.data.AMR) > 0 {
		claims["amr"] = p.data.AMR
	}
	if !p.row.SessionID.IsZero() {
		claims["sid"] = p.row.SessionID.String()
	}
	payload, err := encodeJSON(claims)
	if err != nil {
		return "", err
	}
	jwt, err := signer.sign(ctx, payload)
	if err != nil {
		return "", err
	}
	return s.encrypt(ctx, p.client, key.Encryption{Alg: p.client.IDTokenEncAlg, Enc: p.client.IDTokenEnc, ContentType: typeJWT}, jwt)
}

// sessionClaims are the consent's id_token claims without the reserved names.
func sessionClaims(d *oauth.GrantData, reserved []string) (claimSet, error) {
	session, err := members(d.IDClaims)
	if err != nil {
		return nil, err
	}
	for _, name := range reserved {
		delete(session, name)
	}
	return session, nil
}

// SubjectIdentifier is the sub that the client of a Grant knows its user by.
func (s *Service) SubjectIdentifier(d *oauth.GrantData) string { return subjectIdentifier(d) }

// subjectIdentifier is the sub that the client knows its user by.
func subjectIdentifier(d *oauth.GrantData) string {
	if d.SubjectIdentifier != "" {
		return d.SubjectIdentifier
	}
	return d.Subject
}
