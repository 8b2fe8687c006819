package polls_test

import (
	"testing"
	"time"

	"viche/internal/citytest"
)

func TestAnswersBecomeUnreadableAfterTheirTime(t *testing.T) {
	t.Parallel()
	each(t, []string{"kamianske"}, func(t *testing.T, n *citytest.Network) {
		town := n.Town("kamianske")
		crowd := n.Crowd("kamianske", 20)
		poll := n.OpenPoll("kamianske", "city")
		votes(t, n, crowd, poll, "o1", "o2", "o1")
		n.Advance(40 * 24 * time.Hour)
		n.Settle()
		own := as(t, n, "kamianske", crowd[0])
		if town.City.Box.Destroyed(poll.Box()) {
			t.Fatal("the key is gone before its time")
		}
		if err := town.City.Polls.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		if town.City.Box.Destroyed(poll.Box()) {
			t.Fatal("Forget destroyed a key of a poll that closed lately")
		}
		n.Advance(60 * 24 * time.Hour)
		if err := town.City.Polls.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		if town.City.Box.Destroyed(poll.Box()) {
			t.Fatal("the key is gone, and statuses still wait for the answers")
		}
		n.Advance(100 * 24 * time.Hour)
		for range 2 { // the second time does nothing
			if err := town.City.Polls.Forget(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if !town.City.Box.Destroyed(poll.Box()) {
			t.Fatal("the key is still there half a year after the close")
		}
		var acts int
		if err := town.City.DB.ReadBound().Row(t.Context(), []any{&acts}, "select count(*) from acts where act = 'poll.key-destroyed' and subject = ?", poll.URI); err != nil || acts != 1 {
			t.Errorf("the log has %d lines about it (%v), want 1", acts, err)
		}
		// The result stays.
		own.shows("/polls/"+poll.PollID, 200, []string{"20"}, []string{"20"})
	})
}
