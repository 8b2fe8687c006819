package federation

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// TestFollowsMoveAlong has somebody elsewhere move, with all that may be wrong
// about it first.
func TestFollowsMoveAlong(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		one, two := f.stranger(t, "one.test"), f.stranger(t, "two.test")
		old, other := one.person("ada"), one.person("eve")
		to := two.person("ada")
		olena := lviv.resident(t, "olena")
		was, err := lviv.Actor(t.Context(), old)
		if err != nil {
			t.Fatal(err)
		}
		lviv.write(t, func(ctx context.Context, tx *store.Tx) error {
			if err := lviv.Follow(ctx, tx, olena, was); err != nil {
				return err
			}
			return lviv.Book.Accept(ctx, tx, olena.ID, was.ID)
		})
		settle(t, lviv)
		follows := func(uri string) bool {
			a, err := lviv.Book.ByURI(t.Context(), lviv.DB.Read(), uri)
			if err != nil {
				return false
			}
			_, err = lviv.Book.Following(t.Context(), lviv.DB.Read(), olena.ID, a.ID)
			return err == nil
		}
		move := func(id, by, object, target string) {
			t.Helper()
			a := activity("Move", one.uri("/moves/"+id), by, object)
			a["target"] = target
			if status := f.send(t, lviv, by+"#main-key", a); status != http.StatusAccepted {
				t.Fatalf("move %s = %d", id, status)
			}
			settle(t, lviv)
		}
		doc := two.document(to)

		move("1", old, old, to) // the new one does not name the old one
		move("2", other, old, to)
		doc["alsoKnownAs"], doc["movedTo"] = []string{old}, two.uri("/users/third")
		two.put("/users/ada", doc)
		move("3", old, old, to) // the new one moved itself
		if !follows(old) || follows(to) {
			t.Fatal("a move that was none moved a follow")
		}

		delete(doc, "movedTo")
		two.put("/users/ada", doc)
		f.pass(time.Hour) // what was fetched lately is not fetched again
		move("4", old, old, to)
		if follows(old) || !follows(to) {
			t.Errorf("follows old %v, new %v; want only the new one", follows(old), follows(to))
		}
		got := strings.Join(two.got, "\n")
		if !strings.Contains(got, `"Follow"`) || !strings.Contains(got, olena.URI) {
			t.Errorf("the new server got %q, want a Follow", got)
		}
		if undo := strings.Join(one.got, "\n"); !strings.Contains(undo, `"Undo"`) {
			t.Errorf("the old server got %q, want an Undo", undo)
		}

		// Nobody moves every day.
		third := two.person("third")
		doc = two.document(third)
		doc["alsoKnownAs"] = []string{old}
		two.put("/users/third", doc)
		now, err := lviv.Book.ByURI(t.Context(), lviv.DB.Read(), old)
		if err != nil || now.MovedTo != to {
			t.Fatalf("old = %q, %v; want it moved to %s", now.MovedTo, err, to)
		}
		lviv.write(t, func(ctx context.Context, tx *store.Tx) error { return lviv.Follow(ctx, tx, olena, now) })
		settle(t, lviv)
		asked := two.asked["/users/third"]
		move("5", old, old, third)
		if follows(third) || two.asked["/users/third"] != asked {
			t.Error("somebody moved twice in an hour")
		}
	})
}

// TestMoveBetweenTowns is a resident who goes to another town, whose followers
// go along.
func TestMoveBetweenTowns(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test", "kharkiv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv, kharkiv := towns[0], towns[1]
		was, is, fan, near := lviv.resident(t, "ada"), kharkiv.resident(t, "ada2"), kharkiv.resident(t, "fan"), lviv.resident(t, "near")
		there, err := kharkiv.Lookup(t.Context(), "@ada@lviv.test")
		if err != nil {
			t.Fatal(err)
		}
		kharkiv.write(t, func(ctx context.Context, tx *store.Tx) error { return kharkiv.Follow(ctx, tx, fan, there) })
		lviv.write(t, func(ctx context.Context, tx *store.Tx) error { return lviv.Follow(ctx, tx, near, was) })
		settle(t, towns...)

		away := func() error {
			if _, err := lviv.Renew(t.Context(), is.URI); err != nil {
				t.Fatal(err)
			}
			return lviv.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				now, err := lviv.Book.ByID(ctx, tx, was.ID)
				if err != nil {
					return err
				}
				return lviv.MoveAway(ctx, tx, now, is.URI)
			})
		}
		if err := away(); !errors.Is(err, store.ErrInvalid) {
			t.Fatalf("move to an account that does not know of it = %v", err)
		}
		kharkiv.write(t, func(ctx context.Context, tx *store.Tx) error {
			return kharkiv.SetAliases(ctx, tx, is, []string{was.URI, was.URI, "javascript:1"})
		})
		if err := away(); err != nil {
			t.Fatal(err)
		}
		settle(t, towns...)

		if _, err := kharkiv.Book.Following(t.Context(), kharkiv.DB.Read(), fan.ID, is.ID); err != nil {
			t.Errorf("the follower at kharkiv does not follow the new account: %v", err)
		}
		if _, err := kharkiv.Book.Following(t.Context(), kharkiv.DB.Read(), fan.ID, there.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the follower at kharkiv still follows the old one: %v", err)
		}
		remote, err := lviv.Book.ByURI(t.Context(), lviv.DB.Read(), is.URI)
		if err != nil {
			t.Fatal(err)
		}
		if follow, err := lviv.Book.Following(t.Context(), lviv.DB.Read(), near.ID, remote.ID); err != nil || !follow.Accepted {
			t.Errorf("the neighbour = %+v, %v; want to follow the new account", follow, err)
		}
		if n := lviv.count(t, "select count(*) from follows where followee = ?", was.ID); n != 0 {
			t.Errorf("%d follow the old account", n)
		}
		raw, err := kharkiv.Fetch(t.Context(), was.URI)
		if err != nil || !strings.Contains(string(raw), `"movedTo":"`+is.URI+`"`) {
			t.Errorf("old actor = %s, %v", raw, err)
		}
		if known, err := kharkiv.Book.ByURI(t.Context(), kharkiv.DB.Read(), was.URI); err != nil || known.MovedTo != is.URI {
			t.Errorf("kharkiv thinks %q, %v; the Update says where ada went", known.MovedTo, err)
		}

		// Whoever follows the old one now is refused.
		late := kharkiv.resident(t, "late")
		kharkiv.write(t, func(ctx context.Context, tx *store.Tx) error { return kharkiv.Follow(ctx, tx, late, there) })
		settle(t, towns...)
		if n := kharkiv.count(t, "select count(*) from follows where follower = ?", late.ID); n != 0 {
			t.Error("somebody still follows who moved")
		}
		f.pass(time.Hour)
		lviv.write(t, func(ctx context.Context, tx *store.Tx) error { return lviv.Stay(ctx, tx, was) })
		if err := away(); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("second move within a week = %v", err)
		}
	})
}

// TestWhatActorsSayIsKept reads an actor, and again when it is updated.
func TestWhatActorsSayIsKept(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv, one := towns[0], f.stranger(t, "one.test")
		uri := one.person("ada")
		doc := one.document(uri)
		doc["alsoKnownAs"], doc["featured"], doc["indexable"] = []string{"https://two.test/users/ada"}, uri+"/pinned", true
		doc["image"] = map[string]any{"type": "Image", "url": "https://one.test/i.png"}
		doc["attachment"] = []any{map[string]any{"type": "PropertyValue", "name": "Web", "value": "<b>x</b>"}}
		doc["generator"] = map[string]any{"type": "Application", "implements": []any{map[string]any{"href": rfc9421Spec}}}
		one.put("/users/ada", doc)
		a, err := lviv.Actor(t.Context(), uri)
		if err != nil {
			t.Fatal(err)
		}
		if !a.KnowsAs("https://two.test/users/ada") || a.Featured != uri+"/pinned" || !a.Indexable || a.Image != "https://one.test/i.png" {
			t.Errorf("actor = %+v", a)
		}
		if got := a.Lines(); len(got) != 1 || got[0] != (actors.Field{Name: "Web", Value: "<b>x</b>"}) {
			t.Errorf("lines = %v", got)
		}
		if style := lviv.style(t.Context(), "one.test"); style != rfc9421Style {
			t.Errorf("style = %q; the server says that it reads RFC 9421", style)
		}
		doc["indexable"], doc["movedTo"] = false, "https://two.test/users/ada"
		if status := f.send(t, lviv, uri+"#main-key", activity("Update", one.uri("/u/1"), uri, doc)); status != http.StatusAccepted {
			t.Fatalf("update = %d", status)
		}
		settle(t, lviv)
		if a, err = lviv.Book.ByURI(t.Context(), lviv.DB.Read(), uri); err != nil || a.Indexable || a.MovedTo == "" || a.Featured == "" {
			t.Errorf("after the update = %+v, %v", a, err)
		}
		if a.MovedAt != 0 {
			t.Error("an Update counts as a move")
		}
	})
}

// TestChangedTellsOnlyWhomSomebodyKnows has a profile change before and after
// anybody asked for it.
func TestChangedTellsOnlyWhomSomebodyKnows(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, _ *fediverse, towns ...*town) {
		lviv := towns[0]
		olena := lviv.resident(t, "olena")
		changed := func() int {
			lviv.write(t, func(ctx context.Context, tx *store.Tx) error { return lviv.Changed(ctx, tx, olena.ID) })
			return lviv.count(t, "select count(*) from activities where type = 'Update' and actor = ?", olena.ID)
		}
		if n := changed(); n != 0 {
			t.Errorf("%d updates of somebody without keys", n)
		}
		var doc *ap.Actor
		doc, err := lviv.Document(t.Context(), olena)
		if err != nil || doc.Indexable {
			t.Fatalf("document = %+v, %v; want nobody indexed unasked", doc, err)
		}
		if n := changed(); n != 1 {
			t.Errorf("%d updates; want 1", n)
		}
	})
}
