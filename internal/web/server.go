package web

import (
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
