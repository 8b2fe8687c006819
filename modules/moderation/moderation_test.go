package moderation_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"viche/actors"
	"viche/internal/citytest"
	"viche/internal/store"
	"viche/modules/blogs"
	"viche/modules/moderation"
	"viche/web"
)

// each runs a test on two cities of each database.
func each(t *testing.T, f func(t *testing.T, n *citytest.Network)) {
	for kind, o := range citytest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			f(t, citytest.Fediverse(t, o, "kamianske", "lviv"))
		})
	}
}

// person is somebody at one city, with a browser.
type person struct {
	*testing.T
	n    *citytest.Network
	town *citytest.Town
	citytest.Resident
	http *http.Client
}

func somebody(t *testing.T, n *citytest.Network, town, handle, role string) person {
	t.Helper()
	p := person{t, n, n.Town(town), n.Resident(town, handle, true), n.HTTP()}
	if role != "" {
		name, scope, _ := strings.Cut(role, ":")
		p.check(p.town.People.SetRole(t.Context(), handle, name, scope))
	}
	return p
}

func (p person) check(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p person) writer() blogs.Writer {
	p.Helper()
	w, err := p.town.Blogs.Writer(p.Context(), p.Account)
	p.check(err)
	return w
}

func (p person) says(text string) *blogs.Post {
	p.Helper()
	post, err := p.town.Blogs.Publish(p.Context(), p.writer(), blogs.Draft{Text: text, Visibility: blogs.Public})
	p.check(err)
	p.n.Settle()
	return post
}

// meets is another as this one's city knows them.
func (p person) meets(other person) actors.Actor {
	p.Helper()
	a, err := p.town.Federation.Lookup(p.Context(), other.Handle+"@"+other.town.Host)
	p.check(err)
	return a
}

func (p person) follows(other person) {
	p.Helper()
	p.check(p.town.Blogs.Follow(p.Context(), p.writer().Actor, p.meets(other)))
	p.n.Settle()
}

// reports complains about another and gives the number of the report at the
// other's city.
func (p person) reports(other person, comment string, posts ...*blogs.Post) int64 {
	p.Helper()
	var ids []int64
	for _, post := range posts {
		here, err := p.town.Blogs.ByURI(p.Context(), p.town.DB.Read(), post.URI)
		p.check(err)
		ids = append(ids, here.ID)
	}
	p.check(p.town.Blogs.Report(p.Context(), p.writer(), p.meets(other), ids, comment, true))
	p.n.Settle()
	return last(p, other.town)
}

func last(p person, town *citytest.Town) (id int64) {
	p.Helper()
	p.check(town.DB.Read().NewRaw("select max(id) from reports").Scan(p.Context(), &id))
	return id
}

func (p person) signIn() int {
	p.Helper()
	status, page := p.post("/sign-in", "email", p.Email, "password", citytest.Password, "next", "/charter")
	if status == http.StatusOK && !strings.Contains(page, "/sign-out") {
		return http.StatusUnauthorized
	}
	return status
}

func (p person) get(path string) (int, string) {
	p.Helper()
	return p.read(p.http.Get("https://" + p.town.Host + path))
}

func (p person) post(path string, pairs ...string) (int, string) {
	p.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return p.read(p.http.PostForm("https://"+p.town.Host+path, form))
}

func (p person) read(res *http.Response, err error) (int, string) {
	p.Helper()
	p.check(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	p.check(err)
	return res.StatusCode, string(body)
}

var keyLike = regexp.MustCompile(`\b(moderation|blogs|web)\.[a-z-]+\.[a-z.-]+\b|<no value>|ZgotmplZ|%!`)

// sees holds a page against words that it has, and, after "–", words that it
// must not have.
func (p person) sees(what, page string, words ...string) {
	p.Helper()
	at := strings.Index(page, "<main")
	if at >= 0 {
		page = page[at:]
	}
	for _, w := range words {
		if without, not := strings.CutPrefix(w, "–"); not {
			if strings.Contains(page, without) {
				p.Errorf("%s has %q", what, without)
			}
		} else if !strings.Contains(page, w) {
			p.Errorf("%s lacks %q\n%s", what, w, page)
		}
	}
	if found := keyLike.FindString(page); found != "" {
		p.Errorf("%s shows %q", what, found)
	}
}

// letters are the mails to somebody, the newest first.
func (p person) letters() (list []string) {
	p.Helper()
	p.check(p.town.DB.Read().NewRaw("select subject || ' ' || body_text from mails where to_addr = ? order by id desc", p.Email).Scan(p.Context(), &list))
	return list
}

func (p person) decides(d moderation.Decision) error {
	v := p.Viewer()
	v.Roles = []web.Role{{Name: "moderator"}}
	d.Moderator = v
	return p.town.Moderation.Decide(p.Context(), d)
}

func (p person) state(post *blogs.Post) *blogs.Post {
	p.Helper()
	now, err := p.town.Blogs.ByURI(p.Context(), p.town.DB.Read(), post.URI)
	p.check(err)
	return now
}

// objectOf is what other servers get at an address.
func (p person) objectOf(uri string) int {
	p.Helper()
	r, err := http.NewRequestWithContext(p.Context(), http.MethodGet, uri, nil)
	p.check(err)
	r.Header.Set("Accept", "application/activity+json")
	status, _ := p.read(p.http.Do(r))
	return status
}

func itoa(id int64) string { return strconv.FormatInt(id, 10) }

func measure(p person, act string) (id int64) {
	p.Helper()
	p.check(p.town.DB.Read().NewRaw("select max(id) from moderation_log where act = ?", act).Scan(p.Context(), &id))
	return id
}

func TestModeratorHidesAPostAndTakesItBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, mara, hanna := somebody(t, n, "kamianske", "olena", ""), somebody(t, n, "kamianske", "mara", ""), somebody(t, n, "lviv", "hanna", "")
		stepan := somebody(t, n, "kamianske", "stepan", "moderator")
		hanna.follows(olena)
		post := olena.says("Адреса Петра: вулиця Зразкова, 7")
		id := mara.reports(olena, "Тут чужа адреса", post)
		if _, err := olena.town.Blogs.Edit(t.Context(), olena.writer(), post.ID, blogs.Draft{Text: "Нічого такого"}); err != nil {
			t.Fatal(err)
		}
		desk := "/desk/reports/" + itoa(id)
		stepan.signIn()
		_, page := stepan.get("/desk/reports")
		stepan.sees("the queue", page, "1 скарга чекає", "@olena@kamianske.test", "Тут чужа адреса", "мешканець", "–mara")
		_, page = stepan.get(desk)
		stepan.sees("the report", page, "вулиця Зразкова, 7", "Тут чужа адреса", "Так дописи виглядали", "Приховати", "–mara", "–Нічого такого")
		_, page = stepan.get(desk + "?lang=en")
		stepan.sees("the report in English", page, "a resident", "What happens to the posts")
		stepan.get("/charter?lang=uk")

		form := []string{"posts", itoa(post.ID), "onposts", "hide", "onaccount", "", "rule", "privacy", "reason"}
		status, page := stepan.post(desk, append(form, "", "do", "preview")...)
		if status != http.StatusUnprocessableEntity {
			t.Errorf("a decision without a reason = %d, want 422", status)
		}
		stepan.sees("a decision without a reason", page, "рішення без причини не діє", `value="hide" checked`)
		_, page = stepan.post(desk, append(form, "У дописі адреса людини", "do", "preview")...)
		stepan.sees("the preview", page, "Що станеться", "Допис бачитиме лише автор", "Лист авторові", "Допис приховано: його бачите лише ви", "Лист тому, хто поскаржився", "Ухвалити рішення", "–mara")
		if stepan.state(post).Hidden {
			t.Fatal("the preview hid the post")
		}
		status, page = stepan.post(desk, append(form, "У дописі адреса людини", "do", "decide")...)
		if status != http.StatusOK {
			t.Fatalf("decide = %d", status)
		}
		stepan.sees("the queue after it", page, "Рішення ухвалено", "0 скарг чекає")
		n.Settle()

		if !stepan.state(post).Hidden {
			t.Error("the post is not hidden")
		}
		if got := hanna.objectOf(post.URI); got != http.StatusGone {
			t.Errorf("another server gets %d at the hidden post, want 410", got)
		}
		if hanna.state(post).Deleted == 0 {
			t.Error("the follower's city still has the post")
		}
		if got := mara.letters(); len(got) != 1 || !strings.Contains(got[0], "заходів") || strings.Contains(got[0], "olena") {
			t.Errorf("letters to the reporter = %q", got)
		}
		if got := olena.letters(); len(got) != 1 || !strings.Contains(got[0], "Бережемо чуже особисте") || !strings.Contains(got[0], "У дописі адреса людини") || strings.Contains(got[0], "mara") {
			t.Errorf("letters to the author = %q", got)
		}
		_, page = hanna.read(hanna.http.Get("https://kamianske.test/moderation"))
		hanna.sees("the log", page, "Допис приховано", "Бережемо чуже особисте", "У дописі адреса людини", "@stepan", "–olena", "–mara", "–Скасувати це рішення")
		_, page = stepan.post(desk, append(form, "Ще раз", "do", "decide")...)
		stepan.sees("a second decision", page, "Рішення вже ухвалено раніше")

		lift := "/desk/decisions/" + itoa(measure(stepan, "hide"))
		if status, _ = stepan.post(lift, "reason", " ", "do", "lift"); status != http.StatusUnprocessableEntity {
			t.Errorf("a lift without a reason = %d, want 422", status)
		}
		_, page = stepan.post(lift, "reason", "Адреса вигадана", "do", "preview")
		stepan.sees("the preview of the lift", page, "Допис знову бачать", "Лист авторові", "Адреса вигадана")
		stepan.post(lift, "reason", "Адреса вигадана", "do", "lift")
		n.Settle()
		if stepan.state(post).Hidden {
			t.Error("the post is hidden after the lift")
		}
		if got := hanna.objectOf(post.URI); got != http.StatusOK {
			t.Errorf("another server gets %d at the post after the lift, want 200", got)
		}
		if got := olena.letters(); len(got) != 2 || !strings.Contains(got[0], "скасовано") {
			t.Errorf("letters to the author = %q", got)
		}
		if _, page = stepan.post(lift, "reason", "Знову", "do", "lift"); !strings.Contains(page, "Рішення вже ухвалено раніше") {
			t.Error("a measure can be lifted twice")
		}
		_, page = stepan.get("/moderation?lang=en")
		stepan.sees("the log in English", page, "Post hidden", "taken back", "Decision taken back", "By month")
	})
}

func TestWarningBeforeAPostSurvivesAnEdit(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, hanna, mara := somebody(t, n, "kamianske", "olena", ""), somebody(t, n, "lviv", "hanna", ""), somebody(t, n, "kamianske", "mara", "")
		stepan := somebody(t, n, "kamianske", "stepan", "moderator")
		hanna.follows(olena)
		post := olena.says("Наслідки аварії, подробиці")
		d := moderation.Decision{Report: mara.reports(olena, "без попередження", post), Posts: []int64{post.ID}, OnPosts: moderation.Mark, Rule: "war", Reason: "Не всім таке бачити"}
		var field *store.FieldError
		if err := stepan.decides(d); !errors.As(err, &field) || field.Field != "warning" {
			t.Errorf("a warning without words = %v, want the field", err)
		}
		d.Warning = "Аварія"
		stepan.check(stepan.decides(d))
		if _, err := olena.town.Blogs.Edit(t.Context(), olena.writer(), post.ID, blogs.Draft{Text: "Інші слова"}); err != nil {
			t.Fatal(err)
		}
		n.Settle()
		for _, p := range []person{olena, hanna} {
			if got := p.state(post); !got.Sensitive || got.Summary != "Аварія" {
				t.Errorf("at %s the post has the warning %q, sensitive %v; want Аварія", p.town.Host, got.Summary, got.Sensitive)
			}
		}
		v := stepan.Viewer()
		v.Roles = []web.Role{{Name: "moderator"}}
		stepan.check(stepan.town.Moderation.LiftMeasure(t.Context(), measure(stepan, "mark"), v, "Годі"))
		n.Settle()
		for _, p := range []person{olena, hanna} {
			if got := p.state(post); got.Sensitive || got.Summary != "" {
				t.Errorf("at %s the post has the warning %q after the lift", p.town.Host, got.Summary)
			}
		}
	})
}

func TestSuspendedAccountIsOutOfSightUntilItIsLifted(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, mara := somebody(t, n, "kamianske", "olena", ""), somebody(t, n, "kamianske", "mara", "")
		stepan := somebody(t, n, "kamianske", "stepan", "moderator")
		post := olena.says("Купую голоси")
		olena.signIn()
		stepan.check(stepan.decides(moderation.Decision{Report: mara.reports(olena, "скуповує", post), OnAccount: moderation.Suspend, Rule: "unpaid", Reason: "Скуповування голосів"}))
		n.Settle()
		if _, page := olena.get("/me"); strings.Contains(page, "/sign-out") {
			t.Error("the session goes on")
		}
		if olena.signIn() == http.StatusOK {
			t.Error("a suspended account can sign in")
		}
		for _, path := range []string{"/@olena", post.Path()} {
			if status, _ := mara.get(path); status != http.StatusNotFound {
				t.Errorf("GET %s = %d, want 404", path, status)
			}
			if status := mara.objectOf("https://kamianske.test" + path); status != http.StatusNotFound {
				t.Errorf("another server gets %d at %s, want 404", status, path)
			}
		}
		if got := olena.letters(); len(got) != 1 || !strings.Contains(got[0], "призупинено") {
			t.Errorf("letters = %q", got)
		}
		v := stepan.Viewer()
		v.Roles = []web.Role{{Name: "moderator"}}
		stepan.check(stepan.town.Moderation.LiftMeasure(t.Context(), measure(stepan, "suspend"), v, "Помилка"))
		if got := olena.signIn(); got != http.StatusOK {
			t.Errorf("sign in after the lift = %d", got)
		}
		if status, _ := mara.get(post.Path()); status != http.StatusOK {
			t.Errorf("the post after the lift = %d, want 200", status)
		}
	})
}

func TestLimitedAccountIsForItsFollowersAlone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, mara, ivan := somebody(t, n, "kamianske", "olena", ""), somebody(t, n, "kamianske", "mara", ""), somebody(t, n, "kamianske", "ivan", "")
		stepan := somebody(t, n, "kamianske", "stepan", "moderator")
		ivan.follows(olena)
		post := olena.says("Реклама, реклама")
		sees := func(p person) bool {
			list, err := p.town.Blogs.Newest(t.Context(), p.ActorID, 0, 20, true)
			p.check(err)
			return len(list) == 1
		}
		if !sees(mara) || !sees(ivan) {
			t.Fatal("the post is not in the public timeline")
		}
		d := moderation.Decision{Report: mara.reports(olena, "реклама", post), OnAccount: moderation.Limit, Rule: "facts", Reason: "Потік реклами"}
		stepan.check(stepan.decides(d))
		if sees(mara) || !sees(ivan) {
			t.Errorf("a stranger sees it: %v, a follower: %v; want the follower alone", sees(mara), sees(ivan))
		}
		d.Report = mara.reports(olena, "ще", post)
		var field *store.FieldError
		if err := stepan.decides(d); !errors.As(err, &field) || field.Key != "moderation.decide.already" {
			t.Errorf("limiting twice = %v, want that it is done already", err)
		}
		d.OnAccount = moderation.Warn
		stepan.check(stepan.decides(d))
		if got := olena.letters(); len(got) != 2 || !strings.Contains(got[0], "Це попередження: обмежень немає") {
			t.Errorf("letters = %q", got)
		}
	})
}

func TestWhoMayDecide(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		mara := somebody(t, n, "kamianske", "mara", "")
		stepan, iryna, boss := somebody(t, n, "kamianske", "stepan", "moderator"), somebody(t, n, "kamianske", "iryna", "moderator"), somebody(t, n, "kamianske", "boss", "operator")
		part := somebody(t, n, "kamianske", "part", "moderator:ecology")
		id := mara.reports(stepan, "модератор лається", stepan.says("Лайка"))
		desk := "/desk/reports/" + itoa(id)
		for _, p := range []person{mara, part} {
			p.signIn()
			for _, path := range []string{"/desk/reports", desk} {
				if status, _ := p.get(path); status != http.StatusNotFound {
					t.Errorf("%s gets %d at %s, want 404", p.Handle, status, path)
				}
			}
			if status, _ := p.post(desk, "dismiss", "1", "refusal", "нічого", "do", "decide"); status != http.StatusNotFound {
				t.Errorf("%s decides: %d, want 404", p.Handle, status)
			}
		}
		stepan.signIn()
		if _, page := stepan.get("/desk/reports"); strings.Contains(page, "лається") || !strings.Contains(page, "0 скарг чекає") {
			t.Error("a moderator learns of a report about themselves")
		}
		if status, _ := stepan.get(desk); status != http.StatusNotFound {
			t.Errorf("a report about oneself = %d, want 404", status)
		}
		if status, _ := stepan.post(desk, "dismiss", "1", "refusal", "усе добре", "do", "decide"); status != http.StatusNotFound {
			t.Errorf("deciding about oneself = %d, want 404", status)
		}
		iryna.signIn()
		_, page := iryna.get(desk)
		iryna.sees("a report about a colleague", page, "Це рішення має ухвалити оператор", "–Ухвалити", "–<form method=\"post\" action=\"/desk")
		if err := iryna.decides(moderation.Decision{Report: id, Dismiss: true, Reason: "усе добре"}); !errors.Is(err, store.ErrDenied) {
			t.Errorf("a moderator decides about another: %v, want denied", err)
		}
		boss.signIn()
		if status, page := boss.post(desk, "dismiss", "1", "refusal", "Лайки там немає", "do", "decide"); status != http.StatusOK || !strings.Contains(page, "Рішення ухвалено") {
			t.Errorf("an operator decides: %d", status)
		}
		if got := mara.letters(); len(got) != 1 || !strings.Contains(got[0], "порушення немає") || !strings.Contains(got[0], "Лайки там немає") {
			t.Errorf("letters to the reporter = %q", got)
		}
		if got := stepan.letters(); len(got) != 0 {
			t.Errorf("the reported was told of a dismissed report: %q", got)
		}
		if anonymous := somebody(t, n, "kamianske", "nobody1", ""); true {
			if _, page := anonymous.get("/desk/reports"); strings.Contains(page, "скарг") {
				t.Error("somebody not signed in sees the queue")
			}
		}
	})
}

func TestReportsFromAndToOtherServers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, hanna := somebody(t, n, "kamianske", "olena", ""), somebody(t, n, "lviv", "hanna", "")
		stepan, lida := somebody(t, n, "kamianske", "stepan", "moderator"), somebody(t, n, "lviv", "lida", "moderator")
		hanna.follows(olena)
		post := olena.says("Образливі слова")
		id := hanna.reports(olena, "Ображає", post)
		stepan.signIn()
		_, page := stepan.get("/desk/reports/" + itoa(id))
		stepan.sees("a report from elsewhere", page, "сервер lviv.test", "Ображає", "Образливі слова", "–hanna")
		stepan.check(stepan.decides(moderation.Decision{Report: id, OnAccount: moderation.Warn, Rule: "respect", Reason: "Без образ"}))

		// At the reporter's own city the account is somebody of another server.
		there := last(hanna, hanna.town)
		lida.signIn()
		_, page = lida.get("/desk/reports/" + itoa(there))
		lida.sees("the report at home", page, "@olena@kamianske.test", "мешканець", "знають про скаргу", "–Лист із правилом")
		d := moderation.Decision{Report: there, OnAccount: moderation.Suspend, Rule: "respect", Reason: "Сервер не відповів"}
		lida.check(lida.decides(d))
		olena.says("Знову слова")
		var count int
		lida.check(lida.town.DB.Read().NewRaw("select count(*) from posts where content like '%Знову%'").Scan(t.Context(), &count))
		if count != 0 {
			t.Error("a post of a suspended account was taken in")
		}
		_, page = hanna.get("/moderation")
		hanna.sees("the log", page, "Обліковий запис на сервері kamianske.test призупинено", "–olena")

		// A report that stayed at home can be passed on, in the moderator's words.
		second := olena
		other := somebody(t, n, "kamianske", "petro", "")
		hanna.check(hanna.town.Blogs.Report(t.Context(), hanna.writer(), hanna.meets(other), nil, "Знаю його, він сусід", false))
		there = last(hanna, hanna.town)
		lida.check(lida.decides(moderation.Decision{Report: there, Forward: true, Rule: "person", Reason: "Схоже на бота"}))
		n.Settle()
		var comment string
		lida.check(second.town.DB.Read().NewRaw("select comment from reports order by id desc limit 1").Scan(t.Context(), &comment))
		if comment != "Схоже на бота" {
			t.Errorf("the other server got %q, want the moderator's words", comment)
		}
	})
}

func TestQueueIsPagedAndCounted(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		olena, mara, stepan := somebody(t, n, "kamianske", "olena", ""), somebody(t, n, "kamianske", "mara", ""), somebody(t, n, "kamianske", "stepan", "moderator")
		for i := range 23 {
			mara.reports(olena, fmt.Sprintf("скарга-%02d.", i))
		}
		stepan.signIn()
		_, page := stepan.get("/desk/reports")
		stepan.sees("the first page", page, "23 скарги чекають", "скарга-00.", "скарга-19.", "–скарга-20.", "За тиждень надійшло: 23")
		next := regexp.MustCompile(`/desk/reports\?state=open&amp;after=\d+`).FindString(page)
		_, page = stepan.get(strings.ReplaceAll(next, "&amp;", "&"))
		stepan.sees("the second page", page, "скарга-20.", "скарга-22.", "–скарга-19.")
		first := regexp.MustCompile(`/desk/reports/(\d+)`).FindStringSubmatch(page)
		id, err := strconv.ParseInt(first[1], 10, 64)
		stepan.check(err)
		stepan.check(stepan.decides(moderation.Decision{Report: id, Dismiss: true, Reason: "Порушення немає"}))
		_, page = stepan.get("/desk/reports?state=refused")
		stepan.sees("the dismissed ones", page, "скарга-20.", "відхилено", "–скарга-21.")
		_, page = stepan.get("/desk/reports?state=done")
		stepan.sees("those acted upon", page, "Таких скарг немає.")
		months, err := stepan.town.Moderation.MonthsOf(t.Context(), stepan.town.Words.For("uk"))
		stepan.check(err)
		if got := months[0]; len(months) != 12 || got.Came != 23 || got.Elsewhere != 0 || got.Dismissed != 1 {
			t.Errorf("this month = %+v, want 23 that came and 1 dismissed", got)
		}
	})
}
