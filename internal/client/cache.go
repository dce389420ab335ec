package client

import (
	"context"
	"sync"

	"hydra/internal/oauth"
)

// loaded is a client with its secrets, as one read of the store gave them.
// Nobody changes it: many requests share it.
type loaded struct {
	client  *oauth.Client
	secrets []oauth.ClientSecret
}

// cache holds clients by id for as long as the version of the group "clients"
// stays what it was. Unknown ids are never kept, so that nobody can fill it
// with noise and a new client is known at once.
type cache struct {
	mu      sync.Mutex
	version int64
	turn    uint64 // raised whenever something was dropped
	items   *lru[string, loaded]
	limit   int
}

// get returns the entry, and the turn that a load has to hand to put. The
// version is whatever the database said last; it may also be lower than the
// one we know, after a restore or from a request that asked a moment earlier.
func (c *cache) get(version int64, id string) (l loaded, turn uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.items == nil {
		c.items = newLRU[string, loaded](c.limit)
	}
	if c.version != version {
		c.items.clear()
		c.version = version
		c.turn++
	}
	l, ok = c.items.get(id)
	return l, c.turn, ok
}

// put keeps what a load brought, unless something was dropped meanwhile: the
// load may have read what was there before.
func (c *cache) put(turn uint64, id string, l loaded) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.turn == turn && c.items != nil {
		c.items.put(id, l)
	}
}

// drop forgets one client and overtakes every load under way.
func (c *cache) drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn++
	if c.items != nil {
		c.items.remove(id)
	}
}

// load returns the client from the cache or the store; oauth.ErrNotFound when
// it is unknown, or was not used in time after it registered.
func (s *Service) load(ctx context.Context, id string) (loaded, error) {
	l, err := s.lookUp(ctx, id)
	if err == nil && lapsed(l.client, s.Now()) {
		return loaded{}, oauth.ErrNotFound
	}
	return l, err
}

func (s *Service) lookUp(ctx context.Context, id string) (loaded, error) {
	if len(id) > maxClientID {
		return loaded{}, oauth.ErrNotFound // none that long was ever stored
	}
	if s.Watch == nil {
		return s.read(ctx, id)
	}
	versions, err := s.Watch.Current(ctx)
	if err != nil {
		return loaded{}, err
	}
	s.start()
	l, turn, ok := s.cache.get(versions.Clients, id)
	if ok {
		return l, nil
	}
	l, err = s.read(ctx, id)
	if err != nil {
		return loaded{}, err
	}
	s.cache.put(turn, id, l)
	return l, nil
}

func (s *Service) read(ctx context.Context, id string) (loaded, error) {
	c, secrets, err := s.Store.Client(ctx, id)
	if err != nil {
		return loaded{}, err
	}
	return loaded{c, secrets}, nil
}

// changed makes an own write visible at once on this node.
func (s *Service) changed(id string) {
	s.cache.drop(id)
	if s.Watch != nil {
		s.Watch.Forget()
	}
}
