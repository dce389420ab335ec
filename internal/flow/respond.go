package flow

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/token"
)

// refuse tells the client. The request's redirect URI has been checked.
func (s *Service) refuse(req *oauth.Request, err error) Outcome {
	return Outcome{To: req.RedirectURI, Mode: req.Mode, Params: s.response(req), Err: err}
}

// response holds what every authorization response has: the state, and who
// answers (RFC 9207).
func (s *Service) response(req *oauth.Request) url.Values {
	p := url.Values{"iss": {s.Options.Issuer}}
	if req.State != "" {
		p.Set("state", req.State)
	}
	return p
}

// respond is the authorization response (RFC 6749 §4.1.2, §4.2.2; OpenID
// Connect Core §3.2.2.5, §3.3.2.5).
//
// The code is a view of the Grant: asked for twice it comes twice, and is
// worth one token set. Tokens that come from here are paid out once: who
// brings the verifier again starts over.
func (s *Service) respond(ctx context.Context, c *carried, client *oauth.Client, req *oauth.Request, row *oauth.GrantRow, data *oauth.GrantData, now time.Time) (Outcome, error) {
	if !req.ResponseType.Has(oauth.ResponseCode) && req.ResponseType.Has(oauth.ResponseIDToken) && !token.OpenID(data) {
		out := s.refuse(req, oauth.UnsupportedResponseType.Hint("There is no ID token, because the scope openid was not granted."))
		out.ClearFlows = []string{suffix(&c.Flow)}
		return out, nil
	}
	var code oauth.Secret
	if req.ResponseType.Has(oauth.ResponseCode) {
		var err error
		if code, err = s.Tokens.Code(c.Seed, now.Add(s.Options.CodeTTL)); err != nil {
			return Outcome{}, err
		}
	}
	paid := new(token.Response)
	if req.ResponseType.Front() {
		var err error
		paid, err = s.Tokens.PayFront(ctx, token.Front{
			Client: client, Seed: c.Seed, Row: row, Data: data, Code: code, Now: now,
			AccessToken: req.ResponseType.Has(oauth.ResponseToken), IDToken: req.ResponseType.Has(oauth.ResponseIDToken),
		})
		switch {
		case errors.Is(err, oauth.ErrUsed):
			return s.startOver(&c.Flow), nil
		case errors.Is(err, oauth.TemporarilyUnavailable), errors.Is(err, oauth.InvalidRequest):
			// Nothing is spent, and a redirect has no status to say it (RFC 6749 §4.1.2.1).
			out := s.refuse(req, err)
			out.ClearFlows = []string{suffix(&c.Flow)}
			return out, nil
		case err != nil:
			return Outcome{}, err
		}
	}
	out := Outcome{To: req.RedirectURI, Mode: req.Mode, Params: s.success(req, data, code, paid), ClearFlows: []string{suffix(&c.Flow)}}
	s.tellState(c, req, data.GrantedScope, &out)
	return out, nil
}

// success holds the parameters of a response that is no error. Everything that
// a successful authorization tells the client is put together here.
func (s *Service) success(req *oauth.Request, data *oauth.GrantData, code oauth.Secret, paid *token.Response) url.Values {
	p := s.response(req)
	if code != "" {
		p.Set("code", string(code))
	}
	if paid.AccessToken != "" {
		p.Set("access_token", string(paid.AccessToken))
		p.Set("token_type", paid.TokenType)
		p.Set("expires_in", strconv.FormatInt(paid.ExpiresIn, 10))
	}
	if paid.IDToken != "" {
		p.Set("id_token", string(paid.IDToken))
	}
	if paid.AccessToken != "" || code != "" && paid.IDToken == "" {
		p.Set("scope", joined(data.GrantedScope))
	}
	return p
}
