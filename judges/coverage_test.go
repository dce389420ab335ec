package judges

import (
	"io"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	hydra "github.com/ory/hydra-client-go/v2"
)

// coverage notes which operations of the generated client were driven: it
// stands below the client, and looks for who sent the request.
type coverage struct {
	mu     sync.Mutex
	driven map[string]bool
}

var executing = regexp.MustCompile(`\(\*(\w+)Service\)\.(\w+)Execute$`)

// RoundTrip sends the request. An answer that says no drives nothing.
func (c *coverage) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || res.StatusCode >= 400 {
		return res, err
	}
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	for {
		f, more := frames.Next()
		if m := executing.FindStringSubmatch(f.Function); m != nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.driven[m[1]+"."+m[2]] = true
		}
		if !more {
			return res, nil
		}
	}
}

// operations lists what the generated client can do.
func operations(c *hydra.APIClient) (out []string) {
	for _, api := range []any{c.JwkAPI, c.MetadataAPI, c.OAuth2API, c.OidcAPI, c.WellknownAPI} {
		t := reflect.TypeOf(api)
		for m := range t.Methods() {
			if !strings.HasSuffix(m.Name, "Execute") {
				out = append(out, strings.TrimSuffix(t.Elem().Name(), "Service")+"."+m.Name)
			}
		}
	}
	return out
}

// lacking is an operation that the server does not serve.
type lacking struct{ why, method, url string }

// absent lists the operations of those given that the server does not serve.
func absent(t *testing.T, why string, operations map[string][2]string) map[string]lacking {
	t.Helper()
	out := map[string]lacking{}
	for operation, o := range operations {
		if l := (lacking{why, o[0], o[1]}); l.unrouted(t) {
			out[operation] = l
		}
	}
	return out
}

// unrouted tells that the server does not serve a path at all: it answers as
// it answers for one that nobody has ever thought of.
func (l lacking) unrouted(t *testing.T) bool {
	t.Helper()
	base, err := url.Parse(l.url)
	if err != nil {
		t.Fatal(err)
	}
	return answer(t, l.method, l.url) == answer(t, l.method, base.ResolveReference(&url.URL{Path: "/oauth2/no-such-path"}).String())
}

// check fails when an operation was forgotten, and on the day when one that
// was left out is there.
func (c *coverage) check(t *testing.T, all []string, leftOut map[string]lacking) {
	t.Helper()
	for _, operation := range all {
		if _, known := leftOut[operation]; !known && !c.driven[operation] {
			t.Errorf("%s is neither driven nor listed with a reason", operation)
		}
	}
	for operation, l := range leftOut {
		switch {
		case !slices.Contains(all, operation):
			t.Errorf("%s is left out, but no operation of this client", operation)
		case c.driven[operation]:
			t.Errorf("%s is driven: take it off the list", operation)
		case !l.unrouted(t):
			t.Errorf("%s is there now (%s): drive it", operation, l.why)
		}
	}
}

var requestID = regexp.MustCompile(`"request_id":"[^"]*"`)

func answer(t *testing.T, method, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.Status + requestID.ReplaceAllString(string(body), "")
}
