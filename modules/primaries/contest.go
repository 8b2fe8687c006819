package primaries

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"viche/internal/store"
	"viche/internal/typed"
)

// Phase is where a contest stands, by its calendar.
type Phase string

// The phases, in their order; Second is there only where it is needed.
const (
	Announced  Phase = "announced"
	Nomination Phase = "nomination"
	Programme  Phase = "programme"
	Voting     Phase = "vote"
	Result     Phase = "result"
	Second     Phase = "second" // the second round is being graded
	Cancelled  Phase = "cancelled"
)

// Phases are those that a list can be asked for.
var Phases = []Phase{Announced, Nomination, Programme, Voting, Second, Result, Cancelled}

// Contest is an office in a territory with a calendar.
type Contest struct {
	ID                       int64
	Office                   string
	Elected                  bool
	Territory, Sphere, About string
	Competences, Questions   []string
	Martial                  bool
	Nomination               time.Time // each phase begins where the one before ends
	Programme                time.Time
	Vote                     time.Time
	Closes                   time.Time
	Cancelled                string
	Seed, By                 string
	Created                  time.Time

	Rounds []Round // those that have opened
}

// A Round is a vote on some participants.
type Round struct {
	Number        int
	Poll          string  // "" if nobody was there to assess
	Nominees      []int64 // in the order of the vote's questions
	Opens, Closes time.Time
}

// Phase is where the contest stands at a moment.
func (c *Contest) Phase(now time.Time) Phase {
	switch {
	case c.Cancelled != "":
		return Cancelled
	case now.Before(c.Nomination):
		return Announced
	case now.Before(c.Programme):
		return Nomination
	case now.Before(c.Vote):
		return Programme
	case now.Before(c.Closes):
		return Voting
	}
	if r := c.round(2); r != nil && now.Before(r.Closes) {
		return Second
	}
	return Result
}

// round is the round of that number, nil if it has not opened.
func (c *Contest) round(number int) *Round {
	for i := range c.Rounds {
		if c.Rounds[i].Number == number {
			return &c.Rounds[i]
		}
	}
	return nil
}

// current is the round that takes grades now, nil if none does.
func (c *Contest) current(now time.Time) *Round {
	for i := range c.Rounds {
		if r := &c.Rounds[i]; r.Poll != "" && !now.Before(r.Opens) && now.Before(r.Closes) {
			return r
		}
	}
	return nil
}

// Path is the page of the contest.
func (c *Contest) Path() string { return "/primaries/" + strconv.FormatInt(c.ID, 10) }

// places is how many participants there can be, so that their sheet of grades
// can be answered and stays of one length.
func (c *Contest) places() int { return mostQuestions / (len(c.Competences) + 1) }

type contestRow struct {
	bun.BaseModel `bun:"table:primaries"`

	ID          int64  `bun:"id,pk"`
	Office      string `bun:"office"`
	Elected     int    `bun:"elected"`
	Territory   string `bun:"territory"`
	Sphere      string `bun:"sphere"`
	About       string `bun:"about"`
	Competences string `bun:"competences"`
	Questions   string `bun:"questions"`
	Martial     int    `bun:"martial"`
	Nomination  int64  `bun:"nomination"`
	Programme   int64  `bun:"programme"`
	Vote        int64  `bun:"vote"`
	Closes      int64  `bun:"closes"`
	Cancelled   string `bun:"cancelled"`
	Seed        string `bun:"seed"`
	By          string `bun:"by_handle"`
	Created     int64  `bun:"created"`
}

type roundRow struct {
	bun.BaseModel `bun:"table:primary_rounds"`

	Contest  int64  `bun:"contest,pk"`
	Number   int    `bun:"number,pk"`
	Poll     string `bun:"poll"`
	Nominees string `bun:"nominees"`
	Opens    int64  `bun:"opens"`
	Closes   int64  `bun:"closes"`
}

func (r contestRow) contest() (*Contest, error) {
	c := &Contest{
		ID: r.ID, Office: r.Office, Elected: r.Elected == 1, Territory: r.Territory, Sphere: r.Sphere, About: r.About, Martial: r.Martial == 1,
		Nomination: store.Time(r.Nomination), Programme: store.Time(r.Programme), Vote: store.Time(r.Vote), Closes: store.Time(r.Closes),
		Cancelled: r.Cancelled, Seed: r.Seed, By: r.By, Created: store.Time(r.Created),
	}
	for text, into := range map[string]*[]string{r.Competences: &c.Competences, r.Questions: &c.Questions} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			return nil, fmt.Errorf("contest %d: %w", r.ID, err)
		}
	}
	return c, nil
}

// listed writes a list as the database keeps it.
func listed[T any](list []T) string {
	raw, err := json.Marshal(append([]T{}, list...))
	if err != nil { // lists of strings and numbers can always be written
		panic("primaries: " + err.Error())
	}
	return string(raw)
}

// NewContest is a contest that a moderator wants to open.
type NewContest struct {
	Office                              string
	Elected                             bool
	Territory                           string // the instance's own if empty
	Sphere, About                       string
	Competences, Questions              []string
	Martial                             bool
	Nomination, Programme, Closes, Vote time.Time
	By                                  string
}

// The bounds of a calendar.
const (
	leastPhase   = 24 * time.Hour
	longestVote  = 60 * 24 * time.Hour
	longestAhead = 400 * 24 * time.Hour
)

// Announce opens a contest. Its calendar, what is assessed and the questionnaire
// never change after it. Errors: *store.FieldError, joined.
func (p *Primaries) Announce(ctx context.Context, in NewContest) (*Contest, error) {
	c, err := p.newContest(in, p.DB.Now())
	if err != nil {
		return nil, err
	}
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		// One at a time, or two of one office would not see each other.
		if err := tx.Alone(ctx, 0); err != nil {
			return err
		}
		var rows []contestRow
		if err := tx.NewSelect().Model(&rows).Where("territory = ? and cancelled = '' and nomination < ? and closes > ?",
			c.Territory, store.Millis(c.Closes), store.Millis(c.Nomination)).Scan(ctx); err != nil {
			return store.Kind(err)
		}
		for _, other := range rows {
			if strings.EqualFold(other.Office, c.Office) {
				return store.Invalid("nomination", "primaries.new.overlap", "Office", other.Office)
			}
		}
		row := contestRow{
			ID: c.ID, Office: c.Office, Elected: store.Flag(c.Elected), Territory: c.Territory, Sphere: c.Sphere, About: c.About,
			Competences: listed(c.Competences), Questions: listed(c.Questions), Martial: store.Flag(c.Martial),
			Nomination: store.Millis(c.Nomination), Programme: store.Millis(c.Programme), Vote: store.Millis(c.Vote), Closes: store.Millis(c.Closes),
			Seed: c.Seed, By: c.By, Created: store.Millis(tx.Now),
		}
		c.Created = tx.Now
		if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
			return store.Kind(err)
		}
		return tx.Act(ctx, in.By, "primaries.announce", c.Path(), "")
	})
	if err != nil {
		return nil, fmt.Errorf("announce primaries: %w", err)
	}
	return c, nil
}

func (p *Primaries) newContest(in NewContest, now time.Time) (*Contest, error) {
	w := newWrongs()
	c := &Contest{
		ID: store.NewID(), Elected: in.Elected, Territory: in.Territory, Sphere: in.Sphere, Martial: in.Martial, By: in.By, Seed: rand.Text(),
		Nomination: second(in.Nomination), Programme: second(in.Programme), Vote: second(in.Vote), Closes: second(in.Closes),
	}
	c.Office = w.Line("office", in.Office, maxLine, true)
	c.About = w.Text("about", in.About, maxText, false)
	if c.Territory == "" {
		c.Territory = p.Territory
	}
	if p.Coordinator {
		w.Add("territory", "primaries.new.coordinator")
	} else if p.Place(c.Territory, "uk") == "" || !p.Within(c.Territory, p.Territory) && !p.Within(p.Territory, c.Territory) {
		w.Add("territory", "primaries.new.territory")
	}
	if c.Sphere != "" && !slices.Contains(p.Spheres, c.Sphere) {
		w.Add("sphere", "primaries.new.sphere")
	}
	for _, known := range Competences { // in our order, each once
		if slices.Contains(in.Competences, known) {
			c.Competences = append(c.Competences, known)
		}
	}
	for _, one := range in.Competences {
		if !slices.Contains(Competences, one) {
			w.Add("competences", "primaries.new.competence")
		}
	}
	for _, q := range in.Questions {
		if q = w.Line("questions", q, maxLine, false); q != "" {
			c.Questions = append(c.Questions, q)
		}
	}
	if len(c.Questions) > maxQuestionnaire {
		w.Add("questions", "primaries.new.questions", "Max", maxQuestionnaire)
	}
	c.checkCalendar(w, now)
	return c, w.Err()
}

// checkCalendar looks at each date beside the one before it.
func (c *Contest) checkCalendar(w *typed.Wrongs, now time.Time) {
	if c.Nomination.Before(now.Add(-leastPhase)) {
		w.Add("nomination", "primaries.new.past")
	}
	for _, step := range []struct {
		field        string
		before, date time.Time
	}{{"programme", c.Nomination, c.Programme}, {"vote", c.Programme, c.Vote}, {"closes", c.Vote, c.Closes}} {
		if step.date.Before(step.before.Add(leastPhase)) {
			w.Add(step.field, "primaries.new.order")
		}
	}
	if c.Closes.After(c.Vote.Add(longestVote)) {
		w.Add("closes", "primaries.new.long", "Days", int(longestVote/(24*time.Hour)))
	}
	if c.Closes.After(now.Add(longestAhead)) {
		w.Add("closes", "primaries.new.far", "Days", int(longestAhead/(24*time.Hour)))
	}
}

func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// Cancel calls a contest off, for a reason that everybody reads. Once grades are
// being given it runs to its end.
func (p *Primaries) Cancel(ctx context.Context, id int64, reason, by string) error {
	w := newWrongs()
	reason = w.Text("reason", reason, maxReason, true)
	if err := w.Err(); err != nil {
		return err
	}
	return p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		c, err := p.lock(ctx, tx, id)
		if err != nil {
			return err
		}
		switch c.Phase(tx.Now) {
		case Announced, Nomination, Programme:
		default:
			return fmt.Errorf("cancel contest %d, %s: %w", id, c.Phase(tx.Now), store.ErrExists)
		}
		if _, err := tx.Exec(ctx, "update primaries set cancelled = ? where id = ?", reason, id); err != nil {
			return err
		}
		return tx.Act(ctx, by, "primaries.cancel", c.Path(), reason)
	})
}

// lock reads a contest inside a change, and holds it so that what two people do
// to it comes one after the other.
func (p *Primaries) lock(ctx context.Context, tx *store.Tx, id int64) (*Contest, error) {
	if err := tx.Alone(ctx, id); err != nil {
		return nil, err
	}
	return p.Contest(ctx, tx, id)
}

// Contest reads a contest with its rounds, from the read pool or inside a change.
func (p *Primaries) Contest(ctx context.Context, idb bun.IDB, id int64) (*Contest, error) {
	var row contestRow
	if err := idb.NewSelect().Model(&row).Where("id = ?", id).Scan(ctx); err != nil {
		return nil, fmt.Errorf("contest %d: %w", id, store.Kind(err))
	}
	c, err := row.contest()
	if err != nil {
		return nil, err
	}
	return c, rounds(ctx, idb, c)
}

// rounds adds to contests the rounds that have opened.
func rounds(ctx context.Context, idb bun.IDB, list ...*Contest) error {
	if len(list) == 0 {
		return nil
	}
	ids, by := make([]int64, len(list)), map[int64]*Contest{}
	for i, c := range list {
		ids[i], by[c.ID] = c.ID, c
	}
	var rows []roundRow
	if err := idb.NewSelect().Model(&rows).Where("contest in (?)", bun.List(ids)).OrderExpr("contest, number").Scan(ctx); err != nil {
		return fmt.Errorf("rounds: %w", store.Kind(err))
	}
	for _, r := range rows {
		one := Round{Number: r.Number, Poll: r.Poll, Opens: store.Time(r.Opens), Closes: store.Time(r.Closes)}
		if err := json.Unmarshal([]byte(r.Nominees), &one.Nominees); err != nil {
			return fmt.Errorf("round %d of contest %d: %w", r.Number, r.Contest, err)
		}
		by[r.Contest].Rounds = append(by[r.Contest].Rounds, one)
	}
	return nil
}

// Filter narrows a list. Zero fields filter nothing.
type Filter struct {
	Phase             Phase
	Sphere, Territory string
	After             int64 // id of the last one seen
	Limit             int
}

// where is the filter as SQL.
func (f Filter) where(now time.Time) (string, []any) {
	ms := store.Millis(now)
	second := "exists (select 1 from primary_rounds r where r.contest = c.id and r.number = 2 and r.closes > ?)"
	sql, args := "where 1 = 1", []any(nil)
	add := func(clause string, more ...any) { sql, args = sql+" and "+clause, append(args, more...) }
	switch f.Phase {
	case Cancelled:
		add("c.cancelled <> ''")
	case Announced:
		add("c.cancelled = '' and c.nomination > ?", ms)
	case Nomination:
		add("c.cancelled = '' and c.nomination <= ? and c.programme > ?", ms, ms)
	case Programme:
		add("c.cancelled = '' and c.programme <= ? and c.vote > ?", ms, ms)
	case Voting:
		add("c.cancelled = '' and c.vote <= ? and c.closes > ?", ms, ms)
	case Second:
		add("c.cancelled = '' and c.closes <= ? and "+second, ms, ms)
	case Result:
		add("c.cancelled = '' and c.closes <= ? and not "+second, ms, ms)
	}
	if f.Sphere != "" {
		add("c.sphere = ?", f.Sphere)
	}
	if f.Territory != "" {
		add("c.territory = ?", f.Territory)
	}
	return sql, args
}

// List gives contests, the newest first, and whether there are more.
func (p *Primaries) List(ctx context.Context, f Filter) (list []*Contest, more bool, err error) {
	if f.Limit <= 0 || f.Limit > 100 {
		f.Limit = 20
	}
	sql, args := f.where(p.DB.Now())
	if f.After != 0 {
		sql, args = sql+" and c.id < ?", append(args, f.After)
	}
	var rows []contestRow
	if err := p.DB.Read().NewRaw("select c.* from primaries c "+sql+" order by c.id desc limit ?", append(args, f.Limit+1)...).Scan(ctx, &rows); err != nil {
		return nil, false, fmt.Errorf("list primaries: %w", store.Kind(err))
	}
	if len(rows) > f.Limit {
		rows, more = rows[:f.Limit], true
	}
	for _, r := range rows {
		c, err := r.contest()
		if err != nil {
			return nil, false, err
		}
		list = append(list, c)
	}
	return list, more, rounds(ctx, p.DB.Read(), list...)
}

// Count is how many contests a filter finds.
func (p *Primaries) Count(ctx context.Context, f Filter) (n int, err error) {
	sql, args := f.where(p.DB.Now())
	if err = p.DB.Read().NewRaw("select count(*) from primaries c "+sql, args...).Scan(ctx, &n); err != nil {
		return 0, fmt.Errorf("count primaries: %w", store.Kind(err))
	}
	return n, nil
}

// territories are those that there are contests of.
func (p *Primaries) territories(ctx context.Context) (codes []string, err error) {
	if err = p.DB.Read().NewRaw("select distinct territory from primaries order by territory").Scan(ctx, &codes); err != nil {
		return nil, fmt.Errorf("territories of primaries: %w", store.Kind(err))
	}
	return codes, nil
}
