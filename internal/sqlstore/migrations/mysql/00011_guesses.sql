-- +goose Up
-- trusted_issuers_by_expiry, which the other engines get here, is in 00002:
-- MySQL has no CREATE INDEX IF NOT EXISTS, and nothing was released in between.

-- Wrong user codes, counted where every node sees them: of one browser, one
-- network, and all. A count is full when n has come to most.
CREATE TABLE IF NOT EXISTS guesses (
  id         VARBINARY(16) NOT NULL PRIMARY KEY,
  n          BIGINT   NOT NULL,
  most       BIGINT   NOT NULL,
  expires_at BIGINT   NOT NULL,
  purge_at   BIGINT   NOT NULL,
  b          SMALLINT NOT NULL,
  KEY guesses_by_purge (b, purge_at)
) ENGINE=InnoDB;
