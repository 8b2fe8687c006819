package store

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Bound sends SQL with real parameters, so that neither secrets nor sealed
// answers stand in the text of a statement, and so that PostgreSQL plans what
// runs often only once. Placeholders are "?" on both databases.
type Bound struct {
	q interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
		QueryContext(context.Context, string, ...any) (*sql.Rows, error)
		row(ctx context.Context, into []any, query string, args ...any) error
	}
	pg bool
}

// Exec runs a statement and returns how many rows it touched.
func (b Bound) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	query, args = b.prepare(query, args)
	res, err := b.q.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, Kind(err)
	}
	n, err := res.RowsAffected()
	return n, Kind(err)
}

// Query runs a select; the caller closes the rows.
func (b Bound) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	query, args = b.prepare(query, args)
	rows, err := b.q.QueryContext(ctx, query, args...)
	return rows, Kind(err)
}

// Row reads one row into dest; ErrNotFound if there is none.
func (b Bound) Row(ctx context.Context, dest []any, query string, args ...any) error {
	query, args = b.prepare(query, args)
	return Kind(b.q.row(ctx, dest, query, args...))
}

// plain runs statements as they come.
type plain struct{ *sql.DB }

func (p plain) row(ctx context.Context, into []any, query string, args ...any) error {
	return p.QueryRowContext(ctx, query, args...).Scan(into...)
}

func (b Bound) prepare(query string, args []any) (string, []any) {
	if !b.pg {
		return query, args
	}
	var out strings.Builder
	n := 0
	for _, c := range []byte(query) {
		if c != '?' {
			out.WriteByte(c)
			continue
		}
		n++
		out.WriteByte('$')
		out.WriteString(strconv.Itoa(n))
	}
	return out.String(), append([]any{pgx.QueryExecModeCacheStatement}, args...)
}
