package key

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// encrypted encrypts to each key of a set that is published, by kid.
func encrypted(t *testing.T, s *Service, set string) map[string]string {
	t.Helper()
	body, err := s.PublicJWKS(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	var jwks jose.JSONWebKeySet
	if err := json.Unmarshal(body, &jwks); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, k := range jwks.Keys {
		e, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.KeyAlgorithm(k.Algorithm), Key: k.Key, KeyID: k.KeyID}, nil)
		if err != nil {
			t.Fatal(err)
		}
		jwe, err := e.Encrypt([]byte(k.KeyID))
		if err != nil {
			t.Fatal(err)
		}
		if texts[k.KeyID], err = jwe.CompactSerialize(); err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

func opens(t *testing.T, s *Service, texts map[string]string, want bool) {
	t.Helper()
	for kid, text := range texts {
		switch plain, err := s.Decrypt(t.Context(), "enc", text); {
		case want && (err != nil || string(plain) != kid):
			t.Errorf("Decrypt() = %q, %v, want it open", plain, err)
		case !want && !errors.Is(err, ErrInvalidJWT):
			t.Errorf("Decrypt() = %q, %v, want it refused", plain, err)
		}
	}
}

// The life of a pair that others encrypt to: published, retired but opening
// what it was used for, gone.
func TestRotateEncryption(t *testing.T) {
	t.Parallel()
	s, _, c := newService(t)
	s.PublishFor = 24 * time.Hour
	if made, err := s.RotateEncryption(t.Context(), "enc"); err != nil || len(made) != 0 {
		t.Errorf("RotateEncryption() of nothing = %+v, %v", made, err)
	}
	if err := s.EnsureEncryption(t.Context(), "enc"); err != nil {
		t.Fatal(err)
	}
	old := encrypted(t, s, "enc")
	c.add(time.Hour)
	if made, err := s.RotateEncryptionOlder(t.Context(), "enc", 2*time.Hour); err != nil || len(made) != 0 {
		t.Errorf("RotateEncryptionOlder() before the time = %+v, %v", made, err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var made []Rotated
	for range 4 { // of several at once one wins
		wg.Go(func() {
			one, err := s.RotateEncryptionOlder(t.Context(), "enc", time.Hour)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			made = append(made, one...)
		})
	}
	wg.Wait()
	if len(made) != 2 {
		t.Fatalf("RotateEncryptionOlder() = %+v, want two pairs", made)
	}
	fresh := encrypted(t, s, "enc")
	for _, k := range made {
		if fresh[k.KID] == "" || len(fresh) != 2 {
			t.Errorf("%s is not published, of %d keys", k.KID, len(fresh))
		}
	}
	if err := s.EnsureEncryption(t.Context(), "enc"); err != nil {
		t.Fatal(err)
	}
	if again := encrypted(t, s, "enc"); len(again) != 2 {
		t.Errorf("%d keys are published after EnsureEncryption()", len(again))
	}
	opens(t, s, old, true)
	opens(t, s, fresh, true)
	c.add(24*time.Hour - time.Microsecond)
	opens(t, s, old, true)
	c.add(time.Microsecond)
	opens(t, s, old, false)
	opens(t, s, fresh, true)
	if _, err := s.RotateEncryption(t.Context(), "enc"); err != nil {
		t.Fatal(err)
	}
	keys, err := s.Set(t.Context(), "enc")
	if err != nil || len(keys) != 8 {
		t.Errorf("%d keys are left, %v, want two generations of two pairs", len(keys), err)
	}
	for _, k := range keys {
		if old[strings.Replace(k.KID, privatePrefix, publicPrefix, 1)] != "" {
			t.Errorf("%s is still there", k.KID)
		}
	}
}

// A pair that another node has just made opens at once what was encrypted to it.
func TestDecryptWithAKeyOfAnotherNode(t *testing.T) {
	t.Parallel()
	s, m, c := newService(t)
	if err := s.EnsureEncryption(t.Context(), "enc"); err != nil {
		t.Fatal(err)
	}
	late := &Service{Store: m, Sealer: s.Sealer, Watch: &Watch{Store: m, Now: c.Now, Staleness: time.Minute}, Now: c.Now}
	opens(t, late, encrypted(t, s, "enc"), true)
	if _, err := s.RotateEncryption(t.Context(), "enc"); err != nil {
		t.Fatal(err)
	}
	for kid, text := range encrypted(t, s, "enc") { // unknown kids are looked for once a second
		c.add(forceEvery)
		opens(t, late, map[string]string{kid: text}, true)
	}
}
