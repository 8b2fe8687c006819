package officials

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"viche/internal/ballot"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

// A round lasts so many days.
const (
	minDays, usualDays, maxDays = 3, 14, 30
)

// verified is the level of verification that grading asks for, that of polls.
const verified = 2

// Round is one quarter's grading of somebody in an office.
type Round struct {
	bun.BaseModel `bun:"table:official_rounds"`

	ID      int64  `bun:"id,pk"`
	Term    int64  `bun:"term"`
	Quarter string `bun:"quarter"` // 2026-4
	Poll    string `bun:"poll"`
	Opens   int64  `bun:"opens"`
	Closes  int64  `bun:"closes"`
	Told    int    `bun:"told"`
}

// Path is the page of the round.
func (r *Round) Path() string { return "/officials/rounds/" + strconv.FormatInt(r.ID, 10) }

// QuarterOf is the quarter of a moment by the clock in Kyiv: 2026-4.
func QuarterOf(at time.Time) string {
	at = at.In(locale.Kyiv())
	return fmt.Sprintf("%d-%d", at.Year(), (int(at.Month())+2)/3)
}

// OpenRound asks the residents of the office's territory to grade its holder,
// for so many days. Of two moderators one opens it.
// Errors: *store.FieldError, joined; store.ErrNotFound.
func (o *Officials) OpenRound(ctx context.Context, term int64, days, reason, by string) (*Round, error) {
	w := newWrongs()
	reason = w.reason(reason)
	n, err := strconv.Atoi(strings.TrimSpace(days))
	if err != nil || n < minDays || n > maxDays {
		w.Add("days", "officials.round.days", "Min", minDays, "Max", maxDays)
	}
	if err := w.Err(); err != nil {
		return nil, err
	}
	round := &Round{Term: term}
	return round, o.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		*round = Round{ID: store.NewID(), Term: term, Quarter: QuarterOf(tx.Now), Opens: store.Millis(tx.Now), Closes: store.Millis(tx.Now.Add(time.Duration(n) * 24 * time.Hour))}
		t, err := o.alone(ctx, tx, term)
		if err != nil {
			return err
		}
		office, err := o.Office(ctx, tx, t.Office)
		if err != nil {
			return err
		}
		if err := o.mayOpen(ctx, tx, t, office, round, tx.Now); err != nil {
			return err
		}
		if round.Poll, err = o.OpenVote(ctx, tx, o.vote(t, office, round, by)); err != nil {
			return fmt.Errorf("open round: %w", err)
		}
		if _, err := tx.NewInsert().Model(round).Exec(ctx); err != nil {
			return fmt.Errorf("open round: %w", store.Kind(err))
		}
		return note(ctx, tx, change{Act: "round.open", Office: t.Office, Term: term, What: t.Name, Reason: reason, By: by})
	})
}

// mayOpen says why a round cannot be opened now.
func (o *Officials) mayOpen(ctx context.Context, tx *store.Tx, t *Term, office *Office, round *Round, now time.Time) error {
	switch {
	case !t.InForce(now):
		return store.Invalid("days", "officials.round.not-holder", "Name", t.Name)
	case t.Until != 0 && round.Closes > t.Until:
		return store.Invalid("days", "officials.round.term-ends", "Until", lastOf(*t))
	case o.Coordinator || !o.Territories.Within(office.Territory, o.Territory):
		return store.Invalid("days", "officials.round.elsewhere")
	}
	var list []Round
	if err := tx.NewSelect().Model(&list).Where("term = ?", t.ID).Scan(ctx); err != nil {
		return store.Kind(err)
	}
	for _, other := range list {
		switch {
		case other.Closes > round.Opens:
			return store.Invalid("days", "officials.round.open")
		case other.Quarter == round.Quarter:
			return store.Invalid("days", "officials.round.quarter")
		}
	}
	return nil
}

// vote is what residents are asked, in Ukrainian like every vote.
func (o *Officials) vote(t *Term, office *Office, round *Round, by string) Vote {
	v := Vote{
		Title: "Оцінка роботи: " + t.Name + ", " + office.Title, Sphere: o.sphere(office), Territory: office.Territory, Level: verified,
		OpensAt: store.Time(round.Opens), ClosesAt: store.Time(round.Closes), By: by,
		Body: "Оцініть роботу за останні три місяці. Якщо не маєте досвіду, так і скажіть: це не оцінка.",
	}
	for _, c := range Criteria {
		q := Question{ID: c, Text: askedCriteria[c]}
		for i, g := range Grades {
			q.Options = append(q.Options, Option{g, askedGrades[i]})
		}
		q.Options = append(q.Options, Option{NoExperience, "не маю досвіду"})
		v.Questions = append(v.Questions, q)
	}
	return v
}

var (
	askedCriteria = map[string]string{
		"results": "Результати у своїх повноваженнях", "response": "Відповіді й дотримання строків", "openness": "Відкритість і звітність",
		"integrity": "Доброчесність", "competence": "Фаховість рішень", "respect": "Повага до людей і доступність", Overall: "Загалом",
	}
	askedGrades = []string{"відмінно", "дуже добре", "добре", "задовільно", "слабо", "неприйнятно"}
)

// sphere is whose channel tells of an office: its own, else public
// administration, as far as the instance has opened it.
func (o *Officials) sphere(office *Office) string {
	for _, slug := range []string{office.Sphere, "government"} {
		if slices.Contains(o.Spheres, slug) {
			return slug
		}
	}
	if len(o.Spheres) > 0 {
		return o.Spheres[0]
	}
	return ""
}

// Grade takes somebody's grades, one for each criterion that is graded; what is
// left out stays blank. Nobody is graded for an office that they no longer hold.
// Errors: those of the vote; *store.FieldError.
func (o *Officials) Grade(ctx context.Context, v *web.Viewer, id int64, grades map[string]string) (ballot.Receipt, error) {
	round, err := o.Round(ctx, o.DB.Read(), id)
	if err != nil {
		return ballot.Receipt{}, err
	}
	t, err := o.Term(ctx, o.DB.Read(), round.Term)
	if err != nil {
		return ballot.Receipt{}, err
	}
	if !t.InForce(o.DB.Now()) {
		return ballot.Receipt{}, store.Invalid("grades", "officials.grade.not-holder")
	}
	answer := make(ballot.Answer, len(Criteria))
	for i, c := range Criteria {
		if g := grades[c]; g != "" {
			if g != NoExperience && !slices.Contains(Grades, g) {
				return ballot.Receipt{}, store.Invalid(c, "officials.grade.unknown")
			}
			answer[i] = []string{g}
		}
	}
	return o.CastAnswer(ctx, v, round.Poll, answer)
}

// Round reads a round.
func (o *Officials) Round(ctx context.Context, idb bun.IDB, id int64) (*Round, error) {
	r := new(Round)
	if err := idb.NewSelect().Model(r).Where("id = ?", id).Scan(ctx); err != nil {
		return nil, fmt.Errorf("round %d: %w", id, store.Kind(err))
	}
	return r, nil
}

func (o *Officials) rounds(ctx context.Context, where string, args ...any) (list []Round, err error) {
	if err = o.DB.Read().NewRaw("select * from official_rounds "+where, args...).Scan(ctx, &list); err != nil {
		return nil, fmt.Errorf("rounds: %w", store.Kind(err))
	}
	return list, nil
}

// TellDue has the channels say that rounds have opened and closed, without a
// number. It may be repeated: a post with the same mark is published once.
func (o *Officials) TellDue(ctx context.Context) error {
	list, err := o.rounds(ctx, "where told = 0 or told = 1 and closes <= ? order by id limit 100", store.Millis(o.DB.Now()))
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range list {
		errs = append(errs, o.tell(ctx, r))
	}
	return errors.Join(errs...)
}

func (o *Officials) tell(ctx context.Context, r Round) error {
	t, err := o.Term(ctx, o.DB.Read(), r.Term)
	if err != nil {
		return err
	}
	office, err := o.Office(ctx, o.DB.Read(), t.Office)
	if err != nil {
		return err
	}
	who := unmarked.Replace(t.Name + ", " + office.Title)
	told, text := 1, fmt.Sprintf("Мешканці оцінюють роботу: %s. Оцінити можна до %s: %s", who, kyivDay(store.Time(r.Closes)), o.Base+r.Path())
	if store.Millis(o.DB.Now()) >= r.Closes {
		told, text = 2, fmt.Sprintf("Оцінювання завершено: %s. Підсумки: %s", who, o.Base+r.Path())
	}
	if err := o.Tell(ctx, o.sphere(office), text, fmt.Sprintf("officials.round.%d.%d", r.ID, told)); err != nil {
		return fmt.Errorf("tell of round %d: %w", r.ID, err)
	}
	return o.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "update official_rounds set told = ? where id = ? and told < ?", told, r.ID, told)
		return err
	})
}

// unmarked keeps a name from being read as markup, or as naming somebody.
var unmarked = strings.NewReplacer("@", "＠", "#", "＃", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "<", "\\<", ">", "\\>", "`", "\\`", "://", ": //")

func kyivDay(at time.Time) string { return at.In(locale.Kyiv()).Format("02.01.2006") }
