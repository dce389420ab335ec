// Command login-app is a login and consent app for Hydra: the part that knows
// the people, while Hydra knows the protocol. It is meant to be read, copied
// and changed. It uses the standard library only and speaks to Hydra's admin
// API over plain HTTP, in the shape of release 1.0.0-rc.6.
//
// Hydra sends the browser here twice: to /login with a login_challenge and to
// /consent with a consent_challenge. Each time the app asks the admin API what
// is wanted, asks the person, tells the admin API the answer, and sends the
// browser to the address that comes back.
package main

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"log"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// users are the people that may sign in. Yours are in a database, and their
// passwords are hashed.
var users = map[string]struct{ password, name, email string }{
	"ada":   {"lovelace", "Ada Lovelace", "ada@example.com"},
	"grace": {"hopper", "Grace Hopper", "grace@example.com"},
}

const remember = 3600 // seconds that "remember" lasts

func main() {
	adminURL := flag.String("admin", env("ADMIN_URL", "http://127.0.0.1:4445"), "address of Hydra's admin port (ADMIN_URL)")
	listen := flag.String("listen", env("LISTEN", "127.0.0.1:3000"), "address to listen on (LISTEN)")
	flag.Parse()
	a := &app{admin: strings.TrimRight(*adminURL, "/"), client: &http.Client{Timeout: 10 * time.Second}}
	server := &http.Server{Addr: *listen, Handler: a.routes(), ReadHeaderTimeout: 5 * time.Second}
	log.Printf("login app on http://%s, admin API at %s", *listen, a.admin)
	log.Fatal(server.ListenAndServe())
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

type app struct {
	admin  string // address of the admin port
	client *http.Client
}

func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", page(a.login))
	mux.HandleFunc("POST /login", page(a.loginDecision))
	mux.HandleFunc("GET /consent", page(a.consent))
	mux.HandleFunc("POST /consent", page(a.consentDecision))
	// Other sites must not post our forms.
	return http.NewCrossOriginProtection().Handler(mux)
}

// request is what the admin API tells of a login or consent request; there is
// more in it (docs: getLoginRequest, getConsentRequest).
type request struct {
	Challenge string   `json:"challenge"`
	Skip      bool     `json:"skip"`    // do not ask, it is remembered
	Subject   string   `json:"subject"` // who it is, if that is known
	Scope     []string `json:"requested_scope"`
	Audience  []string `json:"requested_access_token_audience"`
	Client    struct {
		ID   string `json:"client_id"`
		Name string `json:"client_name"`
		// Nobody but the client itself says what it is called.
		SelfRegistered bool `json:"self_registered"`
	} `json:"client"`
	Problem string `json:"-"` // what was wrong with the form
}

func (a *app) login(w http.ResponseWriter, r *http.Request) error {
	var req request
	if err := a.call(r, http.MethodGet, "login", r.FormValue("login_challenge"), "", nil, &req); err != nil {
		return err
	}
	if req.Skip {
		return a.answer(w, r, "login", "accept", map[string]any{"subject": req.Subject})
	}
	return show(w, http.StatusOK, "login", req)
}

func (a *app) loginDecision(w http.ResponseWriter, r *http.Request) error {
	if r.PostFormValue("decision") == "deny" {
		return a.answer(w, r, "login", "reject", denied)
	}
	name := r.PostFormValue("username")
	u, known := users[name]
	right := subtle.ConstantTimeCompare([]byte(u.password), []byte(r.PostFormValue("password"))) == 1
	if !known || !right {
		var req request
		if err := a.call(r, http.MethodGet, "login", r.FormValue("login_challenge"), "", nil, &req); err != nil {
			return err
		}
		req.Problem = "The name or the password is wrong."
		return show(w, http.StatusUnauthorized, "login", req)
	}
	return a.answer(w, r, "login", "accept", map[string]any{
		"subject":  name, // the id of the person, for ever; not an address that may change
		"remember": r.PostFormValue("remember") != "", "remember_for": remember,
		"acr": "1", // how sure we are; the client sees it in the ID token
	})
}

func (a *app) consent(w http.ResponseWriter, r *http.Request) error {
	var req request
	if err := a.call(r, http.MethodGet, "consent", r.FormValue("consent_challenge"), "", nil, &req); err != nil {
		return err
	}
	if req.Skip {
		return a.answer(w, r, "consent", "accept", grant(req, req.Scope, false))
	}
	return show(w, http.StatusOK, "consent", req)
}

func (a *app) consentDecision(w http.ResponseWriter, r *http.Request) error {
	if r.PostFormValue("decision") == "deny" {
		return a.answer(w, r, "consent", "reject", denied)
	}
	var req request
	if err := a.call(r, http.MethodGet, "consent", r.FormValue("consent_challenge"), "", nil, &req); err != nil {
		return err
	}
	// Hydra believes us: never grant what was not asked for.
	ticked := slices.DeleteFunc(slices.Clone(req.Scope), func(s string) bool { return !slices.Contains(r.PostForm["scope"], s) })
	return a.answer(w, r, "consent", "accept", grant(req, ticked, r.PostFormValue("remember") != ""))
}

// grant is the body of an accepted consent. The session must be sent each
// time, also when the consent was remembered.
func grant(req request, scope []string, keep bool) map[string]any {
	claims := map[string]any{}
	if slices.Contains(scope, "profile") {
		claims["name"] = users[req.Subject].name
	}
	if slices.Contains(scope, "email") {
		claims["email"] = users[req.Subject].email
	}
	body := map[string]any{"grant_scope": scope, "grant_access_token_audience": req.Audience, "session": map[string]any{"id_token": claims}}
	if keep {
		body["remember"], body["remember_for"] = true, remember
	}
	return body
}

var denied = map[string]any{"error": "access_denied", "error_description": "The person said no."}

// answer tells Hydra the decision and sends the browser on.
func (a *app) answer(w http.ResponseWriter, r *http.Request, kind, decision string, body map[string]any) error {
	var done struct {
		RedirectTo string `json:"redirect_to"`
	}
	if err := a.call(r, http.MethodPut, kind, r.FormValue(kind+"_challenge"), "/"+decision, body, &done); err != nil {
		return err
	}
	http.Redirect(w, r, done.RedirectTo, http.StatusSeeOther)
	return nil
}

// call makes one call to the admin API.
func (a *app) call(r *http.Request, method, kind, challenge, action string, in, out any) error {
	if challenge == "" {
		return errors.New("there is no challenge in the address: begin at the application that you want to sign in to")
	}
	body := &bytes.Buffer{}
	if in != nil {
		if err := json.NewEncoder(body).Encode(in); err != nil {
			return err
		}
	}
	address := a.admin + "/oauth2/auth/requests/" + kind + "/" + url.PathEscape(challenge) + action
	req, err := http.NewRequestWithContext(r.Context(), method, address, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := a.client.Do(req)
	if err != nil {
		// Not the error itself: it repeats the address with the challenge in it.
		return fmt.Errorf("the admin API cannot be reached: %w", errors.Unwrap(err))
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
		return json.NewDecoder(res.Body).Decode(out)
	case http.StatusNotFound:
		return errors.New("this sign-in is not known, or it took too long: begin again")
	case http.StatusConflict, http.StatusGone:
		return errors.New("this sign-in is finished already: begin again")
	}
	return fmt.Errorf("the admin API answered %s", res.Status)
}

// page shows the error of a handler, if there is one.
func page(f func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		if err := f(w, r); err != nil {
			log.Printf("%s: %v", r.URL.Path, err) // never the query: it is a credential
			if show(w, http.StatusBadRequest, "error", err.Error()) != nil {
				http.Error(w, "error", http.StatusInternalServerError)
			}
		}
	}
}

func show(w http.ResponseWriter, status int, name string, data any) error {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(status)
	_, err := b.WriteTo(w)
	return err
}

var pages = template.Must(template.New("").Parse(`
{{define "top"}}<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Example login</title>{{end}}

{{define "app"}}<strong id="client">{{or .Client.Name .Client.ID}}</strong>{{if .Client.SelfRegistered}} (unverified){{end}}{{end}}

{{define "login"}}{{template "top"}}<h1 id="title">Sign in to {{template "app" .}}</h1>
{{with .Problem}}<p id="problem" role="alert">{{.}}</p>{{end}}
<form method="post" action="/login"><input type="hidden" name="login_challenge" value="{{.Challenge}}">
<p><label for="username">Name</label><br><input id="username" name="username" autocomplete="username" autofocus></p>
<p><label for="password">Password</label><br><input id="password" name="password" type="password" autocomplete="current-password"></p>
<p><input type="checkbox" id="remember" name="remember" value="1"> <label for="remember">Remember me</label></p>
<p><button id="accept" name="decision" value="accept">Sign in</button> <button id="deny" name="decision" value="deny">Cancel</button></p>
</form><p>Try ada with lovelace, or grace with hopper.</p>{{end}}

{{define "consent"}}{{template "top"}}<h1 id="title">{{.Subject}}, allow {{template "app" .}} to use this?</h1>
<form method="post" action="/consent"><input type="hidden" name="consent_challenge" value="{{.Challenge}}">
{{range .Scope}}<p><input type="checkbox" id="scope-{{.}}" name="scope" value="{{.}}" checked> <label for="scope-{{.}}">{{.}}</label></p>
{{end}}<p><input type="checkbox" id="remember" name="remember" value="1"> <label for="remember">Do not ask again</label></p>
<p><button id="accept" name="decision" value="accept">Allow</button> <button id="deny" name="decision" value="deny">Deny</button></p></form>{{end}}

{{define "error"}}{{template "top"}}<h1 id="title">That did not work</h1><p id="problem">{{.}}</p>{{end}}
`))
