package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"testing"
)

// answering is a connection that has the given variables and remembers what it
// is told.
type answering struct {
	driver.Conn
	variables [][2]string
	told      []string
	refuses   string
}

func (c *answering) QueryContext(_ context.Context, stmt string, _ []driver.NamedValue) (driver.Rows, error) {
	if stmt == c.refuses {
		return nil, io.ErrUnexpectedEOF
	}
	return &answer{left: c.variables}, nil
}

func (c *answering) ExecContext(_ context.Context, stmt string, _ []driver.NamedValue) (driver.Result, error) {
	if stmt == c.refuses {
		return nil, io.ErrUnexpectedEOF
	}
	c.told = append(c.told, stmt)
	return driver.ResultNoRows, nil
}

type answer struct{ left [][2]string }

func (a *answer) Columns() []string { return []string{"Variable_name", "Value"} }
func (a *answer) Close() error      { return nil }
func (a *answer) Next(dest []driver.Value) error {
	if len(a.left) == 0 {
		return io.EOF
	}
	dest[0], dest[1] = []byte(a.left[0][0]), []byte(a.left[0][1])
	a.left = a.left[1:]
	return nil
}

// What the store relies on is set on every connection, and only what the
// server knows.
func TestMySQLSession(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		variables [][2]string
		want      []string
	}{
		"MySQL":             {[][2]string{{"transaction_isolation", "REPEATABLE-READ"}}, []string{setStrict}},
		"MariaDB":           {[][2]string{{"tx_isolation", "READ-COMMITTED"}, {"wsrep_on", "OFF"}}, []string{setStrict}},
		"Galera":            {[][2]string{{"tx_isolation", "REPEATABLE-READ"}, {"wsrep_on", "ON"}}, []string{setStrict, setSyncWait}},
		"uncommitted":       {[][2]string{{"transaction_isolation", "READ-UNCOMMITTED"}}, []string{setStrict, setCommitted}},
		"uncommitted, old":  {[][2]string{{"tx_isolation", "READ-UNCOMMITTED"}}, []string{setStrict, setCommitted}},
		"nothing is known":  {nil, []string{setStrict}},
		"strictest of them": {[][2]string{{"tx_isolation", "SERIALIZABLE"}}, []string{setStrict}},
	} {
		c := &answering{variables: test.variables}
		if err := prepareMySQL(t.Context(), c); err != nil || !slices.Equal(c.told, test.want) {
			t.Errorf("%s: %q, %v, want %q", name, c.told, err, test.want)
		}
	}
	for _, refused := range []string{mysqlVariables, setStrict} {
		if err := prepareMySQL(t.Context(), &answering{refuses: refused}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a connection that refuses %q is used: %v", refused, err)
		}
	}
}
