package client

import "container/list"

// lru is a bounded map that forgets what was not used for longest. It does no
// locking of its own.
type lru[K comparable, V any] struct {
	max   int
	items map[K]*list.Element
	order list.List // front: used last
}

type lruItem[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](limit int) *lru[K, V] {
	return &lru[K, V]{max: limit, items: make(map[K]*list.Element)}
}

func (l *lru[K, V]) get(k K) (V, bool) {
	e, ok := l.items[k]
	if !ok {
		var none V
		return none, false
	}
	l.order.MoveToFront(e)
	return e.Value.(*lruItem[K, V]).value, true
}

func (l *lru[K, V]) put(k K, v V) {
	if e, ok := l.items[k]; ok {
		e.Value.(*lruItem[K, V]).value = v
		l.order.MoveToFront(e)
		return
	}
	if l.order.Len() >= l.max {
		oldest := l.order.Back()
		delete(l.items, oldest.Value.(*lruItem[K, V]).key)
		l.order.Remove(oldest)
	}
	l.items[k] = l.order.PushFront(&lruItem[K, V]{k, v})
}

func (l *lru[K, V]) remove(k K) {
	if e, ok := l.items[k]; ok {
		delete(l.items, k)
		l.order.Remove(e)
	}
}

func (l *lru[K, V]) clear() {
	clear(l.items)
	l.order.Init()
}
