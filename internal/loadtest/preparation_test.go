package loadtest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// preparation is of a scenario that needs a client, which there is.
func preparation(s *httptest.Server, scenario string) Options {
	o := options(s)
	o.Target, o.Scenario, o.ClientID, o.Pool = "hydra-v2", scenario, "a", 100
	return o
}

func TestPreparationEndsWithTheContext(t *testing.T) {
	t.Parallel()
	var served atomic.Int32
	ctx, cancel := context.WithCancel(t.Context())
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if served.Add(1) == 3 {
			cancel()
		}
		_, _ = io.WriteString(w, `{"access_token":"some-opaque-token"}`)
	}))
	t.Cleanup(s.Close)
	r, err := Run(ctx, preparation(s, "introspect"))
	if !errors.Is(err, context.Canceled) || served.Load() != 3 {
		t.Errorf("%v, %v after %d requests", r, err, served.Load())
	}
}

func TestHungPreparationEndsWithTheContext(t *testing.T) {
	t.Parallel()
	for _, scenario := range []string{"introspect", "userinfo", "refresh", "client_list"} {
		ctx, cancel := context.WithCancel(t.Context())
		s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body) // to notice when the caller goes
			cancel()
			<-r.Context().Done()
		}))
		t.Cleanup(s.Close)
		o := preparation(s, scenario)
		o.Timeout = 10 * time.Second
		if r, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, %v", scenario, r, err)
		}
	}
}
