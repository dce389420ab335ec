// Package sqlstore keeps everything that the server stores in an SQL database
// through database/sql. It knows rows, not rules: it hashes no secret, reads no
// clock and decides no expiry that it was not told the time for.
//
// Every statement is a constant, written once with ? and free of what the
// engines do not share: no RETURNING, no upsert, no row lock, no sequence, no
// database clock, no foreign key. Races are decided by a conditional UPDATE or
// a plain INSERT and the number of affected rows. What truly differs between
// engines is a field of dialect.
//
// There are two ways to reach a database. On SQLite (embedded) all writes go
// through one connection, which commits whatever is waiting at once (see
// writer), while reads have a pool of their own. On a server (served) a single
// statement runs by itself, in one round trip, and transactions run side by
// side; conflicts, lost connections and lost answers are repeated, and a
// repetition recognises by the op id in a row what an earlier try has done.
// Either way the rows of an answer come from the driver itself (see ask).
package sqlstore
