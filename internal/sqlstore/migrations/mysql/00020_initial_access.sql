-- +goose Up
-- Dynamic client registration (RFC 7591). A client that registered without a
-- token has a row in registrations, by which it is found when nobody has used
-- it in time. An initial access token is a sealed id: its value is not here.

CREATE TABLE IF NOT EXISTS registrations (
  client_uid   VARBINARY(16) NOT NULL PRIMARY KEY,
  client_id    VARBINARY(2048) NOT NULL,
  unused_until BIGINT NOT NULL,
  KEY registrations_by_end (unused_until)
) ENGINE=InnoDB;

CREATE TABLE IF NOT EXISTS initial_access_tokens (
  id         VARBINARY(16) NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  uses_left  BIGINT NOT NULL,
  op_id      VARBINARY(16) NOT NULL,
  note       BLOB NOT NULL
) ENGINE=InnoDB;
