package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"hydra/internal/admin"
	"hydra/internal/client"
	"hydra/internal/config"
	"hydra/internal/flow"
	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/sqlstore"
	"hydra/internal/token"
	"hydra/internal/ui"
	"hydra/internal/web"
)

// app is the program without its listeners.
type app struct {
	config  *config.Config
	store   *sqlstore.Store
	audit   *auditor
	watch   *key.Watch
	ring    *key.Ring
	keys    *key.Service
	tokens  *token.Service
	log     *slog.Logger
	outbox  *outbox
	now     func() time.Time
	clients *client.Service
	metrics *metrics
	observe oauth.Observer

	public, admin http.Handler
	routes        map[string][]string // of both ports, which the description must know
}

// build opens the storage and makes every service. This is where they meet;
// each gets what it uses by a named field.
func build(ctx context.Context, o Options) (_ *app, err error) {
	audit, err := newAuditor(o.Config.Log.Audit, o.Log, o.Now)
	if err != nil {
		return nil, fmt.Errorf("log.audit: %w", err)
	}
	opened := []io.Closer{audit}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll(opened...))
		}
	}()
	c, metrics := o.Config, newMetrics(o)
	o.Statement = countStatements(metrics.registry, o.Statement)
	store, err := openStore(ctx, o)
	if err != nil {
		return nil, err
	}
	opened = append(opened, store)
	observe := metrics.observer(o.Log, audit)

	sealer := secret.NewSealer(c.URLs.Issuer)
	sealer.Now = o.Now
	watch := &key.Watch{Store: store, Staleness: c.Cache.Staleness, Now: o.Now}
	ring := &key.Ring{
		Store: store, Sealer: sealer, Watch: watch, Now: o.Now,
		RotateEvery: orNever(c.Keys.SealRotation), Lives: lives,
	}
	if err := openRing(ctx, c, ring, o.Log); err != nil {
		return nil, err
	}
	keys, err := openKeys(ctx, c, &key.Service{Store: store, Sealer: sealer, Watch: watch, Now: o.Now}, observe)
	if err != nil {
		return nil, err
	}
	fetcher, err := newFetcher(c)
	if err != nil {
		return nil, err
	}
	remote := &key.RemoteKeys{Fetcher: fetcher, Now: o.Now, Observe: observe}
	clients := &client.Service{
		Store: store, Replays: store, Watch: watch, Now: o.Now, Observe: observe,
		Sealer:        sealer,
		Registrations: store,
		Options:       clientOptions(c),
		RemoteKeys:    remote,
		Fetch:         document(fetcher),
	}
	tokens := &token.Service{
		Store: store, Clients: clients, Keys: keys, RemoteKeys: remote, Sealer: sealer, Now: o.Now, Observe: observe,
		Options: tokenOptions(c),
	}
	tokens.Imports = &token.Imports{Store: store, Grants: store, Sealer: sealer, Watch: watch, Now: o.Now}
	if _, err := tokens.Imports.Load(ctx); err != nil {
		return nil, err
	}
	tokens.BeforeSpend = beforeSpend(c, &tokens.Options, fetcher.Roots, metrics)
	flows := &flow.Service{
		Store: store, Clients: clients, Tokens: tokens, Sealer: sealer, Now: o.Now, Observe: observe,
		Keys: keys, Documents: &key.Documents{Fetcher: fetcher, Now: o.Now},
		Options: flowOptions(c),
	}
	box, err := newOutbox(o, c, store, clients, tokens, observe, metrics)
	if err != nil {
		return nil, err
	}
	flows.CallsWait = box.wake
	a := &app{config: c, outbox: box, store: store, audit: audit, watch: watch, ring: ring, keys: keys, tokens: tokens, clients: clients, metrics: metrics, observe: observe, log: o.Log, now: o.Now}

	errs := &web.Errors{ShareDebug: c.OAuth2.ExposeInternalErrors || c.Dev}
	edge := func(port string, l config.Listener) func(http.Handler) http.Handler {
		return func(h http.Handler) http.Handler { return a.edge(h, port, l, o, errs, metrics) }
	}
	access := adminAccess(c, errs, observe)
	adminMux := &web.Mux{}
	(&admin.Handler{Access: access, Audit: audit.changed, Clients: clients, Keys: keys, Tokens: tokens, Flows: flows, Calls: box.calls, Sealer: sealer, Errors: errs, OldIntrospection: c.Compatibility == "rc"}).Routes(adminMux)
	for _, prefix := range []string{"", "/admin"} { // since v2 both spellings exist
		adminMux.Handle("GET "+prefix+"/health/alive", web.Alive())
		adminMux.Handle("GET "+prefix+"/health/ready", web.Ready(store.Ping, true))
		adminMux.Handle("GET "+prefix+"/version", access.Needs("operations:read", web.AdminErrors, web.Version(o.Version)))
		adminMux.Handle("GET "+prefix+"/metrics/prometheus", access.Needs("metrics:read", web.AdminErrors, metrics.handler))
	}
	(&admin.Description{Version: o.Version, PublicURL: c.URLs.Public, AdminURL: c.URLs.Admin, Errors: errs}).Routes(adminMux)
	adminCORS := cors(c.Serve.Admin.CORS)
	adminAPI := adminCORS.Plain(adminCORS.SameSite(access.Wrap(adminMux, freePaths...), errs))
	if c.Serve.Admin.Loopback() {
		adminAPI = web.LocalHosts(errs, hostname(c.URLs.Admin))(adminAPI)
	}
	a.admin = edge("admin", c.Serve.Admin)(adminAPI)

	publicMux := &web.Mux{}
	publicHandler(c, errs, clients, keys, tokens, flows).Routes(publicMux)
	publicMux.Handle("GET /health/ready", web.Ready(store.Ping, false))
	a.routes = map[string][]string{"public": publicMux.Patterns(), "admin": adminMux.Patterns()}
	wrap := edge("public", c.Serve.Public)
	api := belowIssuer(c.URLs.Public, publicMux)
	a.public = wrap(api)
	if c.Dev {
		own := a.admin
		if access != nil {
			own = edge("admin", c.Serve.Admin)(access.Trusted("built-in pages", adminMux))
		}
		pages := ui.New(ui.Config{
			Public: a.public, Admin: own, PublicURL: c.URLs.Public, Issuer: c.URLs.Issuer, Now: o.Now,
			Report: func(ctx context.Context, err error) { web.NoteError(ctx, err) },
		})
		a.public = wrap(belowIssuer(c.URLs.Public, withPages(c, pages.Handler(), publicMux)))
	}
	return a, nil
}

// lives bounds how long the values of a kind can live, so that their keys can
// go. Values of the kinds that are missing may live for ever: a client can
// have lifespans of its own, and the list of consents shows each challenge
// again. The bounds are what the options allow, since the
// option may have been set to more when the value was made.
var lives = map[secret.Kind]time.Duration{
	secret.Code:            90 * 24 * time.Hour, // a replay is to be noticed long after
	secret.LoginVerifier:   24 * time.Hour,
	secret.ConsentVerifier: 24 * time.Hour,
	secret.LogoutChallenge: 24 * time.Hour,
	secret.LogoutVerifier:  24 * time.Hour,
	secret.DeviceCode:      48 * time.Hour,
	secret.DeviceChallenge: 24 * time.Hour,
	secret.DeviceVerifier:  24 * time.Hour,
	secret.PageToken:       24 * time.Hour,
}

// orNever turns the option's 0, which means never, into what the ring takes
// for it.
func orNever(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// hostname is the name in a URL that the configuration has checked.
func hostname(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// edge wraps a port's routes with what every request gets.
func (a *app) edge(h http.Handler, port string, l config.Listener, o Options, errs *web.Errors, m *metrics) http.Handler {
	events := &web.Events{Log: o.Log, Metrics: m.http, Errors: errs, Now: o.Now, Port: port, Scope: a.watch.Scope}
	guard := &web.Edge{
		RequireHTTPS: len(l.TLS.TermFrom) > 0 && !a.config.PlainHTTP(),
		Trusted:      l.TLS.TermFrom, Errors: errs,
	}
	return web.Chain(h,
		events.Wrap, web.SecurityHeaders, guard.Wrap, web.LimitBody(maxBody))
}

// maxBody bounds every request's body; most handlers have a smaller bound.
const maxBody = 2 << 20

// belowIssuer lets the routes be called with and without the path of the
// public URL in front: a proxy may take it away or leave it there. The
// metadata of RFC 8414 §3 has the path at its end.
func belowIssuer(publicURL string, h http.Handler) http.Handler {
	_, rest, _ := strings.Cut(publicURL, "://")
	_, path, ok := strings.Cut(rest, "/")
	if !ok || path == "" {
		return h
	}
	path = "/" + path
	stripped := http.StripPrefix(path, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch p := r.URL.EscapedPath(); {
		case strings.HasPrefix(p, path+"/"):
			stripped.ServeHTTP(w, r)
		case p == metadata+path || p == metadata+path+"/":
			r = r.Clone(r.Context())
			r.URL.Path, r.URL.RawPath = metadata, ""
			h.ServeHTTP(w, r)
		default:
			h.ServeHTTP(w, r)
		}
	})
}

const metadata = "/.well-known/oauth-authorization-server"

// withPages puts the development pages beside the API. Where the operator has
// a page of his own the built-in one does not exist: nobody gets around a real
// login because the server still runs in development mode.
func withPages(c *config.Config, pages, api http.Handler) http.Handler {
	var mux http.ServeMux
	for _, p := range ui.Patterns() {
		mux.Handle(p, pages)
	}
	for path, configured := range map[string]string{"/dev/login": c.URLs.Login, "/dev/consent": c.URLs.Consent, "/dev/device": c.URLs.DeviceVerification, "/dev/logout": c.URLs.Logout} {
		if configured != "" {
			mux.Handle(path, api)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, pattern := mux.Handler(r); pattern != "" {
			h.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// metrics are what the operator's Prometheus reads.
type metrics struct {
	http    *web.Metrics
	shed    *prometheus.CounterVec
	events  *prometheus.CounterVec
	hooks   hookMetrics
	handler http.Handler
	// registry labels what it is given as this program's.
	registry prometheus.Registerer

	logoutCalls *prometheus.CounterVec
	logoutRows  *prometheus.GaugeVec
}

func newMetrics(o Options) *metrics {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	labelled := prometheus.WrapRegistererWith(prometheus.Labels{
		"app": "hydra", "version": o.Version, "hash": o.Commit, "buildTime": o.BuildTime,
	}, registry)
	m := &metrics{
		http:    web.NewMetrics(labelled),
		events:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "hydra_events_total", Help: "Events that an operator may want to see, such as replays and revocations."}, []string{"event"}),
		handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second}),

		registry: labelled,
	}
	m.hooks, m.shed = newHookMetrics(labelled), shedMetric(labelled)
	labelled.MustRegister(m.events)
	m.logoutCalls, m.logoutRows = outboxMetrics(labelled)
	return m
}
