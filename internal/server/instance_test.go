package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hydra/internal/config"
	"hydra/internal/server"
	"hydra/internal/storetest"
)

// instance is the whole program, running in this process on free ports.
type instance struct {
	Config *config.Config
	Public string // base URL of the public port, without a slash
	Admin  string
	Log    *logBuffer

	server *server.Server
	cancel context.CancelFunc
	done   chan error
	once   sync.Once
	err    error
}

// start runs a server with these environment variables on top of free ports
// and a new data directory. It is stopped at the end of the test.
func start(t *testing.T, environ ...string) *instance {
	t.Helper()
	i, err := tryStart(t, environ...)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func tryStart(t *testing.T, environ ...string) (*instance, error) {
	t.Helper()
	return startWith(t, func(*server.Options) {}, environ...)
}

// startWith is start with other options, such as a clock or a counter. It
// tries again when somebody took a free port meanwhile.
func startWith(t *testing.T, change func(*server.Options), environ ...string) (i *instance, err error) {
	t.Helper()
	for range 5 {
		if i, err = startOnce(t, change, environ...); !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return i, err
}

func startOnce(t *testing.T, change func(*server.Options), environ ...string) (*instance, error) {
	t.Helper()
	ports := storetest.Ports(t, 2)
	cfg, err := config.Load(config.Input{Environ: append([]string{
		"DATA_DIR=" + t.TempDir(), fmt.Sprintf("PUBLIC_PORT=%d", ports[0]), fmt.Sprintf("ADMIN_PORT=%d", ports[1]), "PUBLIC_HOST=127.0.0.1",
	}, environ...)})
	if err != nil {
		return nil, err
	}
	i := &instance{Config: cfg, Log: &logBuffer{}, done: make(chan error, 1)}
	o := server.Options{
		Config: cfg, Public: true, Admin: true, Version: "v0.0.0-test",
		Log: slog.New(slog.NewTextHandler(i.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	change(&o)
	s, err := server.Start(t.Context(), o)
	if err != nil {
		return nil, err
	}
	i.server = s
	i.Public, i.Admin = s.URL("public"), s.URL("admin")
	i.describe()
	ctx, cancel := context.WithCancel(context.Background())
	i.cancel = cancel
	go func() { i.done <- s.Wait(ctx) }()
	t.Cleanup(func() {
		if err := i.stop(); err != nil {
			t.Errorf("the server stopped with %v", err)
		}
	})
	return i, nil
}

// stop ends the server in order and returns what Wait returned.
func (i *instance) stop() error {
	i.once.Do(func() {
		i.cancel()
		i.err = <-i.done
	})
	return i.err
}

// logBuffer is a log that can be read while the server writes it.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// reply is an answer that was read to its end.
type reply struct {
	Status int
	Header http.Header
	Body   string
	Proto  string
}

// client follows no redirects and keeps no connections.
var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       2 * time.Minute,
}

// do sends a request with headers given as "Name: value".
func do(t *testing.T, c *http.Client, method, url, body string, headers ...string) reply {
	t.Helper()
	r, err := try(t, c, method, url, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func try(t *testing.T, c *http.Client, method, url, body string, headers ...string) (reply, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := c.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}, err
	}
	compare(t, req, res, data)
	return reply{res.StatusCode, res.Header, string(data), res.Proto}, nil
}

func get(t *testing.T, url string, headers ...string) reply {
	t.Helper()
	return do(t, client, http.MethodGet, url, "", headers...)
}
