package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"viche/internal/city"
)

// serveCommand runs one instance until a signal ends it.
type serveCommand struct {
	instance
}

// Help is what --help says besides the flags.
func (serveCommand) Help() string {
	return "Without any setting it is one empty city at http://localhost:8420, with its SQLite database and its keys in ./data. " +
		"VICHE_HOST, which can never change, and VICHE_TERRITORY make it a public one. `viche check` lists all settings."
}

func (s serveCommand) Run(ctx context.Context, w *world) (err error) {
	cfg, err := s.config(w)
	if err != nil {
		return err
	}
	cfg.Logger = slog.New(slog.NewTextHandler(w.err, &slog.HandlerOptions{Level: cfg.Level()}))
	c, err := city.Open(ctx, cfg)
	if err != nil {
		return err
	}
	w.words = c.People.Words.For("en")
	// Last of all: no job runs any more when the database closes.
	defer func() { err = errors.Join(err, c.Close()) }()
	release, err := c.DB.Lock()
	if err != nil {
		return err
	}
	defer release()
	listener, err := listen(cfg, c.Client.HTTP())
	if err != nil {
		return err
	}
	defer listener.Close()
	// The jobs outlive the signal: requests that are still being answered may
	// need them. Close ends them.
	if err := c.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	cfg.Logger.Info("serving", "at", cfg.Base(), "listening", listener.Addr().String(), "role", cfg.Role, "version", cfg.Version)
	if err := city.Serve(ctx, c, listener); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	cfg.Logger.Info("stopped")
	return nil
}

func plainListener(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (VICHE_LISTEN): %w", address, err)
	}
	return l, nil
}
