package server_test

import (
	"testing"

	"hydra/internal/loadtest"
)

// What operators and make bench see is what is sent.
func TestStatementsAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client(t, nil)
	access, _ := w.token(t, c, "grant_type", "client_credentials", "scope", "a").object(t, 200)["access_token"].(string)
	equal(t, "active", w.active(t, access), true)
	counted := func(kind string) float64 {
		return loadtest.ParseMetrics(w.call(t, "GET", "/metrics/prometheus", nil).Body).Sum("hydra_sql_statements_total", "kind", kind)
	}
	reads, writes := counted("read"), counted("write")
	if writes == 0 {
		t.Error("the client was written and not counted")
	}
	w.spends(t, "introspection", 1, 0, func() { equal(t, "active", w.active(t, access), true) })
	equal(t, "reads", counted("read"), reads+1)
	equal(t, "writes", counted("write"), writes)
}
