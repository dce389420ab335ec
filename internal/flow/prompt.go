package flow

import (
	"slices"

	"hydra/internal/oauth"
)

// Prompts are the values of the prompt parameter: OpenID Connect Core
// §3.1.2.1, Initiating User Registration 1.0 (create), and Hydra's own name
// for that (registration).
var Prompts = []string{"none", "login", "consent", "select_account", "create", "registration"}

func checkPrompt(r *reading) *oauth.Error {
	r.req.Prompt = oauth.Unique(oauth.Fields(r.params.Get("prompt")))
	for _, p := range r.req.Prompt {
		if !slices.Contains(Prompts, p) {
			return oauth.InvalidRequest.Hint("The parameter prompt knows the values none, login, consent, select_account, create and registration.")
		}
	}
	if r.req.Prompt.None() && len(r.req.Prompt) > 1 {
		if r.req.Prompt.Has("login") {
			// What was asked for cannot be had without a login page; this is
			// also what Hydra's clients expect (contract case 45).
			return oauth.LoginRequired.Hint("The value none of the parameter prompt excludes a login.")
		}
		return oauth.InvalidRequest.Hint("The value none of the parameter prompt must stand alone.")
	}
	return nil
}

// asksAnew reports whether the request wants a page of the login app: to sign
// in, to choose an account, or to open one.
func asksAnew(p oauth.Prompt) bool {
	return p.Has("login") || p.Has("select_account") || registers(p)
}

// registers reports whether the user is to open an account.
func registers(p oauth.Prompt) bool { return p.Has("create") || p.Has("registration") }
