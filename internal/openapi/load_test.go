package openapi

import "testing"

func TestLoad(t *testing.T) {
	t.Parallel()
	a, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Document(Options{}); err != nil {
		t.Fatal(err)
	}
}
