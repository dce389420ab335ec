package server_test

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/server"
	"hydra/internal/storetest"
)

// systemSecret is what a server needs whose database is elsewhere.
const systemSecret = "SYSTEM_SECRET=the-system-secret-of-the-tests"

// onEngine is the environment of a server on the engine that TEST_ENGINE
// names (PostgreSQL or MariaDB; see make test-engines), else in memory.
func onEngine(t *testing.T) []string {
	t.Helper()
	name := os.Getenv("TEST_ENGINE")
	for _, e := range storetest.Engines() {
		if strings.EqualFold(e.Name, name) {
			return []string{"DSN=" + e.DSN(t, "max_conns=5"), systemSecret}
		}
	}
	if name != "" {
		t.Fatalf("TEST_ENGINE=%s is neither PostgreSQL nor MariaDB", name)
	}
	return []string{"DSN=memory"}
}

// onServer is the same, but nothing where no engine is named, or where the
// test says itself what it keeps where.
func onServer(t *testing.T, environ []string) []string {
	t.Helper()
	own := func(e string) bool {
		return strings.HasPrefix(e, "DSN=") || strings.HasPrefix(e, "DATA_DIR=") || strings.HasPrefix(e, "SECRETS_SYSTEM=")
	}
	if os.Getenv("TEST_ENGINE") == "" || slices.ContainsFunc(environ, own) {
		return nil
	}
	return onEngine(t)
}

// The whole program on database servers: what a client lives through from its
// registration to the day when nothing of it is left.
func TestOnDatabaseServers(t *testing.T) {
	t.Parallel()
	for _, e := range storetest.Engines() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			dsn := e.DSN(t, "max_conns=5")
			w := newWorld(t, "DSN="+dsn, systemSecret)
			c := w.client(t, nil)
			b := w.browser()
			full := []string{"scope", "openid offline a"}
			remembered := m{"grant_scope": []string{"openid", "offline", "a"}, "remember": true}
			first := w.exchange(t, c, b.visit(t, c, m{"subject": "u", "remember": true}, remembered, full...))
			if got := w.introspect(t, first["access_token"]); got["active"] != true || got["sub"] != "u" {
				t.Errorf("the access token is %v", got)
			}

			// The refresh token may be repeated for a moment: its answer may be lost.
			var next m
			for range 3 {
				next = w.token(t, c, "grant_type", "refresh_token", "refresh_token", fmt.Sprint(first["refresh_token"])).object(t, 200)
			}
			if !w.active(t, next["access_token"]) {
				t.Error("the refreshed access token is dead")
			}
			if n := len(w.consents(t, "u")); n != 1 {
				t.Errorf("%d consents are listed", n)
			}

			// A second visit skips both pages, and a code works once.
			second := w.trip(t, b, c, m{"subject": "u"}, m{"grant_scope": []string{"openid", "offline", "a"}}, true)
			code := w.browser().visit(t, c, m{"subject": "v"}, nil, full...)
			third := w.exchange(t, c, code)
			if r := w.token(t, c, "grant_type", "authorization_code", "code", code, "redirect_uri", c.Redirect); r.Status != 400 {
				t.Errorf("the code works twice: %d %s", r.Status, r.Body)
			}
			w.dead(t, c, third)

			form := url.Values{"token": {fmt.Sprint(second["refresh_token"])}}
			if r := do(t, user, "POST", w.Public+"/oauth2/revoke", form.Encode(), "Content-Type: application/x-www-form-urlencoded",
				basic(c.ID, c.Secret)); r.Status != 200 {
				t.Errorf("revocation: %d %s", r.Status, r.Body)
			}
			w.dead(t, c, second)
			w.status(t, 204, "DELETE", sessionsPath+"consent/u", nil)
			w.dead(t, c, next)

			// Another node on the same database sees the same, and so does a new
			// start; nothing speaks of the password.
			other := newWorld(t, "DSN="+dsn, systemSecret)
			if got := w.call(t, "GET", "/clients/"+c.ID, nil); got.Status != 200 {
				t.Errorf("GET client: %d", got.Status)
			}
			if got := other.call(t, "GET", "/clients/"+c.ID, nil); got.Status != 200 {
				t.Errorf("GET client from the other node: %d", got.Status)
			}
			if log := w.Log.String() + other.Log.String(); strings.Contains(log, "the-password") {
				t.Error("the log has the database's password")
			}

			w.clock.Advance(2 * 365 * 24 * time.Hour)
			w.status(t, 204, "POST", "/oauth2/flush", m{})
			for _, table := range []string{"grants", "sessions", "requests", "replays", "revoked_tokens", "devices"} {
				var n int
				if err := e.DB(t, dsn).QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil || n != 0 {
					t.Errorf("two years later %d rows are left of %s, %v", n, table, err)
				}
			}
		})
	}
}

// A database server's schema is the operator's business: the server changes it
// when it is told to, and refuses to work on an old one.
func TestMigrationsOnDatabaseServers(t *testing.T) {
	t.Parallel()
	for _, e := range storetest.Engines() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			dsn := e.Fresh(t, "max_conns=3")
			_, err := tryStart(t, "DSN="+dsn, systemSecret)
			if err == nil || !strings.Contains(err.Error(), "pending") || strings.Contains(err.Error(), "the-password") {
				t.Errorf("start on an empty database = %v", err)
			}
			applied, err := server.Migrate(t.Context(), oauth.Secret(dsn), "")
			if err != nil || len(applied) == 0 {
				t.Fatalf("Migrate() = %v, %v", applied, err)
			}
			if applied, err = server.Migrate(t.Context(), oauth.Secret(dsn), ""); err != nil || len(applied) != 0 {
				t.Errorf("Migrate() again = %v, %v", applied, err)
			}
			start(t, "DSN="+dsn, systemSecret)

			// --migrate, by two nodes at once.
			dsn = e.Fresh(t, "max_conns=3")
			errs := make(chan error, 2)
			for range 2 {
				go func() {
					_, err := startWith(t, func(o *server.Options) { o.Migrate = true }, "DSN="+dsn, systemSecret)
					errs <- err
				}()
			}
			for range 2 {
				if err := <-errs; err != nil {
					t.Errorf("start with --migrate = %v", err)
				}
			}
			if _, err := tryStart(t, "DSN="+dsn); err == nil || !strings.Contains(err.Error(), "secrets.system") {
				t.Errorf("start without a system secret = %v", err)
			}
		})
	}
	for _, dsn := range []string{"postgres://hydra:the-password@127.0.0.1:1/d", "mysql://hydra:the-password@tcp(127.0.0.1:1)/d"} {
		_, err := tryStart(t, "DSN="+dsn, systemSecret)
		if err == nil || strings.Contains(err.Error(), "the-password") || !strings.Contains(err.Error(), "127.0.0.1:1") {
			t.Errorf("start without a database = %v", err)
		}
	}
}

// The budgets of design §5 hold on every engine, since statements are not
// bundled there.
func TestStatementBudgetsOnDatabaseServers(t *testing.T) {
	t.Parallel()
	for _, e := range storetest.Engines() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "DSN="+e.DSN(t, ""), systemSecret)
			c := w.client(t, nil)
			grant := m{"grant_scope": []string{"openid", "offline", "a"}}
			w.trip(t, w.browser(), c, m{"subject": "warm"}, grant, false)
			var tokens m
			w.spends(t, "login and consent shown", 5, 2, func() { tokens = w.trip(t, w.browser(), c, m{"subject": "u"}, grant, false) })
			w.spends(t, "introspection", 1, 0, func() { w.introspect(t, tokens["access_token"]) })
			w.spends(t, "refresh", 1, 1, func() {
				w.token(t, c, "grant_type", "refresh_token", "refresh_token", fmt.Sprint(tokens["refresh_token"])).object(t, 200)
			})
		})
	}
}
