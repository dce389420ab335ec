package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"hydra/internal/loadtest"
)

// child is a server under test in a process of its own, so that its CPU time
// and its memory are its own.
type child struct {
	Public, Admin string // base URLs
	PID           int
	stop          func() error
}

// startBare starts this very program as the bare handler.
func startBare(ctx context.Context) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, bareArgument)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() error { return errors.Join(in.Close(), cmd.Wait()) }
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the bare handler said nothing: %w", err), stop())
	}
	base := strings.TrimSpace(line)
	return &child{Public: base, Admin: base, PID: cmd.Process.Pid, stop: stop}, nil
}

// hydra says how to start the server.
type hydra struct {
	Program string
	Dir     string // for its data and its log
	DSN     string // empty: SQLite in Dir
	Alg     string // of ID tokens; RS256 is what the server makes by itself
	Issuer  string // of the first node of several; empty: this one's public URL
	Profile bool   // write data/cpu.pprof in Dir at the end
}

func (h hydra) start(ctx context.Context) (*child, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	c := &child{Public: fmt.Sprintf("http://127.0.0.1:%d", ports[0]), Admin: fmt.Sprintf("http://127.0.0.1:%d", ports[1])}
	log, err := os.Create(filepath.Join(h.Dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own handle
	args := []string{"serve", "all"}
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + h.Dir, // nothing of the caller's configuration
		"DATA_DIR=" + filepath.Join(h.Dir, "data"),
		"PUBLIC_HOST=127.0.0.1", fmt.Sprintf("PUBLIC_PORT=%d", ports[0]),
		"ADMIN_HOST=127.0.0.1", fmt.Sprintf("ADMIN_PORT=%d", ports[1]),
		"OAUTH2_ISSUER_URL=" + cmp.Or(h.Issuer, c.Public) + "/",
		"OAUTH2_LOGIN_URL=http://127.0.0.1:5555/login", "OAUTH2_CONSENT_URL=http://127.0.0.1:5555/consent",
		"KEYS_ANNOUNCE_FOR=0s", // a key made over the admin API signs at once
	}
	if h.DSN != "" {
		args = append(args, "--migrate")
		env = append(env, "DSN="+h.DSN, "SYSTEM_SECRET=of a benchmark, guards nothing")
	}
	if h.Profile {
		env = append(env, "PROFILING=cpu")
	}
	cmd := exec.CommandContext(ctx, h.Program, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c.PID = cmd.Process.Pid
	// Ends with the process, which ends with ctx: whoever stops it waits for it.
	running, ended := context.WithCancelCause(context.WithoutCancel(ctx))
	go func() { ended(cmp.Or(cmd.Wait(), errStopped)) }()
	c.stop = func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM) // fails when it has ended by itself, and then the cause says how
		<-running.Done()
		if err := context.Cause(running); err != errStopped {
			return err
		}
		return nil
	}
	err = loadtest.WaitReady(running, loadtest.Endpoint{URL: c.Public}, "/.well-known/openid-configuration", time.Minute)
	if err == nil && h.Alg != "RS256" {
		err = addKey(ctx, c.Admin, h.Alg)
	}
	if err != nil {
		return nil, errors.Join(err, c.stop(), lastLines(log.Name()))
	}
	return c, nil
}

// errStopped is the end of a server that ended in order.
var errStopped = errors.New("stopped")

// addKey makes a key that signs ID tokens from now on.
func addKey(ctx context.Context, admin, alg string) error {
	body := fmt.Sprintf(`{"alg":%q,"use":"sig","kid":"bench"}`, alg)
	req, err := http.NewRequestWithContext(ctx, "POST", admin+"/keys/hydra.openid.id-token", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
		return fmt.Errorf("a key for %s: %s: %s", alg, res.Status, text)
	}
	return nil
}

// lastLines is the end of a log as an error.
func lastLines(name string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return fmt.Errorf("its log ends with:\n%s", bytes.Join(lines[max(0, len(lines)-5):], []byte("\n")))
}

// freePorts returns loopback ports that nobody listens on.
func freePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // after all are chosen, so that they differ
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
