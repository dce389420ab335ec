package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Cluster is three MariaDB servers that are one database, by Galera.
type Cluster struct {
	servers []*Engine
	founded bool           // there is a cluster to join
	known   [3]string      // position that a server has reached, before it starts again
	out     [3]atomic.Bool // of the balancer
}

const galeraLibrary = "/usr/lib/galera/libgalera_smm.so"

// StartGalera starts a cluster for the test.
func StartGalera(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{}
	var groups []string
	for i := range c.known {
		e := MariaDB.own(t)
		e.Name, e.packages = "MariaDB with Galera", "mariadb-server, galera-4 and rsync"
		e.programs = append([]string(nil), e.programs...)
		group, transfer, state := mustPort(t), mustPort(t), mustPort(t)
		groups = append(groups, fmt.Sprintf("127.0.0.1:%d", group))
		e.users = []string{"nobody"} // rsync's daemon becomes nobody when root starts it
		if len(c.servers) > 0 {
			e.setUp = func(_, dir string) []string { return []string{"mkdir", dir + "/data"} } // the cluster fills it
		}
		run := e.run
		e.run = func(bin, dir string, port int) []string {
			join := "gcomm://"
			if c.founded {
				join += strings.Join(groups, ",")
			}
			args := append(run(bin, dir, port), "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2", "--wsrep-on=ON",
				"--wsrep-provider="+galeraLibrary, "--wsrep-cluster-name=test", "--wsrep-cluster-address="+join,
				fmt.Sprintf("--wsrep-node-address=127.0.0.1:%d", group), "--wsrep-sst-method=rsync",
				fmt.Sprintf("--wsrep-sst-receive-address=127.0.0.1:%d", transfer),
				fmt.Sprintf("--wsrep-provider-options=base_host=127.0.0.1;base_port=%d;gmcast.listen_addr=tcp://127.0.0.1:%d;ist.recv_addr=127.0.0.1:%d;gcache.size=64M;"+
					"evs.suspect_timeout=PT8S;evs.inactive_timeout=PT30S", group, group, state)) // a server on a busy machine is late, not dead
			if c.known[i] != "" {
				args = append(args, "--wsrep-start-position="+c.known[i])
			}
			return args
		}
		c.servers = append(c.servers, e)
	}
	for i, e := range c.servers {
		e.start(t)
		c.founded = true
		if err := c.synced(i, i+1); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func mustPort(t testing.TB) int {
	t.Helper()
	port, err := settledPort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// synced waits until the server is in step with a cluster of so many.
func (c *Cluster) synced(i, size int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := c.servers[i].until(ctx, "", "SHOW STATUS LIKE 'wsrep_cluster_size'", fmt.Sprint(size)); err != nil {
		return err
	}
	return c.servers[i].until(ctx, "", "SHOW STATUS LIKE 'wsrep_local_state_comment'", "Synced")
}

// DSN returns the DSN of a migrated database without rows, which leads each
// connection to the next server.
func (c *Cluster) DSN(t testing.TB, options string) string {
	t.Helper()
	var next atomic.Int64
	return c.relay(t, c.servers[0].DSN(t, options), func() int { return int(next.Add(1)) })
}

// DSNs returns three DSNs of one such database. Each leads to a server of its
// own, and to the next one while that is away.
func (c *Cluster) DSNs(t testing.TB, options string) (out []string) {
	t.Helper()
	dsn := c.servers[0].Fresh(t, options)
	migrate(t, dsn)
	for i := range c.servers {
		out = append(out, c.relay(t, dsn, func() int { return i }))
	}
	return out
}

// relay replaces the first server of a DSN by a balancer of connections, as
// HAProxy is one.
func (c *Cluster) relay(t testing.TB, dsn string, first func() int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.serve(conn, first())
		}
	}()
	return strings.Replace(dsn, fmt.Sprintf("127.0.0.1:%d", c.servers[0].port), l.Addr().String(), 1)
}

func (c *Cluster) serve(conn net.Conn, first int) {
	defer conn.Close()
	for i := range c.servers {
		n := (first + i) % len(c.servers)
		if c.out[n].Load() {
			continue
		}
		server, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", c.servers[n].port))
		if err != nil {
			continue
		}
		go func() {
			_, _ = io.Copy(server, conn)
			server.Close()
		}()
		_, _ = io.Copy(conn, server)
		server.Close()
		return
	}
}

// DB opens the database of a DSN on the first server.
func (c *Cluster) DB(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	return c.servers[0].DB(t, dsn)
}

// Kill ends a server and returns when the others go on without it.
func (c *Cluster) Kill(i int) error {
	c.out[i].Store(true)
	c.servers[i].process.end(syscall.SIGKILL)
	var errs []error
	for other := range c.servers {
		if other != i {
			errs = append(errs, c.synced(other, len(c.servers)-1))
		}
	}
	return errors.Join(errs...)
}

var position = regexp.MustCompile(`Recovered position:? *([0-9a-f-]+:\d+)`)

// Join starts a server that was killed and returns when it is in step again. As
// Debian's service does, it first asks the server what it has. Another one then
// sends what is missing; to send all, it would have to stand still.
func (c *Cluster) Join(i int) error {
	e := c.servers[i]
	out, err := e.command(append(e.run(e.bin, e.dir, e.port), "--wsrep-recover")).CombinedOutput()
	found := position.FindSubmatch(out)
	if err != nil || found == nil {
		return fmt.Errorf("the position of a server is unknown: %v\n%s", err, out)
	}
	c.known[i] = string(found[1])
	if err := e.Recover(); err != nil {
		return err
	}
	if err := c.synced(i, len(c.servers)); err != nil {
		return err
	}
	c.out[i].Store(false)
	return nil
}
