package main

import (
	"os"
	"os/exec"
	"testing"

	"hydra/internal/storetest"
)

// engines ends the database servers after the tests.
type engines struct{ *testing.M }

func (e engines) Run() int {
	code := e.M.Run()
	storetest.StopEngines()
	return code
}

// The clients that others have published judge the program on database
// servers, too; make judges has them judge it on SQLite.
func TestPublishedClientsOnDatabaseServers(t *testing.T) {
	t.Parallel()
	for _, e := range storetest.Engines() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", ".")
			cmd.Dir, cmd.Env = "../../judges", append(os.Environ(), "TEST_DSN="+e.DSN(t, "max_conns=10"))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
