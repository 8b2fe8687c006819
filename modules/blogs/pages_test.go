package blogs_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"viche/internal/citytest"
	"viche/internal/store"
	"viche/modules/blogs"
)

// browser is one person at one city, without JavaScript.
type browser struct{ *citytest.Browser }

func stranger(t *testing.T, n *citytest.Network, town string) *browser {
	return &browser{n.Browser(t, town)}
}

// browses is a browser in which somebody is signed in.
func (s someone) browses() *browser {
	s.Helper()
	b := stranger(s.T, s.n, strings.TrimSuffix(s.town.Host, ".test"))
	b.SignIn(s.Actor.Handle)
	return b
}

// keyLike is a message key that nobody wrote, or a value that is not there.
var keyLike = regexp.MustCompile(`\b(blogs|polls|spheres|web|people)\.[a-z-]+(\.[a-z.-]+)?\b|&lt;no value|<no value>|ZgotmplZ|%!`)

// shows wants a page with some words, and none of what no page may show, in both
// languages.
func (b *browser) shows(path string, status int, uk, en []string) string {
	b.T.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	var first string
	for lang, words := range map[string][]string{"en": en, "uk": uk} {
		got, page := b.Get(path + sep + "lang=" + lang)
		if got != status {
			b.T.Errorf("GET %s in %s = %d, want %d\n%s", path, lang, got, status, citytest.MainOf(page))
		}
		b.holds(path+" in "+lang, page, words...)
		if lang == "uk" {
			first = page
		}
	}
	b.Get("/charter?lang=uk")
	return first
}

func (b *browser) holds(what, page string, words ...string) {
	b.T.Helper()
	for _, w := range words {
		if !strings.Contains(page, w) {
			b.T.Errorf("%s lacks %q\n%s", what, w, citytest.MainOf(page))
		}
	}
	if found := keyLike.FindString(citytest.MainOf(page)); found != "" && !strings.Contains(found, ".test") {
		b.T.Errorf("%s shows %q\n%s", what, found, citytest.MainOf(page))
	}
}

func (b *browser) lacks(what, page string, words ...string) {
	b.T.Helper()
	for _, w := range words {
		if strings.Contains(citytest.MainOf(page), w) {
			b.T.Errorf("%s shows %q\n%s", what, w, citytest.MainOf(page))
		}
	}
}

func TestWhoMayOpenThePageOfAPost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, ivan, maria := person(t, n, "kamianske", "olena"), person(t, n, "kamianske", "ivan"), person(t, n, "kamianske", "maria")
		ivan.must("follows olena", ivan.town.Blogs.Follow(t.Context(), ivan.Actor, olena.Actor))
		nobody, follower, other, author := stranger(t, n, "kamianske"), ivan.browses(), maria.browses(), olena.browses()
		posts := map[string]*blogs.Post{}
		for _, v := range []string{blogs.Public, blogs.Unlisted, blogs.Followers, blogs.Direct} {
			posts[v] = olena.says(blogs.Draft{Text: "Слова для " + v + " @ivan", Visibility: v})
		}
		// Ivan is named in each; maria and strangers are not.
		for _, c := range []struct {
			who  string
			b    *browser
			sees []string
		}{
			{"nobody", nobody, []string{blogs.Public, blogs.Unlisted}},
			{"maria", other, []string{blogs.Public, blogs.Unlisted}},
			{"ivan", follower, []string{blogs.Public, blogs.Unlisted, blogs.Followers, blogs.Direct}},
			{"olena", author, []string{blogs.Public, blogs.Unlisted, blogs.Followers, blogs.Direct}},
		} {
			for v, p := range posts {
				want := http.StatusNotFound
				for _, s := range c.sees {
					if s == v {
						want = http.StatusOK
					}
				}
				for _, page := range []string{p.Path(), p.Path() + "/history"} {
					if got, _ := c.b.Get(page); got != want {
						t.Errorf("%s opens %s (%s) = %d, want %d", c.who, page, v, got, want)
					}
				}
			}
		}
		for _, path := range []string{"/blogs", "/blogs?from=all", "/@olena", "/blogs/feed.atom", "/@olena/feed.atom"} {
			status, page := other.Get(path)
			if status != http.StatusOK || !strings.Contains(page, "Слова для public") {
				t.Errorf("GET %s = %d without the public post\n%s", path, status, citytest.MainOf(page))
			}
			for _, v := range []string{blogs.Followers, blogs.Direct} {
				if strings.Contains(page, "Слова для "+v) {
					t.Errorf("GET %s shows what is for %s", path, v)
				}
			}
		}
		// Those who may not see a post can do nothing with it either.
		for _, act := range []string{"like", "boost", "bookmark", "vote", "edit", "delete"} {
			if status, _ := other.Post(posts[blogs.Followers].Path()+"/"+act, "choices", "0"); status != http.StatusNotFound {
				t.Errorf("%s of a post that is not for one = %d, want 404", act, status)
			}
		}
		for _, path := range []string{"/blogs/new?reply=", "/blogs/new?quote=", "/report?post="} {
			if status, _ := other.Get(path + fmt.Sprint(posts[blogs.Direct].ID)); status != http.StatusNotFound {
				t.Errorf("GET %s of a post that is not for one = %d, want 404", path, status)
			}
		}
		for _, path := range []string{"/blogs/0", "/blogs/x", "/blogs/99999999999999999999", posts[blogs.Public].Path() + "/edit"} {
			if status, _ := other.Get(path); status != http.StatusNotFound {
				t.Errorf("GET %s = %d, want 404", path, status)
			}
		}
	})
}

func TestWhatIsTypedStaysText(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena := person(t, n, "kamianske", "olena")
		evil := `<script>alert(1)</script><img src=x onerror=alert(2)>"'>`
		p := olena.says(blogs.Draft{Text: "Текст " + evil, Warning: "Увага " + evil})
		article := olena.says(blogs.Draft{Article: true, Title: "Назва " + evil, Text: "Стаття " + evil, Warning: "Коротко " + evil})
		b := olena.browses()
		for _, path := range []string{p.Path(), article.Path(), "/blogs", "/home", "/@olena", "/blogs/feed.atom", p.Path() + "/edit", p.Path() + "/delete", "/search?q=" + url.QueryEscape(evil), "/tags/" + url.PathEscape(evil), "/blogs/new?text=" + url.QueryEscape(evil)} {
			status, page := b.Get(path)
			if status != http.StatusOK {
				t.Errorf("GET %s = %d", path, status)
			}
			for _, bad := range []string{"<script", "<img src=x", "onerror=alert(2)>"} {
				if strings.Contains(strings.ReplaceAll(page, "onerror=alert(2)&gt;", ""), bad) {
					t.Errorf("GET %s shows %q as markup\n%s", path, bad, citytest.MainOf(page))
				}
			}
		}
		// A form that is refused keeps it, as text.
		status, page := b.Post("/blogs", "do", "publish", "title", evil, "text", evil, "visibility", "nobody", "warning", evil)
		if status != http.StatusUnprocessableEntity || !strings.Contains(page, "&lt;script&gt;alert(1)&lt;/script&gt;") || strings.Contains(page, "<script>alert") {
			t.Errorf("a refused form = %d\n%s", status, citytest.MainOf(page))
		}
	})
}

func TestWritingByTheForm(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena := person(t, n, "kamianske", "olena")
		b := olena.browses()
		b.shows("/blogs/new", 200, []string{"Новий допис", "Усім, але не в стрічках", "Лише згаданим", "Хто може цитувати", "Варіант 1", "Варіант 4", "3 дні", "7 днів", "1 день"}, []string{"New post", "Everybody, but not in timelines", "3 days"})
		b.shows("/home", 200, []string{"Моя стрічка", "Що хочете сказати громаді?", "Тут ще тихо."}, []string{"My feed", "Quiet here so far."})

		status, page := b.Post("/blogs", "do", "publish", "text", "", "visibility", "followers", "warning", "Про війну", "lang", "pl")
		if status != http.StatusUnprocessableEntity {
			t.Errorf("an empty post = %d, want 422", status)
		}
		b.holds("an empty post", page, "Залишилося виправити: 1.", "Напишіть щось або додайте зображення.", `value="Про війну"`, `value="pl" selected`, "Помилка:")
		if !regexp.MustCompile(`value="followers" checked`).MatchString(page) {
			t.Errorf("the refused form forgot whom the post is for\n%s", citytest.MainOf(page))
		}

		_, page = b.Post("/blogs", "do", "preview", "text", "Прев’ю **важливе** #парк", "visibility", "public")
		b.holds("a preview", page, "Так виглядатиме допис", "<strong>важливе</strong>", "Прев’ю **важливе** #парк")
		if _, list := b.Get("/blogs"); strings.Contains(list, "Прев’ю") {
			t.Error("a preview was published")
		}

		_, page = b.Post("/blogs", "do", "publish", "text", "Перший допис про #Парк", "visibility", "public", "lang", "uk", "sphere", "ecology")
		b.holds("a published post", page, "Допис опубліковано.", "Перший допис", "0 відповідей")
		b.shows("/tags/парк", 200, []string{"#парк", "Перший допис"}, []string{"Public posts with this tag."})
		n.Settle()
		b.shows("/@ecology", 200, []string{"Дописи в каналі", "Перший допис", "Написати в канал"}, []string{"Posts in the channel"})
		b.shows("/search?q="+url.QueryEscape("#пар"), 200, []string{"#парк"}, []string{"Tags"})
		b.shows("/search?q=OLE", 200, []string{"@olena</p>"}, []string{"People and channels"})
		b.shows("/search?q=%25", 200, []string{"Нічого не знайшлося."}, []string{"Nothing found."})

		_, page = b.Post("/blogs", "do", "draft", "text", "Ще думаю", "visibility", "unlisted", "options", "Так", "options", "Ні", "hours", "168")
		b.holds("the drafts", page, "Чернетку збережено.", "Ще думаю")
		draft := regexp.MustCompile(`/blogs/new\?draft=(\d+)`).FindStringSubmatch(page)
		if len(draft) != 2 {
			t.Fatalf("no draft in the list\n%s", citytest.MainOf(page))
		}
		_, page = b.Get("/blogs/new?draft=" + draft[1])
		b.holds("the form of a draft", page, "Ще думаю", `value="Так"`, `value="Ні"`, `value="168" selected`, `value="unlisted" checked`)
		status, page = b.Post("/blogs", "do", "schedule", "draft", draft[1], "text", "Ще думаю", "visibility", "public", "due", "2020-01-01T10:00")
		if status != http.StatusUnprocessableEntity {
			t.Errorf("a post planned for the past = %d, want 422", status)
		}
		b.holds("a post planned for the past", page, "Цей час уже минув.", `value="2020-01-01T10:00"`)
		due := n.Now().Add(26 * time.Hour).UTC().Format("2006-01-02T15:04")
		_, page = b.Post("/blogs", "do", "schedule", "draft", draft[1], "text", "Заплановане", "visibility", "public", "due", due)
		b.holds("a planned post", page, "Допис буде опубліковано:", "Заплановано на")
		n.Advance(30 * time.Hour)
		if err := olena.town.Blogs.PublishDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.shows("/blogs", 200, []string{"Заплановане"}, []string{"Заплановане"})
		b.shows("/blogs/drafts", 200, []string{"Чернеток немає."}, []string{"No drafts."})

		guest := n.Resident("kamianske", "guest", false)
		w, err := guest.Town.Blogs.Writer(t.Context(), guest.Account)
		if err != nil {
			t.Fatal(err)
		}
		someone{t, n, guest.Town, w}.browses().shows("/blogs/new", 200, []string{"Ще один крок – і можна писати.", `href="/verify"`}, []string{"One step and you can write."})
		if got := stranger(t, n, "kamianske"); got != nil {
			if _, page := got.Get("/blogs/new"); !strings.Contains(page, `name="password"`) {
				t.Error("a stranger was not asked to sign in")
			}
		}
	})
}

func TestButtonsBelowAPost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, ivan := person(t, n, "kamianske", "olena"), person(t, n, "kamianske", "ivan")
		p := olena.says(blogs.Draft{Text: "Лавка біля школи", Visibility: blogs.Public})
		b, own := ivan.browses(), olena.browses()
		for _, act := range []string{"like", "boost", "bookmark"} {
			_, page := b.Post(p.Path()+"/"+act, "back", "/blogs?from=all")
			if !strings.Contains(page, p.Path()+"/un"+act+`" aria-pressed="true"`) || !strings.Contains(page, `<h1>Дописи</h1>`) {
				t.Errorf("%s does not show as pressed where it was pressed\n%s", act, citytest.MainOf(page))
			}
		}
		b.shows("/bookmarks", 200, []string{"Лавка біля школи"}, []string{"Bookmarks"})
		if _, page := b.Get("/home"); !strings.Contains(page, "Поширення:") {
			t.Errorf("a boost is not in one's own feed\n%s", citytest.MainOf(page))
		}
		stranger(t, n, "kamianske").shows(p.Path(), 200, []string{"1 вподобання", "1 поширення", "0 відповідей", "Увійдіть тут або скористайтеся"}, []string{"1 like", "1 boost", "0 answers"})
		_, page := b.Post(p.Path()+"/unlike", "back", "https://evil.example/")
		b.lacks("after a like was taken back", page, "unlike")
		_, page = b.Post("/blogs", "do", "publish", "text", "Згоден", "visibility", "public", "reply", fmt.Sprint(p.ID), "back", p.Path())
		b.holds("an answer", page, "1 відповідь", "Згоден", "Відповідь, кому:")

		own.shows("/notifications", 200, []string{"Поширили ваш допис", "Вас згадали або вам відповіли", "Згоден", "нове", "Позначити прочитаним"}, []string{"Boosted your post"})
		if _, page := own.Get("/blogs"); !strings.Contains(page, "Сповіщення: 2 нові") {
			t.Error("the heading does not tell of two notices")
		}
		upTo := regexp.MustCompile(`name="upTo" value="(\d+)"`).FindStringSubmatch(citytest.MainOf(second(own.Get("/notifications"))))
		if len(upTo) != 2 {
			t.Fatal("nothing to mark as read")
		}
		_, page = own.Post("/notifications", "upTo", upTo[1])
		own.lacks("notices that were seen", page, "нове</span>", "Позначити прочитаним</span>")

		_, page = own.Post(p.Path()+"/edit", "do", "publish", "text", "Лавка біля садка", "lang", "uk")
		own.holds("an edited post", page, "Зміни збережено.", "Лавка біля садка", p.Path()+"/history")
		stranger(t, n, "kamianske").shows(p.Path()+"/history", 200, []string{"Лавка біля садка", "Лавка біля школи", "Історія змін"}, []string{"History of edits"})
		own.shows(p.Path()+"/delete", 200, []string{"Видалити назавжди"}, []string{"Delete for good"})
		_, page = own.Post(p.Path()+"/pin", "back", "/@olena")
		own.holds("a pinned post", page, "Закріплений допис")
		_, page = own.Post(p.Path() + "/delete")
		own.holds("after the deletion", page, "Допис видалено.")
		own.shows(p.Path(), 410, []string{"Цей допис видалено."}, []string{"This post was deleted."})
	})
}

func second(_ int, page string) string { return page }

func TestConversationKeepsItsOrder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, ivan := person(t, n, "kamianske", "olena"), person(t, n, "kamianske", "ivan")
		first := olena.says(blogs.Draft{Text: "перша думка", Visibility: blogs.Public})
		one := ivan.says(blogs.Draft{Text: "відповідь один", Visibility: blogs.Public, ReplyTo: first.ID})
		two := olena.says(blogs.Draft{Text: "відповідь два", Visibility: blogs.Public, ReplyTo: first.ID})
		below := olena.says(blogs.Draft{Text: "під першою", Visibility: blogs.Public, ReplyTo: one.ID})
		ivan.says(blogs.Draft{Text: "лише для олени @olena", Visibility: blogs.Direct, ReplyTo: two.ID})
		b := stranger(t, n, "kamianske")
		page := citytest.MainOf(b.shows(first.Path(), 200, []string{"3 відповіді"}, []string{"3 answers"}))
		at := -1
		for _, words := range []string{"<p>перша думка", "<p>відповідь один", "<p>під першою", "<p>відповідь два"} {
			i := strings.Index(page, words)
			if i <= at {
				t.Errorf("%q stands at %d, want it after %d\n%s", words, i, at, page)
			}
			at = i
		}
		b.lacks("a conversation", page, "лише для олени")
		page = citytest.MainOf(second(b.Get(below.Path())))
		if strings.Index(page, "<p>перша думка") > strings.Index(page, "<p>відповідь один") || strings.Index(page, "<p>відповідь один") > strings.Index(page, "<p>під першою") || strings.Contains(page, "відповідь два") {
			t.Errorf("above an answer stand not what it answers, in order\n%s", page)
		}
		ivan.must("deletes", ivan.town.Blogs.Delete(t.Context(), ivan.Actor, one.ID))
		b.shows(first.Path(), 200, []string{"2 відповіді", "Тут був допис, який видалено.", "під першою"}, []string{"2 answers"})
		b.shows(below.Path(), 200, []string{"перша думка", "Тут був допис, який видалено."}, []string{"A post stood here"})
	})
}

func TestQuestionInAPost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, hanna := person(t, n, "kamianske", "olena"), person(t, n, "lviv", "hanna")
		hanna.follows(olena)
		b := olena.browses()
		status, page := b.Post("/blogs", "do", "publish", "text", "Де ставити лавку?", "visibility", "public", "options", "Біля школи", "options", "", "hours", "24")
		if status != 422 {
			t.Errorf("a question with one option = %d, want 422", status)
		}
		b.holds("a question with one option", page, "Потрібно від 2 до 8 варіантів відповіді.", `value="Біля школи"`)
		_, page = b.Post("/blogs", "do", "publish", "text", "Де ставити лавку?", "visibility", "public", "options", "Біля школи", "options", "У парку", "hours", "24")
		b.holds("a question", page, "Результат відкриється після завершення.", "Біля школи")
		n.Settle()
		there := hanna.browses()
		_, page = there.Get("/home")
		path := regexp.MustCompile(`/blogs/(\d+)/vote`).FindStringSubmatch(page)
		if len(path) != 2 {
			t.Fatalf("no form to vote with at home\n%s", citytest.MainOf(page))
		}
		there.holds("a question elsewhere", page, "Результати тримає сервер kamianske.test: він бачить, хто що обрав.")
		status, page = there.Post("/blogs/" + path[1] + "/vote")
		if status != 422 {
			t.Errorf("no choice = %d, want 422", status)
		}
		there.holds("no choice", page, "Оберіть варіант із наведених.")
		_, page = there.Post("/blogs/"+path[1]+"/vote", "choices", "1")
		there.holds("a vote", page, "Дякуємо, ваш голос враховано.", "Ваш голос враховано.")
		_, page = there.Post("/blogs/"+path[1]+"/vote", "choices", "0")
		there.holds("a second vote", page, "Ви вже відповіли.")
	})
}

func TestPeopleElsewhere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, hanna := person(t, n, "kamianske", "olena"), person(t, n, "lviv", "hanna")
		nobody := stranger(t, n, "kamianske")
		if status, _ := nobody.Get("/@hanna@lviv.test"); status != 404 {
			t.Errorf("a stranger had somebody looked up: %d, want 404", status)
		}
		b := olena.browses()
		page := b.shows("/@hanna@lviv.test", 200, []string{"@hanna@lviv.test", "Підписатися", "Сервер lviv.test", "Заблокувати весь сервер lviv.test", "Поскаржитися"}, []string{"Follow", "Server lviv.test"})
		act := regexp.MustCompile(`/people/\d+/follow`).FindString(page)
		_, page = b.Post(act, "back", "/@hanna@lviv.test")
		b.holds("a follow", page, "Запит надіслано: hanna.", "Відкликати запит")
		n.Settle()
		p := hanna.says(blogs.Draft{Text: "Вітаю з Львова", Lang: "en", Visibility: blogs.Public})
		b.shows("/home", 200, []string{"Вітаю з Львова", `lang="en"`, "Оригінал на lviv.test"}, []string{"Original at lviv.test"})
		olena.must("hears that hanna moved", olena.town.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "update actors set moved_to = ?, summary = ?, fields = ? where handle = 'hanna'", olena.Actor.URI,
				`<p>Пишу про <script>alert(1)</script>місто</p>`, `[{"Name":"Сайт<i>","Value":"<a href=\"javascript:alert(1)\">тут</a> <img src=x>"}]`)
			return err
		}))
		page = b.shows("/@hanna@lviv.test", 200, []string{"Вітаю з Львова", "Відписатися", "Нова адреса:", `href="/@olena"`, "Пишу про ", "Сайт"}, []string{"Unfollow", "Moved to:"})
		b.lacks("a profile elsewhere", page, "<script", "javascript:", "<img src=x", "<i>")
		b.shows("/me/follows", 200, []string{"1 підписка", "hanna"}, []string{"You follow 1"})
		b.shows("/search?q=@hanna@lviv.test", 200, []string{"@hanna@lviv.test"}, []string{"People and channels"})
		b.shows("/search?q="+url.QueryEscape(p.URI), 200, []string{"Вітаю з Львова"}, []string{"Post"})
		nobody.shows("/search?q=@hanna@lviv.test", 200, []string{"Щоб шукати на інших серверах, увійдіть."}, []string{"Sign in to search other servers."})
		_, page = b.Get("/authorize_interaction?uri=" + url.QueryEscape(p.URI))
		b.holds("an interaction", page, "Вітаю з Львова", "Ваша відповідь")
		_, page = b.Get("/authorize_interaction?uri=acct:hanna@lviv.test")
		b.holds("an interaction", page, "Сервер lviv.test")
		_, page = b.Get("/share?text=Слово&url=https://example.org/a")
		b.holds("a share", page, "Слово", "https://example.org/a")

		local := olena.has(p)
		_, page = b.Get(fmt.Sprintf("/report?post=%d", local.ID))
		b.holds("a report", page, "Надіслати скаргу й модераторам сервера lviv.test")
		status, page := b.Post("/report", "post", fmt.Sprint(local.ID), "actor", "", "comment", " ", "forward", "1")
		if status != 422 || !strings.Contains(page, "Поясніть, що не так.") {
			t.Errorf("a report without words = %d", status)
		}
		_, page = b.Post("/report", "post", fmt.Sprint(local.ID), "comment", "Реклама", "forward", "1")
		b.holds("a report", page, "Скаргу надіслано.")

		for _, c := range []struct{ act, said, then string }{
			{"mute", "Дописів більше не видно: hanna.", "Ви сховали дописи цієї людини."},
			{"unmute", "Дописи знову видно: hanna.", "Вітаю з Львова"},
			{"block", "Заблоковано: hanna.", "Ви заблокували цю людину"},
		} {
			_, page = b.Post(strings.Replace(act, "follow", c.act, 1), "back", "/@hanna@lviv.test")
			b.holds(c.act, page, c.said, c.then)
		}
		b.shows("/me/blocks", 200, []string{"hanna", "Розблокувати"}, []string{"Unblock"})
		_, page = b.Post("/me/blocks", "host", "not a host")
		b.holds("a host that is none", page, "Це не схоже на адресу іншого сервера.", `value="not a host"`)
		_, page = b.Post("/me/blocks", "host", "spam.example")
		b.holds("a host", page, "Сервер заблоковано для вас: spam.example.")
	})
}

func TestPicturesByTheForm(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, hanna := person(t, n, "kamianske", "olena"), person(t, n, "lviv", "hanna")
		hanna.follows(olena)
		b := olena.browses()
		status, page := b.upload("/blogs", map[string]string{"do": "add", "text": "Дві лавки", "visibility": "public", "newalt": "Лавка біля школи"}, square(), []byte("no picture at all"))
		if status != http.StatusUnprocessableEntity {
			t.Errorf("a file that is no picture = %d, want 422", status)
		}
		b.holds("a file that is no picture", page, "Це не зображення.", "Дві лавки", "Лавка біля школи</textarea>")
		picture := regexp.MustCompile(`name="picture" value="([^"]+)"`).FindAllStringSubmatch(page, -1)
		if len(picture) != 1 {
			t.Fatalf("%d pictures are kept, want the good one\n%s", len(picture), citytest.MainOf(page))
		}
		name := picture[0][1]
		other := person(t, n, "kamianske", "ivan").browses()
		if _, page := other.Post("/blogs", "do", "publish", "text", "чуже", "visibility", "public", "picture", name, "alt", ""); strings.Contains(page, name) {
			t.Error("somebody took another one's picture")
		}
		_, page = b.Post("/blogs", "do", "publish", "text", "Дві лавки", "visibility", "public", "picture", name, "alt", "Лавка <i>біля</i> школи")
		b.holds("a post with a picture", page, "/media/"+name+"?size=small", `alt="Лавка &lt;i&gt;біля&lt;/i&gt; школи"`)
		res, err := b.Client.Get(b.Base + "/media/" + name)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if kind := res.Header.Get("Content-Type"); res.StatusCode != 200 || !strings.HasPrefix(kind, "image/") {
			t.Errorf("the picture = %d, %s", res.StatusCode, kind)
		}

		n.Settle()
		there := hanna.browses()
		_, page = there.Get("/home")
		address := regexp.MustCompile(`/media/proxy/\d+/0`).FindString(page)
		if address == "" || strings.Contains(citytest.MainOf(page), `src="https://kamianske`) {
			t.Fatalf("the picture does not come through one's own server\n%s", citytest.MainOf(page))
		}
		if status, _ := there.Get(address + "?size=small"); status != 200 {
			t.Errorf("the copy of a picture elsewhere = %d, want 200", status)
		}
		for _, path := range []string{address + "9", strings.TrimSuffix(address, "0") + "text-0", strings.TrimSuffix(address, "0") + "x", "/media/proxy/1/0", "/media/icon/1", "/media/nothing.webp"} {
			if status, _ := there.Get(path); status != 404 {
				t.Errorf("GET %s = %d, want 404", path, status)
			}
		}
	})
}

// square is a small picture.
func square() []byte {
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewRGBA(image.Rect(0, 0, 64, 64))); err != nil {
		panic(err) // a buffer takes everything
	}
	return out.Bytes()
}

// upload sends a form with files.
func (b *browser) upload(path string, fields map[string]string, files ...[]byte) (int, string) {
	b.T.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			b.T.Fatal(err)
		}
	}
	for i, file := range files {
		part, err := form.CreateFormFile("files", fmt.Sprintf("picture-%d.png", i))
		if err != nil {
			b.T.Fatal(err)
		}
		if _, err := part.Write(file); err != nil {
			b.T.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		b.T.Fatal(err)
	}
	return b.Read(b.Client.Post(b.Base+path, form.FormDataContentType(), &body))
}

func TestFollowersByApproval(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, ivan := person(t, n, "kamianske", "olena"), person(t, n, "kamianske", "ivan")
		b, other := olena.browses(), ivan.browses()
		_, page := b.Post("/me/follows", "approves", "1")
		b.holds("approval", page, "Тепер ви вирішуєте про кожного підписника.")
		_, page = other.Post(fmt.Sprintf("/people/%d/follow", olena.Actor.ID))
		other.holds("a wish", page, "Запит надіслано: olena.", "Відкликати запит")
		b.shows("/notifications", 200, []string{"Хочуть на вас підписатися", "Відповісти на запит"}, []string{"Want to follow you"})
		b.shows("/me/follows", 200, []string{"Чекають на вашу відповідь", "ivan"}, []string{"Waiting for your answer"})
		_, page = b.Post(fmt.Sprintf("/people/%d/accept", ivan.Actor.ID), "back", "/me/follows?who=followers")
		b.holds("a wish granted", page, "Запит прийнято: ivan.", "1 підписник", "Прибрати з підписників")
		other.shows("/@olena", 200, []string{"Відписатися", "1 підписник"}, []string{"Unfollow"})
	})
}

func TestStrangersAreSentHome(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena := person(t, n, "kamianske", "olena")
		p := olena.says(blogs.Draft{Text: "Для всіх", Visibility: blogs.Public})
		closed := olena.says(blogs.Draft{Text: "Для кількох", Visibility: blogs.Followers})
		b := stranger(t, n, "kamianske")
		b.shows("/interact?act=follow&to="+url.QueryEscape(olena.Actor.URI), 200, []string{"Підписатися: olena", "Ваше ім’я в мережі"}, []string{"Follow olena"})
		b.shows("/interact?to="+url.QueryEscape(p.URI), 200, []string{"Відповісти на допис"}, []string{"Answer the post"})
		if status, _ := b.Get("/interact?to=" + url.QueryEscape(closed.URI)); status != 404 {
			t.Errorf("a post that is not for everybody = %d, want 404", status)
		}
		status, page := b.Post("/interact", "to", p.URI, "handle", "nobody")
		if status != 422 {
			t.Errorf("a handle that is none = %d, want 422", status)
		}
		b.holds("a handle that is none", page, "Напишіть ім’я і сервер", `value="nobody"`)
		_, page = b.Post("/interact", "to", p.URI, "handle", "who@lviv.test")
		b.holds("a handle that nobody has", page, "Сервер lviv.test не знає такого імені")

		hanna := person(t, n, "lviv", "hanna")
		b.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		res, err := b.Client.PostForm(b.Base+"/interact", url.Values{"to": {p.URI}, "handle": {"@hanna@lviv.test"}})
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		to, err := url.Parse(res.Header.Get("Location"))
		if err != nil || res.StatusCode != http.StatusSeeOther || to.Host != "lviv.test" {
			t.Fatalf("sent to %q with %d, want a page of lviv.test", res.Header.Get("Location"), res.StatusCode)
		}
		if _, page := hanna.browses().Get(to.RequestURI()); !strings.Contains(page, "Для всіх") {
			t.Errorf("at home the post is not shown\n%s", citytest.MainOf(page))
		}
	})
}
