package ui

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// docs/development-pages.md lists every id of the pages, and no other: people
// write programs against that list.
func TestEveryIDIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/development-pages.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := strings.Cut(string(page), "\n## Ids\n")
	if !found {
		t.Fatal("the page has no section Ids")
	}
	// login-pick-<subject> and login-pick-{{.Subject}} are both login-pick-*.
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-z]+(?:-[a-z]+)+(?:-<[a-z]+>)?)`").FindAllStringSubmatch(list, -1) {
		documented[regexp.MustCompile("<[a-z]+>").ReplaceAllString(m[1], "*")] = true
	}
	used := map[string]bool{}
	for _, l := range (clientInfo{ClientURI: "https://a.example", LogoURI: "https://a.example", PolicyURI: "https://a.example", TermsURI: "https://a.example"}).Links() {
		used[l.ID] = true
	}
	for _, p := range people {
		used["login-pick-"+p.Subject] = true
	}
	names, err := fs.Glob(templates, "templates/*.html")
	if err != nil || len(names) == 0 {
		t.Fatal("no templates", err)
	}
	for _, name := range names {
		text, err := templates.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
			if id := regexp.MustCompile(`{{[^}]*}}`).ReplaceAllString(m[1], "*"); id != "*" { // the links above
				used[id] = true
			}
		}
	}
	for id := range used {
		if !documented[id] {
			t.Errorf("the id %q is not documented", id)
		}
	}
	for id := range documented {
		if !used[id] {
			t.Errorf("the id %q is documented, and on no page", id)
		}
	}
}
