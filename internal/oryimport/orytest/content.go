package orytest

import (
	"encoding/json"
	"maps"
	"time"
)

// Consent is a consent that was given.
type Consent struct {
	Challenge string
	Client    string
	Subject   string
	Scope     []string
	Remember  bool
	For       int // seconds; 0: without an end
	Skip      bool
	At        time.Time
	IDToken   map[string]any // claims that the consent app gave
	Access    map[string]any
	Change    Row // columns that differ from the usual
}

// Refresh is a refresh token that came out of a consent.
type Refresh struct {
	Consent   Consent
	Spent     bool
	At        time.Time
	ExpiresAt time.Time // zero: without an end
	Signed    string    // the system secret, if it is not Secret
	Plain     bool      // the session is not sealed
	Change    Row
}

// Client adds a client. Columns that are not given are as that server leaves
// them for one that may do everything, with the redirect URI of tests.
func (d *Database) Client(id, hash string, change Row) {
	d.t.Helper()
	at := time.Unix(1600000000, 0)
	row := Row{
		"id": id, "client_name": "", "client_secret": hash, "client_secret_expires_at": 0, "redirect_uris": []string{"https://app.test/cb?keep=1"},
		"grant_types": []string{"authorization_code", "refresh_token", "client_credentials"}, "response_types": []string{"code"},
		"scope": "openid offline offline_access a b c", "owner": "", "policy_uri": "", "tos_uri": "", "client_uri": "", "logo_uri": "", "contacts": []string{},
		"sector_identifier_uri": "", "jwks": "{}", "jwks_uri": "", "token_endpoint_auth_method": "client_secret_basic",
		"token_endpoint_auth_signing_alg": "", "request_uris": []string{}, "request_object_signing_alg": "",
		"userinfo_signed_response_alg": "none", "subject_type": "public", "allowed_cors_origins": []string{}, "audience": []string{},
		"frontchannel_logout_uri": "", "frontchannel_logout_session_required": false, "post_logout_redirect_uris": []string{},
		"backchannel_logout_uri": "", "backchannel_logout_session_required": false, "metadata": map[string]any{},
		"registration_access_token_signature": "", "created_at": at, "updated_at": at, "access_token_strategy": "", "skip_consent": false,
	}
	maps.Copy(row, change)
	d.Insert("hydra_client", row)
}

// Key adds a key to a set, sealed with a system secret.
func (d *Database) Key(set, kid, system string, jwk json.RawMessage, at time.Time) {
	d.t.Helper()
	d.Insert("hydra_jwk", Row{"pk": string(hexOf(d.different(8))), "sid": set, "kid": kid, "version": 0, "keydata": d.Seal(system, string(jwk)), "created_at": at})
}

func hexOf(b []byte) []byte {
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
	}
	return out
}

// Trust adds a trusted issuer whose key is in the set that has its name.
func (d *Database) Trust(id, issuer, subject, kid string, scope []string, until time.Time) {
	d.t.Helper()
	d.Insert("hydra_oauth2_trusted_jwt_bearer_issuer", Row{
		"id": id, "issuer": issuer, "subject": subject, "allow_any_subject": subject == "", "scope": scope, "key_set": issuer, "key_id": kid,
		"created_at": time.Unix(1600000000, 0), "expires_at": until,
	})
}

// Consent adds a consent.
func (d *Database) Consent(c Consent) {
	d.t.Helper()
	row := Row{
		"client_id": c.Client, "subject": c.Subject, "requested_scope": c.Scope, "granted_scope": c.Scope,
		"requested_at_audience": []string{}, "granted_at_audience": []string{}, "requested_at": c.At, "acr": "2", "amr": []string{"pwd"},
		"request_url": "https://old.test/oauth2/auth?client_id=" + c.Client + "&scope=openid", "oidc_context": map[string]any{}, "context": map[string]any{},
		"forced_subject_identifier": "", "login_session_id": "s-" + c.Challenge, "session_access_token": object(c.Access), "session_id_token": object(c.IDToken),
		// before v2.0
		"challenge": c.Challenge, "verifier": "v-" + c.Challenge, "csrf": "c-" + c.Challenge, "skip": c.Skip, "remember": c.Remember, "remember_for": c.For,
		"error": "{}", "was_used": true, "handled_at": c.At.Add(time.Second), "authenticated_at": c.At.Add(-time.Second), "login_challenge": "l-" + c.Challenge,
		// since
		"consent_challenge_id": c.Challenge, "consent_skip": c.Skip, "consent_remember": c.Remember, "consent_remember_for": c.For,
		"consent_handled_at": c.At.Add(time.Second), "login_authenticated_at": c.At.Add(-time.Second),
		"login_verifier": "lv-" + c.Challenge, "login_csrf": "lc-" + c.Challenge, "consent_verifier": "v-" + c.Challenge, "consent_csrf": "c-" + c.Challenge,
	}
	if d.Release == V2 {
		row["state"], row["consent_error"], row["login_error"] = 6, "{}", "{}"
	}
	maps.Copy(row, c.Change)
	d.Insert("hydra_oauth2_consent_request", row)
	d.Insert("hydra_oauth2_consent_request_handled", row)
	d.Insert("hydra_oauth2_flow", row)
}

func object(v map[string]any) map[string]any {
	if v == nil {
		return map[string]any{}
	}
	return v
}

// Refresh adds a refresh token and returns it. Tokens of one consent belong to
// one chain.
func (d *Database) Refresh(r Refresh) string {
	d.t.Helper()
	system := Secret
	if r.Signed != "" {
		system = r.Signed
	}
	token, signature := d.Token(system)
	session := d.session(r)
	if !r.Plain {
		session = d.Seal(system, session)
	}
	c := r.Consent
	row := Row{
		"signature": signature, "request_id": "r-" + c.Challenge, "requested_at": r.At, "client_id": c.Client, "scope": c.Scope, "granted_scope": c.Scope,
		"form_data": "", "session_data": session, "subject": c.Subject, "active": !r.Spent, "requested_audience": []string{}, "granted_audience": []string{},
		"challenge_id": c.Challenge,
	}
	if d.Release == V26 && !r.ExpiresAt.IsZero() {
		row["expires_at"] = r.ExpiresAt
	}
	maps.Copy(row, r.Change)
	d.Insert("hydra_oauth2_refresh", row)
	return token
}

// session is what that server knows of the user.
func (d *Database) session(r Refresh) string {
	d.t.Helper()
	c := r.Consent
	expiry := map[string]any{}
	if !r.ExpiresAt.IsZero() {
		expiry["refresh_token"] = r.ExpiresAt.UTC()
	}
	claims := map[string]any{"sub": c.Subject, "auth_time": c.At.UTC(), "acr": "2", "amr": []string{"pwd"}, "ext": object(c.IDToken)}
	raw, err := json.Marshal(map[string]any{
		"id_token":  map[string]any{"id_token_claims": claims, "expires_at": expiry, "subject": c.Subject, "username": "", "headers": map[string]any{"extra": map[string]any{}}},
		"extra":     object(c.Access),
		"client_id": c.Client, "consent_challenge": c.Challenge, "exclude_not_before_claim": false, "allowed_top_level_claims": []string{},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return string(raw)
}
