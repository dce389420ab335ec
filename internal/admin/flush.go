package admin

import (
	"net/http"
	"time"

	"hydra/internal/oauth"
	"hydra/internal/web"
)

// flushBound is how many rows one call deletes at most: it answers in seconds,
// and the background job does the rest.
const flushBound = 100_000

// A call that meets the background job waits for it.
const (
	flushWait  = 5 * time.Second
	flushPause = 20 * time.Millisecond
)

// handleFlush serves POST /oauth2/flush: the clean-up job, now. What expired
// after notAfter stays.
func (h *Handler) handleFlush(_ *generation, w http.ResponseWriter, r *http.Request) error {
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
	for wait := time.After(flushWait); err == nil && done.Busy; {
		// The background job is at it. Afterwards this call finds what is left.
		select {
		case <-wait:
			return oauth.TemporarilyUnavailable.Hint("Another clean-up is under way.")
		case <-r.Context().Done():
			return r.Context().Err()
		case <-time.After(flushPause):
			done, err = h.Tokens.Purge(r.Context(), at, flushBound)
		}
	}
	if err != nil {
		return err
	}
	web.Note(r.Context(), "deleted", done.Total())
	w.WriteHeader(http.StatusNoContent)
	return nil
}
