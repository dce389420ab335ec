// Package ui serves the development pages: a demo application with a demo
// client, and a login and consent app with made-up people, so that a fresh
// server has something to click on. They exist under --dev only.
//
// The pages are a guest in the house. They reach the server as anybody else
// would, over the HTTP APIs of the public and the admin port, only without a
// wire between (see transport.go); the demo is an OAuth client like any
// other, and the login and consent pages are what examples/login-app is, with
// the same calls. Nothing here can therefore do what a stranger's application
// could not.
//
// Every heading, field and button has a stable id, listed in
// docs/development-pages.md.
package ui

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config is what the development pages need to know of the server.
type Config struct {
	// Public and Admin are the handlers of the two ports. They are called
	// when a page is asked for, not before, so what stands behind them may be
	// bound after New.
	Public, Admin http.Handler
	// PublicURL is the address of the public port as a browser writes it,
	// without a trailing slash; it may have a path.
	PublicURL string
	// Issuer is the issuer identifier exactly as the server sends it
	// (RFC 9207 §2 and OpenID Connect Core §3.1.3.7 compare it as text).
	Issuer string
	// Report is told of every error that is the server's fault, together with
	// the context of the request; nil is nobody.
	Report func(context.Context, error)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// UI is the development pages.
type UI struct {
	base     string // path of PublicURL, "" mostly
	public   string // PublicURL
	issuer   string
	secure   bool // the browser speaks https with us
	now      func() time.Time
	report   func(context.Context, error)
	server   *rp    // the public port, as the demo client sees it
	admin    *admin // the admin port, as a login app sees it
	memory   *memory
	demo     *demoClient
	pages    pages
	handler  http.Handler
	sameSite *http.CrossOriginProtection
}

// New returns the development pages of a server.
func New(c Config) *UI {
	public := strings.TrimRight(c.PublicURL, "/")
	u := &UI{public: public, issuer: c.Issuer, now: c.Now, report: c.Report, pages: parsePages()}
	if u.now == nil {
		u.now = time.Now
	}
	host := ""
	if p, err := url.Parse(public); err == nil {
		u.base, u.secure, host = p.Path, p.Scheme == "https", p.Host
	}
	u.admin = &admin{http: inProcess(c.Admin), host: host}
	u.demo = &demoClient{admin: u.admin, redirectURI: public + "/demo/callback", signedOutURI: public + "/demo/signed-out"}
	u.server = &rp{http: inProcess(c.Public), host: host, client: u.demo}
	u.memory = newMemory(u.now)
	u.sameSite = http.NewCrossOriginProtection()
	u.sameSite.SetDenyHandler(u.page(func(http.ResponseWriter, *http.Request) error {
		return &problem{Status: http.StatusForbidden, Title: "This form was sent from another site",
			Text: "The browser says that the form did not come from this server's own page, so nothing was done.",
			Next: "Open the page again and send the form from there."}
	}))
	u.handler = u.routes()
	return u
}

// Handler serves the pages. Their paths are "/", and everything below
// "/demo" and "/dev".
func (u *UI) Handler() http.Handler { return u.handler }

// Patterns are the ServeMux patterns under which the handler is mounted, so
// that the public port's own routes stay in charge of all other paths.
func Patterns() []string {
	return []string{"/{$}", "/demo", "/demo/", "/dev/"}
}

func (u *UI) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", u.page(u.start))
	mux.Handle("GET /demo", u.page(u.demoPage))
	mux.Handle("GET /demo/sign-in", u.page(u.demoSignIn))
	mux.Handle("GET /demo/callback", u.page(u.demoCallback))
	mux.Handle("GET /demo/result/{id}", u.page(u.demoResult))
	mux.Handle("POST /demo/refresh", u.page(u.demoRefresh))
	mux.Handle("POST /demo/revoke", u.page(u.demoRevoke))
	mux.Handle("POST /demo/sign-out", u.page(u.demoSignOut))
	mux.Handle("GET /dev/login", u.page(u.loginPage))
	mux.Handle("POST /dev/login", u.page(u.loginDecision))
	mux.Handle("GET /dev/consent", u.page(u.consentPage))
	mux.Handle("POST /dev/consent", u.page(u.consentDecision))
	mux.Handle("GET /dev/device", u.page(u.devicePage))
	mux.Handle("POST /dev/device", u.page(u.deviceDecision))
	mux.Handle("GET /dev/device/done", u.page(u.deviceDone))
	mux.Handle("GET /dev/logout", u.page(u.logoutPage))
	mux.Handle("POST /dev/logout", u.page(u.logoutDecision))
	mux.Handle("GET /demo/signed-out", u.page(u.loggedOut))
	mux.Handle("GET /dev/logged-out", u.page(u.loggedOut))
	mux.Handle("GET /dev/error", u.page(u.errorPage))
	mux.HandleFunc("GET /dev/style.css", u.style)
	return u.guard(mux)
}

// guard sets the headers that every page has and refuses what no page wants.
func (u *UI) guard(next http.Handler) http.Handler {
	protected := u.sameSite.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cache-Control", "no-store")
		h.Set("Pragma", "no-cache")
		if r.Method == http.MethodHead {
			// ServeMux would run the GET handler, and some of ours redeem
			// codes: a HEAD must change nothing.
			h.Set("Allow", "GET")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "null" {
			// Browsers send Sec-Fetch-Site to trustworthy addresses only
			// (https and loopback), and our own no-referrer policy turns the
			// Origin of our own forms into "null". On plain http in a local
			// network nothing distinguishes them from foreign ones, so the
			// unguessable challenge or id that each form carries has to do.
			next.ServeHTTP(w, r)
			return
		}
		protected.ServeHTTP(w, r)
	})
}

// policy is the Content-Security-Policy of all pages: our stylesheet, and
// nothing else of any kind.
//
// There is no form-action in it on purpose. Chromium applies form-action to
// every redirect that follows a form post, and the redirects after "Sign in",
// "Allow" and "Deny" lead to the client's redirect URI and from there wherever
// the client likes: 'self' would end those sign-ins in a blank page. The forms
// name no foreign target, and html/template lets nobody inject one.
const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"

// maxForm bounds what a form of ours may weigh, in bytes; a challenge is the
// largest thing in it.
const maxForm = 64 << 10

// page turns what a handler returns as an error into a page that says how to
// go on.
func (u *UI) page(f func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := f(w, r)
		if err == nil {
			return
		}
		p := asProblem(err)
		if p.Status >= http.StatusInternalServerError && u.report != nil {
			u.report(r.Context(), err)
		}
		u.render(w, p.Status, "problem", problemView{view: u.view(), problem: *p})
	})
}

func (u *UI) start(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, u.base+"/demo", http.StatusFound)
	return nil
}
