-- +goose Up
-- Secrets of clients that authenticate with an HMAC (client_secret_jwt), which
-- a hash cannot check. They are sealed; other clients have no row here.

CREATE TABLE IF NOT EXISTS client_secret_copies (
  client_uid BYTEA NOT NULL,
  id         BYTEA NOT NULL,
  sealed     BYTEA NOT NULL,
  PRIMARY KEY (client_uid, id)
);
