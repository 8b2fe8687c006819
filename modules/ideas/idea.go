package ideas

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"viche/internal/ballot"
	"viche/internal/store"
)

// State is where an idea stands.
type State string

// The states, in the order of a happy life; then the other ends.
const (
	Submitted State = "new"       // waits for a moderator to check that it is lawful
	Gathering State = "gathering" // supporters
	Answering State = "answering" // has enough of them: the authorities are to answer
	Accepted  State = "accepted"
	Working   State = "working"
	Done      State = "done"
	Refused   State = "refused"
	Expired   State = "expired"   // too few supported it in time
	Merged    State = "merged"    // another idea says the same
	Withdrawn State = "withdrawn" // by its author, before anybody could support it
)

// Checked is a step that leaves no state of its own: what is lawful gathers
// supporters from then on.
const Checked State = "checked"

// States are all of them, in order.
var States = []State{Submitted, Gathering, Answering, Accepted, Working, Done, Refused, Expired, Merged, Withdrawn}

// Idea is an idea as it is stored.
type Idea struct {
	bun.BaseModel `bun:"table:ideas"`

	ID        int64  `bun:"id,pk"`
	Author    int64  `bun:"author"` // account
	State     State  `bun:"state"`
	Title     string `bun:"title"`
	Problem   string `bun:"problem"`
	Solution  string `bun:"solution"`
	Cost      string `bun:"cost"`
	Place     string `bun:"place"`
	Sphere    string `bun:"sphere"`
	Territory string `bun:"territory"`
	Origin    string `bun:"origin"`

	Need      int    `bun:"need"` // supporters
	ClosesAt  int64  `bun:"closes_at"`
	ClosedAt  int64  `bun:"closed_at"`
	AnswerDue int64  `bun:"answer_due"`
	BoxID     string `bun:"box"`
	Counted   bool   `bun:"counted"`
	KeyGone   int64  `bun:"key_gone"`

	MergedInto int64 `bun:"merged_into,nullzero"`
	PostID     int64 `bun:"post"`
	Score      int64 `bun:"score"`
	Hidden     bool  `bun:"hidden"`
	Created    int64 `bun:"created"`
	Changed    int64 `bun:"changed"`
}

// Path is its address on the site.
func (i *Idea) Path() string { return "/ideas/" + strconv.FormatInt(i.ID, 10) }

// Closes is the end of supporting and rating as it stands: the planned one, or
// the earlier one that came with a decision.
func (i *Idea) Closes() time.Time {
	if i.ClosedAt != 0 {
		return store.Time(i.ClosedAt)
	}
	return store.Time(i.ClosesAt)
}

// Takes says whether supports and ratings that arrive now are on time.
func (i *Idea) Takes(now time.Time) bool {
	return (i.State == Gathering || i.State == Answering) && now.Before(i.Closes())
}

// Box is the idea's ratings as the ballot box knows them: one poll of two
// questions, so that one answer holds both.
func (i *Idea) Box() ballot.Poll {
	steps := []string{"1", "2", "3", "4", "5"}
	return ballot.Poll{ID: i.ID, PollID: uuid.MustParse(i.BoxID), Questions: []ballot.Question{
		{ID: "usefulness", Kind: ballot.Scale, Options: steps}, {ID: "feasibility", Kind: ballot.Scale, Options: steps},
	}}
}

// sight is what decides about the totals of the ratings.
func (i *Idea) sight(rated bool) ballot.Sight {
	return ballot.Sight{Policy: ballot.AfterVote, Closes: i.Closes(), Voted: rated}
}

// Load finds an idea; store.ErrNotFound if there is none.
func (d *Ideas) Load(ctx context.Context, idb bun.IDB, id int64) (*Idea, error) {
	var one Idea
	if err := idb.NewSelect().Model(&one).Where("id = ?", id).Scan(ctx); err != nil {
		return nil, fmt.Errorf("idea %d: %w", id, store.Kind(err))
	}
	return &one, nil
}

// A Step is one thing that became of an idea.
type Step struct {
	bun.BaseModel `bun:"table:idea_steps"`

	ID     int64  `bun:"id,pk"`
	Idea   int64  `bun:"idea"`
	Stage  State  `bun:"stage"`
	At     int64  `bun:"at"`
	By     string `bun:"by_handle"`
	Role   string `bun:"role"`
	Reason string `bun:"reason"`
}

// clock is the role of a step that came by itself.
const clock = "clock"

func step(ctx context.Context, tx *store.Tx, idea int64, stage State, at time.Time, by, role, reason string) error {
	_, err := tx.Exec(ctx, "insert into idea_steps (id, idea, stage, at, by_handle, role, reason) values (?, ?, ?, ?, ?, ?, ?)",
		store.NewID(), idea, string(stage), store.Millis(at), by, role, reason)
	if err != nil {
		return fmt.Errorf("step of idea %d: %w", idea, err)
	}
	return nil
}

// Steps are what became of an idea, the first thing first.
func (d *Ideas) Steps(ctx context.Context, id int64) (list []Step, err error) {
	if err = d.DB.Read().NewSelect().Model(&list).Where("idea = ?", id).Order("id").Scan(ctx); err != nil {
		err = fmt.Errorf("steps of idea %d: %w", id, store.Kind(err))
	}
	return list, err
}

// Tally is how many are for an idea and how many against.
type Tally struct{ For, Against int }

// tallies counts the stances of several ideas.
func tallies(ctx context.Context, idb bun.IDB, list ...int64) (map[int64]Tally, error) {
	out := make(map[int64]Tally, len(list))
	if len(list) == 0 {
		return out, nil
	}
	var rows []struct {
		Idea int64 `bun:"idea"`
		Side int   `bun:"side"`
		N    int   `bun:"n"`
	}
	if err := idb.NewRaw("select idea, side, count(*) as n from idea_stances where idea in (?) group by idea, side", bun.List(list)).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("count supports: %w", store.Kind(err))
	}
	for _, r := range rows {
		t := out[r.Idea]
		if r.Side == 1 {
			t.For = r.N
		} else {
			t.Against = r.N
		}
		out[r.Idea] = t
	}
	return out, nil
}

// TallyOf counts the stances of one idea.
func (d *Ideas) TallyOf(ctx context.Context, id int64) (Tally, error) {
	all, err := tallies(ctx, d.DB.Read(), id)
	return all[id], err
}
