package oauth

import (
	"errors"
	"fmt"
)

// Kind is a registered error code. It is itself an error, so that
// errors.Is(err, oauth.InvalidGrant) works for every Error of that kind.
type Kind string

// The error codes, with the document that registers each.
const (
	InvalidRequest           Kind = "invalid_request"                   // RFC 6749 §4.1.2.1, §5.2
	UnauthorizedClient       Kind = "unauthorized_client"               // RFC 6749 §4.1.2.1, §5.2
	AccessDenied             Kind = "access_denied"                     // RFC 6749 §4.1.2.1
	UnsupportedResponseType  Kind = "unsupported_response_type"         // RFC 6749 §4.1.2.1
	InvalidScope             Kind = "invalid_scope"                     // RFC 6749 §4.1.2.1, §5.2
	ServerError              Kind = "server_error"                      // RFC 6749 §4.1.2.1
	TemporarilyUnavailable   Kind = "temporarily_unavailable"           // RFC 6749 §4.1.2.1
	InvalidClient            Kind = "invalid_client"                    // RFC 6749 §5.2
	InvalidGrant             Kind = "invalid_grant"                     // RFC 6749 §5.2
	UnsupportedGrantType     Kind = "unsupported_grant_type"            // RFC 6749 §5.2
	AuthorizationPending     Kind = "authorization_pending"             // RFC 8628 §3.5
	SlowDown                 Kind = "slow_down"                         // RFC 8628 §3.5
	ExpiredToken             Kind = "expired_token"                     // RFC 8628 §3.5
	InvalidToken             Kind = "invalid_token"                     // RFC 6750 §3.1
	InsufficientScope        Kind = "insufficient_scope"                // RFC 6750 §3.1
	LoginRequired            Kind = "login_required"                    // OpenID Connect Core §3.1.2.6
	ConsentRequired          Kind = "consent_required"                  // OpenID Connect Core §3.1.2.6
	InteractionRequired      Kind = "interaction_required"              // OpenID Connect Core §3.1.2.6
	AccountSelectionRequired Kind = "account_selection_required"        // OpenID Connect Core §3.1.2.6
	UnmetAuthentication      Kind = "unmet_authentication_requirements" // OpenID Connect Core Error Code unmet_authentication_requirements 1.0 §2
	RequestNotSupported      Kind = "request_not_supported"             // OpenID Connect Core §3.1.2.6
	RequestURINotSupported   Kind = "request_uri_not_supported"         // OpenID Connect Core §3.1.2.6
	RegistrationNotSupported Kind = "registration_not_supported"        // OpenID Connect Core §3.1.2.6
	InvalidRequestURI        Kind = "invalid_request_uri"               // OpenID Connect Core §3.1.2.6
	InvalidRequestObject     Kind = "invalid_request_object"            // OpenID Connect Core §3.1.2.6
	InvalidClientMetadata    Kind = "invalid_client_metadata"           // RFC 7591 §3.2.2
	InvalidRedirectURI       Kind = "invalid_redirect_uri"              // RFC 7591 §3.2.2

	InvalidSoftwareStatement    Kind = "invalid_software_statement"    // RFC 7591 §3.2.2
	UnapprovedSoftwareStatement Kind = "unapproved_software_statement" // RFC 7591 §3.2.2

	// Codes that are not registered anywhere; Hydra's clients know them.

	InvalidState        Kind = "invalid_state"              // state shorter than the option demands
	InsufficientEntropy Kind = "insufficient_entropy"       // nonce shorter than the option demands
	RequestUnauthorized Kind = "request_unauthorized"       // 401: no or a dead token, an expired flow
	RequestForbidden    Kind = "request_forbidden"          // 403: this browser may not continue the flow
	TokenExpired        Kind = "token_expired"              // 401 at userinfo
	MissingParameter    Kind = "missing_required_parameter" // 400 on the trust API
	NotFound            Kind = "not_found"                  // 404 on the admin API
	Conflict            Kind = "conflict"                   // 409: the id exists, or the challenge was handled
	Gone                Kind = "gone"                       // 410: handled, in the later generations
	TooLarge            Kind = "request_too_large"          // 413
	UnsupportedMedia    Kind = "unsupported_media_type"     // 415
)

func (k Kind) Error() string { return string(k) }

// Hint returns an Error of this kind that tells the client what to do. The
// text is public: it must not repeat input, secrets or the cause. It is a
// sentence with a full stop.
func (k Kind) Hint(text string) *Error { return &Error{Kind: k, Public: text} }

// Because returns an Error of this kind with a private cause.
func (k Kind) Because(cause error) *Error { return &Error{Kind: k, Cause: cause} }

// Error tells the client what happened and the operator why. Where it is
// written, package web adds the status and the description of the kind;
// whatever is not an *Error or a Kind becomes server_error there.
type Error struct {
	Kind   Kind
	Public string // the hint, may be shown to anybody
	Cause  error  // goes to the log and, only if the operator wishes, to the client's debug member
	// Description, when set, replaces the kind's description: a login or
	// consent app may word its own rejections.
	Description string
	// Status, when set, replaces the kind's HTTP status.
	Status int
	// Debug is a text that a login or consent app sent along with a
	// rejection; it is shown under the same option as Cause.
	Debug string
	// RetryAfter, in seconds, when a later attempt may succeed.
	RetryAfter int
}

func (e *Error) Error() string {
	s := string(e.Kind)
	if e.Public != "" {
		s += ": " + e.Public
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap lets errors.Is find both the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// Hint returns a copy with another public hint.
func (e *Error) Hint(text string) *Error {
	c := *e
	c.Public = text
	return &c
}

// Hintf is Hint with a format. Its arguments must be fit for the public.
func (k Kind) Hintf(format string, args ...any) *Error {
	return k.Hint(fmt.Sprintf(format, args...))
}

// Because returns a copy with a private cause.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// KindOf returns the kind of an error: its own, temporarily_unavailable for a
// database that is, or server_error for an error that nobody has classified.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	if k, ok := errors.AsType[Kind](err); ok {
		return k
	}
	if errors.Is(err, ErrUnavailable) {
		return TemporarilyUnavailable
	}
	return ServerError
}

// What a store answers. Anything else is a fault of the database, which a
// caller must report as such, never as "not found" or "inactive".
var (
	ErrNotFound = errors.New("not found")      // there is no such row
	ErrExists   = errors.New("exists already") // the primary or a unique key is taken
	ErrUsed     = errors.New("used already")   // somebody else was first: the conditional update found nothing to change
	ErrGone     = errors.New("gone")           // a row that the new one depends on does not stand any more

	// ErrUnavailable says that the store could not be asked, also not when that
	// was tried again, and that nothing was changed. It is good to repeat.
	ErrUnavailable = errors.New("store unavailable")
)
