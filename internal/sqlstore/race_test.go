//go:build race

package sqlstore_test

// purgeRows is smaller under the race detector, which makes SQLite, being Go
// here, some twenty times slower.
const purgeRows = 5_000

// moreSettings differ in what the server does, which the race detector does
// not see.
var moreSettings []setting
