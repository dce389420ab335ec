// Package key keeps the server's keys. Ring holds the data keys that seal
// tokens and rows, wrapped under the system secret. Service holds JSON Web Key
// sets (RFC 7517): it generates, rotates and stores them, signs and verifies
// JWTs (RFC 7515, RFC 7519) and publishes the public halves. Watch tells all
// caches when a row behind them has changed.
//
// It is the only importer of go-jose.
package key
