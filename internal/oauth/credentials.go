package oauth

// Credentials are what a request brought to authenticate its client with
// (RFC 6749 §2.3, RFC 7521 §4.2), taken from the request but not yet judged.
type Credentials struct {
	Basic         bool // an Authorization header with scheme Basic was there and well-formed
	BasicID       string
	BasicSecret   Secret
	PostID        string // client_id in the body
	PostSecret    Secret // client_secret in the body
	HasPostSecret bool   // client_secret was in the body, even if empty
	AssertionType string
	Assertion     Secret
	Network       string // where the request comes from, coarsely; a key for limits
}
