// Package orytest makes databases as ORY Hydra leaves them, for tests of the
// import. They follow the published facts of its schema: no release of it has
// written them. What that server computes (seals, signatures) is computed here
// a second time, with nothing of the package that reads it.
package orytest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hydra/internal/storetest"
)

// Release is a generation of the schema.
type Release int

// The generations.
const (
	V1  Release = 1  // v1.11
	V2  Release = 2  // v2.0
	V26 Release = 26 // v26.2
)

// String names the release.
func (r Release) String() string { return map[Release]string{V1: "v1.11", V2: "v2.0", V26: "v26.2"}[r] }

// Releases are all of them.
func Releases() []Release { return []Release{V1, V2, V26} }

// Secret is the system secret of the databases.
const Secret = "the system secret of the other server"

// Network is the id of the network that the rows are in.
const Network = "3f2a7a1c-5a0e-4a33-8a53-0f9a30f1b5d1"

// Row is a row by the names of its columns. Those that a release does not have
// are left out. Values are texts, []string for lists, bool, int, time.Time,
// and for JSON whatever can be encoded.
type Row map[string]any

// Database is one that a test fills.
type Database struct {
	DSN     string
	Release Release
	DB      *sql.DB

	t      testing.TB
	driver string
	count  uint64 // of values that must differ
}

// New makes an empty database: in a file of the test's directory where e is
// nil, else on the engine.
func New(t testing.TB, r Release, e *storetest.Engine) *Database {
	t.Helper()
	if e == nil {
		return NewFile(t, r, filepath.Join(t.TempDir(), "ory.sqlite"))
	}
	d := &Database{DSN: e.Fresh(t, "max_conns=3"), Release: r, t: t, driver: map[string]string{"PostgreSQL": "pgx", "MariaDB": "mysql"}[e.Name]}
	d.DB = e.DB(t, d.DSN)
	d.create()
	return d
}

// NewFile makes an empty SQLite database in a file.
func NewFile(t testing.TB, r Release, path string) *Database {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=synchronous(0)&_pragma=busy_timeout(60000)") // a reader may be about to end
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	d := &Database{DSN: "sqlite://" + path, Release: r, DB: db, t: t, driver: "sqlite"}
	d.create()
	return d
}

func (d *Database) create() {
	d.t.Helper()
	for _, table := range tables {
		if stmt := create(table.name, d.driver, d.Release); stmt != "" {
			d.Exec(stmt)
		}
	}
	d.Insert("networks", Row{"id": Network, "created_at": time.Unix(1600000000, 0)})
}

// Exec runs a statement.
func (d *Database) Exec(stmt string, args ...any) {
	d.t.Helper()
	if d.driver == "pgx" {
		for n := 1; strings.Contains(stmt, "?"); n++ {
			stmt = strings.Replace(stmt, "?", fmt.Sprintf("$%d", n), 1)
		}
	}
	if _, err := d.DB.ExecContext(d.t.Context(), stmt, args...); err != nil {
		d.t.Fatalf("%s: %v", stmt, err)
	}
}

// Insert adds a row, in the network where the release has networks.
func (d *Database) Insert(table string, r Row) {
	d.t.Helper()
	var names, places []string
	var args []any
	for _, c := range columnsOf(table, d.Release) {
		v, ok := r[c.name]
		if !ok && c.name == "nid" {
			v, ok = Network, true
		}
		if ok {
			names, places, args = append(names, c.name), append(places, "?"), append(args, d.value(c.kind, v))
		}
	}
	if len(names) > 0 {
		d.Exec("INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(places, ", ")+")", args...)
	}
}

// value encodes a value as that server does in a column of the kind.
func (d *Database) value(kind string, v any) any {
	d.t.Helper()
	switch v := v.(type) {
	case nil:
		return nil
	case time.Time:
		if d.driver == "pgx" {
			return v.UTC()
		}
		if d.driver == "sqlite" {
			return v.UTC().Format("2006-01-02 15:04:05.999999999-07:00")
		}
		return v.UTC().Format("2006-01-02 15:04:05")
	case []string:
		if kind != "list" || d.Release < V2 {
			return strings.Join(v, "|")
		}
	case bool:
		if d.driver == "sqlite" {
			if v {
				return 1
			}
			return 0
		}
		return v
	case string:
		return v
	case int:
		return v
	}
	raw, err := json.Marshal(v)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(raw)
}

// different returns bytes that no other call returns.
func (d *Database) different(n int) []byte {
	d.count++
	sum := sha512.Sum512(binary.BigEndian.AppendUint64([]byte(d.DSN), d.count))
	return sum[:n]
}

// Seal seals a text for a column, with a system secret.
func (d *Database) Seal(system, plain string) string {
	d.t.Helper()
	key := sha256.Sum256([]byte(system))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		d.t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		d.t.Fatal(err)
	}
	nonce := d.different(gcm.NonceSize())
	return base64.URLEncoding.EncodeToString(gcm.Seal(nonce, nonce, []byte(plain), nil))
}

// Token makes a refresh token that a system secret has signed, in the form of
// the release.
func (d *Database) Token(system string) (token, signature string) {
	random := d.different(32)
	key := sha256.Sum256([]byte(system))
	mac := hmac.New(sha512.New512_256, key[:])
	mac.Write(random)
	signature = base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	token = base64.RawURLEncoding.EncodeToString(random) + "." + signature
	if d.Release >= V2 {
		token = "ory_rt_" + token
	}
	return token, signature
}
