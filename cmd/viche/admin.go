package main

import (
	"context"

	"viche/internal/city"
)

// adminCommands change an instance from its operator's shell. They take no
// lock, so they work beside a running server; what leaves the city is written
// as jobs that the server works off.
type adminCommands struct {
	Resident adminResident `cmd:"" help:"Residents: add, verify."`
	Token    adminToken    `cmd:"" help:"Print a bearer token for the APIs."`
	Poll     adminPoll     `cmd:"" help:"Polls: open, close."`
	City     adminCity     `cmd:"" help:"The coordinator's register of member cities: invite, list, suspend."`
	Domain   adminDomain   `cmd:"" help:"Federation limits: block, allow, list."`

	instance
	JSON bool `name:"json" help:"Print JSON."`
}

// operator signs what these commands do in the logs that residents may read.
const operator = "operator"

// on opens the instance, does one thing with it, and closes it.
func (a adminCommands) on(ctx context.Context, w *world, do func(*city.City) error) (err error) {
	c, err := a.open(ctx, w)
	if err != nil {
		return err
	}
	defer func() {
		if closed := c.Close(); err == nil {
			err = closed
		}
	}()
	return do(c)
}

// tell prints v as JSON if that was asked for, and a sentence if not.
func (a adminCommands) tell(w *world, v any, format string, args ...any) error {
	if a.JSON {
		return w.json(v)
	}
	return w.say(format, args...)
}
