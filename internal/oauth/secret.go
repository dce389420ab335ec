package oauth

import (
	"errors"
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// errSecret is what an encoder gets. Silence would be worse: a token response
// that says "[redacted]" is found by a user, an error by the first test.
var errSecret = errors.New("oauth: a secret is not encoded; convert it to a string where it has to be written")

// Secret is a value that must not reach a log, an error or a URL: a client
// secret, a token, a code. Every verb of fmt and every handler of slog writes
// "[redacted]"; encoders fail. Who has to write it converts it to a string, so
// that each such place can be found.
//
// Keep it in exported fields: fmt does not call the methods of a value that it
// reached through an unexported one.
type Secret string

func (Secret) String() string               { return redacted }
func (Secret) GoString() string             { return redacted }
func (Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Secret) MarshalText() ([]byte, error) { return nil, errSecret }

// Format covers the verbs that do not ask for a String method: %d of a plain
// string type prints the string along with its complaint.
func (Secret) Format(f fmt.State, _ rune) { redact(f) }

func redact(f fmt.State) { _, _ = f.Write([]byte(redacted)) }
