package web

import (
	"maps"
	"net/http"
)

// Middleware wraps a handler.
type Middleware func(http.Handler) http.Handler

// Chain returns h inside the middlewares; the first is the outermost.
func Chain(h http.Handler, m ...Middleware) http.Handler {
	for i := len(m) - 1; i >= 0; i-- {
		h = m[i](h)
	}
	return h
}

// apiPolicy is right for what is not a page: nothing is loaded, framed or run.
const apiPolicy = "default-src 'none'; frame-ancestors 'none'"

// secure is shared by all answers, which spares each an allocation per line:
// Header.Set and Header.Add replace these lists and never write into them.
var secure = http.Header{
	"X-Content-Type-Options":  {"nosniff"},
	"X-Frame-Options":         {"DENY"},
	"Referrer-Policy":         {"no-referrer"}, // URLs here carry codes and challenges
	"Content-Security-Policy": {apiPolicy},
}

// SecurityHeaders sets what every answer carries. A page replaces the
// Content-Security-Policy with its own.
func SecurityHeaders(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), secure)
		h.ServeHTTP(w, r)
	})
}

// LimitBody bounds what any handler can read of a body, in bytes. Form and
// DecodeJSON have smaller bounds of their own.
func LimitBody(most int64) Middleware {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Body != nil {
				r.Body = http.MaxBytesReader(w, r.Body, most)
			}
			h.ServeHTTP(w, r)
		})
	}
}
