package ideas

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"viche/internal/method"
	"viche/internal/store"
	"viche/web"
)

// A Denied says why somebody may not do something with an idea.
type Denied struct{ Reason string }

// The reasons, each with its way out on the page.
const (
	SignIn         = "sign-in"
	NotVerified    = "not-verified"
	Organisation   = "organisation" // submits ideas, never supports or rates one
	OtherTerritory = "other-territory"
	OtherInstance  = "other-instance" // ideas live in cities
	VerifiedLater  = "verified-later" // the register of the ratings was frozen before
)

func (e *Denied) Error() string { return "may not: " + e.Reason }

// Is makes every Denied an ErrDenied.
func (e *Denied) Is(target error) bool { return target == store.ErrDenied }

// ErrOver says that an idea takes no more supports or ratings.
var ErrOver = fmt.Errorf("the idea takes no more supports: %w", store.ErrExists)

// resident says who is behind a viewer, or why that is nobody who may support.
func (d *Ideas) resident(ctx context.Context, v *web.Viewer) (Resident, error) {
	if v == nil {
		return Resident{}, &Denied{SignIn}
	}
	if d.Coordinator {
		return Resident{}, &Denied{OtherInstance}
	}
	who, err := d.Resident(ctx, d.DB.ReadBound(), v.AccountID)
	switch {
	case err != nil:
		return who, fmt.Errorf("who supports: %w", err)
	case !who.Votes:
		return who, &Denied{Organisation}
	case who.Person == nil:
		return who, &Denied{NotVerified}
	}
	home, ok, err := d.Lives(ctx, v.AccountID)
	if err != nil {
		return who, err
	}
	if !ok || !d.Territories.Within(home, d.Territory) {
		return who, &Denied{OtherTerritory}
	}
	return who, nil
}

// maySubmit says why somebody can propose nothing, or nil. An organisation may:
// it supports nothing, not its own idea either.
func (d *Ideas) maySubmit(ctx context.Context, v *web.Viewer) error {
	_, err := d.resident(ctx, v)
	var denied *Denied
	if errors.As(err, &denied) && denied.Reason == Organisation {
		return nil
	}
	return err
}

// supporter is what a person is known by among the stances: the same for every
// idea, so that a merge finds who supported both; and nobody's without the key
// file.
func (d *Ideas) supporter(person []byte) []byte {
	h := hmac.New(sha256.New, d.Keys.VoterSecret(person))
	_, _ = h.Write([]byte("ideas/supporter")) // a hash never fails
	return h.Sum(nil)
}

// Support has a resident support an idea, or takes the support back, which may
// be done until there are enough. Both may be repeated. Who was against is for
// it from then on. Errors: *Denied, ErrOver, store.ErrNotFound.
func (d *Ideas) Support(ctx context.Context, v *web.Viewer, id int64, on bool) error {
	who, err := d.resident(ctx, v)
	if err != nil {
		return err
	}
	person := d.supporter(who.Person)
	err = d.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		one, err := d.taking(ctx, tx, id)
		if err != nil {
			return err
		}
		if on {
			return d.stand(ctx, tx, one, person, 1)
		}
		if one.State != Gathering {
			return fmt.Errorf("there are enough, so nobody steps back: %w", ErrOver)
		}
		if _, err := tx.Exec(ctx, "delete from idea_stances where idea = ? and person = ? and side = 1", id, person); err != nil {
			return err
		}
		return d.weigh(ctx, tx, one)
	})
	if err != nil {
		return fmt.Errorf("support idea %d: %w", id, err)
	}
	return nil
}

// taking loads an idea for a change of its stances, and keeps others from
// changing them meanwhile: of two that come together each would miss the other.
func (d *Ideas) taking(ctx context.Context, tx *store.Tx, id int64) (*Idea, error) {
	if err := tx.Alone(ctx, id); err != nil {
		return nil, err
	}
	one, err := d.Load(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	if one.Hidden {
		return nil, fmt.Errorf("idea %d is hidden: %w", id, store.ErrNotFound)
	}
	if !one.Takes(tx.Now) {
		return nil, ErrOver
	}
	return one, nil
}

// stand puts somebody for (1) or against (0) an idea; the primary key keeps it
// to one row a person.
func (d *Ideas) stand(ctx context.Context, tx *store.Tx, one *Idea, person []byte, side int) error {
	_, err := tx.Exec(ctx, `
		insert into idea_stances (idea, person, side) values (?, ?, ?)
		on conflict (idea, person) do update set side = excluded.side`, one.ID, person, side)
	if err != nil {
		return err
	}
	return d.weigh(ctx, tx, one)
}

// weigh works out anew where an idea stands in the list, and has the
// authorities answer once enough support it.
func (d *Ideas) weigh(ctx context.Context, tx *store.Tx, one *Idea) error {
	all, err := tallies(ctx, tx, one.ID)
	if err != nil {
		return err
	}
	t := all[one.ID]
	if _, err := tx.Exec(ctx, "update ideas set score = ? where id = ?", score(t), one.ID); err != nil {
		return err
	}
	if one.State != Gathering || t.For < one.Need {
		return nil
	}
	due := store.Millis(tx.Now.Add(answerWithin))
	if _, err := tx.Exec(ctx, "update ideas set state = 'answering', answer_due = ?, changed = ? where id = ? and state = 'gathering'", due, store.Millis(tx.Now), one.ID); err != nil {
		return err
	}
	one.State, one.AnswerDue = Answering, due
	return step(ctx, tx, one.ID, Answering, tx.Now, "", clock, "")
}

// The times of an idea's life.
const (
	day          = 24 * time.Hour
	checkWithin  = 5 * day  // a moderator's check, as the page promises
	gatherFor    = 90 * day // as long as a petition may
	answerWithin = 30 * day // the official answer
)

// score is where an idea stands in the list, in billionths: the lower bound of
// the share of those for it among all who said something. With few voices it
// stays low, so one friend puts no idea above another that hundreds support.
func score(t Tally) int64 { return int64(method.Wilson(t.For, t.For+t.Against) * 1e9) }

// stands says whether somebody is for an idea (1), against it (0), or neither.
func (d *Ideas) stands(ctx context.Context, id int64, person []byte) (side int, said bool, err error) {
	var n int
	err = d.DB.ReadBound().Row(ctx, []any{&n, &side},
		"select count(*), coalesce(max(side), 0) from idea_stances where idea = ? and person = ?", id, d.supporter(person))
	if err != nil {
		return 0, false, fmt.Errorf("stance on idea %d: %w", id, err)
	}
	return side, n > 0, nil
}
