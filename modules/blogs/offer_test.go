package blogs_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"viche/internal/citytest"
	"viche/internal/store"
	"viche/internal/store/storetest"
	"viche/modules/blogs"
)

func searching(words string, more ...string) string {
	return "/search?" + strings.Join(append([]string{"q=" + url.QueryEscape(words)}, more...), "&")
}

// fill takes in what is still to be found.
func fill(t *testing.T, town *citytest.Town) {
	t.Helper()
	if _, err := town.FillSearch(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestPostsAreFoundOfThoseWhoAgreed follows a post through all that may happen
// to it and to its author's wish.
func TestPostsAreFoundOfThoseWhoAgreed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		ada, bob := person(t, n, "lviv", "ada"), person(t, n, "lviv", "bob")
		town, anybody := ada.town, stranger(t, n, "lviv")
		finds := func(what, words string, want bool) {
			t.Helper()
			_, page := anybody.Get(searching(words))
			if got := strings.Contains(page, "<mark>"); got != want {
				t.Errorf("%s: %q finds something = %v, want %v\n%s", what, words, got, want, citytest.MainOf(page))
			}
		}
		ada.says(blogs.Draft{Text: "Каштани на площі", Visibility: blogs.Public})
		bob.says(blogs.Draft{Text: "Каштанова алея", Visibility: blogs.Public})
		fill(t, town)
		finds("unasked", "каштани", false)

		agree := func(value string) {
			t.Helper()
			if status, page := ada.browses().Post("/me/profile", "name", "Ада", "search", value, "lang", "uk"); status != http.StatusOK {
				t.Fatalf("profile = %d\n%s", status, citytest.MainOf(page))
			}
		}
		agree("indexable")
		finds("a person who agreed", "Ада", true)
		fill(t, town)
		finds("what was written before", "каштанами", true)
		finds("of somebody else", "каштанова", false)

		p := ada.says(blogs.Draft{Article: true, Title: "Зелена смуга", Text: "Біля кожної школи", Visibility: blogs.Public})
		finds("a new post", "зелену смугу", true)
		anybody.shows(searching("зелену смугу шкіл"), 200, []string{`<mark>Зелена</mark> <mark>смуга</mark>`, "кожної <mark>школи</mark>", "Допис", "Усе"}, []string{"Post", "Everything"})
		for _, visibility := range []string{blogs.Unlisted, blogs.Followers, blogs.Direct} {
			ada.says(blogs.Draft{Text: "Таємниця " + visibility, Visibility: visibility})
		}
		ada.says(blogs.Draft{Text: "Страшне таємничо", Warning: "Обережно", Visibility: blogs.Public})
		finds("not for everybody", "таємниця", false)
		finds("behind a warning", "страшне", false)
		finds("the warning", "обережно", true)

		w, err := town.Blogs.Writer(t.Context(), ada.Account)
		ada.must("who writes", err)
		_, err = town.Blogs.Edit(t.Context(), w, p.ID, blogs.Draft{Title: "Синя смуга", Text: "Біля ліцею"})
		ada.must("edit", err)
		finds("the former words", "зелена", false)
		finds("the new ones", "синю смугу ліцей", true)

		change := func(do func(context.Context, *store.Tx, int64) (bool, error)) {
			t.Helper()
			ada.must("change", town.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error { _, err := do(ctx, tx, p.ID); return err }))
		}
		change(town.Blogs.Hide)
		finds("hidden", "синю смугу", false)
		change(town.Blogs.Unhide)
		finds("brought back", "синю смугу", true)

		agree("")
		finds("who takes leave back", "синю смугу", false)
		finds("the person too", "Ада", false)
		fill(t, town)
		for _, row := range storetest.Rows(t, town.DB)["search_items"] {
			if !strings.Contains(row, "module=polls") {
				t.Errorf("still in the index: %s", row)
			}
		}
		agree("indexable")
		fill(t, town)
		finds("found again", "синю смугу", true)
		ada.must("delete", town.Blogs.Delete(t.Context(), ada.Actor, p.ID))
		finds("deleted", "синю смугу", false)
		finds("the rest is there", "каштани", true)

		ada.must("mute", town.Blogs.Mute(t.Context(), bob.Actor, ada.Actor))
		if _, page := bob.browses().Get(searching("каштани")); strings.Contains(page, "<mark>") {
			t.Errorf("found for somebody who does not want to read its author\n%s", citytest.MainOf(page))
		}
	})
}

func TestSearchPage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		poll := n.OpenPoll("lviv", "city")
		town, b := n.Town("lviv"), stranger(t, n, "lviv")
		word := strings.Fields(poll.Title)[3]
		if strings.Contains(word, "<") {
			t.Fatalf("the title has markup: %s", poll.Title)
		}
		fill(t, town)
		b.shows("/search", 200, []string{"Шукаємо в опитуваннях", "Усі сфери"}, []string{"We search polls", "All spheres"})
		for _, more := range [][]string{nil, {"module=polls"}, {"sphere=" + poll.Sphere}, {"territory=" + poll.Territory}, {"territory=UA", "module=polls"}, {"module=none"}, {"after=x"}} {
			b.shows(searching(poll.Title, more...), 200, []string{`href="/polls/` + poll.PollID + `"`, "<mark>" + word + "</mark>", "Триває"}, []string{"Found by words", "Open"})
		}
		other := "ecology"
		if poll.Sphere == other {
			other = "sport"
		}
		b.shows(searching(poll.Title, "sphere="+other), 200, []string{"За цими умовами нічого не знайшлося.", "Шукати всюди"}, []string{"Nothing matches these filters.", "Search everywhere"})
		b.shows(searching("такогослованіхтонепише"), 200, []string{"Нічого не знайшлося."}, []string{"Nothing found."})
		b.shows(searching(strings.Repeat("a", 3000)), 200, []string{"Запит задовгий."}, []string{"The query is too long."})
		for _, evil := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(2)>`, "' OR 1=1 --", "\x00", "%", "і та"} {
			if _, page := b.Get(searching(evil, "territory="+url.QueryEscape(evil), "module=polls")); strings.Contains(page, "<script>alert") || strings.Contains(page, "<img src=x") {
				t.Errorf("%q comes back as markup", evil)
			}
		}
		rec := httptest.NewRecorder()
		town.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "https://lviv.test/search?q="+strings.Repeat("x", 1<<20), nil))
		if rec.Code != http.StatusRequestURITooLong || rec.Body.Len() > 1<<16 {
			t.Errorf("a megabyte = %d with %d bytes, want 414", rec.Code, rec.Body.Len())
		}
	})
}
