package primaries

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"viche/internal/ballot"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

// ErrConsent says that somebody has not agreed to the processing of political
// views, without which no grade is taken.
var ErrConsent = fmt.Errorf("consent first: %w", store.ErrDenied)

// sheet is what is graded of each participant, in the order of the sheet.
func (c *Contest) sheet() []string { return append(slices.Clone(c.Competences), Overall) }

// question is the id of a question: whom it is about, and what.
func question(nominee int64, what string) string {
	return strconv.FormatInt(nominee, 10) + "-" + what
}

// at is the index of a question in a round, -1 where the person is no
// participant of it.
func (c *Contest) at(r *Round, nominee int64, what string) int {
	i, j := slices.Index(r.Nominees, nominee), slices.Index(c.sheet(), what)
	if i < 0 || j < 0 {
		return -1
	}
	return i*len(c.sheet()) + j
}

// OpenDue opens the first round of every contest whose time has come.
func (p *Primaries) OpenDue(ctx context.Context) error {
	now := store.Millis(p.DB.Now())
	var ids []int64
	if err := p.DB.Read().NewRaw(`
		select id from primaries c
		where cancelled = '' and vote <= ? and not exists (select 1 from primary_rounds r where r.contest = c.id)
		order by id`, now).Scan(ctx, &ids); err != nil {
		return fmt.Errorf("contests due: %w", store.Kind(err))
	}
	var errs []error
	for _, id := range ids { // one that cannot be opened keeps nobody else's from it
		if err := p.openFirst(ctx, id); err != nil {
			errs = append(errs, fmt.Errorf("open contest %d: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

func (p *Primaries) openFirst(ctx context.Context, id int64) error {
	gone, err := p.gone(ctx, id)
	if err != nil {
		return err
	}
	return p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		c, err := p.lock(ctx, tx, id)
		if err != nil {
			return err
		}
		if len(c.Rounds) > 0 || c.Cancelled != "" || tx.Now.Before(c.Vote) {
			return nil // somebody else was quicker
		}
		list, err := p.Nominees(ctx, tx, id, Admitted)
		if err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(n *Nominee) bool { return slices.Contains(gone, n.ID) })
		return p.open(ctx, tx, c, Round{Number: 1, Opens: tx.Now, Closes: c.Closes}, list)
	})
}

// gone are the nominees whose account is gone: nobody assesses them.
func (p *Primaries) gone(ctx context.Context, contest int64) (gone []int64, err error) {
	list, err := p.Nominees(ctx, p.DB.Read(), contest, Admitted)
	if err != nil {
		return nil, err
	}
	for _, n := range list {
		switch _, err := p.ByID(ctx, n.Account); {
		case errors.Is(err, store.ErrNotFound):
			gone = append(gone, n.ID)
		case err != nil:
			return nil, err
		}
	}
	return gone, nil
}

// open opens a round on some participants: their names, what is graded and the
// close are frozen with the vote. A round that comes too late for any grade
// opens without a vote, and so does one without participants.
func (p *Primaries) open(ctx context.Context, tx *store.Tx, c *Contest, r Round, list []*Nominee) error {
	words := p.Words.For("uk") // what is asked is asked in Ukrainian, whoever reads it
	v := Vote{
		Title: words.T("primaries.vote.title", "Office", c.Office), Body: words.T("primaries.banner"),
		Sphere: c.Sphere, Territory: c.Territory, ClosesAt: r.Closes, By: c.By,
	}
	for _, n := range list {
		r.Nominees = append(r.Nominees, n.ID)
		for _, what := range c.sheet() {
			q := Question{ID: question(n.ID, what), Text: words.T("primaries.vote.question", "Name", n.Name, "What", words.T("primaries.competence."+what))}
			for _, grade := range append(slices.Clone(Grades), NoView) {
				q.Options = append(q.Options, Option{grade, words.T("primaries.grade." + grade)})
			}
			v.Questions = append(v.Questions, q)
		}
	}
	if len(list) > 0 && tx.Now.Before(r.Closes) {
		var err error
		if r.Poll, err = p.OpenVote(ctx, tx, v); err != nil {
			return err
		}
	}
	row := roundRow{Contest: c.ID, Number: r.Number, Poll: r.Poll, Nominees: listed(r.Nominees), Opens: store.Millis(r.Opens), Closes: store.Millis(r.Closes)}
	_, err := tx.NewInsert().Model(&row).Exec(ctx)
	return store.Kind(err)
}

// ErrNoSecond says that there is no reason for a second round, or no first one.
var ErrNoSecond = fmt.Errorf("no second round: %w", store.ErrDenied)

// OpenSecond opens the second round, between the first two, where the result of
// the first does not tell them apart. Errors: store.ErrDenied for who may not,
// ErrNoSecond, store.ErrExists if it is open already, *store.FieldError.
func (p *Primaries) OpenSecond(ctx context.Context, v *web.Viewer, contest int64, closes time.Time) error {
	c, err := p.Contest(ctx, p.DB.Read(), contest)
	if err != nil {
		return err
	}
	list, err := p.Nominees(ctx, p.DB.Read(), contest, Admitted, Checking, Refused, Withdrawn)
	if err != nil {
		return err
	}
	if !v.Watches(c.Sphere) || slices.ContainsFunc(list, func(n *Nominee) bool { return n.Account == v.AccountID }) {
		return fmt.Errorf("open second round of contest %d: %w", contest, store.ErrDenied)
	}
	first := c.round(1)
	if first == nil || first.Poll == "" || p.DB.Now().Before(first.Closes) {
		return ErrNoSecond
	}
	o, err := p.outcomeOf(ctx, c, first, nil)
	if err != nil {
		return err
	}
	if o.State != Shown || !o.Second {
		return ErrNoSecond
	}
	var pair []*Nominee
	for _, s := range o.Ranked[:2] {
		at := slices.IndexFunc(list, func(n *Nominee) bool { return n.ID == s.Nominee })
		pair = append(pair, list[at])
	}
	closes = second(closes)
	if now := p.DB.Now(); closes.Before(now.Add(leastPhase)) || closes.After(now.Add(longestVote)) {
		return store.Invalid("closes", "primaries.second.closes", "Days", int(longestVote/(24*time.Hour)))
	}
	return p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		c, err := p.lock(ctx, tx, contest)
		if err != nil {
			return err
		}
		if c.round(2) != nil {
			return fmt.Errorf("second round of contest %d: %w", contest, store.ErrExists)
		}
		if err := p.open(ctx, tx, c, Round{Number: 2, Opens: tx.Now, Closes: closes}, pair); err != nil {
			return err
		}
		return tx.Act(ctx, v.Handle, "primaries.second", c.Path(), "")
	})
}

// Consented says whether somebody has agreed to be asked for grades.
func (p *Primaries) Consented(ctx context.Context, contest, account int64) (bool, error) {
	var n int
	err := p.DB.ReadBound().Row(ctx, []any{&n}, "select count(*) from primary_consents where contest = ? and account = ? and withdrawn_on = 0", contest, account)
	return n > 0, err
}

// underWay is a contest and its round in which grades are given now; ErrPhase if
// there is none.
func (p *Primaries) underWay(ctx context.Context, contest int64) (*Contest, *Round, error) {
	c, err := p.Contest(ctx, p.DB.Read(), contest)
	if err != nil {
		return nil, nil, err
	}
	r := c.current(p.DB.Now())
	if r == nil {
		return nil, nil, ErrPhase
	}
	return c, r, nil
}

// Consent notes that somebody agrees to the processing of political views. It is
// asked for before the vote and noted apart from it, with the day alone.
func (p *Primaries) Consent(ctx context.Context, v *web.Viewer, contest int64) error {
	_, r, err := p.underWay(ctx, contest)
	if err != nil {
		return err
	}
	stand, err := p.StandOf(ctx, r.Poll, v)
	if err != nil {
		return err
	}
	if !stand.CanVote {
		return &Denied{stand.Reason}
	}
	return p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into primary_consents (contest, account, given_on, withdrawn_on) values (?, ?, ?, 0)
			on conflict (contest, account) do update set given_on = excluded.given_on, withdrawn_on = 0
			where primary_consents.withdrawn_on <> 0`, contest, v.AccountID, store.Millis(today(tx.Now)))
		return err
	})
}

// today is the beginning of the day in Kyiv.
func today(now time.Time) time.Time {
	y, m, d := now.In(locale.Kyiv()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, locale.Kyiv())
}

// Unconsent takes the consent back while grades are being given: whoever has
// graded has every grade replaced by "cannot judge", then the consent ends.
func (p *Primaries) Unconsent(ctx context.Context, v *web.Viewer, contest int64) error {
	if v == nil {
		return &Denied{SignIn}
	}
	c, r, err := p.underWay(ctx, contest)
	if err != nil {
		return err
	}
	stand, err := p.StandOf(ctx, r.Poll, v)
	if err != nil {
		return err
	}
	if stand.Voted {
		empty := make(ballot.Answer, len(r.Nominees)*len(c.sheet()))
		for i := range empty {
			empty[i] = []string{NoView}
		}
		if _, err := p.CastAnswer(ctx, v, r.Poll, empty); err != nil {
			return err
		}
	}
	return p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "update primary_consents set withdrawn_on = ? where contest = ? and account = ? and withdrawn_on = 0",
			store.Millis(today(tx.Now)), contest, v.AccountID)
		return err
	})
}

// Marks are the grades that somebody gives, by nominee and by what is graded.
type Marks map[int64]map[string]string

// Grade takes a sheet of grades, replacing what the same person gave before.
// Errors: *Denied, ErrConsent, ErrPhase, *store.FieldError for the field of a
// question or for a person who is no participant.
func (p *Primaries) Grade(ctx context.Context, v *web.Viewer, contest int64, marks Marks) (ballot.Receipt, error) {
	if v == nil {
		return ballot.Receipt{}, &Denied{SignIn}
	}
	c, r, err := p.underWay(ctx, contest)
	if err != nil {
		return ballot.Receipt{}, err
	}
	if ok, err := p.Consented(ctx, contest, v.AccountID); err != nil || !ok {
		return ballot.Receipt{}, errors.Join(err, ErrConsent)
	}
	answer, err := c.answer(r, marks)
	if err != nil {
		return ballot.Receipt{}, err
	}
	return p.CastAnswer(ctx, v, r.Poll, answer)
}

// answer is what the marks mean in a round's vote.
func (c *Contest) answer(r *Round, marks Marks) (ballot.Answer, error) {
	answer := make(ballot.Answer, len(r.Nominees)*len(c.sheet()))
	for nominee, by := range marks {
		for what, grade := range by {
			at := c.at(r, nominee, what)
			if at < 0 {
				return nil, store.Invalid("sheet", "primaries.vote.nobody")
			}
			if !slices.Contains(Grades, grade) && grade != NoView {
				return nil, store.Invalid(question(nominee, what), "primaries.vote.grade")
			}
			answer[at] = []string{grade}
		}
	}
	return answer, nil
}

// marks reads an answer back.
func (c *Contest) marks(r *Round, a ballot.Answer) Marks {
	out := Marks{}
	for _, nominee := range r.Nominees {
		out[nominee] = map[string]string{}
		for _, what := range c.sheet() {
			if at := c.at(r, nominee, what); at < len(a) && len(a[at]) == 1 {
				out[nominee][what] = a[at][0]
			}
		}
	}
	return out
}
