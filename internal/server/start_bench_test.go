package server_test

import (
	"context"
	"fmt"
	"net"
	"testing"

	"hydra/internal/config"
	"hydra/internal/server"
)

// benchmarkStart measures an empty directory to ready: tables, secret, ring,
// an RSA key, both ports.
func benchmarkStart(b *testing.B) {
	b.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	cfg, err := config.Load(config.Input{Environ: []string{"DATA_DIR=" + b.TempDir(), fmt.Sprintf("PUBLIC_PORT=%d", port), "SERVE_ADMIN_PORT=0"}})
	if err != nil {
		b.Fatal(err)
	}
	s, err := server.Start(b.Context(), server.Options{Config: cfg, Public: true, Admin: true})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	if err := s.Wait(ctx); err != nil {
		b.Fatal(err)
	}
}
