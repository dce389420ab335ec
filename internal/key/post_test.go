package key

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hydra/internal/oauth"
)

// service is a host on this machine that a Poster calls.
func service(t *testing.T, f http.HandlerFunc) *Poster {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	p := &Poster{URL: s.URL + "/hook?a=b"}
	t.Cleanup(func() {
		p.once.Do(p.prepare)
		p.transport.CloseIdleConnections()
	})
	return p
}

func TestPost(t *testing.T) {
	t.Parallel()
	p := service(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h := r.Header
		if r.Method != "POST" || r.URL.RequestURI() != "/hook?a=b" || string(body) != `{"q":1}` || h.Get("Content-Type") != "application/json" ||
			h.Get("X-Key") != "k" || h.Get("Cookie") != "c=v" || h.Get("Accept-Encoding") != "identity" || h.Values("X-Idempotency-Key") != nil {
			t.Errorf("%s %s with %v and %q", r.Method, r.URL, h, body)
		}
		w.Header().Set("Set-Cookie", "session=1")
		_, _ = io.WriteString(w, `{"a":1}`)
	})
	p.Header = http.Header{"X-Key": {"k"}, "Cookie": {"c=v"}}
	for range 3 { // the connection is used again, its cookie is not
		status, reply, err := p.Post(t.Context(), []byte(`{"q":1}`))
		if status != 200 || string(reply) != `{"a":1}` || err != nil {
			t.Errorf("Post() = %d, %q, %v", status, reply, err)
		}
	}
}

func TestPostStatus(t *testing.T) {
	t.Parallel()
	var called atomic.Int32
	p := service(t, func(w http.ResponseWriter, r *http.Request) {
		called.Add(1)
		body, _ := io.ReadAll(r.Body)
		status, _ := strconv.Atoi(string(body))
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	})
	for i, status := range []int{200, 201, 204, 301, 302, 307, 308, 403, 500} {
		got, reply, err := p.Post(t.Context(), []byte(strconv.Itoa(status)))
		if got != status || len(reply) != 0 || err != nil {
			t.Errorf("Post() = %d, %q, %v, want %d", got, reply, err, status)
		}
		if n := called.Load(); n != int32(i+1) {
			t.Errorf("%d: the service was called %d times", status, n)
		}
	}
}

func TestPostRefusesAnswers(t *testing.T) {
	t.Parallel()
	endless := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("x", 4096)); err != nil {
				return
			}
		}
	}
	for name, f := range map[string]http.HandlerFunc{
		"endless":          endless,
		"announced length": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, fetchBytes+1)) },
		"compressed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "x")
		},
		"an endless header": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", maxFetchHeader*2))
			w.WriteHeader(200)
		},
		"a broken answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		p := service(t, f)
		if status, reply, err := p.Post(t.Context(), nil); !errors.Is(err, ErrFetch) || reply != nil || status != 0 {
			t.Errorf("%s: Post() = %d, %d bytes, %v", name, status, len(reply), err)
		}
	}
}

// A service that never answers holds a call for its time and no longer, and
// the server for no more calls than it has places.
func TestPostBounds(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	var stopped sync.Once
	t.Cleanup(func() { stopped.Do(func() { close(stop) }) })
	var running atomic.Int32
	entered := make(chan struct{}, 10)
	p := service(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		running.Add(1)
		defer running.Add(-1)
		entered <- struct{}{}
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	p.Limit, p.Time = &Limiter{Slots: 2, Queue: 1}, time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	failed := make(chan error, 10)
	call := func() {
		_, _, err := p.Post(ctx, nil)
		failed <- err
	}
	go call()
	go call()
	<-entered
	<-entered
	go call() // waits
	go call() // one of these two finds no room
	err := <-failed
	if !errors.Is(err, oauth.TemporarilyUnavailable) {
		t.Errorf("with all places taken: %v", err)
	}
	if n := running.Load(); n != 2 {
		t.Errorf("%d calls were under way, want 2", n)
	}
	cancel()
	for range 3 {
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("a caller who has gone: %v", err)
		}
	}
	stopped.Do(func() { close(stop) })

	silent := service(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	silent.Time = time.Second
	if _, _, err := silent.Post(t.Context(), nil); !errors.Is(err, ErrFetch) {
		t.Errorf("a service that never answers: %v", err)
	}
}

func TestPostChecksCertificates(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	if _, _, err := (&Poster{URL: s.URL}).Post(t.Context(), nil); !errors.Is(err, ErrFetch) {
		t.Errorf("an unknown authority: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	known := &Poster{URL: s.URL, Roots: roots}
	if status, _, err := known.Post(t.Context(), nil); status != 200 || err != nil {
		t.Errorf("a known authority: %d, %v", status, err)
	}
	known.transport.CloseIdleConnections()
}

// Errors name no part of the URL that may hold a secret.
func TestPostErrorsAreDiscreet(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"http://" + address + "/s3cret?key=s3cret", "http://%zz/s3cret", "gopher://" + address + "/s3cret"} {
		p := &Poster{URL: url, Header: http.Header{"X-Key": {"s3cret"}}, Time: time.Minute}
		if _, _, err := p.Post(t.Context(), []byte("s3cret")); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v", err)
		}
	}
}
