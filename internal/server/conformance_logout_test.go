package server_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
)

const afterLogout = "https://app.test/post_logout_redirect"

// asksToLeave registers what the logout plans register.
func asksToLeave(x *module) m { return m{"post_logout_redirect_uris": []string{afterLogout}} }

// leaves sends the browser to the end_session_endpoint; the logout app agrees
// when it is asked.
func (x *module) leaves(pairs ...string) reply {
	x.t.Helper()
	at, _ := x.discovery(x.t)["end_session_endpoint"].(string)
	p := form(pairs...)
	r := x.b.open(x.t, at+"?"+p.Encode())
	if strings.HasPrefix(r.Header.Get("Location"), logoutPage) {
		r = x.b.open(x.t, x.acceptLogout(x.t, r.asked(x.t)))
	}
	return r
}

// signedOut checks that prompt=none fails.
func (x *module) signedOut() {
	x.t.Helper()
	p := x.params("prompt", "none")
	x.refused(x.ask(p), p, "login_required", "interaction_required", "consent_required", "account_selection_required")
}

// returned checks where the browser ends, with nothing but the state.
func (x *module) returned(r reply, state string) {
	x.t.Helper()
	u := r.location(x.t)
	want := url.Values{}
	if state != "" {
		want.Set("state", state)
	}
	equal(x.t, "parameters", u.Query(), want)
	u.RawQuery = ""
	equal(x.t, "address", u.String(), afterLogout)
}

// stays checks that a doubtful logout ends at a page of the server's side.
func stays(pairs func(x *module, idToken string) []string) func(*module) {
	return func(x *module) {
		r := x.leaves(pairs(x, x.flow().idToken)...)
		if at := r.location(x.t); strings.HasPrefix(at.String(), "https://app.test/") {
			x.t.Errorf("the browser is sent to %s", at)
		}
		r.shown(x.t, "invalid_request")
	}
}

// saysGoodbye checks that the user is signed out, and told so.
func saysGoodbye(pairs func(idToken string) []string) func(*module) {
	return func(x *module) {
		r := x.leaves(pairs(x.flow().idToken)...)
		equal(x.t, "address", r.location(x.t).String(), goodbyePage)
		x.signedOut()
	}
}

var longState = strings.Repeat("0aZ-._~9", 16)

var logoutModules = []struct {
	name string
	do   func(*module)
}{
	{"oidcc-rp-initiated-logout", func(x *module) {
		idToken := x.flow().idToken
		x.returned(x.leaves("id_token_hint", idToken, "post_logout_redirect_uri", afterLogout, "state", longState), longState)
		x.signedOut()
	}},
	{"oidcc-rp-initiated-logout-no-state", func(x *module) {
		idToken := x.flow().idToken
		x.returned(x.leaves("id_token_hint", idToken, "post_logout_redirect_uri", afterLogout), "")
		x.signedOut()
	}},
	{"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", stays(func(_ *module, idToken string) []string {
		return []string{"id_token_hint", idToken, "post_logout_redirect_uri", "https://app.test/bad", "state", longState}
	})},
	{"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", stays(func(_ *module, idToken string) []string {
		return []string{"id_token_hint", idToken, "post_logout_redirect_uri", afterLogout + "?foo=bar", "state", longState}
	})},
	{"oidcc-rp-initiated-logout-modified-id-token-hint", stays(func(_ *module, idToken string) []string {
		none := b64([]byte(`{"alg":"none"}`)) + "." + strings.Split(idToken, ".")[1] + "."
		return []string{"id_token_hint", none, "post_logout_redirect_uri", afterLogout, "state", longState}
	})},
	{"oidcc-rp-initiated-logout-bad-id-token-hint", stays(func(x *module, idToken string) []string {
		x.t.Helper()
		var err error
		if x.signer, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			x.t.Fatal(err)
		}
		forged := x.jar().sign(x.t, decoded(x.t, strings.Split(idToken, ".")[0]), payload(x.t, idToken))
		return []string{"id_token_hint", forged, "post_logout_redirect_uri", afterLogout, "state", longState}
	})},
	{"oidcc-rp-initiated-logout-no-id-token-hint", stays(func(*module, string) []string {
		return []string{"post_logout_redirect_uri", afterLogout, "state", longState}
	})},
	{"oidcc-rp-initiated-logout-no-params", saysGoodbye(func(string) []string { return nil })},
	{"oidcc-rp-initiated-logout-no-post-logout-redirect-uri", saysGoodbye(func(idToken string) []string { return []string{"id_token_hint", idToken} })},
	{"oidcc-rp-initiated-logout-only-state", saysGoodbye(func(string) []string { return []string{"state", longState} })},
}

var logoutKinds = []string{"code", "id_token", "code id_token token"}

// oidcc-rp-initiated-logout-certification-test-plan.
func TestConformanceRPInitiatedLogout(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	t.Run("oidcc-rp-initiated-logout-discovery-endpoint-verification", func(t *testing.T) {
		s.announces(t, []string{"end_session_endpoint"})
	})
	for _, kind := range logoutKinds {
		for _, module := range logoutModules {
			s.run(t, variant{kind, "", "client_secret_basic"}, module.name, asksToLeave, module.do)
		}
	}
}

// announces checks what a logout plan wants of discovery.
func (s *suite) announces(t *testing.T, endpoints []string, supported ...string) {
	t.Helper()
	doc := s.discovery(t)
	for _, name := range endpoints {
		if at, _ := doc[name].(string); !strings.HasPrefix(at, "https://") {
			t.Errorf("%s is %v", name, doc[name])
		}
	}
	for _, name := range supported {
		equal(t, name, doc[name], true)
	}
}

var (
	frame = regexp.MustCompile(`<iframe src="([^"]*)"`)
	goOn  = regexp.MustCompile(`id="logout-continue" href="([^"]*)"|href="([^"]*)" id="logout-continue"`)
)

// oidcc-frontchannel-rp-initiated-logout-certification-test-plan.
func TestConformanceFrontChannelLogout(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	t.Run("oidcc-frontchannel-logout-discovery-endpoint-verification", func(t *testing.T) {
		s.announces(t, []string{"end_session_endpoint"}, "frontchannel_logout_supported", "frontchannel_logout_session_supported")
	})
	for _, kind := range logoutKinds {
		s.run(t, variant{kind, "", "client_secret_basic"}, "oidcc-frontchannel-rp-initiated-logout", func(x *module) m {
			return m{"post_logout_redirect_uris": []string{afterLogout}, "frontchannel_logout_uri": "https://app.test/frontchannel_logout", "frontchannel_logout_session_required": true}
		}, func(x *module) {
			idToken := x.flow().idToken
			page := x.leaves("id_token_hint", idToken, "post_logout_redirect_uri", afterLogout, "state", longState)
			frames := frame.FindAllStringSubmatch(page.Body, -1)
			if page.Status != 200 || len(frames) != 1 {
				x.t.Fatalf("the page is %d %s", page.Status, page.Body)
			}
			at, err := url.Parse(html.UnescapeString(frames[0][1]))
			if err != nil {
				x.t.Fatal(err)
			}
			equal(x.t, "parameters", at.Query(), url.Values{"iss": {conformanceIssuer}, "sid": {payload(x.t, idToken)["sid"].(string)}})
			at.RawQuery = ""
			equal(x.t, "frame", at.String(), "https://app.test/frontchannel_logout")
			on := goOn.FindStringSubmatch(page.Body)
			if on == nil {
				x.t.Fatalf("the page leads nowhere: %s", page.Body)
			}
			equal(x.t, "the page leads to", html.UnescapeString(on[1]+on[2]), afterLogout+"?state="+longState)
			x.signedOut()
		})
	}
}

// oidcc-backchannel-rp-initiated-logout-certification-test-plan.
func TestConformanceBackChannelLogout(t *testing.T) {
	t.Parallel()
	s, p := newSuite(t), newRelyingParty(t)
	t.Run("oidcc-backchannel-logout-discovery-endpoint-verification", func(t *testing.T) {
		s.announces(t, []string{"end_session_endpoint"}, "backchannel_logout_supported", "backchannel_logout_session_supported")
	})
	for n, kind := range logoutKinds {
		s.run(t, variant{kind, "", "client_secret_basic"}, "oidcc-backchannel-rp-initiated-logout", func(x *module) m {
			return m{"post_logout_redirect_uris": []string{afterLogout}, "backchannel_logout_uri": p.URL + "/backchannel_logout", "backchannel_logout_session_required": true}
		}, func(x *module) {
			idToken := x.flow().idToken
			x.returned(x.leaves("id_token_hint", idToken, "post_logout_redirect_uri", afterLogout, "state", longState), longState)
			eventually(x.t, "the logout token", func() bool { return len(p.tokens()) > n })
			token := p.tokens()[n]
			ctx := oidc.ClientContext(x.t.Context(), x.http)
			if _, err := oidc.NewRemoteKeySet(ctx, conformanceIssuer+"/.well-known/jwks.json").VerifySignature(ctx, token); err != nil {
				x.t.Error(err)
			}
			claims, id := payload(x.t, token), payload(x.t, idToken)
			equal(x.t, "iss, aud, sub and sid", []any{claims["iss"], claims["aud"], claims["sub"], claims["sid"]}, []any{conformanceIssuer, []string{x.c.ID}, id["sub"], id["sid"]})
			equal(x.t, "events", claims["events"], m{"http://schemas.openid.net/event/backchannel-logout": m{}})
			equal(x.t, "iat", claims["iat"], x.clock.Now().Unix())
			if claims["jti"] == "" || claims["jti"] == nil || claims["nonce"] != nil || len(p.faults) != 0 {
				x.t.Errorf("claims %v; %v", claims, p.faults)
			}
			equal(x.t, "version of TLS", p.tls, 0x0304)
			x.signedOut()
		})
	}
}

// oidcc-session-management-certification-test-plan. TestSignsOutInBrowsers of
// cmd/hydra runs the page itself.
func TestConformanceSessionManagement(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	t.Run("oidcc-session-management-discovery-endpoint-verification", func(t *testing.T) {
		s.announces(t, []string{"end_session_endpoint", "check_session_iframe"})
	})
	for _, kind := range logoutKinds {
		s.run(t, variant{kind, "", "client_secret_basic"}, "oidcc-session-management-rp-initiated-logout", asksToLeave, func(x *module) {
			g := x.flow()
			page := do(x.t, user, "GET", x.address(x.discovery(x.t)["check_session_iframe"].(string)), "", proxied)
			name := regexp.MustCompile(`cookie = "([^"]*)"`).FindStringSubmatch(page.Body)
			if page.Status != 200 || name == nil || page.Header.Get("X-Frame-Options") != "" {
				x.t.Fatalf("the page is %d %v %s", page.Status, page.Header, page.Body)
			}
			status := func() string {
				value := ""
				if c := x.b.cookies[name[1]]; c != nil {
					value = c.Value
				}
				hash, salt, _ := strings.Cut(g.Get("session_state"), ".")
				sum := sha256.Sum256([]byte(x.c.ID + " https://app.test " + value + " " + salt))
				return map[bool]string{true: "unchanged", false: "changed"}[hash == b64(sum[:])]
			}
			equal(x.t, "before the logout", status(), "unchanged")
			x.returned(x.leaves("id_token_hint", g.idToken, "post_logout_redirect_uri", afterLogout, "state", longState), longState)
			equal(x.t, "after the logout", status(), "changed")
			x.signedOut()
		})
	}
}
