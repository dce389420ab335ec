package server

import (
	"slices"
	"testing"
	"time"

	"hydra/internal/config"
	"hydra/internal/openapi"
)

// The routes of both ports are those of the description, no more and no less.
func TestPortsAreDescribed(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Input{Environ: []string{"DSN=memory", "DATA_DIR=" + t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := build(t.Context(), Options{Config: c, Now: time.Now, Log: NewLogger(t.Output(), config.Log{Level: "error"})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeAll(a.store, a.audit); err != nil {
			t.Error(err)
		}
	})
	api, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	described := map[string][]string{}
	for _, op := range api.Operations {
		for _, r := range op.Routes {
			described[r.Port] = append(described[r.Port], r.Method+" "+r.Path)
		}
	}
	for port, routes := range a.routes {
		for _, r := range routes {
			if !slices.Contains(described[port], r) {
				t.Errorf("%s is a route of the %s port and not described: add an operation to a file of internal/openapi/parts. Its path goes into public; or into segment (rc), query (v1, and v2 below /admin), "+
					"both (the same path with and without /admin), plain (without /admin alone) or admin; then its parameters, form or body, responses, and the schemas of both", r, port)
			}
		}
		for _, r := range described[port] {
			if !slices.Contains(routes, r) {
				t.Errorf("%s is described in internal/openapi/parts and no route of the %s port", r, port)
			}
		}
	}
}
