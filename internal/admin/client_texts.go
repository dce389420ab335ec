package admin

import (
	"encoding/json"
	"sync"

	"hydra/internal/oauth"
	"hydra/internal/web"
)

const (
	maxTexts    = 1000
	maxTextSize = 8 << 10 // bytes; larger ones are rare and not kept
)

// clientTexts encodes clients that are only shown, by themselves, in lists and
// in login, consent and device requests, each once: the same client, not merely an equal one, has the same
// text. That is right because clients that services hand out are shared, so
// that nobody changes them; a client that was changed is another one.
type clientTexts struct {
	mu    sync.Mutex
	texts map[*oauth.Client]json.RawMessage
}

// of returns the client as JSON, without its secret.
func (t *clientTexts) of(c *oauth.Client) (json.RawMessage, error) {
	t.mu.Lock()
	text, ok := t.texts[c]
	t.mu.Unlock()
	if ok {
		return text, nil
	}
	text, err := web.EncodeJSON(encodeClient(c, ""))
	if err != nil || len(text) > maxTextSize {
		return text, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.texts == nil || len(t.texts) >= maxTexts {
		t.texts = map[*oauth.Client]json.RawMessage{}
	}
	t.texts[c] = text
	return text, nil
}

// list returns the clients as a JSON array.
func (t *clientTexts) list(clients []*oauth.Client) (json.RawMessage, error) {
	texts := make([]json.RawMessage, 0, len(clients))
	size := len("[]")
	for _, c := range clients {
		text, err := t.of(c)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
		size += len(text) + len(",")
	}
	out := append(make([]byte, 0, size), '[')
	for i, text := range texts {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, text...)
	}
	return append(out, ']'), nil
}
