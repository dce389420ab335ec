package server_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Attacks with values: what is sealed, what is too much, and what names a
// subject (attacks.md), over HTTP.

// mutations are other spellings of a sealed value, and values near it.
func mutations(t *testing.T, s string) map[string]string {
	t.Helper()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	out := map[string]string{
		"newline at the end": s + "\n", "CR LF at the end": s + "\r\n", "newline inside": s[:20] + "\n" + s[20:], "CR inside": s[:20] + "\r" + s[20:],
		"padding": s + "=", "double padding": s + "==", "blank in front": " " + s, "blank behind": s + " ", "NUL behind": s + "\x00",
		"one less": s[:len(s)-1], "one more": s + "A", "twice": s + s, "a bit flipped": flip(s), "another key": "AAAA" + s[4:],
	}
	if v := swapCase(s); v != s {
		out["other case"] = v
	}
	if strings.ContainsAny(s, "-_") {
		out["standard alphabet"] = strings.NewReplacer("-", "+", "_", "/").Replace(s)
	}
	prefix, body := "", s
	if i := strings.LastIndex(s[:min(len(s), len("ory_at_"))], "_"); i > 0 && strings.HasPrefix(s, "ory_") {
		prefix, body = s[:i+1], s[i+1:]
		out["prefix in capitals"] = strings.ToUpper(prefix) + body
		out["no prefix"] = body
		for _, other := range []string{"ory_ac_", "ory_at_", "ory_rt_", "ory_dc_"} {
			if other != prefix {
				out["prefix "+other] = other + body
			}
		}
	}
	if n := len(body) % 4; n > 0 {
		last := strings.IndexByte(alphabet, body[len(body)-1])
		out["dangling bits"] = s[:len(s)-1] + string(alphabet[last|1])
		a, errA := base64.RawURLEncoding.DecodeString(body)
		b, errB := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(out["dangling bits"], prefix))
		if errA != nil || errB != nil || string(a) != string(b) {
			t.Fatal("the mutation with dangling bits is not the same value")
		}
	}
	return out
}

// swapCase changes the case of the first letter.
func swapCase(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return s[:i] + string(c^0x20) + s[i+1:]
		}
	}
	return s
}

func query(t *testing.T, to, name string) string {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil || u.Query().Get(name) == "" {
		t.Fatalf("%q has no %s: %v", to, name, err)
	}
	return u.Query().Get(name)
}

// A sealed value has one spelling and one use.
func TestAttackMutatedSealedValues(t *testing.T) {
	t.Parallel()
	for _, limit := range []string{"1400", "0"} {
		t.Run("max_sealed_chars "+limit, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "FLOW_MAX_SEALED_CHARS="+limit)
			c := w.client(t, nil)
			b := w.browser()
			scope := "a offline"
			l := b.open(t, w.authURL(c, "scope", scope)).challenge(t)
			back := w.acceptLogin(t, l, m{"subject": "u", "remember": true})
			k := b.open(t, back).consentChallenge(t)
			last := w.acceptConsent(t, k, m{"grant_scope": strings.Fields(scope)})
			code := b.clone().open(t, last).leads(t, c.Redirect, "code")
			tokens := w.exchange(t, c, b.clone().visit(t, c, m{"subject": "u"}, nil, "scope", scope))
			values := map[string]string{
				"login challenge": l, "login verifier": query(t, back, "login_verifier"),
				"consent challenge": k, "consent verifier": query(t, last, "consent_verifier"),
				"code": code, "access token": tokens["access_token"].(string), "refresh token": tokens["refresh_token"].(string),
				"session cookie": b.session(),
			}
			// Each use takes its own kind, and nothing else.
			uses := map[string]func(t *testing.T, v string){
				"login challenge": func(t *testing.T, v string) {
					w.status(t, 404, "GET", loginPath+url.PathEscape(v), nil)
					w.status(t, 404, "PUT", loginPath+url.PathEscape(v)+"/accept", m{"subject": "u"})
				},
				"consent challenge": func(t *testing.T, v string) {
					w.status(t, 404, "GET", consentPath+url.PathEscape(v), nil)
					w.status(t, 404, "PUT", consentPath+url.PathEscape(v)+"/accept", grantA)
				},
				"login verifier":   func(t *testing.T, v string) { w.noVerifier(t, b, c, "login_verifier", v) },
				"consent verifier": func(t *testing.T, v string) { w.noVerifier(t, b, c, "consent_verifier", v) },
				"session cookie": func(t *testing.T, v string) {
					if strings.ContainsAny(v, "\r\n\x00 ") {
						return // cannot stand in a header
					}
					x := w.browser()
					x.open(t, w.authURL(c, "prompt", "login"))
					clone := *b.cookies[sessionCookie]
					clone.Value = v
					x.cookies[sessionCookie] = &clone
					equal(t, "skip", w.loginRequest(t, x.open(t, w.authURL(c)).challenge(t))["skip"], false)
				},
				"code": func(t *testing.T, v string) {
					if r := w.token(t, c, "grant_type", "authorization_code", "code", v, "redirect_uri", c.Redirect); r.Status != 400 {
						t.Errorf("the code gives %d %s", r.Status, r.Body)
					}
				},
				"refresh token": func(t *testing.T, v string) {
					if r := w.token(t, c, "grant_type", "refresh_token", "refresh_token", v); r.Status != 400 {
						t.Errorf("the refresh token gives %d %s", r.Status, r.Body)
					}
				},
				"access token": func(t *testing.T, v string) {
					form := url.Values{"token": {v}}
					r := do(t, user, "POST", w.Admin+"/oauth2/introspect", form.Encode(), "Content-Type: application/x-www-form-urlencoded")
					if !strings.Contains(r.Body, `"active":false`) && r.Status != 400 {
						t.Errorf("the token is %d %s", r.Status, r.Body)
					}
				},
			}
			for use, try := range uses {
				for name, v := range mutations(t, values[use]) {
					t.Run(use+": "+name, func(t *testing.T) { try(t, v) })
				}
				for kind, v := range values {
					if kind == use || use == "access token" && kind == "refresh token" {
						continue
					}
					t.Run(kind+" as "+use, func(t *testing.T) { try(t, v) })
				}
			}
			// Nothing of all that has hurt the genuine values.
			w.exchange(t, c, code)
			w.token(t, c, "grant_type", "refresh_token", "refresh_token", values["refresh token"]).object(t, 200)
		})
	}
}

func (w *world) noVerifier(t *testing.T, b *browser, c *party, name, v string) {
	t.Helper()
	r := b.clone().open(t, w.Config.URLs.Public+"/oauth2/auth?"+url.Values{"client_id": {c.ID}, name: {v}}.Encode())
	if got := r.location(t).Query().Get("error"); got != "access_denied" && !strings.ContainsRune(v, 0) || !strings.HasPrefix(r.location(t).String(), errorPage) {
		t.Errorf("the browser is sent to %s", r.location(t))
	}
}

// 1 KB of junk on requests that nobody has signed in for: no row above the
// quota, and an answer that asks to come back later.
func TestAttackFloodOfJunk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, other := w.client(t, nil), w.client(t, nil)
	junk := func(c *party, i int) string {
		return w.authURL(c, "junk", fmt.Sprintf("%04d", i)+strings.Repeat("x", 1000))
	}
	w.browser().open(t, w.authURL(c)).challenge(t) // warm
	w.browser().open(t, w.authURL(other)).challenge(t)
	w.count.Take()
	const burst, refill, sent = 100, 30, 150
	shed := 0
	for i := range sent {
		r := w.browser().open(t, junk(c, i))
		switch r.Status {
		case 302:
			if l := r.challenge(t); len(l) != 32 {
				t.Fatalf("the challenge has %d characters", len(l))
			}
		case 503:
			shed++
			if r.Header.Get("Retry-After") == "" || r.Header.Get("Set-Cookie") != "" {
				t.Fatalf("the answer has the headers %v", r.Header)
			}
		default:
			t.Fatalf("the answer is %d %s", r.Status, r.Body)
		}
	}
	if n := w.count.Take(); n.Writes != burst || shed != sent-burst {
		t.Errorf("%d rows were written and %d requests shed, want %d and %d", n.Writes, shed, burst, sent-burst)
	}
	t.Run("whoever sends short requests, and other clients, are not hurt", func(t *testing.T) {
		w.browser().open(t, w.authURL(c)).challenge(t)
		w.browser().open(t, junk(other, 0)).challenge(t)
	})
	t.Run("a second later a few may come", func(t *testing.T) {
		w.clock.Advance(time.Second)
		w.count.Take()
		for i := range 2 * refill {
			w.browser().open(t, junk(c, 1000+i))
		}
		if n := w.count.Take(); n.Writes != refill {
			t.Errorf("%d rows were written, want %d", n.Writes, refill)
		}
	})
	t.Run("what was stored goes with its flow", func(t *testing.T) {
		w.clock.Advance(2*time.Hour + w.Config.TTL.LoginConsentRequest)
		w.status(t, 204, "POST", "/oauth2/flush", `{}`)
		l := w.browser().open(t, junk(c, 1)).challenge(t)
		w.status(t, 200, "GET", loginPath+l, nil)
		w.clock.Advance(2*time.Hour + w.Config.TTL.LoginConsentRequest)
		w.status(t, 204, "POST", "/oauth2/flush", `{}`)
		w.status(t, 404, "GET", loginPath+l, nil)
	})
}

// No URL that the server makes exceeds 2,000 bytes.
func TestAttackLongValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, m{"scope": "openid offline a " + strings.Repeat("long.scope.", 40) + "*"})
	long := func(n int) string { return strings.Repeat("x", n) }
	short := func(t *testing.T, to string) string {
		t.Helper()
		if len(to) > 2000 {
			t.Errorf("the URL has %d bytes: %s", len(to), to)
		}
		return to
	}
	walk := func(t *testing.T, login, consent m, pairs ...string) {
		t.Helper()
		b := w.browser()
		r := b.open(t, w.authURL(c, pairs...))
		short(t, r.Header.Get("Location"))
		r = b.open(t, short(t, w.acceptLogin(t, r.challenge(t), login)))
		short(t, r.Header.Get("Location"))
		k := r.consentChallenge(t)
		if q := w.consentRequest(t, k); q["subject"] != login["subject"] {
			t.Errorf("the subject is %v", q["subject"])
		}
		r = b.open(t, short(t, w.acceptConsent(t, k, consent)))
		short(t, r.Header.Get("Location"))
		w.exchange(t, c, r.leads(t, c.Redirect, "code"))
		w.clock.Advance(time.Minute) // the quota fills up again
	}
	claims := m{"grant_scope": []string{"a", "openid"}, "remember": true, "session": m{"access_token": m{"big": long(10 << 10)}, "id_token": m{"big": long(10 << 10)}}}
	t.Run("a long rejection", func(t *testing.T) {
		r := w.browser()
		l := r.open(t, w.authURL(c)).challenge(t)
		to := w.put(t, loginPath+l+"/reject", m{"error": "access_denied", "error_description": strings.Repeat("ü", 500), "error_hint": long(900)})
		q := r.open(t, short(t, to)).refused(t, "access_denied")
		short(t, c.Redirect+"?"+q.Encode())
		if !strings.HasPrefix(q.Get("error_description"), "üü") || !strings.HasSuffix(q.Get("error_description"), "…") {
			t.Errorf("the description is %q", q.Get("error_description"))
		}
	})
	t.Run("a consent of 20 KB", func(t *testing.T) { walk(t, m{"subject": "u"}, claims) })
	t.Run("a login context of 30 KB", func(t *testing.T) { walk(t, m{"subject": "u", "context": m{"x": long(30000)}}, claims) })
	t.Run("a subject of 1 KB", func(t *testing.T) {
		walk(t, m{"subject": long(1024), "remember": true, "acr": long(1000), "amr": []string{long(1000)}}, claims)
	})
	t.Run("a state of 1 KB and a nonce of 1 KB", func(t *testing.T) {
		walk(t, m{"subject": "u"}, claims, "state", long(1024), "nonce", long(1024))
	})
	t.Run("a hint of 1 KB and junk of 8 KB", func(t *testing.T) {
		walk(t, m{"subject": "u"}, claims, "login_hint", long(1024), "junk", long(8000))
	})
	t.Run("a request just short of being stored", func(t *testing.T) {
		for n := 400; n < 700; n += 7 {
			walk(t, m{"subject": "u", "remember": true}, grantA, "junk", long(n))
		}
	})
	refusedAtOnce := map[string]string{"state": long(4097), "nonce": long(1025), "login_hint": long(2049), "acr_values": long(2049), "junk": long(17 << 10)}
	for name, value := range refusedAtOnce {
		t.Run("too long: "+name, func(t *testing.T) {
			u := w.browser().open(t, w.authURL(c, name, value)).location(t)
			if got := u.Query().Get("error"); got != "invalid_request" {
				t.Errorf("the browser is sent to %s", u)
			}
		})
	}
	t.Run("a state of 64 KB", func(t *testing.T) {
		w.browser().send(t, "POST", w.Config.URLs.Public+"/oauth2/auth", w.authParams(c, "state", long(64<<10)).Encode()).shown(t, "invalid_request")
		if r := w.browser().open(t, w.authURL(c, "state", long(64<<10))); r.Status != 431 && r.Status != 414 {
			t.Errorf("the answer is %d", r.Status)
		}
	})
	for what, body := range map[string]m{
		"a subject": {"subject": long(1025)}, "an acr": {"subject": "u", "acr": long(1025)}, "a context": {"subject": "u", "context": long(33 << 10)},
	} {
		t.Run("too long: "+what, func(t *testing.T) {
			l := w.browser().open(t, w.authURL(c)).challenge(t)
			w.status(t, 400, "PUT", loginPath+l+"/accept", body)
		})
	}
	t.Run("too long: claims", func(t *testing.T) {
		_, k := w.browser().toConsent(t, c, m{"subject": "u"})
		w.status(t, 400, "PUT", consentPath+k+"/accept", m{"session": m{"id_token": m{"big": long(65 << 10)}}})
		w.status(t, 400, "PUT", consentPath+k+"/reject", m{"error": "x", "error_description": long(3000)})
	})
}

// Login apps with short columns: every challenge has 32 characters, and what
// the lists show is the same, for as long as the consent is listed.
func TestShortChallenges(t *testing.T) {
	t.Parallel()
	for _, limit := range []string{"0", "1400"} {
		t.Run("max_sealed_chars "+limit, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "FLOW_MAX_SEALED_CHARS="+limit)
			c := w.client(t, nil)
			b := w.browser()
			l, k := b.toConsent(t, c, m{"subject": "u", "remember": true}, "scope", "openid offline a")
			if limit == "0" && (len(l) != 32 || len(k) != 32) {
				t.Errorf("the challenges %s and %s have %d and %d characters", l, k, len(l), len(k))
			}
			equal(t, "login_challenge", w.consentRequest(t, k)["login_challenge"], l)
			last := w.acceptConsent(t, k, m{"grant_scope": []string{"openid", "offline", "a"}, "remember": true})
			listed := func() {
				t.Helper()
				s := w.consents(t, "u")
				if len(s) != 1 {
					t.Fatalf("%d consents, want 1", len(s))
				}
				r := s[0]["consent_request"].(m)
				equal(t, "challenges in the list", []any{r["challenge"], r["login_challenge"], r["request_url"]}, []any{k, l, w.authURL(c, "scope", "openid offline a")})
			}
			listed()
			tokens := w.exchange(t, c, b.open(t, last).leads(t, c.Redirect, "code"))
			listed()
			l2, k2 := b.toConsent(t, c, m{"subject": "u"})
			equal(t, "skip", []any{w.loginRequest(t, l2)["skip"], w.consentRequest(t, k2)["skip"]}, []any{true, true})
			w.exchange(t, c, b.open(t, w.acceptConsent(t, k2, grantA)).leads(t, c.Redirect, "code"))
			w.clock.Advance(3 * 24 * time.Hour)
			w.status(t, 204, "POST", "/oauth2/flush", `{}`)
			listed()
			w.token(t, c, "grant_type", "refresh_token", "refresh_token", tokens["refresh_token"].(string)).object(t, 200)
		})
	}
}

// Subjects are text: no path operation takes one for another.
func TestAttackOddSubjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	for _, subject := range []string{
		"a/b", "//", "a%2Fb", "100%", "%", "%00", "with space", " ", "+", "a+b", "😀", "é", "e\u0301", ".", "..", "...", "../login/x", "?", "#", "?#", "a;b", "a&b=c", `"`, "<b>", "U", "u", "\u202eevil",
	} {
		t.Run(subject, func(t *testing.T) {
			b := w.browser()
			path := strings.ReplaceAll(url.PathEscape(subject), ".", "%2E")
			tokens := w.exchange(t, c, b.visit(t, c, m{"subject": subject, "remember": true}, m{"grant_scope": []string{"a"}, "remember": true}))
			equal(t, "sub", w.introspect(t, tokens["access_token"])["sub"], subject)
			equal(t, "subject", w.loginRequest(t, b.open(t, w.authURL(c)).challenge(t))["subject"], subject)
			var s []m
			w.call(t, "GET", sessionsPath+"consent/"+path, nil).json(t, 200, &s)
			if len(s) != 1 || s[0]["consent_request"].(m)["subject"] != subject {
				t.Fatalf("the list is %v", s)
			}
			w.status(t, 204, "DELETE", sessionsPath+"login/"+path, nil)
			equal(t, "skip", w.loginRequest(t, b.open(t, w.authURL(c)).challenge(t))["skip"], false)
			w.status(t, 204, "DELETE", sessionsPath+"consent/"+path+"/"+c.ID, nil)
			if w.active(t, tokens["access_token"]) {
				t.Error("the token is active")
			}
			w.status(t, 404, "DELETE", sessionsPath+"consent/"+path, nil)
		})
	}
	l := w.browser().open(t, w.authURL(c)).challenge(t)
	for _, subject := range []string{`"a\u0000b"`, "\"a\xffb\"", `"\ud800"`, `{}`, `7`} {
		w.status(t, 400, "PUT", loginPath+l+"/accept", `{"subject":`+subject+`}`)
	}
}
