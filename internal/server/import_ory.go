package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"hydra/internal/admin"
	"hydra/internal/client"
	"hydra/internal/flow"
	"hydra/internal/key"
	"hydra/internal/oauth"
	"hydra/internal/oryimport"
	"hydra/internal/token"
)

// ImportORY says what to take over from an ORY Hydra database, and how.
type ImportORY struct {
	DSN     oauth.Secret
	Secrets []oauth.Secret // system secrets of the other server, all that are in use
	Network string         // whose rows; may be empty where there is one network
	Replace bool           // clients that are here with the same id and other members
	DryRun  bool           // only tell what would happen
	// Tell is told what became of each thing.
	Tell func(ImportResult)
}

// ImportResult tells what became of one thing. It holds no secret.
type ImportResult struct {
	What   string `json:"what"` // "client", "key", "trusted issuer", "authorization"
	Name   string `json:"name"`
	Result string `json:"result"`        // one of the Import constants
	Why    string `json:"why,omitempty"` // one sentence, where it is not as one would expect
}

// What can become of a thing.
const (
	ImportCreated   = "created"
	ImportUpdated   = "updated"
	ImportUnchanged = "unchanged"
	ImportSkipped   = "skipped" // nothing in it still counts
	ImportDiffers   = "differs" // another one is here and stays
	ImportEnded     = "ended"   // it was taken over before, and went on over there
	ImportFailed    = "failed"
)

// importer is one import.
type importer struct {
	ImportORY
	source  *oryimport.Source
	clients *client.Service
	keys    *key.Service
	tokens  *token.Service
	flows   *flow.Service

	carried map[string]*oauth.Client // by id; without those that differ or failed
	counts  map[string]int           // by what became of things
}

// ErrImportIncomplete says that some things could not be taken over; each was
// told.
var ErrImportIncomplete = errors.New("not everything could be taken over")

// ImportORY reads the database of an ORY Hydra and takes over its clients,
// keys, trusted issuers, remembered consents and live refresh tokens. What is
// here already stays as it is, so that a second import changes nothing.
//
// One thing that cannot be taken over does not keep the others out; the error
// is then ErrImportIncomplete. A wrong system secret ends the import before
// anything is written. What was done is told to the audit log.
func (d *Data) ImportORY(ctx context.Context, o ImportORY) (err error) {
	audit, err := newAuditor(d.Config.Log.Audit, d.Log, d.Now)
	if err != nil {
		return fmt.Errorf("log.audit: %w", err)
	}
	defer func() { err = errors.Join(err, audit.Close()) }()
	secrets := make([]string, len(o.Secrets))
	for i, s := range o.Secrets {
		secrets[i] = string(s)
	}
	source, err := oryimport.Open(ctx, string(o.DSN), secrets, o.Network)
	if err != nil {
		return fmt.Errorf("the other database: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	keys, err := source.AllKeys(ctx)
	if errors.Is(err, oryimport.ErrSecret) {
		return errors.New("no key of the other database opens with the given system secrets: give all that its configuration has in secrets.system, the current one and older ones")
	}
	if err != nil {
		return err
	}
	i := d.importer(o, source)
	err = i.run(ctx, keys)
	if !o.DryRun {
		audit.imported(ctx, i.counts, err)
	}
	return err
}

func (i *importer) run(ctx context.Context, keys []oryimport.Key) error {
	for _, step := range []func() error{
		func() error { return i.importSecrets(ctx) },
		func() error { return i.importClients(ctx) },
		func() error { return i.importKeys(ctx, keys) },
		func() error { return i.importAuthorizations(ctx) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if n := i.counts[ImportFailed]; n > 0 {
		return fmt.Errorf("%w: %d failed", ErrImportIncomplete, n)
	}
	return nil
}

func (d *Data) importer(o ImportORY, source *oryimport.Source) *importer {
	c, sealer, watch := d.Config, d.ring.Sealer, d.ring.Watch
	i := &importer{ImportORY: o, source: source, carried: map[string]*oauth.Client{}, counts: map[string]int{}}
	i.clients = &client.Service{Store: d.store, Replays: d.store, Watch: watch, Now: d.Now, Sealer: sealer, Options: clientOptions(c)}
	i.keys = &key.Service{Store: d.store, Sealer: sealer, Watch: watch, Now: d.Now}
	i.tokens = &token.Service{
		Store: d.store, Clients: i.clients, Keys: i.keys, Sealer: sealer, Now: d.Now, Options: tokenOptions(c),
		Imports: &token.Imports{Store: d.store, Grants: d.store, Sealer: sealer, Watch: watch, Now: d.Now},
	}
	i.flows = &flow.Service{Store: d.store, Clients: i.clients, Tokens: i.tokens, Sealer: sealer, Now: d.Now, Options: flowOptions(c)}
	return i
}

// tell reports an outcome. An error that is not about the thing itself, such
// as one of the database, is returned.
func (i *importer) tell(r ImportResult, err error) error {
	if err != nil {
		var why *oauth.Error
		if !errors.As(err, &why) {
			return err
		}
		r.Result, r.Why = ImportFailed, why.Public
	}
	i.counts[r.Result]++
	i.Tell(r)
	return nil
}

// imported tells of an import that wrote.
func (a *auditor) imported(ctx context.Context, counts map[string]int, err error) {
	attrs := []slog.Attr{slog.String("actor", "command")}
	outcome := admin.Done
	if err != nil {
		outcome = admin.Failed
	}
	for _, result := range []string{ImportCreated, ImportUpdated, ImportUnchanged, ImportDiffers, ImportEnded, ImportSkipped, ImportFailed} {
		attrs = append(attrs, slog.Int(result, counts[result]))
	}
	a.write(ctx, "ory_imported", outcome, attrs...)
}

// importSecrets keeps the system secrets, before there is a token that needs
// them.
func (i *importer) importSecrets(ctx context.Context) error {
	for _, k := range i.source.Keys {
		if i.DryRun {
			break
		}
		if _, err := i.tokens.Imports.AddKey(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

func (i *importer) importClients(ctx context.Context) error {
	return i.source.Clients(ctx, func(c oryimport.Client) error {
		r := ImportResult{What: "client", Name: c.ID}
		stored, what, err := i.clients.Import(ctx, c.Client, c.Hash, i.Replace, i.DryRun)
		if err == nil {
			r.Result = map[client.Imported]string{
				client.ImportAdded: ImportCreated, client.ImportUnchanged: ImportUnchanged,
				client.ImportReplaced: ImportUpdated, client.ImportDiffers: ImportDiffers,
			}[what]
			if what == client.ImportDiffers {
				r.Why = "A client with this id and other members or another secret is here; it stays, and gets no authorizations. --overwrite replaces it."
			} else {
				i.carried[c.ID] = stored
			}
		}
		return i.tell(r, err)
	})
}

// importKeys takes over trusted issuers with their keys, and then the other
// keys, the newest first.
func (i *importer) importKeys(ctx context.Context, keys []oryimport.Key) error {
	trusts, err := i.source.Trusts(ctx, keys)
	if err != nil {
		return err
	}
	ofTrust := map[[2]string]bool{}
	for _, t := range trusts {
		ofTrust[[2]string{t.KeySet, t.KID}] = true
		r := ImportResult{What: "trusted issuer", Name: t.Issuer + " " + t.KID}
		var created bool
		switch {
		case t.Problem != nil:
			err, r.Result, r.Why = nil, ImportFailed, t.Problem.Error()
		case oauth.Past(t.ExpiresAt, i.tokens.Now()):
			err, r.Result, r.Why = nil, ImportSkipped, "It has expired."
		default:
			created, err = i.tokens.ImportTrust(ctx, &t.TrustedIssuer, i.DryRun)
			r.Result = createdOr(created)
		}
		if err := i.tell(r, err); err != nil {
			return err
		}
	}
	for _, k := range slices.Backward(keys) {
		if ofTrust[[2]string{k.Set, k.KID}] {
			continue
		}
		r := ImportResult{What: "key", Name: k.Set + " " + k.KID}
		var created bool
		if k.Problem != nil {
			err, r.Result, r.Why = nil, ImportFailed, k.Problem.Error()
		} else {
			created, err = i.keys.Import(ctx, k.Set, k.KID, k.JWK, k.CreatedAt, slices.Contains(SigningSets(), k.Set), i.DryRun)
			r.Result = createdOr(created)
		}
		if err := i.tell(r, err); err != nil {
			return err
		}
	}
	return nil
}

func createdOr(created bool) string {
	if created {
		return ImportCreated
	}
	return ImportUnchanged
}

func (i *importer) importAuthorizations(ctx context.Context) error {
	return i.source.Authorizations(ctx, func(a oryimport.Authorization) error {
		r := ImportResult{What: "authorization", Name: a.ClientID + " " + a.Chain}
		c := i.carried[a.ClientID]
		if c == nil {
			r.Result, r.Why = ImportSkipped, "Its client was not taken over."
			return i.tell(r, nil)
		}
		if a.Problem != nil {
			r.Result, r.Why = ImportFailed, a.Problem.Error()
			return i.tell(r, nil)
		}
		became, err := i.flows.Import(ctx, c, &a.Authorization, i.DryRun)
		r.Result = map[flow.Imported]string{
			flow.ImportAdded: ImportCreated, flow.ImportKnown: ImportUnchanged, flow.ImportOver: ImportSkipped, flow.ImportMoved: ImportEnded,
		}[became]
		if became == flow.ImportMoved {
			r.Why = "It was taken over before, and has changed over there since: its refresh tokens are ended here."
		}
		if became == flow.ImportOver {
			return err // what is over is of no interest, and there is a lot of it
		}
		return i.tell(r, err)
	})
}
