package web

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"hydra/internal/oauth"
)

// HandlerFunc serves a request or returns the error that is to be written.
// After it has begun to write a response it returns nil.
type HandlerFunc func(http.ResponseWriter, *http.Request) error

// Style is the way an endpoint encodes its errors.
type Style int

const (
	// AdminErrors has the members error, error_description, error_hint,
	// status_code, error_debug and request_id (contract §1.6, E1).
	AdminErrors Style = iota
	// OAuthErrors is the encoding of the token endpoint (RFC 6749 §5.2;
	// contract §1.6, E2). A client that tried Basic gets the challenge that
	// the RFC demands.
	OAuthErrors
	// BearerErrors is AdminErrors for endpoints that are called with an access
	// token: WWW-Authenticate tells the reason (RFC 6750 §3).
	BearerErrors
	// BriefErrors has the members error and error_description alone; the hint
	// and, if shared, the cause are part of the description (later-generations
	// §1.2, row 34).
	BriefErrors
)

// Errors writes errors. The zero value is ready for use.
type Errors struct {
	// ShareDebug shows causes to clients. Only for development: a cause may
	// hold the text of a database driver.
	ShareDebug bool
	// Realm is named in WWW-Authenticate; empty stands for "hydra".
	Realm string
}

// Handle makes an http.Handler of f, whose error it writes in the given style.
func (e *Errors) Handle(style Style, f HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			e.Write(w, r, style, err)
		}
	})
}

// StatusOf returns the HTTP status of an error: the one it brings itself, or
// that of its kind.
func StatusOf(err error) int {
	if e, ok := errors.AsType[*oauth.Error](err); ok && e.Status >= 400 && e.Status <= 599 {
		return e.Status
	}
	return kindOf(err).status
}

// Describe returns what may be said about an error: its code, the sentence of
// its kind, what the client can do about it, and the cause. The first three
// are for anybody; debug is for clients only if the operator wishes so, see
// Errors.Describe.
func Describe(err error) (code, description, hint, debug string) {
	kind := oauth.KindOf(err)
	if kind == "" {
		kind = oauth.ServerError
	}
	d := kindOf(err)
	code, description, hint = string(kind), d.description, d.hint
	e, ok := errors.AsType[*oauth.Error](err)
	if !ok {
		if _, isKind := errors.AsType[oauth.Kind](err); !isKind {
			debug = err.Error()
		}
		return code, description, hint, debug
	}
	if e.Description != "" {
		description = e.Description
	}
	if e.Public != "" {
		hint = e.Public
	}
	debug = e.Debug
	if debug == "" && e.Cause != nil {
		debug = e.Cause.Error()
	}
	return code, description, hint, debug
}

// Describe is the function Describe, with an empty debug unless ShareDebug is set.
func (e *Errors) Describe(err error) (code, description, hint, debug string) {
	code, description, hint, debug = Describe(err)
	if e == nil || !e.ShareDebug {
		debug = ""
	}
	return code, description, hint, debug
}

// statusClientGone is what nginx made customary for a client that hung up: it
// never reaches anybody, but keeps such requests out of the count of failures.
const statusClientGone = 499

// adminError is E1. The order of the members is the contract's.
type adminError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Hint        string `json:"error_hint,omitempty"`
	Status      int    `json:"status_code,omitempty"`
	Debug       string `json:"error_debug,omitempty"`
	RequestID   string `json:"request_id"`
}

// oauthError is E2.
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Hint        string `json:"error_hint,omitempty"`
	Status      int    `json:"status_code,omitempty"`
	Debug       string `json:"error_debug,omitempty"`
}

// briefError is RFC 6749 §5.2 without anything else.
type briefError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// Write answers with the error. Nobody may store the answer. The kind and the
// cause go to the request's log line.
func (e *Errors) Write(w http.ResponseWriter, r *http.Request, style Style, err error) {
	NoteError(r.Context(), err)
	if rec, ok := w.(*recorder); ok && rec.began {
		return // too late; the log has it
	}
	status := StatusOf(err)
	if status >= 500 && errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		status = statusClientGone
	}
	code, description, hint, debug := e.Describe(err)
	NoStore(w)
	h := w.Header()
	RetryAfter(w, err)
	if status == http.StatusRequestEntityTooLarge {
		h.Set("Connection", "close") // do not read on for the sake of the next request
	}
	switch style {
	case OAuthErrors:
		if status == http.StatusUnauthorized && usedBasic(r) {
			h.Set("WWW-Authenticate", `Basic realm="`+e.realm()+`", charset="UTF-8"`)
		}
		writeJSON(w, status, "application/json;charset=UTF-8", oauthError{code, description, hint, status, debug}, "")
		return
	case BearerErrors:
		e.challengeBearer(h, r, oauth.KindOf(err), status, description)
	case BriefErrors:
		for _, more := range []string{hint, debug} {
			if more != "" {
				description += " " + more
			}
		}
		writeJSON(w, status, "application/json", briefError{code, description}, "\n")
		return
	case AdminErrors:
	}
	writeJSON(w, status, "application/json",
		adminError{code, description, hint, status, debug, requestIDHeader(r)}, "\n")
}

// challengeBearer says what is wrong with the access token. A request that
// brought none learns no error code (RFC 6750 §3.1).
func (e *Errors) challengeBearer(h http.Header, r *http.Request, kind oauth.Kind, status int, description string) {
	var code string
	switch {
	case kind == oauth.InsufficientScope, kind == oauth.InvalidRequest:
		code = string(kind)
	case status == http.StatusUnauthorized:
		code = string(oauth.InvalidToken)
	default:
		return
	}
	challenge := `Bearer realm="` + e.realm() + `"`
	if _, ok := cutScheme(r.Header.Get("Authorization"), "Bearer"); ok || status != http.StatusUnauthorized {
		challenge += `, error="` + code + `", error_description="` + quotable(description) + `"`
	}
	h.Set("WWW-Authenticate", challenge)
}

func (e *Errors) realm() string {
	if e == nil || e.Realm == "" {
		return "hydra"
	}
	return quotable(e.Realm)
}

// quotable keeps what may stand in error_description unquoted: %x20-21 /
// %x23-5B / %x5D-7E (RFC 6750 §3).
func quotable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, s)
}

// NoStore forbids every cache to keep the answer (RFC 6749 §5.1).
func NoStore(w http.ResponseWriter) {
	maps.Copy(w.Header(), unstored)
}

// unstored is shared by all answers, as secure is.
var unstored = http.Header{"Cache-Control": {"no-store"}, "Pragma": {"no-cache"}}

// RetryAfter tells when to try again, where trying again can help (RFC 9110
// §10.2.3). The error names the seconds; a 503 that names none takes one.
func RetryAfter(w http.ResponseWriter, err error) {
	if x, ok := errors.AsType[*oauth.Error](err); ok && x.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(x.RetryAfter))
	} else if StatusOf(err) == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
}
