package server_test

import (
	"html"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// told is what an answer says to whoever the browser goes to, by query,
// fragment or form.
func (k *walk) told(r reply) url.Values {
	out := url.Values{}
	if r.Status == http.StatusFound {
		u := r.location(k.t)
		out = u.Query()
		values, err := url.ParseQuery(u.EscapedFragment())
		if err != nil {
			k.t.Fatal(err)
		}
		maps.Copy(out, values)
	}
	for _, field := range hidden.FindAllStringSubmatch(r.Body, -1) {
		out.Add(field[1], html.UnescapeString(field[2]))
	}
	return out
}

// answered notes a response that is no error.
func (k *walk) answered(t *rapid.T, f *trip, q url.Values) {
	switch {
	case f.granted == nil || f.over != "" || f.paid+f.front > 0:
		t.Fatalf("a trip pays that is over: %q, paid %d and %d, granted %v", f.over, f.paid, f.front, f.granted)
	case !k.clock.Now().Before(f.begun.Add(k.Config.TTL.LoginConsentRequest)):
		t.Fatal("a trip pays whose time is over")
	}
	if code := q.Get("code"); code != "" {
		k.codes[code] = &issuedCode{f, k.clock.Now().Add(k.Config.TTL.AuthCode)}
		k.note(code)
	}
	if q.Has("access_token") || q.Has("id_token") {
		f.front++
	}
	if jwt := q.Get("id_token"); jwt != "" {
		k.note(jwt)
		if payload(k.t, jwt)["sub"] != f.granted.subject || !slices.Contains(f.granted.scope, "openid") {
			t.Fatalf("the ID token is %v, granted was %+v", payload(k.t, jwt), f.granted)
		}
	}
	if token := q.Get("access_token"); token != "" {
		k.note(token)
		k.tokens = append(k.tokens, paidOut{token, f})
		in := k.introspect(k.t, token)
		if in["active"] != true || in["sub"] != f.granted.subject || in["client_id"] != f.client.ID || in["scope"] != strings.Join(f.granted.scope, " ") {
			t.Fatalf("the token is %v, granted was %+v", in, f.granted)
		}
	}
}
