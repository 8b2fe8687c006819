package search_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"viche/internal/search"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

var start = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

func put(t testing.TB, db *store.DB, items ...search.Item) {
	t.Helper()
	err := db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		for _, it := range items {
			if err := search.Put(ctx, tx, it); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func item(ref, title, text string, day int) search.Item {
	return search.Item{Module: "ideas", Ref: ref, Path: "/ideas/" + ref, Title: title, Text: text, Sphere: "ecology", Territory: "UA120", At: start.AddDate(0, 0, day), Lang: "uk", Visible: true}
}

// refs are what a query finds, page by page.
func refs(t testing.TB, db *store.DB, q search.Query) (all []string) {
	t.Helper()
	for {
		page, err := search.Find(t.Context(), db.ReadBound(), q)
		if err != nil {
			t.Fatalf("Find(%+v): %v", q, err)
		}
		for _, f := range page.Items {
			all = append(all, f.Ref)
		}
		if page.Next == "" {
			return all
		}
		q.After = page.Next
	}
}

func TestTitlesComeFirstThenTheNewest(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		put(t, db,
			item("old-title", "Зелена смуга біля школи", "Про дерева.", 0),
			item("new-text", "Дерева", "Навіщо нам зелена смуга?", 9),
			item("new-title", "Де бути зеленій смузі", "Питання", 5),
			item("old-text", "Транспорт", "Смуга для автобусів, зелена фарба", 1),
			item("other", "Зелений парк", "Без неї", 3),
		)
		for _, limit := range []int{1, 2, 3, 20} {
			got, want := refs(t, db, search.Query{Text: "зелену смугу", Limit: limit}), []string{"new-title", "old-title", "new-text", "old-text"}
			if !slices.Equal(got, want) {
				t.Errorf("by %d: found %q, want %q", limit, got, want)
			}
		}
	})
}

func TestFiltersNarrow(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a, b, c := item("a", "Ремонт мосту", "", 1), item("b", "Ремонт мосту", "", 2), item("c", "Ремонт мосту", "", 3)
		b.Sphere, b.Module, b.State = "transport", "polls", "open"
		c.Territory, c.Within = "UA120-5", []string{"UA120", "UA"}
		put(t, db, a, b, c)
		for _, one := range []struct {
			q    search.Query
			want string
		}{
			{search.Query{}, "c b a"}, {search.Query{Sphere: "ecology"}, "c a"}, {search.Query{Module: "polls"}, "b"}, {search.Query{State: "open"}, "b"},
			{search.Query{Territory: "UA120"}, "c b a"}, {search.Query{Territory: "UA120-5"}, "c"}, {search.Query{Territory: "UA"}, "c"},
			{search.Query{Module: "polls", Sphere: "ecology"}, ""}, {search.Query{Module: `" OR w`}, ""}, {search.Query{Sphere: "' | 'x"}, ""},
		} {
			one.q.Text = "ремонт мостів"
			if got := strings.Join(refs(t, db, one.q), " "); got != one.want {
				t.Errorf("Find(%+v) = %q, want %q", one.q, got, one.want)
			}
		}
	})
}

func TestWhatIsChangedOrTakenOutIsNotFoundAsItWas(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		it := item("1", "Лавки у сквері", "Поставити лавки", 1)
		put(t, db, it, it, item("2", "Сквер", "", 2))
		it.Title, it.Text = "Фонтан у сквері", "Поставити фонтан"
		put(t, db, it)
		if got := refs(t, db, search.Query{Text: "лавка"}); got != nil {
			t.Errorf("the former words find %q", got)
		}
		it.At = start.AddDate(0, 0, 8)
		put(t, db, it)
		if got, want := refs(t, db, search.Query{Text: "сквери"}), []string{"1", "2"}; !slices.Equal(got, want) {
			t.Errorf("after a change of time found %q, want %q", got, want)
		}
		it.Visible = false
		put(t, db, it)
		put(t, db, it)
		if got, want := refs(t, db, search.Query{Text: "сквер"}), []string{"2"}; !slices.Equal(got, want) {
			t.Errorf("after it was hidden found %q, want %q", got, want)
		}
		err := db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error { return search.Remove(ctx, tx, "ideas", "2") })
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []string{"сквер", "фонтан"} {
			if got := refs(t, db, search.Query{Text: q}); got != nil {
				t.Errorf("after all were taken out %q finds %q", q, got)
			}
		}
		for table, rows := range storetest.Rows(t, db) {
			for _, row := range rows {
				if strings.Contains(row, "ітан") || strings.Contains(row, "онтан") {
					t.Errorf("%s still has %s", table, row)
				}
			}
		}
	})
}

func TestAnyInputIsAQuery(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		put(t, db, item("1", `<script>alert("парк")</script>`, "О'Кей \"лапки\" * NEAR(a b) 'x' & | ! \x00 \xff кінець", 1))
		for _, q := range []string{"", "   ", "і та в", `"`, `"парк`, "'", "парк*", "NEAR(парк", "парк OR", "-парк", "парк) AND (", "w:парк", "{парк}", "^парк", "парк & !x", "' | '", "\x00", "\xff\xfe", "🙂", "парк\x00", "\\", "%", strings.Repeat("парк ", 100_000), strings.Repeat("ї", 1_000_000), strings.Repeat("' \"", 1000), "ʼʼʼ’", "О’Кей"} {
			for _, after := range []string{"", "t", "w", "x1", "tzz", "t0", "w-5", "t9999999999999999999999", "'"} {
				if _, err := search.Find(t.Context(), db.ReadBound(), search.Query{Text: q, After: after, Sphere: q, Territory: after}); err != nil {
					t.Errorf("Find(%.40q after %q): %.200v", q, after, err)
				}
			}
			if _, err := search.Similar(t.Context(), db.ReadBound(), q, q[:min(len(q), 20)], 5); err != nil {
				t.Errorf("Similar(%.40q): %.200v", q, err)
			}
		}
		for _, q := range []string{"парк", "PARK", "парку alert", "окей", "О’КЕЙ", "o`кей"} {
			got := refs(t, db, search.Query{Text: q})
			if want := q != "PARK" && q != "o`кей"; (len(got) == 1) != want {
				t.Errorf("%q finds %q, want something: %v", q, got, want)
			}
		}
	})
}

func TestSnippetMarksTheWordsOnly(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		text := strings.Repeat("Багато інших слів про все на світі. ", 40) + "Тут <b>зелену смугу</b> висадили школярі. " + strings.Repeat("І ще слова. ", 60)
		put(t, db, item("1", "Смуга", text, 1))
		page, err := search.Find(t.Context(), db.ReadBound(), search.Query{Text: "зелена смуга"})
		if err != nil || len(page.Items) != 1 {
			t.Fatalf("found %+v, %v", page.Items, err)
		}
		var marked, all string
		for _, p := range page.Items[0].Snippet {
			all += p.Text
			if p.Mark {
				marked += p.Text + "|"
			}
		}
		if marked != "зелену|смугу|" || !strings.Contains(all, "<b>зелену смугу</b> висадили") || len([]rune(all)) > 250 {
			t.Errorf("snippet %q marks %q", all, marked)
		}
		if want := []search.Piece{{Text: "Смуга", Mark: true}}; !slices.Equal(page.Items[0].Heading, want) {
			t.Errorf("heading %v, want %v", page.Items[0].Heading, want)
		}
	})
}

func TestSimilarHasMostInCommon(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		put(t, db, item("1", "Велодоріжка на набережній", "", 1), item("2", "Велодоріжка до парку через набережну", "", 2), item("3", "Новий парк", "", 3), item("4", "Ремонт ліфтів", "", 4))
		found, err := search.Similar(t.Context(), db.ReadBound(), "Збудувати велодоріжку вздовж набережної до парку", "ideas", 5)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range found {
			got = append(got, f.Ref)
		}
		if want := []string{"2", "1"}; !slices.Equal(got, want) {
			t.Errorf("similar are %q, want %q", got, want)
		}
	})
}

func TestFillTakesInWhatWasThereBefore(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const n = 450
		asked := []string{}
		sources := map[string]search.Source{"posts": func(_ context.Context, _ *store.Tx, part string, after int64, limit int) (items []search.Item, last int64, err error) {
			asked = append(asked, fmt.Sprint(part, after))
			for i := after + 1; i <= n && len(items) < limit; i++ {
				it := item(fmt.Sprint(i), "Допис про парк", "", int(i))
				it.Visible = i%2 == 1
				items, last = append(items, it), i
			}
			return items, last, nil
		}}
		fill := func() (total int) {
			for {
				done, err := search.Fill(t.Context(), db, sources)
				if err != nil {
					t.Fatal(err)
				}
				if total += done; done == 0 {
					return total
				}
			}
		}
		fill() // "people" has no source here
		if got := len(refs(t, db, search.Query{Text: "парки"})); got != n/2 {
			t.Errorf("%d items found, want %d", got, n/2)
		}
		if got, want := strings.Join(asked, " "), "0 200 400 450"; got != want {
			t.Errorf("asked after %s, want %s", got, want)
		}
		if done := fill(); done != 0 {
			t.Errorf("filled again without being asked: %d", done)
		}
		asked = nil
		err := db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error { return search.Again(ctx, tx, "posts", "7:") })
		if err != nil {
			t.Fatal(err)
		}
		if fill(); len(asked) == 0 || asked[0] != "7:0" {
			t.Errorf("asked for %q, want the part first", asked)
		}
	})
}
