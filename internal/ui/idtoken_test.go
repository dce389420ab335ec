package ui

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// The RS256 example of RFC 7515, Appendix A.2.
const (
	rfc7515A2 = "eyJhbGciOiJSUzI1NiJ9" +
		".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ" +
		".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
	rfc7515A2Key = `{"keys":[{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}]}`

	// The ES256 example of RFC 7515, Appendix A.3.
	rfc7515A3 = "eyJhbGciOiJFUzI1NiJ9" +
		".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ" +
		".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
	rfc7515A3Key = `{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`

	// The Ed25519 example of RFC 8037, Appendix A.4; its payload is no JSON,
	// so it is only good for check.
	rfc8037A4    = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
	rfc8037A4Key = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
)

func TestVerifyVectorsOfRFC7515(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, token, keys string }{
		{"A.2 RS256", rfc7515A2, rfc7515A2Key},
		{"A.3 ES256", rfc7515A3, rfc7515A3Key},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			parsed, err := parseJWS(test.token)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parsed.verify([]byte(test.keys)); err != nil {
				t.Errorf("verify() = %v, want nil", err)
			}
			parsed.signed += "x"
			if _, err := parsed.verify([]byte(test.keys)); err == nil {
				t.Error("verify() accepts other content under the same signature")
			}
		})
	}
}

func TestVerifyVectorOfRFC8037(t *testing.T) {
	t.Parallel()
	var k jwk
	if err := json.Unmarshal([]byte(rfc8037A4Key), &k); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(rfc8037A4, ".")
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	token := &jws{Alg: "EdDSA", signed: parts[0] + "." + parts[1], signature: sig}
	if err := k.check(token); err != nil {
		t.Errorf("check() = %v, want nil", err)
	}
	token.signature[0] ^= 1
	if err := k.check(token); err == nil {
		t.Error("check() accepts an altered signature")
	}
}

func sign(t *testing.T, key ed25519.PrivateKey, header, claims string) string {
	t.Helper()
	signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(signed)))
}

// A relying party takes the algorithm from the key, never from the token
// alone (RFC 8725 §3.1), and the key by its id.
func TestVerifyChoosesTheKey(t *testing.T) {
	t.Parallel()
	pub, private, _ := ed25519.GenerateKey(rand.Reader)
	x := base64.RawURLEncoding.EncodeToString(pub)
	set := func(member string) []byte {
		return []byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"` + x + `",` + member + `}]}`)
	}
	for _, test := range []struct {
		name, header string
		keys         []byte
		ok           bool
	}{
		{"the right key", `{"alg":"EdDSA","kid":"a"}`, set(`"kid":"a","alg":"EdDSA","use":"sig"`), true},
		{"another kid", `{"alg":"EdDSA","kid":"b"}`, set(`"kid":"a"`), false},
		{"no kid where the keys have one", `{"alg":"EdDSA"}`, set(`"kid":"a"`), false},
		{"a key for encryption", `{"alg":"EdDSA","kid":"a"}`, set(`"kid":"a","use":"enc"`), false},
		{"a key for another algorithm", `{"alg":"EdDSA","kid":"a"}`, set(`"kid":"a","alg":"ES256"`), false},
		{"alg none", `{"alg":"none","kid":"a"}`, set(`"kid":"a"`), false},
		{"HS256 with the public key", `{"alg":"HS256","kid":"a"}`, set(`"kid":"a"`), false},
		{"RS256 with an Ed25519 key", `{"alg":"RS256","kid":"a"}`, set(`"kid":"a"`), false},
		{"no keys", `{"alg":"EdDSA","kid":"a"}`, []byte(`{}`), false},
		{"keys that are no JSON", `{"alg":"EdDSA","kid":"a"}`, []byte(`no`), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			parsed, err := parseJWS(sign(t, private, test.header, `{}`))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parsed.verify(test.keys); (err == nil) != test.ok {
				t.Errorf("verify() = %v, want success %v", err, test.ok)
			}
		})
	}
}

func TestVerifyECDSA(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		alg, crv string
		curve    elliptic.Curve
		digest   func(string) []byte
	}{
		{"ES256", "P-256", elliptic.P256(), func(s string) []byte { d := sha256.Sum256([]byte(s)); return d[:] }},
		{"ES384", "P-384", elliptic.P384(), func(s string) []byte { d := sha512.Sum384([]byte(s)); return d[:] }},
		{"ES512", "P-521", elliptic.P521(), func(s string) []byte { d := sha512.Sum512([]byte(s)); return d[:] }},
	} {
		t.Run(test.alg, func(t *testing.T) {
			t.Parallel()
			private, err := ecdsa.GenerateKey(test.curve, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			point, err := private.PublicKey.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			size := (len(point) - 1) / 2
			k := &jwk{KTY: "EC", CRV: test.crv, X: point[1 : 1+size], Y: point[1+size:]}
			token := &jws{Alg: test.alg, signed: "a.b"}
			r, s, err := ecdsa.Sign(rand.Reader, private, test.digest(token.signed))
			if err != nil {
				t.Fatal(err)
			}
			token.signature = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
			if err := k.check(token); err != nil {
				t.Errorf("check() = %v, want nil", err)
			}
			token.signature = make([]byte, 2*size)
			if err := k.check(token); err == nil {
				t.Error("check() accepts a signature of zeros")
			}
			der, err := ecdsa.SignASN1(rand.Reader, private, test.digest(token.signed))
			if err != nil {
				t.Fatal(err)
			}
			token.signature = der
			if err := k.check(token); err == nil {
				t.Error("check() accepts a signature in DER form")
			}
		})
	}
}

// OpenID Connect Core §3.1.3.7, one wrong member at a time.
func TestCheckClaims(t *testing.T) {
	t.Parallel()
	noon := time.Unix(1_800_000_000, 0)
	want := expected{Issuer: "https://id.example/", ClientID: "app", Nonce: "n", AccessToken: "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", Now: noon}
	// The at_hash example of OpenID Connect Core, Appendix A.3.
	const hash = "77QmUPtjPfzWtF2AnpK9RQ"
	claims := func(iss, aud, nonce, exp, hash string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"iss":%q,"aud":%s,"nonce":%q,"exp":%s,"at_hash":%q}`, iss, aud, nonce, exp, hash))
	}
	for _, test := range []struct {
		name   string
		claims json.RawMessage
		failed string // how the text of the one failed check goes on
	}{
		{"all is well", claims(want.Issuer, `["app"]`, "n", "1800000001", hash), ""},
		{"audience as a string", claims(want.Issuer, `"app"`, "n", "1800000001", hash), ""},
		{"another issuer", claims("https://id.example", `["app"]`, "n", "1800000001", hash), "iss"},
		{"another audience", claims(want.Issuer, `["other"]`, "n", "1800000001", hash), "aud"},
		{"one audience too many", claims(want.Issuer, `["app","other"]`, "n", "1800000001", hash), "aud"},
		{"expired this second", claims(want.Issuer, `["app"]`, "n", "1800000000", hash), "exp"},
		{"another nonce", claims(want.Issuer, `["app"]`, "m", "1800000001", hash), "nonce"},
		{"the hash of another token", claims(want.Issuer, `["app"]`, "n", "1800000001", "AAAAAAAAAAAAAAAAAAAAAA"), "at_hash"},
		{"a list of claims", json.RawMessage(`[]`), "The claims"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var failed []string
			for _, c := range (&jws{Alg: "RS256", Claims: test.claims}).checkClaims(want) {
				if !c.OK {
					failed = append(failed, strings.TrimPrefix(c.Text, "Failed: "))
				}
			}
			switch {
			case test.failed == "" && len(failed) > 0:
				t.Errorf("failed: %q, want none", failed)
			case test.failed != "" && (len(failed) != 1 || !strings.HasPrefix(failed[0], test.failed)):
				t.Errorf("failed: %q, want the one of %s", failed, test.failed)
			}
		})
	}
}

func FuzzParseJWS(f *testing.F) {
	f.Add(rfc7515A2)
	f.Add(rfc7515A3)
	f.Add("e30.e30.")
	f.Add("..")
	f.Add("e30.e30.AA\n")
	f.Fuzz(func(t *testing.T, s string) {
		parsed, err := parseJWS(s)
		if err != nil {
			return
		}
		if got := parsed.signed + "." + base64.RawURLEncoding.EncodeToString(parsed.signature); got != s {
			t.Errorf("%q is read as %q: a token must have one form", s, got)
		}
		if _, err := parsed.verify([]byte(rfc7515A2Key)); err == nil && s != rfc7515A2 {
			t.Errorf("%q passes as signed", s)
		}
	})
}
