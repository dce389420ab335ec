package config

import (
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"hydra/internal/oauth"
)

// Hook is a service of the operator that is asked before tokens are paid out.
type Hook struct {
	URL       oauth.Secret // empty: none; it may hold a key
	authType  string       // "" or "api_key"
	AuthIn    string       // "header" or "cookie"
	AuthName  string       // of the header or cookie; empty: the call carries no key
	AuthValue oauth.Secret
	Timeout   time.Duration // of a whole call
}

// hookOptions are the options of the two hooks. In a file each is either a URL
// or an object with url and auth.
var hookOptions = slices.Concat(
	hook("oauth2.token_hook", "before every answer of the token endpoint", func(c *Config) *Hook { return &c.OAuth2.TokenHook }),
	hook("oauth2.refresh_token_hook", "before a refresh token is exchanged, and before `oauth2.token_hook`", func(c *Config) *Hook { return &c.OAuth2.RefreshTokenHook }),
)

func hook(key, when string, at func(*Config) *Hook) []option {
	name := key[strings.LastIndexByte(key, '.')+1:]
	return []option{
		{
			Key: key + ".url", Was: []string{key}, Secret: true,
			Doc: "URL of a service that is asked by POST " + when + ". It answers 200 with `{\"session\": {\"access_token\": {…}, \"id_token\": {…}}}` to replace the claims of this and later tokens, " +
				"204 to change nothing, 403 to refuse with `access_denied`. Anything else, more than 1 MiB and more time than `timeout` are a `server_error`, whose reason is in the log. " +
				"The service may be in a private network, and may be asked twice for one answer. `" + name + ": <URL>` says the same.",
			Allowed: webAllowed, bind: func(c *Config) any { return &at(c).URL }, check: hookAddress,
		},
		{
			Key: key + ".timeout", Default: "10s", Doc: "How long one call may take, the wait for a free place included. Answers of the public port may take as much more than the 15 s that they have; " +
				"whoever has gone by then, or cannot be answered any more, has spent nothing. On each node at most 64 calls of both hooks together are under way, " +
				"and with those that wait they hold at most half of the requests that `serve.public.max_requests` allows (which is 64 on one or two processors); the next request gets 503 with `Retry-After` at once. " +
				"So a service that does not answer holds up its callers for this time, and nobody else.",
			Allowed: "a duration from 100ms to 1m", bind: func(c *Config) any { return &at(c).Timeout }, check: lasting(100*time.Millisecond, time.Minute),
		},
		{
			Key: key + ".auth.type", Doc: "How calls of `" + key + ".url` prove where they come from. Empty: not at all.",
			Allowed: "`api_key`", bind: func(c *Config) any { return &at(c).authType }, check: oneOf("", "api_key"),
		},
		{
			Key: key + ".auth.config.in", Default: "header", Doc: "Where the key stands.",
			Allowed: "`header` or `cookie`", bind: func(c *Config) any { return &at(c).AuthIn }, check: oneOf("header", "cookie"),
		},
		{
			Key: key + ".auth.config.name", Doc: "Name of the header or cookie.",
			Allowed: "a name such as `X-API-Key`", bind: func(c *Config) any { return &at(c).AuthName }, check: headerName,
		},
		{
			Key: key + ".auth.config.value", Secret: true, Doc: "The key.",
			Allowed: "visible characters of ASCII", bind: func(c *Config) any { return &at(c).AuthValue }, check: headerValue,
		},
	}
}

func hookAddress(v any) error {
	s := string(*v.(*oauth.Secret))
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return errNotAllowed
	}
	return nil
}

// headerName takes a token of RFC 9110 §5.6.2 that does not steer the transfer.
func headerName(v any) error {
	s := *v.(*string)
	strange := func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", c))
	}
	steering := []string{
		"Host", "Connection", "Content-Length", "Content-Type", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Accept", "Accept-Encoding", "User-Agent",
	}
	if strings.ContainsFunc(s, strange) || slices.Contains(steering, textproto.CanonicalMIMEHeaderKey(s)) {
		return errNotAllowed
	}
	return nil
}

func headerValue(v any) error {
	s := string(*v.(*oauth.Secret))
	if strings.ContainsFunc(s, func(c rune) bool { return c < 0x20 || c > 0x7e }) || strings.TrimSpace(s) != s {
		return errNotAllowed
	}
	return nil
}

// settle refuses a key that nobody would send, or that says nothing.
func (h *Hook) settle(key string) error {
	given := h.AuthName != "" || h.AuthValue != ""
	switch {
	case h.URL == "" && (h.authType != "" || given):
		return problem{key: key + ".url", what: "is missing, but " + key + ".auth is set"}
	case h.authType == "" && given:
		return problem{key: key + ".auth.type", what: "must be api_key when a name or a value is set"}
	case h.authType != "" && (h.AuthName == "" || h.AuthValue == ""):
		return problem{key: key + ".auth.config", what: "needs a name and a value"}
	case h.AuthIn == "cookie" && strings.ContainsAny(string(h.AuthValue), "\",;\\ "):
		return problem{key: key + ".auth.config.value", what: "has characters that no cookie may have"}
	}
	return nil
}

func (c *Config) settleHooks() error {
	if err := c.OAuth2.TokenHook.settle("oauth2.token_hook"); err != nil {
		return err
	}
	return c.OAuth2.RefreshTokenHook.settle("oauth2.refresh_token_hook")
}
