package moderation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/internal/store"
	"viche/web"
)

// LiftMeasure takes one measure back, for a reason that everybody may read.
// Errors are those of Decide.
func (m *Moderation) LiftMeasure(ctx context.Context, id int64, by *web.Viewer, reason string) error {
	reason, err := readReason("reason", reason)
	if err != nil {
		return err
	}
	e, about, err := m.measureOf(ctx, id, by)
	if err != nil {
		return err
	}
	restore := func(context.Context, *store.Tx) error { return nil }
	if e.Act == Suspend {
		if restore, err = m.Options.Suspend(ctx, about, false); err != nil {
			return fmt.Errorf("restore %s: %w", about.URI, err)
		}
	}
	err = m.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		now := store.NewID()
		lift := entry{ID: now, Decision: now, Report: e.Report, About: e.About, Post: e.Post, Host: e.Host,
			Act: Lift, Rule: e.Rule, Reason: reason, Moderator: by.Handle, Lifts: e.ID}
		// The log has a place for one lift of a measure, so the second one fails here.
		if err := note(ctx, tx, lift); err != nil {
			return err
		}
		if err := m.undo(ctx, tx, e, restore); err != nil {
			return err
		}
		return m.tellOfLift(ctx, tx, e, reason)
	})
	if err != nil {
		return fmt.Errorf("lift measure %d: %w", id, err)
	}
	return nil
}

func (m *Moderation) undo(ctx context.Context, tx *store.Tx, e entry, restore func(context.Context, *store.Tx) error) (err error) {
	switch e.Act {
	case Hide:
		_, err = m.Unhide(ctx, tx, e.Post)
	case Mark:
		_, err = m.Unmark(ctx, tx, e.Post)
	case Limit:
		_, err = tx.Exec(ctx, "delete from limited_actors where actor = ?", e.About)
	case Suspend:
		err = restore(ctx, tx)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil // the post is gone: nothing left to bring back
	}
	return err
}

// measureOf finds a measure in force for who may take it back.
func (m *Moderation) measureOf(ctx context.Context, id int64, by *web.Viewer) (e entry, about actors.Actor, err error) {
	db := m.DB.Read()
	if e, err = entryOf(ctx, db, id); err != nil {
		return e, about, err
	}
	if about, err = m.Book.ByID(ctx, db, e.About); err != nil {
		return e, about, err
	}
	if err = m.mayDecide(ctx, db, by, about); err != nil {
		return e, about, err
	}
	switch {
	case e.Lifted:
		err = errDecided
	case !e.force():
		err = fmt.Errorf("nothing to take back in %d: %w", id, store.ErrNotFound)
	}
	return e, about, err
}

type liftView struct {
	Crumbs []web.Crumb
	ID     string
	Who    string
	Line   lineView
	Then   string // what will happen
	Reason string
	Letter *letterView
	Sure   bool // the preview
	Errors web.FormErrors
}

func (s pages) showMeasure(w http.ResponseWriter, r *http.Request) {
	s.renderMeasure(w, r, http.StatusOK, "", false, web.FormErrors{})
}

func (s pages) renderMeasure(w http.ResponseWriter, r *http.Request, status int, reason string, sure bool, wrong web.FormErrors) {
	words := s.site.Printer(r)
	e, about, err := s.measureOf(r.Context(), web.Number(chi.URLParam(r, "id")), web.ViewerOf(r))
	if errors.Is(err, errDecided) {
		s.site.Flash(w, "moderation.late")
		web.Redirect303(w, r, "/moderation")
		return
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	view := liftView{
		Crumbs: []web.Crumb{{Text: words.T("moderation.queue.title"), Href: "/desk/reports"}, {Text: words.T("moderation.lift.title")}},
		ID:     strconv.FormatInt(e.ID, 10), Who: about.Address(), Line: line(words, e), Then: words.T("moderation.then.un" + e.Act),
		Reason: reason, Sure: sure, Errors: wrong,
	}
	if sure && about.Local {
		if a, err := s.AccountOf(r.Context(), s.DB.Read(), about.ID); err == nil {
			view.Letter = s.liftLetter(a.Lang, e, reason)
		}
	}
	s.site.Render(w, r, status, "moderation/lift", view)
}

func (s pages) lift(w http.ResponseWriter, r *http.Request) {
	id, reason := web.Number(chi.URLParam(r, "id")), r.PostFormValue("reason")
	var err error
	switch r.PostFormValue("do") {
	case "edit":
		s.renderMeasure(w, r, http.StatusOK, reason, false, web.FormErrors{})
		return
	case "preview":
		if _, err = readReason("reason", reason); err == nil {
			s.renderMeasure(w, r, http.StatusOK, reason, true, web.FormErrors{})
			return
		}
	case "lift":
		err = s.LiftMeasure(r.Context(), id, web.ViewerOf(r), reason)
	default:
		err = fmt.Errorf("no such step: %w", store.ErrInvalid)
	}
	var wrong web.FormErrors
	switch {
	case err == nil:
		s.site.Flash(w, "moderation.lift.done")
		web.Redirect303(w, r, "/moderation")
	case wrong.Take(err):
		s.renderMeasure(w, r, http.StatusUnprocessableEntity, reason, false, wrong)
	case errors.Is(err, store.ErrExists):
		s.site.Flash(w, "moderation.late")
		web.Redirect303(w, r, "/moderation")
	default:
		s.site.Error(w, r, err)
	}
}
