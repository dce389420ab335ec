package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"hydra/internal/admin"
	"hydra/internal/oauth"
	"hydra/internal/web"
)

// securityEvents are the events of the services that belong into the audit
// log, with their outcome. What the admin API does is there already, by its
// changes; what is not here is for the ordinary log. docs/operations/audit.md
// explains each.
var securityEvents = map[string]string{
	"code_replayed":                   admin.Refused,
	"code_of_another_client":          admin.Refused,
	"code_redirect_uri_mismatch":      admin.Refused,
	"pkce_failed":                     admin.Refused,
	"refresh_token_reused":            admin.Refused,
	"refresh_token_of_another_client": admin.Refused,
	"refresh_token_ahead":             admin.Refused,
	"device_code_of_another_client":   admin.Refused,
	"user_code_wrong":                 admin.Refused,
	"device_connected":                admin.Done,
	"client_secret_wrong":             admin.Refused,
	"client_assertion_replayed":       admin.Refused,
	"jwt_bearer_untrusted":            admin.Refused,
	"jwt_bearer_replayed":             admin.Refused,
	"revocation_list_full":            admin.Done,
	"logout_call_failed":              admin.Failed,
	"login_session_ended":             admin.Done,
	"client_registered":               admin.Done,
	"client_registration_changed":     admin.Done,
	"client_registration_deleted":     admin.Done,
	"signing_key_rotated":             admin.Done,
	"encryption_key_rotated":          admin.Done,
	"token_revoked":                   admin.Done,
	"admin_unauthorized":              admin.Refused,
	"admin_forbidden":                 admin.Refused,
	"admin_refused":                   admin.Refused,
}

// ordinaryEvents are the others: the admin API's change says the same and by
// whom, or nobody's security is concerned.
var ordinaryEvents = []string{
	"consents_revoked", "login_sessions_revoked", "login_session_revoked", "trusted_issuer_added", "trusted_issuer_deleted", "jwks_uri_failed", "request_uri_failed",
}

// auditor writes the audit log: one line for each event, with the attribute
// audit. Refusals are bounded for each network, because anybody can cause them.
type auditor struct {
	log   *slog.Logger
	limit web.Limiter
	close io.Closer
}

// newAuditor opens the audit log: a file of its own with lines of JSON, or the
// ordinary log if the name is empty.
func newAuditor(name string, log *slog.Logger, now func() time.Time) (*auditor, error) {
	a := &auditor{log: log, limit: web.Limiter{Rate: 1, Burst: 20, Now: now}}
	if name != "" {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return nil, err
		}
		a.close = f
		a.log = slog.New(slog.NewJSONHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: replace}))
	}
	return a, nil
}

func (a *auditor) Close() error {
	if a.close == nil {
		return nil
	}
	return a.close.Close()
}

// write adds one event. Nothing that comes in is believed to be short.
func (a *auditor) write(ctx context.Context, event, outcome string, attrs ...slog.Attr) {
	network := web.NetworkOf(ctx)
	if outcome == admin.Refused {
		if ok, _ := a.limit.Allow(event + " " + network); !ok {
			return
		}
	}
	line := []slog.Attr{slog.Bool("audit", true), slog.String("event", event), slog.String("outcome", outcome)}
	for _, known := range []slog.Attr{
		slog.String("actor", web.Actor(ctx)), slog.String("network", network), slog.String("request_id", web.RequestID(ctx)),
	} {
		if known.Value.String() != "" {
			line = append(line, known)
		}
	}
	a.log.LogAttrs(context.WithoutCancel(ctx), slog.LevelInfo, "event", append(line, attrs...)...)
}

// changed is admin.Handler.Audit.
func (a *auditor) changed(ctx context.Context, c admin.Change) {
	var attrs []slog.Attr
	if c.Object != "" {
		attrs = append(attrs, slog.String("object", c.Object))
	}
	if c.Status != 0 {
		attrs = append(attrs, slog.Int("status", c.Status))
	}
	a.write(ctx, c.Event, c.Outcome, attrs...)
}

// observer counts events and writes them to the log that they belong into.
func (m *metrics) observer(log *slog.Logger, audit *auditor) oauth.Observer {
	return func(ctx context.Context, e oauth.Event) {
		m.events.WithLabelValues(e.Name).Inc()
		var attrs []slog.Attr
		if e.ClientID != "" {
			attrs = append(attrs, slog.String("client_id", web.Shorten(e.ClientID, 255)))
		}
		if e.Grant != (oauth.ID{}) {
			attrs = append(attrs, slog.String("grant", e.Grant.String()))
		}
		if e.Detail != "" {
			attrs = append(attrs, slog.String("detail", e.Detail))
		}
		if outcome, ok := securityEvents[e.Name]; ok {
			audit.write(ctx, e.Name, outcome, attrs...)
			return
		}
		line := []slog.Attr{slog.String("event", e.Name), slog.String("request_id", web.RequestID(ctx))}
		log.LogAttrs(ctx, slog.LevelInfo, "event", append(line, attrs...)...)
	}
}

// closeAll closes what was opened, in this order, whatever happens.
func closeAll(all ...io.Closer) error {
	var errs []error
	for _, c := range all {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
