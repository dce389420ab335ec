package flow

import (
	"strings"

	"hydra/internal/oauth"
)

func checkPKCE(r *reading) *oauth.Error {
	challenge, method := r.params.Get("code_challenge"), r.params.Get("code_challenge_method")
	o := r.s.Options
	if !r.req.ResponseType.Has(oauth.ResponseCode) {
		return nil // there is nothing to prove
	}
	switch {
	case challenge == "" && (o.PKCEForAll || (o.PKCEForPublic && r.client.IsPublic())):
		return oauth.InvalidRequest.Hint("The parameter code_challenge is required for this client.")
	case challenge == "" && method != "":
		return oauth.InvalidRequest.Hint("The parameter code_challenge_method was sent without a code_challenge.")
	case challenge == "":
		return nil
	case method != "S256":
		return oauth.InvalidRequest.Hint("The parameter code_challenge_method must be S256.")
	case !validChallenge(challenge):
		return oauth.InvalidRequest.Hint("The parameter code_challenge is not the base64url form of a SHA-256 hash.")
	}
	r.req.CodeChallenge = challenge
	return nil
}

// validChallenge holds a challenge to what S256 produces: 43 characters of
// base64url whose last one has no dangling bits (RFC 7636 §4.2).
func validChallenge(c string) bool {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if len(c) != 43 || strings.Trim(c, alphabet) != "" {
		return false
	}
	return strings.IndexByte(alphabet, c[42])&3 == 0
}
