package server

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	eventName   = regexp.MustCompile(`(?:oauth\.Event\{Name: |s\.event\(ctx, |name :?= )"([a-z_]+)"`)
	changeName  = regexp.MustCompile(`(?m)^\t"[A-Z]+ [^:]*: +"([a-z_]+)",$`)
	backQuoted  = regexp.MustCompile("`([a-z]+_[a-z_]+)`")
	auditManual = "../../docs/operations/audit.md"
)

// Each event is either in the audit log or in the ordinary one on purpose, and
// those of the audit log are in its manual.
func TestEventsAreListed(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile(auditManual)
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for line := range strings.SplitSeq(string(manual), "\n") {
		if strings.HasPrefix(line, "| `") {
			for _, m := range backQuoted.FindAllStringSubmatch(strings.Split(line, "|")[1], -1) {
				documented = append(documented, m[1])
			}
		}
	}
	said := func(name string) {
		if !slices.Contains(documented, name) {
			t.Errorf("docs/operations/audit.md does not explain %s", name)
		}
	}
	seen := map[string]bool{}
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if path == filepath.Join("..", "admin", "operations.go") {
			for _, m := range changeName.FindAllStringSubmatch(string(text), -1) {
				seen[m[1]] = true
				said(m[1])
			}
			return nil
		}
		if !strings.Contains(string(text), "oauth.Event") && !strings.Contains(string(text), "s.event(") {
			return nil
		}
		for _, m := range eventName.FindAllStringSubmatch(string(text), -1) {
			name := m[1]
			seen[name] = true
			_, audited := securityEvents[name]
			if audited == slices.Contains(ordinaryEvents, name) {
				t.Errorf("%s: the event %s must be in one of securityEvents and ordinaryEvents (server/audit.go)", path, name)
			}
			if audited {
				said(name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 40 {
		t.Errorf("only %d events were found", len(seen))
	}
	for name := range securityEvents {
		if !seen[name] {
			t.Errorf("nobody tells of %s", name)
		}
	}
}
