package flow

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// browserState is the OP browser state of OpenID Connect Session Management
// §3.2: a value that pages of this server can read in the browser, that is
// another one after each sign-in, and that says nothing about the session to
// those who read it. Without a session it is empty.
func (s *Service) browserState(session oauth.ID) string {
	if session.IsZero() {
		return ""
	}
	state := s.Sealer.Index("browser state", string(session[:]))
	return base64.RawURLEncoding.EncodeToString(state[:])
}

// session is the login session that the flow leaves in the browser; zero for a
// login that is not remembered.
func (c *carried) session() oauth.ID {
	if c.Login == nil || c.Had == nil && !c.Login.Remember {
		return oauth.ID{}
	}
	return c.Login.Session
}

// tellState adds session_state to an authentication response (OpenID Connect
// Session Management §2): a salted hash over the client, the origin of its page
// and the browser state. There is none for a client that gets no ID token, or
// has no page in the browser that could ask.
func (s *Service) tellState(c *carried, req *oauth.Request, granted []string, out *Outcome) {
	origin := originOf(req.RedirectURI)
	if origin == "" || !slices.Contains(granted, "openid") {
		return
	}
	out.BrowserState = s.browserState(c.session())
	salt := base64.RawURLEncoding.EncodeToString(secret.Bytes(9))
	sum := sha256.Sum256([]byte(c.ClientID + " " + origin + " " + out.BrowserState + " " + salt))
	out.Params.Set("session_state", base64.RawURLEncoding.EncodeToString(sum[:])+"."+salt)
}

// originOf is the origin of a web page's address as browsers spell it (RFC
// 6454 §6.2), "" for any other address.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return ""
	}
	host := strings.ToLower(u.Host)
	if u.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host
}
