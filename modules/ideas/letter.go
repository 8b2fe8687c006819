package ideas

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"viche/internal/store"
	"viche/web"
)

// letterKinds are the lawful courses from an idea to a decision, each with its
// document: an appeal of citizens, an electronic petition, a local initiative.
var letterKinds = []string{"appeal", "petition", "initiative"}

// letterView is a document filled in from an idea, to print and sign.
type letterView struct {
	Crumbs   []web.Crumb
	Heading  string
	To       string
	Law      string
	Course   []string
	Title    string
	Problem  []string
	Solution []string
	Cost     string
	Place    string
	Backing  string
	Address  string
	Date     time.Time
	Others   []web.Crumb
}

// letter shows the document. An idea that nobody has backed yet has none, nor
// has one that was refused.
func (d *Ideas) letter(w http.ResponseWriter, r *http.Request) {
	one, err := d.asked(r)
	kind := r.URL.Query().Get("kind")
	if kind == "" {
		kind = letterKinds[0]
	}
	if err == nil && (!slices.Contains([]State{Answering, Accepted, Working}, one.State) || one.Hidden || !slices.Contains(letterKinds, kind)) {
		err = fmt.Errorf("document of idea %d: %w", one.ID, store.ErrNotFound)
	}
	if err != nil {
		d.site.Error(w, r, err)
		return
	}
	words := d.site.Printer(r)
	t, err := d.TallyOf(r.Context(), one.ID)
	if err != nil {
		d.site.Error(w, r, err)
		return
	}
	frame, err := d.frame(r.Context(), words, web.ViewerOf(r), one)
	if err != nil {
		d.site.Error(w, r, err)
		return
	}
	view := letterView{
		Crumbs:  []web.Crumb{{Text: words.T("ideas.title"), Href: "/ideas"}, {Text: one.Title, Href: one.Path()}, {Text: words.T("ideas.letter." + kind)}},
		Heading: words.T("ideas.letter." + kind), To: words.T("ideas.letter.to", "Territory", d.place(d.Territory, words.Lang())), Law: words.T("ideas.letter." + kind + ".law"),
		Title: one.Title, Problem: frame.Problem, Solution: frame.Solution, Cost: one.Cost, Place: one.Place,
		Backing: words.T("ideas.letter.backing", "Count", t.For), Address: d.URL(one), Date: d.DB.Now(),
	}
	for _, n := range []string{"1", "2", "3"} {
		view.Course = append(view.Course, words.T("ideas.letter."+kind+".course."+n))
	}
	for _, other := range letterKinds {
		if other != kind {
			view.Others = append(view.Others, web.Crumb{Text: words.T("ideas.letter." + other), Href: one.Path() + "/letter?kind=" + other})
		}
	}
	d.site.Render(w, r, http.StatusOK, "ideas/letter", view)
}
