//go:build !race

package token

import (
	"testing"
	"time"

	"hydra/internal/storetest"
)

// What a request may allocate, in number: the gate that no seconds are, as it
// does not depend on the machine. The store is the real one on SQLite, so its
// driver counts, too. A limit is about 15 % above what was measured; who needs
// more says in the commit what for. The race detector allocates by itself.
//
// Not parallel: testing.AllocsPerRun counts what the whole process allocates.
func TestAllocationBudgets(t *testing.T) {
	w := newWorld(t, storetest.New(t))
	c := w.addClient("app", nil)
	_, res := w.signIn(c)
	machine := w.exchange(c, machineForm("scope", "bar"))
	forged := machine.AccessToken[:60] + "AAAA" + machine.AccessToken[64:]
	for _, step := range []struct {
		name  string
		limit float64
		do    func()
	}{
		{"client credentials", 21, func() { w.exchange(c, machineForm("scope", "bar")) }},
		{"introspect", 176, func() { w.introspect(res.AccessToken) }},
		{"introspect forged", 4, func() { w.introspect(forged) }},
		{"userinfo", 196, func() { _, _ = w.Userinfo(t.Context(), res.AccessToken) }},
		{"refresh", 472, func() {
			w.wait(time.Millisecond)
			res = w.exchange(c, refreshForm(res.RefreshToken))
		}},
	} {
		got := testing.AllocsPerRun(100, step.do)
		t.Logf("%s: %.0f allocations", step.name, got)
		if got > step.limit {
			t.Errorf("%s: %.0f allocations, the limit is %.0f", step.name, got, step.limit)
		}
	}
}
