package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// process is a server that a test stops, kills and starts again over the same
// data.
type process struct {
	t             *testing.T
	home          string
	public, admin string
	cmd           *exec.Cmd
	log           *lockedBuffer
}

func newProcess(t *testing.T) *process {
	t.Helper()
	addresses := freeAddresses(t, 2)
	p := &process{t: t, home: t.TempDir(), public: "http://" + addresses[0], admin: "http://" + addresses[1], log: &lockedBuffer{}}
	t.Cleanup(func() {
		if p.cmd != nil {
			p.end(syscall.SIGTERM)
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", p.log.String())
		}
	})
	return p
}

func (p *process) data() string { return p.home + "/data" }

func (p *process) environ() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.home, "PUBLIC_HOST=127.0.0.1", "PUBLIC_PORT=" + port(p.public), "ADMIN_PORT=" + port(p.admin),
		"URLS_SELF_ISSUER=" + p.public, "URLS_LOGIN=http://login.example/", "URLS_CONSENT=http://consent.example/", "LOG_LEVEL=warn",
	}
}

func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command("hydra", "serve", "all", "--dangerous-force-http", "--data-dir", p.data())
	p.cmd.Dir = p.home
	p.cmd.Env = p.environ()
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	waitFor(p.t, p.admin+"/health/ready")
}

// end sends the signal and waits for the end.
func (p *process) end(signal syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
	err := p.cmd.Wait()
	if signal == syscall.SIGTERM && err != nil {
		p.t.Errorf("the server ended with %v", err)
	}
	p.cmd = nil
}

// tokens is a token response that a client received whole.
type tokens struct {
	Subject string `json:"-"`
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
}

const callback = "http://127.0.0.1:5555/callback"

// call sends a request and decodes the JSON of a successful answer.
func (p *process) call(ctx context.Context, c *http.Client, method, address, contentType, body string, into any) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
		req.SetBasicAuth("app", "a-secret")
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= http.StatusBadRequest {
		return res, fmt.Errorf("%s %.60s: status %d: %.300s", method, address, res.StatusCode, data)
	}
	if into != nil {
		return res, json.Unmarshal(data, into)
	}
	return res, nil
}

func (p *process) createClient() {
	p.t.Helper()
	_, err := p.call(p.t.Context(), http.DefaultClient, http.MethodPost, p.admin+"/clients", "application/json",
		`{"client_id":"app","client_secret":"a-secret","redirect_uris":["`+callback+`"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"scope":"openid offline"}`, nil)
	if err != nil {
		p.t.Fatal(err)
	}
}

// flow performs login, consent and code exchange for a subject. accepted is
// set as soon as the acceptance of the consent was answered.
func (p *process) flow(ctx context.Context, subject string, accepted *atomic.Bool) (*tokens, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	c := &http.Client{Jar: jar, Timeout: 2 * time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	at := p.public + "/oauth2/auth?" + url.Values{"client_id": {"app"}, "response_type": {"code"}, "scope": {"openid offline"}, "redirect_uri": {callback}, "state": {"12345678"}}.Encode()
	for _, step := range []struct{ kind, accept string }{
		{"login", `{"subject":"` + subject + `"}`},
		{"consent", `{"grant_scope":["openid","offline"]}`},
	} {
		res, err := p.call(ctx, c, http.MethodGet, at, "", "", nil)
		if err != nil {
			return nil, err
		}
		to, err := res.Location()
		if err != nil {
			return nil, err
		}
		challenge := to.Query().Get(step.kind + "_challenge")
		if challenge == "" {
			return nil, fmt.Errorf("no %s_challenge in %s", step.kind, to)
		}
		var done struct {
			RedirectTo string `json:"redirect_to"`
		}
		if _, err := p.call(ctx, c, http.MethodPut, p.admin+"/oauth2/auth/requests/"+step.kind+"/"+challenge+"/accept", "application/json", step.accept, &done); err != nil {
			return nil, err
		}
		at = done.RedirectTo
	}
	accepted.Store(true)
	res, err := p.call(ctx, c, http.MethodGet, at, "", "", nil)
	if err != nil {
		return nil, err
	}
	to, err := res.Location()
	if err != nil {
		return nil, err
	}
	return p.exchange(ctx, url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {callback}}, subject)
}

func (p *process) exchange(ctx context.Context, form url.Values, subject string) (*tokens, error) {
	out := &tokens{Subject: subject}
	_, err := p.call(ctx, http.DefaultClient, http.MethodPost, p.public+"/oauth2/token", "application/x-www-form-urlencoded", form.Encode(), out)
	return out, err
}

func (p *process) refresh(ctx context.Context, old *tokens) (*tokens, error) {
	return p.exchange(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old.Refresh}}, old.Subject)
}

func (p *process) active(token string) bool {
	p.t.Helper()
	var out struct{ Active bool }
	if _, err := p.call(p.t.Context(), http.DefaultClient, http.MethodPost, p.admin+"/oauth2/introspect", "application/x-www-form-urlencoded", url.Values{"token": {token}}.Encode(), &out); err != nil {
		p.t.Fatal(err)
	}
	return out.Active
}

// A server that is killed in the middle of 16 parallel code flows has kept its
// word: every token that a client received works after the restart, and every
// consent whose acceptance was answered is there, whole.
func TestKilledServerKeepsItsWord(t *testing.T) {
	p := newProcess(t)
	p.start()
	p.createClient()

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var mu sync.Mutex
	var received []*tokens
	consented := map[string]bool{}
	enough := make(chan struct{})
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				subject := fmt.Sprintf("user-%d-%d", worker, n)
				var accepted atomic.Bool
				got, err := p.flow(ctx, subject, &accepted)
				mu.Lock()
				if accepted.Load() {
					consented[subject] = true
				}
				if err == nil {
					if received = append(received, got); len(received) == 64 {
						close(enough)
					}
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(2 * time.Minute):
		t.Fatal("the flows do not get through")
	}
	p.end(syscall.SIGKILL)
	stop()
	wg.Wait()

	p.start()
	for _, got := range received {
		if !p.active(got.Access) || !p.active(got.Refresh) {
			t.Errorf("a token that %s received is dead after the restart", got.Subject)
		}
	}
	for subject := range consented {
		var list []json.RawMessage
		if _, err := p.call(t.Context(), http.DefaultClient, http.MethodGet, p.admin+"/oauth2/auth/sessions/consent/"+subject, "", "", &list); err != nil {
			t.Fatal(err)
		}
		if len(list) != 1 {
			t.Errorf("%s has %d consents after the restart, want 1", subject, len(list))
		}
	}
	t.Logf("%d token responses and %d consents survived", len(received), len(consented))
}

// After a restore of an older copy of the database every client that has
// refreshed since then refreshes again, without a new sign-in.
func TestRestoreOfAnOlderCopy(t *testing.T) {
	p := newProcess(t)
	p.start()
	p.createClient()
	var accepted atomic.Bool
	var clients []*tokens
	for n := range 8 {
		got, err := p.flow(t.Context(), fmt.Sprintf("user-%d", n), &accepted)
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, got)
	}
	p.end(syscall.SIGTERM)
	if err := os.CopyFS(p.home+"/copy", os.DirFS(p.data())); err != nil {
		t.Fatal(err)
	}

	p.start()
	for n := range clients {
		for range 1 + n%3 { // one to three generations ahead of the copy
			got, err := p.refresh(t.Context(), clients[n])
			if err != nil {
				t.Fatal(err)
			}
			clients[n] = got
		}
	}
	p.end(syscall.SIGTERM)
	if err := errors.Join(os.RemoveAll(p.data()), os.Rename(p.home+"/copy", p.data())); err != nil {
		t.Fatal(err)
	}

	p.start()
	for n, old := range clients {
		got, err := p.refresh(t.Context(), old)
		if err != nil {
			t.Errorf("client %d lost its Grant by the restore: %v", n, err)
			continue
		}
		if !p.active(got.Access) {
			t.Errorf("client %d got a dead access token", n)
		}
		if _, err := p.refresh(t.Context(), got); err != nil {
			t.Errorf("client %d cannot go on: %v", n, err)
		}
	}
}
