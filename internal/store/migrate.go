package store

import (
	"context"
	"fmt"
	"io/fs"
	"sort"
	"strings"

	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// Migrate brings the schema up: the numbered files of fsys that have not run
// yet, each in its own transaction, then River's own tables. Where a file
// NNNN_name.postgres.sql exists it takes the place of NNNN_name.sql on
// PostgreSQL. Several processes may call it at once.
func (db *DB) Migrate(ctx context.Context, fsys fs.FS) error {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	sort.Strings(names)
	special := map[string]bool{}
	for _, n := range names {
		if base, ok := strings.CutSuffix(n, ".postgres.sql"); ok {
			special[base+".sql"] = true
		}
	}
	if err := db.Write(ctx, func(ctx context.Context, tx *Tx) error {
		_, err := tx.ExecContext(ctx, "create table if not exists schema_migrations (name text primary key, applied_at bigint not null)")
		return err
	}); err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	for _, name := range names {
		file := name
		if strings.HasSuffix(name, ".postgres.sql") {
			continue
		}
		if db.Postgres() && special[name] {
			file = strings.TrimSuffix(name, ".sql") + ".postgres.sql"
		}
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return fmt.Errorf("migration %s: %w", file, err)
		}
		if err := db.Write(ctx, func(ctx context.Context, tx *Tx) error { return migrateOne(ctx, tx, name, string(text)) }); err != nil {
			return fmt.Errorf("migration %s: %w", file, err)
		}
	}
	return db.migrateJobs(ctx)
}

func migrateOne(ctx context.Context, tx *Tx, name, text string) error {
	if tx.db.Postgres() {
		// Two processes that start together: the second waits, then finds it done.
		if _, err := tx.ExecContext(ctx, "select pg_advisory_xact_lock(7203001)"); err != nil {
			return err
		}
	}
	var done int
	if err := tx.Row(ctx, []any{&done}, "select count(*) from schema_migrations where name = ?", name); err != nil {
		return err
	}
	if done > 0 {
		return nil
	}
	for _, statement := range statements(text) {
		// Straight to the driver: bun would read a "?" in a comment as a value.
		if _, err := tx.q.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%w in: %s", err, statement)
		}
	}
	_, err := tx.Exec(ctx, "insert into schema_migrations (name, applied_at) values (?, ?)", name, Millis(tx.Now))
	return err
}

// statements splits a file at semicolons that end a line.
func statements(text string) []string {
	var out []string
	var b strings.Builder
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "--") || (trimmed == "" && b.Len() == 0) {
			continue
		}
		b.WriteString(line)
		if strings.HasSuffix(trimmed, ";") {
			out = append(out, strings.TrimSpace(b.String()))
			b.Reset()
		}
	}
	if rest := strings.TrimSpace(b.String()); rest != "" {
		out = append(out, rest)
	}
	return out
}

func (db *DB) migrateJobs(ctx context.Context) error {
	var err error
	if db.Postgres() {
		m, merr := rivermigrate.New(riverpgxv5.New(db.jobs.pg), &rivermigrate.Config{Logger: quiet(db.log)})
		if merr != nil {
			return fmt.Errorf("job tables: %w", merr)
		}
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	} else {
		m, merr := rivermigrate.New(riversqlite.New(db.jobs.sqlite), &rivermigrate.Config{Logger: quiet(db.log)})
		if merr != nil {
			return fmt.Errorf("job tables: %w", merr)
		}
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	if err != nil {
		return fmt.Errorf("job tables: %w", err)
	}
	return nil
}
