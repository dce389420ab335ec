package sqlstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hydra/internal/oauth"
)

const (
	clientColumns = `c.uid, c.client_id, c.epoch, c.version, c.registration_generation, c.created_at, c.updated_at, c.expires_at, c.data`
	secretColumns = `k.id, k.hash, k.created_at, k.expires_at, p.sealed`
	clientState   = `c.client_id, c.epoch, c.version`

	selectClient = `SELECT ` + clientColumns + `, ` + secretColumns + `
		FROM clients c LEFT JOIN client_secrets k ON k.client_uid = c.uid
		LEFT JOIN client_secret_copies p ON p.client_uid = k.client_uid AND p.id = k.id
		WHERE c.client_id = ? ORDER BY k.created_at, k.id`
	selectClientAlone = `SELECT ` + clientColumns + ` FROM clients c WHERE c.client_id = ?`
	insertClient      = `
		INSERT INTO clients (uid, client_id, owner_key, name_key, epoch, version, registration_generation, created_at, updated_at, expires_at, op_id, data)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	updateClient = `
		UPDATE clients SET owner_key = ?, name_key = ?, epoch = CASE WHEN epoch < ? THEN ? ELSE epoch END, version = version + 1,
			registration_generation = ?, updated_at = ?, expires_at = ?, op_id = ?, data = ?
		WHERE uid = ? AND version = ?`
	raiseEpoch         = `UPDATE clients SET epoch = epoch + 1, version = version + 1, op_id = ? WHERE client_id = ?`
	selectClientOp     = `SELECT op_id FROM clients WHERE uid = ?`
	selectClientUID    = `SELECT uid FROM clients WHERE client_id = ?`
	deleteClient       = `DELETE FROM clients WHERE uid = ?`
	insertDeleted      = `INSERT INTO deleted_clients (uid, deleted_at) VALUES (?, ?)`
	selectDeleted      = `SELECT uid FROM deleted_clients WHERE uid = ?`
	insertClientSecret = `INSERT INTO client_secrets (client_uid, id, hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?)`
	deleteClientSecret = `DELETE FROM client_secrets WHERE client_uid = ?`
	insertSecretCopy   = `INSERT INTO client_secret_copies (client_uid, id, sealed) VALUES (?, ?, ?)`
	deleteSecretCopies = `DELETE FROM client_secret_copies WHERE client_uid = ?`
)

// Client returns the client with the public id and its secrets, oldest first,
// in one statement. ErrNotFound.
func (s *Store) Client(ctx context.Context, id string) (*oauth.Client, []oauth.ClientSecret, error) {
	if hasNUL(id) {
		return nil, nil, oauth.ErrNotFound
	}
	type row struct {
		client oauth.Client
		secret oauth.ClientSecret
	}
	rows, err := all(ctx, s, func(r record, v *row) error {
		k := &v.secret
		return scanClient(r, &v.client, idInto{&k.ID}, textInto{&k.Hash}, timeInto{&k.CreatedAt}, timeInto{&k.ExpiresAt}, &k.Sealed)
	}, selectClient, text(id))
	switch {
	case err != nil:
		return nil, nil, err
	case len(rows) == 0:
		return nil, nil, oauth.ErrNotFound
	}
	var secrets []oauth.ClientSecret
	for _, r := range rows {
		if !r.secret.ID.IsZero() {
			r.secret.ClientUID = r.client.UID
			secrets = append(secrets, r.secret)
		}
	}
	return &rows[0].client, secrets, nil
}

// ReadClient returns the client with the public id. It is shared: nobody may
// change it. ErrNotFound.
func (s *Store) ReadClient(ctx context.Context, id string) (*oauth.Client, error) {
	if hasNUL(id) {
		return nil, oauth.ErrNotFound
	}
	c, err := one(ctx, s, s.scanShared(), selectClientAlone, text(id))
	if err != nil {
		return nil, err
	}
	return *c, nil
}

func scanClient(r record, c *oauth.Client, more ...any) error {
	var row clientRow
	if err := row.scan(r, more...); err != nil {
		return err
	}
	return row.decode(c)
}

// encodeClient writes what has no column of its own. It leaves <, > and & in
// an operator's JSON as they are.
func encodeClient(c *oauth.Client) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		return nil, fmt.Errorf("sqlstore: data of a client: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func refuseNUL(c *oauth.Client, secrets []oauth.ClientSecret) error {
	if hasNUL(c.ID) {
		return errNUL
	}
	for _, k := range secrets {
		if hasNUL(k.Hash) {
			return errNUL
		}
	}
	return nil
}

// AddClient stores a new client with its secrets. ErrExists when the id is taken.
func (s *Store) AddClient(ctx context.Context, c *oauth.Client, secrets []oauth.ClientSecret) error {
	if err := refuseNUL(c, secrets); err != nil {
		return err
	}
	data, err := encodeClient(c)
	if err != nil {
		return err
	}
	op := s.op()
	return s.atomic(ctx, func(t *Store) error {
		out, err := t.exec(ctx, insertClient, c.UID[:], text(c.ID), optionalKey(c.Owner), optionalKey(c.Name), c.Epoch, c.Version,
			c.RegistrationGeneration, due(c.CreatedAt), due(c.UpdatedAt), due(c.ExpiresAt), op[:], data)
		if out.unknown && errors.Is(err, oauth.ErrExists) {
			return t.unlessOwn(ctx, err, selectClientOp, c.UID, op)
		}
		if err != nil {
			return err
		}
		if err := t.addSecrets(ctx, c.UID, secrets); err != nil {
			return err
		}
		if c.HearsLogout() {
			if err := t.hears(ctx, c); err != nil {
				return err
			}
		}
		return t.raise(ctx, groupClients)
	})
}

func (s *Store) addSecrets(ctx context.Context, uid oauth.ID, secrets []oauth.ClientSecret) error {
	for _, k := range secrets {
		err := s.change(ctx, insertClientSecret, uid[:], k.ID[:], text(k.Hash), due(k.CreatedAt), due(k.ExpiresAt))
		if err == nil && k.Sealed != nil {
			err = s.change(ctx, insertSecretCopy, uid[:], k.ID[:], k.Sealed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) dropSecrets(ctx context.Context, uid oauth.ID) error {
	if err := s.change(ctx, deleteClientSecret, uid[:]); err != nil {
		return err
	}
	return s.change(ctx, deleteSecretCopies, uid[:])
}

// UpdateClient replaces a client where uid and version are those of c, and
// raises the version; it never lowers the epoch. A nil secrets leaves the
// secrets as they are, else they are replaced. ErrUsed when somebody changed
// or deleted the client meanwhile.
func (s *Store) UpdateClient(ctx context.Context, c *oauth.Client, secrets []oauth.ClientSecret) error {
	if err := refuseNUL(c, secrets); err != nil {
		return err
	}
	data, err := encodeClient(c)
	if err != nil {
		return err
	}
	op := s.op()
	return s.atomic(ctx, func(t *Store) error {
		out, err := t.exec(ctx, updateClient, optionalKey(c.Owner), optionalKey(c.Name), c.Epoch, c.Epoch,
			c.RegistrationGeneration, due(c.UpdatedAt), due(c.ExpiresAt), op[:], data, c.UID[:], c.Version)
		switch {
		case err != nil:
			return err
		case out.rows == 0 && out.unknown:
			return t.unlessOwn(ctx, oauth.ErrUsed, selectClientOp, c.UID, op)
		case out.rows == 0:
			return oauth.ErrUsed
		}
		if secrets != nil {
			if err := t.dropSecrets(ctx, c.UID); err != nil {
				return err
			}
			if err := t.addSecrets(ctx, c.UID, secrets); err != nil {
				return err
			}
		}
		if err := t.hears(ctx, c); err != nil {
			return err
		}
		return t.raise(ctx, groupClients)
	})
}

// DeleteClient removes the client and its secrets; at is kept beside the uid
// in the list of deleted clients. ErrNotFound.
func (s *Store) DeleteClient(ctx context.Context, id string, at time.Time) error {
	if hasNUL(id) {
		return oauth.ErrNotFound
	}
	scanID := func(r record, uid *oauth.ID) error { return r.Scan(idInto{uid}) }
	var tried oauth.ID // by an earlier attempt, whose commit may have succeeded
	return s.atomic(ctx, func(t *Store) error {
		uid, err := one(ctx, t, scanID, selectClientUID, text(id))
		if errors.Is(err, oauth.ErrNotFound) && t.tx.unknown && !tried.IsZero() {
			_, err := one(ctx, t, scanID, selectDeleted, tried[:])
			return err
		}
		if err != nil {
			return err
		}
		tried = *uid
		out, err := t.exec(ctx, deleteClient, uid[:])
		if err != nil {
			return err
		}
		if out.rows == 0 {
			return oauth.ErrNotFound
		}
		if err := t.dropSecrets(ctx, *uid); err != nil {
			return err
		}
		if err := t.change(ctx, deleteLogoutClient, uid[:]); err != nil {
			return err
		}
		if err := t.change(ctx, insertDeleted, uid[:], due(at)); err != nil {
			return err
		}
		return t.raise(ctx, groupClients)
	})
}

// RaiseEpoch ends all access tokens of a client. ErrNotFound.
func (s *Store) RaiseEpoch(ctx context.Context, id string) error {
	if hasNUL(id) {
		return oauth.ErrNotFound
	}
	op := s.op()
	return s.atomic(ctx, func(t *Store) error {
		// Raising it twice after an unknown commit does no harm.
		out, err := t.exec(ctx, raiseEpoch, op[:], text(id))
		switch {
		case err != nil:
			return err
		case out.rows == 0:
			return oauth.ErrNotFound
		}
		return t.raise(ctx, groupClients)
	})
}

// clientStateDest reads the columns clientState of a client that may be
// missing from an outer join.
func clientStateDest(c *oauth.ClientState) []any {
	return []any{presentInto{&c.Exists, &c.ID}, numberInto[int64]{&c.Epoch}, numberInto[int64]{&c.Version}}
}

// presentInto reads text that is NULL only when its row is missing.
type presentInto struct {
	present *bool
	s       *string
}

func (d presentInto) Scan(v any) error {
	*d.present = v != nil
	return textInto{d.s}.Scan(v)
}
