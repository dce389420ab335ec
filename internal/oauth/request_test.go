package oauth

import "testing"

func TestPrompt(t *testing.T) {
	t.Parallel()
	p := Prompt{"login", "consent"}
	if !p.Has("login") || !p.Has("consent") || p.Has("none") || p.Has("") || p.None() {
		t.Errorf("%q: Has and None disagree with the list", p)
	}
	if !(Prompt{"none"}).None() || (Prompt)(nil).None() || (Prompt{"None"}).None() {
		t.Error("None() is not exactly the value none")
	}
}
