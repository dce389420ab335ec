package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
)

// where says which call an error belongs to.
type where struct{ Goal, Method, Endpoint, URL string }

// Refusal is an answer of the server other than success, in the words of
// RFC 6749 §5.2, which the admin API uses, too.
type Refusal struct {
	where
	Status      int
	Code        string // "" when the answer was no error of this server
	Description string
	location    string
	retryAfter  string
}

func refused(at where, res *http.Response, body []byte) *Refusal {
	var e struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Hint        string `json:"error_hint"`
	}
	no := &Refusal{where: at, Status: res.StatusCode, location: res.Header.Get("Location"), retryAfter: res.Header.Get("Retry-After")}
	if json.Unmarshal(body, &e) == nil {
		no.Code, no.Description = e.Error, e.Description
		if e.Hint != "" && !strings.Contains(e.Description, e.Hint) {
			no.Description = strings.TrimSpace(no.Description + " " + e.Hint)
		}
	}
	return no
}

// Error says what failed, where, and with which status and code.
func (e *Refusal) Error() string {
	s := fmt.Sprintf("cannot %s: %s %s answered %d %s", e.Goal, e.Method, e.URL, e.Status, http.StatusText(e.Status))
	if e.Code != "" {
		s += ", " + e.Code
	}
	if e.Description != "" {
		s += ": " + e.Description
	}
	return s
}

// Advice is what to try next, or "".
func (e *Refusal) Advice() string {
	switch {
	case e.location != "":
		return "The server sends on to " + e.location + ". Redirects are not followed, because the request may hold secrets; give the right address with --endpoint."
	case e.Status == http.StatusUnauthorized && e.Code == "invalid_client":
		return "Compare --client-id and --client-secret with the registered client, whose token_endpoint_auth_method must be one with a secret, or none."
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		return "If the admin API asks for credentials, give them with --access-token (OAUTH2_ACCESS_TOKEN), --http-header or --client-certificate."
	case e.Status == http.StatusNotFound && e.Code == "":
		return "Nothing is served at this path. The admin API and the public API are on two ports, 4445 and 4444 by default; --endpoint says which."
	case e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable:
		if e.retryAfter != "" {
			return "Try again in " + e.retryAfter + " seconds."
		}
		return "Try again later."
	case e.Status >= http.StatusInternalServerError:
		return "The reason is in the log of the server."
	}
	return ""
}

// Unreachable says that there was no answer.
type Unreachable struct {
	where
	Cause error
}

// Error says what failed and where.
func (e *Unreachable) Error() string {
	return fmt.Sprintf("cannot %s: %s %s: %v", e.Goal, e.Method, e.URL, e.Cause)
}

// Unwrap returns the cause.
func (e *Unreachable) Unwrap() error { return e.Cause }

// Advice is what to try next.
func (e *Unreachable) Advice() string {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](e.Cause)
	_, name := errors.AsType[x509.HostnameError](e.Cause)
	_, lookup := errors.AsType[*net.DNSError](e.Cause)
	switch {
	case certificate || name:
		return "The server's certificate is not trusted here: name its authority with --ca-file, or, on a machine of your own, use --skip-tls-verify."
	case strings.Contains(e.Cause.Error(), "server gave HTTP response to HTTPS client"):
		return "The server speaks plain HTTP: the endpoint begins with http://."
	case errors.Is(e.Cause, syscall.ECONNREFUSED), errors.Is(e.Cause, os.ErrNotExist):
		return "Is the server running, and listening there? --endpoint, ORY_SDK_URL or HYDRA_ADMIN_URL (HYDRA_URL for the public port) says where."
	case lookup:
		return "The name of the host is not known here; compare the endpoint."
	case errors.Is(e.Cause, context.DeadlineExceeded), os.IsTimeout(e.Cause):
		return "The server did not answer in time; --timeout gives it longer."
	}
	return "Compare the endpoint " + e.Endpoint + " with where the server listens."
}

// advised is an error with what to try.
type advised struct {
	error
	advice string
}

func advise(err error, advice string) error { return &advised{err, advice} }

// Advice is what to try next.
func (e *advised) Advice() string { return e.advice }

// Unwrap returns the error itself.
func (e *advised) Unwrap() error { return e.error }

// IsStatus reports whether the server refused with this status.
func IsStatus(err error, status int) bool {
	no, ok := errors.AsType[*Refusal](err)
	return ok && no.Status == status
}
