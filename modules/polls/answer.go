package polls

import (
	"errors"
	"fmt"
	"slices"

	"viche/internal/ballot"
	"viche/internal/store"
)

// asks says for each question of a poll whether it is asked of somebody who
// answers so. A question whose condition is not met is not asked, nor is one
// that hangs on it.
func (p *Poll) asks(a ballot.Answer) []bool {
	out := make([]bool, len(p.Questions))
	for i, q := range p.Questions {
		out[i] = true
		if q.When == nil {
			continue
		}
		on := p.question(q.When.Question)
		out[i] = on >= 0 && on < i && out[on] && on < len(a) && slices.Contains(a[on], q.When.Option)
	}
	return out
}

// question is the index of a question, -1 if there is none with this id.
func (p *Poll) question(id string) int {
	return slices.IndexFunc(p.Questions, func(q Question) bool { return q.ID == id })
}

// option is the index of an option, -1 if there is none with this id.
func (q Question) option(id string) int {
	return slices.IndexFunc(q.Options, func(o Option) bool { return o.ID == id })
}

// field is how the form calls a question.
func field(i int) string { return fmt.Sprintf("q%d", i+1) }

// checkAnswer says question by question what is wrong with an answer, as far as
// the box does not say it. Of a simple poll the box says everything.
func (p *Poll) checkAnswer(a ballot.Answer) error {
	if p.Simple() || len(a) != len(p.Questions) {
		return nil
	}
	asked := p.asks(a)
	var errs []error
	for i, q := range p.Questions {
		switch err := q.box().Check(a[i]); {
		case !asked[i] && len(a[i]) > 0:
			errs = append(errs, store.Invalid(field(i), "polls.answer.not-asked"))
		case len(a[i]) > 1 && slices.Contains(a[i], HardID):
			errs = append(errs, store.Invalid(field(i), "polls.answer.hard-alone"))
		case err != nil:
			errs = append(errs, at(field(i), err))
		}
	}
	return errors.Join(errs...)
}

// at has an error of the box name the question's field in the form.
func at(name string, err error) error {
	var wrong *store.FieldError
	if errors.As(err, &wrong) {
		return store.Invalid(name, wrong.Key, wrong.Args...)
	}
	return err
}

// Asked are the questions with words that stand for themselves.
func (p *Poll) Asked() []Question {
	out := slices.Clone(p.Questions)
	for i, q := range out {
		out[i].Text = q.full(p)
	}
	return out
}
