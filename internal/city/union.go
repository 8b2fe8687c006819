package city

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/federation"
	"viche/federation/ap"
	"viche/internal/store"
	"viche/internal/union"
)

type ed25519PublicKey = ed25519.PublicKey

// unionInbox binds the union's objects to the activities that carry them. What
// else comes under the same names is left to the next handler.
func (c *City) unionInbox() (on []federation.On) {
	for _, activity := range []string{"Invite", "Accept", "Reject", "Create", "Update", "Offer"} {
		on = append(on, federation.On{
			Activity: activity, Object: "*",
			Need: func(ctx context.Context, a *ap.Activity) error {
				if !union.Concerns(a.Raw) {
					return nil
				}
				return c.Union.Need(ctx, a.Raw)
			},
			Do: func(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
				if !union.Concerns(a.Raw) {
					return federation.ErrIgnored
				}
				return c.Union.Do(ctx, tx, a.Raw)
			},
		})
	}
	return on
}

// unionObjects serves trust lists, statements, results and closes at their own
// addresses, as signed. What is not public answers like what does not exist.
func (c *City) unionObjects(r chi.Router) {
	r.Get("/api/viche/v1/instance", c.describe)
	if c.Union == nil {
		return
	}
	serve := func(w http.ResponseWriter, r *http.Request) {
		o, err := c.Union.Object(r.Context(), c.Config.Base()+r.URL.Path)
		if err == nil && !o.Public {
			err = store.ErrNotFound
		}
		if err != nil {
			c.Site.Error(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/activity+json; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(o.Raw) // the client went away
	}
	for _, path := range []string{
		"/trust/{version}", "/tallies/{poll}/{sequence}", "/polls/{id}/close", "/polls/{id}/results/{version}",
		"/polls/{id}/equivocations/{n}", "/polls/{id}/receipts/{n}", "/polls/{id}/rejects/{n}", "/polls/{id}/invites/{city}", "/accepts/{poll}",
		"/polls/{id}/newest/{city}/{at}/{proof}",
	} {
		r.Get(path, serve)
	}
}

// checkable are the addresses of what anybody must be able to recompute a result
// from, in secure mode too: polls, lists of members, statements, results.
func checkable(path string) bool {
	for _, prefix := range []string{"/polls/", "/trust/", "/tallies/", "/accepts/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// Self is what an instance says of itself to the coordinator that invites it.
type Self struct {
	Actor     string `json:"actor"`
	Name      string `json:"name"`
	Role      string `json:"role"`
	Territory string `json:"territory"`
	TallyKey  struct {
		ID                 string `json:"id"`
		PublicKeyMultibase string `json:"publicKeyMultibase"`
	} `json:"tallyKey"`
}

func (c *City) describe(w http.ResponseWriter, _ *http.Request) {
	name, key := c.Keys.Tally()
	s := Self{Actor: c.self.URI, Name: c.Config.Name, Role: c.Config.Role, Territory: c.Config.Territory}
	s.TallyKey.ID = c.self.URI + "#" + name
	s.TallyKey.PublicKeyMultibase = ap.EncodeMultikey(key.Public().(ed25519.PublicKey))
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s) // the client went away
}

// Ceilings are what a register may not exceed where the coordinator was given no
// adult population: a bound by kind of unit, so wide that no honest city meets it.
var ceilings = map[string]int{"C": 30_000, "X": 100_000, "H": 3_000_000, "M": 3_000_000, "B": 1_000_000, "K": 3_000_000}

// Invite makes a city a member of the union: it reads what the city says of
// itself, pins the tally key that its actor lists, and publishes a new trust
// list. With ceiling 0 a wide bound by the kind of unit is taken.
func (c *City) Invite(ctx context.Context, actorOrHost string, ceiling int) (*union.Member, error) {
	if c.Union == nil || !c.Union.Coordinator {
		return nil, fmt.Errorf("only the coordinator invites cities: %w", store.ErrDenied)
	}
	base, err := c.origin(actorOrHost)
	if err != nil {
		return nil, err
	}
	answer, err := c.Client.Get(ctx, base+"/api/viche/v1/instance", "application/json", nil)
	if err != nil {
		return nil, fmt.Errorf("invite %s: %w", base, err)
	}
	var self Self
	if answer.Status != http.StatusOK || json.Unmarshal(answer.Body, &self) != nil {
		return nil, fmt.Errorf("invite %s: it does not answer as a city of the network (status %d): %w", base, answer.Status, store.ErrInvalid)
	}
	if self.Actor != base+"/actor" || self.Role != RoleCity {
		return nil, fmt.Errorf("invite %s: it calls itself %s, a %s: %w", base, self.Actor, self.Role, store.ErrInvalid)
	}
	unit, ok := c.Territories.Get(self.Territory)
	if !ok {
		return nil, fmt.Errorf("invite %s: territory %q is not in the codifier here; import it first: %w", base, self.Territory, store.ErrInvalid)
	}
	raw, err := c.Federation.Fetch(ctx, self.Actor)
	if err != nil {
		return nil, fmt.Errorf("invite %s: %w", base, err)
	}
	actor, err := ap.ParseActor(raw)
	if err != nil {
		return nil, fmt.Errorf("invite %s: %w", base, err)
	}
	member := union.Member{Actor: self.Actor, Territory: self.Territory, Status: union.Active, Ceiling: ceiling}
	if ceiling <= 0 {
		member.Ceiling = ceilings[unit.Category]
	}
	for _, k := range actor.AssertionMethods {
		if k.ID == self.TallyKey.ID {
			public, err := ap.DecodeMultikey(self.TallyKey.PublicKeyMultibase)
			if err != nil {
				return nil, fmt.Errorf("invite %s: tally key: %w", base, err)
			}
			member.Keys = append(member.Keys, union.Key{ID: k.ID, Public: public})
		}
	}
	if len(member.Keys) == 0 {
		return nil, fmt.Errorf("invite %s: its actor does not list the tally key that it names: %w", base, store.ErrInvalid)
	}
	err = c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := c.Union.AddMembers(ctx, tx, member)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("invite %s: %w", base, err)
	}
	return &member, nil
}

// Suspend keeps a member city out of polls that open from now on.
func (c *City) Suspend(ctx context.Context, host, reason string) error {
	if c.Union == nil || !c.Union.Coordinator {
		return fmt.Errorf("only the coordinator suspends cities: %w", store.ErrDenied)
	}
	return c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return c.Union.Suspend(ctx, tx, host, reason) })
}

// origin reads an actor's id or a bare host.
func (c *City) origin(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = c.Config.Scheme + "://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("%q is neither a host nor an address: %w", text, store.ErrInvalid)
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

// Localhost resolves names that end in .localhost to this machine, as browsers
// do (RFC 6761); whether the client may go there is the guard's question.
func Localhost(_ context.Context, host string) (netip.Addr, bool) {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return netip.MustParseAddr("127.0.0.1"), true
	}
	return netip.Addr{}, false
}

// clockTolerance is how far from the coordinator's a city's clock may be before
// it says so: a ballot is on time by the city's clock.
const clockTolerance = 30 * time.Second

// compareClocks asks the coordinator what time it is.
func (c *City) compareClocks(ctx context.Context) error {
	if c.Config.Coordinator == "" {
		return nil
	}
	answer, err := c.Client.Get(ctx, strings.TrimSuffix(c.Config.Coordinator, "/")+"/healthz", "text/plain", nil)
	if err != nil {
		return nil // an unreachable coordinator is no fault of our clock
	}
	theirs, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return nil
	}
	off := c.now().Sub(theirs)
	c.clockOff.Store(int64(off))
	if off.Abs() > clockTolerance {
		c.Log.Error("the clock is off: ballots are on time by it", "by", off.String())
	}
	return nil
}
