package sqlstore

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// Schema is how a database's tables stand to this program.
type Schema struct {
	Engine     string // "SQLite", "PostgreSQL" or "MySQL": the dialect
	Version    int64  // of the database; 0: it has no tables
	Needs      int64  // the version that this program works with
	Migrations []Migration
}

// Pending counts the migrations that are still to be applied.
func (s Schema) Pending() (n int) {
	for _, m := range s.Migrations {
		if !m.Applied {
			n++
		}
	}
	return n
}

// Newer reports whether a later release has migrated the database.
func (s Schema) Newer() bool { return s.Version > s.Needs }

// Migration is one step of the schema.
type Migration struct {
	Version int64
	Name    string // of its file
	Applied bool
	Steps   []Step
}

// Step is one statement of a migration, with what it does to a database that
// is in use.
type Step struct {
	Statement string
	Locks     string // what others wait for while it runs, and how long
	Rewrites  bool   // whether the engine copies the rows that are there
}

// Schema tells which migrations the database has and what the others would do.
// It changes nothing.
func (s *Store) Schema(ctx context.Context) (Schema, error) {
	p, err := s.provider(s.engine.handle())
	if err != nil {
		return Schema{}, err
	}
	out := Schema{Engine: s.dialect.name}
	found, err := s.engine.found()
	if err != nil {
		return Schema{}, err
	}
	var applied map[int64]bool
	if found {
		if applied, err = s.applied(ctx); err != nil {
			return Schema{}, err
		}
	}
	for v := range applied {
		out.Version = max(out.Version, v)
	}
	for _, source := range p.ListSources() {
		text, err := fs.ReadFile(migrations, path.Join(s.dialect.folder, source.Path))
		if err != nil {
			return Schema{}, fmt.Errorf("sqlstore: %w", err)
		}
		steps, err := readSteps(string(text))
		if err != nil {
			return Schema{}, fmt.Errorf("sqlstore: %s: %w", source.Path, err)
		}
		out.Migrations = append(out.Migrations, Migration{
			Version: source.Version, Name: source.Path, Applied: applied[source.Version], Steps: steps,
		})
		out.Needs = source.Version
	}
	return out, nil
}

var (
	// fact is what a migration says about the statement below it.
	fact      = regexp.MustCompile(`^-- locks: (.+); rewrites: (yes|no)$`)
	makeTable = regexp.MustCompile(`^CREATE TABLE IF NOT EXISTS (\w+)`)
	makeIndex = regexp.MustCompile(`^CREATE (?:UNIQUE )?INDEX IF NOT EXISTS \w+ ON (\w+)`)
	fillTable = regexp.MustCompile(`^INSERT INTO (\w+)`)
)

const locksNothing = "nothing that is in use: the table is new"

// readSteps splits a migration into its statements, each of which ends with a
// semicolon at the end of a line. A new table, its indexes and its first rows
// are in nobody's way; every other statement has a line above it that says what it locks.
func readSteps(text string) ([]Step, error) {
	var steps []Step
	made := map[string]bool{}
	var lines []string
	said := Step{}
	for line := range strings.SplitSeq(text, "\n") {
		trimmed := strings.TrimSpace(line)
		if m := fact.FindStringSubmatch(trimmed); m != nil {
			said = Step{Locks: m[1], Rewrites: m[2] == "yes"}
		}
		if trimmed == "" || strings.HasPrefix(trimmed, "--") {
			continue
		}
		lines = append(lines, line)
		if !strings.HasSuffix(trimmed, ";") {
			continue
		}
		step := said
		step.Statement = strings.Join(lines, "\n")
		lines, said = nil, Step{}
		if m := makeTable.FindStringSubmatch(step.Statement); m != nil {
			made[m[1]] = true
			step.Locks = locksNothing
		}
		for _, of := range []*regexp.Regexp{makeIndex, fillTable} {
			if m := of.FindStringSubmatch(step.Statement); m != nil && made[m[1]] {
				step.Locks = locksNothing
			}
		}
		if step.Locks == "" {
			return nil, fmt.Errorf("no line says what this locks: %s", step.Statement)
		}
		steps = append(steps, step)
	}
	if len(lines) > 0 {
		return nil, fmt.Errorf("the last statement does not end: %s", strings.Join(lines, "\n"))
	}
	return steps, nil
}
