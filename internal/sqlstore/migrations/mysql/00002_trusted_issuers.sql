-- +goose Up
-- The keys are SHA-256 of the names, so that names of any length fit the keys
-- of every engine. A row for any subject has the key of the empty name.

CREATE TABLE IF NOT EXISTS trusted_issuers (
  id          VARBINARY(16) NOT NULL PRIMARY KEY,
  issuer_key  VARBINARY(32) NOT NULL,
  subject_key VARBINARY(32) NOT NULL,
  kid_key     VARBINARY(32) NOT NULL,
  created_at  BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL,
  op_id       VARBINARY(16) NOT NULL,
  data        MEDIUMBLOB NOT NULL,
  UNIQUE KEY trusted_issuers_by_name (issuer_key, subject_key, kid_key)
) ENGINE=InnoDB;
