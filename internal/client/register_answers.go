package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"hydra/internal/key"
	"hydra/internal/oauth"
)

// The rules for how a client's answers are signed and encrypted, and whom they
// name (OpenID Connect Registration §2).

const algsOffered = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA"

func userinfoAlg(d draft) string {
	if d.UserinfoSignedAlg != "none" && !slices.Contains(key.SigningAlgs(), d.UserinfoSignedAlg) {
		return "The userinfo_signed_response_alg is none, for plain JSON, or one of " + algsOffered + "."
	}
	return ""
}

// idTokenAlg lets none through for clients that get ID tokens from the token
// endpoint only, whose TLS then vouches for them, and where the operator allows
// it (OpenID Connect Core §2).
func idTokenAlg(d draft) string {
	switch alg := d.IDTokenSignedAlg; {
	case alg == "" || slices.Contains(key.SigningAlgs(), alg):
		return ""
	case alg != "none":
		return "The id_token_signed_response_alg is one of " + algsOffered + "."
	case !d.options.UnsignedIDTokens:
		return "The id_token_signed_response_alg none is not allowed here: choose one of " + algsOffered + "."
	case slices.ContainsFunc(d.ResponseTypes, func(t string) bool { return slices.Contains(oauth.Fields(t), "id_token") }):
		return "The id_token_signed_response_alg none is for clients that get no ID token from the authorization endpoint."
	}
	return ""
}

func accessTokenAlg(d draft) string {
	if d.AccessTokenSignedAlg != "" && !slices.Contains(key.SigningAlgs(), d.AccessTokenSignedAlg) {
		return "The access_token_signed_response_alg is one of " + algsOffered + "."
	}
	return ""
}

func responseEncryption(d draft) string {
	for _, e := range []struct{ member, alg, enc string }{
		{"id_token_encrypted_response", d.IDTokenEncAlg, d.IDTokenEnc},
		{"userinfo_encrypted_response", d.UserinfoEncAlg, d.UserinfoEnc},
	} {
		switch {
		case e.alg == "" && e.enc == "":
		case e.alg == "":
			return "The member " + e.member + "_enc needs " + e.member + "_alg beside it."
		case !slices.Contains(key.EncryptionAlgs(), e.alg):
			return "The " + e.member + "_alg is one of " + strings.Join(key.EncryptionAlgs(), ", ") + "."
		case e.enc != "" && !slices.Contains(key.EncryptionEncs(), e.enc):
			return "The " + e.member + "_enc is one of " + strings.Join(key.EncryptionEncs(), ", ") + "."
		case d.JWKSURI != "":
		case d.JWKS == nil:
			return "The " + e.member + "_alg needs a public key of the client, in jwks or at jwks_uri."
		case !key.HasEncryptionKey(d.JWKS, e.alg):
			return "The " + e.member + "_alg is " + e.alg + ", for which jwks has no key."
		}
	}
	return ""
}

// pairwiseSector refuses clients for whose users no pairwise subject could be
// made. Without redirect URIs the login app may still name one.
func pairwiseSector(d draft) string {
	if d.SubjectType != oauth.SubjectPairwise {
		return ""
	}
	if d.AccessTokenStrategy == "jwt" {
		return "A client with subject_type pairwise cannot have access_token_strategy jwt: such tokens show the real subject."
	}
	if d.SectorIdentifierURI != "" {
		return ""
	}
	hosts := map[string]bool{}
	for _, uri := range d.RedirectURIs {
		u, err := url.Parse(uri)
		if err != nil || u.Host == "" {
			return "A client with subject_type pairwise needs a sector_identifier_uri when a redirect URI has no host (OpenID Connect Core §8.1)."
		}
		hosts[u.Host] = true
	}
	if len(hosts) > 1 {
		return "A client with subject_type pairwise and redirect URIs on different hosts needs a sector_identifier_uri (OpenID Connect Core §8.1)."
	}
	return ""
}

// sectorContent checks that the document at sector_identifier_uri lists every
// redirect URI (OpenID Connect Registration §5).
func (s *Service) sectorContent(ctx context.Context, c *oauth.Client) error {
	if c.SectorIdentifierURI == "" || s.Fetch == nil {
		return nil
	}
	body, err := s.Fetch(ctx, c.SectorIdentifierURI)
	switch {
	case err == nil:
	case errors.Is(err, oauth.TemporarilyUnavailable), ctx.Err() != nil:
		return err // it says nothing about the document
	default:
		return oauth.InvalidRequest.Hint("The sector_identifier_uri could not be read.").Because(err)
	}
	var listed []string
	if err := json.Unmarshal(body, &listed); err != nil {
		return oauth.InvalidRequest.Hint("The document at sector_identifier_uri must be a JSON array of strings.").Because(err)
	}
	if len(listed) == 0 || slices.ContainsFunc(c.RedirectURIs, func(uri string) bool { return !slices.Contains(listed, uri) }) {
		return oauth.InvalidRequest.Hint("The document at sector_identifier_uri does not list every redirect URI.")
	}
	return nil
}
