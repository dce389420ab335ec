package sqlstore

import (
	"context"

	"hydra/internal/oauth"
)

// Each filter has statements of its own, so that each finds its rows by the
// index that was made for it. A page by offset walks over that index up to the
// offset, which is what paging by offset means.
const (
	owned      = ` WHERE c.owner_key = ?`
	named      = ` WHERE c.name_key = ?`
	ownedNamed = owned + ` AND c.name_key = ?`
	inOrder    = ` ORDER BY c.client_id LIMIT ? OFFSET ?`
	behind     = ` AND c.client_id > ?` + inOrder

	listClients        = `SELECT ` + clientColumns + ` FROM clients c` + inOrder
	listOwned          = `SELECT ` + clientColumns + ` FROM clients c` + owned + inOrder
	listNamed          = `SELECT ` + clientColumns + ` FROM clients c` + named + inOrder
	listOwnedNamed     = `SELECT ` + clientColumns + ` FROM clients c` + ownedNamed + inOrder
	listClientsFrom    = `SELECT ` + clientColumns + ` FROM clients c WHERE c.client_id > ?` + inOrder
	listOwnedFrom      = `SELECT ` + clientColumns + ` FROM clients c` + owned + behind
	listNamedFrom      = `SELECT ` + clientColumns + ` FROM clients c` + named + behind
	listOwnedNamedFrom = `SELECT ` + clientColumns + ` FROM clients c` + ownedNamed + behind
	countClients       = `SELECT COUNT(*) FROM clients c`
	countOwned         = `SELECT COUNT(*) FROM clients c` + owned
	countNamed         = `SELECT COUNT(*) FROM clients c` + named
	countOwnedNamed    = `SELECT COUNT(*) FROM clients c` + ownedNamed
)

// clientStatements are the statements for one combination of filters.
type clientStatements struct{ page, from, count string }

// clientFilter finds the statements for a filter and their first arguments.
func clientFilter(f oauth.ClientFilter) (clientStatements, []any) {
	switch {
	case f.Owner != "" && f.Name != "":
		return clientStatements{listOwnedNamed, listOwnedNamedFrom, countOwnedNamed}, []any{nameKey(f.Owner), nameKey(f.Name)}
	case f.Owner != "":
		return clientStatements{listOwned, listOwnedFrom, countOwned}, []any{nameKey(f.Owner)}
	case f.Name != "":
		return clientStatements{listNamed, listNamedFrom, countNamed}, []any{nameKey(f.Name)}
	}
	return clientStatements{listClients, listClientsFrom, countClients}, nil
}

// ListClients returns the clients of a page in the byte order of their ids.
// They are shared: nobody may change them.
func (s *Store) ListClients(ctx context.Context, q oauth.ClientQuery) ([]*oauth.Client, error) {
	stmts, args := clientFilter(q.ClientFilter)
	stmt := stmts.page
	if q.After != nil {
		if hasNUL(*q.After) {
			return nil, errNUL
		}
		stmt, args = stmts.from, append(args, text(*q.After))
	}
	return all(ctx, s, s.scanShared(), stmt, append(args, max(q.Limit, 0), max(q.Offset, 0))...)
}

// scanShared scans rows of clientColumns into clients that others have, too.
func (s *Store) scanShared() func(record, **oauth.Client) error {
	var row clientRow
	return func(r record, c **oauth.Client) (err error) {
		if err := row.scan(r); err != nil {
			return err
		}
		*c, err = s.decoded.of(&row)
		return err
	}
}

// CountClients returns how many clients the filter lets through.
func (s *Store) CountClients(ctx context.Context, f oauth.ClientFilter) (int, error) {
	stmts, args := clientFilter(f)
	return s.number(ctx, stmts.count, args...)
}

// number is the answer of a SELECT COUNT.
func (s *Store) number(ctx context.Context, stmt string, args ...any) (int, error) {
	counts, err := all(ctx, s, func(r record, n *int) error { return r.Scan(n) }, stmt, args...)
	if err != nil {
		return 0, err
	}
	return counts[0], nil
}
