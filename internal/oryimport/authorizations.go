package oryimport

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"hydra/internal/oauth"
)

// Authorization is a consent or a chain of refresh tokens.
type Authorization struct {
	oauth.Authorization
	Problem error // why it cannot be carried over whole
}

var (
	// Since v2.0 one row holds the login, the consent and what came of them.
	neededOfFlow = []string{
		"consent_challenge_id", "client_id", "subject", "requested_at", "requested_scope", "granted_scope", "requested_at_audience",
		"granted_at_audience", "request_url", "acr", "consent_skip", "consent_remember", "consent_remember_for", "consent_handled_at",
		"session_id_token", "session_access_token",
	}
	othersOfFlow = []string{"amr", "context", "forced_subject_identifier", "login_authenticated_at", "state", "consent_error"}

	// Before, the request and the decision had a table each.
	neededOfConsent = []string{
		"challenge", "client_id", "subject", "skip", "requested_scope", "requested_at", "request_url", "requested_at_audience",
		"acr", "authenticated_at", "forced_subject_identifier",
	}
	othersOfConsent = []string{"context", "amr"}
	neededOfHandled = []string{"granted_scope", "granted_at_audience", "remember", "remember_for", "error", "session_access_token", "session_id_token"}
	othersOfHandled = []string{"handled_at"}

	neededOfRefresh = []string{
		"signature", "request_id", "challenge_id", "requested_at", "client_id", "scope", "granted_scope", "session_data", "subject",
		"active", "requested_audience", "granted_audience",
	}
	othersOfRefresh = []string{"expires_at"}
)

// Authorizations reads all consents that were given, each with the refresh
// tokens that came out of it, and then the refresh tokens without a consent.
// What of them still counts is for the caller to decide.
func (s *Source) Authorizations(ctx context.Context, each func(Authorization) error) error {
	table, key, stmt, args, err := s.consents()
	if err != nil {
		return err
	}
	err = s.walk(ctx, table, stmt, key, args, func(rows []row) error {
		tokens, err := s.tokensOf(ctx, rows, key)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if !given(r) {
				continue
			}
			a := s.consent(r, key)
			s.addTokens(&a, tokens[a.Chain])
			if err := each(a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.lone(ctx, each)
}

// consents makes the statement that reads consents, in the order of their key.
func (s *Source) consents() (table, key, stmt string, args []any, err error) {
	if s.tables[flowTable] {
		columns, err := s.pick(flowTable, "f.", neededOfFlow, othersOfFlow)
		where, args := s.within("f.")
		return flowTable, "consent_challenge_id",
			"SELECT " + columns + " FROM " + flowTable + " f WHERE f.consent_challenge_id > ?" + where + " ORDER BY f.consent_challenge_id LIMIT ?", args, err
	}
	asked, err := s.pick(consentTable, "r.", neededOfConsent, othersOfConsent)
	if err != nil {
		return "", "", "", nil, err
	}
	decided, err := s.pick(handledTable, "h.", neededOfHandled, othersOfHandled)
	return consentTable, "challenge",
		"SELECT " + asked + ", " + decided + " FROM " + consentTable + " r JOIN " + handledTable + " h ON h.challenge = r.challenge" +
			" WHERE r.challenge > ? ORDER BY r.challenge LIMIT ?", nil, err
}

// given reports whether the consent app said yes. Columns of the time before
// v26 tell; later a row is written only when it did.
func given(r row) bool {
	if fault := r.text("consent_error") + r.text("error"); fault != "" && fault != "{}" && fault != "null" {
		return false
	}
	if state, ok := r["state"]; ok && state != nil && r.number("state") != 0 {
		// 5 and 6: accepted, and brought back by the browser.
		if n := r.number("state"); n != 5 && n != 6 && r.time("consent_handled_at").IsZero() {
			return false
		}
	}
	_, before := r["remember"]
	return before || !r.time("consent_handled_at").IsZero() || r.number("state") == 5 || r.number("state") == 6
}

func (s *Source) consent(r row, key string) Authorization {
	a := Authorization{Authorization: oauth.Authorization{
		Chain: r.text(key), ClientID: r.text("client_id"), Subject: r.text("subject"), Identifier: r.text("forced_subject_identifier"),
		RequestURL: r.text("request_url"), RequestedScope: r.list("requested_scope"), RequestedAudience: r.list("requested_at_audience"),
		GrantedScope: r.list("granted_scope"), GrantedAudience: r.list("granted_at_audience"),
		RequestedAt: r.time("requested_at"), ACR: r.text("acr"), AMR: r.list("amr"), Context: r.object("context"),
		AccessClaims: r.object("session_access_token"), IDClaims: r.object("session_id_token"),
		Skip: r.flag("skip") || r.flag("consent_skip"), Remember: r.flag("remember") || r.flag("consent_remember"),
		RememberFor: r.number("remember_for") + r.number("consent_remember_for"), // a row has one of the two
	}}
	a.AuthTime = earliest(r.time("authenticated_at"), r.time("login_authenticated_at"), a.RequestedAt)
	a.HandledAt = earliest(r.time("handled_at"), r.time("consent_handled_at"), a.RequestedAt)
	return a
}

// earliest returns the first time that is known.
func earliest(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Unix(0, 0).UTC()
}

// tokensOf reads the refresh tokens of a page of consents.
func (s *Source) tokensOf(ctx context.Context, rows []row, key string) (map[string][]row, error) {
	columns, err := s.pick(refreshTable, "", neededOfRefresh, othersOfRefresh)
	if err != nil {
		return nil, err
	}
	args := make([]any, page) // always as many, so that there is one statement
	for i := range args {
		args[i] = rows[min(i, len(rows)-1)].text(key)
	}
	where, network := s.within("")
	stmt := "SELECT " + columns + " FROM " + refreshTable + " WHERE challenge_id IN (?" + strings.Repeat(", ?", page-1) + ")" + where +
		" ORDER BY requested_at, signature"
	found, err := s.read(ctx, refreshTable, stmt, append(args, network...)...)
	if err != nil {
		return nil, err
	}
	tokens := map[string][]row{}
	for _, r := range found {
		tokens[r.text("challenge_id")] = append(tokens[r.text("challenge_id")], r)
	}
	return tokens, nil
}

// addTokens adds the refresh tokens of a chain. What the newest of them that
// can be used says of the user goes before what the consent says.
func (s *Source) addTokens(a *Authorization, rows []row) {
	live := slices.ContainsFunc(rows, func(r row) bool { return r.flag("active") })
	if !live {
		return // nothing of the chain can be used, so nothing has to be recognised
	}
	for _, r := range rows {
		t := oauth.ForeignToken{Signature: r.text("signature"), Spent: !r.flag("active"), ExpiresAt: oauth.Never}
		if !t.Spent {
			k, err := s.session(r)
			if err != nil {
				a.Problem = fmt.Errorf("the refresh token of the request %s: %w", r.text("request_id"), err)
				a.Tokens = nil
				return
			}
			t.ExpiresAt = k.refreshUntil
			if at := r.time("expires_at"); !at.IsZero() {
				t.ExpiresAt = at
			}
			a.know(k)
			a.GrantedScope, a.GrantedAudience = r.list("granted_scope"), r.list("granted_audience")
		}
		a.Tokens = append(a.Tokens, t)
	}
}

func (s *Source) session(r row) (known, error) {
	plain, err := s.open(r.text("session_data"))
	if err != nil {
		return known{}, err
	}
	return readSession(plain)
}

// know takes over what a session says.
func (a *Authorization) know(k known) {
	if k.subject != "" && k.subject != a.Subject {
		a.Identifier = k.subject
	}
	if !k.authTime.IsZero() {
		a.AuthTime = k.authTime
	}
	if k.acr != "" {
		a.ACR = k.acr
	}
	if len(k.amr) > 0 {
		a.AMR = k.amr
	}
	a.AccessClaims, a.IDClaims = k.accessClaims, k.idClaims
}

// lone reads the refresh tokens that no consent stands behind.
func (s *Source) lone(ctx context.Context, each func(Authorization) error) error {
	columns, err := s.pick(refreshTable, "", neededOfRefresh, othersOfRefresh)
	if err != nil {
		return err
	}
	where, args := s.within("")
	stmt := "SELECT " + columns + " FROM " + refreshTable + " WHERE signature > ? AND challenge_id IS NULL" + where + " ORDER BY signature LIMIT ?"
	return s.walk(ctx, refreshTable, stmt, "signature", args, func(rows []row) error {
		for _, r := range rows {
			if !r.flag("active") {
				continue
			}
			at := earliest(r.time("requested_at"))
			a := Authorization{Authorization: oauth.Authorization{
				Chain: r.text("request_id"), ClientID: r.text("client_id"), Subject: r.text("subject"),
				RequestedScope: r.list("scope"), RequestedAudience: r.list("requested_audience"),
				RequestedAt: at, HandledAt: at, AuthTime: at,
			}}
			s.addTokens(&a, []row{r})
			if err := each(a); err != nil {
				return err
			}
		}
		return nil
	})
}
