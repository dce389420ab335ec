package main

import (
	"database/sql"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// settle judges what is left when all is quiet.
func (f *fleet) settle() {
	f.log.add("all flows are over")
	f.checkTokens()
	f.log.add("the tokens are checked")
	f.checkRows()
	f.checkExpiry()
	f.log.add("the rows are checked")
}

// checkTokens asks for every token that a client was given.
func (f *fleet) checkTokens() {
	var wg sync.WaitGroup
	type question struct {
		p     *permission
		token string
		want  bool
	}
	ask := make(chan question)
	for id := range 8 {
		wg.Go(func() {
			w := f.person(100 + id)
			for q := range ask {
				if got, err := w.active(q.token, 0); err != nil {
					f.fault("at the end: %v", err)
				} else if got != q.want {
					f.fault("at the end a token of %s is active = %t, want %t; its story: %s", q.p.id, got, q.want, strings.Join(q.p.story, ", "))
				}
			}
		})
	}
	for _, p := range f.ledger.all() {
		for token, want := range p.tokens {
			ask <- question{p, token, want}
			f.ledger.count(map[bool]string{true: "live tokens checked", false: "dead tokens checked"}[want], 1)
		}
	}
	close(ask)
	wg.Wait()
}

// checkRows compares Grants with what clients were told.
func (f *fleet) checkRows() {
	rows, err := f.database.db.QueryContext(f.t.Context(), "SELECT id, generation, code_used_at FROM grants")
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	found := map[string]bool{}
	for rows.Next() {
		var id []byte
		var generation int64
		var used sql.NullInt64
		if err := rows.Scan(&id, &generation, &used); err != nil {
			f.t.Fatal(err)
		}
		p := f.ledger.grants[hex.EncodeToString(id)]
		if p == nil {
			continue // its client was told nothing
		}
		found[p.id] = true
		if int(generation) < p.least || int(generation) > p.most {
			f.fault("grant %s has generation %d, want %d to %d; its story: %s", p.id, generation, p.least, p.most, strings.Join(p.story, ", "))
		}
		if len(p.tokens) > 0 && !used.Valid {
			f.fault("the code of grant %s bought tokens and counts as not used", p.id)
		}
	}
	if err := rows.Err(); err != nil {
		f.t.Fatal(err)
	}
	for _, p := range f.ledger.all() {
		if !found[p.id] && !p.deleted {
			f.fault("grant %s, whose consent was acknowledged, has no row; its story: %s", p.id, strings.Join(p.story, ", "))
		}
	}
}

// checkExpiry ends the nodes and starts one that lives two years later and
// cleans up: what belongs to people is gone, and nothing else has grown with
// them.
func (f *fleet) checkExpiry() {
	for _, n := range f.nodes {
		n.end(syscall.SIGTERM)
	}
	n := f.node(f.t, "future", 2*365*24*time.Hour)
	if err := n.begin(); err != nil {
		f.t.Fatal(err)
	}
	if err := n.wait(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	f.nodes = []*node{n}
	if _, err := f.operator().ask(http.MethodPost, f.admin.server.URL+"/oauth2/flush", asking{json: map[string]any{}, status: http.StatusNoContent}); err != nil {
		f.fault("the clean-up: %v", err)
	}
	for table, expires := range f.tables() {
		var count int
		if err := f.database.db.QueryRowContext(f.t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&count); err != nil {
			f.t.Fatal(err)
		}
		switch {
		case expires && count > 0:
			f.fault("%d rows of %s are left two years later", count, table)
		case count > 64+4*f.ledger.clients():
			f.fault("%s has no expiry and has grown to %d rows", table, count)
		}
	}
}

// tables tells for each table of the store whether its rows expire.
func (f *fleet) tables() map[string]bool {
	rows, err := f.database.db.QueryContext(f.t.Context(), `SELECT c.table_name, MAX(CASE WHEN c.column_name = 'purge_at' THEN 1 ELSE 0 END)
		FROM information_schema.columns c WHERE c.table_schema = `+map[bool]string{true: "DATABASE()", false: "current_schema()"}[strings.HasPrefix(f.database.dsn, "mysql")]+`
		GROUP BY c.table_name`)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string]bool{}
	for rows.Next() {
		var name string
		var expires int
		if err := rows.Scan(&name, &expires); err != nil {
			f.t.Fatal(err)
		}
		out[name] = expires == 1
	}
	if err := rows.Err(); err != nil {
		f.t.Fatal(err)
	}
	if len(out) < 10 {
		f.t.Fatalf("the database has the tables %v", out)
	}
	return out
}
