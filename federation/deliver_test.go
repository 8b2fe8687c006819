package federation

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// tell publishes a public note of the city's news to an audience.
func (c *town) tell(t *testing.T, n int, to Audience) {
	t.Helper()
	news, err := c.Book.Own(t.Context(), c.DB.Read(), actors.News)
	if err != nil {
		t.Fatal(err)
	}
	c.write(t, func(ctx context.Context, tx *store.Tx) error {
		raw, err := ap.Envelope{ID: fmt.Sprintf("%s/activities/%d", c.Base, n), Actor: news.URI, To: []string{ap.Public}}.Announce("https://x.test/1")
		if err != nil {
			return err
		}
		return c.Publish(ctx, tx, news, raw, to)
	})
}

// TestOneDeliveryAnInbox is row 45: however many followers name an inbox, it
// gets an activity once, signed so that it can be believed.
func TestOneDeliveryAnInbox(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		far := f.stranger(t, "far.test")
		news, err := lviv.Book.Own(t.Context(), lviv.DB.Read(), actors.News)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			a, err := lviv.Actor(t.Context(), far.person(fmt.Sprintf("u%d", i)))
			if err != nil {
				t.Fatal(err)
			}
			lviv.write(t, func(ctx context.Context, tx *store.Tx) error {
				_, err := lviv.Book.Follow(ctx, tx, a.URI+"#f", a, news)
				return err
			})
		}
		// An inbox on another host is not the actor's, so nobody is talked into
		// sending there.
		doc := far.document(far.uri("/users/liar"))
		doc["inbox"] = "https://victim.test/inbox"
		far.put("/users/liar", doc)
		if a, err := lviv.Actor(t.Context(), far.uri("/users/liar")); err == nil {
			t.Errorf("an inbox elsewhere was taken: %+v", a)
		}
		lviv.tell(t, 1, Audience{Followers: []int64{news.ID}, Inboxes: []string{"https://far.test/inbox", "https://lviv.test/inbox"}, Actors: []string{far.uri("/users/u0"), news.URI}})
		settle(t, lviv)
		if got := strings.Join(far.got, "\n"); strings.Count(got, "/inbox ") != 2 || !strings.HasPrefix(far.got[0], "/") {
			t.Errorf("far.test got %d posts, want one to the shared inbox and one to u0's own:\n%s", len(far.got), got)
		}
		if n := lviv.count(t, "select count(*) from deliveries"); n != 0 {
			t.Errorf("%d deliveries are left", n)
		}
		// The same again changes nothing: a delivery is once an activity and inbox.
		settle(t, lviv)
		if len(far.got) != 2 {
			t.Errorf("sent again: %d posts", len(far.got))
		}
	})
}

// TestAnswersDecide is row 47 and the rules of trying again.
func TestAnswersDecide(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		far := f.stranger(t, "far.test")
		status, header := 0, ""
		far.reply = func(w http.ResponseWriter) {
			if header != "" {
				w.Header().Set("Retry-After", header)
			}
			w.WriteHeader(status)
		}
		posts := func() int { n := len(far.got); far.got = nil; return n }
		for i, c := range []struct {
			status int
			header string
			wait   time.Duration // until it must be tried again; 0: never
		}{
			{202, "", 0}, {200, "", 0}, {400, "", 0}, {403, "", 0}, {404, "", 0}, {410, "", 0}, {413, "", 0},
			{401, "", time.Minute}, {408, "", time.Minute}, {500, "", time.Minute}, {302, "", time.Minute},
			{429, "7200", 2*time.Hour + time.Second}, {503, "99999999", longestWait + time.Second}, {503, "-5", time.Minute},
			{503, noon.Add(1000 * time.Hour).Format(http.TimeFormat), longestWait + time.Second},
		} {
			status, header = c.status, c.header
			lviv.tell(t, i, Audience{Inboxes: []string{"https://far.test/inbox"}})
			settle(t, lviv)
			want := 1
			if c.status == http.StatusBadRequest || c.status == http.StatusUnauthorized {
				want = 2 // in either style of signature
			}
			if n := posts(); n != want {
				t.Errorf("%d %s: sent %d times at once, want %d", c.status, c.header, n, want)
			}
			if c.wait > 0 {
				f.pass(c.wait / 2)
				if c.wait > time.Minute {
					settle(t, lviv)
					if n := posts(); n != 0 {
						t.Errorf("%d %s: sent again after half the time", c.status, c.header)
					}
				}
				f.pass(c.wait/2 + time.Second)
				status, header = 202, ""
				settle(t, lviv)
				if n := posts(); n != 1 {
					t.Errorf("%d %s: sent %d times after %v, want 1", c.status, c.header, n, c.wait)
				}
			}
			if n := lviv.count(t, "select count(*) from deliveries"); n != 0 {
				t.Fatalf("%d %s: %d deliveries are left", c.status, c.header, n)
			}
			if n := lviv.count(t, "select count(*) from hosts"); n != 0 {
				t.Errorf("%d %s: the host is still called failing", c.status, c.header)
			}
		}
	})
}

// TestDeadHostCostsLittle lets a host fail for more than a week: questions get
// rarer, then there is one a day; another host is served all the while; what
// waits is kept within bounds; and when the dead one speaks, it gets that.
func TestDeadHostCostsLittle(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		dead, well := f.stranger(t, "dead.test"), f.stranger(t, "well.test")
		olena := dead.person("olena")
		dead.reply = func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }
		both := Audience{Inboxes: []string{"https://dead.test/inbox", "https://well.test/inbox"}}
		n := 0
		for range 9 * 8 {
			lviv.tell(t, n, both)
			n++
			settle(t, lviv)
			f.pass(3 * time.Hour)
		}
		if len(well.got) != n {
			t.Errorf("the host that is well got %d of %d", len(well.got), n)
		}
		if got := len(dead.got); got < 10 || got > 80 {
			t.Errorf("the dead host was tried %d times in nine days, want some but few", got)
		}
		for range 60 {
			lviv.tell(t, n, both)
			n++
		}
		before := len(dead.got)
		settle(t, lviv)
		if len(dead.got) != before {
			t.Error("a dead host was tried again at once")
		}
		if left := lviv.count(t, "select count(*) from deliveries"); left != parkedMost {
			t.Errorf("%d deliveries wait for a dead host, want the newest %d", left, parkedMost)
		}
		f.pass(30 * time.Hour)
		settle(t, lviv)
		if got := len(dead.got) - before; got != 1 {
			t.Errorf("a dead host was asked %d times in 30 hours, want once", got)
		}
		before = len(dead.got)
		dead.reply = nil
		if got := f.send(t, lviv, olena+"#main-key", activity("Like", "https://dead.test/l/1", olena, "https://lviv.test/x")); got != 202 {
			t.Fatalf("status %d, want 202", got)
		}
		settle(t, lviv)
		if got := len(dead.got) - before; got < parkedMost-1 || got > parkedMost {
			t.Errorf("a host that spoke again got %d of the %d that waited", got, parkedMost)
		}
		if left := lviv.count(t, "select count(*) from deliveries") + lviv.count(t, "select count(*) from hosts"); left != 0 {
			t.Errorf("%d deliveries and hosts are left", left)
		}
	})
}

// TestAProbeRevives lets a parked host answer its daily question.
func TestAProbeRevives(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		dead := f.stranger(t, "dead.test")
		dead.reply = func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }
		n := 0
		for range 9 * 4 {
			lviv.tell(t, n, Audience{Inboxes: []string{"https://dead.test/inbox"}})
			n++
			settle(t, lviv)
			f.pass(6 * time.Hour)
		}
		before := len(dead.got)
		dead.reply = nil
		f.pass(30 * time.Hour)
		settle(t, lviv)
		if got, want := len(dead.got)-before, n; got < want/2 {
			t.Errorf("after its answer the host got %d, want most of %d", got, want)
		}
		if left := lviv.count(t, "select count(*) from deliveries"); left != 0 {
			t.Errorf("%d deliveries are left", left)
		}
	})
}

// TestHangingHostsHoldNobodyUp has more hosts hang than there are seats.
func TestHangingHostsHoldNobodyUp(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		hang := make(chan struct{})
		to := Audience{}
		for i := range 2 * seats {
			host := fmt.Sprintf("h%d.test", i)
			f.stranger(t, host).reply = func(http.ResponseWriter) { <-hang }
			to.Inboxes = append(to.Inboxes, "https://"+host+"/inbox")
		}
		lviv.tell(t, 1, to)
		well := f.stranger(t, "well.test")
		took := make(chan struct{}, 1)
		well.reply = func(w http.ResponseWriter) { took <- struct{}{}; w.WriteHeader(http.StatusAccepted) }
		if _, err := lviv.FanOut(t.Context()); err != nil {
			t.Fatal(err)
		}
		lviv.tell(t, 2, Audience{Inboxes: []string{"https://well.test/inbox"}})
		if _, err := lviv.FanOut(t.Context()); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { _, err := lviv.Deliver(t.Context()); ended <- err }()
		select {
		case <-took:
		case <-time.After(deliveryTime):
			t.Error("a host that is well waited for those that hang")
		}
		close(hang)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestAnActorMetLater publishes to somebody whose server is silent at first.
func TestAnActorMetLater(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		far := f.stranger(t, "far.test")
		olena := far.person("olena")
		f.cut("far.test", true)
		lviv.tell(t, 1, Audience{Actors: []string{olena, "https://far.test/users/nobody"}})
		settle(t, lviv)
		f.cut("far.test", false)
		f.pass(10 * time.Minute)
		settle(t, lviv)
		if len(far.got) != 1 || !strings.HasPrefix(far.got[0], "/users/olena/inbox ") {
			t.Errorf("far.test got %v, want one post to olena", far.got)
		}
		if n := lviv.count(t, "select count(*) from activities where fanned = 0"); n != 0 {
			t.Errorf("%d activities still look for actors", n)
		}
	})
}

// TestWhatIsPublishedIsOurs refuses what would speak for somebody else.
func TestWhatIsPublishedIsOurs(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, _ *fediverse, towns ...*town) {
		lviv := towns[0]
		news, err := lviv.Book.Own(t.Context(), lviv.DB.Read(), actors.News)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range []string{
			`{"id":"https://lviv.test/a","type":"Create","actor":"https://lviv.test/actor"}`,
			`{"id":"https://far.test/a","type":"Create","actor":"https://lviv.test/news"}`,
			`{"id":"https://lviv.test/a","actor":"https://lviv.test/news"}`,
			`[]`,
		} {
			err := lviv.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				return lviv.Publish(ctx, tx, news, []byte(raw), Audience{Inboxes: []string{"https://far.test/inbox"}})
			})
			if err == nil {
				t.Errorf("Publish(%s) as %s was taken", raw, news.URI)
			}
		}
	})
}
