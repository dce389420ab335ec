package flow

import (
	"testing"
	"time"

	"hydra/internal/oauth"
)

func TestNext(t *testing.T) {
	seconds := func(n int64) *int64 { return &n }
	request := func(prompt ...string) oauth.Request {
		return oauth.Request{Prompt: prompt, RedirectURI: "https://app.example/cb"}
	}
	custom := request()
	custom.RedirectURI = "com.example.app:/cb"
	within := func(age int64, prompt ...string) oauth.Request {
		r := request(prompt...)
		r.MaxAge = seconds(age)
		return r
	}
	for _, test := range []struct {
		name string
		now  situation
		want step
	}{
		{"fresh request", situation{request: request()}, stepLogin},
		{"fresh request, hint: the login may still match", situation{request: request(), hinted: true}, stepLogin},
		{"prompt=none, nobody signed in", situation{request: request("none")}, stepLoginRequired},
		{"prompt=none, signed in", situation{request: request("none"), remembered: true}, stepLogin},
		{"prompt=login, signed in", situation{request: request("login"), remembered: true}, stepLogin},
		{"signed in as the hinted user", situation{request: request(), remembered: true, hinted: true, hintMatch: true}, stepLogin},
		{"signed in as another than the hinted user", situation{request: request(), remembered: true, hinted: true}, stepLoginRequired},
		{"prompt=login, signed in as another", situation{request: request("login"), remembered: true, hinted: true}, stepLogin},
		{"session older than max_age", situation{request: within(1), remembered: true, age: 2 * time.Second}, stepLogin},
		{"session older than max_age, prompt=none", situation{request: within(1, "none"), remembered: true, age: 2 * time.Second}, stepLoginRequired},
		{"session as old as max_age", situation{request: within(2, "none"), remembered: true, age: 2 * time.Second}, stepLogin},
		{"max_age=0 asks for a new login", situation{request: within(0, "none"), remembered: true}, stepLoginRequired},

		{"signed in, no consent remembered", situation{request: request(), loggedIn: true, loginMatch: true}, stepConsent},
		{"signed in, consent covers", situation{request: request(), loggedIn: true, loginMatch: true, covered: true}, stepConsentSkip},
		{"prompt=consent", situation{request: request("consent"), loggedIn: true, loginMatch: true, covered: true}, stepConsent},
		{"prompt=none, no consent remembered", situation{request: request("none"), loggedIn: true, loginMatch: true}, stepConsentRequired},
		{"prompt=none, consent covers", situation{request: request("none"), loggedIn: true, loginMatch: true, covered: true}, stepConsentSkip},
		{"public client with a custom scheme", situation{request: custom, public: true, loggedIn: true, loginMatch: true, covered: true}, stepConsent},
		{"confidential client with a custom scheme", situation{request: custom, loggedIn: true, loginMatch: true, covered: true}, stepConsentSkip},
		{"public client with https", situation{request: request(), public: true, loggedIn: true, loginMatch: true, covered: true}, stepConsentSkip},
		{"another user than hinted signed in", situation{request: request(), loggedIn: true, covered: true}, stepLoginRequired},
		{"the user who was wanted, but not in the way that was demanded", situation{request: request(), loggedIn: true, loginMatch: true, loginUnmet: true, covered: true}, stepUnmet},
		{"prompt=select_account, signed in", situation{request: request("select_account"), remembered: true, hinted: true}, stepLogin},
		{"prompt=create, signed in", situation{request: request("create"), remembered: true, hinted: true}, stepLogin},

		{"refused", situation{request: request(), loggedIn: true, denied: true}, stepDeny},
		{"consented", situation{request: request(), loggedIn: true, loginMatch: true, consented: true}, stepRespond},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := next(test.now); got != test.want {
				t.Errorf("next() = %v, want %v", got, test.want)
			}
		})
	}
}

// Nobody gets past the login by any combination: without an accepted login
// there is neither a consent page nor a response.
func TestNextNeverSkipsTheLogin(t *testing.T) {
	for bits := range 1 << 7 {
		on := func(i int) bool { return bits&(1<<i) != 0 }
		var prompt oauth.Prompt
		if on(0) {
			prompt = append(prompt, "none")
		}
		if on(1) {
			prompt = append(prompt, "login")
		}
		now := situation{request: oauth.Request{Prompt: prompt}, public: on(2), remembered: on(3), hinted: on(4), hintMatch: on(5), covered: on(6)}
		if got := next(now); got != stepLogin && got != stepLoginRequired {
			t.Errorf("next(%+v) = %v without a login", now, got)
		}
	}
}
