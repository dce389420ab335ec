package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// admin makes the calls of a login and consent app to the admin API, in the
// shape of Hydra 1.0.0-rc.6: challenges are path segments.
type admin struct {
	http *http.Client
	host string
}

// clientInfo is what the pages show of a client (RFC 7591 §2).
type clientInfo struct {
	ID        string `json:"client_id"`
	Name      string `json:"client_name"`
	ClientURI string `json:"client_uri"`
	LogoURI   string `json:"logo_uri"`
	PolicyURI string `json:"policy_uri"`
	TermsURI  string `json:"tos_uri"`

	SelfRegistered bool `json:"self_registered"`
}

// Title is the client's name, or its id where it has none.
func (c clientInfo) Title() string {
	if strings.TrimSpace(c.Name) == "" {
		return c.ID
	}
	return c.Name
}

// Unverified says, in front of the Title, that nobody else calls the client so.
func (c clientInfo) Unverified() string {
	if c.SelfRegistered && c.Title() == c.Name {
		return "An application that calls itself "
	}
	return ""
}

// link is an address that the client registered, with the host it leads to:
// the client chooses the text of its name, but not the name of its host.
type link struct{ ID, Label, URL, Host string }

// Links are the client's addresses that a page may offer. Only http and https
// lead anywhere; a logo is offered, too, instead of being loaded, for a page
// that loads pictures from strangers tells them who looks at it.
func (c clientInfo) Links() []link {
	var out []link
	for _, l := range []link{
		{"client-uri", "Website", c.ClientURI, ""},
		{"client-logo", "Logo", c.LogoURI, ""},
		{"client-policy", "Privacy policy", c.PolicyURI, ""},
		{"client-tos", "Terms of service", c.TermsURI, ""},
	} {
		u, err := url.Parse(l.URL)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
			continue
		}
		l.Host = u.Host
		out = append(out, l)
	}
	return out
}

// loginRequest is the answer to getLoginRequest, as far as it is shown.
type loginRequest struct {
	Skip       bool       `json:"skip"`
	Subject    string     `json:"subject"`
	Client     clientInfo `json:"client"`
	RequestURL string     `json:"request_url"`
	Context    struct {
		LoginHint string   `json:"login_hint"`
		ACRValues []string `json:"acr_values"`
	} `json:"oidc_context"`
}

// acr is how the user was authenticated: these pages believe anybody in any
// way, so it is the way that the client likes best.
func (l loginRequest) acr() string {
	if len(l.Context.ACRValues) == 0 {
		return ""
	}
	return l.Context.ACRValues[0]
}

// Silent reports whether the client forbade every page (prompt=none, OpenID
// Connect Core §3.1.2.1). A login request reaches us all the same, to be
// accepted without asking, but only when the login is remembered.
func (l loginRequest) Silent() bool { return silent(l.RequestURL) }

// consentRequest is the answer to getConsentRequest, as far as it is shown.
type consentRequest struct {
	Skip       bool       `json:"skip"`
	Subject    string     `json:"subject"`
	Client     clientInfo `json:"client"`
	RequestURL string     `json:"request_url"`
	Scope      []string   `json:"requested_scope"`
	Audience   []string   `json:"requested_access_token_audience"`
	Context    struct {
		Claims struct {
			IDToken  map[string]any `json:"id_token"`
			Userinfo map[string]any `json:"userinfo"`
		} `json:"claims"`
	} `json:"oidc_context"`
}

// asked are the claims that the client names (OpenID Connect Core §5.5).
func (c consentRequest) asked() []string {
	return slices.AppendSeq(slices.Collect(maps.Keys(c.Context.Claims.IDToken)), maps.Keys(c.Context.Claims.Userinfo))
}

// Silent is as for loginRequest.
func (c consentRequest) Silent() bool { return silent(c.RequestURL) }

func silent(requestURL string) bool {
	u, err := url.Parse(requestURL)
	return err == nil && u.Query().Get("prompt") == "none"
}

// acceptLogin is the body of acceptLoginRequest.
type acceptLogin struct {
	Subject     string `json:"subject"`
	ACR         string `json:"acr,omitempty"`
	Remember    bool   `json:"remember,omitempty"`
	RememberFor int    `json:"remember_for,omitempty"` // seconds
}

// acceptConsent is the body of acceptConsentRequest.
type acceptConsent struct {
	GrantScope    []string `json:"grant_scope"`
	GrantAudience []string `json:"grant_access_token_audience,omitempty"`
	Remember      bool     `json:"remember,omitempty"`
	RememberFor   int      `json:"remember_for,omitempty"` // seconds
	Session       struct {
		IDToken map[string]any `json:"id_token,omitempty"`
	} `json:"session"`
}

// reject is the body of rejectLoginRequest and rejectConsentRequest.
type reject struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func (a *admin) login(ctx context.Context, challenge string) (l loginRequest, err error) {
	return l, a.json(ctx, http.MethodGet, "/oauth2/auth/requests/login/"+url.PathEscape(challenge), nil, &l)
}

func (a *admin) consent(ctx context.Context, challenge string) (c consentRequest, err error) {
	return c, a.json(ctx, http.MethodGet, "/oauth2/auth/requests/consent/"+url.PathEscape(challenge), nil, &c)
}

// decide answers a login or consent request with accept or reject and returns
// where the browser goes.
func (a *admin) decide(ctx context.Context, kind, challenge, decision string, body any) (redirectTo string, err error) {
	var done struct {
		RedirectTo string `json:"redirect_to"`
	}
	err = a.json(ctx, http.MethodPut, "/oauth2/auth/requests/"+kind+"/"+url.PathEscape(challenge)+"/"+decision, body, &done)
	if err == nil && done.RedirectTo == "" {
		err = errors.New("the answer has no redirect_to")
	}
	return done.RedirectTo, err
}

// introspect asks what the server knows of a token (RFC 7662) and returns the
// answer as it came.
func (a *admin) introspect(ctx context.Context, token string) (json.RawMessage, error) {
	r, err := a.request(ctx, http.MethodPost, "/oauth2/introspect", strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return call(a.http, r)
}

func (a *admin) json(ctx context.Context, method, path string, in, out any) error {
	body := &bytes.Buffer{}
	if in != nil {
		if err := json.NewEncoder(body).Encode(in); err != nil {
			return err
		}
	}
	r, err := a.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := call(a.http, r)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s answered something that is no JSON: %w", method, err)
	}
	return nil
}

type reader interface{ Read([]byte) (int, error) }

func (a *admin) request(ctx context.Context, method, path string, body reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	if a.host != "" {
		r.Host = a.host
	}
	r.Header.Set("Accept", "application/json")
	return r, nil
}
