package sqlstore

import (
	"context"

	"hydra/internal/oauth"
)

const (
	selectVersions = `SELECT name, value FROM versions`
	raiseVersion   = `UPDATE versions SET value = value + 1 WHERE name = ?`
)

// The groups of rows that are cached.
const (
	groupClients = "clients"
	groupKeys    = "keys"
	groupSeal    = "seal"
)

// Versions returns the counters of all cached groups.
func (s *Store) Versions(ctx context.Context) (oauth.VersionSet, error) { return s.versions(ctx) }

func (s *Store) versions(ctx context.Context) (oauth.VersionSet, error) {
	type counter struct {
		name  string
		value int64
	}
	list, err := all(ctx, s, func(r record, c *counter) error { return r.Scan(textInto{&c.name}, &c.value) }, selectVersions)
	var set oauth.VersionSet
	for _, c := range list {
		switch c.name {
		case groupClients:
			set.Clients = c.value
		case groupKeys:
			set.Keys = c.value
		case groupSeal:
			set.Seal = c.value
		}
	}
	return set, err
}

// raise says that something in the group has changed.
func (s *Store) raise(ctx context.Context, group string) error {
	return s.change(ctx, raiseVersion, group)
}
