package server_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"hydra/internal/key"
)

// What the modules of the OpenID Foundation's conformance plans demand of a
// provider, in our own words and over HTTP: docs/conformance.md lists them.
// Where a module could only warn, these tests fail.

const conformanceIssuer = "https://op.test"

// suite is a server as docs/guides/conformance-run.md sets it up, and what the
// plans bring along: a host of the client, with documents, and a client's key.
type suite struct {
	*world
	host *host
	key  *rsa.PrivateKey
	http *http.Client // reaches the server by the name that it gives itself
}

func newSuite(t *testing.T, environ ...string) *suite {
	t.Helper()
	h := newHost(t)
	s := &suite{host: h, world: newWorld(t, append([]string{
		"URLS_SELF_ISSUER=" + conformanceIssuer, "HTTPS_ALLOW_TERMINATION_FROM=127.0.0.0/8",
		registrationOn, "OIDC_DYNAMIC_CLIENT_REGISTRATION_LIMIT_PER_HOUR=1000000",
		"OIDC_DISCOVERY_SCOPES_SUPPORTED=profile,email,address,phone", "OIDC_DISCOVERY_CLAIMS_SUPPORTED=name,email,address,phone_number",
		"WEBFINGER_OIDC_DISCOVERY_SUPPORTED_ACR_VALUES=1,2", "OIDC_CLAIMS_BY_SCOPE=true", enablePair, withSalt,
		"CLIENTS_HTTP_CA_FILE=" + h.caFile, "CLIENTS_HTTP_ALLOWED_NETWORKS=127.0.0.0/8",
	}, environ...)...)}
	var err error
	if s.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	s.http = &http.Client{Transport: throughProxy{s.world}, Timeout: user.Timeout}
	return s
}

// throughProxy brings requests for what the server calls itself to where it
// listens, as the proxy in front of it would.
type throughProxy struct{ w *world }

func (p throughProxy) RoundTrip(r *http.Request) (*http.Response, error) {
	to, err := url.Parse(p.w.address(r.URL.String()))
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL, r.Host = to, to.Host
	r.Header.Set("X-Forwarded-Proto", "https")
	return user.Transport.RoundTrip(r)
}

// keys is a client's key set with the given kid.
func (s *suite) keys(k *rsa.PrivateKey, kid string) m {
	return m{"keys": []m{{"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}}}
}

// variant is what a plan varies.
type variant struct{ kind, mode, auth string }

// module is one run of one module: a client, and a browser whose user is nobody yet.
type module struct {
	*suite
	variant
	t      *testing.T
	b      *browser
	c      *party
	said   m      // the answer to the registration
	kid    string // of the client's key
	signer *rsa.PrivateKey
	shown  int // login pages that were not skipped
}

// run runs a module. A nil change registers the usual client.
func (s *suite) run(t *testing.T, v variant, name string, change func(*module) m, do func(*module)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		x := &module{suite: s, variant: v, t: t, b: s.browser(), kid: "one", signer: s.key}
		var more m
		if change != nil {
			more = change(x)
		}
		x.register(more)
		do(x)
		x.unregister()
	})
}

// metadata is a registration without scope, as the plans send it.
func (x *module) metadata(more m) m {
	body := m{
		"client_name": "A module <of> the conformance plans", "redirect_uris": []string{appCallback}, "contacts": []string{"somebody@app.test"},
		"response_types": []string{x.kind}, "token_endpoint_auth_method": x.auth, "jwks": x.keys(x.signer, x.kid),
	}
	grants := []string{}
	if x.has("code") {
		grants = append(grants, "authorization_code")
	}
	if x.has("token") || x.has("id_token") {
		grants = append(grants, "implicit")
	}
	body["grant_types"] = grants
	for name, value := range more {
		if body[name] = value; value == nil {
			delete(body, name)
		}
	}
	return body
}

func (x *module) has(kind string) bool { return slices.Contains(strings.Fields(x.kind), kind) }

func (x *module) post(body any) reply {
	x.t.Helper()
	return x.suite.register(x.t, "POST", "", "", body)
}

// register holds the answer to RFC 7591 §3.2.1 and OpenID Connect Registration §3.2.
func (x *module) register(more m) {
	x.t.Helper()
	body := x.metadata(more)
	r := x.post(body)
	x.said = r.object(x.t, 201)
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		x.t.Errorf("the answer is %s", r.Header.Get("Content-Type"))
	}
	x.c = &party{ID: x.text("client_id")}
	if x.said["client_secret"] != nil {
		x.c.Secret = x.text("client_secret")
		if _, ok := x.said["client_secret_expires_at"].(float64); !ok {
			x.t.Error("a secret without client_secret_expires_at")
		}
	}
	if !strings.HasPrefix(x.text("registration_client_uri"), "https://") || x.text("registration_access_token") == "" {
		x.t.Errorf("the answer is %v", x.said)
	}
	for name, value := range body {
		if name != "scope" {
			equal(x.t, name+" as registered", x.said[name], value)
		}
	}
	x.c.Redirect = body["redirect_uris"].([]string)[0]
}

func (x *module) text(member string) string {
	x.t.Helper()
	s, ok := x.said[member].(string)
	if !ok {
		x.t.Fatalf("the registration has no %s: %v", member, x.said)
	}
	return s
}

// unregister is what the suite does after each module; anything but 204 warns.
func (x *module) unregister() {
	x.t.Helper()
	r := do(x.t, user, "DELETE", x.address(x.text("registration_client_uri")), "", proxied, "Authorization: Bearer "+x.text("registration_access_token"))
	equal(x.t, "status of DELETE", r.Status, 204)
}

// everyClaim is what the login app knows of its only user.
var everyClaim = m{
	"name": "Ute Umlaut", "given_name": "Ute", "family_name": "Umlaut", "middle_name": "U.", "nickname": "uu", "preferred_username": "ute",
	"profile": "https://people.test/ute", "picture": "https://people.test/ute.png", "website": "https://ute.test/", "gender": "female", "birthdate": "1970-01-01",
	"zoneinfo": "Europe/Berlin", "locale": "de-DE", "updated_at": 1700000000, "email": "ute@people.test", "email_verified": true,
	"address":      m{"formatted": "A Street 1", "street_address": "A Street 1", "locality": "B", "region": "C", "postal_code": "12345", "country": "DE"},
	"phone_number": "+49 30 1", "phone_number_verified": false,
}

var claimsOfScope = map[string][]string{
	"profile": {"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"},
	"email":   {"email", "email_verified"}, "address": {"address"}, "phone": {"phone_number", "phone_number_verified"},
}

// pages is the login app: it signs in the one user it knows, remembers, and
// grants what is asked for.
func (x *module) pages(r reply) reply {
	x.t.Helper()
	for range 2 {
		at := r.Header.Get("Location")
		switch {
		case strings.HasPrefix(at, loginPage):
			challenge := r.challenge(x.t)
			asked := x.loginRequest(x.t, challenge)
			body := m{"subject": "ute", "remember": true}
			if asked["skip"] == false {
				x.shown++
			}
			if acr, _ := asked["oidc_context"].(m)["acr_values"].([]any); len(acr) > 0 {
				body["acr"] = acr[0]
			}
			r = x.b.open(x.t, x.acceptLogin(x.t, challenge, body))
		case strings.HasPrefix(at, consentPage):
			challenge := r.consentChallenge(x.t)
			asked := x.consentRequest(x.t, challenge)
			r = x.b.open(x.t, x.acceptConsent(x.t, challenge, m{"grant_scope": asked["requested_scope"], "remember": true, "session": m{"id_token": everyClaim}}))
		}
	}
	return r
}

// params is the authorization request. A value "-" takes a parameter away.
func (x *module) params(pairs ...string) url.Values {
	usual := []string{"response_type", x.kind, "scope", "openid", "state", rand.Text()[:10], "nonce", rand.Text()[:10], "response_mode", "-"}
	if x.mode != "" {
		usual[len(usual)-1] = x.mode
	}
	return x.authParams(x.c, append(usual, pairs...)...)
}

func (x *module) ask(p url.Values) reply {
	x.t.Helper()
	return x.b.open(x.t, x.Config.URLs.Public+"/oauth2/auth?"+p.Encode())
}

// refused checks an error that goes to the client.
func (x *module) refused(r reply, p url.Values, codes ...string) {
	x.t.Helper()
	got := r.respond(x.t, x.c)
	if !slices.Contains(codes, got.Get("error")) || got.Get("state") != p.Get("state") || got.Get("iss") != conformanceIssuer {
		x.t.Errorf("the client gets %v, want one of %v", got.Values, codes)
	}
	for name := range got.Values {
		if !slices.Contains([]string{"error", "error_description", "error_uri", "state", "iss"}, name) {
			x.t.Errorf("an error with %s", name)
		}
	}
	x.mustBe(got.mode, p)
}

// mustBe checks how the response came.
func (x *module) mustBe(mode string, p url.Values) {
	x.t.Helper()
	want := "query"
	if kind := p.Get("response_type"); kind != "" && kind != "code" {
		want = "fragment"
	}
	if x.mode != "" {
		want = x.mode
	}
	equal(x.t, "response mode", mode, want)
}

// got is what a client has after a flow.
type got struct {
	response
	front, claims m      // of the ID tokens of the authorization and the token endpoint
	idToken       string // the last of them
	access        string
	tokens        m
}

// flow is a whole flow, each answer of which is held to what every module holds it to.
func (x *module) flow(pairs ...string) got {
	x.t.Helper()
	p := x.params(pairs...)
	return x.finish(x.pages(x.ask(p)), p)
}

// finish takes the response of the authorization endpoint, and buys the tokens.
func (x *module) finish(r reply, p url.Values, tokenPairs ...string) got {
	x.t.Helper()
	out := got{response: r.respond(x.t, x.c)}
	x.mustBe(out.mode, p)
	want := append(strings.Fields(x.kind), "iss", "state", "session_state")
	for i, name := range want {
		if name == "token" {
			want[i] = "access_token"
			want = append(want, "token_type", "expires_in")
		}
	}
	if x.kind != "id_token" && x.kind != "code id_token" {
		want = append(want, "scope")
	}
	slices.Sort(want)
	equal(x.t, "parameters", slices.Sorted(maps.Keys(out.Values)), want)
	equal(x.t, "state", out.Get("state"), p.Get("state"))
	equal(x.t, "iss", out.Get("iss"), conformanceIssuer)
	if x.has("token") {
		n, err := json.Number(out.Get("expires_in")).Int64()
		if err != nil || n <= 0 || n >= 365*86400 || !strings.EqualFold(out.Get("token_type"), "bearer") {
			x.t.Errorf("the token is %v", out.Values)
		}
		out.access = out.Get("access_token")
		x.random(out.access)
	}
	if out.idToken = out.Get("id_token"); out.idToken != "" {
		out.front = x.verify(out.idToken, p)
		for hash, of := range map[string]string{"at_hash": "access_token", "c_hash": "code"} {
			if out.Has(of) {
				equal(x.t, hash, out.front[hash], key.LeftHash("RS256", out.Get(of)))
			}
		}
	}
	if code := out.Get("code"); code != "" {
		x.random(code)
		out.tokens = x.tokens(append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", x.c.Redirect}, tokenPairs...)...)
		out.access, out.idToken = out.tokens["access_token"].(string), out.tokens["id_token"].(string)
		out.claims = x.verify(out.idToken, p)
		if out.front != nil {
			equal(x.t, "iss and sub of both ID tokens", []any{out.claims["iss"], out.claims["sub"]}, []any{out.front["iss"], out.front["sub"]})
		}
	}
	if out.access != "" {
		info := x.info("GET", "", "Authorization: Bearer "+out.access)
		equal(x.t, "sub at userinfo", info["sub"], x.last(out)["sub"])
	}
	return out
}

// last are the claims of the ID token that came last.
func (x *module) last(g got) m {
	if g.claims != nil {
		return g.claims
	}
	return g.front
}
