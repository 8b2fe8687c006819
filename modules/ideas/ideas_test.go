package ideas_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"viche/internal/citytest"
	"viche/internal/store"
	"viche/modules/ideas"
	"viche/web"
)

// each runs a test on a city of each database.
func each(t *testing.T, f func(t *testing.T, n *citytest.Network)) {
	for kind, o := range citytest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			f(t, citytest.Fediverse(t, o, "kamianske"))
		})
	}
}

func of(n *citytest.Network) *ideas.Ideas { return n.Town("kamianske").Ideas }

func write(t *testing.T, n *citytest.Network, query string, args ...any) {
	t.Helper()
	if err := n.Town("kamianske").DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// staff is somebody with a role, of one sphere or of all.
func staff(t *testing.T, n *citytest.Network, handle, role, scope string) (citytest.Resident, *web.Viewer) {
	t.Helper()
	r := n.Resident("kamianske", handle, true)
	return r, n.Appoint(r, role, scope)
}

func draft(title string) ideas.Draft {
	return ideas.Draft{Title: title, Problem: "Пил летить у двори.", Solution: "Три ряди дерев.", Cost: "1,2 млн грн", Sphere: "ecology"}
}

func submit(t *testing.T, r citytest.Resident, f ideas.Draft) *ideas.Idea {
	t.Helper()
	one, err := r.Town.Ideas.Submit(t.Context(), r.Viewer(), f)
	if err != nil {
		t.Fatalf("submit: %v", err)
	}
	return one
}

// gathering is an idea that was submitted and found lawful.
func gathering(t *testing.T, r citytest.Resident, moderator *web.Viewer, title string) int64 {
	t.Helper()
	one := submit(t, r, draft(title))
	if err := r.Town.Ideas.Check(t.Context(), moderator, one.ID, true, false, ""); err != nil {
		t.Fatalf("check: %v", err)
	}
	return one.ID
}

func load(t *testing.T, n *citytest.Network, id int64) *ideas.Idea {
	t.Helper()
	one, err := of(n).Load(t.Context(), n.Town("kamianske").DB.Read(), id)
	if err != nil {
		t.Fatal(err)
	}
	return one
}

func isIn(t *testing.T, n *citytest.Network, id int64, want ideas.State) {
	t.Helper()
	if got := load(t, n, id).State; got != want {
		t.Errorf("idea is %s, want %s", got, want)
	}
}

func tally(t *testing.T, n *citytest.Network, id int64, want ideas.Tally) {
	t.Helper()
	if got, err := of(n).TallyOf(t.Context(), id); err != nil || got != want {
		t.Errorf("tally = %+v, %v, want %+v", got, err, want)
	}
}

func denied(t *testing.T, what string, err error, reason string) {
	t.Helper()
	var d *ideas.Denied
	if !errors.As(err, &d) || d.Reason != reason {
		t.Errorf("%s: %v, want it denied for %s", what, err, reason)
	}
}

func wrong(t *testing.T, what string, err error, field string) {
	t.Helper()
	var f *store.FieldError
	if !errors.As(err, &f) || f.Field != field {
		t.Errorf("%s: %v, want the field %s to be wrong", what, err, field)
	}
}

// keyLike is a message key that nobody wrote, or a value that is not there.
var keyLike = regexp.MustCompile(`\b(ideas|spheres|web)\.[a-z-]+\.[a-z0-9.-]+\b|<no value>|ZgotmplZ|%!`)

func holds(t *testing.T, what, page string, words ...string) {
	t.Helper()
	page = citytest.MainOf(page)
	for _, w := range words {
		if !strings.Contains(page, w) {
			t.Errorf("%s lacks %q\n%s", what, w, page)
		}
	}
	if found := keyLike.FindString(page); found != "" {
		t.Errorf("%s shows %q", what, found)
	}
	if strings.Count(page, "<h1") != 1 {
		t.Errorf("%s has %d headings of the first level", what, strings.Count(page, "<h1"))
	}
}

func TestIdeaIsSubmittedCheckedSupportedAnsweredAndDone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 12)
		watch, _ := staff(t, n, "watch", web.Moderator, "")
		clerk, _ := staff(t, n, "clerk", web.Officer, "ecology")
		olena := n.Browser(t, "kamianske")
		olena.SignIn(crowd[0].Handle)
		_, page := olena.Get("/ideas/new")
		holds(t, "the form", page, "Запропонувати ідею", `name="problem"`, `type="file"`)
		if status, page := olena.Post("/ideas", "title", "", "problem", "x"); status != http.StatusUnprocessableEntity {
			t.Errorf("an empty form = %d, want 422", status)
		} else {
			holds(t, "an empty form", page, "Напишіть назву ідеї.", "Опишіть рішення.", "Оберіть сферу з переліку.", ">x</textarea>")
		}
		status, page := olena.Post("/ideas", "title", "Зелена смуга", "problem", "Пил летить у двори.", "solution", "Три ряди дерев.", "cost", "1,2 млн грн", "sphere", "ecology", "place", "уздовж промзони")
		if status != http.StatusOK {
			t.Fatalf("submit = %d", status)
		}
		holds(t, "a new idea", page, "Ідею надіслано.", "Нова, на перевірці", "1,2 млн грн", "уздовж промзони", "Відкликати ідею", "@"+crowd[0].Handle)
		list, _, _, err := of(n).List(t.Context(), ideas.Filter{Limit: 9})
		if err != nil || len(list) != 1 {
			t.Fatalf("ideas = %v, %v, want one", list, err)
		}
		id := list[0].ID
		path := list[0].Path()
		if err := of(n).Support(t.Context(), crowd[1].Viewer(), id, true); !errors.Is(err, ideas.ErrOver) {
			t.Errorf("support before the check: %v, want ErrOver", err)
		}

		desk := n.Browser(t, "kamianske")
		desk.SignIn(watch.Handle)
		_, page = desk.Get("/desk/ideas")
		holds(t, "the desk", page, "Зелена смуга", "Розглянути до")
		_, page = desk.Get("/desk" + path)
		holds(t, "the decision", page, "Перевірте лише, чи ідея в межах закону", "Об’єднати з іншою ідеєю")
		if status, page := desk.Post("/desk"+path, "do", "unlawful"); status != http.StatusUnprocessableEntity {
			t.Errorf("refused without a reason = %d, want 422", status)
		} else {
			holds(t, "refused without a reason", page, "Поясніть рішення: це прочитають усі.")
		}
		_, page = desk.Post("/desk"+path, "do", "check")
		holds(t, "a checked idea", page, "Ідея збирає підтримку.", "Перевірено: у межах закону", "@watch", "модератор", "Підтримали: 1 із 10 потрібних.")

		for i, r := range crowd[1:9] {
			if err := of(n).Support(t.Context(), r.Viewer(), id, true); err != nil {
				t.Fatalf("support %d: %v", i, err)
			}
		}
		tally(t, n, id, ideas.Tally{For: 9})
		ninth := n.Browser(t, "kamianske")
		ninth.SignIn(crowd[8].Handle)
		_, page = ninth.Post(path+"/support", "do", "withdraw")
		holds(t, "a support that was withdrawn", page, "Вашу підтримку відкликано.", "Підтримали: 8 із 10")
		_, page = ninth.Post(path+"/support", "do", "support")
		holds(t, "a support", page, "Дякуємо, вашу підтримку враховано.", "Ви підтримали цю ідею.", "Відкликати підтримку")
		isIn(t, n, id, ideas.Gathering)
		if err := of(n).Support(t.Context(), crowd[9].Viewer(), id, true); err != nil {
			t.Fatal(err)
		}
		isIn(t, n, id, ideas.Answering)
		if err := of(n).Support(t.Context(), crowd[9].Viewer(), id, false); !errors.Is(err, ideas.ErrOver) {
			t.Errorf("a step back when there are enough: %v, want ErrOver", err)
		}
		nobody := n.Browser(t, "kamianske")
		_, page = nobody.Get(path)
		holds(t, "an idea that awaits an answer", page, "До відповіді влади – 30 днів.", "Увійдіть, щоб підтримати ідею.", "Колективне звернення")
		n.Advance(31 * 24 * time.Hour)
		_, page = nobody.Get(path + "?lang=en")
		holds(t, "a late answer", page, "The official answer is 1 day late.")
		for _, kind := range []string{"appeal", "petition", "initiative"} {
			status, page := nobody.Get(path + "/letter?lang=uk&kind=" + kind)
			if status != http.StatusOK {
				t.Errorf("letter %s = %d", kind, status)
			}
			holds(t, "a letter", page, "Зелена смуга", "Три ряди дерев.", "10 підтверджених мешканців", "https://kamianske.test"+path)
		}
		if status, _ := nobody.Get(path + "/letter?kind=verdict"); status != http.StatusNotFound {
			t.Errorf("a letter of an unknown kind = %d, want 404", status)
		}

		office := n.Browser(t, "kamianske")
		office.SignIn(clerk.Handle)
		for _, c := range []struct{ do, words, state string }{{"accepted", "Є в бюджеті.", "Прийнято"}, {"working", "Саджанці замовлено.", "У роботі"}, {"done", "Посаджено.", "Виконано"}} {
			_, page = office.Post("/desk"+path, "do", c.do, "reason", c.words)
			holds(t, "an idea that is "+c.do, page, c.words, c.state, "@clerk", "уповноважена особа влади")
		}
		if err := of(n).Decide(t.Context(), n.Resident("kamianske", "nemo", true).Viewer(), id, ideas.Refused, "ні"); !errors.Is(err, store.ErrDenied) {
			t.Errorf("a resident decides: %v, want ErrDenied", err)
		}
		steps, err := of(n).Steps(t.Context(), id)
		var stages []string
		for _, s := range steps {
			stages = append(stages, string(s.Stage))
		}
		if got, want := strings.Join(stages, " "), "new checked gathering answering accepted working done"; got != want || err != nil {
			t.Errorf("steps = %s, %v, want %s", got, err, want)
		}
	})
}

func TestFiftySupportsAtOnceLeaveOne(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 2)
		_, watch := staff(t, n, "watch", web.Moderator, "")
		id := gathering(t, crowd[0], watch, "Зелена смуга")
		var wait sync.WaitGroup
		for range 50 {
			wait.Go(func() {
				if err := of(n).Support(t.Context(), crowd[1].Viewer(), id, true); err != nil {
					t.Errorf("support: %v", err)
				}
			})
		}
		wait.Wait()
		tally(t, n, id, ideas.Tally{For: 2})
	})
}

func TestWhoMayNotSupport(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		author := n.Resident("kamianske", "author", true)
		guest, club, moved := n.Resident("kamianske", "guest", false), n.Organisation("kamianske", "hromada"), n.Resident("kamianske", "moved", true)
		write(t, n, "update entitlements set territory = 'UA46060250010015970' where person_key = (select person_key from persons where account = ?)", moved.Account)
		_, watch := staff(t, n, "watch", web.Moderator, "")
		id := gathering(t, author, watch, "Зелена смуга")
		for _, c := range []struct {
			who    string
			v      *web.Viewer
			reason string
		}{
			{"nobody", nil, ideas.SignIn}, {"a guest", guest.Viewer(), ideas.NotVerified}, {"an organisation", club.Viewer(), ideas.Organisation},
			{"a resident of another territory", moved.Viewer(), ideas.OtherTerritory},
		} {
			denied(t, c.who+" supports", of(n).Support(t.Context(), c.v, id, true), c.reason)
			denied(t, c.who+" is against", of(n).Oppose(t.Context(), c.v, id, "бо"), c.reason)
			denied(t, c.who+" argues", of(n).Argue(t.Context(), c.v, id, "бо"), c.reason)
			_, err := of(n).Rate(t.Context(), c.v, id, "5", "5")
			denied(t, c.who+" rates", err, c.reason)
			if c.reason != ideas.Organisation {
				_, err = of(n).Submit(t.Context(), c.v, draft("Інша"))
				denied(t, c.who+" submits", err, c.reason)
			}
		}
		late := n.Resident("kamianske", "late", true)
		if _, err := of(n).Rate(t.Context(), late.Viewer(), id, "5", "5"); err == nil {
			t.Error("who was confirmed after the register was frozen rates the idea")
		}
		// An organisation submits, but its idea has no supporter of its own.
		theirs := gathering(t, club, watch, "Ярмарок майстрів")
		tally(t, n, id, ideas.Tally{For: 1})
		tally(t, n, theirs, ideas.Tally{})
		// Nobody decides on an idea of their own.
		own, v := staff(t, n, "own", web.Moderator, "")
		mine := submit(t, own, draft("Моя"))
		if err := of(n).Check(t.Context(), v, mine.ID, true, false, ""); !errors.Is(err, store.ErrDenied) {
			t.Errorf("a moderator checks an own idea: %v, want ErrDenied", err)
		}
	})
}

func TestAgainstComesWithAReasonAndEndsSupport(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 3)
		_, watch := staff(t, n, "watch", web.Moderator, "")
		id := gathering(t, crowd[0], watch, "Зелена смуга")
		taras := n.Browser(t, "kamianske")
		taras.SignIn(crowd[1].Handle)
		path := fmt.Sprintf("/ideas/%d", id)
		taras.Post(path+"/support", "do", "support")
		tally(t, n, id, ideas.Tally{For: 2})
		if status, page := taras.Post(path+"/arguments", "side", "against", "against", " "); status != http.StatusUnprocessableEntity {
			t.Errorf("against without a reason = %d, want 422", status)
		} else {
			holds(t, "against without a reason", page, "Напишіть довід.")
		}
		tally(t, n, id, ideas.Tally{For: 2})
		const evil = `<script>alert(1)</script><b onclick="x">Хто поливатиме?</b>`
		_, page := taras.Post(path+"/arguments", "side", "against", "against", evil)
		holds(t, "an argument against", page, "Ваше «проти» враховано", "&lt;script&gt;", "Ви проти цієї ідеї.", "Проти: 1 мешканець")
		if strings.Contains(page, "<script>alert") || strings.Contains(page, "<b onclick") {
			t.Error("what was typed is HTML on the page")
		}
		tally(t, n, id, ideas.Tally{For: 1, Against: 1})
		for i := range 8 {
			err := of(n).Argue(t.Context(), crowd[1].Viewer(), id, fmt.Sprint("довід ", i))
			if i >= 4 {
				wrong(t, "too many arguments", err, "for")
			} else if err != nil {
				t.Fatal(err)
			}
		}
		wrong(t, "a long argument", of(n).Argue(t.Context(), crowd[2].Viewer(), id, strings.Repeat("а", ideas.MaxArgument+1)), "for")

		list, err := of(n).Arguments(t.Context(), id)
		if err != nil || len(list) != 5 {
			t.Fatalf("arguments = %d, %v, want 5", len(list), err)
		}
		if _, err := of(n).Remove(t.Context(), crowd[2].Viewer(), list[0].ID, "образа"); !errors.Is(err, store.ErrDenied) {
			t.Errorf("a resident removes an argument: %v, want ErrDenied", err)
		}
		if _, err := of(n).Remove(t.Context(), watch, list[0].ID, "образа"); err != nil {
			t.Fatal(err)
		}
		_, page = taras.Get(path)
		holds(t, "a removed argument", page, "Модератор прибрав цей довід.", "образа")
		if strings.Contains(page, "&lt;script&gt;") {
			t.Error("a removed argument is shown")
		}
	})
}

func TestMergeCarriesEachSupporterOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 8)
		_, watch := staff(t, n, "watch", web.Moderator, "")
		a, b, c := gathering(t, crowd[0], watch, "Ліхтарі"), gathering(t, crowd[1], watch, "Світло у дворах"), gathering(t, crowd[2], watch, "Лавки")
		for id, list := range map[int64][]citytest.Resident{a: crowd[1:5], b: crowd[3:7]} {
			for _, r := range list {
				if err := of(n).Support(t.Context(), r.Viewer(), id, true); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := of(n).Oppose(t.Context(), crowd[0].Viewer(), b, "сліпить"); err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		wrong(t, "into itself", of(n).Merge(ctx, watch, a, a, "те саме"), "into")
		wrong(t, "into nothing", of(n).Merge(ctx, watch, a, 7, "те саме"), "into")
		wrong(t, "without a reason", of(n).Merge(ctx, watch, a, b, ""), "reason")
		if err := of(n).Merge(ctx, crowd[5].Viewer(), a, b, "те саме"); !errors.Is(err, store.ErrDenied) {
			t.Errorf("a resident merges: %v, want ErrDenied", err)
		}
		if err := of(n).Merge(ctx, watch, a, b, "те саме"); err != nil {
			t.Fatal(err)
		}
		isIn(t, n, a, ideas.Merged)
		// 1, 3, 4, 5, 6 supported it, 2 comes along; 0 keeps to being against.
		tally(t, n, b, ideas.Tally{For: 6, Against: 1})
		if err := of(n).Merge(ctx, watch, b, a, "назад"); err == nil {
			t.Error("a circle of two was closed")
		}
		if err := of(n).Merge(ctx, watch, b, c, "далі"); err != nil {
			t.Fatal(err)
		}
		if err := of(n).Merge(ctx, watch, c, a, "коло"); err == nil {
			t.Error("a circle of three was closed")
		}
		tally(t, n, c, ideas.Tally{For: 6})
		_, page := n.Browser(t, "kamianske").Get(fmt.Sprintf("/ideas/%d", a))
		holds(t, "a merged idea", page, "Ідею об’єднано з іншою.", fmt.Sprintf(`href="/ideas/%d"`, b), "те саме")

		// Two that would close a circle, at once: one at most goes through.
		d, e := gathering(t, crowd[3], watch, "Гойдалка"), gathering(t, crowd[4], watch, "Пісочниця")
		var wait sync.WaitGroup
		for _, way := range [][2]int64{{d, e}, {e, d}} {
			wait.Go(func() { _ = of(n).Merge(ctx, watch, way[0], way[1], "те саме") }) // one of them must fail
		}
		wait.Wait()
		if one, other := load(t, n, d), load(t, n, e); (one.State == ideas.Merged) == (other.State == ideas.Merged) {
			t.Errorf("of two merges into each other the ideas are %s and %s", one.State, other.State)
		}
	})
}

func TestBadInputIsRefusedOrShownAsText(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		author := n.Resident("kamianske", "author", true)
		_, watch := staff(t, n, "watch", web.Moderator, "")
		ctx := t.Context()
		huge := strings.Repeat("а", 1<<19)
		for field, change := range map[string]func(*ideas.Draft){
			"title": func(f *ideas.Draft) { f.Title = huge }, "problem": func(f *ideas.Draft) { f.Problem = huge }, "solution": func(f *ideas.Draft) { f.Solution = huge },
			"cost": func(f *ideas.Draft) { f.Cost = huge }, "place": func(f *ideas.Draft) { f.Place = huge }, "sphere": func(f *ideas.Draft) { f.Sphere = huge },
			"territory": func(f *ideas.Draft) { f.Territory = "UA46060250010015970" }, "origin": func(f *ideas.Draft) { f.Origin = "javascript:alert(1)" },
			"files": func(f *ideas.Draft) { f.Pictures = make([]ideas.Picture, 5) },
		} {
			f := draft("Зелена смуга")
			change(&f)
			_, err := of(n).Submit(ctx, author.Viewer(), f)
			var joined interface{ Unwrap() []error }
			if errors.As(err, &joined) {
				for _, e := range joined.Unwrap() {
					wrong(t, "a bad "+field, e, field)
				}
			} else {
				t.Errorf("a bad %s: %v, want it refused", field, err)
			}
		}
		stolen := draft("Чужа світлина")
		stolen.Pictures = []ideas.Picture{{Name: "0123456789abcdef0123456789abcdef.jpg"}}
		_, err := of(n).Submit(ctx, author.Viewer(), stolen)
		wrong(t, "a picture of somebody else", err, "files")

		const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}`
		f := ideas.Draft{Title: evil, Problem: evil, Solution: evil, Cost: evil, Place: evil, Sphere: "ecology", Origin: "https://example.test/?q=<script>"}
		one := submit(t, author, f)
		if again := submit(t, author, f); again.ID != one.ID {
			t.Error("the same form twice made two ideas")
		}
		if err := of(n).Check(ctx, watch, one.ID, true, false, evil); err != nil {
			t.Fatal(err)
		}
		nobody := n.Browser(t, "kamianske")
		for _, path := range []string{one.Path(), "/ideas", "/ideas/feed.atom"} {
			if status, page := nobody.Get(path); status != http.StatusOK || strings.Contains(page, "<script>alert") || strings.Contains(page, "<img src=x") {
				t.Errorf("%s = %d, or it holds what was typed as HTML", path, status)
			}
		}
		for _, bad := range []string{"/ideas/0", "/ideas/x", "/ideas/99999999999999999999", "/ideas/7"} {
			if status, _ := nobody.Get(bad); status != http.StatusNotFound {
				t.Errorf("%s = %d, want 404", bad, status)
			}
		}
		if status, page := nobody.Get("/ideas?sort=near&after=x.y&sphere=none&territory=%27&state=merged"); status != http.StatusOK {
			t.Errorf("a list with filters that nobody knows = %d", status)
		} else {
			holds(t, "that list", page, "1 ідея")
		}
		// No more than three wait at a time.
		for i := range 3 {
			_, err := of(n).Submit(ctx, author.Viewer(), draft(fmt.Sprint("Ще одна ", i)))
			if i == 2 {
				wrong(t, "a fourth idea", err, "title")
			} else if err != nil {
				t.Fatal(err)
			}
		}
		// What breaks the law is hidden from others, its reason is not.
		two := submit(t, n.Resident("kamianske", "rude", true), draft("Заклик до насильства"))
		if err := of(n).Check(ctx, watch, two.ID, false, true, "Закон забороняє."); err != nil {
			t.Fatal(err)
		}
		_, page := nobody.Get(two.Path())
		holds(t, "a hidden idea", page, "Текст ідеї приховано", "Закон забороняє.")
		if strings.Contains(page, "Заклик до насильства") || strings.Contains(page, "Три ряди дерев") {
			t.Error("a hidden idea shows its text")
		}
	})
}

func TestSimilarIdeasAreShownBeforeOneIsSent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 2)
		submit(t, crowd[0], ideas.Draft{Title: "Світло у дворах", Problem: "У темряві страшно повертатися.", Solution: "Сонячні ліхтарі з датчиком руху.", Sphere: "safety"})
		taras := n.Browser(t, "kamianske")
		taras.SignIn(crowd[1].Handle)
		form := []string{"title", "Ліхтарі й світло у двір", "problem", "Темно повертатися додому.", "solution", "Поставити ліхтарі з датчиком.", "sphere", "safety"}
		_, page := taras.Post("/ideas", form...)
		holds(t, "the form with similar ideas", page, "Схожі ідеї вже є", "Світло у дворах", `name="seen"`, "Моя ідея інша, надіслати")
		if k, err := of(n).Count(t.Context(), ideas.Filter{}); err != nil || k != 1 {
			t.Errorf("%d ideas, %v, before the author has seen similar ones, want 1", k, err)
		}
		_, page = taras.Post("/ideas", append(form, "seen", "1")...)
		holds(t, "an idea that differs", page, "Ідею надіслано.")
		alike, err := of(n).Similar(t.Context(), ideas.Draft{Title: "Школа голови ОСББ", Problem: "Нові голови вчаться на помилках.", Solution: "Шість вечорів із юристом."})
		if err != nil || len(alike) != 0 {
			t.Errorf("similar to nothing: %v, %v", alike, err)
		}
	})
}

func TestRatingsShowNothingBeforeOnesOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 41)
		_, watch := staff(t, n, "watch", web.Moderator, "")
		id := gathering(t, crowd[0], watch, "Зелена смуга")
		path := fmt.Sprintf("/ideas/%d", id)
		town := n.Town("kamianske")
		nobody, waits := n.Browser(t, "kamianske"), n.Browser(t, "kamianske")
		waits.SignIn(crowd[40].Handle)
		look := func() string {
			out := ""
			for _, b := range []*citytest.Browser{nobody, waits} {
				for _, p := range []string{path, "/ideas", "/ideas/feed.atom", "/desk/ideas"} {
					_, page := b.Get(p)
					out += citytest.MainOf(page)
				}
			}
			return out
		}
		before := look()
		rate := func(from, to int, useful, feasible string) {
			for _, r := range crowd[from:to] {
				if _, err := town.Ideas.Rate(t.Context(), r.Viewer(), id, useful, feasible); err != nil {
					t.Fatalf("rate: %v", err)
				}
			}
		}
		olena := n.Browser(t, "kamianske")
		olena.SignIn(crowd[0].Handle)
		if status, page := olena.Post(path+"/rating", "usefulness", "6", "feasibility", "2"); status != http.StatusUnprocessableEntity {
			t.Errorf("a rating of 6 = %d, want 422", status)
		} else {
			holds(t, "a rating of 6", page, "Оберіть оцінку від 1 до 5.", `value="2" checked`)
		}
		_, page := olena.Post(path+"/rating", "usefulness", "5", "feasibility", "2")
		holds(t, "a first rating", page, "вашу оцінку враховано", "корисність 5, здійсненність 2", "Поки що замало оцінок")
		rate(1, 24, "4", "3")
		n.Advance(2 * time.Minute)
		if err := town.Ideas.Snapshots(t.Context()); err != nil {
			t.Fatal(err)
		}
		r, err := town.Ideas.RatingOf(t.Context(), load(t, n, id), crowd[0].Viewer())
		if err != nil || !r.TooFew || r.N != 0 {
			t.Errorf("ratings of 24 = %+v, %v, want too few: a snapshot takes 25", r, err)
		}
		rate(24, 40, "3", "1")
		n.Advance(2 * time.Minute)
		if err := town.Ideas.Snapshots(t.Context()); err != nil {
			t.Fatal(err)
		}
		n.Advance(-4 * time.Minute)
		if after := look(); after != before {
			t.Errorf("somebody who has not rated sees that others did:\n%s\n---\n%s", before, after)
		}
		n.Advance(4 * time.Minute)
		_, page = olena.Get(path)
		holds(t, "ratings after one's own", page, "станом на", "Середня оцінка: 3,6 з 5", "Середня оцінка: 2,2 з 5", "від 40 мешканців")
		if r, err := town.Ideas.RatingOf(t.Context(), load(t, n, id), crowd[40].Viewer()); err != nil || r.Seen || r.N != 0 || r.Own != [2]int{} {
			t.Errorf("who has not rated gets %+v, %v", r, err)
		}
		var rows int
		if err := town.DB.ReadBound().Row(t.Context(), []any{&rows}, "select count(*) from ballots where poll = ?", id); err != nil || rows != 40 {
			t.Errorf("%d ratings lie in the box, %v, want 40", rows, err)
		}
		// A changed one replaces the first; with the decision the rest is closed.
		if receipt, err := town.Ideas.Rate(t.Context(), crowd[1].Viewer(), id, "1", "1"); err != nil || receipt.Changes != 1 {
			t.Errorf("a changed rating = %+v, %v", receipt, err)
		}
		if err := town.Ideas.Decide(t.Context(), watch, id, ideas.Refused, "Немає коштів."); err != nil {
			t.Fatal(err)
		}
		if _, err := town.Ideas.Rate(t.Context(), crowd[40].Viewer(), id, "1", "1"); !errors.Is(err, ideas.ErrOver) {
			t.Errorf("a rating after the decision: %v, want ErrOver", err)
		}
		_, page = nobody.Get(path)
		holds(t, "ratings after the end", page, "остаточні оцінки", "від 40 мешканців", "Немає коштів.")

		// With few ratings nothing is shown after the end either.
		few := gathering(t, crowd[2], watch, "Лавки")
		for _, r := range crowd[:9] {
			if _, err := town.Ideas.Rate(t.Context(), r.Viewer(), few, "5", "4"); err != nil {
				t.Fatal(err)
			}
		}
		if err := town.Ideas.Decide(t.Context(), watch, few, ideas.Refused, "Немає місця."); err != nil {
			t.Fatal(err)
		}
		if r, err := town.Ideas.RatingOf(t.Context(), load(t, n, few), nil); err != nil || !r.TooFew || r.N != 0 {
			t.Errorf("nine ratings after the end = %+v, %v, want too few", r, err)
		}
		// Once the time of disputes is over nobody can read one any more.
		n.Advance(200 * 24 * time.Hour)
		if err := town.Ideas.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r, err := town.Ideas.RatingOf(t.Context(), load(t, n, id), crowd[0].Viewer()); err != nil || !r.Gone || r.Own != [2]int{} || r.N != 40 {
			t.Errorf("ratings without their key = %+v, %v, want the counts alone", r, err)
		}
	})
}

func TestIdeaExpiresWithoutSupport(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 2)
		_, watch := staff(t, n, "watch", web.Moderator, "")
		id := gathering(t, crowd[0], watch, "Зелена смуга")
		n.Advance(91 * 24 * time.Hour)
		if err := of(n).Support(t.Context(), crowd[1].Viewer(), id, true); !errors.Is(err, ideas.ErrOver) {
			t.Errorf("support after the time: %v, want ErrOver", err)
		}
		for range 2 {
			if err := of(n).CloseDue(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		isIn(t, n, id, ideas.Expired)
		_, page := n.Browser(t, "kamianske").Get(fmt.Sprintf("/ideas/%d", id))
		holds(t, "an idea without support", page, "Ідея не зібрала підтримки вчасно.")
		mine := submit(t, crowd[1], draft("Передумаю"))
		if err := of(n).Withdraw(t.Context(), crowd[0].Viewer(), mine.ID); !errors.Is(err, store.ErrDenied) {
			t.Errorf("somebody else withdraws an idea: %v, want ErrDenied", err)
		}
		if err := of(n).Withdraw(t.Context(), crowd[1].Viewer(), mine.ID); err != nil {
			t.Fatal(err)
		}
		isIn(t, n, mine.ID, ideas.Withdrawn)
	})
}

func TestListIsSortedAndPagedWithoutGaps(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 9)
		_, watch := staff(t, n, "watch", web.Moderator, "")
		var ids []int64
		for i := range 7 {
			ids = append(ids, gathering(t, crowd[i], watch, fmt.Sprint("Ідея ", i)))
		}
		for _, r := range crowd[:8] { // nine of nine for the fourth, some against
			if err := of(n).Support(t.Context(), r.Viewer(), ids[3], true); err != nil {
				t.Fatal(err)
			}
		}
		if err := of(n).Oppose(t.Context(), crowd[8].Viewer(), ids[5], "ні"); err != nil {
			t.Fatal(err)
		}
		for _, order := range []string{ideas.Best, ideas.Newest, ideas.Near, ideas.Chance} {
			f := ideas.Filter{Order: order, From: "UA12040150010056523", Seed: 4711, Limit: 2}
			var got []int64
			for range 9 {
				list, last, more, err := of(n).List(t.Context(), f)
				if err != nil {
					t.Fatalf("%s: %v", order, err)
				}
				for _, one := range list {
					got = append(got, one.ID)
				}
				if !more {
					break
				}
				f.After = last
			}
			seen := map[int64]bool{}
			for _, id := range got {
				seen[id] = true
			}
			if len(got) != 7 || len(seen) != 7 {
				t.Errorf("%s: pages hold %v, want each of 7 once", order, got)
				continue
			}
			if order == ideas.Best && (got[0] != ids[3] || got[6] != ids[5]) {
				t.Errorf("best first = %v, want %d first and %d last", got, ids[3], ids[5])
			}
			if order == ideas.Newest && (got[0] != ids[6] || got[6] != ids[0]) {
				t.Errorf("newest first = %v", got)
			}
		}
		status, feed := n.Browser(t, "kamianske").Get("/ideas/feed.atom?sphere=ecology")
		if status != http.StatusOK || strings.Count(feed, "<entry>") != 7 || !strings.Contains(feed, "Ідея 4") {
			t.Errorf("feed = %d with %d entries", status, strings.Count(feed, "<entry>"))
		}
	})
}

func TestCheckedIdeaIsToldToTheFediverse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 3)
		_, watch := staff(t, n, "watch", web.Moderator, "")
		town := n.Town("kamianske")
		id := gathering(t, crowd[0], watch, "Зелена смуга")
		if err := town.Ideas.PublishDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		one := load(t, n, id)
		if one.PostID <= 0 {
			t.Fatalf("no post tells of the idea: %d", one.PostID)
		}
		post, err := town.Blogs.ByID(t.Context(), town.DB.Read(), one.PostID)
		if err != nil || post.Title != "Зелена смуга" || !strings.Contains(post.Content, one.Path()) {
			t.Errorf("the post = %+v, %v, want the idea with a link", post, err)
		}
		actor, err := town.Book.ByID(t.Context(), town.DB.Read(), crowd[1].ActorID)
		if err != nil {
			t.Fatal(err)
		}
		if err := town.Blogs.Like(t.Context(), actor, one.PostID); err != nil {
			t.Fatal(err)
		}
		nobody := n.Browser(t, "kamianske")
		_, page := nobody.Get(one.Path())
		holds(t, "an idea that was told", page, "Відкрита підтримка у федиверсі", "1 вподобання", post.Path(), "Підтримали: 1 із 10")
		tally(t, n, id, ideas.Tally{For: 1}) // a like supports nothing
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, nobody.Base+one.Path(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", "application/activity+json")
		if status, object := nobody.Read(nobody.Client.Do(req)); status != http.StatusOK || !strings.Contains(object, post.URI) {
			t.Errorf("the idea for servers = %d %s, want its post", status, object)
		}
	})
}
