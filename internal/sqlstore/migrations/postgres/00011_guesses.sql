-- +goose Up
-- Trusted issuers are few and purged without buckets: an operator makes them.
-- locks: writes of trusted_issuers while the index is made; there are few rows; rewrites: no
CREATE INDEX IF NOT EXISTS trusted_issuers_by_expiry ON trusted_issuers (expires_at);

-- Wrong user codes, counted where every node sees them: of one browser, one
-- network, and all. A count is full when n has come to most.
CREATE TABLE IF NOT EXISTS guesses (
  id         BYTEA    NOT NULL PRIMARY KEY,
  n          BIGINT   NOT NULL,
  most       BIGINT   NOT NULL,
  expires_at BIGINT   NOT NULL,
  purge_at   BIGINT   NOT NULL,
  b          SMALLINT NOT NULL
);
CREATE INDEX IF NOT EXISTS guesses_by_purge ON guesses (b, purge_at);
