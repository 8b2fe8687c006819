package primaries_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"viche/internal/citytest"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/modules/primaries"
	"viche/web"
)

const day = 24 * time.Hour

// each runs a test on every database.
func each(t *testing.T, run func(t *testing.T, w *world)) {
	for kind, o := range citytest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			n := citytest.Fediverse(t, o, "kamianske")
			run(t, &world{T: t, n: n, p: n.Town("kamianske").Primaries})
		})
	}
}

// world is a city with its primaries.
type world struct {
	*testing.T
	n *citytest.Network
	p *primaries.Primaries
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// wants fails unless an error is of a kind.
func (w *world) wants(what string, err, kind error) {
	w.Helper()
	if !errors.Is(err, kind) {
		w.Errorf("%s: %v, want it to be %v", what, err, kind)
	}
}

func (w *world) resident(handle string) citytest.Resident {
	return w.n.Resident("kamianske", handle, true)
}

// moderator is a resident with that role.
func (w *world) moderator(handle string) citytest.Resident {
	w.Helper()
	r := w.resident(handle)
	w.n.Appoint(r, web.Moderator, "")
	return r
}

// watching is somebody as a session sees them, with the role that moderator gave.
func watching(r citytest.Resident) *web.Viewer {
	v := r.Viewer()
	v.Roles = []web.Role{{Name: "moderator"}}
	return v
}

func (w *world) browser(r citytest.Resident) *citytest.Browser {
	w.Helper()
	b := w.n.Browser(w.T, "kamianske")
	b.SignIn(r.Handle)
	return b
}

// holds fails unless a page has every text.
func (w *world) holds(what, page string, texts ...string) {
	w.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			w.Errorf("%s lacks %q\n%s", what, text, citytest.MainOf(page))
		}
	}
}

func (w *world) lacks(what, page string, texts ...string) {
	w.Helper()
	for _, text := range texts {
		if strings.Contains(citytest.MainOf(page), text) {
			w.Errorf("%s shows %q", what, text)
		}
	}
}

// calendar is a contest for a mayor: ten days each of nomination, programmes and
// grades.
func (w *world) calendar() primaries.NewContest {
	now := w.n.Now()
	return primaries.NewContest{
		Office: "Міський голова", Elected: true, Competences: []string{"budget", "openness"}, Questions: []string{"Що зробите спершу?"}, Martial: true,
		Nomination: now, Programme: now.Add(10 * day), Vote: now.Add(20 * day), Closes: now.Add(30 * day), By: "test",
	}
}

func (w *world) announce() *primaries.Contest {
	w.Helper()
	c, err := w.p.Announce(w.Context(), w.calendar())
	w.must(err)
	return c
}

// form is what a participant sends.
func form(name string) primaries.Form {
	return primaries.Form{Name: name, Checks: primaries.Checks, Card: primaries.Card{
		CV:       "Десять років у раді мікрорайону.\nДбаю про бюджет.",
		Evidence: []primaries.Link{{Text: "Звіт", URL: "https://example.org/report"}},
		Plans:    []primaries.Plan{{Sphere: "transport", Text: "Точний розклад трамваїв."}}, Answers: []string{"Оприлюдню бюджет."},
	}}
}

// admitted are participants who have agreed and were admitted.
func (w *world) admitted(c *primaries.Contest, by citytest.Resident, names ...string) (ids []int64) {
	w.Helper()
	for i, name := range names {
		r := w.resident(fmt.Sprintf("future_%d", i))
		n, err := w.p.Nominate(w.Context(), r.Viewer(), c.ID, "")
		w.must(err)
		w.must(w.p.Agree(w.Context(), r.Viewer(), c.ID, form(name)))
		w.must(w.p.Decide(w.Context(), watching(by), n.ID, true, "умови виконано"))
		ids = append(ids, n.ID)
	}
	return ids
}

// pass moves the clock so far after now and has what is due done.
func (w *world) pass(d time.Duration) {
	w.Helper()
	w.n.Advance(d)
	w.must(w.p.OpenDue(w.Context()))
	w.n.Settle()
}

// marks gives participants one grade each, for everything.
func marks(grades map[int64]string) primaries.Marks {
	m := primaries.Marks{}
	for id, grade := range grades {
		m[id] = map[string]string{"budget": grade, "openness": grade, primaries.Overall: grade}
	}
	return m
}

func (w *world) grades(r citytest.Resident, c *primaries.Contest, m primaries.Marks) {
	w.Helper()
	w.must(w.p.Consent(w.Context(), r.Viewer(), c.ID))
	_, err := w.p.Grade(w.Context(), r.Viewer(), c.ID, m)
	w.must(err)
}

func (w *world) phase(c *primaries.Contest) primaries.Phase {
	w.Helper()
	now, err := w.p.Contest(w.Context(), w.n.Town("kamianske").DB.Read(), c.ID)
	w.must(err)
	return now.Phase(w.n.Now())
}

var ballots = regexp.MustCompile(`\b121\b`)

func TestContestFromTheAnnouncementToTheResult(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		watch, olena, zoriana := w.moderator("watch"), w.resident("olena"), w.resident("zoriana")
		klym := w.resident("klym")
		crowd := w.n.Crowd("kamianske", 120)
		typed := func(days int) string {
			return w.n.Now().Add(time.Duration(days) * day).In(locale.Kyiv()).Format("2006-01-02T15:04")
		}

		desk := w.browser(watch)
		if status, page := desk.Get("/desk/primaries/new"); status != 200 || !strings.Contains(page, "доброчесність") {
			t.Fatalf("form of a new contest = %d", status)
		}
		calendar := []string{"nomination", typed(0), "programme", typed(10), "vote", typed(20), "closes", typed(30)}
		status, page := desk.Post("/desk/primaries/new", append([]string{"office", "", "kind", "elected", "territory", "UA12040150010056523"}, calendar...)...)
		if status != http.StatusUnprocessableEntity || !strings.Contains(page, "Заповніть це поле.") {
			t.Errorf("a contest for no office = %d", status)
		}
		status, page = desk.Post("/desk/primaries/new", append([]string{"office", "Міський голова", "kind", "elected", "territory", "UA12040150010056523",
			"competences", "budget", "competences", "openness", "questions", "Що зробите спершу?", "more", "martial"}, calendar...)...)
		w.holds("a new contest", page, "Праймеріз оголошено.", "Це оцінювання, а не вибори.", "Під час воєнного стану вибори не проводять.", "Учасників поки що немає.", "Запропонувати людину", "загальна оцінка")
		if status != 200 {
			t.Fatalf("announce = %d\n%s", status, citytest.MainOf(page))
		}
		list, _, err := w.p.List(t.Context(), primaries.Filter{Phase: primaries.Nomination})
		if err != nil || len(list) != 1 {
			t.Fatalf("contests in nomination: %v, %v", list, err)
		}
		c := list[0]

		// Nobody but the two of them sees a proposal before the person agrees.
		mine, hers := w.browser(olena), w.browser(zoriana)
		_, page = mine.Post(c.Path()+"/nominate", "handle", "nobody_here", "do", "other")
		w.holds("a proposal of nobody", page, "Такого імені в нашому вічі немає.")
		_, page = mine.Post(c.Path()+"/nominate", "handle", "@Zoriana", "do", "other")
		w.holds("a proposal", page, "Чекаємо на її згоду.", "Учасників поки що немає.")
		_, page = mine.Post(c.Path()+"/nominate", "handle", "zoriana", "do", "other")
		w.holds("a second proposal", page, "Цю людину вже запропоновано.")
		_, page = desk.Get("/desk" + c.Path())
		w.lacks("the desk before the consent", page, "zoriana")
		_, page = hers.Get("/primaries")
		w.holds("the page of who was proposed", page, "Вас запропоновано до праймеріз")
		_, page = hers.Get(c.Path() + "/mine")
		w.holds("the consent", page, "@olena", "Я не маю непогашеної судимості", "Погодитися й надіслати", "Відмовитися", "Що зробите спершу?")
		if status, page = hers.Post(c.Path()+"/mine", "do", "agree", "name", "Зоряна Пробна", "cv", "Рада мікрорайону.", "checks", "adult", "plan-1-sphere", "nowhere", "plan-1", "…", "evidence-1", "звіт", "evidence-1-url", "javascript:alert(1)"); status != http.StatusUnprocessableEntity {
			t.Errorf("half a consent = %d", status)
		}
		w.holds("half a consent", page, "Позначте всі пункти", "Оберіть сферу з переліку.", "Потрібне посилання", "Рада мікрорайону.")
		_, page = hers.Post(c.Path()+"/mine", "do", "agree", "name", "Зоряна Пробна", "cv", "Рада мікрорайону.\nТри роки.", "checks", "adult", "checks", "citizen", "checks", "record", "checks", "truth",
			"plan-1-sphere", "transport", "plan-1", "Точний розклад.", "evidence-1", "Звіт ради", "evidence-1-url", "https://example.org/zvit", "answer-1", "Оприлюдню бюджет.")
		w.holds("a consent", page, "Згоду записано.", "Ваша згода на перевірці", "Учасників поки що немає.")

		// Another proposes himself; he is refused, with a reason that he reads.
		his := w.browser(klym)
		if _, page = his.Post(c.Path()+"/nominate", "do", "self"); !strings.Contains(page, "Погодитися й надіслати") {
			t.Errorf("to propose oneself leads to\n%s", citytest.MainOf(page))
		}
		w.must(w.p.Agree(t.Context(), klym.Viewer(), c.ID, form("Клим Прикладний")))
		_, page = desk.Get("/desk" + c.Path())
		w.holds("the desk", page, "Зоряна Пробна", "Клим Прикладний", "Звіт ради", "людину запропоновано: @olena")
		waiting, err := w.p.Nominees(t.Context(), w.n.Town("kamianske").DB.Read(), c.ID, primaries.Checking)
		if err != nil || len(waiting) != 2 {
			t.Fatalf("waiting: %v, %v", waiting, err)
		}
		if status, page = desk.Post("/desk"+c.Path(), "do", "refuse", "nominee", fmt.Sprint(waiting[1].ID), "reason", " "); status != http.StatusUnprocessableEntity || !strings.Contains(page, "Заповніть це поле.") {
			t.Errorf("to refuse without a reason = %d", status)
		}
		_, page = desk.Post("/desk"+c.Path(), "do", "refuse", "nominee", fmt.Sprint(waiting[1].ID), "reason", "Немає 18 років за документами.")
		w.holds("a refusal", page, "Людину не допущено.")
		_, page = his.Get(c.Path())
		w.holds("who was refused", page, "Вас не допущено до цих праймеріз", "Немає 18 років за документами.")
		_, page = desk.Post("/desk"+c.Path(), "do", "admit", "nominee", fmt.Sprint(waiting[0].ID), "reason", "Умови виконано.")
		w.holds("an admission", page, "Людину допущено до праймеріз.")
		stranger := w.n.Browser(t, "kamianske")
		_, page = stranger.Get(c.Path())
		w.holds("the contest to a stranger", page, "Зоряна Пробна", "Однакові запитання до всіх", "Оприлюдню бюджет.")
		w.lacks("the contest to a stranger", page, "Клим Прикладний")
		_, page = stranger.Get(waiting[0].Path())
		w.holds("a participant", page, "Зоряна Пробна", "Три роки.", "https://example.org/zvit", "Точний розклад.", "Що зробите спершу?", "Я громадянин")
		if status, _ = stranger.Get(waiting[1].Path()); status != http.StatusNotFound {
			t.Errorf("the page of who was refused = %d, want 404", status)
		}
		others := w.admitted(c, watch, "Мирослава Ескіз")
		ids := append([]int64{waiting[0].ID}, others...)

		// Programmes and questions.
		w.pass(11 * day)
		if got := w.phase(c); got != primaries.Programme {
			t.Fatalf("phase %s, want programme", got)
		}
		_, page = mine.Post(c.Path()+"/nominate", "handle", "klym", "do", "other")
		w.holds("a proposal too late", page, "На цьому етапі це вже або ще недоступно.")
		_, page = mine.Post(c.Path()+"/questions", "question", "Чи буде звіт щокварталу?")
		w.holds("a question", page, "Запитання опубліковано.", "Чи буде звіт щокварталу?", "Відповіді немає.")
		asked, err := w.p.Enquiries(t.Context(), c.ID)
		if err != nil || len(asked) != 1 {
			t.Fatalf("questions: %v, %v", asked, err)
		}
		_, page = hers.Post(fmt.Sprintf("%s/questions/%d", c.Path(), asked[0].ID), "answer", "Так, у перший понеділок.")
		w.holds("an answer", page, "Відповідь опубліковано.", "Так, у перший понеділок.")
		if status, _ = his.Post(fmt.Sprintf("%s/questions/%d", c.Path(), asked[0].ID), "answer", "Я теж."); status != http.StatusNotFound {
			t.Errorf("an answer of no participant = %d, want 404: what is denied is not shown to be there", status)
		}

		// Grades: consent first, then a sheet that can be changed; nothing is shown.
		w.pass(10 * day)
		_, page = mine.Get(c.Path())
		w.holds("the contest while grades are given", page, "Триває оцінювання", "Оцінити")
		_, page = mine.Get(c.Path() + "/ballot")
		w.holds("the sheet before the consent", page, "Потрібна ваша окрема згода.", "Погоджуюся")
		field := func(id int64, what string) string { return fmt.Sprintf("g%d-%s", id, what) }
		if status, page = mine.Post(c.Path()+"/ballot", field(ids[0], "overall"), "g1"); status != http.StatusForbidden || !strings.Contains(page, "Потрібна ваша окрема згода.") {
			t.Errorf("grades without consent = %d, want 403 and the consent", status)
		}
		if status, page = mine.Post(c.Path() + "/ballot/consent"); status != http.StatusUnprocessableEntity || !strings.Contains(page, "Позначте згоду") {
			t.Errorf("consent that was not ticked = %d", status)
		}
		_, page = mine.Post(c.Path()+"/ballot/consent", "agree", "yes")
		w.holds("the sheet", page, "Зоряна Пробна", "Мирослава Ескіз", "розуміння бюджету", "не можу оцінити", "Надіслати аркуш оцінок")
		if status, page = mine.Post(c.Path()+"/ballot", field(ids[0], "overall"), ""); status != http.StatusUnprocessableEntity || !strings.Contains(page, "Оберіть хоча б один варіант.") {
			t.Errorf("an empty sheet = %d", status)
		}
		if status, page = mine.Post(c.Path()+"/ballot", field(waiting[1].ID, "overall"), "g1", field(ids[0], "overall"), "g2"); status != http.StatusUnprocessableEntity || !strings.Contains(page, "Цієї людини немає серед учасників кола.") {
			t.Errorf("a grade for who is no participant = %d", status)
		}
		if status, page = mine.Post(c.Path()+"/ballot", field(ids[0], "budget"), "g9"); status != http.StatusUnprocessableEntity || !strings.Contains(page, "Такої оцінки немає.") {
			t.Errorf("a grade that is none = %d", status)
		}
		_, page = mine.Post(c.Path()+"/ballot", field(ids[0], "overall"), "g2", field(ids[0], "budget"), "g1")
		w.holds("a sheet that was sent", page, "Ваш аркуш оцінок прийнято.", "Змінити аркуш оцінок")
		_, page = mine.Get(c.Path() + "/ballot")
		w.holds("the own sheet", page, fmt.Sprintf(`name="g%d-overall" value="g2" checked`, ids[0]))
		for i, r := range crowd {
			first := "g1"
			if i >= 80 {
				first = "g3"
			}
			w.grades(r, c, marks(map[int64]string{ids[0]: first, ids[1]: []string{"g4", "g5"}[i%2]}))
		}
		w.n.Settle()
		for _, path := range []string{"/primaries", c.Path(), c.Path() + "/ballot", waiting[0].Path(), "/primaries/feed.atom", "/polls", "/"} {
			_, page = mine.Get(path)
			w.lacks(path+" while grades are given", page, "Серединна оцінка", "Підсумок оцінювання", "Аркушів оцінок")
			if ballots.MatchString(citytest.MainOf(page)) { // as a number of its own: ids have it in them at times
				t.Errorf("%s tells how many have graded", path)
			}
		}
		if status, page = desk.Post("/desk"+c.Path(), "do", "second", "closes", typed(20)); !strings.Contains(page, "Для другого кола немає підстав") {
			t.Errorf("a second round before the first is over = %d", status)
		}
		_, page = desk.Post("/desk"+c.Path(), "do", "cancel", "reason", "Так вирішено.")
		w.holds("to call off what is being graded", page, "На цьому етапі це вже або ще недоступно.")

		w.pass(10 * day)
		for what, b := range map[string]*citytest.Browser{"a stranger": stranger, "who has graded": mine, "a moderator": desk} {
			_, page = b.Get(c.Path())
			w.holds("the result to "+what, page, "Найвище оцінено: Зоряна Пробна. Серединна оцінка – відмінно.", "Аркушів оцінок: 121 із 12", "найімовірніше від", "Оцінки за якостями: Зоряна Пробна", "2. <a", "Мирослава Ескіз")
			w.lacks("the result to "+what, page, "друге коло оцінювання")
		}
		_, page = desk.Post("/desk"+c.Path(), "do", "second", "closes", typed(20))
		w.holds("a second round that nothing calls for", page, "Для другого кола немає підстав")
		stranger.Client.Jar = nil
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, stranger.Base+c.Path(), nil)
		w.must(err)
		req.Header.Set("Accept-Language", "en")
		_, page = stranger.Read(stranger.Client.Do(req))
		w.holds("the result in English", page, "An assessment, not an election.", "Assessed highest: Зоряна Пробна. The median grade is excellent.", "most likely from")
	})
}

func TestSecondRoundIsBetweenTheFirstTwo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		watch, other := w.moderator("watch"), w.moderator("other")
		crowd := w.n.Crowd("kamianske", 110)
		c := w.announce()
		ids := w.admitted(c, watch, "Зоряна Пробна", "Клим Прикладний", "Тимур Зразченко")
		closes := func() time.Time { return w.n.Now().Add(10 * day) }
		w.wants("a second round before there is a first", w.p.OpenSecond(t.Context(), watching(watch), c.ID, closes()), primaries.ErrNoSecond)
		w.pass(20*day + time.Hour)
		for i, r := range crowd {
			two := []string{"g2", "g3"}
			w.grades(r, c, marks(map[int64]string{ids[0]: two[i%2], ids[1]: two[(i+1)%2], ids[2]: "g6"}))
		}
		w.wants("a second round while the first goes on", w.p.OpenSecond(t.Context(), watching(watch), c.ID, closes()), primaries.ErrNoSecond)
		w.pass(10 * day)
		_, page := w.n.Browser(t, "kamianske").Get(c.Path())
		w.holds("a result that is a tie", page, "Перше місце поділяють кілька учасників", "потрібне друге коло оцінювання")
		w.wants("a second round by no moderator", w.p.OpenSecond(t.Context(), crowd[0].Viewer(), c.ID, closes()), store.ErrDenied)
		w.wants("one that ends at once", w.p.OpenSecond(t.Context(), watching(watch), c.ID, w.n.Now()), store.ErrInvalid)
		w.must(w.p.OpenSecond(t.Context(), watching(watch), c.ID, closes()))
		w.wants("another second round", w.p.OpenSecond(t.Context(), watching(other), c.ID, closes()), store.ErrExists)
		if got := w.phase(c); got != primaries.Second {
			t.Errorf("phase %s, want second", got)
		}
		_, err := w.p.Grade(t.Context(), crowd[0].Viewer(), c.ID, marks(map[int64]string{ids[2]: "g1"}))
		w.wants("a grade for who is out", err, store.ErrInvalid)
		for i, r := range crowd {
			w.grades(r, c, marks(map[int64]string{ids[0]: []string{"g3", "g4"}[i%2], ids[1]: "g1"}))
		}
		w.pass(10*day + time.Hour)
		_, page = w.n.Browser(t, "kamianske").Get(c.Path())
		w.holds("the result of both rounds", page, "Підсумок другого кола", "Підсумок оцінювання", "Найвище оцінено: Клим Прикладний. Серединна оцінка – відмінно.")
		if got := w.phase(c); got != primaries.Result {
			t.Errorf("phase %s, want result", got)
		}
		w.wants("a third round", w.p.OpenSecond(t.Context(), watching(watch), c.ID, closes()), store.ErrExists)
	})
}

func TestConsentCanBeTakenBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		watch, olena := w.moderator("watch"), w.resident("olena")
		crowd := w.n.Crowd("kamianske", 101)
		c := w.announce()
		ids := w.admitted(c, watch, "Зоряна Пробна")
		w.wants("consent before the vote", w.p.Consent(t.Context(), olena.Viewer(), c.ID), primaries.ErrPhase)
		w.pass(20*day + time.Hour)
		_, err := w.p.Grade(t.Context(), olena.Viewer(), c.ID, marks(map[int64]string{ids[0]: "g6"}))
		w.wants("grades without consent", err, primaries.ErrConsent)
		w.wants("consent of a guest", w.p.Consent(t.Context(), w.n.Resident("kamianske", "guest", false).Viewer(), c.ID), store.ErrDenied)
		w.grades(olena, c, marks(map[int64]string{ids[0]: "g6"}))
		for _, r := range crowd {
			w.grades(r, c, marks(map[int64]string{ids[0]: "g1"}))
		}
		b := w.browser(olena)
		_, page := b.Post(c.Path()+"/ballot/consent", "do", "withdraw")
		w.holds("the consent taken back", page, "Згоду відкликано.")
		_, page = b.Get(c.Path() + "/ballot")
		w.holds("the sheet afterwards", page, "Потрібна ваша окрема згода.")
		_, err = w.p.Grade(t.Context(), olena.Viewer(), c.ID, marks(map[int64]string{ids[0]: "g6"}))
		w.wants("grades after the consent was taken back", err, primaries.ErrConsent)
		var given, withdrawn int64
		w.must(w.n.Town("kamianske").DB.ReadBound().Row(t.Context(), []any{&given, &withdrawn}, "select given_on, withdrawn_on from primary_consents where account = ?", olena.Account))
		for what, at := range map[string]int64{"given": given, "withdrawn": withdrawn} {
			if kyiv := store.Time(at).In(locale.Kyiv()); at == 0 || kyiv.Hour() != 0 || kyiv.Minute() != 0 {
				t.Errorf("the consent was %s at %s: want the day alone", what, kyiv)
			}
		}
		w.pass(10 * day)
		w.wants("to take it back after the close", w.p.Unconsent(t.Context(), olena.Viewer(), c.ID), primaries.ErrPhase)
		_, page = w.n.Browser(t, "kamianske").Get(c.Path())
		w.holds("the result", page, `<td class="num">101</td>`)
		w.lacks("the result", page, `<td class="num">102</td>`)
	})
}

func TestAnnouncementIsChecked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for what, spoil := range map[string]func(*primaries.NewContest){
			"no office":              func(c *primaries.NewContest) { c.Office = " " },
			"another city's":         func(c *primaries.NewContest) { c.Territory = "UA46060250010015970" },
			"no territory":           func(c *primaries.NewContest) { c.Territory = "UA00" },
			"no such sphere":         func(c *primaries.NewContest) { c.Sphere = "none" },
			"no such competence":     func(c *primaries.NewContest) { c.Competences = []string{"beauty"} },
			"too many questions":     func(c *primaries.NewContest) { c.Questions = strings.Split(strings.Repeat("q,", 21), ",") },
			"nomination long ago":    func(c *primaries.NewContest) { c.Nomination = c.Nomination.Add(-2 * day) },
			"programmes before":      func(c *primaries.NewContest) { c.Programme = c.Nomination },
			"vote before programmes": func(c *primaries.NewContest) { c.Vote = c.Programme.Add(-day) },
			"a vote of an hour":      func(c *primaries.NewContest) { c.Closes = c.Vote.Add(time.Hour) },
			"a vote of a year":       func(c *primaries.NewContest) { c.Closes = c.Vote.Add(365 * day) },
			"far away": func(c *primaries.NewContest) {
				c.Programme, c.Vote, c.Closes = c.Programme.Add(400*day), c.Vote.Add(400*day), c.Closes.Add(400*day)
			},
			"no dates": func(c *primaries.NewContest) {
				c.Nomination, c.Programme, c.Vote, c.Closes = time.Time{}, time.Time{}, time.Time{}, time.Time{}
			},
		} {
			in := w.calendar()
			spoil(&in)
			_, err := w.p.Announce(t.Context(), in)
			w.wants("a contest with "+what, err, store.ErrInvalid)
		}
		first := w.announce()
		again := w.calendar()
		again.Office, again.Nomination = "МІСЬКИЙ ГОЛОВА", again.Nomination.Add(5*day)
		_, err := w.p.Announce(t.Context(), again)
		w.wants("a second contest for the office at the same time", err, store.ErrInvalid)
		nation := w.calendar()
		nation.Office, nation.Territory = "Народний депутат", "UA"
		if _, err := w.p.Announce(t.Context(), nation); err != nil {
			t.Errorf("an office of the country: %v", err)
		}
		w.wants("to call off without a reason", w.p.Cancel(t.Context(), first.ID, " ", "test"), store.ErrInvalid)
		w.must(w.p.Cancel(t.Context(), first.ID, "Змінився календар.", "test"))
		if _, err := w.p.Announce(t.Context(), again); err != nil {
			t.Errorf("a contest in place of one that was called off: %v", err)
		}
		w.wants("to propose where it was called off", second(w.p.Nominate(t.Context(), w.resident("olena").Viewer(), first.ID, "")), primaries.ErrPhase)
		_, page := w.n.Browser(t, "kamianske").Get(first.Path())
		w.holds("a contest called off", page, "Праймеріз скасовано: Змінився календар.")
		_, page = w.n.Browser(t, "kamianske").Get("/primaries?phase=cancelled")
		w.holds("the list of those called off", page, "Міський голова", "1 праймеріз")
		w.lacks("the list of those called off", page, "Народний депутат</a>")
		w.pass(40 * day)
		if got := w.phase(first); got != primaries.Cancelled {
			t.Errorf("phase %s, want cancelled", got)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestNominationIsChecked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		watch, olena, guest := w.moderator("watch"), w.resident("olena"), w.n.Resident("kamianske", "guest", false)
		c := w.announce()
		propose := func(by *web.Viewer, whom string) error { return second(w.p.Nominate(ctx, by, c.ID, whom)) }
		w.wants("a proposal by nobody", propose(nil, "olena"), store.ErrDenied)
		w.wants("a proposal by a guest", propose(guest.Viewer(), "olena"), store.ErrDenied)
		w.wants("a proposal of a guest", propose(olena.Viewer(), "guest"), store.ErrInvalid)
		w.wants("a proposal in no contest", second(w.p.Nominate(ctx, olena.Viewer(), 1, "")), store.ErrNotFound)
		for i := range 6 {
			r := w.resident(fmt.Sprintf("many_%d", i))
			err := propose(olena.Viewer(), r.Handle)
			if i < 5 {
				w.must(err)
			} else {
				w.wants("a sixth proposal", err, store.ErrInvalid)
			}
		}
		w.must(propose(olena.Viewer(), "")) // oneself always
		w.wants("an edit before the consent", w.p.Edit(ctx, olena.Viewer(), c.ID, form("Олена")), primaries.ErrPhase)
		w.wants("the consent of who was not proposed", w.p.Agree(ctx, watch.Viewer(), c.ID, form("Інший")), store.ErrNotFound)
		for what, spoil := range map[string]func(*primaries.Form){
			"no name":              func(f *primaries.Form) { f.Name = "" },
			"no record":            func(f *primaries.Form) { f.Card.CV = "\u200b" },
			"one check missing":    func(f *primaries.Form) { f.Checks = f.Checks[1:] },
			"a link to a script":   func(f *primaries.Form) { f.Card.Evidence[0].URL = "javascript:1" },
			"a link to nothing":    func(f *primaries.Form) { f.Card.Evidence[0].URL = "" },
			"a link without words": func(f *primaries.Form) { f.Card.Evidence[0].Text = "" },
			"a sphere twice":       func(f *primaries.Form) { f.Card.Plans = append(f.Card.Plans, f.Card.Plans[0]) },
			"a plan for no sphere": func(f *primaries.Form) { f.Card.Plans[0].Sphere = "" },
			"a long answer":        func(f *primaries.Form) { f.Card.Answers[0] = strings.Repeat("о", 3001) },
		} {
			f := form("Олена Зразкова")
			spoil(&f)
			w.wants("a consent with "+what, w.p.Agree(ctx, olena.Viewer(), c.ID, f), store.ErrInvalid)
		}
		w.must(w.p.Agree(ctx, olena.Viewer(), c.ID, form("Олена Зразкова")))
		w.wants("a second consent", w.p.Agree(ctx, olena.Viewer(), c.ID, form("Олена Зразкова")), primaries.ErrPhase)
		n, err := w.p.Nominees(ctx, w.n.Town("kamianske").DB.Read(), c.ID, primaries.Checking)
		w.must(err)
		w.wants("a decision by a resident", w.p.Decide(ctx, olena.Viewer(), n[0].ID, true, "так"), store.ErrDenied)
		w.must(propose(watch.Viewer(), ""))
		w.wants("a decision by who was proposed", w.p.Decide(ctx, watching(watch), n[0].ID, true, "так"), store.ErrDenied)
		other := w.moderator("other")
		w.must(w.p.Decide(ctx, watching(other), n[0].ID, true, "так"))
		w.wants("the same decision again", w.p.Decide(ctx, watching(other), n[0].ID, true, "так"), primaries.ErrPhase)
		edited := form("Олена Зразкова")
		edited.Card.CV = "Нове"
		w.must(w.p.Edit(ctx, olena.Viewer(), c.ID, edited))
		w.must(w.p.Leave(ctx, olena.Viewer(), c.ID))
		w.wants("to leave twice", w.p.Leave(ctx, olena.Viewer(), c.ID), primaries.ErrPhase)

		// With nobody left there is nothing to grade, and the page says so.
		w.pass(20*day + time.Hour)
		w.wants("consent where nobody takes part", w.p.Consent(ctx, olena.Viewer(), c.ID), primaries.ErrPhase)
		w.pass(10 * day)
		_, page := w.n.Browser(t, "kamianske").Get(c.Path())
		w.holds("a contest without participants", page, "Оцінювати було нікого", "Учасників не було.")
		w.wants("a second round of it", w.p.OpenSecond(ctx, watching(other), c.ID, w.n.Now().Add(9*day)), primaries.ErrNoSecond)
	})
}

func TestQuestionsCanBeTakenDown(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		watch, olena := w.moderator("watch"), w.resident("olena")
		c := w.announce()
		w.admitted(c, watch, "Зоряна Пробна")
		w.wants("a question too early", w.p.Ask(t.Context(), olena.Viewer(), c.ID, "Чому?"), primaries.ErrPhase)
		w.pass(11 * day)
		w.wants("no question", w.p.Ask(t.Context(), olena.Viewer(), c.ID, " "), store.ErrInvalid)
		for i := range 3 {
			w.must(w.p.Ask(t.Context(), olena.Viewer(), c.ID, fmt.Sprintf("Запитання %d?", i)))
		}
		w.wants("a fourth question", w.p.Ask(t.Context(), olena.Viewer(), c.ID, "Ще одне?"), store.ErrInvalid)
		list, err := w.p.Enquiries(t.Context(), c.ID)
		w.must(err)
		w.wants("taken down by a resident", w.p.Hide(t.Context(), olena.Viewer(), list[0].ID, "Бо так."), store.ErrDenied)
		w.wants("taken down without a reason", w.p.Hide(t.Context(), watching(watch), list[0].ID, ""), store.ErrInvalid)
		w.must(w.p.Hide(t.Context(), watching(watch), list[0].ID, "Образа."))
		_, page := w.n.Browser(t, "kamianske").Get(c.Path())
		w.holds("the questions", page, "Модератор прибрав це запитання: Образа.", "Запитання 1?")
		w.lacks("the questions", page, "Запитання 0?")
	})
}
