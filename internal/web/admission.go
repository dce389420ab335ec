package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"hydra/internal/oauth"
)

// Admission bounds how many requests are worked on at once. A few more wait
// for a short time; all others are turned away at once with 503 and
// Retry-After: under more load than a server can bear, those that it takes are
// still answered in good time, and the others learn early that it was not
// theirs. Health checks and metrics are never turned away.
//
// It belongs around a listener, outside of log and metrics: to turn a request
// away has to cost next to nothing.
type Admission struct {
	Limit    int           // how many run at once
	Queue    int           // how many may wait for that
	Patience time.Duration // how long each of these may wait
	Errors   *Errors
	Shed     func() // is told of each request that is turned away; nil: nobody is
}

var errCrowded = errors.New("web: too many requests at once")

// Wrap returns h with the bound in front of it. maxBody is how much of a body
// h reads at most, in bytes. Bodies are read before a request is counted, so
// that nobody keeps others out by sending slowly.
func (a *Admission) Wrap(h http.Handler, maxBody int64) http.Handler {
	p := &places{limit: a.Limit, queue: a.Queue}
	refuse := func(w http.ResponseWriter, r *http.Request) {
		if a.Shed != nil {
			a.Shed()
		}
		err := oauth.TemporarilyUnavailable.Hint("The server has more to do than it can. Try again in a second.").Because(errCrowded)
		err.RetryAfter = 1
		if wantsPage(r) {
			NoStore(w)
			RetryAfter(w, err)
			writeBody(w, http.StatusServiceUnavailable, "text/html; charset=utf-8", busyPage)
			return
		}
		a.Errors.Write(w, r, AdminErrors, err)
	}
	refused := SecurityHeaders(http.HandlerFunc(refuse))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isFree(r) {
			h.ServeHTTP(w, r)
			return
		}
		if p.full() {
			refused.ServeHTTP(w, r) // before anything is read
			return
		}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = readAhead(r.Body, maxBody)
		}
		if !p.take(r.Context(), a.Patience) {
			refused.ServeHTTP(w, r)
			return
		}
		defer p.free()
		h.ServeHTTP(w, r)
	})
}

// busyPage is what a person sees.
var busyPage = []byte(`<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Too busy</title>
<h1>Too many requests at once</h1>
<p>The server has more to do than it can. Wait a few seconds, then load this page again: nothing is lost.
`)

// wantsPage reports whether a person waits for the answer: a browser that goes
// somewhere names text/html before all else.
func wantsPage(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasPrefix(r.Header.Get("Accept"), "text/html")
}

// places are the requests that run, and those that wait for one of them to
// end: first come, first served.
type places struct {
	limit, queue int

	mu      sync.Mutex
	running int
	waiting []chan struct{} // each is closed when its request may run
}

// full reports whether there is no place, not even to wait.
func (p *places) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running == p.limit && len(p.waiting) == p.queue
}

// take waits for a place, for so long at most, and reports whether it got one.
func (p *places) take(ctx context.Context, patience time.Duration) bool {
	p.mu.Lock()
	if p.running < p.limit {
		p.running++
		p.mu.Unlock()
		return true
	}
	if len(p.waiting) == p.queue {
		p.mu.Unlock()
		return false
	}
	turn := make(chan struct{})
	p.waiting = append(p.waiting, turn)
	p.mu.Unlock()

	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-turn:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.waiting, turn)
	if i < 0 {
		return true // it was given a place in this very moment
	}
	p.waiting = slices.Delete(p.waiting, i, i+1)
	return false
}

// free hands the place to whoever has waited longest, at once: until that one
// has woken up, the next to come must not find both places taken.
func (p *places) free() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		p.running--
		return
	}
	close(p.waiting[0])
	p.waiting = slices.Delete(p.waiting, 0, 1)
}

// isFree knows what an operator asks when everything else is crowded, also
// below the path of an issuer. An id with an escaped slash is no such path.
func isFree(r *http.Request) bool {
	if r.Method != http.MethodGet || r.URL.RawPath != "" {
		return false
	}
	p := r.URL.Path
	return strings.HasSuffix(p, "/health/alive") || strings.HasSuffix(p, "/health/ready") || strings.HasSuffix(p, "/metrics/prometheus")
}

// body is one that was read ahead.
type body struct {
	io.Reader
	io.Closer
}

// readAhead reads what there is, up to a byte more than most. Whoever reads
// the result sees what he would have seen, the error included.
func readAhead(from io.ReadCloser, most int64) io.ReadCloser {
	read, err := io.ReadAll(io.LimitReader(from, most+1))
	rest := io.Reader(from)
	if err != nil {
		rest = failed{err}
	}
	return body{io.MultiReader(bytes.NewReader(read), rest), from}
}

// failed is a reader that repeats an error.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }
