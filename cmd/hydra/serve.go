package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hydra/internal/server"
)

// clock is the time of a server's process. Tests run nodes whose clocks differ.
var clock = time.Now

func serveCommand() *cobra.Command {
	cmd := group("serve", "Start the server.")
	for _, s := range []struct {
		use, short    string
		public, admin bool
	}{
		{"all", "Serve the public and the admin API.", true, true},
		{"public", "Serve the public API only.", true, false},
		{"admin", "Serve the admin API only.", false, true},
	} {
		sub := &cobra.Command{
			Use: s.use, Short: s.short, Args: atMost(0),
			Long: s.short + `

Every option can stand in a file (-c), in the environment or, for a few, in a
flag; see docs/configuration.md. The embedded SQLite database is made and
migrated at the start; another database is migrated by "hydra migrate sql", or
at the start with --migrate.`,
			Example: "  hydra serve " + s.use + " -c hydra.yml\n  hydra serve " + s.use + " --dev --data-dir /tmp/hydra",
			RunE:    func(cmd *cobra.Command, _ []string) error { return serve(cmd, s.public, s.admin) },
		}
		configFlags(sub.Flags())
		serveFlags(sub.Flags())
		sub.Flags().Bool("migrate", false, "apply pending migrations of a database that is not the server's own")
		cmd.AddCommand(sub)
	}
	return cmd
}

func serveFlags(f *pflag.FlagSet) {
	f.Bool("dev", false, "plain HTTP and built-in sign-in pages, for development")
	f.Bool("dangerous-force-http", false, "plain HTTP although the issuer is not local")
	// This server sends no telemetry; old command lines still start it.
	f.Bool("disable-telemetry", true, "")
	f.Bool("sqa-opt-out", true, "")
	for _, name := range []string{"disable-telemetry", "sqa-opt-out"} {
		if err := f.MarkHidden(name); err != nil {
			panic(err) // the flag was defined two lines above
		}
	}
}

// slack returns memory that nobody uses. Go collects garbage whenever the heap
// has doubled, and all that a busy node keeps from one request to the next is
// one or two MiB: it would collect 50 times a second, for a seventh of the CPU
// time of a sign-in. With this it waits for twice as much. The memory is never
// written and so takes no RAM itself, if it is the first that the program asks
// for: later ones may have been used before, and are cleared. Whoever sets Go's
// own variables has decided.
func slack() []byte {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	return make([]byte, 2<<20)
}

func serve(cmd *cobra.Command, public, admin bool) (err error) {
	unused := slack()
	defer runtime.KeepAlive(unused)
	cfg, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	if cfg.Memory() && !(public && admin) {
		return errors.New("the database \"memory\" lives in one process, so it works with \"serve all\" only: set dsn (DATABASE_URL)")
	}
	migrate, err := cmd.Flags().GetBool("migrate")
	if err != nil {
		return err
	}
	endProfile, err := server.Profile(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endProfile()) }()
	// The first signal drains; after it, a second one kills as usual.
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	v, hash, at := build()
	s, err := server.Start(ctx, server.Options{
		Config: cfg, Public: public, Admin: admin, Migrate: migrate, Now: clock,
		Version: v, Commit: hash, BuildTime: at,
		Log: server.NewLogger(cmd.ErrOrStderr(), cfg.Log),
	})
	if err != nil {
		return err
	}
	if cfg.Dev && public {
		fmt.Fprintf(cmd.OutOrStdout(), "\n  Open %s/ in a browser.\n\n", cfg.URLs.Public)
	}
	return s.Wait(ctx)
}
