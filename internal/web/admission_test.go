package web

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// blocked is a handler that answers when it is told to.
type blocked struct{ begun, end chan struct{} }

func (b blocked) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	b.begun <- struct{}{}
	<-b.end
	w.WriteHeader(http.StatusOK)
}

// crowd sends requests to one handler and keeps their answers.
type crowd struct {
	h    http.Handler
	wg   sync.WaitGroup
	mu   sync.Mutex
	seen map[int]int // answers by status
}

func (c *crowd) send(method, path string) {
	c.wg.Go(func() {
		w := httptest.NewRecorder()
		c.h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader("a=b")))
		c.mu.Lock()
		defer c.mu.Unlock()
		c.seen[w.Code]++
	})
}

// So many run, so many wait, the others are turned away at once; what waits
// gets its turn, and afterwards everything is as it was.
func TestAdmission(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, shed := blocked{make(chan struct{}, 9), make(chan struct{})}, 0
		a := &Admission{Limit: 2, Queue: 1, Patience: time.Second, Errors: &Errors{}, Shed: func() { shed++ }}
		c := &crowd{h: a.Wrap(b, 10), seen: map[int]int{}}
		for range 3 {
			c.send("POST", "/oauth2/token")
		}
		synctest.Wait()
		if len(b.begun) != 2 {
			t.Fatalf("%d run, want 2", len(b.begun))
		}
		w := httptest.NewRecorder()
		c.h.ServeHTTP(w, httptest.NewRequest("POST", "/oauth2/token", iotest.ErrReader(errors.New("this was read"))))
		if w.Code != 503 || w.Header().Get("Retry-After") != "1" || w.Header().Get("Cache-Control") != "no-store" ||
			!strings.HasPrefix(w.Body.String(), `{"error":"temporarily_unavailable"`) || shed != 1 {
			t.Errorf("the fourth: %d %v %s, %d were shed", w.Code, w.Header(), w.Body, shed)
		}
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/oauth2/auth?state=<b>secret", nil)
		r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		c.h.ServeHTTP(w, r)
		if h := w.Header(); w.Code != 503 || h.Get("Retry-After") != "1" || h.Get("Cache-Control") != "no-store" || h.Get("Content-Security-Policy") != apiPolicy ||
			h.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(w.Body.String(), "load this page again") || strings.Contains(w.Body.String(), "secret") || shed != 2 {
			t.Errorf("a browser: %d %v %s, %d were shed", w.Code, h, w.Body, shed)
		}
		for _, path := range []string{"/health/alive", "/health/ready", "/realm/health/alive", "/admin/metrics/prometheus"} {
			c.send("GET", path)
		}
		synctest.Wait()
		if len(b.begun) != 6 {
			t.Errorf("%d run, health checks and metrics included, want 6", len(b.begun))
		}
		close(b.end)
		c.wg.Wait()
		c.send("GET", "/")
		c.wg.Wait()
		if diff := cmp.Diff(map[int]int{200: 8}, c.seen); diff != "" || shed != 2 {
			t.Errorf("answers (-want +got):\n%s, %d were shed", diff, shed)
		}
	})
}

// Who waits too long is turned away, too, and leaves his place to another.
func TestAdmissionPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := blocked{make(chan struct{}, 9), make(chan struct{})}
		a := &Admission{Limit: 1, Queue: 1, Patience: time.Second, Errors: &Errors{}}
		c := &crowd{h: a.Wrap(b, 10), seen: map[int]int{}}
		c.send("GET", "/")
		synctest.Wait()
		begin := time.Now()
		for i := range 3 {
			w := httptest.NewRecorder()
			c.h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			if w.Code != 503 {
				t.Errorf("the one that waits: %d", w.Code)
			}
			if waited := time.Since(begin); waited != time.Duration(i+1)*time.Second {
				t.Errorf("it waited until %v", waited)
			}
		}
		close(b.end)
		c.wg.Wait()
	})
}

// As many clients as there are places, each of which asks again as soon as it
// is answered, find a place each time: one that is handed over is taken once.
func TestAdmissionHandsPlacesOver(t *testing.T) {
	t.Parallel()
	const limit, queue = 4, 4
	var running, most atomic.Int32
	a := &Admission{Limit: limit, Queue: queue, Patience: time.Minute, Errors: &Errors{}}
	h := a.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if n := running.Add(1); n > most.Load() {
			most.Store(n)
		}
		runtime.Gosched()
		running.Add(-1)
	}), 10)
	var wg sync.WaitGroup
	var refused atomic.Int32
	for range limit + queue {
		wg.Go(func() {
			for range 2000 {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
				if w.Code != 200 {
					refused.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if refused.Load() > 0 || most.Load() > limit {
		t.Errorf("%d were refused, %d ran at once", refused.Load(), most.Load())
	}
}

// attack: whoever sends a body byte by byte takes nobody's place.
func TestAdmissionAttackSlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &Admission{Limit: 1, Queue: 0, Patience: time.Second, Errors: &Errors{}}
		h := a.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }), 10)
		slow, sender := io.Pipe()
		answer := httptest.NewRecorder()
		var wg sync.WaitGroup
		wg.Go(func() { h.ServeHTTP(answer, httptest.NewRequest("POST", "/", slow)) })
		synctest.Wait() // it reads
		other := httptest.NewRecorder()
		h.ServeHTTP(other, httptest.NewRequest("POST", "/", strings.NewReader("quick")))
		if other.Code != 200 || other.Body.String() != "quick" {
			t.Errorf("the other one: %d %q", other.Code, other.Body)
		}
		_, _ = io.WriteString(sender, "slow")
		_ = sender.Close()
		wg.Wait()
		if answer.Code != 200 || answer.Body.String() != "slow" {
			t.Errorf("the slow one: %d %q", answer.Code, answer.Body)
		}
	})
}

// A body that was read ahead is read as if it had not been.
func TestReadAhead(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, test := range []struct {
		from io.Reader
		want string
		err  error
	}{
		{strings.NewReader(""), "", nil},
		{strings.NewReader("abc"), "abc", nil},
		{strings.NewReader("abcdefgh"), "abcdefgh", nil}, // longer than what is read ahead
		{io.MultiReader(strings.NewReader("ab"), iotest.ErrReader(broken)), "ab", broken},
	} {
		got, err := io.ReadAll(readAhead(io.NopCloser(test.from), 3))
		if string(got) != test.want || !errors.Is(err, test.err) {
			t.Errorf("%q, %v; want %q, %v", got, err, test.want, test.err)
		}
	}
}

// attack: an id that looks like a health check is counted like any other.
func TestAdmissionAttackFreePath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/health/alive": true, "/admin/health/ready": true,
		"/clients/x%2Fhealth%2Falive": false, "/health/alive/": false, "/oauth2/auth?x=/health/alive": false,
	} {
		if got := isFree(httptest.NewRequest("GET", path, nil)); got != want {
			t.Errorf("%s: %t, want %t", path, got, want)
		}
	}
	if isFree(httptest.NewRequest("POST", "/health/alive", nil)) {
		t.Error("a POST is free")
	}
}
