package officials

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"viche/internal/store"
)

// Indicator is what a document says of somebody's work in a period. Values stand
// as in the document: a share, a day, "every Tuesday".
type Indicator struct {
	bun.BaseModel `bun:"table:indicators"`

	ID         int64  `bun:"id,pk"`
	Term       int64  `bun:"term"`
	Kind       string `bun:"kind"`
	Name       string `bun:"name"`       // of kind "other"
	Definition string `bun:"definition"` // '' for the usual one of its kind
	Unit       string `bun:"unit"`
	Baseline   string `bun:"baseline"`
	Target     string `bun:"target"`
	Value      string `bun:"value"`
	From       int64  `bun:"from_at"`
	Until      int64  `bun:"until_at"` // the day after the last
	Source     string `bun:"source"`
	SourceURL  string `bun:"source_url"`
	SourceAt   int64  `bun:"source_at"` // of the document, 0 if unknown
	Created    int64  `bun:"created"`
	Replaced   int64  `bun:"replaced"` // by which indicator; 0 for what holds
}

// NewIndicator is an indicator that a moderator enters; days as they are typed.
type NewIndicator struct {
	Term                                    int64
	Kind, Name, Definition                  string
	Unit, Baseline, Target, Value           string
	From, Until                             string
	Source, SourceURL, SourceAt, By, Reason string
}

// AddIndicator enters an indicator. One of the same kind, name and period is
// replaced and stays readable.
// Errors: *store.FieldError, joined; store.ErrNotFound.
func (o *Officials) AddIndicator(ctx context.Context, in NewIndicator) (id int64, err error) {
	w := newWrongs()
	if !slices.Contains(IndicatorKinds, in.Kind) {
		w.Add("kind", "officials.indicator.unknown")
	}
	other := in.Kind == "other"
	one := &Indicator{
		Term: in.Term, Kind: in.Kind, Name: w.Line("name", in.Name, maxLine, other), Definition: w.Text("definition", in.Definition, maxText, other),
		Unit: w.Line("unit", in.Unit, maxValue, false), Baseline: w.Line("baseline", in.Baseline, maxValue, false),
		Target: w.Line("target", in.Target, maxValue, false), Value: w.Line("value", in.Value, maxValue, true),
		Source: w.Line("source", in.Source, maxLine, true), SourceURL: w.Address("sourceUrl", in.SourceURL),
	}
	from, last, at := w.day("from", in.From, true), w.day("until", in.Until, true), w.day("sourceAt", in.SourceAt, false)
	if !from.IsZero() && !last.IsZero() && last.Before(from) {
		w.Add("until", "officials.term.backwards")
	}
	one.From, one.Until, one.SourceAt = store.Millis(from), store.Millis(after(last)), store.Millis(at)
	reason := w.reason(in.Reason)
	if err := w.Err(); err != nil {
		return 0, err
	}
	err = o.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		one.ID, one.Created = store.NewID(), store.Millis(tx.Now)
		t, err := o.alone(ctx, tx, in.Term)
		if err != nil {
			return err
		}
		if !t.meets(one.From, one.Until) {
			return store.Invalid("from", "officials.indicator.outside", "From", typedDay(store.Time(t.From)), "Until", lastOf(*t))
		}
		n, err := tx.Exec(ctx, "update indicators set replaced = ? where term = ? and kind = ? and name = ? and from_at = ? and until_at = ? and replaced = 0",
			one.ID, one.Term, one.Kind, one.Name, one.From, one.Until)
		if err != nil {
			return fmt.Errorf("replace indicator: %w", err)
		}
		if _, err := tx.NewInsert().Model(one).Exec(ctx); err != nil {
			return fmt.Errorf("add indicator: %w", store.Kind(err))
		}
		act := "indicator.add"
		if n > 0 {
			act = "indicator.replace"
		}
		return note(ctx, tx, change{Act: act, Office: t.Office, Term: t.ID, What: t.Name, Reason: reason, By: in.By})
	})
	return one.ID, err
}

// indicatorsOf are the indicators of a term, those that hold before those that
// were replaced, the newest period first.
func (o *Officials) indicatorsOf(ctx context.Context, term int64) (list []Indicator, err error) {
	err = o.DB.Read().NewRaw("select * from indicators where term = ? order by case when replaced = 0 then 0 else 1 end, until_at desc, id limit 1000", term).Scan(ctx, &list)
	if err != nil {
		return nil, fmt.Errorf("indicators of term %d: %w", term, store.Kind(err))
	}
	return list, nil
}
