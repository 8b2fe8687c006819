package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"strings"

	"viche/internal/city"
)

// instance says which instance a command works on.
type instance struct {
	Config   string `placeholder:"FILE" help:"Settings as NAME=VALUE lines; the environment goes before them."`
	Instance string `placeholder:"HOST" help:"One instance of a demo, such as kamianske.localhost."`
	Dir      string `placeholder:"DIR" default:"demo" help:"The demo's folder."`
}

// read gives the settings and all that is wrong with them. The error is about
// the file alone.
func (i instance) read(w *world) (city.Config, []city.Fault, error) {
	environment := map[string]string{}
	for _, entry := range w.environ {
		name, value, _ := strings.Cut(entry, "=")
		environment[name] = value
	}
	get := func(name string) string { return environment[name] }
	names := make([]string, 0, len(environment))
	for name := range environment {
		names = append(names, name)
	}
	path, err := i.file()
	if err != nil {
		return city.Config{}, nil, err
	}
	if path != "" {
		file, err := city.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) && i.Instance != "" {
			return city.Config{}, nil, fmt.Errorf("there is no instance %s in %s: %w", i.Instance, i.Dir, err)
		}
		if err != nil {
			return city.Config{}, nil, err
		}
		get = over(environment, file, i.Instance == "")
		for name := range file {
			if !strings.HasPrefix(name, "VICHE_") {
				return city.Config{}, nil, fmt.Errorf("settings: %s: %s is no setting: their names begin with VICHE_", path, name)
			}
			if environment[name] == "" {
				names = append(names, name)
			}
		}
	}
	c, faults := city.FromEnv(get)
	c.Version = version()
	faults = append(faults, c.Check()...)
	return c, append(faults, city.Unknown(names)...), nil
}

// over reads the environment before the file; for an instance of a demo only
// the file, since the environment is about another one.
func over(environment, file map[string]string, both bool) func(string) string {
	return func(name string) string {
		if value := environment[name]; both && value != "" {
			return value
		}
		return file[name]
	}
}

func (i instance) file() (string, error) {
	if i.Instance == "" {
		return i.Config, nil
	}
	if i.Config != "" {
		return "", usage("--config and --instance name two instances")
	}
	host := i.Instance
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name // the folder is called after the host alone
	}
	if !filepath.IsLocal(host) || strings.ContainsAny(host, `/\`) {
		return "", usage("--instance %q is no host", i.Instance)
	}
	return filepath.Join(i.Dir, host, "settings.env"), nil
}

// config is read for commands that need sound settings.
func (i instance) config(w *world) (city.Config, error) {
	c, faults, err := i.read(w)
	if err != nil {
		return c, err
	}
	for _, f := range faults {
		if f.Warning {
			fmt.Fprintln(w.err, "viche: warning: "+f.Error())
		}
	}
	return c, city.Faults(faults)
}

// open opens the instance for one command beside a server that may be running:
// it neither listens nor works off jobs. The caller closes it.
func (i instance) open(ctx context.Context, w *world) (*city.City, error) {
	cfg, err := i.config(w)
	if err != nil {
		return nil, err
	}
	cfg.Logger = slog.New(slog.NewTextHandler(w.err, &slog.HandlerOptions{Level: max(cfg.Level(), slog.LevelWarn)}))
	c, err := city.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	w.words = c.People.Words.For("en")
	return c, nil
}
