package server

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hydra/internal/config"
	"hydra/internal/oauth"
	"hydra/internal/sqlstore"
)

// Of many first starts at once, one makes the secret and all read the same
// (contract case 243).
func TestSystemSecretIsMadeOnce(t *testing.T) {
	t.Parallel()
	c := &config.Config{DataDir: filepath.Join(t.TempDir(), "a", "b"), Embedded: true}
	log := slog.New(slog.DiscardHandler)
	var mu sync.Mutex
	got, makers := map[string]int{}, 0
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			secrets, made, err := systemSecrets(c, log)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			got[secrets[0]]++
			if made != "" {
				makers++
			}
		})
	}
	wg.Wait()
	if len(got) != 1 || makers != 1 {
		t.Errorf("%d different secrets, %d makers; want 1 and 1", len(got), makers)
	}
	for name, want := range map[string]fs.FileMode{c.DataDir: 0o700, filepath.Join(c.DataDir, secretFile): 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode().Perm(), want)
		}
	}
}

func TestSystemSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	short := filepath.Join(t.TempDir(), "short")
	if err := errors.Join(os.Mkdir(short, 0o700), os.WriteFile(filepath.Join(short, secretFile), []byte("short\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		c    config.Config
		want string // part of the error, "" for none
	}{
		{"configured", config.Config{Secrets: config.Secrets{System: []oauth.Secret{"a-configured-secret"}}}, ""},
		{"memory", config.Config{DSN: "memory", Embedded: true}, ""},
		{"own file", config.Config{DataDir: dir, Embedded: true}, ""},
		{"database elsewhere", config.Config{DSN: "postgres://h/d", DataDir: dir}, "secrets.system"},
		{"database elsewhere, development", config.Config{DSN: "postgres://h/d", DataDir: dir, Dev: true}, ""},
		{"file too short", config.Config{DataDir: short, Embedded: true}, "16 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			secrets, _, err := systemSecrets(&test.c, slog.New(slog.DiscardHandler))
			if test.want == "" {
				if err != nil || len(secrets) != 1 {
					t.Errorf("systemSecrets() = %d secrets, %v", len(secrets), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("systemSecrets() = %v, want an error with %q", err, test.want)
			}
		})
	}
}

// A job with a lease runs on one node at a time, and gives the lease back.
func TestJobLease(t *testing.T) {
	t.Parallel()
	store, err := sqlstore.Open(t.Context(), sqlstore.Config{DSN: "memory"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	node := func(id byte) *jobs {
		return &jobs{leases: store, owner: oauth.ID{id}, now: func() time.Time { return noon }, log: slog.New(slog.DiscardHandler)}
	}
	one, two := node(1), node(2)
	ran := ""
	j := job{name: "work", every: time.Hour, lease: time.Minute}
	j.run = func(ctx context.Context) error {
		ran += "1"
		other := j
		other.run = func(context.Context) error { ran += "2"; return nil }
		two.once(ctx, other) // while the first is at it
		return nil
	}
	one.once(t.Context(), j)
	j.run = func(context.Context) error { ran += "2"; return nil }
	two.once(t.Context(), j)
	if ran != "12" {
		t.Errorf("ran %q, want the first node, then the second", ran)
	}
}

// A job that fails is logged and tried again; one that was cancelled is not.
func TestJobFailure(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	j := &jobs{log: slog.New(slog.NewTextHandler(&b, nil))}
	fail := job{name: "work", run: func(context.Context) error { return errors.New("out of order") }}
	j.once(t.Context(), fail)
	if !strings.Contains(b.String(), "out of order") {
		t.Errorf("log = %q", b.String())
	}
	b.Reset()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	j.once(ctx, fail)
	if b.Len() > 0 {
		t.Errorf("log = %q", b.String())
	}
}

// Jobs begin by themselves and end with their context.
func TestJobsEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	j := &jobs{log: slog.New(slog.DiscardHandler)}
	ran := make(chan struct{}, 100)
	j.start(ctx, job{name: "often", every: time.Millisecond, run: func(context.Context) error {
		select {
		case ran <- struct{}{}:
		default:
		}
		return nil
	}})
	j.start(ctx, job{name: "never", every: 0, run: func(context.Context) error { t.Error("ran"); return nil }})
	<-ran
	<-ran
	cancel()
	j.wait()
}

func TestNewLogger(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		config config.Log
		want   string
	}{
		{config.Log{Level: "info", Format: "text"}, "level=WARN msg=hello took=1.5s secret=[redacted]\n"},
		{config.Log{Level: "info", Format: "json"}, `"msg":"hello","took":"1.5s","secret":"[redacted]"}` + "\n"},
		{config.Log{Level: "info", Format: "json_pretty"}, "\n  \"msg\": \"hello\",\n"},
		{config.Log{Level: "error", Format: "text"}, ""},
		{config.Log{Level: "fatal", Format: "json"}, ""},
	} {
		var b bytes.Buffer
		NewLogger(&b, test.config).Warn("hello", "took", 1500*time.Millisecond, "secret", oauth.Secret("s3cret"))
		if got := b.String(); !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
			t.Errorf("%+v: %q, want %q", test.config, got, test.want)
		}
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	c := &config.Config{URLs: config.URLs{Public: "https://id.example.com/x"}}
	dev := &config.Config{URLs: c.URLs, Dev: true}
	for _, test := range []struct {
		c          *config.Config
		configured string
		want       string
	}{
		{c, "", "https://id.example.com/x/fallback"},
		{dev, "", "https://id.example.com/x/dev"},
		{dev, "https://app.example.com/login", "https://app.example.com/login"}, // configured pages win over the built-in ones
		{c, "/own", "https://id.example.com/x/own"},
	} {
		if got := page(test.c, test.configured, "/fallback", "/dev"); got != test.want {
			t.Errorf("page(%q) = %q, want %q", test.configured, got, test.want)
		}
	}
}
