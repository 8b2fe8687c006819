package main

import (
	"context"
	"log/slog"

	"viche/internal/city"
)

// migrateCommand brings the schema up, for those whose serve must not do it
// (VICHE_MIGRATE=false).
type migrateCommand struct {
	instance
}

func (m migrateCommand) Run(ctx context.Context, w *world) error {
	cfg, err := m.config(w)
	if err != nil {
		return err
	}
	cfg.Migrate = true
	cfg.Logger = slog.New(slog.NewTextHandler(w.err, &slog.HandlerOptions{Level: max(cfg.Level(), slog.LevelWarn)}))
	c, err := city.Open(ctx, cfg)
	if err != nil {
		return err
	}
	if err := c.Close(); err != nil {
		return err
	}
	return w.say("The database's schema is up to date.")
}
