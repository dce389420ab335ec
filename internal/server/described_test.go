package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"hydra/internal/openapi"
)

// Each answer that a test of this package gets from a server is compared with
// the description of the API.

var description = sync.OnceValues(openapi.Load)

// ports knows which port of which server an address is.
var ports sync.Map // "host:port" → described

type described struct {
	port string // "public" or "admin"
	path string // of the public URL, which may stand before every path
	dev  bool
}

// describe tells the judge of the server's addresses.
func (i *instance) describe() {
	for port, address := range map[string]string{"public": i.Public, "admin": i.Admin} {
		if _, host, ok := strings.Cut(address, "://"); ok {
			d := described{port: port, dev: i.Config.Dev}
			if u, err := url.Parse(i.Config.URLs.Public); err == nil && port == "public" {
				d.path = strings.TrimSuffix(u.EscapedPath(), "/")
			}
			ports.Store(host, d)
		}
	}
}

// compare fails the test if the answer is not as the description says.
func compare(t *testing.T, req *http.Request, res *http.Response, body []byte) {
	t.Helper()
	known, ok := ports.Load(req.URL.Host)
	if !ok {
		return // not one of ours
	}
	d := known.(described)
	path := req.URL.EscapedPath()
	if d.path != "" {
		if rest, ok := strings.CutPrefix(path, d.path+"/"); ok {
			path = "/" + rest
		}
		path = strings.TrimSuffix(path, d.path) // RFC 8414 §3 has it at the end
	}
	if d.dev && (path == "/" || strings.HasPrefix(path, "/dev/") || strings.HasPrefix(path, "/demo")) {
		return // pages for developers are no part of the API
	}
	api, err := description()
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Judge(openapi.Answer{
		Port: d.port, Method: req.Method, Path: path, Status: res.StatusCode, ContentType: res.Header.Get("Content-Type"), Body: body,
	}); err != nil {
		t.Errorf("the description of the API: %v", err)
	}
}
