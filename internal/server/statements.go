package server

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// countStatements counts what is sent to the database, in
// hydra_sql_statements_total, and tells next, if there is one.
func countStatements(reg prometheus.Registerer, next func(ctx context.Context, kind, statement string)) func(context.Context, string, string) {
	counts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hydra_sql_statements_total",
		Help: "SQL statements by kind: read, write, begin, commit; those of background jobs included, a rollback is a commit.",
	}, []string{"kind"})
	reg.MustRegister(counts)
	byKind := map[string]prometheus.Counter{} // looked up once, and only read from then on
	for _, kind := range []string{"read", "write", "begin", "commit"} {
		byKind[kind] = counts.WithLabelValues(kind)
	}
	return func(ctx context.Context, kind, statement string) {
		byKind[kind].Inc()
		if next != nil {
			next(ctx, kind, statement)
		}
	}
}
