package token

import (
	"bytes"
	"encoding/json"
	"strings"

	"hydra/internal/oauth"
)

// The claims of the scopes profile, email, address and phone (OpenID Connect
// Core §5.1 and §5.4), and the JSON type of each.
var standardClaims = map[string]struct {
	scope string
	form  func(json.RawMessage) bool
}{
	"name": {"profile", isText}, "family_name": {"profile", isText}, "given_name": {"profile", isText}, "middle_name": {"profile", isText},
	"nickname": {"profile", isText}, "preferred_username": {"profile", isText}, "profile": {"profile", isText}, "picture": {"profile", isText},
	"website": {"profile", isText}, "gender": {"profile", isText}, "birthdate": {"profile", isText}, "zoneinfo": {"profile", isText},
	"locale": {"profile", isText}, "updated_at": {"profile", isNumber},
	"email": {"email", isText}, "email_verified": {"email", isBool},
	"address":      {"address", isAddress},
	"phone_number": {"phone", isText}, "phone_number_verified": {"phone", isBool},
}

func isText(raw json.RawMessage) bool { return bytes.HasPrefix(raw, []byte(`"`)) }
func isBool(raw json.RawMessage) bool { return string(raw) == "true" || string(raw) == "false" }

func isNumber(raw json.RawMessage) bool {
	return len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9')
}

// isAddress holds an address to §5.1.1: an object of texts.
func isAddress(raw json.RawMessage) bool {
	if !bytes.HasPrefix(raw, []byte("{")) {
		return false
	}
	parts, err := members(raw)
	if err != nil {
		return false
	}
	for _, part := range parts {
		if !isText(part) {
			return false
		}
	}
	return true
}

// ScopeOfClaim is the scope that a claim belongs to (§5.4), "" for one that
// the standard gives to none. A claim in another language (§5.2, name#ja) is
// the same claim.
func ScopeOfClaim(name string) string {
	base, _, _ := strings.Cut(name, "#")
	return standardClaims[base].scope
}

// rightForm reports whether the claim has the type that the standard gives it.
func rightForm(name string, raw json.RawMessage) bool {
	base, _, _ := strings.Cut(name, "#")
	claim, standard := standardClaims[base]
	return !standard || claim.form(raw)
}

// CheckClaims refuses standard claims of a wrong type where the option says
// that the server looks after them: the consent app should learn it, and not a
// client that stumbles over them.
func (o *Options) CheckClaims(idClaims json.RawMessage) error {
	if !o.ClaimsByScope {
		return nil
	}
	session, err := members(idClaims)
	if err != nil {
		return err
	}
	for name, v := range session {
		if !rightForm(name, bytes.TrimSpace(v)) {
			return oauth.InvalidRequest.Hint("A claim of session.id_token has another type than OpenID Connect Core §5.1 gives it: updated_at is a number, email_verified and phone_number_verified are booleans, address is an object of texts, all others are texts.")
		}
	}
	return nil
}

// place is where the claims of a consent are about to be shown.
type place int

const (
	besideToken place = iota // an ID token whose client gets an access token, too
	alone                    // the ID token of response_type=id_token, which is all that the client gets
	atUserinfo
)

// Placements of claims.
const (
	PlacementBoth     = "both"     // the consent's claims stand in ID tokens and at userinfo, as Hydra does it
	PlacementStandard = "standard" // OpenID Connect Core §5.4 and §5.5
)

func (o *Options) placement(c *oauth.Client) string {
	if c.ClaimsPlacement != "" {
		return c.ClaimsPlacement
	}
	return o.ClaimsPlacement
}

// release returns the claims of the consent that are shown in this place.
//
// With the standard's placement the claims of a scope come from userinfo, or
// from the ID token when that is all there is, and claims that were asked for
// by name come where they were asked for. Whatever else the consent app says
// is its own business, and stands in both.
func (o *Options) release(session claimSet, c *oauth.Client, d *oauth.GrantData, scope []string, at place) claimSet {
	standard := o.placement(c) == PlacementStandard
	out := make(claimSet, len(session))
	for name, v := range session {
		of := ScopeOfClaim(name)
		granted := of != "" && contains(scope, of)
		inIDToken, inUserinfo := contains(d.WantedInIDToken, name), contains(d.WantedAtUserinfo, name)
		if o.ClaimsByScope && of != "" && (!granted && !inIDToken && !inUserinfo || !rightForm(name, bytes.TrimSpace(v))) {
			continue
		}
		if standard && !placed(at, of, granted, inIDToken, inUserinfo) {
			continue
		}
		out[name] = v
	}
	return out
}

// placed decides by the standard whether a claim stands in a place: scope is
// the one it belongs to, inIDToken and inUserinfo say where it was asked for.
func placed(at place, scope string, granted, inIDToken, inUserinfo bool) bool {
	switch {
	case at == atUserinfo:
		return inUserinfo || granted || !inIDToken
	case inIDToken:
		return true
	case scope != "":
		return at == alone && granted
	default:
		return !inUserinfo
	}
}
