package oauth

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
)

// Sector is the group of clients that know a user by the same pairwise subject
// (OpenID Connect Core §8.1): the sector_identifier_uri as it is written, which
// is how Hydra's identifiers were made, else the host of the redirect URIs, with
// its port if one is given. It is false when they do not agree on one host.
func (c *Client) Sector() (string, bool) {
	if c.SectorIdentifierURI != "" {
		return c.SectorIdentifierURI, true
	}
	host := ""
	for _, uri := range c.RedirectURIs {
		u, err := url.Parse(uri)
		if err != nil || u.Host == "" || host != "" && u.Host != host {
			return "", false
		}
		host = u.Host
	}
	return host, host != ""
}

// PairwiseSubject is the name by which the clients of a sector, and nobody
// else, know a user: the hash of sector, subject and salt, in Hydra's form.
func PairwiseSubject(sector, subject string, salt Secret) string {
	sum := sha256.Sum256([]byte(sector + subject + string(salt)))
	return hex.EncodeToString(sum[:])
}
