package web

import (
	"context"
	"net/http"
	"time"
)

// statusOK is the body of a good health check. Exact bytes are the contract's
// (§1.4): some probes compare text.
var statusOK = []byte(`{"status":"ok"}`)

// Alive answers that the process serves requests; it asks nothing and nobody.
func Alive() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		writeBody(w, http.StatusOK, "application/json", statusOK)
	})
}

// readyTimeout bounds a readiness check: a probe that hangs says nothing.
const readyTimeout = 5 * time.Second

// Ready answers 200 if check returns nil within 5 seconds, else 503. The
// reason goes to the log; detailed shows it to the caller too, which is for
// the admin port only: it may name hosts.
func Ready(check func(context.Context) error, detailed bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		err := check(ctx)
		if err == nil {
			writeBody(w, http.StatusOK, "application/json", statusOK)
			return
		}
		NoteError(r.Context(), err)
		text := "The database does not answer as it should; the log of the server says more."
		if detailed {
			text = err.Error()
		}
		writeJSON(w, http.StatusServiceUnavailable, "application/json",
			map[string]map[string]string{"errors": {"database": text}}, "")
	})
}

// Version answers with the version of the build.
func Version(version string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, "application/json", map[string]string{"version": version}, "")
	})
}
