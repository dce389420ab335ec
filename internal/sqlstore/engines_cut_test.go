package sqlstore_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"hydra/internal/storetest"
)

// cut ends some of the other connections to the database and returns how many.
func cut(db *sql.DB, e *storetest.Engine) (n int, err error) {
	if e == storetest.PostgreSQL {
		err = db.QueryRow(`SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity, pg_sleep(0.02)
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid % 3 = (extract(epoch from clock_timestamp()) * 50)::bigint % 3`).Scan(&n)
		return n, err
	}
	rows, err := db.Query(`SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID() AND SLEEP(0.005) = 0 AND id % 3 = ?`,
		time.Now().UnixMilli()/20%3)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return 0, err
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		_, err := db.Exec(fmt.Sprint("KILL ", id))
		if gone, ok := errors.AsType[*mysql.MySQLError](err); ok && gone.Number == 1094 {
			continue // it went by itself
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}

func micros(t time.Time) string { return fmt.Sprint(t.UnixMicro()) }

// list returns the sorted lines that a query selects.
func list(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
