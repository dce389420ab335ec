package sqlstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
	"hydra/internal/storetest"
)

// childDSN makes the test binary a process that writes until it is killed.
const childDSN = "SQLSTORE_TEST_CHILD_DSN"

func TestMain(m *testing.M) {
	if dsn := os.Getenv(childDSN); dsn != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(dsn))
		os.Exit(1)
	}
	code := m.Run()
	storetest.StopEngines()
	os.Exit(code)
}

const killWriters = 16

// writeUntilKilled prints the name of each write after it was acknowledged.
func writeUntilKilled(dsn string) error {
	ctx := context.Background()
	s, err := sqlstore.Open(ctx, sqlstore.Config{DSN: dsn})
	if err != nil {
		return err
	}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	for w := range killWriters {
		wg.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d-%d", w, i)
				write := func(s oauth.Store) error {
					if err := s.AddSetting(ctx, name+"-a", []byte(name)); err != nil {
						return err
					}
					return s.AddSetting(ctx, name+"-b", []byte(name))
				}
				err := s.Tx(ctx, write)
				mu.Lock()
				if err != nil {
					errs = append(errs, err)
					mu.Unlock()
					return
				}
				fmt.Println(name) // one unbuffered write to the pipe
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// A process that is killed has kept what it acknowledged, and nothing of it
// is half there.
func TestKillKeepsAcknowledgedWrites(t *testing.T) {
	t.Parallel()
	for round := range 2 {
		dsn := "sqlite://" + storetest.File(t)
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), childDSN+"="+dsn)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		next := map[string]int{} // for each writer, the write that was not acknowledged
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			writer, number, _ := strings.Cut(lines.Text(), "-")
			var i int
			if _, err := fmt.Sscan(number, &i); err != nil {
				t.Fatalf("the child printed %q", lines.Text())
			}
			next[writer] = i + 1
			if n == 200 {
				if err := child.Process.Kill(); err != nil { // SIGKILL
					t.Fatal(err)
				}
			}
		}
		if err := child.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		if len(next) == 0 {
			t.Fatal("the child acknowledged nothing")
		}

		s := storetest.Open(t, sqlstore.Config{DSN: dsn})
		has := func(name string) bool {
			_, err := s.Setting(t.Context(), name)
			if err != nil && !errors.Is(err, oauth.ErrNotFound) {
				t.Fatal(err)
			}
			return err == nil
		}
		for w := range killWriters {
			open := next[fmt.Sprint(w)]
			for i := range open {
				if name := fmt.Sprintf("%d-%d", w, i); !has(name+"-a") || !has(name+"-b") {
					t.Errorf("round %d: %s was acknowledged and is lost", round, name)
				}
			}
			if name := fmt.Sprintf("%d-%d", w, open); has(name+"-a") != has(name+"-b") {
				t.Errorf("round %d: %s is half there", round, name)
			}
		}
	}
}
