package key

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Many nodes that are asked at once make one pair of each kind.
func TestEnsureEncryptionOnce(t *testing.T) {
	t.Parallel()
	s, m, _ := newService(t)
	offered := 0
	m.onOffer = func() { offered++ }
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := s.EnsureEncryption(t.Context(), "enc"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if offered != 1 {
		t.Errorf("a node made the pairs %d times, want once", offered)
	}
	keys, err := s.Set(t.Context(), "enc")
	if err != nil || len(keys) != 4 {
		t.Fatalf("%d keys, %v; want two pairs", len(keys), err)
	}
	if _, err := s.Verify(t.Context(), "enc", "e30.e30.AA"); !errors.Is(err, ErrInvalidJWT) {
		t.Errorf("a set for encryption verifies: %v", err)
	}
}

func TestDecrypt(t *testing.T) {
	t.Parallel()
	s, _, _ := newService(t)
	if err := s.EnsureEncryption(t.Context(), "enc"); err != nil {
		t.Fatal(err)
	}
	keys, err := s.Set(t.Context(), "enc")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if k.Private {
			continue
		}
		var public jose.JSONWebKey
		if err := public.UnmarshalJSON(k.JSON); err != nil {
			t.Fatal(err)
		}
		for _, alg := range DecryptionAlgs() {
			if strings.HasPrefix(alg, "RSA") != strings.HasPrefix(k.Alg, "RSA") {
				continue
			}
			for _, enc := range ContentEncryptions() {
				e, err := jose.NewEncrypter(jose.ContentEncryption(enc), jose.Recipient{Algorithm: jose.KeyAlgorithm(alg), Key: public.Key, KeyID: public.KeyID}, nil)
				if err != nil {
					t.Fatal(err)
				}
				jwe, err := e.Encrypt([]byte("hello"))
				if err != nil {
					t.Fatal(err)
				}
				text, err := jwe.CompactSerialize()
				if err != nil {
					t.Fatal(err)
				}
				plain, err := s.Decrypt(t.Context(), "enc", text)
				if err != nil || string(plain) != "hello" {
					t.Errorf("%s, %s: %q, %v", alg, enc, plain, err)
				}
				last := strings.LastIndexByte(text, '.')
				if _, err := s.Decrypt(t.Context(), "enc", text[:last+1]+strings.Repeat("A", len(text)-last-1)); !errors.Is(err, ErrInvalidJWT) {
					t.Errorf("%s, %s with another tag: %v", alg, enc, err)
				}
			}
		}
	}
	for name, text := range map[string]string{
		"compressed": b64url([]byte(`{"alg":"RSA-OAEP","enc":"A128GCM","zip":"DEF"}`)) + ".A.A.A.A",
		"crit":       b64url([]byte(`{"alg":"RSA-OAEP","enc":"A128GCM","crit":["x"]}`)) + ".A.A.A.A",
		"RSA1_5":     b64url([]byte(`{"alg":"RSA1_5","enc":"A128GCM"}`)) + ".AAAA.AAAA.AAAA.AAAA",
		"long":       strings.Repeat("A", maxJWT) + ".A.A.A.A",
		"a JWS":      "e30.e30.AA",
	} {
		if _, err := s.Decrypt(t.Context(), "enc", text); !errors.Is(err, ErrInvalidJWT) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A secret that is too short for its hash, and an algorithm of another family,
// are never a key.
func TestVerifyMAC(t *testing.T) {
	t.Parallel()
	sign := func(secret string) string {
		text := b64url([]byte(`{"alg":"HS256"}`)) + "." + b64url([]byte(`{"sub":"a"}`))
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(text))
		return text + "." + b64url(mac.Sum(nil))
	}
	long, short := strings.Repeat("s", 32), strings.Repeat("s", 31)
	for _, test := range []struct {
		name, secret, jwt string
		algs              []string
		want              error
	}{
		{"good", long, sign(long), SecretAlgs(), nil},
		{"another secret", long + "x", sign(long), SecretAlgs(), ErrBadSignature},
		{"too short a secret", short, sign(short), SecretAlgs(), ErrAlgorithm},
		{"not allowed", long, sign(long), []string{"HS512"}, ErrAlgorithm},
		{"none", long, b64url([]byte(`{"alg":"none"}`)) + ".e30.AA", []string{"none"}, ErrAlgorithm},
		{"RS256", long, b64url([]byte(`{"alg":"RS256"}`)) + ".e30.AA", []string{"RS256"}, ErrAlgorithm},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := VerifyMAC([]byte(test.secret), test.jwt, test.algs); !errors.Is(err, test.want) {
				t.Errorf("VerifyMAC() = %v, want %v", err, test.want)
			}
		})
	}
}
