package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Attacks on codes, refresh tokens and what stands behind them, over HTTP
// against the whole program.

// together sends the same form n times in parallel, with one X-Request-Id.
func (r *rig) together(n int, c app, pairs ...string) []reply {
	r.t.Helper()
	out := make([]reply, n)
	var wg sync.WaitGroup
	for i := range out {
		wg.Go(func() {
			a, err := try(r.t, client, "POST", r.Public+"/oauth2/token", form(pairs...).Encode(), formType, basic(c.id, c.secret), "X-Request-Id: the-same-for-all")
			if err != nil {
				r.t.Error(err)
			}
			out[i] = a
		})
	}
	wg.Wait()
	return out
}

// Attack: two parties redeem one code at once, with the same X-Request-Id. One
// wins, and what it won is taken back.
func TestAttackCodeRace(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	for range 5 {
		var won []answer
		for _, a := range r.together(6, c, "grant_type", "authorization_code", "code", r.code(c, sign{}), "redirect_uri", callback) {
			switch a.Status {
			case 200:
				won = append(won, answer{t, a})
			case 400:
				answer{t, a}.is(400, "invalid_grant")
			default:
				t.Errorf("%d %s", a.Status, a.Body)
			}
		}
		if len(won) != 1 {
			t.Fatalf("%d won", len(won))
		}
		if r.active(won[0].text("access_token")) || r.active(won[0].text("refresh_token")) {
			t.Error("the code was used twice, and its tokens live")
		}
	}
}

// Attack: many refresh at once. There is one successor, for all of them.
func TestAttackRefreshRace(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	value := r.tokens(c, sign{}).text("refresh_token")
	var got []answer
	for _, a := range r.together(8, c, "grant_type", "refresh_token", "refresh_token", value) {
		got = append(got, answer{t, a}.is(200, ""))
	}
	for _, a := range got {
		if !r.active(a.text("access_token")) || !r.active(a.text("refresh_token")) {
			t.Errorf("a loser got dead tokens: %s", a.Body)
		}
	}
	// They are one generation: using two of them is no theft, using the first
	// one after the grace period is.
	r.refresh(c, got[0].text("refresh_token")).is(200, "")
	last := r.refresh(c, got[7].text("refresh_token")).is(200, "")
	r.wait(time.Minute)
	if !r.active(last.text("access_token")) {
		t.Error("the family is dead")
	}
	r.refresh(c, value).is(400, "invalid_grant")
	if r.active(last.text("access_token")) || r.active(last.text("refresh_token")) {
		t.Error("the family survived the replay")
	}
}

// Attack: a replaced refresh token is replayed, on another node and after a
// restart. The family is revoked and the operator can see it.
func TestAttackRefreshReplayElsewhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	first, again := r.tokens(c, sign{}).text("refresh_token"), r.tokens(c, sign{login: m{"subject": "bob"}}).text("refresh_token")
	second, third := r.refresh(c, first).is(200, ""), r.refresh(c, again).is(200, "")
	other := r.beside()
	other.wait(time.Minute)
	other.refresh(c, first).is(400, "invalid_grant")
	if r.active(second.text("access_token")) || other.active(second.text("refresh_token")) {
		t.Error("the family survived the replay on another node")
	}
	metrics := get(t, other.Admin+"/metrics/prometheus").Body
	if !strings.Contains(other.Log.String(), "refresh_token_reused") || !strings.Contains(metrics, `event="refresh_token_reused"`) {
		t.Error("neither log nor metrics tell of the replay")
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if err := other.stop(); err != nil {
		t.Fatal(err)
	}
	after := r.beside()
	after.wait(time.Minute)
	if !after.active(third.text("access_token")) {
		t.Error("a token did not survive the restart")
	}
	after.refresh(c, again).is(400, "invalid_grant")
	if after.active(third.text("access_token")) {
		t.Error("the family survived the replay after a restart")
	}
}

// Attacks on PKCE by somebody who has the code.
func TestAttackPKCE(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	spa := r.client(m{"token_endpoint_auth_method": "none"})
	try := func(code, verifier string) answer {
		if verifier == "" {
			return r.exchange(spa, code)
		}
		return r.exchange(spa, code, "code_verifier", verifier)
	}
	t.Run("wrong verifier, then none", func(t *testing.T) {
		code := r.code(spa, withPKCE())
		try(code, strings.Repeat("x", 43)).is(400, "invalid_grant")
		try(code, "").is(400, "invalid_grant")
		try(code, pkceVerifier).is(400, "invalid_grant")
	})
	t.Run("no verifier", func(t *testing.T) {
		code := r.code(spa, withPKCE())
		try(code, "").is(400, "invalid_grant")
		try(code, pkceVerifier).is(400, "invalid_grant")
	})
	t.Run("the challenge as the verifier", func(t *testing.T) {
		try(r.code(spa, withPKCE()), challengeOf(pkceVerifier)).is(400, "invalid_grant")
	})
	t.Run("verifier without a challenge", func(t *testing.T) {
		code := r.code(spa, sign{})
		try(code, pkceVerifier).is(400, "invalid_grant")
		try(code, "").is(400, "invalid_grant")
	})
	t.Run("what can be no verifier", func(t *testing.T) {
		code := r.code(spa, withPKCE())
		for _, v := range []string{
			pkceVerifier[:42], strings.Repeat("x", 129), pkceVerifier[:42] + "=", pkceVerifier[:42] + "é", pkceVerifier[:42] + "+", pkceVerifier + " ", pkceVerifier + "\n",
		} {
			try(code, v).is(400, "invalid_request")
		}
		try(code, pkceVerifier).is(200, "")
	})
}

// Attack: somebody else's code or refresh token. It is refused and nobody is hurt.
func TestAttackForeignGrant(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, thief := r.client(nil), r.client(nil)
	code := r.code(c, withPKCE())
	for range 3 {
		r.exchange(thief, code).is(400, "invalid_grant")
		r.exchange(thief, code, "code_verifier", strings.Repeat("x", 43)).is(400, "invalid_grant")
	}
	r.token(c, "grant_type", "authorization_code", "code", code, "redirect_uri", callback+"/", "code_verifier", pkceVerifier).is(400, "invalid_grant")
	a := r.exchange(c, code, "code_verifier", pkceVerifier).is(200, "")
	r.exchange(thief, code).is(400, "invalid_grant") // a replay by a stranger is no replay
	for range 3 {
		r.refresh(thief, a.text("refresh_token")).is(400, "invalid_grant")
		r.call("/oauth2/revoke", thief, "token", a.text("refresh_token")).is(200, "")
	}
	if !r.active(a.text("access_token")) {
		t.Error("a stranger ended the Grant")
	}
	next := r.refresh(c, a.text("refresh_token")).is(200, "")
	r.wait(time.Minute)
	r.refresh(thief, a.text("refresh_token")).is(400, "invalid_grant") // neither is one after the grace period
	if !r.active(next.text("access_token")) {
		t.Error("a stranger's replay ended the Grant")
	}
	for _, event := range []string{"code_of_another_client", "refresh_token_of_another_client", "code_redirect_uri_mismatch"} {
		if !strings.Contains(r.Log.String(), event) {
			t.Errorf("the log does not tell of %s", event)
		}
	}
}

// mangled are values that look like v.
func mangled(v string) map[string]string {
	cut := strings.LastIndexByte(v[:7], '_') + 1
	prefix, body := v[:cut], v[cut:]
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, v[len(v)-1])
	return map[string]string{
		"one character less": v[:len(v)-1], "four characters less": v[:len(v)-4], "one character more": v + "A", "doubled": v + v, "doubled body": v + body,
		"padding": v + "=", "two paddings": v + "==", "CR LF": v + "\r\n", "LF inside": v[:30] + "\n" + v[30:], "space before": " " + v, "space after": v + " ",
		"dangling bits": v[:len(v)-1] + string(alphabet[last^1]), "other alphabet": prefix + strings.NewReplacer("-", "+", "_", "/").Replace(body) + "+",
		"upper-case prefix": strings.ToUpper(prefix) + body, "no prefix": body, "prefix twice": prefix + v, "ory_at_": "ory_at_" + body + "x",
		"kind swapped": map[string]string{"ory_at_": "ory_rt_", "ory_rt_": "ory_ac_", "ory_ac_": "ory_at_"}[prefix] + body,
		"flipped":      flip(v), "percent-encoded": strings.ReplaceAll(v, "_", "%5F"), "a dot": v + ".", "a JWT's dots": v + ".a.b", "long": v + strings.Repeat("A", 100_000),
	}
}

// Attack: values that decode to the same bytes, or to a token of another kind.
func TestAttackMangledValues(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	a := r.tokens(c, sign{})
	access, refresh, code := a.text("access_token"), a.text("refresh_token"), r.code(c, sign{})
	machine := r.token(c, "grant_type", "client_credentials").is(200, "").text("access_token")
	for what, v := range mangled(refresh) {
		if got := r.refresh(c, v); got.Status != 400 || got.text("error") != "invalid_grant" {
			t.Errorf("refresh token, %s: %d %.200s", what, got.Status, got.Body)
		}
		if r.active(v) {
			t.Errorf("refresh token, %s: active", what)
		}
	}
	for what, v := range mangled(code) {
		if got := r.exchange(c, v); got.Status != 400 || got.text("error") != "invalid_grant" {
			t.Errorf("code, %s: %d %.200s", what, got.Status, got.Body)
		}
	}
	for _, token := range []string{access, machine} {
		for what, v := range mangled(token) {
			if r.active(v) {
				t.Errorf("access token, %s: active", what)
			}
			if strings.ContainsAny(v, "\r\n") || strings.TrimSpace(v) != v || len(v) > 10_000 {
				continue // no header can carry it as it is
			}
			if got := r.userinfo(v); got.Status != 401 {
				t.Errorf("access token, %s: userinfo %d %s", what, got.Status, got.Body)
			}
			if got := r.call("/oauth2/revoke", c, "token", v); got.Status != 200 {
				t.Errorf("access token, %s: revoke %d %s", what, got.Status, got.Body)
			}
		}
	}
	for kind, v := range map[string]string{"access token": access, "machine's token": machine, "refresh token": refresh} {
		if !r.active(v) {
			t.Errorf("the %s was hurt", kind)
		}
		r.exchange(c, v).is(400, "invalid_grant")
		r.refresh(c, map[bool]string{true: v, false: code}[kind != "refresh token"]).is(400, "invalid_grant")
	}
	if r.active(code) {
		t.Error("a code is an active token")
	}
	r.exchange(c, code).is(200, "")
}

// Attacks: what is dead comes back to life when its consent is revoked, or its
// client is deleted and made anew with the same id and secret.
func TestAttackDeadGrantsComeBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.client(nil)
	revoked, code := r.tokens(c, sign{}), r.code(c, sign{})
	r.admin("DELETE", "/oauth2/auth/sessions/consent/alice", nil).is(204, "")
	r.refresh(c, revoked.text("refresh_token")).is(400, "invalid_grant")
	r.exchange(c, code).is(400, "invalid_grant")
	if r.active(revoked.text("access_token")) {
		t.Error("the access token of a revoked consent is active")
	}

	old, code := r.tokens(c, sign{}), r.code(c, sign{})
	machine := r.token(c, "grant_type", "client_credentials").is(200, "").text("access_token")
	body := r.admin("GET", "/clients/"+c.id, nil).is(200, "").fields()
	r.admin("DELETE", "/clients/"+c.id, nil).is(204, "")
	r.refresh(c, old.text("refresh_token")).is(401, "invalid_client")
	body["client_secret"] = c.secret
	r.admin("POST", "/clients", body).is(201, "")
	r.refresh(c, old.text("refresh_token")).is(400, "invalid_grant")
	r.exchange(c, code).is(400, "invalid_grant")
	r.userinfo(old.text("access_token")).is(401, "request_unauthorized")
	for kind, v := range map[string]string{"access": old.text("access_token"), "refresh": old.text("refresh_token"), "machine": machine} {
		if r.active(v) {
			t.Errorf("the %s token of the client before is active", kind)
		}
		r.call("/oauth2/revoke", c, "token", v).is(200, "")
	}
	r.tokens(c, sign{})
}

// Attack: a node whose clock is slow revokes what a fast one issues. Nothing
// survives, and honest tokens are good on both.
func TestAttackClockSkew(t *testing.T) {
	t.Parallel()
	slow := newRig(t)
	fast := slow.beside()
	fast.wait(5 * time.Minute)
	c := slow.client(nil)
	first := fast.exchange(c, slow.code(c, sign{})).is(200, "")
	machine := fast.token(c, "grant_type", "client_credentials").is(200, "").text("access_token")
	if !slow.active(first.text("access_token")) || !slow.active(machine) {
		t.Error("the slow node refuses what the fast one has issued")
	}
	second := slow.refresh(c, first.text("refresh_token")).is(200, "")
	third := fast.refresh(c, second.text("refresh_token")).is(200, "")
	slow.admin("DELETE", "/oauth2/auth/sessions/consent/alice", nil).is(204, "")
	for _, node := range []*rig{slow, fast} {
		for _, a := range []answer{first, second, third} {
			if node.active(a.text("access_token")) || node.active(a.text("refresh_token")) {
				t.Error("a token survived the revocation")
			}
		}
	}
	fast.refresh(c, third.text("refresh_token")).is(400, "invalid_grant")
}

// Attack: a signing key is compromised and removed. What it signed dies at
// once, what another signed lives.
func TestAttackCompromisedKey(t *testing.T) {
	t.Parallel()
	r := newRig(t, "OAUTH2_ACCESS_TOKEN_STRATEGY=jwt")
	c := r.client(nil)
	const set = "/keys/hydra.jwt.access-token"
	var kids []string
	for _, k := range r.admin("GET", set, nil).is(200, "").fields()["keys"].([]any) {
		kids = append(kids, k.(m)["kid"].(string))
	}
	old := r.tokens(c, sign{})
	r.wait(time.Second)
	r.admin("POST", set, m{"alg": "RS256", "use": "sig", "kid": "new"}).is(201, "")
	young := r.tokens(c, sign{})
	if !r.active(old.text("access_token")) || !r.active(young.text("access_token")) {
		t.Fatal("a rotation ended tokens")
	}
	for _, kid := range kids {
		r.admin("DELETE", set+"/"+strings.ReplaceAll(kid, ":", "%3A"), nil).is(204, "")
	}
	if r.active(old.text("access_token")) || !r.active(young.text("access_token")) {
		t.Error("the removed key's token lives, or the other key's is dead")
	}
	r.userinfo(old.text("access_token")).is(401, "request_unauthorized")
	if a := get(t, r.Public+"/.well-known/jwks.json"); a.Status != http.StatusOK || strings.Contains(a.Body, kids[0]) {
		t.Errorf("the removed key is published: %s", a.Body)
	}
	r.refresh(c, old.text("refresh_token")).is(200, "")
}

// Attack: the system secret leaks and is replaced. Tokens stay good while the
// keys are wrapped anew, and the old secret alone opens nothing.
func TestAttackLeakedSystemSecret(t *testing.T) {
	t.Parallel()
	const leaked, fresh = "the secret that leaked 0123456789", "the secret that took its place 01"
	dir := t.TempDir()
	r := newRig(t, "DATA_DIR="+dir, "SECRETS_SYSTEM="+leaked)
	c := r.client(nil)
	a := r.tokens(c, sign{})
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	next := r.beside("SECRETS_SYSTEM=" + fresh + "," + leaked)
	if !next.active(a.text("access_token")) {
		t.Error("the token died with the secret")
	}
	if err := next.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := tryStart(t, "DATA_DIR="+dir, "SECRETS_SYSTEM="+leaked); err == nil {
		t.Error("the leaked secret still opens the database")
	}
	last := r.beside("SECRETS_SYSTEM=" + fresh)
	last.refresh(c, a.text("refresh_token")).is(200, "")
	if strings.Contains(fmt.Sprint(r.Log, next.Log, last.Log), leaked) {
		t.Error("the secret is in the log")
	}
}
