package web

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
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
	running, waiting := make(chan struct{}, a.Limit), make(chan struct{}, a.Queue)
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
		if len(waiting) == a.Queue && len(running) == a.Limit {
			refused.ServeHTTP(w, r) // before anything is read
			return
		}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = readAhead(r.Body, maxBody)
		}
		select {
		case running <- struct{}{}:
		default:
			if !a.wait(r, running, waiting) {
				refused.ServeHTTP(w, r)
				return
			}
		}
		defer func() { <-running }()
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

// wait waits for a place in running, and reports whether it got one.
func (a *Admission) wait(r *http.Request, running, waiting chan struct{}) bool {
	select {
	case waiting <- struct{}{}:
	default:
		return false
	}
	defer func() { <-waiting }()
	t := time.NewTimer(a.Patience)
	defer t.Stop()
	select {
	case running <- struct{}{}:
		return true
	case <-t.C:
	case <-r.Context().Done():
	}
	return false
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
