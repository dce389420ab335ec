package pack

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// fields is one of each.
type fields struct {
	Byte  byte
	Fixed [4]byte
	Uint  uint64
	Count int64
	Int   int64
	Bytes []byte
	Text  string
	Time  time.Time
	List  []string
	Flags []bool
}

func write(f *fields) []byte {
	var w Writer
	w.Byte(f.Byte)
	w.Fixed(f.Fixed[:])
	w.Uint(f.Uint)
	w.Count(f.Count)
	w.Int(f.Int)
	w.Bytes(f.Bytes)
	w.Text(f.Text)
	w.Time(f.Time)
	w.List(f.List)
	w.Flags(f.Flags...)
	return w.B
}

func read(b []byte) (*fields, error) {
	f, r := new(fields), NewReader(b)
	f.Byte = r.Byte()
	r.Fixed(f.Fixed[:])
	f.Uint, f.Count, f.Int = r.Uint(), r.Count(), r.Int()
	f.Bytes, f.Text, f.Time = r.Bytes(), r.Text(), r.Time()
	f.List = r.List()
	f.Flags = r.Flags(3)
	return f, r.End()
}

func TestFieldsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := &fields{
			Byte: rapid.Byte().Draw(t, "byte"), Fixed: [4]byte{1, 2, 3, 4}, Uint: rapid.Uint64().Draw(t, "uint"),
			Count: rapid.Int64Range(0, math.MaxInt64).Draw(t, "count"), Int: rapid.Int64().Draw(t, "int"),
			Bytes: append([]byte(nil), rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")...), Text: rapid.String().Draw(t, "text"),
			Time: time.UnixMicro(rapid.Int64Range(-1e15, 1e16).Draw(t, "time")).UTC(),
			List: append([]string(nil), rapid.SliceOf(rapid.String()).Draw(t, "list")...), Flags: rapid.SliceOfN(rapid.Bool(), 3, 3).Draw(t, "flags"),
		}
		b := write(want)
		got, err := read(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("differs (-want +got):\n%s", diff)
		}
		if _, err := read(append(b, 0)); !errors.Is(err, ErrFormat) {
			t.Error("a byte too many was read")
		}
		n := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if _, err := read(b[:n]); !errors.Is(err, ErrFormat) {
			t.Errorf("%d of %d bytes were read", n, len(b))
		}
	})
}

// What reads at all is written back the same: no value has two spellings.
func FuzzReader(f *testing.F) {
	f.Add(write(&fields{Uint: 300, Count: 1, Int: -5, Bytes: []byte{1}, Text: "a", List: []string{"", "b"}, Flags: []bool{true, false, true}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := read(bytes.Clone(b))
		if err == nil && !bytes.Equal(write(got), b) {
			t.Errorf("read %x, wrote %x", b, write(got))
		}
	})
}

func TestMisfits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		b    []byte
		read func(*Reader)
	}{
		"a longer varint":                {[]byte{0x81, 0}, func(r *Reader) { r.Uint() }},
		"a longer signed varint":         {[]byte{0x81, 0}, func(r *Reader) { r.Int() }},
		"a varint without an end":        {[]byte{0x81}, func(r *Reader) { r.Uint() }},
		"a varint above 64 bits":         {append(bytes.Repeat([]byte{0xff}, 9), 2), func(r *Reader) { r.Uint() }},
		"a count above 63 bits":          {append(bytes.Repeat([]byte{0xff}, 9), 1), func(r *Reader) { r.Count() }},
		"bytes longer than there are":    {[]byte{2, 1}, func(r *Reader) { r.Bytes() }},
		"a length that is no int":        {append(bytes.Repeat([]byte{0xff}, 9), 1), func(r *Reader) { r.Bytes() }},
		"a list longer than there is":    {[]byte{3, 0, 0}, func(r *Reader) { r.List() }},
		"a list of a length out of mind": {append(bytes.Repeat([]byte{0xff}, 9), 1), func(r *Reader) { r.List() }},
		"a flag that is not known":       {[]byte{4}, func(r *Reader) { r.Flags(2) }},
		"what the caller refuses":        {nil, func(r *Reader) { r.Fail() }},
	} {
		r := NewReader(test.b)
		test.read(r)
		if !errors.Is(r.Err(), ErrFormat) || !errors.Is(r.End(), ErrFormat) {
			t.Errorf("%s was read", name)
		}
		if v := r.Byte(); v != 0 {
			t.Errorf("%s: what comes after it reads as %d", name, v)
		}
	}
}
