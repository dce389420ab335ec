package admin

import (
	"net/http"
	"time"

	"hydra/internal/flow"
	"hydra/internal/web"
)

// routesDevice adds the requests of devices, which the original has below
// /admin, and the same without it.
func (h *Handler) routesDevice(mux *web.Mux) {
	const path = "/oauth2/auth/requests/device"
	for _, g := range []*generation{&v1, &v2} {
		h.serve(mux, g, g.errors, map[string]operation{
			"GET " + path:             h.handleDevice,
			"PUT " + path + "/accept": h.handleAcceptDevice,
			"PUT " + path + "/reject": h.handleRejectDevice,
		})
	}
}

// acceptDeviceJSON is contract §2.9 of the later generations.
type acceptDeviceJSON struct {
	UserCode string `json:"user_code"`
}

// rejectDeviceJSON is what the original lacks: the same, with the words of any
// other rejection.
type rejectDeviceJSON struct {
	UserCode string `json:"user_code"`
	rejectJSON
}

// deviceRequestJSON tells what a user code stands for; the original has no
// such look-up.
type deviceRequestJSON struct {
	Challenge         string   `json:"challenge"`
	RequestedScope    []string `json:"requested_scope"`
	RequestedAudience []string `json:"requested_access_token_audience"`
	Client            any      `json:"client"`
	RequestURL        string   `json:"request_url"`
	ExpiresAt         string   `json:"expires_at"`
	Handled           bool     `json:"handled"`
}

// handleDevice serves GET /oauth2/auth/requests/device?device_challenge=&user_code=.
func (h *Handler) handleDevice(_ *generation, w http.ResponseWriter, r *http.Request) error {
	query, err := web.Query(r)
	if err != nil {
		return err
	}
	d, err := h.Flows.Device(r.Context(), query.Get("device_challenge"), query.Get("user_code"))
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, deviceRequestJSON{
		Challenge: d.Challenge, RequestedScope: list(d.Request.Scope), RequestedAudience: list(d.Request.Audience),
		Client: ClientJSON(d.Client), RequestURL: d.URL, ExpiresAt: d.ExpiresAt.UTC().Format(time.RFC3339), Handled: d.Handled,
	})
}

// handleAcceptDevice serves PUT /oauth2/auth/requests/device/accept?device_challenge=.
func (h *Handler) handleAcceptDevice(g *generation, w http.ResponseWriter, r *http.Request) error {
	query, err := web.Query(r)
	if err != nil {
		return err
	}
	var in acceptDeviceJSON
	if err := web.DecodeJSON(w, r, &in, g.json()); err != nil {
		return err
	}
	to, err := h.Flows.AcceptDevice(r.Context(), query.Get("device_challenge"), in.UserCode)
	return completed(w, to, err)
}

// handleRejectDevice serves PUT /oauth2/auth/requests/device/reject?device_challenge=.
func (h *Handler) handleRejectDevice(g *generation, w http.ResponseWriter, r *http.Request) error {
	query, err := web.Query(r)
	if err != nil {
		return err
	}
	var in rejectDeviceJSON
	if err := web.DecodeJSON(w, r, &in, g.json()); err != nil {
		return err
	}
	to, err := h.Flows.RejectDevice(r.Context(), query.Get("device_challenge"), in.UserCode, flow.Reject{
		Error: in.Error, Description: in.Description, Hint: in.Hint, Status: in.Status, Debug: in.Debug,
	})
	return completed(w, to, err)
}
