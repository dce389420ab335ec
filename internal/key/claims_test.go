package key

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseClaims(t *testing.T) {
	t.Parallel()
	c, err := ParseClaims([]byte(`{"iss":"i","sub":"s","jti":"j","aud":["a","b"],"exp":3,"nbf":2,"iat":1,"more":{}}`))
	if err != nil || c.Issuer != "i" || c.Subject != "s" || c.JTI != "j" || !slices.Equal(c.Audience, []string{"a", "b"}) ||
		!c.Expires.Equal(time.Unix(3, 0)) || !c.NotBefore.Equal(time.Unix(2, 0)) || !c.IssuedAt.Equal(time.Unix(1, 0)) {
		t.Errorf("ParseClaims() = %+v, %v", c, err)
	}
	if c, err := ParseClaims([]byte(`{"aud":"a"}`)); err != nil || !slices.Equal(c.Audience, []string{"a"}) || !c.Expires.IsZero() {
		t.Errorf("a single audience: %+v, %v", c, err)
	}
	many := `"` + strings.Repeat(`a","`, maxAudience) + `a"`
	for _, bad := range []string{
		``, `[]`, `{"iss":1}`, `{"iss":null}`, `{"sub":["s"]}`, `{"jti":{}}`, `{"aud":1}`, `{"aud":[1]}`, `{"aud":null}`, `{"aud":["a",null]}`,
		`{"aud":[` + many + `]}`, `{"exp":"1"}`, `{"exp":-1}`, `{"exp":1e400}`, `{"exp":null}`, `{"nbf":true}`, `{"iat":[]}`, `{"sub":"a","sub":"b"}`, `{"iss":"\ud800"}`,
	} {
		if c, err := ParseClaims([]byte(bad)); !errors.Is(err, ErrJSON) {
			t.Errorf("ParseClaims(%.40s) = %+v, %v", bad, c, err)
		}
	}
}

func TestAddressedTo(t *testing.T) {
	t.Parallel()
	own := []string{"https://op.test/", "https://op.test/oauth2/token"}
	for _, test := range []struct {
		aud  []string
		want bool
	}{
		{[]string{"https://op.test/"}, true},
		{[]string{"https://op.test/oauth2/token"}, true},
		{[]string{"https://op.test/", "https://op.test/other"}, true},
		{[]string{"https://op.test/", "https://evil.test/"}, false},
		{[]string{"https://op.test/", "alien"}, false},
		{[]string{"https://op.test"}, false},
		{[]string{"https://OP.test/"}, false},
		{[]string{"https://op.test/other"}, false},
		{[]string{""}, false},
		{nil, false},
	} {
		c := Claims{Audience: test.aud}
		if got := c.AddressedTo(own); got != test.want {
			t.Errorf("%q: %v, want %v", test.aud, got, test.want)
		}
	}
}

func TestReadUnverified(t *testing.T) {
	t.Parallel()
	jwt := func(header, payload string) string {
		return fmt.Sprintf("%s.%s.%s", b64url([]byte(header)), b64url([]byte(payload)), b64url([]byte("x")))
	}
	h, c, err := ReadUnverified(jwt(`{"alg":"none","kid":"k","typ":"t","jku":"https://evil.test"}`, `{"iss":"i","sub":"s"}`))
	if err != nil || h != (Header{Alg: "none", KID: "k", Typ: "t"}) || c.Issuer != "i" || c.Subject != "s" {
		t.Errorf("ReadUnverified() = %+v, %+v, %v", h, c, err)
	}
	for _, bad := range []string{"", "a.b", jwt(`{"alg":"RS256","crit":["exp"]}`, `{}`), jwt(`{"alg":"RS256"}`, `[]`), jwt(`{"alg":"RS256"}`, `{"iss":1}`)} {
		if _, _, err := ReadUnverified(bad); !errors.Is(err, ErrInvalidJWT) {
			t.Errorf("ReadUnverified(%q) = %v", bad, err)
		}
	}
}

func FuzzParseClaims(f *testing.F) {
	f.Add([]byte(`{"iss":"i","sub":"s","jti":"j","aud":["a"],"exp":3}`))
	f.Add([]byte(`{"aud":"a","exp":1e3,"nbf":-1}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := ParseClaims(payload)
		if err == nil && (c.Expires.Before(time.Unix(0, 0)) && !c.Expires.IsZero() || len(c.Audience) > maxAudience) {
			t.Errorf("%q: %+v", payload, c)
		}
	})
}
