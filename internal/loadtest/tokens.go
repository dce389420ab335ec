package loadtest

import (
	"encoding/json"
	"fmt"
	"net/url"
)

func (w *worker) ccBody() []byte {
	b := "grant_type=client_credentials"
	if w.opt.Scope != "" {
		b += "&scope=" + url.QueryEscape(w.opt.Scope)
	}
	return []byte(b)
}

func (w *worker) tokenRequest(body []byte, want string) (*response, error) {
	return w.call(w.pub, "POST", w.token, w.client.auth+formType, body, 200, want)
}

func (w *worker) clientCredentials() error {
	_, err := w.tokenRequest(w.ccBody(), `"access_token"`)
	return err
}

// machineTokens obtains a pool of tokens, so that no single one is hot.
func (w *worker) machineTokens() error {
	if err := w.machineClient(); err != nil {
		return err
	}
	for range w.opt.Pool {
		r, err := w.tokenRequest(w.ccBody(), `"access_token"`)
		if err != nil {
			return err
		}
		w.machines = append(w.machines, parseTokens(r.body).Access)
	}
	return nil
}

// next walks a pool of tokens, each worker from another place.
func (w *worker) next(pool []string) string {
	w.n++
	return pool[(w.id*7+w.n)%len(pool)]
}

func (w *worker) introspectToken(token, want string) error {
	c, auth := w.adm, ""
	if w.introspectOnPublic {
		c, auth = w.pub, w.client.auth
	}
	_, err := w.call(c, "POST", w.introspect, auth+formType, []byte("token="+url.QueryEscape(token)), 200, want)
	return err
}

func (w *worker) introspectActive() error {
	return w.introspectToken(w.next(w.machines), `"active":true`)
}

func (w *worker) introspectInactive() error {
	return w.introspectToken(forged(w.next(w.machines)), `"active":false`)
}

// forged spoils a character inside a valid token's last part.
func forged(token string) string {
	t := []byte(token)
	if c := &t[len(t)-10]; *c == 'x' {
		*c = 'y'
	} else {
		*c = 'x'
	}
	return string(t)
}

type tokenSet struct {
	Access  string `json:"access_token"`
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
}

func parseTokens(body []byte) (t tokenSet) {
	_ = json.Unmarshal(body, &t) // what is missing then is missed by the callers
	return t
}

func (w *worker) rotate() error {
	r, err := w.tokenRequest([]byte("grant_type=refresh_token&refresh_token="+url.QueryEscape(w.refresh)), `"access_token"`)
	if err != nil {
		return err
	}
	t := parseTokens(r.body)
	if t.Refresh == "" || t.Refresh == w.refresh {
		return fmt.Errorf("refresh token was not rotated: %s", r.summary())
	}
	w.refresh = t.Refresh
	return nil
}

func (w *worker) userTokens() error {
	if err := w.webClient(); err != nil {
		return err
	}
	for range w.opt.Pool {
		t, err := w.flow()
		if err != nil {
			return err
		}
		w.users = append(w.users, t.Access)
	}
	return nil
}

func (w *worker) getUserinfo() error {
	return w.getJSON(w.pub, w.userinfo, "Authorization: Bearer "+w.next(w.users)+"\r\n", `"sub"`)
}
