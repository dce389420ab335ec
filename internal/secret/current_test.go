package secret

import (
	"errors"
	"testing"
)

func TestCurrentIsTheKeyThatSeals(t *testing.T) {
	t.Parallel()
	s := newSealer("https://a.example/")
	for _, k := range Kinds() {
		v := mustSeal(t, s, k, "payload")
		o, err := s.Open(t.Context(), v, k)
		if err != nil {
			t.Fatal(err)
		}
		if kid, err := s.Current(k); err != nil || kid != o.KID {
			t.Errorf("Current(%s) = %d, %v, want %d", k, kid, err, o.KID)
		}
		if n := SealedLen(k, len("payload")); n != len(v) {
			t.Errorf("SealedLen(%s) = %d, want %d", k, n, len(v))
		}
	}
	s.Use(nil)
	if _, err := s.Current(Code); !errors.Is(err, ErrNoKey) {
		t.Errorf("Current() without a key = %v, want ErrNoKey", err)
	}
}
