package token

import (
	"hydra/internal/oauth"
	"hydra/internal/pack"
)

// The payloads that are sealed into codes and tokens, in the form of package
// pack.

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
	var w pack.Writer
	w.Fixed(p.Seed[:])
	w.Count(p.Expires)
	return w.B
}

func decodeCode(b []byte) (p codePayload, err error) {
	r := pack.NewReader(b)
	r.Fixed(p.Seed[:])
	p.Expires = r.Count()
	return p, r.End()
}

// Flags of an access token and of a reference.
const (
	narrowedScope    = 1 << 0
	narrowedAudience = 1 << 1
	ofMachine        = 1 << 2 // references only
	withSession      = 1 << 3 // tokens of machines only
)

func encodeAccess(p accessPayload) []byte {
	var w pack.Writer
	w.Byte(narrowing(p.Scope, p.Audience))
	w.Fixed(p.Key[:])
	w.Count(p.Generation)
	w.Count(p.Epoch)
	w.Count(p.Issued)
	w.Count(p.Lifetime)
	putSubset(&w, p.Scope)
	putSubset(&w, p.Audience)
	return w.B
}

func decodeAccess(b []byte) (p accessPayload, err error) {
	r := pack.NewReader(b)
	flags := readFlags(r, narrowedScope|narrowedAudience)
	r.Fixed(p.Key[:])
	p.Generation = r.Count()
	p.Epoch = r.Count()
	p.Issued = r.Count()
	p.Lifetime = r.Count()
	p.Scope = readSubset(r, flags&narrowedScope != 0)
	p.Audience = readSubset(r, flags&narrowedAudience != 0)
	return p, r.End()
}

func encodeRefresh(p refreshPayload) []byte {
	var w pack.Writer
	w.Fixed(p.Seed[:])
	w.Count(p.Generation)
	w.Fixed(p.Rotation[:])
	return w.B
}

func decodeRefresh(b []byte) (p refreshPayload, err error) {
	r := pack.NewReader(b)
	r.Fixed(p.Seed[:])
	p.Generation = r.Count()
	r.Fixed(p.Rotation[:])
	return p, r.End()
}

func encodeMachine(p machinePayload) []byte {
	var w pack.Writer
	var flags byte
	if p.Session != nil {
		flags |= withSession
	}
	w.Byte(flags)
	w.Fixed(p.ClientUID[:])
	w.Count(p.Epoch)
	w.Count(p.Issued)
	w.Count(p.Lifetime)
	w.Text(p.Subject)
	w.List(p.Scope)
	w.List(p.Audience)
	if p.Session != nil {
		w.Bytes(p.Session)
	}
	return w.B
}

func decodeMachine(b []byte) (p machinePayload, err error) {
	r := pack.NewReader(b)
	flags := readFlags(r, withSession)
	r.Fixed(p.ClientUID[:])
	p.Epoch = r.Count()
	p.Issued = r.Count()
	p.Lifetime = r.Count()
	p.Subject = r.Text()
	p.Scope = r.List()
	p.Audience = r.List()
	if flags&withSession != 0 {
		p.Session = append([]byte{}, r.Bytes()...)
	}
	return p, r.End()
}

func encodeReference(p referencePayload) []byte {
	var w pack.Writer
	if !p.ClientUID.IsZero() {
		w.Byte(ofMachine)
		w.Fixed(p.ClientUID[:])
		w.Count(p.Epoch)
		return w.B
	}
	w.Byte(narrowing(p.Scope, p.Audience))
	w.Fixed(p.Grant[:])
	w.Count(p.Epoch)
	w.Count(p.Generation)
	putSubset(&w, p.Scope)
	putSubset(&w, p.Audience)
	return w.B
}

func decodeReference(b []byte) (p referencePayload, err error) {
	r := pack.NewReader(b)
	flags := readFlags(r, narrowedScope|narrowedAudience|ofMachine)
	if flags&ofMachine != 0 {
		r.Fixed(p.ClientUID[:])
		if flags != ofMachine || p.ClientUID.IsZero() {
			r.Fail()
		}
		p.Epoch = r.Count()
		return p, r.End()
	}
	r.Fixed(p.Grant[:])
	p.Epoch = r.Count()
	p.Generation = r.Count()
	p.Scope = readSubset(r, flags&narrowedScope != 0)
	p.Audience = readSubset(r, flags&narrowedAudience != 0)
	return p, r.End()
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

func putSubset(w *pack.Writer, s *subset) {
	if s != nil {
		w.Bytes(s.bits)
	}
}

func readSubset(r *pack.Reader, present bool) *subset {
	if !present {
		return nil
	}
	b := r.Bytes()
	if len(b) > 0 && b[len(b)-1] == 0 {
		r.Fail()
	}
	return &subset{bits: b}
}

// readFlags reads a byte in which only the known bits may be set.
func readFlags(r *pack.Reader, known byte) byte {
	b := r.Byte()
	if b&^known != 0 {
		r.Fail()
		return 0
	}
	return b
}
