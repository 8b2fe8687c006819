package main

import (
	"context"

	"viche/internal/city"
	"viche/modules/people"
)

type adminToken struct {
	Handle string `arg:"" help:"In whose name; the person is told by mail."`
	Scopes string `default:"${scopes}" help:"Words out of: ${scopes}."`
	Label  string `default:"issued by the operator" help:"What it is for, as the person reads it."`
}

func (t adminToken) Run(ctx context.Context, w *world, all *commands) error {
	return all.Admin.on(ctx, w, func(c *city.City) error {
		token, err := c.People.IssueToken(ctx, t.Handle, t.Scopes, t.Label)
		if err != nil {
			return err
		}
		return all.Admin.tell(w, map[string]string{"token": token}, "%s", token)
	})
}

// defaultScopes go into the texts above.
const defaultScopes = people.DefaultScopes
