package sqlstore_test

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

// refusals are what servers answer when the same again may succeed.
var refusals = map[*storetest.Engine][]error{
	storetest.PostgreSQL: {&pgconn.PgError{Code: "40001"}, &pgconn.PgError{Code: "40P01"}, &pgconn.PgError{Code: "55P03"}},
	storetest.MariaDB: {&mysql.MySQLError{Number: 1213}, &mysql.MySQLError{Number: 1205}, &mysql.MySQLError{Number: 1020},
		&mysql.MySQLError{Number: 9007}, &mysql.MySQLError{Number: 8022}, &mysql.MySQLError{Number: 8028}},
}

// breaks are what they answer, or the driver does, when the connection is of
// no use any more.
var breaks = map[*storetest.Engine][]error{
	storetest.PostgreSQL: {&pgconn.PgError{Code: "57P01"}, &pgconn.PgError{Code: "08006"}, &pgconn.PgError{Code: "40003"}, &pgconn.PgError{Code: "25006"}},
	storetest.MariaDB:    {&mysql.MySQLError{Number: 1047}, &mysql.MySQLError{Number: 1180}, mysql.ErrInvalidConn, &mysql.MySQLError{Number: 1053}},
}

func onServer(t *testing.T, e *storetest.Engine, f *storetest.Faults) *sqlstore.Store {
	t.Helper()
	return storetest.Open(t, sqlstore.Config{DSN: e.DSN(t, "max_conns=4"), Wrap: f.Wrap})
}

// Whatever a server answers and whenever it goes, a write that is answered
// with nil was done exactly once.
func TestWritesSurviveFaultsOfServers(t *testing.T) {
	t.Parallel()
	for _, e := range storetest.Engines() {
		for _, test := range []struct {
			name, on string
			fault    storetest.Fault
			times    int
		}{
			{"refused", " ", storetest.Conflict, 3},
			{"refused on commit", "COMMIT", storetest.Conflict, 3},
			{"broken on a statement", " ", storetest.Broken, 4},
			{"broken on commit", "COMMIT", storetest.Broken, 2},
			{"connection lost before a statement", " ", storetest.Cut, 1},
			{"statement done, connection lost", " ", storetest.Lost, 1},
			{"statement done, connection lost, twice", " ", storetest.Lost, 2},
			{"commit done, connection lost", "COMMIT", storetest.Lost, 2},
		} {
			t.Run(e.Name+"/"+test.name, func(t *testing.T) {
				t.Parallel()
				faults := &storetest.Faults{Errors: map[storetest.Fault]error{}}
				s := onServer(t, e, faults)
				n := 0
				for _, w := range writes(t.Context(), s) {
					if err := w.prepare(); err != nil {
						t.Fatalf("%s: prepare: %v", w.name, err)
					}
					n++ // another error each time
					faults.Errors[storetest.Conflict] = refusals[e][n%len(refusals[e])]
					faults.Errors[storetest.Broken] = breaks[e][n%len(breaks[e])]
					faults.Inject(test.on, test.fault, test.times)
					err := w.run()
					hits := faults.Clear()
					if err != nil {
						t.Errorf("%s = %v", w.name, err)
					}
					if test.on != "COMMIT" && hits != test.times {
						t.Errorf("%s: %d faults happened, want %d", w.name, hits, test.times)
					}
					if err := w.done(); err != nil {
						t.Errorf("%s: %v", w.name, err)
					}
				}
			})
		}
	}
}

// A fault that lasts is an error of its own, never an answer.
func TestLastingFaultsOfServers(t *testing.T) {
	t.Parallel()
	for _, e := range storetest.Engines() {
		faults := &storetest.Faults{Errors: map[storetest.Fault]error{
			storetest.Conflict: refusals[e][0], storetest.Full: errors.New("a bug of the driver"), storetest.Broken: breaks[e][0],
		}}
		s := onServer(t, e, faults)
		for fault, tries := range map[storetest.Fault]int{storetest.Conflict: 10, storetest.Full: 1, storetest.Broken: 10} {
			faults.Inject("INSERT", fault, 1000)
			for name, write := range map[string]func() error{
				"AddReplay": func() error { return s.AddReplay(t.Context(), oauth.ID{1}, noon) },
				"Tx": func() error {
					return s.Tx(t.Context(), func(s oauth.Store) error {
						_ = s.AddReplay(t.Context(), oauth.ID{2}, noon) // a failure that is hidden counts all the same
						return nil
					})
				},
			} {
				err := write()
				if err == nil || errors.Is(err, oauth.ErrExists) || errors.Is(err, oauth.ErrNotFound) || errors.Is(err, oauth.ErrUsed) {
					t.Errorf("%s, fault %d: %s = %v", e.Name, fault, name, err)
				}
				// A single statement that was not answered may have changed a row.
				again := fault == storetest.Conflict || fault == storetest.Broken && name == "Tx"
				if errors.Is(err, oauth.ErrUnavailable) != again {
					t.Errorf("%s, fault %d: %s = %v; good to repeat: %t", e.Name, fault, name, err, again)
				}
			}
			if hits := faults.Clear(); hits != 2*tries {
				t.Errorf("%s, fault %d: %d tries, want %d", e.Name, fault, hits, 2*tries)
			}
		}
		for n := byte(1); n <= 2; n++ {
			if err := s.AddReplay(t.Context(), oauth.ID{n}, noon); err != nil {
				t.Errorf("%s: after the faults: %v", e.Name, err)
			}
		}
	}
}

// Every method costs as many round trips as it has statements, BEGIN and
// COMMIT included; a transaction of the caller's costs PostgreSQL a savepoint
// for each write.
func TestRoundTripsOnServers(t *testing.T) {
	t.Parallel()
	for _, e := range storetest.Engines() {
		var (
			mu   sync.Mutex
			sent []string
		)
		s := onServer(t, e, &storetest.Faults{OnRun: func(stmt string, _ []driver.NamedValue) {
			mu.Lock()
			defer mu.Unlock()
			sent = append(sent, strings.Join(strings.Fields(stmt), " "))
		}})
		if _, err := s.Versions(t.Context()); err != nil { // connects
			t.Fatal(err)
		}
		for _, step := range countedMethods(t.Context(), s) {
			sent = nil
			if err := step.run(); err != nil {
				t.Errorf("%s: %s = %v", e.Name, step.name, err)
			}
			want := step.want.Reads + step.want.Writes + step.want.Begins + step.want.Commits
			if e == storetest.PostgreSQL && step.name == "Tx" {
				want += 2 * step.want.Writes
			}
			if len(sent) != want {
				t.Errorf("%s: %s costs %d round trips, want %d: %q", e.Name, step.name, len(sent), want, sent)
			}
		}
	}
}

// Connections that the server cuts at random cost nobody a write. They are cut
// after so many writes and not after so much time: on a machine that is slow
// enough nothing would ever come through.
func TestServerCutsConnections(t *testing.T) {
	t.Parallel()
	for _, e := range storetest.Engines() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			dsn := e.DSN(t, "max_conns=8")
			s := storetest.Open(t, sqlstore.Config{DSN: dsn})
			db := e.DB(t, dsn)
			var (
				wg   sync.WaitGroup
				cuts int
			)
			const writers, each, between = 8, 40, 32
			written := make(chan struct{}, 2*writers*each)
			for w := range writers {
				wg.Go(func() {
					for i := range each {
						name := fmt.Sprint(w, "-", i)
						if err := s.AddSetting(t.Context(), name, []byte(name)); err != nil {
							t.Errorf("AddSetting(%s) = %v", name, err)
						}
						written <- struct{}{}
						err := s.Tx(t.Context(), func(s oauth.Store) error { return s.AddSetting(t.Context(), name+"-tx", nil) })
						if err != nil && !errors.Is(err, oauth.ErrExists) {
							t.Errorf("Tx(%s) = %v", name, err)
						}
						written <- struct{}{}
					}
				})
			}
			for n := range 2 * writers * each {
				if <-written; n%between != 0 {
					continue
				}
				n, err := cut(db, e)
				if err != nil {
					t.Error(err)
					break
				}
				cuts += n
			}
			wg.Wait()
			for w := range writers {
				for i := range each {
					for _, name := range []string{fmt.Sprint(w, "-", i), fmt.Sprint(w, "-", i, "-tx")} {
						if _, err := s.Setting(t.Context(), name); err != nil {
							t.Errorf("%s was acknowledged: %v", name, err)
						}
					}
				}
			}
			t.Logf("%d connections were cut", cuts)
			if cuts == 0 {
				t.Error("no connection was cut")
			}
		})
	}
}
