package main

import (
	"context"
	"fmt"

	"viche/internal/city"
	"viche/modules/people"
)

type adminResident struct {
	Add    residentAdd    `cmd:"" help:"Add an account; prints JSON with handle, actor and id."`
	Verify residentVerify `cmd:"" help:"Verify somebody as the operator, who answers for it; the person can read the log."`
}

type residentAdd struct {
	Handle    string `arg:"" help:"3 to 30 Latin letters, digits and underscores."`
	Email     string `required:"" help:"Where the instance writes to."`
	Password  string `help:"None: no sign-in by password until the person sets one by mail."`
	Name      string `help:"As shown; the handle if empty."`
	Kind      string `enum:"resident,organisation" default:"resident" help:"An organisation never votes (resident, organisation)."`
	Verified  bool   `help:"Verified by the operator."`
	Territory string `placeholder:"KATOTTG" help:"Where the person lives; the instance's own territory if empty. Goes with --verified."`
	Reason    string `default:"verified by the operator when the account was added" help:"Of the verification, for the log that the person reads."`
	Role      string `help:"moderator, operator or officer."`
}

func (r residentAdd) Run(ctx context.Context, w *world, all *commands) error {
	if r.Territory != "" && !r.Verified {
		return usage("--territory says where somebody was verified, so it goes with --verified")
	}
	return all.Admin.on(ctx, w, func(c *city.City) error {
		n := people.NewResident{
			Handle: r.Handle, Name: r.Name, Email: r.Email, Password: r.Password, Kind: r.Kind,
			Verified: r.Verified, Territory: r.Territory, Reason: r.Reason, Role: r.Role,
		}
		if n.Name == "" {
			n.Name = r.Handle
		}
		if err := checkPlace(c, r.Territory); err != nil {
			return err
		}
		added, err := c.People.AddResident(ctx, n)
		if err != nil {
			return err
		}
		return w.json(added)
	})
}

type residentVerify struct {
	Handle    string `arg:""`
	Territory string `placeholder:"KATOTTG" help:"Where the person lives; the instance's own territory if empty."`
	Reason    string `required:"" help:"For the log that the person reads."`
}

func (r residentVerify) Run(ctx context.Context, w *world, all *commands) error {
	return all.Admin.on(ctx, w, func(c *city.City) error {
		if r.Territory == "" {
			r.Territory = c.Config.Territory
		}
		if err := checkPlace(c, r.Territory); err != nil {
			return err
		}
		if err := c.People.VerifyByOperator(ctx, r.Handle, r.Territory, r.Reason); err != nil {
			return err
		}
		return all.Admin.tell(w, map[string]string{"handle": r.Handle, "territory": r.Territory},
			"@%s is verified for %s (%s).", r.Handle, c.Territories.Label(r.Territory, "uk"), r.Territory)
	})
}

// checkPlace says more of an unknown place than a page does, where people
// choose from a list.
func checkPlace(c *city.City, code string) error {
	if code == "" {
		return nil
	}
	if _, known := c.Territories.Get(code); !known {
		return city.Fault{
			Setting: "--territory", Problem: fmt.Sprintf("%q is not in the register of territories", code),
			Accepted: fmt.Sprintf("the KATOTTG code of %s or of a unit within it", c.Territories.Label(c.Config.Territory, "uk")),
		}
	}
	return nil
}
