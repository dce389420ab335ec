package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"hydra/internal/oauth"
)

// serve sends one request through Events and a Mux and returns the log lines.
func serve(t *testing.T, pattern string, f HandlerFunc, r *http.Request) (*httptest.ResponseRecorder, []map[string]any) {
	t.Helper()
	var buf bytes.Buffer
	errs := &Errors{}
	events := &Events{
		Log:    slog.New(slog.NewJSONHandler(&buf, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Errors: errs,
		Port:   "public",
	}
	var mux Mux
	mux.Handle(pattern, errs.Handle(AdminErrors, f))
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				t.Errorf("panic %v got out", p)
			}
		}()
		events.Wrap(&mux).ServeHTTP(w, r)
	}()
	var lines []map[string]any
	for line := range strings.SplitSeq(strings.TrimSpace(buf.String()), "\n") {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		lines = append(lines, m)
	}
	return w, lines
}

// One request, one line; with what happened and why, without what is secret.
func TestEventLine(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/oauth2/token/s3cret-path?code=s3cret-query", strings.NewReader("token=s3cret-body"))
	r.Header.Set("Authorization", "Bearer s3cret-header")
	r.Header.Set("Cookie", "session=s3cret-cookie")
	r.Header.Set("X-Request-Id", "abc")
	w, lines := serve(t, "POST /oauth2/token/{x}", func(_ http.ResponseWriter, r *http.Request) error {
		Note(r.Context(), "client_id", "first")
		Note(r.Context(), "client_id", strings.Repeat("c", 5000))
		Note(r.Context(), "token", oauth.Secret("s3cret-note"))
		return oauth.InvalidGrant.Hint("Expired.").Because(errors.New("row is old"))
	}, r)
	if len(lines) != 1 {
		t.Fatalf("%d lines, want 1: %v", len(lines), lines)
	}
	line := lines[0]
	for key, want := range map[string]any{
		"port": "public", "method": "POST", "route": "/oauth2/token/{x}", "status": 400.0, "request_id": "abc",
		"error": "invalid_grant", "cause": "invalid_grant: Expired.: row is old", "level": "INFO", "token": "[redacted]",
		"bytes": float64(w.Body.Len()),
	} {
		if line[key] != want {
			t.Errorf("%s = %v, want %v", key, line[key], want)
		}
	}
	if text, _ := json.Marshal(line); strings.Contains(string(text), "s3cret") {
		t.Errorf("a secret got into the log: %s", text)
	}
	if id, _ := line["client_id"].(string); len(id) > 1100 || !strings.HasPrefix(id, "ccc") {
		t.Errorf("client_id of %d bytes", len(id))
	}
	if w.Header().Get("X-Request-Id") != "abc" {
		t.Errorf("X-Request-Id = %q", w.Header().Get("X-Request-Id"))
	}
}

func TestEventLevelsAndRoutes(t *testing.T) {
	t.Parallel()
	ok := func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(http.StatusNoContent); return nil }
	for _, test := range []struct {
		name, pattern, target string
		f                     HandlerFunc
		level, route          string
		status                float64
	}{
		{"success", "GET /clients", "/clients", ok, "INFO", "/clients", 204},
		{"a probe", "GET /health/alive", "/health/alive", ok, "DEBUG", "/health/alive", 204},
		{"a probe as v2 spells it", "GET /admin/health/alive", "/admin/health/alive", ok, "DEBUG", "/admin/health/alive", 204},
		{"nothing there", "GET /clients", "/nowhere", ok, "INFO", "(none)", 404},
		{"wrong method", "POST /clients", "/clients", ok, "INFO", "/clients", 405},
		{"our fault", "GET /clients", "/clients", func(http.ResponseWriter, *http.Request) error { return errors.New("disk") }, "ERROR", "/clients", 500},
		{"nothing written", "GET /clients", "/clients", func(http.ResponseWriter, *http.Request) error { return nil }, "INFO", "/clients", 200},
		{"body without status", "GET /clients", "/clients", func(w http.ResponseWriter, _ *http.Request) error { _, err := w.Write([]byte("x")); return err }, "INFO", "/clients", 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, lines := serve(t, test.pattern, test.f, httptest.NewRequest(http.MethodGet, test.target, nil))
			if len(lines) != 1 || lines[0]["level"] != test.level || lines[0]["route"] != test.route || lines[0]["status"] != test.status {
				t.Errorf("lines %v", lines)
			}
			if id, _ := lines[0]["request_id"].(string); len(id) != 32 {
				t.Errorf("request_id %q", id)
			}
		})
	}
}

// A handler that panics answers 500; the value, which may hold anything, is
// not logged.
func TestPanics(t *testing.T) {
	t.Parallel()
	w, lines := serve(t, "GET /x", func(http.ResponseWriter, *http.Request) error { panic("s3cret") }, httptest.NewRequest(http.MethodGet, "/x", nil))
	if w.Code != 500 || !strings.Contains(w.Body.String(), "server_error") {
		t.Errorf("answer %d %s", w.Code, w.Body)
	}
	text, _ := json.Marshal(lines)
	if len(lines) != 1 || strings.Contains(string(text), "s3cret") || !strings.Contains(string(text), "event_test.go") || lines[0]["level"] != "ERROR" {
		t.Errorf("lines %s", text)
	}

	_, lines = serve(t, "GET /x", func(http.ResponseWriter, *http.Request) error {
		var m map[string]int
		m["a"] = 1
		return nil
	}, httptest.NewRequest(http.MethodGet, "/x", nil))
	if cause, _ := lines[0]["cause"].(string); !strings.Contains(cause, "nil map") {
		t.Errorf("cause %q", cause)
	}

	w, lines = serve(t, "GET /x", func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = w.Write([]byte(`{"half":`))
		panic("later")
	}, httptest.NewRequest(http.MethodGet, "/x", nil))
	if w.Body.String() != `{"half":` || len(lines) != 1 || lines[0]["level"] != "ERROR" || lines[0]["error"] != "server_error" {
		t.Errorf("half an answer: %q, %v", w.Body, lines)
	}
}

// Half an answer that looked whole would be believed.
func TestPanicAfterTheFirstByteCutsTheConnection(t *testing.T) {
	t.Parallel()
	events := &Events{Errors: &Errors{}}
	server := httptest.NewServer(events.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("x"))
		panic("later")
	})))
	defer server.Close()
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		return // cut before the header arrived
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err == nil {
		t.Errorf("the client read %q to a good end", b.String())
	}
}

func TestErrorAfterTheAnswerBeganIsOnlyLogged(t *testing.T) {
	t.Parallel()
	w, lines := serve(t, "GET /x", func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusOK)
		return errors.New("too late")
	}, httptest.NewRequest(http.MethodGet, "/x", nil))
	if w.Code != 200 || w.Body.Len() > 0 || lines[0]["cause"] != "too late" {
		t.Errorf("answer %d %q, line %v", w.Code, w.Body, lines[0])
	}
}

func TestNoteOutsideARequest(t *testing.T) {
	t.Parallel()
	Note(t.Context(), "a", 1)
	if id := RequestID(context.Background()); id != "" {
		t.Errorf("RequestID() = %q", id)
	}
}

// Series are counted by pattern: a path or method that somebody made up makes
// no new one.
func TestMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		events := &Events{Metrics: NewMetrics(reg), Errors: &Errors{}}
		var mux Mux
		mux.Handle("GET /clients/{id}", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(20 * time.Millisecond) }))
		h := events.Wrap(&mux)
		for _, target := range []string{"/clients/a", "/clients/b", "/x/1", "/x/2"} {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, target, nil))
		}
		for _, method := range []string{"BREW", "PROPFIND"} {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, "/clients/a", nil))
		}
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				name := f.GetName()
				for _, l := range m.GetLabel() {
					name += " " + l.GetValue()
				}
				got[name] = m.GetCounter().GetValue() + m.GetHistogram().GetSampleSum()
			}
		}
		want := map[string]float64{
			"http_requests_total 200 /clients/{id} GET":              2,
			"http_requests_total 404 (none) GET":                     2,
			"http_requests_total 405 /clients/{id} OTHER":            2,
			"http_requests_statuses_total GET 2xx":                   2,
			"http_requests_statuses_total GET 4xx":                   2,
			"http_requests_statuses_total OTHER 4xx":                 2,
			"http_requests_duration_seconds 200 /clients/{id} GET":   0.04,
			"http_requests_duration_seconds 404 (none) GET":          0,
			"http_requests_duration_seconds 405 /clients/{id} OTHER": 0,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("series (-want +got):\n%s", diff)
		}
	})
}
