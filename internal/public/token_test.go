package public

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hydra/internal/client"
	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/storetest"
	"hydra/internal/token"
	"hydra/internal/web"
)

// backChannel is the token, revocation and userinfo endpoints over HTTP, on a
// real store with a clock that a test moves.
type backChannel struct {
	t       testing.TB
	handler *Handler
	store   oauth.Store
	tokens  *token.Service
	url     string
	ahead   atomic.Int64 // of the clock, in nanoseconds
}

var backChannelStart = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const backChannelIssuer = "https://issuer.test/"

func newBackChannel(t testing.TB) *backChannel {
	t.Helper()
	b := &backChannel{t: t, store: storetest.New(t)}
	now := func() time.Time { return backChannelStart.Add(time.Duration(b.ahead.Load())) }
	system, err := secret.NewSystem([]string{"a system secret for tests only"})
	b.must(err)
	sealer := secret.NewSealer(backChannelIssuer)
	sealer.Now = now
	watch := &key.Watch{Store: b.store, Now: now}
	b.must((&key.Ring{Store: b.store, System: system, Sealer: sealer, Watch: watch, Now: now, RotateEvery: -1}).Start(t.Context()))
	keys := &key.Service{Store: b.store, Sealer: sealer, Watch: watch, Now: now}
	b.must(keys.Ensure(t.Context(), token.IDTokenSet, "ES256"))
	b.must(keys.Ensure(t.Context(), token.AccessTokenSet, "ES256"))
	clients := &client.Service{Store: b.store, Replays: b.store, Watch: watch, Now: now}
	b.tokens = &token.Service{
		Store: b.store, Clients: clients, Keys: keys, Sealer: sealer, Now: now,
		Options: token.Options{Issuer: backChannelIssuer, GracePeriod: 10 * time.Second},
	}
	b.handler = &Handler{Clients: clients, Keys: keys, Tokens: b.tokens, Errors: new(web.Errors)}
	mux := new(web.Mux)
	e := b.handler.Errors
	mux.Handle("POST /oauth2/token", e.Handle(web.OAuthErrors, b.handler.handleToken))
	mux.Handle("POST /oauth2/revoke", e.Handle(web.OAuthErrors, b.handler.handleRevoke))
	mux.Handle("GET,POST /userinfo", e.Handle(web.BearerErrors, b.handler.handleUserinfo))
	cors := web.CORS{Enabled: true, Origins: []string{"https://everybody.test"}}
	server := httptest.NewServer(cors.Clients(mux, nil))
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

func (b *backChannel) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *backChannel) wait(d time.Duration) { b.ahead.Add(int64(d)) }

// addClient registers a client whose secret is "secret of " and its id.
func (b *backChannel) addClient(id string, change func(*oauth.Client)) *oauth.Client {
	b.t.Helper()
	c := &oauth.Client{
		ID: id, Scope: "openid offline_access foo.*", Audience: []string{"https://api.test/"},
		RedirectURIs: []string{"https://app.test/callback"}, AuthMethod: oauth.AuthSecretBasic,
		GrantTypes: []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken, oauth.GrantClientCredentials},
	}
	if change != nil {
		change(c)
	}
	given := oauth.Secret("secret of " + id)
	if c.IsPublic() {
		given = ""
	}
	_, err := b.handler.Clients.Create(b.t.Context(), c, given)
	b.must(err)
	return c
}

// code does what the acceptance of a consent and the browser's return do.
func (b *backChannel) code(c *oauth.Client, change func(*oauth.GrantData)) string {
	b.t.Helper()
	seed := oauth.Seed(secret.NewID())
	now := b.tokens.Now()
	d := &oauth.GrantData{
		Subject: "alice", GrantedScope: []string{"openid", "offline_access", "foo.read"}, RedirectURI: "https://app.test/callback",
		AuthTime: now.Unix(), IDClaims: json.RawMessage(`{"email":"alice@test"}`),
	}
	if change != nil {
		change(d)
	}
	data, err := b.tokens.SealData(seed.GrantID(), d)
	b.must(err)
	b.must(b.store.AddGrant(b.t.Context(), &oauth.Grant{
		ID: seed.GrantID(), ClientUID: c.UID, Kind: oauth.ConsentGrant, SubjectKey: oauth.ID{1}, SessionID: seed.SessionID(),
		RequestedAt: now, HandledAt: now, FlowExpiresAt: now.Add(15 * time.Minute), CodeExpiresAt: now.Add(25 * time.Minute),
		ExpiresAt: now.Add(25 * time.Minute), PurgeAt: now.Add(time.Hour), Data: data,
	}, oauth.Standing{Now: now}))
	v, err := b.tokens.Code(seed, now.Add(10*time.Minute))
	b.must(err)
	return string(v)
}

// answer is a response that has been read.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

func (a answer) members() map[string]any {
	a.t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		a.t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return m
}

func (a answer) text(name string) string {
	a.t.Helper()
	s, _ := a.members()[name].(string)
	return s
}

// is fails unless status and error code are the wanted ones.
func (a answer) is(status int, code string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%d %s, want %d %s", a.status, a.body, status, code)
	}
	if code != "" && a.text("error") != code {
		a.t.Fatalf("%d %s, want %s", a.status, a.body, code)
	}
	return a
}

func (b *backChannel) send(method, path, contentType, body string, change func(*http.Request)) answer {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(body))
	b.must(err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if change != nil {
		change(r)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	b.must(err)
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	b.must(err)
	return answer{b.t, res.StatusCode, res.Header, string(read)}
}

// post sends a form as the client with its secret in the Basic header.
func (b *backChannel) post(path, clientID string, pairs ...string) answer {
	b.t.Helper()
	f := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		f.Add(pairs[i], pairs[i+1])
	}
	return b.send(http.MethodPost, path, formType, f.Encode(), func(r *http.Request) {
		if clientID != "" {
			r.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape("secret of "+clientID))
		}
	})
}

const formType = "application/x-www-form-urlencoded"

func (b *backChannel) signIn(c *oauth.Client) answer {
	b.t.Helper()
	return b.post("/oauth2/token", c.ID, "grant_type", "authorization_code", "code", b.code(c, nil), "redirect_uri", "https://app.test/callback").is(200, "")
}

// Contract §3.2.6, §4.14 and case 167.
func TestTokenResponse(t *testing.T) {
	t.Parallel()
	b := newBackChannel(t)
	c := b.addClient("app", func(c *oauth.Client) { c.AllowedCORSOrigins = []string{"https://spa.test"} })
	a := b.signIn(c)
	for name, want := range map[string]string{
		"Content-Type": "application/json;charset=UTF-8", "Cache-Control": "no-store", "Pragma": "no-cache",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	m := a.members()
	if m["expires_in"] != 3600.0 || m["token_type"] != "bearer" || m["scope"] != "openid offline_access foo.read" {
		t.Errorf("answer = %s", a.body)
	}
	last := -1
	for _, name := range []string{"access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"} {
		at := strings.Index(a.body, `"`+name+`":`)
		if at <= last {
			t.Errorf("%s is missing or not in the order of the names", name)
		}
		last = at
	}
	a = b.post("/oauth2/token", "app", "grant_type", "refresh_token", "refresh_token", a.text("refresh_token")).is(200, "")
	if a.text("refresh_token") == "" || a.text("id_token") == "" {
		t.Errorf("refresh = %s", a.body)
	}
	a = b.post("/oauth2/token", "app", "grant_type", "client_credentials").is(200, "")
	if _, ok := a.members()["scope"]; !ok || strings.Contains(a.body, "refresh_token") || strings.Contains(a.body, "id_token") {
		t.Errorf("client credentials = %s", a.body)
	}
	a = b.send(http.MethodPost, "/oauth2/token", formType, "grant_type=client_credentials", func(r *http.Request) {
		r.SetBasicAuth("app", url.QueryEscape("secret of app"))
		r.Header.Set("Origin", "https://spa.test")
	}).is(200, "")
	if got := a.header.Get("Access-Control-Allow-Origin"); got != "https://spa.test" {
		t.Errorf("the client's own origin may see: %q", got)
	}
}

// Contract §3.2.1 and cases 158, 161 to 164.
func TestTokenRequestRefused(t *testing.T) {
	t.Parallel()
	b := newBackChannel(t)
	b.addClient("app", nil)
	b.addClient("post", func(c *oauth.Client) { c.AuthMethod = oauth.AuthSecretPost })
	const grant = "grant_type=client_credentials"
	basic := func(r *http.Request) { r.SetBasicAuth("app", url.QueryEscape("secret of app")) }
	for _, test := range []struct {
		name, contentType, body string
		change                  func(*http.Request)
		status                  int
		code                    string
	}{
		{"JSON body", "application/json", `{"grant_type":"client_credentials"}`, basic, 400, "invalid_request"},
		{"multipart", "multipart/form-data; boundary=x", "--x--", basic, 400, "invalid_request"},
		{"empty body", formType, "", basic, 400, "invalid_request"},
		{"no grant_type", formType, "scope=foo.x", basic, 400, "invalid_request"},
		{"grant_type in the URL", formType, "scope=foo.x", func(r *http.Request) { basic(r); r.URL.RawQuery = grant }, 400, "invalid_request"},
		{"unknown grant_type", formType, "grant_type=urn:x", basic, 400, "invalid_request"},
		{"grant_type twice", formType, grant + "&" + grant, basic, 400, "invalid_request"},
		{"scope twice", formType, grant + "&scope=foo.x&scope=foo.y", basic, 400, "invalid_request"},
		{"NUL", formType, grant + "&scope=a%00", basic, 400, "invalid_request"},
		{"bad UTF-8", formType, grant + "&scope=%ff", basic, 400, "invalid_request"},
		{"10,000 parameters", formType, grant + strings.Repeat("&a=b", 10_000), basic, 400, "invalid_request"},
		{"no credentials", formType, grant, nil, 400, "invalid_request"},
		{"unknown assertion type", formType, grant + "&client_assertion_type=x", nil, 400, "invalid_request"},
		{"wrong secret", formType, grant, func(r *http.Request) { r.SetBasicAuth("app", "wrong") }, 401, "invalid_client"},
		{"unknown client", formType, grant, func(r *http.Request) { r.SetBasicAuth("nobody", "wrong") }, 401, "invalid_client"},
		{"posted secret of a basic client", formType, grant + "&client_id=app&client_secret=secret+of+app", nil, 401, "invalid_client"},
		{"basic of a post client", formType, grant, func(r *http.Request) { r.SetBasicAuth("post", url.QueryEscape("secret of post")) }, 401, "invalid_client"},
		{"two methods", formType, grant + "&client_id=app&client_secret=secret+of+app", basic, 400, "invalid_request"},
	} {
		a := b.send(http.MethodPost, "/oauth2/token", test.contentType, test.body, test.change)
		if a.status != test.status || a.text("error") != test.code {
			t.Errorf("%s: %d %s, want %d %s", test.name, a.status, a.body, test.status, test.code)
		}
		if got := a.header.Get("Content-Type"); got != "application/json;charset=UTF-8" {
			t.Errorf("%s: content type %q", test.name, got)
		}
		if a.text("error_description") == "" || a.members()["status_code"] != float64(test.status) {
			t.Errorf("%s: %s", test.name, a.body)
		}
	}
	b.send(http.MethodPost, "/oauth2/token", formType, grant+"&client_id=post&client_secret=secret+of+post", nil).is(200, "")
	if a := b.send(http.MethodGet, "/oauth2/token?"+grant, "", "", basic); a.status != 405 {
		t.Errorf("GET = %d", a.status)
	}
	huge := b.send(http.MethodPost, "/oauth2/token", formType, grant+"&scope="+strings.Repeat("x", 2<<20), basic)
	if huge.status != 413 {
		t.Errorf("2 MiB body = %d", huge.status)
	}
}

// A public client proves nothing but its id (contract cases 132, 133, 137).
func TestTokenForPublicClient(t *testing.T) {
	t.Parallel()
	b := newBackChannel(t)
	c := b.addClient("spa", func(c *oauth.Client) { c.AuthMethod = oauth.AuthNone })
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	exchange := func(code, verifier string) answer {
		return b.post("/oauth2/token", "", "grant_type", "authorization_code", "client_id", "spa", "code", code,
			"redirect_uri", "https://app.test/callback", "code_verifier", verifier)
	}
	code := b.code(c, func(d *oauth.GrantData) { d.CodeChallenge = challenge })
	a := exchange(code, verifier).is(200, "")
	b.post("/oauth2/token", "", "grant_type", "refresh_token", "client_id", "spa", "refresh_token", a.text("refresh_token")).is(200, "")
	b.post("/oauth2/token", "", "grant_type", "client_credentials", "client_id", "spa").is(400, "invalid_grant")

	code = b.code(c, func(d *oauth.GrantData) { d.CodeChallenge = challenge })
	exchange(code, strings.Repeat("x", 43)).is(400, "invalid_grant")
	exchange(code, verifier).is(400, "invalid_grant")
}

// Contract cases 176 to 178.
func TestRevoke(t *testing.T) {
	t.Parallel()
	b := newBackChannel(t)
	c := b.addClient("app", nil)
	b.addClient("other", nil)
	a := b.signIn(c)
	access, refresh := a.text("access_token"), a.text("refresh_token")
	userinfo := func() int {
		return b.send(http.MethodGet, "/userinfo", "", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+access) }).status
	}
	for _, hint := range []string{"", "access_token", "refresh_token", "nonsense"} {
		for _, value := range []string{"rubbish", access + "x"} {
			if a := b.post("/oauth2/revoke", "app", "token", value, "token_type_hint", hint); a.status != 200 || a.body != "" {
				t.Errorf("unknown token, hint %q: %d %s", hint, a.status, a.body)
			}
		}
	}
	b.post("/oauth2/revoke", "other", "token", access).is(200, "")
	if userinfo() != 200 {
		t.Fatal("another client revoked the token")
	}
	if a := b.post("/oauth2/revoke", "app", "token", access); a.status != 200 || a.body != "" {
		t.Errorf("revoke = %d %s", a.status, a.body)
	}
	if userinfo() != 401 {
		t.Error("the access token is alive")
	}
	b.post("/oauth2/token", "app", "grant_type", "refresh_token", "refresh_token", refresh).is(400, "invalid_grant")
	b.post("/oauth2/revoke", "app", "token", access).is(200, "")

	wrong := func(r *http.Request) { r.SetBasicAuth("app", "wrong") }
	for name, a := range map[string]answer{
		"wrong secret":   b.send(http.MethodPost, "/oauth2/revoke", formType, "token=x", wrong),
		"empty body":     b.send(http.MethodPost, "/oauth2/revoke", formType, "", nil),
		"no credentials": b.post("/oauth2/revoke", "", "token", "x"),
		"malformed body": b.send(http.MethodPost, "/oauth2/revoke", formType, "token=%", nil),
		"JSON body":      b.send(http.MethodPost, "/oauth2/revoke", "application/json", `{"token":"x"}`, nil),
	} {
		if a.status != 401 || a.text("error") != "invalid_client" {
			t.Errorf("%s: %d %s, want 401 invalid_client", name, a.status, a.body)
		}
	}
	b.post("/oauth2/revoke", "app").is(400, "invalid_request")
}

// Contract §3.4 and case 112.
func TestUserinfo(t *testing.T) {
	t.Parallel()
	b := newBackChannel(t)
	c := b.addClient("app", func(c *oauth.Client) { c.AllowedCORSOrigins = []string{"https://spa.test"} })
	a := b.signIn(c)
	access := a.text("access_token")
	header := func(scheme, value string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", scheme+" "+value)
			r.Header.Set("Origin", "https://spa.test")
		}
	}
	for name, a := range map[string]answer{
		"GET, header":                  b.send(http.MethodGet, "/userinfo", "", "", header("Bearer", access)),
		"GET, scheme in other letters": b.send(http.MethodGet, "/userinfo", "", "", header("bEARER", access)),
		"POST, header":                 b.send(http.MethodPost, "/userinfo", "", "", header("Bearer", access)),
		"POST, header and JSON":        b.send(http.MethodPost, "/userinfo", "application/json", "{}", header("Bearer", access)),
		"POST, header and empty form":  b.send(http.MethodPost, "/userinfo", formType, "", header("Bearer", access)),
		"POST, form":                   b.send(http.MethodPost, "/userinfo", formType, "access_token="+access, nil),
	} {
		if a.status != 200 || a.body != `{"email":"alice@test","sub":"alice"}` || a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s %v", name, a.status, a.body, a.header)
		}
		if origin := a.header.Get("Access-Control-Allow-Origin"); origin != "https://spa.test" && name != "POST, form" {
			t.Errorf("%s: the client's own origin may see: %q", name, origin)
		}
	}
	for name, test := range map[string]struct {
		answer
		status int
		code   string
	}{
		"in the URL":             {b.send(http.MethodGet, "/userinfo?access_token="+access, "", "", nil), 400, "invalid_request"},
		"in the URL of a POST":   {b.send(http.MethodPost, "/userinfo?access_token="+access, "", "", header("Bearer", access)), 400, "invalid_request"},
		"in header and body":     {b.send(http.MethodPost, "/userinfo", formType, "access_token="+access, header("Bearer", access)), 400, "invalid_request"},
		"twice in the body":      {b.send(http.MethodPost, "/userinfo", formType, "access_token="+access+"&access_token="+access, nil), 400, "invalid_request"},
		"in the body of a GET":   {b.send(http.MethodGet, "/userinfo", formType, "access_token="+access, nil), 401, "request_unauthorized"},
		"none":                   {b.send(http.MethodGet, "/userinfo", "", "", nil), 401, "request_unauthorized"},
		"bad":                    {b.send(http.MethodGet, "/userinfo", "", "", header("Bearer", "bad")), 401, "request_unauthorized"},
		"with another scheme":    {b.send(http.MethodGet, "/userinfo", "", "", header("Basic", access)), 401, "request_unauthorized"},
		"a refresh token":        {b.send(http.MethodGet, "/userinfo", "", "", header("Bearer", a.text("refresh_token"))), 401, "request_unauthorized"},
		"of a client by itself":  {b.send(http.MethodGet, "/userinfo", "", "", header("Bearer", b.post("/oauth2/token", "app", "grant_type", "client_credentials").text("access_token"))), 401, "request_unauthorized"},
		"multipart, no header":   {b.send(http.MethodPost, "/userinfo", "multipart/form-data; boundary=x", "--x--", nil), 400, "invalid_request"},
		"signed by nobody (JWT)": {b.send(http.MethodGet, "/userinfo", "", "", header("Bearer", a.text("id_token"))), 401, "request_unauthorized"},
	} {
		if test.answer.status != test.status || test.text("error") != test.code {
			t.Errorf("%s: %d %s, want %d %s", name, test.answer.status, test.body, test.status, test.code)
		}
		if test.status == 401 && !strings.HasPrefix(test.header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s: WWW-Authenticate %q", name, test.header.Get("WWW-Authenticate"))
		}
	}
	b.wait(time.Hour)
	b.send(http.MethodGet, "/userinfo", "", "", header("Bearer", access)).is(401, "token_expired")

	signed := b.addClient("signed", nil)
	signed.UserinfoSignedAlg = "ES256"
	b.must(b.store.UpdateClient(t.Context(), signed, nil))
	a = b.send(http.MethodGet, "/userinfo", "", "", header("Bearer", b.signIn(signed).text("access_token"))).is(200, "")
	if a.header.Get("Content-Type") != "application/jwt" || bytes.Count([]byte(a.body), []byte(".")) != 2 {
		t.Errorf("signed userinfo: %s %q", a.header.Get("Content-Type"), a.body)
	}
}
