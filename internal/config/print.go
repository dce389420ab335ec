package config

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"hydra/internal/oauth"
)

const redacted = "[redacted]"

// Print writes the effective values as YAML, each with where it came from.
// Secrets and the password of the DSN are redacted.
func (c *Config) Print(w io.Writer) error {
	var b strings.Builder
	var open []string
	for _, s := range c.settings {
		path := strings.Split(s.option.Key, ".")
		sections, name := path[:len(path)-1], path[len(path)-1]
		same := 0
		for same < len(sections) && same < len(open) && sections[same] == open[same] {
			same++
		}
		for i := same; i < len(sections); i++ {
			fmt.Fprintf(&b, "%s%s:\n", strings.Repeat("  ", i), sections[i])
		}
		open = sections
		fmt.Fprintf(&b, "%s%s: %s # %s\n", strings.Repeat("  ", len(sections)), name, c.show(s), s.raw.source)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// show writes the value as YAML.
func (c *Config) show(s setting) string {
	v := s.option.bind(c)
	if s.option.Key == "dsn" {
		return quote(c.Storage())
	}
	if s.option.Secret {
		switch v := v.(type) {
		case *oauth.Secret:
			if *v == "" {
				return `""`
			}
		case *[]AdminToken: // a digest is no secret
			list := make([]string, len(*v))
			for i, t := range *v {
				list[i] = strings.Join(append([]string{t.Name, hex.EncodeToString(t.SHA256[:])}, t.Scopes...), " ")
			}
			return quoteAll(list)
		case *[]oauth.Secret:
			if len(*v) == 0 {
				return "[]"
			}
			return "[" + strings.TrimSuffix(strings.Repeat(quote(redacted)+", ", len(*v)), ", ") + "]"
		}
		return quote(redacted)
	}
	switch v := v.(type) {
	case *string:
		return quote(*v)
	case *bool, *int:
		return fmt.Sprint(deref(v))
	case *os.FileMode:
		return fmt.Sprintf("0%o", *v)
	case *time.Duration:
		return duration(*v)
	case *[]string:
		return quoteAll(*v)
	case *[]netip.Prefix:
		list := make([]string, len(*v))
		for i, p := range *v {
			list[i] = p.String()
		}
		return quoteAll(list)
	case *[]AdminCertificate:
		list := make([]string, len(*v))
		for i, c := range *v {
			list[i] = strings.Join(append([]string{c.Name, c.Match}, c.Scopes...), " ")
		}
		return quoteAll(list)
	}
	return quote(s.raw.text)
}

func deref(v any) any {
	switch v := v.(type) {
	case *bool:
		return *v
	case *int:
		return *v
	}
	return v
}

// quote writes a string so that YAML reads it back; JSON strings are YAML.
func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

func quoteAll(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// Storage is the DSN without its password.
func (c *Config) Storage() string { return RedactDSN(string(c.DSN)) }

// RedactDSN replaces the password of a DSN and the values of query parameters
// whose names speak of secrets.
func RedactDSN(dsn string) string {
	scheme, rest, ok := strings.Cut(dsn, "://")
	if !ok {
		if dsn == "memory" || dsn == "" {
			return dsn
		}
		return redacted
	}
	// A password may hold any character, so it ends at the last @ of all.
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if user, _, ok := strings.Cut(rest[:at], ":"); ok {
			rest = user + ":" + redacted + rest[at:]
		}
	}
	rest, query, hasQuery := strings.Cut(rest, "?")
	if !hasQuery {
		return scheme + "://" + rest
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		for _, word := range []string{"pass", "secret", "token", "key"} {
			if strings.Contains(strings.ToLower(name), word) {
				pairs[i] = name + "=" + redacted
			}
		}
	}
	return scheme + "://" + rest + "?" + strings.Join(pairs, "&")
}
