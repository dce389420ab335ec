package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func testMux() *Mux {
	var mux Mux
	say := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(name + "|" + r.Pattern + "|" + r.PathValue("set") + "|" + r.PathValue("kid")))
		})
	}
	mux.Handle("GET /keys/{set}", say("set"))
	mux.Handle("PUT,DELETE /keys/{set}", say("change"))
	mux.Handle("GET /keys/{set}/{kid}", say("key"))
	mux.Handle("GET /oauth2/auth/requests/login/{set}", say("rc"))
	mux.Handle("GET /oauth2/auth/requests/login/accept", say("literal"))
	mux.Handle("POST /oauth2/token", say("token"))
	mux.Handle("OPTIONS /oauth2/token", say("options"))
	mux.Handle("GET,HEAD /doc", say("doc"))
	mux.Handle("/ui/", say("ui"))
	mux.Handle("GET /{$}", say("root"))
	return &mux
}

// Contract §1.3, and Q-38: ids with a slash can be reached.
func TestMux(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, method, target string
		status               int
		body                 string // of a 200
		location, allow      string
	}{
		{"plain", "GET", "/keys/a", 200, "set|/keys/{set}|a|", "", ""},
		{"two methods", "DELETE", "/keys/a", 200, "change|/keys/{set}|a|", "", ""},
		{"a slash in a segment", "GET", "/keys/a%2Fb/c", 200, "key|/keys/{set}/{kid}|a/b|c", "", ""},
		{"percent, space, emoji, plus", "GET", "/keys/%25%20%F0%9F%98%80+", 200, "set|/keys/{set}|% 😀+|", "", ""},
		{"a percent-encoded id of two dots", "GET", "/keys/%2E%2E", 200, "set|/keys/{set}|..|", "", ""},
		{"double slash inside an id", "GET", "/keys/a%2F%2Fb", 200, "set|/keys/{set}|a//b|", "", ""},
		{"an id that is a slash", "GET", "/keys/%2F", 200, "set|/keys/{set}|/|", "", ""},
		{"two ids that are slashes", "GET", "/keys/%2f/%2F", 200, "key|/keys/{set}/{kid}|/|/", "", ""},
		{"an id that is a slash, changed", "DELETE", "/keys/%2F", 200, "change|/keys/{set}|/|", "", ""},
		{"literal before wildcard", "GET", "/oauth2/auth/requests/login/accept", 200, "literal|/oauth2/auth/requests/login/accept||", "", ""},
		{"root", "GET", "/", 200, "root|/{$}||", "", ""},
		{"subtree", "GET", "/ui/x/y", 200, "ui|/ui/||", "", ""},
		{"unknown", "GET", "/nowhere", 404, "", "", ""},
		{"the public port's paths are not all here", "GET", "/health/ready", 404, "", "", ""},
		{"wrong method", "POST", "/keys/a", 405, "", "", "DELETE, GET, OPTIONS, PUT"},
		{"HEAD is not GET", "HEAD", "/keys/a", 405, "", "", "DELETE, GET, OPTIONS, PUT"},
		{"HEAD where it was registered", "HEAD", "/doc", 200, "doc|/doc||", "", ""},
		{"OPTIONS without a handler", "OPTIONS", "/keys/a", 200, "", "", "DELETE, GET, OPTIONS, PUT"},
		{"OPTIONS with a handler", "OPTIONS", "/oauth2/token", 200, "options|/oauth2/token||", "", ""},
		{"superfluous slash, GET", "GET", "/keys/a/", 301, "", "/keys/a", ""},
		{"superfluous slash, PUT", "PUT", "/keys/a/", 307, "", "/keys/a", ""},
		{"superfluous slash, query kept", "POST", "/oauth2/token/?a=%20", 307, "", "/oauth2/token?a=%20", ""},
		{"missing slash", "GET", "/ui", 301, "", "/ui/", ""},
		{"empty segment", "GET", "/keys//a", 301, "", "/keys/a", ""},
		{"dot segments", "GET", "/x/../keys/./a", 301, "", "/keys/a", ""},
		{"escapes survive the correction", "PUT", "//keys/a%2Fb", 307, "", "/keys/a%2Fb", ""},
		{"an id that is a slash survives the correction", "PUT", "//keys/%2F", 307, "", "/keys/%2F", ""},
		{"wrong letters", "GET", "/KEYS/aB", 301, "", "/keys/aB", ""},
		{"wrong letters and slash", "POST", "/OAuth2/Token/", 307, "", "/oauth2/token", ""},
		{"no redirect to elsewhere", "GET", "//evil.example/keys", 404, "", "", ""},
		{"no redirect to another host", "GET", "//evil.example/..//keys/a", 301, "", "/keys/a", ""},
		{"no method override", "GET", "/oauth2/token", 405, "", "", "OPTIONS, POST"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(test.method, "http://hydra.example"+test.target, nil)
			r.Header.Set("X-HTTP-Method-Override", "POST")
			w := httptest.NewRecorder()
			testMux().ServeHTTP(w, r)
			if w.Code != test.status || w.Header().Get("Location") != test.location || w.Header().Get("Allow") != test.allow {
				t.Errorf("answer %d, Location %q, Allow %q", w.Code, w.Header().Get("Location"), w.Header().Get("Allow"))
			}
			if test.status == 200 && w.Body.String() != test.body {
				t.Errorf("body %q, want %q", w.Body, test.body)
			}
			if test.status == 404 && (w.Body.String() != "404 page not found\n" || w.Header().Get("Content-Type") != "text/plain; charset=utf-8") {
				t.Errorf("body %q of type %q", w.Body, w.Header().Get("Content-Type"))
			}
			if test.status == 405 && !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
				t.Errorf("405 of type %q", w.Header().Get("Content-Type"))
			}
		})
	}
}

func TestMuxRefusesARouteTwice(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	testMux().Handle("GET /keys/{set}", served)
}

// Whatever is asked, a redirect stays on this host and ends at a route.
func FuzzMux(f *testing.F) {
	for _, p := range []string{"/keys/a", "//x/..//keys/a", "/%2e%2e/keys", "/KEYS//%2F", "/\\evil", "/keys/a;b=/c", "*", ""} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, target string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		u, err := r.URL.Parse("http://hydra.example/" + target)
		if err != nil {
			return
		}
		r.URL = u
		w := httptest.NewRecorder()
		testMux().ServeHTTP(w, r)
		if w.Code == 500 {
			t.Fatalf("%q: 500", target)
		}
		if w.Code != 301 {
			return
		}
		next, err := u.Parse(w.Header().Get("Location"))
		if err != nil || next.Host != "hydra.example" {
			t.Fatalf("%q redirects to %q", target, w.Header().Get("Location"))
		}
		again := httptest.NewRecorder()
		r.URL = next
		testMux().ServeHTTP(again, r)
		if again.Code != 200 && again.Code != 405 {
			t.Fatalf("%q leads to %q, which answers %d", target, next, again.Code)
		}
	})
}
