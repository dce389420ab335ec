package server_test

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Attacks on client authentication, introspection, revocation and userinfo,
// over HTTP against the whole program.

// visible is what of an answer a client can see, without what differs always.
func visible(a reply) (int, string, http.Header) {
	h := a.Header.Clone()
	for _, name := range []string{"Date", "X-Request-Id"} {
		h.Del(name)
	}
	return a.Status, a.Body, h
}

// Attack: find out which clients exist. Unknown, wrong secret, wrong method:
// the answer is the same, byte for byte.
func TestAttackClientEnumeration(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, spa := r.client(nil), r.client(m{"token_endpoint_auth_method": "none"})
	chosen := r.client(m{"client_secret": "chosen by a person"})
	body := form("grant_type", "client_credentials").Encode()
	for _, path := range []string{"/oauth2/token", "/oauth2/revoke"} {
		send := func(id, secret string, post bool) (int, string, http.Header) {
			if post {
				return visible(do(t, client, "POST", r.Public+path, body+"&"+form("client_id", id, "client_secret", secret).Encode(), formType))
			}
			return visible(do(t, client, "POST", r.Public+path, body, formType, basic(id, secret)))
		}
		for _, post := range []bool{false, true} {
			status, text, header := send("nobody", "wrong", post)
			if status != 401 {
				t.Errorf("%s: an unknown client gets %d %s", path, status, text)
			}
			for what, id := range map[string]string{
				"generated secret": c.id, "chosen secret": chosen.id, "public client": spa.id, "SQL": "' OR 1=1 --", "long": strings.Repeat("x", 10_000), "other letters": strings.ToUpper(c.id),
			} {
				gotStatus, gotText, gotHeader := send(id, "wrong", post)
				if diff := cmp.Diff(header, gotHeader); gotStatus != status || gotText != text || diff != "" {
					t.Errorf("%s, %s: %d %s %s", path, what, gotStatus, gotText, diff)
				}
			}
		}
		if status, text, _ := send(c.id, "", true); status != 401 {
			t.Errorf("%s: without a secret: %d %s", path, status, text)
		}
	}
}

// Attack: two methods of authentication in one request, one of which a proxy
// might have checked.
func TestAttackTwoAuthenticationMethods(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, post, s := r.client(nil), r.client(m{"token_endpoint_auth_method": "client_secret_post"}), r.signer(nil)
	const grant = "grant_type=client_credentials&"
	assertion := func() string {
		return form("client_assertion_type", assertionType, "client_assertion", s.jwt(nil, s.claims(nil))).Encode()
	}
	posted := form("client_id", post.id, "client_secret", post.secret).Encode()
	for what, test := range map[string]struct{ body, header string }{
		"Basic and body":           {posted, basic(c.id, c.secret)},
		"Basic and its own body":   {form("client_id", c.id, "client_secret", c.secret).Encode(), basic(c.id, c.secret)},
		"Basic and assertion":      {assertion(), basic(c.id, c.secret)},
		"body and assertion":       {posted + "&" + assertion(), "X: y"},
		"Basic and another id":     {form("client_id", post.id).Encode(), basic(c.id, c.secret)},
		"assertion and its secret": {form("client_id", s.id, "client_secret", "x").Encode() + "&" + assertion(), "X: y"},
		"assertion without a type": {form("client_id", s.id, "client_assertion", s.jwt(nil, s.claims(nil))).Encode(), "X: y"},
	} {
		answer{t, do(t, client, "POST", r.Public+"/oauth2/token", grant+test.body, formType, test.header)}.is(400, "invalid_request")
		if a := do(t, client, "POST", r.Public+"/oauth2/revoke", "token=x&"+test.body, formType, test.header); a.Status != 401 {
			t.Errorf("%s: revoke = %d %s", what, a.Status, a.Body)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", r.Public+"/oauth2/token", strings.NewReader(grant))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, credentials := range []app{c, post} {
		_, value, _ := strings.Cut(basic(credentials.id, credentials.secret), ": ")
		req.Header.Add("Authorization", value)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 400 {
		t.Errorf("two Authorization headers: %d", res.StatusCode)
	}
}

// Attack: Basic credentials that no parser agrees on. None of them is repeated.
func TestAttackMalformedBasic(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	right := encode(c.id + ":" + c.secret)
	for what, value := range map[string]string{
		"no base64": "Basic echo-me-not!", "no colon": "Basic " + encode("echo-me-not"), "bad escape": "Basic " + encode("echo-me-not%zz:x"), "half an escape": "Basic " + encode("echo-me-not%2:x"),
		"bad escape in the secret": "Basic " + encode(c.id+":echo-me-not%"), "no UTF-8": "Basic " + encode("echo-me-not\xff:x"), "NUL": "Basic " + encode("echo-me-not%00:x"),
		"empty id": "Basic " + encode(":"+c.secret), "empty": "Basic ", "line break": "Basic " + encode("echo-me-not\r\nX: y:x"), "markup": "Basic " + encode("<b>echo-me-not</b>:x"),
		"unpadded": "Basic " + strings.TrimRight(encode(c.id+":x"), "="), "rest behind it": "Basic " + right + " echo-me-not", "long": "Basic " + encode("echo-me-not"+strings.Repeat("x", 20_000)+":x"),
	} {
		a := do(t, client, "POST", r.Public+"/oauth2/token", "grant_type=client_credentials", formType, "Authorization: "+value)
		// Without a scheme that is known, nobody has authenticated.
		if a.Status != 401 && !(what == "empty" && a.Status == 400) || strings.Contains(a.Body+a.Header.Get("WWW-Authenticate"), "echo-me-not") {
			t.Errorf("%s: %d %s %v", what, a.Status, a.Body, a.Header)
		}
	}
	if a := do(t, client, "POST", r.Public+"/oauth2/token", "grant_type=client_credentials", formType, "Authorization: bASIC "+right); a.Status != 200 {
		t.Errorf("the right one: %d %s", a.Status, a.Body)
	}
}

// Attack: an assertion is used again, also on another node and at another
// endpoint; and one that another server was given.
func TestAttackAssertionReplay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := r.beside()
	s := r.signer(nil)
	used := s.jwt(nil, s.claims(nil))
	s.credentials(used).is(200, "")
	s.credentials(used).is(401, "invalid_client")
	for _, node := range []*rig{other, r} {
		node.token(app{}, "grant_type", "client_credentials", "client_assertion_type", assertionType, "client_assertion", used).is(401, "invalid_client")
		node.call("/oauth2/revoke", app{}, "token", "x", "client_assertion_type", assertionType, "client_assertion", used).is(401, "invalid_client")
	}
	resigned := s.claims(m{"jti": s.rig.claims(used)["jti"]}) // the same jti in another JWT
	s.credentials(s.jwt(nil, resigned)).is(401, "invalid_client")
	// A refused assertion is not spent: a stranger must not be able to use it up.
	fresh := s.jwt(nil, s.claims(nil))
	s.credentials(fresh[:len(fresh)-4]+"AAAA", "client_id", s.id).is(401, "invalid_client")
	s.credentials(fresh).is(200, "")
	// Both nodes at once: one wins.
	raced := s.jwt(nil, s.claims(nil))
	wins := 0
	results := make(chan int, 8)
	for i := range 8 {
		go func() {
			a, err := try(t, client, "POST", []*rig{r, other}[i%2].Public+"/oauth2/token",
				form("grant_type", "client_credentials", "client_assertion_type", assertionType, "client_assertion", raced).Encode(), formType)
			if err != nil {
				t.Error(err)
			}
			results <- a.Status
		}()
	}
	for range 8 {
		if <-results == 200 {
			wins++
		}
	}
	if wins != 1 {
		t.Errorf("%d won", wins)
	}
	if !strings.Contains(r.Log.String(), "client_assertion_replayed") {
		t.Error("the log does not tell of the replay")
	}
}

// Attack: headers that tell the verifier which key to believe, JSON
// serialization, doubled members.
func TestAttackAssertionHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, thief := r.signer(nil), r.signer(nil)
	own := m{"kty": "RSA", "kid": "one", "n": b64(thief.key.N.Bytes()), "e": "AQAB"}
	for what, header := range map[string]m{
		"jwk": {"jwk": own}, "jku": {"jku": "http://127.0.0.1:1/jwks.json"}, "x5u": {"x5u": "http://127.0.0.1:1/x"}, "x5c": {"x5c": []string{"AAAA"}},
		"kid of 600 kB": {"kid": strings.Repeat("k", 600_000)}, "kid of 5 kB": {"kid": strings.Repeat("k", 5_000)}, "kid as URL": {"kid": "http://127.0.0.1:1/"}, "crit": {"crit": []string{"x"}, "x": 1}, "b64": {"b64": false, "crit": []string{"b64"}},
	} {
		if a := s.credentials(thief.jwt(header, s.claims(nil)), "client_id", s.id); a.Status != 401 && (what != "kid of 600 kB" || a.Status != 400) {
			t.Errorf("%s: %d %.200s", what, a.Status, a.Body)
		}
	}
	good := strings.Split(s.jwt(nil, s.claims(nil)), ".")
	doubled := b64([]byte(`{"iss":"` + s.id + `","sub":"` + thief.id + `","sub":"` + s.id + `"}`))
	for what, assertion := range map[string]string{
		"JSON serialization": `{"protected":"` + good[0] + `","payload":"` + good[1] + `","signature":"` + good[2] + `"}`,
		"doubled member":     good[0] + "." + doubled + "." + good[2],
		"no signature":       good[0] + "." + good[1] + ".",
		"two parts":          good[0] + "." + good[1],
		"five parts":         strings.Join(append(slices.Clone(good), "a", "b"), "."),
		"padding":            strings.Join(good, ".") + "=",
		"nothing but dots":   "..",
	} {
		if a := s.credentials(assertion, "client_id", s.id); a.Status != 401 {
			t.Errorf("%s: %d %s", what, a.Status, a.Body)
		}
	}
	s.credentials(strings.Join(good, ".")).is(200, "")
}

// Attacks on userinfo: the token in the URL, a machine's, an ID token, two.
func TestAttackUserinfo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	a := r.tokens(c, sign{})
	access := a.text("access_token")
	const header = "Authorization: Bearer "
	machine := r.token(c, "grant_type", "client_credentials").is(200, "").text("access_token")
	for what, got := range map[string]reply{
		"in the query":     get(t, r.Public+"/userinfo?access_token="+access),
		"in both":          do(t, client, "POST", r.Public+"/userinfo", "access_token="+access, formType, header+access),
		"a machine's":      get(t, r.Public+"/userinfo", header+machine),
		"an ID token":      get(t, r.Public+"/userinfo", header+a.text("id_token")),
		"a refresh token":  get(t, r.Public+"/userinfo", header+a.text("refresh_token")),
		"a Basic header":   get(t, r.Public+"/userinfo", basic(c.id, c.secret)),
		"no token at all":  get(t, r.Public+"/userinfo"),
		"in a JSON body":   do(t, client, "POST", r.Public+"/userinfo", `{"access_token":"`+access+`"}`, "Content-Type: application/json"),
		"in a cookie":      get(t, r.Public+"/userinfo", "Cookie: access_token="+access),
		"with another one": get(t, r.Public+"/userinfo", header+access+" "+access),
	} {
		if got.Status != 401 && got.Status != 400 || strings.Contains(got.Body, "alice") {
			t.Errorf("%s: %d %s", what, got.Status, got.Body)
		}
	}
	if r.active(a.text("id_token")) {
		t.Error("an ID token is an active token")
	}
}

// Attack: the jti of a JWT access token, which resource servers log, is
// presented as a token of its own.
func TestAttackJTIAsToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, "OAUTH2_ACCESS_TOKEN_STRATEGY=jwt")
	c := r.client(nil)
	jwt := r.tokens(c, sign{}).text("access_token")
	machine := r.token(c, "grant_type", "client_credentials").is(200, "").text("access_token")
	parts := strings.Split(jwt, ".")
	for _, token := range []string{jwt, machine} {
		jti, _ := r.claims(token)["jti"].(string)
		for _, prefix := range []string{"", "ory_at_", "ory_rt_", "ory_ac_"} {
			v := prefix + jti
			if jti == "" || r.active(v) {
				t.Errorf("%q with the prefix %q is active", jti, prefix)
			}
			r.userinfo(v).is(401, "request_unauthorized")
			r.refresh(c, v).is(400, "invalid_grant")
			r.exchange(c, v).is(400, "invalid_grant")
			r.call("/oauth2/revoke", c, "token", v).is(200, "")
		}
	}
	// A signature of somebody else around the same jti.
	for what, v := range map[string]string{
		"none":            b64([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + ".",
		"no signature":    parts[0] + "." + parts[1] + ".",
		"other signature": parts[0] + "." + parts[1] + "." + strings.Split(machine, ".")[2],
		"other header":    strings.Split(r.signer(nil).jwt(nil, nil), ".")[0] + "." + parts[1] + "." + parts[2],
	} {
		if r.active(v) {
			t.Errorf("%s: active", what)
		}
	}
	if !r.active(jwt) || !r.active(machine) {
		t.Error("the tokens themselves were hurt")
	}
}

// Attack: while the database is gone, nothing that is said about a token is
// said falsely; when it is back, the client can repeat everything.
func TestAttackStorageGone(t *testing.T) {
	t.Parallel()
	for _, staleness := range []string{"0s", "1m"} { // the client's credentials are known, or not
		t.Run(staleness, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "DATA_DIR="+t.TempDir(), "CACHE_STALENESS="+staleness) // a file, which can be taken away
			c := r.client(nil)
			a, code := r.tokens(c, sign{}), r.code(c, sign{})
			machine := r.token(c, "grant_type", "client_credentials").is(200, "").text("access_token")
			access, refresh := a.text("access_token"), a.text("refresh_token")
			file := filepath.Join(r.Config.DataDir, "hydra.sqlite")
			if err := os.Rename(file, file+".away"); err != nil {
				t.Fatal(err)
			}
			for what, test := range map[string]struct {
				reply
				least int
			}{
				"revoke, access":  {r.call("/oauth2/revoke", c, "token", access).reply, 503},
				"revoke, refresh": {r.call("/oauth2/revoke", c, "token", refresh).reply, 503},
				"revoke, machine": {r.call("/oauth2/revoke", c, "token", machine).reply, 503},
				"introspect":      {r.introspect(access).reply, 500},
				"introspect 2":    {r.introspect(refresh).reply, 500},
				"introspect 3":    {r.introspect(machine).reply, 500},
				"userinfo":        {r.userinfo(access).reply, 500},
				"refresh":         {r.refresh(c, refresh).reply, 500},
				"code":            {r.exchange(c, code).reply, 500},
				"consents":        {r.admin("DELETE", "/oauth2/auth/sessions/consent/alice", nil).reply, 500},
				"client":          {r.admin("DELETE", "/clients/"+c.id, nil).reply, 500},
			} {
				if test.Status < test.least || strings.Contains(test.Body, `"active"`) || strings.Contains(strings.ToLower(test.Body), "sql") || strings.Contains(test.Body, r.Config.DataDir) {
					t.Errorf("%s: %d %s", what, test.Status, test.Body)
				}
				if test.Status == 503 && test.Header.Get("Retry-After") == "" {
					t.Errorf("%s: 503 without Retry-After", what)
				}
			}
			if err := os.Rename(file+".away", file); err != nil {
				t.Fatal(err)
			}
			if !r.active(access) || !r.active(machine) {
				t.Error("a token died of the failure")
			}
			next := r.refresh(c, refresh).is(200, "")
			r.exchange(c, code).is(200, "")
			for _, v := range []string{machine, next.text("access_token")} {
				r.call("/oauth2/revoke", c, "token", v).is(200, "")
				if r.active(v) {
					t.Error("revoked, and active")
				}
			}
			r.wait(time.Minute)
			r.refresh(c, next.text("refresh_token")).is(400, "invalid_grant")
		})
	}
}
