package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"hydra/internal/key"
	"hydra/internal/oauth"
)

// RequestObjectSet is the key set that clients encrypt request objects to.
const RequestObjectSet = "hydra.request-object"

const (
	maxRequestURI  = 2000        // OpenID Connect Core §6.2 lets clients use 512
	objectSkew     = time.Minute // that the clocks of client and server may differ
	typRequest     = "oauth-authz-req+jwt"
	maxRepetitions = 100 // values of audience or resource in an array
)

// RequestObjects says what is taken as a request object.
type RequestObjects struct {
	RefuseUnsigned bool // refuse alg none
	VerifyHash     bool // refuse a document whose SHA-256 is not the fragment of its request_uri
}

// unfold puts what stands in a request object in place of the parameters, and
// of query. From then on nothing tells the request from one without an object:
// the checks, the apps and the start over see what counts (docs/adr/0009).
//
// An error is for the user: as long as the object has not been read, nobody
// knows where the client wants its answer.
func (s *Service) unfold(ctx context.Context, c *oauth.Client, params url.Values, query string) (url.Values, string, error) {
	text, reference := params.Get("request"), params.Get("request_uri")
	switch {
	case text == "" && reference == "" && c.RequireSignedRequest: // RFC 9101 §10.5
		return nil, "", oauth.InvalidRequest.Hint("The client has registered that its requests are signed, and this one is not. Start again from the application.")
	case text == "" && reference == "":
		return params, query, nil
	case len(query) > maxQuery:
		return nil, "", oauth.InvalidRequest.Hint("The authorization request is too long.")
	case text != "" && reference != "":
		return nil, "", oauth.InvalidRequest.Hint("The parameters request and request_uri exclude each other.")
	case reference != "":
		var err error
		if text, err = s.referenced(ctx, c, reference); err != nil {
			return nil, "", err
		}
	}
	o, err := s.object(ctx, c, text)
	if err != nil {
		return nil, "", err
	}
	if err := s.checkObject(c, o, params); err != nil {
		return nil, "", err
	}
	joint := o.join(params)
	shown := url.Values{}
	for name, values := range joint {
		if name != "id_token_hint" { // as withoutHint
			shown[name] = values
		}
	}
	return joint, shown.Encode(), nil
}

// referenced gets a request object from a URL that the client has registered.
func (s *Service) referenced(ctx context.Context, c *oauth.Client, uri string) (string, error) {
	if len(uri) > maxRequestURI || !registeredRequestURI(c, uri) {
		return "", oauth.InvalidRequestURI.Hint("The request_uri is none of those that the client registered.")
	}
	if s.Documents == nil {
		return "", oauth.RequestURINotSupported.Hint("The server reads no request objects from elsewhere.")
	}
	text, matches, err := s.Documents.Get(ctx, uri)
	switch {
	case errors.Is(err, key.ErrFetch):
		s.Observe.Observe(ctx, oauth.Event{Name: "request_uri_failed", ClientID: c.ID, Detail: err.Error()})
		return "", oauth.InvalidRequestURI.Hint("The request object at the request_uri could not be read.").Because(err)
	case err != nil:
		return "", err
	case s.Options.RequestObjects.VerifyHash && strings.Contains(uri, "#") && !matches:
		return "", oauth.InvalidRequestURI.Hint("The fragment of the request_uri is not the SHA-256 of what is there.")
	}
	return text, nil
}

// registeredRequestURI compares byte for byte. One that was registered without
// a fragment stands for all versions of its document.
func registeredRequestURI(c *oauth.Client, uri string) bool {
	address, _, _ := strings.Cut(uri, "#")
	return slices.Contains(c.RequestURIs, uri) || slices.Contains(c.RequestURIs, address)
}

// object is a request object whose signature was verified.
type object struct {
	key.Claims
	typ     string
	members map[string]json.RawMessage
	values  url.Values
}

// object decrypts, verifies and reads a request object.
func (s *Service) object(ctx context.Context, c *oauth.Client, text string) (*object, error) {
	if key.IsEncrypted(text) {
		plain, err := s.decrypt(ctx, text)
		if err != nil {
			return nil, err
		}
		text = plain
	}
	v, err := s.Clients.VerifyRequestObject(ctx, c, text, !s.Options.RequestObjects.RefuseUnsigned)
	if err != nil {
		return nil, err
	}
	o, err := readObject(v.Payload)
	if err != nil {
		return nil, oauth.InvalidRequestObject.Hint("A member of the request object does not have the form that it must have.").Because(err)
	}
	o.typ = strings.TrimPrefix(strings.ToLower(v.Typ), "application/")
	return o, nil
}

func (s *Service) decrypt(ctx context.Context, text string) (string, error) {
	if s.Keys == nil {
		return "", oauth.InvalidRequestObject.Hint("The server takes no encrypted request objects.")
	}
	plain, err := s.Keys.Decrypt(ctx, RequestObjectSet, text)
	switch {
	case errors.Is(err, key.ErrInvalidJWT):
		return "", oauth.InvalidRequestObject.Hint("The request object cannot be decrypted with a key of this server.").Because(err)
	case err != nil:
		return "", err
	}
	return string(plain), nil
}

// readObject turns claims into parameters: strings as they are, numbers and
// booleans as JSON writes them, objects (claims) as JSON, arrays of strings as
// a parameter that repeats. A null counts as left out.
func readObject(payload []byte) (*object, error) {
	members, err := key.StrictObject(payload)
	if err != nil {
		return nil, err
	}
	o := &object{members: members, values: url.Values{}}
	if o.Claims, err = key.ParseClaims(payload); err != nil {
		return nil, err
	}
	for name, raw := range members {
		switch name {
		case "iss", "sub", "aud", "exp", "nbf", "iat", "jti": // of the JWT, RFC 7519 §4.1
			continue
		case "login_verifier", "consent_verifier", "device_verifier": // would make a start over a return
			return nil, errParameter
		}
		values, err := parameter(name, raw)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(append(values, name), hasNUL) { // as in a query
			return nil, errParameter
		}
		if len(values) > 0 {
			o.values[name] = values
		}
	}
	return o, nil
}

var errParameter = errors.New("flow: a member of a request object is no parameter, or of another type")

func hasNUL(s string) bool { return strings.IndexByte(s, 0) >= 0 }

func parameter(name string, raw json.RawMessage) ([]string, error) {
	raw = bytes.TrimSpace(raw)
	repeats := name == "audience" || name == "resource"
	switch raw[0] {
	case 'n':
		return nil, nil
	case '"':
		text, err := key.String(raw)
		return []string{text}, err
	case '{':
		var compact bytes.Buffer
		err := json.Compact(&compact, raw)
		return []string{compact.String()}, err
	case '[':
		var list []string
		if !repeats || json.Unmarshal(raw, &list) != nil || len(list) > maxRepetitions {
			return nil, errParameter
		}
		return list, nil
	case 't', 'f':
		return []string{string(raw)}, nil
	}
	// 3600 and 3.6e3 are one number in JSON; a parameter has one spelling.
	n, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || n != float64(int64(n)) || n < 0 || n > 1<<53 {
		return nil, errParameter
	}
	return []string{strconv.FormatInt(int64(n), 10)}, nil
}

// checkObject judges what the object says of itself (RFC 9101 §4, §5, §6.3;
// OpenID Connect Core §6.1).
func (s *Service) checkObject(c *oauth.Client, o *object, outside url.Values) error {
	now := s.Now()
	hint := ""
	switch {
	case !slices.Contains([]string{"", "jwt", typRequest}, o.typ):
		hint = "The typ of the request object is that of another kind of JWT."
	case o.members["request"] != nil || o.members["request_uri"] != nil:
		hint = "A request object must not hold a request or a request_uri."
	case o.members["client_id"] != nil && o.values.Get("client_id") != c.ID:
		hint = "The client_id in the request object is another than that of the request."
	case o.members["iss"] != nil && o.Issuer != c.ID:
		hint = "The iss of the request object must be the client_id."
	case o.members["aud"] != nil && !slices.ContainsFunc(o.Audience, s.named):
		hint = "The aud of the request object must be the issuer of this server, or include it."
	case !o.Expires.IsZero() && oauth.Past(o.Expires, now.Add(-objectSkew)):
		hint = "The request object has expired."
	case o.NotBefore.After(now.Add(objectSkew)):
		hint = "The nbf of the request object is in the future."
	case o.IssuedAt.After(now.Add(objectSkew)):
		hint = "The iat of the request object is in the future."
	case outside.Get("response_type") != "" && o.values.Get("response_type") != "" &&
		!sameWords(outside.Get("response_type"), o.values.Get("response_type")):
		hint = "The response_type in the request object is another than that of the request."
	default:
		return nil
	}
	return oauth.InvalidRequestObject.Hint(hint)
}

// named reports whether an audience of a request object is this server. Others
// may stand beside it, unlike in a client assertion: to present the object
// proves nothing, for every browser that carries it does so.
func (s *Service) named(audience string) bool {
	return audience == s.Options.Issuer || audience == s.Options.PublicURL || audience == s.authURL()
}

func sameWords(a, b string) bool {
	return slices.Equal(slices.Sorted(slices.Values(oauth.Fields(a))), slices.Sorted(slices.Values(oauth.Fields(b))))
}

// join returns the parameters that count. In a request of OpenID Connect those
// outside complete those inside (Core §6.1), where openid always stands
// outside; in any other, and for an object whose typ says that it is one of RFC
// 9101, only those inside count (RFC 9101 §6.3).
func (o *object) join(outside url.Values) url.Values {
	joint := url.Values{}
	openid := slices.Contains(oauth.Fields(outside.Get("scope")), "openid")
	if openid && o.typ != typRequest {
		for name, values := range outside {
			if name != "request" && name != "request_uri" {
				joint[name] = values
			}
		}
	}
	for name, values := range o.values {
		joint[name] = values
	}
	joint.Set("client_id", outside.Get("client_id"))
	if inside := oauth.Fields(joint.Get("scope")); openid && o.typ != typRequest && !slices.Contains(inside, "openid") {
		joint.Set("scope", joined(append([]string{"openid"}, inside...)))
	}
	return joint
}
