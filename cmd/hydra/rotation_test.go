package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// command runs the program beside the server, on its data.
func (p *process) command(args ...string) string {
	p.t.Helper()
	cmd := exec.Command("hydra", append(args, "--data-dir", p.data())...)
	cmd.Dir, cmd.Env = p.home, p.environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Errorf("hydra %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// underLoad lets clients sign in and refresh while f runs. It fails when one of
// their requests fails, and returns their last tokens.
func (p *process) underLoad(f func()) []*tokens {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	const workers = 6
	var (
		stop  atomic.Bool
		flows atomic.Int32
		wg    sync.WaitGroup
	)
	last := make([]*tokens, workers)
	for w := range workers {
		wg.Go(func() {
			var accepted atomic.Bool
			for n := 0; last[w] == nil || !stop.Load(); n++ {
				got, err := p.flow(ctx, fmt.Sprintf("user-%d-%d", w, n), &accepted)
				if err == nil {
					got, err = p.refresh(ctx, got)
				}
				if err != nil {
					p.t.Errorf("a client's request failed: %v", err)
					return
				}
				last[w] = got
				flows.Add(1)
			}
		})
	}
	f()
	stop.Store(true)
	wg.Wait()
	p.t.Logf("%d sign-ins and refreshes went on beside it", flows.Load())
	return last
}

// The secrets and keys of a server are replaced while it serves: nobody
// notices, until the values of a kind are ended.
func TestSecretsRotateUnderLoad(t *testing.T) {
	p := newProcess(t)
	p.start()
	p.createClient()
	clients := p.underLoad(func() {
		if out := p.command("secrets", "rotate", "--announce", "3s"); !strings.Contains(out, "are sealed with the newest key") {
			t.Errorf("secrets rotate: %s", out)
		}
		p.command("secrets", "rotate", "--finish")
	})
	p.end(syscall.SIGTERM)
	p.start()
	for i, c := range clients {
		got, err := p.refresh(t.Context(), c)
		if err != nil || !p.active(got.Access) {
			t.Fatalf("client %d after the rotation: %v", i, err)
		}
		clients[i] = got
	}

	p.command("keys", "drop", "--kind", "access")
	p.end(syscall.SIGTERM)
	p.start()
	for i, c := range clients {
		if p.active(c.Access) {
			t.Errorf("client %d has an access token although all were ended", i)
		}
		if got, err := p.refresh(t.Context(), c); err != nil || !p.active(got.Access) {
			t.Errorf("client %d cannot go on: %v", i, err)
		}
	}
}
