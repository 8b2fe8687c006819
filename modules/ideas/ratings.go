package ideas

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"viche/internal/locale"
	"viche/internal/method"
	"viche/internal/store"
	"viche/web"
)

// ratingView is the part of an idea's page with its ratings. Every number in it
// comes from RatingOf.
type ratingView struct {
	Form      bool // the viewer may rate
	Questions []ratingQuestion
	Errors    web.FormErrors
	Button    string
	Own       string // what the viewer said
	Hidden    bool
	Gone      bool
	Note      string // in place of the totals
	Heading   string
	Results   []ratingResult
}

type ratingQuestion struct {
	Name, Legend, Hint string
	Options            []web.Choice
}

type ratingResult struct {
	Title, Lead string
	Bars        web.Bars
}

var ratingNames = [2]string{"usefulness", "feasibility"}

// choose marks what was typed into a form that was refused.
func (v *ratingView) choose(typed map[string]string) {
	for i, q := range v.Questions {
		if value, ok := typed[q.Name]; ok {
			for j := range q.Options {
				v.Questions[i].Options[j].Checked = q.Options[j].Value == value
			}
		}
	}
}

func (d *Ideas) rating(ctx context.Context, words *locale.Printer, v *web.Viewer, one *Idea, view *showView) error {
	r, err := d.RatingOf(ctx, one, v)
	if err != nil {
		return err
	}
	rv := &ratingView{Form: r.Can, Hidden: r.Hidden, Gone: one.KeyGone != 0 || r.Gone, Button: words.T("ideas.rate.submit"), Heading: words.T("ideas.rate.heading")}
	view.Rating = rv
	if r.Rated {
		rv.Button = words.T("ideas.rate.change")
		if r.Own[0] > 0 {
			rv.Own = words.T("ideas.rate.own", "Useful", r.Own[0], "Feasible", r.Own[1])
		}
	}
	if r.Can {
		for i, name := range ratingNames {
			q := ratingQuestion{Name: name, Legend: words.T("ideas.rate." + name), Hint: words.T("ideas.rate." + name + ".hint")}
			for n := 1; n <= 5; n++ {
				q.Options = append(q.Options, web.Choice{Value: strconv.Itoa(n), Label: words.T("ideas.rate." + name + "." + strconv.Itoa(n)), Checked: r.Own[i] == n})
			}
			rv.Questions = append(rv.Questions, q)
		}
	}
	switch {
	case !r.Seen:
		rv.Note = words.T("ideas.rate.after")
	case r.Waiting:
		rv.Note = words.T("ideas.rate.waiting")
	case r.TooFew:
		rv.Note = words.T("ideas.rate.few", "K", d.Rules.K)
	default:
		rv.results(words, r)
	}
	return nil
}

func (v *ratingView) results(words *locale.Printer, r Rating) {
	if r.Final {
		v.Heading = words.T("ideas.rate.final")
	} else {
		v.Heading = words.T("ideas.rate.interim", "When", words.DateTime(r.At))
	}
	for i, name := range ratingNames {
		title := words.T("ideas.rate." + name)
		grades := method.Grades(r.Counts[i])
		res := ratingResult{Title: title, Lead: words.T("ideas.rate.mean", "Mean", words.Decimal(grades.Mean([]int{1, 2, 3, 4, 5}), 1))}
		var rows []web.Bar
		for n, count := range r.Counts[i] {
			rows = append(rows, web.Bar{Label: words.T("ideas.rate." + name + "." + strconv.Itoa(n+1)), Count: count, Mine: r.Own[i] == n+1})
		}
		res.Bars = web.NewBars(title, words.T("ideas.rate.column"), r.N, rows...)
		res.Bars.Note = words.T("ideas.rate.base", "Count", r.N)
		v.Results = append(v.Results, res)
	}
}

// rate takes the two ratings. Its address is one of those that are not logged.
func (d *Ideas) rate(w http.ResponseWriter, r *http.Request) {
	v, id := web.ViewerOf(r), web.Number(chi.URLParam(r, "id"))
	typed := map[string]string{}
	for _, name := range ratingNames {
		typed[name] = r.PostFormValue(name)
	}
	receipt, err := d.Rate(r.Context(), v, id, typed["usefulness"], typed["feasibility"])
	var wrong web.FormErrors
	var denied *Denied
	switch {
	case errors.As(err, &denied): // its page says why
	case errors.Is(err, store.ErrExists):
		d.site.Flash(w, "ideas.late")
	case err != nil && wrong.TakeAll(err):
		one, err := d.asked(r)
		if err != nil {
			d.site.Error(w, r, err)
			return
		}
		d.render(w, r, one, http.StatusUnprocessableEntity, typed, wrong)
		return
	case err != nil:
		d.site.Error(w, r, err)
		return
	case receipt.First:
		d.site.Flash(w, "ideas.rate.done")
	case receipt.Same:
		d.site.Flash(w, "ideas.rate.same")
	default:
		d.site.Flash(w, "ideas.rate.changed")
	}
	web.Redirect303(w, r, "/ideas/"+strconv.FormatInt(id, 10)+"#rating")
}
