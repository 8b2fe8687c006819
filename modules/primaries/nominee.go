package primaries

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

// State is where a nomination stands.
type State string

// The states. Whoever is asked agrees, and is checked; or declines. Whoever has
// agreed may withdraw until the vote.
const (
	Asked     State = "asked"
	Declined  State = "declined"
	Checking  State = "checking"
	Admitted  State = "admitted"
	Refused   State = "refused"
	Withdrawn State = "withdrawn"
)

// maxProposed is how many people one resident may propose in a contest.
const maxProposed = 5

// Nominee is somebody who was proposed.
type Nominee struct {
	ID, Contest int64
	Account, By int64
	State       State
	Name        string
	Card        Card
	Consented   time.Time
	DecidedBy   string
	Reason      string
	Decided     time.Time
	Gone        bool // the account is gone: name and card are shown no more
}

// Card is what somebody says of themselves.
type Card struct {
	CV       string   `json:"cv"`
	Evidence []Link   `json:"evidence,omitempty"`
	Plans    []Plan   `json:"plans,omitempty"`
	Answers  []string `json:"answers,omitempty"` // in the order of the contest's questions; "" for none
}

// A Link is evidence: what it shows and where it is.
type Link struct {
	Text string `json:"text"`
	URL  string `json:"url"`
}

// A Plan is the programme for one sphere.
type Plan struct {
	Sphere string `json:"sphere"`
	Text   string `json:"text"`
}

// Path is the page of the participant.
func (n *Nominee) Path() string {
	return "/primaries/" + strconv.FormatInt(n.Contest, 10) + "/participants/" + strconv.FormatInt(n.ID, 10)
}

type nomineeRow struct {
	bun.BaseModel `bun:"table:primary_nominees"`

	ID        int64  `bun:"id,pk"`
	Contest   int64  `bun:"contest"`
	Account   int64  `bun:"account"`
	By        int64  `bun:"by_account"`
	State     State  `bun:"state"`
	Name      string `bun:"name"`
	Card      string `bun:"card"`
	Consented int64  `bun:"consented"`
	DecidedBy string `bun:"decided_by"`
	Reason    string `bun:"reason"`
	Decided   int64  `bun:"decided"`
	Created   int64  `bun:"created"`
}

func (r nomineeRow) nominee() (*Nominee, error) {
	n := &Nominee{
		ID: r.ID, Contest: r.Contest, Account: r.Account, By: r.By, State: r.State, Name: r.Name, Consented: store.Time(r.Consented),
		DecidedBy: r.DecidedBy, Reason: r.Reason, Decided: store.Time(r.Decided),
	}
	if err := json.Unmarshal([]byte(r.Card), &n.Card); err != nil {
		return nil, fmt.Errorf("nominee %d: %w", r.ID, err)
	}
	return n, nil
}

// A Denied says why somebody may not do something here.
type Denied struct{ Reason string }

// The reasons, each with its way out on the page.
const (
	SignIn      = "sign-in"
	NotResident = "not-resident" // not verified, or lives elsewhere
)

func (d *Denied) Error() string { return "may not: " + d.Reason }

// Is makes every Denied an ErrDenied.
func (d *Denied) Is(target error) bool { return target == store.ErrDenied }

// ErrPhase says that the contest is not in the phase for what was asked.
var ErrPhase = fmt.Errorf("not in this phase of the primaries: %w", store.ErrExists)

// resident says who is behind a viewer, or why that is nobody of this city.
func (p *Primaries) resident(ctx context.Context, v *web.Viewer) (Person, error) {
	if v == nil {
		return Person{}, &Denied{SignIn}
	}
	who, err := p.ByID(ctx, v.AccountID)
	if err != nil {
		return who, fmt.Errorf("who takes part: %w", err)
	}
	if !who.Resident {
		return who, &Denied{NotResident}
	}
	return who, nil
}

// Nominate proposes somebody, oneself or another resident of this city. Nobody
// sees it but the two of them until the person agrees.
// Errors: *Denied, ErrPhase, *store.FieldError.
func (p *Primaries) Nominate(ctx context.Context, v *web.Viewer, contest int64, handle string) (*Nominee, error) {
	by, err := p.resident(ctx, v)
	if err != nil {
		return nil, err
	}
	whom := by
	if handle != "" {
		whom, err = p.ByHandle(ctx, handle)
		if errors.Is(err, store.ErrNotFound) {
			return nil, store.Invalid("handle", "primaries.nominate.unknown")
		}
		if err != nil {
			return nil, err
		}
		if !whom.Resident {
			return nil, store.Invalid("handle", "primaries.nominate.not-resident")
		}
	}
	row := nomineeRow{ID: store.NewID(), Contest: contest, Account: whom.Account, By: by.Account, State: Asked, Name: whom.Name, Card: "{}"}
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		c, err := p.lock(ctx, tx, contest)
		if err != nil {
			return err
		}
		if c.Phase(tx.Now) != Nomination {
			return ErrPhase
		}
		var proposed int
		if err := tx.Row(ctx, []any{&proposed}, "select count(*) from primary_nominees where contest = ? and by_account = ? and account <> by_account", contest, by.Account); err != nil {
			return err
		}
		if proposed >= maxProposed && whom.Account != by.Account {
			return store.Invalid("handle", "primaries.nominate.many", "Max", maxProposed)
		}
		row.Created = store.Millis(tx.Now)
		_, err = tx.NewInsert().Model(&row).Exec(ctx)
		return store.Kind(err)
	})
	if errors.Is(err, store.ErrExists) && !errors.Is(err, ErrPhase) {
		return nil, store.Invalid("handle", "primaries.nominate.twice")
	}
	if err != nil {
		return nil, fmt.Errorf("nominate for contest %d: %w", contest, err)
	}
	return row.nominee()
}

// A Form is what somebody who was proposed sends of themselves.
type Form struct {
	Name   string
	Checks []string // what is confirmed; all of Checks with the consent
	Card   Card
}

// tidy reads a form, for a contest.
func (p *Primaries) tidy(c *Contest, f Form, consent bool) (name string, card Card, err error) {
	w := newWrongs()
	name = w.Line("name", f.Name, maxName, true)
	card.CV = w.Text("cv", f.Card.CV, maxText, true)
	for i, e := range f.Card.Evidence {
		field := fmt.Sprintf("evidence-%d", i+1)
		one := Link{w.Line(field, e.Text, maxLine, false), w.Address(field+"-url", e.URL)}
		switch {
		case one == Link{}:
			continue
		case one.Text == "":
			w.Add(field, "primaries.mine.evidence.text")
		case one.URL == "" && e.URL == "":
			w.Add(field+"-url", "primaries.mine.evidence.url")
		}
		card.Evidence = append(card.Evidence, one)
	}
	if len(card.Evidence) > maxEvidence {
		w.Add("evidence-1", "primaries.mine.evidence.many", "Max", maxEvidence)
	}
	for i, plan := range f.Card.Plans {
		field := fmt.Sprintf("plan-%d", i+1)
		one := Plan{plan.Sphere, w.Text(field, plan.Text, maxText, false)}
		switch {
		case one.Sphere == "" && one.Text == "":
			continue
		case !slices.Contains(p.Spheres, one.Sphere):
			w.Add(field+"-sphere", "primaries.mine.plan.sphere")
		case one.Text == "":
			w.Add(field, "primaries.mine.plan.text")
		case slices.ContainsFunc(card.Plans, func(o Plan) bool { return o.Sphere == one.Sphere }):
			w.Add(field+"-sphere", "primaries.mine.plan.twice")
		}
		card.Plans = append(card.Plans, one)
	}
	if len(card.Plans) > maxPlans {
		w.Add("plan-1", "primaries.mine.plan.many", "Max", maxPlans)
	}
	card.Answers = make([]string, len(c.Questions))
	for i := range card.Answers {
		if i < len(f.Card.Answers) {
			card.Answers[i] = w.Text(fmt.Sprintf("answer-%d", i+1), f.Card.Answers[i], maxText, false)
		}
	}
	if consent {
		for _, one := range Checks {
			if !slices.Contains(f.Checks, one) {
				w.Add("checks", "primaries.mine.checks")
			}
		}
	}
	return name, card, w.Err()
}

// Agree is the consent of somebody who was proposed, with all that is confirmed
// and told: from now on a moderator sees it. Errors: ErrPhase, *store.FieldError.
func (p *Primaries) Agree(ctx context.Context, v *web.Viewer, contest int64, f Form) error {
	if _, err := p.resident(ctx, v); err != nil {
		return err
	}
	return p.change(ctx, v, contest, func(ctx context.Context, tx *store.Tx, c *Contest, n *Nominee) error {
		name, card, err := p.tidy(c, f, true)
		if err != nil {
			return err
		}
		if c.Phase(tx.Now) != Nomination || n.State != Asked && n.State != Declined {
			return ErrPhase
		}
		if err := keep(ctx, tx, n.ID, name, card); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "update primary_nominees set state = 'checking', consented = ? where id = ?", store.Millis(tx.Now), n.ID); err != nil {
			return err
		}
		return tx.Act(ctx, v.Handle, "primaries.consent", n.Path(), "")
	})
}

// Edit changes what a participant tells, until the vote begins.
func (p *Primaries) Edit(ctx context.Context, v *web.Viewer, contest int64, f Form) error {
	return p.change(ctx, v, contest, func(ctx context.Context, tx *store.Tx, c *Contest, n *Nominee) error {
		name, card, err := p.tidy(c, f, false)
		if err != nil {
			return err
		}
		if !c.before(tx.Now) || n.State != Checking && n.State != Admitted {
			return ErrPhase
		}
		return keep(ctx, tx, n.ID, name, card)
	})
}

// Leave declines a nomination, or withdraws one that was agreed to. Once grades
// are being given it is too late.
func (p *Primaries) Leave(ctx context.Context, v *web.Viewer, contest int64) error {
	return p.change(ctx, v, contest, func(ctx context.Context, tx *store.Tx, c *Contest, n *Nominee) error {
		to := Withdrawn
		switch {
		case n.State == Asked:
			to = Declined
		case !c.before(tx.Now) || n.State != Checking && n.State != Admitted:
			return ErrPhase
		}
		_, err := tx.Exec(ctx, "update primary_nominees set state = ? where id = ?", to, n.ID)
		return err
	})
}

// before says whether the vote is still to come.
func (c *Contest) before(now time.Time) bool {
	return c.Cancelled == "" && now.Before(c.Vote) && len(c.Rounds) == 0
}

// change is one of what somebody who was proposed does.
func (p *Primaries) change(ctx context.Context, v *web.Viewer, contest int64, do func(context.Context, *store.Tx, *Contest, *Nominee) error) error {
	if v == nil {
		return &Denied{SignIn}
	}
	err := p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		c, err := p.lock(ctx, tx, contest)
		if err != nil {
			return err
		}
		n, err := one(ctx, tx, "contest = ? and account = ?", contest, v.AccountID)
		if err != nil {
			return err
		}
		return do(ctx, tx, c, n)
	})
	if err != nil {
		return fmt.Errorf("nomination in contest %d: %w", contest, err)
	}
	return nil
}

func keep(ctx context.Context, tx *store.Tx, id int64, name string, card Card) error {
	raw, err := json.Marshal(card)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "update primary_nominees set name = ?, card = ? where id = ?", name, string(raw), id)
	return err
}

// Decide is a moderator's decision on a nomination that was agreed to: whether it
// meets the published conditions, and why. Nobody decides in a contest in which
// they were proposed themselves. Errors: store.ErrDenied, ErrPhase,
// *store.FieldError.
func (p *Primaries) Decide(ctx context.Context, v *web.Viewer, nominee int64, admit bool, reason string) error {
	w := newWrongs()
	reason = w.Text("reason", reason, maxReason, true)
	if err := w.Err(); err != nil {
		return err
	}
	return p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := one(ctx, tx, "id = ?", nominee)
		if err != nil {
			return err
		}
		c, err := p.lock(ctx, tx, n.Contest)
		if err != nil {
			return err
		}
		if n, err = one(ctx, tx, "id = ?", nominee); err != nil { // as it stands now
			return err
		}
		if !v.Watches(c.Sphere) {
			return fmt.Errorf("decide on nominee %d: %w", nominee, store.ErrDenied)
		}
		var own, admitted int
		if err := tx.Row(ctx, []any{&own, &admitted}, `
			select coalesce(sum(case when account = ? then 1 else 0 end), 0), coalesce(sum(case when state = 'admitted' then 1 else 0 end), 0)
			from primary_nominees where contest = ?`, v.AccountID, c.ID); err != nil {
			return err
		}
		switch {
		case own > 0:
			return fmt.Errorf("decide where one takes part, nominee %d: %w", nominee, store.ErrDenied)
		case !c.before(tx.Now) || c.Phase(tx.Now) == Announced:
			return ErrPhase
		case n.State != Checking && (n.State != Admitted || admit):
			return ErrPhase
		case admit && admitted >= c.places():
			return store.Invalid("reason", "primaries.desk.full", "Max", c.places())
		}
		to, act := Admitted, "primaries.admit"
		if !admit {
			to, act = Refused, "primaries.refuse"
		}
		if _, err := tx.Exec(ctx, "update primary_nominees set state = ?, decided_by = ?, reason = ?, decided = ? where id = ?",
			to, v.Handle, reason, store.Millis(tx.Now), nominee); err != nil {
			return err
		}
		return tx.Act(ctx, v.Handle, act, n.Path(), reason)
	})
}

func one(ctx context.Context, idb bun.IDB, where string, args ...any) (*Nominee, error) {
	var row nomineeRow
	if err := idb.NewSelect().Model(&row).Where(where, args...).Scan(ctx); err != nil {
		return nil, fmt.Errorf("nominee: %w", store.Kind(err))
	}
	return row.nominee()
}

// Nominees are those of a contest in some states, by their ids. Who has no
// account any more is Gone.
func (p *Primaries) Nominees(ctx context.Context, idb bun.IDB, contest int64, states ...State) (list []*Nominee, err error) {
	var rows []nomineeRow
	if err := idb.NewSelect().Model(&rows).Where("contest = ? and state in (?)", contest, bun.List(states)).OrderExpr("id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("nominees: %w", store.Kind(err))
	}
	for _, r := range rows {
		n, err := r.nominee()
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

// participants are those who are admitted, each with a name to show.
func (p *Primaries) participants(ctx context.Context, words *locale.Printer, contest int64) ([]*Nominee, error) {
	list, err := p.Nominees(ctx, p.DB.Read(), contest, Admitted)
	if err != nil {
		return nil, err
	}
	for _, n := range list {
		if err := p.veil(ctx, words, n); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// veil takes out of sight what somebody told whose account is gone.
func (p *Primaries) veil(ctx context.Context, words *locale.Printer, n *Nominee) error {
	_, err := p.ByID(ctx, n.Account)
	if errors.Is(err, store.ErrNotFound) {
		n.Gone, n.Card, n.Name, err = true, Card{}, words.T("primaries.gone"), nil
	}
	return err
}

// viewerKey is by what a viewer's own order is known: the account, or for
// whoever is not signed in the kind of browser and the day. Nobody is followed
// for it.
func (p *Primaries) viewerKey(r *http.Request) string {
	if v := web.ViewerOf(r); v != nil {
		return "account " + strconv.FormatInt(v.AccountID, 10)
	}
	return "browser " + r.UserAgent() + " " + p.DB.Now().In(locale.Kyiv()).Format(time.DateOnly)
}

// shuffled gives participants in an order that is the same for a viewer at each
// look, and another one for the next viewer, so that each of them stands first as
// often as the others. The contest's random seed keeps anybody from choosing it.
func shuffled(seed, viewer string, list []*Nominee) []*Nominee {
	out := slices.Clone(list)
	lot := func(n *Nominee) [32]byte {
		return sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", seed, viewer, n.ID))
	}
	slices.SortFunc(out, func(a, b *Nominee) int {
		x, y := lot(a), lot(b)
		return cmp.Or(slices.Compare(x[:], y[:]), cmp.Compare(a.ID, b.ID))
	})
	return out
}
