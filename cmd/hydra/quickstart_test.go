package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// quickstart is the page whose commands the test runs.
const quickstart = "../../docs/quickstart.md"

// step is one block of commands of the page and what the page says that it
// prints.
type step struct {
	commands, prints string
}

// steps takes the blocks out of the page. A block without a language is the
// output of the block of commands before it.
func steps(t *testing.T, page string) []step {
	t.Helper()
	var out []step
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		switch {
		case m[1] == "yaml":
		case m[1] == "sh":
			out = append(out, step{commands: m[2]})
		case m[1] == "" && len(out) > 0 && out[len(out)-1].prints == "":
			out[len(out)-1].prints = m[2]
		default:
			t.Fatalf("a block of language %q that belongs to no commands:\n%s", m[1], m[2])
		}
	}
	return out
}

// matches compares an output with the page, in which "…" stands for anything.
func matches(want, got string) bool {
	parts := strings.Split(strings.TrimSpace(want), "…")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	return regexp.MustCompile(`^(?s:` + strings.Join(parts, ".*") + `)$`).MatchString(strings.TrimSpace(got))
}

// The commands of docs/quickstart.md, run in one shell against a fresh
// server, print what the page says.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(quickstart)
	if err != nil {
		t.Fatal(err)
	}
	blocks := steps(t, string(page))
	for _, must := range []string{"/clients", "/oauth2/auth?", "/login/$LOGIN_CHALLENGE/accept", "/consent/$CONSENT_CHALLENGE/accept", "grant_type=authorization_code",
		"/userinfo", "/oauth2/introspect", "grant_type=refresh_token", "/oauth2/revoke", "-X DELETE \"$ADMIN/oauth2/auth/sessions/consent/alice\""} {
		if !strings.Contains(string(page), must) {
			t.Errorf("the page does not show %s", must)
		}
	}
	runPage(t, blocks)
}

// The same for docs/devices.md.
func TestDevicesPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/devices.md")
	if err != nil {
		t.Fatal(err)
	}
	runPage(t, steps(t, string(page)))
}

// runPage runs the commands of a page in one shell against a fresh server.
func runPage(t *testing.T, blocks []step) {
	t.Helper()
	server := startProgram(t)
	const end = "\x1e" // what a block prints ends here
	script := "set -euo pipefail\n"
	for _, b := range blocks {
		script += b.commands + "printf '\\036'\n"
	}
	sh := exec.CommandContext(t.Context(), "bash", "-c", script)
	sh.Dir = t.TempDir()
	sh.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + sh.Dir, "TMPDIR=" + sh.Dir, "PUBLIC=" + server.Public, "ADMIN=" + server.Admin}
	var complaints strings.Builder
	sh.Stderr = &complaints
	printed, err := sh.Output()
	if err != nil {
		t.Errorf("the shell ended with %v\n%s", err, complaints.String())
	}
	got := strings.Split(string(printed), end)
	for i, b := range blocks {
		if i >= len(got)-1 {
			t.Fatalf("the shell did not get past\n%sit printed\n%s", b.commands, got[len(got)-1])
		}
		if !matches(b.prints, got[i]) {
			t.Errorf("%sprints\n%s\nthe page says\n%s", b.commands, got[i], b.prints)
		}
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		want, got string
		ok        bool
	}{
		{`{"status":"ok"}`, `{"status":"ok"}` + "\n", true},
		{`{"a":"…","b":1}`, `{"a":"x","b":1}`, true},
		{`{"a":"…","b":1}`, `{"a":"x","b":2}`, false},
		{`[…`, `{`, false},
		{``, `anything`, false},
		{`a.c`, `abc`, false},
	} {
		if matches(test.want, test.got) != test.ok {
			t.Errorf("matches(%q, %q) = %t", test.want, test.got, !test.ok)
		}
	}
}
