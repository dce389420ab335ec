package server_test

import (
	"testing"
	"time"
)

// Every grant type has lifespans of its own for a client, and what was issued
// keeps the one that it was issued with (issue 7).
func TestLifespansOfEveryGrantAreFrozenAtIssue(t *testing.T) {
	t.Parallel()
	w := newDeviceWorld(t)
	c := w.client(t, m{"grant_types": []string{"authorization_code", "refresh_token", "client_credentials", deviceGrant, bearerGrant}, "audience": []string{"https://api.test"}})
	r := &rig{t: t, instance: w.instance, clock: w.clock, issued: map[string]string{}}
	_, trust, _ := r.trusting("/trust/grants/jwt-bearer/issuers")

	spans := map[string]time.Duration{ // each differs from all others and from every default
		"authorization_code_grant_access_token_lifespan": 11 * time.Minute, "authorization_code_grant_id_token_lifespan": 12 * time.Minute,
		"authorization_code_grant_refresh_token_lifespan": 13 * time.Hour, "client_credentials_grant_access_token_lifespan": 14 * time.Minute,
		"jwt_bearer_grant_access_token_lifespan": 15 * time.Minute, "device_authorization_grant_access_token_lifespan": 16 * time.Minute,
		"device_authorization_grant_id_token_lifespan": 17 * time.Minute, "device_authorization_grant_refresh_token_lifespan": 18 * time.Hour,
		"refresh_token_grant_access_token_lifespan": 19 * time.Minute, "refresh_token_grant_id_token_lifespan": 20 * time.Minute,
		"refresh_token_grant_refresh_token_lifespan": 21 * time.Hour,
	}
	set := func(factor time.Duration) {
		body := m{}
		for name, span := range spans {
			body[name] = (span * factor).String()
		}
		w.call(t, "PUT", "/clients/"+c.ID+"/lifespans", body).object(t, 200)
	}
	refresh := func(tokens m) m {
		return w.token(t, c, "grant_type", "refresh_token", "refresh_token", tokens["refresh_token"].(string)).object(t, 200)
	}
	// How each grant type pays.
	grants := map[string]func() m{
		"authorization_code": func() m {
			return w.exchange(t, c, w.browser().visit(t, c, m{"subject": "alice"}, m{"grant_scope": []string{"openid", "offline", "a"}}, "scope", "openid offline a"))
		},
		"device_authorization": func() m {
			deviceCode, userCode := w.device(t, c, "scope", "openid offline a", "audience", "https://api.test")
			w.browser().connect(t, userCode, m{"subject": "alice"}, tvConsent)
			return w.poll(t, c, deviceCode).object(t, 200)
		},
		"client_credentials": func() m { return w.token(t, c, "grant_type", "client_credentials").object(t, 200) },
		"jwt_bearer": func() m {
			return w.token(t, c, "grant_type", bearerGrant, "assertion", trust.jwt(nil, trust.claims(m{"sub": "alice", "aud": w.Config.URLs.Public + "/oauth2/token"}))).object(t, 200)
		},
	}
	grants["refresh_token"] = func() m { return refresh(grants["authorization_code"]()) }

	set(1)
	issued := map[string]m{}
	ends := map[string]map[string]any{}
	for grant, pay := range grants {
		tokens := pay()
		issued[grant], ends[grant] = tokens, map[string]any{}
		equal(t, grant+" expires_in", tokens["expires_in"], spans[grant+"_grant_access_token_lifespan"].Seconds())
		for _, kind := range []string{"access", "refresh"} {
			if span := spans[grant+"_grant_"+kind+"_token_lifespan"]; span != 0 {
				info := w.introspect(t, tokens[kind+"_token"])
				ends[grant][kind+"_token"] = info["exp"]
				left := time.Unix(int64(info["exp"].(float64)), 0).Sub(w.clock.Now())
				if left > span || left < span-2*time.Second {
					t.Errorf("%s: the %s token lives %v, want %v", grant, kind, left, span)
				}
			}
		}
		if span := spans[grant+"_grant_id_token_lifespan"]; span != 0 {
			claims := payload(t, tokens["id_token"])
			equal(t, grant+" ID token", claims["exp"].(float64)-claims["iat"].(float64), span.Seconds())
		}
	}

	// Other lifespans change nothing that was issued, and everything that is.
	set(2)
	for grant, tokens := range issued {
		for kind, exp := range ends[grant] {
			equal(t, grant+" "+kind+" after the change", w.introspect(t, tokens[kind])["exp"], exp)
		}
		equal(t, grant+" expires_in after the change", grants[grant]()["expires_in"], 2*spans[grant+"_grant_access_token_lifespan"].Seconds())
	}
	w.clock.Advance(20 * time.Minute) // beyond the first access tokens' end, not beyond that of the second
	for grant, tokens := range issued {
		equal(t, grant+" after its end", w.active(t, tokens["access_token"]), false)
	}
	w.clock.Advance(12*time.Hour + 41*time.Minute) // 13 h and a minute after the start
	w.token(t, c, "grant_type", "refresh_token", "refresh_token", issued["authorization_code"]["refresh_token"].(string)).answers(t, 400, "invalid_grant")
	refresh(issued["device_authorization"])
}
