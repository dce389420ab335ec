package secret

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

const (
	oldSecret = "the old system secret"
	newSecret = "the new system secret"
)

func mustSystem(t *testing.T, secrets ...string) *System {
	t.Helper()
	s, err := NewSystem(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWrap(t *testing.T) {
	t.Parallel()
	old, rotated, renewed := mustSystem(t, oldSecret), mustSystem(t, newSecret, oldSecret), mustSystem(t, newSecret)
	blob, err := old.Wrap("purpose", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	changed := func(i int) []byte { b := bytes.Clone(blob); b[i] ^= 1; return b }
	for _, test := range []struct {
		name    string
		system  *System
		purpose string
		blob    []byte
		ok      bool
		current bool
	}{
		{"the same secret", old, "purpose", blob, true, true},
		{"an old secret", rotated, "purpose", blob, true, false},
		{"a secret that is gone", renewed, "purpose", blob, false, false},
		{"another purpose", old, "purposes", blob, false, false},
		{"another version", old, "purpose", changed(0), false, false},
		{"another nonce", old, "purpose", changed(1), false, false},
		{"another text", old, "purpose", changed(len(blob) - 1), false, false},
		{"truncated", old, "purpose", blob[:30], false, false},
		{"empty", old, "purpose", nil, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			plain, current, err := test.system.Unwrap(test.purpose, test.blob)
			switch {
			case test.ok && (err != nil || string(plain) != "plain" || current != test.current):
				t.Errorf("Unwrap() = %q, %v, %v, want current %v", plain, current, err, test.current)
			case !test.ok && !errors.Is(err, ErrUnwrap):
				t.Errorf("Unwrap() = %q, %v, want ErrUnwrap", plain, err)
			}
		})
	}
	again, err := rotated.Wrap("purpose", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if _, current, err := renewed.Unwrap("purpose", again); err != nil || !current {
		t.Errorf("the first secret does not wrap: %v, %v", current, err)
	}
}

func TestSystemSecretsAreChecked(t *testing.T) {
	t.Parallel()
	for name, secrets := range map[string][]string{
		"none":           nil,
		"too short":      {"0123456789abcde"},
		"second is poor": {oldSecret, "shorty"},
		"empty":          {""},
	} {
		_, err := NewSystem(secrets)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, s := range secrets {
			if s != "" && strings.Contains(err.Error(), s) {
				t.Errorf("%s: the error repeats a secret: %v", name, err)
			}
		}
	}
	var none *System
	if _, err := none.Wrap("purpose", nil); err == nil {
		t.Error("no System wraps")
	}
	if _, _, err := none.Unwrap("purpose", make([]byte, 100)); !errors.Is(err, ErrUnwrap) {
		t.Errorf("no System unwraps: %v", err)
	}
}
