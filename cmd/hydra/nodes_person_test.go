package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// pages is where browsers are sent; nobody listens there.
const pages = "http://pages.example/"

// app is a registered client.
type app struct{ id, secret string }

// person uses one browser after the other, and is each client's honest owner:
// what got no answer, or the answer of a server in trouble, is asked again.
type person struct {
	f      *fleet
	random *rand.Rand
	http   *http.Client
	keys   *jose.JSONWebKeySet
	made   int // names
	id     int
}

func (f *fleet) person(id int) *person {
	return &person{f: f, id: id, random: rand.New(rand.NewPCG(0, uint64(id))), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}}
}

func (f *fleet) operator() *person { return f.person(99) }

// asking is a request.
type asking struct {
	form   url.Values     // body of a form
	json   any            // body of JSON
	app    *app           // who authenticates
	jar    http.CookieJar // of the browser
	node   int            // whom the proxy asks first, from 1; 0: whose turn it is
	once   bool           // it must not be repeated
	status int            // wanted
}

type answer struct {
	status   int
	location *url.URL
	body     []byte
	node     string
	tries    int
}

// errLost is the end of a request that must not be repeated and got no answer,
// or that of a server in trouble.
var errLost = errors.New("the answer was lost")

func (w *person) ask(method, to string, a asking) (*answer, error) {
	for began, tries := time.Now(), 1; ; tries++ {
		out, err := w.send(method, to, a)
		switch {
		case err == nil && out.status < http.StatusInternalServerError:
			out.tries = tries
			if a.status != 0 && out.status != a.status {
				return out, fmt.Errorf("%s %.80s: node %s answers %d, want %d: %.300s", method, to, out.node, out.status, a.status, out.body)
			}
			return out, nil
		case a.once:
			return nil, errLost
		case time.Since(began) > endurance:
			return nil, fmt.Errorf("%s %.80s: no good answer in %v: %v", method, to, endurance, err)
		}
		w.f.ledger.count("requests repeated", 1)
		time.Sleep(time.Duration(20+w.random.IntN(200)) * time.Millisecond)
	}
}

func (w *person) send(method, to string, a asking) (*answer, error) {
	var body io.Reader
	kind := ""
	switch {
	case a.form != nil:
		body, kind = strings.NewReader(a.form.Encode()), "application/x-www-form-urlencoded"
	case a.json != nil:
		data, err := json.Marshal(a.json)
		if err != nil {
			return nil, err
		}
		body, kind = strings.NewReader(string(data)), "application/json"
	}
	req, err := http.NewRequestWithContext(w.f.t.Context(), method, to, body)
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if a.app != nil {
		req.SetBasicAuth(url.QueryEscape(a.app.id), url.QueryEscape(a.app.secret))
	}
	if a.node > 0 {
		req.Header.Set(nodeHeader, strconv.Itoa(a.node-1))
	}
	if a.jar != nil {
		for _, c := range a.jar.Cookies(req.URL) {
			req.AddCookie(c)
		}
	}
	res, err := w.http.Transport.RoundTrip(req) //nolint:bodyclose // closed below; no redirects are followed
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	out := &answer{status: res.StatusCode, node: res.Header.Get(nodeHeader)}
	if out.body, err = io.ReadAll(io.LimitReader(res.Body, 1<<20)); err != nil {
		return nil, err
	}
	if a.jar != nil {
		a.jar.SetCookies(req.URL, res.Cookies())
	}
	if l := res.Header.Get("Location"); l != "" {
		if out.location, err = url.Parse(l); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// leads returns a parameter of the address that the answer leads to.
func (a *answer) leads(to, param string) (string, error) {
	if a.location == nil || !strings.HasPrefix(a.location.String(), to) || !a.location.Query().Has(param) {
		return "", fmt.Errorf("node %s answers %d and leads to %v, want %s with %s: %.200s", a.node, a.status, a.location, to, param, a.body)
	}
	return a.location.Query().Get(param), nil
}

func (w *person) publicURL(path string) string { return w.f.public.server.URL + path }
func (w *person) adminURL(path string) string  { return w.f.admin.server.URL + "/admin" + path }

// somewhere is any node.
func (w *person) somewhere() int { return 1 + w.random.IntN(len(w.f.nodes)) }

// register makes a client; its secret is the server's.
func (f *fleet) body(id string, change map[string]any) map[string]any {
	body := map[string]any{
		"client_id": id, "redirect_uris": []string{callback}, "response_types": []string{"code"}, "scope": "openid offline",
		"grant_types": []string{"authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"},
	}
	for k, v := range change {
		body[k] = v
	}
	return body
}

func (w *person) register(change map[string]any) *app {
	for {
		w.made++
		w.f.ledger.count("clients registered", 1)
		id := fmt.Sprintf("app-%d-%d-%d", w.id, w.made, time.Now().UnixNano())
		out, err := w.ask(http.MethodPost, w.adminURL("/clients"), asking{json: w.f.body(id, change), once: true, status: http.StatusCreated})
		if errors.Is(err, errLost) {
			time.Sleep(100 * time.Millisecond)
			continue // whether it was made or not: another one
		}
		var c struct {
			Secret string `json:"client_secret"`
		}
		if err == nil {
			err = json.Unmarshal(out.body, &c)
		}
		if err != nil {
			w.f.fault("register a client: %v", err)
		}
		return &app{id, c.Secret}
	}
}

func newJar() http.CookieJar {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // only options can be wrong
	}
	return jar
}

// visit is one trip of a browser to a client.
type visit struct {
	client   *app
	jar      http.CookieJar
	subject  string
	remember bool
}

// decide accepts what a page was asked and returns where the browser goes.
func (w *person) decide(kind, challenge string, body map[string]any) (string, error) {
	var done struct {
		RedirectTo string `json:"redirect_to"`
	}
	out, err := w.ask(http.MethodPut, w.adminURL("/oauth2/auth/requests/"+kind+"/accept?"+kind+"_challenge="+url.QueryEscape(challenge)), asking{json: body, status: http.StatusOK})
	if err != nil {
		return "", err
	}
	return done.RedirectTo, errors.Join(json.Unmarshal(out.body, &done), nil)
}

// open lets the browser follow an address and returns a parameter of the next.
func (w *person) open(v visit, at, next, param string) (string, error) {
	out, err := w.ask(http.MethodGet, at, asking{jar: v.jar})
	if err != nil {
		return "", err
	}
	return out.leads(next, param)
}

// agree brings a browser that is asked to sign in through both pages. It
// returns the acknowledged permission and the last address to open.
func (w *person) agree(v visit, at string) (*permission, string, error) {
	challenge, err := w.open(v, at, pages+"login", "login_challenge")
	if err != nil {
		return nil, "", err
	}
	memory := map[string]any{}
	if v.remember {
		memory = map[string]any{"remember": true, "remember_for": 3600}
	}
	login := map[string]any{"subject": v.subject}
	for k, m := range memory {
		login[k] = m
	}
	if at, err = w.decide("login", challenge, login); err != nil {
		return nil, "", err
	}
	if challenge, err = w.open(v, at, pages+"consent", "consent_challenge"); err != nil {
		return nil, "", err
	}
	out, err := w.ask(http.MethodGet, w.adminURL("/oauth2/auth/requests/consent?consent_challenge="+url.QueryEscape(challenge)), asking{status: http.StatusOK})
	if err != nil {
		return nil, "", err
	}
	var request struct {
		ID string `json:"consent_request_id"`
	}
	if err := json.Unmarshal(out.body, &request); err != nil {
		return nil, "", err
	}
	memory["grant_scope"] = []string{"openid", "offline"}
	if at, err = w.decide("consent", challenge, memory); err != nil {
		return nil, "", err
	}
	return w.f.ledger.open(request.ID, v.subject, v.client), at, nil
}

func (w *person) authURL(c *app, redirect, prompt string) string {
	q := url.Values{"client_id": {c.id}, "response_type": {"code"}, "scope": {"openid offline"}, "redirect_uri": {redirect}, "state": {"12345678"}}
	if prompt != "" {
		q.Set("prompt", prompt)
	}
	return w.publicURL("/oauth2/auth?" + q.Encode())
}

// code is a whole visit.
func (w *person) code(v visit) (*permission, string, error) {
	p, at, err := w.agree(v, w.authURL(v.client, callback, ""))
	if err != nil {
		return nil, "", err
	}
	code, err := w.open(v, at, callback, "code")
	return p, code, err
}

// visit is somebody whom nobody has seen before.
func (w *person) visit(c *app) visit {
	w.made++
	return visit{client: c, jar: newJar(), subject: fmt.Sprintf("user-%d-%d", w.id, w.made)}
}
