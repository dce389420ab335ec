package secret

// Kind says what a sealed value is for. Each kind has data keys of its own, so
// a value of one kind is never taken for another.
type Kind byte

// The kinds. The numbers are part of the sealed format and of stored rows:
// they are never changed and never given to something else.
const (
	Code             Kind = 1 // authorization code, RFC 6749 §4.1.2
	Access           Kind = 2 // access token of a Grant
	Refresh          Kind = 3 // refresh token, RFC 6749 §6
	Machine          Kind = 4 // access token without a Grant: client credentials, RFC 7523
	JWTReference     Kind = 5 // jti of a JWT access token
	LoginChallenge   Kind = 6
	LoginVerifier    Kind = 7
	ConsentChallenge Kind = 8
	ConsentVerifier  Kind = 9
	LogoutChallenge  Kind = 10
	LogoutVerifier   Kind = 11
	DeviceCode       Kind = 12 // RFC 8628 §3.2
	DeviceChallenge  Kind = 13
	DeviceVerifier   Kind = 14
	SessionCookie    Kind = 15
	Registration     Kind = 16 // registration access token, RFC 7592
	PageToken        Kind = 17 // where a listing goes on
	Row              Kind = 18 // columns at rest; never rotated
	Index            Kind = 19 // keyed hashes for look-ups; never rotated
)

// kinds holds for each kind its name and the prefix of its values. The
// prefixes are Hydra's; gateways and secret scanners match on them.
var kinds = [...]struct{ name, prefix string }{
	Code:             {"code", "ory_ac_"},
	Access:           {"access", "ory_at_"},
	Refresh:          {"refresh", "ory_rt_"},
	Machine:          {"machine", "ory_at_"},
	JWTReference:     {"jwt_reference", ""},
	LoginChallenge:   {"login_challenge", ""},
	LoginVerifier:    {"login_verifier", ""},
	ConsentChallenge: {"consent_challenge", ""},
	ConsentVerifier:  {"consent_verifier", ""},
	LogoutChallenge:  {"logout_challenge", ""},
	LogoutVerifier:   {"logout_verifier", ""},
	DeviceCode:       {"device_code", "ory_dc_"},
	DeviceChallenge:  {"device_challenge", ""},
	DeviceVerifier:   {"device_verifier", ""},
	SessionCookie:    {"session_cookie", ""},
	Registration:     {"registration", ""},
	PageToken:        {"page_token", ""},
	Row:              {"row", ""},
	Index:            {"index", ""},
}

// Kinds returns every kind, in the order of their numbers.
func Kinds() []Kind {
	all := make([]Kind, 0, len(kinds)-1)
	for k := range kinds[1:] {
		all = append(all, Kind(k+1))
	}
	return all
}

// Valid reports whether the kind is one of Kinds.
func (k Kind) Valid() bool { return k >= 1 && int(k) < len(kinds) }

// String returns the kind's name in snake case, or "unknown".
func (k Kind) String() string {
	if !k.Valid() {
		return "unknown"
	}
	return kinds[k].name
}

// Prefix returns what values of the kind begin with; it may be empty.
func (k Kind) Prefix() string {
	if !k.Valid() {
		return ""
	}
	return kinds[k].prefix
}
