package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/crypto/chacha20poly1305"
)

// ErrRow says that a column does not open: it is damaged, was moved from
// another row, or belongs to another installation.
var ErrRow = errors.New("secret: a sealed column does not open")

// SealRow seals a column at rest. The place, that is table, column and primary
// key, is bound to it: moved to another row it does not open. The issuer is
// not bound, because it may be renamed while the rows stay.
func (s *Sealer) SealRow(table, column string, id, plain []byte) ([]byte, error) {
	key := s.ring.Load().sealing(Row, s.Now())
	if key == nil {
		return nil, fmt.Errorf("%w: %s", ErrNoKey, Row)
	}
	blob := make([]byte, 1, 1+headSize+len(plain)+chacha20poly1305.Overhead)
	blob[0] = sealVersion
	blob = binary.BigEndian.AppendUint32(blob, key.KID)
	nonce := Bytes(NonceSize)
	blob = append(blob, nonce...)
	return key.aead.Seal(blob, nonce, plain, place(key.KID, table, column, id)), nil
}

// OpenRow opens what SealRow made for the same place. ErrRow.
func (s *Sealer) OpenRow(table, column string, id, blob []byte) ([]byte, error) {
	if len(blob) < 1+headSize+chacha20poly1305.Overhead || blob[0] != sealVersion {
		return nil, ErrRow
	}
	kid := binary.BigEndian.Uint32(blob[1:])
	key := s.ring.Load().key(kid)
	if key == nil || key.Kind != Row {
		return nil, ErrRow
	}
	nonce, sealed := blob[1+kidSize:1+headSize], blob[1+headSize:]
	plain, err := key.aead.Open(nil, nonce, sealed, place(kid, table, column, id))
	if err != nil {
		return nil, ErrRow
	}
	return plain, nil
}

func place(kid uint32, table, column string, id []byte) []byte {
	d := make([]byte, 0, 2+kidSize+3*8+len(table)+len(column)+len(id))
	d = append(d, sealVersion, byte(Row))
	d = binary.BigEndian.AppendUint32(d, kid)
	return appendParts(d, table, column, string(id))
}

// appendParts appends each part with its length before it, so that no two
// lists of parts give the same bytes.
func appendParts(d []byte, parts ...string) []byte {
	for _, p := range parts {
		d = binary.BigEndian.AppendUint64(d, uint64(len(p)))
		d = append(d, p...)
	}
	return d
}

// Index returns a keyed hash of the parts, for look-ups by something that a
// dump of the database should not show (HMAC with SHA-256, cut to 128 bits).
// The same purpose and parts always give the same hash: its key is never
// rotated. Index panics before the ring is loaded, for without its key every
// look-up would miss in silence.
func (s *Sealer) Index(purpose string, parts ...string) [16]byte {
	sum := s.hash(purpose, parts...)
	return [16]byte(sum[:16])
}

// Digest is Index for a longer content, uncut.
func (s *Sealer) Digest(purpose, kind string, content []byte) [sha256.Size]byte {
	sum := sha256.Sum256(content)
	return s.hash(purpose, kind, string(sum[:]))
}

func (s *Sealer) hash(purpose string, parts ...string) (sum [sha256.Size]byte) {
	r := s.ring.Load()
	if r == nil || len(r.byKind[Index]) == 0 {
		panic("secret: Index before the key ring was loaded")
	}
	list := r.byKind[Index]
	key := list[len(list)-1] // the oldest
	mac, used := key.macs.Get().(hash.Hash)
	if used {
		mac.Reset()
	} else {
		mac = hmac.New(sha256.New, key.Key[:])
	}
	defer key.macs.Put(mac)
	size := 8 + len(purpose)
	for _, p := range parts {
		size += 8 + len(p)
	}
	mac.Write(appendParts(appendParts(make([]byte, 0, size), purpose), parts...))
	mac.Sum(sum[:0])
	return sum
}

// RowKID tells which key sealed a column; false for what SealRow did not make.
func RowKID(blob []byte) (kid uint32, ok bool) {
	if len(blob) < 1+headSize+chacha20poly1305.Overhead || blob[0] != sealVersion {
		return 0, false
	}
	return binary.BigEndian.Uint32(blob[1:]), true
}
