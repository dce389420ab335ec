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
		{"client credentials", 25, func() { w.exchange(c, machineForm("scope", "bar")) }},
		{"introspect", 200, func() { w.introspect(res.AccessToken) }},
		{"introspect forged", 7, func() { w.introspect(forged) }},
		{"userinfo", 216, func() { _, _ = w.Userinfo(t.Context(), res.AccessToken) }},
		{"refresh", 498, func() {
			w.wait(time.Millisecond)
			res = w.exchange(c, refreshForm(res.RefreshToken))
		}},
	} {
		if got := testing.AllocsPerRun(100, step.do); got > step.limit {
			t.Errorf("%s: %.0f allocations, the limit is %.0f", step.name, got, step.limit)
		}
	}
}
