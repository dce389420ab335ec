package flow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"hydra/internal/key"
	"hydra/internal/oauth"
)

// Bounds of the claims parameter.
const (
	maxClaimsParameter = 8 << 10 // bytes
	maxClaimNames      = 100     // for each place
	maxClaimName       = 256     // bytes
	maxClaimValues     = 50
)

var errClaims = errors.New("flow: not a claims parameter")

func checkClaims(r *reading) *oauth.Error {
	raw := r.params.Get("claims")
	if raw == "" {
		return nil
	}
	var err error
	if r.req.Claims, err = parseClaims(raw); err != nil {
		return oauth.InvalidRequest.Hint("The parameter claims is too long, or not of the form of OpenID Connect Core §5.5.").Because(err)
	}
	r.req.OIDC.Claims = json.RawMessage(raw)
	acr, _ := r.req.Claims.ACR()
	r.req.OIDC.ACRValues = oauth.Unique(append(r.req.OIDC.ACRValues, acr...))
	return nil
}

// parseClaims reads the claims parameter (OpenID Connect Core §5.5). Members
// that the standard does not name are passed over, as it demands; what it
// names must have the form that it says.
func parseClaims(raw string) (c oauth.ClaimsRequest, err error) {
	if len(raw) > maxClaimsParameter {
		return c, fmt.Errorf("%w: %d bytes", errClaims, len(raw))
	}
	members, err := key.StrictObject([]byte(raw))
	if err != nil {
		return c, err
	}
	if c.IDToken, err = parsePlace(members["id_token"]); err != nil {
		return oauth.ClaimsRequest{}, err
	}
	if c.Userinfo, err = parsePlace(members["userinfo"]); err != nil {
		return oauth.ClaimsRequest{}, err
	}
	return c, nil
}

// parsePlace reads the claims that are asked for in one place.
func parsePlace(raw json.RawMessage) (map[string]oauth.ClaimRequest, error) {
	if raw == nil {
		return nil, nil
	}
	members, err := key.StrictObject(raw)
	if err != nil {
		return nil, err
	}
	if len(members) > maxClaimNames {
		return nil, fmt.Errorf("%w: %d claims", errClaims, len(members))
	}
	out := make(map[string]oauth.ClaimRequest, len(members))
	for name, how := range members {
		if name == "" || len(name) > maxClaimName {
			return nil, fmt.Errorf("%w: a claim's name", errClaims)
		}
		if out[name], err = parseClaim(how); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// parseClaim reads how one claim is asked for (§5.5.1): null, or an object.
func parseClaim(raw json.RawMessage) (c oauth.ClaimRequest, err error) {
	if string(raw) == "null" {
		return c, nil
	}
	members, err := key.StrictObject(raw)
	if err != nil {
		return c, err
	}
	if e, ok := members["essential"]; ok {
		if c.Essential = string(e) == "true"; !c.Essential && string(e) != "false" {
			return c, fmt.Errorf("%w: essential", errClaims)
		}
	}
	if v, ok := members["values"]; ok {
		if !bytes.HasPrefix(v, []byte("[")) || json.Unmarshal(v, &c.Values) != nil || len(c.Values) == 0 || len(c.Values) > maxClaimValues {
			return c, fmt.Errorf("%w: values", errClaims)
		}
	}
	if v, ok := members["value"]; ok {
		if c.Values != nil || string(v) == "null" {
			return c, fmt.Errorf("%w: value", errClaims)
		}
		c.Values = []json.RawMessage{v}
	}
	return c, nil
}

// knownClaims are those that every ID token has, whoever asks.
var knownClaims = []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "sid"}

// asksMore reports whether the request asks for claims by name that a
// remembered consent does not cover: neither by name nor by a scope.
func asksMore(c oauth.ClaimsRequest, had *oauth.GrantData, scopeOf func(claim string) string) bool {
	inIDToken, atUserinfo := c.Names()
	return slices.ContainsFunc(append(inIDToken, atUserinfo...), func(name string) bool {
		return !slices.Contains(knownClaims, name) && !slices.Contains(had.WantedInIDToken, name) &&
			!slices.Contains(had.WantedAtUserinfo, name) && !slices.Contains(had.GrantedScope, scopeOf(name))
	})
}

// isWanted reports whether the client can use the user, where it named one
// (OpenID Connect Core §5.5).
func isWanted(wanted []string, subjects ...string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(subjects, func(s string) bool { return s != "" && slices.Contains(wanted, s) })
}

// unmetACR reports whether the login app's acr is none of those that the
// client demands (OpenID Connect Core §5.5.1.1).
func unmetACR(req *oauth.Request, l *oauth.Login) bool {
	values, essential := req.Claims.ACR()
	return essential && l != nil && !slices.Contains(values, l.ACR)
}
