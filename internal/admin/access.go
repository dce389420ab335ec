package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"net/http"
	"slices"
	"strings"

	"hydra/internal/oauth"
	"hydra/internal/web"
)

// Access says who may use the admin API. Without one everybody may who reaches
// the port.
type Access struct {
	// Tokens are bearer tokens (RFC 6750 §2.1).
	Tokens []Token
	// Certificates are those of clients that TLS has verified. If there is no
	// rule, AnyCertificate says whether all of them may do everything.
	Certificates   []Certificate
	AnyCertificate bool

	Errors *web.Errors
	// Observe is told of calls that were turned away.
	Observe oauth.Observer
}

// Token is a bearer token, known by its hash alone: it is long and random, so
// that no slow hash has to protect it.
type Token struct {
	Name   string
	SHA256 [sha256.Size]byte
	Scopes []string
}

// Certificate is a rule for client certificates.
type Certificate struct {
	Name   string
	Match  string // "dns:", "uri:", "email:" or "cn:" and the name, byte for byte
	Scopes []string
}

// caller is who was recognised.
type caller struct {
	name   string // "token:ci", "certificate:login-app"
	scopes []string
}

type callerKey struct{}

// may reports whether the scopes of a caller allow what needs the scope, which
// is a resource, a colon, and read or write. The empty scope needs all.
func (c *caller) may(scope string) bool {
	resource, half, _ := strings.Cut(scope, ":")
	for _, s := range c.scopes {
		if s == "*" || scope != "" && (s == scope || s == resource || s == "*:"+half) {
			return true
		}
	}
	return false
}

// Wrap lets only known callers through to h. Requests for the given paths, with
// and without /admin, pass in any case.
func (a *Access) Wrap(h http.Handler, free ...string) http.Handler {
	if a == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(free, strings.TrimPrefix(r.URL.Path, "/admin")) {
			h.ServeHTTP(w, r)
			return
		}
		c, err := a.caller(r)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		h.ServeHTTP(w, r.WithContext(as(r.Context(), c)))
	})
}

// Trusted lets everything through to h under a name, for callers in this
// process.
func (a *Access) Trusted(name string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(as(r.Context(), &caller{name: name, scopes: []string{"*"}})))
	})
}

func as(ctx context.Context, c *caller) context.Context {
	return web.WithActor(context.WithValue(ctx, callerKey{}, c), c.name)
}

// caller recognises who calls. A token that was sent decides, also when there
// is a certificate.
func (a *Access) caller(r *http.Request) (*caller, error) {
	sent, err := web.Bearer(r)
	if err != nil {
		return nil, err
	}
	if sent != "" {
		return a.bearer(sent)
	}
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil, oauth.RequestUnauthorized.Hint("The admin API needs an access token of its own, in the header Authorization with the scheme Bearer, or a client certificate.")
	}
	return a.certificate(r.TLS.VerifiedChains[0][0])
}

// bearer compares with every token, so that the time tells nothing.
func (a *Access) bearer(sent oauth.Secret) (*caller, error) {
	sum := sha256.Sum256([]byte(sent))
	var found *caller
	for _, t := range a.Tokens {
		if subtle.ConstantTimeCompare(sum[:], t.SHA256[:]) == 1 {
			found = &caller{"token:" + t.Name, t.Scopes}
		}
	}
	if found == nil {
		return nil, oauth.RequestUnauthorized.Hint("The access token is not one of the admin API.")
	}
	return found, nil
}

// certificate finds the rule for a verified certificate.
func (a *Access) certificate(c *x509.Certificate) (*caller, error) {
	for _, rule := range a.Certificates {
		if slices.Contains(namesOf(c), rule.Match) {
			return &caller{"certificate:" + rule.Name, rule.Scopes}, nil
		}
	}
	if len(a.Certificates) == 0 && a.AnyCertificate {
		return &caller{"certificate:" + strings.Map(visible, c.Subject.CommonName), []string{"*"}}, nil
	}
	return nil, oauth.RequestForbidden.Hint("The client certificate names nobody who may use the admin API.")
}

// namesOf lists how a certificate names its subject, in the form of a rule.
func namesOf(c *x509.Certificate) []string {
	out := []string{"cn:" + c.Subject.CommonName}
	for _, n := range c.DNSNames {
		out = append(out, "dns:"+n)
	}
	for _, n := range c.EmailAddresses {
		out = append(out, "email:"+n)
	}
	for _, u := range c.URIs {
		out = append(out, "uri:"+u.String())
	}
	return out
}

// visible keeps a name to one line of a log.
func visible(r rune) rune {
	if r <= ' ' || r > '~' {
		return '_'
	}
	return r
}

// refuse answers in the form of the generation that was called.
func (a *Access) refuse(w http.ResponseWriter, r *http.Request, err error) {
	style := web.AdminErrors
	switch {
	case strings.HasPrefix(r.URL.Path, "/admin/"):
		style = web.BriefErrors
	case r.URL.Path == "/oauth2/introspect":
		style = web.OAuthErrors
	}
	a.answer(w, r, style, err)
}

// answer writes the error with the challenge of RFC 6750 §3, and tells the
// operator.
func (a *Access) answer(w http.ResponseWriter, r *http.Request, style web.Style, err error) {
	status := web.StatusOf(err)
	name := "admin_refused"
	switch status {
	case http.StatusUnauthorized:
		challenge := `Bearer realm="hydra admin"`
		if sent, _ := web.Bearer(r); sent != "" {
			challenge += `, error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		name = "admin_unauthorized"
	case http.StatusForbidden:
		name = "admin_forbidden"
	}
	_, _, hint, _ := web.Describe(err)
	a.Observe.Observe(r.Context(), oauth.Event{Name: name, Detail: hint})
	a.Errors.Write(w, r, style, err)
}

// Needs wraps an operation that needs a scope. Without Access, everything
// passes; with one, what no Wrap has seen is refused.
func (a *Access) Needs(scope string, style web.Style, h http.Handler) http.Handler {
	if a == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := r.Context().Value(callerKey{}).(*caller)
		switch {
		case c == nil:
			a.answer(w, r, style, oauth.RequestUnauthorized.Hint("The admin API does not know who calls."))
		case !c.may(scope):
			named := scope
			if named == "" {
				named = "*"
			}
			w.Header().Set("WWW-Authenticate", `Bearer realm="hydra admin", error="insufficient_scope", scope="`+named+`"`)
			a.answer(w, r, style, oauth.RequestForbidden.Hintf("This needs the scope %s, which the caller does not have.", named))
		default:
			h.ServeHTTP(w, r)
		}
	})
}
