package main

import (
	"fmt"

	"viche/internal/city"
)

// checkCommand prints the settings as understood, without a secret.
type checkCommand struct {
	instance
	JSON bool `name:"json" help:"Print JSON."`
}

func (c checkCommand) Run(w *world) error {
	cfg, faults, err := c.read(w)
	if err != nil {
		return err
	}
	if c.JSON {
		return c.asJSON(w, cfg, faults)
	}
	for _, s := range cfg.Shown() {
		if err := w.say("%-23s %s", s.Name, s.Value); err != nil {
			return err
		}
	}
	for _, f := range faults {
		if f.Warning {
			fmt.Fprintln(w.err, "viche: warning: "+f.Error())
		}
	}
	return city.Faults(faults)
}

func (c checkCommand) asJSON(w *world, cfg city.Config, faults []city.Fault) error {
	settings := map[string]string{}
	for _, s := range cfg.Shown() {
		settings[s.Name] = s.Value
	}
	if faults == nil {
		faults = []city.Fault{}
	}
	if err := w.json(map[string]any{"settings": settings, "faults": faults}); err != nil {
		return err
	}
	return city.Faults(faults)
}
