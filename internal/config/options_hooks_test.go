package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hydra/internal/oauth"
)

func loadHooks(t *testing.T, document string, environ ...string) (*Config, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "hydra.yml")
	if err := os.WriteFile(name, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(Input{Files: []string{name}, Environ: environ})
}

// A hook is a URL or an object, contract §2.6.
func TestHookOptions(t *testing.T) {
	t.Parallel()
	object := Hook{URL: "https://hook.test/a?key=b", authType: "api_key", AuthIn: "cookie", AuthName: "session", AuthValue: "s3cret"}
	for name, test := range map[string]struct {
		document string
		environ  []string
		want     Hook
	}{
		"none":         {"", nil, Hook{AuthIn: "header"}},
		"null":         {"oauth2:\n  token_hook:\n", nil, Hook{AuthIn: "header"}},
		"a URL":        {"oauth2:\n  token_hook: http://10.0.0.1:8080/hook\n", nil, Hook{URL: "http://10.0.0.1:8080/hook", AuthIn: "header"}},
		"a variable":   {"", []string{"OAUTH2_TOKEN_HOOK=https://hook.test/"}, Hook{URL: "https://hook.test/", AuthIn: "header"}},
		"a URL member": {"oauth2:\n  token_hook:\n    url: https://hook.test/\n", nil, Hook{URL: "https://hook.test/", AuthIn: "header"}},
		"a timeout":    {"oauth2:\n  token_hook:\n    url: https://hook.test/\n    timeout: 1m\n", nil, Hook{URL: "https://hook.test/", AuthIn: "header", Timeout: time.Minute}},
		"an object": {"oauth2:\n  token_hook:\n    url: https://hook.test/a?key=b\n    auth:\n      type: api_key\n      config:\n        in: cookie\n        name: session\n        value: s3cret\n",
			nil, object},
		"an object of JSON": {`{"oauth2":{"token_hook":{"url":"https://hook.test/a?key=b","auth":{"type":"api_key","config":{"in":"cookie","name":"session","value":"s3cret"}}}}}`,
			nil, object},
		"variables": {"", []string{
			"OAUTH2_TOKEN_HOOK_URL=https://hook.test/a?key=b", "OAUTH2_TOKEN_HOOK_AUTH_TYPE=api_key", "OAUTH2_TOKEN_HOOK_AUTH_CONFIG_IN=cookie",
			"OAUTH2_TOKEN_HOOK_AUTH_CONFIG_NAME=session", "OAUTH2_TOKEN_HOOK_AUTH_CONFIG_VALUE=s3cret",
		}, object},
	} {
		c, err := loadHooks(t, test.document, test.environ...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if test.want.Timeout == 0 {
			test.want.Timeout = 10 * time.Second
		}
		if c.OAuth2.TokenHook != test.want {
			t.Errorf("%s: %+v, want %+v", name, c.OAuth2.TokenHook, test.want)
		}
		if c.OAuth2.RefreshTokenHook.URL != "" {
			t.Errorf("%s: the other hook is %+v", name, c.OAuth2.RefreshTokenHook)
		}
		var printed strings.Builder
		if err := c.Print(&printed); err != nil || strings.Contains(printed.String(), "s3cret") || strings.Contains(printed.String(), "key=b") {
			t.Errorf("%s: printed\n%s\n%v", name, printed.String(), err)
		}
	}
	c, err := loadHooks(t, "", "OAUTH2_REFRESH_TOKEN_HOOK=https://hook.test/")
	if err != nil || c.OAuth2.RefreshTokenHook.URL != oauth.Secret("https://hook.test/") || c.OAuth2.TokenHook.URL != "" {
		t.Errorf("the refresh hook: %+v, %v", c.OAuth2, err)
	}
}

func TestHookOptionsRefused(t *testing.T) {
	t.Parallel()
	const url = "OAUTH2_TOKEN_HOOK_URL=https://hook.test/"
	auth := func(more ...string) []string {
		return append([]string{url, "OAUTH2_TOKEN_HOOK_AUTH_TYPE=api_key", "OAUTH2_TOKEN_HOOK_AUTH_CONFIG_NAME=X-Key", "OAUTH2_TOKEN_HOOK_AUTH_CONFIG_VALUE=s3cret"}, more...)
	}
	for name, environ := range map[string][]string{
		"no URL":              {"OAUTH2_TOKEN_HOOK=s3cret"},
		"another scheme":      {"OAUTH2_TOKEN_HOOK=file:///s3cret"},
		"user information":    {"OAUTH2_TOKEN_HOOK=https://user:s3cret@hook.test/"},
		"no time":             {url, "OAUTH2_TOKEN_HOOK_TIMEOUT=0s"},
		"too much time":       {url, "OAUTH2_TOKEN_HOOK_TIMEOUT=61s"},
		"a fragment":          {"OAUTH2_TOKEN_HOOK=https://hook.test/#s3cret"},
		"no host":             {"OAUTH2_TOKEN_HOOK=https://:80/s3cret"},
		"auth without URL":    {"OAUTH2_TOKEN_HOOK_AUTH_TYPE=api_key", "OAUTH2_TOKEN_HOOK_AUTH_CONFIG_NAME=X-Key", "OAUTH2_TOKEN_HOOK_AUTH_CONFIG_VALUE=s3cret"},
		"another type":        auth("OAUTH2_TOKEN_HOOK_AUTH_TYPE=basic"),
		"another place":       auth("OAUTH2_TOKEN_HOOK_AUTH_CONFIG_IN=query"),
		"a key without type":  {url, "OAUTH2_TOKEN_HOOK_AUTH_CONFIG_NAME=X-Key", "OAUTH2_TOKEN_HOOK_AUTH_CONFIG_VALUE=s3cret"},
		"no name":             {url, "OAUTH2_TOKEN_HOOK_AUTH_TYPE=api_key", "OAUTH2_TOKEN_HOOK_AUTH_CONFIG_VALUE=s3cret"},
		"no value":            {url, "OAUTH2_TOKEN_HOOK_AUTH_TYPE=api_key", "OAUTH2_TOKEN_HOOK_AUTH_CONFIG_NAME=X-Key"},
		"a steering header":   auth("OAUTH2_TOKEN_HOOK_AUTH_CONFIG_NAME=content-length"),
		"no header":           auth("OAUTH2_TOKEN_HOOK_AUTH_CONFIG_NAME=X Key"),
		"a header in a value": auth("OAUTH2_TOKEN_HOOK_AUTH_CONFIG_VALUE=s3cret\r\nX: y"),
		"a cookie in a value": auth("OAUTH2_TOKEN_HOOK_AUTH_CONFIG_IN=cookie", "OAUTH2_TOKEN_HOOK_AUTH_CONFIG_VALUE=s3cret; x=y"),
	} {
		_, err := loadHooks(t, "", environ...)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error repeats the secret: %v", name, err)
		}
	}
	for _, document := range []string{
		"oauth2:\n  token_hook:\n    link: https://hook.test/\n", "oauth2:\n  token_hook:\n    auth: api_key\n", "oauth2:\n  token_hook: [https://hook.test/]\n",
	} {
		if _, err := loadHooks(t, document); err == nil {
			t.Errorf("accepted:\n%s", document)
		}
	}
}
