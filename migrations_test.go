package floors_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// A migration that has landed is never changed: databases that ran it would
// differ from new ones, and nothing would tell. What is to be different comes
// in a new migration, which adds its line to the sums of its engines.
func TestLandedMigrationsStay(t *testing.T) {
	t.Parallel()
	const folder, list = "internal/sqlstore/migrations", "internal/sqlstore/testdata/migrations.sha256"
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	landed := map[string]string{} // sums by names
	for line := range strings.Lines(string(text)) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok || landed[name] != "" {
			t.Fatalf("%s: not the line of one file: %q", list, line)
		}
		landed[name] = sum
	}
	files, err := filepath.Glob(folder + "/*/*")
	if err != nil || len(files) < 3 {
		t.Fatalf("the migrations are not in %s: %v", folder, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		name := path.Join(path.Base(path.Dir(filepath.ToSlash(file))), path.Base(filepath.ToSlash(file)))
		switch is := hex.EncodeToString(sum[:]); landed[name] {
		case is:
		case "":
			t.Errorf("%s is new; fill its tables in internal/sqlstore/upgrade_test.go, and add its line to %s:\n%s  %s", name, list, is, name)
		default:
			t.Errorf("%s was changed after it had landed; databases that ran it would stay as they are. Write a new migration", name)
		}
		delete(landed, name)
	}
	for name := range landed {
		t.Errorf("%s was removed after it had landed; databases that ran it would be of a newer schema", name)
	}
}
