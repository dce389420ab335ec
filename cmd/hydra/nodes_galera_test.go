//go:build galera

package main

import (
	"testing"

	"hydra/internal/storetest"
)

// Each node writes to a server of its own, and one of the servers dies.
func TestNodesOnGalera(t *testing.T) {
	t.Parallel()
	c := storetest.StartGalera(t)
	dsns := c.DSNs(t, "max_conns=8")
	testNodes(t, &database{
		name: "MariaDB with Galera", dsn: dsns[0], dsns: dsns, db: c.DB(t, dsns[0]), written: written["MariaDB"], few: 500,
		disturb: func() error { return c.Kill(1) }, repair: func() error { return c.Join(1) },
	})
}
