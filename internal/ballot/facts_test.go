package ballot_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"viche/internal/ballot"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

// facts is a city whose polls statuses are judged by.
type facts struct {
	world
	t      testing.TB
	people int
}

func persons(n int) ballot.Persons { return ballot.Persons(people(n)) }

var epochOf = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// held opens a poll, has people answer by their number, closes and notes it. An
// answer "a>b" is changed from a to b.
func (f facts) held(sphere int, closed time.Time, answer func(i int) string) ballot.Noted {
	f.t.Helper()
	ctx := f.t.Context()
	w := f.world
	w.poll = ballot.Poll{ID: store.NewID(), PollID: uuid.Must(uuid.NewV7()), Questions: yesNo}
	if err := f.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := f.box.Open(ctx, tx, w.poll, people(f.people))
		return err
	}); err != nil {
		f.t.Fatal(err)
	}
	for i := range f.people {
		for one := range strings.SplitSeq(answer(i), ">") {
			if one == "" {
				continue
			}
			if _, err := w.put(ctx, ballot.Voter{Person: person(i)}, one); err != nil {
				f.t.Fatal(err)
			}
		}
	}
	if _, err := f.box.Close(ctx, w.poll, rules); err != nil {
		f.t.Fatal(err)
	}
	n := ballot.Noted{Poll: w.poll, Sphere: sphere, ClosedAt: closed, Gauges: []ballot.Gauge{{Hard: "o3"}}}
	for range 2 { // the second time does nothing
		if err := f.box.Note(ctx, n, rules.K, persons(f.people)); err != nil {
			f.t.Fatal(err)
		}
	}
	return n
}

func (f facts) fold(epoch time.Time) {
	f.t.Helper()
	for range 2 {
		if err := f.box.Fold(f.t.Context(), epoch, epoch.AddDate(-3, 0, 0), persons(f.people)); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f facts) of(i int, epoch time.Time) ballot.Facts {
	f.t.Helper()
	got, err := f.box.FactsOf(f.t.Context(), person(i), epoch.AddDate(-1, 0, 0), epoch)
	if err != nil {
		f.t.Fatal(err)
	}
	return got
}

func eachFacts(t *testing.T, people int, do func(t *testing.T, f facts)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) { do(t, facts{open(t, db, yesNo, 1), t, people}) })
}

func TestWhoTookPartIsNotedByMonthAndSphere(t *testing.T) {
	t.Parallel()
	eachFacts(t, 60, func(t *testing.T, f facts) {
		closed := epochOf.Add(-time.Hour)
		f.held(1, closed, func(i int) string { return []string{"o1", "o1>o2", ""}[i%3] })
		f.held(1, closed, func(i int) string { return []string{"o1", "o1", "o2"}[i%3] })
		f.held(0, closed, func(i int) string { return []string{"o1", "", ""}[i%3] })
		f.held(2, epochOf, func(int) string { return "o1" }) // closes in the next month
		if got := f.of(0, epochOf); len(got.Months) != 0 {
			t.Errorf("before the turn of the month: %+v", got)
		}
		f.fold(epochOf)
		for i, want := range [][2]ballot.Tally{
			{{Could: 3, Took: 3}, {Could: 2, Took: 2}},
			{{Could: 3, Took: 2, Changed: 1}, {Could: 2, Took: 2, Changed: 1}},
			{{Could: 3, Took: 1}, {Could: 2, Took: 1}},
		} {
			got := f.of(i, epochOf)
			if len(got.Months) != 1 || got.Months[0].Scopes[0] != want[0] || got.Months[0].Scopes[1] != want[1] || got.Months[0].Scopes[2] != (ballot.Tally{}) {
				t.Errorf("person %d: %+v, want %v", i, got, want)
			}
		}
		f.fold(epochOf.AddDate(0, 1, 0))
		if got := f.of(0, epochOf.AddDate(0, 1, 0)); len(got.Months) != 2 || got.Months[1].Scopes[2] != (ballot.Tally{Could: 1, Took: 1}) {
			t.Errorf("a month later: %+v", got)
		}
		// All persons at once are told the same.
		seen := 0
		if err := f.box.EachFacts(t.Context(), epochOf.AddDate(-1, 0, 0), epochOf, persons(60), func(p []byte, got ballot.Facts) error {
			seen++
			want, err := f.box.FactsOf(t.Context(), p, epochOf.AddDate(-1, 0, 0), epochOf)
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %+v among all, %+v alone", p, got, want)
			}
			return err
		}); err != nil || seen != 60 {
			t.Errorf("%d persons, %v", seen, err)
		}
		if left := storetest.Rows(t, f.db)["status_notes"]; len(left) != 0 {
			t.Errorf("%d notes are left after the turns of the months", len(left))
		}
	})
}

// Rule 2: the database alone is no roll of those who took part.
func TestDatabaseAloneNamesNobodyWhoTookPart(t *testing.T) {
	t.Parallel()
	eachFacts(t, 40, func(t *testing.T, f facts) {
		for range 8 {
			f.held(1, epochOf.Add(-time.Hour), func(i int) string { return []string{"o1", ""}[i%2] })
		}
		look := func() {
			for table, rows := range storetest.Rows(t, f.db) {
				if !strings.HasPrefix(table, "status_") {
					continue
				}
				for _, row := range rows {
					for i := range 40 {
						if strings.Contains(row, fmt.Sprintf("%x", person(i))) || strings.Contains(row, string(person(i))) {
							t.Fatalf("%s names person %d: %s", table, i, row)
						}
					}
				}
			}
		}
		look()
		f.fold(epochOf)
		look()
	})
}

func TestAgreementIsOneBitOfAWholeBucket(t *testing.T) {
	t.Parallel()
	eachFacts(t, 60, func(t *testing.T, f facts) {
		// Most answer o1. Person 0 always does; 1 never; 2 in half of the polls;
		// 3 in five of eight; 4 comes to o1 by a change; 5 finds it hard to say;
		// 6 answers four times only, always o1.
		poll := func(n int) func(i int) string {
			return func(i int) string {
				switch {
				case i == 1, i == 2 && n%2 == 0, i == 3 && n < 3:
					return "o2"
				case i == 4:
					return "o2>o1"
				case i == 5:
					return "o3"
				case i == 6 && n >= 4:
					return ""
				}
				return "o1"
			}
		}
		var last ballot.Noted
		for n := range ballot.LeastBucket - 1 {
			last = f.held(1, epochOf.Add(-time.Hour), poll(n))
		}
		f.held(2, epochOf.Add(-time.Hour), poll(7))
		// A tie is no majority, so this poll is in no bucket.
		tie := f.held(1, epochOf.Add(-time.Hour), func(i int) string { return []string{"o1", "o2"}[i%2] })
		f.fold(epochOf)
		for i, want := range []bool{true, false, false, true, false, false, false, true} {
			got := f.of(i, epochOf).Agrees
			if got[0] != want {
				t.Errorf("person %d agrees: %v, want %v", i, got[0], want)
			}
			if got[1] || got[2] {
				t.Errorf("person %d: seven polls of a sphere made a bucket", i)
			}
		}
		for poll, want := range map[*ballot.Noted]bool{&last: true, &tie: false} {
			if waits, err := f.box.Awaits(t.Context(), poll.Poll, time.Now()); err != nil || waits != want {
				t.Errorf("the key of %v is waited for: %v (%v), want %v", poll.PollID, waits, err, want)
			}
		}
		// One more poll fills the sphere's bucket; the whole waits for seven others.
		next := epochOf.AddDate(0, 1, 0)
		f.held(1, next.Add(-time.Hour), func(i int) string {
			if i == 1 {
				return "o2"
			}
			return "o1"
		})
		f.fold(next)
		if a, b := f.of(0, next).Agrees, f.of(1, next).Agrees; !a[1] || b[1] || !a[0] || b[0] {
			t.Errorf("after the sphere's bucket: %v and %v", a, b)
		}
		if waits, err := f.box.Awaits(t.Context(), last.Poll, time.Now()); err != nil || waits {
			t.Errorf("its answers are in both buckets, and the key is still waited for (%v)", err)
		}
		// A verdict that is older than the window is none.
		got, err := f.box.FactsOf(t.Context(), person(0), next, next.AddDate(1, 0, 0))
		if err != nil || got.Agrees[0] || got.Agrees[1] {
			t.Errorf("a year later: %+v (%v)", got, err)
		}
	})
}

func TestFewAnswersBearOnNobodysAgreement(t *testing.T) {
	t.Parallel()
	eachFacts(t, 30, func(t *testing.T, f facts) {
		for range ballot.LeastBucket {
			f.held(1, epochOf.Add(-time.Hour), func(i int) string {
				if i < rules.K-1 {
					return []string{"o1", "o1", "o2"}[i%3]
				}
				return ""
			})
		}
		f.fold(epochOf)
		if got := f.of(0, epochOf); got.Agrees[0] || got.Months[0].Scopes[0].Took != ballot.LeastBucket {
			t.Errorf("polls whose counts are shown to nobody: %+v", got)
		}
	})
}

func TestAnswersWaitHalfAYearAtMost(t *testing.T) {
	t.Parallel()
	eachFacts(t, 30, func(t *testing.T, f facts) {
		now := f.db.Now()
		n := f.held(1, now, func(i int) string { return []string{"o1", "o1", "o2"}[i%3] })
		for closed, want := range map[time.Time]bool{now: true, now.AddDate(0, -5, 0): true, now.AddDate(0, -7, 0): false} {
			if waits, err := f.box.Awaits(t.Context(), n.Poll, closed); err != nil || waits != want {
				t.Errorf("closed %v: waited for %v (%v), want %v", closed, waits, err, want)
			}
		}
		for i := range 8 { // polls that closed too long ago make no bucket
			f.held(1, now.AddDate(0, -8, i), func(i int) string { return []string{"o1", "o1", "o2"}[i%3] })
		}
		f.fold(now)
		if got := f.of(0, now); got.Agrees[0] {
			t.Errorf("a bucket was made of polls from eight months ago: %+v", got)
		}
	})
}

func TestFoldGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	eachFacts(t, 60, func(t *testing.T, f facts) {
		for range ballot.LeastBucket {
			f.held(3, epochOf.Add(-time.Hour), func(i int) string { return []string{"o1", "o1", "o2"}[i%3] })
		}
		broken := errors.New("the power went")
		err := f.box.Fold(t.Context(), epochOf, epochOf.AddDate(-3, 0, 0), func(yield func([]byte, error) bool) { yield(nil, broken) })
		if !errors.Is(err, broken) {
			t.Fatalf("fold without persons: %v", err)
		}
		f.held(3, epochOf.Add(-time.Minute), func(int) string { return "o1" }) // noted late: goes into the next month
		f.fold(epochOf)
		if got := f.of(0, epochOf); got.Months[0].Scopes[3].Took != ballot.LeastBucket || !got.Agrees[3] {
			t.Errorf("after the second try: %+v", got)
		}
		next := epochOf.AddDate(0, 1, 0)
		f.fold(next)
		if got := f.of(0, next); len(got.Months) != 2 || got.Months[1].Scopes[3].Took != 1 {
			t.Errorf("the late poll: %+v", got)
		}
	})
}

// R1.6: what counts as a match, kind by kind.
func TestMajorityByKindOfQuestion(t *testing.T) {
	t.Parallel()
	options := func(n int) (ids []string) {
		for i := range n {
			ids = append(ids, "o"+strconv.Itoa(i+1))
		}
		return ids
	}
	hard := ballot.Gauge{Hard: "o3"}
	for _, c := range []struct {
		name   string
		q      ballot.Question
		g      ballot.Gauge
		counts []int
		runoff [][]int
		top    int // -1: none
		own    string
		want   string // match, differs, none
	}{
		{"one", ballot.Question{Kind: ballot.One, Options: options(3)}, hard, []int{5, 4, 9}, nil, 0, "o1", "match"},
		{"one, other", ballot.Question{Kind: ballot.One, Options: options(3)}, hard, []int{5, 4, 9}, nil, 0, "o2", "differs"},
		{"one, hard to say", ballot.Question{Kind: ballot.One, Options: options(3)}, hard, []int{5, 4, 9}, nil, 0, "o3", "none"},
		{"one, blank", ballot.Question{Kind: ballot.One, Options: options(3)}, hard, []int{5, 4, 9}, nil, 0, "", "none"},
		{"tie", ballot.Question{Kind: ballot.One, Options: options(3)}, hard, []int{5, 5, 0}, nil, -1, "", ""},
		{"nobody", ballot.Question{Kind: ballot.One, Options: options(3)}, hard, []int{0, 0, 7}, nil, -1, "", ""},
		{"text", ballot.Question{Kind: ballot.One, Options: options(3)}, ballot.Gauge{None: true}, []int{5, 4, 9}, nil, -1, "", ""},
		{"several, holds the top", ballot.Question{Kind: ballot.Several, Options: options(4)}, hard, []int{2, 8, 9, 5}, nil, 1, "o1 o2", "match"},
		{"several, lacks it", ballot.Question{Kind: ballot.Several, Options: options(4)}, hard, []int{2, 8, 9, 5}, nil, 1, "o1 o4", "differs"},
		{"scale, same side", ballot.Question{Kind: ballot.Scale, Options: options(5)}, ballot.Gauge{}, []int{1, 2, 3, 9, 4}, nil, 3, "o5", "match"},
		{"scale, middle", ballot.Question{Kind: ballot.Scale, Options: options(5)}, ballot.Gauge{}, []int{1, 2, 3, 9, 4}, nil, 3, "o3", "differs"},
		{"scale, both in the middle", ballot.Question{Kind: ballot.Scale, Options: options(5)}, ballot.Gauge{}, []int{1, 2, 9, 3, 4}, nil, 2, "o3", "match"},
		{"scale of even steps", ballot.Question{Kind: ballot.Scale, Options: options(4)}, ballot.Gauge{}, []int{9, 2, 3, 4}, nil, 0, "o2", "match"},
		{"scale with hard to say", ballot.Question{Kind: ballot.Scale, Options: options(5)}, ballot.Gauge{Hard: "o5"}, []int{1, 2, 9, 3, 4}, nil, 2, "o4", "match"},
		{"ranking, first choice", ballot.Question{Kind: ballot.Ranking, Options: options(3)}, ballot.Gauge{}, nil, [][]int{{4, 6, 1}, {5, 6, -1}}, 1, "o2 o1", "match"},
		{"ranking, second choice", ballot.Question{Kind: ballot.Ranking, Options: options(3)}, ballot.Gauge{}, nil, [][]int{{4, 6, 1}, {5, 6, -1}}, 1, "o1 o2", "differs"},
		{"ranking without a count", ballot.Question{Kind: ballot.Ranking, Options: options(3)}, ballot.Gauge{}, nil, nil, -1, "", ""},
	} {
		top, ok := c.q.Top(c.g, ballot.QuestionNumbers{Counts: c.counts, Runoff: c.runoff})
		if ok != (c.top >= 0) || ok && top != c.top {
			t.Errorf("%s: top %d %v, want %d", c.name, top, ok, c.top)
			continue
		}
		if !ok {
			continue
		}
		match, counts, err := c.q.Matches(c.g, top, strings.Fields(c.own))
		got := "none"
		if counts {
			got = map[bool]string{true: "match", false: "differs"}[match]
		}
		if err != nil || got != c.want {
			t.Errorf("%s: %s (%v), want %s", c.name, got, err, c.want)
		}
	}
}

// BenchmarkFacts measures the pass at the close and the turn of the month, for
// VICHE_BENCH_PEOPLE residents and VICHE_BENCH_POLLS polls in 20 spheres. Nine in
// ten answer each poll.
func BenchmarkFacts(b *testing.B) {
	number := func(name string, or int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return or
	}
	count, polls := number("VICHE_BENCH_PEOPLE", 5_000), number("VICHE_BENCH_POLLS", 40)
	for _, kind := range []string{"sqlite", "postgres"} {
		b.Run(kind, func(b *testing.B) {
			dsn := storetest.SQLite(b)
			if kind == "postgres" {
				dsn = storetest.Postgres(b)
			}
			f := facts{open(b, storetest.Open(b, dsn, store.Options{}), yesNo, 1), b, count}
			passes := make([]time.Duration, 0, polls)
			for n := range polls {
				p := ballot.Poll{ID: store.NewID(), PollID: uuid.Must(uuid.NewV7()), Questions: yesNo}
				err := f.db.Write(b.Context(), func(ctx context.Context, tx *store.Tx) error {
					_, err := f.box.Open(ctx, tx, p, people(count))
					return err
				})
				if err == nil {
					err = f.box.Fill(b.Context(), p, count*9/10, person, func(i int) ballot.Answer { return ballot.Answer{{[]string{"o1", "o1", "o2"}[(i+n)%3]}} })
				}
				if err == nil {
					_, err = f.box.Close(b.Context(), p, rules)
				}
				began := time.Now()
				if err == nil {
					err = f.box.Note(b.Context(), ballot.Noted{Poll: p, Sphere: 1 + n%20, ClosedAt: epochOf.Add(-time.Hour), Gauges: []ballot.Gauge{{Hard: "o3"}}}, rules.K, persons(count))
				}
				if err != nil {
					b.Fatal(err)
				}
				passes = append(passes, time.Since(began))
			}
			slices.Sort(passes)
			runtime.GC()
			var most uint64
			b.ResetTimer()
			for b.Loop() {
				began := time.Now()
				if err := f.box.Fold(b.Context(), epochOf, epochOf.AddDate(-3, 0, 0), persons(count)); err != nil {
					b.Fatal(err)
				}
				folded := time.Since(began)
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapInuse)
				read := time.Now()
				if err := f.box.EachFacts(b.Context(), epochOf.AddDate(-1, 0, 0), epochOf, persons(count), func([]byte, ballot.Facts) error { return nil }); err != nil {
					b.Fatal(err)
				}
				if b.N == 1 { // later turns find nothing left to do
					b.ReportMetric(folded.Seconds(), "s/fold")
					b.ReportMetric(time.Since(read).Seconds(), "s/read")
				}
			}
			b.ReportMetric(passes[len(passes)/2].Seconds(), "s/close")
			b.ReportMetric(float64(most>>20), "heap-MiB")
		})
	}
}
