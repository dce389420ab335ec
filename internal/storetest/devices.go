package storetest

import (
	"context"
	"testing"
	"time"

	"hydra/internal/oauth"
)

var deviceChecks = []check{
	{"a device comes back by its user code", devices},
	{"a user code is taken once", deviceCodeRace},
	{"guesses are counted exactly, and a full count hides the device", guessesCounted},
	{"the first decision about a device stands", deviceDecision},
	{"nobody decides about a device that has expired", deviceExpired},
	{"a device's Grant is spent after the browser brought it back, and not before", deviceApproval},
	{"of approval and refusal the first stands", deviceApprovalRace},
}

func newDevice() *oauth.Device {
	return &oauth.Device{
		ID: newID(), ClientUID: newID(), UserCode: newID(), CreatedAt: noon, ExpiresAt: noon.Add(10 * time.Minute),
		PurgeAt: noon.Add(time.Hour), OpID: newID(), Data: []byte("sealed"),
	}
}

func devices(t *testing.T, f *fixture) {
	want := newDevice()
	must(t, f.AddDevice(t.Context(), want))
	got, err := f.Device(t.Context(), want.UserCode)
	must(t, err)
	wantSame(t, "device", got, want)
	_, err = f.Device(t.Context(), newID())
	wantErr(t, "Device() of another code", err, oauth.ErrNotFound)
}

func deviceCodeRace(t *testing.T, f *fixture) {
	code := newID()
	wins := race(t, oauth.ErrExists, func(ctx context.Context, _ int) error {
		d := newDevice()
		d.UserCode = code
		return f.AddDevice(ctx, d)
	})
	if wins != 1 {
		t.Errorf("%d devices have the same user code", wins)
	}
}

// However many guess at once, no more than the count allows get through.
func guessesCounted(t *testing.T, f *fixture) {
	d := newDevice()
	must(t, f.AddDevice(t.Context(), d))
	few := oauth.GuessCount{ID: newID(), Most: contenders / 2, Ends: later}
	many := oauth.GuessCount{ID: newID(), Most: contenders, Ends: later}
	wins := race(t, oauth.ErrUsed, func(ctx context.Context, _ int) error { return f.CountGuess(ctx, few, many) })
	if wins != few.Most {
		t.Errorf("%d guesses got through, want %d", wins, few.Most)
	}
	_, err := f.Device(t.Context(), d.UserCode, many)
	must(t, err) // what was refused counted nowhere else
	_, err = f.Device(t.Context(), d.UserCode, many, few)
	wantErr(t, "Device() with a full count", err, oauth.ErrUsed)
	_, err = f.Device(t.Context(), newID(), few)
	wantErr(t, "Device() of a wrong code with a full count", err, oauth.ErrNotFound)
	for range many.Most - few.Most {
		must(t, f.CountGuess(t.Context(), many))
	}
	wantErr(t, "CountGuess() above the bound", f.CountGuess(t.Context(), many), oauth.ErrUsed)
	if _, err := f.Device(t.Context(), d.UserCode, few, few, few, few); err == nil {
		t.Error("four counts were asked")
	}
}

func deviceDecision(t *testing.T, f *fixture) {
	d, holders := newDevice(), [contenders]oauth.ID{}
	must(t, f.AddDevice(t.Context(), d))
	won := -1
	wins := race(t, oauth.ErrUsed, func(ctx context.Context, n int) error {
		status := oauth.DeviceAccepted
		if n%2 == 1 {
			status = oauth.DeviceRejected
		}
		holders[n] = newID()
		err := f.DecideDevice(ctx, d.ID, status, holders[n], newID(), noon)
		if err == nil {
			won = n
		}
		return err
	})
	if wins != 1 {
		t.Fatalf("%d of %d decided", wins, contenders)
	}
	got, err := f.Device(t.Context(), d.UserCode)
	must(t, err)
	if want := oauth.DeviceStatus(1 + won%2); got.Status != want || got.Holder != holders[won] {
		t.Errorf("the device has status %d, want %d of its first holder", got.Status, want)
	}
}

func deviceExpired(t *testing.T, f *fixture) {
	d := newDevice()
	must(t, f.AddDevice(t.Context(), d))
	wantErr(t, "DecideDevice()", f.DecideDevice(t.Context(), d.ID, oauth.DeviceAccepted, newID(), newID(), d.ExpiresAt), oauth.ErrUsed)
	wantErr(t, "DecideDevice() of no device", f.DecideDevice(t.Context(), newID(), oauth.DeviceAccepted, newID(), newID(), noon), oauth.ErrUsed)
}

// deviceGrant is the Grant of a device as the consent app's accept writes it.
func deviceGrant(g *oauth.Grant) { g.Kind, g.CodeExpiresAt = oauth.DeviceGrant, time.Time{} }

func deviceApproval(t *testing.T, f *fixture) {
	c := f.addClient(t, "app")
	g := f.addGrant(t, c.UID, deviceGrant)
	spend := oauth.CodeSpend{Op: newID(), Now: noon, RefreshExpiresAt: noon.Add(time.Hour), ExpiresAt: noon.Add(time.Hour), PurgeAt: oauth.Never}
	wantErr(t, "SpendCode() before the approval", f.SpendCode(t.Context(), g.ID, spend), oauth.ErrUsed)
	must(t, f.UpdateOpenGrant(t.Context(), g, oauth.Standing{Now: noon}))
	must(t, f.ApproveDevice(t.Context(), g.ID, noon.Add(time.Minute), newID()))
	wantErr(t, "ApproveDevice() again", f.ApproveDevice(t.Context(), g.ID, noon.Add(time.Hour), newID()), oauth.ErrUsed)
	wantErr(t, "UpdateOpenGrant() after the approval", f.UpdateOpenGrant(t.Context(), g, oauth.Standing{Now: noon}), oauth.ErrUsed)
	late := spend
	late.Now = noon.Add(time.Minute)
	wantErr(t, "SpendCode() too late", f.SpendCode(t.Context(), g.ID, late), oauth.ErrUsed)
	must(t, f.SpendCode(t.Context(), g.ID, spend))
	wantErr(t, "SpendCode() again", f.SpendCode(t.Context(), g.ID, oauth.CodeSpend{Op: newID(), Now: noon}), oauth.ErrUsed)

	other := f.addGrant(t, c.UID, nil)
	wantErr(t, "ApproveDevice() of a code's Grant", f.ApproveDevice(t.Context(), other.ID, oauth.Never, newID()), oauth.ErrUsed)
	revoked := f.addGrant(t, c.UID, deviceGrant)
	_, err := f.RevokeGrant(t.Context(), revoked.ID, noon)
	must(t, err)
	wantErr(t, "ApproveDevice() of a revoked Grant", f.ApproveDevice(t.Context(), revoked.ID, oauth.Never, newID()), oauth.ErrUsed)
}

func deviceApprovalRace(t *testing.T, f *fixture) {
	g := f.addGrant(t, f.addClient(t, "app").UID, deviceGrant)
	tomb := *g
	tomb.RevokedAt, tomb.EndedAt, tomb.EndReason = noon, noon, oauth.EndedByRejecter
	wins := race(t, oauth.ErrUsed, func(ctx context.Context, n int) error {
		if n%2 == 0 {
			return f.ApproveDevice(ctx, g.ID, noon.Add(time.Minute), newID())
		}
		return f.RejectGrant(ctx, &tomb, newID())
	})
	row := f.grant(t, g.ID)
	if wins != 1 || row.Approved() == row.Dead() {
		t.Errorf("%d decisions won; approved %t, dead %t", wins, row.Approved(), row.Dead())
	}
}
