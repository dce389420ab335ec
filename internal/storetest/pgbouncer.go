package storetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hydra/internal/sqlstore"
)

// ThroughPgBouncer leads a DSN of PostgreSQL over a PgBouncer in transaction
// mode, which runs until the test ends.
func ThroughPgBouncer(t testing.TB, dsn string) string {
	t.Helper()
	const program = "/usr/sbin/pgbouncer"
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("PgBouncer is not installed; make tools installs it: %v", err)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "storetest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := filepath.Join(dir, "pgbouncer.ini")
	// Two sessions for all: whoever rests on one finds himself on the other.
	if err := os.WriteFile(file, fmt.Appendf(nil, `[databases]
* = host=127.0.0.1 port=%d user=hydra
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
`, PostgreSQL.port, port), 0o644); err != nil {
		t.Fatal(err)
	}
	attr := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		uid, gid, err := lookUp(PostgreSQL.users)
		if err != nil {
			t.Fatal(err)
		}
		attr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, file)
	cmd.Dir, cmd.SysProcAttr = dir, attr
	p, err := begin(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.end(syscall.SIGKILL) })
	led := strings.Replace(dsn, fmt.Sprintf("127.0.0.1:%d", PostgreSQL.port), fmt.Sprintf("127.0.0.1:%d", port), 1)
	s := Open(t, sqlstore.Config{DSN: led})
	for end := time.Now().Add(30 * time.Second); ; {
		_, err := s.Pending(t.Context())
		switch {
		case err == nil:
			return led
		case time.Now().After(end):
			t.Fatalf("PgBouncer does not answer: %v\n%s", err, p.output())
		}
	}
}
