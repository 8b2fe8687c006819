package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"viche/internal/city"
	"viche/internal/demo"
)

// demoCommand runs three cities and their coordinator with sample data until
// a signal ends it.
type demoCommand struct {
	Port  int    `default:"8420" help:"The one port of all four, told apart by host."`
	Dir   string `default:"demo" placeholder:"DIR" help:"Where the four keep their files."`
	Fresh bool   `help:"Delete what an earlier demo left in DIR and begin anew."`
}

func (c demoCommand) Run(ctx context.Context, w *world) (err error) {
	began := time.Now()
	if c.Port < 0 || c.Port > 65535 {
		return usage("--port %d is no port", c.Port)
	}
	setting := func(name string) string { return lookup(w.environ, name) }
	level := slog.LevelWarn
	if name := setting("VICHE_LOG"); name != "" {
		level = city.Config{Log: name}.Level()
	}
	progress, finish := progressTo(w.err)
	d, err := demo.Open(ctx, demo.Options{
		Dir: c.Dir, Port: c.Port, Fresh: c.Fresh, Setting: setting, Version: version(), Progress: progress,
		Log: slog.New(slog.NewTextHandler(w.err, &slog.HandlerOptions{Level: level})),
	})
	if err != nil {
		finish()
		return err
	}
	// Last of all: no request is answered any more when the databases close.
	defer func() { err = errors.Join(err, d.Close()) }()
	err = d.Seed(ctx)
	if err == nil {
		err = d.Start(ctx)
	}
	finish()
	if ctx.Err() != nil {
		return w.say("Stopped before it was ready; the next start begins anew.")
	}
	if err != nil {
		return err
	}
	if err := d.Guide(ctx, w.out, program()); err != nil {
		return err
	}
	if err := w.say("Готово за %[1]s. / Ready after %[1]s.", time.Since(began).Round(100*time.Millisecond)); err != nil {
		return err
	}
	return d.Wait(ctx)
}

// program is how whoever started this program can start it again.
func program() string {
	if len(os.Args) == 0 || os.Args[0] == "" {
		return "viche"
	}
	return os.Args[0]
}

func lookup(environ []string, name string) string {
	for _, entry := range environ {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value
		}
	}
	return ""
}

// progressTo shows steps in one line of a terminal, and nothing elsewhere.
func progressTo(w io.Writer) (progress func(string), finish func()) {
	f, ok := w.(*os.File)
	if !ok {
		return func(string) {}, func() {}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(string) {}, func() {}
	}
	const clear = "\r\033[K"
	return func(step string) { fmt.Fprintf(w, "%sviche demo: %s …", clear, step) }, func() { fmt.Fprint(w, clear) }
}
