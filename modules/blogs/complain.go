package blogs

import (
	"fmt"
	"net/http"

	"viche/actors"
	"viche/internal/store"
	"viche/web"
)

// reportView is the form to bring something before the moderators.
type reportView struct {
	Person  personView
	Post    *postView
	Actor   string
	PostID  string
	Comment string
	Forward []web.Choice
	Errors  web.FormErrors
	Max     int
	Back    string
}

func (b *Blogs) showReport(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	view, _, _, err := b.reportView(r, web.Number(q.Get("post")), web.Number(q.Get("actor")))
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	b.site.Render(w, r, http.StatusOK, "blogs/report", view)
}

// reportView finds what is reported: a post that the reader may see, or a person.
func (b *Blogs) reportView(r *http.Request, post, actor int64) (view reportView, about actors.Actor, posts []int64, err error) {
	who, err := b.writer(r)
	if err != nil {
		return view, about, nil, err
	}
	view.Max = MaxReport
	if post != 0 {
		p, err := b.readable(r.Context(), post, who.Actor)
		if err != nil {
			return view, about, nil, err
		}
		views, err := b.showing(r, nil).posts(r.Context(), []*Post{p})
		if err != nil {
			return view, about, nil, err
		}
		view.Post, view.PostID, actor, posts = &views[0], views[0].ID, p.Author, []int64{post}
	}
	if about, err = b.Book.ByID(r.Context(), b.DB.Read(), actor); err != nil {
		return view, about, nil, err
	}
	if about.ID == who.Actor.ID {
		return view, about, nil, store.ErrNotFound
	}
	view.Person = b.person(about)
	view.Actor = fmt.Sprint(about.ID)
	if view.Back = view.Person.Href; view.Post != nil {
		view.Back = view.Post.Path
	}
	if !about.Local {
		view.Forward = []web.Choice{{Value: "1", Label: b.site.Printer(r).T("blogs.report.forward", "Host", about.Host), Hint: b.site.Printer(r).T("blogs.report.forward.hint")}}
	}
	return view, about, posts, nil
}

func (b *Blogs) sendReport(w http.ResponseWriter, r *http.Request) {
	view, about, posts, err := b.reportView(r, web.Number(r.PostFormValue("post")), web.Number(r.PostFormValue("actor")))
	var who Writer
	if err == nil {
		who, err = b.writer(r)
	}
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	view.Comment = r.PostFormValue("comment")
	forward := r.PostFormValue("forward") != ""
	for i := range view.Forward {
		view.Forward[i].Checked = forward
	}
	err = b.Report(r.Context(), who, about, posts, view.Comment, forward)
	switch {
	case view.Errors.Take(err):
		b.site.Render(w, r, http.StatusUnprocessableEntity, "blogs/report", view)
	case err != nil:
		b.site.Error(w, r, fmt.Errorf("report: %w", err))
	default:
		b.site.Flash(w, "blogs.report.done")
		web.Redirect303(w, r, view.Back)
	}
}
