package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// A person connects a device, and does not connect one that somebody else holds.
func walkDevice(t *testing.T, s *program, tb *tab) {
	call(t, http.MethodPost, s.Admin+"/clients", `{"client_id": "tv", "client_name": "Living room TV", "scope": "openid offline a.b",
		"grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"], "token_endpoint_auth_method": "none"}`)
	form := func(path string, v url.Values, into any) int {
		t.Helper()
		res, err := http.PostForm(s.Public+path, v)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		if err := json.NewDecoder(res.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode
	}
	var device struct {
		DeviceCode, UserCode, Verification, Complete string
	}
	ask := func() {
		t.Helper()
		var answer map[string]any
		if status := form("/oauth2/device/auth", url.Values{"client_id": {"tv"}, "scope": {"openid offline a.b"}}, &answer); status != 200 {
			t.Fatalf("the device is answered %d %v", status, answer)
		}
		device.DeviceCode, device.UserCode = answer["device_code"].(string), answer["user_code"].(string)
		device.Verification, device.Complete = answer["verification_uri"].(string), answer["verification_uri_complete"].(string)
	}
	poll := func() map[string]any {
		t.Helper()
		var answer map[string]any
		form("/oauth2/token", url.Values{"client_id": {"tv"}, "device_code": {device.DeviceCode},
			"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}}, &answer)
		return answer
	}

	ask()
	tb.open(device.Verification)
	tb.shows("device-title", "device-code")
	tb.lacks("device-problem")
	tb.do("type", chromedp.SendKeys(chromedp.ID("device-code"), "bcdf-ghjk"))
	tb.press("device-next")
	tb.says("device-problem", "wrong")
	tb.is(`(document.getElementById("device-code").value = "") === ""`)
	tb.do("type", chromedp.SendKeys(chromedp.ID("device-code"), strings.ToLower(device.UserCode[:4])+"-"+device.UserCode[4:]))
	tb.press("device-next")
	tb.says("device-client-name", "Living room TV")
	tb.shows("device-scopes", "device-warning")
	tb.press("device-connect")
	tb.says("login-client-name", "Living room TV")
	tb.press("login-accept")
	tb.says("consent-client-name", "Living room TV")
	tb.press("consent-allow")
	tb.shows("device-done-title")
	if answer := poll(); answer["access_token"] == nil || answer["id_token"] == nil || answer["refresh_token"] == nil {
		t.Errorf("the device got %v", answer["error"])
	}

	ask()
	tb.open(device.Complete)
	if !tb.is(`document.getElementById("device-code").value === "` + device.UserCode + `"`) {
		t.Error("the code of the address does not stand in the field")
	}
	tb.press("device-next")
	tb.says("device-confirm-code", device.UserCode)
	tb.press("device-deny")
	tb.says("error-code", "access_denied")
	if answer := poll(); answer["error"] != "access_denied" {
		t.Errorf("the device that was refused got %v", answer["error"])
	}
}
