package primaries

import (
	"context"
	"fmt"
	"time"

	"viche/internal/store"
	"viche/web"
)

// An Enquiry is a resident's question to all participants, with the answers by
// participant.
type Enquiry struct {
	ID      int64
	Account int64
	Body    string
	Hidden  string // why a moderator took it down
	At      time.Time
	Answers map[int64]string
}

// asks says whether residents may put questions now: as long as grades can still
// be changed by what they hear.
func (c *Contest) asks(now time.Time) bool {
	phase := c.Phase(now)
	return phase == Programme || phase == Voting
}

// Ask puts a question to all participants. Errors: *Denied, ErrPhase,
// *store.FieldError.
func (p *Primaries) Ask(ctx context.Context, v *web.Viewer, contest int64, body string) error {
	if _, err := p.resident(ctx, v); err != nil {
		return err
	}
	w := newWrongs()
	body = w.Text("question", body, maxReason, true)
	if err := w.Err(); err != nil {
		return err
	}
	err := p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		c, err := p.lock(ctx, tx, contest)
		if err != nil {
			return err
		}
		if !c.asks(tx.Now) {
			return ErrPhase
		}
		var n int
		if err := tx.Row(ctx, []any{&n}, "select count(*) from primary_questions where contest = ? and account = ?", contest, v.AccountID); err != nil {
			return err
		}
		if n >= maxAsked {
			return store.Invalid("question", "primaries.ask.many", "Max", maxAsked)
		}
		_, err = tx.Exec(ctx, "insert into primary_questions (id, contest, account, body, hidden, created) values (?, ?, ?, ?, '', ?)",
			store.NewID(), contest, v.AccountID, body, store.Millis(tx.Now))
		return err
	})
	if err != nil {
		return fmt.Errorf("ask in contest %d: %w", contest, err)
	}
	return nil
}

// Reply is a participant's answer to a resident's question; a later one replaces
// it. Errors: store.ErrNotFound, store.ErrDenied, ErrPhase, *store.FieldError.
func (p *Primaries) Reply(ctx context.Context, v *web.Viewer, question int64, body string) error {
	w := newWrongs()
	body = w.Text("answer", body, maxText, true)
	if err := w.Err(); err != nil {
		return err
	}
	return p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		c, hidden, err := p.asked(ctx, tx, question)
		if err != nil {
			return err
		}
		n, err := one(ctx, tx, "contest = ? and account = ? and state = 'admitted'", c.ID, v.AccountID)
		if err != nil {
			return fmt.Errorf("answer %d as no participant: %w", question, store.ErrDenied)
		}
		if !c.asks(tx.Now) || hidden != "" {
			return ErrPhase
		}
		_, err = tx.Exec(ctx, `
			insert into primary_answers (question, nominee, body, created) values (?, ?, ?, ?)
			on conflict (question, nominee) do update set body = excluded.body, created = excluded.created`,
			question, n.ID, body, store.Millis(tx.Now))
		return err
	})
}

// Hide takes a question down, with its answers, for a reason that stands in its
// place. Errors: store.ErrNotFound, store.ErrDenied, *store.FieldError.
func (p *Primaries) Hide(ctx context.Context, v *web.Viewer, question int64, reason string) error {
	w := newWrongs()
	reason = w.Text("reason", reason, maxReason, true)
	if err := w.Err(); err != nil {
		return err
	}
	return p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		c, _, err := p.asked(ctx, tx, question)
		if err != nil {
			return err
		}
		var own int
		if err := tx.Row(ctx, []any{&own}, "select count(*) from primary_nominees where contest = ? and account = ?", c.ID, v.AccountID); err != nil {
			return err
		}
		if !v.Watches(c.Sphere) || own > 0 {
			return fmt.Errorf("hide question %d: %w", question, store.ErrDenied)
		}
		if _, err := tx.Exec(ctx, "update primary_questions set hidden = ? where id = ?", reason, question); err != nil {
			return err
		}
		return tx.Act(ctx, v.Handle, "primaries.hide", c.Path(), reason)
	})
}

// asked finds the contest of a question, held, and why the question is hidden.
func (p *Primaries) asked(ctx context.Context, tx *store.Tx, question int64) (c *Contest, hidden string, err error) {
	var contest int64
	if err := tx.Row(ctx, []any{&contest, &hidden}, "select contest, hidden from primary_questions where id = ?", question); err != nil {
		return nil, "", fmt.Errorf("question %d: %w", question, err)
	}
	c, err = p.lock(ctx, tx, contest)
	return c, hidden, err
}

// Enquiries are the questions of residents in a contest, the oldest first.
func (p *Primaries) Enquiries(ctx context.Context, contest int64) ([]*Enquiry, error) {
	var rows []struct {
		ID      int64  `bun:"id"`
		Account int64  `bun:"account"`
		Body    string `bun:"body"`
		Hidden  string `bun:"hidden"`
		Created int64  `bun:"created"`
	}
	if err := p.DB.Read().NewRaw("select id, account, body, hidden, created from primary_questions where contest = ? order by id", contest).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("questions: %w", store.Kind(err))
	}
	var list []*Enquiry
	by := map[int64]*Enquiry{}
	for _, r := range rows {
		e := &Enquiry{ID: r.ID, Account: r.Account, Body: r.Body, Hidden: r.Hidden, At: store.Time(r.Created), Answers: map[int64]string{}}
		list, by[r.ID] = append(list, e), e
	}
	var answers []struct {
		Question int64  `bun:"question"`
		Nominee  int64  `bun:"nominee"`
		Body     string `bun:"body"`
	}
	err := p.DB.Read().NewRaw(`
		select a.question, a.nominee, a.body
		from primary_answers a join primary_questions q on q.id = a.question
		where q.contest = ?`, contest).Scan(ctx, &answers)
	if err != nil {
		return nil, fmt.Errorf("answers: %w", store.Kind(err))
	}
	for _, a := range answers {
		by[a.Question].Answers[a.Nominee] = a.Body
	}
	return list, nil
}
