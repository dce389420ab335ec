package config

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Tokens of the admin API come as objects, as words, from the environment and
// from a file, and are printed in a form that can be read back.
func TestAdminTokens(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("a token"))
	digest := hex.EncodeToString(sum[:])
	other := sha256.Sum256([]byte("another"))
	want := []AdminToken{
		{Name: "ci", SHA256: sum, Scopes: []string{"clients:read", "keys"}},
		{Name: "prometheus", SHA256: other, Scopes: []string{"metrics:read"}},
	}
	words := []string{"ci " + digest + " clients:read keys", "prometheus " + hex.EncodeToString(other[:]) + "  metrics:read"}
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte(strings.Join(words, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	objects := "serve: {admin: {auth: {tokens: [{name: ci, sha256: " + digest + ", scopes: [\"clients:read\", keys]}, {name: prometheus, sha256: " + hex.EncodeToString(other[:]) + ", scopes: [\"metrics:read\"]}]}}}"
	for name, in := range map[string]struct {
		document string
		environ  []string
	}{
		"objects":        {objects, nil},
		"words":          {"serve.admin.auth.tokens:\n- " + words[0] + "\n- " + words[1] + "\n", nil},
		"environment":    {"", []string{"SERVE_ADMIN_AUTH_TOKENS=" + strings.Join(words, ",")}},
		"several lines":  {"", []string{"SERVE_ADMIN_AUTH_TOKENS=" + strings.Join(words, "\n")}},
		"file of _FILE":  {"", []string{"SERVE_ADMIN_AUTH_TOKENS_FILE=" + file}},
		"block sequence": {"serve:\n  admin:\n    auth:\n      tokens:\n        - name: ci\n          sha256: \"" + digest + "\"\n          scopes: [\"clients:read\", keys]\n        - " + words[1] + "\n", nil},
	} {
		c, err := loadHooks(t, in.document, in.environ...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, c.Serve.AdminTokens); diff != "" || !c.Serve.AdminAuth() {
			t.Errorf("%s: %s", name, diff)
		}
		var printed strings.Builder
		if err := c.Print(&printed); err != nil {
			t.Fatal(err)
		}
		again, err := loadHooks(t, printed.String())
		if err != nil {
			t.Errorf("%s: what was printed: %v", name, err)
		} else if diff := cmp.Diff(want, again.Serve.AdminTokens); diff != "" {
			t.Errorf("%s: what was printed: %s", name, diff)
		}
	}
}

// What would let in nobody, or more than was meant, stops the start; the
// message repeats no digest.
func TestAdminTokensRefused(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("a token"))
	digest := hex.EncodeToString(sum[:])
	empty := sha256.Sum256(nil)
	for name, test := range map[string]struct{ environ, want string }{
		"no digest":             {"SERVE_ADMIN_AUTH_TOKENS=ci clients:read keys:read", "64 hexadecimal digits"},
		"the token itself":      {"SERVE_ADMIN_AUTH_TOKENS=ci hydra_admin_abc *", "64 hexadecimal digits"},
		"no scope":              {"SERVE_ADMIN_AUTH_TOKENS=ci " + digest, "at least one scope"},
		"unknown scope":         {"SERVE_ADMIN_AUTH_TOKENS=ci " + digest + " client", "scope that does not exist"},
		"a name twice":          {"SERVE_ADMIN_AUTH_TOKENS=ci " + digest + " *,ci " + strings.Repeat("0", 64) + " *", "twice"},
		"a digest twice":        {"SERVE_ADMIN_AUTH_TOKENS=ci " + digest + " *,cd " + digest + " *", "another entry"},
		"the empty text":        {"SERVE_ADMIN_AUTH_TOKENS=ci " + hex.EncodeToString(empty[:]) + " *", "empty text"},
		"a strange name":        {"SERVE_ADMIN_AUTH_TOKENS=a=b " + digest + " *", "letters, digits"},
		"CA without TLS":        {"SERVE_ADMIN_AUTH_CLIENT_CA=/etc/ca.pem", "needs TLS"},
		"certificates, no CA":   {"SERVE_ADMIN_AUTH_CERTIFICATES=app dns:login.internal *", "needs serve.admin.auth.client_ca"},
		"a match without kind":  {"SERVE_ADMIN_AUTH_CERTIFICATES=app login.internal *", "dns:"},
		"a match without value": {"SERVE_ADMIN_AUTH_CERTIFICATES=app dns: *", "dns:"},
	} {
		_, err := Load(Input{Environ: []string{test.environ}})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), digest) || strings.Contains(err.Error(), "hydra_admin_abc") {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	for name, document := range map[string]string{
		"unknown member":          "serve.admin.auth.tokens: [{name: ci, sha256: \"" + digest + "\", scope: [keys]}]",
		"no members":              "serve.admin.auth.tokens: [{}]",
		"objects for other lists": "urls: {login: \"http://l.test/\"}\nserve.public.cors.allowed_origins: [{a: b}]",
	} {
		if _, err := loadHooks(t, document); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// A wide-open admin port warns unless somebody is asked who they are, and then
// still when tokens would go over the network in the clear.
func TestAdminAuthWarnings(t *testing.T) {
	t.Parallel()
	token := "SERVE_ADMIN_AUTH_TOKENS=ci " + strings.Repeat("a", 64) + " *"
	for name, test := range map[string]struct {
		environ []string
		want    string
	}{
		"open":               {[]string{"SERVE_ADMIN_HOST=0.0.0.0"}, "asks nobody who they are"},
		"tokens, plain HTTP": {[]string{"SERVE_ADMIN_HOST=0.0.0.0", token}, "without TLS"},
		"loopback":           {[]string{token}, ""},
		"tokens and TLS":     {[]string{"SERVE_ADMIN_HOST=0.0.0.0", token, "SERVE_ADMIN_TLS_CERT_PATH=/c.pem", "SERVE_ADMIN_TLS_KEY_PATH=/k.pem"}, ""},
	} {
		c, err := Load(Input{Environ: test.environ})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		said := ""
		for _, w := range c.Warnings() {
			if strings.HasPrefix(w, "The admin API") {
				said = w
			}
		}
		if (test.want == "") != (said == "") || !strings.Contains(said, test.want) {
			t.Errorf("%s: %q, want %q", name, said, test.want)
		}
	}
}
