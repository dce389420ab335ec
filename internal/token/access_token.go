package token

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"hydra/internal/oauth"
)

const (
	strategyJWT    = "jwt"
	profileRFC9068 = "rfc9068"
	typeJWT        = "JWT"
	typeAccessJWT  = "at+jwt" // RFC 9068 §2.1
)

func (o *Options) strategy(c *oauth.Client) string {
	if c.AccessTokenStrategy != "" {
		return c.AccessTokenStrategy
	}
	return o.AccessTokenStrategy
}

func (o *Options) profile(c *oauth.Client) string {
	if c.AccessTokenProfile != "" {
		return c.AccessTokenProfile
	}
	return o.AccessTokenProfile
}

// accessClaims is what a JWT access token tells.
type accessClaims struct {
	client   *oauth.Client
	jti      string
	subject  string
	scope    []string
	audience []string
	issued   time.Time
	lifetime time.Duration
	session  json.RawMessage // of the consent

	authTime int64
	acr      string
	amr      []string
}

// reservedAccessClaims never come from a session.
var reservedAccessClaims = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scp", "scope", "ext", "cnf", "act",
}

// signAccess signs a JWT access token in the profile of its client.
func (s *Service) signAccess(ctx context.Context, a accessClaims) (oauth.Secret, error) {
	claims, err := s.Options.sharedClaims(a)
	if err != nil {
		return "", err
	}
	typ := typeJWT
	if s.Options.profile(a.client) == profileRFC9068 {
		typ = typeAccessJWT
		s.Options.rfc9068Claims(claims, a)
	} else {
		s.Options.hydraClaims(claims, a)
	}
	payload, err := encodeJSON(claims)
	if err != nil {
		return "", err
	}
	g, err := s.Keys.Signer(ctx, AccessTokenSet, a.client.AccessTokenSignedAlg)
	if err != nil {
		return "", err
	}
	v, err := g.Sign(ctx, typ, payload)
	return oauth.Secret(v), err
}

func (o *Options) sharedClaims(a accessClaims) (map[string]any, error) {
	session, err := members(a.session)
	if err != nil {
		return nil, err
	}
	claims := map[string]any{}
	for _, name := range o.TopLevelClaims {
		if v, ok := session[name]; ok && !slices.Contains(reservedAccessClaims, name) {
			claims[name] = v
			if o.UnmirroredClaims {
				delete(session, name)
			}
		}
	}
	issued := a.issued.Unix()
	claims["iss"] = o.Issuer
	claims["sub"] = a.subject
	claims["client_id"] = a.client.ID
	claims["iat"] = issued
	claims["exp"] = issued + int64(a.lifetime/time.Second)
	claims["jti"] = a.jti
	claims["ext"] = session
	return claims, nil
}

// hydraClaims is the form that Hydra's clients know, contract §3.9.
func (o *Options) hydraClaims(claims map[string]any, a accessClaims) {
	claims["aud"] = orEmpty(a.audience)
	if !o.ExcludeNotBefore {
		claims["nbf"] = claims["iat"]
	}
	if o.ScopeClaim != "string" {
		claims["scp"] = orEmpty(a.scope)
	}
	if o.ScopeClaim == "string" || o.ScopeClaim == "both" {
		claims["scope"] = strings.Join(a.scope, " ")
	}
}

// rfc9068Claims is RFC 9068 §2.2.
func (o *Options) rfc9068Claims(claims map[string]any, a accessClaims) {
	claims["aud"] = a.audience
	if len(a.audience) == 0 {
		// §3 wants a default when nothing was asked for. The server itself
		// takes the token at userinfo, and it is nobody else's.
		claims["aud"] = []string{o.Issuer}
	}
	if len(a.scope) > 0 {
		claims["scope"] = strings.Join(a.scope, " ")
	}
	if a.authTime != 0 {
		claims["auth_time"] = a.authTime
	}
	if a.acr != "" {
		claims["acr"] = a.acr
	}
	if len(a.amr) > 0 {
		claims["amr"] = a.amr
	}
	if ext, ok := claims["ext"].(claimSet); ok && len(ext) == 0 {
		delete(claims, "ext")
	}
}

// orEmpty makes sure that a list is written as [] and not as null.
func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }
