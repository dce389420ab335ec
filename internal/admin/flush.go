package admin

import (
	"net/http"
	"time"

	"hydra/internal/web"
)

// flushBound is how many rows one call deletes at most: it answers in seconds,
// and the background job does the rest.
const flushBound = 100_000

// handleFlush serves POST /oauth2/flush: the clean-up job, now. What expired
// after notAfter stays.
func (h *Handler) handleFlush(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		NotAfter time.Time `json:"notAfter"`
	}
	if err := web.DecodeJSON(w, r, &body, web.JSONOptions{}); err != nil {
		return err
	}
	at := h.Tokens.Now()
	if !body.NotAfter.IsZero() && body.NotAfter.Before(at) {
		at = body.NotAfter
	}
	done, err := h.Tokens.Purge(r.Context(), at, flushBound)
	if err != nil {
		return err
	}
	web.Note(r.Context(), "deleted", done.Total())
	w.WriteHeader(http.StatusNoContent)
	return nil
}
