package web

import (
	"context"
	"net/http"
	"time"
)

// NewServer returns a server whose limits stop slow and greedy clients: time
// for headers, request and answer, size of headers, HTTP/2 streams per
// connection. The caller sets address, TLS and error log.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    32 << 10,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 100,
			PingTimeout:          15 * time.Second,
			SendPingTimeout:      60 * time.Second,
			WriteByteTimeout:     15 * time.Second,
		},
	}
}

// answerTime is what is left for the end of an answer when the context of its
// request ends.
const answerTime = 3 * time.Second

// Extend gives the answers of a server more time, because somebody else is
// asked before them. The context of a request then ends shortly before the
// connection is cut: whoever cannot be answered any more shall lose nothing.
func Extend(s *http.Server, more time.Duration) {
	s.WriteTimeout += more
	h, limit := s.Handler, s.WriteTimeout-answerTime
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}
