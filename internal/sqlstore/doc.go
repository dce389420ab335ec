// Package sqlstore keeps everything that the server stores in an SQL database
// through database/sql. It knows rows, not rules: it hashes no secret, reads no
// clock and decides no expiry that it was not told the time for.
//
// Every statement is a constant, written once with ? and free of what the
// engines do not share: no RETURNING, no upsert, no row lock, no sequence, no
// database clock, no foreign key. Races are decided by a conditional UPDATE or
// a plain INSERT and the number of affected rows. What truly differs between
// engines is a method of dialect.
//
// On SQLite all writes go through one connection, which commits whatever is
// waiting at once (see writer), while reads have a pool of their own.
package sqlstore
