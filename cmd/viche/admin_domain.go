package main

import (
	"context"
	"os"
	"time"

	"viche/actors"
	"viche/internal/city"
	"viche/internal/store"
)

type adminDomain struct {
	Block  domainBlock  `cmd:"" help:"Shut out a server with its subdomains, or limit it."`
	Allow  domainAllow  `cmd:"" help:"Take a block back, or except a subdomain from a wider one."`
	List   domainList   `cmd:"" help:"List the rules."`
	Import domainImport `cmd:"" help:"Read a list of rules, as Mastodon exports it; what the list has not stays."`
	Export domainExport `cmd:"" help:"Write the rules as a list that Mastodon imports."`
}

type domainBlock struct {
	Host   string `arg:""`
	Rule   string `enum:"suspend,limit,media" default:"suspend" help:"suspend: nothing in or out; limit: shown to followers alone; media: no pictures."`
	Reason string `required:"" help:"Others may read it."`
}

func (d domainBlock) Run(ctx context.Context, w *world, all *commands) error {
	return all.Admin.on(ctx, w, func(c *city.City) error {
		err := c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			return c.Book.SetRule(ctx, tx, d.Host, d.Rule, d.Reason)
		})
		if err != nil {
			return err
		}
		words := map[string]string{actors.RuleSuspend: "%s is blocked.", actors.RuleLimit: "%s is limited.", actors.RuleMedia: "No pictures are taken from %s."}
		return all.Admin.tell(w, map[string]string{"host": d.Host, "rule": d.Rule, "reason": d.Reason}, words[d.Rule], d.Host)
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
			if err := w.say("%-7s %s  %s  %s", r.Rule, at, r.Host, r.Reason); err != nil {
				return err
			}
		}
		if all.Admin.JSON {
			return w.json(map[string]any{"items": items})
		}
		return nil
	})
}

type domainImport struct {
	File string `arg:"" type:"existingfile"`
}

func (d domainImport) Run(ctx context.Context, w *world, all *commands) error {
	file, err := os.Open(d.File)
	if err != nil {
		return err
	}
	defer file.Close()
	return all.Admin.on(ctx, w, func(c *city.City) error {
		taken := 0
		err := c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
			if _, err = file.Seek(0, 0); err != nil { // the change may be tried again
				return err
			}
			taken, err = c.Book.ImportRules(ctx, tx, file)
			return err
		})
		if err != nil {
			return err
		}
		return all.Admin.tell(w, map[string]int{"taken": taken}, "%d rules taken.", taken)
	})
}

type domainExport struct {
	File string `arg:""`
}

func (d domainExport) Run(ctx context.Context, w *world, all *commands) error {
	return all.Admin.on(ctx, w, func(c *city.City) error {
		file, err := os.Create(d.File)
		if err != nil {
			return err
		}
		if err := c.Book.ExportRules(ctx, c.DB.Read(), file); err != nil {
			_ = file.Close() // the first error is the one that helps
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
		return all.Admin.tell(w, map[string]string{"file": d.File}, "The rules are in %s.", d.File)
	})
}
