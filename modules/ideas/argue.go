package ideas

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"viche/internal/store"
	"viche/web"
)

// What arguments are held to.
const (
	MaxArgument  = 1_000 // letters
	maxArguments = 5     // of one person about one idea
	maxDaily     = 30    // of one person in a day
	maxReason    = 500   // letters of a decision
)

// The two columns.
const (
	Against = 0
	For     = 1
)

// An Argument is a reason for or against an idea, said in the open.
type Argument struct {
	bun.BaseModel `bun:"table:idea_arguments"`

	ID      int64  `bun:"id,pk"`
	Idea    int64  `bun:"idea"`
	Account int64  `bun:"account"`
	Side    int    `bun:"side"`
	Text    string `bun:"text"`
	Removed string `bun:"removed"` // why a moderator took it out of sight
	Created int64  `bun:"created"`
}

// Argue adds a resident's reason for an idea.
func (d *Ideas) Argue(ctx context.Context, v *web.Viewer, id int64, text string) error {
	return d.argue(ctx, v, id, For, text)
}

// Oppose puts a resident against an idea, because of something: the reason
// stands among the arguments. Who supported it does so no more.
func (d *Ideas) Oppose(ctx context.Context, v *web.Viewer, id int64, because string) error {
	return d.argue(ctx, v, id, Against, because)
}

func (d *Ideas) argue(ctx context.Context, v *web.Viewer, id int64, side int, text string) error {
	who, err := d.resident(ctx, v)
	if err != nil {
		return err
	}
	field := []string{"against", "for"}[side]
	text = prose(text)
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return store.Invalid(field, "ideas.argue.missing")
	case n > MaxArgument:
		return store.Invalid(field, "ideas.draft.long", "Max", MaxArgument)
	}
	err = d.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		one, err := d.taking(ctx, tx, id)
		if err != nil {
			return err
		}
		// Against other ideas at the same moment: the person's own door.
		if err := tx.Alone(ctx, v.AccountID); err != nil {
			return err
		}
		var here, today, same int
		if err := tx.Row(ctx, []any{&here, &today, &same}, `
			select
				(select count(*) from idea_arguments where idea = ? and account = ?),
				(select count(*) from idea_arguments where account = ? and created > ?),
				(select count(*) from idea_arguments where idea = ? and account = ? and side = ? and text = ?)`,
			id, v.AccountID, v.AccountID, store.Millis(tx.Now.Add(-day)), id, v.AccountID, side, text); err != nil {
			return err
		}
		if same > 0 {
			return nil // the same form twice
		}
		if here >= maxArguments || today >= maxDaily {
			return store.Invalid(field, "ideas.argue.many", "Max", maxArguments)
		}
		a := Argument{ID: store.NewID(), Idea: id, Account: v.AccountID, Side: side, Text: text, Created: store.Millis(tx.Now)}
		if _, err := tx.NewInsert().Model(&a).Exec(ctx); err != nil {
			return store.Kind(err)
		}
		if side == For {
			return nil
		}
		return d.stand(ctx, tx, one, d.supporter(who.Person), Against)
	})
	if err != nil {
		return fmt.Errorf("argue about idea %d: %w", id, err)
	}
	return nil
}

// Arguments are the reasons of one side, the oldest first; those that were
// removed are among them without their text.
func (d *Ideas) Arguments(ctx context.Context, id int64) (list []Argument, err error) {
	err = d.DB.Read().NewSelect().Model(&list).Where("idea = ?", id).Order("id").Limit(maxShown).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("arguments of idea %d: %w", id, store.Kind(err))
	}
	for i := range list {
		if list[i].Removed != "" {
			list[i].Text = ""
		}
	}
	return list, nil
}

// maxShown is how many arguments a page holds.
const maxShown = 400

// Remove takes an argument out of sight, with a reason that everybody reads in
// its place. Nobody decides on an argument of their own.
func (d *Ideas) Remove(ctx context.Context, v *web.Viewer, argument int64, reason string) (idea int64, err error) {
	if reason, err = needReason(reason); err != nil {
		return 0, err
	}
	err = d.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var a Argument
		if err := tx.NewSelect().Model(&a).Where("id = ?", argument).Scan(ctx); err != nil {
			return store.Kind(err)
		}
		one, err := d.Load(ctx, tx, a.Idea)
		if err != nil {
			return err
		}
		if !v.Watches(one.Sphere) || a.Account == v.AccountID {
			return store.ErrDenied
		}
		idea = one.ID
		n, err := tx.Exec(ctx, "update idea_arguments set removed = ? where id = ? and removed = ''", reason, argument)
		if err != nil || n == 0 {
			return err
		}
		return tx.Act(ctx, v.Handle, "idea.argument-removed", d.URL(one), reason)
	})
	if err != nil {
		return 0, fmt.Errorf("remove argument %d: %w", argument, err)
	}
	return idea, nil
}
