package people

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/uptrace/bun"

	"viche/actors"
	"viche/internal/store"
	"viche/web"
)

// logLine is one decision about the person, as they read it.
type logLine struct {
	At                time.Time
	Verified          bool
	Provider          string
	Document          string
	Territory         string
	Moderator, Second string
	Reason            string
}

type meView struct {
	Handle, Name, Address string
	Email                 string
	Joined                time.Time
	Organisation          bool
	Verified              bool
	Territory             string
	Pending               bool
	StaffReset            bool // the password is one that staff set
	Log                   []logLine
	Moderates, Operates   bool
	Steps                 []web.Step
}

// me is one's own page: what the others see is one click away, and everything
// that was decided about the person can be read here.
func (s pages) me(w http.ResponseWriter, r *http.Request) {
	view, err := s.meView(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Render(w, r, http.StatusOK, "people/me", view)
}

func (s pages) meView(r *http.Request) (meView, error) {
	ctx, v, words := r.Context(), web.ViewerOf(r), s.site.Printer(r)
	a, err := accountBy(ctx, s.DB.Read(), "a.id = ?", v.AccountID)
	if err != nil {
		return meView{}, err
	}
	_, waits, err := pending(ctx, s.DB.Read(), v.AccountID)
	if err != nil {
		return meView{}, err
	}
	view := meView{
		Handle: a.Handle, Name: v.Name, Address: "@" + a.Handle + "@" + s.Book.Host(), Email: a.Email, Joined: store.Time(a.Created),
		Organisation: a.Kind == Organisation, Verified: v.Verified, Pending: waits,
		StaffReset: a.CredGeneration > 0,
		Moderates:  v.Watches(""), Operates: v.Has(web.Operator, ""),
	}
	if v.Territory != "" {
		view.Territory = s.Territories.Path(v.Territory, words.Lang())
	}
	if view.Log, err = s.log(ctx, r, v.AccountID); err != nil {
		return meView{}, err
	}
	if !view.Organisation && !view.Verified {
		view.Steps = []web.Step{
			{Title: words.T("people.me.step.joined"), State: "done"},
			{Title: words.T("people.me.step.request"), Text: words.T("people.me.step.request.text"), Href: "/verify", State: "current"},
			{Title: words.T("people.me.step.meet"), Text: words.T("people.me.step.meet.text"), State: "todo"},
		}
		if waits {
			view.Steps[1].State, view.Steps[2].State = "done", "current"
		}
	}
	return view, nil
}

func (s pages) log(ctx context.Context, r *http.Request, account int64) ([]logLine, error) {
	words := s.site.Printer(r)
	rows, err := s.DB.ReadBound().Query(ctx, `
		select provider, document, territory, moderator, second, reason, outcome, at
		from verifications
		where account = ?
		order by id desc
		limit 100`, account)
	if err != nil {
		return nil, fmt.Errorf("read the log of verifications: %w", err)
	}
	defer rows.Close()
	var lines []logLine
	for rows.Next() {
		var l logLine
		var outcome, document, territory string
		var at int64
		if err := rows.Scan(&l.Provider, &document, &territory, &l.Moderator, &l.Second, &l.Reason, &outcome, &at); err != nil {
			return nil, fmt.Errorf("read the log of verifications: %w", err)
		}
		for _, name := range []*string{&l.Moderator, &l.Second} {
			switch *name {
			case "":
			case "operator":
				*name = words.T("people.operator")
			default:
				*name = "@" + *name
			}
		}
		l.At, l.Verified = store.Time(at), outcome == "verified"
		l.Provider = words.T("people.provider." + l.Provider)
		if document != "" {
			l.Document = words.T("people.document." + document)
		}
		l.Territory = s.Territories.Path(territory, words.Lang())
		lines = append(lines, l)
	}
	return lines, rows.Err()
}

// Shown is what somebody wants others to see.
type Shown struct {
	Name, Summary, Lang         string
	ShowVerified, ShowTerritory bool
	Indexable                   bool // what they write may be found by search
}

type editView struct {
	Form      Shown
	Languages []web.Choice
	Show      []web.Choice
	Search    []web.Choice
	Errors    web.FormErrors
	Handle    string
}

func (s pages) showEdit(w http.ResponseWriter, r *http.Request) {
	form, err := profileOf(r.Context(), s.DB.Read(), web.ViewerOf(r).AccountID)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.renderEdit(w, r, http.StatusOK, form, web.FormErrors{})
}

func (s pages) renderEdit(w http.ResponseWriter, r *http.Request, status int, form Shown, wrong web.FormErrors) {
	words := s.site.Printer(r)
	s.site.Render(w, r, status, "people/edit", editView{
		Form: form, Errors: wrong, Handle: web.ViewerOf(r).Handle,
		Languages: []web.Choice{
			{Value: "uk", Label: "Українська", Checked: form.Lang != "en"},
			{Value: "en", Label: "English", Checked: form.Lang == "en"},
		},
		Show: []web.Choice{
			{Value: "verified", Label: words.T("people.edit.show.verified"), Checked: form.ShowVerified},
			{Value: "territory", Label: words.T("people.edit.show.territory"), Checked: form.ShowTerritory},
		},
		Search: []web.Choice{{Value: "indexable", Label: words.T("people.edit.search.indexable"), Checked: form.Indexable}},
	})
}

func (s pages) edit(w http.ResponseWriter, r *http.Request) {
	form := Shown{Name: r.PostFormValue("name"), Summary: r.PostFormValue("summary"), Lang: r.PostFormValue("lang")}
	for _, shown := range r.PostForm["show"] {
		form.ShowVerified = form.ShowVerified || shown == "verified"
		form.ShowTerritory = form.ShowTerritory || shown == "territory"
	}
	form.Indexable = r.PostFormValue("search") == "indexable"
	err := s.EditProfile(r.Context(), web.ViewerOf(r).AccountID, form)
	var wrong web.FormErrors
	if wrong.Take(err) {
		s.renderEdit(w, r, http.StatusUnprocessableEntity, form, wrong)
		return
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Flash(w, "people.edit.done")
	web.Redirect303(w, r, "/me")
}

// EditProfile changes what others see.
func (p *People) EditProfile(ctx context.Context, account int64, form Shown) error {
	var err error
	if form.Name, err = normalText("name", form.Name, nameMax); err != nil {
		return err
	}
	if form.Summary, err = normalText("summary", form.Summary, summaryMax); err != nil {
		return err
	}
	if form.Lang != "en" {
		form.Lang = "uk"
	}
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		a, err := accountBy(ctx, tx, "a.id = ?", account)
		if err != nil {
			return err
		}
		if a.Kind == Organisation && form.Name == "" {
			return store.Invalid("name", "people.signup.name.missing")
		}
		actor, err := p.Book.ByID(ctx, tx, a.ActorID)
		if err != nil {
			return err
		}
		if err := p.Book.Rename(ctx, tx, a.ActorID, form.Name, form.Summary, actor.Icon); err != nil {
			return err
		}
		if err := p.Book.SetIndexable(ctx, tx, a.ActorID, form.Indexable); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update accounts set lang = ?, show_verified = ?, show_territory = ? where id = ?`,
			form.Lang, store.Flag(form.ShowVerified), store.Flag(form.ShowTerritory), account)
		if err != nil || p.Changed == nil {
			return err
		}
		return p.Changed(ctx, tx, a.ActorID)
	})
	if err != nil {
		return fmt.Errorf("edit profile: %w", err)
	}
	return nil
}

func (s pages) changePassword(w http.ResponseWriter, r *http.Request) {
	ctx, v := r.Context(), web.ViewerOf(r)
	var wrong web.FormErrors
	err := s.ChangePassword(ctx, v, r.PostFormValue("old"), r.PostFormValue("password"), actors.NetworkOf(r.RemoteAddr))
	if wrong.Take(err) {
		s.passwordAgain(w, r, wrong)
		return
	}
	if err == nil { // the change ended this session too
		err = s.site.SignIn(ctx, w, r, v.AccountID, v.CredentialGeneration)
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Flash(w, "people.password.changed")
	web.Redirect303(w, r, "/me")
}

// passwordAgain shows the profile form with what is wrong about the password.
func (s pages) passwordAgain(w http.ResponseWriter, r *http.Request, wrong web.FormErrors) {
	v := web.ViewerOf(r)
	form, err := profileOf(r.Context(), s.DB.Read(), v.AccountID)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.renderEdit(w, r, http.StatusUnprocessableEntity, form, wrong)
}

// ChangePassword sets a new password for somebody who knows the old one. The
// generation stays that of the session: who came in by a password that staff
// set can't turn it into the person's own that way.
func (p *People) ChangePassword(ctx context.Context, v *web.Viewer, old, password, address string) error {
	key := "pair change " + v.Handle + " " + address
	if p.limits.full(key, signInPair) {
		return fmt.Errorf("change password: %w", tooMany)
	}
	a, err := accountBy(ctx, p.DB.Read(), "a.id = ?", v.AccountID)
	if err != nil {
		return err
	}
	ok, _, err := p.try(ctx, a.PasswordHash, old)
	if err != nil {
		return err
	}
	if !ok {
		p.limits.add(key, signInPair)
		return store.Invalid("old", "people.password.old")
	}
	if err := checkPassword(password, a.Handle, a.Email); err != nil {
		return err
	}
	hash, err := p.hash(ctx, password)
	if err != nil {
		return err
	}
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := setPassword(ctx, tx, a.ID, hash, v.CredentialGeneration); err != nil {
			return err
		}
		return p.write(ctx, tx, a.Email, a.Lang, "people.mail.changed", "Reset", p.Base+"/password")
	})
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	return nil
}

func profileOf(ctx context.Context, idb bun.IDB, account int64) (Shown, error) {
	var row struct {
		Name, Summary, Lang         string
		ShowVerified, ShowTerritory int
		Indexable                   int
	}
	err := idb.NewRaw(`
		select x.name, x.summary, a.lang, a.show_verified, a.show_territory, x.indexable
		from accounts a
		join actors x on x.id = a.actor
		where a.id = ?`, account).Scan(ctx, &row)
	if err != nil {
		return Shown{}, fmt.Errorf("load profile: %w", store.Kind(err))
	}
	return Shown{row.Name, row.Summary, row.Lang, row.ShowVerified == 1, row.ShowTerritory == 1, row.Indexable == 1}, nil
}
