package polls_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"viche/internal/ballot"
	"viche/internal/citytest"
	"viche/internal/store"
	"viche/modules/polls"
)

// survey asks in every way there is; its third question is for those who
// answered "Так" to the first.
func survey(n *citytest.Network) polls.Draft {
	return polls.Draft{
		Title: "Що з парком?", Body: "Питаємо всіх.", Sphere: "ecology", ClosesAt: n.Now().Add(7 * 24 * time.Hour), By: "test",
		Questions: []polls.DraftQuestion{
			{Kind: polls.AskOne, Options: []string{"Так", "Ні"}, Text: "Чи буваєте ви в парку?", Hard: true},
			{Kind: polls.AskSeveral, Options: []string{"Лавки", "Світло", "Вода"}, Text: "Чого бракує?", Max: 2, Hard: true},
			{Kind: polls.AskScale5, Text: "Наскільки там чисто?", Low: "брудно", High: "чисто", Hard: true, When: "1:Так"},
			{Kind: polls.AskRanking, Options: []string{"Доріжки", "Сцена", "Каток"}, Text: "Що робити спершу?", Hard: true},
			{Kind: polls.AskMatrix, Options: []string{"Вранці", "Увечері"}, Text: "Чи безпечно там?", Hard: true},
			{Kind: polls.AskNumber, Text: "Скільки разів на місяць?", Bounds: []int{1, 5, 20}, Hard: true},
			{Kind: polls.AskScale10, Text: "Чи порадите ви його друзям?"},
		},
	}
}

func openDraft(t *testing.T, n *citytest.Network, town string, d polls.Draft) *polls.Poll {
	t.Helper()
	poll, err := n.Town(town).Polls.OpenPoll(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return poll
}

func TestEveryWayOfAskingIsAnsweredByAForm(t *testing.T) {
	t.Parallel()
	each(t, []string{"kamianske"}, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 36)
		poll := openDraft(t, n, "kamianske", survey(n))
		page := "/polls/" + poll.PollID
		open(t, n, "kamianske").shows(page, 200, []string{"Що питають", "Чи безпечно там?: Вранці", "лише якщо в питанні 1 ви обрали «Так»"}, []string{"What is asked", "Answer only if"})
		olena := as(t, n, "kamianske", crowd[0])
		olena.shows(page, 200, []string{"<h1>Що з парком?</h1>", "<legend><h2>Чи буваєте ви в парку?</h2></legend>", "Питання 8 із 8", "щонайбільше 2 варіанти", "1 – брудно", "5 – чисто", "<h2 class=\"ask-group\">Чи безпечно там?</h2>", `<select id="q4" name="q4-1">`, `name="q7"`},
			[]string{"Question 8 of 8", "Choose at most 2 options.", "Your number"})
		for what, one := range map[string]struct{ form, words []string }{
			"nothing":                       {nil, []string{"Оберіть хоча б один варіант.", `href="#q1"`}},
			"three of two":                  {[]string{"q2", "o1", "q2", "o2", "q2", "o3"}, []string{"щонайбільше варіантів: 2", `value="o3" checked`}},
			"a repeat in a ranking":         {[]string{"q4-1", "1", "q4-2", "1"}, []string{"Місце 1 віддано двом варіантам.", `<option value="1" selected>`}},
			"a gap in a ranking":            {[]string{"q4-1", "1", "q4-2", "3"}, []string{"Місце 2 порожнє"}},
			"a place that is none":          {[]string{"q4-1", "9"}, []string{"число від 1 до 3"}},
			"hard to say and a place":       {[]string{"q4-1", "1", "q4-hard", "hard"}, []string{"окремо від інших"}},
			"hard to say and a choice":      {[]string{"q2", "o1", "q2", "hard"}, []string{"окремо від інших"}},
			"a word for a number":           {[]string{"q7", "багато"}, []string{"Впишіть число цифрами", `value="багато"`}},
			"hard to say and a number":      {[]string{"q7", "3", "q7-hard", "hard"}, []string{"окремо від інших"}},
			"an option of another question": {[]string{"q3", "o1", "q1", "o1", "q2", "o5"}, []string{"Такого варіанта"}},
			"a long number":                 {[]string{"q7", strings.Repeat("9", 1<<15)}, []string{"Впишіть число цифрами"}},
			"HTML":                          {[]string{"q7", "<script>1</script>", "q4-1", "<b>"}, []string{"число від 1 до 3"}},
		} {
			status, html := olena.Post(page+"/ballot", one.form...)
			if status != 422 || strings.Contains(html, "<script>1") {
				t.Errorf("%s = %d, want 422 and nothing unescaped", what, status)
			}
			olena.holds(what, html, append(one.words, "Помилка:")...)
		}

		if status, _ := olena.Post(page+"/ballot", "q7", strings.Repeat("9", 1<<20)); status != 413 {
			t.Errorf("a megabyte = %d, want 413", status)
		}

		// The answer to the third is left out, as the first does not open it.
		if status, html := olena.Post(page+"/ballot", "q1", "o2", "q2", "o1", "q2", "o2", "q3", "o5", "q4-1", "2", "q4-3", "1", "q5", "o2", "q6", "hard", "q7", "4,9", "q8", "o11"); status != 200 {
			t.Fatalf("a good answer = %d\n%s", status, citytest.MainOf(html))
		} else {
			olena.holds("the own answer", html, "1. Каток", "2. Доріжки", "Чи безпечно там?: Вранці", "1–4", "Важко відповісти")
			if strings.Contains(html, "5 – чисто</strong>") {
				t.Error("an answer was kept to a question that was not asked")
			}
		}
		stand, err := n.Town("kamianske").Polls.StandOf(t.Context(), poll.PollID, crowd[0].Viewer())
		want := ballot.Answer{{"o2"}, {"o1", "o2"}, nil, {"o3", "o1"}, {"o2"}, {"hard"}, {"o2"}, {"o11"}}
		if err != nil || fmt.Sprint(stand.Answer) != fmt.Sprint(want) {
			t.Errorf("the box holds %v (%v), want %v", stand.Answer, err, want)
		}
		// The form of the change holds what was answered, so that sending it as it
		// is changes nothing.
		olena.shows(page+"/change", 200, []string{`name="q1" value="o2" checked`, `<option value="2" selected>`, `value="1"`, `name="q6" value="hard" checked`}, []string{"Change your vote?"})
		if _, html := olena.Post(page+"/ballot", "q1", "o2", "q2", "o1", "q2", "o2", "q4-1", "2", "q4-3", "1", "q5", "o2", "q6", "hard", "q7", "1", "q8", "o11"); !strings.Contains(html, "залишився таким") {
			t.Error("the form of the change, as it was, is a change")
		}

		for i, r := range crowd[1:] {
			a := ballot.Answer{{"o1"}, {"o2"}, {"o4"}, {"o1", "o2"}, {"o5"}, {"o1"}, {"o3"}, {"o9"}}
			if i >= 8 { // eight go to the third question, which is too few
				a[0], a[2] = []string{"o2"}, nil
			}
			if i%3 == 0 {
				a[3], a[1] = []string{polls.HardID}, []string{"o3"}
			}
			if i%5 == 0 {
				a[7] = []string{"o2"}
			}
			if _, err := n.Town("kamianske").Polls.CastAnswer(t.Context(), r.Viewer(), poll.PollID, a); err != nil {
				t.Fatal(err)
			}
		}
		n.Settle()
		olena.shows(page, 200, []string{"Проміжний підсумок", "Участь: 36 із 36", "Чого бракує?", "Порядок пораховано методом Шульце", "<li>Доріжки</li>", "Попарні порівняння", "Медіана – «8»", "На це питання відповіло замало людей"},
			[]string{"Interim result", "counted by the Schulze method", "The median is", "Too few answered this question"})
		n.Advance(7*24*time.Hour + time.Minute)
		n.Settle()
		nobody := open(t, n, "kamianske")
		nobody.shows(page, 200, []string{"Остаточний результат", "Важко відповісти було 12 людям.", "підрахунок із вибуванням", "Тур 1", "перемагає «Доріжки»"}, []string{"Final result", "instant-runoff"})
		_, html := nobody.Get(page)
		_, part, _ := strings.Cut(html, `id="result-q3"`)
		part, _, _ = strings.Cut(part, "</section>")
		if strings.Contains(part, "<td") || !strings.Contains(part, "замало людей") {
			t.Errorf("the eight whom a branch led to a question are told of:\n%s", part)
		}
		nobody.shows("/", 200, []string{"Участь: 36 із 36"}, nil)
		checkArticle(t, n, poll)
	})
}

// checkArticle holds that the fediverse was told of the poll as of something to
// read, and got no number of it.
func checkArticle(t *testing.T, n *citytest.Network, poll *polls.Poll) {
	t.Helper()
	rows, err := n.Town("kamianske").DB.ReadBound().Query(t.Context(), "select raw from objects where uri = ?", poll.URI)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	seen := 0
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&raw); err != nil {
			t.Fatal(err)
		}
		seen++
		text := string(raw)
		for _, bad := range []string{`"Question"`, `"oneOf"`, `"anyOf"`, `"votersCount":1`, `"votersCount":3`, `"replies"`, `"totalItems"`} {
			if strings.Contains(text, bad) {
				t.Errorf("the object of a poll that has no form there says %s", bad)
			}
		}
		for _, want := range []string{`"Article"`, `"closed"`, `"questions"`, "/polls/" + poll.PollID} {
			if !strings.Contains(text, want) {
				t.Errorf("the object lacks %s: %s", want, text)
			}
		}
	}
	if err := rows.Err(); err != nil || seen != 1 {
		t.Errorf("%d objects of the poll, %v", seen, err)
	}
}

func TestAnswerToAQuestionThatWasNotAskedIsRefused(t *testing.T) {
	t.Parallel()
	n := citytest.Fediverse(t, citytest.Options{}, "kamianske")
	r := n.Resident("kamianske", "olena", true)
	d := survey(n)
	d.Questions = []polls.DraftQuestion{
		{Kind: polls.AskOne, Options: []string{"Так", "Ні"}, Text: "Перше?"},
		{Kind: polls.AskOne, Options: []string{"Так", "Ні"}, Text: "Друге?", When: "1:Так"},
		{Kind: polls.AskOne, Options: []string{"Так", "Ні"}, Text: "Третє?", When: "2:Так"},
	}
	poll := openDraft(t, n, "kamianske", d)
	cast := func(a ballot.Answer) error {
		_, err := r.Town.Polls.CastAnswer(t.Context(), r.Viewer(), poll.PollID, a)
		return err
	}
	for _, a := range []ballot.Answer{{{"o2"}, {"o1"}, nil}, {nil, {"o1"}, nil}, {{"o1"}, nil, {"o1"}}, {{"o2"}, nil, {"o1"}}, {{"o1"}, {"o2"}, {"o1"}}} {
		if err := cast(a); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%v: %v, want it refused", a, err)
		}
	}
	if err := cast(ballot.Answer{{"o1"}, {"o1"}, {"o2"}}); err != nil {
		t.Error(err)
	}
	// A form that still holds answers further down is cut back to what is asked.
	b := as(t, n, "kamianske", r)
	if status, _ := b.Post("/polls/"+poll.PollID+"/ballot", "q1", "o2", "q2", "o1", "q3", "o1"); status != 200 {
		t.Fatalf("the form = %d", status)
	}
	if s, err := r.Town.Polls.StandOf(t.Context(), poll.PollID, r.Viewer()); err != nil || fmt.Sprint(s.Answer) != "[[o2] [] []]" {
		t.Errorf("the box holds %v, %v", s.Answer, err)
	}
}

func TestSurveyAcrossCities(t *testing.T) {
	t.Parallel()
	each(t, []string{"ukraine", "kamianske", "lviv"}, func(t *testing.T, n *citytest.Network) {
		home, away := n.Crowd("kamianske", 30), n.Crowd("lviv", 30)
		n.Settle()
		d := survey(n)
		d.Scope = "national"
		if _, err := n.Town("ukraine").Polls.OpenPoll(t.Context(), d); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("a national poll with a branch and a limit: %v, want it refused", err)
		}
		d = survey(n)
		d.Scope = "national"
		d.Questions[1].Max, d.Questions[2].When = 0, ""
		poll := openDraft(t, n, "ukraine", d)
		n.Settle()
		for i, r := range slices.Concat(home, away) {
			a := ballot.Answer{{"o1"}, {"o2", "o3"}, {"o4"}, {"o1", "o2"}, {"o5"}, {"o1"}, {"o3"}, {"o9"}}
			if i%2 == 0 {
				a = ballot.Answer{{"o2"}, nil, {"o1"}, {"o2"}, nil, {"o2"}, {"hard"}, {"o1"}}
			}
			if i%4 == 1 {
				a[1] = []string{"o1"}
			}
			if _, err := r.Town.Polls.CastAnswer(t.Context(), r.Viewer(), poll.PollID, a); err != nil {
				t.Fatal(err)
			}
		}
		n.Advance(7*24*time.Hour + time.Minute)
		for range 3 {
			n.Settle()
			n.Advance(time.Minute)
		}
		for _, town := range []string{"kamianske", "lviv", "ukraine"} {
			open(t, n, town).shows("/polls/"+poll.PollID, 200, []string{"Остаточний результат", "Участь: 60 із 60", "Що робити спершу?", "Чи безпечно там?: Вранці", "kamianske.test", "відповіли 30 людей з 60"}, []string{"Final result"})
		}
		_, html := open(t, n, "kamianske").Get("/polls/" + poll.PollID)
		open(t, n, "kamianske").holds("the city's own part", html, "У нашій громаді", "на першому місці: Доріжки")
		open(t, n, "kamianske").shows("/polls", 200, []string{"Що з парком?"}, nil)
	})
}

func TestNewPollIsPutTogetherWithoutJavaScript(t *testing.T) {
	t.Parallel()
	each(t, []string{"kamianske"}, func(t *testing.T, n *citytest.Network) {
		r := n.Resident("kamianske", "olha", true)
		n.Appoint(r, "officer", "")
		b := as(t, n, "kamianske", r)
		b.shows("/polls/new", 200, []string{"Почати з готового зразка", "Додати питання", "Переглянути", `value="ranking"`}, []string{"Add a question", "Preview"})
		for _, id := range []string{"decision", "service", "areas", "priorities"} {
			_, html := b.Get("/polls/new?template=" + id)
			b.holds("template "+id, html, "</textarea>")
			if strings.Contains(html, `id="title" name="title" rows="2" maxlength="250" aria-describedby="title-hint"></textarea>`) {
				t.Errorf("template %s fills nothing in", id)
			}
		}
		form := []string{"questions", "2", "title", "Що з <b>парком</b>?", "text", "", "kind", "one", "options", "Так\nНі", "more", "hard",
			"text-2", "Чому?", "kind-2", "several", "options-2", "Далеко\nТемно\nБрудно", "max-2", "2", "more-2", "hard", "when-2", "1:Ні",
			"sphere", "ecology", "results", "afterVote", "closesAt", "2027-01-01T20:00", "answerDays", "14"}
		post := func(more ...string) (int, string) { return b.Post("/polls", append(slices.Clone(form), more...)...) }
		status, html := post("do", "add")
		if status != 200 {
			t.Fatalf("one more question = %d", status)
		}
		b.holds("the form with one more", html, `name="questions" value="3"`, `name="text-3"`, "Прибрати питання 3", "Чому?", `value="1:Ні" selected`, `value="2:Темно"`)
		_, html = post("do", "remove-1")
		b.holds("the form with one less", html, `name="questions" value="1"`, "Далеко")
		if strings.Contains(html, "1:Ні") {
			t.Error("a condition stays on a question that is gone")
		}
		status, html = post("do", "preview")
		if status != 200 {
			t.Errorf("the preview = %d", status)
		}
		b.holds("the preview", html, "Так це побачать мешканці", "лише якщо в питанні 1 ви обрали «Ні»", "Що з &lt;b&gt;парком&lt;/b&gt;?")
		if list, _, err := n.Town("kamianske").Polls.List(t.Context(), polls.Filter{}); err != nil || len(list) != 0 {
			t.Errorf("the preview opened %d polls, %v", len(list), err)
		}
		for what, one := range map[string]struct{ change, words []string }{
			"a forward branch":   {[]string{"when-2", "2:Далеко"}, []string{"одне з попередніх питань"}},
			"a branch to none":   {[]string{"when-2", "1:Може"}, []string{"немає такого варіанта"}},
			"a branch of words":  {[]string{"when-2", "<i>"}, []string{"одне з попередніх питань", "&lt;i&gt;"}},
			"an unknown kind":    {[]string{"kind-2", "essay"}, []string{"Оберіть, як відповідати"}},
			"a limit of one":     {[]string{"max-2", "1"}, []string{"число від 2 до"}},
			"a limit in words":   {[]string{"max-2", "багато"}, []string{"число від 2 до"}},
			"no intervals":       {[]string{"kind-2", "number"}, []string{"з яких починаються проміжки"}},
			"intervals downhill": {[]string{"kind-2", "number", "bounds-2", "5, 3"}, []string{"з яких починаються проміжки"}},
			"no question":        {[]string{"text-2", ""}, []string{"Напишіть запитання."}},
			"one option twice":   {[]string{"options-2", "Темно\nТЕМНО"}, []string{"стоїть двічі"}},
			"a long question":    {[]string{"text-2", strings.Repeat("ї", 300)}, []string{"щонайбільше 250"}},
			"a late answer":      {[]string{"answerDays", "1000"}, []string{"Строк відповіді"}},
		} {
			changed := slices.Clone(form)
			for i := 0; i < len(one.change); i += 2 {
				at := slices.Index(changed, one.change[i])
				if at < 0 {
					changed = append(changed, one.change[i], "")
					at = len(changed) - 2
				}
				changed[at+1] = one.change[i+1]
			}
			status, html := b.Post("/polls", changed...)
			if status != 422 {
				t.Errorf("%s = %d, want 422", what, status)
			}
			b.holds(what, html, one.words...)
		}
		status, html = post()
		if status != 200 {
			t.Fatalf("open = %d\n%s", status, citytest.MainOf(html))
		}
		list, _, err := n.Town("kamianske").Polls.List(t.Context(), polls.Filter{})
		if err != nil || len(list) != 1 {
			t.Fatalf("%d polls, %v", len(list), err)
		}
		got := list[0]
		if got.AnswerDays != 14 || len(got.Questions) != 2 || got.Questions[1].Max != 2 || *got.Questions[1].When != (polls.When{Question: "q1", Option: "o2"}) ||
			got.Questions[1].Options[3] != (polls.Option{ID: polls.HardID, Text: "Важко відповісти"}) || got.Questions[0].Text != "" {
			t.Errorf("opened %+v", got)
		}
	})
}

// Votes of accounts elsewhere have no form in a poll of several questions.
func TestGuestsCannotVoteInASurvey(t *testing.T) {
	t.Parallel()
	n := citytest.Fediverse(t, citytest.Options{}, "kamianske")
	poll := openDraft(t, n, "kamianske", survey(n))
	town := n.Town("kamianske")
	err := town.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		return town.Box.PutGuest(ctx, tx, poll.Box(), "https://elsewhere.test/anna", ballot.Answer{{"o1"}})
	})
	if !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a guest's vote: %v, want it refused", err)
	}
}
