package blogs_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"viche/internal/citytest"
	"viche/internal/store"
)

// TestMovePage names a former account, and goes to another city by the page.
func TestMovePage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		ada, bob := person(t, n, "lviv", "ada"), person(t, n, "kamianske", "bob")
		fan := person(t, n, "kamianske", "fan")
		fan.must("do it", fan.town.Blogs.Follow(t.Context(), fan.Actor, fan.sees(ada)))
		n.Settle()

		page := ada.browses()
		if status, body := page.Post("/me/move", "do", "move", "target", "@nobody@kamianske.test"); status != http.StatusUnprocessableEntity || !strings.Contains(body, "nobody@kamianske.test") {
			t.Errorf("move to nobody = %d", status)
		}
		if status, _ := page.Post("/me/move", "do", "move", "target", "@bob@kamianske.test"); status != http.StatusUnprocessableEntity {
			t.Errorf("move to somebody who does not know of it = %d", status)
		}
		if status, body := bob.browses().Post("/me/move", "do", "add", "alias", "@ada@lviv.test"); status != http.StatusOK || !strings.Contains(body, "@ada@lviv.test") {
			t.Fatalf("add a former account = %d\n%s", status, body)
		}
		if status, body := page.Post("/me/move", "do", "move", "target", "@bob@kamianske.test"); status != http.StatusOK || !strings.Contains(body, "@bob@kamianske.test") {
			t.Fatalf("move = %d\n%s", status, body)
		}
		n.Settle()
		between, err := fan.town.Blogs.BetweenOf(t.Context(), fan.Actor.ID, bob.Actor)
		if err != nil || !between.Follows {
			t.Errorf("fan and bob = %+v, %v; want the follow moved", between, err)
		}
		if status, body := page.Post("/me/move", "do", "stay"); status != http.StatusOK || strings.Contains(body, `value="stay"`) {
			t.Errorf("stay = %d", status)
		}
	})
}

// TestBlockFromElsewhere cuts what was between two, until it is taken back.
func TestBlockFromElsewhere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		ada, bob := person(t, n, "lviv", "ada"), person(t, n, "kamianske", "bob")
		ada.must("do it", ada.town.Blogs.Follow(t.Context(), ada.Actor, ada.sees(bob)))
		bob.must("do it", bob.town.Blogs.Follow(t.Context(), bob.Actor, bob.sees(ada)))
		n.Settle()
		follows := func(s someone) (count int) {
			ada.must("do it", s.town.DB.ReadBound().Row(t.Context(), []any{&count}, "select count(*) from follows where follower = ? or followee = ?", s.Actor.ID, s.Actor.ID))
			return count
		}
		if follows(ada) != 2 || follows(bob) != 2 {
			t.Fatalf("follows = %d, %d; want 2 at both", follows(ada), follows(bob))
		}
		bob.must("do it", bob.town.Blogs.Block(t.Context(), bob.Actor, bob.sees(ada)))
		n.Settle()
		if follows(ada) != 0 || follows(bob) != 0 {
			t.Errorf("follows after the block = %d, %d", follows(ada), follows(bob))
		}
		apart := func() (yes bool) {
			ada.must("do it", ada.town.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
				yes, err = ada.town.Blogs.Apart(ctx, tx, ada.Actor, ada.sees(bob))
				return err
			}))
			return yes
		}
		if err := ada.town.Blogs.Follow(t.Context(), ada.Actor, ada.sees(bob)); err == nil || !apart() {
			t.Errorf("follow of somebody who blocks = %v", err)
		}
		bob.must("do it", bob.town.Blogs.Unblock(t.Context(), bob.Actor, bob.sees(ada)))
		n.Settle()
		if apart() {
			t.Error("the block was not taken back")
		}
	})
}
