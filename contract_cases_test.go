package floors_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// caseLine is a line of the table in docs/contract-cases.md.
var caseLine = regexp.MustCompile("^\\| (\\d+) \\| ([^|]+) \\| (?:`([^`]+)` `([^`]+)`)?[^|]*\\|$")

// The table of contract cases tells the truth: each case stands in it once,
// and the test that is said to hold it exists and speaks of it.
func TestContractCases(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/contract-cases.md")
	if err != nil {
		t.Fatal(err)
	}
	const last = 250
	next := 1
	files := map[string]map[string]map[int]bool{}
	for line := range strings.SplitSeq(string(text), "\n") {
		m := caseLine.FindStringSubmatch(line)
		if m == nil {
			if strings.HasPrefix(line, "| ") && line[2] >= '0' && line[2] <= '9' {
				t.Errorf("this line has not the form of the table: %s", line)
			}
			continue
		}
		number, err := strconv.Atoi(m[1])
		if err != nil || number != next {
			t.Fatalf("the table has case %s where %d is due", m[1], next)
		}
		next++
		state, file, test := strings.TrimSpace(m[2]), m[3], m[4]
		if file == "" {
			if !strings.HasPrefix(state, "not here") {
				t.Errorf("case %d is %q, but has no test", number, state)
			}
			continue
		}
		if files[file] == nil {
			files[file] = testsOf(t, file)
		}
		switch cases, ok := files[file][test]; {
		case !ok:
			t.Errorf("case %d: %s has no test %s", number, file, test)
		case !cases[number]:
			t.Errorf("case %d: %s of %s does not speak of it", number, test, file)
		}
	}
	if next != last+1 {
		t.Errorf("the table ends before case %d", next)
	}
}

// testsOf returns the tests of a file and the numbers that they speak of. A
// script is a test of its own name.
func testsOf(t *testing.T, file string) map[string]map[int]bool {
	t.Helper()
	out := map[string]map[int]bool{}
	if strings.HasSuffix(file, ".txt") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			return out
		}
		out["TestScripts"] = numbersIn(string(text))
		return out
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Error(err)
		return out
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test") {
			continue
		}
		var said strings.Builder
		begin := fn.Pos()
		if fn.Doc != nil {
			begin = fn.Doc.Pos()
		}
		for _, c := range f.Comments {
			if c.Pos() >= begin && c.End() <= fn.End() {
				said.WriteString(c.Text() + "\n")
			}
		}
		ast.Inspect(fn, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				said.WriteString(lit.Value + "\n")
			}
			return true
		})
		out[fn.Name.Name] = numbersIn(said.String())
	}
	return out
}

var (
	numberRange = regexp.MustCompile(`\b(\d{1,3}) to (\d{1,3})\b`)
	plainNumber = regexp.MustCompile(`\b\d{1,3}\b`)
)

// numbersIn are the numbers that a text names, also as "12 to 14".
func numbersIn(text string) map[int]bool {
	out := map[int]bool{}
	for _, s := range plainNumber.FindAllString(text, -1) {
		n, _ := strconv.Atoi(s)
		out[n] = true
	}
	for _, m := range numberRange.FindAllStringSubmatch(text, -1) {
		from, _ := strconv.Atoi(m[1])
		to, _ := strconv.Atoi(m[2])
		for n := from; n <= to; n++ {
			out[n] = true
		}
	}
	return out
}
