package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// both sends a request to two nodes at once.
func (w *person) both(c *app, once bool, form url.Values) (answers [2]*answer, errs [2]error) {
	first := w.somewhere()
	nodes := [2]int{first, first%len(w.f.nodes) + 1}
	hands := [2]*person{w.f.person(w.id), w.f.person(w.id)}
	hands[0].http, hands[1].http = w.http, w.http
	var wg sync.WaitGroup
	for i := range nodes {
		wg.Go(func() { answers[i], errs[i] = hands[i].token(c, nodes[i], once, form) })
	}
	wg.Wait()
	return answers, errs
}

// race spends what can be spent once at two nodes at once, and keeps the tokens
// of those who won. lost says whose answer did not come.
func (w *person) race(p *permission, c *app, form url.Values) (answers [2]*answer, won int, lost, err error) {
	answers, errs := w.both(c, true, form)
	for i, a := range answers {
		if errs[i] == nil && a.status == http.StatusOK {
			won++
			p.note("tokens by node %s", a.node)
			if _, err := w.paid(p, a); err != nil {
				return answers, won, nil, err
			}
		}
	}
	return answers, won, errors.Join(errs[0], errs[1]), nil
}

// codeRace spends a code at two nodes at once. One wins, and the Grant is
// ended, because two had the code.
func (w *person) codeRace() error {
	p, code, err := w.code(w.visit(w.f.client))
	if err != nil {
		return err
	}
	answers, won, lost, err := w.race(p, w.f.client, codeForm(code))
	switch {
	case err != nil:
		return err
	case won > 1:
		return fmt.Errorf("a code was spent twice, at the nodes %s and %s", answers[0].node, answers[1].node)
	case lost != nil:
		p.unsure()
		return lost
	case won == 0:
		return fmt.Errorf("nobody got tokens for a code: %s, %s", answers[0].body, answers[1].body)
	}
	p.end("code used twice")
	for token := range p.tokens {
		return w.everywhere(p, token, false)
	}
	return nil
}

// refreshed uses a refresh token, at two nodes at once if it is a race. All
// get an answer, and the Grant is one generation older.
func (w *person) refreshed(p *permission, t *tokens, race bool) (*tokens, error) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {t.Refresh}}
	p.most++
	var answers []*answer
	if race {
		two, errs := w.both(p.client, false, form)
		if err := errors.Join(errs[0], errs[1]); err != nil {
			return nil, err
		}
		answers = two[:]
	} else {
		one, err := w.token(p.client, 0, false, form)
		if err != nil {
			return nil, err
		}
		answers = []*answer{one}
	}
	p.least++
	delete(p.tokens, t.Refresh)
	for token := range p.tokens { // those of the generation before
		p.tokens[token] = false
	}
	var out *tokens
	for _, a := range answers {
		if a.status != http.StatusOK {
			return nil, fmt.Errorf("node %s answers an honest refresh with %d %s after %d tries; the story: %s", a.node, a.status, a.body, a.tries, strings.Join(p.story, ", "))
		}
		p.note("refreshed by node %s after %d tries", a.node, a.tries)
		var err error
		if out, err = w.paid(p, a); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (w *person) refreshRace() error {
	p, t, err := w.signedIn(w.visit(w.f.client))
	if err != nil {
		return err
	}
	old := t.Access
	for range 1 + w.random.IntN(3) {
		if t, err = w.refreshed(p, t, w.random.IntN(3) > 0); err != nil {
			return err
		}
	}
	return errors.Join(w.everywhere(p, old, false), w.everywhere(p, t.Access, true))
}

// reuse presents a refresh token that was replaced twice.
func (w *person) reuse() error {
	p, first, err := w.signedIn(w.visit(w.f.client))
	if err != nil {
		return err
	}
	t := first
	for range 2 {
		if t, err = w.refreshed(p, t, false); err != nil {
			return err
		}
	}
	out, err := w.token(p.client, w.somewhere(), false, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.Refresh}})
	if err != nil {
		return err
	}
	if out.status != http.StatusBadRequest {
		return fmt.Errorf("node %s answers a refresh token of two generations ago with %d", out.node, out.status)
	}
	p.end("reuse answered by node " + out.node)
	return w.everywhere(p, t.Refresh, false)
}

// device is connected while two of its requests for tokens are under way.
func (w *person) device() error {
	v := w.visit(w.f.client)
	out, err := w.ask(http.MethodPost, w.publicURL("/oauth2/device/auth"), asking{form: url.Values{"scope": {"openid offline"}}, app: v.client, status: http.StatusOK})
	if err != nil {
		return err
	}
	var codes struct {
		Device string `json:"device_code"`
		User   string `json:"user_code"`
	}
	if err := json.Unmarshal(out.body, &codes); err != nil {
		return err
	}
	challenge, err := w.open(v, w.publicURL("/oauth2/device/verify"), pages+"device", "device_challenge")
	if err != nil {
		return err
	}
	at, err := w.decide("device", challenge, map[string]any{"user_code": codes.User})
	if err != nil {
		return err
	}
	p, at, err := w.agree(v, at)
	if err != nil {
		return err
	}
	if _, err := w.open(v, at, pages+"done", "client_id"); err != nil {
		return err
	}
	answers, won, lost, err := w.race(p, v.client, url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {codes.Device}})
	switch {
	case err != nil:
		return err
	case won > 1:
		return fmt.Errorf("a device code was spent twice, at the nodes %s and %s", answers[0].node, answers[1].node)
	case lost != nil:
		return lost
	case won == 0:
		return fmt.Errorf("nobody got tokens for a device code: %s, %s", answers[0].body, answers[1].body)
	}
	return nil
}
