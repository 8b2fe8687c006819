package standing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	rules "viche/actors/standing"
	"viche/internal/store"
)

func readFormula(text string) (f rules.Formula, err error) {
	if err = json.Unmarshal([]byte(text), &f); err != nil {
		err = fmt.Errorf("read formula: %w", err)
	}
	return f, err
}

// formulaAt is the formula that holds at an epoch: the newest one that was
// decided for it or before, or the default.
func (s *Standing) formulaAt(ctx context.Context, epoch time.Time) (rules.Formula, error) {
	var text string
	err := s.DB.ReadBound().Row(ctx, []any{&text}, "select formula from status_formulas where holds_from <= ? order by holds_from desc, id desc limit 1", store.Millis(epoch))
	if errors.Is(err, store.ErrNotFound) {
		return rules.Default(), nil
	}
	if err != nil {
		return rules.Formula{}, fmt.Errorf("formula: %w", err)
	}
	return readFormula(text)
}

// A Decision is a formula with who decided on it, why, and from when it holds.
type Decision struct {
	rules.Formula
	From   time.Time
	At     time.Time
	By     string
	Reason string
}

func (s *Standing) decisions(ctx context.Context) (list []Decision, err error) {
	rows, err := s.DB.ReadBound().Query(ctx, "select formula, holds_from, author, reason, at from status_formulas order by id desc limit 100")
	if err != nil {
		return nil, fmt.Errorf("formulas: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var d Decision
		var text string
		var from, at int64
		if err := rows.Scan(&text, &from, &d.By, &d.Reason, &at); err != nil {
			return nil, fmt.Errorf("formulas: %w", err)
		}
		if d.Formula, err = readFormula(text); err != nil {
			return nil, err
		}
		d.From, d.At = s.moment(from), s.moment(at)
		list = append(list, d)
	}
	return list, store.Kind(rows.Err())
}

// faults names the numbers of a formula that make no rule, field by field.
func faults(f rules.Formula) error {
	var errs []error
	for _, x := range f.Check() {
		errs = append(errs, store.Invalid(x.Field, "standing.formula.bounds", "Least", x.Least, "Most", x.Most))
	}
	return errors.Join(errs...)
}

// maxReason bounds the reason of a decision.
const maxReason = 1000

// Decide sets the formula from the next turn on. Why is public, and so is who.
func (s *Standing) Decide(ctx context.Context, f rules.Formula, by, reason string) error {
	if err := faults(f); err != nil {
		return err
	}
	switch n := len([]rune(reason)); {
	case n == 0:
		return store.Invalid("reason", "standing.desk.reason.missing")
	case n > maxReason:
		return store.Invalid("reason", "standing.desk.reason.long", "Max", maxReason)
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return err
	}
	err = s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		from := s.MonthOf(tx.Now).AddDate(0, 1, 0)
		if _, err := tx.Exec(ctx, "insert into status_formulas (id, holds_from, formula, author, reason, at) values (?, ?, ?, ?, ?, ?)",
			store.NewID(), store.Millis(from), string(raw), by, reason, store.Millis(tx.Now)); err != nil {
			return err
		}
		return tx.Act(ctx, by, "standing.formula", string(raw), reason)
	})
	if err != nil {
		return fmt.Errorf("decide on the formula: %w", err)
	}
	return nil
}

// Simulation is how many people would have each level as their highest, by the
// formula that holds and by another one; without grace, as of the newest turn.
type Simulation struct{ Now, Then [rules.Leader + 1]int }

// Simulate works out what a change of the formula would do. Only sums of people
// come out, and those in steps of k: who moves cannot be told from two of them.
func (s *Standing) Simulate(ctx context.Context, f rules.Formula) (sim Simulation, err error) {
	if err := faults(f); err != nil {
		return sim, err
	}
	s.trying.Lock()
	defer s.trying.Unlock()
	epoch, now, err := s.epoch(ctx)
	if err != nil {
		return sim, err
	}
	if epoch.IsZero() {
		return sim, store.Invalid("window", "standing.desk.early")
	}
	err = s.each(ctx, epoch, func(_ Resident, p rules.Person, _ bool) error {
		sim.Now[rules.Highest(now.Meets(p)).Level]++
		sim.Then[rules.Highest(f.Meets(p)).Level]++
		return nil
	})
	for _, sums := range []*[rules.Leader + 1]int{&sim.Now, &sim.Then} {
		for l := range sums {
			sums[l] -= sums[l] % max(s.K, 1)
		}
	}
	return sim, err
}
