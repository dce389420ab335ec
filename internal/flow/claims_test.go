package flow

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hydra/internal/oauth"
)

// OpenID Connect Core §5.5 and §5.5.1: the form of the claims parameter.
func TestParseClaims(t *testing.T) {
	texts := func(values ...string) (out []json.RawMessage) {
		for _, v := range values {
			out = append(out, json.RawMessage(v))
		}
		return out
	}
	for _, test := range []struct {
		name, raw string
		want      *oauth.ClaimsRequest // nil: refused
	}{
		{"the example of the standard", `{"userinfo":{"given_name":{"essential":true},"nickname":null,"picture":null},
			"id_token":{"auth_time":{"essential":true},"acr":{"values":["urn:mace:incommon:iap:silver"]}}}`, &oauth.ClaimsRequest{
			Userinfo: map[string]oauth.ClaimRequest{"given_name": {Essential: true}, "nickname": {}, "picture": {}},
			IDToken:  map[string]oauth.ClaimRequest{"auth_time": {Essential: true}, "acr": {Values: texts(`"urn:mace:incommon:iap:silver"`)}},
		}},
		{"nothing", `{}`, &oauth.ClaimsRequest{}},
		{"one place, empty", `{"id_token":{}}`, &oauth.ClaimsRequest{IDToken: map[string]oauth.ClaimRequest{}}},
		{"members that nobody knows", `{"verified":1,"id_token":{"a":{"purpose":"x","essential":false}}}`, &oauth.ClaimsRequest{IDToken: map[string]oauth.ClaimRequest{"a": {}}}},
		{"a value of any type", `{"id_token":{"a":{"value":{"x":[1]}},"b":{"value":false}}}`, &oauth.ClaimsRequest{IDToken: map[string]oauth.ClaimRequest{"a": {Values: texts(`{"x":[1]}`)}, "b": {Values: texts(`false`)}}}},
		{"no object", `[]`, nil},
		{"null", `null`, nil},
		{"no JSON", `{"id_token":`, nil},
		{"something behind it", `{} {}`, nil},
		{"a place that is null", `{"userinfo":null}`, nil},
		{"a place that is a list", `{"userinfo":["name"]}`, nil},
		{"a claim that is a boolean", `{"userinfo":{"name":true}}`, nil},
		{"a claim twice", `{"userinfo":{"name":null,"name":{"essential":true}}}`, nil},
		{"a place twice", `{"userinfo":{},"userinfo":{"name":null}}`, nil},
		{"essential as text", `{"userinfo":{"name":{"essential":"true"}}}`, nil},
		{"values that are no list", `{"id_token":{"acr":{"values":"1"}}}`, nil},
		{"values that are null", `{"id_token":{"acr":{"values":null}}}`, nil},
		{"no values", `{"id_token":{"acr":{"values":[]}}}`, nil},
		{"value and values", `{"id_token":{"acr":{"value":"1","values":["1"]}}}`, nil},
		{"value null", `{"id_token":{"sub":{"value":null}}}`, nil},
		{"a claim without a name", `{"id_token":{"":null}}`, nil},
		{"a long name", `{"id_token":{"` + strings.Repeat("n", maxClaimName+1) + `":null}}`, nil},
		{"too long", `{"id_token":{"a":{"value":"` + strings.Repeat("x", maxClaimsParameter) + `"}}}`, nil},
		{"too many", `{"id_token":{` + manyClaims(maxClaimNames+1) + `}}`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseClaims(test.raw)
			if test.want == nil {
				if err == nil {
					t.Errorf("parseClaims() = %+v, want an error", got)
				}
				return
			}
			if diff := cmp.Diff(*test.want, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

func manyClaims(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"c%d":null`, i))
	}
	return strings.Join(list, ",")
}

// Whatever is sent, reading it ends, and what was read says no more than what
// was sent.
func FuzzClaims(f *testing.F) {
	f.Add(`{"userinfo":{"name":{"essential":true}},"id_token":{"sub":{"value":"u"},"acr":{"values":["1","2"]}}}`)
	f.Add(`{"id_token":{"a":null},"id_token":{"b":null}}`)
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := parseClaims(raw)
		inIDToken, atUserinfo := c.Names()
		if err != nil && len(inIDToken)+len(atUserinfo) > 0 {
			t.Errorf("%q is refused and says %v", raw, c)
		}
		if len(inIDToken) > maxClaimNames || len(atUserinfo) > maxClaimNames {
			t.Errorf("%q: %d and %d claims", raw, len(inIDToken), len(atUserinfo))
		}
		for _, s := range c.Subjects() {
			if len(s) > len(raw) {
				t.Errorf("%q names the subject %q", raw, s)
			}
		}
		c.ACR()
	})
}

// A remembered consent covers the claims that it was asked for, those of its
// scopes, and those that every ID token has.
func TestClaimsCovered(t *testing.T) {
	had := &oauth.GrantData{GrantedScope: []string{"openid", "email"}, WantedInIDToken: []string{"roles"}, WantedAtUserinfo: []string{"name"}}
	scopeOf := func(claim string) string {
		return map[string]string{"email": "email", "name": "profile", "gender": "profile"}[claim]
	}
	for raw, more := range map[string]bool{
		`{}`: false, `{"id_token":{"acr":null,"sub":null,"auth_time":null}}`: false, `{"id_token":{"email":null}}`: false,
		`{"userinfo":{"roles":null,"name":null}}`: false, `{"userinfo":{"gender":null}}`: true, `{"id_token":{"groups":null}}`: true,
	} {
		c, err := parseClaims(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := asksMore(c, had, scopeOf); got != more {
			t.Errorf("%s asks for more: %t", raw, got)
		}
	}
}
