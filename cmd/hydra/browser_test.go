package main

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience bounds one step in the browser; the machine may be busy.
const patience = 2 * time.Minute

// browser is one Chromium for all tests of one server.
type browser struct{ ctx context.Context }

// startBrowser starts Chromium with an empty profile, and stops it when the
// test ends.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("there is no Chromium on this machine to walk through the pages with: make test installs it")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1000, 1200),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-domain-reliability", true),
		// Back asks the server again, instead of waking up a page that slept.
		chromedp.Flag("disable-features", "Translate,BlinkGenPropertyTrees,BackForwardCache"),
		chromedp.Flag("lang", "en"))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, closeBrowser := chromedp.NewContext(allocator, chromedp.WithLogf(t.Logf), chromedp.WithErrorf(t.Logf))
	t.Cleanup(closeBrowser)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	return &browser{ctx}
}

// tab is one tab.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// person returns a tab of somebody with cookies of their own.
func (b *browser) person(t *testing.T) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(closeTab)
	tb := &tab{t, ctx}
	tb.must(chromedp.Do(ctx), "open a tab")
	return tb
}

// another returns one more tab of the same person.
func (tb *tab) another() *tab {
	tb.t.Helper()
	ctx, closeTab := chromedp.NewContext(tb.ctx)
	tb.t.Cleanup(closeTab)
	next := &tab{tb.t, ctx}
	next.must(chromedp.Do(ctx), "open a tab")
	return next
}

// must ends the test with a description of what the tab shows.
func (tb *tab) must(err error, what string) {
	tb.t.Helper()
	if err == nil {
		return
	}
	ctx, cancel := context.WithTimeout(tb.ctx, 10*time.Second)
	defer cancel()
	at, _ := chromedp.Run(ctx, chromedp.Location())
	text, _ := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("body")))
	tb.t.Fatalf("%s: %v\nat %s\n%s", what, err, at, text)
}

func (tb *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	tb.must(chromedp.Do(ctx, steps...), what)
}

// open goes to an address.
func (tb *tab) open(address string) {
	tb.t.Helper()
	tb.do("open "+address, chromedp.Navigate(address))
}

// press clicks on an element, and waits for the page that comes of it.
func (tb *tab) press(id string) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	_, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.ID(id), chromedp.NodeEnabled))
	tb.must(err, "press "+id)
}

// pick clicks on a box or a radio button.
func (tb *tab) pick(ids ...string) {
	tb.t.Helper()
	for _, id := range ids {
		tb.do("pick "+id, chromedp.Click(chromedp.ID(id), chromedp.NodeVisible))
	}
}

// shows waits for elements.
func (tb *tab) shows(ids ...string) {
	tb.t.Helper()
	for _, id := range ids {
		tb.do("wait for "+id, chromedp.WaitVisible(chromedp.ID(id)))
	}
}

// lacks makes sure that the page, which has been loaded, has no such element.
func (tb *tab) lacks(ids ...string) {
	tb.t.Helper()
	for _, id := range ids {
		if !tb.is(`document.getElementById("` + id + `") === null`) {
			tb.t.Errorf("the page has %s", id)
		}
	}
}

// is evaluates a condition in the page.
func (tb *tab) is(condition string) bool {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool](condition))
	tb.must(err, condition)
	return yes
}

// text returns what an element says.
func (tb *tab) text(id string) string {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Text(chromedp.ID(id), chromedp.NodeVisible))
	tb.must(err, "read "+id)
	return s
}

// says makes sure that an element says something.
func (tb *tab) says(id string, parts ...string) {
	tb.t.Helper()
	text := tb.text(id)
	for _, p := range parts {
		if !strings.Contains(text, p) {
			tb.t.Errorf("%s says %q, want %q in it", id, text, p)
		}
	}
}

// address returns where the tab is.
func (tb *tab) address() string {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Location())
	tb.must(err, "read the address")
	return s
}
