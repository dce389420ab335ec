package admin

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// applied applies a patch to a document, both as JSON.
func applied(t testing.TB, document, patch string) (string, error) {
	t.Helper()
	d, err := decodeAny([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	var ops []patchOperation
	if err := json.Unmarshal([]byte(patch), &ops); err != nil {
		t.Fatal(err)
	}
	p := &patcher{document: d}
	if err := p.apply(ops); err != nil {
		return "", err
	}
	out, err := json.Marshal(p.document)
	return string(out), err
}

// The examples of RFC 6902 Appendix A, by their numbers, and what the text of
// the standard says beside them. An empty want is a failure.
func TestPatchExamples(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, document, patch, want string }{
		{"A.1 add an object member", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux"}]`, `{"baz":"qux","foo":"bar"}`},
		{"A.2 add an array element", `{"foo":["bar","baz"]}`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `{"foo":["bar","qux","baz"]}`},
		{"A.3 remove an object member", `{"baz":"qux","foo":"bar"}`, `[{"op":"remove","path":"/baz"}]`, `{"foo":"bar"}`},
		{"A.4 remove an array element", `{"foo":["bar","qux","baz"]}`, `[{"op":"remove","path":"/foo/1"}]`, `{"foo":["bar","baz"]}`},
		{"A.5 replace a value", `{"baz":"qux","foo":"bar"}`, `[{"op":"replace","path":"/baz","value":"boo"}]`, `{"baz":"boo","foo":"bar"}`},
		{"A.6 move a value", `{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}`, `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`, `{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}`},
		{"A.7 move an array element", `{"foo":["all","grass","cows","eat"]}`, `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, `{"foo":["all","cows","eat","grass"]}`},
		{"A.8 test, success", `{"baz":"qux","foo":["a",2,"c"]}`, `[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]`, `{"baz":"qux","foo":["a",2,"c"]}`},
		{"A.9 test, failure", `{"baz":"qux"}`, `[{"op":"test","path":"/baz","value":"bar"}]`, ``},
		{"A.10 add a nested object", `{"foo":"bar"}`, `[{"op":"add","path":"/child","value":{"grandchild":{}}}]`, `{"child":{"grandchild":{}},"foo":"bar"}`},
		{"A.11 ignore unknown elements", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux","xyz":123}]`, `{"baz":"qux","foo":"bar"}`},
		{"A.12 add to what does not exist", `{"foo":"bar"}`, `[{"op":"add","path":"/baz/bat","value":"qux"}]`, ``},
		{"A.14 escapes", `{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":10}]`, `{"/":9,"~1":10}`},
		{"A.15 a string is no number", `{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":"10"}]`, ``},
		{"A.16 add an array value", `{"foo":["bar"]}`, `[{"op":"add","path":"/foo/-","value":["abc","def"]}]`, `{"foo":["bar",["abc","def"]]}`},

		{"the whole document", `{"a":1}`, `[{"op":"test","path":"","value":{"a":1.0}},{"op":"replace","path":"","value":[1]},{"op":"add","path":"/-","value":2}]`, `[1,2]`},
		{"arrays in arrays", `{"a":[[1],[2]]}`, `[{"op":"add","path":"/a/1/0","value":0},{"op":"remove","path":"/a/0/0"},{"op":"replace","path":"/a/1/1","value":3}]`, `{"a":[[],[0,3]]}`},
		{"copy is a copy", `{"a":{"b":[1]}}`, `[{"op":"copy","from":"/a","path":"/c"},{"op":"add","path":"/c/b/-","value":2}]`, `{"a":{"b":[1]},"c":{"b":[1,2]}}`},
		{"move onto itself", `{"a":1}`, `[{"op":"move","from":"/a","path":"/a"}]`, `{"a":1}`},
		{"move into itself", `{"a":{}}`, `[{"op":"move","from":"/a","path":"/a/b"}]`, ``},
		{"null is a value", `{"a":1}`, `[{"op":"replace","path":"/a","value":null},{"op":"test","path":"/a","value":null}]`, `{"a":null}`},
		{"numbers by value", `{"a":10}`, `[{"op":"test","path":"/a","value":1e1}]`, `{"a":10}`},
		{"large numbers keep their digits", `{"a":12345678901234567890}`, `[{"op":"copy","from":"/a","path":"/b"}]`, `{"a":12345678901234567890,"b":12345678901234567890}`},
		{"objects without regard to order", `{"a":{"x":1,"y":[null]}}`, `[{"op":"test","path":"/a","value":{"y":[null],"x":1}}]`, `{"a":{"x":1,"y":[null]}}`},
		{"replace of nothing", `{}`, `[{"op":"replace","path":"/a","value":1}]`, ``},
		{"remove of nothing", `{}`, `[{"op":"remove","path":"/a"}]`, ``},
		{"copy of nothing", `{}`, `[{"op":"copy","from":"/a","path":"/b"}]`, ``},
		{"an index with a leading zero", `{"a":[1,2]}`, `[{"op":"remove","path":"/a/01"}]`, ``},
		{"an index with a sign", `{"a":[1,2]}`, `[{"op":"remove","path":"/a/+1"}]`, ``},
		{"an index behind the end", `{"a":[1]}`, `[{"op":"add","path":"/a/2","value":1}]`, ``},
		{"remove behind the end", `{"a":[1]}`, `[{"op":"remove","path":"/a/-"}]`, ``},
		{"inside of a text", `{"a":"b"}`, `[{"op":"add","path":"/a/b","value":1}]`, ``},
		{"no slash", `{"a":"b"}`, `[{"op":"remove","path":"a"}]`, ``},
		{"a bad escape", `{"~2":1}`, `[{"op":"remove","path":"/~2"}]`, ``},
		{"an escape cut off", `{"~":1}`, `[{"op":"remove","path":"/~"}]`, ``},
		{"no path", `{"a":1}`, `[{"op":"remove"}]`, ``},
		{"no from", `{"a":1}`, `[{"op":"copy","path":"/b"}]`, ``},
		{"no value", `{"a":1}`, `[{"op":"add","path":"/b"}]`, ``},
		{"no op", `{"a":1}`, `[{"path":"/b","value":1}]`, ``},
		{"an unknown op", `{"a":1}`, `[{"op":"merge","path":"/b","value":1}]`, ``},
		{"too deep", `{}`, `[{"op":"add","path":"` + strings.Repeat("/a", maxPatchDepth+1) + `","value":1}]`, ``},
	} {
		got, err := applied(t, test.document, test.patch)
		if (err != nil) != (test.want == "") || got != test.want {
			t.Errorf("%s: %s, %v, want %s", test.name, got, err, test.want)
		}
	}
}

// Copies that copy copies grow without end, unless there is a bound.
func TestPatchBombs(t *testing.T) {
	t.Parallel()
	bomb := `[{"op":"add","path":"/a","value":[1,2,3,4]}` + strings.Repeat(`,{"op":"copy","from":"","path":"/a/-"}`, 60) + `]`
	if _, err := applied(t, `{}`, bomb); err == nil || !strings.Contains(err.Error(), "copies") {
		t.Errorf("a patch that doubles the document 60 times: %v", err)
	}
	long := `[{"op":"add","path":"/a","value":"` + strings.Repeat("x", 1<<16) + `"}` + strings.Repeat(`,{"op":"copy","from":"/a","path":"/b"}`, 150) + `]`
	if _, err := applied(t, `{}`, long); err == nil {
		t.Error("a patch that copies 64 KiB 150 times passes")
	}
}

// Whatever a patch is, it ends, and what it tests afterwards holds.
func FuzzPatch(f *testing.F) {
	f.Add(`{"a":[1,{"b":"c"}]}`, `[{"op":"move","from":"/a/1/b","path":"/a/0"},{"op":"copy","from":"","path":"/x"}]`)
	f.Add(`[[],{}]`, `[{"op":"add","path":"/0/-","value":{}},{"op":"remove","path":"/1"},{"op":"test","path":"","value":[[{}]]}]`)
	f.Fuzz(func(t *testing.T, document, patch string) {
		var ops []patchOperation
		d, err := decodeAny([]byte(document))
		if err != nil || json.Unmarshal([]byte(patch), &ops) != nil || len(ops) > 50 {
			return
		}
		p := &patcher{document: d}
		if p.apply(ops) != nil {
			return
		}
		out, err := json.Marshal(p.document)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeAny(out)
		if err != nil || !equalJSON(p.document, again) {
			t.Errorf("what came out reads back as something else: %s", cmp.Diff(p.document, again))
		}
	})
}
