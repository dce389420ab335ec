//go:build !race

package sqlstore_test

const purgeRows = 100_000
