package storetest_test

import (
	"testing"

	"hydra/internal/storetest"
)

func TestNewIsMigrated(t *testing.T) {
	t.Parallel()
	if err := storetest.New(t).Ping(t.Context()); err != nil {
		t.Fatalf("Ping() = %v", err)
	}
}
