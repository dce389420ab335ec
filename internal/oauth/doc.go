// Package oauth holds the nouns of the server: clients, grants, sessions,
// flows, errors, and the interfaces of the store. It knows the words of the
// RFCs and nothing of HTTP, SQL or cryptography, and imports the standard
// library only.
//
// Names follow RFC 6749, RFC 7591 and OpenID Connect Core.
package oauth
