package blogs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"viche/actors"
	"viche/federation"
	"viche/internal/store"
	"viche/web"
)

// moveView is where somebody came from, and where they go on.
type moveView struct {
	Crumbs  []web.Crumb
	Address string
	Aliases []aliasView
	Moved   *personView
	Alias   string
	Target  string
	Errors  web.FormErrors
}

type aliasView struct{ URI, Name string }

func (b *Blogs) showMove(w http.ResponseWriter, r *http.Request) {
	b.renderMove(w, r, http.StatusOK, web.FormErrors{})
}

func (b *Blogs) renderMove(w http.ResponseWriter, r *http.Request, status int, wrong web.FormErrors) {
	who, err := b.reader(r)
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	view := moveView{
		Crumbs: meCrumbs(b.site.Printer(r), "blogs.move.title"), Address: who.Address(), Errors: wrong,
		Alias: r.PostFormValue("alias"), Target: r.PostFormValue("target"),
	}
	for _, uri := range who.AlsoKnownAs() {
		one := aliasView{uri, uri}
		if a, err := b.Book.ByURI(r.Context(), b.DB.Read(), uri); err == nil {
			one.Name = a.Address()
		}
		view.Aliases = append(view.Aliases, one)
	}
	if view.Moved, err = b.moved(r, *who, who); err != nil {
		b.site.Error(w, r, err)
		return
	}
	b.site.Render(w, r, status, "blogs/move", view)
}

// changeMove adds or takes away a former account, goes on elsewhere, or stays.
func (b *Blogs) changeMove(w http.ResponseWriter, r *http.Request) {
	who, err := b.reader(r)
	said := ""
	if err == nil {
		said, err = b.doMove(r, *who)
	}
	var wrong web.FormErrors
	switch {
	case wrong.Take(err):
		b.renderMove(w, r, http.StatusUnprocessableEntity, wrong)
	case err != nil:
		b.site.Error(w, r, err)
	default:
		b.site.Flash(w, said)
		web.Redirect303(w, r, "/me/move")
	}
}

func (b *Blogs) doMove(r *http.Request, who actors.Actor) (said string, err error) {
	ctx := r.Context()
	switch r.PostFormValue("do") {
	case "remove":
		return "blogs.move.removed", b.RemoveAlias(ctx, who, r.PostFormValue("alias"))
	case "stay":
		return "blogs.move.stays", b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return b.Federation.Stay(ctx, tx, who) })
	case "add", "move":
	default:
		return "", fmt.Errorf("move: nothing to do: %w", store.ErrInvalid)
	}
	if !b.asking.may(r) {
		return "", web.ErrTooMany
	}
	if r.PostFormValue("do") == "add" {
		return "blogs.move.added", b.AddAlias(ctx, who, r.PostFormValue("alias"))
	}
	return "blogs.move.done", b.MoveTo(ctx, who, r.PostFormValue("target"))
}

// AddAlias says that an account elsewhere is the same person, so that it can
// move here.
func (b *Blogs) AddAlias(ctx context.Context, who actors.Actor, address string) error {
	other, err := b.elsewhere(ctx, "alias", who, address)
	if err != nil {
		return err
	}
	return b.asNow(ctx, who, func(ctx context.Context, tx *store.Tx, now actors.Actor) error {
		return b.Federation.SetAliases(ctx, tx, now, append(now.AlsoKnownAs(), other.URI))
	})
}

// RemoveAlias takes it back.
func (b *Blogs) RemoveAlias(ctx context.Context, who actors.Actor, uri string) error {
	return b.asNow(ctx, who, func(ctx context.Context, tx *store.Tx, now actors.Actor) error {
		var rest []string
		for _, one := range now.AlsoKnownAs() {
			if one != uri {
				rest = append(rest, one)
			}
		}
		return b.Federation.SetAliases(ctx, tx, now, rest)
	})
}

// MoveTo has an actor of ours go on as an account that names it as a former one.
func (b *Blogs) MoveTo(ctx context.Context, who actors.Actor, address string) error {
	other, err := b.elsewhere(ctx, "target", who, address)
	if err != nil {
		return err
	}
	return b.asNow(ctx, who, func(ctx context.Context, tx *store.Tx, now actors.Actor) error {
		return b.Federation.MoveAway(ctx, tx, now, other.URI)
	})
}

// asNow changes something about an actor of ours as it stands at that moment.
func (b *Blogs) asNow(ctx context.Context, who actors.Actor, change func(ctx context.Context, tx *store.Tx, now actors.Actor) error) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		now, err := b.Book.ByID(ctx, tx, who.ID)
		if err != nil {
			return err
		}
		return change(ctx, tx, now)
	})
}

// elsewhere finds another account by what was typed, as its server describes it
// now.
func (b *Blogs) elsewhere(ctx context.Context, field string, who actors.Actor, address string) (actors.Actor, error) {
	a, err := b.Federation.Lookup(ctx, strings.TrimSpace(address))
	if err == nil && !a.Local {
		a, err = b.Federation.Renew(ctx, a.URI)
	}
	if err == nil && a.ID == who.ID {
		return a, store.Invalid(field, "blogs.move.self")
	}
	if err == nil && (a.Suspended || a.Deleted) {
		err = store.ErrNotFound
	}
	if err == nil {
		return a, nil
	}
	if !errors.Is(err, store.ErrNotFound) && !errors.Is(err, federation.ErrRefused) {
		b.Log.InfoContext(ctx, "an account elsewhere could not be asked for", "err", err)
	}
	return a, store.Invalid(field, "blogs.move.nobody")
}
