package ideas

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"viche/internal/method"
	"viche/internal/store"
	"viche/web"
)

// answers says whether somebody may give the authorities' answer.
func answers(v *web.Viewer, sphere string) bool {
	return v.Watches(sphere) || v.Has(web.Officer, sphere)
}

// roleIn is the role in which somebody decides on ideas of a sphere: the first
// of some that is held.
func roleIn(v *web.Viewer, sphere string, roles ...string) string {
	for _, role := range roles {
		if v.Has(role, sphere) {
			return role
		}
	}
	return ""
}

// watches says whether somebody decides on ideas of some sphere.
func watches(v *web.Viewer) bool { return v.HasAny(web.Moderator, web.Operator, web.Officer) }

// next says which states a decision may lead to, from each state.
var next = map[State][]State{
	Gathering: {Accepted, Refused},
	Answering: {Accepted, Refused},
	Accepted:  {Working, Done, Refused},
	Working:   {Done, Refused},
}

// needReason tidies the reason of a decision, which everybody reads.
func needReason(reason string) (string, error) {
	reason = prose(reason)
	switch n := utf8.RuneCountInString(reason); {
	case n == 0:
		return "", store.Invalid("reason", "ideas.decide.reason")
	case n > maxReason:
		return "", store.Invalid("reason", "ideas.draft.long", "Max", maxReason)
	}
	return reason, nil
}

// Check is a moderator's decision on a new idea. What is lawful gathers
// supporters from now on: its register is frozen, its box opened, and its author
// is the first to support it, if a resident. What is not is refused with a
// reason; hide takes its text out of sight as well. Nobody decides on an idea of
// their own. Errors: store.ErrDenied; store.ErrExists when somebody was quicker;
// *store.FieldError.
func (d *Ideas) Check(ctx context.Context, v *web.Viewer, id int64, lawful, hide bool, reason string) error {
	one, err := d.decidable(ctx, v, id, (*web.Viewer).Watches)
	if err != nil {
		return err
	}
	if !lawful || reason != "" {
		if reason, err = needReason(reason); err != nil {
			return err
		}
	}
	first, err := d.firstSupporter(ctx, one)
	if err != nil {
		return err
	}
	err = d.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := d.hold(ctx, tx, one, Submitted); err != nil {
			return err
		}
		role := roleIn(v, one.Sphere, web.Moderator, web.Operator)
		if !lawful {
			if err := d.refuse(ctx, tx, one, hide); err != nil {
				return err
			}
			if err := step(ctx, tx, id, Refused, tx.Now, v.Handle, role, reason); err != nil {
				return err
			}
			return tx.Act(ctx, v.Handle, "idea.refuse", d.URL(one), reason)
		}
		if err := d.gather(ctx, tx, one, first); err != nil {
			return err
		}
		if err := step(ctx, tx, id, Checked, tx.Now, v.Handle, role, reason); err != nil {
			return err
		}
		if err := step(ctx, tx, id, Gathering, tx.Now, "", clock, ""); err != nil {
			return err
		}
		if err := d.weigh(ctx, tx, one); err != nil {
			return err
		}
		return tx.Act(ctx, v.Handle, "idea.check", d.URL(one), reason)
	})
	if err != nil {
		return fmt.Errorf("check idea %d: %w", id, err)
	}
	if hide && !lawful {
		return d.dropPictures(ctx, "idea = ?", id)
	}
	return d.PublishDue(ctx)
}

// decidable loads the idea of a decision.
func (d *Ideas) decidable(ctx context.Context, v *web.Viewer, id int64, may func(*web.Viewer, string) bool) (*Idea, error) {
	one, err := d.Load(ctx, d.DB.Read(), id)
	if err != nil {
		return nil, err
	}
	if v == nil || !may(v, one.Sphere) || one.Author == v.AccountID {
		return nil, fmt.Errorf("decide on idea %d: %w", id, store.ErrDenied)
	}
	return one, nil
}

// hold waits for changes of an idea that are under way and reads it anew; it
// must be in one of the states still.
func (d *Ideas) hold(ctx context.Context, tx *store.Tx, one *Idea, states ...State) error {
	if err := tx.Alone(ctx, one.ID); err != nil {
		return err
	}
	now, err := d.Load(ctx, tx, one.ID)
	if err != nil {
		return err
	}
	*one = *now
	if !slices.Contains(states, one.State) {
		return fmt.Errorf("decided already, it is %s: %w", one.State, store.ErrExists)
	}
	return nil
}

// firstSupporter is what the author is known by among the stances, nil for an
// organisation and somebody who has left.
func (d *Ideas) firstSupporter(ctx context.Context, one *Idea) ([]byte, error) {
	who, err := d.resident(ctx, &web.Viewer{AccountID: one.Author})
	if errors.Is(err, store.ErrDenied) || errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return d.supporter(who.Person), nil
}

// gather opens an idea: from the commit on it takes supports and ratings.
func (d *Ideas) gather(ctx context.Context, tx *store.Tx, one *Idea, first []byte) error {
	box, err := uuid.NewV7()
	if err != nil {
		return err
	}
	one.BoxID, one.State = box.String(), Gathering
	one.ClosesAt, one.Changed = store.Millis(tx.Now.Add(gatherFor)), store.Millis(tx.Now)
	within := func(code string) bool { return d.Territories.Within(code, d.Territory) }
	register, err := d.Box.Open(ctx, tx, one.Box(), d.Entitled(ctx, tx, within, Level, tx.Now))
	if err != nil {
		return err
	}
	one.Need = method.Supporters(register)
	if _, err := tx.NewUpdate().Model(one).Column("state", "box", "need", "closes_at", "changed").WherePK().Exec(ctx); err != nil {
		return store.Kind(err)
	}
	if first == nil {
		return nil
	}
	_, err = tx.Exec(ctx, "insert into idea_stances (idea, person, side) values (?, ?, 1) on conflict do nothing", one.ID, first)
	return err
}

func (d *Ideas) refuse(ctx context.Context, tx *store.Tx, one *Idea, hide bool) error {
	closed := one.ClosedAt
	if closed == 0 && one.ClosesAt != 0 {
		closed = min(store.Millis(tx.Now), one.ClosesAt)
	}
	_, err := tx.Exec(ctx, "update ideas set state = 'refused', closed_at = ?, hidden = ?, changed = ? where id = ?", closed, store.Flag(hide || one.Hidden), store.Millis(tx.Now), one.ID)
	return err
}

// Decide is the authorities' answer to an idea, and what becomes of it later on:
// accepted or refused, in work, done; always with a reason. With the answer
// supporting and rating end.
func (d *Ideas) Decide(ctx context.Context, v *web.Viewer, id int64, to State, reason string) error {
	one, err := d.decidable(ctx, v, id, answers)
	if err != nil {
		return err
	}
	if !slices.Contains(next[one.State], to) {
		return fmt.Errorf("from %s to %s: %w", one.State, to, store.ErrExists)
	}
	if reason, err = needReason(reason); err != nil {
		return err
	}
	err = d.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := d.hold(ctx, tx, one, one.State); err != nil {
			return err
		}
		closed := one.ClosedAt
		if closed == 0 {
			closed = min(store.Millis(tx.Now), one.ClosesAt)
		}
		if _, err := tx.Exec(ctx, "update ideas set state = ?, closed_at = ?, changed = ? where id = ?", string(to), closed, store.Millis(tx.Now), id); err != nil {
			return err
		}
		if err := step(ctx, tx, id, to, tx.Now, v.Handle, roleIn(v, one.Sphere, web.Officer, web.Moderator, web.Operator), reason); err != nil {
			return err
		}
		return tx.Act(ctx, v.Handle, "idea."+string(to), d.URL(one), reason)
	})
	if err != nil {
		return fmt.Errorf("decide on idea %d: %w", id, err)
	}
	return d.CloseDue(ctx)
}

// merging is the door of all merges: two that would close a circle must not go
// on at once.
const merging = 0x1dea5

// Merge puts an idea into another that says the same. Its supporters support
// that one from now on, each once, however many of the two they supported; who
// said something about the other keeps to that. An idea is never merged into
// itself, nor into one that was merged, so no circle comes about. Ratings are
// not carried: they are sealed answers about one idea.
func (d *Ideas) Merge(ctx context.Context, v *web.Viewer, id, into int64, reason string) error {
	one, err := d.decidable(ctx, v, id, (*web.Viewer).Watches)
	if err != nil {
		return err
	}
	if reason, err = needReason(reason); err != nil {
		return err
	}
	if id == into {
		return store.Invalid("into", "ideas.merge.self")
	}
	err = d.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Alone(ctx, merging); err != nil {
			return err
		}
		// In the order of their ids, so that nobody waits for each other.
		for _, door := range []int64{min(id, into), max(id, into)} {
			if err := tx.Alone(ctx, door); err != nil {
				return err
			}
		}
		if err := d.hold(ctx, tx, one, Submitted, Gathering, Answering); err != nil {
			return err
		}
		other, err := d.Load(ctx, tx, into)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return store.Invalid("into", "ideas.merge.unknown")
		case err != nil:
			return err
		case other.State == Merged:
			return store.Invalid("into", "ideas.merge.merged")
		case other.Hidden || !other.Takes(tx.Now):
			return store.Invalid("into", "ideas.merge.over")
		}
		if err := d.carry(ctx, tx, one, other); err != nil {
			return err
		}
		if err := step(ctx, tx, id, Merged, tx.Now, v.Handle, roleIn(v, one.Sphere, web.Moderator, web.Operator), reason); err != nil {
			return err
		}
		return tx.Act(ctx, v.Handle, "idea.merge", d.URL(one), reason)
	})
	if err != nil {
		return fmt.Errorf("merge idea %d: %w", id, err)
	}
	return d.CloseDue(ctx)
}

// carry ends one idea in favour of another, and takes its supporters along.
func (d *Ideas) carry(ctx context.Context, tx *store.Tx, one, other *Idea) error {
	closed := one.ClosedAt
	if closed == 0 && one.ClosesAt != 0 {
		closed = min(store.Millis(tx.Now), one.ClosesAt)
	}
	if _, err := tx.Exec(ctx, "update ideas set state = 'merged', merged_into = ?, closed_at = ?, changed = ? where id = ?", other.ID, closed, store.Millis(tx.Now), one.ID); err != nil {
		return err
	}
	// Who was against the one need not be against the other.
	if _, err := tx.Exec(ctx, `
		insert into idea_stances (idea, person, side)
		select cast(? as bigint), person, side from idea_stances where idea = ? and side = 1
		on conflict do nothing`, other.ID, one.ID); err != nil {
		return err
	}
	return d.weigh(ctx, tx, other)
}

// CloseDue ends what did not find enough supporters in time, and counts the
// ratings of what has ended. Each step may be repeated.
func (d *Ideas) CloseDue(ctx context.Context) error {
	d.closing.Lock() // one process counts a box once at a time; the database keeps two apart
	defer d.closing.Unlock()
	now := store.Millis(d.DB.Now())
	var late, uncounted []*Idea
	if err := d.DB.Read().NewSelect().Model(&late).Where("state = 'gathering' and closes_at <= ?", now).Order("id").Limit(100).Scan(ctx); err != nil {
		return fmt.Errorf("ideas to close: %w", store.Kind(err))
	}
	var errs []error
	for _, one := range late {
		if err := d.expire(ctx, one); err != nil && !errors.Is(err, store.ErrExists) {
			errs = append(errs, fmt.Errorf("close idea %d: %w", one.ID, err))
		}
	}
	if err := d.DB.Read().NewSelect().Model(&uncounted).
		Where("box <> '' and counted = 0 and (closes_at <= ? or closed_at > 0)", now).Order("id").Limit(100).Scan(ctx); err != nil {
		return fmt.Errorf("ideas to count: %w", store.Kind(err))
	}
	for _, one := range uncounted {
		_, err := d.Box.Close(ctx, one.Box(), d.Rules)
		if err == nil {
			err = d.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Exec(ctx, "update ideas set counted = 1 where id = ?", one.ID)
				return err
			})
		}
		if err != nil {
			d.Log.ErrorContext(ctx, "ratings were not counted", "idea", one.ID, "err", err)
			errs = append(errs, fmt.Errorf("count the ratings of idea %d: %w", one.ID, err))
		}
	}
	return errors.Join(errs...)
}

func (d *Ideas) expire(ctx context.Context, one *Idea) error {
	return d.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := d.hold(ctx, tx, one, Gathering); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "update ideas set state = 'expired', closed_at = closes_at, changed = ? where id = ?", store.Millis(tx.Now), one.ID); err != nil {
			return err
		}
		return step(ctx, tx, one.ID, Expired, store.Time(one.ClosesAt), "", clock, "")
	})
}

// PublishDue tells the fediverse of ideas that were checked and are not told yet.
func (d *Ideas) PublishDue(ctx context.Context) error {
	var due []*Idea
	if err := d.DB.Read().NewSelect().Model(&due).Where("post = 0 and state in ('gathering', 'answering')").Order("id").Limit(20).Scan(ctx); err != nil {
		return fmt.Errorf("ideas to tell: %w", store.Kind(err))
	}
	var errs []error
	for _, one := range due {
		post, err := d.Publish(ctx, d.post(one))
		if errors.Is(err, store.ErrDenied) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrInvalid) {
			post, err = -1, nil // its author may not write posts here, or has left
		}
		if err == nil {
			err = d.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Exec(ctx, "update ideas set post = ? where id = ? and post = 0", post, one.ID)
				return err
			})
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("tell of idea %d: %w", one.ID, err))
		}
	}
	return errors.Join(errs...)
}

func (d *Ideas) post(one *Idea) Post {
	return Post{
		Account: one.Author, Idea: one.ID, Title: one.Title, Sphere: one.Sphere,
		Text: strings.ReplaceAll(one.Problem+"\n→ "+one.Solution, "\n", "\n\n") + "\n\n" + d.URL(one),
	}
}
