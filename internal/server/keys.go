package server

import (
	"context"
	"log/slog"
	"time"

	"hydra/internal/config"
	"hydra/internal/key"
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
func openKeys(ctx context.Context, c *config.Config, keys *key.Service, log *slog.Logger) (*key.Service, error) {
	keys.AnnounceFor = c.Keys.AnnounceFor
	keys.PublishFor = max(c.Keys.PublishRetired, c.TTL.IDToken, c.TTL.AccessToken)
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
		report(log, made)
	}
	return keys, nil
}

func report(log *slog.Logger, made []key.Rotated) {
	for _, k := range made {
		log.Info("A signing key is announced.", "set", k.Set, "kid", k.KID, "alg", k.Alg, "signs_from", k.ActiveFrom)
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

// rotateKeys replaces signing keys that are older than the option says.
func (a *app) rotateKeys(ctx context.Context) error {
	for set := range signingSets(a.config) {
		made, err := a.keys.RotateOlder(ctx, set, a.config.Keys.RotateEvery)
		report(a.log, made)
		if err != nil {
			return err
		}
	}
	return nil
}
