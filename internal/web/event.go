package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"hydra/internal/oauth"
)

// Events writes one log line per request and counts it. It is the outermost
// middleware: it gives the request its id, and answers for handlers that
// panic. The line never holds a query, a header's value, a cookie or a body.
type Events struct {
	Log     *slog.Logger     // nil: no lines
	Metrics *Metrics         // nil: no metrics
	Errors  *Errors          // writes the answer for a panic
	Now     func() time.Time // nil: time.Now
	Port    string           // "public" or "admin", for the line

	// Scope adds to the context of each request; nil: nothing is added.
	Scope func(context.Context) context.Context
}

// event collects what is known about a request until it is answered.
type event struct {
	id      string
	source  netip.Addr // where the request comes from, as Edge knows it; see Network
	located bool       // Edge has set source
	mu      sync.Mutex
	route   string
	kind    string
	cause   string
	attrs   []slog.Attr
	failed  bool
}

type eventKey struct{}

func eventOf(ctx context.Context) *event {
	e, _ := ctx.Value(eventKey{}).(*event)
	return e
}

// Note adds a fact to the request's log line: the client's id, a grant's. A
// later note of the same key replaces the earlier one. Outside a request it
// does nothing. Values must not be secrets; an oauth.Secret prints redacted.
func Note(ctx context.Context, key string, value any) {
	e := eventOf(ctx)
	if e == nil {
		return
	}
	if s, ok := value.(string); ok {
		value = shorten(s)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.attrs {
		if e.attrs[i].Key == key {
			e.attrs[i].Value = slog.AnyValue(value)
			return
		}
	}
	e.attrs = append(e.attrs, slog.Any(key, value))
}

// NoteError keeps the kind and the cause of the error that a request ends with,
// for its log line.
func NoteError(ctx context.Context, err error) {
	e := eventOf(ctx)
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kind, e.cause = string(oauth.KindOf(err)), err.Error()
}

// noteRoute keeps the pattern that the request matched.
func noteRoute(ctx context.Context, pattern string) {
	if e := eventOf(ctx); e != nil {
		e.mu.Lock()
		e.route = pattern
		e.mu.Unlock()
	}
}

// RequestID returns the id of the request: the caller's X-Request-Id, or one
// that was made for it. It is for people who read logs; nothing is decided by it.
func RequestID(ctx context.Context) string {
	if e := eventOf(ctx); e != nil {
		return e.id
	}
	return ""
}

// requestIDHeader returns the caller's X-Request-Id if it is fit to be
// repeated: at most 128 visible ASCII characters.
func requestIDHeader(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if len(id) > 128 {
		return ""
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return ""
		}
	}
	return id
}

// Wrap returns h with an event around it.
func (m *Events) Wrap(h http.Handler) http.Handler {
	now := m.Now
	if now == nil {
		now = time.Now
	}
	var log slog.Handler
	if m.Log != nil {
		log = m.Log.With("port", m.Port).Handler()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := now()
		e := &event{id: requestIDHeader(r)}
		if e.id == "" {
			e.id = newRequestID()
		}
		ctx := context.WithValue(r.Context(), eventKey{}, e)
		if m.Scope != nil {
			ctx = m.Scope(ctx)
		}
		r = r.WithContext(ctx)
		rec := &recorder{ResponseWriter: w}
		rec.Header().Set("X-Request-Id", e.id)
		defer func() {
			thrown := recover()
			if thrown != nil {
				m.panicked(rec, r, e, thrown)
			}
			m.finish(log, rec, r, e, begin, now().Sub(begin))
			if thrown != nil && (thrown == http.ErrAbortHandler || rec.began && e.failed) {
				panic(http.ErrAbortHandler) // half an answer must not look like a whole one
			}
		}()
		h.ServeHTTP(rec, r)
	})
}

// panicked answers for a handler that panicked. The value is logged only when
// it comes from the runtime: another one may hold anything.
func (m *Events) panicked(rec *recorder, r *http.Request, e *event, thrown any) {
	if thrown == http.ErrAbortHandler {
		return
	}
	text := fmt.Sprintf("panic of type %T", thrown)
	if err, ok := thrown.(runtime.Error); ok {
		text = "panic: " + err.Error()
	}
	e.mu.Lock()
	e.failed = rec.began
	e.attrs = append(e.attrs, slog.String("stack", string(debug.Stack())))
	e.mu.Unlock()
	if rec.began {
		NoteError(r.Context(), oauth.ServerError.Because(fmt.Errorf("%s", text)))
		return
	}
	m.Errors.Write(rec, r, AdminErrors, oauth.ServerError.Because(fmt.Errorf("%s", text)))
}

func (m *Events) finish(log slog.Handler, rec *recorder, r *http.Request, e *event, begin time.Time, took time.Duration) {
	status := rec.status
	if status == 0 {
		status = http.StatusOK // the handler wrote nothing: net/http answers 200
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	route := e.route
	if route == "" {
		route = "(none)"
	}
	method := knownMethod(r.Method)
	if m.Metrics != nil {
		m.Metrics.observe(method, route, status, took)
	}
	level := slog.LevelInfo
	switch {
	case status >= 500 || e.failed:
		level = slog.LevelError
	case isMonitoring(strings.TrimPrefix(route, "/admin")):
		level = slog.LevelDebug // probes would drown everything else
	}
	if log == nil || !log.Enabled(r.Context(), level) {
		return
	}
	// Without a slog.Logger in between nobody looks for the line of source that
	// this is, nor at the clock again.
	line := slog.NewRecord(begin.Add(took), level, "request", 0)
	line.AddAttrs(
		slog.String("method", method),
		slog.String("route", route),
		slog.Int("status", status),
		slog.Duration("duration", took.Round(time.Microsecond)),
		slog.Int64("bytes", rec.bytes),
		slog.String("request_id", e.id),
	)
	if e.kind != "" {
		line.AddAttrs(slog.String("error", e.kind), slog.String("cause", shorten(e.cause)))
	}
	line.AddAttrs(e.attrs...)
	_ = log.Handle(r.Context(), line) // nobody is left to tell
}

// knownMethod bounds the number of different methods in logs and metrics.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions:
		return method
	}
	return "OTHER"
}

// shorten bounds a text for the log; ids and causes can be long.
func shorten(s string) string { return Shorten(s, 1024) }

// Shorten cuts a text off after so many bytes.
func Shorten(s string, most int) string {
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	began  bool
}

func (r *recorder) WriteHeader(status int) {
	if !r.began && status >= 200 {
		r.status, r.began = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if !r.began {
		r.status, r.began = http.StatusOK, true
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// isMonitoring knows the routes that are called all the time.
func isMonitoring(route string) bool {
	return strings.HasPrefix(route, "/health/") || strings.HasPrefix(route, "/metrics/")
}
