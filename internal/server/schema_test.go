package server_test

import (
	"database/sql"
	"strings"
	"testing"

	"hydra/internal/oauth"
	"hydra/internal/server"
)

// Nothing is served from a database that a later release has migrated.
func TestStartRefusesNewerDatabase(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/hydra.sqlite"
	dsn := "DSN=sqlite://" + path
	if err := start(t, dsn).stop(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)"); err != nil {
		t.Fatal(err)
	}
	if _, err := tryStart(t, dsn); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("start on a newer database = %v", err)
	}
	schema, err := server.Schema(t.Context(), oauth.Secret("sqlite://"+path))
	if err != nil || !schema.Newer() || schema.Pending() != 0 {
		t.Errorf("Schema() = %+v, %v", schema, err)
	}
}
