package standing

import (
	"net/http"
	"strconv"
	"strings"

	rules "viche/actors/standing"
	"viche/internal/locale"
	"viche/web"
)

// deskView is the moderators' page: the numbers of the formula, and what another
// one would do.
type deskView struct {
	Crumbs []web.Crumb
	Fields []fieldView
	Reason string
	Errors web.FormErrors
	Sim    []simRow
	K      int
}

type fieldView struct{ Name, Label, Hint, Value string }

type simRow struct{ Level, Now, Then string }

// fields are the numbers of a formula in the order of the form.
func fields(f *rules.Formula) []struct {
	name string
	at   *int
} {
	return []struct {
		name string
		at   *int
	}{{"window", &f.Window}, {"minPolls", &f.MinPolls}, {"responsible", &f.Responsible}, {"expert", &f.Expert}, {"leader", &f.Leader}, {"changed", &f.Changed}, {"monthly", &f.Monthly}, {"grace", &f.Grace}}
}

func (s *Standing) showDesk(w http.ResponseWriter, r *http.Request) {
	f, err := s.formulaAt(r.Context(), s.MonthOf(s.DB.Now()).AddDate(0, 1, 0))
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	values := map[string]string{}
	for _, one := range fields(&f) {
		values[one.name] = strconv.Itoa(*one.at)
	}
	s.site.Render(w, r, http.StatusOK, "standing/desk", s.desk(s.site.Printer(r), values, ""))
}

func (s *Standing) desk(words *locale.Printer, values map[string]string, reason string) deskView {
	view := deskView{Reason: reason, K: s.K, Crumbs: []web.Crumb{{Text: words.T("standing.title"), Href: "/standing"}, {Text: words.T("standing.desk.title")}}}
	for _, one := range fields(new(rules.Formula)) {
		key := "standing.field." + one.name
		view.Fields = append(view.Fields, fieldView{one.name, words.T(key), words.T(key + ".hint"), values[one.name]})
	}
	return view
}

// decide tries a formula out, or sets it from the next turn on.
func (s *Standing) decide(w http.ResponseWriter, r *http.Request) {
	var f rules.Formula
	values, reason := map[string]string{}, strings.TrimSpace(r.PostFormValue("reason"))
	var wrong web.FormErrors
	for _, one := range fields(&f) {
		text := strings.TrimSpace(r.PostFormValue(one.name))
		values[one.name] = text
		n, err := strconv.Atoi(text)
		if err != nil {
			wrong.Add(one.name, "standing.formula.number")
		}
		*one.at = n
	}
	view := s.desk(s.site.Printer(r), values, reason)
	if !wrong.Any() { // all that is wrong is told at once
		for _, x := range f.Check() {
			wrong.Add(x.Field, "standing.formula.bounds", "Least", x.Least, "Most", x.Most)
		}
	}
	if !wrong.Any() && r.PostFormValue("do") == "decide" {
		err := s.Decide(r.Context(), f, "@"+web.ViewerOf(r).Handle, reason)
		if err == nil {
			s.site.Flash(w, "standing.done.decided")
			web.Redirect303(w, r, "/standing")
			return
		}
		if !wrong.Take(err) {
			s.site.Error(w, r, err)
			return
		}
	} else if !wrong.Any() {
		sim, err := s.Simulate(r.Context(), f)
		if err != nil && !wrong.Take(err) {
			s.site.Error(w, r, err)
			return
		}
		if err == nil {
			view.Sim = s.simulated(s.site.Printer(r), sim)
		}
	}
	status := http.StatusOK
	if view.Errors = wrong; wrong.Any() {
		status = http.StatusUnprocessableEntity
	}
	s.site.Render(w, r, status, "standing/desk", view)
}

func (s *Standing) simulated(words *locale.Printer, sim Simulation) (list []simRow) {
	number := func(n int) string {
		if n < s.K {
			return words.T("standing.hidden")
		}
		return words.Number(n)
	}
	for l := rules.Registered; l <= rules.Leader; l++ {
		list = append(list, simRow{words.T("standing.level." + l.String() + ".bare"), number(sim.Now[l]), number(sim.Then[l])})
	}
	return list
}
