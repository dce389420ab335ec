package loadtest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
)

const (
	redirectURI = "http://127.0.0.1:5555/callback" // the generator reads the code off the redirect; nobody listens there
	formType    = "Content-Type: application/x-www-form-urlencoded\r\n"
	jsonType    = "Content-Type: application/json\r\n"
)

// oauthClient is a registered client with its Authorization header line.
type oauthClient struct {
	id, auth string
}

// bench is what the workers share: made by setup, read-only afterwards.
type bench struct {
	*target
	opt             Options
	client          oauthClient
	machines, users []string // opaque access tokens: of a client itself, and of users
}

// worker runs one closed loop over its own two connections.
type worker struct {
	*bench
	id       int
	n        int // operations so far
	pub, adm *conn
	cookies  map[string]string
	refresh  string // the refresh token to use next
}

// scenario: setup runs once, prepare once per worker and after each failure of
// op, op is measured.
type scenario struct {
	name               string // filled in for a run
	weight             int
	setup, prepare, op func(*worker) error
	simple             bool // needs neither the admin API nor the flow
}

var scenarios = map[string]scenario{
	"bare_get":  {op: (*worker).bareGet, simple: true},
	"bare_post": {op: (*worker).barePost, simple: true},
	"discovery": {op: func(w *worker) error {
		return w.getJSON(w.pub, discoveryPath, "", `"issuer"`)
	}, simple: true},
	"jwks": {op: func(w *worker) error {
		return w.getJSON(w.pub, w.jwks, "", `"keys"`)
	}, simple: true},
	"client_credentials":  {setup: (*worker).machineClient, op: (*worker).clientCredentials, simple: true},
	"introspect":          {setup: (*worker).machineTokens, op: (*worker).introspectActive, simple: true},
	"introspect_inactive": {setup: (*worker).machineTokens, op: (*worker).introspectInactive, simple: true},
	"code_flow":           {setup: (*worker).webClient, op: (*worker).codeFlow},
	"refresh":             {setup: (*worker).webClient, prepare: (*worker).codeFlow, op: (*worker).rotate},
	"userinfo":            {setup: (*worker).userTokens, op: (*worker).getUserinfo},
	"client_create":       {op: (*worker).createAny},
	"client_get":          {setup: (*worker).machineClient, op: (*worker).getClient},
	"client_list":         {setup: (*worker).fillClients, op: (*worker).listClients},

	"machines":        {setup: (*worker).machineTokens, op: (*worker).machineTraffic, simple: true},
	"wrong_secret":    {setup: (*worker).machineClient, op: (*worker).wrongSecret, simple: true},
	"forged_userinfo": {setup: (*worker).machineTokens, op: (*worker).forgedUserinfo},
	"authorize":       {setup: (*worker).webClient, op: (*worker).authorize},
}

// Names returns the names of all scenarios, sorted.
func Names() []string { return slices.Sorted(maps.Keys(scenarios)) }

// bareGet and barePost ask the bare handler of this module for the least that
// a JSON answer can cost: the yardstick of every other scenario.
func (w *worker) bareGet() error { return w.getJSON(w.pub, "/", "", `"issuer"`) }

func (w *worker) barePost() error {
	_, err := w.call(w.pub, "POST", "/", formType, []byte("grant_type=client_credentials&scope=read"), 200, `"access_token"`)
	return err
}

// call sends a request and fails unless the status and the text are as wanted.
func (w *worker) call(c *conn, method, path, headers string, body []byte, status int, want string) (*response, error) {
	r, err := c.do(method, c.prefix+path, headers, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, plain(path), err)
	}
	if r.status != status && (r.status == 503 || r.status == 429) {
		return nil, fmt.Errorf("%s %s: %w", method, plain(path), errShed)
	}
	if r.status != status || !bytes.Contains(r.body, []byte(want)) {
		return nil, fmt.Errorf("%s %s: wanted %d and %s, got %s", method, plain(path), status, want, r.summary())
	}
	return r, nil
}

func (w *worker) getJSON(c *conn, path, headers, want string) error {
	_, err := w.call(c, "GET", path, headers, nil, 200, want)
	return err
}

func basicAuth(id, secret string) string {
	s := url.QueryEscape(id) + ":" + url.QueryEscape(secret)
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(s)) + "\r\n"
}
