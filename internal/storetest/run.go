package storetest

import (
	"testing"

	"hydra/internal/oauth"
)

// Run checks everything that oauth.Store promises. The function returns an
// empty, migrated store; every check gets one of its own.
func Run(t *testing.T, open func(testing.TB) oauth.Store) {
	for _, group := range []struct {
		name   string
		checks []check
	}{
		{"Clients", clientChecks},
		{"Keys", keyChecks},
		{"SealKeys", sealKeyChecks},
		{"Grants", grantChecks},
		{"Consents", consentChecks},
		{"Spend", spendChecks},
		{"Devices", deviceChecks},
		{"Sessions", sessionChecks},
		{"Outbox", outboxChecks},
		{"Small", smallChecks},
		{"TrustedIssuers", trustChecks},
		{"Registrations", registrationChecks},
		{"Purge", purgeChecks},
		{"Sealed", sealedChecks},
		{"Tx", txChecks},
		{"Values", valueChecks},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.checks {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.run(t, &fixture{Store: open(t)})
				})
			}
		})
	}
}

// check is one rule of the contract.
type check struct {
	name string
	run  func(*testing.T, *fixture)
}
