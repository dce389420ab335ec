package admin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
)

// fullClient has every member that a request may set.
const fullClient = `{
	"client_id": "full/client", "client_name": "Name <b>", "client_secret": "chosen secret",
	"redirect_uris": ["https://app.example/cb?a=1&b=2", "com.example.app:/cb"],
	"grant_types": ["authorization_code", "refresh_token", "client_credentials"],
	"response_types": ["code", "code id_token"], "scope": "openid offline foo.*",
	"audience": ["https://api.example/"], "owner": "me", "policy_uri": "https://app.example/policy",
	"allowed_cors_origins": ["https://app.example/", "http://app.example:8080"], "tos_uri": "https://app.example/tos",
	"client_uri": "https://app.example", "logo_uri": "https://app.example/logo.png", "contacts": ["ops@app.example"],
	"client_secret_expires_at": 10, "subject_type": "public",
	"sector_identifier_uri": "https://app.example/sector",
	"jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "one", "use": "sig", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]},
	"token_endpoint_auth_method": "client_secret_post", "token_endpoint_auth_signing_alg": "EdDSA",
	"request_uris": ["https://app.example/request.jwt#hash"], "request_object_signing_alg": "RS256",
	"userinfo_signed_response_alg": "RS256", "id_token_signed_response_alg": "RS256",
	"access_token_strategy": "jwt", "access_token_profile": "rfc9068", "claims_placement": "standard", "localhost_any_port": true, "overlapping_refresh": true,
	"post_logout_redirect_uris": ["https://app.example/bye"],
	"frontchannel_logout_uri": "https://app.example/front", "frontchannel_logout_session_required": true,
	"backchannel_logout_uri": "https://app.example/back", "backchannel_logout_session_required": true,
	"metadata": {"team": {"id": 7}}, "skip_consent": true, "skip_logout_consent": false,
	"authorization_code_grant_access_token_lifespan": "1h", "authorization_code_grant_id_token_lifespan": "2h",
	"authorization_code_grant_refresh_token_lifespan": "720h", "client_credentials_grant_access_token_lifespan": "5m",
	"device_authorization_grant_access_token_lifespan": "6m", "device_authorization_grant_id_token_lifespan": "7m",
	"device_authorization_grant_refresh_token_lifespan": "8m", "implicit_grant_access_token_lifespan": "9m",
	"implicit_grant_id_token_lifespan": "10m", "jwt_bearer_grant_access_token_lifespan": "11m",
	"refresh_token_grant_access_token_lifespan": "12m", "refresh_token_grant_id_token_lifespan": null,
	"refresh_token_grant_refresh_token_lifespan": "1.5s",
	"created_at": "1999-01-01T00:00:00Z", "updated_at": "", "registration_access_token": "x", "unknown member": {"a": []}
}`

// The wire format: which members there are always, and which only when set.
func TestClientWireFormat(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	created := a.call("POST", "/clients", fullClient).is(http.StatusCreated)
	golden(t, "client_full.json", created.body)
	golden(t, "client_minimal.json", a.call("POST", "/clients", `{"client_id":"minimal","token_endpoint_auth_method":"none"}`).is(201).body)
	if got, want := created.header.Get("Location"), "/clients/full%2Fclient"; got != want {
		t.Errorf("Location = %q, want %q", got, want)
	}
	if got := created.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type = %q", got)
	}
	// What was read back is what was answered, without the secret; and what was
	// answered can be sent again.
	read := a.call("GET", "/clients/full%2Fclient", "").is(http.StatusOK)
	want := created.object()
	delete(want, "client_secret")
	if diff := cmp.Diff(want, read.object()); diff != "" {
		t.Errorf("read back (-created +read):\n%s", diff)
	}
	again := a.call("PUT", "/clients/full%2Fclient", string(read.body)).is(http.StatusOK)
	if diff := cmp.Diff(want, again.object()); diff != "" {
		t.Errorf("sent back (-read +updated):\n%s", diff)
	}
}

// ClientJSON never shows a secret; it has nothing to show it from.
func TestClientJSON(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(ClientJSON(&oauth.Client{ID: "c", CreatedAt: noon, UpdatedAt: noon.Add(1500 * time.Millisecond)}))
	if err != nil {
		t.Fatal(err)
	}
	var o map[string]any
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	if _, ok := o["client_secret"]; ok || o["updated_at"] != "2026-11-23T12:00:01Z" {
		t.Errorf("ClientJSON() = %s", raw)
	}
	for _, name := range []string{"redirect_uris", "grant_types", "response_types", "audience", "contacts", "allowed_cors_origins"} {
		if list, ok := o[name].([]any); !ok || len(list) != 0 {
			t.Errorf("%s = %v, want []", name, o[name])
		}
	}
}

// Contract case 194.
func TestDefaultScope(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.clients.Options.DefaultScope = "foo bar"
	c := a.call("POST", "/clients", `{}`).is(201).object()
	id, _ := c["client_id"].(string)
	if c["scope"] != "foo bar" {
		t.Errorf("scope = %v", c["scope"])
	}
	if r := a.call("DELETE", "/clients/"+id, "").is(204); len(r.body) != 0 {
		t.Errorf("body = %s", r.body)
	}
}

// Contract cases 195, 196, 199.
func TestCreateGetListDelete(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	if body := string(a.call("GET", "/clients", "").is(200).body); body != "[]" {
		t.Errorf("no clients = %s", body)
	}
	created := a.call("POST", "/clients", `{"client_id":"c","client_secret":"chosen secret","client_secret_expires_at":10}`).is(201).object()
	if created["client_secret"] != "chosen secret" || created["client_secret_expires_at"] != 0.0 {
		t.Errorf("created = %v", created)
	}
	for _, c := range []map[string]any{a.call("GET", "/clients/c", "").is(200).object(), a.call("GET", "/clients", "").is(200).array()[0]} {
		if _, ok := c["client_secret"]; ok || c["client_id"] != "c" {
			t.Errorf("read = %v", c)
		}
	}
	if n := len(a.call("GET", "/clients", "").array()); n != 1 {
		t.Errorf("%d clients, want 1", n)
	}
	a.call("DELETE", "/clients/c", "").is(204)
	a.call("GET", "/clients/c", "").refused(404, "not_found")
}

// Contract cases 197, 198, 211.
func TestUpdateClient(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.call("POST", "/clients", fullClient).is(201)
	later := noon.Add(time.Hour)
	a.now.Store(&later)
	c := a.call("PUT", "/clients/full%2Fclient", `{"client_name":"new","client_secret":"another secret","client_secret_expires_at":99,"scope":"x"}`).is(200).object()
	if c["client_secret"] != "another secret" || c["client_secret_expires_at"] != 0.0 {
		t.Errorf("updated = %v", c)
	}
	read := a.call("GET", "/clients/full%2Fclient", "").object()
	if read["client_name"] != "new" || read["owner"] != "" || read["scope"] != "x" || read["metadata"] != nil || read["jwks"] != nil ||
		len(read["redirect_uris"].([]any)) != 0 || read["token_endpoint_auth_method"] != "client_secret_basic" {
		t.Errorf("an update replaces everything: %v", read)
	}
	if read["created_at"] != "2026-11-23T12:00:00Z" || read["updated_at"] != "2026-11-23T13:00:00Z" {
		t.Errorf("created_at %v, updated_at %v", read["created_at"], read["updated_at"])
	}
	if _, err := a.clients.Authenticate(t.Context(), credentials("full/client", "another secret")); err != nil {
		t.Errorf("the new secret: %v", err)
	}
	if _, err := a.clients.Authenticate(t.Context(), credentials("full/client", "chosen secret")); oauth.KindOf(err) != oauth.InvalidClient {
		t.Errorf("the old secret: %v", err)
	}
	// Without a secret the old one stays, and is not shown.
	c = a.call("PUT", "/clients/full%2Fclient", `{}`).is(200).object()
	if _, ok := c["client_secret"]; ok {
		t.Errorf("updated = %v", c)
	}
	if _, err := a.clients.Authenticate(t.Context(), credentials("full/client", "another secret")); err != nil {
		t.Errorf("the kept secret: %v", err)
	}
}

// Contract cases 200, 201, 208, 213, 214, 216, 217.
func TestClientsOneByOne(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	public := a.call("POST", "/clients", `{"client_id":"public","client_secret":"chosen secret","token_endpoint_auth_method":"none"}`).is(201).object()
	if _, ok := public["client_secret"]; ok {
		t.Error("200: a public client has a secret")
	}
	if echoed := a.call("PUT", "/clients/public", `{"client_secret":"chosen secret","token_endpoint_auth_method":"none"}`).is(200).object(); echoed["client_secret"] != "chosen secret" {
		t.Errorf("update of a public client = %v", echoed)
	}

	unnamed := a.call("POST", "/clients", `{"client_id":""}`).is(201).object()
	if id, _ := unnamed["client_id"].(string); len(id) != 36 {
		t.Errorf("201: generated id %q", id)
	}
	plain, _ := unnamed["client_secret"].(string)
	if len(plain) != 26 {
		t.Errorf("a generated secret has %d characters", len(plain))
	}
	id, _ := unnamed["client_id"].(string)
	if _, err := a.clients.Authenticate(t.Context(), credentials(id, plain)); err != nil {
		t.Errorf("208: right secret: %v", err)
	}
	if _, err := a.clients.Authenticate(t.Context(), credentials(id, plain[1:])); oauth.KindOf(err) != oauth.InvalidClient {
		t.Errorf("208: wrong secret: %v", err)
	}
	a.call("POST", "/clients", `{"client_id":"public"}`).refused(409, "conflict")
	a.call("DELETE", "/clients/never", "").is(204)
	if c := a.call("PUT", "/clients/public", `{"client_id":"other"}`).is(200).object(); c["client_id"] != "public" {
		t.Errorf("216: id = %v", c["client_id"])
	}
	a.call("GET", "/clients/other", "").refused(404, "not_found")
	a.call("PUT", "/clients/never", `{}`).refused(404, "not_found")
	for _, empty := range []string{`{}`, `{"keys":null}`, `{"keys":[]}`, `null`} {
		c := a.call("POST", "/clients", `{"jwks":`+empty+`,"jwks_uri":"https://app.example/jwks"}`).is(201).object()
		if _, ok := c["jwks"]; ok {
			t.Errorf("217: jwks = %v", c["jwks"])
		}
	}
	a.call("POST", "/clients", `{"jwks":{}}`).is(201)
}

// Contract case 215: the tokens of a deleted client are dead, also when
// another client gets its id.
func TestDeleteClientEndsItsTokens(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const body = `{"client_id":"c","grant_types":["client_credentials"]}`
	a.call("POST", "/clients", body).is(201)
	c, err := a.clients.Client(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	issued, err := a.tokens.Exchange(t.Context(), c, url.Values{"grant_type": {"client_credentials"}})
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"token": {string(issued.AccessToken)}}.Encode()
	active := func() any {
		return a.send("POST", "/oauth2/introspect", "application/x-www-form-urlencoded", form).is(200).object()["active"]
	}
	if got := active(); got != true {
		t.Fatalf("before: active = %v", got)
	}
	a.call("DELETE", "/clients/c", "").is(204)
	if got := active(); got != false {
		t.Errorf("after the deletion: active = %v", got)
	}
	a.call("POST", "/clients", body).is(201)
	if got := active(); got != false {
		t.Errorf("under a new client with the id: active = %v", got)
	}
}

// Contract cases 202 to 207 and 212; what the body may not be.
func TestClientsRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.call("POST", "/clients", `{"client_id":"c","client_name":"before"}`).is(201)
	for name, body := range map[string]string{
		"202 userinfo alg":            `{"userinfo_signed_response_alg":"foo"}`,
		"203 keys missing":            `{"token_endpoint_auth_method":"private_key_jwt"}`,
		"203 keys empty":              `{"token_endpoint_auth_method":"private_key_jwt","jwks":{}}`,
		"204 keys twice":              strings.Replace(fullClient, `"subject_type"`, `"jwks_uri":"https://app.example/jwks","subject_type"`, 1),
		"206 subject type":            `{"subject_type":"foo"}`,
		"206 pairwise not enabled":    `{"subject_type":"pairwise"}`,
		"207 sector over http":        `{"sector_identifier_uri":"http://app.example/sector"}`,
		"212 short secret":            `{"client_secret":"12345"}`,
		"212 fragment":                `{"redirect_uris":["https://app.example/#x"]}`,
		"212 origin with a path":      `{"allowed_cors_origins":["https://app.example/x"]}`,
		"212 origin with a user":      `{"allowed_cors_origins":["https://user@app.example"]}`,
		"212 origin with ftp":         `{"allowed_cors_origins":["ftp://app.example"]}`,
		"request_uris with a text":    `{"request_uris":["b"]}`,
		"private keys":                `{"jwks":{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"one","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}}`,
		"empty body":                  ``,
		"blank body":                  " \n",
		"bad JSON":                    `{"client_name":`,
		"no object":                   `[]`,
		"null":                        `null`,
		"a number for a name":         `{"client_name":7}`,
		"a text for a list":           `{"redirect_uris":"https://app.example/"}`,
		"a number in a list":          `{"redirect_uris":[7]}`,
		"a text for a number":         `{"client_secret_expires_at":"7"}`,
		"a text for a switch":         `{"skip_consent":"yes"}`,
		"a number for a lifespan":     `{"refresh_token_grant_access_token_lifespan":3600}`,
		"no duration":                 `{"refresh_token_grant_access_token_lifespan":"soon"}`,
		"a lifespan of nothing":       `{"refresh_token_grant_access_token_lifespan":"0s"}`,
		"a member twice":              `{"client_name":"a","client_name":"b"}`,
		"a member twice in two cases": `{"client_name":"a","Client_Name":"b"}`,
		"NUL":                         `{"client_name":"a\u0000b"}`,
		"half a surrogate pair":       `{"client_name":"\ud800"}`,
		"bad UTF-8":                   "{\"client_name\":\"\xff\"}",
		"metadata is a list":          `{"metadata":[]}`,
		"nested too deeply":           `{"metadata":` + strings.Repeat(`{"a":`, 100_000) + `1` + strings.Repeat(`}`, 100_000) + `}`,
		"10,000 redirect URIs":        `{"redirect_uris":["https://a.example/"` + strings.Repeat(`,"https://a.example/"`, 9_999) + `]}`,
	} {
		t.Run(name, func(t *testing.T) {
			a := a.on(t)
			a.call("POST", "/clients", body).refused(400, "invalid_request")
			a.call("PUT", "/clients/c", body).refused(400, "invalid_request")
		})
	}
	a.call("POST", "/clients", `{"client_name":"`+strings.Repeat("x", 1<<20)+`"}`).is(413)
	clients := a.call("GET", "/clients", "").array()
	if len(clients) != 1 || clients[0]["client_name"] != "before" {
		t.Errorf("something was written: %v", clients)
	}
}

// Contract cases 205 and 206, over HTTP.
func TestSubjectTypes(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.clients.Options.SubjectTypes = []string{"pairwise", "public"}
	if c := a.call("POST", "/clients", `{}`).is(201).object(); c["subject_type"] != "public" {
		t.Errorf("default = %v", c["subject_type"])
	}
	a.call("POST", "/clients", `{"subject_type":"pairwise"}`).is(201)
	a.clients.Options.SubjectTypes = []string{"pairwise"}
	if c := a.call("POST", "/clients", `{}`).is(201).object(); c["subject_type"] != "pairwise" {
		t.Errorf("default = %v", c["subject_type"])
	}
	a.call("POST", "/clients", `{"subject_type":"public"}`).refused(400, "invalid_request")
}

// Contract case 209: what a client without lists may do.
func TestDefaultGrantAndResponseTypes(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.call("POST", "/clients", `{"client_id":"c"}`).is(201)
	c, err := a.clients.Client(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	if !c.AllowsGrantType("authorization_code") || c.AllowsGrantType("client_credentials") || !c.AllowsResponseType([]string{"code"}) || c.AllowsResponseType([]string{"token"}) {
		t.Error("not authorization_code with code alone")
	}
}

// Contract case 210; limits and offsets of any kind (§2.0.2).
func TestListPages(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, id := range []string{"b", "a"} {
		a.call("POST", "/clients", `{"client_id":"`+id+`"}`).is(201)
	}
	for query, want := range map[string][]string{
		"":                         {"a", "b"},
		"?limit=100&offset=0":      {"a", "b"},
		"?limit=1&offset=0":        {"a"},
		"?limit=1&offset=1":        {"b"},
		"?limit=100&offset=100":    nil,
		"?limit=0":                 nil,
		"?limit=-1":                nil,
		"?limit=x&offset=x":        {"a", "b"},
		"?limit=&offset=":          {"a", "b"},
		"?offset=-5":               {"a", "b"},
		"?limit=99999999999999999": {"a", "b"},
		"?limit=999999999999999999999999&offset=1e3": {"a", "b"},
		"?offset=9223372036854775807":                nil,
	} {
		got := ids(a.call("GET", "/clients"+query, "").is(200).array())
		if !slices.Equal(got, want) {
			t.Errorf("GET /clients%s = %q, want %q", query, got, want)
		}
	}
}

// More than a page holds: at most 500, 100 by default.
func TestListIsBounded(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for range 101 {
		if _, err := a.clients.Create(t.Context(), &oauth.Client{AuthMethod: oauth.AuthNone}, ""); err != nil {
			t.Fatal(err)
		}
	}
	all := ids(a.call("GET", "/clients?limit=501", "").array())
	if len(all) != 101 || !slices.IsSorted(all) {
		t.Errorf("%d clients, sorted: %t", len(all), slices.IsSorted(all))
	}
	if n := len(a.call("GET", "/clients", "").array()); n != 100 {
		t.Errorf("%d clients by default, want 100", n)
	}
}

// Ids survive every byte that JSON allows and are never confused.
func TestClientIDs(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	all := []string{"a/b", "a%2Fb", "a b", "a+b", "😀", "ä", "a\u0308", "A", "a", "?x=1#y", "..", ".", "//", ":", `"<&>\`, "'; DROP TABLE clients; --"}
	for _, id := range all {
		body, err := json.Marshal(map[string]string{"client_id": id})
		if err != nil {
			t.Fatal(err)
		}
		location := a.call("POST", "/clients", string(body)).is(201).header.Get("Location")
		if c := a.call("GET", location, "").is(200).object(); c["client_id"] != id {
			t.Errorf("GET %s = %v, want %q", location, c["client_id"], id)
		}
	}
	for _, id := range all {
		path := "/clients/" + strings.ReplaceAll(url.PathEscape(id), ".", "%2E")
		if c := a.call("PUT", path, `{"owner":"me"}`).is(200).object(); c["client_id"] != id {
			t.Errorf("PUT %s = %v, want %q", path, c["client_id"], id)
		}
		a.call("DELETE", path, "").is(204)
		a.call("GET", path, "").refused(404, "not_found")
	}
	if rest := ids(a.call("GET", "/clients", "").array()); len(rest) != 0 {
		t.Errorf("left over: %q", rest)
	}
	a.call("GET", "/clients/"+strings.Repeat("x", 300), "").refused(404, "not_found")
	a.call("POST", "/clients", `{"client_id":"`+strings.Repeat("x", 256)+`"}`).refused(400, "invalid_request")
}

// What is accepted can be read back, sent again, and read back the same.
func FuzzClientJSON(f *testing.F) {
	f.Add([]byte(fullClient))
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"jwks":{"keys":[{}]},"metadata":{"a":1e3}}`))
	f.Add([]byte(`{"refresh_token_grant_id_token_lifespan":"1ns","skip_logout_consent":true}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var first, second clientJSON
		if !json.Valid(body) || json.Unmarshal(body, &first) != nil {
			return
		}
		shown, err := json.Marshal(ClientJSON(first.client()))
		if err != nil {
			t.Fatalf("accepted, but cannot be shown: %v", err)
		}
		if err := json.Unmarshal(shown, &second); err != nil {
			t.Fatalf("%s was shown and is refused: %v", shown, err)
		}
		again, err := json.Marshal(ClientJSON(second.client()))
		if err != nil || string(again) != string(shown) {
			t.Errorf("shown as %s, then as %s, %v", shown, again, err)
		}
	})
}
