package sqlstore

import (
	"crypto/sha256"
	"fmt"
	"math"
	"strings"
	"time"

	"hydra/internal/oauth"
)

const never = math.MaxInt64

// micros writes a time that may be missing.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return due(t)
}

// due writes a time that every row has; the zero time becomes 0, which is
// earlier than every now.
func due(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case oauth.IsNever(t):
		return never
	}
	return t.UnixMicro()
}

// timeInto reads a time: NULL and 0 are the zero time.
type timeInto struct{ t *time.Time }

func (d timeInto) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*d.t = time.Time{}
	case int64:
		*d.t = time.Time{}
		if v != 0 {
			*d.t = time.UnixMicro(v).UTC()
		}
	default:
		return fmt.Errorf("a time is stored as %T", v)
	}
	return nil
}

// key writes an id; the zero ID is NULL, which no comparison finds.
func key(id oauth.ID) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

// idInto reads an id; NULL is the zero ID.
type idInto struct{ id *oauth.ID }

func (d idInto) Scan(v any) error {
	b, ok := v.([]byte)
	switch {
	case v == nil:
		*d.id = oauth.ID{}
	case ok && len(b) == len(d.id):
		*d.id = oauth.ID(b)
	default:
		return fmt.Errorf("an id is stored as %T of %d bytes", v, len(b))
	}
	return nil
}

// rotationInto reads a rotation id; NULL is the zero one.
type rotationInto struct{ id *[8]byte }

func (d rotationInto) Scan(v any) error {
	b, ok := v.([]byte)
	switch {
	case v == nil:
		*d.id = [8]byte{}
	case ok && len(b) == len(d.id):
		*d.id = [8]byte(b)
	default:
		return fmt.Errorf("a rotation id is stored as %T of %d bytes", v, len(b))
	}
	return nil
}

// numberInto reads a number; NULL is 0.
type numberInto[T integer] struct{ n *T }

func (d numberInto[T]) Scan(v any) error {
	if v == nil {
		*d.n = 0
		return nil
	}
	return putNumber(d.n, v)
}

// flagInto reads a condition, or a number that is not 0; NULL is false.
type flagInto struct{ b *bool }

func (d flagInto) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*d.b = false
	case bool:
		*d.b = v
	case int64:
		*d.b = v != 0
	default:
		return fmt.Errorf("a condition is stored as %T", v)
	}
	return nil
}

// textInto reads text, which is kept as bytes.
type textInto struct{ s *string }

func (d textInto) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*d.s = ""
	case []byte:
		*d.s = string(v)
	case string:
		*d.s = v
	default:
		return fmt.Errorf("text is stored as %T", v)
	}
	return nil
}

// optionalBytes writes NULL for nil.
func optionalBytes(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// text writes text as bytes; it is never NULL.
func text(s string) []byte { return append([]byte{}, s...) }

// nameKey makes a key of fixed length from a name of any length, because
// engines bound the length of what they index.
func nameKey(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

// optionalKey is nameKey with NULL for the empty name.
func optionalKey(name string) any {
	if name == "" {
		return nil
	}
	return nameKey(name)
}

func bucket(id oauth.ID) int64 { return int64(id[0] & (oauth.Buckets - 1)) }

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// given switches a condition on that looks for the id.
func given(id oauth.ID) int64 { return flag(!id.IsZero()) }

// hasNUL reports whether a text holds the one character that some engines
// cannot store. A row with such a name cannot exist.
func hasNUL(texts ...string) bool {
	for _, t := range texts {
		if strings.ContainsRune(t, 0) {
			return true
		}
	}
	return false
}

// errNUL refuses a NUL character before any SQL sees it.
var errNUL = oauth.InvalidRequest.Hint("Text must not contain NUL characters.")
