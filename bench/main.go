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

	"hydra/internal/loadtest"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == bareArgument {
		bareMain()
		return
	}
	p := plan{Progress: func(f string, args ...any) { fmt.Fprintf(os.Stderr, f, args...) }}
	flag.StringVar(&p.Program, "hydra", "bin/hydra", "the server's `program`")
	flag.IntVar(&p.Workers, "c", 16, "connections")
	flag.DurationVar(&p.Time, "d", 4*time.Second, "measured time of each scenario")
	flag.IntVar(&p.Rounds, "rounds", 3, "measurements of each scenario, of which the middle one counts")
	flag.IntVar(&p.Ops, "n", loadtest.MaxOps, "end a scenario earlier, after so many operations")
	only := flag.String("only", "", "comma-separated scenarios instead of all; also overload, floods")
	engines := flag.String("engines", "SQLite,PostgreSQL", "comma-separated `databases`; PostgreSQL is started for the run")
	page := flag.String("doc", "", "put the tables into this `page`, in place of the last ones")
	remark := flag.String("remark", "", "a `sentence` before them, such as what else the machine did")
	scale := flag.Bool("scale", false, "measure curves instead: connections, clients, Grants, time, nodes")
	s := sizes{Connections: []int{1, 4, 16, 64, 256}, Nodes: 3, Chunk: 30 * time.Second}
	flag.IntVar(&s.Clients, "clients", 1_000_000, "with -scale: the most clients")
	flag.IntVar(&s.Grants, "grants", 10_000_000, "with -scale: the most live Grants")
	flag.DurationVar(&s.Memory, "memory", 10*time.Minute, "with -scale: time under load for the curve of memory")
	smoke := flag.Bool("smoke", false, "see in a few seconds whether everything works: the figures mean nothing")
	flag.StringVar(&p.Profile, "profile", "", "write a CPU profile of each server to this `directory`; it costs a few hundredths")
	save := flag.String("save", "", "write last.json, last.md and last.svg to this `directory`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := p.choose(*only, *engines)
	switch {
	case err != nil:
	case *scale:
		err = p.scaleMain(ctx, s, func(c curves) error {
			if *save != "" {
				err = c.save(*save)
			}
			if *page != "" {
				err = errors.Join(err, document(*page, scaleBegin, *remark, c.text()))
			}
			return err
		})
	default:
		err = p.main(ctx, *smoke, func(r report) error {
			if *save != "" {
				err = r.save(*save)
			}
			if *page != "" {
				err = errors.Join(err, document(*page, benchBegin, *remark, r.text()))
			}
			return err
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (p plan) main(ctx context.Context, smoke bool, keep func(report) error) error {
	p.Warmup, p.Rounds, p.Crowd = p.Time/5, max(1, p.Rounds), crowd
	if smoke {
		p.smoke()
	}
	version, err := exec.CommandContext(ctx, p.Program, "version").Output()
	if err != nil {
		return fmt.Errorf("%s: %w", p.Program, err)
	}
	// Generous for starts and preparations, but an end.
	ctx, cancel := context.WithTimeout(ctx, time.Duration(len(rows)*p.Rounds+20)*2*(2*p.Time+20*time.Second))
	defer cancel()
	r := newReport(p, versionOf(string(version)))
	if r.findings, err = p.run(ctx); err != nil {
		return err
	}
	fmt.Print("\n", r.text())
	return errors.Join(keep(r), r.wrong())
}

// scaleMain is main for the curves. It has no end of its own but the sizes.
func (p plan) scaleMain(ctx context.Context, s sizes, keep func(curves) error) error {
	p.Warmup, p.Rounds = p.Time/5, 1
	version, err := exec.CommandContext(ctx, p.Program, "version").Output()
	if err != nil {
		return fmt.Errorf("%s: %w", p.Program, err)
	}
	head := newReport(p, versionOf(string(version))).head()
	c, err := p.scale(ctx, s)
	c.Head = c.Engine + ". " + head
	if len(c.Points) == 0 {
		return err
	}
	fmt.Print("\n", c.text())
	return errors.Join(keep(c), err) // what was measured before an error counts
}

// smoke makes everything as short as it can be and still happen.
func (p *plan) smoke() {
	p.Workers, p.Crowd, p.Time, p.Warmup, p.Rounds, p.Ops, p.Requests, p.Timeout = 2, 64, time.Minute, 0, 1, 20, 100, time.Minute
}

// choose reads the lists of the flags.
func (p *plan) choose(only, engines string) error {
	if only != "" {
		p.Only = map[string]bool{}
		for s := range strings.SplitSeq(only, ",") {
			if s != "overload" && s != "floods" && !slices.ContainsFunc(rows, func(r row) bool { return r.Scenario == s }) {
				return fmt.Errorf("unknown scenario %q", s)
			}
			p.Only[s] = true
		}
	}
	for e := range strings.SplitSeq(engines, ",") {
		switch e {
		case "SQLite":
		case "PostgreSQL":
			if _, err := findPostgres(); err != nil {
				p.Progress("%v: this run goes without\n", err)
				continue
			}
		default:
			return fmt.Errorf("unknown database %q", e)
		}
		p.Engines = append(p.Engines, e)
	}
	return nil
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
