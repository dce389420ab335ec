package oauth

import (
	"net/url"
	"slices"
	"strings"
)

// Fields splits a space-separated list as RFC 6749 §3.3 writes it. Only the
// space separates; an empty list gives nil.
func Fields(s string) []string {
	n := 0
	for f := range strings.SplitSeq(s, " ") {
		if f != "" {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	out := make([]string, 0, n)
	for f := range strings.SplitSeq(s, " ") {
		if f != "" {
			out = append(out, f)
		}
	}
	return out
}

// Unique drops what was in the list before and keeps the order.
func Unique(list []string) []string {
	seen := make(map[string]bool, len(list))
	var out []string
	for _, v := range list {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// IsScopeToken reports whether s is one scope-token in the grammar of RFC 6749
// §3.3: visible ASCII without quotation mark and backslash. A pattern of a
// client, such as foo.*, would let anything else through.
func IsScopeToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c < 0x21 || c > 0x7e || c == '"' || c == '\\'
	})
}

// ScopeStrategy decides whether a list of allowed patterns covers a scope.
type ScopeStrategy func(allowed []string, scope string) bool

// ScopeStrategyNamed returns the strategy that the configuration names:
// "wildcard", "exact", "hierarchic", or Hydra's name for the last.
func ScopeStrategyNamed(name string) (ScopeStrategy, bool) {
	switch name {
	case "", "wildcard":
		return WildcardScope, true
	case "exact":
		return ExactScope, true
	case "hierarchic", "DEPRECATED_HIERARCHICAL_SCOPE_STRATEGY":
		return HierarchicScope, true
	}
	return nil, false
}

// Covers reports whether each of the wanted scopes is allowed.
func (s ScopeStrategy) Covers(allowed, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool { return !s(allowed, w) })
}

// ExactScope allows a scope that is listed literally.
func ExactScope(allowed []string, scope string) bool {
	return scope != "" && slices.Contains(allowed, scope)
}

// HierarchicScope allows a scope that is listed or lies below a listed one:
// foo.bar covers foo.bar and foo.bar.baz.
func HierarchicScope(allowed []string, scope string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		return a != "" && (scope == a || strings.HasPrefix(scope, a+"."))
	})
}

// WildcardScope allows a scope that matches a listed pattern part by part,
// the parts being separated by dots. An asterisk in the middle stands for
// exactly one non-empty part; as the last part it stands for one or more, the
// first of which is not empty. An asterisk inside a part is literal.
func WildcardScope(allowed []string, scope string) bool {
	if scope == "" {
		return false
	}
	return slices.ContainsFunc(allowed, func(a string) bool { return wildcard(a, scope) })
}

func wildcard(pattern, scope string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == scope
	}
	p, s := strings.Split(pattern, "."), strings.Split(scope, ".")
	if len(p) > len(s) {
		return false
	}
	for i, part := range p {
		last := i == len(p)-1
		switch {
		case part == "*" && s[i] == "":
			return false
		case part == "*" && last:
			return true
		case part == "*":
		case part != s[i]:
			return false
		}
	}
	return len(p) == len(s)
}

// AllowsAudience reports whether every wanted audience is covered by the
// allowed ones: same scheme and host, and the same path or one below it at a
// segment boundary. A value that is no URL is compared as it stands.
func AllowsAudience(allowed, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool {
		return !slices.ContainsFunc(allowed, func(a string) bool { return coversAudience(a, w) })
	})
}

func coversAudience(allowed, wanted string) bool {
	if allowed == wanted {
		return wanted != ""
	}
	a, errA := url.Parse(allowed)
	w, errW := url.Parse(wanted)
	if errA != nil || errW != nil || a.Host == "" || w.Host == "" || a.User != nil || w.User != nil {
		return false
	}
	// What net/url makes equal (HTTPS://, an empty query, an empty fragment)
	// a resource server may not: apart from the path, spelling counts.
	origin := a.Scheme + "://" + a.Host
	if !strings.HasPrefix(allowed, origin) || !strings.HasPrefix(wanted, origin) || w.Host != a.Host {
		return false
	}
	if strings.Contains(wanted, "#") || a.RawQuery != w.RawQuery || a.ForceQuery != w.ForceQuery || leadsElsewhere(w.EscapedPath()) {
		return false
	}
	ap, wp := strings.TrimSuffix(a.EscapedPath(), "/"), strings.TrimSuffix(w.EscapedPath(), "/")
	return ap == wp || strings.HasPrefix(wp, ap+"/")
}

// leadsElsewhere finds what could lead out of the path that a prefix seems to
// promise, at a resource server that decodes once more than it should: "." and
// ".." segments, also with path parameters or percent-encoded, and encoded
// slashes, backslashes and percent signs.
func leadsElsewhere(path string) bool {
	path = strings.ToLower(path)
	for _, hidden := range []string{"%2f", "%5c", "%25"} {
		if strings.Contains(path, hidden) {
			return true
		}
	}
	for seg := range strings.SplitSeq(strings.ReplaceAll(path, "%3b", ";"), "/") {
		name, _, _ := strings.Cut(strings.ReplaceAll(seg, "%2e", "."), ";")
		if name == "." || name == ".." {
			return true
		}
	}
	return false
}
