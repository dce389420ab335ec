-- +goose Up
-- Times are Unix microseconds, 9223372036854775807 stands for "never".
-- Ids are 16 bytes; b is the low half of an id's first byte. All text is kept
-- as bytes, so that every comparison is byte for byte.

CREATE TABLE IF NOT EXISTS clients (
  uid                     BLOB     NOT NULL PRIMARY KEY,
  client_id               BLOB     NOT NULL,
  owner_key               BLOB,
  name_key                BLOB,
  epoch                   BIGINT   NOT NULL,
  version                 BIGINT   NOT NULL,
  registration_generation BIGINT   NOT NULL,
  created_at              BIGINT   NOT NULL,
  updated_at              BIGINT   NOT NULL,
  expires_at              BIGINT   NOT NULL,
  op_id                   BLOB     NOT NULL,
  data                    BLOB     NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS clients_by_id ON clients (client_id);
CREATE INDEX IF NOT EXISTS clients_by_owner ON clients (owner_key, client_id);
CREATE INDEX IF NOT EXISTS clients_by_name ON clients (name_key, client_id);

CREATE TABLE IF NOT EXISTS client_secrets (
  client_uid BLOB   NOT NULL,
  id         BLOB   NOT NULL,
  hash       BLOB   NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (client_uid, id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS deleted_clients (
  uid        BLOB   NOT NULL PRIMARY KEY,
  deleted_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS grants (
  id                 BLOB     NOT NULL PRIMARY KEY,
  client_uid         BLOB     NOT NULL,
  kind               SMALLINT NOT NULL,
  subject_key        BLOB,
  session_id         BLOB,
  parent             BLOB,
  remember_key       BLOB,
  skip               SMALLINT NOT NULL,
  requested_at       BIGINT   NOT NULL,
  handled_at         BIGINT,
  consent_until      BIGINT,
  flow_expires_at    BIGINT,
  code_expires_at    BIGINT,
  code_used_at       BIGINT,
  front_at           BIGINT,
  generation         BIGINT   NOT NULL,
  rotation_id        BLOB     NOT NULL,
  refreshed_at       BIGINT,
  grace_uses         BIGINT   NOT NULL,
  access_floor       BIGINT   NOT NULL,
  refresh_expires_at BIGINT,
  ended_at           BIGINT,
  end_reason         SMALLINT NOT NULL,
  revoked_at         BIGINT,
  expires_at         BIGINT   NOT NULL,
  purge_at           BIGINT   NOT NULL,
  b                  SMALLINT NOT NULL,
  op_id              BLOB     NOT NULL,
  data               BLOB,
  hook_data          BLOB
);
-- revoked_at stands second, so that neither a list nor a revocation in batches
-- walks over what was revoked before.
CREATE INDEX IF NOT EXISTS grants_by_subject ON grants (subject_key, revoked_at, requested_at, id);
CREATE INDEX IF NOT EXISTS grants_by_session ON grants (session_id);
CREATE INDEX IF NOT EXISTS grants_by_parent ON grants (parent);
CREATE INDEX IF NOT EXISTS grants_by_remember_key ON grants (remember_key, handled_at);
CREATE INDEX IF NOT EXISTS grants_by_purge ON grants (b, purge_at);

CREATE TABLE IF NOT EXISTS sessions (
  id               BLOB     NOT NULL PRIMARY KEY,
  subject_key      BLOB,
  authenticated_at BIGINT   NOT NULL,
  created_at       BIGINT   NOT NULL,
  expires_at       BIGINT   NOT NULL,
  ended_at         BIGINT,
  purge_at         BIGINT   NOT NULL,
  b                SMALLINT NOT NULL,
  data             BLOB
);
CREATE INDEX IF NOT EXISTS sessions_by_subject ON sessions (subject_key, ended_at);
CREATE INDEX IF NOT EXISTS sessions_by_purge ON sessions (b, purge_at);

CREATE TABLE IF NOT EXISTS requests (
  id         BLOB     NOT NULL PRIMARY KEY,
  kind       SMALLINT NOT NULL,
  client_uid BLOB,
  used_at    BIGINT,
  op_id      BLOB,
  created_at BIGINT   NOT NULL,
  expires_at BIGINT   NOT NULL,
  purge_at   BIGINT   NOT NULL,
  b          SMALLINT NOT NULL,
  data       BLOB
);
CREATE INDEX IF NOT EXISTS requests_by_purge ON requests (b, purge_at);

CREATE TABLE IF NOT EXISTS replays (
  id         BLOB     NOT NULL PRIMARY KEY,
  op_id      BLOB     NOT NULL,
  expires_at BIGINT   NOT NULL,
  purge_at   BIGINT   NOT NULL,
  b          SMALLINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS replays_by_purge ON replays (b, purge_at);

CREATE TABLE IF NOT EXISTS revoked_tokens (
  id         BLOB     NOT NULL PRIMARY KEY,
  client_uid BLOB     NOT NULL,
  expires_at BIGINT   NOT NULL,
  purge_at   BIGINT   NOT NULL,
  b          SMALLINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS revoked_tokens_by_client ON revoked_tokens (client_uid);
CREATE INDEX IF NOT EXISTS revoked_tokens_by_purge ON revoked_tokens (b, purge_at);

-- set_key and kid_key are SHA-256 of the names, so that names of any length
-- fit the keys of every engine.
CREATE TABLE IF NOT EXISTS json_web_keys (
  set_key      BLOB   NOT NULL,
  kid_key      BLOB   NOT NULL,
  slot         BLOB   NOT NULL,
  set_name     BLOB   NOT NULL,
  kid          BLOB   NOT NULL,
  alg          BLOB   NOT NULL,
  use_for      BLOB   NOT NULL,
  created_at   BIGINT NOT NULL,
  active_from  BIGINT,
  retired_at   BIGINT,
  verify_until BIGINT,
  data         BLOB,
  PRIMARY KEY (set_key, kid_key)
);
CREATE UNIQUE INDEX IF NOT EXISTS json_web_keys_by_slot ON json_web_keys (set_key, slot);

CREATE TABLE IF NOT EXISTS seal_keys (
  kid          BIGINT   NOT NULL PRIMARY KEY,
  kind         SMALLINT NOT NULL,
  slot         BLOB     NOT NULL,
  announced_at BIGINT,
  active_from  BIGINT,
  retired_at   BIGINT,
  delete_after BIGINT,
  data         BLOB
);
CREATE UNIQUE INDEX IF NOT EXISTS seal_keys_by_slot ON seal_keys (kind, slot);

CREATE TABLE IF NOT EXISTS leases (
  name  BLOB   NOT NULL PRIMARY KEY,
  owner BLOB   NOT NULL,
  until BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS settings (
  name  BLOB NOT NULL PRIMARY KEY,
  value BLOB
);

-- One counter for each group of rows that nodes cache.
CREATE TABLE IF NOT EXISTS versions (
  name  VARCHAR(16) NOT NULL PRIMARY KEY,
  value BIGINT      NOT NULL
) WITHOUT ROWID;
INSERT INTO versions (name, value)
  SELECT n.name, 1 FROM (SELECT 'clients' AS name UNION ALL SELECT 'keys' UNION ALL SELECT 'seal') n
  WHERE NOT EXISTS (SELECT 1 FROM versions v WHERE v.name = n.name);
