package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// The kinds of error that cross a package border. The web maps each to one
// status; test with errors.Is, never by text.
var (
	ErrNotFound    = errors.New("not found")
	ErrExists      = errors.New("exists already")
	ErrDenied      = errors.New("not allowed")
	ErrInvalid     = errors.New("invalid")
	ErrIgnored     = errors.New("ignored")
	ErrUnavailable = errors.New("unavailable")
)

// FieldError is an ErrInvalid that names what a person typed and how to put it
// right: Key is a message key, Args its values (name, value, name, value, …).
type FieldError struct {
	Field string
	Key   string
	Args  []any
}

// Invalid returns a FieldError.
func Invalid(field, key string, args ...any) error { return &FieldError{field, key, args} }

func (e *FieldError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Key) }

// Is makes every FieldError an ErrInvalid.
func (e *FieldError) Is(target error) bool { return target == ErrInvalid }

// Kind adds the kind of this package to an error of a database. Errors that
// have a kind already, and nil, come back as they are.
func Kind(err error) error {
	if err == nil {
		return nil
	}
	for _, kind := range []error{ErrNotFound, ErrExists, ErrDenied, ErrInvalid, ErrIgnored, ErrUnavailable} {
		if errors.Is(err, kind) {
			return err
		}
	}
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w (%w)", ErrNotFound, err)
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
			return fmt.Errorf("%w (%w)", ErrExists, err)
		case sqlite3.SQLITE_CONSTRAINT_CHECK, sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, sqlite3.SQLITE_CONSTRAINT_NOTNULL:
			return fmt.Errorf("%w (%w)", ErrInvalid, err)
		}
		switch lite.Code() & 0xff {
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
			return fmt.Errorf("%w: the database cannot store this now (%w)", ErrUnavailable, err)
		}
		return err
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch {
		case pg.Code == "23505":
			return fmt.Errorf("%w (%w)", ErrExists, err)
		case pg.Code[:2] == "23":
			return fmt.Errorf("%w (%w)", ErrInvalid, err)
		case pg.Code[:2] == "53", pg.Code[:2] == "57", pg.Code[:2] == "58", pg.Code[:2] == "08":
			return fmt.Errorf("%w: the database cannot store this now (%w)", ErrUnavailable, err)
		}
		return err
	}
	var lost *pgconn.ConnectError
	if errors.As(err, &lost) || errors.Is(err, sql.ErrConnDone) {
		return fmt.Errorf("%w (%w)", ErrUnavailable, err)
	}
	return err
}

// retryable says whether PostgreSQL asks for the same transaction again.
func retryable(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || errors.Is(err, context.Canceled) {
		return false
	}
	return pg.Code == "40001" || pg.Code == "40P01"
}
