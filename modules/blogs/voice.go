package blogs

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"viche/actors"
	"viche/internal/store"
	"viche/web"
)

// speaks is a writer in the place of a channel that the account may speak for:
// the city, or a sphere. Handle "" is the writer. store.ErrDenied for others'.
func (b *Blogs) speaks(ctx context.Context, w Writer, handle string) (Writer, error) {
	if handle == "" || handle == w.Actor.Handle {
		return w, nil
	}
	list, err := b.voices(ctx, w)
	if err != nil {
		return w, err
	}
	at := slices.IndexFunc(list, func(a actors.Actor) bool { return a.Handle == handle })
	if at < 0 {
		return w, fmt.Errorf("write as %s: %w", handle, store.ErrDenied)
	}
	w.Actor = list[at]
	return w, nil
}

func (b *Blogs) voices(ctx context.Context, w Writer) ([]actors.Actor, error) {
	if b.Voices == nil || !w.Staff {
		return nil, nil
	}
	return b.Voices(ctx, w.Account)
}

// writerOf is who changes the post that an address names: its author, or the
// channel that wrote it where the account may speak for that.
func (b *Blogs) writerOf(r *http.Request, id int64) (Writer, *Post, error) {
	w, err := b.writer(r)
	if err != nil {
		return w, nil, err
	}
	p, err := b.ByID(r.Context(), b.DB.Read(), id)
	if err != nil {
		return w, nil, err
	}
	if p.Author != w.Actor.ID {
		list, err := b.voices(r.Context(), w)
		if err != nil {
			return w, nil, err
		}
		if at := slices.IndexFunc(list, func(a actors.Actor) bool { return a.ID == p.Author }); at >= 0 {
			w.Actor = list[at]
		}
	}
	p, err = b.own(r.Context(), id, w.Actor)
	return w, p, err
}

// handOver makes a channel the owner of the pictures that somebody added to what
// they write for it.
func handOver(ctx context.Context, tx *store.Tx, from, to int64, pictures []Picture) error {
	if from == to {
		return nil
	}
	for _, pic := range pictures {
		if _, err := tx.Exec(ctx, "update media set actor = ? where name = ? and actor = ? and post is null", to, pic.Name, from); err != nil {
			return err
		}
	}
	return nil
}

// voiceChoices are whose name a post may be written in; nil where there is only
// one's own.
func (b *Blogs) voiceChoices(ctx context.Context, w Writer, chosen string) (list []web.Choice, err error) {
	voices, err := b.voices(ctx, w)
	if err != nil || len(voices) == 0 {
		return nil, err
	}
	list = []web.Choice{{Value: "", Label: w.Actor.Label(), Checked: chosen == ""}}
	for _, a := range voices {
		list = append(list, web.Choice{Value: a.Handle, Label: a.Label() + " (@" + a.Handle + ")", Checked: a.Handle == chosen})
	}
	return list, nil
}

// City is the page /@city: what the city itself says, and a button to follow it.
func (b *Blogs) City(w http.ResponseWriter, r *http.Request) {
	view, err := b.cityPage(r)
	if err != nil {
		b.site.Error(w, r, fmt.Errorf("page of the city: %w", err))
		return
	}
	b.site.Render(w, r, http.StatusOK, "blogs/profile", view)
}

func (b *Blogs) cityPage(r *http.Request) (view profileView, err error) {
	reader, err := b.reader(r)
	if err != nil {
		return view, err
	}
	a, err := b.Book.ByHandle(r.Context(), b.DB.Read(), "city")
	if err != nil {
		return view, err
	}
	view = profileView{Name: a.Label(), Address: a.Address(), Kind: b.site.Printer(r).T("blogs.city.kind")}
	if view.Section, err = b.section(r, a, reader); err != nil || reader == nil {
		return view, err
	}
	who, err := b.writer(r)
	if err != nil {
		return view, err
	}
	list, err := b.voices(r.Context(), who)
	if slices.ContainsFunc(list, func(v actors.Actor) bool { return v.ID == a.ID }) {
		view.WriteAs = "/blogs/new?as=" + a.Handle
	}
	return view, err
}
