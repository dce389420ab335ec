package server_test

import (
	"context"
	"sync/atomic"
	"testing"

	"hydra/internal/loadtest"
	"hydra/internal/server"
)

// What operators and make bench see is what is sent, background jobs included:
// they go on meanwhile, so the two counts are compared when none came between.
func TestStatementsAreCounted(t *testing.T) {
	t.Parallel()
	sent := map[string]*atomic.Int64{"read": {}, "write": {}, "begin": {}, "commit": {}}
	i, err := startWith(t, func(o *server.Options) {
		for _, n := range sent {
			n.Store(0) // an earlier try may have found its port taken
		}
		o.Statement = func(_ context.Context, kind, _ string) { sent[kind].Add(1) }
	}, onEngine(t)...)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{instance: i}
	c := w.client(t, nil)
	access := w.token(t, c, "grant_type", "client_credentials", "scope", "a").object(t, 200)["access_token"]
	before := sent["read"].Load()
	equal(t, "active", w.active(t, access), true)
	if sent["read"].Load() == before || sent["write"].Load() == 0 {
		t.Error("nothing was seen of what was read and written")
	}
	for kind, seen := range sent {
		var counted, first, last int64
		for range 20 {
			first = seen.Load()
			counted = int64(loadtest.ParseMetrics(w.call(t, "GET", "/metrics/prometheus", nil).Body).Sum("hydra_sql_statements_total", "kind", kind))
			if last = seen.Load(); first == counted && counted == last {
				break
			}
		}
		if first != counted || counted != last {
			t.Errorf("%s: %d are counted; %d were sent before that, %d after", kind, counted, first, last)
		}
	}
}
