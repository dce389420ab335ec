package secret

import (
	"cmp"
	"context"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	// NonceSize is the length of a value's nonce, in bytes. The nonce is
	// random and is at the same time the value's id.
	NonceSize = chacha20poly1305.NonceSizeX
	// MaxValue is the greatest length of a sealed value, in characters.
	MaxValue = 8192

	kidSize     = 4
	headSize    = kidSize + NonceSize
	sealVersion = 1 // in the associated data: a value of another format does not open
)

// ErrUnknown says that a value is not a genuine value of the kinds asked for:
// forged, damaged, written another way, of another kind or issuer, or sealed
// with a key that is gone. It never stands for a database that is out.
var ErrUnknown = errors.New("secret: unknown value")

// ErrNoKey says that the ring holds no key of the kind: it was not loaded.
var ErrNoKey = errors.New("secret: no data key of this kind")

// DataKey seals values of one kind.
type DataKey struct {
	KID        uint32 // unique among all kinds
	Kind       Kind
	Key        [32]byte
	ActiveFrom time.Time // seals from then on
	RetiredAt  time.Time // opens, but seals no more; zero: not retired
}

// String hides the key from fmt.
func (k DataKey) String() string { return fmt.Sprintf("%s key %08x [redacted]", k.Kind, k.KID) }

// GoString hides the key from fmt.
func (k DataKey) GoString() string { return k.String() }

// Sealer turns small payloads into opaque values and back.
//
// A value is prefix + base64url(kid ‖ nonce ‖ XChaCha20-Poly1305(payload)),
// with format version, kind, kid and issuer as associated data. Every value
// has exactly one spelling. The zero Sealer with Now set is ready for Use.
type Sealer struct {
	// Now tells the time.
	Now func() time.Time
	// Reload brings keys that were added by another node. A value with an
	// unknown key id calls it, at most once a second.
	Reload func(context.Context) error

	issuer string
	ring   atomic.Pointer[ring]
	reload reload
}

// NewSealer returns a Sealer for the values of one issuer. It has no keys yet.
func NewSealer(issuer string) *Sealer {
	return &Sealer{Now: time.Now, issuer: issuer}
}

type ring struct {
	byKID  map[uint32]*loaded
	byKind map[Kind][]*loaded // newest first
}

type loaded struct {
	DataKey
	aead cipher.AEAD
	data []byte    // the associated data of all values that it seals
	macs sync.Pool // of hash.Hash, which have done their half of the work with the key
}

// Use puts these keys in place of all others, at once for every caller.
func (s *Sealer) Use(keys []DataKey) {
	r := &ring{byKID: make(map[uint32]*loaded), byKind: make(map[Kind][]*loaded)}
	for _, k := range keys {
		aead, err := chacha20poly1305.NewX(k.Key[:])
		if err != nil {
			panic(err) // only for a key of another length, which the type rules out
		}
		l := &loaded{DataKey: k, aead: aead, data: s.data(k)}
		r.byKID[k.KID] = l
		r.byKind[k.Kind] = append(r.byKind[k.Kind], l)
	}
	for _, list := range r.byKind {
		slices.SortFunc(list, func(a, b *loaded) int {
			return cmp.Or(b.ActiveFrom.Compare(a.ActiveFrom), cmp.Compare(b.KID, a.KID))
		})
	}
	s.ring.Store(r)
}

// sealing returns the key that seals now: the newest active one, else the
// newest, so that nodes whose clocks differ still have one.
func (r *ring) sealing(k Kind, now time.Time) *loaded {
	if r == nil || len(r.byKind[k]) == 0 {
		return nil
	}
	list := r.byKind[k]
	for _, key := range list {
		retired := !key.RetiredAt.IsZero() && !now.Before(key.RetiredAt)
		if !retired && !now.Before(key.ActiveFrom) {
			return key
		}
	}
	return list[0]
}

func (r *ring) key(kid uint32) *loaded {
	if r == nil {
		return nil
	}
	return r.byKID[kid]
}

// Seal returns a new value of the kind. ErrNoKey, or an error when the payload
// is too long.
func (s *Sealer) Seal(k Kind, payload []byte) (string, error) {
	key := s.ring.Load().sealing(k, s.Now())
	if key == nil {
		return "", fmt.Errorf("%w: %s", ErrNoKey, k)
	}
	return s.seal(key, [NonceSize]byte(Bytes(NonceSize)), payload)
}

// SealNonce builds a value once more, byte for byte, from what Open returned
// for it. kid, nonce and payload must all be those of the first time: another
// payload under the same nonce would give both of them away. ErrUnknown when
// the key is gone.
func (s *Sealer) SealNonce(k Kind, kid uint32, nonce [NonceSize]byte, payload []byte) (string, error) {
	key := s.ring.Load().key(kid)
	if key == nil || key.Kind != k {
		return "", ErrUnknown
	}
	return s.seal(key, nonce, payload)
}

func (s *Sealer) seal(key *loaded, nonce [NonceSize]byte, payload []byte) (string, error) {
	prefix := key.Kind.Prefix()
	size := headSize + len(payload) + chacha20poly1305.Overhead
	if len(prefix)+base64.RawURLEncoding.EncodedLen(size) > MaxValue {
		return "", fmt.Errorf("secret: a payload of %d bytes is too long for a %s value", len(payload), key.Kind)
	}
	raw := make([]byte, 0, size)
	raw = binary.BigEndian.AppendUint32(raw, key.KID)
	raw = append(raw, nonce[:]...)
	raw = key.aead.Seal(raw, nonce[:], payload, key.data)
	out := make([]byte, len(prefix), len(prefix)+base64.RawURLEncoding.EncodedLen(size))
	copy(out, prefix)
	return string(base64.RawURLEncoding.AppendEncode(out, raw)), nil
}

// data is the associated data of the values that key seals.
func (s *Sealer) data(key DataKey) []byte {
	d := make([]byte, 0, 2+kidSize+len(s.issuer))
	d = append(d, sealVersion, byte(key.Kind))
	d = binary.BigEndian.AppendUint32(d, key.KID)
	return append(d, s.issuer...)
}

// Opened is what a value held.
type Opened struct {
	Kind    Kind
	KID     uint32
	Nonce   [NonceSize]byte // the value's id: no other value has it
	Payload []byte
}

// Open opens a value of one of the kinds. ErrUnknown when it is not a genuine
// one; any other error says that it could not be found out.
func (s *Sealer) Open(ctx context.Context, value string, kinds ...Kind) (Opened, error) {
	if len(value) > MaxValue {
		return Opened{}, ErrUnknown
	}
	var tried [4]string // prefixes, so that kinds that share one are tried once
	done := tried[:0]
	for _, k := range kinds {
		prefix := k.Prefix()
		if slices.Contains(done, prefix) {
			continue
		}
		done = append(done, prefix)
		o, err := s.open(ctx, value, prefix, kinds)
		if err == nil || !errors.Is(err, ErrUnknown) {
			return o, err
		}
	}
	return Opened{}, ErrUnknown
}

// open tries the value as one with the given prefix. An unprefixed value may
// begin with the letters of another kind's prefix by chance, so the prefix
// alone does not tell the kind; the key does.
func (s *Sealer) open(ctx context.Context, value, prefix string, kinds []Kind) (Opened, error) {
	text, ok := strings.CutPrefix(value, prefix)
	if !ok {
		return Opened{}, ErrUnknown
	}
	raw, ok := decode(text)
	if !ok || len(raw) < headSize+chacha20poly1305.Overhead {
		return Opened{}, ErrUnknown
	}
	kid := binary.BigEndian.Uint32(raw)
	key := s.ring.Load().key(kid)
	if key == nil {
		if err := s.reload.do(ctx, s.Now, s.Reload); err != nil {
			return Opened{}, err
		}
		if key = s.ring.Load().key(kid); key == nil {
			return Opened{}, ErrUnknown
		}
	}
	if !slices.Contains(kinds, key.Kind) || key.Kind.Prefix() != prefix {
		return Opened{}, ErrUnknown
	}
	nonce := raw[kidSize:headSize]
	payload, err := key.aead.Open(nil, nonce, raw[headSize:], key.data)
	if err != nil {
		return Opened{}, ErrUnknown
	}
	return Opened{Kind: key.Kind, KID: kid, Nonce: [NonceSize]byte(nonce), Payload: payload}, nil
}

// strict refuses bits that are left over at the end.
var strict = base64.RawURLEncoding.Strict()

// decode decodes base64url and accepts one spelling only; Go's decoder would
// skip carriage returns and line feeds.
func decode(text string) ([]byte, bool) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	raw, err := strict.DecodeString(text)
	return raw, err == nil
}
