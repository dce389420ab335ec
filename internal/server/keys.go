package server

import (
	"context"
	"fmt"
	"time"

	"hydra/internal/config"
	"hydra/internal/flow"
	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/token"
)

// signingAlg is what a set gets that has no key yet: OpenID Connect demands
// that everybody understands it.
const signingAlg = "RS256"

// signingSets are the sets that sign, with the algorithms that the operator
// wants; "" for as it is.
func signingSets(c *config.Config) map[string]string {
	return map[string]string{token.IDTokenSet: c.Keys.IDTokenAlg, token.AccessTokenSet: c.Keys.AccessTokenAlg}
}

// openKeys settles how signing keys live, and makes those that are missing.
func openKeys(ctx context.Context, c *config.Config, keys *key.Service, observe oauth.Observer) (*key.Service, error) {
	keys.AnnounceFor = c.Keys.AnnounceFor
	keys.PublishFor = publishFor(c)
	keys.Algs = signingSets(c)
	for set, alg := range keys.Algs {
		if alg == "" {
			if set == token.IDTokenSet || c.Strategies.AccessToken == "jwt" {
				if err := keys.Ensure(ctx, set, signingAlg); err != nil {
					return nil, err
				}
			}
			continue
		}
		made, err := keys.Prefer(ctx, set, alg)
		if err != nil {
			return nil, err
		}
		report(ctx, observe, made)
	}
	return keys, nil
}

// publishFor is how long retired keys are kept for what was made with them.
func publishFor(c *config.Config) time.Duration {
	return max(c.Keys.PublishRetired, c.TTL.IDToken, c.TTL.AccessToken)
}

// report tells of keys that nobody asked for at the moment: by the schedule, or
// because the configuration wants another algorithm.
func report(ctx context.Context, observe oauth.Observer, made []key.Rotated) {
	for _, k := range made {
		detail := fmt.Sprintf("key_set:%s key:%s alg:%s", k.Set, k.KID, k.Alg)
		if k.Set == flow.RequestObjectSet {
			observe.Observe(ctx, oauth.Event{Name: "encryption_key_rotated", Detail: detail + "; clients encrypt to it from now on."})
			continue
		}
		observe.Observe(ctx, oauth.Event{Name: "signing_key_rotated", Detail: detail + "; it signs from " + k.ActiveFrom.Format(time.RFC3339) + " on."})
	}
}

// jwksMaxAge is how long others may keep the key set: shorter than a key is
// announced, so that whoever asked just before asks again in time; and short
// enough that a key which is removed because it was stolen is soon forgotten.
func jwksMaxAge(announced time.Duration) time.Duration {
	return min(announced/2, 5*time.Minute)
}

// rotationCheck is how often the age of signing keys is looked at.
func rotationCheck(rotateEvery time.Duration) time.Duration {
	return min(rotateEvery, time.Hour) // 0: never
}

// rotateKeys replaces keys that are older than the option says.
func (a *app) rotateKeys(ctx context.Context) error {
	for set := range signingSets(a.config) {
		made, err := a.keys.RotateOlder(ctx, set, a.config.Keys.RotateEvery)
		report(ctx, a.observe, made)
		if err != nil {
			return err
		}
	}
	made, err := a.keys.RotateEncryptionOlder(ctx, flow.RequestObjectSet, a.config.Keys.RotateEvery)
	report(ctx, a.observe, made)
	return err
}
