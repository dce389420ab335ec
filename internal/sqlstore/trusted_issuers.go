package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hydra/internal/oauth"
)

const (
	trustColumns = `t.id, t.created_at, t.expires_at, t.data`

	insertTrusted = `
		INSERT INTO trusted_issuers (id, issuer_key, subject_key, kid_key, created_at, expires_at, op_id, data)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	selectTrusted   = `SELECT ` + trustColumns + ` FROM trusted_issuers t WHERE t.id = ?`
	selectTrustedOp = `SELECT op_id FROM trusted_issuers WHERE id = ?`
	listTrusted     = `SELECT ` + trustColumns + ` FROM trusted_issuers t WHERE t.id > ? ORDER BY t.id LIMIT ? OFFSET ?`
	listTrustedOf   = `SELECT ` + trustColumns + ` FROM trusted_issuers t
		WHERE t.issuer_key = ? AND t.id > ? ORDER BY t.id LIMIT ? OFFSET ?`
	countTrusted   = `SELECT COUNT(*) FROM trusted_issuers`
	countTrustedOf = `SELECT COUNT(*) FROM trusted_issuers t WHERE t.issuer_key = ?`
	// selectTrustedFor looks at the rows for the subject and at those for any.
	selectTrustedFor = `SELECT ` + trustColumns + ` FROM trusted_issuers t
		WHERE t.issuer_key = ? AND t.subject_key IN (?, ?) AND (? = 0 OR t.kid_key = ?) AND t.expires_at > ?
		ORDER BY CASE WHEN t.subject_key = ? THEN 0 ELSE 1 END, t.id LIMIT ?`
	deleteTrusted = `DELETE FROM trusted_issuers WHERE id = ?`
)

// trustData is what has no column that holds it as it is.
type trustData struct {
	Issuer          string          `json:"iss"`
	Subject         string          `json:"sub,omitempty"`
	AllowAnySubject bool            `json:"any,omitempty"`
	Scope           []string        `json:"scope,omitempty"`
	KID             string          `json:"kid"`
	JWK             json.RawMessage `json:"jwk"`
}

func scanTrusted(r record, t *oauth.TrustedIssuer) error {
	var data []byte
	if err := r.Scan(idInto{&t.ID}, timeInto{&t.CreatedAt}, timeInto{&t.ExpiresAt}, &data); err != nil {
		return err
	}
	var d trustData
	if err := json.Unmarshal(data, &d); err != nil {
		return fmt.Errorf("data of trusted issuer %s: %w", t.ID, err)
	}
	t.Issuer, t.Subject, t.AllowAnySubject = d.Issuer, d.Subject, d.AllowAnySubject
	t.Scope, t.KID, t.JWK = d.Scope, d.KID, d.JWK
	return nil
}

// trustedSubject is the key of whom a row is for. Any subject is kept as the
// empty one, which nobody has.
func trustedSubject(t *oauth.TrustedIssuer) []byte {
	if t.AllowAnySubject {
		return nameKey("")
	}
	return nameKey(t.Subject)
}

// AddTrustedIssuer stores a trusted issuer. ErrExists when the issuer has a
// row for the same subject and kid already.
func (s *Store) AddTrustedIssuer(ctx context.Context, t *oauth.TrustedIssuer) error {
	data, err := json.Marshal(trustData{t.Issuer, t.Subject, t.AllowAnySubject, t.Scope, t.KID, t.JWK})
	if err != nil {
		return fmt.Errorf("sqlstore: data of a trusted issuer: %w", err)
	}
	op := s.op()
	out, err := s.exec(ctx, insertTrusted, t.ID[:], nameKey(t.Issuer), trustedSubject(t), nameKey(t.KID),
		due(t.CreatedAt), due(t.ExpiresAt), op[:], data)
	if out.unknown && errors.Is(err, oauth.ErrExists) {
		return s.unlessOwn(ctx, err, selectTrustedOp, t.ID, op)
	}
	return err
}

// TrustedIssuer returns a trusted issuer, expired or not. ErrNotFound.
func (s *Store) TrustedIssuer(ctx context.Context, id oauth.ID) (*oauth.TrustedIssuer, error) {
	return one(ctx, s, scanTrusted, selectTrusted, id[:])
}

// TrustedIssuers lists trusted issuers in the order of their ids.
func (s *Store) TrustedIssuers(ctx context.Context, q oauth.TrustQuery) ([]oauth.TrustedIssuer, error) {
	if q.Issuer == "" {
		return all(ctx, s, scanTrusted, listTrusted, q.After[:], max(q.Limit, 0), max(q.Offset, 0))
	}
	return all(ctx, s, scanTrusted, listTrustedOf, nameKey(q.Issuer), q.After[:], max(q.Limit, 0), max(q.Offset, 0))
}

// CountTrustedIssuers returns how many an issuer has; an empty name stands for
// all issuers.
func (s *Store) CountTrustedIssuers(ctx context.Context, issuer string) (int, error) {
	if issuer == "" {
		return s.number(ctx, countTrusted)
	}
	return s.number(ctx, countTrustedOf, nameKey(issuer))
}

// TrustedFor returns the rows that have not expired at now and that let the
// issuer speak for the subject with the key of that kid, in one statement;
// those for this very subject come first. An empty kid stands for every key.
func (s *Store) TrustedFor(ctx context.Context, issuer, subject, kid string, now time.Time, limit int) ([]oauth.TrustedIssuer, error) {
	if subject == "" {
		return nil, nil // nobody, and not anybody
	}
	of := nameKey(subject)
	return all(ctx, s, scanTrusted, selectTrustedFor, nameKey(issuer), of, nameKey(""), flag(kid != ""), nameKey(kid), due(now),
		of, max(limit, 0))
}

// DeleteTrustedIssuer removes a trusted issuer. ErrNotFound.
func (s *Store) DeleteTrustedIssuer(ctx context.Context, id oauth.ID) error {
	out, err := s.exec(ctx, deleteTrusted, id[:])
	if err == nil && out.count() == 0 {
		return oauth.ErrNotFound
	}
	return err
}
