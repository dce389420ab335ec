package remote

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Every form of a key gives a JWK that another implementation reads as the
// same key, with the thumbprint that it computes.
func TestKeysOfFiles(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{
		"PKCS #1":        x509.MarshalPKCS1PrivateKey(rsaKey),
		"PKCS #1 public": x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey),
	}
	want := map[string]any{"PKCS #1": rsaKey, "PKCS #1 public": &rsaKey.PublicKey}
	pkcs8 := func(name string, key, public any) {
		t.Helper()
		if files[name], err = x509.MarshalPKCS8PrivateKey(key); err != nil {
			t.Fatal(err)
		}
		if files[name+" public"], err = x509.MarshalPKIXPublicKey(public); err != nil {
			t.Fatal(err)
		}
		want[name], want[name+" public"] = key, public
	}
	pkcs8("PKCS #8 RSA", rsaKey, &rsaKey.PublicKey)
	pkcs8("PKCS #8 Ed25519", edKey, edKey.Public())
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		name := c.Params().Name
		pkcs8("PKCS #8 "+name, k, &k.PublicKey)
		if files["SEC 1 "+name], err = x509.MarshalECPrivateKey(k); err != nil {
			t.Fatal(err)
		}
		want["SEC 1 "+name] = k
	}
	for name, der := range files {
		for form, raw := range map[string][]byte{"DER": der, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})} {
			keys, err := Keys(raw)
			if err != nil || len(keys) != 1 {
				t.Errorf("%s %s: %v, %d keys", name, form, err, len(keys))
				continue
			}
			text, err := json.Marshal(keys[0])
			if err != nil {
				t.Fatal(err)
			}
			var k jose.JSONWebKey
			if err := k.UnmarshalJSON(text); err != nil {
				t.Errorf("%s %s: %v", name, form, err)
				continue
			}
			same := false
			switch w := want[name].(type) {
			case *rsa.PrivateKey:
				same = w.Equal(k.Key)
			case *rsa.PublicKey:
				same = w.Equal(k.Key)
			case *ecdsa.PrivateKey:
				same = w.Equal(k.Key)
			case *ecdsa.PublicKey:
				same = w.Equal(k.Key)
			case ed25519.PrivateKey:
				same = w.Equal(k.Key)
			case ed25519.PublicKey:
				same = w.Equal(k.Key)
			}
			sum, err := k.Thumbprint(crypto.SHA256)
			if err != nil || !same || k.KeyID != b64(sum) {
				t.Errorf("%s %s: same key %t, kid %s, want %s (%v)", name, form, same, k.KeyID, b64(sum), err)
			}
		}
	}
}

func TestMistakesInKeyFiles(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"":                                   "empty",
		"nonsense":                           "no key in PEM, DER or JSON",
		"{":                                  "no JSON Web Key",
		"[1]":                                "no list",
		"[]":                                 "no key",
		`{"kid":"a"}`:                        "kty",
		`{"keys":[{"kty":"RSA","n":"AQ"}]}`:  "member e is missing",
		`{"keys":[{"kty":"new","n":"AQ"}]}`:  "not known here",
		"-----BEGIN X-----\n-----END X-----": "block X",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----":       "encrypted",
		"[" + strings.Repeat(`{"kty":"oct","k":"AA"},`, maxFileKeys) + `{"kty":"oct","k":"AA"}]`: "more than",
	} {
		if _, err := Keys([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.60q: %v, want %q in it", text, err, says)
		}
	}
}

func FuzzKeys(f *testing.F) {
	for _, seed := range []string{`{"kty":"oct","k":"AA"}`, `{"keys":[]}`, "[]", "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----", "0\x03\x02\x01\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		keys, err := Keys(raw)
		if err != nil {
			return
		}
		for _, k := range keys {
			if k.Text("kty") == "" || k.Text("kid") == "" {
				t.Errorf("a key without kty or kid: %v", k)
			}
		}
	})
}

func TestFits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kty, crv, alg string
		want          bool
	}{
		{"RSA", "", "PS384", true}, {"RSA", "", "RSA-OAEP-256", true}, {"RSA", "", "ES256", false}, {"RSA", "", "HS256", false},
		{"EC", "P-256", "ES256", true}, {"EC", "P-256", "ES384", false}, {"EC", "P-521", "ECDH-ES", true}, {"EC", "X", "", false},
		{"OKP", "Ed25519", "EdDSA", true}, {"OKP", "Ed25519", "RS256", false}, {"oct", "", "HS256", true}, {"new", "", "RS256", false},
	} {
		if got := (JWK{"kty": test.kty, "crv": test.crv}).Fits(test.alg); got != test.want {
			t.Errorf("%s %s with %s: %t", test.kty, test.crv, test.alg, got)
		}
	}
}
