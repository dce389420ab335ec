// Package client keeps the registered clients: the rules of their registration
// (RFC 7591, OpenID Connect Dynamic Registration), their secrets, and how they
// authenticate at our endpoints (RFC 6749 §2.3, RFC 7523, OpenID Connect Core §9).
//
// It knows no HTTP. What a request brought comes in as oauth.Credentials, what
// an administrator wants as an oauth.Client.
package client
