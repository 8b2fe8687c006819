package city_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"

	"viche/modules/ideas"
	"viche/web"
)

// thought is an idea of one city, as the walk asks for it: it gathers support,
// and residents rate it while the walk goes on.
type thought struct {
	idea     *ideas.Idea
	argument int64
}

// inspire has somebody in each city propose an idea, and somebody argue about it.
func (w *world) inspire() {
	w.t.Helper()
	w.thoughts = map[string]thought{}
	ctx := w.t.Context()
	for name := range voting {
		author, town := w.fellows[name], w.n.Town(name)
		one, err := town.Ideas.Submit(ctx, author.Viewer(), ideas.Draft{Title: "Зелена смуга", Problem: "Пил у дворах", Solution: "Посадити дерева", Cost: "багато", Sphere: "ecology"})
		w.must(err)
		checks := &web.Viewer{Handle: "checker", Roles: []web.Role{{Name: web.Moderator}}}
		w.must(town.Ideas.Check(ctx, checks, one.ID, true, false, ""))
		w.must(town.Ideas.Argue(ctx, author.Viewer(), one.ID, "Буде чим дихати"))
		one, err = town.Ideas.Load(ctx, town.DB.Read(), one.ID)
		w.must(err)
		list, err := town.Ideas.Arguments(ctx, one.ID)
		w.must(err)
		w.thoughts[name] = thought{one, list[0].ID}
	}
	w.settle()
}

// of are the real things that an address about ideas may name.
func (t thought) of(route string) []string {
	switch {
	case t.idea == nil: // the coordinator has none
		return []string{"0"}
	case route == "/desk/ideas/arguments/{id}":
		return []string{strconv.FormatInt(t.argument, 10)}
	}
	return []string{strconv.FormatInt(t.idea.ID, 10)}
}

// rateIdeas has all the crowds rate their cities' ideas, by form as well.
func (w *world) rateIdeas(turn int) {
	w.t.Helper()
	for name, split := range voting {
		town, one := w.n.Town(name), w.thoughts[name].idea
		for i, r := range w.crowd[name] {
			rating := strconv.Itoa(3 + (choiceOf(split, i)+turn)%3)
			if _, err := town.Ideas.Rate(w.t.Context(), r.Viewer(), one.ID, rating, rating); err != nil {
				w.t.Fatalf("%s rates: %v", r.Handle, err)
			}
		}
	}
}

// checkRatersSee is the walk's control: the ratings are there for whoever rated,
// and for nobody else.
func (w *world) checkRatersSee() {
	w.t.Helper()
	for name, split := range voting {
		town, rater := w.n.Town(name), w.crowd[name][5]
		one, err := town.Ideas.Load(w.t.Context(), town.DB.Read(), w.thoughts[name].idea.ID)
		w.must(err)
		r, err := town.Ideas.RatingOf(w.t.Context(), one, rater.Viewer())
		if want := fmt.Sprint([]int{0, 0, split[0], split[1], split[2]}); err != nil || fmt.Sprint(r.Counts[0]) != want || fmt.Sprint(r.Counts[1]) != want {
			w.t.Errorf("%s shows a rater %+v, %v; want %s", name, r, err, want)
		}
		if r, err := town.Ideas.RatingOf(w.t.Context(), one, w.fellows[name].Viewer()); err != nil || r.Seen || r.N != 0 {
			w.t.Errorf("%s shows %+v, %v to who has not rated", name, r, err)
		}
		q := httptest.NewRequest(http.MethodGet, "https://"+town.Host+one.Path()+"?lang=en", nil)
		w.signedIn("", rater).dress(q)
		page := httptest.NewRecorder()
		town.Handler().ServeHTTP(page, q)
		for _, number := range []string{"40", fmt.Sprint(split[0])} {
			if page.Code != http.StatusOK || !numbersOf(page.Body.String())[number] {
				w.t.Errorf("the page of an idea in %s = %d without %s for whoever rated", name, page.Code, number)
			}
		}
	}
}
