package loadtest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"testing"
	"time"
)

// The shares of a mix come evenly spread, each as often as its weight says.
func TestRound(t *testing.T) {
	t.Parallel()
	got := round([]scenario{{weight: 1}, {weight: 3}})
	if want := []int{1, 0, 1, 1}; !reflect.DeepEqual(got, want) {
		t.Errorf("round = %v, want %v", got, want)
	}
	if got := round([]scenario{{}}); !reflect.DeepEqual(got, []int{0}) {
		t.Errorf("a single scenario without a weight: %v", got)
	}
}

func TestMix(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"issuer":"x","access_token":"y"}`)
	}))
	t.Cleanup(s.Close)
	o := options(s)
	o.Workers, o.Ops, o.ClientID = 1, 80, "a"
	o.Mix = []Share{{"bare_get", 3}, {"bare_post", 1}}
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Scenario != "mix" || r.Ops != 80 || len(r.Parts) != 2 || r.Parts[0].Ops != 60 || r.Parts[1].Ops != 20 || r.Parts[1].Scenario != "bare_post" {
		t.Errorf("%+v", r)
	}
}

func TestEndsByRequests(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"issuer":"x"}`)
	}))
	t.Cleanup(s.Close)
	o := options(s)
	o.Ops, o.Requests = MaxOps, 30
	if r, err := Run(t.Context(), o); err != nil || r.Requests < 30-o.Workers || r.Seconds > 30 {
		t.Errorf("%v, %v", r, err)
	}
}

// Who is turned away has met a limit and no fault.
func TestShedIsCountedApart(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1)%2 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `{"issuer":"x"}`)
	}))
	t.Cleanup(s.Close)
	o := options(s)
	o.Workers, o.Ops = 1, 20
	if r, err := Run(t.Context(), o); err != nil || r.Ops != 20 || r.Shed < 18 || r.Errors != 0 {
		t.Errorf("%v, %v", r, err)
	}
}

// At a fixed rate, what could not be sent in time is counted and not made up
// for.
func TestMissedOperationsAreLeftOut(t *testing.T) {
	t.Parallel()
	c := newControl(Options{Rate: 1.0 / 3600, Workers: 1}, []scenario{{}})
	c.phase.Store(measuring)
	now := time.Now()
	tl := tally{next: now.Add(-150 * time.Minute)}
	tl.pace(c)
	if tl.missed != 2 || !tl.next.Equal(now.Add(30*time.Minute)) {
		t.Errorf("%d missed, the next is due in %s", tl.missed, tl.next.Sub(now))
	}
	close(c.stopped) // nobody waits for what is due when all is over
	tl.pace(c)
	if tl.missed != 2 || !tl.next.Equal(now.Add(90*time.Minute)) {
		t.Errorf("%d missed, the next is due in %s", tl.missed, tl.next.Sub(now))
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"issuer":"x"}`)
	}))
	t.Cleanup(s.Close)
	o := options(s)
	o.Ops, o.Rate = 10, 100
	if r, err := Run(t.Context(), o); err != nil || r.Ops != 10 || r.Errors != 0 {
		t.Errorf("%v, %v", r, err)
	}
}

func TestMeterIsAskedOnce(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"issuer":"x"}`)
	}))
	t.Cleanup(s.Close)
	var began, ended int
	o := options(s)
	o.Meter = func() func() Usage {
		began++
		return func() Usage { ended++; return Usage{CPU: 1, Reads: 100, Writes: 50} }
	}
	r, err := Run(t.Context(), o)
	if err != nil || began != 1 || ended != 1 || r.CPU != 20 || r.Reads != 2 || r.Writes != 1 || r.AllWrites != 50 {
		t.Errorf("%+v, %v, %d, %d", r, err, began, ended)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/x/metrics/prometheus" || r.Header.Get("Authorization") != "Bearer t" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = fmt.Fprint(w, "# HELP x y\nprocess_cpu_seconds_total 1.5\nprocess_resident_memory_bytes 1.048576e+06 1700000000\n"+
			"hydra_sql_statements_total{app=\"hydra\",kind=\"read\"} 7\nhydra_sql_statements_total{kind=\"write\",app=\"hydra\"} 2\nx{a=\"} 3\"} 4\nnonsense\nz NaN2\n")
	}))
	t.Cleanup(s.Close)
	m, err := ReadMetrics(t.Context(), Endpoint{URL: s.URL + "/x", Header: http.Header{"Authorization": {"Bearer t"}}})
	if err != nil {
		t.Fatal(err)
	}
	if u := m.Since(Metrics{"process_cpu_seconds_total": 1}); u.CPU != .5 || u.Reads != 7 || u.Writes != 2 || u.PeakMiB != 1 {
		t.Errorf("%+v", u)
	}
	if u := (Metrics{}).Since(m); u.CPU != 0 || u.Reads != 0 { // it was started anew meanwhile
		t.Errorf("%+v", u)
	}
	if m.Sum("hydra_sql_statements_total", "", "") != 9 || m.Sum("hydra_sql_statements_total", "kind", "rea") != 0 {
		t.Errorf("%v", m)
	}
	if _, err := ReadMetrics(t.Context(), Endpoint{URL: s.URL}); err == nil {
		t.Error("a 404 was taken for metrics")
	}
}

func FuzzParseMetrics(f *testing.F) {
	f.Add("a 1\nb{c=\"d\"} 2 3\n# x\n}\n")
	f.Fuzz(func(t *testing.T, text string) {
		for series := range ParseMetrics(text) {
			if series == "" {
				t.Error("a series without a name")
			}
		}
	})
}
