package main

import (
	"context"
	"fmt"

	"viche/internal/city"
	"viche/internal/union"
)

type adminCity struct {
	Invite  cityInvite  `cmd:"" help:"Make a city a member: its tally key and territory go on the trust list."`
	List    cityList    `cmd:"" help:"List the member cities."`
	Suspend citySuspend `cmd:"" help:"Take a city off the list for polls opened from now on."`
}

type cityInvite struct {
	City    string `arg:"" name:"actor-or-host" help:"Such as lviv.example or https://lviv.example/actor."`
	Ceiling int    `help:"Adult population, which the city's register may not exceed; a wide bound if not given."`
}

func (i cityInvite) Run(ctx context.Context, w *world, all *commands) error {
	if i.Ceiling < 0 {
		return usage("--ceiling %d is no number of people", i.Ceiling)
	}
	return all.Admin.on(ctx, w, func(c *city.City) error {
		m, err := c.Invite(ctx, i.City, i.Ceiling)
		if err != nil {
			return err
		}
		return all.Admin.tell(w, memberJSON(*m), "%s is a member for %s, ceiling %d.", m.Actor, m.Territory, m.Ceiling)
	})
}

type cityList struct{}

func (cityList) Run(ctx context.Context, w *world, all *commands) error {
	return all.Admin.on(ctx, w, func(c *city.City) error {
		if c.Union == nil {
			return errNoUnion
		}
		members, err := c.Union.Members(ctx)
		if err != nil {
			return err
		}
		if all.Admin.JSON {
			items := make([]map[string]any, len(members))
			for i, m := range members {
				items[i] = memberJSON(m)
			}
			return w.json(map[string]any{"items": items})
		}
		for _, m := range members {
			if err := w.say("%-10s %-19s %8d  %s", m.Status, m.Territory, m.Ceiling, m.Actor); err != nil {
				return err
			}
		}
		return nil
	})
}

func memberJSON(m union.Member) map[string]any {
	return map[string]any{"actor": m.Actor, "territory": m.Territory, "status": m.Status, "ceiling": m.Ceiling}
}

// errNoUnion is a city that votes alone.
var errNoUnion = city.Fault{Setting: "VICHE_COORDINATOR", Problem: "it is not set, so this city is in no union", Accepted: "scheme and host of the coordinator, or VICHE_ROLE=coordinator"}

type citySuspend struct {
	Host   string `arg:"" help:"Host of a member."`
	Reason string `required:"" help:"Others may read it."`
}

func (s citySuspend) Run(ctx context.Context, w *world, all *commands) error {
	return all.Admin.on(ctx, w, func(c *city.City) error {
		if err := c.Suspend(ctx, s.Host, s.Reason); err != nil {
			return fmt.Errorf("suspend %s: %w", s.Host, err)
		}
		return all.Admin.tell(w, map[string]string{"host": s.Host, "status": union.Suspended}, "%s is suspended.", s.Host)
	})
}
