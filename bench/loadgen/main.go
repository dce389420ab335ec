// Command loadgen measures one scenario against a server that runs already on
// this machine's loopback interface. The command of the directory above runs
// all of them, and starts the server itself.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"hydra/bench/proc"
	"hydra/internal/loadtest"
)

func main() {
	var o loadtest.Options
	var pid, database int
	flag.StringVar(&o.Target, "target", "hydra-rc", "hydra-rc, hydra-v2, or oidc: any other provider, by its discovery document")
	flag.StringVar(&o.Public.URL, "public", "http://127.0.0.1:4444", "public base `URL`, which is the issuer")
	flag.StringVar(&o.Admin.URL, "admin", "http://127.0.0.1:4445", "admin base `URL`")
	flag.StringVar(&o.Scenario, "scenario", "discovery", strings.Join(loadtest.Names(), ", "))
	flag.IntVar(&o.Workers, "c", 16, "workers, each in a closed loop with its own connections")
	flag.DurationVar(&o.Time, "d", 10*time.Second, "measured time")
	flag.DurationVar(&o.Warmup, "warmup", 2*time.Second, "time before it that does not count")
	flag.IntVar(&o.Ops, "n", loadtest.MaxOps, "end earlier, after so many operations")
	flag.IntVar(&pid, "pid", 0, "the server's process: report its CPU time and peak memory")
	flag.IntVar(&database, "dbpid", 0, "the database's root process: report the CPU time of its tree")
	flag.IntVar(&o.Pool, "pool", 64, "distinct tokens for introspect and userinfo")
	flag.BoolVar(&o.Remember, "remember", false, "code flow: remember login and consent")
	flag.StringVar(&o.SigningAlg, "alg", "", "refuse to measure unless ID tokens are signed so, such as ES256")
	flag.StringVar(&o.ClientID, "client-id", "", "use this client for client_credentials and introspect")
	flag.StringVar(&o.ClientSecret, "client-secret", "", "its secret")
	flag.StringVar(&o.Scope, "scope", "", "scope to ask for in client_credentials")
	asJSON := flag.Bool("json", false, "print one JSON object")
	flag.Float64Var(&o.Rate, "rate", 0, "operations per second at a fixed rate, instead of closed loops")
	flag.Parse()
	o.Meter = proc.Meter(pid, database, nil)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "loadgen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o loadtest.Options, asJSON bool) error {
	r, err := loadtest.Run(ctx, o)
	if err != nil {
		return err
	}
	if !asJSON {
		fmt.Println(r)
	} else if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		return err
	}
	if r.Ops == 0 {
		return fmt.Errorf("nothing was measured: %s", r.Error)
	}
	return nil
}
