package officials

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"viche/internal/store"
)

// What an official says, and where it stands.
const (
	Said       = "reply"      // a public reply
	Correction = "correction" // something is to be put right, by a day

	stateSaid, stateOpen, stateAccepted, stateRefused = "said", "open", "accepted", "refused"
)

// AnswerDays is within how many working days a request to put something right
// is decided.
const AnswerDays = 10

// An official has no more requests open at once, and says no more in a day.
const (
	maxOpen = 20
	maxDay  = 20
)

// Reply is what an official said in public: the right of reply.
type Reply struct {
	bun.BaseModel `bun:"table:official_replies"`

	ID        int64  `bun:"id,pk"`
	Term      int64  `bun:"term"`
	Kind      string `bun:"kind"`
	Indicator int64  `bun:"indicator"`
	Round     int64  `bun:"round"`
	Body      string `bun:"body"`
	Document  string `bun:"document"` // by which a moderator knows it
	Account   int64  `bun:"account"`  // that wrote it
	Due       int64  `bun:"due"`      // of a request
	State     string `bun:"state"`
	Answer    string `bun:"answer"`
	Answered  int64  `bun:"answered"`
	Created   int64  `bun:"created"`
}

// NewReply is what an official wants to say. A moderator who enters it names the
// document by which it came, and why it is entered; the official's own account
// needs neither.
type NewReply struct {
	Term             int64
	Kind             string
	Indicator, Round int64 // what it is about; 0 for neither
	Body             string

	Account          int64 // of the official
	Document, Reason string
	By               string // handle of whoever writes
}

// Say publishes a reply, or files a request to put something right.
// Errors: *store.FieldError, joined; store.ErrNotFound; store.ErrDenied for an
// account that does not speak for this official.
func (o *Officials) Say(ctx context.Context, in NewReply) (id int64, err error) {
	w := newWrongs()
	one := &Reply{Term: in.Term, Kind: in.Kind, Indicator: in.Indicator, Round: in.Round, Account: in.Account, Body: w.Text("body", in.Body, maxText, true), State: stateSaid}
	reason := ""
	if in.Account == 0 {
		one.Document = w.Line("document", in.Document, maxLine, true)
		reason = w.reason(in.Reason)
	}
	switch in.Kind {
	case Said:
	case Correction:
		one.State, one.Due = stateOpen, store.Millis(workdays(o.DB.Now(), AnswerDays))
	default:
		w.Add("kind", "officials.reply.kind")
	}
	if err := w.Err(); err != nil {
		return 0, err
	}
	err = o.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		one.ID, one.Created = store.NewID(), store.Millis(tx.Now)
		t, err := o.alone(ctx, tx, in.Term)
		if err != nil {
			return err
		}
		if in.Account != 0 && in.Account != t.Account {
			return fmt.Errorf("account %d does not speak for %d: %w", in.Account, t.Holder, store.ErrDenied)
		}
		if err := one.check(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.NewInsert().Model(one).Exec(ctx); err != nil {
			return fmt.Errorf("say: %w", store.Kind(err))
		}
		return note(ctx, tx, change{Act: in.Kind, Office: t.Office, Term: t.ID, What: t.Name, Reason: reason, By: in.By})
	})
	return one.ID, err
}

// check holds what it is about to the same term, and how much is said to what
// people can read.
func (r *Reply) check(ctx context.Context, tx *store.Tx) error {
	for _, about := range []struct {
		field, query string
		id           int64
	}{
		{"about", "select count(*) from indicators where id = ? and term = ?", r.Indicator},
		{"about", "select count(*) from official_rounds where id = ? and term = ?", r.Round},
	} {
		var n int
		if about.id == 0 {
			continue
		}
		if err := tx.Row(ctx, []any{&n}, about.query, about.id, r.Term); err != nil {
			return err
		}
		if n == 0 {
			return store.Invalid(about.field, "officials.reply.about")
		}
	}
	var open, today int
	if err := tx.Row(ctx, []any{&open, &today}, `
		select coalesce(sum(case when state = 'open' then 1 else 0 end), 0), coalesce(sum(case when created > ? then 1 else 0 end), 0)
		from official_replies where term = ?`, store.Millis(tx.Now.Add(-24*time.Hour)), r.Term); err != nil {
		return err
	}
	if r.Kind == Correction && open >= maxOpen || today >= maxDay {
		return store.Invalid("body", "officials.reply.many")
	}
	return nil
}

// Decide answers a request to put something right; what is to be changed is
// entered by itself. The answer is public.
func (o *Officials) Decide(ctx context.Context, id int64, accepted bool, answer, by string) error {
	w := newWrongs()
	answer = w.Text("answer", answer, maxText, true)
	if err := w.Err(); err != nil {
		return err
	}
	state := stateRefused
	if accepted {
		state = stateAccepted
	}
	return o.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		r, err := o.Reply(ctx, tx, id)
		if err != nil {
			return err
		}
		t, err := o.Term(ctx, tx, r.Term)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, "update official_replies set state = ?, answer = ?, answered = ? where id = ? and state = 'open'", state, answer, store.Millis(tx.Now), id)
		if err == nil && n == 0 {
			err = fmt.Errorf("request %d is not open: %w", id, store.ErrExists)
		}
		if err != nil {
			return err
		}
		return note(ctx, tx, change{Act: "correction." + state, Office: t.Office, Term: t.ID, What: t.Name, Reason: answer, By: by})
	})
}

// Reply reads one thing that an official said.
func (o *Officials) Reply(ctx context.Context, idb bun.IDB, id int64) (*Reply, error) {
	r := new(Reply)
	if err := idb.NewSelect().Model(r).Where("id = ?", id).Scan(ctx); err != nil {
		return nil, fmt.Errorf("reply %d: %w", id, store.Kind(err))
	}
	return r, nil
}

func (o *Officials) replies(ctx context.Context, where string, args ...any) (list []Reply, err error) {
	if err = o.DB.Read().NewRaw("select * from official_replies "+where, args...).Scan(ctx, &list); err != nil {
		return nil, fmt.Errorf("replies: %w", store.Kind(err))
	}
	return list, nil
}
