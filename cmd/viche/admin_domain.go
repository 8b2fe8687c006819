package main

import (
	"context"
	"time"

	"viche/internal/city"
	"viche/internal/store"
)

type adminDomain struct {
	Block domainBlock `cmd:"" help:"Shut out a server with its subdomains."`
	Allow domainAllow `cmd:"" help:"Take a block back, or except a subdomain from a wider one."`
	List  domainList  `cmd:"" help:"List the rules."`
}

type domainBlock struct {
	Host   string `arg:""`
	Reason string `required:"" help:"Others may read it."`
}

func (d domainBlock) Run(ctx context.Context, w *world, all *commands) error {
	return all.Admin.on(ctx, w, func(c *city.City) error {
		err := c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return c.Book.Block(ctx, tx, d.Host, d.Reason) })
		if err != nil {
			return err
		}
		return all.Admin.tell(w, map[string]string{"host": d.Host, "rule": "block", "reason": d.Reason}, "%s is blocked.", d.Host)
	})
}

type domainAllow struct {
	Host   string `arg:""`
	Reason string `help:"Others may read it."`
}

func (d domainAllow) Run(ctx context.Context, w *world, all *commands) error {
	return all.Admin.on(ctx, w, func(c *city.City) error {
		err := c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return c.Book.Allow(ctx, tx, d.Host, d.Reason) })
		if err != nil {
			return err
		}
		return all.Admin.tell(w, map[string]string{"host": d.Host, "rule": "allow", "reason": d.Reason}, "%s is allowed.", d.Host)
	})
}

type domainList struct{}

func (domainList) Run(ctx context.Context, w *world, all *commands) error {
	return all.Admin.on(ctx, w, func(c *city.City) error {
		rules, err := c.Book.Domains(ctx, c.DB.Read())
		if err != nil {
			return err
		}
		items := []map[string]string{}
		for _, r := range rules {
			at := store.Time(r.Created).UTC().Format(time.RFC3339)
			items = append(items, map[string]string{"host": r.Host, "rule": r.Rule, "reason": r.Reason, "since": at})
			if all.Admin.JSON {
				continue
			}
			if err := w.say("%-6s %s  %s  %s", r.Rule, at, r.Host, r.Reason); err != nil {
				return err
			}
		}
		if all.Admin.JSON {
			return w.json(map[string]any{"items": items})
		}
		return nil
	})
}
