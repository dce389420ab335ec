package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// skewedMain is the program with a clock that CLOCK_OFFSET is ahead. It does
// not outlive its parent.
func skewedMain() {
	parent := os.Getppid()
	go func() {
		for range time.Tick(time.Second) {
			if os.Getppid() != parent {
				os.Exit(exitUsage)
			}
		}
	}()
	offset, err := time.ParseDuration(os.Getenv("CLOCK_OFFSET"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
	clock = func() time.Time { return time.Now().Add(offset) }
	main()
}

// node is one of several servers on one database: a process that is killed
// and started again. It listens on unix sockets: a port could be somebody
// else's before it is back.
type node struct {
	fleet  *fleet
	name   string
	offset time.Duration // of its clock
	home   string
	log    *lockedBuffer
	lives  int
	life   atomic.Pointer[life]
}

// life is one process of a node.
type life struct {
	cmd           *exec.Cmd
	public, admin string      // hosts that the fleet can dial
	ready         atomic.Bool // it has said so once
	ending        atomic.Bool // the test ends it
	ended         chan struct{}
}

func (f *fleet) node(t *testing.T, name string, offset time.Duration) *node {
	t.Helper()
	home, err := os.MkdirTemp("", "node-") // a short path, as those of sockets must be
	if err != nil {
		t.Fatal(err)
	}
	n := &node{fleet: f, name: name, offset: offset, home: home, log: &lockedBuffer{}}
	t.Cleanup(func() {
		n.end(syscall.SIGTERM)
		_ = os.RemoveAll(home)
		if t.Failed() {
			t.Logf("the log of node %s:\n%s", name, tailOf(n.log.String(), 6_000))
		}
	})
	return n
}

func tailOf(s string, n int) string { return s[max(0, len(s)-n):] }

// begin starts the node's process.
func (n *node) begin() error {
	n.lives++
	// Hosts and sockets of this life alone: no connection of the one before is
	// taken for one of this.
	l := &life{public: fmt.Sprintf("public-%s%d", n.name, n.lives), admin: fmt.Sprintf("admin-%s%d", n.name, n.lives), ended: make(chan struct{})}
	cmd := exec.Command("hydra-node", "serve", "all", "--dangerous-force-http", "--data-dir", n.home)
	cmd.Dir, cmd.Stderr = n.home, n.log
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + n.home, "CLOCK_OFFSET=" + n.offset.String(),
		"PUBLIC_HOST=unix:" + n.home + "/" + l.public, "ADMIN_HOST=unix:" + n.home + "/" + l.admin,
	}, n.fleet.environ...)
	if i := slices.Index(n.fleet.nodes, n); i >= 0 && n.fleet.database.dsns != nil {
		cmd.Env = append(cmd.Env, "DSN="+n.fleet.database.dsns[i])
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	l.cmd = cmd
	n.fleet.sockets.Store(l.public, n.home+"/"+l.public)
	n.fleet.sockets.Store(l.admin, n.home+"/"+l.admin)
	n.life.Store(l)
	go func() {
		err := cmd.Wait()
		if !l.ending.Load() {
			n.fleet.fault("node %s ended by itself: %v", n.name, err)
		}
		close(l.ended)
	}()
	return nil
}

// wait returns when the node is ready.
func (n *node) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, endurance)
	defer cancel()
	l := n.life.Load()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.admin+"/health/ready", http.NoBody)
		if err != nil {
			return err
		}
		if res, err := n.fleet.admin.transport.RoundTrip(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				l.ready.Store(true)
				return nil
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-l.ended:
			return fmt.Errorf("node %s ended at its start", n.name)
		case <-ctx.Done():
			return fmt.Errorf("node %s is not ready: %w", n.name, ctx.Err())
		}
	}
}

// end sends the signal and returns when the process is gone.
func (n *node) end(how syscall.Signal) {
	l := n.life.Load()
	if l == nil || l.ending.Swap(true) {
		return
	}
	_ = l.cmd.Process.Signal(how) // it may have ended by itself, which is a fault of its own
	<-l.ended
}

// balancer is a proxy before one port of all nodes: each request goes to the
// next node, and from one that cannot be reached to the one after it.
type balancer struct {
	fleet     *fleet
	host      func(*life) string
	next      atomic.Uint64
	transport *http.Transport
	server    *httptest.Server
}

const (
	nodeHeader  = "Test-Node"  // in a request: which node to begin with; in an answer: who gave it
	proxyHeader = "Test-Proxy" // the answer is not a node's
)

func (f *fleet) balance(t *testing.T, host func(*life) string) *balancer {
	t.Helper()
	b := &balancer{fleet: f, host: host, transport: &http.Transport{
		MaxIdleConnsPerHost: 32, IdleConnTimeout: 5 * time.Second, // before a node closes them
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			name, _, _ := strings.Cut(address, ":")
			path, _ := f.sockets.Load(name)
			return (&net.Dialer{}).DialContext(ctx, "unix", path.(string))
		},
	}}
	b.server = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme = "http" },
		Transport: b,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			w.Header().Set(proxyHeader, "no answer")
			w.WriteHeader(http.StatusBadGateway)
		},
	})
	t.Cleanup(func() { b.server.Close(); b.transport.CloseIdleConnections() })
	return b
}

// RoundTrip sends a request to a node and holds the nodes to what they may do:
// drop a connection only when they are killed, and answer with 5xx only while
// the database is away.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	var err error
	if r.Body != nil {
		if body, err = io.ReadAll(io.LimitReader(r.Body, 1<<20)); err != nil {
			return nil, err
		}
	}
	first := int(b.next.Add(1))
	if n, err := strconv.Atoi(r.Header.Get(nodeHeader)); err == nil {
		first = n
	}
	r.Header.Del(nodeHeader)
	began := time.Now()
	nodes := b.fleet.nodes
	for i := range nodes {
		n := nodes[(first+i)%len(nodes)]
		l := n.life.Load()
		out := r.Clone(r.Context())
		out.URL.Host, out.Body, out.ContentLength = b.host(l), http.NoBody, int64(len(body))
		if len(body) > 0 {
			out.Body = io.NopCloser(bytes.NewReader(body))
		}
		var res *http.Response
		if res, err = b.transport.RoundTrip(out); err == nil {
			res.Header.Set(nodeHeader, n.name)
			if res.StatusCode >= http.StatusInternalServerError && !b.fleet.away(began) {
				b.fleet.fault("node %s answered %s %s with %d while the database was there", n.name, r.Method, r.URL.Path, res.StatusCode)
			}
			return res, nil
		}
		if r.Context().Err() != nil {
			return nil, err
		}
		if l.ready.Load() && !l.ending.Load() {
			b.fleet.fault("node %s gave %s %s no answer, and was not killed: %v", n.name, r.Method, r.URL.Path, err)
		}
		if op, ok := errors.AsType[*net.OpError](err); !ok || op.Op != "dial" {
			return nil, err // it may have been done
		}
	}
	return nil, err
}

// timeline is what happened when, since a start.
type timeline struct {
	mu    sync.Mutex
	began time.Time
	lines []string
}

func (l *timeline) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf("%8.3fs  %s", time.Since(l.began).Seconds(), fmt.Sprintf(format, args...)))
}
