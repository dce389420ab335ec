package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
)

var errDisk = errors.New("disk on fire")

func TestKindOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		want Kind
	}{
		{"a kind", InvalidGrant, InvalidGrant},
		{"an error", InvalidGrant.Hint("The code has expired."), InvalidGrant},
		{"wrapped", fmt.Errorf("exchange: %w", InvalidScope.Hint("No.")), InvalidScope},
		{"wrapped kind", fmt.Errorf("exchange: %w", NotFound), NotFound},
		{"wrapped twice", fmt.Errorf("a: %w", fmt.Errorf("b: %w", Conflict.Because(errDisk))), Conflict},
		{"the cause's kind does not count", InvalidGrant.Because(InvalidClient.Hint("No.")), InvalidGrant},
		{"an unclassified cause does not count", InvalidGrant.Because(errDisk), InvalidGrant},
		{"unclassified", errDisk, ServerError},
		{"wrapped unclassified", fmt.Errorf("read: %w", io.ErrUnexpectedEOF), ServerError},
		{"a store's not found is the caller's to judge", ErrNotFound, ServerError},
		{"a store's used is the caller's to judge", ErrUsed, ServerError},
		{"a store that is away", fmt.Errorf("read: %w", ErrUnavailable), TemporarilyUnavailable},
		{"an error that one caused", InvalidGrant.Hint("").Because(ErrUnavailable), InvalidGrant},
		{"time is up", context.DeadlineExceeded, ServerError},
		{"nothing", nil, ServerError},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := KindOf(test.err); got != test.want {
				t.Errorf("KindOf(%v) = %s, want %s", test.err, got, test.want)
			}
		})
	}
}

// errors.Is finds the kind, the cause, and the cause's causes.
func TestErrorUnwraps(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("token: %w", InvalidGrant.Hint("The code is unknown.").Because(fmt.Errorf("grants: %w", ErrNotFound)))
	for _, target := range []error{InvalidGrant, ErrNotFound} {
		if !errors.Is(err, target) {
			t.Errorf("errors.Is(%v, %v) = false", err, target)
		}
	}
	for _, target := range []error{InvalidClient, ErrUsed, Kind("")} {
		if errors.Is(err, target) {
			t.Errorf("errors.Is(%v, %v) = true", err, target)
		}
	}
	if e, ok := errors.AsType[*Error](err); !ok || e.Public != "The code is unknown." || e.Kind != InvalidGrant {
		t.Errorf("errors.AsType = %v, %t", e, ok)
	}
	if !errors.Is(InvalidGrant.Hint("No."), InvalidGrant) {
		t.Error("an error without a cause is not of its kind")
	}
}

// An error that stands in a package variable is shared by all requests.
func TestErrorIsNotChangedByItsCopies(t *testing.T) {
	t.Parallel()
	shared := InvalidGrant.Hint("The code has expired.")
	hinted, caused := shared.Hint("Another."), shared.Because(errDisk)
	if shared.Public != "The code has expired." || shared.Cause != nil {
		t.Errorf("the shared error became %v", shared)
	}
	if hinted.Public != "Another." || hinted.Cause != nil {
		t.Errorf("Hint gave %v", hinted)
	}
	if caused.Public != shared.Public || !errors.Is(caused, errDisk) {
		t.Errorf("Because gave %v", caused)
	}
	full := Error{Kind: AccessDenied, Description: "d", Status: 418, Debug: "x", RetryAfter: 7}
	if got := *full.Hint("h").Because(errDisk); got.Description != "d" || got.Status != 418 || got.Debug != "x" || got.RetryAfter != 7 {
		t.Errorf("a copy lost members: %+v", got)
	}
}

// The text is for the operator's log: kind, hint and cause.
func TestErrorText(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"invalid_grant":                                      InvalidGrant,
		"invalid_grant: The code has expired.":               InvalidGrant.Hint("The code has expired."),
		"invalid_grant: disk on fire":                        InvalidGrant.Because(errDisk),
		"invalid_grant: The code has expired.: disk on fire": InvalidGrant.Hint("The code has expired.").Because(errDisk),
		"invalid_scope: Ask for 3 scopes.":                   InvalidScope.Hintf("Ask for %d scopes.", 3),
	} {
		if got := err.Error(); got != want {
			t.Errorf("Error() = %q, want %q", got, want)
		}
	}
}

func TestObserve(t *testing.T) {
	t.Parallel()
	Observer(nil).Observe(t.Context(), Event{Name: "nobody listens"})
	var got Event
	Observer(func(_ context.Context, e Event) { got = e }).Observe(t.Context(), Event{Name: "code_replayed", ClientID: "c"})
	if got.Name != "code_replayed" || got.ClientID != "c" {
		t.Errorf("the observer saw %+v", got)
	}
}
