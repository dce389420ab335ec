package oauth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const hunter = "hunter2-hunter2-hunter2"

// carrier holds secrets the ways structs do.
type carrier struct {
	Plain   Secret
	Pointer *Secret
	List    []Secret
	Map     map[string]Secret
	Nested  struct{ Inner Secret }
	Any     any
}

func laden() carrier {
	s := Secret(hunter)
	c := carrier{Plain: s, Pointer: &s, List: []Secret{s}, Map: map[string]Secret{"k": s}, Any: s}
	c.Nested.Inner = s
	return c
}

// leaks tells whether text shows the value as text, in hexadecimal or as a
// list of numbers.
func leaks(text string) bool {
	for _, form := range []string{hunter, fmt.Sprintf("%x", hunter), fmt.Sprintf("%X", hunter), fmt.Sprint([]byte(hunter))} {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}

// %p is not among the verbs: fmt asks no method for it, and go vet refuses it.
func TestSecretIsNotPrinted(t *testing.T) {
	t.Parallel()
	s := Secret(hunter)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%t", "%10s", "%U", "%c", "%e", "%!"} {
		for name, value := range map[string]any{"value": s, "struct": laden(), "pointer": &s, "list": []Secret{s}, "map key": map[Secret]int{s: 1}} {
			if got := fmt.Sprintf(verb, value); leaks(got) {
				t.Errorf("Sprintf(%q, %s) = %s", verb, name, got)
			}
		}
	}
	for name, got := range map[string]string{
		"Sprint":  fmt.Sprint("a ", s, laden().List),
		"Errorf":  fmt.Errorf("token %v of %w", s, InvalidGrant).Error(),
		"String":  s.String(),
		"Hintf":   InvalidGrant.Hintf("Not %s.", s).Error(),
		"Because": InvalidGrant.Because(fmt.Errorf("with %q", s)).Error(),
	} {
		if leaks(got) || !strings.Contains(got, "[redacted]") {
			t.Errorf("%s = %s", name, got)
		}
	}
	if string(s) != hunter {
		t.Error("the conversion to a string does not give the value")
	}
}

func TestSecretIsNotLogged(t *testing.T) {
	t.Parallel()
	s := Secret(hunter)
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		out.Reset()
		log := slog.New(handler)
		log.Info("m", "secret", s, "pointer", &s, "struct", laden(), "list", []Secret{s}, "credentials", Credentials{BasicSecret: s, PostSecret: s, Assertion: s})
		log.With("secret", s).WithGroup("g").Info("m", slog.Any("secret", s))
		if out.Len() == 0 || leaks(out.String()) {
			t.Errorf("%T wrote %s", handler, out.String())
		}
	}
}

// A secret that would be written as "[redacted]" to a client is found by a
// user; one that cannot be encoded is found by the first test.
func TestSecretIsNotEncoded(t *testing.T) {
	t.Parallel()
	s := Secret(hunter)
	for name, value := range map[string]any{"value": s, "pointer": &s, "struct": laden(), "list": []Secret{s}, "map": map[string]any{"k": s}} {
		got, err := json.Marshal(value)
		if err == nil {
			t.Errorf("json.Marshal(%s) = %s, want an error", name, got)
			continue
		}
		if leaks(err.Error()) {
			t.Errorf("json.Marshal(%s): the error tells: %v", name, err)
		}
	}
	got, err := json.Marshal(map[string]string{"secret": string(s)})
	if err != nil || string(got) != `{"secret":"`+hunter+`"}` {
		t.Errorf("a converted secret is encoded as %s, %v", got, err)
	}
	var back struct{ Secret Secret }
	if err := json.Unmarshal([]byte(`{"secret":"`+hunter+`"}`), &back); err != nil || back.Secret != s {
		t.Errorf("a secret cannot be read from JSON: %v", err)
	}
}

// The seed opens a whole authorization, an access key its access tokens.
func TestSeedIsNotPrinted(t *testing.T) {
	t.Parallel()
	seed := Seed([]byte("\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef"))
	key := seed.AccessKey()
	for name, value := range map[string]any{"seed": seed, "access key": key, "struct": struct{ Seed Seed }{seed}, "pointer": &seed} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			got := fmt.Sprintf(verb, value)
			for _, raw := range [][]byte{seed[:], key[:]} {
				if strings.Contains(strings.ToLower(got), fmt.Sprintf("%x", raw)) || strings.Contains(got, strings.Trim(fmt.Sprint(raw), "[]")) ||
					strings.Contains(got, strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", raw), "[]byte{"), "}")) || strings.Contains(got, string(raw)) {
					t.Errorf("Sprintf(%q, %s) = %s", verb, name, got)
				}
			}
		}
		if got, err := json.Marshal(value); err == nil {
			t.Errorf("json.Marshal(%s) = %s, want an error", name, got)
		}
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "seed", seed, "key", key)
	if !strings.Contains(out.String(), `"seed":"[redacted]","key":"[redacted]"`) {
		t.Errorf("slog wrote %s", out.String())
	}
}
