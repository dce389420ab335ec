package server_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hydra/internal/config"
	"hydra/internal/oauth"
	"hydra/internal/server"
	"hydra/internal/storetest"
)

// place is a database that can be copied and brought back, with the commands
// of docs/operations/backup.md.
type place struct {
	dsn     string
	backup  func(t *testing.T, file string)
	restore func(t *testing.T, file string) (dsn string)
}

func run(t *testing.T, in io.Reader, out io.Writer, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, &errs
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v\n%s", name, err, errs.String())
	}
}

func database(dsn string) string {
	path, _, _ := strings.Cut(dsn, "?")
	return path[strings.LastIndexByte(path, '/')+1:]
}

func places(t *testing.T, name string) place {
	t.Helper()
	switch name {
	case "SQLite":
		path := filepath.Join(t.TempDir(), "hydra.sqlite")
		return place{
			dsn: "sqlite://" + path,
			backup: func(t *testing.T, file string) {
				if err := server.Backup(t.Context(), oauth.Secret("sqlite://"+path), file); err != nil {
					t.Error(err)
				}
			},
			restore: func(_ *testing.T, file string) string { return "sqlite://" + file },
		}
	case "PostgreSQL":
		e := storetest.PostgreSQL
		dsn := e.DSN(t, "max_conns=8")
		return place{
			dsn: dsn,
			backup: func(t *testing.T, file string) {
				url, _, _ := strings.Cut(dsn, "?")
				run(t, nil, nil, "pg_dump", "--format=custom", "--file="+file, url)
			},
			restore: func(t *testing.T, file string) string {
				fresh := e.Fresh(t, "max_conns=8")
				url, _, _ := strings.Cut(fresh, "?")
				run(t, nil, nil, "pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", "--dbname="+url, file)
				return fresh
			},
		}
	}
	e := storetest.MariaDB
	dsn := e.DSN(t, "max_conns=8")
	at := []string{"--no-defaults", "--protocol=tcp", "--host=127.0.0.1", fmt.Sprintf("--port=%d", e.Port()), "--user=root"}
	return place{
		dsn: dsn,
		backup: func(t *testing.T, file string) {
			out, err := os.Create(file)
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			run(t, nil, out, "mariadb-dump", append(at, "--single-transaction", "--hex-blob", database(dsn))...)
		},
		restore: func(t *testing.T, file string) string {
			fresh := e.Fresh(t, "max_conns=8")
			in, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			run(t, in, nil, "mariadb", append(at, database(fresh))...)
			return fresh
		},
	}
}

// An hour-old backup, made under traffic, takes the place of the database: no
// honest client loses its Grant, nothing short-lived comes back, and what was
// revoked meanwhile is listed.
func TestRestoreOfAnHourOldBackup(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"SQLite", "PostgreSQL", "MariaDB"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			restoreJourney(t, places(t, name))
		})
	}
}

func restoreJourney(t *testing.T, at place) {
	const issuer = "URLS_SELF_ISSUER=https://issuer.test/"
	w := newWorldAt(t, []string{"DSN=" + at.dsn, systemSecret}, issuer)
	c := w.client(t, nil)
	full := []string{"scope", "openid offline a"}
	sign := func(subject string) m {
		return w.exchange(t, c, w.browser().visit(t, c, m{"subject": subject}, nil, full...))
	}
	refresh := func(w *world, old m) reply {
		return w.token(t, c, "grant_type", "refresh_token", "refresh_token", fmt.Sprint(old["refresh_token"]))
	}
	const honest = 4
	tokens := make([]m, honest)
	for i := range tokens {
		tokens[i] = sign(fmt.Sprint("user-", i))
	}
	code := w.browser().visit(t, c, m{"subject": "early"}, nil, full...)
	revoked, machine := sign("revoked"), w.token(t, c, "grant_type", "client_credentials", "scope", "a").object(t, 200)
	remembered := w.browser()
	remembered.visit(t, c, m{"subject": "away", "remember": true}, nil, full...)

	// The backup is made while the clients refresh.
	var stop atomic.Bool
	var wg sync.WaitGroup
	for i := range tokens {
		wg.Go(func() {
			for n := 0; n < 3 || !stop.Load(); n++ {
				tokens[i] = refresh(w, tokens[i]).object(t, 200)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "backup")
	taken := w.clock.Now()
	at.backup(t, file)
	stop.Store(true)
	wg.Wait()

	// An hour goes by, in which the restored database will not believe.
	w.clock.Advance(time.Hour)
	for i := range tokens {
		for range 1 + i {
			tokens[i] = refresh(w, tokens[i]).object(t, 200)
		}
	}
	consent := fmt.Sprint(w.consents(t, "revoked")[0]["consent_request_id"])
	w.status(t, 204, "DELETE", sessionsPath+"consent/revoked", nil)
	w.dead(t, c, revoked)
	late := w.clock.Now()
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}

	dsn := at.restore(t, file)
	cfg, err := config.Load(config.Input{Environ: []string{"DSN=" + dsn, systemSecret, issuer}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := server.OpenData(t.Context(), cfg, slog.New(slog.DiscardHandler), func() time.Time { return late })
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	log := fmt.Sprintf("not JSON\n"+
		`{"time":%q,"msg":"event","event":"consents_revoked","client_id":"before"}`+"\n"+
		`{"time":%q,"msg":"event","event":"consent_revoked","grant":%q}`+"\n"+
		`{"time":%q,"msg":"event","event":"trusted_issuer_deleted","detail":"x"}`+"\n"+
		`{"time":%q,"msg":"event","event":"consent_accepted"}`+"\n",
		taken.Add(-time.Minute).Format(time.RFC3339), late.Format(time.RFC3339), consent, late.Format(time.RFC3339), late.Format(time.RFC3339))
	done, err := d.Restored(t.Context(), taken, false, strings.NewReader(log))
	if err != nil || len(done.Events) != 2 || done.Ended != 1 || len(done.Dropped) < 14 {
		t.Errorf("Restored() = %+v, %v", done, err)
	}
	if _, err := d.Restored(t.Context(), late.Add(time.Hour), false); err == nil {
		t.Error("a backup from the future is taken")
	}

	after := newWorldAt(t, []string{"DSN=" + dsn, systemSecret}, issuer)
	after.clock.microseconds.Store(late.UnixMicro())
	for i := range tokens {
		for range 2 {
			tokens[i] = refresh(after, tokens[i]).object(t, 200)
		}
		if !after.active(t, tokens[i]["access_token"]) {
			t.Errorf("client %d has a dead access token", i)
		}
	}
	if r := after.token(t, c, "grant_type", "authorization_code", "code", code, "redirect_uri", c.Redirect); r.Status != 400 {
		t.Errorf("a code from before the backup works: %d %s", r.Status, r.Body)
	}
	for what, token := range map[string]any{
		"access token": revoked["access_token"], "refresh token": revoked["refresh_token"], "machine's token": machine["access_token"],
	} {
		if after.active(t, token) {
			t.Errorf("the %s is alive", what)
		}
	}
	if skip := after.loginRequest(t, (&browser{w: after, cookies: remembered.cookies}).open(t, after.authURL(c)).challenge(t))["skip"]; skip != false {
		t.Error("a remembered login that may have been ended meanwhile is still good")
	}
}
