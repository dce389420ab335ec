package loadtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// target knows the paths of one kind of server.
type target struct {
	name       string
	clients    string // admin: POST creates, GET lists
	listQuery  string
	introspect string
	token      string
	jwks       string
	userinfo   string
	auth       string
	// request and accept give the admin paths of a login or consent request
	request, accept    func(kind, challenge string) string
	introspectOnPublic bool // and with client authentication
}

const listSize = 100 // page size of client_list

func hydraV2() *target {
	t := common("hydra-v2")
	t.clients, t.listQuery = "/admin/clients", fmt.Sprintf("?page_size=%d", listSize)
	t.introspect = "/admin/oauth2/introspect"
	const base = "/admin/oauth2/auth/requests/"
	t.request = func(kind, ch string) string {
		return base + kind + "?" + kind + "_challenge=" + url.QueryEscape(ch)
	}
	t.accept = func(kind, ch string) string {
		return base + kind + "/accept?" + kind + "_challenge=" + url.QueryEscape(ch)
	}
	return t
}

func hydraRC() *target {
	t := common("hydra-rc")
	t.clients, t.listQuery = "/clients", fmt.Sprintf("?limit=%d", listSize)
	t.introspect = "/oauth2/introspect"
	t.request = func(kind, ch string) string {
		return "/oauth2/auth/requests/" + kind + "/" + url.PathEscape(ch)
	}
	t.accept = func(kind, ch string) string { return t.request(kind, ch) + "/accept" }
	return t
}

func common(name string) *target {
	return &target{name: name, token: "/oauth2/token", auth: "/oauth2/auth",
		jwks: "/.well-known/jwks.json", userinfo: "/userinfo"}
}

const discoveryPath = "/.well-known/openid-configuration"

// discovered reads the paths of any other OpenID provider from its discovery
// document; the simple scenarios work with it, given a client by flags.
func discovered(c *conn) (*target, error) {
	r, err := c.do("GET", c.prefix+discoveryPath, "", nil)
	if err != nil {
		return nil, err
	}
	var d struct {
		Token      string `json:"token_endpoint"`
		JWKS       string `json:"jwks_uri"`
		Introspect string `json:"introspection_endpoint"`
		Userinfo   string `json:"userinfo_endpoint"`
	}
	if err := json.Unmarshal(r.body, &d); err != nil {
		return nil, fmt.Errorf("discovery document (status %d): %w", r.status, err)
	}
	t := &target{name: "oidc", introspectOnPublic: true}
	for dst, src := range map[*string]string{&t.token: d.Token, &t.jwks: d.JWKS, &t.introspect: d.Introspect, &t.userinfo: d.Userinfo} {
		u, err := url.Parse(src)
		if err != nil {
			return nil, err
		}
		*dst = strings.TrimPrefix(u.RequestURI(), c.prefix)
	}
	return t, nil
}

func newTarget(name string, pub *conn) (*target, error) {
	switch name {
	case "hydra-v2":
		return hydraV2(), nil
	case "hydra-rc":
		return hydraRC(), nil
	case "bare":
		return &target{name: "bare"}, nil
	case "oidc":
		return discovered(pub)
	}
	return nil, errors.New("unknown target " + name)
}
