package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// postgres is a PostgreSQL server of this run: on a free port of the loopback
// interface, with a temporary directory, with the server's own defaults, which
// make every commit durable.
type postgres struct {
	PID  int
	bin  string // directory of its programs
	port int
	stop func() error
}

// errNoPostgres says that there is none on this machine.
var errNoPostgres = errors.New("no PostgreSQL is installed (Debian's package: postgresql)")

// findPostgres returns the directory of the newest one's programs.
func findPostgres() (string, error) {
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/postgres", "/usr/local/bin/postgres", "/usr/bin/postgres"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return filepath.Dir(slices.Max(found)), nil
		}
	}
	return "", errNoPostgres
}

// startPostgres makes a cluster and starts it. stop ends the process by its id
// and removes the directory.
func startPostgres(ctx context.Context) (_ *postgres, err error) {
	bin, err := findPostgres()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "hydra-bench-postgres-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("PostgreSQL: %w", err), os.RemoveAll(dir))
		}
	}()
	attr, err := unprivileged(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "hydra", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
	initdb.Dir, initdb.SysProcAttr = dir, attr
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	for range 3 { // somebody else may take the port meanwhile
		var p *postgres
		if p, err = launchPostgres(ctx, bin, dir, data, attr); err == nil {
			return p, nil
		}
	}
	return nil, err
}

func launchPostgres(ctx context.Context, bin, dir, data string, attr *syscall.SysProcAttr) (*postgres, error) {
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(ports[0]),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=300")
	cmd.Dir, cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = dir, attr, log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	running, ended := context.WithCancelCause(context.WithoutCancel(ctx))
	go func() { ended(cmp.Or(cmd.Wait(), errStopped)) }()
	p := &postgres{PID: cmd.Process.Pid, bin: bin, port: ports[0]}
	p.stop = func() error {
		_ = cmd.Process.Signal(syscall.SIGINT) // "fast": sessions are ended
		<-running.Done()
		return os.RemoveAll(dir)
	}
	for {
		if _, err = p.sql(ctx, "postgres", "SELECT 1"); err == nil {
			return p, nil
		}
		select {
		case <-running.Done():
			return nil, errors.Join(context.Cause(running), lastLines(log.Name()))
		case <-ctx.Done():
			_ = cmd.Process.Signal(syscall.SIGINT)
			<-running.Done()
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// dsn is of a database of this server.
func (p *postgres) dsn(database string) string {
	return fmt.Sprintf("postgres://hydra@127.0.0.1:%d/%s?sslmode=disable", p.port, database)
}

// create makes an empty database.
func (p *postgres) create(ctx context.Context, database string) error {
	_, err := p.sql(ctx, "postgres", "CREATE DATABASE "+database)
	return err
}

// sql runs a statement with psql and returns what it prints, unaligned.
func (p *postgres) sql(ctx context.Context, database, statement string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, "psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", p.dsn(database), "-f", "-")
	var out, failed bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(statement), &out, &failed
	if err := cmd.Run(); err != nil {
		text, _ := io.ReadAll(io.LimitReader(&failed, 1000))
		return "", fmt.Errorf("psql: %w: %s", err, bytes.TrimSpace(text))
	}
	return strings.TrimSpace(out.String()), nil
}

// unprivileged says whom to run as, who is given the directory: PostgreSQL
// refuses to run as root.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{}
	if os.Getuid() != 0 {
		return attr, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return attr, os.Chown(dir, int(uid), int(gid))
	}
	return nil, errors.New("it refuses to run as root, and there is neither a user postgres nor nobody")
}
