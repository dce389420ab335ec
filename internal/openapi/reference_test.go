package openapi

import (
	"os"
	"path"
	"strings"
	"testing"
)

// fact is a line of testdata/reference.txt.
type fact struct{ generation, operation, what, kind string }

func (f fact) String() string {
	return strings.TrimSpace(strings.Join([]string{f.generation, f.operation, f.what, f.kind}, " "))
}

func lines(t *testing.T, name string) (out []string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}

// What ORY's descriptions of three generations promise is in ours: paths,
// parameters, members, their types and successful statuses. What is not, is
// meant, and testdata/differences.txt says why.
func TestReference(t *testing.T) {
	t.Parallel()
	a, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	type difference struct {
		pattern, reason string
		used            bool
	}
	var meant []*difference
	for _, line := range lines(t, "testdata/differences.txt") {
		pattern, reason, ok := strings.Cut(line, "\t")
		if !ok || reason == "" {
			t.Fatalf("differences.txt: %q has no reason", line)
		}
		meant = append(meant, &difference{pattern: pattern, reason: reason})
	}
	facts := lines(t, "testdata/reference.txt")
	if len(facts) < 2000 {
		t.Fatalf("there are only %d facts", len(facts))
	}
	for _, line := range facts {
		columns := append(strings.Split(line, "\t"), "", "")
		f := fact{columns[0], columns[1], columns[2], columns[3]}
		problem := a.lacks(f)
		if problem == "" {
			continue
		}
		explained := false
		for _, d := range meant {
			// A slash is no border in these patterns.
			if ok, err := path.Match(strings.ReplaceAll(d.pattern, "/", "|"), strings.ReplaceAll(f.String(), "/", "|")); err == nil && ok {
				d.used, explained = true, true
			}
		}
		if !explained {
			t.Errorf("%s: %s (describe it, or add the line and a reason to testdata/differences.txt)", f, problem)
		}
	}
	for _, d := range meant {
		if !d.used {
			t.Errorf("differences.txt: %q is no difference any more", d.pattern)
		}
	}
}

// lacks says what of a fact our description does not have, "" if nothing.
func (a *API) lacks(f fact) string {
	method, address, _ := strings.Cut(f.operation, " ")
	op, route := a.alike(method, address)
	switch {
	case op == nil && f.what == "":
		return "there is no such operation"
	case op == nil:
		return "" // said once
	}
	place, name, _ := strings.Cut(f.what, " ")
	if member, ok := strings.CutPrefix(f.what, "body."); ok {
		place, name = "body", member
	}
	switch place {
	case "", "header", "cookie":
		return ""
	case "path":
		return "" // the path has it
	case "query":
		return lacksMember(op.ParametersOf(route), name, f.kind)
	case "form":
		return lacksMember(op.Form, name, f.kind)
	case "body":
		s := a.byName[strings.TrimSuffix(op.Body, "[]")]
		if s == nil {
			return "there is no body"
		}
		return lacksMember(s.Members, strings.TrimPrefix(name, "[]."), f.kind)
	}
	if place == "body[]" || strings.HasPrefix(f.what, "body[]") {
		return lacksMember(a.byName[strings.TrimSuffix(op.Body, "[]")].Members, strings.TrimPrefix(f.what, "body[]."), f.kind)
	}
	for _, r := range op.Responses {
		if r.Status != place && r.Status != "default" {
			continue
		}
		if name == "" {
			return ""
		}
		s := a.byName[strings.TrimSuffix(r.Type, "[]")]
		if s == nil {
			return "the answer has no members"
		}
		if strings.HasPrefix(name, "[]") != strings.HasSuffix(r.Type, "[]") {
			return "one is a list and the other is not"
		}
		return lacksMember(s.Members, strings.TrimPrefix(strings.TrimPrefix(name, "[]"), "."), f.kind)
	}
	return "there is no such status"
}

// alike finds an operation by a path whose parameters may have other names.
func (a *API) alike(method, address string) (*Operation, Route) {
	for _, op := range a.Operations {
		for _, r := range op.Routes {
			if r.Method == method && shape(r.Path) == shape(address) {
				return op, r
			}
		}
	}
	return nil, Route{}
}

func shape(address string) string {
	segments := strings.Split(address, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			segments[i] = "{}"
		}
	}
	return strings.Join(segments, "/")
}

func lacksMember(members []Member, name, kind string) string {
	for _, m := range members {
		if m.Name != name {
			continue
		}
		ours := map[string]string{"bool": "boolean", "int": "integer", "duration": "string"}[m.Type]
		switch {
		case strings.HasSuffix(m.Type, "[]"):
			ours = "array"
		case ours != "":
		case m.Type[0] >= 'A' && m.Type[0] <= 'Z':
			ours = "object"
		default:
			ours = m.Type
		}
		timeAsText := ours == "time" && kind == "string" || ours == "string" && kind == "time"
		if ours == kind || ours == "any" || kind == "any" || timeAsText {
			return ""
		}
		return "the type is " + ours
	}
	return "there is no such member"
}
