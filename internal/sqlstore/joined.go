package sqlstore

import (
	"regexp"
	"sync"
)

// MySQL and MariaDB look at every row of a table for UPDATE … WHERE id IN
// (SELECT …), however few the SELECT finds. So what changes or deletes rows in
// batches is said with joins there. The parameters stay in their order, which
// is why a derived table takes the one of SET: it would otherwise come last.
var (
	updateIn = regexp.MustCompile(`(?s)^\s*UPDATE (\w+) SET (\w+) = \? WHERE id IN \(SELECT id FROM \((.*LIMIT \?)\) x\) AND (.*)$`)
	deleteIn = regexp.MustCompile(`(?s)^\s*DELETE FROM (\w+) WHERE id IN \(SELECT id FROM \((.*LIMIT \?)\) x\) AND (.*)$`)
)

// $1 is the table, the last one the rest of the condition.
const (
	updateJoined = `UPDATE (SELECT ? AS new_value) v JOIN ($3) x JOIN $1 ON $1.id = x.id SET $1.$2 = v.new_value WHERE $4`
	deleteJoined = `DELETE $1 FROM ($2) x JOIN $1 ON $1.id = x.id WHERE $3`
)

// joinings remembers what joined has made: there are only so many statements.
var joinings sync.Map

// joined puts a statement on rows that a subquery finds into MySQL's form.
// Others it leaves as they are.
func joined(stmt string) string {
	if s, ok := joinings.Load(stmt); ok {
		return s.(string)
	}
	own := deleteIn.ReplaceAllString(updateIn.ReplaceAllString(stmt, updateJoined), deleteJoined)
	joinings.Store(stmt, own)
	return own
}
