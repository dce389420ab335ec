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
	body, err := EncodeJSON(v)
	if err != nil {
		return err
	}
	WriteEncoded(w, status, body)
	return nil
}

// EncodeJSON encodes v as WriteJSON does.
func EncodeJSON(v any) ([]byte, error) {
	body, err := encodeJSON(v)
	if err != nil {
		return nil, fmt.Errorf("encode response: %w", err)
	}
	return body, nil
}

// WriteEncoded is WriteJSON for what is encoded already.
func WriteEncoded(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	if h["Content-Type"] == nil {
		h["Content-Type"] = isJSON
	}
	finish(w, status, body)
}

// isJSON is shared by all answers, as secure is.
var isJSON = []string{"application/json"}

// writeJSON is for values that always encode.
func writeJSON(w http.ResponseWriter, status int, contentType string, v any, end string) {
	body, err := encodeJSON(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	writeBody(w, status, contentType, append(body, end...))
}

func writeBody(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	finish(w, status, body)
}

func finish(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
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
