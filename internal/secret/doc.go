// Package secret keeps what the server must not give away: it seals values
// into opaque tokens, challenges and cookies, seals columns at rest, wraps the
// keys that do so under the operator's system secret, hashes client secrets
// and draws random numbers. It is the only importer of golang.org/x/crypto.
//
// The system secret never seals a value itself, it only wraps data keys (see
// package key, type Ring). So neither the secret without the database nor a
// dump of the database without the secret forges or opens anything.
package secret
