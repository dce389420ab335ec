package sqlstore

import (
	"regexp"
	"strings"
	"testing"
)

// What one of the engines does not have, does differently, or keeps to one node
// of a cluster: CockroachDB, YugabyteDB, TiDB, Galera, and MySQL beside
// PostgreSQL.
var unportable = []struct{ what, why string }{
	{`\bRETURNING\b`, "TiDB and MySQL have none"},
	{`\bON CONFLICT\b|\bON DUPLICATE KEY\b|\bREPLACE INTO\b|\bINSERT OR\b|\bINSERT IGNORE\b|\bMERGE INTO\b`, "each engine has another"},
	{`\bFOR (UPDATE|SHARE|NO KEY UPDATE)\b|\bLOCK IN SHARE MODE\b|\bSKIP LOCKED\b|\bNOWAIT\b|\bLOCK TABLES?\b`, "row locks are a node's own on Galera, and TiDB ignores SKIP LOCKED"},
	{`advisory|\bGET_LOCK\b|\bRELEASE_LOCK\b`, "CockroachDB's are none, Galera's are a node's own"},
	{`\bNEXTVAL\b|\bSERIAL\b|\bAUTO_?INCREMENT\b|\bLASTVAL\b|\bLAST_INSERT_ID\b|\bCREATE SEQUENCE\b|\bIDENTITY\b`, "a hot range, with gaps"},
	{`\bLISTEN\b|\bNOTIFY\b`, "CockroachDB has none"},
	{`\bCURRENT_TIMESTAMP\b|\bNOW\(\)|\bCURRENT_DATE\b|\bSYSDATE\b|\bUNIX_TIMESTAMP\b|\bRANDOM\(\)|\bUUID\(\)|gen_random`, "time and randomness come from Go"},
	{`\bFOREIGN KEY\b|\bREFERENCES\b`, "extra conflicts and costs across ranges"},
	{`\bCHECK\s*\(`, "TiDB drops it unless it is switched on"},
	{`\bSERIALIZABLE\b|\bREPEATABLE READ\b`, "TiDB has no SERIALIZABLE"},
	{`\bTRIGGER\b|\bCREATE FUNCTION\b|\bPROCEDURE\b|\bPARTITION BY\b|\bTEMPORARY\b`, "missing or different in most of them"},
	{`\bFULL (OUTER )?JOIN\b|\bLATERAL\b|\bINTERSECT\b|\bEXCEPT\b|\bWITH RECURSIVE\b`, "not in every release that is supported"},
	{`\bstrftime\b|\bunixepoch\b|\browid\b|\bPRAGMA\b`, "SQLite's alone"},
	{`\bIS NOT DISTINCT\b`, "MySQL has another"},
	{`::\w|\bILIKE\b|\|\|`, "PostgreSQL's alone, or another meaning in MySQL"},
}

// No statement, and no migration of a database server, uses what one of the
// engines lacks (docs/operations/databases.md).
func TestStatementsArePortable(t *testing.T) {
	t.Parallel()
	texts := statements(t)
	for name, text := range constants(t) {
		if strings.HasSuffix(name, "Joined") || strings.HasSuffix(name, "SchemaLease") {
			texts[name] = text
		}
	}
	for _, folder := range []string{"postgres", "mysql"} {
		files, err := migrations.ReadDir("migrations/" + folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := migrations.ReadFile("migrations/" + folder + "/" + f.Name())
			if err != nil {
				t.Fatal(err)
			}
			texts[folder+"/"+f.Name()] = string(regexp.MustCompile(`(?m)^\s*--.*$`).ReplaceAll(text, nil))
		}
	}
	for _, u := range unportable {
		re := regexp.MustCompile("(?i)" + u.what)
		for name, text := range texts {
			if m := re.FindString(text); m != "" {
				t.Errorf("%s uses %q: %s", name, m, u.why)
			}
		}
	}
}
