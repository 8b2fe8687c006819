package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"viche/internal/store"
	"viche/internal/territory"
	"viche/migrations"
)

// territoriesCommands work on the register alone, so that the codifier can be
// loaded before an instance of a place that the program doesn't carry starts
// for the first time.
type territoriesCommands struct {
	Import territoriesImport `cmd:"" help:"Load or renew the codifier from a CSV file, packed by gzip or not."`
	Show   territoriesShow   `cmd:"" help:"Print a unit with its parents."`

	instance
	JSON bool `name:"json" help:"Print JSON."`
}

type territoriesImport struct {
	File string `arg:"" help:"code,parent,category,name_uk,name_en, or the ministry's table saved as CSV; - reads standard input."`
}

func (t territoriesImport) Run(ctx context.Context, w *world, c *commands) error {
	in, name := w.in, "standard input"
	if t.File != "-" {
		f, err := os.Open(t.File)
		if err != nil {
			return fmt.Errorf("territories: %w", err)
		}
		defer f.Close()
		in, name = f, filepath.Base(t.File)
	}
	db, err := c.Territories.open(ctx, w)
	if err != nil {
		return err
	}
	defer db.Close()
	report, err := territory.Import(ctx, db, in, name)
	if err != nil {
		return err
	}
	if c.Territories.JSON {
		return w.json(report)
	}
	return w.say("%d units in the file: %d added, %d renamed, %d changed, %d closed.",
		report.Units, report.Added, report.Renamed, report.Changed, report.Closed)
}

type territoriesShow struct {
	Code string `arg:"" help:"KATOTTG code, such as UA12040150010056523."`
}

func (t territoriesShow) Run(ctx context.Context, w *world, c *commands) error {
	db, done, err := c.Territories.look(ctx, w)
	if err != nil {
		return err
	}
	defer done()
	register, err := territory.Open(ctx, db)
	if err != nil {
		return err
	}
	unit, found := register.Get(strings.ToUpper(strings.TrimSpace(t.Code)))
	if !found {
		return register.Show(&bytes.Buffer{}, t.Code) // its error says what is accepted
	}
	if !c.Territories.JSON {
		return register.Show(w.out, unit.Code)
	}
	answer := unitJSON(unit)
	answer["parents"] = []map[string]any{}
	for _, above := range register.Ancestors(unit.Code) {
		answer["parents"] = append(answer["parents"].([]map[string]any), unitJSON(above))
	}
	return w.json(answer)
}

func unitJSON(u territory.Unit) map[string]any {
	return map[string]any{"code": u.Code, "category": u.Category, "nameUk": u.NameUK, "nameEn": u.NameEN, "closed": u.Closed}
}

// open opens the instance's database with the register in it.
func (t territoriesCommands) open(ctx context.Context, w *world) (*store.DB, error) {
	cfg, err := t.config(w)
	if err != nil {
		return nil, err
	}
	return register(ctx, w, cfg.Database)
}

// look is open for a question: where there is no database yet, it answers from
// what the program carries and leaves nothing behind.
func (t territoriesCommands) look(ctx context.Context, w *world) (db *store.DB, done func(), err error) {
	cfg, err := t.config(w)
	if err != nil {
		return nil, nil, err
	}
	path, lite := strings.CutPrefix(cfg.Database, "sqlite:")
	remove := func() {}
	if _, err := os.Stat(path); lite && errors.Is(err, fs.ErrNotExist) {
		dir, err := os.MkdirTemp("", "viche-territories-")
		if err != nil {
			return nil, nil, fmt.Errorf("territories: %w", err)
		}
		remove = func() { _ = os.RemoveAll(dir) } // at worst a file stays in the folder for such files
		cfg.Database = "sqlite:" + filepath.Join(dir, "register.db")
	}
	if db, err = register(ctx, w, cfg.Database); err != nil {
		remove()
		return nil, nil, err
	}
	return db, func() { _ = db.Close(); remove() }, nil // it was only read
}

func register(ctx context.Context, w *world, database string) (*store.DB, error) {
	log := slog.New(slog.NewTextHandler(w.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	db, err := store.Open(ctx, database, store.Options{Log: log, Conns: 2})
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, migrations.FS); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := territory.Seed(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}
