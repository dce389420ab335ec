package admin

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
)

// Conflicts between the generations that need no browser, by their rows in
// later-generations.md §1.2, and the operations that came with v1 and v2.

// shapes are the prefixes of the operations that v1 and v2 have in common.
var shapes = map[string]string{"v1": "", "v2": "/admin"}

func inShapes(t *testing.T, f func(t *testing.T, a *api, prefix string)) {
	for name, prefix := range shapes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, newAPI(t), prefix)
		})
	}
}

// brief wants an error as v2 writes it.
func (r answer) brief(status int, code string) {
	r.t.Helper()
	r.is(status)
	e := r.object()
	if e["error"] != code || len(sortedKeys(e)) != 2 || e["error_description"] == "" {
		r.t.Errorf("%s = %s, want %s and its description alone", r.what, r.body, code)
	}
}

func (r answer) links() map[string]url.Values {
	r.t.Helper()
	out := map[string]url.Values{}
	for _, text := range strings.Split(r.header.Get("Link"), ",") {
		target, relation, ok := strings.Cut(text, ">; rel=")
		u, err := url.Parse(strings.TrimPrefix(target, "<"))
		if !ok || err != nil {
			r.t.Fatalf("%s: Link is %q", r.what, r.header.Get("Link"))
		}
		out[strings.Trim(relation, `"`)] = u.Query()
	}
	return out
}

func TestGenerationsOfClients(t *testing.T) {
	t.Parallel()
	inShapes(t, func(t *testing.T, a *api, prefix string) {
		created := a.call("POST", prefix+"/clients", `{"client_id":"own/id","unknown":1,"metadata":{"a":"<b>"},"skip_consent":true,"access_token_strategy":"jwt"}`).is(201)
		if got, want := created.header.Get("Location"), prefix+"/clients/own%2Fid"; got != want { // rows 19, 21
			t.Errorf("Location = %q, want %q", got, want)
		}
		c := created.object()
		if s, _ := c["client_secret"].(string); len(s) != 26 { // row 20
			t.Errorf("the generated secret has %d characters", len(s))
		}
		if c["skip_consent"] != true || c["access_token_strategy"] != "jwt" || !strings.Contains(string(created.body), `"metadata":{"a":"<b>"}`) {
			t.Errorf("created %s", created.body)
		}
		read := a.call("GET", prefix+"/clients/own%2Fid", "").is(200)
		delete(c, "client_secret")
		if diff := cmp.Diff(c, read.object()); diff != "" {
			t.Error(diff)
		}
		// Row 46: an update without a secret keeps it.
		a.call("PUT", prefix+"/clients/own%2Fid", `{"client_name":"n"}`).is(200)
		if _, err := a.clients.Authenticate(t.Context(), credentials("own/id", created.object()["client_secret"])); err != nil {
			t.Errorf("the secret is gone: %v", err)
		}
		a.call("DELETE", prefix+"/clients/own%2Fid", "").is(204)
		a.call("DELETE", prefix+"/clients/own%2Fid", "").is(204)
		for _, r := range []answer{a.call("GET", prefix+"/clients/own%2Fid", ""), a.call("PUT", prefix+"/clients/own%2Fid", `{}`), a.call("PATCH", prefix+"/clients/own%2Fid", `[]`)} {
			if prefix == "" { // row 34
				r.refused(404, "not_found")
			} else {
				r.brief(404, "not_found")
			}
		}
		a.call("PUT", prefix+"/clients", `{}`).is(405)
	})
}

// Row 45: v2 shows no secret of a public client, older generations echo what
// an update calls so.
func TestSecretOfPublicClient(t *testing.T) {
	t.Parallel()
	inShapes(t, func(t *testing.T, a *api, prefix string) {
		a.call("POST", prefix+"/clients", `{"client_id":"p","token_endpoint_auth_method":"none"}`).is(201)
		c := a.call("PUT", prefix+"/clients/p", `{"token_endpoint_auth_method":"none","client_secret":"useless secret"}`).is(200).object()
		if _, shown := c["client_secret"]; shown == (prefix != "") {
			t.Errorf("client_secret is shown: %v", shown)
		}
	})
}

// Rows 15 to 17.
func TestClientPages(t *testing.T) {
	t.Parallel()
	inShapes(t, func(t *testing.T, a *api, prefix string) {
		for i := range 7 {
			a.call("POST", "/clients", fmt.Sprintf(`{"client_id":"c%d","owner":"o%d","client_name":"n%d"}`, i, i%2, i%3)).is(201)
		}
		for query, want := range map[string][]string{
			"?owner=o1": {"c1", "c3", "c5"}, "?client_name=n0": {"c0", "c3", "c6"}, "?name=n0": {"c0", "c3", "c6"},
			"?owner=o1&client_name=n0": {"c3"}, "?owner=nobody": nil, "?owner=O1": nil, "?owner=&client_name=": {"c0", "c1", "c2", "c3", "c4", "c5", "c6"},
			"?owner=o1&limit=1&offset=1": {"c3"}, "?page_size=2": {"c0", "c1"}, "?page_size=9999999999999999999999": {"c0", "c1", "c2", "c3", "c4", "c5", "c6"},
			"?limit=2&offset=2": {"c2", "c3"}, "?limit=0": nil, "?limit=2&page_size=5": {"c0", "c1"}, "?offset=9": nil,
		} {
			if got := ids(a.call("GET", prefix+"/clients"+query, "").is(200).array()); !slices.Equal(got, want) {
				t.Errorf("%s = %v, want %v", query, got, want)
			}
		}
		// By offset: every link and the length of the list.
		r := a.call("GET", prefix+"/clients?limit=2&offset=4&owner=", "").is(200)
		offsets := map[string]string{}
		for name, q := range r.links() {
			offsets[name] = q.Get("offset") + " " + q.Get("limit")
		}
		if diff := cmp.Diff(map[string]string{"first": "0 2", "prev": "2 2", "next": "6 2", "last": "6 2"}, offsets); diff != "" || r.header.Get("X-Total-Count") != "7" {
			t.Errorf("links %s, total %s", diff, r.header.Get("X-Total-Count"))
		}
		for query, want := range map[string][2]string{ // total, links
			"?limit=3&offset=6":   {"7", "first last prev"},
			"?limit=7":            {"7", "first last"},
			"?limit=9":            {"7", "first last"},
			"?limit=3&offset=100": {"7", "first last prev"},
			"?limit=2&owner=o1":   {"3", "first last next"},
			"?limit=2&owner=x":    {"0", "first last"},
		} {
			r := a.call("GET", prefix+"/clients"+query, "").is(200)
			got := [2]string{r.header.Get("X-Total-Count"), strings.Join(slices.Sorted(maps.Keys(r.links())), " ")}
			if got != want {
				t.Errorf("%s: %v, want %v", query, got, want)
			}
		}
		// By place: each client once, although others come and go.
		var seen []string
		for next := "?page_size=3"; next != ""; {
			r := a.call("GET", prefix+"/clients"+next, "").is(200)
			seen = append(seen, ids(r.array())...)
			a.call("POST", "/clients", fmt.Sprintf(`{"client_id":"a%d"}`, len(seen))).is(201)
			a.call("DELETE", "/clients/"+seen[len(seen)-1], "").is(204)
			if r.header.Get("X-Total-Count") != "" {
				t.Error("a page by place tells the length of the list")
			}
			links := r.links()
			next = ""
			if q := links["next"]; q != nil {
				next = "?" + q.Encode()
			}
			if links["first"].Get("page_token") != "" || links["prev"] != nil {
				t.Errorf("links %v", links)
			}
		}
		if want := []string{"c0", "c1", "c2", "c3", "c4", "c5", "c6"}; !slices.Equal(seen, want) {
			t.Errorf("pages show %v, want %v", seen, want)
		}
		a.call("GET", prefix+"/clients?page_token=x", "").is(400)
		// A token belongs to its filter.
		token := a.call("GET", prefix+"/clients?owner=o1&page_size=1", "").is(200).links()["next"].Get("page_token")
		for query, status := range map[string]int{"owner=o1&page_token=" + token: 200, "page_token=" + token: 400, "owner=o0&page_token=" + token: 400} {
			a.call("GET", prefix+"/clients?"+query, "").is(status)
		}
		later := noon.Add(time.Hour)
		a.now.Store(&later)
		a.call("GET", prefix+"/clients?owner=o1&page_token="+token, "").is(400)
	})
	t.Run("default", func(t *testing.T) {
		t.Parallel()
		a := newAPI(t)
		for i := range 101 {
			a.call("POST", "/clients", fmt.Sprintf(`{"client_id":"c%03d","token_endpoint_auth_method":"none"}`, i)).is(201)
		}
		one, two := a.call("GET", "/clients", ""), a.call("GET", "/admin/clients", "")
		if n := len(one.array()); n != 100 || one.header.Get("X-Total-Count") != "101" || one.links()["next"].Get("offset") != "100" {
			t.Errorf("v1 shows %d, %v", n, one.header)
		}
		if n := len(two.array()); n != 100 || two.header.Get("X-Total-Count") != "" || two.links()["next"].Get("page_token") == "" {
			t.Errorf("v2 shows %d, %v", n, two.header)
		}
		rest := a.call("GET", "/admin/clients?"+two.links()["next"].Encode(), "")
		if n := len(rest.array()); n != 1 || rest.links()["next"] != nil {
			t.Errorf("v2 shows %d more, %v", n, rest.header)
		}
	})
}

func TestPatchClient(t *testing.T) {
	t.Parallel()
	inShapes(t, func(t *testing.T, a *api, prefix string) {
		secret := a.call("POST", "/clients", strings.Replace(fullClient, `"full/client"`, `"c"`, 1)).is(201).object()["client_secret"]
		path := prefix + "/clients/c"
		before := a.call("GET", path, "").is(200).object()
		later := noon.Add(time.Hour)
		a.now.Store(&later)
		got := a.call("PATCH", path, `[
			{"op":"test","path":"/client_id","value":"c"},
			{"op":"replace","path":"/client_name","value":"new <name>"},
			{"op":"add","path":"/redirect_uris/-","value":"https://app.example/more"},
			{"op":"remove","path":"/grant_types/2"},
			{"op":"add","path":"/metadata/plan","value":12345678901234567890},
			{"op":"replace","path":"/skip_consent","value":false},
			{"op":"replace","path":"/implicit_grant_id_token_lifespan","value":null},
			{"op":"copy","from":"/client_uri","path":"/policy_uri"}
		]`).is(200)
		want := maps.Clone(before)
		want["client_name"], want["policy_uri"], want["updated_at"] = "new <name>", before["client_uri"], "2026-11-23T13:00:00Z"
		want["redirect_uris"] = append(slices.Clone(before["redirect_uris"].([]any)), "https://app.example/more")
		want["grant_types"] = before["grant_types"].([]any)[:2]
		want["metadata"] = map[string]any{"team": map[string]any{"id": 7.0}, "plan": 12345678901234567890.0}
		delete(want, "skip_consent")
		delete(want, "implicit_grant_id_token_lifespan")
		if diff := cmp.Diff(want, got.object()); diff != "" {
			t.Errorf("patched (-want +got):\n%s", diff)
		}
		if !strings.Contains(string(got.body), "12345678901234567890") {
			t.Errorf("a number has lost digits: %s", got.body)
		}
		if diff := cmp.Diff(got.object(), a.call("GET", path, "").object()); diff != "" {
			t.Errorf("stored (-answered +read):\n%s", diff)
		}
		works := func(plain any) bool {
			t.Helper()
			c := oauth.Credentials{PostID: "c", PostSecret: oauth.Secret(fmt.Sprint(plain))}
			_, err := a.clients.Authenticate(t.Context(), c)
			return err == nil
		}
		if !works(secret) {
			t.Error("a patch that does not speak of the secret has changed it")
		}
		// A patch that fails changes nothing at all.
		after := a.call("GET", path, "").object()
		for name, patch := range map[string]string{
			"client_id":             `[{"op":"replace","path":"/client_name","value":"x"},{"op":"replace","path":"/client_id","value":"d"}]`,
			"client_id removed":     `[{"op":"remove","path":"/client_id"}]`,
			"client_id moved":       `[{"op":"move","from":"/client_id","path":"/client_name"}]`,
			"everything":            `[{"op":"replace","path":"","value":{}}]`,
			"created_at":            `[{"op":"add","path":"/created_at","value":"2000-01-01T00:00:00Z"}]`,
			"hidden":                `[{"op":"add","path":"/epoch","value":1}]`,
			"hidden in v2":          `[{"op":"add","path":"/registration_access_token","value":"x"}]`,
			"id of Go":              `[{"op":"replace","path":"/ID","value":"x"}]`,
			"a wrong type":          `[{"op":"replace","path":"/redirect_uris","value":"x"}]`,
			"a rule":                `[{"op":"add","path":"/redirect_uris/-","value":"https://app.example/#f"}]`,
			"a failing test":        `[{"op":"replace","path":"/client_name","value":"x"},{"op":"test","path":"/owner","value":"x"}]`,
			"the secret tested":     `[{"op":"test","path":"/client_secret","value":"chosen secret"}]`,
			"the secret short":      `[{"op":"add","path":"/client_secret","value":"short"}]`,
			"the secret removed":    `[{"op":"remove","path":"/client_secret"}]`,
			"the secret moved":      `[{"op":"move","from":"/client_secret","path":"/client_name"}]`,
			"the secret copied":     `[{"op":"copy","from":"/client_secret","path":"/client_name"}]`,
			"two operations in one": `[{"op":"test","OP":"replace","path":"/client_name","value":"x"}]`,
			"two values":            `[{"op":"replace","path":"/client_name","value":"x","Value":"y"}]`,
			"OP":                    `[{"OP":"replace","path":"/client_name","value":"x"}]`,
			"no array":              `{"op":"add"}`,
			"nothing":               `null`,
			"too many":              `[` + strings.Repeat(`{"op":"test","path":"/owner","value":"me"},`, maxPatch) + `{"op":"test","path":"/owner","value":"me"}]`,
		} {
			if r := a.call("PATCH", path, patch); r.status != http.StatusBadRequest {
				t.Errorf("%s = %d %s", name, r.status, r.body)
			}
		}
		if diff := cmp.Diff(after, a.call("GET", path, "").object()); diff != "" || !works(secret) {
			t.Errorf("a refused patch changed the client:\n%s", diff)
		}
		// A new secret is shown once and takes the place of the old one.
		c := a.call("PATCH", path, `[{"op":"add","path":"/client_secret","value":"another secret"}]`).is(200).object()
		if c["client_secret"] != "another secret" || !works("another secret") || works(secret) {
			t.Errorf("the new secret: %v", c["client_secret"])
		}
		a.call("PATCH", prefix+"/clients/nobody", `[]`).is(404)
	})
}

func TestLifespans(t *testing.T) {
	t.Parallel()
	inShapes(t, func(t *testing.T, a *api, prefix string) {
		before := a.call("POST", "/clients", strings.Replace(fullClient, `"full/client"`, `"c"`, 1)).is(201).object()
		c := a.call("PUT", prefix+"/clients/c/lifespans", `{"client_credentials_grant_access_token_lifespan":"90s","implicit_grant_id_token_lifespan":null,"client_name":"ignored"}`).is(200).object()
		for name := range before {
			if strings.HasSuffix(name, "_lifespan") || name == "client_secret" {
				delete(before, name)
			}
		}
		before["client_credentials_grant_access_token_lifespan"] = "1m30s"
		if diff := cmp.Diff(before, c); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, body := range []string{`{"client_credentials_grant_access_token_lifespan":"0s"}`, `{"client_credentials_grant_access_token_lifespan":90}`, ``, `[]`} {
			a.call("PUT", prefix+"/clients/c/lifespans", body).is(400)
		}
		a.call("PUT", prefix+"/clients/nobody/lifespans", `{}`).is(404)
	})
}

func TestClientSecrets(t *testing.T) {
	t.Parallel()
	inShapes(t, func(t *testing.T, a *api, prefix string) {
		first := a.call("POST", "/clients", `{"client_id":"a/b"}`).is(201).object()["client_secret"]
		path := prefix + "/clients/a%2Fb/secrets"
		second := a.call("POST", path, `{"others_expire_at":"2026-11-23T13:00:00Z"}`).is(201)
		s := second.object()
		if got, want := second.header.Get("Location"), path+"/"+fmt.Sprint(s["id"]); got != want {
			t.Errorf("Location = %q, want %q", got, want)
		}
		list := a.call("GET", path, "").is(200)
		var rows []map[string]any
		if err := json.Unmarshal(list.body, &rows); err != nil || len(rows) != 2 || strings.Contains(string(list.body), "client_secret") || strings.Contains(string(list.body), "$") {
			t.Fatalf("the list is %s", list.body)
		}
		if diff := cmp.Diff([]any{"2026-11-23T13:00:00Z", nil}, []any{rows[0]["expires_at"], rows[1]["expires_at"]}); diff != "" {
			// Both were made in the same second: either order is oldest first.
			if diff := cmp.Diff([]any{nil, "2026-11-23T13:00:00Z"}, []any{rows[0]["expires_at"], rows[1]["expires_at"]}); diff != "" {
				t.Error(diff)
			}
		}
		works := func(plain any) bool {
			_, err := a.clients.Authenticate(t.Context(), credentials("a/b", plain))
			return err == nil
		}
		if !works(first) || !works(s["client_secret"]) {
			t.Error("the secrets do not overlap")
		}
		later := noon.Add(time.Hour)
		a.now.Store(&later)
		if works(first) || !works(s["client_secret"]) {
			t.Error("the first secret did not end, or the second one did")
		}
		a.call("DELETE", path+"/"+fmt.Sprint(s["id"]), "").is(409)
		a.call("POST", path, `{"client_secret":"chosen secret","expires_at":"2026-12-24T00:00:00Z"}`).is(201)
		a.call("DELETE", path+"/"+fmt.Sprint(s["id"]), "").is(204)
		a.call("DELETE", path+"/nothing", "").is(204)
		if works(s["client_secret"]) || !works("chosen secret") {
			t.Error("the deleted secret works, or the other one does not")
		}
		for _, body := range []string{`{"client_secret":"short"}`, `{"expires_at":"2026-11-23T12:00:00Z"}`, `{"expires_in":5}`, `{"expires_at":"tomorrow"}`, `null`} {
			a.call("POST", path, body).is(400)
		}
		if s := a.call("POST", path, "").is(201).object(); !works(s["client_secret"]) {
			t.Errorf("an empty body makes %v", s)
		}
		for _, method := range []string{"GET", "POST"} {
			a.call(method, prefix+"/clients/nobody/secrets", `{}`).is(404)
		}
		a.call("DELETE", prefix+"/clients/nobody/secrets/"+strings.Repeat("0", 32), "").is(404)
	})
}

// Rows 21 to 26. A pair is two keys in rc and v1, and one in v2.
func TestGenerationsOfKeys(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	kids := func(r answer) (out []string) {
		t.Helper()
		keys, _ := r.object()["keys"].([]any)
		for _, k := range keys {
			out = append(out, k.(map[string]any)["kid"].(string))
		}
		slices.Sort(out)
		return out
	}
	for name, test := range map[string]struct {
		prefix string
		want   []string
	}{"v1": {"", []string{"private:x", "public:x"}}, "v2": {"/admin", []string{"x"}}} {
		created := a.call("POST", test.prefix+"/keys/"+name, `{"alg":"ES256","use":"sig","kid":"x"}`).is(201)
		if got := kids(created); !slices.Equal(got, test.want) || created.header.Get("Location") != test.prefix+"/keys/"+name {
			t.Errorf("%s made %v at %s", name, got, created.header.Get("Location"))
		}
		if got := kids(a.call("GET", test.prefix+"/keys/"+name, "").is(200)); !slices.Equal(got, test.want) {
			t.Errorf("%s shows %v", name, got)
		}
	}
	one := a.call("GET", "/admin/keys/v1/x", "").is(200)
	if got := kids(one); !slices.Equal(got, []string{"x"}) || one.object()["keys"].([]any)[0].(map[string]any)["d"] == nil {
		t.Errorf("the key of v2 is %s", one.body)
	}
	a.call("GET", "/keys/v1/x", "").refused(404, "not_found")
	a.call("GET", "/admin/keys/v1/y", "").brief(404, "not_found")
	a.call("GET", "/admin/keys/none", "").brief(404, "not_found")
	for _, alg := range []string{"RS256", "PS512", "ES384", "EdDSA", "HS256"} { // row 23
		a.call("POST", "/admin/keys/algs", `{"alg":"`+alg+`","use":"sig","kid":"`+alg+`"}`).is(201)
	}
	// Row 22: PUT replaces, what v2 shows can be sent back.
	set := a.call("GET", "/admin/keys/v1", "").is(200)
	if got := kids(a.call("PUT", "/admin/keys/v2", string(set.body)).is(200)); !slices.Equal(got, []string{"x"}) {
		t.Errorf("the replaced set has %v", got)
	}
	a.call("DELETE", "/admin/keys/v1/x", "").is(204)
	a.call("DELETE", "/admin/keys/v1/x", "").is(204)
	a.call("GET", "/keys/v1", "").refused(404, "not_found") // both halves are gone
	a.call("DELETE", "/admin/keys/v2", "").is(204)
	a.call("GET", "/admin/keys/v2", "").brief(404, "not_found")
}

// Rows 27, 28 and 30: the form of v1.9 on both paths; with compatibility: rc
// that of rc on the path without /admin.
func TestGenerationsOfIntrospection(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change []func(*Handler)
		old    bool
	}{"row 27: default": {nil, false}, "row 27: rc": {[]func(*Handler){inOldForm}, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testIntrospectionForms(t, newTokenAPI(t, test.change...), test.old)
		})
	}
}

func testIntrospectionForms(t *testing.T, a *tokenAPI, old bool) {
	c, r := a.signIn(nil)
	plain := [2]string{"Bearer", "Bearer"}
	if old {
		plain = [2]string{"access_token", "refresh_token"}
	}
	for path, want := range map[string][2]string{"/oauth2/introspect": plain, "/admin/oauth2/introspect": {"Bearer", "Bearer"}} {
		for i, value := range []oauth.Secret{r.AccessToken, r.RefreshToken} {
			status, _, text := a.send(path, formContent, "token="+url.QueryEscape(string(value)))
			var got map[string]any
			if err := json.Unmarshal([]byte(text), &got); status != 200 || err != nil {
				t.Fatalf("%s = %d %s", path, status, text)
			}
			if got["token_type"] != want[i] || got["token_use"] != []string{"access_token", "refresh_token"}[i] || got["client_id"] != c.ID || got["iss"] != "https://issuer.test/" {
				t.Errorf("%s = %s", path, text)
			}
			if _, ok := got["nbf"]; ok != (!old || path[1] == 'a') { // row 28
				t.Errorf("%s: nbf %v", path, got["nbf"])
			}
		}
		if status, _, text := a.send(path, formContent, "token=x"); status != 200 || text != inactive {
			t.Errorf("row 30: %s = %d %s", path, status, text)
		}
	}
	// Members that are always there.
	_, r = a.signIn(func(d *oauth.GrantData) { d.GrantedAudience, d.GrantedScope, d.AccessClaims = nil, nil, nil })
	_, _, text := a.send("/admin/oauth2/introspect", formContent, "token="+url.QueryEscape(string(r.AccessToken)))
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if audience, ok := got["aud"].([]any); !ok || len(audience) != 0 || got["nbf"] != got["iat"] || got["exp"] == nil || got["sub"] != "alice" {
		t.Errorf("v2 = %s", text)
	}
	status, _, text := a.send("/admin/oauth2/introspect", formContent, "")
	var e map[string]any
	if err := json.Unmarshal([]byte(text), &e); err != nil || status != 400 || len(e) != 2 {
		t.Errorf("an empty body = %d %s", status, text)
	}
}

// Flushing was removed in v2; a client's access tokens can be deleted since v1.8.
func TestFlushAndDeleteTokens(t *testing.T) {
	t.Parallel()
	a := newTokenAPI(t)
	if status, _, _ := a.send("/oauth2/flush", "application/json", `{}`); status != 204 {
		t.Errorf("v1 flush = %d", status)
	}
	if status, _, _ := a.send("/admin/oauth2/flush", "application/json", `{}`); status != 404 {
		t.Errorf("v2 flush = %d", status)
	}
	for _, prefix := range shapes {
		c, r := a.signIn(nil)
		_, other := a.signIn(nil)
		remove := func(query string) int {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, a.url+prefix+"/oauth2/tokens"+query, nil)
			a.must(err)
			res, err := http.DefaultTransport.RoundTrip(req)
			a.must(err)
			a.must(res.Body.Close())
			return res.StatusCode
		}
		active := func(value oauth.Secret) bool {
			_, _, text := a.send("/oauth2/introspect", formContent, "token="+url.QueryEscape(string(value)))
			return text != inactive
		}
		if got := []int{remove(""), remove("?client_id="), remove("?client_id=nobody"), remove("?client_id=" + url.QueryEscape(c.ID))}; !slices.Equal(got, []int{400, 400, 204, 204}) {
			t.Errorf("statuses %v", got)
		}
		if got := []bool{active(r.AccessToken), active(r.RefreshToken), active(other.AccessToken)}; !slices.Equal(got, []bool{false, true, true}) {
			t.Errorf("access token, refresh token, another client's: active %v", got)
		}
	}
}
