package oauth

import (
	"encoding/json"
	"maps"
	"slices"
)

// ClaimsRequest is the claims parameter (OpenID Connect Core §5.5): single
// claims that the client asks for, and where it wants them.
type ClaimsRequest struct {
	IDToken  map[string]ClaimRequest
	Userinfo map[string]ClaimRequest
}

// ClaimRequest says what the client would like of one claim (§5.5.1).
type ClaimRequest struct {
	Essential bool
	// Values are the ones that the client can use, as JSON; none: any.
	Values []json.RawMessage
}

// Names returns the claims that are asked for in the ID token and at userinfo.
func (r ClaimsRequest) Names() (idToken, userinfo []string) {
	return slices.Sorted(maps.Keys(r.IDToken)), slices.Sorted(maps.Keys(r.Userinfo))
}

// Subjects returns the subjects of which the response must tell one (§5.5);
// nil when any will do.
func (r ClaimsRequest) Subjects() []string {
	return append(r.IDToken["sub"].texts(), r.Userinfo["sub"].texts()...)
}

// ACR returns the contexts that the client asks for, in the order of its
// preference, and whether one of them is a condition (§5.5.1.1).
func (r ClaimsRequest) ACR() (values []string, essential bool) {
	acr := r.IDToken["acr"]
	return acr.texts(), acr.Essential && len(acr.Values) > 0
}

// texts are the values that are strings.
func (c ClaimRequest) texts() []string {
	var out []string
	for _, v := range c.Values {
		var text *string
		if json.Unmarshal(v, &text) == nil && text != nil {
			out = append(out, *text)
		}
	}
	return out
}
