package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// Whoever interrupts the command leaves no client behind, whatever it was
// about, and does not wait for the rest of the preparation.
func TestInterruptedBenchRemovesItsClient(t *testing.T) {
	t.Parallel()
	for what, hung := range map[string]string{"while the client is made": "/admin/clients", "in preparation": "/oauth2/token", "by a slow answer": ""} {
		ctx, cancel := context.WithCancel(t.Context())
		var made, removed atomic.Value
		var tokens atomic.Int32
		mux := http.NewServeMux()
		answer := func(w http.ResponseWriter, r *http.Request, status int, body string) {
			if r.URL.Path == hung {
				cancel()
				<-r.Context().Done()
				return
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
		mux.HandleFunc("POST /admin/clients", func(w http.ResponseWriter, r *http.Request) {
			var c struct {
				ID string `json:"client_id"`
			}
			if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
				t.Error(err)
			}
			_, _ = io.ReadAll(r.Body) // to notice when the caller goes
			made.Store(c.ID)
			answer(w, r, http.StatusCreated, `{"client_id":"`+c.ID+`","client_secret":"s"}`)
		})
		mux.HandleFunc("POST /oauth2/token", func(w http.ResponseWriter, r *http.Request) {
			tokens.Add(1)
			_, _ = io.ReadAll(r.Body)
			if hung == "" {
				cancel()
			}
			answer(w, r, http.StatusOK, `{"access_token":"some-opaque-token"}`)
		})
		mux.HandleFunc("DELETE /admin/clients/{id}", func(w http.ResponseWriter, r *http.Request) {
			removed.Store(r.PathValue("id"))
			w.WriteHeader(http.StatusNoContent)
		})
		s := httptest.NewServer(mux)
		t.Cleanup(s.Close)
		var out, errs strings.Builder
		code := run(ctx, []string{"bench", "-e", s.URL, "--public-endpoint", s.URL, "--mix", "introspect", "--timeout", "10s"}, &out, &errs)
		if id, _ := made.Load().(string); !strings.HasPrefix(id, "hydra-bench-") || removed.Load() != id {
			t.Errorf("%s: made %v, removed %v", what, made.Load(), removed.Load())
		}
		if code != exitFailure || !strings.Contains(errs.String(), context.Canceled.Error()) || tokens.Load() > 1 {
			t.Errorf("%s: exit code %d after %d tokens: %s", what, code, tokens.Load(), errs.String())
		}
	}
}

// Where there is no client for certain, the error says so and nothing more.
func TestBenchWithoutClientRemovesNone(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(s.Close)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for _, endpoint := range []string{s.URL, closed.URL} {
		var out, errs strings.Builder
		code := run(t.Context(), []string{"bench", "-e", endpoint, "--public-endpoint", endpoint}, &out, &errs)
		if text := errs.String(); code != exitFailure || !strings.Contains(text, "cannot create a client") || strings.Contains(text, "cannot remove") {
			t.Errorf("%s: exit code %d: %s", endpoint, code, text)
		}
	}
	if requests.Load() != 1 {
		t.Errorf("%d requests, want that of the creation", requests.Load())
	}
}
