package oauth

import "context"

// SealedTable names a table with columns that are sealed at rest, as it is
// written into their associated data.
type SealedTable string

// The tables that SealedRows knows.
const (
	SealedSettings SealedTable = "settings"
	SealedKeys     SealedTable = "keys"
	SealedGrants   SealedTable = "grants"
	SealedSessions SealedTable = "sessions"
	SealedRequests SealedTable = "requests"
	SealedDevices  SealedTable = "devices"
	SealedSecrets  SealedTable = "client_secret_copies"
	SealedOutbox   SealedTable = "outbox"
	SealedImports  SealedTable = "imported_secrets"
)

// SealedTables returns all of them.
func SealedTables() []SealedTable {
	return []SealedTable{SealedSettings, SealedKeys, SealedGrants, SealedSessions, SealedRequests, SealedDevices, SealedSecrets, SealedOutbox, SealedImports}
}

// SealedRow is a row with its sealed columns.
type SealedRow struct {
	Key     []byte // primary key; where a walk over the table goes on
	Set     string // of a JSON Web Key
	KID     string // likewise
	Columns []SealedColumn
}

// SealedColumn is a sealed value, or nil.
type SealedColumn struct {
	Name string
	Data []byte
}

// Sealed lets sealed columns be sealed anew, whatever they hold.
type Sealed interface {
	// SealedRows returns up to limit rows whose key is greater than after, in
	// the order of their keys. A nil after is the beginning.
	SealedRows(ctx context.Context, table SealedTable, after []byte, limit int) ([]SealedRow, error)
	// ReplaceSealed puts a value in the place of another. It reports false
	// when the row is gone or the column has changed meanwhile.
	ReplaceSealed(ctx context.Context, table SealedTable, column string, key, old, sealed []byte) (bool, error)
}
