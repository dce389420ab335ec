package main

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// apache is Apache with the configuration of a guide, as a process of its own
// on a free port.
type apache struct{ URL string }

// startApache starts Apache with the guide's blocks in which the addresses are
// those of the test.
func startApache(t *testing.T, address, site string, pages map[string]string) *apache {
	t.Helper()
	bin, err := exec.LookPath("apache2")
	if err != nil {
		bin = "/usr/sbin/apache2"
	}
	const modules = "/usr/lib/apache2/modules/"
	for _, file := range []string{bin, modules + "mod_auth_openidc.so"} {
		if _, err := os.Stat(file); err != nil {
			t.Fatalf("%v: make tools installs it", err)
		}
	}
	dir, err := os.MkdirTemp("", "apache-") // and not t.TempDir, whose parent is not for www-data
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // www-data reads the pages
		t.Fatal(err)
	}
	conf := "ServerName localhost\nServerRoot " + dir + "\nPidFile " + dir + "/pid\nErrorLog " + dir + "/error.log\nLogLevel auth_openidc:info\n" +
		"User www-data\nGroup www-data\nListen " + address + "\nDefaultRuntimeDir " + dir + "\nMutex file:" + dir + " default\n"
	for _, name := range []string{"mpm_event", "authn_core", "authz_core", "authz_user", "include", "mime", "auth_openidc"} {
		conf += "LoadModule " + name + "_module " + modules + "mod_" + name + ".so\n"
	}
	conf += "TypesConfig /etc/mime.types\nAddType text/html .shtml\n" + strings.ReplaceAll(site, "/var/www/intranet", dir+"/www")
	files := map[string]string{"httpd.conf": conf}
	for name, page := range pages {
		files["www/"+name] = page
	}
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // as above
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil { //nolint:gosec // as above
			t.Fatal(err)
		}
	}
	cmd := exec.Command(bin, "-f", dir+"/httpd.conf", "-DFOREGROUND")
	out := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("Apache ended with %v", err)
		}
		if t.Failed() {
			log, _ := os.ReadFile(dir + "/error.log")
			t.Logf("Apache's output:\n%s\nits log:\n%s", out.String(), log)
		}
	})
	a := &apache{"http://localhost:" + port(address)}
	waitFor(t, a.URL+"/goodbye.html")
	return a
}

// The configuration in docs/guides/apache.md signs users in and out: Apache
// with mod_auth_openidc, a certified relying party, in front of a page.
func TestApacheGuide(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/guides/apache.md")
	if err != nil {
		t.Fatal(err)
	}
	s := startProgram(t)
	address := freeAddresses(t, 1)[0]
	here := strings.NewReplacer("http://localhost:4444", s.Public, "http://127.0.0.1:4445", s.Admin,
		"localhost:8080", "localhost:"+port(address), "localhost%3A8080", "localhost%3A"+port(address), "*:8080", "*:"+port(address)).Replace(string(guide))
	blocks := regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$").FindAllStringSubmatch(here, -1)
	var kinds []string
	for _, b := range blocks {
		kinds = append(kinds, b[1])
	}
	if got := strings.Join(kinds, " "); got != "sh sh apache html html" {
		t.Fatalf("the guide's blocks are %s", got)
	}
	sh := exec.CommandContext(t.Context(), "bash", "-euc", blocks[1][2])
	sh.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("the guide's client: %v\n%s", err, out)
	}
	a := startApache(t, address, blocks[2][2], map[string]string{"private/index.shtml": blocks[3][2], "goodbye.html": blocks[4][2]})

	tb := startBrowser(t).person(t)
	signIn := func() {
		t.Helper()
		tb.open(a.URL + "/private/index.shtml")
		tb.pick("login-pick-alice", "login-remember")
		tb.press("login-accept")
		tb.press("consent-allow")
		tb.says("user", "You are alice, alice@")
	}
	signIn()
	tb.open(a.URL + "/private/index.shtml") // the session holds
	tb.says("user", "You are alice")
	tb.press("leave")
	tb.press("logout-accept")
	tb.says("goodbye", "signed out")
	if at, err := url.Parse(tb.address()); err != nil || at.Path != "/goodbye.html" {
		t.Errorf("the browser is at %s", tb.address())
	}

	// Signed out there, the user is signed out at the server; and the other
	// way round, by a frame (OpenID Connect Front-Channel Logout §2).
	signIn()
	tb.open(s.Public + "/oauth2/sessions/logout")
	tb.press("logout-accept")
	tb.shows("logged-out-title")
	tb.open(a.URL + "/private/index.shtml")
	tb.shows("login-title")
}
