package admin

import (
	"slices"
	"strings"
	"testing"

	"hydra/internal/web"
)

// patterns are the routes of the API, without the prefix of v2.
func patterns() []string {
	mux := new(web.Mux)
	(&Handler{Errors: new(web.Errors)}).Routes(mux)
	var out []string
	for _, p := range mux.Patterns() {
		method, path, _ := strings.Cut(p, " ")
		out = append(out, method+" "+strings.TrimPrefix(path, "/admin"))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Each route needs a scope and, if it changes something, has the name of its
// audit event; nothing stands in the tables that is no route.
func TestOperations(t *testing.T) {
	t.Parallel()
	routes := patterns()
	for _, pattern := range routes {
		d := deedOf(pattern)
		if d.scope == "" {
			t.Errorf("%s has no scope: add its path to resources in operations.go", pattern)
		}
		if changes := !strings.HasPrefix(pattern, "GET ") && !reads[pattern]; changes != (d.event != "") {
			t.Errorf("%s: event %q: add it to events (or reads) in operations.go", pattern, d.event)
		}
	}
	for pattern := range events {
		if !slices.Contains(routes, pattern) {
			t.Errorf("%s is no route any more: take it out of events in operations.go", pattern)
		}
	}
}

// A scope allows its own half of its own resource and no more.
func TestScopes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		has, needs string
		want       bool
	}{
		{"*", "clients:read", true},
		{"*", "", true},
		{"*:read", "clients:read", true},
		{"*:read", "clients:write", false},
		{"*:read", "", false},
		{"*:write", "keys:write", true},
		{"clients", "clients:read", true},
		{"clients", "clients:write", true},
		{"clients", "keys:read", false},
		{"clients", "", false},
		{"clients:write", "clients:write", true},
		{"clients:write", "clients:read", false},
		{"client", "clients:read", false},
		{"", "", false},
	} {
		if got := (&caller{scopes: []string{test.has}}).may(test.needs); got != test.want {
			t.Errorf("%q may %q: %v, want %v", test.has, test.needs, got, test.want)
		}
	}
}
