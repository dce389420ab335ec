package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
)

// The example of a login app, built and run as a stranger would, with a
// browser that walks through it.
func TestExampleLoginApp(t *testing.T) {
	t.Parallel()
	app := freeAddresses(t, 1)[0]
	s := startProgram(t, "URLS_LOGIN=http://"+app+"/login", "URLS_CONSENT=http://"+app+"/consent")
	startLoginApp(t, app, s.Admin)
	b := startBrowser(t)

	t.Run("sign in", func(t *testing.T) {
		tb := b.person(t)
		tb.open(s.Address)
		tb.press("demo-sign-in")
		tb.says("title", "Sign in to Hydra demo")
		tb.do("type", chromedp.SendKeys(chromedp.ID("username"), "ada"), chromedp.SendKeys(chromedp.ID("password"), "byron"))
		tb.press("accept")
		tb.says("problem", "wrong")
		tb.do("type", chromedp.SendKeys(chromedp.ID("username"), "ada"), chromedp.SendKeys(chromedp.ID("password"), "lovelace"))
		tb.pick("remember")
		tb.press("accept")
		tb.says("title", "ada, allow Hydra demo")
		tb.pick("scope-email", "remember")
		tb.press("accept")
		tb.says("result-title", "Signed in as ada")
		tb.verified()
		tb.says("result-id-token-claims", `"acr": "1"`, `"name": "Ada Lovelace"`)
		tb.says("result-token-response", `"scope": "openid offline profile address phone"`)

		// The login is remembered; the consent does not cover what is asked for.
		tb.press("result-sign-in-again")
		tb.says("title", "ada, allow Hydra demo")
		tb.pick("remember")
		tb.press("accept")
		tb.says("result-userinfo", "ada@example.com")
		// Now both are, and the app asks nothing.
		tb.press("result-sign-in-again")
		tb.says("result-title", "Signed in as ada")
		tb.says("result-userinfo", "ada@example.com")
	})
	t.Run("deny", func(t *testing.T) {
		tb := b.person(t)
		tb.open(s.Public + "/demo/sign-in")
		tb.press("deny")
		tb.says("problem-code", "access_denied")
		tb.says("problem-text", "The person said no.")
		tb.open(s.Public + "/demo/sign-in")
		tb.do("type", chromedp.SendKeys(chromedp.ID("username"), "grace"), chromedp.SendKeys(chromedp.ID("password"), "hopper"))
		tb.press("accept")
		tb.press("deny")
		tb.says("problem-code", "access_denied")
	})
	t.Run("an address that leads nowhere", func(t *testing.T) {
		tb := b.person(t)
		for _, path := range []string{"/login", "/login?login_challenge=x", "/consent?consent_challenge=x"} {
			tb.open("http://" + app + path)
			tb.says("problem", "begin")
		}
	})
}

// startLoginApp builds the example in its own module and runs it.
func startLoginApp(t *testing.T, listen, admin string) {
	t.Helper()
	program := t.TempDir() + "/login-app"
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = "../../examples/login-app"
	build.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the example does not build: %v\n%s", err, out)
	}
	app := exec.Command(program)
	app.Env = []string{"ADMIN_URL=" + admin, "LISTEN=" + listen}
	log := &lockedBuffer{}
	app.Stderr = log
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = app.Process.Kill()
		_ = app.Wait() // it was killed: the error says so
		if t.Failed() {
			t.Logf("the login app's log:\n%s", log.String())
		}
	})
	waitForStatus(t, "http://"+listen+"/login", 400)
}
