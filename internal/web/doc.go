// Package web holds what the two HTTP ports share: it reads requests strictly
// and within bounds, writes JSON and errors, and wraps handlers with what
// every request gets: an id, one log line, metrics, the guard against plain
// HTTP, CORS.
//
// It is the only place that turns an error into a status, and the only place
// that logs a request. It knows nothing of the protocol beyond the error codes
// of package oauth.
package web
