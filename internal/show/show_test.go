package show

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var two = Answer{
	IDs:     []string{"a", "b"},
	Columns: []string{"CLIENT ID", "SCOPE"},
	Rows:    [][]string{{"a", "openid"}, {"b", ""}},
	Notes:   [][2]string{{"IS LAST PAGE", "true"}},
	Value:   json.RawMessage(`{"items":[{"client_id":"a","n":12345678901234567890,"scope":"<x>"},{"client_id":"b","a/b":{"~":[1,2]}}]}`),
}

func TestFormats(t *testing.T) {
	t.Parallel()
	one := two
	one.Rows, one.One, one.Notes = two.Rows[:1], true, nil
	for _, test := range []struct {
		name, format string
		quiet        bool
		answer       Answer
		want         string
	}{
		{"many rows", "table", false, two, "CLIENT ID  SCOPE\na          openid\nb          -\n\nIS LAST PAGE  true\n"},
		{"one row", "", false, one, "CLIENT ID  a\nSCOPE      openid\n"},
		{"quiet", "", true, two, "a\nb\n"},
		{"quiet counts more than a format", "json", true, two, "a\nb\n"},
		{"json", "json", false, two, `{"items":[{"client_id":"a","n":12345678901234567890,"scope":"<x>"},{"client_id":"b","a/b":{"~":[1,2]}}]}` + "\n"},
		{"json-pretty", "json-pretty", false, Answer{Value: json.RawMessage(`{"b":1,"a":[]}`)}, "{\n  \"b\": 1,\n  \"a\": []\n}\n"},
		{"yaml keeps the order", "yaml", false, Answer{Value: json.RawMessage(`{"b":"true","a":[1,2]}`)}, "b: \"true\"\na:\n- 1\n- 2\n"},
		{"a text is bare", "jsonpath={.items[0].client_id}", false, two, "a\n"},
		{"several values", "jsonpath=$.items[*].client_id", false, two, "a\nb\n"},
		{"without the root", "jsonpath=items.1.client_id", false, two, "b\n"},
		{"from the end", "jsonpath=$.items[-1]['a/b']", false, two, `{"~":[1,2]}` + "\n"},
		{"at any depth", "jsonpath=$..client_id", false, two, "a\nb\n"},
		{"every member at any depth", "jsonpath=$.items[1]..*", false, two, `{"~":[1,2]}` + "\n[1,2]\n1\n2\nb\n"},
		{"large numbers", "jsonpath=items[0].n", false, two, "12345678901234567890\n"},
		{"pointer", "jsonpointer=/items/0/scope", false, two, "<x>\n"},
		{"pointer with escapes", "jsonpointer=/items/1/a~1b/~0/1", false, two, "2\n"},
		{"pointer to everything", "jsonpointer=", false, Answer{Value: 1}, "1\n"},
		{"attack: names with escape codes for the terminal", "table", false,
			Answer{Columns: []string{"NAME"}, Rows: [][]string{{"x\x1b[2J\u202ey\nz"}}, One: true}, "NAME  x\ufffd[2J\ufffdy\ufffdz\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, err := Parse(test.format, test.quiet)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if err := p.Print(&b, test.answer); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMistakesInFormats(t *testing.T) {
	t.Parallel()
	for format, says := range map[string]string{
		"xml":                   "the format \"xml\" is unknown",
		"jsonpath":              "unknown",
		"jsonpath={.a":          "closing brace",
		"jsonpath=$a":           "does not begin",
		"jsonpath=$.a.":         "name is missing",
		"jsonpath=$[a]":         "in brackets",
		"jsonpath=$[0":          "closing bracket",
		"jsonpath=$['a]":        "closing quote",
		"jsonpath=$.nothing":    "nothing at jsonpath",
		"jsonpath=$.items[2]":   "nothing at",
		"jsonpointer=/items/-1": "nothing at jsonpointer",
		"jsonpointer=/items/00": "nothing at",
		"jsonpointer=/a~2":      "~0",
		"jsonpointer=" + string(make([]byte, maxPath+1)): "too long",
		"jsonpath=" + string(make([]byte, maxPath+1)):    "too long",
	} {
		p, err := Parse(format, false)
		if err == nil {
			err = p.Print(&strings.Builder{}, two)
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40q: %v, want %q in it", format, err, says)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"$.a.b", "{.items[*].x}", "$..a", "['a'][0]", "a.0", "/a/b~1c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range []string{"jsonpath=", "jsonpointer="} {
			p, err := Parse(kind+text, false)
			if err != nil {
				continue
			}
			// What is found is JSON or text; whatever the path, nothing panics.
			_, _ = p.part([]byte(`{"a":[{"b":1},{"a":[[2]]}],"":{"0":"x"}}`))
		}
	})
}
