-- +goose Up
-- The keys are SHA-256 of the names, so that names of any length fit the keys
-- of every engine. A row for any subject has the key of the empty name.

CREATE TABLE IF NOT EXISTS trusted_issuers (
  id          BYTEA  NOT NULL PRIMARY KEY,
  issuer_key  BYTEA  NOT NULL,
  subject_key BYTEA  NOT NULL,
  kid_key     BYTEA  NOT NULL,
  created_at  BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL,
  op_id       BYTEA  NOT NULL,
  data        BYTEA  NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS trusted_issuers_by_name ON trusted_issuers (issuer_key, subject_key, kid_key);
