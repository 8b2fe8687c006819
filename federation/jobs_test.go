package federation

import (
	"context"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"viche/internal/store"
)

// TestJobsDoItAll lets the real queue do what settle does elsewhere: a follow
// goes out, is accepted over there, and the answer comes back.
func TestJobsDoItAll(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test", "kharkiv.test"}, func(t *testing.T, _ *fediverse, towns ...*town) {
		lviv, kharkiv := towns[0], towns[1]
		for _, c := range towns {
			workers := river.NewWorkers()
			c.Workers(workers)
			// Without the periodic safety net, so that the wake-ups must work.
			if err := c.DB.StartJobs(t.Context(), workers, nil); err != nil {
				t.Fatal(err)
			}
		}
		olena := kharkiv.resident(t, "olena")
		news, err := kharkiv.Lookup(t.Context(), "@city@lviv.test")
		if err != nil {
			t.Fatal(err)
		}
		kharkiv.write(t, func(ctx context.Context, tx *store.Tx) error { return kharkiv.Follow(ctx, tx, olena, news) })
		for end := time.Now().Add(20 * time.Second); ; {
			f, err := kharkiv.Book.Following(t.Context(), kharkiv.DB.Read(), olena.ID, news.ID)
			if err == nil && f.Accepted {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("follow = %+v, %v after 20 s; inbox at lviv %d, deliveries at lviv %d", f, err,
					lviv.count(t, "select count(*) from inbox"), lviv.count(t, "select count(*) from deliveries"))
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
}

// TestTidyForgets keeps what a late copy could still meet.
func TestTidyForgets(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		far := f.stranger(t, "far.test")
		olena := far.person("olena")
		f.send(t, lviv, olena+"#main-key", activity("Delete", "https://far.test/a/1", olena, "https://far.test/n/1"))
		settle(t, lviv)
		rows := func() [2]int {
			if err := lviv.Tidy(t.Context()); err != nil {
				t.Fatal(err)
			}
			return [2]int{lviv.count(t, "select count(*) from inbox"), lviv.count(t, "select count(*) from heard")}
		}
		f.pass(2 * 24 * time.Hour)
		if got := rows(); got != [2]int{1, 1} {
			t.Errorf("after two days: %v rows of inbox and tombstones, want 1 and 1", got)
		}
		f.pass(10 * 24 * time.Hour)
		if got := rows(); got != [2]int{0, 1} {
			t.Errorf("after twelve days: %v, want 0 and 1", got)
		}
		f.pass(90 * 24 * time.Hour)
		if got := rows(); got != [2]int{0, 0} {
			t.Errorf("after a hundred days: %v, want 0 and 0", got)
		}
	})
}
