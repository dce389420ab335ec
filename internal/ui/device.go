package ui

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// The second device of the device authorization grant (RFC 8628 §3.3): a page
// to type the code on, one that says what is about to be connected, and the
// end.

// deviceRequest is what the server tells of a user code, as far as it is shown.
type deviceRequest struct {
	Client   clientInfo `json:"client"`
	Scope    []string   `json:"requested_scope"`
	Audience []string   `json:"requested_access_token_audience"`
}

func (a *admin) device(ctx context.Context, challenge, userCode string) (d deviceRequest, err error) {
	q := url.Values{"device_challenge": {challenge}, "user_code": {userCode}}
	return d, a.json(ctx, http.MethodGet, devicePath+"?"+q.Encode(), nil, &d)
}

// decideDevice accepts or rejects a user code and returns where the browser goes.
func (a *admin) decideDevice(ctx context.Context, challenge, decision string, body any) (redirectTo string, err error) {
	var done struct {
		RedirectTo string `json:"redirect_to"`
	}
	q := url.Values{"device_challenge": {challenge}}
	err = a.json(ctx, http.MethodPut, devicePath+"/"+decision+"?"+q.Encode(), body, &done)
	return done.RedirectTo, err
}

const devicePath = "/oauth2/auth/requests/device"

type deviceView struct {
	view
	Challenge string
	Code      string // as it was typed, or stood in the address
	Problem   string // what is wrong with the code
	Request   deviceRequest
	Scopes    []scopeChoice
}

// devicePage serves GET /dev/device, where the server sends a browser with a
// device_challenge, and with a user_code if that stood in the address.
func (u *UI) devicePage(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	challenge, err := theChallenge(q, "device_challenge")
	if err != nil {
		return err
	}
	u.render(w, http.StatusOK, "device", deviceView{view: u.view(), Challenge: challenge, Code: q.Get("user_code")})
	return nil
}

// deviceDecision serves POST /dev/device: first of the typed code, then of the
// answer to what it stands for. A code is never taken without that question:
// whoever sends people a link with a code in it wants them not to look (RFC
// 8628 §5.4).
func (u *UI) deviceDecision(w http.ResponseWriter, r *http.Request) error {
	challenge, err := theForm(r, "device_challenge")
	if err != nil {
		return err
	}
	code := r.PostForm.Get("user_code")
	var to string
	switch r.PostForm.Get("decision") {
	case "connect":
		to, err = u.admin.decideDevice(r.Context(), challenge, "accept", map[string]string{"user_code": code})
	case "deny":
		to, err = u.admin.decideDevice(r.Context(), challenge, "reject", map[string]string{
			"user_code": code, "error": "access_denied", "error_description": "The user did not want to connect the device.",
		})
	default:
		return u.showDevice(w, r, challenge, code)
	}
	if err != nil {
		return u.wrongCode(w, challenge, code, err)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (u *UI) showDevice(w http.ResponseWriter, r *http.Request, challenge, code string) error {
	d, err := u.admin.device(r.Context(), challenge, code)
	if err != nil {
		return u.wrongCode(w, challenge, code, err)
	}
	v := deviceView{view: u.view(), Challenge: challenge, Code: code, Request: d}
	for _, s := range d.Scope {
		v.Scopes = append(v.Scopes, scopeChoice{s, scopeMeaning[s]})
	}
	u.render(w, http.StatusOK, "device_confirm", v)
	return nil
}

// wrongCode lets the user type again what can be mended by it.
func (u *UI) wrongCode(w http.ResponseWriter, challenge, code string, err error) error {
	no, ok := errors.AsType[*refusal](err)
	if !ok || no.Status != http.StatusBadRequest && no.Status != http.StatusTooManyRequests {
		return err
	}
	u.render(w, no.Status, "device", deviceView{view: u.view(), Challenge: challenge, Code: code, Problem: no.Hint})
	return nil
}

// deviceDone serves GET /dev/device/done.
func (u *UI) deviceDone(w http.ResponseWriter, _ *http.Request) error {
	u.render(w, http.StatusOK, "device_done", u.view())
	return nil
}
