package secret

import (
	"crypto/rand"
	"fmt"
)

// Bytes returns n random bytes. The system's generator does not fail: where it
// could, the program ends.
func Bytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // documented never to return an error
	return b
}

// NewID returns 16 random bytes, for primary keys and operation ids.
func NewID() (id [16]byte) {
	_, _ = rand.Read(id[:]) // documented never to return an error
	return id
}

// UUID returns a random UUID of version 4 (RFC 9562 §5.4).
func UUID() string {
	u := NewID()
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// secretAlphabet are the unreserved characters of RFC 3986 §2.3: they need no
// escaping in a form, in a header or in a shell.
const secretAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~"

// ClientSecret returns a random client secret: 26 unreserved characters, 157
// bits.
func ClientSecret() string { return Draw(secretAlphabet, 26) }

// Draw returns n random characters of an alphabet of at most 256 single bytes.
func Draw(alphabet string, n int) string {
	// Bytes above the largest multiple of the alphabet's length are thrown
	// away, else the first characters would come up more often.
	fair := 256 - 256%len(alphabet)
	out := make([]byte, 0, n)
	for len(out) < n {
		for _, b := range Bytes(32) {
			if int(b) < fair && len(out) < n {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}

// MACSecret returns a random client secret that is the key of an HMAC: 64
// unreserved characters, as many bytes as the longest hash has (RFC 7518 §3.2).
func MACSecret() string { return Draw(secretAlphabet, 64) }
