-- +goose Up
-- The keys are SHA-256 of the names, so that names of any length fit the keys
-- of every engine. A row for any subject has the key of the empty name.

CREATE TABLE IF NOT EXISTS trusted_issuers (
  id          BLOB   NOT NULL PRIMARY KEY,
  issuer_key  BLOB   NOT NULL,
  subject_key BLOB   NOT NULL,
  kid_key     BLOB   NOT NULL,
  created_at  BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL,
  op_id       BLOB   NOT NULL,
  data        BLOB   NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS trusted_issuers_by_name ON trusted_issuers (issuer_key, subject_key, kid_key);
