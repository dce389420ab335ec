package token

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/storetest"
)

// hooked is a world whose hooks answer what the test says.
type hooked struct {
	*world
	status  int
	reply   string
	err     error
	takes   time.Duration // of a call, by the world's clock
	asked   []string      // bodies
	counted []string
	then    func() // if set, happens when the hook has been asked
}

func newHooked(t testing.TB, store oauth.Store) *hooked {
	t.Helper()
	h := &hooked{world: newWorld(t, store), status: 204}
	hooks := &Hooks{Options: &h.Options, Token: h.call, Count: func(hook, outcome string) { h.counted = append(h.counted, hook+" "+outcome) }}
	h.BeforeSpend = hooks.BeforeSpend
	return h
}

func (h *hooked) call(_ context.Context, body []byte) (int, []byte, error) {
	h.asked = append(h.asked, string(body))
	h.wait(h.takes)
	if h.then != nil {
		h.then()
	}
	return h.status, []byte(h.reply), h.err
}

func (h *hooked) says(status int, reply string) { h.status, h.reply = status, reply }

const newClaims = `{"session":{"access_token":{"tier":"hook"},"id_token":{"email":"hook@test"}}}`

// 200 replaces both maps, for this and for later tokens; 204 changes nothing.
func TestHookReplacesClaims(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"opaque", "jwt"} {
		h := newHooked(t, storetest.New(t))
		h.Options.AccessTokenStrategy = strategy
		c := h.addClient("app", nil)
		check := func(when string, res *Response, tier, email string) {
			t.Helper()
			if in := h.introspect(res.AccessToken); string(in.Extra) != `{"tier":"`+tier+`"}` {
				t.Errorf("%s, %s: introspection has %s", strategy, when, in.Extra)
			}
			if strategy == "jwt" {
				if _, claims := jwtParts(t, res.AccessToken); claims["ext"].(map[string]any)["tier"] != tier {
					t.Errorf("%s: access token %v", when, claims)
				}
			}
			if _, claims := jwtParts(t, res.IDToken); claims["email"] != email || claims["sub"] != "alice" {
				t.Errorf("%s, %s: ID token %v", strategy, when, claims)
			}
			info, err := h.Userinfo(t.Context(), res.AccessToken)
			h.must(err)
			if !strings.Contains(string(info.JSON), email) {
				t.Errorf("%s, %s: userinfo %s", strategy, when, info.JSON)
			}
		}
		h.says(204, "")
		seed, res := h.signIn(c)
		check("kept", res, "gold", "alice@test")
		h.says(200, newClaims)
		res = h.exchange(c, refreshForm(res.RefreshToken))
		check("replaced", res, "hook", "hook@test")
		row := h.grant(seed)
		if data, err := h.OpenData(&row.Grant); err != nil || string(data.AccessClaims) != `{"tier":"gold"}` || string(data.IDClaims) != `{"email":"alice@test"}` {
			t.Errorf("what the consent said has become %s and %s, %v", data.AccessClaims, data.IDClaims, err)
		}
		h.says(204, "")
		res = h.exchange(c, refreshForm(res.RefreshToken))
		check("later", res, "hook", "hook@test")
		if last := h.asked[len(h.asked)-1]; !strings.Contains(last, `"extra":{"tier":"hook"}`) || !strings.Contains(last, `"ext":{"email":"hook@test"}`) {
			t.Errorf("the hook was asked with %s", last)
		}
		h.says(200, `{"session":{"access_token":{"sub":"mallory","tier":"again"},"id_token":{"sub":"mallory","aud":"x","email":"again@test"}}}`)
		res = h.exchange(c, refreshForm(res.RefreshToken))
		if _, claims := jwtParts(t, res.IDToken); claims["sub"] != "alice" || claims["email"] != "again@test" {
			t.Errorf("a hook has taken a reserved claim: %v", claims)
		}
		if in := h.introspect(res.AccessToken); in.Subject != "alice" {
			t.Errorf("a hook has taken the subject: %+v", in)
		}
		h.says(200, `{"session":{"access_token":null}}`)
		res = h.exchange(c, refreshForm(res.RefreshToken))
		if in := h.introspect(res.AccessToken); in.Extra != nil {
			t.Errorf("claims that were taken away are back: %s", in.Extra)
		}
		want := []string{"token_hook kept", "token_hook replaced", "token_hook kept", "token_hook replaced", "token_hook replaced"}
		if strings.Join(h.counted, ",") != strings.Join(want, ",") {
			t.Errorf("counted %q", h.counted)
		}
	}
}

// A repetition within the grace period changes nothing that is kept.
func TestHookAtRepetition(t *testing.T) {
	t.Parallel()
	h := newHooked(t, storetest.New(t))
	c := h.addClient("app", nil)
	_, first := h.signIn(c)
	h.says(200, newClaims)
	h.exchange(c, refreshForm(first.RefreshToken))
	h.says(200, `{"session":{"access_token":{"tier":"repeated"}}}`)
	again := h.exchange(c, refreshForm(first.RefreshToken))
	if in := h.introspect(again.AccessToken); string(in.Extra) != `{"tier":"hook"}` {
		t.Errorf("introspection has %s", in.Extra)
	}
}

// A hook that refuses or fails costs nothing: the code and the refresh token
// are good at the next try, and nobody learns why.
func TestHookRefuses(t *testing.T) {
	t.Parallel()
	h := newHooked(t, storetest.New(t))
	c := h.addClient("app", func(c *oauth.Client) { c.GrantTypes = append(c.GrantTypes, oauth.GrantJWTBearer) })
	h.Options.AssertionAudiences = []string{testIssuer}
	p := newIDP(t, idpName, "k1")
	h.trust(p, nil)
	_, code := h.grantOf(c, nil)
	_, session := h.signIn(c)
	assertion := p.sign(p.claims(noon, nil))
	secretReason := errors.New("connect to 10.1.2.3:8080: refused")
	for name, test := range map[string]struct {
		status  int
		reply   string
		err     error
		want    oauth.Kind
		outcome string
	}{
		"denied":                {403, "", nil, oauth.AccessDenied, "denied"},
		"no answer":             {0, "", secretReason, oauth.ServerError, "failed"},
		"busy":                  {0, "", oauth.TemporarilyUnavailable.Because(secretReason), oauth.TemporarilyUnavailable, "busy"},
		"500":                   {500, "", nil, oauth.ServerError, "failed"},
		"401":                   {401, "", nil, oauth.ServerError, "failed"},
		"a redirect":            {302, "", nil, oauth.ServerError, "failed"},
		"201":                   {201, newClaims, nil, oauth.ServerError, "failed"},
		"200 without an answer": {200, "", nil, oauth.ServerError, "failed"},
		"no JSON":               {200, "<html>", nil, oauth.ServerError, "failed"},
		"a list":                {200, "[]", nil, oauth.ServerError, "failed"},
		"a session of no kind":  {200, `{"session":7}`, nil, oauth.ServerError, "failed"},
		"claims of no kind":     {200, `{"session":{"access_token":["x"]}}`, nil, oauth.ServerError, "failed"},
		"a claim twice":         {200, `{"session":{"access_token":{"a":1,"a":2}}}`, nil, oauth.ServerError, "failed"},
		"two answers":           {200, newClaims + newClaims, nil, oauth.ServerError, "failed"},
	} {
		h.status, h.reply, h.err = test.status, test.reply, test.err
		for _, form := range []map[string][]string{codeForm(code), refreshForm(session.RefreshToken), machineForm(), bearerForm(assertion)} {
			h.counted = nil
			res, err := h.Exchange(t.Context(), c, form)
			if res != nil || oauth.KindOf(err) != test.want {
				t.Errorf("%s, %s: %v, %v", name, form["grant_type"], res, err)
			}
			if e, ok := errors.AsType[*oauth.Error](err); ok && strings.Contains(e.Public, "10.1.2.3") {
				t.Errorf("%s: the hint says %q", name, e.Public)
			}
			if len(h.counted) != 1 || h.counted[0] != "token_hook "+test.outcome {
				t.Errorf("%s: counted %q", name, h.counted)
			}
		}
	}
	h.err = nil
	h.says(204, "")
	h.exchange(c, codeForm(code))
	h.exchange(c, refreshForm(session.RefreshToken))
	h.exchange(c, bearerForm(assertion))
}

// The token of a client has no row to keep claims in: it carries them itself,
// and gets a row when they are too many.
func TestHookOnMachineTokens(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"opaque", "jwt"} {
		store, counter := storetest.NewCounted(t)
		h := newHooked(t, store)
		h.Options.AccessTokenStrategy, h.Options.TopLevelClaims, h.Options.UnmirroredClaims = strategy, []string{"tier"}, true
		c := h.addClient("app", nil)
		h.says(204, "")
		if in := h.introspect(h.exchange(c, machineForm("scope", "bar")).AccessToken); in.Extra != nil {
			t.Errorf("%s: claims from nowhere: %s", strategy, in.Extra)
		}
		h.says(200, `{"session":{"access_token":{"tier":"gold","n":12345678901234567890},"id_token":{"email":"nobody"}}}`)
		counter.Take()
		small := h.exchange(c, machineForm("scope", "bar", "audience", "https://api.test/"))
		if n := counter.Take(); n != (storetest.Counts{}) {
			t.Errorf("%s: a few claims cost %+v", strategy, n)
		}
		var claims map[string]json.RawMessage
		in := h.introspect(small.AccessToken)
		if err := json.Unmarshal(in.Extra, &claims); err != nil || string(claims["tier"]) != `"gold"` || string(claims["n"]) != "12345678901234567890" || len(claims) != 2 {
			t.Errorf("%s: introspection has %s", strategy, in.Extra)
		}
		if in.Subject != "app" || in.ScopeText() != "bar" || len(in.Audience) != 1 {
			t.Errorf("%s: introspection %+v", strategy, in)
		}

		many := strings.Repeat("x", 100<<10)
		h.says(200, `{"session":{"access_token":{"many":"`+many+`"}}}`)
		counter.Take()
		large := h.exchange(c, machineForm("scope", "bar", "audience", "https://api.test/"))
		if n := counter.Take(); strategy == "opaque" && n != (storetest.Counts{Writes: 1}) {
			t.Errorf("many claims cost %+v", n)
		}
		if strategy == "opaque" && len(large.AccessToken) > maxMachineToken {
			t.Errorf("a token of %d characters", len(large.AccessToken))
		}
		in = h.introspect(large.AccessToken)
		if !in.Active || !strings.Contains(string(in.Extra), many) || in.Subject != "app" || in.ScopeText() != "bar" || len(in.Audience) != 1 ||
			!in.ExpiresAt.Equal(noon.Add(time.Hour)) || in.Use != useAccess {
			t.Errorf("%s: introspection of the large one: %v, %q, %q", strategy, in.Active, in.Subject, in.Scope)
		}
		if _, err := h.Userinfo(t.Context(), large.AccessToken); !errors.Is(err, oauth.RequestUnauthorized) {
			t.Errorf("%s: userinfo = %v", strategy, err)
		}
		h.must(h.Revoke(t.Context(), c, large.AccessToken))
		if h.active(large.AccessToken) || !h.active(small.AccessToken) {
			t.Errorf("%s: a revocation hit the wrong one", strategy)
		}
		h.must(h.store.RaiseEpoch(t.Context(), c.ID))
		if h.active(small.AccessToken) {
			t.Errorf("%s: alive after the end of all access tokens", strategy)
		}
		h.wait(2 * time.Hour)
		if strategy == "opaque" {
			if done, err := h.Purge(t.Context(), h.clock(), 0); err != nil || done.Deleted[oauth.ExpiredGrants] != 1 {
				t.Errorf("the clean-up deleted %v, %v", done.Deleted, err)
			}
		}
	}
}

// Both hooks see a refresh, the refresh hook first.
func TestRefreshHook(t *testing.T) {
	t.Parallel()
	h := newHooked(t, storetest.New(t))
	var order []string
	answer := func(name, reply string) HookCall {
		return func(_ context.Context, body []byte) (int, []byte, error) {
			order = append(order, name+" "+string(body))
			return 200, []byte(reply), nil
		}
	}
	hooks := &Hooks{
		Options: &h.Options,
		Refresh: answer("refresh", `{"session":{"access_token":{"tier":"first"},"id_token":{}}}`),
		Token:   answer("token", `{"session":{"access_token":{"tier":"second"},"id_token":{}}}`),
	}
	h.BeforeSpend = hooks.BeforeSpend
	c := h.addClient("app", nil)
	_, res := h.signIn(c)
	if len(order) != 1 || !strings.HasPrefix(order[0], "token ") {
		t.Fatalf("a code exchange asked %q", order)
	}
	order = nil
	res = h.exchange(c, refreshForm(res.RefreshToken, "scope", "foo.read openid"))
	if len(order) != 2 || !strings.HasPrefix(order[0], "refresh ") || !strings.Contains(order[1], `"extra":{"tier":"first"}`) {
		t.Fatalf("a refresh asked %q", order)
	}
	if in := h.introspect(res.AccessToken); string(in.Extra) != `{"tier":"second"}` {
		t.Errorf("introspection has %s", in.Extra)
	}
	var body struct {
		Subject   string
		Session   map[string]any
		Requester struct {
			ClientID   string   `json:"client_id"`
			Scopes     []string `json:"granted_scopes"`
			Audience   []string `json:"granted_audience"`
			GrantTypes []string `json:"grant_types"`
		}
		ClientID string   `json:"client_id"`
		Scopes   []string `json:"granted_scopes"`
		Audience []string `json:"granted_audience"`
	}
	h.must(json.Unmarshal([]byte(strings.TrimPrefix(order[0], "refresh ")), &body))
	r := body.Requester
	if body.Subject != "alice" || body.ClientID != "app" || r.ClientID != "app" || len(body.Audience) != 1 || len(r.Audience) != 1 ||
		len(body.Scopes) != 2 || len(r.Scopes) != 2 || len(r.GrantTypes) != 1 || r.GrantTypes[0] != oauth.GrantRefreshToken || body.Session["extra"] == nil {
		t.Errorf("the refresh hook was asked with %s", order[0])
	}
}

// What the token hook is asked with, contract §2.6; and what not.
func TestTokenHookBody(t *testing.T) {
	t.Parallel()
	h := newHooked(t, storetest.New(t))
	h.Options.AssertionAudiences = []string{testIssuer}
	c := h.addClient("app", func(c *oauth.Client) { c.GrantTypes = append(c.GrantTypes, oauth.GrantJWTBearer) })
	seed, code := h.grantOf(c, nil)
	h.exchange(c, codeForm(code))
	want := `{"session":{"id_token":{"id_token_claims":{"jti":"","iss":"https://issuer.test/","sub":"alice","aud":["app"],"nonce":"a-nonce",` +
		`"auth_time":1795435140,"at_hash":"","acr":"1","amr":["pwd"],"c_hash":"","ext":{"email":"alice@test"}},"headers":{"extra":{}},"username":"","subject":"alice"},` +
		`"extra":{"tier":"gold"},"client_id":"app","consent_challenge":"` + seed.GrantID().String() + `","exclude_not_before_claim":false,"allowed_top_level_claims":[]},` +
		`"request":{"client_id":"app","requested_scopes":["openid","offline_access","foo.read","bar"],"granted_scopes":["openid","offline_access","foo.read","bar"],` +
		`"granted_audience":["https://api.test/"],"grant_types":["authorization_code"],"payload":{}}}`
	if h.asked[0] != want {
		t.Errorf("asked with\n%s, want\n%s", h.asked[0], want)
	}
	p := newIDP(t, idpName, "k1")
	h.trust(p, nil)
	assertion := p.sign(p.claims(noon, nil))
	h.exchange(c, bearerForm(assertion, "scope", "bar", "client_secret", "s3cret"))
	last := h.asked[1]
	if !strings.Contains(last, `"payload":{"assertion":["`+assertion+`"]}`) || !strings.Contains(last, `"subject":"alice"`) ||
		strings.Contains(last, "s3cret") || strings.Contains(last, "consent_challenge\":\"0") {
		t.Errorf("asked with %s", last)
	}
	h.exchange(c, machineForm("scope", "bar"))
	if !strings.Contains(h.asked[2], `"payload":{}`) || !strings.Contains(h.asked[2], `"sub":"app"`) {
		t.Errorf("asked with %s", h.asked[2])
	}
}

// A hook stands outside of the database: the budgets are those without it.
func TestHookBudget(t *testing.T) {
	t.Parallel()
	store, counter := storetest.NewCounted(t)
	h := newHooked(t, store)
	h.says(200, newClaims)
	c := h.addClient("app", nil)
	_, res := h.signIn(c)
	_, code := h.grantOf(c, nil)
	for name, do := range map[string]func(){
		"code":    func() { h.exchange(c, codeForm(code)) },
		"refresh": func() { h.exchange(c, refreshForm(res.RefreshToken)) },
	} {
		counter.Take()
		do()
		if n := counter.Take(); n != (storetest.Counts{Reads: 1, Writes: 1}) {
			t.Errorf("%s costs %+v", name, n)
		}
	}
}

// Claims of a hook are of no use beside another Grant.
func TestHookDataIsBound(t *testing.T) {
	t.Parallel()
	h := newHooked(t, storetest.New(t))
	h.says(200, newClaims)
	c := h.addClient("app", nil)
	one, _ := h.signIn(c)
	two, _ := h.signIn(c)
	a, b := h.grant(one), h.grant(two)
	b.HookData = a.HookData
	if _, err := h.openPaid(&b.Grant); err == nil {
		t.Error("the claims of another Grant were opened")
	}
}

func FuzzReadHookReply(f *testing.F) {
	f.Add([]byte(newClaims))
	f.Add([]byte(`{"session":{"access_token":null,"id_token":{}}}`))
	f.Add([]byte(`{"session":[]}`))
	f.Fuzz(func(t *testing.T, reply []byte) {
		access, id, err := readHookReply(reply)
		if err != nil {
			return
		}
		for _, claims := range []json.RawMessage{access, id} {
			if m, err := members(claims); err != nil || claims != nil && len(m) == 0 {
				t.Errorf("%q gives the claims %q, %v", reply, claims, err)
			}
		}
	})
}
