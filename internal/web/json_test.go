package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
)

type session struct {
	IDToken     map[string]any `json:"id_token"`
	AccessToken map[string]any `json:"access_token"`
}

type accept struct {
	Subject  string          `json:"subject"`
	Remember bool            `json:"remember"`
	For      int             `json:"remember_for"`
	Session  session         `json:"session"`
	Raw      json.RawMessage `json:"raw"`
}

func TestDecodeJSON(t *testing.T) {
	t.Parallel()
	strict := JSONOptions{RefuseUnknown: true, Known: []string{"acr", "identity_provider_session_id"}}
	for _, test := range []struct {
		name    string
		body    string
		options JSONOptions
		want    accept
		kind    oauth.Kind
	}{
		{"plain", `{"subject":"a","remember":true,"remember_for":3600}`, strict, accept{Subject: "a", Remember: true, For: 3600}, ""},
		{"white space around", " \r\n{}\t\n", strict, accept{}, ""},
		{"names match in any case", `{"Subject":"a"}`, strict, accept{Subject: "a"}, ""},
		{"surrogate pair", `{"subject":"\ud83d\ude00"}`, strict, accept{Subject: "😀"}, ""},
		{"null member", `{"subject":null}`, strict, accept{}, ""},
		{"free-form members are kept", `{"raw":{"a":[1,{"b":"<"}],"A":1}}`, strict, accept{Raw: json.RawMessage(`{"a":[1,{"b":"<"}],"A":1}`)}, ""},
		{"unknown, ignored", `{"subject":"a","new":{"x":1}}`, JSONOptions{}, accept{Subject: "a"}, ""},
		{"unknown, refused", `{"subject":"a","new":1}`, strict, accept{}, oauth.InvalidRequest},
		{"unknown below, refused", `{"session":{"new":1}}`, strict, accept{}, oauth.InvalidRequest},
		{"known to other generations", `{"acr":{"x":[1]}, "raw" : {"a": "<&>"}, "Identity_Provider_Session_ID":"y","subject":"a"}`, strict,
			accept{Subject: "a", Raw: json.RawMessage(`{"a": "<&>"}`)}, ""},
		{"nothing but known", `{"acr":1}`, strict, accept{}, ""},
		{"empty body", ``, strict, accept{}, oauth.InvalidRequest},
		{"empty body where it may be", ``, JSONOptions{Optional: true}, accept{}, ""},
		{"white space only", " \n", strict, accept{}, oauth.InvalidRequest},
		{"no JSON", `subject=a`, strict, accept{}, oauth.InvalidRequest},
		{"cut off", `{"subject":"a"`, strict, accept{}, oauth.InvalidRequest},
		{"something behind", `{"subject":"a"}{}`, strict, accept{}, oauth.InvalidRequest},
		{"array", `[{"subject":"a"}]`, strict, accept{}, oauth.InvalidRequest},
		{"null", `null`, strict, accept{}, oauth.InvalidRequest},
		{"wrong type", `{"subject":1}`, strict, accept{}, oauth.InvalidRequest},
		{"fraction for an integer", `{"remember_for":1.5}`, strict, accept{}, oauth.InvalidRequest},
		{"integer out of range", `{"remember_for":99999999999999999999}`, strict, accept{}, oauth.InvalidRequest},
		{"member twice", `{"subject":"a","subject":"b"}`, strict, accept{}, oauth.InvalidRequest},
		{"member twice in other letters", `{"subject":"a","SUBJECT":"b"}`, strict, accept{}, oauth.InvalidRequest},
		{"member twice by the Kelvin sign and its like", `{"session":{},"ſession":{}}`, strict, accept{}, oauth.InvalidRequest},
		{"member twice, escaped", `{"subject":"a","subj\u0065ct":"b"}`, strict, accept{}, oauth.InvalidRequest},
		{"member twice, deep inside", `{"raw":[{"a":{"b":1,"b":2}}]}`, strict, accept{}, oauth.InvalidRequest},
		{"NUL", `{"subject":"a\u0000b"}`, strict, accept{}, oauth.InvalidRequest},
		{"NUL in a free-form name", `{"raw":{"\u0000":1}}`, strict, accept{}, oauth.InvalidRequest},
		{"lone high surrogate", `{"subject":"\ud83d"}`, strict, accept{}, oauth.InvalidRequest},
		{"lone low surrogate", `{"subject":"\ude00x"}`, strict, accept{}, oauth.InvalidRequest},
		{"surrogates swapped", `{"subject":"\ude00\ud83d"}`, strict, accept{}, oauth.InvalidRequest},
		{"high surrogate and a letter", `{"subject":"\ud83d\u0041"}`, strict, accept{}, oauth.InvalidRequest},
		{"escaped backslash before u", `{"subject":"\\ud83d"}`, strict, accept{Subject: `\ud83d`}, ""},
		{"not UTF-8", "{\"subject\":\"\xff\"}", strict, accept{}, oauth.InvalidRequest},
		{"byte order mark", "\ufeff{}", strict, accept{}, oauth.InvalidRequest},
		{"huge number", `{"raw":1e400}`, strict, accept{}, oauth.InvalidRequest},
		{"long number", `{"raw":` + strings.Repeat("1", 65) + `}`, strict, accept{}, oauth.InvalidRequest},
		{"deep", `{"raw":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, strict,
			accept{Raw: json.RawMessage(strings.Repeat("[", 63) + strings.Repeat("]", 63))}, ""},
		{"too deep", `{"raw":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`, strict, accept{}, oauth.InvalidRequest},
		{"100,000 levels", strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), strict, accept{}, oauth.InvalidRequest},
		{"too large", `{"subject":"` + strings.Repeat("a", 1<<20) + `"}`, strict, accept{}, oauth.TooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got accept
			r := httptest.NewRequest(http.MethodPut, "/", strings.NewReader(test.body))
			r.Header.Set("Content-Type", urlencoded) // as curl -d sends it
			err := DecodeJSON(httptest.NewRecorder(), r, &got, test.options)
			checkKind(t, err, test.kind)
			if diff := cmp.Diff(test.want, got); test.kind == "" && diff != "" {
				t.Errorf("DecodeJSON() (-want +got):\n%s", diff)
			}
		})
	}
}

// A million members are refused before anybody builds a map of them all.
func TestDecodeJSONBoundsMembers(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteByte('[')
	for range 40_000 {
		b.WriteString(`{"a":1},`)
	}
	b.WriteString(`0]`)
	var dst any
	checkKind(t, decodeJSON([]byte(b.String()), &dst, JSONOptions{}), oauth.InvalidRequest)
}

// The hint names the member and its JSON type, and never the value.
func TestDecodeJSONHints(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ body, want string }{
		{`{"remember_for":"s3cret"}`, "The member remember_for must not be of JSON type string."},
		{`{"remember_for":-1234567.5}`, "The member remember_for must not be of JSON type number."},
		{`{"session":{"id_token":7}}`, "The member session.id_token must not be of JSON type number."},
		{`{"surprise":1}`, "The member surprise is unknown."},
		{`{"<script>":1}`, "The member (another name) is unknown."},
		{`{"subject":"a","subject":"b"}`, "The member subject stands twice in one JSON object."},
	} {
		var dst accept
		_, _, hint, _ := Describe(decodeJSON([]byte(test.body), &dst, JSONOptions{RefuseUnknown: true}))
		if hint != test.want {
			t.Errorf("%s: hint %q, want %q", test.body, hint, test.want)
		}
	}
}

type picky struct{}

func (*picky) UnmarshalJSON([]byte) error { return oauth.InvalidClientMetadata.Hint("No.") }

func TestDecodeJSONKeepsTheDestinationsError(t *testing.T) {
	t.Parallel()
	var dst struct{ P picky }
	checkKind(t, decodeJSON([]byte(`{"p":1}`), &dst, JSONOptions{}), oauth.InvalidClientMetadata)
	var at struct{ T time.Time }
	checkKind(t, decodeJSON([]byte(`{"t":"yesterday"}`), &at, JSONOptions{}), oauth.InvalidRequest)
}

func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{``, `{}`, `{"subject":"a"}`, `{"subject":"\u0000"}`, `{"a":1,"A":2}`, `[1,2]`, `"\ud800"`, `1e999`,
		`{"raw":{"x":[{}]}}`, `{"raw" : true , "acr":null}`, `nul`, "\xff", `{"":"","":""}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, o := range []JSONOptions{{}, {RefuseUnknown: true, Known: []string{"acr"}}} {
			var dst accept
			err := decodeJSON(body, &dst, o)
			if err != nil && oauth.KindOf(err) != oauth.InvalidRequest {
				t.Fatalf("decodeJSON() failed with %s", oauth.KindOf(err))
			}
		}
		var free any
		if err := decodeJSON(body, &free, JSONOptions{}); err != nil {
			return
		}
		// Accepted: no information may have been lost on the way.
		out, err := encodeJSON(free)
		if err != nil {
			t.Fatal(err)
		}
		var again any
		if err := decodeJSON(out, &again, JSONOptions{}); err != nil || !reflect.DeepEqual(free, again) {
			t.Fatalf("second reading of %q: %v", out, err)
		}
	})
}

func TestWriteJSON(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	if err := WriteJSON(w, http.StatusCreated, map[string]string{"a": "<&>"}); err != nil {
		t.Fatal(err)
	}
	if w.Code != 201 || w.Body.String() != `{"a":"<&>"}` || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("answer %d %q %q", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	w = httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	if err := WriteJSON(w, http.StatusOK, 1); err != nil || w.Header().Get("Content-Type") != "application/json;charset=UTF-8" {
		t.Errorf("the caller's content type was lost: %q, %v", w.Header().Get("Content-Type"), err)
	}
	w = httptest.NewRecorder()
	if err := WriteJSON(w, http.StatusOK, make(chan int)); err == nil || w.Body.Len() > 0 {
		t.Errorf("WriteJSON(chan) = %v and wrote %q", err, w.Body)
	}
	if errors.Is(WriteJSON(w, 200, make(chan int)), oauth.InvalidRequest) {
		t.Error("what we cannot encode is not the client's fault")
	}
}
