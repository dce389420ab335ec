// Package storetest holds the contract that every store passes, and a ready
// SQLite store for everybody's tests. It has no test doubles: tests above the
// store run on a real database.
package storetest
