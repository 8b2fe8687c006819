package blogs

import (
	"fmt"
	"net/http"
	"strings"

	"viche/internal/store"
	"viche/web"
)

// authorizeInteraction is where a stranger's home sends one of ours: to the page
// of the post or the person that the address names, where the buttons are.
func (b *Blogs) authorizeInteraction(w http.ResponseWriter, r *http.Request) {
	uri := strings.TrimSpace(r.URL.Query().Get("uri"))
	if uri == "" {
		uri = strings.TrimSpace(r.URL.Query().Get("acct"))
	}
	to, err := b.pageOf(r, strings.TrimPrefix(uri, "acct:"))
	if err != nil {
		b.site.Error(w, r, fmt.Errorf("interaction: %w", err))
		return
	}
	web.Redirect303(w, r, to)
}

// pageOf is our page of what an address or a handle names; an ordinary search
// where it names nothing.
func (b *Blogs) pageOf(r *http.Request, uri string) (string, error) {
	if b.IsPoll != nil {
		if page, ok := b.IsPoll(r.Context(), uri); ok {
			return page, nil
		}
	}
	if !b.asking.may(r) {
		return "", web.ErrTooMany
	}
	who, err := b.writer(r)
	if err != nil {
		return "", err
	}
	p, a, err := b.Find(r.Context(), who, uri)
	if err != nil {
		b.Log.InfoContext(r.Context(), "what a stranger's server named could not be had", "err", err)
		return "/search?q=" + queryOf(uri), nil
	}
	if p != nil {
		return p.Path(), nil
	}
	if a == nil {
		return "/search?q=" + queryOf(uri), nil
	}
	return b.profilePath(*a), nil
}

// share opens the form to write with what another page hands over.
func (b *Blogs) share(w http.ResponseWriter, r *http.Request) {
	var parts []string
	for _, name := range []string{"title", "text", "url"} {
		if text := strings.TrimSpace(r.URL.Query().Get(name)); text != "" {
			parts = append(parts, text)
		}
	}
	web.Redirect303(w, r, "/blogs/new?text="+queryOf(strings.Join(parts, "\n\n")))
}

// interactView asks somebody not signed in where they are at home.
type interactView struct {
	Follow bool
	What   string // whom or what it is about
	Back   string // its page
	To     string
	Act    string
	Handle string
	Errors web.FormErrors
}

func (b *Blogs) showInteract(w http.ResponseWriter, r *http.Request) {
	view, err := b.interactView(r, r.URL.Query().Get("to"), r.URL.Query().Get("act"))
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	if web.ViewerOf(r) != nil {
		web.Redirect303(w, r, view.Back)
		return
	}
	b.renderInteract(w, r, http.StatusOK, view)
}

// renderInteract lets the form end at another server, which the site's policy
// would not.
func (b *Blogs) renderInteract(w http.ResponseWriter, r *http.Request, status int, view interactView) {
	policy := w.Header().Get("Content-Security-Policy")
	w.Header().Set("Content-Security-Policy", strings.Replace(policy, "form-action 'self'", "form-action 'self' https: http:", 1))
	b.site.Render(w, r, status, "blogs/interact", view)
}

// interactView finds what the address names among what we have: strangers have
// nothing fetched.
func (b *Blogs) interactView(r *http.Request, uri, act string) (interactView, error) {
	ctx, view := r.Context(), interactView{To: uri, Act: act, Follow: act == "follow"}
	if view.Follow {
		a, err := b.Book.ByURI(ctx, b.DB.Read(), uri)
		if err == nil && (a.Deleted || a.Suspended) {
			err = store.ErrNotFound
		}
		view.What, view.Back = a.Label(), b.profilePath(a)
		return view, err
	}
	view.Act = ""
	p, err := b.ByURI(ctx, b.DB.Read(), uri)
	if err != nil {
		return view, err
	}
	if !p.Open() {
		return view, fmt.Errorf("post %d: %w", p.ID, store.ErrNotFound)
	}
	author, err := b.Book.ByID(ctx, b.DB.Read(), p.Author)
	view.What, view.Back = author.Label(), p.Path()
	return view, err
}

// intents are what a server is asked to let its people do, by the names that
// WebFinger has for them (FEP-3b86).
const (
	intentFollow = "https://w3id.org/fep/3b86/Follow"
	intentObject = "https://w3id.org/fep/3b86/Object"
)

// interact sends somebody to their own server, with what they want to do.
func (b *Blogs) interact(w http.ResponseWriter, r *http.Request) {
	view, err := b.interactView(r, r.PostFormValue("to"), r.PostFormValue("act"))
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	view.Handle = strings.TrimSpace(r.PostFormValue("handle"))
	name, host, ok := strings.Cut(strings.TrimPrefix(view.Handle, "@"), "@")
	if !ok || name == "" || !strings.Contains(host, ".") || strings.ContainsAny(host, "/?#@ ") {
		view.Errors.Add("handle", "blogs.interact.handle.form")
		b.renderInteract(w, r, http.StatusUnprocessableEntity, view)
		return
	}
	if strings.EqualFold(host, b.Book.Host()) {
		web.Redirect303(w, r, "/sign-in?next="+queryOf(view.Back))
		return
	}
	if !b.asking.may(r) {
		b.site.Error(w, r, web.ErrTooMany)
		return
	}
	rel := intentObject
	if view.Follow {
		rel = intentFollow
	}
	to, err := b.Federation.RemoteIntent(r.Context(), name+"@"+host, rel, view.To)
	if err != nil {
		b.Log.InfoContext(r.Context(), "somebody's own server could not be asked", "err", err)
		view.Errors.Add("handle", "blogs.interact.handle.unknown", "Host", host)
		b.renderInteract(w, r, http.StatusUnprocessableEntity, view)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
