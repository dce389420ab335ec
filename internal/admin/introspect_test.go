package admin

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
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

// tokenAPI is introspection and flush over HTTP, on a real store with a clock
// that a test moves.
type tokenAPI struct {
	t      testing.TB
	store  oauth.Store
	tokens *token.Service
	url    string
	ahead  atomic.Int64
}

func newTokenAPI(t testing.TB, change ...func(*Handler)) *tokenAPI {
	t.Helper()
	a := &tokenAPI{t: t, store: storetest.New(t)}
	now := func() time.Time { return noon.Add(time.Duration(a.ahead.Load())) }
	system, err := secret.NewSystem([]string{"a system secret for tests only"})
	a.must(err)
	sealer := secret.NewSealer("https://issuer.test/")
	sealer.Now = now
	watch := &key.Watch{Store: a.store, Now: now}
	a.must((&key.Ring{Store: a.store, System: system, Sealer: sealer, Watch: watch, Now: now, RotateEvery: -1}).Start(t.Context()))
	keys := &key.Service{Store: a.store, Sealer: sealer, Watch: watch, Now: now}
	a.must(keys.Ensure(t.Context(), token.IDTokenSet, "ES256"))
	clients := &client.Service{Store: a.store, Replays: a.store, Watch: watch, Now: now}
	a.tokens = &token.Service{
		Store: a.store, Clients: clients, Keys: keys, Sealer: sealer, Now: now, Options: token.Options{Issuer: "https://issuer.test/"},
	}
	mux := new(web.Mux)
	h := &Handler{Clients: clients, Keys: keys, Tokens: a.tokens, Sealer: sealer, Errors: new(web.Errors)}
	for _, f := range change {
		f(h)
	}
	h.Routes(mux)
	server := httptest.NewServer(described(t, mux))
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

func (a *tokenAPI) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// signIn makes a client, and tokens of a consent that was given to it.
func (a *tokenAPI) signIn(change func(*oauth.GrantData)) (*oauth.Client, *token.Response) {
	a.t.Helper()
	now := a.tokens.Now()
	id := oauth.ID(secret.NewID())
	c := &oauth.Client{
		UID: id, ID: "app-" + id.String(), ExpiresAt: oauth.Never, AuthMethod: oauth.AuthSecretBasic, Scope: "offline foo.*",
		GrantTypes: []string{oauth.GrantAuthorizationCode, oauth.GrantRefreshToken, oauth.GrantClientCredentials},
	}
	a.must(a.store.AddClient(a.t.Context(), c, nil))
	seed := oauth.Seed(secret.NewID())
	d := &oauth.GrantData{
		Subject: "alice", SubjectIdentifier: "pairwise", GrantedScope: []string{"offline", "foo.*"}, GrantedAudience: []string{"https://api.test/"},
		AccessClaims: json.RawMessage(`{"n":1.0,"a":"<b>"}`),
	}
	if change != nil {
		change(d)
	}
	data, err := a.tokens.SealData(seed.GrantID(), d)
	a.must(err)
	a.must(a.store.AddGrant(a.t.Context(), &oauth.Grant{
		ID: seed.GrantID(), ClientUID: c.UID, Kind: oauth.ConsentGrant, SubjectKey: oauth.ID{1}, RequestedAt: now, HandledAt: now,
		FlowExpiresAt: now.Add(15 * time.Minute), CodeExpiresAt: now.Add(25 * time.Minute),
		ExpiresAt: now.Add(25 * time.Minute), PurgeAt: now.Add(35 * time.Minute), Data: data,
	}, oauth.Standing{Now: now}))
	code, err := a.tokens.Code(seed, now.Add(10*time.Minute))
	a.must(err)
	res, err := a.tokens.Exchange(a.t.Context(), c, url.Values{"grant_type": {"authorization_code"}, "code": {string(code)}})
	a.must(err)
	return c, res
}

func (a *tokenAPI) send(path, contentType, body string) (status int, header http.Header, text string) {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.url+path, strings.NewReader(body))
	a.must(err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.SetBasicAuth("whoever", "ignored")
	res, err := http.DefaultTransport.RoundTrip(r)
	a.must(err)
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	a.must(err)
	return res.StatusCode, res.Header, string(read)
}

const (
	formContent = "application/x-www-form-urlencoded"
	inactive    = `{"active":false}` + "\n"
)

func (a *tokenAPI) introspect(value oauth.Secret, more string) (contentType, body string) {
	a.t.Helper()
	status, header, body := a.send("/oauth2/introspect", formContent, "token="+url.QueryEscape(string(value))+more)
	if status != 200 || header.Get("Cache-Control") != "no-store" {
		a.t.Fatalf("introspect = %d %s, Cache-Control %q", status, body, header.Get("Cache-Control"))
	}
	return header.Get("Content-Type"), body
}

// inOldForm is the option compatibility: rc.
func inOldForm(h *Handler) { h.OldIntrospection = true }

// Contract §2.6, §4.13 and cases 172 to 174, in the form of rc.
func TestIntrospect(t *testing.T) {
	t.Parallel()
	a := newTokenAPI(t, inOldForm)
	c, res := a.signIn(nil)
	want := `{"active":true,"scope":"offline foo.*","client_id":"` + c.ID + `","sub":"alice","obfuscated_subject":"pairwise",` +
		`"exp":1795438800,"iat":1795435200,"aud":["https://api.test/"],"iss":"https://issuer.test/","token_type":"access_token",` +
		`"token_use":"access_token","ext":{"n":1.0,"a":"<b>"}}` + "\n"
	for _, hint := range []string{"", "&token_type_hint=access_token", "&token_type_hint=refresh_token", "&token_type_hint=x", "&scope=foo.bar+offline"} {
		contentType, body := a.introspect(res.AccessToken, hint)
		if body != want || contentType != "application/json;charset=UTF-8" {
			t.Errorf("introspect(access%s): %s %s\nwant %s", hint, contentType, body, want)
		}
	}
	want = strings.NewReplacer("1795438800", "1798027200", "access_token", "refresh_token").Replace(want)
	if _, body := a.introspect(res.RefreshToken, "&token_type_hint=access_token"); body != want {
		t.Errorf("introspect(refresh): %s\nwant %s", body, want)
	}

	bare, res := a.signIn(func(d *oauth.GrantData) { *d = oauth.GrantData{Subject: "bob"} })
	want = `{"active":true,"client_id":"` + bare.ID + `","sub":"bob","exp":1795438800,"iat":1795435200,"iss":"https://issuer.test/",` +
		`"token_type":"access_token","token_use":"access_token"}` + "\n"
	if _, body := a.introspect(res.AccessToken, ""); body != want {
		t.Errorf("introspect(least): %s\nwant %s", body, want)
	}
	a.tokens.Options.RefreshLifespan = -1
	_, res = a.signIn(nil)
	if _, body := a.introspect(res.RefreshToken, ""); strings.Contains(body, `"exp"`) {
		t.Errorf("a refresh token without an end has exp: %s", body)
	}
}

// Contract cases 170, 171.
func TestIntrospectInactive(t *testing.T) {
	t.Parallel()
	a := newTokenAPI(t)
	c, res := a.signIn(nil)
	_, revoked := a.signIn(nil)
	deleted, orphan := a.signIn(nil)
	a.must(a.tokens.Revoke(t.Context(), c, revoked.AccessToken)) // another client's: nothing happens
	if _, body := a.introspect(revoked.AccessToken, ""); body == inactive {
		t.Fatal("another client revoked the token")
	}
	a.must(a.store.DeleteClient(t.Context(), deleted.ID, noon))
	for name, body := range map[string]string{
		"rubbish":           "token=rubbish",
		"no token":          "token=",
		"only a hint":       "token_type_hint=access_token",
		"scope not granted": "token=" + string(res.AccessToken) + "&scope=bar",
		"one of two scopes": "token=" + string(res.AccessToken) + "&scope=foo.bar+bar",
		"client deleted":    "token=" + string(orphan.AccessToken),
	} {
		status, header, got := a.send("/oauth2/introspect", formContent, body)
		if status != 200 || got != inactive || header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s %q", name, status, header.Get("Content-Type"), got)
		}
	}
	a.ahead.Add(int64(time.Hour))
	if _, body := a.introspect(res.AccessToken, ""); body != inactive {
		t.Errorf("expired: %s", body)
	}
	if _, body := a.introspect(res.RefreshToken, ""); body == inactive {
		t.Error("the refresh token expired with the access token")
	}
}

// Contract case 175, and the bodies that are and are not read.
func TestIntrospectBodies(t *testing.T) {
	t.Parallel()
	a := newTokenAPI(t)
	_, res := a.signIn(nil)
	multi := func(file bool) (contentType, body string) {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		a.must(m.WriteField("token", string(res.AccessToken)))
		if file {
			_, err := m.CreateFormFile("scope", "evil")
			a.must(err)
		}
		a.must(m.Close())
		return m.FormDataContentType(), b.String()
	}
	contentType, body := multi(false)
	if status, _, got := a.send("/oauth2/introspect", contentType, body); status != 200 || got == inactive {
		t.Errorf("multipart: %d %s", status, got)
	}
	withFile, fileBody := multi(true)
	for name, test := range map[string]struct{ contentType, body string }{
		"empty":             {formContent, ""},
		"nothing at all":    {"", ""},
		"JSON":              {"application/json", `{"token":"x"}`},
		"no content type":   {"", "token=x"},
		"text":              {"text/plain", "token=x"},
		"token twice":       {formContent, "token=x&token=y"},
		"multipart file":    {withFile, fileBody},
		"multipart cut off": {contentType, body[:20]},
		"bad escape":        {formContent, "token=%"},
		"NUL":               {formContent, "token=%00"},
	} {
		status, header, got := a.send("/oauth2/introspect", test.contentType, test.body)
		if status != 400 || !strings.Contains(got, `"error":"invalid_request"`) || header.Get("Content-Type") != "application/json;charset=UTF-8" {
			t.Errorf("%s: %d %s %s, want 400 invalid_request in E2", name, status, header.Get("Content-Type"), got)
		}
	}
}

// Contract cases 179 to 182; the bad body is ruled 400.
func TestFlush(t *testing.T) {
	t.Parallel()
	a := newTokenAPI(t)
	short := func(d *oauth.GrantData) { d.GrantedScope = []string{"foo.*"} } // no refresh token
	_, first := a.signIn(short)
	a.ahead.Add(int64(3 * time.Hour))
	_, second := a.signIn(short)
	a.ahead.Add(int64(3 * time.Hour))
	_, living := a.signIn(nil)

	flush := func(body string) (int, string) {
		status, _, got := a.send("/oauth2/flush", "application/json", body)
		return status, got
	}
	exists := func(res *token.Response) bool {
		t.Helper()
		opened, err := a.tokens.Sealer.Open(t.Context(), string(res.AccessToken), secret.Access)
		a.must(err)
		// The key follows the flags; a Grant's id is its hash.
		_, err = a.store.Grant(t.Context(), oauth.AccessKey(opened.Payload[1:17]).GrantID())
		return err == nil
	}
	at := func(d time.Duration) string { return `{"notAfter":"` + noon.Add(d).Format(time.RFC3339) + `"}` }
	for _, step := range []struct {
		name, body            string
		first, second, living bool
	}{
		{"a day ago (179)", at(-24 * time.Hour), true, true, true},
		{"before the second ended (180)", at(4 * time.Hour), false, true, true},
		{"now (181)", `{}`, false, false, true},
		{"in a year", at(365 * 24 * time.Hour), false, false, true},
		{"later generations' members", `{"notafter":"2026-11-23T12:00:00+02:00","unknown":1}`, false, false, true},
	} {
		if status, got := flush(step.body); status != 204 || got != "" {
			t.Errorf("%s: %d %s, want 204", step.name, status, got)
		}
		if exists(first) != step.first || exists(second) != step.second || exists(living) != step.living {
			t.Errorf("%s: rows %v %v %v", step.name, exists(first), exists(second), exists(living))
		}
	}
	for _, body := range []string{"", "{", `[]`, `{"notAfter":"yesterday"}`, `{"notAfter":1}`} {
		if status, got := flush(body); status != 400 || !strings.Contains(got, `"error":"invalid_request"`) {
			t.Errorf("%q: %d %s, want 400", body, status, got)
		}
	}
}
