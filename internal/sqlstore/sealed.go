package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"hydra/internal/oauth"
)

const (
	sealedSettings = `SELECT name, value FROM settings WHERE name > ? ORDER BY name LIMIT ?`
	sealedGrants   = `SELECT id, data, hook_data FROM grants WHERE id > ? ORDER BY id LIMIT ?`
	sealedSessions = `SELECT id, data FROM sessions WHERE id > ? ORDER BY id LIMIT ?`
	sealedRequests = `SELECT id, data FROM requests WHERE id > ? ORDER BY id LIMIT ?`
	sealedDevices  = `SELECT id, data FROM devices WHERE id > ? ORDER BY id LIMIT ?`
	sealedKeys     = `
		SELECT set_key, kid_key, set_name, kid, data FROM json_web_keys
		WHERE set_key >= ? AND (set_key > ? OR kid_key > ?) ORDER BY set_key, kid_key LIMIT ?`

	resealSetting  = `UPDATE settings SET value = ? WHERE name = ? AND value = ?`
	resealGrant    = `UPDATE grants SET data = ? WHERE id = ? AND data = ?`
	resealHookData = `UPDATE grants SET hook_data = ? WHERE id = ? AND hook_data = ?`
	resealSession  = `UPDATE sessions SET data = ? WHERE id = ? AND data = ?`
	resealRequest  = `UPDATE requests SET data = ? WHERE id = ? AND data = ?`
	resealDevice   = `UPDATE devices SET data = ? WHERE id = ? AND data = ?`
	resealKey      = `UPDATE json_web_keys SET data = ? WHERE set_key = ? AND kid_key = ? AND data = ?`
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
}

// hashed is the length of the two hashes that are the key of a JSON Web Key.
const hashed = 32

// SealedRows returns rows with their sealed columns.
func (s *Store) SealedRows(ctx context.Context, table oauth.SealedTable, after []byte, limit int) ([]oauth.SealedRow, error) {
	t, ok := sealedTables[table]
	if !ok {
		return nil, fmt.Errorf("sqlstore: no sealed table %q", table)
	}
	if after == nil {
		after = []byte{}
	}
	if table == oauth.SealedKeys {
		set, kid := split(after)
		return all(ctx, s, scanSealedKey, t.walk, set, set, kid, limit)
	}
	return all(ctx, s, func(r *sql.Rows, row *oauth.SealedRow) error {
		row.Columns = make([]oauth.SealedColumn, len(t.columns))
		into := []any{&row.Key}
		for i, name := range t.columns {
			row.Columns[i].Name = name
			into = append(into, &row.Columns[i].Data)
		}
		return r.Scan(into...)
	}, t.walk, after, limit)
}

func scanSealedKey(r *sql.Rows, row *oauth.SealedRow) error {
	var set, kid, data []byte
	if err := r.Scan(&set, &kid, textInto{&row.Set}, textInto{&row.KID}, &data); err != nil {
		return err
	}
	row.Key = append(set, kid...)
	row.Columns = []oauth.SealedColumn{{Name: "data", Data: data}}
	return nil
}

func split(key []byte) (set, kid []byte) {
	if len(key) != 2*hashed {
		return []byte{}, []byte{}
	}
	return key[:hashed], key[hashed:]
}

// ReplaceSealed replaces a sealed value. Done twice it is done once: the second
// time the old value is not there any more.
func (s *Store) ReplaceSealed(ctx context.Context, table oauth.SealedTable, column string, key, old, sealed []byte) (bool, error) {
	stmt, ok := sealedTables[table].replace[column]
	if !ok {
		return false, fmt.Errorf("sqlstore: no sealed column %q in %q", column, table)
	}
	args := []any{sealed, key, old}
	if table == oauth.SealedKeys {
		set, kid := split(key)
		args = []any{sealed, set, kid, old}
	}
	out, err := s.exec(ctx, stmt, args...)
	return out.count() > 0, err
}
