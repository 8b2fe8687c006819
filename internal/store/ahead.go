package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ahead runs the statements of a change on PostgreSQL. Those that Tx.Soon put
// down wait for the next one and travel with it: a change that waits for one
// answer after another mostly waits.
type ahead struct {
	conn  *sql.Conn // nil in WriteBound
	raw   *pgx.Conn // the same connection
	begin bool      // the transaction is yet to begin, with the next statement
	soon  []asked
}

// beginning is the statement that is sent first where the transaction is yet to begin.
var beginning = asked{query: "begin", args: []any{pgx.QueryExecModeCacheStatement}}

// asked is a statement that waits.
type asked struct {
	query string
	args  []any
	into  []any // of its only row; nil if nobody wants it
	check func() error
}

// Soon runs a statement before any later one of tx.Bound, though maybe not
// before that is asked for. Its row is read into "into" (ErrNotFound if there is
// none; nil reads nothing), then check is called, unless it is nil. What goes
// wrong comes as the error of the later statement, or of Settle, and the change
// must end then: the later statement has run.
func (tx *Tx) Soon(ctx context.Context, into []any, check func() error, query string, args ...any) error {
	if tx.ahead != nil {
		query, args = tx.prepare(query, args)
		tx.ahead.soon = append(tx.ahead.soon, asked{query, args, into, check})
		return nil
	}
	var err error
	if into == nil {
		_, err = tx.Exec(ctx, query, args...)
	} else {
		err = tx.Row(ctx, into, query, args...)
	}
	if err == nil && check != nil {
		err = check()
	}
	return err
}

// Settle makes sure that everything put down by Soon has run.
func (tx *Tx) Settle(ctx context.Context) error {
	if tx.ahead == nil {
		return nil
	}
	return Kind(tx.ahead.settle(ctx))
}

func (a *ahead) settle(ctx context.Context) error {
	if len(a.soon) == 0 {
		return nil
	}
	_, err := a.together(ctx)
	return err
}

func (a *ahead) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if len(a.soon) == 0 && a.conn != nil {
		return a.conn.ExecContext(ctx, query, args...)
	}
	a.soon = append(a.soon, asked{query: query, args: args})
	n, err := a.together(ctx)
	return driver.RowsAffected(n), err
}

func (a *ahead) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if a.conn == nil {
		return nil, errors.New("store: a query of many rows in WriteBound")
	}
	if err := a.settle(ctx); err != nil {
		return nil, err
	}
	return a.conn.QueryContext(ctx, query, args...)
}

func (a *ahead) row(ctx context.Context, into []any, query string, args ...any) error {
	if len(a.soon) == 0 && a.conn != nil {
		return a.conn.QueryRowContext(ctx, query, args...).Scan(into...)
	}
	a.soon = append(a.soon, asked{query: query, args: args, into: into})
	_, err := a.together(ctx)
	return err
}

// together sends all that waits at once, and reads the answers in order. It
// returns how many rows the last statement touched.
func (a *ahead) together(ctx context.Context) (touched int64, err error) {
	all := a.soon
	a.soon = nil
	if a.begin {
		all = append([]asked{beginning}, all...)
		a.begin = false
	}
	kept := make([]*pgconn.StatementDescription, len(all))
	for i, one := range all {
		// Asks the server once a connection, then remembers.
		if kept[i], err = a.raw.Prepare(ctx, one.query, one.query); err != nil {
			return 0, err
		}
	}
	pipe := a.raw.PgConn().StartPipeline(ctx)
	defer func() { err = errors.Join(err, pipe.Close()) }()
	var build pgx.ExtendedQueryBuilder
	for i, one := range all {
		if err := build.Build(a.raw.TypeMap(), kept[i], one.args[1:]); err != nil { // the first one is pgx's mode
			return 0, err
		}
		pipe.SendQueryPrepared(kept[i].Name, build.ParamValues, build.ParamFormats, build.ResultFormats)
	}
	if err := pipe.Sync(); err != nil {
		return 0, err
	}
	for _, one := range all {
		if touched, err = a.answer(pipe, one); err != nil {
			return 0, err
		}
	}
	return touched, nil
}

func (a *ahead) answer(pipe *pgconn.Pipeline, one asked) (int64, error) {
	result, err := pipe.GetResults()
	if err != nil {
		return 0, err
	}
	reader, ok := result.(*pgconn.ResultReader)
	if !ok {
		return 0, errors.New("store: an answer of another kind")
	}
	rows := pgx.RowsFromResultReader(a.raw.TypeMap(), reader)
	found := rows.Next()
	if found && one.into != nil {
		err = rows.Scan(flags(one.into)...)
	}
	rows.Close()
	if err := errors.Join(err, rows.Err()); err != nil {
		return 0, err
	}
	if one.into != nil && !found {
		return 0, sql.ErrNoRows
	}
	if one.check != nil {
		if err := one.check(); err != nil {
			return 0, err
		}
	}
	return rows.CommandTag().RowsAffected(), nil
}

// flags lets a *bool be read from a 0 or 1, as database/sql does.
func flags(into []any) []any {
	out := slices.Clone(into)
	for i, dest := range out {
		if b, ok := dest.(*bool); ok {
			out[i] = flag{b}
		}
	}
	return out
}

type flag struct{ to *bool }

// Scan is called with what the column holds.
func (f flag) Scan(from any) error {
	b, err := driver.Bool.ConvertValue(from)
	if err != nil {
		return err
	}
	*f.to = b.(bool) // ConvertValue gives nothing else
	return nil
}
