package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// pooler is a PgBouncer in transaction mode before PostgreSQL.
var pooler struct {
	once    sync.Once
	failed  error
	port    int
	dir     string
	process *process
}

// ThroughPgBouncer leads a DSN of PostgreSQL over a PgBouncer in transaction
// mode. StopEngines ends it.
func ThroughPgBouncer(t testing.TB, dsn string) string {
	t.Helper()
	PostgreSQL.start(t)
	pooler.once.Do(func() { pooler.failed = startPooler() })
	if pooler.failed != nil {
		t.Fatalf("start PgBouncer for the tests: %v", pooler.failed)
	}
	return strings.Replace(dsn, fmt.Sprintf("127.0.0.1:%d", PostgreSQL.port), fmt.Sprintf("127.0.0.1:%d", pooler.port), 1)
}

func startPooler() (err error) {
	const program = "/usr/sbin/pgbouncer"
	if _, err := os.Stat(program); err != nil {
		return errors.New("it is not installed; make tools installs Debian's pgbouncer")
	}
	if pooler.port, err = freePort(); err != nil {
		return err
	}
	if pooler.dir, err = os.MkdirTemp("", "storetest-"); err != nil {
		return err
	}
	attr, err := unprivileged(PostgreSQL.users, pooler.dir)
	if err != nil {
		return err
	}
	// Few sessions for many: whoever rests on one finds himself on another.
	file := filepath.Join(pooler.dir, "pgbouncer.ini")
	if err := os.WriteFile(file, fmt.Appendf(nil, `[databases]
* = host=127.0.0.1 port=%d user=hydra
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 500
`, PostgreSQL.port, pooler.port), 0o644); err != nil {
		return err
	}
	cmd := exec.Command(program, file)
	cmd.Dir, cmd.SysProcAttr = pooler.dir, attr
	if pooler.process, err = begin(cmd); err != nil {
		return err
	}
	db, err := sql.Open(PostgreSQL.driver, fmt.Sprintf(PostgreSQL.admin, pooler.port, "postgres")+"&default_query_exec_mode=exec")
	if err != nil {
		return err
	}
	defer db.Close()
	return answers(db, pooler.process)
}

func stopPooler() {
	if pooler.process != nil {
		pooler.process.end(syscall.SIGKILL)
	}
	if pooler.dir != "" {
		_ = os.RemoveAll(pooler.dir)
	}
}

// answers waits until a server does, or ends.
func answers(db *sql.DB, p *process) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-p.ended:
			return errors.New(p.output())
		case <-ctx.Done():
			return errors.Join(err, errors.New(p.output()))
		}
	}
}
