package oauth

import (
	"encoding/hex"
	"errors"
	"time"
)

// ID is a primary key: 16 bytes, random or derived from random bytes. The
// zero ID means "none".
type ID [16]byte

// IsZero reports whether the ID stands for "none".
func (id ID) IsZero() bool { return id == ID{} }

// String returns the ID in lower-case hexadecimal, 32 characters.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads what String wrote. Any other spelling is refused, so that one
// ID has one text form.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 2*len(id) {
		return ID{}, errors.New("oauth: an id has 32 hexadecimal digits")
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, errors.New("oauth: an id has 32 hexadecimal digits")
	}
	if id.String() != s {
		return ID{}, errors.New("oauth: an id is written in lower case")
	}
	return id, nil
}

// Never is the expiry of what does not expire. It is later than every time
// that the store can hold, and it is what the store keeps as the largest
// 64-bit integer.
var Never = time.UnixMicro(1<<63 - 1).UTC()

// IsNever reports whether t stands for "does not expire".
func IsNever(t time.Time) bool { return !t.Before(Never) }

// Past reports whether now has reached t. The zero time has never been set
// and counts as past.
func Past(t, now time.Time) bool { return !now.Before(t) }

// Later returns the later of two times.
func Later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
