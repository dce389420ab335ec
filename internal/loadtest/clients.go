package loadtest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
)

func (w *worker) createClient(props map[string]any) (oauthClient, error) {
	body, err := json.Marshal(props)
	if err != nil {
		return oauthClient{}, err
	}
	r, err := w.call(w.adm, "POST", w.clients, jsonType, body, 201, `"client_id"`)
	if err != nil {
		return oauthClient{}, err
	}
	var c struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	err = json.Unmarshal(r.body, &c)
	return oauthClient{id: c.ID, auth: basicAuth(c.ID, c.Secret)}, err
}

// Registration is of a client that every scenario can use. Its id is chosen
// here, for whoever gets no answer to remove what may have been made.
func Registration(name string) (id string, properties map[string]any) {
	id = "hydra-bench-" + rand.Text()
	return id, map[string]any{"client_id": id, "client_name": name, "grant_types": []string{"authorization_code", "refresh_token", "client_credentials"},
		"response_types": []string{"code"}, "scope": "openid offline read", "redirect_uris": []string{redirectURI}}
}

// given takes the client of the options, if there is one.
func (w *worker) given() bool {
	if w.opt.ClientID == "" {
		return false
	}
	w.client = oauthClient{w.opt.ClientID, basicAuth(w.opt.ClientID, w.opt.ClientSecret)}
	return true
}

func (w *worker) machineClient() (err error) {
	if w.given() {
		return nil
	}
	w.client, err = w.createClient(map[string]any{"client_name": "loadgen machine",
		"grant_types": []string{"client_credentials"}, "scope": "read write"})
	return err
}

func (w *worker) webClient() (err error) {
	if w.given() {
		return nil
	}
	w.client, err = w.createClient(map[string]any{"client_name": "loadgen web",
		"grant_types":    []string{"authorization_code", "refresh_token"},
		"response_types": []string{"code"}, "scope": "openid offline read",
		"redirect_uris": []string{redirectURI}})
	return err
}

var anyClient = []byte(`{"client_name":"loadgen any","grant_types":["authorization_code","refresh_token"],` +
	`"response_types":["code"],"scope":"openid offline read","redirect_uris":["` + redirectURI + `"]}`)

func (w *worker) createAny() error {
	_, err := w.call(w.adm, "POST", w.clients, jsonType, anyClient, 201, `"client_secret"`)
	return err
}

func (w *worker) getClient() error {
	return w.getJSON(w.adm, w.clients+"/"+w.client.id, "", w.client.id)
}

// fillClients sees to it that a list has listSize entries.
func (w *worker) fillClients() error {
	r, err := w.call(w.adm, "GET", w.clients+w.listQuery, "", nil, 200, "")
	if err != nil {
		return err
	}
	for n := bytes.Count(r.body, []byte(`"client_id"`)); n < listSize; n++ {
		if err := w.createAny(); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) listClients() error {
	return w.getJSON(w.adm, w.clients+w.listQuery, "", `"client_id"`)
}
