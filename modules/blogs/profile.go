package blogs

import (
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"viche/actors"
	"viche/internal/locale"
	"viche/internal/markup"
	"viche/internal/store"
	"viche/web"
)

// standingView is how the reader stands to somebody, with the buttons.
type standingView struct {
	ID       string
	Between  Between
	Host     string // of another server
	Shut     bool   // its host is blocked by the reader as a whole
	Mention  string // to begin a post with
	Stranger string // where somebody not signed in goes to follow
	Report   string
	Back     string
	Self     bool
}

// sectionView are the posts of somebody, below what their page says otherwise.
type sectionView struct {
	Person   personView
	Standing standingView
	Counts   []web.Fact
	Feed     string
	Write    bool // the page is the reader's own
	Pinned   []postView
	Posts    []postView
	Older    string
	First    string
	Away     string // why there is nothing to see
	Known    bool   // only what we happen to know: it is somebody elsewhere
}

// profileView is the page of somebody of another server.
type profileView struct {
	Name, Address, Kind string
	Picture, Letter     string
	Summary             template.HTML
	Fields              []fieldView
	Original            string
	Host                string
	Moved               *personView
	WriteAs             string // where to write in its name
	Section             sectionView
}

type fieldView struct {
	Name  string
	Value template.HTML
}

// Remote is the page of somebody of another server, /@olena@lviv.example. Only
// somebody signed in can have us ask for one whom we don't know.
func (b *Blogs) Remote(w http.ResponseWriter, r *http.Request, handle string) {
	view, local, err := b.remote(r, handle)
	switch {
	case err != nil:
		b.site.Error(w, r, fmt.Errorf("profile %s: %w", handle, err))
	case local != "":
		web.Redirect303(w, r, local)
	default:
		b.site.Render(w, r, http.StatusOK, "blogs/profile", view)
	}
}

func (b *Blogs) remote(r *http.Request, handle string) (view profileView, local string, err error) {
	reader, err := b.reader(r)
	if err != nil {
		return view, "", err
	}
	a, err := b.Book.ByHandle(r.Context(), b.DB.Read(), handle)
	if isNotFound(err) && reader != nil {
		if a, err = b.lookup(r, handle); err != nil {
			return view, "", err
		}
	}
	if err != nil {
		return view, "", err
	}
	if a.Local {
		return view, "/@" + a.Handle, nil
	}
	if a.Deleted || a.Suspended {
		return view, "", store.ErrNotFound
	}
	p := b.person(a)
	view = profileView{Name: a.Label(), Address: a.Address(), Picture: p.Picture, Letter: p.Letter, Original: page(a), Host: a.Host,
		Summary: template.HTML(markup.Sanitise(a.Summary, false))} // cleaned of all that could act
	if view.Moved, err = b.moved(r, a, reader); err != nil {
		return view, "", err
	}
	view.Fields = fieldsOf(a)
	words := b.site.Printer(r)
	switch a.Type {
	case "Group":
		view.Kind = words.T("blogs.profile.group")
	case "Organization":
		view.Kind = words.T("blogs.profile.organisation")
	case "Service", "Application":
		view.Kind = words.T("blogs.profile.bot")
	}
	view.Section, err = b.section(r, a, reader)
	return view, "", err
}

// moved is where somebody went on, nil for one who stayed. Only for somebody
// signed in it is asked who that is.
func (b *Blogs) moved(r *http.Request, a actors.Actor, reader *actors.Actor) (*personView, error) {
	if a.MovedTo == "" {
		return nil, nil
	}
	to, err := b.Book.ByURI(r.Context(), b.DB.Read(), a.MovedTo)
	if isNotFound(err) && reader != nil && b.asking.may(r) {
		if to, err = b.Federation.Actor(r.Context(), a.MovedTo); err != nil {
			b.Log.InfoContext(r.Context(), "where somebody moved could not be asked", "err", err)
			return nil, nil
		}
	}
	if isNotFound(err) || to.Suspended || to.Deleted {
		return nil, nil
	}
	p := b.person(to)
	return &p, err
}

// fieldsOf are the lines of a profile elsewhere, cleaned as its text is.
func fieldsOf(a actors.Actor) (list []fieldView) {
	var fields []struct{ Name, Value string }
	if a.Fields == "" || json.Unmarshal([]byte(a.Fields), &fields) != nil {
		return nil // lines that we can't read are none
	}
	for _, f := range fields {
		list = append(list, fieldView{markup.Name(f.Name), template.HTML(markup.Sanitise(f.Value, false))})
	}
	return list
}

// ProfileSection is what the page of one of ours shows besides: buttons to
// follow, and the posts. It is HTML for another module's page.
func (b *Blogs) ProfileSection(r *http.Request, a actors.Actor) (template.HTML, error) {
	reader, err := b.reader(r)
	if err != nil {
		return "", err
	}
	view, err := b.section(r, a, reader)
	if err != nil {
		return "", fmt.Errorf("posts of %s: %w", a.Handle, err)
	}
	return b.site.Part(r, "blogs/profile", "profile-section", view)
}

// channelPosts are how many posts the page of a sphere shows.
const channelPosts = 10

// channelView are the newest posts that a channel passed on.
type channelView struct {
	Standing standingView
	Posts    []postView
	Write    string
	Older    string
	First    string
}

// SphereEntries are the posts that the channel of a sphere passed on.
func (b *Blogs) SphereEntries(ctx context.Context, reader int64, slug string, before int64, limit int) ([]Entry, error) {
	channel, err := b.Book.BySlug(ctx, b.DB.Read(), slug)
	if err != nil {
		return nil, err
	}
	return b.By(ctx, reader, channel, false, before, limit)
}

// ChannelSection is the part of a sphere's page with its posts, as HTML for
// another module's page.
func (b *Blogs) ChannelSection(r *http.Request, slug string) (template.HTML, error) {
	reader, err := b.reader(r)
	if err != nil {
		return "", err
	}
	var list timelineView
	err = b.fill(r, b.showing(r, reader), &list, func(ctx context.Context, before int64, limit int) ([]Entry, error) {
		return b.SphereEntries(ctx, idOf(reader), slug, before, min(limit, channelPosts+1))
	})
	if err != nil {
		return "", fmt.Errorf("posts of sphere %s: %w", slug, err)
	}
	channel, err := b.Book.BySlug(r.Context(), b.DB.Read(), slug)
	if err != nil {
		return "", err
	}
	standing, err := b.standing(r, channel, reader)
	if err != nil {
		return "", err
	}
	view := channelView{Standing: standing, Posts: list.Posts, Older: list.Older, First: list.First}
	if reader != nil {
		view.Write = "/blogs/new?sphere=" + slug
	}
	return b.site.Part(r, "blogs/profile", "channel-section", view)
}

// section gathers the posts of somebody and how the reader stands to them.
func (b *Blogs) section(r *http.Request, a actors.Actor, reader *actors.Actor) (sectionView, error) {
	ctx, words := r.Context(), b.site.Printer(r)
	view := sectionView{Person: b.person(a), Known: !a.Local, Write: reader != nil && reader.ID == a.ID}
	if a.Local {
		view.Feed = "/@" + a.Handle + "/feed.atom"
	}
	var err error
	if view.Standing, err = b.standing(r, a, reader); err != nil {
		return view, err
	}
	if view.Counts, err = b.counts(ctx, words, a); err != nil {
		return view, err
	}
	switch between := view.Standing.Between; {
	case between.Blocked:
		view.Away = words.T("blogs.profile.blocked-by")
	case between.Blocks:
		view.Away = words.T("blogs.profile.blocks")
	case between.Mutes:
		view.Away = words.T("blogs.profile.mutes")
	}
	if view.Away != "" {
		return view, nil
	}
	return view, b.postsOf(r, a, reader, &view)
}

// postsOf adds the pinned posts, on the first page, and the others.
func (b *Blogs) postsOf(r *http.Request, a actors.Actor, reader *actors.Actor, view *sectionView) error {
	s := b.showing(r, reader)
	if web.Number(r.URL.Query().Get("before")) == 0 {
		pinned, err := b.Pinned(r.Context(), a.ID)
		if err != nil {
			return err
		}
		if view.Pinned, err = s.posts(r.Context(), pinned); err != nil {
			return err
		}
		for i := range view.Pinned {
			view.Pinned[i].Pinned = true
		}
	}
	var list timelineView
	err := b.fill(r, s, &list, func(ctx context.Context, before int64, limit int) ([]Entry, error) {
		return b.By(ctx, idOf(reader), a, view.Standing.Between.Follows, before, limit)
	})
	view.Posts, view.Older, view.First = list.Posts, list.Older, list.First
	view.Posts = slices.DeleteFunc(view.Posts, func(v postView) bool { // stands above already
		return slices.ContainsFunc(view.Pinned, func(p postView) bool { return p.ID == v.ID })
	})
	return err
}

// counts are the numbers of somebody of ours; those of others are known to
// their own server alone.
func (b *Blogs) counts(ctx context.Context, words *locale.Printer, a actors.Actor) ([]web.Fact, error) {
	if !a.Local {
		return nil, nil
	}
	followers, following, err := b.Book.CountFollows(ctx, b.DB.Read(), a.ID)
	if err != nil {
		return nil, err
	}
	return []web.Fact{{Text: words.T("blogs.profile.followers", "Count", followers)}, {Text: words.T("blogs.profile.following", "Count", following)}}, nil
}

// standing says how the reader stands to somebody.
func (b *Blogs) standing(r *http.Request, a actors.Actor, reader *actors.Actor) (standingView, error) {
	v := standingView{ID: strconv.FormatInt(a.ID, 10), Back: here(r), Report: "/report?actor=" + strconv.FormatInt(a.ID, 10)}
	v.Mention = "@" + a.Handle + " "
	if !a.Local {
		v.Host, v.Mention = a.Host, a.Address()+" "
	}
	if reader == nil {
		v.Stranger = "/interact?act=follow&to=" + queryOf(a.URI)
		return v, nil
	}
	if v.Self = reader.ID == a.ID; v.Self {
		return v, nil
	}
	var err error
	if v.Between, err = b.BetweenOf(r.Context(), reader.ID, a); err != nil || a.Local || !v.Between.Blocks {
		return v, err
	}
	v.Shut, err = exists(r.Context(), b.DB.Read(), "select 1 from shuns where actor = ? and kind = 'block' and other = 0 and host = ?", reader.ID, a.Host)
	return v, err
}

// lookup finds somebody by handle, asking other servers; not too often for one
// person.
func (b *Blogs) lookup(r *http.Request, handle string) (actors.Actor, error) {
	if !b.asking.may(r) {
		return actors.Actor{}, web.ErrTooMany
	}
	a, err := b.Federation.Lookup(r.Context(), strings.TrimPrefix(handle, "@"))
	if err != nil && !isNotFound(err) {
		b.Log.InfoContext(r.Context(), "somebody elsewhere could not be found", "err", err)
		err = fmt.Errorf("%w (%w)", store.ErrNotFound, err)
	}
	return a, err
}
