package pack

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// ErrFormat is what reading ends with when the bytes are none that a Writer of
// the same fields would have left.
var ErrFormat = errors.New("pack: not the expected form")

// Writer appends fields to B.
type Writer struct{ B []byte }

// Byte appends one byte.
func (w *Writer) Byte(v byte) { w.B = append(w.B, v) }

// Fixed appends bytes whose number the reader knows.
func (w *Writer) Fixed(v []byte) { w.B = append(w.B, v...) }

// Uint appends a number.
func (w *Writer) Uint(v uint64) { w.B = binary.AppendUvarint(w.B, v) }

// Count appends a number that is never negative, such as a time after 1970; a
// negative one is taken for zero.
func (w *Writer) Count(v int64) { w.Uint(uint64(max(v, 0))) }

// Int appends a number that may be negative.
func (w *Writer) Int(v int64) { w.B = binary.AppendVarint(w.B, v) }

// Bytes appends a length and so many bytes. Empty reads as nil.
func (w *Writer) Bytes(v []byte) { w.Uint(uint64(len(v))); w.B = append(w.B, v...) }

// Text is Bytes for a string.
func (w *Writer) Text(v string) { w.Uint(uint64(len(v))); w.B = append(w.B, v...) }

// Time appends a time, to the microsecond.
func (w *Writer) Time(t time.Time) { w.Int(t.UnixMicro()) }

// List appends a number and so many texts. An empty list reads as nil.
func (w *Writer) List(v []string) {
	w.Uint(uint64(len(v)))
	for _, s := range v {
		w.Text(s)
	}
}

// Flags packs at most eight booleans, the first into the lowest bit.
func (w *Writer) Flags(v ...bool) {
	var b byte
	for i, f := range v {
		if f {
			b |= 1 << i
		}
	}
	w.Byte(b)
}

// Reader reads what a Writer wrote. After the first misfit everything reads as
// zero.
type Reader struct {
	b   []byte
	err error
}

// NewReader returns a reader of b. What Bytes returns lies in b.
func NewReader(b []byte) *Reader { return &Reader{b: b} }

// Fail marks the bytes as a misfit, for a caller who knows more about them.
func (r *Reader) Fail() { r.b, r.err = nil, ErrFormat }

// Err returns ErrFormat after a misfit.
func (r *Reader) Err() error { return r.err }

// End checks that nothing follows, and reports this or any earlier misfit.
func (r *Reader) End() error {
	if r.err == nil && len(r.b) > 0 {
		r.Fail()
	}
	return r.err
}

func (r *Reader) take(n int) []byte {
	if n > len(r.b) {
		r.Fail()
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if v := r.take(1); v != nil {
		return v[0]
	}
	return 0
}

// Fixed fills dst.
func (r *Reader) Fixed(dst []byte) { copy(dst, r.take(len(dst))) }

// Uint reads a number.
func (r *Reader) Uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if !r.step(n) {
		return 0
	}
	return v
}

// Count reads a number that fits an int64.
func (r *Reader) Count() int64 {
	v := r.Uint()
	if v > math.MaxInt64 {
		r.Fail()
		return 0
	}
	return int64(v)
}

// Int reads a number that may be negative.
func (r *Reader) Int() int64 {
	v, n := binary.Varint(r.b)
	if !r.step(n) {
		return 0
	}
	return v
}

// step goes over a varint of n bytes. The last byte of a minimal one is not
// zero, unless it is the only one.
func (r *Reader) step(n int) bool {
	if n <= 0 || n > 1 && r.b[n-1] == 0 {
		r.Fail()
		return false
	}
	r.b = r.b[n:]
	return true
}

// Bytes reads a length and so many bytes; none is nil.
func (r *Reader) Bytes() []byte {
	n := r.Uint()
	if n > uint64(len(r.b)) {
		r.Fail()
	}
	if n == 0 || r.err != nil {
		return nil
	}
	return r.take(int(n))
}

// Text is Bytes for a string.
func (r *Reader) Text() string { return string(r.Bytes()) }

// Time reads a time, in UTC.
func (r *Reader) Time() time.Time { return time.UnixMicro(r.Int()).UTC() }

// List reads a list of texts; an empty one is nil.
func (r *Reader) List() []string {
	n := r.Uint()
	if n > uint64(len(r.b)) { // each takes a byte at least
		r.Fail()
	}
	if n == 0 || r.err != nil {
		return nil
	}
	v := make([]string, n)
	for i := range v {
		v[i] = r.Text()
	}
	return v
}

// Flags reads n booleans; no other bit may be set.
func (r *Reader) Flags(n int) []bool {
	b := r.Byte()
	if b>>n != 0 {
		r.Fail()
		b = 0
	}
	v := make([]bool, n)
	for i := range v {
		v[i] = b&(1<<i) != 0
	}
	return v
}
