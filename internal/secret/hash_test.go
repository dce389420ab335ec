package secret

import (
	"encoding/hex"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// few keeps tests quick.
const few = 1000

func TestVerifyHash(t *testing.T) {
	t.Parallel()
	// RFC 7914 §11, PBKDF2-HMAC-SHA-256 with P="Password", S="NaCl", c=80000.
	rfc, err := hex.DecodeString("4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d")
	if err != nil {
		t.Fatal(err)
	}
	rfcHash := pbkdf2Hash{name: "sha256", iterations: 80000, salt: []byte("NaCl"), hash: rfc}.String()
	const bcryptHash = "$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga" // of x/crypto's tests
	generated, chosen := HashGenerated("generated"), HashChosen("chosen", few)
	for _, test := range []struct {
		name, hash, secret string
		ok, outdated       bool
	}{
		{"generated", generated, "generated", true, false},
		{"generated, wrong", generated, "generatee", false, false},
		{"generated, empty", generated, "", false, false},
		{"chosen, few iterations", chosen, "chosen", true, true},
		{"chosen, wrong", chosen, "chosem", false, false},
		{"RFC 7914", rfcHash, "Password", true, true},
		{"RFC 7914, wrong", rfcHash, "password", false, false},
		{"bcrypt", bcryptHash, "allmine", true, true},
		{"bcrypt, wrong", bcryptHash, "allmind", false, false},
		{"bcrypt, absurd cost", strings.Replace(bcryptHash, "$10$", "$31$", 1), "allmine", false, false},
		{"no hash", "", "", false, false},
		{"plain text", "secret", "secret", false, false},
		{"unknown form", "$argon2id$v=19$m=1,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g", "x", false, false},
		{"damaged", "$sha256$x$y", "x", false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ok, outdated := VerifyHash(test.hash, test.secret)
			if ok != test.ok || outdated != test.outdated {
				t.Errorf("VerifyHash() = %v, outdated %v, want %v, %v", ok, outdated, test.ok, test.outdated)
			}
		})
	}
}

// bcrypt reads 72 bytes: all longer secrets with the same beginning would be
// one.
func TestLongSecretNeverMatchesBcrypt(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 72)
	hash, err := bcrypt.GenerateFromPassword([]byte(long), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	if ok, outdated := VerifyHash(string(hash), long); !ok || !outdated {
		t.Errorf("72 bytes: VerifyHash() = %v, outdated %v, want true, true", ok, outdated)
	}
	if ok, _ := VerifyHash(string(hash), long+"b"); ok {
		t.Error("73 bytes match")
	}
}

func TestDummyHashCostsTheSameAndNeverMatches(t *testing.T) {
	t.Parallel()
	for iterations, want := range map[int]int{few: few, 0: DefaultIterations, 1 << 40: maxIterations} {
		p, err := parsePBKDF2(DummyHash(iterations))
		if err != nil || p.iterations != want || len(p.hash) != hashSize || p.name != "sha256" {
			t.Errorf("DummyHash(%d) = %d iterations, %v, want %d", iterations, p.iterations, err, want)
		}
	}
	if ok, _ := VerifyHash(DummyHash(few), ""); ok {
		t.Error("the empty secret matches")
	}
}

func TestOutdated(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		hash       string
		iterations int
		want, slow bool
	}{
		{HashGenerated("x"), few, false, false},
		{HashChosen("x", few), few, false, true},
		{HashChosen("x", few), few - 1, false, true},
		{HashChosen("x", few), few + 1, true, true},
		{DummyHash(0), 0, false, true},
		{"$pbkdf2-sha512$i=1000000,l=32$c2FsdHNhbHQ$" + strings.Repeat("A", 43), few, true, true},
		{"$2a$12$whatever", few, true, true},
	} {
		if got := Outdated(test.hash, test.iterations); got != test.want {
			t.Errorf("Outdated(%.30s, %d) = %v, want %v", test.hash, test.iterations, got, test.want)
		}
		if got := IsSlow(test.hash); got != test.slow {
			t.Errorf("IsSlow(%.30s) = %v, want %v", test.hash, got, test.slow)
		}
	}
}

func TestHashesAreSalted(t *testing.T) {
	t.Parallel()
	if HashGenerated("x") == HashGenerated("x") || HashChosen("x", few) == HashChosen("x", few) {
		t.Error("two hashes of one secret are equal")
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add(HashGenerated("x"))
	f.Add(HashChosen("x", 1))
	f.Add("$pbkdf2-sha512$i=1,l=64$AAAA$" + strings.Repeat("A", 86))
	f.Add("$pbkdf2-sha256$i=01,l=32$AAAA$" + strings.Repeat("A", 43))
	f.Add("$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga")
	f.Fuzz(func(t *testing.T, encoded string) {
		if p, err := parsePBKDF2(encoded); err == nil && p.String() != encoded {
			t.Errorf("%q is read as %q", encoded, p)
		}
		if salt, sum, err := parseSalted(encoded); err == nil && "$sha256$"+b64(salt)+"$"+b64(sum) != encoded {
			t.Errorf("%q has a second spelling", encoded)
		}
		Outdated(encoded, few) // must not panic
	})
}
