package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"hydra/internal/oauth"
)

// Device is the answer to a device authorization request (RFC 8628 §3.2).
type Device struct {
	DeviceCode  string `json:"device_code"`
	UserCode    string `json:"user_code"`
	URL         string `json:"verification_uri"`
	CompleteURL string `json:"verification_uri_complete"`
	ExpiresIn   int64  `json:"expires_in"` // seconds
	Interval    int64  `json:"interval"`   // seconds
}

// AuthorizeDevice asks for a user code.
func (c *Client) AuthorizeDevice(ctx context.Context, path string, as Credentials, form url.Values) (Device, error) {
	form.Set("client_id", as.ID) // which releases of the original demand beside Basic
	answer, err := c.Authenticated(ctx, Call{Goal: "ask for a user code", Method: http.MethodPost, Path: path, Form: form}, as)
	if err != nil {
		return Device{}, err
	}
	d := Device{Interval: 5} // RFC 8628 §3.2
	if err := json.Unmarshal(answer.Body, &d); err != nil || d.DeviceCode == "" {
		return d, errors.New("cannot ask for a user code: the answer is no device authorization response")
	}
	return d, nil
}

// Poll waits until the user has decided on the other device, and no longer
// than the code lives (RFC 8628 §3.5).
func (c *Client) Poll(ctx context.Context, path string, as Credentials, d Device) (Tokens, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(d.ExpiresIn)*time.Second, errors.New("nobody typed the code in time"))
	defer cancel()
	every := time.Duration(max(d.Interval, 1)) * time.Second
	for {
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return Tokens{}, fmt.Errorf("cannot get tokens for the device: %w", context.Cause(ctx))
		}
		form := url.Values{"grant_type": {oauth.GrantDeviceCode}, "device_code": {d.DeviceCode}}
		t, err := c.Token(ctx, "get tokens for the device", path, as, form)
		no, ok := errors.AsType[*Refusal](err)
		switch {
		case ok && no.Code == string(oauth.AuthorizationPending):
		case ok && no.Code == string(oauth.SlowDown):
			every += 5 * time.Second
		default:
			return t, err
		}
	}
}
