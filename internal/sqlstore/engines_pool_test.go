package sqlstore_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

// counting counts the connections that are opened.
type counting struct {
	driver.Connector
	opened *atomic.Int32
}

func (c counting) Connect(ctx context.Context) (driver.Conn, error) {
	c.opened.Add(1)
	return c.Connector.Connect(ctx)
}

// A caller who goes away in the middle costs the pool one connection, a server
// that goes away all of them; more than max_conns there never are.
func TestPoolOnServers(t *testing.T) {
	t.Parallel()
	const most = 4
	for _, e := range storetest.Engines() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			var (
				opened atomic.Int32
				leave  atomic.Pointer[context.CancelFunc]
			)
			faults := &storetest.Faults{OnRun: func(string, []driver.NamedValue) {
				if cancel := leave.Swap(nil); cancel != nil {
					(*cancel)()
				}
			}, Errors: map[storetest.Fault]error{storetest.Broken: breaks[e][0]}}
			s := storetest.Open(t, sqlstore.Config{DSN: e.DSN(t, "max_conns=4"), Wrap: func(c driver.Connector) driver.Connector {
				return faults.Wrap(counting{c, &opened})
			}})
			busy := func() {
				var wg, inside sync.WaitGroup
				inside.Add(most)
				for range most {
					wg.Go(func() {
						err := s.Tx(t.Context(), func(s oauth.Store) error {
							inside.Done()
							inside.Wait() // for all others
							_, err := s.Versions(t.Context())
							return err
						})
						if err != nil {
							t.Errorf("Tx() = %v", err)
						}
					})
				}
				wg.Wait()
			}
			busy()
			if n := opened.Load(); n != most {
				t.Errorf("%d connections for %d transactions at once", n, most)
			}
			ctx, cancel := context.WithCancel(t.Context())
			leave.Store(&cancel)
			if _, err := s.Versions(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Versions() of a caller who has gone = %v", err)
			}
			busy()
			if n := opened.Load(); n > most+1 {
				t.Errorf("a caller who went away cost %d connections", n-most)
			}
			before := opened.Load()
			faults.Inject("SELECT", storetest.Broken, 1)
			if _, err := s.Versions(t.Context()); err != nil {
				t.Errorf("Versions() = %v", err)
			}
			busy()
			if n := opened.Load() - before; n != most {
				t.Errorf("%d connections were opened after the server had gone, want %d", n, most)
			}
		})
	}
}
