// Command bench measures the server of this repository: it starts it on free
// ports of the loopback interface with a new database, puts every scenario of
// docs/performance.md on it, measures a bare net/http handler in the same run,
// and prints one table. It ends by itself and leaves nothing running.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"hydra/bench/load"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == bareArgument {
		bareMain()
		return
	}
	p := plan{Progress: func(f string, args ...any) { fmt.Fprintf(os.Stderr, f, args...) }}
	flag.StringVar(&p.Program, "hydra", "bin/hydra", "the server's `program`")
	flag.IntVar(&p.Workers, "c", 16, "connections")
	flag.DurationVar(&p.Time, "d", 5*time.Second, "measured time of each scenario")
	flag.IntVar(&p.Ops, "n", load.MaxOps, "end a scenario earlier, after so many operations")
	only := flag.String("only", "", "comma-separated scenarios instead of all")
	flag.StringVar(&p.Postgres, "postgres", "", "measure on PostgreSQL, too: `DSN` of an empty database, which is filled")
	flag.IntVar(&p.PostgresPID, "postgres-pid", 0, "its root process, for its CPU time")
	save := flag.String("save", "", "write last.json, last.md and last.svg to this `directory`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := p.main(ctx, *only, *save); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (p plan) main(ctx context.Context, only, save string) error {
	if only != "" {
		p.Only = map[string]bool{}
		for s := range strings.SplitSeq(only, ",") {
			if !slices.ContainsFunc(rows, func(r row) bool { return r.Scenario == s }) {
				return fmt.Errorf("unknown scenario %q", s)
			}
			p.Only[s] = true
		}
	}
	version, err := exec.CommandContext(ctx, p.Program, "version").Output()
	if err != nil {
		return fmt.Errorf("%s: %w", p.Program, err)
	}
	// Generous for starts and preparations, but an end.
	ctx, cancel := context.WithTimeout(ctx, time.Duration(len(rows)+4)*2*(2*p.Time+20*time.Second))
	defer cancel()
	r := newReport(p, versionOf(string(version)))
	if r.Rows, err = p.run(ctx); err != nil {
		return err
	}
	fmt.Print("\n", r.table())
	if save != "" {
		if err := r.save(save); err != nil {
			return err
		}
	}
	for _, m := range r.Rows {
		if m.Errors > 0 {
			err = errors.Join(err, fmt.Errorf("%s on %s: %d errors, the first: %s", m.Title, m.Engine, m.Errors, m.Error))
		}
	}
	return err
}

// versionOf takes version and commit out of what "hydra version" prints.
func versionOf(printed string) string {
	found := map[string]string{}
	for l := range strings.Lines(printed) {
		if name, value, ok := strings.Cut(l, ":"); ok {
			found[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	version := cmp.Or(found["Version"], "unknown")
	if commit := found["Git Hash"]; len(commit) >= 12 {
		version += " (" + commit[:12] + ")"
	}
	return version
}
