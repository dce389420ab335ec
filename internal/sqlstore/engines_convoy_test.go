package sqlstore_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

// modes are the ways in which the driver of PostgreSQL sends statements.
var modes = []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"}

// Look-ups that are sent together are one transaction. What one of them does
// wrong, the others do not suffer.
func TestLookUpsTogether(t *testing.T) {
	t.Parallel()
	const transaction = "SELECT CAST(txid_current() AS bigint)"
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := storetest.Open(t, sqlstore.Config{DSN: storetest.PostgreSQL.DSN(t, "max_conns=1&default_query_exec_mode="+mode)})
			for range 2 { // the second time with statements that are known
				got, errs := s.Together(t.Context(), transaction, "SELECT CAST(7 AS bigint)", transaction)
				if err := errors.Join(errs...); err != nil || got[0] != got[2] || got[1] != 7 {
					t.Errorf("got %d, %v; want the same transaction twice, and 7", got, errs)
				}
				for name, bad := range map[string]string{
					"fails":                "SELECT CAST(1 AS bigint) / (CAST(txid_current() AS bigint) * 0)",
					"is nonsense":          "SELECT FROM WHERE",
					"has an unfitting row": "SELECT CAST('no number' AS text)",
				} {
					got, errs := s.Together(t.Context(), "SELECT CAST(6 AS bigint)", bad, "SELECT CAST(7 AS bigint)")
					if errs[0] != nil || errs[2] != nil || got[0] != 6 || got[2] != 7 {
						t.Errorf("beside one that %s: got %d, %v", name, got, errs)
					}
					if errs[1] == nil {
						t.Errorf("one that %s has no error", name)
					}
				}
			}
			// A connection that is lost is lost for all, and no further.
			_, errs := s.Together(t.Context(), "SELECT CAST(1 AS bigint)", "SELECT CAST(CAST(pg_terminate_backend(pg_backend_pid()) AS int) AS bigint)", "SELECT CAST(2 AS bigint)")
			for i, err := range errs {
				if err == nil {
					t.Errorf("look-up %d on a connection that was lost has no error", i)
				}
			}
			if _, errs := s.Together(t.Context(), transaction, transaction); errors.Join(errs...) != nil {
				t.Errorf("afterwards: %v", errs)
			}
		})
	}
}

// However many ask at once, and whatever becomes of the connections meanwhile,
// each gets the answer to its own question.
func TestLookUpsAtOnce(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			dsn := storetest.PostgreSQL.DSN(t, "max_conns=4&default_query_exec_mode="+mode)
			db := storetest.PostgreSQL.DB(t, dsn)
			cuts := 0
			lookUpAtOnce(t, storetest.Open(t, sqlstore.Config{DSN: dsn}), func() {
				n, err := cut(db, storetest.PostgreSQL)
				if err != nil {
					t.Error(err)
				}
				cuts += n
			})
			t.Logf("%d connections were cut", cuts)
		})
	}
}

// lookUpAtOnce looks settings up from many goroutines, and disturbs them now
// and then.
func lookUpAtOnce(t *testing.T, s *sqlstore.Store, disturb func()) {
	t.Helper()
	const askers, each, between = 24, 60, 300
	for n := range askers {
		if err := s.AddSetting(t.Context(), fmt.Sprint(n), []byte(fmt.Sprint("value ", n))); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	asked := make(chan struct{}, askers*each)
	for a := range askers {
		wg.Go(func() {
			for i := range each {
				name := fmt.Sprint((a + i) % askers)
				if v, err := s.Setting(t.Context(), name); err != nil || string(v) != "value "+name {
					t.Errorf("Setting(%s) = %q, %v", name, v, err)
				}
				if _, err := s.Setting(t.Context(), "none"); !errors.Is(err, oauth.ErrNotFound) {
					t.Errorf("Setting(none) = %v", err)
				}
				asked <- struct{}{}
			}
		})
	}
	for n := range askers * each {
		if <-asked; n%between == between-1 {
			disturb()
		}
	}
	wg.Wait()
}
