package blogs

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/uptrace/bun"

	"viche/internal/locale"
	"viche/internal/markup"
	"viche/internal/store"
	"viche/web"
)

// writingLanguages are those that the form offers, by their own names.
var writingLanguages = []struct{ code, name string }{
	{"uk", "Українська"}, {"en", "English"}, {"crh", "Qırımtatarca"}, {"pl", "Polski"}, {"ro", "Română"}, {"hu", "Magyar"}, {"bg", "Български"},
	{"be", "Беларуская"}, {"sk", "Slovenčina"}, {"de", "Deutsch"}, {"fr", "Français"}, {"es", "Español"}, {"ru", "Русский"},
}

// pollHours are how long a question may stay open.
var pollHours = []int{1, 6, 24, 72, 168, 336, 720}

const defaultHours = 72

// quickView is the short form above a timeline and below a post.
type quickView struct {
	Denied  *calloutView
	Text    string
	Reaches []web.Choice
	ReplyTo string
	Back    string
	Max     int
	Once    string
}

type calloutView struct{ Kind, Title, Text, Href, Action, Href2, Action2 string }

// quick is the short form, or why there is none.
func (b *Blogs) quick(r *http.Request, who Writer) *quickView {
	words := b.site.Printer(r)
	v := &quickView{Back: here(r), Max: MaxNote, Once: newToken()}
	if !b.MayWrite(who, false) {
		v.Denied = b.denied(words, who)
	}
	v.Reaches = reaches(words, Public, Public)
	return v
}

// reach takes away what would go further than the post that is answered.
func (v *quickView) reach(most string) {
	kept := v.Reaches[:0]
	for _, c := range v.Reaches {
		if c.Checked = c.Value == most; !narrower(most, c.Value) {
			kept = append(kept, c)
		}
	}
	v.Reaches = kept
}

// denied says why somebody can't begin a conversation, and the way out.
func (b *Blogs) denied(words *locale.Printer, who Writer) *calloutView {
	if b.Write == WriteStaff {
		return &calloutView{Kind: "info", Title: words.T("blogs.denied.staff.title"), Text: words.T("blogs.denied.staff.text"), Href: "/blogs", Action: words.T("blogs.timeline.title")}
	}
	return &calloutView{Kind: "info", Title: words.T("blogs.denied.title"), Text: words.T("blogs.denied.text"), Href: "/verify", Action: words.T("blogs.denied.verify")}
}

// reaches are how far a post may reach, at most as far as most.
func reaches(words *locale.Printer, chosen, most string) (list []web.Choice) {
	for _, v := range []string{Public, Unlisted, Followers, Direct} {
		if !narrower(most, v) {
			list = append(list, web.Choice{Value: v, Label: words.T("blogs.reach." + v), Hint: words.T("blogs.reach." + v + ".hint"), Checked: v == chosen})
		}
	}
	return list
}

// typed is the form as it was filled in.
type typed struct {
	Draft
	ID      int64 // of the kept draft
	Due     string
	Hours   int
	Options []string
	NewAlt  string
}

// writeView is the page to write on, for a new post and for one that is edited.
type writeView struct {
	Title     string
	Crumbs    []web.Crumb
	Once      string
	Action    string
	Editing   bool
	Denied    *calloutView
	Form      typed
	Errors    web.FormErrors
	Reply     *postView
	Quote     *postView
	Preview   *previewView
	Titled    bool // it may have a title
	TitleHint string
	Reaches   []web.Choice
	Languages []web.Choice
	Spheres   []web.Choice
	Voices    []web.Choice
	Quotable  []web.Choice
	Sensitive []web.Choice
	Several   []web.Choice
	Ends      []web.Choice
	Options   []optionView
	Asks      bool // something of a question was filled in
	Plans     bool // likewise of the time
	Pictures  []web.Choice
	Max       int
	MaxAlt    int
	Most      int // pictures
	Draft     string
	Drafts    string // a link to what is kept, with how many
}

// optionView is a line for an answer, counted from one.
type optionView struct {
	Number int
	Text   string
}

type previewView struct {
	Title, Warning string
	Lang           string
	Content        template.HTML
}

func (b *Blogs) showNew(w http.ResponseWriter, r *http.Request) {
	who, err := b.writer(r)
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	q := r.URL.Query()
	form := typed{Hours: defaultHours, Draft: Draft{
		Text: q.Get("text"), Visibility: Public, ReplyTo: web.Number(q.Get("reply")), Quote: web.Number(q.Get("quote")),
		Lang: who.Lang, Quotable: "public", As: q.Get("as"),
	}}
	if s := q.Get("sphere"); slices.Contains(b.Spheres, s) {
		form.Sphere = s
	}
	if id := web.Number(q.Get("draft")); id != 0 {
		if form, err = b.kept(r.Context(), who, id); err != nil {
			b.site.Error(w, r, err)
			return
		}
	}
	b.renderWrite(w, r, http.StatusOK, who, form, nil, web.FormErrors{}, nil)
}

// showTyped is the whole form with what was typed into the short one.
func (b *Blogs) showTyped(w http.ResponseWriter, r *http.Request) {
	who, err := b.writer(r)
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	form, _, err := b.readForm(w, r, who, 0)
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	b.renderWrite(w, r, http.StatusOK, who, form, nil, web.FormErrors{}, nil)
}

// readForm reads what was filled in, and takes in the pictures that came along,
// one by one; what is wrong with those is the second answer. editing is the post
// whose pictures may be kept besides loose ones.
func (b *Blogs) readForm(w http.ResponseWriter, r *http.Request, who Writer, editing int64) (typed, web.FormErrors, error) {
	var wrong web.FormErrors
	files, err := b.readFields(w, r, who, &wrong)
	if err != nil {
		return typed{}, wrong, err
	}
	v := r.PostFormValue
	form := typed{ID: web.Number(v("draft")), Due: v("due"), NewAlt: strings.TrimSpace(v("newalt")), Draft: Draft{
		Article: strings.TrimSpace(v("title")) != "", Title: v("title"), Warning: v("warning"), Text: v("text"), Lang: v("lang"), Visibility: v("visibility"),
		ReplyTo: web.Number(v("reply")), Quote: web.Number(v("quote")), Quotable: v("quotable"), Sensitive: v("sensitive") != "", Sphere: v("sphere"), As: v("as"), Once: v("once"),
	}}
	if len(form.Once) > maxToken {
		form.Once = ""
	}
	if !slices.ContainsFunc(writingLanguages, func(l struct{ code, name string }) bool { return l.code == form.Lang }) {
		form.Lang = who.Lang
	}
	if !slices.Contains([]string{"public", "followers", "nobody"}, form.Quotable) {
		form.Quotable = "public"
	}
	form.Hours, _ = strconv.Atoi(v("hours")) // no number: the usual length
	if !slices.Contains(pollHours, form.Hours) {
		form.Hours = defaultHours
	}
	form.Options = r.PostForm["options"]
	if err := b.readPictures(r, who, editing, &form); err != nil {
		return form, wrong, err
	}
	if len(form.Pictures)+len(files) > MaxPictures {
		wrong.Add("files", "blogs.write.pictures.many", "Max", MaxPictures)
		files = files[:max(0, MaxPictures-len(form.Pictures))]
	}
	if len(files) > 0 {
		files[0].Alt, form.NewAlt = form.NewAlt, ""
	}
	form.Pictures = append(form.Pictures, files...)
	return form, wrong, nil
}

type pictureRow struct {
	Name     string `bun:"name"`
	Type     string `bun:"type"`
	Width    int    `bun:"width"`
	Height   int    `bun:"height"`
	Blurhash string `bun:"blurhash"`
}

// readPictures finds the pictures that the form names again: the writer's own,
// and none that another post has.
func (b *Blogs) readPictures(r *http.Request, who Writer, editing int64, form *typed) error {
	names := r.PostForm["picture"]
	if len(names) == 0 {
		return nil
	}
	var rows []pictureRow
	err := b.DB.Read().NewRaw("select name, type, width, height, blurhash from media where actor = ? and name in (?) and (post is null or post = ?)",
		who.Actor.ID, bun.List(names[:min(len(names), 2*MaxPictures)]), editing).Scan(r.Context(), &rows)
	if err != nil {
		return fmt.Errorf("pictures of a form: %w", store.Kind(err))
	}
	alts, dropped := r.PostForm["alt"], r.PostForm["drop"]
	for i, name := range names {
		at := slices.IndexFunc(rows, func(row pictureRow) bool { return row.Name == name })
		if at < 0 || slices.Contains(dropped, name) {
			continue
		}
		pic := Picture{Name: name, Type: rows[at].Type, Width: rows[at].Width, Height: rows[at].Height, Blurhash: rows[at].Blurhash}
		if i < len(alts) {
			pic.Alt = strings.TrimSpace(alts[i])
		}
		form.Pictures = append(form.Pictures, pic)
	}
	return nil
}

// finish turns what was filled in into a draft: the question and its end, the
// time to publish.
func (b *Blogs) finish(form *typed, wrong *web.FormErrors) (due time.Time) {
	now := b.DB.Now()
	if form.Due != "" {
		at, err := time.ParseInLocation("2006-01-02T15:04", form.Due, locale.Kyiv())
		if err != nil {
			wrong.Add("due", "blogs.write.due.form")
		}
		due = at
	}
	if !form.asks() {
		form.Poll = nil
		return due
	}
	begins := now
	if due.After(now) {
		begins = due
	}
	several := form.Poll != nil && form.Poll.Multiple
	form.Poll = &Poll{Multiple: several, Closes: store.Millis(begins.Add(time.Duration(form.Hours) * time.Hour))}
	for _, o := range form.Options {
		form.Poll.Options = append(form.Poll.Options, PollOption{Name: strings.TrimSpace(o)})
	}
	return due
}

// asks says whether any answer was written.
func (f *typed) asks() bool {
	return slices.ContainsFunc(f.Options, func(o string) bool { return strings.TrimSpace(o) != "" })
}

// write does what the pressed button says: publish, keep, plan, show.
func (b *Blogs) write(w http.ResponseWriter, r *http.Request) {
	who, err := b.writer(r)
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	form, wrong, err := b.readForm(w, r, who, 0)
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	if r.PostFormValue("several") != "" {
		form.Poll = &Poll{Multiple: true}
	}
	due := b.finish(&form, &wrong)
	switch do := r.PostFormValue("do"); {
	case wrong.Any():
		b.renderWrite(w, r, http.StatusUnprocessableEntity, who, form, nil, wrong, nil)
	case do == "add":
		b.renderWrite(w, r, http.StatusOK, who, form, nil, wrong, nil)
	case do == "draft":
		b.keepDraft(w, r, who, form, time.Time{})
	case do == "schedule":
		if due.IsZero() {
			wrong.Add("due", "blogs.write.due.missing")
			b.renderWrite(w, r, http.StatusUnprocessableEntity, who, form, nil, wrong, nil)
			return
		}
		b.keepDraft(w, r, who, form, due)
	case do == "preview":
		b.preview(w, r, who, form, nil)
	default:
		b.publishForm(w, r, who, form)
	}
}

func (b *Blogs) publishForm(w http.ResponseWriter, r *http.Request, who Writer, form typed) {
	p, err := b.Publish(r.Context(), who, form.Draft)
	var wrong web.FormErrors
	if wrong.Take(err) {
		b.renderWrite(w, r, http.StatusUnprocessableEntity, who, form, nil, wrong, nil)
		return
	}
	if err == nil && form.ID != 0 {
		err = b.Drop(r.Context(), who, form.ID)
	}
	if err != nil {
		b.site.Error(w, r, fmt.Errorf("publish: %w", err))
		return
	}
	b.site.Flash(w, "blogs.write.done")
	if back := r.PostFormValue("back"); back != "" && form.ReplyTo == 0 {
		b.back(w, r, p.Path(), "")
		return
	}
	if p.ReplyTo != 0 {
		web.Redirect303(w, r, "/blogs/"+strconv.FormatInt(p.ReplyTo, 10)+"#post-"+strconv.FormatInt(p.ID, 10))
		return
	}
	web.Redirect303(w, r, p.Path())
}

// keepDraft keeps a draft, or plans it for a time. What is planned must be fit
// to be published now.
func (b *Blogs) keepDraft(w http.ResponseWriter, r *http.Request, who Writer, form typed, due time.Time) {
	var wrong web.FormErrors
	var err error
	switch {
	case !due.IsZero():
		_, err = b.prepare(r.Context(), who, form.Draft)
	case strings.TrimSpace(form.Text+form.Title) == "" && len(form.Pictures) == 0:
		err = store.Invalid("text", "blogs.write.text.missing")
	}
	if err == nil {
		_, err = b.Save(r.Context(), who, form.ID, form.Draft, due)
	}
	if wrong.Take(err) {
		b.renderWrite(w, r, http.StatusUnprocessableEntity, who, form, nil, wrong, nil)
		return
	}
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	if due.IsZero() {
		b.site.Flash(w, "blogs.drafts.saved")
	} else {
		b.site.Flash(w, "blogs.drafts.planned", "When", b.site.Printer(r).DateTime(due))
	}
	web.Redirect303(w, r, "/blogs/drafts")
}

// preview shows the form with the post as it would look.
func (b *Blogs) preview(w http.ResponseWriter, r *http.Request, who Writer, form typed, editing *Post) {
	ready, err := b.prepare(r.Context(), who, form.Draft)
	var wrong web.FormErrors
	if wrong.Take(err) {
		b.renderWrite(w, r, http.StatusUnprocessableEntity, who, form, editing, wrong, nil)
		return
	}
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	s := b.showing(r, nil)
	shown := &previewView{Title: ready.Title, Warning: ready.Warning, Lang: foreign(form.Lang, s.words.Lang()), Content: s.content(&Post{Local: true, Type: "Article", Content: ready.html})}
	b.renderWrite(w, r, http.StatusOK, who, form, editing, wrong, shown)
}

// renderWrite shows the page to write on.
func (b *Blogs) renderWrite(w http.ResponseWriter, r *http.Request, status int, who Writer, form typed, editing *Post, wrong web.FormErrors, shown *previewView) {
	view, err := b.writePage(r, who, form, editing)
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	view.Errors, view.Preview = wrong, shown
	b.site.Render(w, r, status, "blogs/write", view)
}

func (b *Blogs) writePage(r *http.Request, who Writer, form typed, editing *Post) (writeView, error) {
	words := b.site.Printer(r)
	view := writeView{
		Title: words.T("blogs.write.title"), Action: "/blogs", Once: newToken(), Form: form, Max: MaxNote, MaxAlt: MaxAlt, Most: MaxPictures,
		Crumbs: []web.Crumb{{Text: words.T("blogs.timeline.title"), Href: "/blogs"}, {Text: words.T("blogs.write.title")}},
		Asks:   form.asks(), Plans: form.Due != "",
	}
	if view.Titled = form.ReplyTo == 0 && editing == nil || form.Article; view.Titled {
		view.Max = MaxArticle
	}
	if editing == nil {
		view.TitleHint = words.T("blogs.write.heading.hint")
	}
	if form.ID != 0 {
		view.Draft = strconv.FormatInt(form.ID, 10)
	}
	for i := range maxOptions {
		text := ""
		if i < len(form.Options) {
			text = form.Options[i]
		} else if i >= 4 && !view.Asks {
			break
		}
		view.Options = append(view.Options, optionView{i + 1, text})
	}
	if !b.MayWrite(who, form.ReplyTo != 0) {
		view.Denied = b.denied(words, who)
	}
	most := Public
	var err error
	if view.Reply, most, err = b.about(r, who, form.ReplyTo); err != nil {
		return view, err
	}
	if view.Reply != nil {
		view.Title = words.T("blogs.write.reply")
		if narrower(most, form.Visibility) {
			form.Visibility = most
		}
	}
	if view.Quote, _, err = b.about(r, who, form.Quote); err != nil {
		return view, err
	}
	if editing != nil {
		view.Title, view.Editing, view.Action = words.T("blogs.edit.title"), true, editing.Path()+"/edit"
		view.Crumbs = []web.Crumb{{Text: words.T("blogs.post"), Href: editing.Path()}, {Text: view.Title}}
	} else if view.Drafts, err = b.draftsLink(r.Context(), words, who); err != nil {
		return view, err
	}
	b.choices(words, form, most, &view)
	if editing == nil {
		view.Voices, err = b.voiceChoices(r.Context(), who, form.As)
	}
	return view, err
}

// choices fills in what can be chosen in the form.
func (b *Blogs) choices(words *locale.Printer, form typed, most string, view *writeView) {
	choice := func(value, key string, checked bool) web.Choice {
		return web.Choice{Value: value, Label: words.T(key), Checked: checked}
	}
	view.Reaches = reaches(words, form.Visibility, most)
	if !slices.ContainsFunc(view.Reaches, func(c web.Choice) bool { return c.Checked }) {
		view.Reaches[0].Checked = true
	}
	for _, l := range writingLanguages {
		view.Languages = append(view.Languages, web.Choice{Value: l.code, Label: l.name, Checked: l.code == form.Lang})
	}
	for _, s := range b.Spheres {
		view.Spheres = append(view.Spheres, choice(s, "spheres."+s, s == form.Sphere))
	}
	for _, q := range []string{"public", "followers", "nobody"} {
		view.Quotable = append(view.Quotable, choice(q, "blogs.write.quotable."+q, q == form.Quotable || q == "public" && form.Quotable == ""))
	}
	view.Sensitive = []web.Choice{choice("1", "blogs.write.sensitive", form.Sensitive)}
	view.Several = []web.Choice{choice("1", "blogs.write.poll.several", form.Poll != nil && form.Poll.Multiple)}
	for _, h := range pollHours {
		c := web.Choice{Value: strconv.Itoa(h), Label: words.T("blogs.write.poll.hours", "Count", h), Checked: h == form.Hours}
		if h%24 == 0 {
			c.Label = words.T("blogs.write.poll.days", "Count", h/24)
		}
		view.Ends = append(view.Ends, c)
	}
	for _, pic := range form.Pictures {
		view.Pictures = append(view.Pictures, web.Choice{Value: pic.Name, Label: "/media/" + pic.Name + "?size=small", Hint: pic.Alt})
	}
}

// about shows the post that is answered or quoted, and how far it reaches.
func (b *Blogs) about(r *http.Request, who Writer, id int64) (*postView, string, error) {
	if id == 0 {
		return nil, Public, nil
	}
	p, err := b.readable(r.Context(), id, who.Actor)
	if err != nil {
		return nil, "", err
	}
	views, err := b.showing(r, nil).posts(r.Context(), []*Post{p})
	if err != nil {
		return nil, "", err
	}
	return &views[0], p.Visibility, nil
}

func (b *Blogs) showEdit(w http.ResponseWriter, r *http.Request) {
	who, p, err := b.writerOf(r, web.Number(chi.URLParam(r, "id")))
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	card := p.Card()
	form := typed{Draft: Draft{
		Article: p.Type == "Article", Title: p.Title, Warning: p.Summary, Text: p.Source, Lang: p.Lang, Visibility: p.Visibility,
		Quotable: card.Quote, Sensitive: p.Sensitive, Pictures: card.Pictures,
	}}
	b.renderWrite(w, r, http.StatusOK, who, form, p, web.FormErrors{}, nil)
}

func (b *Blogs) edit(w http.ResponseWriter, r *http.Request) {
	who, p, err := b.writerOf(r, web.Number(chi.URLParam(r, "id")))
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	form, wrong, err := b.readForm(w, r, who, p.ID)
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	form.Article, form.Visibility = p.Type == "Article", p.Visibility
	switch do := r.PostFormValue("do"); {
	case wrong.Any():
		b.renderWrite(w, r, http.StatusUnprocessableEntity, who, form, p, wrong, nil)
		return
	case do == "add":
		b.renderWrite(w, r, http.StatusOK, who, form, p, wrong, nil)
		return
	case do == "preview":
		b.preview(w, r, who, form, p)
		return
	}
	_, err = b.Edit(r.Context(), who, p.ID, form.Draft)
	switch {
	case wrong.Take(err):
		b.renderWrite(w, r, http.StatusUnprocessableEntity, who, form, p, wrong, nil)
	case err != nil:
		b.site.Error(w, r, fmt.Errorf("edit: %w", err))
	default:
		b.site.Flash(w, "blogs.edit.done")
		web.Redirect303(w, r, p.Path())
	}
}

// deleteView asks once more.
type deleteView struct {
	Crumbs []web.Crumb
	Post   postView
}

func (b *Blogs) showDelete(w http.ResponseWriter, r *http.Request) {
	_, p, err := b.writerOf(r, web.Number(chi.URLParam(r, "id")))
	var views []postView
	if err == nil {
		views, err = b.showing(r, nil).posts(r.Context(), []*Post{p})
	}
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	words := b.site.Printer(r)
	b.site.Render(w, r, http.StatusOK, "blogs/delete", deleteView{Post: views[0], Crumbs: []web.Crumb{
		{Text: words.T("blogs.post"), Href: p.Path()}, {Text: words.T("blogs.delete.title")}}})
}

func (b *Blogs) delete(w http.ResponseWriter, r *http.Request) {
	who, p, err := b.writerOf(r, web.Number(chi.URLParam(r, "id")))
	if err == nil {
		err = b.Delete(r.Context(), who.Actor, p.ID)
	}
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	b.site.Flash(w, "blogs.delete.done")
	web.Redirect303(w, r, "/@"+who.Actor.Handle)
}

// draftView is a kept draft in the list.
type draftView struct {
	ID      string
	Title   string
	Text    string
	Reach   string
	Changed time.Time
	Planned bool
	Due     time.Time
	Extras  string
}

type draftsView struct {
	Crumbs []web.Crumb
	Drafts []draftView
}

type draftRow struct {
	ID      int64  `bun:"id"`
	Body    string `bun:"body"`
	Due     int64  `bun:"due"`
	Changed int64  `bun:"changed"`
}

func (b *Blogs) showDrafts(w http.ResponseWriter, r *http.Request) {
	words := b.site.Printer(r)
	var rows []draftRow
	err := b.DB.Read().NewRaw("select id, body, due, changed from drafts where actor = ? order by case when due > 0 then 0 else 1 end, due, changed desc limit 200",
		web.ViewerOf(r).ActorID).Scan(r.Context(), &rows)
	if err != nil {
		b.site.Error(w, r, fmt.Errorf("drafts: %w", store.Kind(err)))
		return
	}
	view := draftsView{Crumbs: []web.Crumb{{Text: words.T("blogs.timeline.title"), Href: "/blogs"}, {Text: words.T("blogs.drafts.title")}}}
	for _, row := range rows {
		d, err := decodeDraft(row.Body)
		if err != nil {
			b.site.Error(w, r, err)
			return
		}
		one := draftView{ID: strconv.FormatInt(row.ID, 10), Title: d.Title, Reach: words.T("blogs.reach." + d.Visibility),
			Text: markup.Text(template.HTMLEscapeString(d.Text), 160), Changed: store.Time(row.Changed), Planned: row.Due > 0, Due: store.Time(row.Due)}
		if one.Title == "" {
			one.Title = markup.Text(template.HTMLEscapeString(d.Text), 60)
		}
		if one.Title == "" {
			one.Title = words.T("blogs.drafts.untitled")
		}
		if n := len(d.Pictures); n > 0 {
			one.Extras = words.T("blogs.drafts.pictures", "Count", n)
		}
		view.Drafts = append(view.Drafts, one)
	}
	b.site.Render(w, r, http.StatusOK, "blogs/drafts", view)
}

// draftsLink says how many drafts wait, "" for none.
func (b *Blogs) draftsLink(ctx context.Context, words *locale.Printer, who Writer) (string, error) {
	var n int
	if err := b.DB.ReadBound().Row(ctx, []any{&n}, "select count(*) from drafts where actor = ?", who.Actor.ID); err != nil || n == 0 {
		return "", err
	}
	return words.T("blogs.drafts.count", "Count", n), nil
}

// kept is a draft as the form that it came from.
func (b *Blogs) kept(ctx context.Context, who Writer, id int64) (typed, error) {
	var row draftRow
	err := b.DB.Read().NewRaw("select id, body, due, changed from drafts where id = ? and actor = ?", id, who.Actor.ID).Scan(ctx, &row)
	if err != nil {
		return typed{}, fmt.Errorf("draft %d: %w", id, store.Kind(err))
	}
	form := typed{ID: id, Hours: defaultHours}
	if form.Draft, err = decodeDraft(row.Body); err != nil {
		return form, err
	}
	if row.Due > 0 {
		form.Due = store.Time(row.Due).In(locale.Kyiv()).Format("2006-01-02T15:04")
	}
	if form.Poll != nil {
		lasts := store.Time(form.Poll.Closes).Sub(store.Time(max(row.Due, row.Changed)))
		for _, h := range pollHours {
			if lasts <= time.Duration(h)*time.Hour+time.Minute {
				form.Hours = h
				break
			}
		}
		for _, o := range form.Poll.Options {
			form.Options = append(form.Options, o.Name)
		}
	}
	return form, nil
}

func (b *Blogs) dropDraft(w http.ResponseWriter, r *http.Request) {
	who, err := b.writer(r)
	if err == nil {
		err = b.Drop(r.Context(), who, web.Number(chi.URLParam(r, "id")))
	}
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	b.site.Flash(w, "blogs.drafts.dropped")
	web.Redirect303(w, r, "/blogs/drafts")
}

// Drop throws a draft of somebody's away; one that is gone is no fault.
func (b *Blogs) Drop(ctx context.Context, w Writer, id int64) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "delete from drafts where id = ? and actor = ?", id, w.Actor.ID)
		return err
	})
}
