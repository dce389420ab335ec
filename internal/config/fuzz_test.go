package config

import (
	"strings"
	"testing"
)

// Whatever stands in a file is refused or loaded, in bounded time, and what
// was loaded can be printed and read back.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"", "dsn: memory\n", "serve:\n  public:\n    port: 4444\n    cors: {enabled: true, allowed_origins: [a, 'b']}\n", "a: &a 1\nb: *a\n<<: *a\n",
		`{"ttl":{"access_token":"1h"}}`, "? x\n: y\n", "- 1\n- 2\n", "a: |\n  b\n", "!!str dsn: !!str memory", "\"\\u0000\": 1", "a: b: c", "&a a: *a", "a:\n\tb: 1", "%YAML 1.2\n---\n...\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return // time is bounded by maxFile and maxBrackets; here many inputs count more
		}
		entries, err := parseFile("f.yml", []byte(text))
		if err != nil {
			return
		}
		for _, e := range entries {
			if e.key == "" || !strings.HasPrefix(e.where, "f.yml:") {
				t.Errorf("entry %+v", e)
			}
		}
		l := loader{values: map[*option]raw{}}
		l.document("f.yml", []byte(text))
		c := l.fill()
		if len(l.problems)+len(c.settle()) > 0 {
			return
		}
		var b strings.Builder
		if err := c.Print(&b); err != nil {
			t.Fatal(err)
		}
		if _, err := parseFile("printed.yml", []byte(b.String())); err != nil {
			t.Errorf("%v\n%s", err, b.String())
		}
	})
}

func FuzzEnvironment(f *testing.F) {
	for _, name := range []string{"TTL_ACCESS_TOKEN", "SERVE_PUBLIC_PORT", "DSN", "URLS_SELF_ISSUER", "SERVE_TLS_ALLOW_TERMINATION_FROM", "SERVE_PUBLIC_SOCKET_MODE", "CORS_MAX_AGE"} {
		for _, value := range []string{"", "1", "-1", "1h", "https://a/b", "10.0.0.0/8", "0755", "true", ",,"} {
			f.Add(name, value)
		}
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if strings.HasSuffix(name, "_FILE") {
			return // would read what the fuzzer names
		}
		c, err := Load(Input{Environ: []string{name + "=" + value}})
		if err == nil && c.URLs.Issuer == "" {
			t.Error("loaded without an issuer")
		}
	})
}
