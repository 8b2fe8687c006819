package store

import (
	"context"
	"database/sql"
	"sync"
)

// Reading a statement's text costs SQLite more than most of ours cost to run,
// so what comes a second time is kept prepared, up to a limit: texts that are
// put together for the occasion must not fill the memory.
const (
	mostPrepared    = 128
	longestPrepared = 2000 // bytes of text
)

// prepared are the statements that a pool of SQLite connections keeps.
type prepared struct {
	pool *sql.DB

	mu    sync.RWMutex
	kept  map[string]*sql.Stmt // nil: seen once
	count int
}

func newPrepared(pool *sql.DB) *prepared {
	return &prepared{pool: pool, kept: map[string]*sql.Stmt{}}
}

// stmt is the kept statement, nil if there is none; then wanted says whether
// one is worth preparing.
func (p *prepared) stmt(query string) (s *sql.Stmt, wanted bool) {
	p.mu.RLock()
	s, seen := p.kept[query]
	full := p.count >= mostPrepared
	p.mu.RUnlock()
	if s != nil || full || len(query) > longestPrepared {
		return s, false
	}
	if seen {
		return nil, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.kept) < 4*mostPrepared {
		p.kept[query] = nil
	}
	return nil, false
}

// keep prepares a statement. It takes a connection of the pool, so never call
// it where one is held. What can't be prepared is run as text, and tells why
// there.
func (p *prepared) keep(ctx context.Context, query string) *sql.Stmt {
	s, err := p.pool.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if other := p.kept[query]; other != nil {
		_ = s.Close() // somebody was faster
		return other
	}
	if p.count >= mostPrepared {
		_ = s.Close() // nothing has used it
		return nil
	}
	p.kept[query] = s
	p.count++
	return s
}

// reading runs on a pool whose statements are kept.
type reading struct {
	*sql.DB
	kept *prepared
}

func (r reading) of(ctx context.Context, query string) *sql.Stmt {
	s, wanted := r.kept.stmt(query)
	if wanted {
		s = r.kept.keep(ctx, query)
	}
	return s
}

func (r reading) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := r.of(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return r.DB.QueryContext(ctx, query, args...)
}

func (r reading) row(ctx context.Context, into []any, query string, args ...any) error {
	if s := r.of(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...).Scan(into...)
	}
	return r.DB.QueryRowContext(ctx, query, args...).Scan(into...)
}

// writing runs in the writer's transaction. The writer has one connection, so
// what is worth preparing waits in later until the transaction is over. Rows
// that stay open while other statements run get one of their own: a prepared
// statement runs only once at a time.
type writing struct {
	*sql.Tx
	kept  *prepared
	later *[]string
}

func (w writing) of(ctx context.Context, query string) *sql.Stmt {
	s, wanted := w.kept.stmt(query)
	if s != nil {
		return w.Tx.StmtContext(ctx, s)
	}
	if wanted {
		*w.later = append(*w.later, query)
	}
	return nil
}

func (w writing) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := w.of(ctx, query); s != nil {
		return s.ExecContext(ctx, args...)
	}
	return w.Tx.ExecContext(ctx, query, args...)
}

func (w writing) row(ctx context.Context, into []any, query string, args ...any) error {
	if s := w.of(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...).Scan(into...)
	}
	return w.Tx.QueryRowContext(ctx, query, args...).Scan(into...)
}
