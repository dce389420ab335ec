package oauth

import (
	"context"
	"time"
)

// DeviceStatus tells what became of a device authorization request.
type DeviceStatus int16

const (
	DeviceWaiting  DeviceStatus = 0 // nobody has typed the user code in
	DeviceAccepted DeviceStatus = 1 // somebody has, and goes through login and consent
	DeviceRejected DeviceStatus = 2 // somebody has, and does not want to connect the device
)

// Device is a device authorization request (RFC 8628 §3.1): what leads from a
// user code to the Grant that may come of it. Whether the device gets tokens
// is in that Grant alone.
type Device struct {
	ID        ID // of the Grant
	ClientUID ID
	UserCode  ID // keyed hash of the user code; no two rows have the same
	Status    DeviceStatus
	Holder    ID // hash of the device challenge in whose browser the code was typed
	CreatedAt time.Time
	ExpiresAt time.Time // of the user code and the device code
	PurgeAt   time.Time
	OpID      ID // of the last conditional update
	Data      []byte
}

// Devices keeps device authorization requests.
type Devices interface {
	// AddDevice stores a request. ErrExists when the user code is taken.
	AddDevice(ctx context.Context, d *Device) error
	// Device finds a request by the hash of its user code, in whatever state.
	// ErrUsed when one of the counts of guesses is full; at most three may be
	// asked. ErrNotFound, also then.
	Device(ctx context.Context, userCode ID, counts ...GuessCount) (*Device, error)
	// CountGuess adds a wrong user code to each of the counts, in their order.
	// ErrUsed at the first that is full.
	CountGuess(ctx context.Context, counts ...GuessCount) error
	// DecideDevice writes the first decision about a request that has not
	// expired, and who made it. ErrUsed when there is one, or none to decide.
	DecideDevice(ctx context.Context, id ID, s DeviceStatus, holder, op ID, now time.Time) error
}

// GuessCount counts wrong user codes where every node sees them (RFC 8628
// §5.1), and whatever else a network may do only so often.
type GuessCount struct {
	ID   ID        // what is counted, and in which span of time
	Most int       // how many there may be
	Ends time.Time // from when on nobody asks for it
}
