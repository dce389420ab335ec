package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/secret"
	"hydra/internal/sqlstore"
)

// Backup writes a consistent copy of a SQLite database to a new file, while
// servers work on it.
func Backup(ctx context.Context, dsn oauth.Secret, file string) (err error) {
	store, err := sqlstore.Open(ctx, sqlstore.Config{DSN: string(dsn)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.Backup(ctx, file)
}

// ErrNoBackup says that the database's own program makes backups.
var ErrNoBackup = sqlstore.ErrNoBackup

// outlast are the kinds whose values honest clients keep for long, and whose
// truth is in rows: they work after a restore. Of all others the database no
// longer knows which were used or revoked since the backup.
var outlast = []secret.Kind{secret.Refresh, secret.Registration}

// Restored is what Data.Restored did.
type Restored struct {
	Dropped []string // kinds whose values are dead
	Deleted int      // stored requests and devices
	Ended   int      // events that were repeated
	Events  []LostEvent
}

// LostEvent is something that happened after the backup and that the restored
// database does not know.
type LostEvent struct {
	Time     time.Time
	Name     string
	ClientID string
	Grant    string // the consent_request_id, if it is about one Grant
	Object   string // what a change by the admin API was about, as the audit log writes it
	Detail   string
	Again    bool // it was done again, or its effect is there by other means
}

// Restored makes a database that was restored from a backup of the given time
// fit to be served: nothing short-lived comes back, while refresh tokens go on
// to work, also those that are newer than the backup. logs are JSON logs of the
// servers; what was revoked or deleted since the backup is listed, and repeated
// where they say exactly what it was.
func (d *Data) Restored(ctx context.Context, backup time.Time, keepSessions bool, logs ...io.Reader) (Restored, error) {
	var done Restored
	now := d.Now()
	if backup.After(now) {
		return done, errors.New("the time of the backup is in the future")
	}
	for _, l := range logs {
		events, err := lostEvents(l, backup)
		if err != nil {
			return done, fmt.Errorf("read the log: %w", err)
		}
		done.Events = append(done.Events, events...)
	}
	for i := range done.Events {
		e := &done.Events[i]
		var err error
		if e.Again, err = (repeater{d, now, keepSessions}).again(ctx, *e); err != nil {
			return done, err
		}
		if e.Again {
			done.Ended++
		}
	}
	for _, k := range secret.Kinds() {
		if k == secret.Row || k == secret.Index || slices.Contains(outlast, k) || k == secret.SessionCookie && keepSessions {
			continue
		}
		if err := d.ring.Drop(ctx, k); err != nil {
			return done, err
		}
		done.Dropped = append(done.Dropped, k.String())
	}
	for _, what := range []oauth.Expiring{oauth.ExpiredRequests, oauth.ExpiredDevices} {
		n, err := d.deleteAll(ctx, what)
		if err != nil {
			return done, err
		}
		done.Deleted += n
	}
	return done, nil
}

// deleteAll deletes rows that live for minutes as if the day had come on which
// all of them have expired.
func (d *Data) deleteAll(ctx context.Context, what oauth.Expiring) (total int, err error) {
	const batch = 500
	last := oauth.Never.Add(-time.Hour)
	for bucket := range oauth.Buckets {
		for {
			deleted, seen, err := d.store.Purge(ctx, what, bucket, last, oauth.Never, batch)
			if err != nil {
				return total, err
			}
			total += deleted
			if seen < batch {
				break
			}
		}
	}
	return total, nil
}

// lost are the ends of the names of events that a restore undoes.
var lost = []string{"_revoked", "_deleted", "_reused", "_replayed", "_ended", "_removed"}

const maxLogLine = 1 << 20

// lostEvents reads a JSON log, a line an event. Other lines are passed over, and
// so are changes that were refused, which tell the status of their answer.
func lostEvents(r io.Reader, since time.Time) ([]LostEvent, error) {
	var events []LostEvent
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLogLine)
	for lines.Scan() {
		var e struct {
			Time     time.Time `json:"time"`
			Event    string    `json:"event"`
			ClientID string    `json:"client_id"`
			Grant    string    `json:"grant"`
			Object   string    `json:"object"`
			Detail   string    `json:"detail"`
			Status   int       `json:"status"`
		}
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Time.Before(since) || e.Status/100 == 4 {
			continue
		}
		if slices.ContainsFunc(lost, func(end string) bool { return strings.HasSuffix(e.Event, end) }) {
			events = append(events, LostEvent{Time: e.Time, Name: e.Event, ClientID: e.ClientID, Grant: e.Grant, Object: e.Object, Detail: e.Detail})
		}
	}
	return events, lines.Err()
}
