package secret

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"
)

// A sealed private key or session blob moved to another row by someone who can
// write the database → does not open.
func TestRowIsBoundToItsPlace(t *testing.T) {
	t.Parallel()
	s := newSealer("https://a.example/")
	blob, err := s.SealRow("keys", "data", []byte("id"), []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := s.OpenRow("keys", "data", []byte("id"), blob); err != nil || string(plain) != "plain" {
		t.Errorf("OpenRow() = %q, %v", plain, err)
	}
	renamed := newSealer("https://b.example/")
	if _, err := renamed.OpenRow("keys", "data", []byte("id"), blob); err != nil {
		t.Errorf("OpenRow() after the issuer was renamed = %v", err)
	}
	changed := func(i int) []byte { b := bytes.Clone(blob); b[i] ^= 1; return b }
	other := newSealer("https://a.example/")
	other.Use([]DataKey{{KID: 100 + uint32(Row), Kind: Row, Key: [32]byte{99}, ActiveFrom: noon}})
	for name, open := range map[string]func() ([]byte, error){
		"other table":         func() ([]byte, error) { return s.OpenRow("grants", "data", []byte("id"), blob) },
		"other column":        func() ([]byte, error) { return s.OpenRow("keys", "hook", []byte("id"), blob) },
		"other row":           func() ([]byte, error) { return s.OpenRow("keys", "data", []byte("ie"), blob) },
		"shifted boundary":    func() ([]byte, error) { return s.OpenRow("key", "sdata", []byte("id"), blob) },
		"other installation":  func() ([]byte, error) { return other.OpenRow("keys", "data", []byte("id"), blob) },
		"other version":       func() ([]byte, error) { return s.OpenRow("keys", "data", []byte("id"), changed(0)) },
		"unknown kid":         func() ([]byte, error) { return s.OpenRow("keys", "data", []byte("id"), changed(1)) },
		"kid of another kind": func() ([]byte, error) { return s.OpenRow("keys", "data", []byte("id"), changed(4)) },
		"other nonce":         func() ([]byte, error) { return s.OpenRow("keys", "data", []byte("id"), changed(5)) },
		"other text":          func() ([]byte, error) { return s.OpenRow("keys", "data", []byte("id"), changed(len(blob)-1)) },
		"truncated":           func() ([]byte, error) { return s.OpenRow("keys", "data", []byte("id"), blob[:len(blob)-1]) },
		"empty":               func() ([]byte, error) { return s.OpenRow("keys", "data", []byte("id"), nil) },
	} {
		if plain, err := open(); !errors.Is(err, ErrRow) {
			t.Errorf("%s: OpenRow() = %q, %v, want ErrRow", name, plain, err)
		}
	}
	s.Use(nil)
	if _, err := s.SealRow("keys", "data", nil, nil); !errors.Is(err, ErrNoKey) {
		t.Errorf("SealRow() without a key = %v, want ErrNoKey", err)
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	s := newSealer("https://a.example/")
	want := s.Index("subject", "alice")
	if s.Index("subject", "alice") != want {
		t.Error("the same parts gave another hash")
	}
	for _, parts := range [][]string{{"subject", "alicf"}, {"client", "alice"}, {"subject", "ali", "ce"}, {"subject", "alice", ""}, {"subjecta", "lice"}, {"subject"}} {
		if s.Index(parts[0], parts[1:]...) == want {
			t.Errorf("Index(%q) is that of (subject, alice)", parts)
		}
	}
	// Rows are looked up by it for ever: a key that joins later changes nothing.
	s.Use(append(ringKeys(), DataKey{KID: 1, Kind: Index, Key: [32]byte{7}, ActiveFrom: noon.Add(-time.Minute)}))
	if s.Index("subject", "alice") != want {
		t.Error("a newer key changed the hash")
	}
	s.Use([]DataKey{{KID: 1, Kind: Index, Key: [32]byte{7}}})
	if s.Index("subject", "alice") == want {
		t.Error("another key gave the same hash")
	}
	defer func() {
		if recover() == nil {
			t.Error("Index without a ring did not panic")
		}
	}()
	NewSealer("https://a.example/").Index("subject", "alice")
}

func TestKeysDoNotPrint(t *testing.T) {
	t.Parallel()
	system, err := NewSystem([]string{"a system secret of some length"})
	if err != nil {
		t.Fatal(err)
	}
	key := DataKey{KID: 5, Kind: Code, Key: [32]byte([]byte("0123456789abcdef0123456789abcdef"))}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, text := range []string{fmt.Sprintf(format, key), fmt.Sprintf(format, []DataKey{key})} {
			if bytes.Contains([]byte(text), key.Key[:]) || bytes.Contains([]byte(text), []byte("48, 49")) || bytes.Contains([]byte(text), []byte("0x30, 0x31")) {
				t.Errorf("%s prints the key: %s", format, text)
			}
		}
	}
	if got := fmt.Sprint(system); got != "[redacted]" {
		t.Errorf("a System prints as %q", got)
	}
}
