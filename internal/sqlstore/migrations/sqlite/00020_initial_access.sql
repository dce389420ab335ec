-- +goose Up
-- Dynamic client registration (RFC 7591). A client that registered without a
-- token has a row in registrations, by which it is found when nobody has used
-- it in time. An initial access token is a sealed id: its value is not here.

CREATE TABLE IF NOT EXISTS registrations (
  client_uid   BLOB  NOT NULL PRIMARY KEY,
  client_id    BLOB  NOT NULL,
  unused_until BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS registrations_by_end ON registrations (unused_until);

CREATE TABLE IF NOT EXISTS initial_access_tokens (
  id         BLOB  NOT NULL PRIMARY KEY,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  uses_left  BIGINT NOT NULL,
  op_id      BLOB  NOT NULL,
  note       BLOB  NOT NULL
);
