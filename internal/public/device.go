package public

import (
	"net/http"
	"net/url"
	"time"

	"hydra/internal/flow"
	"hydra/internal/web"
)

// deviceJSON is the device authorization response (RFC 8628 §3.2), in the
// order that Hydra's has.
type deviceJSON struct {
	DeviceCode              string `json:"device_code"`
	UserCode                string `json:"user_code"`
	VerificationURI         string `json:"verification_uri"`
	VerificationURIComplete string `json:"verification_uri_complete"`
	ExpiresIn               int64  `json:"expires_in"`
	Interval                int64  `json:"interval"`
}

// handleDeviceAuthorization serves POST /oauth2/device/auth (RFC 8628 §3.1).
func (h *Handler) handleDeviceAuthorization(w http.ResponseWriter, r *http.Request) error {
	form, err := web.Form(w, r, "audience", "resource")
	if err != nil {
		return err
	}
	c, err := h.authenticate(r, form)
	if err != nil {
		return err
	}
	d, err := h.Flows.AuthorizeDevice(r.Context(), c, form, web.Network(r))
	if err != nil {
		return err
	}
	web.NoStore(w)
	return web.WriteJSON(w, http.StatusOK, deviceJSON{
		DeviceCode: string(d.DeviceCode), UserCode: string(d.UserCode),
		VerificationURI: d.URL, VerificationURIComplete: d.URL + "?" + url.Values{"user_code": {string(d.UserCode)}}.Encode(),
		ExpiresIn: int64(d.Lifetime / time.Second), Interval: int64((d.Interval + time.Second - 1) / time.Second),
	})
}

// handleDeviceVerification serves GET /oauth2/device/verify: a browser that
// comes with a user code or to type one, and the same browser on its way back
// from the device app, the login app and the consent app.
func (h *Handler) handleDeviceVerification(w http.ResponseWriter, r *http.Request) {
	web.NoStore(w)
	out, err := h.verifyDevice(r)
	if err != nil {
		h.show(w, r, atDevice, err)
		return
	}
	h.setCookies(w, r, out)
	h.redirect(w, r, out)
}

func (h *Handler) verifyDevice(r *http.Request) (flow.Outcome, error) {
	params, err := web.Query(r, "audience", "resource")
	if err != nil {
		return flow.Outcome{}, err
	}
	if id := params.Get("client_id"); id != "" {
		web.Note(r.Context(), "client_id", id)
	}
	switch {
	case params.Get("device_verifier") != "":
		return h.Flows.ResumeDevice(r.Context(), params, h.browser(r))
	case flow.Resumes(params):
		return h.Flows.Resume(r.Context(), params, h.browser(r))
	}
	return h.Flows.StartDevice(params.Get("user_code"), h.browser(r))
}

// handleFallbackDevice serves GET /oauth2/fallbacks/device, where a browser
// comes to type a user code and no page is set.
func (h *Handler) handleFallbackDevice(w http.ResponseWriter, _ *http.Request) error {
	return writePage(w, http.StatusOK, "device", nil)
}

// handleFallbackDeviceDone serves GET /oauth2/fallbacks/device/done, where a
// browser ends that has connected a device.
func (h *Handler) handleFallbackDeviceDone(w http.ResponseWriter, _ *http.Request) error {
	return writePage(w, http.StatusOK, "device-done", nil)
}
