package admin

import (
	"net/http"
	"strconv"
	"sync"

	"hydra/internal/openapi"
	"hydra/internal/web"
)

// Description serves the description of the API. It is made when somebody asks
// for the first time.
type Description struct {
	Version             string
	PublicURL, AdminURL string
	Errors              *web.Errors
}

// DescriptionPaths are where it is: what the API can do is no secret, so
// nobody is asked who they are.
var DescriptionPaths = []string{"/openapi.json", "/docs"}

// Routes adds the document and the page to the mux.
func (d *Description) Routes(mux *web.Mux) {
	options := openapi.Options{Version: d.Version, PublicURL: d.PublicURL, AdminURL: d.AdminURL, Scope: func(pattern string) string {
		return deedOf(pattern).scope
	}}
	serve := func(contentType, policy string, encode func(*openapi.API, openapi.Options) ([]byte, error)) http.Handler {
		body := sync.OnceValues(func() ([]byte, error) {
			api, err := openapi.Load()
			if err != nil {
				return nil, err
			}
			return encode(api, options)
		})
		return d.Errors.Handle(web.AdminErrors, func(w http.ResponseWriter, _ *http.Request) error {
			data, err := body()
			if err != nil {
				return err
			}
			h := w.Header()
			h.Set("Content-Type", contentType)
			h.Set("Content-Length", strconv.Itoa(len(data)))
			if policy != "" {
				h.Set("Content-Security-Policy", policy)
			}
			_, _ = w.Write(data) // the client hung up: nobody is left to tell
			return nil
		})
	}
	mux.Handle("GET /openapi.json", serve("application/json", "", (*openapi.API).Document))
	mux.Handle("GET /docs", serve("text/html; charset=utf-8", openapi.PagePolicy, (*openapi.API).Page))
}
