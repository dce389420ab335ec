package server_test

import (
	"net/http"
	"testing"
	"time"
)

// Attack: who may register no more clients at one node goes to the next. The
// hour's share is one for all nodes, and so is the total.
func TestAttackRegistrationOnManyNodes(t *testing.T) {
	t.Parallel()
	where := onEngine(t)
	if where[0] == "DSN=memory" {
		where = []string{"DSN=sqlite://" + t.TempDir() + "/hydra.sqlite", systemSecret}
	}
	limits := []string{registrationOn, "OIDC_DYNAMIC_CLIENT_REGISTRATION_LIMIT_PER_HOUR=8", "OIDC_DYNAMIC_CLIENT_REGISTRATION_LIMIT_TOTAL=10"}
	nodes := []*world{newWorldAt(t, where, limits...)}
	for range 5 {
		nodes = append(nodes, newWorldAt(t, where, append(limits, "URLS_SELF_ISSUER="+nodes[0].Config.URLs.Issuer)...))
	}
	at := nodes[0].clock.Now().Truncate(time.Hour).Add(time.Hour)
	all := func(now time.Time) (registered int) {
		t.Helper()
		for _, n := range nodes {
			n.clock.Advance(now.Sub(n.clock.Now()))
			for range 3 { // a node by itself lets two through at once
				switch r := n.register(t, "POST", "", "", metadata(nil)); r.Status {
				case http.StatusCreated:
					registered++
				case http.StatusServiceUnavailable:
					if r.Header.Get("Retry-After") == "" {
						t.Error("nobody says when to come back")
					}
				default:
					t.Errorf("%d %s", r.Status, r.Body)
				}
			}
		}
		return registered
	}
	if n := all(at); n != 8 {
		t.Errorf("one network registered %d clients in an hour, want 8", n)
	}
	if n := all(at.Add(time.Hour)); n != 2 {
		t.Errorf("%d clients more in the next hour, want the 2 that the total leaves", n)
	}
}
