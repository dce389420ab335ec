package show

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// step is one step of a path into a JSON value.
type step struct {
	name  string // a member, or an element if it is a number
	all   bool   // every member or element
	deep  bool   // the name at any depth
	exact bool   // a JSON Pointer, where -1 is no element
}

const maxPath = 1024 // characters

// parsePath reads the part of JSONPath (RFC 9535) that names places: $.a.b,
// $['a'], $.list[0], $.list[-1], $.list[*].a and $..a. The $ may be left out,
// as well as the braces that kubectl wants.
func parsePath(text string) ([]step, error) {
	rest, ok := strings.CutPrefix(text, "{")
	if ok {
		if rest, ok = strings.CutSuffix(rest, "}"); !ok {
			return nil, fmt.Errorf("jsonpath %q: the closing brace is missing", text)
		}
	}
	if len(text) > maxPath {
		return nil, errors.New("the jsonpath is too long")
	}
	rooted := strings.HasPrefix(rest, "$")
	rest = strings.TrimPrefix(rest, "$")
	if !rooted && rest != "" && rest[0] != '.' && rest[0] != '[' {
		rest = "." + rest
	}
	if rest == "." {
		rest = "" // kubectl's name for everything
	}
	var out []step
	for rest != "" {
		var s step
		var err error
		if s, rest, err = nextStep(rest); err != nil {
			return nil, fmt.Errorf("jsonpath %q: %w", text, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func nextStep(text string) (s step, rest string, err error) {
	if inside, ok := strings.CutPrefix(text, "["); ok {
		return bracket(inside)
	}
	if rest, s.deep = strings.CutPrefix(text, ".."); !s.deep {
		var ok bool
		if rest, ok = strings.CutPrefix(text, "."); !ok {
			return s, "", fmt.Errorf("%q does not begin with a dot or a bracket", text)
		}
	}
	end := strings.IndexAny(rest, ".[")
	if end < 0 {
		end = len(rest)
	}
	s.name, rest = rest[:end], rest[end:]
	switch s.name {
	case "":
		return s, "", errors.New("a name is missing")
	case "*":
		s.all, s.name = true, ""
	}
	return s, rest, nil
}

// bracket reads what stands behind an opening bracket.
func bracket(text string) (s step, rest string, err error) {
	if text != "" && (text[0] == '\'' || text[0] == '"') {
		name, rest, ok := strings.Cut(text[1:], text[:1]+"]")
		if !ok {
			return s, "", errors.New("the closing quote and bracket are missing")
		}
		return step{name: name}, rest, nil
	}
	inside, rest, ok := strings.Cut(text, "]")
	if !ok {
		return s, "", errors.New("the closing bracket is missing")
	}
	if inside == "*" {
		return step{all: true}, rest, nil
	}
	if _, err := strconv.Atoi(inside); err != nil {
		return s, "", fmt.Errorf("in brackets stands a number, a quoted name or *, not %q", inside)
	}
	return step{name: inside}, rest, nil
}

// parsePointer reads a JSON Pointer (RFC 6901). The slash in front may be
// left out.
func parsePointer(text string) ([]step, error) {
	if len(text) > maxPath {
		return nil, errors.New("the jsonpointer is too long")
	}
	if text == "" {
		return nil, nil
	}
	var out []step
	for part := range strings.SplitSeq(strings.TrimPrefix(text, "/"), "/") {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(part), "~") {
			return nil, fmt.Errorf("jsonpointer %q: ~ is written ~0 and / is written ~1", text)
		}
		out = append(out, step{name: strings.NewReplacer("~1", "/", "~0", "~").Replace(part), exact: true})
	}
	return out, nil
}

// walk follows the path from each of the values.
func walk(from []any, path []step) []any {
	for _, s := range path {
		var next []any
		for _, v := range from {
			next = s.take(next, v)
		}
		from = next
	}
	return from
}

// take adds what the step finds in the value.
func (s step) take(to []any, v any) []any {
	switch v := v.(type) {
	case map[string]any:
		if found, ok := v[s.name]; ok && !s.all {
			to = append(to, found)
		}
		if s.all || s.deep {
			for _, name := range slices.Sorted(maps.Keys(v)) {
				to = s.below(to, v[name])
			}
		}
	case []any:
		i, err := strconv.Atoi(s.name)
		if i < 0 && !s.exact {
			i += len(v)
		}
		if err == nil && !s.all && 0 <= i && i < len(v) && (!s.exact || strconv.Itoa(i) == s.name) {
			to = append(to, v[i])
		}
		if s.all || s.deep {
			for _, one := range v {
				to = s.below(to, one)
			}
		}
	}
	return to
}

// below goes on with a child of the value.
func (s step) below(to []any, child any) []any {
	if s.all {
		to = append(to, child)
	}
	if s.deep {
		to = s.take(to, child)
	}
	return to
}
