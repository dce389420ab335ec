-- +goose Up
-- Initial access tokens that have expired or were used up are purged, without
-- buckets: an operator makes them.
-- locks: writes of initial_access_tokens while the index is made; there are few rows; rewrites: no
CREATE INDEX IF NOT EXISTS initial_access_tokens_by_end ON initial_access_tokens (expires_at);
