package server_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// trip is what the walk knows of one flow.
type trip struct {
	client   *party
	browser  int    // that it began in
	cookie   string // its flow cookie's name
	begun    time.Time
	subjects map[string]bool // whose login accept was answered 200
	granted  *granted        // the last consent accept that was answered 200
	paid     int             // how often its code was exchanged
	front    int             // how often the authorization endpoint paid tokens
	over     string          // why nothing may come out of it any more, and what did is dead
}

type granted struct {
	subject string
	scope   []string
}

// verdict is a redirect_to: what an app has said of a trip.
type verdict struct {
	trip    *trip
	subject string // of an accepted login
	consent bool   // an accepted consent
}

// asked is a consent challenge.
type asked struct {
	trip     *trip
	subject  string
	skip     bool
	revision int // how often the subject's consents had been revoked
}

// issuedCode is a code that a browser was given.
type issuedCode struct {
	trip  *trip
	until time.Time
}

// paidOut is a token.
type paidOut struct {
	value string
	trip  *trip
}

// walk is a random walk of two people with a browser each, a login app, a
// consent app and an attacker, who has seen all that ever stood in a URL or an
// answer, but no cookie, and replays it anywhere.
type walk struct {
	*world
	t        *testing.T // for what is not part of the walk
	browsers []*browser
	people   []string
	clients  []*party

	trips     map[string]*trip // by login challenge
	asked     map[string]*asked
	verdicts  map[string]*verdict // by name and value of the verifier
	codes     map[string]*issuedCode
	tokens    []paidOut
	logins    []string // challenges, in the order of their appearance
	consents  []string
	urls      []string
	values    []string
	revisions map[string]int
	signedIn  map[string]bool         // has a remembered login that was not revoked
	carried   map[int]map[string]bool // subjects that were accepted in flows of the browser
}

// TestFlowWalk: nobody gets a token for a subject without that subject's login
// accept and consent accept having been answered for that client, in the
// browser that carried the flow; no code pays twice; nothing that was taken
// back comes to life; no answer is a fault of the server.
func TestFlowWalk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	paid, front, refused := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		k := &walk{
			world: w, t: t, browsers: []*browser{w.browser(), w.browser()}, people: []string{w.name("u"), w.name("u")},
			clients: []*party{w.everything(t, nil), w.everything(t, nil)},
			trips:   map[string]*trip{}, asked: map[string]*asked{}, verdicts: map[string]*verdict{}, codes: map[string]*issuedCode{},
			revisions: map[string]int{}, signedIn: map[string]bool{}, carried: map[int]map[string]bool{0: {}, 1: {}},
		}
		rt.Repeat(map[string]func(*rapid.T){
			"start": k.start, "start again": k.start, "visit": k.visit, "visit the newest": k.visitNewest, "go on": k.visitNewest,
			"login app": k.loginApp, "login app goes on": k.loginApp, "consent app": k.consentApp, "consent app goes on": k.consentApp,
			"whole trip": k.whole, "another whole trip": k.whole, "one more whole trip": k.whole, "exchange": k.exchange, "exchange the code": k.exchange, "replay": k.replay, "introspect": k.introspectAny,
			"revoke": k.revoke, "sign out": k.signOut, "replace a client": k.replaceClient, "wait": k.wait,
		})
		for _, f := range k.trips {
			paid += f.paid
			front += f.front
			if f.over != "" {
				refused++
			}
		}
	})
	if !t.Failed() && (paid < 20 || front < 20 || refused < 20) {
		t.Errorf("%d trips were paid at the token endpoint, %d at the authorization endpoint, and %d were over: the walk leads nowhere", paid, front, refused)
	}
}

// pick draws one of a list, mostly of its end; the zero value of an empty one.
func pick[T any](t *rapid.T, list []T, what string) (one T, ok bool) {
	if len(list) == 0 {
		return one, false
	}
	if rapid.Bool().Draw(t, "newest "+what) {
		return list[len(list)-1], true
	}
	return rapid.SampledFrom(list).Draw(t, what), true
}

// fine fails on a fault of the server.
func fine(t *rapid.T, r reply, what string) reply {
	if r.Status >= 500 {
		t.Fatalf("%s = %d %s", what, r.Status, r.Body)
	}
	return r
}

func (k *walk) start(t *rapid.T) {
	x := rapid.IntRange(0, 1).Draw(t, "browser")
	c := k.clients[rapid.IntRange(0, 1).Draw(t, "client")]
	pairs := []string{"scope", rapid.SampledFrom([]string{"a", "a b", "a b offline", "b openid"}).Draw(t, "scope")}
	if p := rapid.SampledFrom([]string{"", "", "", "login", "consent", "none", "login consent"}).Draw(t, "prompt"); p != "" {
		pairs = append(pairs, "prompt", p)
	}
	if a := rapid.SampledFrom([]string{"", "", "", "0", "60"}).Draw(t, "max_age"); a != "" {
		pairs = append(pairs, "max_age", a)
	}
	if kind := rapid.SampledFrom([]string{"", "", "", "token", "code token", "id_token", "code id_token token", "none"}).Draw(t, "response_type"); kind != "" {
		pairs = append(pairs, "response_type", kind)
		if strings.Contains(kind, "id_token") {
			pairs[1] = "a openid"
		}
	}
	if mode := rapid.SampledFrom([]string{"", "", "fragment", "form_post"}).Draw(t, "response_mode"); mode != "" {
		pairs = append(pairs, "response_mode", mode)
	}
	k.send(t, x, k.authURL(c, pairs...))
}

// whole goes on as people do who want to arrive, mostly.
func (k *walk) whole(t *rapid.T) {
	for i, f := range []func(*rapid.T){k.start, k.loginApp, k.visitNewest, k.consentApp, k.visitNewest, k.exchange} {
		if rapid.IntRange(0, 9).Draw(t, "distracted") > 0 || i == 0 {
			f(t)
		}
	}
}

func (k *walk) visit(t *rapid.T) {
	if to, ok := pick(t, k.urls, "url"); ok {
		k.send(t, rapid.IntRange(0, 1).Draw(t, "browser"), to)
	}
}

// visitNewest is what an honest browser does after an app has answered.
func (k *walk) visitNewest(t *rapid.T) {
	if len(k.urls) == 0 {
		return
	}
	to := k.urls[len(k.urls)-1]
	if v := k.verdict(to); v != nil {
		k.send(t, v.trip.browser, to)
	}
}

// send opens a URL and notes what comes of it.
func (k *walk) send(t *rapid.T, x int, to string) {
	b := k.browsers[x]
	before := b.header()
	r := fine(t, b.open(k.t, to), "GET "+to)
	q := k.told(r)
	v := k.verdict(to)
	mine := v != nil && v.trip.browser == x && strings.Contains(before, v.trip.cookie+"=")
	switch {
	case q.Has("login_challenge"):
		k.began(t, x, to, q.Get("login_challenge"), r)
	case q.Has("consent_challenge"):
		if !mine || v.subject == "" || strings.Contains(v.trip.over, "deleted") {
			t.Fatalf("browser %d gets as far as the consent app with %s", x, to)
		}
		c := q.Get("consent_challenge")
		k.note(c)
		if k.asked[c] == nil {
			k.asked[c] = &asked{trip: v.trip, subject: v.subject, revision: k.revisions[v.subject]}
			k.consents = append(k.consents, c)
		}
	case q.Has("code") || q.Has("access_token") || q.Has("id_token"):
		if !mine || !v.consent {
			t.Fatalf("browser %d gets a code or a token with %s", x, to)
		}
		k.answered(t, v.trip, q)
	case q.Get("error") == "no_thanks" && mine && v.trip.paid+v.trip.front == 0 && v.trip.over == "":
		v.trip.over = "refused"
	}
}

// began notes a new trip.
func (k *walk) began(t *rapid.T, x int, to, challenge string, r reply) {
	cookie := ""
	for _, c := range (&http.Response{Header: r.Header}).Cookies() {
		if c.MaxAge >= 0 && c.Name != sessionCookie {
			cookie = c.Name
		}
	}
	i := slices.IndexFunc(k.clients, func(c *party) bool { return strings.Contains(to, "client_id="+c.ID+"&") })
	if cookie == "" || k.trips[challenge] != nil || i < 0 {
		t.Fatalf("%s leads to the login app without a flow of its own", to)
	}
	k.trips[challenge] = &trip{client: k.clients[i], browser: x, cookie: cookie, begun: k.clock.Now(), subjects: map[string]bool{}}
	k.logins = append(k.logins, challenge)
	k.urls = append(k.urls, to)
	k.note(challenge)
	var req struct {
		Skip    bool
		Subject string
	}
	k.call(k.t, "GET", loginPath+challenge, nil).json(k.t, 200, &req)
	if req.Skip && (!k.signedIn[req.Subject] || !k.carried[x][req.Subject]) {
		t.Fatalf("browser %d is signed in as %s", x, req.Subject)
	}
}

func (k *walk) note(v string) { k.values = append(k.values, v) }

// decided notes the answer to an accept or reject.
func (k *walk) decided(r reply, v *verdict) {
	to, _ := r.object(k.t, 200)["redirect_to"].(string)
	name, value := k.verifier(to)
	k.verdicts[name+value] = v
	k.urls = append(k.urls, to)
	k.note(value)
}

// verifier returns the one in the URL that counts.
func (k *walk) verifier(to string) (name, value string) {
	u, err := url.Parse(to)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, name = range []string{"login_verifier", "consent_verifier"} {
		if value = u.Query().Get(name); value != "" {
			break
		}
	}
	return name, value
}

func (k *walk) verdict(to string) *verdict {
	name, value := k.verifier(to)
	return k.verdicts[name+value]
}

func (k *walk) loginApp(t *rapid.T) {
	challenge, ok := pick(t, k.logins, "login challenge")
	if !ok {
		return
	}
	f := k.trips[challenge]
	if rapid.IntRange(0, 9).Draw(t, "mood") == 0 {
		if r := fine(t, k.call(k.t, "PUT", loginPath+challenge+"/reject", m{"error": "no_thanks"}), "login reject"); r.Status == 200 {
			k.decided(r, &verdict{trip: f})
		}
		return
	}
	subject := rapid.SampledFrom(k.people).Draw(t, "subject")
	remember := rapid.Bool().Draw(t, "remember")
	r := fine(t, k.call(k.t, "PUT", loginPath+challenge+"/accept", m{"subject": subject, "remember": remember, "remember_for": rapid.SampledFrom([]int{0, 60, 3600}).Draw(t, "for")}), "login accept")
	if r.Status != 200 {
		return
	}
	if f.paid+f.front > 0 || f.over != "" && !strings.Contains(f.over, "deleted") { // that is noticed when the browser returns
		t.Fatalf("a login is accepted for a trip that is over: %q, paid %d", f.over, f.paid)
	}
	f.subjects[subject] = true
	k.carried[f.browser][subject] = true
	if remember {
		k.signedIn[subject] = true
	}
	k.decided(r, &verdict{trip: f, subject: subject})
}

func (k *walk) consentApp(t *rapid.T) {
	challenge, ok := pick(t, k.consents, "consent challenge")
	if !ok {
		return
	}
	a := k.asked[challenge]
	if r := fine(t, k.call(k.t, "GET", consentPath+challenge, nil), "consent request"); r.Status == 200 {
		q := r.object(k.t, 200)
		a.skip = q["skip"].(bool)
		if q["subject"] != a.subject || q["client"].(m)["client_id"] != a.trip.client.ID || k.trips[q["login_challenge"].(string)] != a.trip {
			t.Fatalf("the consent app reads %v", q)
		}
	}
	if rapid.IntRange(0, 9).Draw(t, "mood") == 0 {
		if r := fine(t, k.call(k.t, "PUT", consentPath+challenge+"/reject", m{"error": "no_thanks"}), "consent reject"); r.Status == 200 {
			k.decided(r, &verdict{trip: a.trip})
		}
		return
	}
	scope := rapid.SampledFrom([][]string{{"a"}, {"a", "b"}, {"offline", "b"}, {"a", "openid"}}).Draw(t, "granted")
	r := fine(t, k.call(k.t, "PUT", consentPath+challenge+"/accept", m{
		"grant_scope": scope, "remember": rapid.Bool().Draw(t, "remember"), "remember_for": rapid.SampledFrom([]int{0, 0, 60}).Draw(t, "for"),
	}), "consent accept")
	if r.Status != 200 {
		return
	}
	switch f := a.trip; {
	case f.over != "" || f.paid+f.front > 0:
		t.Fatalf("a consent is accepted for a trip that is over: %q, paid %d", f.over, f.paid)
	case !f.subjects[a.subject]:
		t.Fatalf("%s consents and has not signed in", a.subject)
	case a.skip && a.revision != k.revisions[a.subject]:
		t.Fatal("a skipped consent rests on one that was revoked")
	default:
		f.granted = &granted{a.subject, scope}
		k.decided(r, &verdict{trip: f, consent: true})
	}
}

// exchange presents any code, or anything else as a code, as any client.
func (k *walk) exchange(t *rapid.T) {
	from := k.values
	if codes := slices.Sorted(maps.Keys(k.codes)); len(codes) > 0 && rapid.IntRange(0, 4).Draw(t, "a code") > 0 {
		from = codes
	}
	code, ok := pick(t, from, "code")
	if !ok {
		return
	}
	c := k.clients[rapid.IntRange(0, 1).Draw(t, "client")]
	r := fine(t, k.token(k.t, c, "grant_type", "authorization_code", "code", code, "redirect_uri", c.Redirect), "code exchange")
	var f *trip
	if issued := k.codes[code]; issued != nil && k.clock.Now().Before(issued.until) {
		f = issued.trip
	}
	if r.Status != 200 {
		if f != nil && f.client == c && f.paid > 0 && f.over == "" {
			f.over = "its code was used twice"
		}
		return
	}
	if f == nil || f.client != c || f.granted == nil || f.over != "" || f.paid > 0 {
		t.Fatalf("a code is paid: %+v", f)
	}
	f.paid++
	tokens := r.object(k.t, 200)
	in := k.introspect(k.t, tokens["access_token"])
	if in["active"] != true || in["sub"] != f.granted.subject || !f.subjects[f.granted.subject] || in["client_id"] != c.ID || in["scope"] != strings.Join(f.granted.scope, " ") {
		t.Fatalf("the token is %v, granted was %+v", in, f.granted)
	}
	for _, name := range []string{"access_token", "refresh_token"} {
		if v, ok := tokens[name].(string); ok {
			k.note(v)
			k.tokens = append(k.tokens, paidOut{v, f})
		}
	}
}

// replay presents anything anywhere.
func (k *walk) replay(t *rapid.T) {
	v, ok := pick(t, k.values, "value")
	if !ok {
		return
	}
	escaped, c, x := url.PathEscape(v), k.clients[rapid.IntRange(0, 1).Draw(t, "client")], rapid.IntRange(0, 1).Draw(t, "browser")
	wrong := func(r reply, known bool) {
		if fine(t, r, "a replay").Status == 200 && !known {
			t.Fatalf("%s is taken for something else: %s", v, r.Body)
		}
	}
	switch rapid.IntRange(0, 6).Draw(t, "endpoint") {
	case 0:
		wrong(k.call(k.t, "GET", loginPath+escaped, nil), k.trips[v] != nil)
	case 1:
		wrong(k.call(k.t, "GET", consentPath+escaped, nil), k.asked[v] != nil)
	case 2:
		to := k.Config.URLs.Public + "/oauth2/auth?" + url.Values{"client_id": {c.ID}, rapid.SampledFrom([]string{"login_verifier", "consent_verifier"}).Draw(t, "name"): {v}}.Encode()
		k.send(t, x, to)
	case 3:
		k.send(t, x, k.authURL(c, rapid.SampledFrom([]string{"login_verifier", "consent_verifier", "id_token_hint"}).Draw(t, "name"), v))
	case 4:
		r := fine(t, k.token(k.t, c, "grant_type", "refresh_token", "refresh_token", v), "a refresh")
		i := slices.IndexFunc(k.tokens, func(p paidOut) bool { return p.value == v })
		if r.Status != 200 {
			if i >= 0 && k.tokens[i].trip.client == c && strings.HasPrefix(v, "ory_rt_") && k.tokens[i].trip.over == "" {
				k.tokens[i].trip.over = "a refresh token was used again, or is too old"
			}
			return
		}
		if i < 0 || k.tokens[i].trip.over != "" || k.tokens[i].trip.client != c {
			t.Fatalf("the refresh token %s pays", v)
		}
		for _, name := range []string{"access_token", "refresh_token"} {
			fresh := r.object(k.t, 200)[name].(string)
			k.note(fresh)
			k.tokens = append(k.tokens, paidOut{fresh, k.tokens[i].trip})
		}
	case 5:
		// The attacker puts it into his own browser as a session.
		if own := k.browsers[1].cookies[sessionCookie]; own != nil {
			forged := *own
			forged.Value = v
			k.browsers[1].cookies[sessionCookie] = &forged
		}
	case 6:
		r := fine(t, do(k.t, user, "GET", k.Public+"/userinfo", "", "Authorization: Bearer "+v), "userinfo")
		wrong(r, slices.ContainsFunc(k.tokens, func(p paidOut) bool { return p.value == v && p.trip.over == "" }))
	}
}

// introspectAny checks that what was taken back is dead.
func (k *walk) introspectAny(t *rapid.T) {
	if p, ok := pick(t, k.tokens, "token"); ok && k.active(k.t, p.value) && p.trip.over != "" {
		t.Fatalf("a token is active although %s", p.trip.over)
	}
}

func (k *walk) revoke(t *rapid.T) {
	subject := rapid.SampledFrom(k.people).Draw(t, "subject")
	if rapid.Bool().Draw(t, "logins") {
		fine(t, k.call(k.t, "DELETE", sessionsPath+"login/"+subject, nil), "revoke logins")
		k.signedIn[subject] = false
		return
	}
	fine(t, k.call(k.t, "DELETE", sessionsPath+"consent/"+subject, nil), "revoke consents")
	k.revisions[subject]++
	for _, f := range k.trips {
		if f.granted != nil && f.granted.subject == subject && f.over == "" {
			f.over = "its consent was revoked"
		}
	}
}

func (k *walk) signOut(t *rapid.T) {
	x := rapid.IntRange(0, 1).Draw(t, "browser")
	fine(t, k.browsers[x].open(k.t, k.Config.URLs.Public+"/oauth2/auth/sessions/login/revoke"), "sign out")
}

func (k *walk) replaceClient(t *rapid.T) {
	if rapid.IntRange(0, 5).Draw(t, "really") > 0 {
		return
	}
	i := rapid.IntRange(0, 1).Draw(t, "client")
	old := k.clients[i]
	k.status(k.t, 204, "DELETE", "/clients/"+old.ID, nil)
	for _, f := range k.trips {
		if f.client == old {
			f.over = fmt.Sprintf("client %s was deleted", old.ID)
		}
	}
	k.clients[i] = k.everything(k.t, m{"client_id": old.ID})
}

func (k *walk) wait(t *rapid.T) {
	k.clock.Advance(time.Duration(rapid.SampledFrom([]int{1, 5, 61, 600, 1801}).Draw(t, "seconds")) * time.Second)
}
