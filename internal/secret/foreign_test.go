package secret

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// Made with Python (hmac) and Node.js (aes-256-gcm), not with this package.
const (
	foreignSystem = "a-system-secret-of-32-characters"
	foreignSigned = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8.rufkkld_GCmUpG8owzaXJFN0j_Qa9L5o0iH5oHAya9A"
	foreignSealed = "AAECAwQFBgcICQoLcC9d1ORsSBuCuJRX6E9yB-XtU6RUrgQ="
)

func TestForeignSignature(t *testing.T) {
	t.Parallel()
	keys := []ForeignKey{NewForeignKey("another"), NewForeignKey(foreignSystem)}
	for _, token := range []string{foreignSigned, "ory_rt_" + foreignSigned} {
		if got, ok := ForeignSignature(keys, token); !ok || got != "rufkkld_GCmUpG8owzaXJFN0j_Qa9L5o0iH5oHAya9A" {
			t.Errorf("ForeignSignature(%q) = %q, %t", token, got, ok)
		}
	}
	if _, ok := ForeignSignature(keys[:1], foreignSigned); ok {
		t.Error("another secret has signed it, too")
	}
	if _, ok := ForeignSignature(nil, foreignSigned); ok {
		t.Error("it is signed without any secret")
	}
	random, mac, _ := strings.Cut(foreignSigned, ".")
	for name, token := range map[string]string{
		"nothing": "", "a dot": ".", "no signature": random + ".", "no random part": "." + mac, "the signature alone": mac,
		"another random part": "B" + random[1:] + "." + mac, "another signature": random + ".s" + mac[1:],
		"a third part": foreignSigned + ".", "padding": random + "=." + mac, "a line break": random + "\n." + mac,
		// The last character of 43 has two bits that no byte comes from.
		"another spelling of the random part": random[:42] + "9." + mac, "another spelling of the signature": random + "." + mac[:42] + "B",
		"the prefix of access tokens": "ory_at_" + foreignSigned, "two prefixes": "ory_rt_ory_rt_" + foreignSigned, "a space": " " + foreignSigned,
		"the alphabet of standard base64": strings.ReplaceAll(foreignSigned, "_", "/"),
		"a long one":                      strings.Repeat("A", 1<<20) + "." + mac,
	} {
		if _, ok := ForeignSignature(keys, token); ok {
			t.Errorf("%s: it is signed", name)
		}
	}
}

func TestOpenForeign(t *testing.T) {
	t.Parallel()
	keys := []ForeignKey{NewForeignKey("another"), NewForeignKey(foreignSystem)}
	if got, err := OpenForeign(keys, foreignSealed); err != nil || string(got) != `{"a":1}` {
		t.Errorf("OpenForeign() = %q, %v", got, err)
	}
	for name, text := range map[string]string{
		"nothing": "", "no base64": "!", "too short": "AAEC", "a nonce alone": "AAECAwQFBgcICQoL", "cut off": foreignSealed[:40],
		"changed": "B" + foreignSealed[1:],
	} {
		if _, err := OpenForeign(keys, text); err != ErrForeign {
			t.Errorf("%s: OpenForeign() = %v", name, err)
		}
	}
	if _, err := OpenForeign(keys[:1], foreignSealed); err != ErrForeign {
		t.Errorf("another secret: OpenForeign() = %v", err)
	}
}

func TestForeignKeyIsHidden(t *testing.T) {
	t.Parallel()
	k := NewForeignKey("a")
	for _, text := range []string{fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s %x", k, k, k, k, k)} {
		if strings.Contains(text, fmt.Sprintf("%x", k[:4])) || strings.Contains(text, fmt.Sprint(k[0], " ", k[1])) {
			t.Errorf("the key is in %q", text)
		}
	}
}

func TestReadableHash(t *testing.T) {
	t.Parallel()
	for hash, want := range map[string]bool{
		"$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy":                                           true,
		"$2a$31$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy":                                           false, // would take days
		"$pbkdf2-sha256$i=25000,l=32$c2FsdHNhbHRzYWx0$" + base64.RawStdEncoding.EncodeToString(make([]byte, 32)): true,
		"$pbkdf2-sha256$i=x": false, "$argon2id$v=19$": false, "plain": false, "": false, "$2": false,
	} {
		if got := ReadableHash(hash); got != want {
			t.Errorf("ReadableHash(%q) = %t", hash, got)
		}
	}
}

// What a stranger sends has one spelling, or is not signed.
func FuzzForeignSignature(f *testing.F) {
	keys := []ForeignKey{NewForeignKey(foreignSystem)}
	for _, token := range []string{foreignSigned, "ory_rt_" + foreignSigned, ".", "a.b"} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		signature, ok := ForeignSignature(keys, token)
		if !ok {
			return
		}
		random, rest, _ := strings.Cut(strings.TrimPrefix(token, foreignPrefix), ".")
		raw, err := base64.RawURLEncoding.Strict().DecodeString(random)
		if rest != signature || err != nil || base64.RawURLEncoding.EncodeToString(raw) != random {
			t.Errorf("%q is signed by %q", token, signature)
		}
	})
}

// What stands in the other database is opened, or refused.
func FuzzOpenForeign(f *testing.F) {
	keys := []ForeignKey{NewForeignKey(foreignSystem)}
	f.Add(foreignSealed)
	f.Add("AAEC")
	f.Fuzz(func(t *testing.T, text string) {
		if plain, err := OpenForeign(keys, text); (err == nil) != (plain != nil) && err != ErrForeign {
			t.Errorf("OpenForeign(%q) = %q, %v", text, plain, err)
		}
	})
}
