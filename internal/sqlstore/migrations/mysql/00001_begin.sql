-- +goose Up
-- Times are Unix microseconds, 9223372036854775807 stands for "never".
-- Ids are 16 bytes; b is the low half of an id's first byte. All text is kept
-- as bytes, so that every comparison is byte for byte. Indexes stand inside
-- their tables, because MySQL cannot add one only where it is missing.

CREATE TABLE IF NOT EXISTS clients (
  uid                     VARBINARY(16) NOT NULL PRIMARY KEY,
  client_id               VARBINARY(2048) NOT NULL,
  owner_key               VARBINARY(32),
  name_key                VARBINARY(32),
  epoch                   BIGINT   NOT NULL,
  version                 BIGINT   NOT NULL,
  registration_generation BIGINT   NOT NULL,
  created_at              BIGINT   NOT NULL,
  updated_at              BIGINT   NOT NULL,
  expires_at              BIGINT   NOT NULL,
  op_id                   VARBINARY(16) NOT NULL,
  data                    MEDIUMBLOB NOT NULL,
  UNIQUE KEY clients_by_id (client_id),
  KEY clients_by_owner (owner_key, client_id),
  KEY clients_by_name (name_key, client_id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS client_secrets (
  client_uid VARBINARY(16) NOT NULL,
  id         VARBINARY(16) NOT NULL,
  hash       BLOB NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (client_uid, id)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS deleted_clients (
  uid        VARBINARY(16) NOT NULL PRIMARY KEY,
  deleted_at BIGINT NOT NULL
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS grants (
  id                 VARBINARY(16) NOT NULL PRIMARY KEY,
  client_uid         VARBINARY(16) NOT NULL,
  kind               SMALLINT NOT NULL,
  subject_key        VARBINARY(16),
  session_id         VARBINARY(16),
  parent             VARBINARY(16),
  remember_key       VARBINARY(16),
  skip               SMALLINT NOT NULL,
  requested_at       BIGINT   NOT NULL,
  handled_at         BIGINT,
  consent_until      BIGINT,
  flow_expires_at    BIGINT,
  code_expires_at    BIGINT,
  code_used_at       BIGINT,
  front_at           BIGINT,
  generation         BIGINT   NOT NULL,
  rotation_id        VARBINARY(8) NOT NULL,
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
  op_id              VARBINARY(16) NOT NULL,
  data               MEDIUMBLOB,
  hook_data          MEDIUMBLOB,
  -- revoked_at stands second, so that neither a list nor a revocation in batches
  -- walks over what was revoked before.
  KEY grants_by_subject (subject_key, revoked_at, requested_at, id),
  KEY grants_by_session (session_id),
  KEY grants_by_parent (parent),
  KEY grants_by_remember_key (remember_key, handled_at),
  KEY grants_by_purge (b, purge_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS sessions (
  id               VARBINARY(16) NOT NULL PRIMARY KEY,
  subject_key      VARBINARY(16),
  authenticated_at BIGINT   NOT NULL,
  created_at       BIGINT   NOT NULL,
  expires_at       BIGINT   NOT NULL,
  ended_at         BIGINT,
  purge_at         BIGINT   NOT NULL,
  b                SMALLINT NOT NULL,
  data             MEDIUMBLOB,
  KEY sessions_by_subject (subject_key, ended_at),
  KEY sessions_by_purge (b, purge_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS requests (
  id         VARBINARY(16) NOT NULL PRIMARY KEY,
  kind       SMALLINT NOT NULL,
  client_uid VARBINARY(16),
  used_at    BIGINT,
  op_id      VARBINARY(16),
  created_at BIGINT   NOT NULL,
  expires_at BIGINT   NOT NULL,
  purge_at   BIGINT   NOT NULL,
  b          SMALLINT NOT NULL,
  data       MEDIUMBLOB,
  KEY requests_by_purge (b, purge_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS replays (
  id         VARBINARY(16) NOT NULL PRIMARY KEY,
  op_id      VARBINARY(16) NOT NULL,
  expires_at BIGINT   NOT NULL,
  purge_at   BIGINT   NOT NULL,
  b          SMALLINT NOT NULL,
  KEY replays_by_purge (b, purge_at)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS revoked_tokens (
  id         VARBINARY(16) NOT NULL PRIMARY KEY,
  client_uid VARBINARY(16) NOT NULL,
  expires_at BIGINT   NOT NULL,
  purge_at   BIGINT   NOT NULL,
  b          SMALLINT NOT NULL,
  KEY revoked_tokens_by_client (client_uid),
  KEY revoked_tokens_by_purge (b, purge_at)
) ENGINE=InnoDB;

-- set_key and kid_key are SHA-256 of the names, so that names of any length
-- fit the keys of every engine.
CREATE TABLE IF NOT EXISTS json_web_keys (
  set_key      VARBINARY(32) NOT NULL,
  kid_key      VARBINARY(32) NOT NULL,
  slot         VARBINARY(16) NOT NULL,
  set_name     BLOB NOT NULL,
  kid          BLOB NOT NULL,
  alg          BLOB NOT NULL,
  use_for      BLOB NOT NULL,
  created_at   BIGINT NOT NULL,
  active_from  BIGINT,
  retired_at   BIGINT,
  verify_until BIGINT,
  data         MEDIUMBLOB,
  PRIMARY KEY (set_key, kid_key),
  UNIQUE KEY json_web_keys_by_slot (set_key, slot)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS seal_keys (
  kid          BIGINT   NOT NULL PRIMARY KEY,
  kind         SMALLINT NOT NULL,
  slot         VARBINARY(16) NOT NULL,
  announced_at BIGINT,
  active_from  BIGINT,
  retired_at   BIGINT,
  delete_after BIGINT,
  data         MEDIUMBLOB,
  UNIQUE KEY seal_keys_by_slot (kind, slot)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS leases (
  name  VARBINARY(255) NOT NULL PRIMARY KEY,
  owner VARBINARY(16) NOT NULL,
  until BIGINT NOT NULL
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS settings (
  name  VARBINARY(255) NOT NULL PRIMARY KEY,
  value MEDIUMBLOB
) ENGINE=InnoDB;

-- One counter for each group of rows that nodes cache.
CREATE TABLE IF NOT EXISTS versions (
  name  VARBINARY(16) NOT NULL PRIMARY KEY,
  value BIGINT      NOT NULL
) ENGINE=InnoDB;
INSERT INTO versions (name, value)
  SELECT n.name, 1 FROM (SELECT 'clients' AS name UNION ALL SELECT 'keys' UNION ALL SELECT 'seal') n
  WHERE NOT EXISTS (SELECT 1 FROM versions v WHERE v.name = n.name);
