package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"hydra/internal/config"
	"hydra/internal/secret"
	"hydra/internal/web"
)

// Options say what to serve.
type Options struct {
	Config        *config.Config
	Public, Admin bool // which ports to open
	Migrate       bool // apply pending migrations also to a database that is not the server's own
	Log           *slog.Logger
	Now           func() time.Time // nil: time.Now

	Version, Commit, BuildTime string

	// Statement, if set, is told of every SQL statement, for tests that count.
	Statement func(ctx context.Context, kind, statement string)
}

// Server is a running server.
type Server struct {
	app       *app
	log       *slog.Logger
	listeners map[string]net.Listener // by "public" and "admin"
	servers   []*http.Server
	failed    chan error
	jobs      *jobs
	stopJobs  context.CancelFunc
}

// Start opens the storage, brings its tables up to date where that is the
// server's own business, checks that the keys are the right ones, and only
// then listens. The context bounds the start, not the life of the server.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for _, w := range o.Config.Warnings() {
		o.Log.Warn(w)
	}
	a, err := build(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Server{app: a, log: o.Log, listeners: map[string]net.Listener{}, failed: make(chan error, 2)}
	if err := s.listen(ctx, o); err != nil {
		return nil, errors.Join(err, closeAll(a.store, a.audit))
	}
	s.startJobs(o)
	s.announce(o)
	return s, nil
}

// listen binds the ports and begins to serve when all are bound.
func (s *Server) listen(ctx context.Context, o Options) (err error) {
	var serve []func() error
	defer func() {
		if err != nil {
			for _, l := range s.listeners {
				err = errors.Join(err, l.Close())
			}
		}
	}()
	for _, p := range []struct {
		name    string
		wanted  bool
		config  config.Listener
		handler http.Handler
		hooks   time.Duration // that requests may wait for
	}{
		{"public", o.Public, o.Config.Serve.Public, s.app.public, hookTime(o.Config)},
		{"admin", o.Admin, o.Config.Serve.Admin, s.app.admin, 0},
	} {
		if !p.wanted {
			continue
		}
		server := web.NewServer(s.app.admit(p.name, p.config, p.handler))
		if p.hooks > 0 {
			web.Extend(server, p.hooks)
		}
		server.ErrorLog = slog.NewLogLogger(o.Log.With("port", p.name).Handler(), slog.LevelDebug)
		if p.config.TLS.Enabled {
			cert, err := newCertificate(p.config.TLS, o.Log, o.Now)
			if err != nil {
				return fmt.Errorf("certificate of the %s port: %w", p.name, err)
			}
			server.TLSConfig = cert.tlsConfig()
			if p.name == "admin" {
				if err := askForCertificates(server.TLSConfig, o.Config.Serve.AdminClientCA); err != nil {
					return fmt.Errorf("serve.admin.auth.client_ca: %w", err)
				}
			}
		}
		l, err := listen(ctx, p.config)
		if err != nil {
			return fmt.Errorf("the %s port: %w", p.name, err)
		}
		s.listeners[p.name] = l
		s.servers = append(s.servers, server)
		serve = append(serve, func() error {
			if server.TLSConfig != nil {
				return server.ServeTLS(l, "", "")
			}
			return server.Serve(l)
		})
	}
	for _, f := range serve {
		go func() {
			if err := f(); !errors.Is(err, http.ErrServerClosed) {
				s.failed <- err
			}
		}()
	}
	return nil
}

// startJobs begins what goes on beside requests.
func (s *Server) startJobs(o Options) {
	ctx, cancel := context.WithCancel(context.Background())
	s.stopJobs = cancel
	s.jobs = &jobs{leases: s.app.store, owner: secret.NewID(), now: o.Now, log: o.Log}
	for _, j := range s.app.jobs() {
		s.jobs.start(ctx, j)
	}
	s.jobs.wg.Go(func() { s.app.outbox.run(ctx) })
}

func (s *Server) announce(o Options) {
	attrs := []any{"version", o.Version, "issuer", o.Config.URLs.Issuer, "storage", o.Config.Storage()}
	for _, name := range []string{"public", "admin"} {
		if url := s.URL(name); url != "" {
			attrs = append(attrs, name, url)
		}
	}
	s.log.Info("The server is ready.", attrs...)
	if o.Config.Dev {
		s.log.Warn("Development mode: whoever reaches the public port can sign in as anybody.")
	}
}

// URL returns where the port, "public" or "admin", is reached on this machine:
// "unix:/path" for a socket, "" for a port that is not open.
func (s *Server) URL(port string) string {
	l := s.listeners[port]
	if l == nil {
		return ""
	}
	c := s.app.config.Serve.Public
	if port == "admin" {
		c = s.app.config.Serve.Admin
	}
	if strings.HasPrefix(c.Host, "unix:") {
		return c.Host
	}
	scheme := "http"
	if c.TLS.Enabled {
		scheme = "https"
	}
	addr := l.Addr().String()
	if tcp, ok := l.Addr().(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		addr = fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return scheme + "://" + addr
}

// Wait serves until the context ends or a listener fails, and then stops:
// new connections are refused, requests in flight finish, background jobs
// give their leases back, the storage is closed. It returns nil when
// everything ended in order.
func (s *Server) Wait(ctx context.Context) error {
	var failed error
	select {
	case <-ctx.Done():
		s.log.Info("Stopping: new connections are refused, requests in flight finish.")
	case failed = <-s.failed:
		failed = fmt.Errorf("a listener failed: %w", failed)
	}
	return errors.Join(failed, s.stop())
}

func (s *Server) stop() error {
	err := drain(s.servers)
	s.stopJobs()
	s.jobs.wait()
	err = errors.Join(err, closeAll(s.app.store, s.app.audit))
	if err == nil {
		s.log.Info("Stopped.")
	}
	return err
}
