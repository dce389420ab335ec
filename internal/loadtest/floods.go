package loadtest

import (
	"fmt"
	"net/url"
)

// machineTraffic is what an API lives of: a token, then its introspection.
func (w *worker) machineTraffic() error {
	if w.n++; w.n%2 == 0 {
		return w.clientCredentials()
	}
	return w.introspectActive()
}

// What follows is sent by somebody who has no rights here. An answer is right
// when it refuses; also 503 and 429 refuse.

// wrongSecret guesses at the secret of a client that others use meanwhile.
func (w *worker) wrongSecret() error {
	w.n++
	guess := basicAuth(w.client.id, fmt.Sprintf("guess-%d-%d", w.id, w.n))
	return w.refused(w.pub, "POST", w.token, guess+formType, w.ccBody(), 401)
}

// forgedUserinfo shows a token that nobody has made.
func (w *worker) forgedUserinfo() error {
	return w.refused(w.pub, "GET", w.userinfo, "Authorization: Bearer "+forged(w.next(w.machines))+"\r\n", nil, 401)
}

// authorize begins a sign-in that nobody goes on with.
func (w *worker) authorize() error {
	w.n++
	state := fmt.Sprintf("somebody-%d-%d", w.id, w.n)
	q := url.Values{"client_id": {w.client.id}, "response_type": {"code"}, "redirect_uri": {redirectURI},
		"scope": {"openid"}, "state": {state}, "nonce": {state}}
	return w.refused(w.pub, "GET", w.auth+"?"+q.Encode(), "", nil, 302)
}

func (w *worker) refused(c *conn, method, path, headers string, body []byte, status int) error {
	r, err := c.do(method, c.prefix+path, headers, body)
	if err != nil {
		return err
	}
	switch r.status {
	case status:
		return nil
	case 429, 503:
		return errShed
	}
	return fmt.Errorf("%s %s: wanted %d, got %s", method, plain(path), status, r.summary())
}
