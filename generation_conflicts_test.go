package floors_test

import (
	"os"
	"regexp"
	"testing"
)

// conflictLine is a line of the list in docs/divergences.md §7 that says which
// test holds which rows.
var conflictLine = regexp.MustCompile("(?m)^\\| (\\d[\\d, to]*) \\| `([^`]+)` `([^`]+)` \\|$")

// Each of the 46 conflicts between the generations has its test, which speaks
// of its row.
func TestGenerationConflicts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/divergences.md")
	if err != nil {
		t.Fatal(err)
	}
	held := map[int]bool{}
	for _, m := range conflictLine.FindAllStringSubmatch(string(text), -1) {
		spoken, ok := testsOf(t, m[2])[m[3]]
		if !ok {
			t.Errorf("%s has no test %s", m[2], m[3])
		}
		for row := range numbersIn(m[1]) {
			held[row] = true
			if !spoken[row] {
				t.Errorf("row %d: %s of %s does not speak of it", row, m[3], m[2])
			}
		}
	}
	for row := 1; row <= 46; row++ {
		if !held[row] {
			t.Errorf("row %d has no test in docs/divergences.md §7", row)
		}
	}
}
