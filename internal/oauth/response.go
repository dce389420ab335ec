package oauth

import (
	"slices"
	"strings"
)

// ResponseType is what an authorization request asks the authorization
// endpoint for, in any order (OAuth 2.0 Multiple Response Type Encoding
// Practices).
type ResponseType []string

// The values that a response type is made of.
const (
	ResponseCode    = "code"
	ResponseToken   = "token"
	ResponseIDToken = "id_token"
	ResponseNone    = "none"
)

// ResponseTypes are the combinations that this server answers: RFC 6749
// §3.1.1, OpenID Connect Core §3 and Multiple Response Types §4.
var ResponseTypes = []string{
	"code", "code id_token", "id_token", "token id_token", "token", "token id_token code", "code token", "none",
}

// known are the same, split.
var known = func() (split [][]string) {
	for _, t := range ResponseTypes {
		split = append(split, Fields(t))
	}
	return split
}()

// Known reports whether the combination is one that the server answers.
func (t ResponseType) Known() bool { return slices.ContainsFunc(known, t.Is) }

// Is reports whether both are the same values, in any order. A value twice is
// no combination.
func (t ResponseType) Is(other []string) bool {
	if len(t) == 0 || len(t) != len(other) {
		return false
	}
	for i, v := range other {
		if !t.Has(v) || slices.Contains(other[:i], v) {
			return false
		}
	}
	return true
}

// Has reports whether the value was asked for.
func (t ResponseType) Has(value string) bool { return slices.Contains(t, value) }

// Front reports whether a token comes from the authorization endpoint itself.
func (t ResponseType) Front() bool { return t.Has(ResponseToken) || t.Has(ResponseIDToken) }

// GrantTypes are those that the client must be registered for: implicit where an
// access token comes from the authorization endpoint, or an ID token without a
// code, and authorization_code where a code does.
func (t ResponseType) GrantTypes() []string {
	var need []string
	code := t.Has(ResponseCode)
	if t.Has(ResponseToken) || t.Has(ResponseIDToken) && !code {
		need = append(need, GrantImplicit)
	}
	if code {
		need = append(need, GrantAuthorizationCode)
	}
	return need
}

// String writes the values as a client does.
func (t ResponseType) String() string { return strings.Join(t, " ") }

// ResponseMode is how an authorization response travels.
type ResponseMode string

// Response modes: OAuth 2.0 Multiple Response Types §2.1 and OAuth 2.0 Form
// Post Response Mode.
const (
	ModeQuery    ResponseMode = "query"
	ModeFragment ResponseMode = "fragment"
	ModeFormPost ResponseMode = "form_post"
)

// ResponseModes are those that the server offers.
var ResponseModes = []string{string(ModeQuery), string(ModeFragment), string(ModeFormPost)}

// DefaultMode is the mode of a request that names none: what holds a token
// stays out of the query, which servers log (Multiple Response Types §5).
func (t ResponseType) DefaultMode() ResponseMode {
	if t.Front() {
		return ModeFragment
	}
	return ModeQuery
}
