// Package judges has no code. Its tests drive a running server through clients
// that others have published for every generation of the API; see README.md.
package judges
