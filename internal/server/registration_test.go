package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hydra/internal/storetest"
)

const registrationOn = "OIDC_DYNAMIC_CLIENT_REGISTRATION_ENABLED=true"

// register calls the registration endpoint, with a bearer token if there is one.
func (w *world) register(t *testing.T, method, path, token string, body any, headers ...string) reply {
	t.Helper()
	if token != "" {
		headers = append(headers, "Authorization: Bearer "+token)
	}
	text, ok := body.(string)
	if !ok && body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		text = string(data)
	}
	return do(t, user, method, w.Public+"/oauth2/register"+path, text, append(headers, proxied, "Content-Type: application/json")...)
}

// metadata is what the conformance suite registers (RFC 7591 §3.1).
func metadata(change m) m {
	body := m{
		"client_name": "suite <b>", "grant_types": []string{"authorization_code", "implicit"}, "response_types": []string{"code", "id_token"},
		"redirect_uris": []string{appCallback}, "contacts": []string{"a@app.test"}, "token_endpoint_auth_method": "client_secret_basic",
	}
	for name, value := range change {
		if body[name] = value; value == nil {
			delete(body, name)
		}
	}
	return body
}

// The life of a client that registers itself (RFC 7591, RFC 7592).
func TestRegistration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrationOn, "OIDC_DISCOVERY_SCOPES_SUPPORTED=profile,email")
	r := w.register(t, "POST", "", "", metadata(m{"initiate_login_uri": "https://app.test/start", "client_id": "mine", "unknown": 1}))
	out := r.object(t, 201)
	id, token, uri := out["client_id"].(string), out["registration_access_token"].(string), out["registration_client_uri"].(string)
	if id == "mine" || uri != w.Config.URLs.Public+"/oauth2/register/"+id || r.Header.Get("Location") != uri || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("id %s, uri %s, headers %v", id, uri, r.Header)
	}
	equal(t, "scope", out["scope"], "offline openid offline_access profile email")
	equal(t, "client_secret_expires_at", out["client_secret_expires_at"], 0)
	equal(t, "initiate_login_uri", out["initiate_login_uri"], "https://app.test/start")
	equal(t, "client_name", out["client_name"], "suite <b>")
	c := &party{ID: id, Secret: out["client_secret"].(string), Redirect: appCallback}
	code := w.browser().visit(t, c, m{"subject": "u"}, nil, "scope", "openid")
	w.exchange(t, c, code)

	got := w.register(t, "GET", "/"+id, token, nil).object(t, 200)
	equal(t, "GET initiate_login_uri", got["initiate_login_uri"], "https://app.test/start")
	for _, name := range []string{"client_secret", "registration_access_token"} { // contract §2.4
		equal(t, "GET "+name, got[name], nil)
	}

	// PUT replaces, rotates the token, and keeps the secret, which may be sent along.
	put := w.register(t, "PUT", "/"+id, token, metadata(m{"client_id": id, "client_secret": c.Secret, "contacts": nil})).object(t, 200)
	equal(t, "contacts", put["contacts"], nil)
	equal(t, "initiate_login_uri", put["initiate_login_uri"], nil)
	equal(t, "client_secret", put["client_secret"], nil)
	fresh := put["registration_access_token"].(string)
	if a := w.register(t, "GET", "/"+id, token, nil); a.Status != 401 {
		t.Errorf("the token before: %d %s", a.Status, a.Body)
	}
	if a := w.register(t, "PUT", "/"+id, fresh, metadata(m{"client_secret": "chosen by the client"})); a.Status != 403 {
		t.Errorf("another client_secret: %d %s", a.Status, a.Body)
	}
	if a := w.register(t, "PUT", "/"+id, fresh, metadata(m{"client_id": "other"})); a.Status != 400 {
		t.Errorf("another client_id: %d %s", a.Status, a.Body)
	}
	w.token(t, c, "grant_type", "refresh_token", "refresh_token", "x").object(t, 400) // the secret is good: invalid_grant

	// What an administrator decided stays.
	all := w.call(t, "GET", "/clients/"+id, nil).object(t, 200)
	all["skip_consent"], all["owner"], all["audience"], all["scope"] = true, "ops", []string{"https://api.test"}, "openid admin"
	w.call(t, "PUT", "/clients/"+id, all).object(t, 200)
	put = w.register(t, "PUT", "/"+id, fresh, metadata(m{"scope": "openid admin"})).object(t, 200)
	all = w.call(t, "GET", "/clients/"+id, nil).object(t, 200)
	if all["skip_consent"] != true || all["owner"] != "ops" || len(all["audience"].([]any)) != 1 || all["scope"] != "openid admin" {
		t.Errorf("after the client's own PUT: %v", all)
	}

	r = w.register(t, "DELETE", "/"+id, put["registration_access_token"].(string), nil)
	if r.Status != 204 || r.Body != "" {
		t.Errorf("DELETE: %d %s", r.Status, r.Body)
	}
	if a := w.register(t, "GET", "/"+id, put["registration_access_token"].(string), nil); a.Status != 401 {
		t.Errorf("GET of what is deleted: %d %s", a.Status, a.Body)
	}
	var found m
	do(t, user, "GET", w.Public+"/.well-known/openid-configuration", "", proxied).json(t, 200, &found)
	equal(t, "registration_endpoint", found["registration_endpoint"], w.Config.URLs.Public+"/oauth2/register")

	off := newWorld(t)
	for path, method := range map[string]string{"": "POST", "/" + id: "GET"} {
		if a := off.register(t, method, path, fresh, metadata(nil)); a.Status != 404 {
			t.Errorf("switched off: %d %s", a.Status, a.Body)
		}
	}
	found = nil
	do(t, user, "GET", off.Public+"/.well-known/openid-configuration", "", proxied).json(t, 200, &found)
	equal(t, "registration_endpoint, switched off", found["registration_endpoint"], nil)
}

func TestAttackRegistrationMetadata(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrationOn)
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("https://app.test/%d", i)
	}
	j := w.jar(t, nil)
	private := m{"keys": []m{{"kty": "RSA", "n": b64(j.rsa.N.Bytes()), "e": "AQAB", "d": b64(j.rsa.D.Bytes()), "kid": "a"}}}
	weak := m{"keys": []m{{"kty": "RSA", "n": b64(make([]byte, 128)), "e": "AQAB", "kid": "a"}}}
	public := m{"keys": []m{{"kty": "RSA", "n": b64(j.rsa.N.Bytes()), "e": "AQAB", "kid": "a"}}}
	for name, test := range map[string]struct {
		change m
		code   string
	}{
		"fragment in a redirect URI":          {m{"redirect_uris": []string{"https://app.test/cb#f"}}, "invalid_redirect_uri"},
		"javascript redirect URI":             {m{"redirect_uris": []string{"javascript:alert(1)"}}, "invalid_redirect_uri"},
		"userinfo in a redirect URI":          {m{"redirect_uris": []string{"https://good@evil.test/"}}, "invalid_redirect_uri"},
		"relative redirect URI":               {m{"redirect_uris": []string{"/cb"}}, "invalid_redirect_uri"},
		"huge array":                          {m{"redirect_uris": many}, "invalid_client_metadata"},
		"initiate_login_uri over http":        {m{"initiate_login_uri": "http://app.test/start"}, "invalid_client_metadata"},
		"jwks and jwks_uri":                   {m{"jwks": public, "jwks_uri": "https://app.test/jwks"}, "invalid_client_metadata"},
		"private key":                         {m{"jwks": private}, "invalid_client_metadata"},
		"weak key":                            {m{"jwks": weak}, "invalid_client_metadata"},
		"symmetric key":                       {m{"jwks": m{"keys": []m{{"kty": "oct", "k": "AAAA"}}}}, "invalid_client_metadata"},
		"server-only grant type":              {m{"grant_types": []string{"urn:ietf:params:oauth:grant-type:jwt-bearer"}}, "invalid_client_metadata"},
		"unknown grant type":                  {m{"grant_types": []string{"password"}}, "invalid_client_metadata"},
		"unknown response type":               {m{"response_types": []string{"code evil"}}, "invalid_client_metadata"},
		"method none with a secret":           {m{"token_endpoint_auth_method": "none", "client_secret": "chosen-by-the-client"}, "invalid_client_metadata"},
		"client_secret":                       {m{"client_secret": "chosen-by-the-client"}, "invalid_client_metadata"},
		"unknown method":                      {m{"token_endpoint_auth_method": "tls_client_auth"}, "invalid_client_metadata"},
		"scope beyond policy":                 {m{"scope": "openid admin"}, "invalid_client_metadata"},
		"scope pattern":                       {m{"scope": "*"}, "invalid_client_metadata"},
		"skip_consent":                        {m{"skip_consent": true}, "invalid_client_metadata"},
		"skip_logout_consent":                 {m{"skip_logout_consent": true}, "invalid_client_metadata"},
		"access_token_strategy":               {m{"access_token_strategy": "jwt"}, "invalid_client_metadata"},
		"metadata":                            {m{"metadata": m{"role": "admin"}}, "invalid_client_metadata"},
		"sector_identifier_uri in the house":  {m{"sector_identifier_uri": "https://10.0.0.1/s"}, "invalid_client_metadata"},
		"logo that runs":                      {m{"logo_uri": "javascript:alert(1)"}, "invalid_client_metadata"},
		"redirect_uris as a string":           {m{"redirect_uris": appCallback}, "invalid_client_metadata"},
		"software statement of nobody":        {m{"software_statement": "e30.e30.e30"}, "invalid_software_statement"},
		"request objects without keys":        {m{"request_object_signing_alg": "RS256"}, "invalid_client_metadata"},
		"name with control characters":        {m{"client_name": "a\x1bb"}, "invalid_client_metadata"},
		"10 KB of name":                       {m{"client_name": strings.Repeat("x", 10<<10)}, "invalid_client_metadata"},
		"response_types with an empty string": {m{"response_types": []string{""}}, "invalid_client_metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			out := w.register(t, "POST", "", "", metadata(test.change)).object(t, 400)
			equal(t, "error", out["error"], test.code)
		})
	}
	for name, body := range map[string]string{
		"a member twice": `{"redirect_uris":[],"redirect_uris":["https://evil.test"]}`,
		"no JSON":        `redirect_uris=x`, "an array": `[]`, "empty": ``,
	} {
		if a := w.register(t, "POST", "", "", body); a.Status != 400 {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	// Ignored, not obeyed: what a full client of an SDK has.
	out := w.register(t, "POST", "", "", metadata(m{"owner": "root", "audience": []string{"https://api.test"}, "skip_consent": false, "metadata": m{},
		"authorization_code_grant_access_token_lifespan": "9999h", "created_at": "2020-01-01T00:00:00Z"})).object(t, 201)
	all := w.call(t, "GET", "/clients/"+out["client_id"].(string), nil).object(t, 200)
	if all["owner"] != "" || len(all["audience"].([]any)) != 0 || all["authorization_code_grant_access_token_lifespan"] != nil {
		t.Errorf("an administrator's members were taken: %v", all)
	}
}

// Registration token of client A for B: 401. Nor is any other value one.
func TestAttackRegistrationTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrationOn)
	a := w.register(t, "POST", "", "", metadata(nil)).object(t, 201)
	b := w.register(t, "POST", "", "", metadata(m{"grant_types": []string{"client_credentials"}, "response_types": nil})).object(t, 201)
	admins := w.client(t, nil)
	initial := w.call(t, "POST", "/admin/oauth2/register/tokens", m{}).object(t, 201)["token"].(string)
	party := &party{ID: b["client_id"].(string), Secret: b["client_secret"].(string)}
	access := w.token(t, party, "grant_type", "client_credentials").object(t, 200)["access_token"].(string)
	token := a["registration_access_token"].(string)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		for name, use := range map[string][2]string{
			"token of A for B":                {b["client_id"].(string), token},
			"for a client of the operator":    {admins.ID, token},
			"for nobody":                      {"nobody", token},
			"no token":                        {a["client_id"].(string), ""},
			"an initial access token":         {a["client_id"].(string), initial},
			"an access token":                 {a["client_id"].(string), access},
			"a forged one":                    {a["client_id"].(string), flip(token)},
			"one with a line break":           {a["client_id"].(string), token + "%0a"},
			"the id of A in another spelling": {strings.ToUpper(a["client_id"].(string)), token},
		} {
			r := w.register(t, method, "/"+use[0], use[1], metadata(nil))
			if r.Status != 401 || !strings.HasPrefix(r.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s with %s: %d %s", method, name, r.Status, r.Body)
			}
		}
	}
	w.spends(t, "a forged token", 0, 0, func() {
		equal(t, "status", w.register(t, "GET", "/"+a["client_id"].(string), flip(token), nil).Status, 401)
	})
	w.spends(t, "reading a registration", 1, 0, func() {
		equal(t, "status", w.register(t, "GET", "/"+a["client_id"].(string), token, nil).Status, 200)
	})
	// Deleted and made again with the same id: the token is for the one before.
	w.status(t, 204, "DELETE", "/clients/"+a["client_id"].(string), nil)
	w.client(t, m{"client_id": a["client_id"]})
	if r := w.register(t, "DELETE", "/"+a["client_id"].(string), token, nil); r.Status != 401 {
		t.Errorf("a client with the same id: %d %s", r.Status, r.Body)
	}
	// A registration access token registers nobody.
	if r := w.register(t, "POST", "", b["registration_access_token"].(string), metadata(nil)); r.Status != 401 {
		t.Errorf("a registration access token registers: %d %s", r.Status, r.Body)
	}
}

// With initial access tokens only their bearers register, as often as the
// token says.
func TestInitialAccessTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrationOn, "OIDC_DYNAMIC_CLIENT_REGISTRATION_ACCESS=initial_access_token", "OIDC_DYNAMIC_CLIENT_REGISTRATION_LIMIT_PER_HOUR=1")
	refused := func(what, token string) {
		t.Helper()
		r := w.register(t, "POST", "", token, metadata(nil))
		if r.Status != 401 || !strings.HasPrefix(r.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %d %s %s", what, r.Status, r.Header.Get("WWW-Authenticate"), r.Body)
		}
	}
	refused("without a token", "")
	made := w.call(t, "POST", "/admin/oauth2/register/tokens", m{"uses": 2, "expires_at": w.clock.Now().Add(time.Hour).Format(time.RFC3339), "note": "CI"}).object(t, 201)
	token, id := made["token"].(string), made["id"].(string)
	refused("forged", flip(token))
	if r := w.register(t, "POST", "", token, metadata(m{"redirect_uris": []string{"/"}})); r.Status != 400 {
		t.Errorf("a refused registration: %d %s", r.Status, r.Body) // and costs no use
	}
	for range 2 {
		w.register(t, "POST", "", token, metadata(nil)).object(t, 201)
	}
	refused("used up", token)
	var list []m
	w.call(t, "GET", "/admin/oauth2/register/tokens", nil).json(t, 200, &list)
	if len(list) != 1 || list[0]["uses_left"] != 0.0 || list[0]["note"] != "CI" || list[0]["token"] != nil || list[0]["id"] != id {
		t.Errorf("the list is %v", list)
	}
	unlimited := w.call(t, "POST", "/oauth2/register/tokens", nil).object(t, 201)
	equal(t, "uses_left", unlimited["uses_left"], nil)
	first := w.register(t, "POST", "", unlimited["token"].(string), metadata(nil)).object(t, 201)
	w.register(t, "POST", "", unlimited["token"].(string), metadata(nil)).object(t, 201) // no limit of the network either
	w.status(t, 204, "DELETE", "/admin/oauth2/register/tokens/"+unlimited["id"].(string), nil)
	w.status(t, 404, "DELETE", "/admin/oauth2/register/tokens/"+unlimited["id"].(string), nil)
	refused("deleted", unlimited["token"].(string))
	short := w.call(t, "POST", "/admin/oauth2/register/tokens", m{"expires_at": w.clock.Now().Add(time.Minute).Format(time.RFC3339)}).object(t, 201)
	w.clock.Advance(time.Minute)
	refused("expired", short["token"].(string))
	for _, bad := range []any{m{"uses": -1}, m{"uses": 0}, m{"expires_at": "2020-01-01T00:00:00Z"}, m{"note": "a\nb"}, m{"other": 1}} {
		w.status(t, 400, "POST", "/admin/oauth2/register/tokens", bad)
	}
	// Clients with a token do not expire unused.
	w.clock.Advance(400 * 24 * time.Hour)
	w.register(t, "GET", "/"+first["client_id"].(string), first["registration_access_token"].(string), nil).object(t, 200)
}

// Flood of registrations: limits by network and in total, and unused clients
// go.
func TestAttackRegistrationFlood(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrationOn, "OIDC_DYNAMIC_CLIENT_REGISTRATION_LIMIT_PER_HOUR=12", "OIDC_DYNAMIC_CLIENT_REGISTRATION_LIMIT_TOTAL=4", "OIDC_DYNAMIC_CLIENT_REGISTRATION_UNUSED_FOR=24h")
	credentials := metadata(m{"grant_types": []string{"client_credentials", "authorization_code"}, "response_types": nil})
	var clients []m
	for range 3 {
		clients = append(clients, w.register(t, "POST", "", "", credentials).object(t, 201))
	}
	r := w.register(t, "POST", "", "", credentials)
	if r.Status != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
		t.Errorf("beyond the limit of the network: %d %s", r.Status, r.Body)
	}
	w.clock.Advance(10 * time.Minute)
	clients = append(clients, w.register(t, "POST", "", "", credentials).object(t, 201))
	if r := w.register(t, "POST", "", "", credentials); r.Status != http.StatusServiceUnavailable {
		t.Errorf("beyond the limit in total: %d %s", r.Status, r.Body)
	}
	parties := make([]*party, len(clients))
	for i, c := range clients {
		parties[i] = &party{ID: c["client_id"].(string), Secret: c["client_secret"].(string), Redirect: appCallback}
	}
	// One authenticates, one is given a consent, one only reads itself.
	w.token(t, parties[0], "grant_type", "client_credentials").object(t, 200)
	w.browser().visit(t, parties[1], m{"subject": "u"}, nil, "scope", "openid")
	w.register(t, "GET", "/"+parties[2].ID, clients[2]["registration_access_token"].(string), nil).object(t, 200)
	w.clock.Advance(24 * time.Hour)
	for i, want := range []int{200, 200, 401, 401} {
		if r := w.token(t, parties[i], "grant_type", "client_credentials"); r.Status != want {
			t.Errorf("client %d a day later: %d %s, want %d", i, r.Status, r.Body, want)
		}
		if r := w.register(t, "GET", "/"+parties[i].ID, clients[i]["registration_access_token"].(string), nil); r.Status != want {
			t.Errorf("registration %d a day later: %d %s, want %d", i, r.Status, r.Body, want)
		}
	}
	w.browser().open(t, w.authURL(parties[3], "scope", "openid")).shown(t, "invalid_client")
}

// Attack: many register at the same moment, when the total leaves a few places.
func TestAttackRegistrationsAtOnce(t *testing.T) {
	t.Parallel()
	const places, crowd = 3, 24
	w := newWorld(t, registrationOn, "OIDC_DYNAMIC_CLIENT_REGISTRATION_LIMIT_PER_HOUR=1000", "OIDC_DYNAMIC_CLIENT_REGISTRATION_LIMIT_TOTAL="+strconv.Itoa(places))
	var registered atomic.Int32
	var all sync.WaitGroup
	for range crowd {
		all.Go(func() {
			switch r := w.register(t, "POST", "", "", metadata(nil)); r.Status {
			case http.StatusCreated:
				registered.Add(1)
			case http.StatusServiceUnavailable:
			default:
				t.Errorf("%d %s", r.Status, r.Body)
			}
		})
	}
	all.Wait()
	// Those who gave their place back left it to others.
	for registered.Load() < places {
		w.register(t, "POST", "", "", metadata(nil)).object(t, 201)
		registered.Add(1)
	}
	if n := registered.Load(); n != places {
		t.Errorf("%d clients are registered, want %d", n, places)
	}
	equal(t, "one more", w.register(t, "POST", "", "", metadata(nil)).Status, 503)
}

// What registrations cost.
func TestStatementBudgetsOfRegistration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrationOn)
	c := w.register(t, "POST", "", "", metadata(nil)).object(t, 201)
	// The total, before and after; the network's count of the hour; the row by which it expires, and a client with its secret and
	// the version of all caches in one transaction.
	w.spends(t, "registering without a token", 2, 7, func() { w.register(t, "POST", "", "", metadata(nil)).object(t, 201) })
	w.spends(t, "changing a registration", 2, 5, func() {
		w.register(t, "PUT", "/"+c["client_id"].(string), c["registration_access_token"].(string), metadata(nil)).object(t, 200)
	})
	w.count.Take()
	w.register(t, "POST", "", "", metadata(m{"scope": "admin"})).object(t, 400)
	w.register(t, "POST", "", flip("AAAAAAAAAAAAAAAA"), metadata(nil)).object(t, 401)
	if n, seen := w.count.TakeAll(); n != (storetest.Counts{}) {
		t.Errorf("refused registrations cost %+v:\n%s", n, strings.Join(seen, "\n"))
	}
}

// Software statements of a trusted issuer count more than the members beside
// them (RFC 7591 §2.3).
func TestSoftwareStatement(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	w := newWorld(t, registrationOn, "OIDC_DYNAMIC_CLIENT_REGISTRATION_ACCESS=software_statement", "CLIENTS_HTTP_CA_FILE="+h.caFile,
		"CLIENTS_HTTP_ALLOWED_NETWORKS=127.0.0.0/8", "OIDC_DYNAMIC_CLIENT_REGISTRATION_STATEMENT_ISSUERS=https://trust.test "+h.URL+"/jwks")
	j := w.jar(t, nil)
	h.publish("/jwks", m{"keys": []m{{"kty": "RSA", "kid": "r", "n": b64(j.rsa.N.Bytes()), "e": "AQAB"}}})
	claims := func(change m) m {
		out := m{"iss": "https://trust.test", "client_name": "Certified", "redirect_uris": []string{"https://certified.test/cb"}}
		for name, value := range change {
			out[name] = value
		}
		return out
	}
	statement := func(claims m) m {
		return metadata(m{"software_statement": j.sign(t, m{"alg": "RS256", "kid": "r"}, claims)})
	}
	out := w.register(t, "POST", "", "", statement(claims(nil))).object(t, 201)
	equal(t, "client_name", out["client_name"], "Certified")
	equal(t, "redirect_uris", out["redirect_uris"], []string{"https://certified.test/cb"})
	if r := w.register(t, "POST", "", "", metadata(nil)); r.Status != 401 {
		t.Errorf("without a statement: %d %s", r.Status, r.Body)
	}
	unsigned := metadata(m{"software_statement": j.sign(t, m{"alg": "none"}, claims(nil))})
	for name, test := range map[string]struct {
		body m
		code string
	}{
		"of another issuer": {statement(claims(m{"iss": "https://evil.test"})), "unapproved_software_statement"},
		"expired":           {statement(claims(m{"exp": w.clock.Now().Add(-time.Minute).Unix()})), "invalid_software_statement"},
		"unsigned":          {unsigned, "invalid_software_statement"},
		"a wrong type":      {statement(claims(m{"redirect_uris": "x"})), "invalid_software_statement"},
		"skip_consent":      {statement(claims(m{"skip_consent": true})), "invalid_client_metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			equal(t, "error", w.register(t, "POST", "", "", test.body).object(t, 400)["error"], test.code)
		})
	}
}

// Pages of origins that the operator allows may register; nobody else's may
// read the answer.
func TestRegistrationCORS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, registrationOn, "SERVE_PUBLIC_CORS_ENABLED=true", "SERVE_PUBLIC_CORS_ALLOWED_ORIGINS=https://good.test")
	for origin, want := range map[string]string{"https://good.test": "https://good.test", "https://evilgood.test": "", "null": ""} {
		r := w.register(t, "POST", "", "", metadata(nil), "Origin: "+origin)
		if got := r.Header.Get("Access-Control-Allow-Origin"); r.Status != 201 || got != want {
			t.Errorf("origin %s: %d, allowed for %q", origin, r.Status, got)
		}
	}
	if r := w.register(t, "OPTIONS", "", "", nil); r.Status != 200 {
		t.Errorf("OPTIONS: %d", r.Status)
	}
}
