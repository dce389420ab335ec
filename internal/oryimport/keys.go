package oryimport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
)

// Key is one JSON Web Key of a set.
type Key struct {
	Set, KID  string
	CreatedAt time.Time
	JWK       json.RawMessage
	Problem   error // why it could not be opened; then there is no JWK
}

var neededOfKey = []string{"pk", "sid", "kid", "keydata", "created_at"}

// AllKeys returns all keys but those of trusted issuers, which come with them.
// ErrSecret when there are some and none opens.
func (s *Source) AllKeys(ctx context.Context) ([]Key, error) {
	columns, err := s.pick(keyTable, "k.", neededOfKey, nil)
	if err != nil {
		return nil, err
	}
	where, args := s.within("k.")
	// There are few keys: they are read at once.
	rows, err := s.read(ctx, keyTable, "SELECT "+columns+" FROM "+keyTable+" k WHERE 1 = 1"+where+" ORDER BY k.created_at, k.kid", args...)
	if err != nil {
		return nil, err
	}
	keys, opened := make([]Key, len(rows)), 0
	for i, r := range rows {
		keys[i] = s.key(r)
		if keys[i].Problem == nil {
			opened++
		}
	}
	if len(keys) > 0 && opened == 0 {
		return nil, ErrSecret
	}
	return keys, nil
}

func (s *Source) key(r row) Key {
	k := Key{Set: r.text("sid"), KID: r.text("kid"), CreatedAt: r.time("created_at")}
	k.JWK, k.Problem = s.open(r.text("keydata"))
	if k.Problem != nil {
		k.Problem = fmt.Errorf("the key %s of the set %s: %w", k.KID, k.Set, k.Problem)
	}
	return k
}

// open opens a sealed column. One that is JSON was never sealed.
func (s *Source) open(text string) ([]byte, error) {
	if json.Valid([]byte(text)) {
		return []byte(text), nil
	}
	plain, err := secret.OpenForeign(s.Keys, text)
	if err != nil {
		return nil, err
	}
	if !json.Valid(plain) {
		return nil, errors.New("what was sealed is no JSON")
	}
	return plain, nil
}

// Trust is a trusted issuer of assertions.
type Trust struct {
	oauth.TrustedIssuer
	KeySet  string
	Problem error // why it cannot be carried over
}

var (
	neededOfTrust = []string{"id", "issuer", "subject", "scope", "key_set", "key_id", "created_at", "expires_at"}
	othersOfTrust = []string{"allow_any_subject"}
)

// Trusts returns all trusted issuers with their keys, which are among the given
// ones.
func (s *Source) Trusts(ctx context.Context, keys []Key) ([]Trust, error) {
	columns, err := s.pick(trustTable, "", neededOfTrust, othersOfTrust)
	if err != nil {
		return nil, err
	}
	where, args := s.within("")
	rows, err := s.read(ctx, trustTable, "SELECT "+columns+" FROM "+trustTable+" WHERE 1 = 1"+where+" ORDER BY id", args...)
	if err != nil {
		return nil, err
	}
	byName := make(map[[2]string]Key, len(keys))
	for _, k := range keys {
		byName[[2]string{k.Set, k.KID}] = k
	}
	trusts := make([]Trust, len(rows))
	for i, r := range rows {
		t := &trusts[i]
		t.Issuer, t.Subject, t.AllowAnySubject = r.text("issuer"), r.text("subject"), r.flag("allow_any_subject")
		t.Scope, t.KID, t.KeySet = r.list("scope"), r.text("key_id"), r.text("key_set")
		t.CreatedAt, t.ExpiresAt = r.time("created_at"), r.time("expires_at")
		id, ok := identifier(r.id("id"))
		k, found := byName[[2]string{t.KeySet, t.KID}]
		switch {
		case !ok:
			t.Problem = errors.New("its id is no UUID")
		case !found:
			t.Problem = errors.New("its key is missing")
		default:
			t.Problem = k.Problem
		}
		t.ID, t.JWK = id, k.JWK
	}
	return trusts, nil
}
