package flow

import (
	"encoding/binary"
	"errors"
	"time"

	"hydra/internal/oauth"
)

// What travels sealed is a compact binary form: fields in a fixed order,
// lengths and numbers as minimal varints, no names. The seal has shown that
// we wrote it, so a value that does not read is a fault, not an attack.
var errFormat = errors.New("flow: a sealed value does not have the expected form")

// formatVersion stands first in every form. A node that does not know it takes
// the value for an unknown one.
const formatVersion = 1

type writer struct{ b []byte }

func (w *writer) byte(v byte)      { w.b = append(w.b, v) }
func (w *writer) fixed(v []byte)   { w.b = append(w.b, v...) }
func (w *writer) uint(v uint64)    { w.b = binary.AppendUvarint(w.b, v) }
func (w *writer) int(v int64)      { w.b = binary.AppendVarint(w.b, v) }
func (w *writer) bytes(v []byte)   { w.uint(uint64(len(v))); w.b = append(w.b, v...) }
func (w *writer) text(v string)    { w.uint(uint64(len(v))); w.b = append(w.b, v...) }
func (w *writer) time(t time.Time) { w.int(t.UnixMicro()) }
func (w *writer) list(v []string) {
	w.uint(uint64(len(v)))
	for _, s := range v {
		w.text(s)
	}
}

// flags packs booleans, the first into the lowest bit.
func (w *writer) flags(v ...bool) {
	var b byte
	for i, f := range v {
		if f {
			b |= 1 << i
		}
	}
	w.byte(b)
}

// reader reads what writer wrote. After the first misfit everything reads as
// zero and err is set.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail() {
	r.err = errFormat
	r.b = nil
}

func (r *reader) byte() byte {
	if len(r.b) < 1 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) fixed(dst []byte) {
	if len(r.b) < len(dst) {
		r.fail()
		return
	}
	copy(dst, r.b)
	r.b = r.b[len(dst):]
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || n != len(binary.AppendUvarint(nil, v)) {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 || n != len(binary.AppendVarint(nil, v)) {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	if n == 0 {
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) text() string    { return string(r.bytes()) }
func (r *reader) time() time.Time { return time.UnixMicro(r.int()).UTC() }

func (r *reader) list() []string {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	var v []string
	for range n {
		v = append(v, r.text())
	}
	return v
}

// flags reads n booleans; no other bit may be set.
func (r *reader) flags(n int) []bool {
	b := r.byte()
	if b>>n != 0 {
		r.fail()
	}
	v := make([]bool, n)
	for i := range v {
		v[i] = b&(1<<i) != 0
	}
	return v
}

// end checks that nothing follows.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.err = errFormat
	}
	return r.err
}

// appendRequest writes the part of a flow that the browser's first request
// fixed: the whole content of a login challenge.
func appendRequest(w *writer, f *oauth.Flow) {
	w.byte(formatVersion)
	w.fixed(f.Seed[:])
	w.fixed(f.ClientUID[:])
	w.text(f.ClientID)
	w.time(f.RequestedAt)
	w.fixed(f.CookieHash[:])
	w.text(f.Query)
	w.bytes(f.HintClaims)
	w.flags(f.Had != nil, f.ForDevice())
	if f.Had != nil {
		w.fixed(f.Had.SessionID[:])
		w.text(f.Had.Subject)
		w.time(f.Had.AuthTime)
	}
	if f.ForDevice() {
		w.time(f.DeviceUntil)
	}
}

func readRequest(r *reader, f *oauth.Flow) {
	if r.byte() != formatVersion {
		r.fail()
	}
	r.fixed(f.Seed[:])
	r.fixed(f.ClientUID[:])
	f.ClientID = r.text()
	f.RequestedAt = r.time()
	r.fixed(f.CookieHash[:])
	f.Query = r.text()
	f.HintClaims = r.bytes()
	has := r.flags(2)
	if has[0] {
		f.Had = new(oauth.RememberedLogin)
		r.fixed(f.Had.SessionID[:])
		f.Had.Subject = r.text()
		f.Had.AuthTime = r.time()
	}
	if has[1] {
		f.DeviceUntil = r.time()
		if !f.ForDevice() {
			r.fail() // the one time that would not be written
		}
	}
}

// appendDecision writes what the login and consent apps have said so far.
func appendDecision(w *writer, f *oauth.Flow) {
	w.flags(f.Login != nil, f.Consent != nil, f.Denied != nil, f.Consent != nil && f.Consent.Skip)
	if l := f.Login; l != nil {
		w.text(l.Subject)
		w.time(l.AuthTime)
		w.text(l.ACR)
		w.list(l.AMR)
		w.bytes(l.Context)
		w.text(l.ForcedID)
		w.flags(l.Remember, l.Looked, l.Extended)
		w.int(l.RememberFor)
		w.fixed(l.Session[:])
		w.fixed(l.Parent[:])
	}
	if d := f.Denied; d != nil {
		w.text(d.Code)
		w.text(d.Description)
		w.text(d.Hint)
		w.text(d.Debug)
		w.int(int64(d.Status))
	}
}

func readDecision(r *reader, f *oauth.Flow) {
	has := r.flags(4)
	if has[0] {
		l := new(oauth.Login)
		l.Subject = r.text()
		l.AuthTime = r.time()
		l.ACR = r.text()
		l.AMR = r.list()
		l.Context = r.bytes()
		l.ForcedID = r.text()
		lf := r.flags(3)
		l.Remember, l.Looked, l.Extended = lf[0], lf[1], lf[2]
		l.RememberFor = r.int()
		r.fixed(l.Session[:])
		r.fixed(l.Parent[:])
		f.Login = l
	}
	switch {
	case has[1]:
		f.Consent = &oauth.Consent{Skip: has[3]}
	case has[3]:
		r.fail()
	}
	if has[2] {
		f.Denied = &oauth.Denied{Code: r.text(), Description: r.text(), Hint: r.text(), Debug: r.text(), Status: int(r.int())}
	}
}
