package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// user is a person with a browser, and the login app that knows them.
type user struct {
	t       *testing.T
	p       *program
	browser *http.Client
}

func newUser(t *testing.T, p *program) *user {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &user{t, p, &http.Client{Jar: jar, Timeout: 2 * time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// walk follows redirects, and says yes wherever the login app is asked, up to
// a page that is no redirect.
func (u *user) walk(address string, deny bool) (status int, page string) {
	u.t.Helper()
	for range 20 {
		to, err := url.Parse(address)
		if err != nil {
			u.t.Fatal(err)
		}
		for name, body := range map[string]string{
			"login":   `{"subject":"alice"}`,
			"consent": `{"grant_scope":["openid","offline"]}`,
			"device":  `{"user_code":"` + to.Query().Get("user_code") + `"}`,
		} {
			challenge := to.Query().Get(name + "_challenge")
			if challenge == "" {
				continue
			}
			verdict := "accept"
			if deny && name == "login" {
				verdict, body = "reject", `{"error":"access_denied","error_description":"Not <b>today</b>."}`
			}
			var done struct {
				To string `json:"redirect_to"`
			}
			at := u.p.Admin + "/admin/oauth2/auth/requests/" + name + "/" + verdict + "?" + url.Values{name + "_challenge": {challenge}}.Encode()
			if err := json.Unmarshal([]byte(u.send(http.MethodPut, at, body)), &done); err != nil {
				u.t.Fatal(err)
			}
			address = done.To
		}
		res := u.do(http.MethodGet, address, "")
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			u.t.Fatal(err)
		}
		next := res.Header.Get("Location")
		if next == "" {
			return res.StatusCode, string(text)
		}
		address = next
	}
	u.t.Fatal("the browser is sent around in circles")
	return 0, ""
}

func (u *user) do(method, address, body string) *http.Response {
	u.t.Helper()
	r, err := http.NewRequestWithContext(u.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		u.t.Fatal(err)
	}
	res, err := u.browser.Do(r) //nolint:bodyclose // the caller does
	if err != nil {
		u.t.Fatal(err)
	}
	return res
}

func (u *user) send(method, address, body string) string {
	u.t.Helper()
	res := u.do(method, address, body)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		u.t.Fatalf("%s: %d %s %v", address, res.StatusCode, text, err)
	}
	return string(text)
}

// command is a client command that runs while the test is the user.
type command struct {
	t      *testing.T
	cmd    *exec.Cmd
	out    strings.Builder
	errs   *bufio.Reader
	stderr io.ReadCloser
}

func (p *program) start(t *testing.T, args ...string) *command {
	t.Helper()
	c := &command{t: t, cmd: exec.CommandContext(t.Context(), "hydra", args...)}
	c.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HYDRA_URL=" + p.Public, "HYDRA_ADMIN_URL=" + p.Admin}
	c.cmd.Stdout = &c.out
	var err error
	if c.stderr, err = c.cmd.StderrPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.errs = bufio.NewReader(c.stderr)
	return c
}

// says returns the address in the first line that has one.
func (c *command) says(prefix string) string {
	c.t.Helper()
	for {
		line, err := c.errs.ReadString('\n')
		if err != nil {
			c.t.Fatalf("it says nothing that begins with %q: %v", prefix, err)
		}
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			return strings.Fields(rest)[0]
		}
	}
}

// ends waits for the end, and returns both outputs.
func (c *command) ends(want int) (out, errs string) {
	c.t.Helper()
	rest, err := io.ReadAll(c.errs)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = c.cmd.Wait() // its code is looked at
	if got := c.cmd.ProcessState.ExitCode(); got != want {
		c.t.Fatalf("it ends with %d, want %d\n%s\n%s", got, want, c.out.String(), rest)
	}
	return c.out.String(), string(rest)
}

func runCommand(t *testing.T, p *program, args ...string) string {
	t.Helper()
	out, _ := p.start(t, args...).ends(0)
	return out
}

func TestPerformAuthorizationCode(t *testing.T) {
	t.Parallel()
	p := startProgram(t)
	ports := freeAddresses(t, 2)
	at := "http://" + ports[0]
	runCommand(t, p, "create", "client", "--id", "shop", "--secret", "a-secret-of-the-shop", "--grant-type", "authorization_code,refresh_token",
		"--scope", "openid,offline", "--redirect-uri", at+"/callback,https://"+ports[1]+"/")
	sign := func(more ...string) *command {
		return p.start(t, append([]string{"perform", "authorization-code", "--no-open", "--client-id", "shop", "--client-secret", "a-secret-of-the-shop", "--port", port(ports[0])}, more...)...)
	}

	t.Run("tokens in the terminal and on the page", func(t *testing.T) {
		c := sign("--format", "json")
		if got := c.says("Open "); got != at+"/" {
			t.Errorf("it listens at %s", got)
		}
		u := newUser(t, p)
		if _, page := u.walk(at+"/", false); !strings.Contains(page, `href="/sign-in"`) {
			t.Errorf("the page has no button:\n%s", page)
		}
		// attack: a response that belongs to no request of ours ends nothing.
		if status, page := u.walk(at+"/callback?code=stolen&state=made-up", false); status != http.StatusBadRequest || !strings.Contains(page, "its state is unknown") {
			t.Errorf("a foreign response: %d\n%s", status, page)
		}
		// attack: another site that resolves its name to this machine.
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/sign-in", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "evil.example"
		res, err := u.browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("a foreign host: %d", res.StatusCode)
		}
		status, page := u.walk(at+"/sign-in", false)
		if status != http.StatusOK || !strings.Contains(page, "The ID token was verified") || !strings.Contains(page, "alice") {
			t.Errorf("the result: %d\n%s", status, page)
		}
		out, _ := c.ends(0)
		var tokens struct {
			Access  string    `json:"access_token"`
			Refresh string    `json:"refresh_token"`
			ID      string    `json:"id_token"`
			Expiry  time.Time `json:"expiry"`
		}
		if err := json.Unmarshal([]byte(out), &tokens); err != nil || tokens.Access == "" || tokens.Refresh == "" || tokens.ID == "" || !tokens.Expiry.After(time.Now()) {
			t.Errorf("the answer: %v\n%s", err, out)
		}
		if got := runCommand(t, p, "introspect", "token", tokens.Refresh, "--format", "jsonpath={.sub}"); got != "alice\n" {
			t.Errorf("introspection: %s", got)
		}
	})

	t.Run("denied", func(t *testing.T) {
		c := sign("--prompt", "login", "--max-age", "0", "--response-mode", "query", "--state", "a-state-of-my-own")
		c.says("Open ")
		status, page := newUser(t, p).walk(at+"/sign-in", true)
		if status != http.StatusBadRequest || !strings.Contains(page, "access_denied") || strings.Contains(page, "<b>") {
			t.Errorf("the page: %d\n%s", status, page)
		}
		out, errs := c.ends(1)
		if out != "" || !strings.Contains(errs, "access_denied") {
			t.Errorf("it says %q and %q", out, errs)
		}
	})

	t.Run("wrong secret", func(t *testing.T) {
		c := sign("--client-secret", "wrong")
		c.says("Open ")
		if status, _ := newUser(t, p).walk(at+"/sign-in", false); status != http.StatusBadRequest {
			t.Errorf("the page: %d", status)
		}
		if _, errs := c.ends(1); !strings.Contains(errs, "invalid_client") || !strings.Contains(errs, "Try: Compare") {
			t.Errorf("it says %q", errs)
		}
	})

	t.Run("several sign-ins with TLS", func(t *testing.T) {
		c := p.start(t, "perform", "authorization-code", "--no-open", "--no-shutdown", "--https", "--client-id", "shop", "--client-secret", "a-secret-of-the-shop",
			"--port", port(ports[1]), "--redirect", "https://"+ports[1]+"/", "-q", "--scope", "openid")
		c.says("Open ")
		u := newUser(t, p)
		u.browser.Transport = trusting()
		for range 2 {
			if status, page := u.walk("https://"+ports[1]+"/sign-in", false); status != http.StatusOK {
				t.Fatalf("the page: %d\n%s", status, page)
			}
		}
		u.browser.CloseIdleConnections()
		if err := c.cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if out, _ := c.ends(0); strings.Count(out, "ory_at_") != 2 {
			t.Errorf("it prints %q", out)
		}
	})

	t.Run("stopped", func(t *testing.T) {
		c := sign()
		c.says("Open ")
		if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if _, errs := c.ends(1); !strings.Contains(errs, "stopped before somebody signed in") {
			t.Errorf("it says %q", errs)
		}
	})
}

func TestPerformDeviceCode(t *testing.T) {
	t.Parallel()
	p := startProgram(t, "OAUTH2_DEVICE_AUTHORIZATION_TOKEN_POLLING_INTERVAL=1s")
	runCommand(t, p, "create", "client", "--id", "tv", "--token-endpoint-auth-method", "none", "--scope", "openid,offline",
		"--grant-type", "urn:ietf:params:oauth:grant-type:device_code,refresh_token")
	c := p.start(t, "perform", "device-code", "--client-id", "tv", "--format", "jsonpath=id_token")
	where := c.says("Open ")
	code := c.says("and type ")
	if status, page := newUser(t, p).walk(where+"?"+url.Values{"user_code": {code}}.Encode(), false); status != http.StatusOK {
		t.Fatalf("the page: %d\n%s", status, page)
	}
	out, _ := c.ends(0)
	if strings.Count(out, ".") != 2 {
		t.Errorf("it prints %q", out)
	}

	denied := p.start(t, "perform", "device-code", "--client-id", "tv")
	where = denied.says("Open ")
	code = denied.says("and type ")
	newUser(t, p).walk(fmt.Sprintf("%s?user_code=%s", where, url.QueryEscape(code)), true)
	if _, errs := denied.ends(1); !strings.Contains(errs, "access_denied") {
		t.Errorf("it says %q", errs)
	}
}

// trusting is the transport of a browser whose user clicks the warning away.
func trusting() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}
}
