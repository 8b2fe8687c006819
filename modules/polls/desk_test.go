package polls_test

import (
	"encoding/xml"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"viche/internal/citytest"
	"viche/modules/polls"
)

func TestModeratorOpensAndClosesAPoll(t *testing.T) {
	t.Parallel()
	each(t, []string{"kamianske"}, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 12)
		n.Appoint(crowd[0], "moderator", "transport")
		desk := as(t, n, "kamianske", crowd[0])
		if status, _ := as(t, n, "kamianske", crowd[1]).Get("/desk/polls"); status != http.StatusNotFound {
			t.Errorf("a resident's desk = %d, want 404", status)
		}
		desk.shows("/polls", 200, []string{"Стіл модератора"}, []string{"Moderator’s desk"})
		desk.shows("/polls/new", 200, []string{"Відкрити опитування", "datetime-local", `value="transport"`}, []string{"Open a poll"})
		status, page := desk.Post("/polls", "title", "Де поставити зупинку?", "options", "тут\nтам", "more", "hard", "kind", "several", "sphere", "transport", "results", "afterVote", "closesAt", "завтра")
		if status != http.StatusUnprocessableEntity {
			t.Errorf("a time that nobody can read = %d, want 422", status)
		}
		desk.holds("a time that nobody can read", page, "Вкажіть день і час так", "Де поставити зупинку?", "тут\nтам", `value="several" checked`, `value="завтра"`)
		closes := n.Now().Add(48 * time.Hour).Format("2006-01-02T15:04")
		if status, page = desk.Post("/polls", "title", "Де поставити зупинку?", "options", "тут\nтам", "sphere", "ecology", "closesAt", closes); status != http.StatusUnprocessableEntity || !strings.Contains(page, "Ваша роль не поширюється на цю сферу.") {
			t.Errorf("a poll of another moderator's sphere = %d, want 422 and why", status)
		}
		status, page = desk.Post("/polls", "title", "Де поставити зупинку?", "body", "Ремонт почнеться навесні.", "options", "тут\nтам", "more", "hard", "kind", "several", "sphere", "transport", "results", "afterVote", "closesAt", closes)
		if status != http.StatusOK {
			t.Fatalf("open = %d", status)
		}
		desk.holds("the new poll", page, "Опитування відкрито.", "Де поставити зупинку?", `type="checkbox"`, "Можна обрати кілька варіантів.", "Важко відповісти", "Завершити раніше строку")
		list, _, err := n.Town("kamianske").Polls.List(t.Context(), polls.Filter{})
		if err != nil || len(list) != 1 {
			t.Fatalf("polls = %v, %v, want one", list, err)
		}
		id := list[0].PollID
		for i, r := range crowd {
			if err := n.Cast(r, id, []string{"o1", "o2"}[i%2], "o3"); err != nil {
				t.Fatal(err)
			}
		}
		desk.shows("/desk/polls/"+id, 200, []string{"Завершити раніше строку?", "Що станеться", "Відкрити опитування знову не можна.", "Нехай триває"}, []string{"Close early?"})
		if status, page = desk.Post("/desk/polls/"+id, "do", "close", "reason", ""); status != http.StatusUnprocessableEntity || !strings.Contains(page, "Поясніть, чому опитування завершується раніше") {
			t.Errorf("a close without a reason = %d, want 422 and what is missing", status)
		}
		n.Appoint(crowd[2], "moderator", "ecology")
		if status, _ = as(t, n, "kamianske", crowd[2]).Post("/desk/polls/"+id, "do", "close", "reason", "чуже"); status != http.StatusNotFound {
			t.Errorf("a close by a moderator of another sphere = %d, want 404", status)
		}
		_, page = desk.Post("/desk/polls/"+id, "do", "close", "reason", "У запитанні помилка.")
		desk.holds("the poll closed early", page, "Опитування завершено.", "Опитування завершено раніше строку", "Причина: У запитанні помилка.", "Остаточний результат", "Можна було обрати кілька варіантів")
		_, page = desk.Post("/desk/polls/"+id, "do", "close", "reason", "Ще раз.")
		desk.holds("a second close", page, "Рішення вже ухвалено раніше")
	})
}

func TestPollOfWhichNothingIsSeenBeforeTheEndRunsToIt(t *testing.T) {
	t.Parallel()
	each(t, []string{"kamianske"}, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 30)
		n.Appoint(crowd[0], "operator", "")
		p := n.Town("kamianske").Polls
		poll, err := p.OpenPoll(t.Context(), polls.Draft{Title: "Таємне?", Options: []string{"так", "ні"}, Sphere: "it", Results: "afterClose", ClosesAt: n.Now().Add(24 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		votes(t, n, crowd, poll, "o1", "o2")
		n.Settle()
		desk := as(t, n, "kamianske", crowd[0])
		desk.shows("/polls/"+poll.PollID, 200, []string{"Ваш голос враховано", "Лише після завершення"}, []string{"Your vote counts"})
		if _, page := desk.Get("/polls/" + poll.PollID); strings.Contains(page, "<table") || strings.Contains(page, "Участь") || strings.Contains(page, "Завершити раніше") {
			t.Error("something is shown before the end")
		}
		desk.shows("/desk/polls/"+poll.PollID, 200, []string{"Це опитування триватиме до кінця."}, []string{"This poll runs to its end."})
		if status, _ := desk.Post("/desk/polls/"+poll.PollID, "do", "close", "reason", "раніше"); status != http.StatusUnprocessableEntity {
			t.Errorf("closing it early = %d, want 422", status)
		}
	})
}

type feed struct {
	XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string   `xml:"id"`
	Updated string   `xml:"updated"`
	Entries []struct {
		ID        string `xml:"id"`
		Title     string `xml:"title"`
		Published string `xml:"published"`
		Updated   string `xml:"updated"`
		Content   string `xml:"content"`
	} `xml:"entry"`
}

func TestFeedsTellPollsAndNoTotals(t *testing.T) {
	t.Parallel()
	each(t, []string{"kamianske"}, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 96)
		read := func(path string) (f feed) {
			t.Helper()
			res, err := n.HTTP().Get("https://kamianske.test" + path)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if got := res.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/atom+xml") {
				t.Errorf("%s is %q", path, got)
			}
			if err := xml.NewDecoder(res.Body).Decode(&f); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			dates := []string{f.Updated}
			for _, e := range f.Entries {
				dates = append(dates, e.Published, e.Updated)
			}
			for _, date := range dates {
				if at, err := time.Parse(time.RFC3339, date); err != nil || at.Year() < 2020 {
					t.Errorf("%s holds the date %q", path, date)
				}
			}
			return f
		}
		if f := read("/polls/feed.atom"); len(f.Entries) != 0 || f.ID != "https://kamianske.test/polls/feed.atom" {
			t.Errorf("an empty feed = %+v", f)
		}
		poll := n.OpenPoll("kamianske", "city")
		votes(t, n, crowd, poll, "o1", "o1", "o2")
		n.Settle()
		total := regexp.MustCompile(`\b(96|64)\b|%`) // ballots, and those for yes; no hour or day can be as large
		before := read("/spheres/ecology/feed.atom")
		n.Advance(8 * 24 * time.Hour)
		n.Settle()
		after := read("/polls/feed.atom")
		if len(before.Entries) != 1 || len(after.Entries) != 1 {
			t.Fatalf("the feeds hold %d and %d polls, want one each", len(before.Entries), len(after.Entries))
		}
		for _, f := range []feed{before, after} {
			if e := f.Entries[0]; e.ID != poll.URI || e.Title != poll.Title || total.MatchString(e.Content) {
				t.Errorf("the entry is %+v, want that of %s, without a total", e, poll.URI)
			}
		}
		if before.Entries[0].Updated == after.Entries[0].Updated || !strings.Contains(after.Entries[0].Content, "завершено") {
			t.Errorf("the close is no news: %+v", after.Entries[0])
		}
		if f := read("/spheres/it/feed.atom"); len(f.Entries) != 0 {
			t.Errorf("the feed of another sphere holds %d polls", len(f.Entries))
		}
	})
}
