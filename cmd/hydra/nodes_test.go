package main

import (
	"cmp"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hydra/internal/storetest"
)

// The tests of this file are about several nodes on one database, of which any
// may die at any time. NODES_FLOWS says how many flows they make, NODES_SEED
// repeats the choices of an earlier run.

// database is what the nodes of a fleet share.
type database struct {
	name string
	dsn  string
	dsns []string // of each node, where they differ
	db   *sql.DB
	// disturb lets the database, or a part of it, fail and come back.
	few     int // flows, unless NODES_FLOWS says how many
	disturb func() error
	repair  func() error // afterwards, while all serve
	written string       // asks how many bytes the database has written to its log
}

// fleet is three nodes on one database behind a proxy.
type fleet struct {
	t             *testing.T
	database      *database
	nodes         []*node
	environ       []string
	public, admin *balancer
	client        *app // of most flows
	log           *timeline
	ledger        ledger
	sockets       sync.Map // of hosts
	disturbed     atomic.Bool
	rotations     atomic.Int64 // of signing keys

	mu      sync.Mutex
	faults  []string
	outages []outage
}

// outage is a time in which the database cannot be reached; it is not over
// while it has no end.
type outage struct{ from, to time.Time }

// settling is how long after it a request may still meet what is left of it:
// a connection that the server has closed, a pause before a repetition.
const settling = 3 * time.Second

// endurance bounds each wait for something that must happen.
const endurance = 3 * time.Minute

func (f *fleet) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	f.log.add("FAULT %s", text)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, text)
}

// away reports whether the database was away for a part of the time since
// then.
func (f *fleet) away(since time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range f.outages {
		if o.to.IsZero() || since.Before(o.to.Add(settling)) {
			return true
		}
	}
	return false
}

// clocks of the nodes, against that of the test.
var clockOffsets = []time.Duration{-2 * time.Second, 0, 2 * time.Second}

func newFleet(t *testing.T, d *database) *fleet {
	t.Helper()
	f := &fleet{t: t, database: d, log: &timeline{began: time.Now()}, ledger: ledger{grants: map[string]*permission{}}}
	f.public = f.balance(t, func(l *life) string { return l.public })
	f.admin = f.balance(t, func(l *life) string { return l.admin })
	f.environ = []string{
		"DSN=" + d.dsn, "SYSTEM_SECRET=a-system-secret-of-all-nodes", "LOG_LEVEL=warn",
		"URLS_SELF_ISSUER=" + f.public.server.URL, "URLS_LOGIN=" + pages + "login", "URLS_CONSENT=" + pages + "consent",
		"URLS_ERROR=" + pages + "error", "URLS_DEVICE_VERIFICATION=" + pages + "device", "URLS_DEVICE_SUCCESS=" + pages + "done",
		"KEYS_ID_TOKEN_ALG=ES256", "JANITOR_INTERVAL=2s",
		// Longer than skew, staleness and the slowest request together, as docs/operations/scaling.md asks.
		"KEYS_ANNOUNCE_FOR=20s",
		// A client whose answer was lost repeats its request for as long as an outage takes.
		"OAUTH2_GRANT_REFRESH_TOKEN_ROTATION_GRACE_PERIOD=5m", "TTL_ACCESS_TOKEN=24h", "TTL_ID_TOKEN=24h",
	}
	for i, offset := range clockOffsets {
		f.nodes = append(f.nodes, f.node(t, string(rune('A'+i)), offset))
	}
	for _, n := range f.nodes { // all at once on an empty database
		if err := n.begin(); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range f.nodes {
		if err := n.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// flows is how many a test makes; few unless NODES_FLOWS asks for more.
func flows(t *testing.T, few int) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv("NODES_FLOWS"), strconv.Itoa(few)))
	if err != nil || n < 1 {
		t.Fatalf("NODES_FLOWS is %q", os.Getenv("NODES_FLOWS"))
	}
	return n
}

// Three nodes on one database server, with clocks that differ: nothing that
// was acknowledged is lost, and nothing is spent twice, whoever dies.
func TestNodes(t *testing.T) {
	for _, e := range storetest.Engines() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			own := e.Own(t)
			dsn := own.DSN(t, "max_conns=8")
			testNodes(t, &database{
				name: e.Name, dsn: dsn, db: own.DB(t, dsn), written: written[e.Name], few: 150,
				disturb: func() error { own.Crash(); return own.Recover() },
			})
		})
	}
}

// A standby takes the place of its primary while nodes work: what was
// acknowledged, it knows.
func TestNodesOnStandby(t *testing.T) {
	t.Parallel()
	both := storetest.StartStandby(t)
	dsn := both.DSN(t, "max_conns=8&connect_timeout=10")
	testNodes(t, &database{
		name: "PostgreSQL with a standby", dsn: dsn, db: both.DB(t, dsn), written: written["PostgreSQL"], few: 60,
		disturb: both.Promote, repair: both.Follow,
	})
}

var written = map[string]string{
	"PostgreSQL": "SELECT CAST(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS BIGINT)",
	"MariaDB":    "SELECT CAST(variable_value AS SIGNED) FROM information_schema.global_status WHERE variable_name = 'INNODB_OS_LOG_WRITTEN'",
}

func testNodes(t *testing.T, d *database) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("NODES_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	total := flows(t, d.few)
	f := newFleet(t, d)
	defer func() {
		if t.Failed() {
			t.Logf("NODES_SEED=%d\n%s", seed, tailOf(strings.Join(f.log.lines, "\n"), 12_000))
		}
	}()
	f.client = f.operator().register(nil)

	var next, done atomic.Int64
	var wg sync.WaitGroup
	for id := range 8 {
		wg.Go(func() {
			w := f.person(id)
			for n := next.Add(1) - 1; n < int64(total) || !f.disturbed.Load(); n = next.Add(1) - 1 {
				w.random = rand.New(rand.NewPCG(seed, uint64(n)))
				w.flow(int(n))
				done.Add(1)
			}
		})
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		f.havoc(rand.New(rand.NewPCG(seed, 1<<40)), stop, func() bool { return done.Load() > int64(total/3) })
	}()
	wg.Wait()
	close(stop)
	<-stopped

	f.measure(1 + total/50)
	f.settle()
	f.log.add("the counts: %v", &f.ledger)
	t.Logf("%s, seed %d: %v", d.name, seed, &f.ledger)
	for _, text := range f.faults {
		t.Error(text)
	}
}

// havoc kills nodes and starts them again, and once, when half says so, lets
// the database fail. In the end all nodes serve.
func (f *fleet) havoc(random *rand.Rand, stop <-chan struct{}, half func() bool) {
	for {
		select {
		case <-time.After(time.Duration(200+random.IntN(1500)) * time.Millisecond):
		case <-stop:
			return
		}
		if !f.disturbed.Load() && half() {
			f.fail()
			f.disturbed.Store(true) // the flows do not end before
			continue
		}
		dead := []*node{f.nodes[random.IntN(len(f.nodes))]}
		if random.IntN(4) == 0 { // a second one
			if n := f.nodes[random.IntN(len(f.nodes))]; n != dead[0] {
				dead = append(dead, n)
			}
		}
		for _, n := range dead {
			f.log.add("kill node %s", n.name)
			f.ledger.count("nodes killed", 1)
			n.end(syscall.SIGKILL)
		}
		time.Sleep(time.Duration(random.IntN(500)) * time.Millisecond)
		for _, n := range dead {
			if err := n.begin(); err != nil {
				f.fault("start node %s: %v", n.name, err)
			}
		}
		for _, n := range dead {
			if err := n.wait(f.t.Context()); err != nil {
				f.fault("%v", err)
			}
			f.log.add("node %s is ready", n.name)
		}
	}
}

// fail lets the database fail once.
func (f *fleet) fail() {
	f.log.add("the database fails")
	f.mu.Lock()
	f.outages = append(f.outages, outage{from: time.Now()})
	f.mu.Unlock()
	began := time.Now()
	if err := f.database.disturb(); err != nil {
		f.fault("the database does not come back: %v", err)
	}
	f.mu.Lock()
	f.outages[len(f.outages)-1].to = time.Now()
	f.mu.Unlock()
	f.ledger.count("milliseconds without the database", time.Since(began).Milliseconds())
	f.log.add("the database is back")
	if f.database.repair == nil {
		return
	}
	if err := f.database.repair(); err != nil {
		f.fault("the database is not repaired: %v", err)
	}
	f.log.add("the database is repaired")
}

// measure counts what sign-ins, and then refreshes, let the database write when
// nobody else is there.
func (f *fleet) measure(n int) {
	w := f.operator()
	before := f.written()
	permissions, paid := make([]*permission, n), make([]*tokens, n)
	var err error
	for i := range n {
		if permissions[i], paid[i], err = w.signedIn(w.visit(f.client)); err != nil {
			f.fault("sign-in when all is quiet: %v", err)
			return
		}
	}
	between := f.written()
	for i := range n {
		if _, err := w.refreshed(permissions[i], paid[i], false); err != nil {
			f.fault("refresh when all is quiet: %v", err)
			return
		}
	}
	f.ledger.count("bytes written for a sign-in", (between-before)/int64(n))
	f.ledger.count("bytes written for a refresh", (f.written()-between)/int64(n))
}

func (f *fleet) written() (n int64) {
	if err := f.database.db.QueryRowContext(f.t.Context(), f.database.written).Scan(&n); err != nil {
		f.t.Fatal(err)
	}
	return n
}
