package sqlstore

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hydra/internal/oauth"
)

// Every column that some package seals at rest can be sealed anew: else a
// rotation of the key would leave it behind, and then lose it.
func TestEverySealedColumnCanBeSealedAnew(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	call, place := regexp.MustCompile(`\.SealRow\(`), regexp.MustCompile(`\.SealRow\("(\w+)", "(\w+)"`)
	found := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(call.FindAll(text, -1)) != len(place.FindAll(text, -1)) && !strings.HasSuffix(name, "key/reseal.go") {
			t.Errorf("%s: SealRow is called without literal names of table and column, which this test needs", name)
		}
		for _, m := range place.FindAllStringSubmatch(string(text), -1) {
			found++
			if !slices.Contains(sealedTables[oauth.SealedTable(m[1])].columns, m[2]) {
				t.Errorf("%s seals %s.%s, which SealedRows does not know", name, m[1], m[2])
			}
		}
	}
	if found < 8 {
		t.Errorf("only %d sealed columns were found", found)
	}
	if len(sealedTables) != len(oauth.SealedTables()) {
		t.Errorf("%d tables, and oauth names %d", len(sealedTables), len(oauth.SealedTables()))
	}
	for table, s := range sealedTables {
		for _, column := range s.columns {
			if s.replace[column] == "" {
				t.Errorf("no statement replaces %s.%s", table, column)
			}
		}
	}
}
