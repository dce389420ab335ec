package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"hydra/internal/sqlstore"
)

// Engine is a real database server for tests. The first test that asks for a
// database starts it, as an unprivileged user on a free port of the loopback
// interface, and all tests of the process share it; StopEngines ends it.
type Engine struct {
	Name string

	programs []string // where to look for the server's program
	packages string   // of Debian, that have it
	users    []string // whom to run as, when the tests run as root
	setUp    func(bin, dir string) []string
	run      func(bin, dir string, port int) []string
	stop     syscall.Signal
	driver   string
	admin    string // DSN of the driver, with a place for the port and the database
	dsn      string // of the store, likewise
	tables   string // lists the tables that a test may have filled
	pick     func() (int, error)

	once    sync.Once
	failed  error
	port    int
	dir     string
	process *process
	bin     string
	command func(args []string) *exec.Cmd // as the server's user
	prepare func() error                  // makes the data
	begin   func() error                  // starts the process over the data that there is

	mu    sync.Mutex
	count int
	idle  []string // databases that are migrated and empty
}

// PostgreSQL is the newest one that is installed.
var PostgreSQL = postgreSQL()

func postgreSQL() *Engine {
	return &Engine{
		Name:     "PostgreSQL",
		programs: []string{"/usr/lib/postgresql/*/bin/postgres", "/usr/local/bin/postgres", "/usr/bin/postgres"},
		packages: "postgresql",
		users:    []string{"postgres", "nobody"},
		setUp: func(bin, dir string) []string {
			return []string{filepath.Join(filepath.Dir(bin), "initdb"), "-D", dir + "/data", "-U", "hydra", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"}
		},
		run: func(bin, dir string, port int) []string {
			return []string{bin, "-D", dir + "/data", "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
				"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300", "-c", "shared_buffers=32MB", "-c", "deadlock_timeout=50ms"}
		},
		stop:   syscall.SIGQUIT,
		pick:   freePort,
		driver: "pgx",
		admin:  "postgres://hydra@127.0.0.1:%d/%s?sslmode=disable",
		dsn:    "postgres://hydra:the-password@127.0.0.1:%d/%s?sslmode=disable",
		tables: "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name NOT IN ('goose_db_version', 'versions', 'schema_lease')",
	}
}

// MariaDB is the one that is installed.
var MariaDB = mariaDB()

func mariaDB() *Engine {
	return &Engine{
		Name:     "MariaDB",
		programs: []string{"/usr/sbin/mariadbd", "/usr/bin/mariadbd", "/usr/local/sbin/mariadbd"},
		packages: "mariadb-server",
		users:    []string{"mysql", "nobody"},
		setUp: func(_, dir string) []string {
			return []string{"mariadb-install-db", "--no-defaults", "--datadir=" + dir + "/data", "--auth-root-authentication-method=normal",
				"--skip-test-db", "--skip-name-resolve", "--cross-bootstrap"}
		},
		run: func(bin, dir string, port int) []string {
			return []string{bin, "--no-defaults", "--datadir=" + dir + "/data", "--socket=" + dir + "/socket", "--pid-file=" + dir + "/pid",
				"--tmpdir=" + dir, "--bind-address=127.0.0.1", "--port=" + strconv.Itoa(port), "--skip-name-resolve", "--skip-log-bin",
				"--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-file-per-table=0", "--innodb-buffer-pool-size=64M",
				"--innodb-log-file-size=16M", "--performance-schema=0", "--max-connections=300"}
		},
		stop:   syscall.SIGKILL,
		pick:   freePort,
		driver: "mysql",
		admin:  "root@tcp(127.0.0.1:%d)/%s",
		dsn:    "mysql://root@tcp(127.0.0.1:%d)/%s?tls=false",
		tables: "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name NOT IN ('goose_db_version', 'versions', 'schema_lease')",
	}
}

// tempDir is where servers live, whatever a test sets meanwhile: others share
// them, and their user must be let in.
var tempDir = os.TempDir()

// Engines are all that tests can start.
func Engines() []*Engine { return []*Engine{PostgreSQL, MariaDB} }

// StopEngines ends the servers that tests of this process started. Packages
// that use an Engine call it at the end of their TestMain.
func StopEngines() {
	stopPooler()
	for _, e := range Engines() {
		if e.process != nil {
			e.process.end(e.stop)
		}
		if e.dir != "" {
			_ = os.RemoveAll(e.dir)
		}
	}
}

// DSN returns the DSN of a migrated database without rows, which belongs to
// the test. The options, such as "a=b&c=d", are added to it.
func (e *Engine) DSN(t testing.TB, options string) string {
	t.Helper()
	e.start(t)
	e.mu.Lock()
	name := ""
	if n := len(e.idle); n > 0 {
		name, e.idle = e.idle[n-1], e.idle[:n-1]
	}
	e.mu.Unlock()
	if name == "" {
		name = e.create(t)
		s := Open(t, sqlstore.Config{DSN: e.named(name, "max_conns=2")})
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatalf("%s: Migrate() = %v", e.Name, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { // after the store is closed
		if err := e.empty(name); err != nil {
			t.Errorf("%s: empty the database: %v", e.Name, err)
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.idle = append(e.idle, name)
	})
	return e.named(name, options)
}

// Fresh returns the DSN of a database without tables.
func (e *Engine) Fresh(t testing.TB, options string) string {
	t.Helper()
	e.start(t)
	return e.named(e.create(t), options)
}

// Port is where the server listens, once a test has asked for a database.
func (e *Engine) Port() int { return e.port }

// DB opens the database of a DSN with the driver alone, past the store.
func (e *Engine) DB(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	path, _, _ := strings.Cut(dsn, "?")
	db, err := sql.Open(e.driver, fmt.Sprintf(e.admin, e.port, path[strings.LastIndexByte(path, '/')+1:]))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func (e *Engine) named(database, options string) string {
	dsn := fmt.Sprintf(e.dsn, e.port, database)
	if options != "" {
		dsn += "&" + options
	}
	return dsn
}

func (e *Engine) create(t testing.TB) string {
	t.Helper()
	e.mu.Lock()
	e.count++
	name := fmt.Sprintf("test%d", e.count)
	e.mu.Unlock()
	if err := e.execute(t.Context(), map[string]string{"pgx": "postgres"}[e.driver], "CREATE DATABASE "+name); err != nil {
		t.Fatalf("%s: %v", e.Name, err)
	}
	return name
}

func (e *Engine) execute(ctx context.Context, database string, statements ...string) error {
	db, err := sql.Open(e.driver, fmt.Sprintf(e.admin, e.port, database))
	if err != nil {
		return err
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// empty removes what a test left, so that the next one need not migrate.
func (e *Engine) empty(database string) error {
	db, err := sql.Open(e.driver, fmt.Sprintf(e.admin, e.port, database))
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.Query(e.tables)
	if err != nil {
		return err
	}
	defer rows.Close()
	var statements []string
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			return err
		}
		statements = append(statements, "DELETE FROM "+table)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return e.execute(context.Background(), database, statements...)
}

func (e *Engine) start(t testing.TB) {
	t.Helper()
	e.once.Do(func() {
		if e.failed = e.launch(); e.failed != nil {
			e.failed = fmt.Errorf("start %s for the tests: %w", e.Name, e.failed)
		}
	})
	if e.failed != nil {
		t.Fatal(e.failed)
	}
}

func (e *Engine) launch() (err error) {
	bin := ""
	for _, pattern := range e.programs {
		if found, _ := filepath.Glob(pattern); len(found) > 0 && bin == "" {
			bin = slices.Max(found)
		}
	}
	if bin == "" {
		return fmt.Errorf("it is not installed; make tools installs Debian's %s", e.packages)
	}
	if e.dir, err = os.MkdirTemp(tempDir, "storetest-"); err != nil {
		return err
	}
	attr, err := unprivileged(e.users, e.dir)
	if err != nil {
		return err
	}
	e.bin = bin
	e.command = func(args []string) *exec.Cmd {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.SysProcAttr, cmd.Env = e.dir, attr, append(os.Environ(), "TMPDIR="+e.dir)
		return cmd
	}
	e.prepare = func() error {
		cmd := e.command(e.setUp(bin, e.dir))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", cmd.Path, err, out)
		}
		return nil
	}
	if err := e.prepare(); err != nil {
		return err
	}
	for range 3 { // somebody else may take the port meanwhile
		if e.port, err = e.pick(); err != nil {
			return err
		}
		e.begin = func() (err error) {
			if e.process, err = begin(e.command(e.run(bin, e.dir, e.port))); err != nil {
				return err
			}
			return e.ready()
		}
		if err = e.begin(); err == nil || e.process == nil {
			return err
		}
		e.process.end(syscall.SIGKILL)
	}
	return err
}

// ready waits until the server answers.
func (e *Engine) ready() error {
	db, err := sql.Open(e.driver, fmt.Sprintf(e.admin, e.port, map[string]string{"pgx": "postgres"}[e.driver]))
	if err != nil {
		return err
	}
	defer db.Close()
	return answers(db, e.process)
}

// unprivileged says whom to run a server as, which is given the directory:
// these servers refuse to run as root.
func unprivileged(users []string, dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{}
	if os.Getuid() != 0 {
		return attr, nil
	}
	uid, gid, err := lookUp(users)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	return attr, os.Chown(dir, int(uid), int(gid))
}

func lookUp(names []string) (uid, gid uint32, err error) {
	for _, name := range names {
		u, found := user.Lookup(name)
		if found != nil {
			err = found
			continue
		}
		id, err1 := strconv.ParseUint(u.Uid, 10, 32)
		group, err2 := strconv.ParseUint(u.Gid, 10, 32)
		return uint32(id), uint32(group), errors.Join(err1, err2)
	}
	return 0, 0, err
}

// freePort reserves a port for as long as the process runs.
func freePort() (int, error) {
	ports, _, err := ReservePorts(1)
	if err != nil {
		return 0, err
	}
	return ports[0], nil
}
