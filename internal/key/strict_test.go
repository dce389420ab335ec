package key

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestStrictObject(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return `{"a":` + strings.Repeat(`[`, n) + strings.Repeat(`]`, n) + `}` }
	for _, test := range []struct {
		name, text string
		ok         bool
	}{
		{"empty object", `{}`, true},
		{"white space", " \n{ \"a\" : 1 }\t", true},
		{"nested", `{"a":{"b":[1,{"c":null}]},"b":true}`, true},
		{"the same name in two objects", `{"a":{"x":1},"b":{"x":2},"x":[{"x":1},{"x":2}]}`, true},
		{"names that differ in case", `{"exp":1,"Exp":2}`, true},
		{"a member with the text of a name", `{"a":"b","b":"a"}`, true},
		{"huge number", `{"exp":1e400}`, true}, // the reader of the member judges
		{"a surrogate pair", `{"a":"\ud83d\ude00"}`, true},
		{"an escaped backslash before u", `{"a":"\\ud800"}`, true},
		{"as deep as allowed", deep(maxDepth - 1), true},

		{"nothing", ``, false},
		{"null", `null`, false},
		{"array", `[]`, false},
		{"string", `"{}"`, false},
		{"two objects", `{}{}`, false},
		{"text behind", `{} x`, false},
		{"not closed", `{"a":1`, false},
		{"closed twice", `{}}`, false},
		{"trailing comma", `{"a":1,}`, false},
		{"no quotes", `{a:1}`, false},
		{"NaN", `{"exp":NaN}`, false},
		{"comment", `{/**/}`, false},
		{"a member twice", `{"sub":"a","sub":"b"}`, false},
		{"a member twice, escaped", `{"sub":"a","\u0073ub":"b"}`, false},
		{"a member twice, inside", `{"a":[{"b":{"c":1,"d":2,"c":3}}]}`, false},
		{"a member twice, after an object", `{"a":{},"a":1}`, false},
		{"a member twice, after an array", `{"a":[1],"b":0,"a":1}`, false},
		{"too deep", deep(maxDepth), false},
		{"100k deep", deep(100_000), false},
		{"bad UTF-8", "{\"a\":\"\xff\"}", false},
		{"overlong", "{\"a\":\"\xc0\x80\"}", false},
		{"half a pair", `{"a":"\ud800"}`, false},
		{"half a pair, then text", `{"a":"\ud800x"}`, false},
		{"half a pair, then an escape", `{"a":"\ud800\n"}`, false},
		{"two first halves", `{"a":"\ud800\ud800"}`, false},
		{"second half alone", `{"a":"\udc00"}`, false},
		{"half a pair in a name", `{"\uD800":1}`, false},
		{"control character", "{\"a\":\"\n\"}", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := StrictObject([]byte(test.text))
			if test.ok && err != nil || !test.ok && !errors.Is(err, ErrJSON) {
				t.Errorf("StrictObject(%.60q) = %v, want it good: %v", test.text, err, test.ok)
			}
		})
	}
}

func TestStrictObjectReturnsTheMembers(t *testing.T) {
	t.Parallel()
	members, err := StrictObject([]byte(`{"exp": 1 ,"Exp":"2","a":{"b":[]}}`))
	if err != nil || len(members) != 3 || string(members["exp"]) != "1" || string(members["Exp"]) != `"2"` || string(members["a"]) != `{"b":[]}` {
		t.Errorf("StrictObject() = %q, %v", members, err)
	}
}

// Numbers like 1e400, NaN, negative, strings for exp → refuse.
func TestNumericDate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"0":             time.Unix(0, 0),
		"1795435200":    time.Unix(1795435200, 0),
		"1795435200.5":  time.Unix(1795435200, 5e8),
		"1.7954352e9":   time.Unix(1795435200, 0),
		"253402300799":  time.Unix(253402300799, 0),
		"1e400":         {},
		"1e30":          {},
		"253402300800":  {},
		"-1":            {},
		"-0.5":          {},
		"-9e99":         {},
		`"1795435200"`:  {},
		"null":          {},
		"true":          {},
		"[1]":           {},
		"{}":            {},
		"":              {},
		"NaN":           {},
		"99999999999e9": {},
	} {
		got, err := NumericDate(json.RawMessage(text))
		if want.IsZero() != errors.Is(err, ErrJSON) || want.IsZero() != (err != nil) || !got.Equal(want) {
			t.Errorf("NumericDate(%s) = %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestString(t *testing.T) {
	t.Parallel()
	if s, err := String(json.RawMessage(`"a\u0062"`)); err != nil || s != "ab" {
		t.Errorf("String() = %q, %v", s, err)
	}
	for _, text := range []string{"", "null", "1", "[]", "{}", "true", `"`} {
		if _, err := String(json.RawMessage(text)); !errors.Is(err, ErrJSON) {
			t.Errorf("String(%s) = %v, want ErrJSON", text, err)
		}
	}
}

func FuzzStrictObject(f *testing.F) {
	for _, s := range []string{`{"a":{"b":[1,{"c":null}]}}`, `{"a":1,"a":2}`, `{"a":"\ud83d\ude00\ud800"}`, `[{}]`, `{"exp":1e400,"x":-0.0}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		members, err := StrictObject(text)
		if err != nil {
			return
		}
		// What is accepted has one meaning: written again and read again it is
		// the same, for the standard reader too.
		again, err := json.Marshal(members)
		if err != nil {
			t.Fatalf("%q is accepted but cannot be written: %v", text, err)
		}
		back, err := StrictObject(again)
		if err != nil || len(back) != len(members) {
			t.Errorf("%q is read back as %q: %v", text, again, err)
		}
		for _, raw := range members {
			if d, err := NumericDate(raw); err == nil && (d.Before(time.Unix(0, 0)) || d.Year() > 9999) {
				t.Errorf("NumericDate(%s) = %v", raw, d)
			}
		}
	})
}
