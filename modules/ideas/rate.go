package ideas

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"viche/internal/ballot"
	"viche/internal/keys"
	"viche/internal/store"
	"viche/web"
)

// How useful and how feasible somebody finds an idea is an answer (R4.1): it
// lies in the ballot box, sealed, under a tag that names nobody, and comes out
// as a count alone. There is one box an idea, with the register as it is when
// the idea begins to gather, and one poll of two scales in it. It is not a poll
// of modules/polls, since it has neither a page nor a Question of its own there.

// Rate stores somebody's two ratings, 1 to 5, in place of those before.
// Errors: *Denied, ErrOver, *store.FieldError.
func (d *Ideas) Rate(ctx context.Context, v *web.Viewer, id int64, usefulness, feasibility string) (receipt ballot.Receipt, err error) {
	who, err := d.resident(ctx, v)
	if err != nil {
		return receipt, err
	}
	one, err := d.Load(ctx, d.DB.Read(), id)
	if err != nil {
		return receipt, err
	}
	if one.BoxID == "" || one.Hidden {
		return receipt, fmt.Errorf("rate idea %d: %w", id, ErrOver)
	}
	var errs []error
	for _, r := range []struct{ field, value string }{{"usefulness", usefulness}, {"feasibility", feasibility}} {
		if n, err := strconv.Atoi(r.value); err != nil || n < 1 || n > 5 || r.value != strconv.Itoa(n) {
			errs = append(errs, store.Invalid(r.field, "ideas.rate.choose"))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return receipt, err
	}
	voter := ballot.Voter{Person: who.Person, Credential: v.CredentialGeneration, Issued: who.Issued}
	err = d.DB.WriteBound(ctx, func(ctx context.Context, tx *store.Tx) error {
		// The door stays open until the change ends, so the final count cannot
		// miss it.
		if err := tx.Share(ctx, id); err != nil {
			return err
		}
		now := *one
		var state string
		if err := tx.Soon(ctx, []any{&state, &now.ClosedAt}, func() error {
			if now.State = State(state); !now.Takes(tx.Now) {
				return ErrOver
			}
			return nil
		}, "select state, closed_at from ideas where id = ?", id); err != nil {
			return err
		}
		receipt, err = d.Box.Put(ctx, tx, one.Box(), voter, ballot.Answer{{usefulness}, {feasibility}})
		if over := tx.Settle(ctx); over != nil {
			return over
		}
		return err
	})
	if errors.Is(err, ballot.ErrNotRegistered) {
		return receipt, &Denied{VerifiedLater}
	}
	if err != nil {
		return receipt, fmt.Errorf("rate idea %d: %w", id, err)
	}
	return receipt, nil
}

// A Rating is how a viewer stands to the ratings of an idea, and what may be
// shown of them: nothing before the own answer or the end.
type Rating struct {
	Can     bool
	Rated   bool
	Own     [2]int // 0 where it may not be read
	Hidden  bool   // rated, but this credential is newer than the answer
	Gone    bool   // the key of the answers is destroyed
	Seen    bool   // totals may be shown
	Waiting bool   // they may, but are being counted
	TooFew  bool   // they may, but too few rated
	Final   bool
	At      time.Time
	N       int
	Counts  [2][]int // how many gave 1, 2, 3, 4, 5
}

// RatingOf says how a viewer stands to the ratings of an idea.
func (d *Ideas) RatingOf(ctx context.Context, one *Idea, v *web.Viewer) (r Rating, err error) {
	if one.BoxID == "" {
		return r, nil
	}
	if err := d.own(ctx, one, v, &r); err != nil {
		return r, err
	}
	now := d.DB.Now()
	if r.Seen = ballot.Visible(one.sight(r.Rated), now); !r.Seen {
		return r, nil
	}
	over := !now.Before(one.Closes())
	snapshot, err := d.Box.Latest(ctx, one.Box())
	switch {
	case errors.Is(err, store.ErrNotFound):
		r.Waiting, r.TooFew = over, !over
		return r, nil
	case err != nil:
		return r, err
	case over && !snapshot.Final:
		r.Waiting = true
		return r, nil
	case !snapshot.Verified.Showable(d.Rules.K):
		r.TooFew = true
		return r, nil
	}
	r.Final, r.At, r.N = snapshot.Final, snapshot.TakenAt, snapshot.Verified.Ballots
	for i, q := range snapshot.Verified.Questions {
		r.Counts[i] = q.Counts
	}
	return r, nil
}

// own fills in whether the viewer has rated, may rate, and how.
func (d *Ideas) own(ctx context.Context, one *Idea, v *web.Viewer, r *Rating) error {
	who, err := d.resident(ctx, v)
	var denied *Denied
	if errors.As(err, &denied) {
		return nil
	}
	if err != nil {
		return err
	}
	q, box := d.DB.ReadBound(), one.Box()
	answer, _, err := d.Box.Own(ctx, q, box, ballot.Voter{Person: who.Person, Credential: v.CredentialGeneration, Issued: who.Issued})
	switch {
	case err == nil:
		r.Rated = true
		for i := range r.Own {
			if len(answer[i]) == 1 {
				r.Own[i], _ = strconv.Atoi(answer[i][0]) // one of the five steps
			}
		}
	case errors.Is(err, store.ErrNotFound):
	case errors.Is(err, ballot.ErrCredential):
		r.Rated, r.Hidden = true, true
	case errors.Is(err, keys.ErrDestroyed):
		r.Gone = true
		if r.Rated, err = d.Box.Voted(ctx, q, box, who.Person); err != nil {
			return err
		}
	default:
		return err
	}
	if one.Takes(d.DB.Now()) && !one.Hidden {
		r.Can = r.Rated
		if !r.Rated {
			r.Can, err = d.Box.Registered(ctx, q, box, who.Person)
			return err
		}
	}
	return nil
}

// Snapshots takes a new count of each idea's ratings where the rules call for
// one.
func (d *Ideas) Snapshots(ctx context.Context) error {
	now := d.DB.Now()
	var open []*Idea
	if err := d.DB.Read().NewSelect().Model(&open).
		Where("state in ('gathering', 'answering') and box <> '' and counted = 0 and closes_at > ?", store.Millis(now.Add(ballot.LastHour))).Order("id").Scan(ctx); err != nil {
		return fmt.Errorf("ideas to count: %w", store.Kind(err))
	}
	var errs []error
	for _, one := range open {
		if last, ok := d.tried.Load(one.ID); ok && now.Before(last.(time.Time).Add(d.Rules.SnapshotEvery)) {
			continue
		}
		taken, err := d.Box.Snapshot(ctx, one.Box(), one.Closes(), d.Rules)
		if taken {
			d.tried.Store(one.ID, now)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("ratings of idea %d: %w", one.ID, err))
		}
	}
	return errors.Join(errs...)
}

// Forget destroys the sealing keys of ratings that ended so long ago that no
// count is disputed any more (Options.Keep): from then on nobody, the operator
// included, can read one. The counts stay.
func (d *Ideas) Forget(ctx context.Context) error {
	if d.Keep <= 0 {
		return nil
	}
	var due []*Idea
	if err := d.DB.Read().NewSelect().Model(&due).
		Where("box <> '' and counted = 1 and key_gone = 0 and (case when closed_at > 0 then closed_at else closes_at end) < ?", store.Millis(d.DB.Now().Add(-d.Keep))).
		Order("id").Limit(100).Scan(ctx); err != nil {
		return fmt.Errorf("keys to destroy: %w", store.Kind(err))
	}
	var errs []error
	for _, one := range due {
		// First the key: were it the other way round, a crash between the two
		// would leave a key that everybody believes gone.
		err := d.Box.Destroy(one.Box())
		if err == nil {
			err = d.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
				n, err := tx.Exec(ctx, "update ideas set key_gone = ? where id = ? and key_gone = 0", store.Millis(tx.Now), one.ID)
				if err != nil || n == 0 {
					return err
				}
				return tx.Act(ctx, "", "idea.key-destroyed", d.URL(one), "")
			})
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("destroy the key of idea %d: %w", one.ID, err))
		}
	}
	return errors.Join(errs...)
}
