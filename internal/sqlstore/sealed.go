package sqlstore

import (
	"context"
	"fmt"

	"hydra/internal/oauth"
)

const (
	sealedSettings = `SELECT name, value FROM settings WHERE name > ? ORDER BY name LIMIT ?`
	sealedGrants   = `SELECT id, data, hook_data FROM grants WHERE id > ? ORDER BY id LIMIT ?`
	sealedSessions = `SELECT id, data FROM sessions WHERE id > ? ORDER BY id LIMIT ?`
	sealedRequests = `SELECT id, data FROM requests WHERE id > ? ORDER BY id LIMIT ?`
	sealedImports  = `SELECT id, data FROM imported_secrets WHERE id > ? ORDER BY id LIMIT ?`
	sealedDevices  = `SELECT id, data FROM devices WHERE id > ? ORDER BY id LIMIT ?`
	sealedOutbox   = `SELECT id, data FROM outbox WHERE id > ? ORDER BY id LIMIT ?`
	sealedKeys     = `
		SELECT set_key, kid_key, set_name, kid, data FROM json_web_keys
		WHERE set_key >= ? AND (set_key > ? OR kid_key > ?) ORDER BY set_key, kid_key LIMIT ?`
	sealedSecrets = `
		SELECT client_uid, id, sealed FROM client_secret_copies
		WHERE client_uid >= ? AND (client_uid > ? OR id > ?) ORDER BY client_uid, id LIMIT ?`

	resealSetting  = `UPDATE settings SET value = ? WHERE name = ? AND value = ?`
	resealGrant    = `UPDATE grants SET data = ? WHERE id = ? AND data = ?`
	resealHookData = `UPDATE grants SET hook_data = ? WHERE id = ? AND hook_data = ?`
	resealSession  = `UPDATE sessions SET data = ? WHERE id = ? AND data = ?`
	resealRequest  = `UPDATE requests SET data = ? WHERE id = ? AND data = ?`
	resealDevice   = `UPDATE devices SET data = ? WHERE id = ? AND data = ?`
	resealCall     = `UPDATE outbox SET data = ? WHERE id = ? AND data = ?`
	resealImport   = `UPDATE imported_secrets SET data = ? WHERE id = ? AND data = ?`
	resealKey      = `UPDATE json_web_keys SET data = ? WHERE set_key = ? AND kid_key = ? AND data = ?`
	resealSecret   = `UPDATE client_secret_copies SET sealed = ? WHERE client_uid = ? AND id = ? AND sealed = ?`
)

// sealedTables has the statement that walks over a table, and for each sealed
// column the one that replaces it.
var sealedTables = map[oauth.SealedTable]struct {
	walk    string
	columns []string
	replace map[string]string
}{
	oauth.SealedSettings: {sealedSettings, []string{"value"}, map[string]string{"value": resealSetting}},
	oauth.SealedKeys:     {sealedKeys, []string{"data"}, map[string]string{"data": resealKey}},
	oauth.SealedGrants:   {sealedGrants, []string{"data", "hook_data"}, map[string]string{"data": resealGrant, "hook_data": resealHookData}},
	oauth.SealedSessions: {sealedSessions, []string{"data"}, map[string]string{"data": resealSession}},
	oauth.SealedRequests: {sealedRequests, []string{"data"}, map[string]string{"data": resealRequest}},
	oauth.SealedDevices:  {sealedDevices, []string{"data"}, map[string]string{"data": resealDevice}},
	oauth.SealedOutbox:   {sealedOutbox, []string{"data"}, map[string]string{"data": resealCall}},
	oauth.SealedImports:  {sealedImports, []string{"data"}, map[string]string{"data": resealImport}},
	oauth.SealedSecrets:  {sealedSecrets, []string{"sealed"}, map[string]string{"sealed": resealSecret}},
}

// halves are the lengths of the two halves of a key of two columns, which have
// the same length.
var halves = map[oauth.SealedTable]int{
	oauth.SealedKeys:    32, // hashes
	oauth.SealedSecrets: 16, // ids
}

// SealedRows returns rows with their sealed columns.
func (s *Store) SealedRows(ctx context.Context, table oauth.SealedTable, after []byte, limit int) ([]oauth.SealedRow, error) {
	t, ok := sealedTables[table]
	if !ok {
		return nil, fmt.Errorf("sqlstore: no sealed table %q", table)
	}
	if after == nil {
		after = []byte{}
	}
	args := []any{after, limit}
	if half := halves[table]; half > 0 {
		first, second := split(after, half)
		args = []any{first, first, second, limit}
	}
	return all(ctx, s, func(r record, row *oauth.SealedRow) error {
		row.Columns = make([]oauth.SealedColumn, len(t.columns))
		var first, second []byte
		into := []any{&first}
		if halves[table] > 0 {
			into = append(into, &second)
		}
		if table == oauth.SealedKeys {
			into = append(into, textInto{&row.Set}, textInto{&row.KID})
		}
		for i, name := range t.columns {
			row.Columns[i].Name = name
			into = append(into, &row.Columns[i].Data)
		}
		err := r.Scan(into...)
		row.Key = append(first, second...)
		return err
	}, t.walk, args...)
}

func split(key []byte, half int) (first, second []byte) {
	if len(key) != 2*half {
		return []byte{}, []byte{}
	}
	return key[:half], key[half:]
}

// ReplaceSealed replaces a sealed value. Done twice it is done once: the second
// time the old value is not there any more.
func (s *Store) ReplaceSealed(ctx context.Context, table oauth.SealedTable, column string, key, old, sealed []byte) (bool, error) {
	stmt, ok := sealedTables[table].replace[column]
	if !ok {
		return false, fmt.Errorf("sqlstore: no sealed column %q in %q", column, table)
	}
	args := []any{sealed, key, old}
	if half := halves[table]; half > 0 {
		first, second := split(key, half)
		args = []any{sealed, first, second, old}
	}
	if table != oauth.SealedSecrets {
		out, err := s.exec(ctx, stmt, args...)
		return out.count() > 0, err
	}
	// Nodes keep a client's secrets in memory as they were sealed.
	done := false
	err := s.atomic(ctx, func(t *Store) error {
		out, err := t.exec(ctx, stmt, args...)
		done = out.count() > 0
		if err != nil {
			return err
		}
		return t.raise(ctx, groupClients)
	})
	return done, err
}
