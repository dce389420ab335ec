package secret

import (
	"regexp"
	"strings"
	"testing"
)

func TestRandomValues(t *testing.T) {
	t.Parallel()
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	secret := regexp.MustCompile(`^[A-Za-z0-9._~-]{26}$`)
	seen := make(map[string]bool)
	letters := make(map[rune]bool)
	for range 2000 {
		id := NewID()
		s := ClientSecret()
		for _, v := range []string{UUID(), s, string(id[:]), string(Bytes(16))} {
			if seen[v] {
				t.Fatalf("%q came twice", v)
			}
			seen[v] = true
		}
		if !secret.MatchString(s) {
			t.Fatalf("ClientSecret() = %q", s)
		}
		for _, r := range s {
			letters[r] = true
		}
	}
	if u := UUID(); !uuid.MatchString(u) {
		t.Errorf("UUID() = %q", u)
	}
	if len(letters) != len(secretAlphabet) {
		t.Errorf("secrets use %d letters of %d", len(letters), len(secretAlphabet))
	}
	if len(Bytes(0)) != 0 || len(Bytes(33)) != 33 {
		t.Error("Bytes() has another length")
	}
}

func TestDraw(t *testing.T) {
	t.Parallel()
	const alphabet = "BCDFGHJK"
	seen := map[string]bool{}
	for range 200 {
		text := Draw(alphabet, 9)
		if len(text) != 9 || strings.Trim(text, alphabet) != "" {
			t.Fatalf("Draw() = %q", text)
		}
		seen[text] = true
	}
	if len(seen) < 199 {
		t.Errorf("only %d of 200 texts differ", len(seen))
	}
}
