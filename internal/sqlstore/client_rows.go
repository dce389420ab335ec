package sqlstore

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"hydra/internal/oauth"
)

// clientRow is a row of clientColumns.
type clientRow struct {
	clientColumnsOf
	data sql.RawBytes // until the next row is read
}

// clientColumnsOf are the columns beside the data.
type clientColumnsOf struct {
	uid                      oauth.ID
	id                       string
	epoch, version, register int64
	created, updated, ends   time.Time
}

func (c *clientRow) scan(r record, more ...any) error {
	dest := []any{idInto{&c.uid}, textInto{&c.id}, &c.epoch, &c.version, &c.register,
		timeInto{&c.created}, timeInto{&c.updated}, timeInto{&c.ends}, &c.data}
	return r.Scan(append(dest, more...)...)
}

// decode fills in a client, which keeps nothing of the row's memory.
func (c *clientRow) decode(into *oauth.Client) error {
	if err := json.Unmarshal(c.data, into); err != nil {
		return fmt.Errorf("data of client %s: %w", c.uid, err)
	}
	into.UID, into.ID, into.Epoch, into.Version, into.RegistrationGeneration = c.uid, c.id, c.epoch, c.version, c.register
	into.CreatedAt, into.UpdatedAt, into.ExpiresAt = c.created, c.updated, c.ends
	return nil
}

const (
	maxDecoded     = 1000
	maxDecodedData = 8 << 10 // bytes; larger ones are rare and not kept
)

// decodedClients remembers the clients that were read last. A row
// is read each time; when it is byte for byte what it was, its client is the
// one it was, too, whoever wrote it, and need not be decoded again. So nothing
// has to be told of changes, and nothing here is ever stale.
type decodedClients struct {
	mu   sync.Mutex
	rows map[oauth.ID]decodedClient
}

type decodedClient struct {
	row    clientColumnsOf
	data   []byte
	client *oauth.Client
}

// of returns the client of a row. Others have it, too: nobody may change it.
func (d *decodedClients) of(row *clientRow) (*oauth.Client, error) {
	d.mu.Lock()
	known, ok := d.rows[row.uid]
	d.mu.Unlock()
	if ok && known.row == row.clientColumnsOf && bytes.Equal(known.data, row.data) {
		return known.client, nil
	}
	c := new(oauth.Client)
	if err := row.decode(c); err != nil {
		return nil, err
	}
	if len(row.data) > maxDecodedData {
		return c, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rows == nil || len(d.rows) >= maxDecoded {
		d.rows = map[oauth.ID]decodedClient{} // begins again: a longer list would find nothing here anyway
	}
	d.rows[row.uid] = decodedClient{row.clientColumnsOf, bytes.Clone(row.data), c}
	return c, nil
}
