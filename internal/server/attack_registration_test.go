package server_test

import (
	"net/http"
	"sync"
	"testing"
)

// Attack: give oneself what only an administrator decides, by registering it,
// by changing the registration, or in a software statement that nobody looked
// through. Every member that the admin API knows is tried.
func TestAttackRegisterHiddenMembers(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	w := newWorld(t, registrationOn, "CLIENTS_HTTP_CA_FILE="+h.caFile, "CLIENTS_HTTP_ALLOWED_NETWORKS=127.0.0.0/8",
		"OIDC_DYNAMIC_CLIENT_REGISTRATION_STATEMENT_ISSUERS=https://trust.test "+h.URL+"/jwks",
		"OIDC_DYNAMIC_CLIENT_REGISTRATION_LIMIT_PER_HOUR=100000")
	j := w.jar(t, nil)
	h.publish("/jwks", m{"keys": []m{{"kty": "RSA", "kid": "r", "n": b64(j.rsa.N.Bytes()), "e": "AQAB"}}})
	seen := func(out m) m {
		all := w.call(t, "GET", "/admin/clients/"+out["client_id"].(string), nil).object(t, 200)
		for _, own := range []string{"client_id", "created_at", "updated_at"} {
			delete(all, own)
		}
		return all
	}
	plain := w.register(t, "POST", "", "", metadata(nil)).object(t, 201)
	want := seen(plain)
	hidden := m{
		"owner": "root", "audience": []string{"https://api.test"}, "metadata": m{"role": "admin"}, "skip_consent": true, "skip_logout_consent": true,
		"access_token_strategy": "jwt", "access_token_profile": "rfc9068", "access_token_signed_response_alg": "ES256",
		"localhost_any_port": true, "overlapping_refresh": true, "client_secret_expires_at": 4_000_000_000, "uid": "00000000000000000000000000000000",
		"epoch": 7, "version": 7, "origin": "admin", "expires_at": "9999-01-01T00:00:00Z", "registration_generation": 0,
		"Owner": "root", "SKIP_CONSENT": true, "SkipConsent": true, "Lifespans": m{"JWTBearerAccess": 1 << 60},
	}
	for _, grant := range []string{"authorization_code_grant", "client_credentials_grant", "device_authorization_grant", "implicit_grant", "jwt_bearer_grant", "refresh_token_grant"} {
		for _, token := range []string{"access", "id", "refresh"} {
			hidden[grant+"_"+token+"_token_lifespan"] = "9999h"
		}
	}
	for name, value := range hidden {
		body := metadata(m{name: value})
		statement := metadata(m{"software_statement": j.sign(t, m{"alg": "RS256", "kid": "r"}, m{"iss": "https://trust.test", name: value})})
		for how, r := range map[string]reply{
			"registered":     w.register(t, "POST", "", "", body),
			"in a statement": w.register(t, "POST", "", "", statement),
			"changed":        w.register(t, "PUT", "/"+plain["client_id"].(string), plain["registration_access_token"].(string), body),
		} {
			switch r.Status {
			case http.StatusBadRequest: // said so
			case http.StatusCreated, http.StatusOK:
				out := r.object(t, r.Status)
				if how == "changed" {
					plain = out
				}
				equal(t, how+": "+name, seen(out), want)
			default:
				t.Fatalf("%s: %s: %d %s", how, name, r.Status, r.Body)
			}
		}
	}
}

// Attack: one initial access token for one client, brought by many at once to
// two nodes; and one registration token, by which many change the client at
// once. One of them wins.
func TestAttackRegistrationRaces(t *testing.T) {
	t.Parallel()
	dsn := "DSN=sqlite://" + t.TempDir() + "/hydra.sqlite"
	environ := []string{systemSecret, registrationOn, "URLS_SELF_ISSUER=https://issuer.test/", "HTTPS_ALLOW_TERMINATION_FROM=127.0.0.0/8"}
	nodes := []*world{newWorldAt(t, []string{dsn}, environ...), newWorldAt(t, []string{dsn}, environ...)}
	one := nodes[0]
	race := func(body any, method, path, token string) map[int]int {
		var mu sync.Mutex
		var wg sync.WaitGroup
		statuses := map[int]int{}
		for i := range 12 {
			wg.Go(func() {
				r := nodes[i%len(nodes)].register(t, method, path, token, body)
				mu.Lock()
				defer mu.Unlock()
				statuses[r.Status]++
			})
		}
		wg.Wait()
		return statuses
	}
	token := one.call(t, "POST", "/admin/oauth2/register/tokens", m{"uses": 1}).object(t, 201)["token"].(string)
	// 503 is for those who would have to wait too long for the one file.
	fair := func(got map[int]int, won int, lost ...int) bool {
		n := got[won] + got[503]
		for _, status := range lost {
			n += got[status]
		}
		return n == 12 && (got[won] == 1 || got[won] == 0 && got[503] > 0)
	}
	if got := race(metadata(nil), "POST", "", token); !fair(got, 201, 401) {
		t.Errorf("one initial access token, twelve at once: %v", got)
	}
	c := one.register(t, "POST", "", "", metadata(nil)).object(t, 201)
	got := race(metadata(m{"client_name": "changed"}), "PUT", "/"+c["client_id"].(string), c["registration_access_token"].(string))
	if !fair(got, 200, 401, 409) {
		t.Errorf("one registration token, twelve changes at once: %v", got)
	}
}
