package server

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"hydra/internal/oauth"
)

// job is something that one node at a time does every now and then.
type job struct {
	name  string
	every time.Duration
	// lease is how long the work may take before another node may begin it,
	// too; 0: every node does it, or the work takes a lease of its own.
	lease time.Duration
	// after is how long a server that has started leaves it alone. What a job
	// changes costs the next request a look at the versions of the caches, and
	// a start has enough to do.
	after time.Duration
	run   func(context.Context) error
}

// jobs runs background jobs until its context ends.
type jobs struct {
	leases oauth.Leases
	owner  oauth.ID
	now    func() time.Time
	log    *slog.Logger
	wg     sync.WaitGroup
}

// start begins a job. Its first run comes after the time that it is left alone
// and a random part of the interval, and each later one up to a tenth early or
// late, so that nodes that started together do not stay in step.
func (j *jobs) start(ctx context.Context, b job) {
	if b.every <= 0 {
		return
	}
	j.wg.Go(func() {
		wait := b.after + time.Duration(rand.Int64N(int64(min(b.every, time.Minute)))) //nolint:gosec // jitter
		for {
			t := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				t.Stop()
				return
			case <-t.C:
			}
			j.once(ctx, b)
			wait = b.every + time.Duration((rand.Float64()-0.5)/5*float64(b.every)) //nolint:gosec // jitter
		}
	})
}

// once does a job's work if no other node does it.
func (j *jobs) once(ctx context.Context, b job) {
	if b.lease > 0 {
		now := j.now()
		ok, err := j.leases.TakeLease(ctx, b.name, j.owner, now, now.Add(b.lease))
		if err != nil || !ok {
			j.report(ctx, b, err)
			return
		}
		defer func() {
			// Also when the server stops meanwhile: the next node should not wait.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if err := j.leases.DropLease(ctx, b.name, j.owner); err != nil {
				j.log.Debug("A lease could not be given back.", "job", b.name, "cause", err)
			}
		}()
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.lease)
		defer cancel()
	}
	j.report(ctx, b, b.run(ctx))
}

// report logs a failure. The next run tries again.
func (j *jobs) report(ctx context.Context, b job, err error) {
	if err != nil && ctx.Err() == nil {
		j.log.Error("A background job failed; it will be tried again.", "job", b.name, "cause", err)
	}
}

// wait returns when all jobs have ended.
func (j *jobs) wait() { j.wg.Wait() }

// jobs lists what goes on in the background.
func (a *app) jobs() []job {
	return []job{
		{name: "purge", every: a.config.Janitor.Interval, run: a.purge}, // takes a lease of its own
		{name: "seal-ring", every: max(a.config.Cache.Staleness, time.Second), run: a.ring.Refresh},
		{name: "seal-rotation", every: time.Hour, lease: time.Minute, after: 4 * time.Minute, run: a.ring.Rotate},
		{name: "key-rotation", every: rotationCheck(a.config.Keys.RotateEvery), lease: time.Minute, run: a.rotateKeys},
	}
}

func (a *app) purge(ctx context.Context) error {
	_, err := a.tokens.Purge(ctx, a.now(), 0)
	_, unused := a.clients.Purge(ctx)
	return errors.Join(err, unused)
}
