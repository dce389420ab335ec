package token

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"

	"hydra/internal/oauth"
)

// The payloads that are sealed into codes and tokens: compact, binary, and
// strict. There is exactly one byte string for each value: varints are minimal,
// nothing may follow the last field, and a flag that this release does not
// know is refused, so that an older node never accepts half of what a newer
// one meant.

// errPayload is what a decoder answers to anything it would not have written.
var errPayload = errors.New("token: not a payload of this release")

// codePayload is sealed into an authorization code.
type codePayload struct {
	Seed    oauth.Seed
	Expires int64 // Unix microseconds
}

// accessPayload is sealed into an access token that a Grant stands behind.
type accessPayload struct {
	Key        oauth.AccessKey
	Generation int64
	Epoch      int64 // of the client
	Issued     int64 // Unix seconds
	Lifetime   int64 // seconds
	Scope      *subset
	Audience   *subset
}

// refreshPayload is sealed into a refresh token.
type refreshPayload struct {
	Seed       oauth.Seed
	Generation int64
	Rotation   [8]byte
}

// machinePayload is sealed into an access token that no row stands behind:
// everything that introspection tells is in it.
type machinePayload struct {
	ClientUID oauth.ID
	Epoch     int64
	Subject   string // empty: the client itself
	Scope     []string
	Audience  []string
	Issued    int64
	Lifetime  int64
	Session   []byte // claims of a hook, a JSON object; nil when there are none
}

// referencePayload is sealed into the jti of a JWT access token. It carries
// the key of the row and not what access tokens carry, so that the jti alone
// is worth nothing.
type referencePayload struct {
	Grant      oauth.ID // zero when ClientUID is set
	Generation int64
	Scope      *subset
	Audience   *subset

	ClientUID oauth.ID // a machine's token; its id is the nonce of the seal

	Epoch int64
}

// subset says which members of a list a token was narrowed to: bit i of the
// bytes, least significant first, stands for member i. A nil subset is the
// whole list. The last byte is never zero.
type subset struct{ bits []byte }

// subsetOf returns the members of want as a subset of all, nil when they are
// all of it, and false when one is not a member.
func subsetOf(all, want []string) (*subset, bool) {
	wanted := make(map[string]bool, len(want))
	for _, w := range want {
		wanted[w] = true
	}
	s, found := &subset{}, make(map[string]bool, len(want))
	for i, a := range all {
		if !wanted[a] {
			continue
		}
		found[a] = true
		for len(s.bits) <= i/8 {
			s.bits = append(s.bits, 0)
		}
		s.bits[i/8] |= 1 << (i % 8)
	}
	if len(found) != len(wanted) {
		return nil, false
	}
	if len(s.pick(all)) == len(all) {
		return nil, true
	}
	return s, true
}

func (s *subset) has(i int) bool {
	return s == nil || i/8 < len(s.bits) && s.bits[i/8]&(1<<(i%8)) != 0
}

// pick returns the members of all that the subset holds.
func (s *subset) pick(all []string) []string {
	if s == nil {
		return all
	}
	var out []string
	for i, a := range all {
		if s.has(i) {
			out = append(out, a)
		}
	}
	return out
}

func encodeCode(p codePayload) []byte {
	b := append([]byte(nil), p.Seed[:]...)
	return putInt(b, p.Expires)
}

func decodeCode(b []byte) (p codePayload, err error) {
	r := reader{b: b}
	r.fixed(p.Seed[:])
	p.Expires = r.int()
	return p, r.end()
}

// Flags of an access token and of a reference.
const (
	narrowedScope    = 1 << 0
	narrowedAudience = 1 << 1
	ofMachine        = 1 << 2 // references only
	withSession      = 1 << 3 // tokens of machines only
)

func encodeAccess(p accessPayload) []byte {
	b := append([]byte{narrowing(p.Scope, p.Audience)}, p.Key[:]...)
	b = putInt(b, p.Generation)
	b = putInt(b, p.Epoch)
	b = putInt(b, p.Issued)
	b = putInt(b, p.Lifetime)
	return putSubset(putSubset(b, p.Scope), p.Audience)
}

func decodeAccess(b []byte) (p accessPayload, err error) {
	r := reader{b: b}
	flags := r.flags(narrowedScope | narrowedAudience)
	r.fixed(p.Key[:])
	p.Generation = r.int()
	p.Epoch = r.int()
	p.Issued = r.int()
	p.Lifetime = r.int()
	p.Scope = r.subset(flags&narrowedScope != 0)
	p.Audience = r.subset(flags&narrowedAudience != 0)
	return p, r.end()
}

func encodeRefresh(p refreshPayload) []byte {
	b := append([]byte(nil), p.Seed[:]...)
	b = putInt(b, p.Generation)
	return append(b, p.Rotation[:]...)
}

func decodeRefresh(b []byte) (p refreshPayload, err error) {
	r := reader{b: b}
	r.fixed(p.Seed[:])
	p.Generation = r.int()
	r.fixed(p.Rotation[:])
	return p, r.end()
}

func encodeMachine(p machinePayload) []byte {
	var flags byte
	if p.Session != nil {
		flags |= withSession
	}
	b := append([]byte{flags}, p.ClientUID[:]...)
	b = putInt(b, p.Epoch)
	b = putInt(b, p.Issued)
	b = putInt(b, p.Lifetime)
	b = putBytes(b, []byte(p.Subject))
	b = putList(putList(b, p.Scope), p.Audience)
	if p.Session != nil {
		b = putBytes(b, p.Session)
	}
	return b
}

func decodeMachine(b []byte) (p machinePayload, err error) {
	r := reader{b: b}
	flags := r.flags(withSession)
	r.fixed(p.ClientUID[:])
	p.Epoch = r.int()
	p.Issued = r.int()
	p.Lifetime = r.int()
	p.Subject = string(r.bytes())
	p.Scope = r.list()
	p.Audience = r.list()
	if flags&withSession != 0 {
		p.Session = append([]byte{}, r.bytes()...)
	}
	return p, r.end()
}

func encodeReference(p referencePayload) []byte {
	if !p.ClientUID.IsZero() {
		return putInt(append([]byte{ofMachine}, p.ClientUID[:]...), p.Epoch)
	}
	b := append([]byte{narrowing(p.Scope, p.Audience)}, p.Grant[:]...)
	b = putInt(b, p.Epoch)
	b = putInt(b, p.Generation)
	return putSubset(putSubset(b, p.Scope), p.Audience)
}

func decodeReference(b []byte) (p referencePayload, err error) {
	r := reader{b: b}
	flags := r.flags(narrowedScope | narrowedAudience | ofMachine)
	if flags&ofMachine != 0 {
		r.fail(flags != ofMachine)
		r.fixed(p.ClientUID[:])
		r.fail(p.ClientUID.IsZero())
		p.Epoch = r.int()
		return p, r.end()
	}
	r.fixed(p.Grant[:])
	p.Epoch = r.int()
	p.Generation = r.int()
	p.Scope = r.subset(flags&narrowedScope != 0)
	p.Audience = r.subset(flags&narrowedAudience != 0)
	return p, r.end()
}

func narrowing(scope, audience *subset) (flags byte) {
	if scope != nil {
		flags |= narrowedScope
	}
	if audience != nil {
		flags |= narrowedAudience
	}
	return flags
}

// putInt appends a number that is never negative: a count or a time after 1970.
func putInt(b []byte, n int64) []byte { return binary.AppendUvarint(b, uint64(max(n, 0))) }

func putBytes(b, s []byte) []byte { return append(putInt(b, int64(len(s))), s...) }

func putList(b []byte, list []string) []byte {
	b = putInt(b, int64(len(list)))
	for _, s := range list {
		b = putBytes(b, []byte(s))
	}
	return b
}

func putSubset(b []byte, s *subset) []byte {
	if s == nil {
		return b
	}
	return putBytes(b, s.bits)
}

// reader takes a payload apart. After the first mistake it returns zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail(when bool) {
	if when {
		r.bad, r.b = true, nil
	}
}

// end reports a mistake, or bytes that nobody asked for.
func (r *reader) end() error {
	if r.bad || len(r.b) != 0 {
		return errPayload
	}
	return nil
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.fail(true)
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) fixed(dst []byte) { copy(dst, r.take(len(dst))) }

// flags reads a byte in which only the known bits may be set.
func (r *reader) flags(known byte) byte {
	b := r.take(1)
	if len(b) == 0 {
		return 0
	}
	r.fail(b[0]&^known != 0)
	return b[0] & known
}

// int reads a varint in its shortest form.
func (r *reader) int() int64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > math.MaxInt64 || n > 1 && r.b[n-1] == 0 {
		r.fail(true)
		return 0
	}
	r.b = r.b[n:]
	return int64(v)
}

func (r *reader) bytes() []byte {
	n := r.int()
	if n > int64(len(r.b)) {
		r.fail(true)
		return nil
	}
	return r.take(int(n))
}

func (r *reader) list() []string {
	n := r.int()
	if n > int64(len(r.b)) { // each member takes a byte at least
		r.fail(true)
		return nil
	}
	var out []string
	for range n {
		out = append(out, string(r.bytes()))
	}
	return out
}

func (r *reader) subset(present bool) *subset {
	if !present {
		return nil
	}
	b := r.bytes()
	r.fail(len(b) > 0 && b[len(b)-1] == 0)
	return &subset{bits: bytes.Clone(b)}
}
