package key

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"

	"hydra/internal/oauth"
)

func b64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// attacker makes JWTs by hand, with the standard library alone.
type attacker struct {
	ec  *ecdsa.PrivateKey
	rsa *rsa.PrivateKey
}

// newAttacker makes its keys once: RSA takes long.
var newAttacker = sync.OnceValue(func() *attacker {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return &attacker{ec, r}
})

func (a *attacker) ecJWK(more string) string {
	p, err := a.ec.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q%s}`, b64url(p[1:33]), b64url(p[33:]), more)
}

func (a *attacker) rsaJWK(more string) string {
	return fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB"%s}`, b64url(a.rsa.N.Bytes()), more)
}

// jwks is the attacker's registered set: kid "e" and kid "r".
func (a *attacker) jwks() json.RawMessage {
	return json.RawMessage(`{"keys":[` + a.ecJWK(`,"kid":"e"`) + `,` + a.rsaJWK(`,"kid":"r"`) + `]}`)
}

const claims = `{"iss":"c","sub":"c"}`

func (a *attacker) es256(header, payload string) (signed string, r, s []byte) {
	signed = b64url([]byte(header)) + "." + b64url([]byte(payload))
	sum := sha256.Sum256([]byte(signed))
	x, y, err := ecdsa.Sign(rand.Reader, a.ec, sum[:])
	if err != nil {
		panic(err)
	}
	return signed, x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32))
}

func (a *attacker) es256JWT(header, payload string) string {
	signed, r, s := a.es256(header, payload)
	return signed + "." + b64url(append(r, s...))
}

func (a *attacker) rs256JWT(header, payload string) string {
	signed := b64url([]byte(header)) + "." + b64url([]byte(payload))
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, a.rsa, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return signed + "." + b64url(sig)
}

func hs256JWT(header string, secret []byte) string {
	signed := b64url([]byte(header)) + "." + b64url([]byte(claims))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + b64url(mac.Sum(nil))
}

func TestVerifyAssertionAccepts(t *testing.T) {
	t.Parallel()
	a := newAttacker()
	n := elliptic.P256().Params().N
	signed, r, s := a.es256(`{"alg":"ES256","kid":"e"}`, claims)
	other := new(big.Int).Sub(n, new(big.Int).SetBytes(s)).FillBytes(make([]byte, 32))
	for name, jwt := range map[string]string{
		"ES256":           a.es256JWT(`{"alg":"ES256","kid":"e","typ":"JWT"}`, claims),
		"RS256":           a.rs256JWT(`{"alg":"RS256","kid":"r"}`, claims),
		"no kid":          a.rs256JWT(`{"alg":"RS256"}`, claims),
		"unknown headers": a.es256JWT(`{"alg":"ES256","kid":"e","x-my":{"a":[1]}}`, claims),
		"no claims":       a.es256JWT(`{"alg":"ES256","kid":"e"}`, `{}`),
		// Both s and n-s are signatures (RFC 7515 does not choose); a jti is
		// single use whatever the signature looks like.
		"low or high s":        signed + "." + b64url(append(r, s...)),
		"the other of the two": signed + "." + b64url(append(r, other...)),
	} {
		v, err := VerifyAssertion(a.jwks(), jwt, AssertionAlgs())
		if err != nil {
			t.Errorf("%s: VerifyAssertion() = %v", name, err)
		}
		if want := strings.Split(jwt, ".")[1]; b64url(v.Payload) != want {
			t.Errorf("%s: payload %s", name, v.Payload)
		}
	}
}

// RFC 7515 Appendix A.3 and RFC 8037 Appendix A.4.
func TestVectors(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct{ jwk, jwt, alg string }{
		"RFC 7515 A.3": {
			`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`,
			"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
			"ES256",
		},
		"RFC 8037 A.4": {
			`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
			"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
			"EdDSA",
		},
	} {
		k, err := parseClientKey(json.RawMessage(v.jwk))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c, err := parseCompact(v.jwt)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := c.verify(k.public, v.alg); err != nil {
			t.Errorf("%s: verify() = %v", name, err)
		}
	}
}

func TestVerifyAssertionRefuses(t *testing.T) {
	t.Parallel()
	a := newAttacker()
	const head = `{"alg":"ES256","kid":"e"}`
	good := a.es256JWT(head, claims)
	signed, r, s := a.es256(head, claims)
	der, err := ecdsa.SignASN1(rand.Reader, a.ec, func() []byte { h := sha256.Sum256([]byte(signed)); return h[:] }())
	if err != nil {
		t.Fatal(err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(&a.rsa.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	forger := &attacker{ec: stranger, rsa: a.rsa}
	parts := strings.Split(good, ".")
	long := strings.Repeat("k", 1<<20)
	for name, test := range map[string]struct {
		jwt  string
		want error
	}{
		"alg none, no signature":         {b64url([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".", ErrMalformed},
		"alg none, with a signature":     {b64url([]byte(`{"alg":"none","kid":"e"}`)) + "." + parts[1] + "." + parts[2], ErrAlgorithm},
		"alg None":                       {b64url([]byte(`{"alg":"None"}`)) + "." + parts[1] + "." + parts[2], ErrAlgorithm},
		"no alg":                         {a.es256JWT(`{"kid":"e"}`, claims), ErrMalformed},
		"empty alg":                      {a.es256JWT(`{"alg":"","kid":"e"}`, claims), ErrMalformed},
		"alg that is no string":          {a.es256JWT(`{"alg":["ES256"],"kid":"e"}`, claims), ErrMalformed},
		"HS256 with the public key":      {hs256JWT(`{"alg":"HS256","kid":"r"}`, publicPEM), ErrAlgorithm},
		"HS256 with the modulus":         {hs256JWT(`{"alg":"HS256","kid":"r"}`, a.rsa.N.Bytes()), ErrAlgorithm},
		"HS256 with the JWK":             {hs256JWT(`{"alg":"HS256","kid":"r"}`, []byte(a.rsaJWK(`,"kid":"r"`))), ErrAlgorithm},
		"alg of another key type":        {a.es256JWT(`{"alg":"ES256","kid":"r"}`, claims), ErrAlgorithm},
		"alg of another curve":           {a.es256JWT(`{"alg":"ES512","kid":"e"}`, claims), ErrAlgorithm},
		"alg that is not registered":     {a.rs256JWT(`{"alg":"PS256","kid":"r"}`, claims), ErrAlgorithm},
		"DER signature":                  {signed + "." + b64url(der), ErrBadSignature},
		"all-zero r and s":               {signed + "." + b64url(make([]byte, 64)), ErrBadSignature},
		"zero r":                         {signed + "." + b64url(append(make([]byte, 32), s...)), ErrBadSignature},
		"zero s":                         {signed + "." + b64url(append(append([]byte{}, r...), make([]byte, 32)...)), ErrBadSignature},
		"signature with a zero in front": {signed + "." + b64url(append([]byte{0}, append(r, s...)...)), ErrBadSignature},
		"short signature":                {signed + "." + b64url(append(r[:31:31], s...)), ErrBadSignature},
		"empty signature":                {signed + ".", ErrMalformed},
		"signature of another token":     {signed + "." + strings.Split(a.es256JWT(head, `{"sub":"other"}`), ".")[2], ErrBadSignature},
		"another's key":                  {forger.es256JWT(head, claims), ErrBadSignature},
		"another's key, no kid":          {forger.es256JWT(`{"alg":"ES256"}`, claims), ErrBadSignature},

		"JSON serialization":           {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, ErrMalformed},
		"JSON serialization, general":  {`{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}]}`, ErrMalformed},
		"detached payload":             {parts[0] + ".." + parts[2], ErrBadSignature},
		"four parts":                   {good + "." + parts[2], ErrMalformed},
		"two parts":                    {parts[0] + "." + parts[1], ErrMalformed},
		"five parts, as encrypted":     {good + "." + parts[2] + "." + parts[2], ErrMalformed},
		"empty":                        {"", ErrMalformed},
		"dots":                         {strings.Repeat(".", 60_000), ErrMalformed},
		"line feed":                    {parts[0] + "\n." + parts[1] + "." + parts[2], ErrMalformed},
		"line feed in the signature":   {good[:len(good)-4] + "\r\n" + good[len(good)-4:], ErrMalformed},
		"space":                        {" " + good, ErrMalformed},
		"padding":                      {good + "==", ErrMalformed},
		"dangling bits":                {good[:len(good)-1] + dangling(good[len(good)-1]), ErrMalformed},
		"longer than 64 KiB":           {a.es256JWT(head, `{"a":"`+strings.Repeat("a", 64<<10)+`"}`), ErrMalformed},
		"critical extension":           {a.es256JWT(`{"alg":"ES256","kid":"e","crit":["exp"],"exp":1}`, claims), ErrMalformed},
		"critical b64":                 {a.es256JWT(`{"alg":"ES256","kid":"e","crit":["b64"],"b64":false}`, claims), ErrMalformed},
		"empty crit":                   {a.es256JWT(`{"alg":"ES256","kid":"e","crit":[]}`, claims), ErrMalformed},
		"b64 without crit":             {a.es256JWT(`{"alg":"ES256","kid":"e","b64":false}`, claims), ErrMalformed},
		"header member twice":          {a.es256JWT(`{"alg":"none","alg":"ES256","kid":"e"}`, claims), ErrMalformed},
		"header nested too deeply":     {a.es256JWT(`{"alg":"ES256","kid":"e","a":`+strings.Repeat("[", 2000)+strings.Repeat("]", 2000)+`}`, claims), ErrMalformed},
		"header that is no object":     {a.es256JWT(`["ES256"]`, claims), ErrMalformed},
		"header with text behind":      {a.es256JWT(head+`{}`, claims), ErrMalformed},
		"kid that is no string":        {a.es256JWT(`{"alg":"ES256","kid":{"a":1}}`, claims), ErrMalformed},
		"typ that is no string":        {a.es256JWT(`{"alg":"ES256","kid":"e","typ":1}`, claims), ErrMalformed},
		"claim twice":                  {a.es256JWT(head, `{"sub":"c","sub":"d"}`), ErrMalformed},
		"claim twice, inside":          {a.es256JWT(head, `{"cnf":{"a":1,"a":2}}`), ErrMalformed},
		"claims that are no object":    {a.es256JWT(head, `"c"`), ErrMalformed},
		"claims that are no JSON":      {a.es256JWT(head, `c`), ErrMalformed},
		"claims with bad UTF-8":        {a.es256JWT(head, "{\"sub\":\"\xff\"}"), ErrMalformed},
		"unknown kid":                  {a.es256JWT(`{"alg":"ES256","kid":"x"}`, claims), ErrUnknownKey},
		"kid as a path":                {a.es256JWT(`{"alg":"ES256","kid":"../../../../dev/null"}`, claims), ErrUnknownKey},
		"kid as SQL":                   {a.es256JWT(`{"alg":"ES256","kid":"e' OR '1'='1"}`, claims), ErrUnknownKey},
		"kid as a URL":                 {a.es256JWT(`{"alg":"ES256","kid":"https://evil.example/e"}`, claims), ErrUnknownKey},
		"kid with NUL":                 {a.es256JWT(`{"alg":"ES256","kid":"e\u0000"}`, claims), ErrUnknownKey},
		"kid in another case":          {a.es256JWT(`{"alg":"ES256","kid":"E"}`, claims), ErrUnknownKey},
		"kid of 1 MB":                  {a.es256JWT(`{"alg":"ES256","kid":"`+long+`"}`, claims), ErrMalformed},
		"kid of 1,025 characters":      {a.es256JWT(`{"alg":"ES256","kid":"`+long[:1025]+`"}`, claims), ErrMalformed},
		"jwk with the attacker's key":  {forger.es256JWT(`{"alg":"ES256","jwk":`+forger.ecJWK("")+`}`, claims), ErrBadSignature},
		"jku of the attacker":          {forger.es256JWT(`{"alg":"ES256","kid":"x","jku":"https://evil.example/jwks"}`, claims), ErrUnknownKey},
		"x5u of the attacker":          {forger.es256JWT(`{"alg":"ES256","kid":"e","x5u":"https://evil.example/c"}`, claims), ErrBadSignature},
		"jwk with the attacker's, kid": {forger.es256JWT(`{"alg":"ES256","kid":"e","jwk":`+forger.ecJWK(`,"kid":"e"`)+`}`, claims), ErrBadSignature},
	} {
		v, err := VerifyAssertion(a.jwks(), test.jwt, []string{"ES256", "ES512", "RS256", "HS256", "none", "None"})
		if !errors.Is(err, test.want) || !errors.Is(err, ErrInvalidJWT) || v.Payload != nil {
			t.Errorf("%s: VerifyAssertion() = %v, want %v", name, err, test.want)
		}
	}
	for _, algs := range [][]string{nil, {}, {"RS256"}} {
		if _, err := VerifyAssertion(a.jwks(), good, algs); !errors.Is(err, ErrAlgorithm) {
			t.Errorf("allowed are %v: VerifyAssertion() = %v, want ErrAlgorithm", algs, err)
		}
	}
}

func dangling(last byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, last)^1])
}

// The same tokens at our own endpoints: a forged id_token_hint or JWT access
// token.
func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	k := mustGenerate(t, s, "set", "ES256", "k")
	hs := mustGenerate(t, s, "set", "HS256", "hs")
	good := mustSign(t, s, "set")
	parts := strings.Split(good, ".")
	var oct struct{ K string }
	if err := json.Unmarshal(hs[0].JSON, &oct); err != nil {
		t.Fatal(err)
	}
	secret, err := base64.RawURLEncoding.DecodeString(oct.K)
	if err != nil {
		t.Fatal(err)
	}
	a := newAttacker()
	for name, test := range map[string]struct {
		jwt  string
		want error
	}{
		"alg none":                     {b64url([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".", ErrMalformed},
		"HS256 with the public key":    {hs256JWT(`{"alg":"HS256","kid":"public:k"}`, k[0].JSON), ErrAlgorithm},
		"HS256 with a key of the set":  {hs256JWT(`{"alg":"HS256","kid":"hs"}`, secret), ErrUnknownKey},
		"HS256 without kid":            {hs256JWT(`{"alg":"HS256"}`, secret), ErrUnknownKey},
		"kid of the private half":      {a.es256JWT(`{"alg":"ES256","kid":"private:k"}`, claims), ErrUnknownKey},
		"another's key":                {a.es256JWT(`{"alg":"ES256","kid":"public:k"}`, claims), ErrBadSignature},
		"another's key without kid":    {a.es256JWT(`{"alg":"ES256"}`, claims), ErrBadSignature},
		"another's key in the header":  {a.es256JWT(`{"alg":"ES256","kid":"public:k","jwk":`+a.ecJWK("")+`}`, claims), ErrBadSignature},
		"no key of this type":          {a.rs256JWT(`{"alg":"RS256"}`, claims), ErrUnknownKey},
		"the key of another algorithm": {a.rs256JWT(`{"alg":"RS256","kid":"public:k"}`, claims), ErrAlgorithm},
		"changed claims":               {parts[0] + "." + b64url([]byte(`{"sub":"bob"}`)) + "." + parts[2], ErrBadSignature},
		"JSON serialization":           {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, ErrMalformed},
		"no JWT":                       {"ory_at_abc", ErrMalformed},
		"too long":                     {strings.Repeat("a", maxJWT+1), ErrMalformed},
	} {
		if _, err := s.Verify(t.Context(), "set", test.jwt); !errors.Is(err, test.want) || !errors.Is(err, ErrInvalidJWT) {
			t.Errorf("%s: Verify() = %v, want %v", name, err, test.want)
		}
	}
	if _, err := s.Verify(t.Context(), "other set", good); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("Verify() by another set = %v, want ErrUnknownKey", err)
	}
}

func TestVerifyWithoutKIDTriesAllOfTheType(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	a := newAttacker()
	mustGenerate(t, s, "set", "ES256", "one")
	if _, err := s.PutKey(t.Context(), "set", "mine", json.RawMessage(a.ecJWK(``)), Halves); err != nil {
		t.Fatal(err)
	}
	mustGenerate(t, s, "set", "ES256", "two")
	mustGenerate(t, s, "set", "EdDSA", "three")
	if v, err := s.Verify(t.Context(), "set", a.es256JWT(`{"alg":"ES256"}`, claims)); err != nil || v.KID != "" {
		t.Errorf("Verify() = %v, %v", v.KID, err)
	}
}

// The names that go into a set come back out, whatever they are.
func TestTokensOfOddlyNamedKeysVerify(t *testing.T) {
	t.Parallel()
	for _, kid := range []string{"a/b", "ключ 🔑", "%2F", "\"\\", "<script>", strings.Repeat("k", maxName-len("private:"))} {
		s, _, _ := newService(t)
		mustGenerate(t, s, "set", "EdDSA", kid)
		jwt := mustSign(t, s, "set")
		if got := kidOf(t, jwt); got != "public:"+kid {
			t.Errorf("kid %q became %q", kid, got)
		}
		if _, err := s.Verify(t.Context(), "set", jwt); err != nil {
			t.Errorf("kid %q: Verify() = %v", kid, err)
		}
	}
}

// RSA <2048, curve not allowed, weak e, duplicate kid, private part in client
// JWKS, oct keys → refuse at registration.
func TestCheckClientJWKS(t *testing.T) {
	t.Parallel()
	a := newAttacker()
	keys := func(list ...string) string { return `{"keys":[` + strings.Join(list, ",") + `]}` }
	many := make([]string, 21)
	for i := range many {
		many[i] = a.ecJWK(fmt.Sprintf(`,"kid":"%d"`, i))
	}
	ec := a.ecJWK(`,"kid":"a"`)
	for _, test := range []struct {
		name, jwks string
		ok         bool
	}{
		{"RSA and EC", string(a.jwks()), true},
		{"one without kid", keys(a.ecJWK("")), true},
		{"20 keys", keys(many[:20]...), true},
		{"with alg and use", keys(a.ecJWK(`,"kid":"a","alg":"ES256","use":"sig"`)), true},
		{"for encryption", keys(a.rsaJWK(`,"kid":"a","alg":"RSA-OAEP-256","use":"enc"`)), true},
		{"unknown members", `{"x":1,` + keys(a.ecJWK(`,"x-my":[1]`))[1:], true},
		{"certificates are not looked at", keys(a.ecJWK(`,"x5c":["AAAA"],"x5u":"https://evil.example/"`)), true},
		{"Ed25519", keys(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`), true},

		{"21 keys", keys(many...), false},
		{"two without kid", keys(a.ecJWK(""), a.rsaJWK("")), false},
		{"a kid twice", keys(a.ecJWK(`,"kid":"a"`), a.rsaJWK(`,"kid":"a"`)), false},
		{"RSA of 1,024 bits", keys(rsa1024), false},
		{"RSA of 8,192 bits", keys(fmt.Sprintf(`{"kty":"RSA","e":"AQAB","n":%q}`, b64url(new(big.Int).SetBit(big.NewInt(1), 8191, 1).Bytes()))), false},
		{"RSA with e=3", keys(strings.Replace(a.rsaJWK(""), `"AQAB"`, `"Aw"`, 1)), false},
		{"RSA with e=1", keys(strings.Replace(a.rsaJWK(""), `"AQAB"`, `"AQ"`, 1)), false},
		{"RSA with a huge e", keys(strings.Replace(a.rsaJWK(""), `"AQAB"`, `"AQAAAAAAAAAAAQ"`, 1)), false},
		{"private EC", keys(a.ecJWK(`,"d":"` + b64url(make([]byte, 32)) + `"`)), false},
		{"private RSA", keys(a.rsaJWK(`,"d":"AQAB"`)), false},
		{"private RSA, a prime alone", keys(a.rsaJWK(`,"p":"AQAB"`)), false},
		{"private RSA, more primes", keys(a.rsaJWK(`,"oth":[]`)), false},
		{"symmetric", keys(`{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`), false},
		{"symmetric part in another", keys(a.ecJWK(`,"k":"AAAA"`)), false},
		{"curve secp256k1", keys(strings.Replace(ec, "P-256", "secp256k1", 1)), false},
		{"another curve's point", keys(strings.Replace(ec, "P-256", "P-384", 1)), false},
		{"point not on the curve", keys(`{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`), false},
		{"short Ed25519", keys(`{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`), false},
		{"X25519", keys(`{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`), false},
		{"unknown type", keys(`{"kty":"EX"}`), false},
		{"no type", keys(`{"kid":"a"}`), false},
		{"alg of another type", keys(a.ecJWK(`,"alg":"RS256"`)), false},
		{"symmetric alg", keys(a.rsaJWK(`,"alg":"HS256"`)), false},
		{"alg none", keys(a.rsaJWK(`,"alg":"none"`)), false},
		{"long kid", keys(a.ecJWK(`,"kid":"` + strings.Repeat("k", 1025) + `"`)), false},
		{"a member twice", keys(strings.Replace(ec, `{`, `{"kty":"RSA",`, 1)), false},
		{"a key that is no object", keys(`"a"`), false},
		{"no keys", `{}`, false},
		{"keys null", `{"keys":null}`, false},
		{"no array", `{"keys":` + ec + `}`, false},
		{"array", `[` + ec + `]`, false},
		{"nothing", ``, false},
		{"null", `null`, false},
		{"text behind", keys(ec) + `x`, false},
		{"longer than 64 KiB", keys(ec, `"`+strings.Repeat("a", 64<<10)+`"`), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := CheckClientJWKS(json.RawMessage(test.jwks))
			if test.ok && err != nil || !test.ok && !errors.Is(err, oauth.InvalidClientMetadata) {
				t.Errorf("CheckClientJWKS() = %v, want it good: %v", err, test.ok)
			}
		})
	}
}

// Keys of a fetched set that cannot be used are passed over, and are not used.
func TestUnusableKeysArePassedOver(t *testing.T) {
	t.Parallel()
	a := newAttacker()
	jwt := a.es256JWT(`{"alg":"ES256","kid":"e"}`, claims)
	good := a.ecJWK(`,"kid":"e"`)
	for _, test := range []struct {
		name, keys string
		want       error
	}{
		{"an unknown type beside", `{"kty":"EX","kid":"e"},` + good, nil},
		{"a broken key beside", `{"kty":"EC","kid":"e"},"x",` + good, nil},
		{"of the same kid, the second is it", `{"kty":"OKP","crv":"Ed25519","kid":"e","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},` + good, nil},
		{"for encryption", a.ecJWK(`,"kid":"e","use":"enc"`), ErrUnknownKey},
		{"with a private part", a.ecJWK(`,"kid":"e","d":"AAAA"`), ErrUnknownKey},
		{"for another algorithm", a.rsaJWK(`,"kid":"e","alg":"PS256"`), ErrAlgorithm},
		{"none", ``, ErrUnknownKey},
	} {
		_, err := VerifyAssertion(json.RawMessage(`{"keys":[`+test.keys+`]}`), jwt, AssertionAlgs())
		if !errors.Is(err, test.want) {
			t.Errorf("%s: VerifyAssertion() = %v, want %v", test.name, err, test.want)
		}
	}
	if _, err := VerifyAssertion(nil, jwt, AssertionAlgs()); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("no set: VerifyAssertion() = %v, want ErrUnknownKey", err)
	}
}

func FuzzVerifyAssertion(f *testing.F) {
	a := newAttacker()
	f.Add([]byte(`{"alg":"ES256","kid":"e","typ":"JWT"}`), []byte(claims), []byte("signature"))
	f.Add([]byte(`{"alg":"none"}`), []byte(`{}`), []byte{})
	f.Add([]byte(`{"alg":"HS256","jwk":{"kty":"oct","k":"AA"}}`), []byte(`{}`), make([]byte, 32))
	f.Add([]byte(`{"alg":"ES256","crit":["a"],"x5c":["AA"]}`), []byte(`{}`), make([]byte, 64))
	f.Fuzz(func(t *testing.T, header, payload, signature []byte) {
		jwt := b64url(header) + "." + b64url(payload) + "." + b64url(signature)
		if _, err := VerifyAssertion(a.jwks(), jwt, AssertionAlgs()); !errors.Is(err, ErrInvalidJWT) {
			t.Errorf("a forged token: VerifyAssertion(%s) = %v", jwt, err)
		}
	})
}

func FuzzParseJWK(f *testing.F) {
	a := newAttacker()
	f.Add([]byte(a.ecJWK(`,"kid":"a"`)))
	f.Add([]byte(a.rsaJWK(`,"use":"enc"`)))
	f.Add([]byte(`{"kty":"oct","k":"AAAA"}`))
	f.Add([]byte(`{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := parseJWK(raw)
		if err == nil {
			again, err := parseJWK(p.json)
			if err != nil || string(again.json) != string(p.json) || !p.sameMaterial(again) {
				t.Errorf("%s is stored as %s and read as another key: %v", raw, p.json, err)
			}
		}
		if k, err := parseClientKey(raw); err == nil && p != nil && p.private {
			t.Errorf("%s is private for us and public for a client: %v", raw, k.public)
		}
	})
}
