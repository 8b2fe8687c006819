package federation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// TestOperatorSeesAndDecides follows a host through failure, retry and parking.
func TestOperatorSeesAndDecides(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		far := f.stranger(t, "far.test")
		far.reply = func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }
		to := Audience{Inboxes: []string{"https://far.test/inbox"}}
		queue := func() HostQueue {
			t.Helper()
			list, err := lviv.Queue(t.Context(), 10)
			if err != nil || len(list) != 1 {
				t.Fatalf("queue = %+v, %v; want one host", list, err)
			}
			return list[0]
		}
		lviv.tell(t, 1, to)
		settle(t, lviv)
		q := queue()
		if q.Host != "far.test" || q.Waiting != 1 || q.Failures != 1 || q.LastError != "answer 502" || q.Parked ||
			!q.Rests.After(lviv.DB.Now()) || q.Failing.IsZero() || q.Oldest.After(lviv.DB.Now()) {
			t.Errorf("a host that failed once: %+v", q)
		}
		s, err := lviv.Stats(t.Context())
		if err != nil || s.Waiting != 1 || s.Resting != 1 || s.Parked != 0 || s.Inbox != 0 || s.Oldest != 0 {
			t.Errorf("stats = %+v, %v", s, err)
		}
		far.reply = nil
		lviv.write(t, func(ctx context.Context, tx *store.Tx) error { return lviv.Retry(ctx, tx, "far.test") })
		settle(t, lviv)
		if len(far.got) != 2 {
			t.Errorf("after retry the host was sent to %d times, want 2", len(far.got))
		}
		if list, err := lviv.Queue(t.Context(), 10); err != nil || len(list) != 0 {
			t.Errorf("queue = %+v, %v; want none", list, err)
		}

		lviv.write(t, func(ctx context.Context, tx *store.Tx) error { return lviv.Park(ctx, tx, "FAR.test") })
		lviv.tell(t, 2, to)
		f.pass(300 * 24 * time.Hour)
		settle(t, lviv)
		if len(far.got) != 2 {
			t.Error("a host parked by hand was sent to")
		}
		if q := queue(); !q.Parked || !q.ByHand || q.Waiting != 1 {
			t.Errorf("a host parked by hand: %+v", q)
		}
		// It speaks, but the operator has decided.
		olena := far.person("olena")
		f.send(t, lviv, olena+"#main-key", activity("Like", "https://far.test/l/1", olena, "https://lviv.test/x"))
		settle(t, lviv)
		if len(far.got) != 2 {
			t.Error("a host parked by hand was revived by what it said")
		}
		lviv.write(t, func(ctx context.Context, tx *store.Tx) error { return lviv.Retry(ctx, tx, "far.test") })
		settle(t, lviv)
		if len(far.got) != 3 {
			t.Errorf("after the park the host was sent to %d times, want 3", len(far.got))
		}
	})
}

// TestForwardPassesOn sends the very bytes, to all but their own server, once.
func TestForwardPassesOn(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		far, other := f.stranger(t, "far.test"), f.stranger(t, "other.test")
		to := Audience{Inboxes: []string{"https://far.test/inbox", "https://other.test/inbox"}}
		forward := func(raw string) error {
			return lviv.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				return lviv.Forward(ctx, tx, []byte(raw), "https://far.test/users/a", to)
			})
		}
		raw := `{ "id":"https://far.test/c/1", "type":"Create","actor":"https://far.test/users/a","to":["` + ap.Public + `"],"object":{"id":"https://far.test/n/1"}}`
		for range 2 {
			if err := forward(raw); err != nil {
				t.Fatal(err)
			}
		}
		settle(t, lviv)
		if len(far.got) != 0 || len(other.got) != 1 || other.got[0] != "/inbox "+raw {
			t.Errorf("far got %v, other got %v; want the bytes once at the other", far.got, other.got)
		}
		if n := lviv.count(t, "select count(*) from activities"); n != 0 {
			t.Errorf("%d activities of others are kept", n)
		}
		private := strings.ReplaceAll(strings.ReplaceAll(raw, ap.Public, "https://lviv.test/users/x/followers"), "/c/1", "/c/2")
		if err := forward(private); err != nil {
			t.Error(err)
		}
		for _, bad := range []string{
			strings.ReplaceAll(raw, "https://far.test/c/1", "https://lviv.test/c/1"),
			strings.ReplaceAll(raw, "https://far.test/c/1", "https://else.test/c/1"),
			strings.ReplaceAll(raw, "/users/a", "/users/b"), `[]`, `{}`,
		} {
			if forward(bad) == nil {
				t.Errorf("%s was forwarded", bad)
			}
		}
		settle(t, lviv)
		if len(other.got) != 1 {
			t.Errorf("other got %v", other.got)
		}
	})
}

// TestFollowersAreTakenInPages fans out to more followers than fit in a page,
// and goes on after a stop where it was.
func TestFollowersAreTakenInPages(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, _ *fediverse, towns ...*town) {
		lviv := towns[0]
		news, err := lviv.Book.Own(t.Context(), lviv.DB.Read(), actors.News)
		if err != nil {
			t.Fatal(err)
		}
		const own, shared = fanPage + 120, fanPage + 50
		lviv.write(t, func(ctx context.Context, tx *store.Tx) error {
			for i := range own + shared {
				uri := fmt.Sprintf("https://h%d.test/u/%d", i%7, i)
				r := actors.RemoteActor{URI: uri, Type: "Person", Inbox: uri + "/inbox"}
				if i >= own {
					r.SharedInbox = fmt.Sprintf("https://h%d.test/inbox", i%7)
				}
				a, err := lviv.Book.Upsert(ctx, tx, r)
				if err != nil {
					return err
				}
				if _, err := lviv.Book.Follow(ctx, tx, uri+"#f", a, news); err != nil {
					return err
				}
			}
			return nil
		})
		lviv.tell(t, 1, Audience{Followers: []int64{news.ID}, Inboxes: []string{"https://h1.test/inbox"}})
		steps := 0
		for n := -1; n != 0; steps++ {
			if n, err = lviv.FanOut(t.Context()); err != nil {
				t.Fatal(err)
			}
			left := lviv.count(t, "select count(*) from activities where fanned = 0")
			if got := lviv.count(t, "select count(*) from deliveries"); steps == 0 && (got > fanPage+1 || left != 1) {
				t.Errorf("the first step made %d deliveries; %d activities are left to fan out", got, left)
			}
		}
		if got, want := lviv.count(t, "select count(*) from deliveries"), own+7; got != want || steps < 3 {
			t.Errorf("%d deliveries in %d steps, want %d", got, steps, want)
		}
	})
}

// TestDoneWhenTaken shows what is done by the time a sender reads 202, and what
// waits: for the network, or for another try.
func TestDoneWhenTaken(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		far := f.stranger(t, "far.test")
		olena := far.person("olena")
		far.put("/n/needed", map[string]any{"id": "https://far.test/n/needed", "type": "Note", "attributedTo": olena, "content": "x"})
		var done []string
		broken := errors.New("out of order")
		lviv.Handle(On{Activity: "Like", Object: "*", Do: func(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
			done = append(done, a.ID)
			if strings.HasSuffix(a.ID, "/broken") && broken != nil {
				if err := lviv.Heard(ctx, tx, a.ID, a.Actor); err != nil {
					return err
				}
				return broken
			}
			if strings.HasSuffix(a.ID, "/bad") {
				return store.ErrInvalid
			}
			return nil
		}, Need: func(ctx context.Context, a *ap.Activity) error {
			if !strings.HasSuffix(a.ID, "/far") {
				return nil
			}
			_, _ = lviv.Object(ctx, "https://far.test/n/needed") // a Handler that can do without
			return nil
		}})
		for _, c := range []struct {
			name  string
			calls int
			state string
			kept  bool // its bytes
		}{
			{"well", 1, "done", false}, {"bad", 1, "refused", false}, {"broken", 1, "new", true}, {"far", 0, "new", true},
		} {
			done = nil
			if got := f.send(t, lviv, olena+"#main-key", activity("Like", "https://far.test/l/"+c.name, olena, "https://lviv.test/x")); got != 202 {
				t.Fatalf("%s: status %d, want 202", c.name, got)
			}
			var state string
			var kept int
			if err := lviv.DB.ReadBound().Row(t.Context(), []any{&state, &kept}, "select state, case when body is null then 0 else 1 end from inbox order by id desc limit 1"); err != nil {
				t.Fatal(err)
			}
			if len(done) != c.calls || state != c.state || (kept == 1) != c.kept {
				t.Errorf("%s: handled %v, state %s, body kept %d; want %d, %s, %v", c.name, done, state, kept, c.calls, c.state, c.kept)
			}
		}
		if n := lviv.count(t, "select count(*) from heard"); n != 0 {
			t.Errorf("what a handler wrote before it failed is there: %d rows", n)
		}
		done, broken = nil, nil
		f.pass(time.Minute)
		settle(t, lviv)
		if len(done) != 2 || far.asked["/n/needed"] != 1 {
			t.Errorf("later done: %v, asked %d times; want both, once", done, far.asked["/n/needed"])
		}
		if n := lviv.count(t, "select count(*) from inbox where state = 'new' or body is not null"); n != 0 {
			t.Errorf("%d activities are left", n)
		}
	})
}

// TestFloodIsToldToComeAgain fills what may wait.
func TestFloodIsToldToComeAgain(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		olena := f.stranger(t, "far.test").person("olena")
		like := func(n int) int {
			return f.send(t, lviv, olena+"#main-key", activity("Like", fmt.Sprintf("https://far.test/l/%d", n), olena, "https://lviv.test/x"))
		}
		lviv.flow.mu.Lock()
		lviv.flow.bytes = fullBytes
		lviv.flow.mu.Unlock()
		if got := like(1); got != http.StatusServiceUnavailable {
			t.Errorf("status %d while too much waits, want 503", got)
		}
		lviv.flow.mu.Lock()
		lviv.flow.bytes = 0
		lviv.flow.mu.Unlock()
		if got := like(2); got != http.StatusAccepted {
			t.Errorf("status %d afterwards, want 202", got)
		}
		if n := lviv.count(t, "select count(*) from inbox"); n != 1 || lviv.flow.bytes != 0 {
			t.Errorf("%d activities are stored, %d bytes wait; want 1 and 0", n, lviv.flow.bytes)
		}
	})
}
