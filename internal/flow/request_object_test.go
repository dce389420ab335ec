package flow

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Members of a request object become the parameters that they stand for.
func TestReadObject(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, payload string
		want          url.Values // nil: refused
	}{
		{"strings stay", `{"scope":"openid a+b%20","state":"ü"}`, url.Values{"scope": {"openid a+b%20"}, "state": {"ü"}}},
		{"numbers have one spelling", `{"max_age":86400,"x":1e3}`, url.Values{"max_age": {"86400"}, "x": {"1000"}}},
		{"booleans", `{"x":true}`, url.Values{"x": {"true"}}},
		{"claims are JSON", `{"claims": {"userinfo": {"name": null}}}`, url.Values{"claims": {`{"userinfo":{"name":null}}`}}},
		{"audience repeats", `{"audience":["https://a","https://b"]}`, url.Values{"audience": {"https://a", "https://b"}}},
		{"claims of the JWT are no parameters", `{"iss":"a","aud":"b","exp":1,"nbf":1,"iat":1,"jti":"j","sub":"s"}`, url.Values{}},
		{"null is left out", `{"nonce":null}`, url.Values{}},
		{"scope as an array", `{"scope":["openid"]}`, nil},
		{"audience of numbers", `{"audience":[1]}`, nil},
		{"max_age with a fraction", `{"max_age":1.5}`, nil},
		{"max_age below zero", `{"max_age":-1}`, nil},
		{"max_age beyond all numbers", `{"max_age":1e400}`, nil},
		{"attack: a member twice", `{"scope":"a","scope":"b"}`, nil},
		{"attack: exp as a string", `{"exp":"4000000000"}`, nil},
		{"attack: NUL in a value", `{"state":"a\u0000b"}`, nil},
		{"attack: NUL in one of several values", `{"audience":["a","\u0000"]}`, nil},
		{"attack: NUL in a name", `{"x\u0000":"a"}`, nil},
		{"attack: NUL in the name of a null", `{"x\u0000":null}`, nil},
		{"attack: a login_verifier", `{"login_verifier":"x"}`, nil},
		{"attack: a consent_verifier", `{"consent_verifier":"x"}`, nil},
		{"attack: a device_verifier", `{"device_verifier":null}`, nil},
		{"no object", `[]`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, err := readObject([]byte(test.payload))
			if (err == nil) != (test.want != nil) {
				t.Fatalf("readObject() = %v, %v", o, err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(test.want, o.values); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Only in OpenID Connect do parameters outside complete those inside.
func TestJoinObject(t *testing.T) {
	t.Parallel()
	inside := url.Values{"scope": {"a"}, "client_id": {"app"}}
	outside := url.Values{"client_id": {"app"}, "scope": {"openid b"}, "prompt": {"none"}, "request": {"x"}, "request_uri": {"y"}}
	for _, test := range []struct {
		name, typ, scope string
		want             url.Values
	}{
		{"OpenID Connect", "", "openid b", url.Values{"client_id": {"app"}, "scope": {"openid a"}, "prompt": {"none"}}},
		{"RFC 9101 by its typ", typRequest, "openid b", url.Values{"client_id": {"app"}, "scope": {"a"}}},
		{"OAuth", "", "b", url.Values{"client_id": {"app"}, "scope": {"a"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			out := url.Values{}
			for name, values := range outside {
				out[name] = values
			}
			out.Set("scope", test.scope)
			o := &object{typ: test.typ, values: inside}
			if diff := cmp.Diff(test.want, o.join(out)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever claims somebody signs, they are refused or make parameters that a
// query string can carry and give back.
func FuzzRequestObject(f *testing.F) {
	for _, seed := range []string{`{"scope":"openid","max_age":5}`, `{"claims":{"a":[1,2.5e9,null]}}`, `{"audience":["a"],"x":1e300}`, `{"x":"\u0000\ud83d\ude00"}`, `{"exp":1e400}`, `null`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		o, err := readObject(payload)
		if err != nil {
			return
		}
		if !json.Valid(payload) {
			t.Fatal("what is no JSON was read")
		}
		if strings.Contains(fmt.Sprint(o.values), "\x00") {
			t.Error("a parameter has a NUL character")
		}
		back, err := url.ParseQuery(o.values.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(o.values, back); diff != "" {
			t.Error(diff)
		}
	})
}
