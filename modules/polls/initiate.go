package polls

import (
	"context"
	"fmt"
	"time"

	"viche/internal/method"
	"viche/internal/store"
	"viche/web"
)

// Limits of a resident's initiative: somebody proposes a poll, others support
// it, and when enough do, a moderator looks at nothing but whether it is lawful.
const (
	maxGathering = 3 // initiatives of one resident that gather at a time
	minDays      = 1 // that an initiative's poll may last
	maxDays      = 90
	maxReason    = 500 // letters of a moderator's decision
	day          = 24 * time.Hour
)

// days is how long an initiative's poll will last.
func days(one *Poll) int { return int(one.ClosesAt.Sub(one.OpensAt).Round(day) / day) }

// Initiate proposes a poll for the city, which gathers supporters from now on;
// who proposes is the first of them. d.ClosesAt says how long the poll is to
// last: it is counted anew from the day on which it opens. Errors: *Denied;
// *store.FieldError, joined, where the draft is at fault.
func (p *Polls) Initiate(ctx context.Context, v *web.Viewer, d Draft) (*Poll, error) {
	if err := p.mayPropose(ctx, v, p.Territory); err != nil {
		return nil, err
	}
	d.Scope, d.Territory = string(City), p.Territory
	d.tidy()
	now := p.DB.Now()
	if err := p.check(&d, now); err != nil {
		return nil, err
	}
	if last := d.ClosesAt.Sub(now); last > maxDays*day+time.Minute {
		return nil, store.Invalid("days", "polls.draft.days", "Min", minDays, "Max", maxDays)
	}
	residents, err := p.residents(ctx)
	if err != nil {
		return nil, fmt.Errorf("initiate poll: %w", err)
	}
	poll, err := p.newPoll(d, now)
	if err != nil {
		return nil, err
	}
	poll.State, poll.Initiator, poll.Need = Gathering, v.AccountID, method.Supporters(residents)
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		// Two forms sent at once must not get past the limit together.
		if err := tx.Alone(ctx, v.AccountID); err != nil {
			return err
		}
		var n int
		if err := tx.Row(ctx, []any{&n}, "select count(*) from polls where initiator = ? and state = 'gathering'", v.AccountID); err != nil {
			return err
		}
		if n >= maxGathering {
			return store.Invalid("title", "polls.draft.initiatives", "Max", maxGathering)
		}
		r, err := toRow(poll)
		if err != nil {
			return err
		}
		if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
			return store.Kind(err)
		}
		_, err = tx.Exec(ctx, "insert into supports (poll, account) values (?, ?)", poll.ID, v.AccountID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("initiate poll: %w", err)
	}
	return poll, nil
}

// residents counts those who may vote in the city now.
func (p *Polls) residents(ctx context.Context) (n int, err error) {
	within := func(code string) bool { return p.Within(code, p.Territory) }
	for _, err := range p.Entitled(ctx, p.DB.Read(), within, Level, p.DB.Now()) {
		if err != nil {
			return 0, fmt.Errorf("count residents: %w", err)
		}
		n++
	}
	return n, nil
}

// mayPropose says why somebody can neither propose nor support, or nil.
func (p *Polls) mayPropose(ctx context.Context, v *web.Viewer, territory string) error {
	if v == nil {
		return &Denied{SignIn}
	}
	who, err := p.Resident(ctx, p.DB.ReadBound(), v.AccountID)
	switch {
	case err != nil:
		return err
	case !who.Votes:
		return &Denied{Organisation}
	case who.Person == nil:
		return &Denied{NotVerified}
	case p.Coordinator:
		return &Denied{OtherInstance}
	}
	home, ok, err := p.Lives(ctx, v.AccountID)
	if err != nil {
		return err
	}
	if !ok || !p.Within(home, territory) {
		return &Denied{OtherTerritory}
	}
	return nil
}

// Support adds a resident to those who support an initiative, or takes the
// support back. Both may be repeated. With the last one needed the initiative
// goes to a moderator, and nobody can step back any more.
func (p *Polls) Support(ctx context.Context, v *web.Viewer, pollID string, on bool) error {
	poll, err := p.Load(ctx, p.DB.Read(), pollID)
	if err != nil {
		return err
	}
	if err := p.mayPropose(ctx, v, poll.Territory); err != nil {
		return err
	}
	if !on && poll.Initiator == v.AccountID {
		return fmt.Errorf("an initiator's own support stays: %w", store.ErrDenied)
	}
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		// One at a time, or two that come together would each miss the other
		// and the initiative would never be complete.
		if err := tx.Alone(ctx, poll.ID); err != nil {
			return err
		}
		var state State
		if err := tx.Row(ctx, []any{&state}, "select state from polls where id = ?", poll.ID); err != nil {
			return err
		}
		if state != Gathering {
			return fmt.Errorf("the initiative gathers no more: %w", store.ErrExists)
		}
		if !on {
			_, err := tx.Exec(ctx, "delete from supports where poll = ? and account = ?", poll.ID, v.AccountID)
			return err
		}
		if _, err := tx.Exec(ctx, "insert into supports (poll, account) values (?, ?) on conflict do nothing", poll.ID, v.AccountID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			update polls set state = 'checking'
			where id = ? and state = 'gathering' and need <= (select count(*) from supports where poll = ?)`, poll.ID, poll.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("support %s: %w", pollID, err)
	}
	return nil
}

// supporters says how many support an initiative and whether an account does.
func (p *Polls) supporters(ctx context.Context, id, account int64) (n int, own bool, err error) {
	var mine int
	err = p.DB.ReadBound().Row(ctx, []any{&n, &mine},
		"select count(*), coalesce(sum(case when account = ? then 1 else 0 end), 0) from supports where poll = ?", account, id)
	if err != nil {
		return 0, false, fmt.Errorf("count supporters: %w", err)
	}
	return n, mine > 0, nil
}

// Check is a moderator's decision on an initiative that has gathered its
// supporters: it opens as a poll of the city, or it is refused with a reason
// that everybody reads. Nobody decides on an initiative of one's own.
func (p *Polls) Check(ctx context.Context, v *web.Viewer, pollID string, open bool, reason string) (*Poll, error) {
	poll, err := p.Load(ctx, p.DB.Read(), pollID)
	if err != nil {
		return nil, err
	}
	if !v.Watches(poll.Sphere) || poll.Initiator == v.AccountID {
		return nil, fmt.Errorf("decide on %s: %w", pollID, store.ErrDenied)
	}
	reason = clean(reason)
	switch n := len([]rune(reason)); {
	case n == 0 && !open:
		return nil, store.Invalid("reason", "polls.check.reason.missing")
	case n > maxReason:
		return nil, store.Invalid("reason", "polls.check.reason.long", "Max", maxReason)
	}
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Alone(ctx, poll.ID); err != nil {
			return err
		}
		if err := tx.Row(ctx, []any{&poll.State}, "select state from polls where id = ?", poll.ID); err != nil {
			return err
		}
		if poll.State != Checking {
			return fmt.Errorf("the initiative is decided on: %w", store.ErrExists)
		}
		if !open {
			poll.State, poll.Refusal = Refused, reason
			if _, err := tx.Exec(ctx, "update polls set state = 'refused', refusal = ? where id = ?", reason, poll.ID); err != nil {
				return err
			}
			return tx.Act(ctx, v.Handle, "initiative.refuse", poll.URI, reason)
		}
		lasts := poll.ClosesAt.Sub(poll.OpensAt)
		poll.State, poll.OpensAt = Open, tx.Now.UTC().Truncate(time.Second)
		poll.ClosesAt = poll.OpensAt.Add(lasts)
		if err := p.open(ctx, tx, poll); err != nil {
			return err
		}
		return tx.Act(ctx, v.Handle, "initiative.open", poll.URI, reason)
	})
	if err != nil {
		return nil, fmt.Errorf("decide on %s: %w", pollID, err)
	}
	return poll, nil
}
