package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hydra/internal/storetest"
)

// program is a server that runs as a process of its own, the way a user
// starts it.
type program struct {
	Address string // what it prints for people to open, without the slash
	Public  string // the issuer's address
	Admin   string
	Log     *lockedBuffer // everything it wrote to its standard error
}

// startProgram runs "hydra serve all --dev" on free ports in an empty
// directory and waits until it is ready; "{port}" in the environment stands
// for the public port. When the test ends it gets a SIGTERM and must end with 0.
func startProgram(t *testing.T, environ ...string) *program {
	t.Helper()
	ports := freeAddresses(t, 2)
	public, admin := ports[0], ports[1]
	home := t.TempDir()
	cmd := exec.Command("hydra", "serve", "all", "--dev", "--data-dir", home+"/data")
	cmd.Dir = home
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "PUBLIC_PORT=" + port(public), "ADMIN_PORT=" + port(admin)}, environ...)
	for i := range cmd.Env {
		cmd.Env[i] = strings.ReplaceAll(cmd.Env[i], "{port}", port(public))
	}
	p := &program{Public: "http://localhost:" + port(public), Admin: "http://127.0.0.1:" + port(admin), Log: &lockedBuffer{}}
	cmd.Stderr = p.Log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
		// attacks.md: tokens, codes, secrets, verifiers, cookies in logs.
		for _, secret := range []string{"ory_", "eyJ", "challenge=", "verifier=", "hydra_demo_", "Basic ", "Bearer "} {
			if strings.Contains(p.Log.String(), secret) {
				t.Errorf("the log contains %q", secret)
			}
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", p.Log.String())
		}
	})
	waitFor(t, p.Admin+"/health/ready")
	printed := bufio.NewReader(out)
	for p.Address == "" {
		line, err := printed.ReadString('\n')
		if err != nil {
			t.Fatalf("the server printed no address: %v\n%s", err, p.Log.String())
		}
		for _, word := range strings.Fields(line) {
			if strings.HasPrefix(word, "http://") {
				p.Address = strings.TrimSuffix(word, "/")
			}
		}
	}
	go func() { _, _ = io.Copy(io.Discard, printed) }()
	return p
}

// freeAddresses returns addresses that are the test's own.
func freeAddresses(t *testing.T, n int) []string {
	t.Helper()
	var out []string
	for _, p := range storetest.Ports(t, n) {
		out = append(out, fmt.Sprintf("127.0.0.1:%d", p))
	}
	return out
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// waitFor waits until the address answers with 200.
func waitFor(t *testing.T, address string) {
	t.Helper()
	waitForStatus(t, address, http.StatusOK)
}

// waitForStatus waits until the address answers with the status.
func waitForStatus(t *testing.T, address string, want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if status, _, err := fetch(ctx, address); err == nil && status == want {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s does not answer", address)
		}
	}
}

// lockedBuffer collects what a process writes while a test reads it.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
