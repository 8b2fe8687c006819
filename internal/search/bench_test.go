package search_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"viche/internal/search"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

// BenchmarkFind asks an index of 100,000 items of 60 words: what the worst and
// the best cases of a page cost.
func BenchmarkFind(b *testing.B) {
	dsns := map[string]func(testing.TB) string{"sqlite": storetest.SQLite}
	if os.Getenv("VICHE_TEST_POSTGRES") != "" {
		dsns["postgres"] = storetest.Postgres
	}
	for name, dsn := range dsns {
		b.Run(name, func(b *testing.B) {
			db := storetest.Open(b, dsn(b), store.Options{})
			began := time.Now()
			grow(b, db, 100_000)
			b.Logf("100,000 items put in %.1f s", time.Since(began).Seconds())
			for _, q := range []search.Query{
				{Text: "громада"},                                        // in every other text
				{Text: "громадою місто"},                                 // two such words
				{Text: "громада", Sphere: "sport"},                       // with a filter
				{Text: "громади рідкісного"},                             // with a rare word
				{Text: "громада місто дорога школа"},                     // four
				{Text: "рідкісні"},                                       // a rare word alone
				{Text: "ніде"},                                           // in none
				{Text: "громада", Territory: "UA7", Module: "ideas"},     // two filters
				{Text: "громада", After: "w" + cursor(b, db, "громада")}, // far down
			} {
				b.Run(strings.ReplaceAll(fmt.Sprint(q.Text, q.Sphere, q.Territory, q.After != ""), " ", "+"), func(b *testing.B) {
					var took []time.Duration
					for b.Loop() {
						began := time.Now()
						if _, err := search.Find(b.Context(), db.ReadBound(), q); err != nil {
							b.Fatal(err)
						}
						took = append(took, time.Since(began))
					}
					slices.Sort(took)
					b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
				})
			}
			b.Run("similar", func(b *testing.B) {
				for b.Loop() {
					if _, err := search.Similar(b.Context(), db.ReadBound(), "Громада просить відремонтувати дорогу до школи у рідкісному місті", "ideas", 5); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// cursor is that of the tenth page.
func cursor(b *testing.B, db *store.DB, text string) string {
	q := search.Query{Text: text, Limit: 50}
	for range 10 {
		page, err := search.Find(b.Context(), db.ReadBound(), q)
		if err != nil {
			b.Fatal(err)
		}
		q.After = page.Next
	}
	return q.After[1:]
}

// grow puts in n items whose words are as unequal as in a language.
func grow(b *testing.B, db *store.DB, n int) {
	var words []string
	file, err := os.Open("testdata/forms.txt")
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		words = append(words, strings.Fields(strings.ReplaceAll(lines.Text(), "|", " "))...)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 { // and many that are rare
		words = append(words, fmt.Sprintf("слово%c%c%c%d", 'а'+i%32, 'а'+i/32%32, 'а'+i/1024%32, i%7))
	}
	zipf := rand.NewZipf(r, 1.05, 8, uint64(len(words)-1))
	common := []string{"громада", "місто", "дорога", "школа"}
	text := func(n int) string {
		var out []string
		for range n {
			out = append(out, words[zipf.Uint64()])
		}
		for i, w := range common {
			if r.IntN(2+i) == 0 {
				out = append(out, w)
			}
		}
		return strings.Join(out, " ")
	}
	modules, spheres := []string{"polls", "ideas", "posts", "officials"}, []string{"ecology", "transport", "sport", "culture", "education"}
	for i := 0; i < n; {
		err := db.Write(b.Context(), func(ctx context.Context, tx *store.Tx) error {
			for ; i < n && (i+1)%1000 != 0; i++ {
				it := search.Item{
					Module: modules[i%4], Ref: fmt.Sprint(i), Path: "/x", Title: text(6), Text: text(60), Sphere: spheres[i%5],
					Territory: fmt.Sprintf("UA%d", i%40), At: start.Add(time.Duration(i) * time.Minute), Visible: true,
				}
				if i%9_973 == 0 {
					it.Text += " рідкісне"
				}
				if err := search.Put(ctx, tx, it); err != nil {
					return err
				}
			}
			i++
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
