package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// WriteJSON answers with v as JSON, encoded once, without escaping for HTML
// and without a newline at the end. A Content-Type that the caller has set
// stays; else it is application/json. Nothing is written when v cannot be
// encoded.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	body, err := encodeJSON(v)
	if err != nil {
		return fmt.Errorf("encode response: %w", err)
	}
	contentType := w.Header().Get("Content-Type")
	if contentType == "" {
		contentType = "application/json"
	}
	writeBody(w, status, contentType, body)
	return nil
}

// writeJSON is for values that always encode.
func writeJSON(w http.ResponseWriter, status int, contentType string, v any, end string) {
	body, err := encodeJSON(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	writeBody(w, status, contentType, append(body, end...))
}

func writeBody(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client hung up: nobody is left to tell
}

func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
