package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// AdminToken lets its bearer use the admin API.
type AdminToken struct {
	Name   string
	SHA256 [sha256.Size]byte // of the token
	Scopes []string
}

// AdminCertificate lets the holder of a client certificate use the admin API.
type AdminCertificate struct {
	Name   string
	Match  string // "dns:…", "uri:…", "email:…" or "cn:…", as the certificate names its subject
	Scopes []string
}

// AdminScopes are what a token or certificate can be allowed. A resource alone
// allows both of its halves.
func AdminScopes() []string {
	out := []string{"*", "*:read", "*:write"}
	for _, r := range adminResources {
		out = append(out, r, r+":read", r+":write")
	}
	return out
}

// adminResources are the parts of the admin API.
var adminResources = []string{"clients", "keys", "requests", "sessions", "tokens", "trust", "registration", "operations", "metrics"}

const scopesDoc = "Scopes are `clients`, `keys`, `requests` (login, consent, logout, device), `sessions`, `tokens` (introspection, flush, a client's access tokens), `trust`, `registration`, `operations`, `metrics`, " +
	"each alone or with `:read` or `:write`, and `*`, `*:read`, `*:write`. Writing does not include reading. Health checks and the description of the API need none."

// adminOptions switch on that the admin API asks who calls.
var adminOptions = []option{
	{
		Key: "serve.admin.auth.tokens", Secret: true,
		Doc: "Who may use the admin API: bearer tokens, by their SHA-256. None, and no client CA either: it asks nobody. In a file each entry is `{name: ci, sha256: <64 hexadecimal digits>, scopes: [\"clients:read\", \"clients:write\"]}`; " +
			"in the environment entries are `name digest scope scope…` with commas or line breaks between them. `hydra admin-token` makes a token and its entry. " + scopesDoc,
		Allowed: "a list of entries with a name, a SHA-256 in hexadecimal digits and scopes",
		bind:    func(c *Config) any { return &c.Serve.AdminTokens }, check: adminTokens,
	},
	{
		Key: "serve.admin.auth.client_ca",
		Doc: "Authorities of client certificates, a PEM file, read at the start. If set, the admin port asks for such a certificate, and refuses calls that have neither one nor a token of `serve.admin.auth.tokens`; health checks need none. " +
			"The port must serve TLS itself.",
		Allowed: "the path of a file", bind: func(c *Config) any { return &c.Serve.AdminClientCA },
	},
	{
		Key: "serve.admin.auth.certificates",
		Doc: "Which certificates of these authorities may do what: entries `{name: login-app, match: \"dns:login.internal\", scopes: [requests, \"clients:read\"]}`, or `name match scope scope…`. " +
			"A match is `dns:`, `uri:` or `email:` and a subject alternative name, or `cn:` and the common name, compared byte for byte. Empty: every certificate of the authorities may do everything.",
		Allowed: "a list of entries with a name, a match and scopes", bind: func(c *Config) any { return &c.Serve.AdminCertificates }, check: adminCertificates,
	},
}

// adminEntry is one entry of either list.
type adminEntry struct {
	Name, SHA256, Match string
	Scopes              []string
}

// adminEntries reads entries as objects or as words. Errors never repeat them.
func (r raw) adminEntries() (out []adminEntry, err error) {
	texts := r.list
	if !r.isList {
		texts = strings.FieldsFunc(r.text, func(c rune) bool { return c == ',' || c == '\n' || c == '\r' })
	}
	for _, text := range texts {
		text = strings.TrimSpace(text)
		if text == "" && !r.isList {
			continue
		}
		var e adminEntry
		if strings.HasPrefix(text, "{") {
			d := json.NewDecoder(strings.NewReader(text))
			d.DisallowUnknownFields()
			if err := d.Decode(&e); err != nil {
				return nil, errNotAllowed
			}
		} else {
			words := strings.Fields(text)
			if len(words) < 3 {
				return nil, fmt.Errorf("an entry needs a name, a digest or match, and at least one scope")
			}
			e = adminEntry{Name: words[0], SHA256: words[1], Match: words[1], Scopes: words[2:]}
		}
		out = append(out, e)
	}
	return out, nil
}

func (r raw) adminTokens() (out []AdminToken, err error) {
	entries, err := r.adminEntries()
	for _, e := range entries {
		t := AdminToken{Name: e.Name, Scopes: e.Scopes}
		digest, err := hex.DecodeString(e.SHA256)
		if err != nil || len(digest) != len(t.SHA256) {
			return nil, fmt.Errorf("the SHA-256 of %s is not 64 hexadecimal digits; hydra admin-token prints it", entryName(e.Name))
		}
		copy(t.SHA256[:], digest)
		out = append(out, t)
	}
	return out, err
}

func (r raw) adminCertificates() (out []AdminCertificate, err error) {
	entries, err := r.adminEntries()
	for _, e := range entries {
		out = append(out, AdminCertificate{Name: e.Name, Match: e.Match, Scopes: e.Scopes})
	}
	return out, err
}

// entryName names an entry in messages, if it has a name worth repeating.
func entryName(name string) string {
	if name == "" || len(name) > 64 {
		return "an entry"
	}
	return fmt.Sprintf("%q", name)
}

func adminTokens(v any) error {
	seen := map[string]bool{}
	digests := map[[sha256.Size]byte]bool{}
	for _, t := range *v.(*[]AdminToken) {
		if err := adminEntryIsWhole(t.Name, t.Scopes, seen); err != nil {
			return err
		}
		if digests[t.SHA256] {
			return fmt.Errorf("%s has the digest of another entry", entryName(t.Name))
		}
		if t.SHA256 == sha256.Sum256(nil) {
			return fmt.Errorf("%s has the digest of the empty text", entryName(t.Name))
		}
		digests[t.SHA256] = true
	}
	return nil
}

func adminCertificates(v any) error {
	seen := map[string]bool{}
	for _, c := range *v.(*[]AdminCertificate) {
		if err := adminEntryIsWhole(c.Name, c.Scopes, seen); err != nil {
			return err
		}
		kind, value, _ := strings.Cut(c.Match, ":")
		if !slices.Contains([]string{"dns", "uri", "email", "cn"}, kind) || value == "" {
			return fmt.Errorf("the match of %s does not begin with dns:, uri:, email: or cn:", entryName(c.Name))
		}
	}
	return nil
}

// adminEntryIsWhole checks what both kinds of entries have: a name that logs
// can show, once, and scopes that exist.
func adminEntryIsWhole(name string, scopes []string, seen map[string]bool) error {
	strange := func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-_.", c))
	}
	switch {
	case name == "" || len(name) > 64 || strings.ContainsFunc(name, strange):
		return fmt.Errorf("the name of an entry must have 1 to 64 letters, digits, dashes, dots or underscores")
	case seen[name]:
		return fmt.Errorf("%s stands there twice", entryName(name))
	case len(scopes) == 0:
		return fmt.Errorf("%s has no scopes, so it could do nothing", entryName(name))
	}
	seen[name] = true
	for _, s := range scopes {
		if !slices.Contains(AdminScopes(), s) {
			return fmt.Errorf("%s has a scope that does not exist; there are %s", entryName(name), strings.Join(AdminScopes(), ", "))
		}
	}
	return nil
}

// AdminAuth reports whether the admin API asks who calls.
func (s *Serve) AdminAuth() bool { return len(s.AdminTokens) > 0 || s.AdminClientCA != "" }

// settleAdminAuth refuses certificates that nobody could show.
func (c *Config) settleAdminAuth() error {
	s := &c.Serve
	switch {
	case s.AdminClientCA != "" && !s.Admin.TLS.Enabled:
		return problem{key: "serve.admin.auth.client_ca", what: "needs TLS on the admin port itself: set serve.admin.tls.cert.path and serve.admin.tls.key.path, and no allow_termination_from"}
	case s.AdminClientCA == "" && len(s.AdminCertificates) > 0:
		return problem{key: "serve.admin.auth.certificates", what: "needs serve.admin.auth.client_ca"}
	}
	return nil
}
