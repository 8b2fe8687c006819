package polls_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"viche/internal/citytest"
	"viche/modules/polls"
)

// each runs a test on cities of each database.
func each(t *testing.T, names []string, f func(t *testing.T, n *citytest.Network)) {
	for kind, o := range citytest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			f(t, citytest.Fediverse(t, o, names...))
		})
	}
}

// browser is one person at one city.
type browser struct{ *citytest.Browser }

func open(t *testing.T, n *citytest.Network, town string) *browser {
	return &browser{n.Browser(t, town)}
}

// as is a browser in which somebody is signed in.
func as(t *testing.T, n *citytest.Network, town string, r citytest.Resident) *browser {
	t.Helper()
	b := open(t, n, town)
	b.SignIn(r.Handle)
	return b
}

// keyLike is a message key that nobody wrote, or a value that is not there.
var keyLike = regexp.MustCompile(`\b(polls|ballot|spheres|web|people)\.[a-z-]+\.[a-z.-]+\b|<no value>|ZgotmplZ|%!`)

// shows holds a page against words, in both languages.
func (b *browser) shows(path string, status int, uk, en []string) {
	b.T.Helper()
	for lang, words := range map[string][]string{"uk": uk, "en": en} {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		got, page := b.Get(path + sep + "lang=" + lang)
		if got != status {
			b.T.Errorf("GET %s in %s = %d, want %d", path, lang, got, status)
		}
		b.holds(path+" in "+lang, page, words...)
	}
	b.Get("/charter?lang=uk")
}

func (b *browser) holds(what, page string, words ...string) {
	b.T.Helper()
	for _, w := range words {
		if !strings.Contains(page, w) {
			b.T.Errorf("%s lacks %q\n%s", what, w, citytest.MainOf(page))
		}
	}
	if found := keyLike.FindString(strings.ReplaceAll(page, "curl", "")); found != "" {
		b.T.Errorf("%s shows %q", what, found)
	}
}

func votes(t *testing.T, n *citytest.Network, crowd []citytest.Resident, poll *polls.Poll, choices ...string) {
	t.Helper()
	for i, r := range crowd {
		if err := n.Cast(r, poll.PollID, choices[i%len(choices)]); err != nil {
			t.Fatalf("vote of %s: %v", r.Handle, err)
		}
	}
}

func TestPageOfAPollInEachOfItsStates(t *testing.T) {
	t.Parallel()
	each(t, []string{"kamianske"}, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 40)
		poll := n.OpenPoll("kamianske", "city")
		page := "/polls/" + poll.PollID
		guest := n.Resident("kamianske", "guest", false)
		late := n.Resident("kamianske", "late", true)
		organisation := n.Organisation("kamianske", "hromada")

		nobody := open(t, n, "kamianske")
		nobody.shows(page, 200, []string{"Триває", "Увійдіть, щоб проголосувати.", "/sign-in?next=%2Fpolls%2F" + poll.PollID, "Важко відповісти", "Могли проголосувати"},
			[]string{"Open", "Sign in to vote.", "Could vote"})
		as(t, n, "kamianske", guest).shows(page, 200, []string{"Ще один крок – і ваш голос врахують.", `href="/verify"`, "Поки що почитаю"},
			[]string{"One step and your vote counts.", "Just read for now"})
		as(t, n, "kamianske", late).shows(page, 200, []string{"Це опитування відкрилося раніше, ніж ви підтвердили особу."}, []string{"This poll opened before you were confirmed."})
		as(t, n, "kamianske", organisation).shows(page, 200, []string{"Організація не голосує."}, []string{"An organisation does not vote."})

		olena := as(t, n, "kamianske", crowd[0])
		olena.shows(page, 200, []string{"Результати відкриються після вашої відповіді.", ">Проголосувати<", "<legend><h1>", `type="radio"`}, []string{"Results open after your answer", ">Vote<"})
		_, html := olena.Get(page)
		if strings.Contains(html, " checked") || strings.Contains(html, "<table") {
			t.Error("something is chosen beforehand, or a table is shown before the vote")
		}
		if status, html := olena.Post(page + "/ballot"); status != 422 {
			t.Errorf("an empty answer = %d, want 422", status)
		} else {
			olena.holds("an empty answer", html, "Помилка:", "Залишилося виправити: 1.", "Оберіть хоча б один варіант.", `href="#choices"`, `id="choices"`)
		}
		if status, html := olena.Post(page+"/ballot", "choices", "o2", "choices", "o3"); status != 422 {
			t.Errorf("two answers = %d, want 422", status)
		} else {
			olena.holds("two answers", html, "лише один варіант", `value="o3" checked`)
		}
		status, html := olena.Post(page+"/ballot", "choices", "o2")
		if status != 200 {
			t.Fatalf("vote = %d", status)
		}
		olena.holds("the first vote", html, "Дякуємо, ваш голос враховано.", "можна змінити до", "Поки що замало відповідей, щоб їх показати.", "щонайменше 10", "Ваша відповідь, яку бачите лише ви:", "<strong>Ні</strong>")
		if strings.Contains(html, "Проміжний підсумок уже відкрито") {
			t.Error("says that an interim result is open while there is none")
		}

		votes(t, n, crowd[1:40], poll, "o1", "o1", "o3")
		n.Settle()
		olena.shows(page, 200, []string{"Проміжний підсумок станом на", "найбільше обрали: «Так»", "Участь: 40 із 40 (100", "Змінити голос", "Остаточний результат буде", "ваша відповідь"},
			[]string{"Interim result as of", "most chose “Так”", "Took part: 40 of 40", "Change your vote"})
		olena.shows(page+"/change", 200, []string{"Змінити голос?", "Це ваше право до", `value="o2" checked`, "Залишити як є"}, []string{"Change your vote?", "Keep"})
		_, html = olena.Post(page+"/ballot", "choices", "o1")
		olena.holds("a changed vote", html, "Новий голос враховано, попередній знято.", "<strong>Так</strong>")
		_, html = olena.Post(page+"/ballot", "choices", "o1")
		olena.holds("the same vote again", html, "Ваш голос залишився таким, як був.")
		if status, html := olena.Post(page + "/ballot"); status != 422 || !strings.Contains(html, "Змінити голос?") {
			t.Errorf("an empty change = %d, want 422 on the page of the change", status)
		}

		n.Advance(8 * 24 * time.Hour)
		if status, html := olena.Post(page+"/ballot", "choices", "o3"); status != 409 || !strings.Contains(html, "Опитування вже завершено.") {
			t.Errorf("a late vote = %d, want 409 with words", status)
		}
		nobody.shows(page, 200, []string{"Завершено", "Рахуємо голоси."}, []string{"Votes are being counted."})
		n.Settle()
		nobody.shows(page, 200, []string{"Остаточний результат", "найбільше обрали: «Так»", "Участь: 40 із 40", "Опитування завершено", "Результат відкрито для всіх.", "не входять у результат", "Перевірити самостійно"},
			[]string{"Final result", "Took part: 40 of 40", "This poll closed on", "Open polls"})
		olena.shows(page, 200, []string{"Остаточний результат", "Ваша відповідь, яку бачите лише ви:", "ваша відповідь"}, []string{"Final result", "your answer"})
		_, html = nobody.Get(page)
		if strings.Contains(html, "ваша відповідь") || strings.Contains(html, "Як відповідали спершу") {
			t.Error("the result tells a stranger of own answers, or of first answers where one changed")
		}

		if err := n.Town("kamianske").Box.Destroy(poll.Box()); err != nil {
			t.Fatal(err)
		}
		olena.shows(page, 200, []string{"Ключ цього опитування знищено", "Ваш голос враховано"}, []string{"The key of this poll is destroyed"})
	})
}

// TestNothingChangesForWhoHasNotVoted casts forty ballots and compares what
// somebody sees who has not voted, byte by byte.
func TestNothingChangesForWhoHasNotVoted(t *testing.T) {
	t.Parallel()
	each(t, []string{"kamianske"}, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 41)
		poll := n.OpenPoll("kamianske", "city")
		nobody, waits := open(t, n, "kamianske"), as(t, n, "kamianske", crowd[40])
		paths := []string{"/", "/polls", "/polls?state=open", "/@ecology", "/spheres", "/polls/" + poll.PollID, "/polls/" + poll.PollID + "/change", "/polls/feed.atom", "/spheres/ecology/feed.atom"}
		look := func() (pages []string) {
			for _, b := range []*browser{nobody, waits} {
				for _, path := range paths {
					status, page := b.Get(path)
					if status != 200 {
						t.Errorf("GET %s = %d", path, status)
					}
					pages = append(pages, page)
				}
			}
			return pages
		}
		before := look()
		votes(t, n, crowd[:40], poll, "o1", "o2", "o1")
		n.Settle()
		if _, page := as(t, n, "kamianske", crowd[0]).Get("/polls/" + poll.PollID); !strings.Contains(page, "Участь: 40 із 41") {
			t.Fatal("there is no snapshot: the test would prove nothing")
		}
		for i, page := range look() {
			if page != before[i] {
				t.Errorf("%s changes with votes for somebody who has not voted:\n%s\n%s", paths[i%len(paths)], citytest.MainOf(before[i]), citytest.MainOf(page))
			}
		}
	})
}

func TestResultOfManyCitiesShowsTheirShares(t *testing.T) {
	t.Parallel()
	each(t, []string{"ukraine", "kamianske", "lviv"}, func(t *testing.T, n *citytest.Network) {
		home, away := n.Crowd("kamianske", 30), n.Crowd("lviv", 30)
		n.Settle()
		poll := n.OpenPoll("ukraine", "national")
		n.Settle()
		page := "/polls/" + poll.PollID
		open(t, n, "ukraine").shows(page, 200, []string{"Голосують на сторінці своєї громади.", "https://kamianske.test" + page, "https://lviv.test" + page, "Загальнонаціональне"},
			[]string{"Vote on your community’s page.", "National"})
		open(t, n, "ukraine").shows("/", 200, []string{"Громади мережі", "kamianske.test", "lviv.test", poll.Title}, []string{"Communities of the network"})
		votes(t, n, home, poll, "o1", "o1", "o2")
		votes(t, n, away, poll, "o2", "o2", "o1")
		n.Cut("lviv", true)
		n.Advance(7*24*time.Hour + time.Minute)
		n.Settle()
		n.Advance(time.Minute)
		n.Settle()
		open(t, n, "kamianske").shows(page, 200, []string{"Попередній результат", "Надійшли підсумки 1 із 2 громад.", "ось хто ще рахує: lviv.test", "kamianske.test", "Підсумок нашої громади стоїть у результаті без змін."},
			[]string{"Preliminary result", "1 of 2 communities have reported.", "still counting: lviv.test"})
		n.Cut("lviv", false)
		n.Settle()
		n.Advance(time.Minute)
		n.Settle()
		for _, town := range []string{"kamianske", "lviv", "ukraine"} {
			open(t, n, town).shows(page, 200, []string{"Остаточний результат", "Участь: 60 із 60", "За громадами", "kamianske.test", "lviv.test", "viche verify " + poll.URI, "/api/viche/v1/trust"},
				[]string{"Final result", "Took part: 60 of 60", "By community", "Check it yourself"})
		}
		_, html := open(t, n, "kamianske").Get(page)
		open(t, n, "kamianske").holds("the city's own part", html, "У нашій громаді", "наша громада", "Участь: 30 із 30", `href="`+poll.URI+`"`)
		_, html = open(t, n, "kamianske").Get("/")
		open(t, n, "kamianske").holds("home", html, "Останні результати", "порівну найбільше мають")

		request, err := http.NewRequest(http.MethodGet, "https://kamianske.test"+page, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", "application/activity+json")
		client := n.HTTP()
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		res, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != 302 || res.Header.Get("Location") != poll.URI {
			t.Errorf("the object of a poll elsewhere = %d to %q, want 302 to %s", res.StatusCode, res.Header.Get("Location"), poll.URI)
		}
	})
}

func TestListsNameWhatTheyFilter(t *testing.T) {
	t.Parallel()
	each(t, []string{"kamianske"}, func(t *testing.T, n *citytest.Network) {
		b := open(t, n, "kamianske")
		b.shows("/polls", 200, []string{"0 опитувань", "Тут ще тихо.", "Почніть першими"}, []string{"0 polls", "Quiet here so far."})
		b.shows("/", 200, []string{"Тут ще тихо."}, []string{"Quiet here so far."})
		for range 21 {
			n.OpenPoll("kamianske", "city")
		}
		b.shows("/polls?state=closed", 200, []string{"За цими умовами нічого не знайшлося.", "Скинути умови"}, []string{"Nothing matches these filters."})
		b.shows("/polls?state=open&sphere=ecology", 200, []string{"21 опитування", `value="ecology" selected`, "Давніші", "state=open"}, []string{"21 polls", "Older"})
		_, page := b.Get("/polls")
		next := regexp.MustCompile(`href="(/polls\?after=\d+)"`).FindStringSubmatch(page)
		if len(next) != 2 || strings.Count(page, `<li class="card">`) != 20 {
			t.Fatalf("the first page holds %d polls and leads to %v", strings.Count(page, `<li class="card">`), next)
		}
		_, page = b.Get(next[1])
		if got := strings.Count(page, `<li class="card">`); got != 1 || !strings.Contains(page, "На початок") {
			t.Errorf("the second page holds %d polls, want 1 and a way back", got)
		}
		b.shows("/spheres", 200, []string{"Триває 21 опитування", "/@osbb", "об’єднання співвласників"}, []string{"21 polls open", "Human rights"})
		b.shows("/@ecology", 200, []string{"Екологія", "@ecology@kamianske.test", "Підписатися з федиверсу", "/spheres/ecology/feed.atom"}, []string{"Environment", "Follow from the fediverse"})
		if status, _ := b.Get("/polls?state=nonsense&after=x&scope=1"); status != 200 {
			t.Errorf("a filter that nobody knows = %d, want 200", status)
		}
		for _, path := range []string{"/polls/nothing", "/polls/01890000-0000-7000-8000-000000000000", "/spheres/nothing/feed.atom"} {
			if status, _ := b.Get(path); status != 404 {
				t.Errorf("GET %s = %d, want 404", path, status)
			}
		}
	})
}
