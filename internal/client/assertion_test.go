package client

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"hydra/internal/oauth"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// testKeys are the keys of a client that signs its assertions.
var testKeys = func() (k struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	ed  ed25519.PrivateKey
	set json.RawMessage
}) {
	var errs [3]error
	k.rsa, errs[0] = rsa.GenerateKey(rand.Reader, 2048)
	k.ec, errs[1] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, k.ed, errs[2] = ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(errs[:]...); err != nil {
		panic(err)
	}
	point, err := k.ec.PublicKey.Bytes() // 4 ‖ x ‖ y
	if err != nil {
		panic(err)
	}
	k.set = fmt.Appendf(nil, `{"keys":[
		{"kty":"RSA","kid":"rsa","use":"sig","n":%q,"e":"AQAB"},
		{"kty":"EC","crv":"P-256","kid":"ec","use":"sig","x":%q,"y":%q},
		{"kty":"OKP","crv":"Ed25519","kid":"ed","use":"sig","x":%q}]}`,
		b64(k.rsa.N.Bytes()), b64(point[1:33]), b64(point[33:]), b64(k.ed.Public().(ed25519.PublicKey)))
	return k
}()

// sign makes a compact JWS without any library, so that it can also be wrong.
func sign(t *testing.T, alg, header string, payload []byte) string {
	t.Helper()
	text := b64([]byte(header)) + "." + b64(payload)
	sum := sha256.Sum256([]byte(text))
	var signature []byte
	var err error
	switch alg {
	case "RS256":
		signature, err = rsa.SignPKCS1v15(nil, testKeys.rsa, crypto.SHA256, sum[:])
	case "PS256":
		signature, err = rsa.SignPSS(rand.Reader, testKeys.rsa, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case "ES256":
		var r, s *big.Int
		r, s, err = ecdsa.Sign(rand.Reader, testKeys.ec, sum[:])
		if err == nil {
			signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	case "EdDSA":
		signature = ed25519.Sign(testKeys.ed, []byte(text))
	}
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(signature)
}

var kids = map[string]string{"RS256": "rsa", "PS256": "rsa", "ES256": "ec", "EdDSA": "ed"}

func assertion(t *testing.T, alg string, claims map[string]any) oauth.Secret {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return oauth.Secret(sign(t, alg, fmt.Sprintf(`{"alg":%q,"kid":%q}`, alg, kids[alg]), payload))
}

const (
	issuer        = "https://op.example/"
	tokenEndpoint = "https://op.example/oauth2/token"
)

// goodClaims are claims that are accepted at noon.
func goodClaims(change map[string]any) map[string]any {
	claims := map[string]any{
		"iss": "signer", "sub": "signer", "aud": issuer, "jti": "id of an assertion",
		"exp": noon.Add(time.Minute).Unix(), "iat": noon.Unix(),
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

func signerService(t *testing.T, change func(*oauth.Client)) (*Service, *clock) {
	t.Helper()
	s, now := newService(t)
	s.Options.Audiences = []string{issuer, tokenEndpoint}
	c := &oauth.Client{ID: "signer", AuthMethod: oauth.AuthPrivateKeyJWT, JWKS: testKeys.set}
	if change != nil {
		change(c)
	}
	if _, err := s.Create(t.Context(), c, ""); err != nil {
		t.Fatal(err)
	}
	return s, now
}

func withAssertion(jwt oauth.Secret) oauth.Credentials {
	return oauth.Credentials{AssertionType: assertionType, Assertion: jwt}
}

func TestAssertionAlgorithms(t *testing.T) {
	t.Parallel()
	s, _ := signerService(t, nil)
	for alg := range kids {
		cr := withAssertion(assertion(t, alg, goodClaims(map[string]any{"jti": alg})))
		if c, err := s.Authenticate(t.Context(), cr); err != nil || c.ID != "signer" {
			t.Errorf("%s: Authenticate() = %v, %v", alg, c, err)
		}
	}
	s, _ = signerService(t, func(c *oauth.Client) { c.AuthSigningAlg = "ES256" })
	for alg := range kids {
		_, err := s.Authenticate(t.Context(), withAssertion(assertion(t, alg, goodClaims(map[string]any{"jti": alg}))))
		if ok := err == nil; ok != (alg == "ES256") {
			t.Errorf("%s for a client that registered ES256: %v", alg, err)
		}
	}
}

// An assertion is good for one request.
func TestAssertionReplay(t *testing.T) {
	t.Parallel()
	s, now := signerService(t, nil)
	var events []oauth.Event
	s.Observe = recordEvents(&events)
	cr := withAssertion(assertion(t, "RS256", goodClaims(nil)))
	if _, err := s.Authenticate(t.Context(), cr); err != nil {
		t.Fatal(err)
	}
	for _, later := range []time.Duration{0, 30 * time.Second} {
		now.set(noon.Add(later))
		if _, err := s.Authenticate(t.Context(), cr); oauth.KindOf(err) != oauth.InvalidClient {
			t.Errorf("second use after %s: %v, want invalid_client", later, err)
		}
	}
	if len(events) != 2 || events[0].Name != "client_assertion_replayed" {
		t.Errorf("events = %v", events)
	}
}

// A jti is spent by a good assertion only, and each client has its own.
func TestAssertionSpendsJTILast(t *testing.T) {
	t.Parallel()
	s, _ := signerService(t, nil)
	bad := withAssertion(assertion(t, "RS256", goodClaims(map[string]any{"aud": "https://other.example/"})))
	if _, err := s.Authenticate(t.Context(), bad); oauth.KindOf(err) != oauth.InvalidClient {
		t.Fatalf("foreign audience: %v", err)
	}
	if _, err := s.Authenticate(t.Context(), withAssertion(assertion(t, "RS256", goodClaims(nil)))); err != nil {
		t.Errorf("the refused assertion has spent the jti: %v", err)
	}
	other := &oauth.Client{ID: "other", AuthMethod: oauth.AuthPrivateKeyJWT, JWKS: testKeys.set}
	if _, err := s.Create(t.Context(), other, ""); err != nil {
		t.Fatal(err)
	}
	claims := goodClaims(map[string]any{"iss": "other", "sub": "other"})
	if _, err := s.Authenticate(t.Context(), withAssertion(assertion(t, "RS256", claims))); err != nil {
		t.Errorf("another client's jti is in the way: %v", err)
	}
}

func TestAssertionClaims(t *testing.T) {
	t.Parallel()
	in := func(d time.Duration) int64 { return noon.Add(d).Unix() }
	for _, test := range []struct {
		name   string
		change map[string]any
		ok     bool
	}{
		{"token endpoint as audience", map[string]any{"aud": tokenEndpoint}, true},
		{"list of both", map[string]any{"aud": []string{issuer, tokenEndpoint}}, true},
		{"list with another endpoint of ours", map[string]any{"aud": []string{issuer, "https://op.example/oauth2/revoke"}}, true},
		{"no iat", map[string]any{"iat": nil}, true},
		{"fraction of a second", map[string]any{"exp": json.RawMessage(fmt.Sprint(in(time.Minute), ".25"))}, true},
		{"nbf a little ahead", map[string]any{"nbf": in(50 * time.Second)}, true},
		{"iat a little ahead", map[string]any{"iat": in(50 * time.Second)}, true},
		{"an hour to go", map[string]any{"exp": in(time.Hour)}, true},
		{"unknown claims", map[string]any{"foo": map[string]any{"bar": 1}}, true},

		{"list with another host", map[string]any{"aud": []string{issuer, "https://evil.example/"}}, false},
		{"list with a text", map[string]any{"aud": []string{issuer, "urn:x"}}, false},
		{"another host", map[string]any{"aud": "https://evil.example/oauth2/token"}, false},
		{"our host with another scheme", map[string]any{"aud": []string{issuer, "http://op.example/"}}, false},
		{"another page of ours alone", map[string]any{"aud": "https://op.example/oauth2/revoke"}, false},
		{"no audience", map[string]any{"aud": nil}, false},
		{"empty list", map[string]any{"aud": []string{}}, false},
		{"audience is a number", map[string]any{"aud": []any{issuer, 1}}, false},
		{"another issuer", map[string]any{"iss": "other"}, false},
		{"another subject", map[string]any{"sub": "other"}, false},
		{"no issuer", map[string]any{"iss": nil}, false},
		{"no subject", map[string]any{"sub": nil}, false},
		{"subject is a number", map[string]any{"sub": 7}, false},
		{"no jti", map[string]any{"jti": nil}, false},
		{"empty jti", map[string]any{"jti": ""}, false},
		{"long jti", map[string]any{"jti": strings.Repeat("x", 257)}, false},
		{"no exp", map[string]any{"exp": nil}, false},
		{"expired", map[string]any{"exp": in(0)}, false},
		{"more than an hour to go", map[string]any{"exp": in(time.Hour + 2*time.Minute)}, false},
		{"far future", map[string]any{"exp": json.RawMessage("1e400")}, false},
		{"exp is text", map[string]any{"exp": fmt.Sprint(in(time.Minute))}, false},
		{"exp is negative", map[string]any{"exp": -1}, false},
		{"exp is null", map[string]any{"exp": json.RawMessage("null")}, false},
		{"nbf ahead", map[string]any{"nbf": in(2 * time.Minute)}, false},
		{"nbf is text", map[string]any{"nbf": "now"}, false},
		{"iat ahead", map[string]any{"iat": in(2 * time.Minute)}, false},
		{"iat old", map[string]any{"iat": in(-2 * time.Hour)}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, _ := signerService(t, nil)
			_, err := s.Authenticate(t.Context(), withAssertion(assertion(t, "EdDSA", goodClaims(test.change))))
			if test.ok && err != nil {
				t.Errorf("Authenticate() = %v", err)
			}
			if !test.ok && oauth.KindOf(err) != oauth.InvalidClient {
				t.Errorf("Authenticate() = %v, want invalid_client", err)
			}
		})
	}
}

// What is not a signature of the client is refused, whatever it says.
func TestAssertionForgeries(t *testing.T) {
	t.Parallel()
	s, _ := signerService(t, nil)
	payload, err := json.Marshal(goodClaims(nil))
	if err != nil {
		t.Fatal(err)
	}
	good := sign(t, "RS256", `{"alg":"RS256","kid":"rsa"}`, payload)
	parts := strings.Split(good, ".")
	twice := strings.Replace(string(payload), `"sub"`, `"sub":"admin","sub"`, 1)
	for name, jwt := range map[string]string{
		"alg none":                         b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"HS256 with the public key":        sign(t, "RS256", `{"alg":"HS256","kid":"rsa"}`, payload),
		"another key's signature":          sign(t, "EdDSA", `{"alg":"RS256","kid":"rsa"}`, payload),
		"another key's kid":                sign(t, "RS256", `{"alg":"RS256","kid":"ec"}`, payload),
		"unknown kid":                      sign(t, "RS256", `{"alg":"RS256","kid":"../../etc/passwd"}`, payload),
		"long kid":                         sign(t, "RS256", `{"alg":"RS256","kid":"`+strings.Repeat("k", 9000)+`"}`, payload),
		"brings its own key":               sign(t, "EdDSA", `{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"`+b64(make([]byte, 32))+`"},"kid":"evil"}`, payload),
		"critical extension":               sign(t, "RS256", `{"alg":"RS256","kid":"rsa","crit":["exp"],"exp":1}`, payload),
		"typ of an access token":           sign(t, "RS256", `{"alg":"RS256","kid":"rsa","typ":"at+jwt"}`, payload),
		"typ of a request object":          sign(t, "RS256", `{"alg":"RS256","kid":"rsa","typ":"oauth-authz-req+jwt"}`, payload),
		"a claim twice":                    sign(t, "RS256", `{"alg":"RS256","kid":"rsa"}`, []byte(twice)),
		"changed payload":                  parts[0] + "." + b64([]byte(`{"sub":"signer"}`)) + "." + parts[2],
		"no signature":                     parts[0] + "." + parts[1] + ".",
		"padded":                           good + "=",
		"line break inside":                parts[0] + "." + parts[1][:8] + "\n" + parts[1][8:] + "." + parts[2],
		"JSON serialization":               `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`,
		"too long":                         good + strings.Repeat("A", 20000),
		"no JWT":                           "x",
		"payload is no object":             sign(t, "RS256", `{"alg":"RS256","kid":"rsa"}`, []byte(`"signer"`)),
		"ECDSA with r and s of zero":       b64([]byte(`{"alg":"ES256","kid":"ec"}`)) + "." + parts[1] + "." + b64(make([]byte, 64)),
		"unknown client":                   sign(t, "RS256", `{"alg":"RS256","kid":"rsa"}`, []byte(strings.ReplaceAll(string(payload), "signer", "nobody"))),
		"good, but sent by another client": "",
	} {
		cr := withAssertion(oauth.Secret(jwt))
		if jwt == "" {
			cr = withAssertion(oauth.Secret(good))
			cr.PostID = "other"
		}
		if _, err := s.Authenticate(t.Context(), cr); oauth.KindOf(err) != oauth.InvalidClient {
			t.Errorf("%s: Authenticate() = %v, want invalid_client", name, err)
		}
	}
	if _, err := s.Authenticate(t.Context(), withAssertion(oauth.Secret(good))); err != nil {
		t.Errorf("the genuine assertion: %v", err)
	}
}

// Only a client that registered private_key_jwt, with keys that we have, may
// use an assertion, and it may use nothing else.
func TestAssertionNeedsItsRegistration(t *testing.T) {
	t.Parallel()
	s, _ := signerService(t, func(c *oauth.Client) { c.AuthMethod = oauth.AuthSecretBasic })
	if _, err := s.Authenticate(t.Context(), withAssertion(assertion(t, "RS256", goodClaims(nil)))); oauth.KindOf(err) != oauth.InvalidClient {
		t.Errorf("a client of client_secret_basic: %v, want invalid_client", err)
	}
	s, _ = signerService(t, func(c *oauth.Client) { c.JWKS, c.JWKSURI = nil, "https://a.example/jwks" })
	_, err := s.Authenticate(t.Context(), withAssertion(assertion(t, "RS256", goodClaims(nil))))
	if e, ok := errors.AsType[*oauth.Error](err); !ok || e.Kind != oauth.InvalidClient || !strings.Contains(e.Public, "jwks_uri") {
		t.Errorf("keys by reference without anything that fetches: %v, want invalid_client that says so", err)
	}
	s, _ = signerService(t, nil)
	plain, err := s.Create(t.Context(), &oauth.Client{ID: "with secret", AuthMethod: oauth.AuthPrivateKeyJWT, JWKS: testKeys.set}, "")
	if err != nil || plain == "" {
		t.Fatal(plain == "", err)
	}
	cr := oauth.Credentials{Basic: true, BasicID: "with secret", BasicSecret: plain}
	if _, err := s.Authenticate(t.Context(), cr); oauth.KindOf(err) != oauth.InvalidClient {
		t.Errorf("a secret in place of an assertion: %v, want invalid_client", err)
	}
}

// A database that does not answer is never taken for a wrong assertion.
func TestAssertionStoreFailure(t *testing.T) {
	t.Parallel()
	s, _ := signerService(t, nil)
	s.Replays = brokenReplays{}
	_, err := s.Authenticate(t.Context(), withAssertion(assertion(t, "RS256", goodClaims(nil))))
	if !errors.Is(err, errBroken) || oauth.KindOf(err) != oauth.ServerError {
		t.Errorf("Authenticate() = %v, want the store's error", err)
	}
}

func FuzzAssertionClaims(f *testing.F) {
	f.Add([]byte(`{"iss":"a","sub":"a","aud":"x","jti":"1","exp":1764000000}`))
	f.Add([]byte(`{"iss":"a","sub":"a","aud":["x","y"],"jti":"1","exp":1764000000.5,"nbf":0,"iat":1}`))
	f.Add([]byte(`{"exp":1e400}`))
	f.Add([]byte(`{"exp":"1"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		a, err := parseAssertion(payload)
		if err != nil {
			return
		}
		if a.Expires.IsZero() || a.Expires.Year() > 9999 || a.Expires.Before(time.Unix(0, 0)) {
			t.Errorf("accepted exp %v", a.Expires)
		}
		// What is accepted means the same to a lenient reader.
		var loose map[string]any
		if err := json.Unmarshal(payload, &loose); err != nil {
			t.Fatalf("accepted what is no JSON object: %v", err)
		}
		if loose["iss"] != a.Issuer || loose["sub"] != a.Subject || loose["jti"] != a.JTI {
			t.Errorf("parsed %+v, a lenient reader %v", a, loose)
		}
	})
}
