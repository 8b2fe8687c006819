package blogs_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"viche/internal/citytest"
	"viche/internal/store"
)

// BenchmarkTimeline reads the home timeline of a resident who follows two
// hundred people, and everybody's, with ten thousand posts stored and with a
// million: both should cost the same.
func BenchmarkTimeline(b *testing.B) {
	pages := []struct{ name, path string }{{"home", "/home"}, {"everybody", "/blogs?from=all"}, {"tag", "/tags/tag7"}}
	for kind, o := range citytest.Kinds() {
		few := map[string]float64{}
		for _, n := range []int{10_000, 1_000_000} {
			city, ask := written(b, o, n)
			for _, page := range pages {
				b.Run(fmt.Sprintf("%s/%s/posts=%d", kind, page.name, n), func(b *testing.B) {
					get := func() {
						w := httptest.NewRecorder()
						if city.Handler().ServeHTTP(w, ask(page.path)); w.Code != http.StatusOK {
							b.Fatalf("%s answers %d", page.path, w.Code)
						}
					}
					for range 20 { // the first readers warm it up
						get()
					}
					b.ResetTimer()
					took := time.Now()
					for range b.N {
						get()
					}
					each := float64(time.Since(took).Microseconds()) / float64(b.N)
					if n == 10_000 {
						few[page.name] = each
					} else if few[page.name] > 0 {
						b.ReportMetric(each/few[page.name], "times-ten-thousand")
					}
				})
			}
		}
	}
}

// written is a city that has heard n posts of a thousand people elsewhere, and
// asks for pages as a resident who follows two hundred of them.
func written(b *testing.B, o citytest.Options, n int) (*citytest.Town, func(path string) *http.Request) {
	b.Helper()
	net := citytest.Fediverse(b, o, "kamianske")
	city, olena := net.Town("kamianske"), net.Resident("kamianske", "olena", true)
	// Numbers that nothing else of a fresh city has.
	const series = "with recursive n (i) as (select 1 union all select i + 1 from n where i < ?) "
	err := city.DB.Write(b.Context(), func(ctx context.Context, tx *store.Tx) error {
		now := store.Millis(tx.Now)
		for _, fill := range []struct {
			text string
			args []any
		}{
			{series + `insert into actors (id, uri, type, kind, handle, host, name, summary, url, icon, inbox, shared_inbox, outbox, followers, local, open, suspended, deleted, published, fetched)
				select i, 'https://elsewhere.test/users/u' || i, 'Person', '', 'u' || i, 'elsewhere.test', 'Людина ' || i, '', 'https://elsewhere.test/@u' || i, '',
					'https://elsewhere.test/users/u' || i || '/inbox', 'https://elsewhere.test/inbox', '', '', 0, 1, 0, 0, ?, ? from n`, []any{1000, now, now}},
			{series + `insert into follows (id, uri, follower, followee, state, created)
				select i, 'https://kamianske.test/follows/' || i, ?, i, 'accepted', ? from n`, []any{200, olena.ActorID, now}},
			{series + `insert into posts (id, uri, author, local, type, visibility, reply_uri, thread, title, summary, content, source, lang, url, sensitive, card, quote_uri, quote_state, published, edited, deleted, hidden)
				select i, 'https://elsewhere.test/notes/' || i, 1 + i % 1000, 0, 'Note', 'public', '', i, '', '', '<p>Допис ' || i || ' про те, що робиться в місті, з посиланням і ще кількома словами.</p>', '', 'uk',
					'https://elsewhere.test/@u/' || i, 0, '', '', '', ?, 0, 0, 0 from n`, []any{n, now}},
			{series + `insert into feed (id, actor, post, boost, uri, visibility) select i, 1 + i % 1000, i, 0, '', 'public' from n`, []any{n}},
			{series + `insert into post_tags (tag, post) select 'tag' || (i % 50), i from n`, []any{n}},
		} {
			if _, err := tx.NewRaw(fill.text, fill.args...).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	if city.DB.Postgres() { // what its autovacuum does with time
		if _, err := city.DB.Read().NewRaw("analyze").Exec(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	w := httptest.NewRecorder()
	if err := city.Site.SignIn(b.Context(), w, httptest.NewRequest(http.MethodPost, "/sign-in", nil), olena.Account, 0); err != nil {
		b.Fatal(err)
	}
	cookies := w.Result().Cookies()
	return city, func(path string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "https://"+city.Host+path, nil)
		r.Header.Set("Accept-Language", "uk")
		for _, c := range cookies {
			r.AddCookie(c)
		}
		return r
	}
}
