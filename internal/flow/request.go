package flow

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"hydra/internal/oauth"
)

// Bounds of an authorization request, in bytes.
const (
	maxQuery = 16 << 10
	maxState = 4 << 10
	maxNonce = 1 << 10
	maxScope = 8 << 10
	maxText  = 2 << 10 // login_hint, acr_values, ui_locales, audience

	maxScopes = 200 // tokens; each is held against each pattern of the client
)

// reading is an authorization request while it is being checked.
type reading struct {
	s      *Service
	client *oauth.Client
	params url.Values
	req    oauth.Request
}

// check is one rule. It returns an *oauth.Error, or nil.
type check func(*reading) *oauth.Error

// shownChecks run first: until they have passed nobody knows where the client
// is, so their errors are shown to the user and never redirected (RFC 6749
// §4.1.2.1).
var shownChecks = []check{
	checkSize,
	checkRedirectURI, // RFC 6749 §3.1.2
	checkState,       // RFC 6749 §4.1.1; what is not checked cannot be sent back
	settleMode,       // OAuth 2.0 Multiple Response Types §2.1; refuses nothing
}

// redirectedChecks run in this order; their errors go to the client.
var redirectedChecks = []check{
	checkExtensions,   // OpenID Connect Core §7.2.1
	checkScope,        // RFC 6749 §3.3
	checkAudience,     //
	checkResponseType, // RFC 6749 §3.1.1
	checkResponseMode, // OAuth 2.0 Multiple Response Types §2.1, §5
	checkGrantTypes,   // RFC 7591 §2.1
	checkStateLength,  //
	checkNonce,        // OpenID Connect Core §3.2.2.1, §3.3.2.11
	checkPrompt,       // OpenID Connect Core §3.1.2.1
	checkMaxAge,       // OpenID Connect Core §3.1.2.1
	checkPKCE,         // RFC 7636 §4.3
	checkHints,        // OpenID Connect Core §3.1.2.1
	checkClaims,       // OpenID Connect Core §5.5
	settleDefaults,    // OpenID Connect Registration §2; refuses nothing
}

func run(r *reading, checks []check) *oauth.Error {
	for _, c := range checks {
		if err := c(r); err != nil {
			return err
		}
	}
	return nil
}

// read fills a Request from parameters that have been checked before, when
// the flow began.
func (s *Service) read(client *oauth.Client, query string) (oauth.Request, error) {
	params, err := url.ParseQuery(query)
	if err != nil {
		return oauth.Request{}, err
	}
	r := &reading{s: s, client: client, params: params, req: oauth.Request{Query: query}}
	if err := run(r, shownChecks); err != nil {
		return r.req, err
	}
	if err := run(r, redirectedChecks); err != nil {
		return r.req, err
	}
	return r.req, nil
}

func checkSize(r *reading) *oauth.Error {
	if len(r.req.Query) > maxQuery {
		return oauth.InvalidRequest.Hint("The authorization request is too long.")
	}
	return nil
}

func checkRedirectURI(r *reading) *oauth.Error {
	sent := r.params.Get("redirect_uri")
	r.req.RedirectURISent, r.req.RedirectURI = sent, sent
	openid := slices.Contains(oauth.Fields(r.params.Get("scope")), "openid")
	switch {
	case sent == "" && len(r.client.RedirectURIs) == 1 && !openid:
		r.req.RedirectURI = r.client.RedirectURIs[0]
	case sent == "" && openid:
		return oauth.InvalidRequest.Hint("The parameter redirect_uri is required for OpenID Connect requests.")
	case sent == "":
		return oauth.InvalidRequest.Hint("The parameter redirect_uri is required, because the client has not registered exactly one.")
	case !r.client.AllowsRedirectURI(sent):
		return oauth.InvalidRequest.Hint("The parameter redirect_uri does not equal any redirect URI that the client registered.")
	}
	if oauth.CheckRedirectURI(r.req.RedirectURI) != "" {
		return oauth.InvalidRequest.Hint("The redirect URI of this client cannot be used.")
	}
	if !r.s.Options.InsecureRedirects && isPlainHTTP(r.req.RedirectURI) {
		return oauth.InvalidRequest.Hint("A redirect URI with scheme http is allowed on the loopback interface only.")
	}
	return nil
}

func checkState(r *reading) *oauth.Error {
	r.req.State = r.params.Get("state")
	if len(r.req.State) > maxState {
		return oauth.InvalidRequest.Hint("The parameter state is longer than 4,096 bytes.")
	}
	return nil
}

func checkExtensions(r *reading) *oauth.Error {
	if r.params.Get("registration") != "" {
		return oauth.RegistrationNotSupported.Hint("The parameter registration is not supported.")
	}
	return nil
}

func checkScope(r *reading) *oauth.Error {
	raw := r.params.Get("scope")
	switch {
	case len(raw) > maxScope || strings.Count(raw, " ") >= maxScopes:
		return oauth.InvalidScope.Hint("The parameter scope is too long.")
	case !validScope(raw):
		return oauth.InvalidScope.Hint("The parameter scope is not a list of tokens separated by single spaces.")
	}
	r.req.Scope = oauth.Unique(oauth.Fields(raw))
	if !r.s.Options.Scopes.Covers(oauth.Fields(r.client.Scope), r.req.Scope) {
		return oauth.InvalidScope.Hint("The client is not allowed to request one of these scopes.")
	}
	return nil
}

// validScope holds a list to the grammar of RFC 6749 §3.3.
func validScope(s string) bool {
	if s == "" {
		return true
	}
	for token := range strings.SplitSeq(s, " ") {
		if !oauth.IsScopeToken(token) {
			return false
		}
	}
	return true
}

func checkAudience(r *reading) *oauth.Error {
	raw := joined(r.params["audience"])
	if len(raw) > maxText {
		return oauth.InvalidRequest.Hint("The parameter audience is too long.")
	}
	r.req.Audience = oauth.Unique(oauth.Fields(raw))
	if !oauth.AllowsAudience(r.client.Audience, r.req.Audience) {
		return oauth.InvalidRequest.Hint("The client is not allowed to request one of these audiences.")
	}
	return nil
}

func checkStateLength(r *reading) *oauth.Error {
	if len(r.req.State) < r.s.Options.MinState {
		return oauth.InvalidState.Hintf("The parameter state must have at least %d characters.", r.s.Options.MinState)
	}
	return nil
}

func checkMaxAge(r *reading) *oauth.Error {
	raw := r.params.Get("max_age")
	if raw == "" {
		return nil
	}
	n, err := strconv.ParseUint(raw, 10, 31) // takes no sign
	if err != nil {
		return oauth.InvalidRequest.Hint("The parameter max_age must be a number of seconds that is not negative.")
	}
	seconds := int64(n) //nolint:gosec // 31 bits
	r.req.MaxAge = &seconds
	return nil
}

func checkHints(r *reading) *oauth.Error {
	o := &r.req.OIDC
	o.ACRValues = oauth.Fields(r.params.Get("acr_values"))
	o.UILocales = oauth.Fields(r.params.Get("ui_locales"))
	o.Display = r.params.Get("display")
	o.LoginHint = r.params.Get("login_hint")
	if tooLong(o.ACRValues) || tooLong(o.UILocales) || len(o.Display) > 64 || len(o.LoginHint) > maxText {
		return oauth.InvalidRequest.Hint("One of the parameters acr_values, ui_locales, display or login_hint is too long.")
	}
	return nil
}

// settleDefaults puts what the client registered in place of what the request
// leaves open: default_max_age, and default_acr_values unless the request names
// some in either way.
func settleDefaults(r *reading) *oauth.Error {
	if r.req.MaxAge == nil {
		r.req.MaxAge = r.client.DefaultMaxAge
	}
	if _, asked := r.req.Claims.IDToken["acr"]; !asked && len(r.req.OIDC.ACRValues) == 0 {
		r.req.OIDC.ACRValues = r.client.DefaultACRValues
	}
	return nil
}

func tooLong(list []string) bool {
	n := 0
	for _, s := range list {
		n += len(s) + 1
	}
	return n > maxText
}

func hasHTTPS(uri string) bool { return strings.HasPrefix(uri, "https://") }

// isPlainHTTP reports whether the URI would send a code over a network in the
// clear (RFC 9700 §2.6).
func isPlainHTTP(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" {
		return err != nil
	}
	switch h := u.Hostname(); {
	case h == "127.0.0.1", h == "::1", h == "localhost", strings.HasSuffix(h, ".localhost"):
		return false
	}
	return true
}
