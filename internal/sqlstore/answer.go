package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/stdlib"
)

// ask runs a SELECT on a connection and hands its rows over as the driver
// reads them. database/sql has a goroutine and locks for each answer, and
// converts by reflection, which was a quarter of what a read cost.
func ask(ctx context.Context, conn *sql.Conn, stmt string, args []any, each func(record) error) error {
	return conn.Raw(func(c any) error {
		if c, ok := c.(*stdlib.Conn); ok {
			return askPostgres(ctx, c.Conn(), stmt, args, each)
		}
		values := make([]driver.NamedValue, len(args))
		for i, arg := range args {
			v, err := driver.DefaultParameterConverter.ConvertValue(arg)
			if err != nil {
				return fmt.Errorf("argument %d: %w", i+1, err)
			}
			values[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
		}
		rows, err := c.(driver.QueryerContext).QueryContext(ctx, stmt, values)
		if err != nil {
			return err
		}
		return hand(rows, each)
	})
}

// hand hands every row to the function and closes the rows.
func hand(rows driver.Rows, each func(record) error) (err error) {
	defer func() {
		if closed := rows.Close(); err == io.EOF {
			err = closed
		}
	}()
	r := make(record, len(rows.Columns()))
	for {
		if err := rows.Next(r); err != nil {
			return err
		}
		if err := each(r); err != nil {
			return err
		}
	}
}

// record is a row of an answer. It is valid until the next row is read.
type record []driver.Value

// Scan does what Scan of sql.Rows does, for the kinds of variables that are in
// use here.
func (r record) Scan(dest ...any) error {
	if len(dest) != len(r) {
		return fmt.Errorf("a row of %d columns for %d variables", len(r), len(dest))
	}
	for i, d := range dest {
		if err := put(d, r[i]); err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return nil
}

func put(dest any, v driver.Value) error {
	switch d := dest.(type) {
	case sql.Scanner:
		return d.Scan(v)
	case *int64:
		return putNumber(d, v)
	case *int:
		return putNumber(d, v)
	case *[]byte:
		b, err := bytesOf(v)
		*d = bytes.Clone(b) // the driver may use its memory again
		return err
	case *sql.RawBytes:
		b, err := bytesOf(v)
		*d = b
		return err
	}
	return fmt.Errorf("no value of the database is read into a %T", dest)
}

func bytesOf(v driver.Value) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []byte:
		return v, nil
	}
	return nil, fmt.Errorf("bytes are stored as %T", v)
}

// integer is what numbers are read into.
type integer interface {
	~int | ~int16 | ~int64 | ~uint32
}

func putNumber[T integer](dest *T, v driver.Value) error {
	n, ok := v.(int64)
	if !ok || int64(T(n)) != n {
		return fmt.Errorf("a number is stored as %T, or does not fit", v)
	}
	*dest = T(n)
	return nil
}
