package server_test

import (
	"os"
	"testing"

	"hydra/internal/storetest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	storetest.StopEngines()
	os.Exit(code)
}
