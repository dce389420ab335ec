package server_test

import (
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hydra/internal/config"
	"hydra/internal/oauth"
	"hydra/internal/server"
)

// What the audit log of the lost time names is done again, as often as it is
// asked for; what was refused, and what was made anew since, is left alone.
func TestRestoredRepeatsTheAuditLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, copied := filepath.Join(dir, "audit.json"), filepath.Join(dir, "copy.sqlite")
	const issuer = "URLS_SELF_ISSUER=https://issuer.test/"
	dsn := "sqlite://" + filepath.Join(dir, "hydra.sqlite")
	w := newWorldAt(t, []string{"DSN=" + dsn, systemSecret}, issuer, "LOG_AUDIT="+file)
	c, kept := w.client(t, nil), w.client(t, nil)
	const spaced = "a client 100%"
	w.client(t, m{"client_id": spaced})
	w.client(t, m{"client_id": "a_client_100_"})
	sign := func(subject string) m {
		return w.exchange(t, c, w.browser().visit(t, c, m{"subject": subject}, nil, "scope", "openid offline a"))
	}
	revoked, withdrawn, honest := sign("revoked"), sign("withdrawn"), sign("honest")
	initial := w.call(t, "POST", "/admin/oauth2/register/tokens", m{}).object(t, 201)["id"].(string)
	w.status(t, 201, "POST", "/admin/keys/extra", m{"alg": "ES256", "use": "sig", "kid": "k"})
	w.status(t, 201, "POST", "/admin/keys/extra", m{"alg": "ES256", "use": "sig", "kid": "stays"})
	taken := w.clock.Now()
	if err := server.Backup(t.Context(), oauth.Secret(dsn), copied); err != nil {
		t.Fatal(err)
	}

	w.clock.Advance(time.Hour)
	form := url.Values{"token": {fmt.Sprint(revoked["refresh_token"])}}.Encode()
	if r := do(t, client, "POST", w.Public+"/oauth2/revoke", form, formType, basic(c.ID, c.Secret), proxied); r.Status != 200 {
		t.Fatalf("revoke: %d %s", r.Status, r.Body)
	}
	consent := fmt.Sprint(w.consents(t, "withdrawn")[0]["consent_request_id"])
	w.status(t, 204, "DELETE", "/admin/oauth2/auth/sessions/consent?consent_request_id="+consent, nil)
	w.status(t, 204, "DELETE", "/admin/clients/"+url.PathEscape(spaced), nil)
	w.status(t, 204, "DELETE", "/admin/oauth2/register/tokens/"+initial, nil)
	w.status(t, 204, "DELETE", "/admin/keys/extra/k", nil)
	w.status(t, 204, "DELETE", "/admin/oauth2/auth/sessions/consent?subject=honest&all=true", nil)
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// The times of a log are those of the machine; the lost ones are this hour's.
	lost := w.clock.Now()
	log := strings.ReplaceAll(string(text), `"time":"`, `"time":"`+lost.UTC().Format(time.RFC3339)+`","logged":"`)
	log += fmt.Sprintf(`{"time":%q,"event":"client_deleted","object":"client:%s","status":409}`+"\n", lost.Format(time.RFC3339), kept.ID)

	dsn = "sqlite://" + copied
	cfg, err := config.Load(config.Input{Environ: []string{"DSN=" + dsn, systemSecret, issuer}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := server.OpenData(t.Context(), cfg, slog.New(slog.DiscardHandler), w.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		done, err := d.Restored(t.Context(), taken, false, strings.NewReader(log))
		if err != nil {
			t.Fatal(err)
		}
		again := map[string][]bool{}
		for _, e := range done.Events {
			again[e.Name] = append(again[e.Name], e.Again)
		}
		want := map[string][]bool{
			"token_revoked": {true}, "consents_deleted": {true, false}, "client_deleted": {true}, "initial_access_token_deleted": {true}, "key_deleted": {true},
		}
		if fmt.Sprint(again) != fmt.Sprint(want) {
			t.Errorf("Restored() repeats %v, want %v\n%s", again, want, log)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}

	after := newWorldAt(t, []string{"DSN=" + dsn, systemSecret}, issuer)
	after.clock.Advance(w.clock.Now().Sub(after.clock.Now()))
	refresh := func(out m) int {
		return after.token(t, c, "grant_type", "refresh_token", "refresh_token", fmt.Sprint(out["refresh_token"])).Status
	}
	if a, b, h := refresh(revoked), refresh(withdrawn), refresh(honest); a != 400 || b != 400 || h != 200 {
		t.Errorf("refresh tokens: revoked %d, withdrawn %d, honest %d", a, b, h)
	}
	after.status(t, 404, "GET", "/admin/clients/"+url.PathEscape(spaced), nil)
	for _, id := range []string{"a_client_100_", kept.ID} {
		after.status(t, 200, "GET", "/admin/clients/"+id, nil)
	}
	after.status(t, 404, "DELETE", "/admin/oauth2/register/tokens/"+initial, nil)
	after.status(t, 404, "GET", "/admin/keys/extra/k", nil)
	after.status(t, 200, "GET", "/admin/keys/extra/stays", nil)
}
