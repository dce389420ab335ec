package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Attacks on the trip of a browser (attacks.md), over HTTP. The names are the
// attacks.

var grantA = m{"grant_scope": []string{"a"}}

// over checks that the browser gets no code and no page, but starts afresh.
func (r reply) over(t *testing.T, start string) {
	t.Helper()
	if u := r.location(t).String(); u != start {
		t.Errorf("the browser is sent to %s, want %s", u, start)
	}
}

func TestAttackBrowserSwapping(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	attacker := w.browser()
	l := attacker.open(t, w.authURL(c)).challenge(t)
	back := w.acceptLogin(t, l, m{"subject": "attacker", "remember": true})
	k := attacker.clone().open(t, back).consentChallenge(t)
	last := w.acceptConsent(t, k, grantA)

	busy := w.browser()
	busy.open(t, w.authURL(c)).challenge(t) // a flow of her own, begun in the same second
	for name, victim := range map[string]*browser{"fresh": w.browser(), "busy": busy, "signed in": w.loggedIn(t, c, "victim")} {
		t.Run(name, func(t *testing.T) {
			before := victim.session()
			victim.open(t, back).shown(t, "request_forbidden")
			victim.open(t, last).shown(t, "request_forbidden")
			if victim.session() != before {
				t.Error("the victim's session cookie has changed")
			}
		})
	}
	t.Run("the attacker's own browser goes on", func(t *testing.T) {
		attacker.open(t, back).consentChallenge(t)
		w.exchange(t, c, attacker.open(t, last).leads(t, c.Redirect, "code"))
	})
	t.Run("a refusal that another browser brings is told and changes nothing", func(t *testing.T) {
		b := w.browser()
		_, k := b.toConsent(t, c, m{"subject": "u"})
		no := w.put(t, consentPath+k+"/reject", m{"error": "access_denied"})
		w.browser().open(t, no).refused(t, "access_denied")
		w.exchange(t, c, b.open(t, w.acceptConsent(t, k, grantA)).leads(t, c.Redirect, "code"))
	})
}

// A cookie that a sibling domain planted does not make the victim's browser
// finish the attacker's flow, nor use his session.
func TestAttackPlantedCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "OAUTH2_ISSUER_URL=https://id.test/", "HTTPS_ALLOW_TERMINATION_FROM=127.0.0.1/32")
	c := w.client(t, nil)
	attacker := w.browser()
	attacker.visit(t, c, m{"subject": "attacker", "remember": true}, nil)
	l := attacker.open(t, w.authURL(c, "prompt", "login")).challenge(t)
	back := w.acceptLogin(t, l, m{"subject": "attacker"})
	victim := w.browser()
	for name, cookie := range attacker.cookies {
		plain, ok := strings.CutPrefix(name, "__Host-")
		if !ok || !cookie.Secure || cookie.HttpOnly == (plain == stateCookie) || cookie.Path != "/" || cookie.Domain != "" {
			t.Errorf("another host can plant the cookie %v", cookie)
		}
		planted := *cookie
		planted.Name = plain
		victim.cookies[plain] = &planted
	}
	victim.open(t, back).shown(t, "request_forbidden")
	equal(t, "skip", w.loginRequest(t, victim.open(t, w.authURL(c)).challenge(t))["skip"], false)
	attacker.open(t, back).consentChallenge(t)
}

func TestAttackManyTabs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	for name, order := range map[string]func(i, n int) int{
		"first to last": func(i, _ int) int { return i },
		"last to first": func(i, n int) int { return n - 1 - i },
		"shuffled":      func(i, n int) int { return i * 7 % n },
	} {
		t.Run("ten tabs, finished "+name, func(t *testing.T) {
			const n = 10
			b := w.browser()
			var tabs [n]string
			for i := range tabs {
				tabs[i] = b.open(t, w.authURL(c)).challenge(t)
			}
			var back [n]string
			for i := range tabs {
				k := b.open(t, w.acceptLogin(t, tabs[order(i, n)], m{"subject": "u", "remember": name != "shuffled"})).consentChallenge(t)
				back[i] = w.acceptConsent(t, k, grantA)
			}
			for i := range back {
				w.exchange(t, c, b.open(t, back[order(i, n)]).leads(t, c.Redirect, "code"))
			}
			for cookie := range b.cookies {
				if cookie != sessionCookie && cookie != stateCookie {
					t.Errorf("the cookie %s is left", cookie)
				}
			}
		})
	}
	t.Run("forty tabs", func(t *testing.T) {
		const n, kept = 40, 16
		b := w.browser()
		var back [n]string
		for i := range back {
			back[i] = w.acceptLogin(t, b.open(t, w.authURL(c)).challenge(t), m{"subject": "u"})
			w.clock.Advance(time.Second)
		}
		if len(b.cookies) != kept {
			t.Errorf("the browser keeps %d cookies, want %d", len(b.cookies), kept)
		}
		for i, to := range back {
			if r := b.open(t, to); i < n-kept {
				r.shown(t, "request_forbidden")
			} else {
				r.consentChallenge(t)
			}
		}
	})
}

// Three hundred planted cookies, which sort before or behind genuine ones,
// neither stop a flow nor make an answer that proxies refuse.
func TestAttackFlowCookiesPlanted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	for _, suffix := range []string{"00000000", "zzzzzzzz", ""} {
		b := w.browser()
		for i := range 300 {
			name := fmt.Sprintf("ory_hydra_login_csrf_%s%d", suffix, i)
			b.cookies[name] = &http.Cookie{Name: name, Value: "x"}
		}
		r := b.open(t, w.authURL(c))
		if n := len(r.Header.Values("Set-Cookie")); n > 17 {
			t.Errorf("the answer sets %d cookies", n)
		}
		k := b.open(t, w.acceptLogin(t, r.challenge(t), m{"subject": "u"})).consentChallenge(t)
		w.exchange(t, c, b.open(t, w.acceptConsent(t, k, grantA)).leads(t, c.Redirect, "code"))
	}
}

// Back, reload and lost responses: whatever is done twice works as if it had
// been done once, until the code was paid.
func TestAttackBackReloadAndLostResponses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	for name, login := range map[string]m{"not remembered": {"subject": "u"}, "remembered": {"subject": "u", "remember": true, "remember_for": 60}} {
		t.Run(name, func(t *testing.T) {
			b := w.browser()
			b.open(t, w.authURL(c)).challenge(t) // the answer is lost, the user reloads
			l := b.open(t, w.authURL(c)).challenge(t)
			w.loginRequest(t, l)
			w.loginRequest(t, l)
			back := w.acceptLogin(t, l, login)
			w.clock.Advance(time.Second)
			again := w.acceptLogin(t, l, login) // the login app lost the answer

			atLogin := b.clone()
			k := b.open(t, back).consentChallenge(t)
			equal(t, "consent challenge after a lost response", atLogin.open(t, back).consentChallenge(t), k)
			equal(t, "consent challenge after a reload", b.open(t, back).consentChallenge(t), k)
			k2 := b.open(t, again).consentChallenge(t)

			last := w.acceptConsent(t, k, grantA)
			w.acceptConsent(t, k2, grantA)
			atConsent := b.clone()
			b.open(t, last).leads(t, c.Redirect, "code")
			code := atConsent.clone().open(t, last).leads(t, c.Redirect, "code")
			w.acceptConsent(t, k, grantA) // the code is out, but nothing was paid
			last = w.acceptConsent(t, k, m{"grant_scope": []string{"b"}})
			atConsent.clone().open(t, last).leads(t, c.Redirect, "code")

			tokens := w.exchange(t, c, code)
			equal(t, "scope: the last call wins", tokens["scope"], "b")
			start := w.authURL(c)
			b.open(t, back).over(t, start)
			b.open(t, last).over(t, start)
			atConsent.clone().open(t, last).over(t, start)
			w.status(t, 409, "PUT", loginPath+l+"/accept", login)
			w.status(t, 409, "PUT", consentPath+k+"/accept", grantA)
			if !w.active(t, tokens["access_token"]) {
				t.Error("the replays have killed the token")
			}
		})
	}
	t.Run("both pages submitted twenty times at once", func(t *testing.T) {
		b := w.browser()
		l := b.open(t, w.authURL(c)).challenge(t)
		back := w.atOnce(t, 20, loginPath+l+"/accept", m{"subject": "u", "remember": true})
		k := b.open(t, back).consentChallenge(t)
		last := w.atOnce(t, 20, consentPath+k+"/accept", grantA)
		w.exchange(t, c, b.open(t, last).leads(t, c.Redirect, "code"))
	})
}

// atOnce makes one decision many times at once.
func (w *world) atOnce(t *testing.T, n int, path string, body any) (to string) {
	t.Helper()
	var wg sync.WaitGroup
	answers := make([]reply, n)
	for i := range answers {
		wg.Go(func() { answers[i] = w.call(t, "PUT", path, body) })
	}
	wg.Wait()
	for _, r := range answers {
		to, _ = r.object(t, 200)["redirect_to"].(string)
	}
	return to
}

func TestAttackReplayOfVerifiers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	start := w.authURL(c)
	logout := w.Config.URLs.Public + "/oauth2/auth/sessions/login/revoke"

	t.Run("without the cookie: forbidden while the flow runs, a fresh start when it is over", func(t *testing.T) {
		b := w.browser()
		back := w.acceptLogin(t, b.open(t, start).challenge(t), m{"subject": "u"})
		last := w.acceptConsent(t, b.open(t, back).consentChallenge(t), grantA)
		for _, to := range []string{back, last} {
			w.browser().open(t, to).shown(t, "request_forbidden")
		}
		w.exchange(t, c, b.open(t, last).leads(t, c.Redirect, "code"))
		for _, to := range []string{back, last} {
			w.browser().open(t, to).over(t, start)
		}
	})
	t.Run("when the time is over, with the cookie and without", func(t *testing.T) {
		b := w.browser()
		back := w.acceptLogin(t, b.open(t, start).challenge(t), m{"subject": "u"})
		last := w.acceptConsent(t, b.open(t, back).consentChallenge(t), grantA)
		kept := unexpired(b.clone())
		w.clock.Advance(w.Config.TTL.LoginConsentRequest)
		for _, to := range []string{back, last} {
			kept.clone().open(t, to).refused(t, "request_unauthorized")
			w.browser().open(t, to).over(t, start)
		}
	})
	t.Run("revoke the consent, then replay the consent verifier with the kept cookie", func(t *testing.T) {
		b := w.browser()
		_, k := b.toConsent(t, c, m{"subject": "revoked"})
		last := w.acceptConsent(t, k, grantA)
		kept := b.clone()
		tokens := w.exchange(t, c, b.open(t, last).leads(t, c.Redirect, "code"))
		w.status(t, 204, "DELETE", sessionsPath+"consent/revoked", nil)
		kept.open(t, last).over(t, start)
		w.status(t, 404, "GET", consentPath+k, nil)
		w.status(t, 409, "PUT", consentPath+k+"/accept", grantA)
		equal(t, "consents", w.consents(t, "revoked"), []m{})
		if w.active(t, tokens["access_token"]) {
			t.Error("the token came back to life")
		}
	})
	t.Run("sign out, then replay the login verifier", func(t *testing.T) {
		for _, paid := range []bool{false, true} {
			b := w.browser()
			l := b.open(t, start).challenge(t)
			back := w.acceptLogin(t, l, m{"subject": "u", "remember": true})
			kept := b.clone()
			k := b.open(t, back).consentChallenge(t)
			if paid {
				w.exchange(t, c, b.open(t, w.acceptConsent(t, k, grantA)).leads(t, c.Redirect, "code"))
			}
			b.open(t, logout)
			kept.open(t, back)
			w.status(t, 409, "PUT", consentPath+k+"/accept", grantA)
			w.status(t, 409, "PUT", loginPath+l+"/accept", m{"subject": "u", "remember": true})
			equal(t, "skip", w.loginRequest(t, kept.open(t, start).challenge(t))["skip"], false)
		}
	})
	t.Run("a refusal that was brought back is final", func(t *testing.T) {
		b := w.browser()
		l, k := b.toConsent(t, c, m{"subject": "u"})
		yes := w.acceptConsent(t, k, grantA)
		no := w.put(t, consentPath+k+"/reject", m{"error": "access_denied"})
		kept := b.clone()
		b.open(t, no).refused(t, "access_denied")
		kept.clone().open(t, no).refused(t, "access_denied")
		kept.clone().open(t, yes).refused(t, "access_denied")
		w.status(t, 409, "PUT", consentPath+k+"/accept", grantA)
		w.status(t, 409, "PUT", loginPath+l+"/accept", m{"subject": "u"})
	})
	t.Run("a refused login is final", func(t *testing.T) {
		b := w.browser()
		l := b.open(t, start).challenge(t)
		yes := w.acceptLogin(t, l, m{"subject": "u"})
		no := w.put(t, loginPath+l+"/reject", m{"error": "access_denied"})
		kept := b.clone()
		b.open(t, no).refused(t, "access_denied")
		b.open(t, yes).over(t, start)
		k := kept.open(t, yes).consentChallenge(t) // costs no look-up; the consent notices
		w.status(t, 409, "GET", consentPath+k, nil)
		w.status(t, 409, "PUT", consentPath+k+"/accept", grantA)
	})
	t.Run("a refusal after the code was paid changes nothing", func(t *testing.T) {
		b := w.browser()
		_, k := b.toConsent(t, c, m{"subject": "u"})
		no := w.put(t, consentPath+k+"/reject", m{"error": "access_denied"})
		yes := w.acceptConsent(t, k, grantA)
		kept := b.clone()
		tokens := w.exchange(t, c, b.open(t, yes).leads(t, c.Redirect, "code"))
		kept.open(t, no).over(t, start)
		if !w.active(t, tokens["access_token"]) {
			t.Error("the token is dead")
		}
	})
}

func TestAttackRevocationDuringTheFlow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	start := w.authURL(c)
	revokeLogins := func(t *testing.T, subject string) {
		t.Helper()
		w.status(t, 204, "DELETE", sessionsPath+"login/"+subject, nil)
	}
	revokeConsents := func(t *testing.T, subject string) {
		t.Helper()
		w.status(t, 204, "DELETE", sessionsPath+"consent/"+subject, nil)
	}
	for _, skip := range []bool{false, true} {
		visitor := func(t *testing.T, subject string) *browser {
			t.Helper()
			if skip {
				return w.loggedIn(t, c, subject)
			}
			return w.browser()
		}
		name := map[bool]string{false: "shown: ", true: "skipped: "}[skip]
		login := func(subject string) m { return m{"subject": subject, "remember": !skip} }

		t.Run(name+"logins between login accept and return", func(t *testing.T) {
			u := w.name("u")
			b := visitor(t, u)
			back := w.acceptLogin(t, b.open(t, start).challenge(t), login(u))
			revokeLogins(t, u)
			if !skip {
				b.open(t, back).over(t, start)
				return
			}
			k := b.open(t, back).consentChallenge(t) // costs no look-up; the consent notices
			w.status(t, 409, "PUT", consentPath+k+"/accept", grantA)
		})
		t.Run(name+"logins between login request and accept", func(t *testing.T) {
			u := w.name("u")
			b := visitor(t, u)
			l := b.open(t, start).challenge(t)
			w.call(t, "DELETE", sessionsPath+"login/"+u, nil)
			if skip {
				w.status(t, 409, "PUT", loginPath+l+"/accept", login(u))
			}
		})
		t.Run(name+"logins between consent accept and return", func(t *testing.T) {
			u := w.name("u")
			b := visitor(t, u)
			_, k := b.toConsent(t, c, login(u))
			last := w.acceptConsent(t, k, grantA)
			revokeLogins(t, u)
			b.open(t, last).over(t, start)
		})
		t.Run(name+"consents between consent accept and return", func(t *testing.T) {
			u := w.name("u")
			b := visitor(t, u)
			_, k := b.toConsent(t, c, login(u))
			last := w.acceptConsent(t, k, grantA)
			revokeConsents(t, u)
			b.open(t, last).over(t, start)
			w.status(t, 409, "PUT", consentPath+k+"/accept", grantA)
		})
		t.Run(name+"consents between return and exchange", func(t *testing.T) {
			u := w.name("u")
			b := visitor(t, u)
			_, k := b.toConsent(t, c, login(u))
			code := b.open(t, w.acceptConsent(t, k, grantA)).leads(t, c.Redirect, "code")
			revokeConsents(t, u)
			if r := w.token(t, c, "grant_type", "authorization_code", "code", code, "redirect_uri", c.Redirect); r.Status != 400 || !strings.Contains(r.Body, "invalid_grant") {
				t.Errorf("the code gives %d %s", r.Status, r.Body)
			}
		})
	}
	t.Run("skipped: consents between consent request and accept", func(t *testing.T) {
		b := w.loggedIn(t, c, "last")
		_, k := b.toConsent(t, c, m{"subject": "last"})
		revokeConsents(t, "last")
		w.status(t, 409, "PUT", consentPath+k+"/accept", grantA)
		_, k = b.toConsent(t, c, m{"subject": "last"})
		equal(t, "skip", w.consentRequest(t, k)["skip"], false)
	})
}

// Delete a client while a browser is under way and create another with its
// id: nothing of the old one's comes to life.
func TestAttackClientReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, recreate := range []bool{false, true} {
		t.Run(map[bool]string{false: "deleted", true: "deleted and created again"}[recreate], func(t *testing.T) {
			c := w.client(t, nil)
			b := w.loggedIn(t, c, c.ID)
			l := b.open(t, w.authURL(c, "prompt", "login")).challenge(t)
			back := w.acceptLogin(t, b.open(t, w.authURL(c, "prompt", "login")).challenge(t), m{"subject": c.ID})
			_, k := b.toConsent(t, c, m{"subject": c.ID})
			_, k2 := b.toConsent(t, c, m{"subject": c.ID})
			last := w.acceptConsent(t, k2, grantA)
			code := b.visit(t, c, m{"subject": c.ID}, grantA)
			w.status(t, 204, "DELETE", "/clients/"+c.ID, nil)
			if recreate {
				c = w.client(t, m{"client_id": c.ID})
			}
			w.status(t, 404, "GET", loginPath+l, nil)
			w.status(t, 404, "GET", consentPath+k, nil)
			// Accepting the login costs no look-up of the client; the browser gets no further.
			b.open(t, w.acceptLogin(t, l, m{"subject": c.ID})).shown(t, "invalid_client")
			b.open(t, w.put(t, consentPath+k+"/reject", m{"error": "access_denied"})).shown(t, "invalid_client")
			b.open(t, back).shown(t, "invalid_client")
			w.status(t, 404, "PUT", consentPath+k+"/accept", grantA)
			b.open(t, last).shown(t, "invalid_client")
			if r := w.token(t, c, "grant_type", "authorization_code", "code", code, "redirect_uri", c.Redirect); r.Status < 400 || r.Status > 401 {
				t.Errorf("the code gives %d %s", r.Status, r.Body)
			}
			equal(t, "consents", w.consents(t, c.ID), []m{})
			if recreate {
				_, k := b.toConsent(t, c, m{"subject": c.ID})
				equal(t, "skip", w.consentRequest(t, k)["skip"], false)
			}
		})
	}
}

// What stands beside a verifier may not say something else than the request
// that the verifier belongs to.
func TestAttackContradictionBesideTheVerifier(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, c := w.client(t, nil), w.client(t, nil)
	b := w.browser()
	back := w.acceptLogin(t, b.open(t, w.authURL(c)).challenge(t), m{"subject": "u"})
	k := b.open(t, back).consentChallenge(t)
	last := w.acceptConsent(t, k, grantA)
	for name, to := range map[string]string{"login_verifier": back, "consent_verifier": last} {
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		verifier := u.Query().Get(name)
		for param, value := range map[string]string{
			"client_id": a.ID, "redirect_uri": "https://evil.test/", "state": "other-state", "scope": "a b", "nonce": "other-nonce",
			"prompt": "none", "response_mode": "fragment", "code_challenge": "x", "audience": "x", "unheard_of": "1",
		} {
			b.clone().open(t, w.authURL(c, name, verifier, param, value)).shown(t, "invalid_request")
		}
		b.clone().open(t, w.authURL(a, name, verifier)).shown(t, "invalid_request")
		b.clone().open(t, to+"&client_id="+a.ID).shown(t, "invalid_request")
		b.clone().open(t, to+"&"+name+"=x").shown(t, "invalid_request")
		b.clone().send(t, "POST", to, "client_id="+a.ID).shown(t, "invalid_request")
		b.clone().send(t, "POST", w.Config.URLs.Public+"/oauth2/auth?client_id="+c.ID, "client_id="+a.ID+"&"+name+"="+url.QueryEscape(verifier)).shown(t, "invalid_request")
		// The same beside it is what older apps send.
		b.clone().open(t, w.authURL(c, name, verifier)).location(t)
	}
	code := b.open(t, last).leads(t, c.Redirect, "code")
	if r := w.token(t, a, "grant_type", "authorization_code", "code", code, "redirect_uri", a.Redirect); r.Status != 400 {
		t.Errorf("the other client gets %d %s", r.Status, r.Body)
	}
	w.exchange(t, c, code)
}
