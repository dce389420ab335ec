package sqlstore

// Waiting returns how many units of work wait for the writer, so that a test
// knows that they arrived without waiting for a clock.
func (s *Store) Waiting() int { return len(s.engine.(*embedded).writer.queue) }
