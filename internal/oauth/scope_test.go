package oauth

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Only the space separates (RFC 6749 §3.3): whatever else looks like white
// space belongs to a value, so that nothing can be smuggled between two.
func TestFields(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, in string
		want     []string
	}{
		{"empty", "", nil},
		{"only spaces", "   ", nil},
		{"one", "openid", []string{"openid"}},
		{"two", "openid offline", []string{"openid", "offline"}},
		{"surplus spaces", "  openid   offline ", []string{"openid", "offline"}},
		{"tab is no separator", "a\tb", []string{"a\tb"}},
		{"line break is no separator", "a\r\nb", []string{"a\r\nb"}},
		{"no-break space is no separator", "a\u00a0b", []string{"a\u00a0b"}},
		{"comma is no separator", "a,b", []string{"a,b"}},
		{"duplicates stay", "a a", []string{"a", "a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, Fields(test.in)); diff != "" {
				t.Errorf("Fields(%q) (-want +got):\n%s", test.in, diff)
			}
		})
	}
}

func TestScopeStrategies(t *testing.T) {
	t.Parallel()
	strategies := map[string]ScopeStrategy{"wildcard": WildcardScope, "exact": ExactScope, "hierarchic": HierarchicScope}
	for _, test := range []struct {
		strategy, allowed, scope string
		want                     bool
	}{
		// The contract's examples, §3.1.6.
		{"wildcard", "foo.*", "foo.bar", true},
		{"wildcard", "foo.*", "foo.bar.baz", true},
		{"wildcard", "foo.*", "foo", false},
		{"wildcard", "foo.*.bar", "foo.x.bar", true},
		{"wildcard", "foo.*.bar", "foo..bar", false},
		{"wildcard", "foo.*.bar", "foo.x.bar.y", false},
		{"wildcard", "*", "foo", true},
		{"wildcard", "*", "foo.bar", true},
		{"wildcard", "*", "", false},
		{"wildcard", "foo*", "foobar", false},
		{"wildcard", "foo*", "foo*", true},
		// A pattern never matches a value with fewer parts.
		{"wildcard", "foo.bar.baz", "foo.bar", false},
		{"wildcard", "*.*", "foo", false},
		{"wildcard", "*.*", "foo.bar.baz", true},
		// The first part that a last asterisk stands for is not empty.
		{"wildcard", "foo.*", "foo.", false},
		{"wildcard", "foo.*", "foo..bar", false},
		{"wildcard", "foo.*", "foo.bar.", true},
		{"wildcard", "*", ".foo", false},
		// Parts compare exactly, with their case and their bytes.
		{"wildcard", "foo.bar", "foo.bar", true},
		{"wildcard", "foo.bar", "Foo.bar", false},
		{"wildcard", "foo", "foo.bar", false},
		{"wildcard", "foo.**", "foo.bar", false},
		{"wildcard", "foo.b*", "foo.bar", false},
		{"wildcard", "caf\u00e9", "cafe\u0301", false},
		{"wildcard", "", "", false},
		{"wildcard", "", "foo", false},
		{"wildcard", "foo.*", "foo.*", true},

		{"exact", "foo", "foo", true},
		{"exact", "foo.*", "foo.bar", false},
		{"exact", "foo", "foo.bar", false},
		{"exact", "foo", "FOO", false},
		{"exact", "", "", false},

		{"hierarchic", "foo.bar", "foo.bar", true},
		{"hierarchic", "foo.bar", "foo.bar.baz", true},
		{"hierarchic", "foo.bar", "foo.bar.baz.qux", true},
		{"hierarchic", "foo.bar", "foo", false},
		{"hierarchic", "foo.bar", "foo.barbaz", false},
		{"hierarchic", "foo.bar", "foo.Bar", false},
		{"hierarchic", "foo.*", "foo.bar", false},
		{"hierarchic", "", "foo", false},
		{"hierarchic", "", ".foo", false},
		{"hierarchic", "", "", false},
	} {
		t.Run(test.strategy+"/"+test.allowed+" covers "+test.scope, func(t *testing.T) {
			t.Parallel()
			s := strategies[test.strategy]
			if got := s([]string{test.allowed}, test.scope); got != test.want {
				t.Errorf("%s([%q], %q) = %t, want %t", test.strategy, test.allowed, test.scope, got, test.want)
			}
			// Another pattern in front changes nothing.
			if got := s([]string{"unrelated", test.allowed}, test.scope); got != test.want {
				t.Errorf("%s([unrelated, %q], %q) = %t, want %t", test.strategy, test.allowed, test.scope, got, test.want)
			}
			if s(nil, test.scope) {
				t.Errorf("%s(nil, %q) = true: who allows nothing allows nothing", test.strategy, test.scope)
			}
		})
	}
}

// Each wanted scope needs a pattern; one that has none refuses the list.
func TestCovers(t *testing.T) {
	t.Parallel()
	allowed := []string{"openid", "files.*"}
	for _, test := range []struct {
		wanted string
		want   bool
	}{
		{"", true},
		{"openid", true},
		{"files.read openid files.write", true},
		{"openid admin", false},
		{"admin openid", false},
		{"files", false},
	} {
		if got := ScopeStrategy(WildcardScope).Covers(allowed, Fields(test.wanted)); got != test.want {
			t.Errorf("Covers(%q) = %t, want %t", test.wanted, got, test.want)
		}
	}
}

func TestScopeStrategyNamed(t *testing.T) {
	t.Parallel()
	// What only this strategy allows of the pattern a.* and the scope a.b.
	for _, test := range []struct {
		name                 string
		known                bool
		starMatches, isBelow bool
	}{
		{"", true, true, false},
		{"wildcard", true, true, false},
		{"exact", true, false, false},
		{"hierarchic", true, false, true},
		{"DEPRECATED_HIERARCHICAL_SCOPE_STRATEGY", true, false, true},
		{"Exact", false, false, false},
		{"regex", false, false, false},
	} {
		s, ok := ScopeStrategyNamed(test.name)
		if ok != test.known {
			t.Errorf("ScopeStrategyNamed(%q) known = %t, want %t", test.name, ok, test.known)
		}
		if !ok {
			continue
		}
		if got := s([]string{"a.*"}, "a.b"); got != test.starMatches {
			t.Errorf("%q: a.* covers a.b = %t, want %t", test.name, got, test.starMatches)
		}
		if got := s([]string{"a"}, "a.b"); got != test.isBelow {
			t.Errorf("%q: a covers a.b = %t, want %t", test.name, got, test.isBelow)
		}
	}
}

func TestAllowsAudience(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, allowed, wanted string
		want                  bool
	}{
		// The contract, §3.1.6.
		{"equal", "https://api.example.com/v1", "https://api.example.com/v1", true},
		{"trailing slash wanted", "https://api.example.com/v1", "https://api.example.com/v1/", true},
		{"trailing slash allowed", "https://api.example.com/v1/", "https://api.example.com/v1", true},
		{"descendant", "https://api.example.com/v1", "https://api.example.com/v1/users", true},
		{"descendant of a slash", "https://api.example.com/v1/", "https://api.example.com/v1/users", true},
		{"descendant of a host", "https://api.example.com", "https://api.example.com/v1", true},
		{"host with slash", "https://api.example.com", "https://api.example.com/", true},
		{"not at a segment boundary", "https://api.example.com/v1", "https://api.example.com/v10", false},
		{"ancestor", "https://api.example.com/v1/users", "https://api.example.com/v1", false},
		{"other path", "https://api.example.com/v1", "https://api.example.com/v2", false},
		{"other scheme", "https://api.example.com", "http://api.example.com", false},
		{"other host", "https://api.example.com", "https://api.example.org", false},

		{"subdomain", "https://example.com", "https://api.example.com", false},
		{"suffix of the host", "https://example.com", "https://evilexample.com", false},
		{"host as a prefix", "https://example.com", "https://example.com.evil.org", false},
		{"host as user information", "https://example.com", "https://example.com@evil.org", false},
		{"user information", "https://example.com", "https://user@example.com/", false},
		{"empty user information", "https://example.com", "https://@example.com/", false},
		{"user information in the registered one", "https://user@example.com", "https://example.com/v1", false},
		{"backslash before the host", "https://example.com", `https://evil.org\@example.com/`, false},
		{"port", "https://example.com", "https://example.com:8443/", false},
		{"default port", "https://example.com", "https://example.com:443/", false},
		{"empty port", "https://example.com", "https://example.com:/", false},
		{"case of the host", "https://example.com", "https://EXAMPLE.com/", false},
		{"case of the scheme", "https://example.com", "HTTPS://example.com/", false},
		{"case of the path", "https://example.com/v1", "https://example.com/V1", false},

		{"dot segments", "https://example.com/v1", "https://example.com/v1/../admin", false},
		{"dot segments at the end", "https://example.com/v1", "https://example.com/v1/..", false},
		{"one dot", "https://example.com/v1", "https://example.com/v1/./x", false},
		{"encoded dots", "https://example.com/v1", "https://example.com/v1/%2e%2e/admin", false},
		{"half encoded dots", "https://example.com/v1", "https://example.com/v1/.%2E/admin", false},
		{"twice encoded dots", "https://example.com/v1", "https://example.com/v1/%252e%252e/admin", false},
		{"encoded slash", "https://example.com/v1", "https://example.com/v1/..%2fadmin", false},
		{"encoded backslash", "https://example.com/v1", "https://example.com/v1/..%5cadmin", false},
		{"backslash", "https://example.com/v1", `https://example.com/v1/..\admin`, false},
		{"dots with a path parameter", "https://example.com/v1", "https://example.com/v1/..;/admin", false},
		{"dots with an encoded path parameter", "https://example.com/v1", "https://example.com/v1/..%3bx/admin", false},
		{"dots in a name are no dot segment", "https://example.com/v1", "https://example.com/v1/..a/b..", true},
		{"encoded letter is another path", "https://example.com/v1", "https://example.com/%76%31", false},

		{"query", "https://example.com/v1", "https://example.com/v1?admin=1", false},
		{"empty query", "https://example.com/v1", "https://example.com/v1?", false},
		{"fragment", "https://example.com/v1", "https://example.com/v1#x", false},
		{"empty fragment", "https://example.com/v1", "https://example.com/v1#", false},
		{"broken escape", "https://example.com/v1", "https://example.com/v1/%zz", false},
		{"control character", "https://example.com/v1", "https://example.com/v1/\x00", false},

		{"no URL, equal", "my-api", "my-api", true},
		{"no URL, below", "my-api", "my-api/v1", false},
		{"no URL, other", "my-api", "My-api", false},
		{"urn", "urn:example:api", "urn:example:api:sub", false},
		{"relative", "/v1", "/v1/users", false},
		{"empty", "", "", false},
		{"empty allowed", "", "https://example.com", false},
		{"asterisk is text", "*", "https://example.com", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := AllowsAudience([]string{test.allowed}, []string{test.wanted}); got != test.want {
				t.Errorf("AllowsAudience([%q], [%q]) = %t, want %t", test.allowed, test.wanted, got, test.want)
			}
		})
	}
}

// All of the wanted ones, each by any of the allowed ones.
func TestAllowsAudienceOfLists(t *testing.T) {
	t.Parallel()
	allowed := []string{"https://a.example", "https://b.example/v1", "plain"}
	for _, test := range []struct {
		wanted []string
		want   bool
	}{
		{nil, true},
		{[]string{"https://b.example/v1/x", "plain", "https://a.example/"}, true},
		{[]string{"https://a.example", "https://c.example"}, false},
		{[]string{"https://a.example", ""}, false},
	} {
		if got := AllowsAudience(allowed, test.wanted); got != test.want {
			t.Errorf("AllowsAudience(%q) = %t, want %t", test.wanted, got, test.want)
		}
	}
	if AllowsAudience(nil, []string{"plain"}) {
		t.Error("a client without audiences was allowed one")
	}
}

func FuzzFields(f *testing.F) {
	for _, s := range []string{"", " ", "openid", " openid  offline ", "a\tb", "\xff \x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Fields(s)
		for _, v := range got {
			if v == "" || strings.Contains(v, " ") {
				t.Errorf("Fields(%q) holds %q", s, v)
			}
		}
		joined := strings.Join(got, " ")
		if diff := cmp.Diff(got, Fields(joined)); diff != "" {
			t.Errorf("Fields of its own spelling differ:\n%s", diff)
		}
		if strings.ReplaceAll(joined, " ", "") != strings.ReplaceAll(s, " ", "") {
			t.Errorf("Fields(%q) lost or made bytes: %q", s, joined)
		}
	})
}

// Whatever the pattern, a scope is covered only if the parts before the first
// asterisk part are its own, and a stricter strategy allows no more.
func FuzzScopeStrategies(f *testing.F) {
	for _, s := range [][2]string{{"foo.*", "foo.bar"}, {"*", ""}, {"foo.*.bar", "foo..bar"}, {"foo*", "foobar"}, {".", ".."}, {"*.*", "a."}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, scope string) {
		allowed := []string{pattern}
		exact, wild, below := ExactScope(allowed, scope), WildcardScope(allowed, scope), HierarchicScope(allowed, scope)
		if scope == "" && (exact || wild || below) {
			t.Errorf("pattern %q covers the empty scope", pattern)
		}
		if exact && !below {
			t.Errorf("%q: exact allows %q, hierarchic does not", pattern, scope)
		}
		if below && !strings.HasPrefix(scope, pattern) {
			t.Errorf("hierarchic: %q covers %q", pattern, scope)
		}
		if wild {
			literal := pattern
			if i := strings.Index("."+pattern+".", ".*."); i >= 0 {
				literal = pattern[:i]
			} else if pattern != scope {
				t.Errorf("wildcard: %q without an asterisk part covers %q", pattern, scope)
			}
			if !strings.HasPrefix(scope, literal) {
				t.Errorf("wildcard: %q covers %q", pattern, scope)
			}
		}
	})
}

// An audience is covered only by text that it begins with, and whoever covers
// it covers it with a further audience before it as well.
func FuzzAllowsAudience(f *testing.F) {
	for _, s := range [][2]string{
		{"https://example.com/v1", "https://example.com/v1/../x"},
		{"https://example.com", "https://example.com@evil.org"},
		{"https://example.com/", "https://example.com"},
		{"https://[::1]:80/a", "https://[::1]:80/a/b;c"},
		{"plain", "plain"},
		{"//a", "//a/b"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, allowed, wanted string) {
		if !AllowsAudience([]string{allowed}, []string{wanted}) {
			return
		}
		if allowed == wanted {
			return
		}
		// Percent-encoding apart, what was allowed stands at its beginning.
		stem, _, _ := strings.Cut(allowed, "?")
		i := strings.Index(stem, "//") + 2
		if j := strings.IndexByte(stem[i:], '/'); j >= 0 {
			stem = stem[:i+j]
		}
		rest, ok := strings.CutPrefix(wanted, stem)
		if !ok || (rest != "" && rest[0] != '/' && rest[0] != '?') {
			t.Errorf("%q covers %q: not the same scheme and host", allowed, wanted)
		}
		for _, bad := range []string{"#", "/../", "%2e%2e/", `\`} {
			if strings.Contains(strings.ToLower(wanted), bad) && !strings.Contains(allowed, "?") {
				t.Errorf("%q covers %q, which holds %q", allowed, wanted, bad)
			}
		}
	})
}
