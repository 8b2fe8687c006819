package ballot_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"viche/internal/ballot"
	"viche/internal/citytest"
)

// BenchmarkPollPage reads a poll's page as a resident who has voted, with a
// thousand ballots behind it and with a million: the page shows the stored
// snapshot, so both should cost the same.
func BenchmarkPollPage(b *testing.B) {
	for kind, o := range citytest.Kinds() {
		few := 0.0
		for _, n := range []int{1_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/ballots=%d", kind, n), func(b *testing.B) {
				city, ask := votedPage(b, o, n)
				for range 20 { // the first readers warm it up
					city.Handler().ServeHTTP(httptest.NewRecorder(), ask())
				}
				b.ResetTimer()
				spent, took := cpu(), time.Now()
				for range b.N {
					w := httptest.NewRecorder()
					if city.Handler().ServeHTTP(w, ask()); w.Code != http.StatusOK {
						b.Fatalf("the page answers %d", w.Code)
					}
				}
				each := float64(time.Since(took).Microseconds()) / float64(b.N)
				b.ReportMetric(float64((cpu()-spent).Microseconds())/float64(b.N), "cpu-µs/page")
				if n == 1_000 {
					few = each
				} else if few > 0 {
					b.ReportMetric(each/few, "times-a-thousand")
				}
			})
		}
	}
}

// votedPage is a city with an open poll of which a snapshot of n ballots has
// been taken, and the request of one of its voters for the poll's page.
func votedPage(b *testing.B, o citytest.Options, n int) (*citytest.Town, func() *http.Request) {
	b.Helper()
	net := citytest.Fediverse(b, o, "kamianske")
	city, olena := net.Town("kamianske"), net.Resident("kamianske", "olena", true)
	entitled := city.Polls.Entitled
	city.Polls.Entitled = func(ctx context.Context, idb bun.IDB, within func(string) bool, level int, at time.Time) iter.Seq2[[]byte, error] {
		return func(yield func([]byte, error) bool) {
			for key, err := range entitled(ctx, idb, within, level, at) {
				if !yield(key, err) {
					return
				}
			}
			for i := range n - 1 {
				if !yield(person(i), nil) {
					return
				}
			}
		}
	}
	net.Advance(time.Second)
	poll := net.OpenPoll("kamianske", "city")
	if err := city.Box.Fill(b.Context(), poll.Box(), n-1, person, func(i int) ballot.Answer {
		return ballot.Answer{{[]string{"o1", "o2", "o3"}[i%3]}}
	}); err != nil {
		b.Fatal(err)
	}
	if err := net.Cast(olena, poll.PollID, "o2"); err != nil {
		b.Fatal(err)
	}
	net.Advance(2 * time.Minute)
	if err := city.Polls.Snapshots(b.Context()); err != nil {
		b.Fatal(err)
	}
	seen, err := city.Polls.ResultsFor(b.Context(), poll, olena.Viewer())
	if err != nil || seen.Total.Ballots != n {
		b.Fatalf("the voter sees %d ballots, %v; want %d", seen.Total.Ballots, err, n)
	}
	w := httptest.NewRecorder()
	if err := city.Site.SignIn(b.Context(), w, httptest.NewRequest(http.MethodPost, "/sign-in", nil), olena.Account, 0); err != nil {
		b.Fatal(err)
	}
	cookies := w.Result().Cookies()
	return city, func() *http.Request {
		r := httptest.NewRequest(http.MethodGet, "https://"+city.Host+"/polls/"+poll.PollID, nil)
		r.Header.Set("Accept-Language", "uk")
		for _, c := range cookies {
			r.AddCookie(c)
		}
		return r
	}
}
