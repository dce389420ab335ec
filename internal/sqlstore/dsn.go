package sqlstore

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// location is what a DSN says.
type location struct {
	path        string // absolute; empty for a database in memory
	name        string // of the database in memory
	busyTimeout time.Duration
	noSync      bool
}

// ignored are options of other servers' SQLite and SQL DSNs that have nothing
// to switch here: there are no foreign keys, and the pools size themselves.
var ignored = map[string]bool{
	"_fk": true, "_foreign_keys": true, "cache": true, "max_conns": true, "max_idle_conns": true,
	"max_conn_lifetime": true, "max_conn_idle_time": true,
}

// defaultBusyTimeout is how long one try waits for a lock that another
// process holds.
const defaultBusyTimeout = time.Second

var memories atomic.Int64

// parseDSN reads sqlite:///absolute/path?options, sqlite://relative/path and
// memory. Its errors do not repeat the DSN, which may hold a password.
func parseDSN(dsn string) (location, error) {
	loc := location{busyTimeout: defaultBusyTimeout}
	if strings.ContainsRune(dsn, 0) {
		return loc, errors.New("sqlstore: the DSN holds a NUL character")
	}
	if dsn == "memory" {
		loc.name = fmt.Sprintf("/hydra-%d", memories.Add(1))
		return loc, nil
	}
	rest, ok := strings.CutPrefix(dsn, "sqlite://")
	if !ok {
		return loc, errors.New("sqlstore: a DSN is sqlite:///absolute/path, sqlite://relative/path or memory")
	}
	escaped, query, _ := strings.Cut(rest, "?")
	path, err := url.PathUnescape(escaped)
	if err != nil || path == "" || strings.HasSuffix(path, "/") {
		return loc, errors.New("sqlstore: the DSN names no database file")
	}
	if loc.path, err = filepath.Abs(path); err != nil {
		return loc, fmt.Errorf("sqlstore: relative path in the DSN: %w", err)
	}
	options, err := url.ParseQuery(query)
	if err != nil {
		return loc, errors.New("sqlstore: the options of the DSN are not of the form name=value&name=value")
	}
	for name, values := range options {
		switch {
		case name == "busy_timeout":
			loc.busyTimeout, err = time.ParseDuration(values[0])
			if err != nil || loc.busyTimeout < 0 || loc.busyTimeout > time.Minute {
				return loc, errors.New("sqlstore: busy_timeout in the DSN is a duration of at most 1m, such as 500ms")
			}
		case name == "mode":
			if values[0] != "rwc" && values[0] != "rw" {
				return loc, errors.New("sqlstore: mode in the DSN can only be rwc")
			}
		case !ignored[name]:
			return loc, errors.New("sqlstore: the DSN has an unknown option; busy_timeout is allowed")
		}
	}
	return loc, nil
}

// open returns the driver's name for the database. The file is never made by
// opening it: one that disappeared must be an error, not an empty database.
func (l location) open(reader bool) string {
	q := url.Values{}
	pragma := func(s string) { q.Add("_pragma", s) }
	pragma(fmt.Sprintf("busy_timeout(%d)", l.busyTimeout.Milliseconds()))
	if l.path == "" {
		q.Set("vfs", "memdb")
		return "file:" + l.name + "?" + q.Encode()
	}
	q.Set("mode", "rw")
	q.Set("_txlock", "immediate")
	if reader {
		pragma("query_only(1)")
	} else {
		pragma("journal_mode(wal)")
		if l.noSync {
			pragma("synchronous(off)")
		} else {
			pragma("synchronous(full)") // an acknowledged commit survives a power loss
		}
	}
	return "file:" + (&url.URL{Path: l.path}).EscapedPath() + "?" + q.Encode()
}
