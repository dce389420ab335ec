// Package oryimport reads the database of an ORY Hydra, from v1.11 to v26.2, on
// PostgreSQL, MySQL or SQLite. It changes nothing there: it reads in one
// transaction that cannot write, page by page.
//
// Tables are read by the names of their columns. One that this package does not
// know is no obstacle; one that it needs and that is missing is named.
package oryimport

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hydra/internal/secret"
	"hydra/internal/sqlstore"
)

// The tables that are read.
const (
	clientTable  = "hydra_client"
	keyTable     = "hydra_jwk"
	trustTable   = "hydra_oauth2_trusted_jwt_bearer_issuer"
	flowTable    = "hydra_oauth2_flow" // since v2.0
	consentTable = "hydra_oauth2_consent_request"
	handledTable = "hydra_oauth2_consent_request_handled"
	refreshTable = "hydra_oauth2_refresh"
	networkTable = "networks"
)

// page is how many rows are read at a time.
const page = 200

// ErrSecret says that the given system secrets are not those of the database.
var ErrSecret = errors.New("oryimport: the system secret is not the one of this database")

// Source is a database that is read.
type Source struct {
	Keys []secret.ForeignKey // of the system secrets

	db      *sqlstore.Source
	tables  map[string]bool
	columns map[string][]string
	network string // "" where rows have none
}

// Open begins to read. secrets are the system secrets of the other server, all
// that are still in use. network is the id of the network whose rows are read;
// it may be empty where there is one alone.
func Open(ctx context.Context, dsn string, secrets []string, network string) (*Source, error) {
	db, err := sqlstore.OpenSource(ctx, dsn)
	if err != nil {
		return nil, err
	}
	s := &Source{db: db, columns: map[string][]string{}}
	for _, text := range secrets {
		s.Keys = append(s.Keys, secret.NewForeignKey(text))
	}
	if err := s.look(ctx, network); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// Close ends reading.
func (s *Source) Close() error { return s.db.Close() }

// look learns which generation the schema is of.
func (s *Source) look(ctx context.Context, network string) (err error) {
	if s.tables, err = s.db.Tables(ctx); err != nil {
		return fmt.Errorf("oryimport: list the tables: %w", err)
	}
	needed := []string{clientTable, keyTable, trustTable, refreshTable}
	if !s.tables[flowTable] {
		needed = append(needed, consentTable, handledTable)
	}
	var missing []string
	for _, name := range needed {
		if !s.tables[name] {
			missing = append(missing, name)
		}
	}
	switch {
	case len(missing) == len(needed):
		return errors.New("oryimport: this is no database of an ORY Hydra: it has no table " + clientTable)
	case slices.Equal(missing, []string{consentTable, handledTable}):
		return fmt.Errorf("oryimport: the table %s is missing, and so are %s and %s of older releases", flowTable, consentTable, handledTable)
	case len(missing) > 0:
		return fmt.Errorf("oryimport: the table %s is missing; the schema must be that of v1.11 or later: upgrade the other server first", missing[0])
	}
	for _, name := range append(needed, flowTable) {
		if !s.tables[name] {
			continue
		}
		if s.columns[name], _, err = s.db.Rows(ctx, "SELECT * FROM "+name+" WHERE 1 = 0"); err != nil {
			return fmt.Errorf("oryimport: look at the table %s: %w", name, err)
		}
	}
	return s.choose(ctx, network)
}

// choose finds the network whose rows are read.
func (s *Source) choose(ctx context.Context, network string) error {
	if !s.has(clientTable, "nid") {
		if network != "" {
			return errors.New("oryimport: this database has no networks: they came with v2.0")
		}
		return nil
	}
	rows, err := s.read(ctx, networkTable, "SELECT id FROM "+networkTable)
	if err != nil {
		return err
	}
	var all []string
	for _, r := range rows {
		all = append(all, r.id("id"))
	}
	switch {
	case network != "" && !slices.Contains(all, network):
		return fmt.Errorf("oryimport: there is no network %s; there are: %s", network, strings.Join(all, ", "))
	case network != "":
		s.network = network
	case len(all) == 1:
		s.network = all[0]
	default:
		return fmt.Errorf("oryimport: the database has %d networks; name one of them: %s", len(all), strings.Join(all, ", "))
	}
	return nil
}

func (s *Source) has(table, column string) bool { return slices.Contains(s.columns[table], column) }

// pick lists the columns that are read of a table: all that are needed, and of
// the others those that this release has. alias stands before each.
func (s *Source) pick(table, alias string, needed, others []string) (string, error) {
	var list []string
	for _, c := range needed {
		if !s.has(table, c) {
			return "", fmt.Errorf("oryimport: the table %s has no column %s", table, c)
		}
		list = append(list, alias+c)
	}
	for _, c := range others {
		if s.has(table, c) {
			list = append(list, alias+c)
		}
	}
	return strings.Join(list, ", "), nil
}

// within is the condition that keeps to the network, with its argument.
func (s *Source) within(alias string) (string, []any) {
	if s.network == "" {
		return "", nil
	}
	return " AND " + alias + "nid = ?", []any{s.network}
}

func (s *Source) read(ctx context.Context, table, stmt string, args ...any) ([]row, error) {
	names, values, err := s.db.Rows(ctx, stmt, args...)
	if err != nil {
		return nil, fmt.Errorf("oryimport: read the table %s: %w", table, err)
	}
	rows := make([]row, len(values))
	for i, v := range values {
		rows[i] = make(row, len(names))
		for k, name := range names {
			rows[i][name] = v[k]
		}
	}
	return rows, nil
}

// walk reads a table in the order of a key, page by page.
func (s *Source) walk(ctx context.Context, table, stmt, key string, args []any, each func([]row) error) error {
	after := ""
	for {
		rows, err := s.read(ctx, table, stmt, append(append([]any{after}, args...), page)...)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := each(rows); err != nil {
			return err
		}
		after = rows[len(rows)-1].text(key)
	}
}
