package polls_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"viche/internal/city"
	"viche/internal/citytest"
	"viche/modules/polls"
)

func TestLook(t *testing.T) {
	dir := os.Getenv("LOOK")
	if dir == "" {
		t.Skip()
	}
	n := citytest.Fediverse(t, citytest.Options{Config: func(name string, c *city.Config) {
		c.Demo = true
		c.Name = map[string]string{"kamianske": "Кам’янське", "lviv": "Львів", "kharkiv": "Харків", "ukraine": "Україна"}[name]
		c.Operator = "ГО «Сила Громади»"
		if name == "kamianske" {
			c.Spheres = []string{"ecology", "social", "health", "safety", "industry", "business", "investment", "education", "culture", "sport", "youth", "housing", "osbb", "energy", "transport", "it", "civil", "government", "rights"}
		}
	}}, "ukraine", "kamianske", "lviv", "kharkiv")
	A := n.Crowd("kamianske", 64)
	B := n.Crowd("lviv", 42)
	n.Crowd("kharkiv", 15)
	n.Settle()
	mk := func(town, scope, sphere, title, body string, multi bool, days int, opts ...string) *polls.Poll {
		p, err := n.Town(town).Polls.OpenPoll(t.Context(), polls.Draft{Title: title, Body: body, Options: opts, Multiple: multi, Sphere: sphere, Scope: scope, ClosesAt: n.Now().Add(time.Duration(days) * 24 * time.Hour), By: "moderator"})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	old := mk("kamianske", "city", "housing", "Чи влаштовує вас графік прибирання у вашому дворі?", "Торік двори прибирали двічі на тиждень.\nПідрядник пропонує тричі.", false, 3, "так, нічого не міняти", "потрібно частіше", "потрібно рідше, але якісніше", "Важко відповісти")
	nat := mk("ukraine", "national", "rights", "Чи відмовляли вам торік у послузі через довідку, яку держава вже має?", "Запитання ставимо всім громадам мережі водночас.", false, 3, "ні", "так, один раз", "так, кілька разів", "не було нагоди звертатися", "Важко відповісти")
	few := mk("kamianske", "city", "osbb", "Що найбільше заважає вашому будинку створити ОСББ або добре ним керувати?", "", false, 3, "немає людини, яка очолить", "сусіди не домовляються", "борги за внесками", "Важко відповісти")
	n.Settle()
	for i, r := range A[:50] {
		n.Cast(r, old.PollID, []string{"o1", "o2", "o2", "o3", "o4"}[i%5])
		n.Cast(r, nat.PollID, []string{"o1", "o2", "o2", "o3", "o4"}[i%5])
		if i < 4 {
			n.Cast(r, few.PollID, "o1")
		}
	}
	for i := range 12 {
		n.Cast(A[i], old.PollID, "o3")
	}
	for i, r := range B {
		n.Cast(r, nat.PollID, []string{"o1", "o1", "o2", "o3", "o5"}[i%5])
	}
	n.Settle()
	n.Advance(3*24*time.Hour + time.Minute)
	n.Settle()
	n.Advance(2 * time.Minute)
	n.Settle()
	tram := mk("kamianske", "city", "transport", "Що насамперед заохотило б вас частіше їздити трамваєм?", "Навесні місто перегляне розклад. Ваші відповіді побачить управління транспорту.\nОпитування безіменне: вашу відповідь бачите лише ви.", false, 14, "коротший інтервал", "точний розклад у телефоні", "тепліші й тихіші вагони", "один квиток із пересадкою", "я й так їжджу щодня", "не їздитиму", "Важко відповісти")
	air := mk("kamianske", "city", "ecology", "Які відомості про повітря ви хочете отримувати щодня?", "", true, 2, "показники найближчої станції", "попередження про перевищення", "поради, що робити вдома", "хто й що викидає", "мені це не потрібно", "Важко відповісти")
	early := mk("kamianske", "city", "culture", "Якої тиші ви хочете ввечері?", "", false, 9, "до 21:00", "до 22:00", "Важко відповісти")
	natOpen := mk("ukraine", "national", "ecology", "Що має бути першим кроком до чистішого повітря в промислових містах?", "", false, 20, "більше станцій спостереження з відкритими даними", "план дій кожного міста з відповідальними", "суворіша плата за викиди", "підтримка модернізації", "зелені смуги", "Важко відповісти")
	n.Settle()
	for i, r := range A[:60] {
		n.Cast(r, tram.PollID, []string{"o1", "o1", "o2", "o2", "o2", "o3", "o4", "o5", "o7"}[i%9])
		n.Cast(r, early.PollID, []string{"o1", "o2", "o2"}[i%3])
		if i < 30 {
			n.Cast(r, natOpen.PollID, []string{"o1", "o2", "o5"}[i%3])
		}
	}
	n.Settle()
	n.Advance(2 * time.Minute)
	n.Settle()
	mod := n.Resident("kamianske", "moderatorka", true)
	n.Town("kamianske").DB.Write(t.Context(), func(c ctx, x *tx) error {
		_, err := x.Exec(c, "insert into roles (account, role, scope) values (?, 'moderator', '')", mod.Account)
		if err != nil {
			t.Log(err)
		}
		return err
	})
	if err := n.Town("kamianske").Polls.Close(t.Context(), early.PollID, "У запитанні була помилка, відкриваємо виправлене.", "moderatorka"); err != nil {
		t.Fatal(err)
	}
	viewer := A[0].Viewer()
	ini, err := n.Town("kamianske").Polls.Initiate(t.Context(), viewer, polls.Draft{Title: "Яким ви хочете бачити вечір вихідного дня на набережній?", Body: "Влітку набережна порожня після восьмої.", Options: []string{"концерти просто неба", "ярмарок місцевих майстрів", "читання й лекції", "Важко відповісти"}, Sphere: "culture", ClosesAt: n.Now().Add(14 * 24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range A[1:5] {
		n.Town("kamianske").Polls.Support(t.Context(), r.Viewer(), ini.PollID, true)
	}
	ini2, err := n.Town("kamianske").Polls.Initiate(t.Context(), viewer, polls.Draft{Title: "Чи закривати центральну вулицю для автівок щонеділі?", Options: []string{"так", "ні"}, Sphere: "transport", ClosesAt: n.Now().Add(14 * 24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range A[1:12] {
		n.Town("kamianske").Polls.Support(t.Context(), r.Viewer(), ini2.PollID, true)
	}
	n.Settle()

	k, u := open(t, n, "kamianske"), open(t, n, "ukraine")
	a0, a63, m := as(t, n, "kamianske", A[0]), as(t, n, "kamianske", A[63]), as(t, n, "kamianske", mod)
	guest := as(t, n, "kamianske", n.Resident("kamianske", "gist", false))
	pg := func(p *polls.Poll) string { return "/polls/" + p.PollID }
	static := regexp.MustCompile(`/static/[^"#]+`)
	save := func(name string, b *browser, path string) {
		status, html := b.get(path)
		if status != 200 {
			t.Errorf("%s %d", name, status)
		}
		os.WriteFile(filepath.Join(dir, name+".html"), []byte(html), 0o644)
		for _, s := range static.FindAllString(html, -1) {
			f := filepath.Join(dir, s)
			if _, err := os.Stat(f); err == nil {
				continue
			}
			os.MkdirAll(filepath.Dir(f), 0o755)
			_, body := b.get(s)
			os.WriteFile(f, []byte(body), 0o644)
			for _, s2 := range regexp.MustCompile(`/static/[^")]+`).FindAllString(body, -1) {
				_, body := b.get(s2)
				f := filepath.Join(dir, s2)
				os.MkdirAll(filepath.Dir(f), 0o755)
				os.WriteFile(f, []byte(body), 0o644)
			}
		}
	}
	save("home-guest", k, "/")
	save("home-resident", a63, "/")
	save("home-unverified", guest, "/")
	save("home-ukraine", u, "/")
	save("list", k, "/polls")
	save("list-empty", k, "/polls?state=closed&sphere=it")
	save("spheres", k, "/spheres")
	save("sphere", k, "/@ecology")
	save("sphere-soon", k, "/@agriculture")
	save("poll-vote", a63, pg(tram))
	save("poll-multi", a63, pg(air))
	save("poll-guest", k, pg(tram))
	save("poll-unverified", guest, pg(tram))
	save("poll-voted", a0, pg(tram))
	save("poll-change", a0, pg(tram)+"/change")
	save("poll-few", a0, pg(few))
	save("poll-closed", k, pg(old))
	save("poll-closed-voted", a0, pg(old))
	save("poll-early", k, pg(early))
	save("poll-national", a0, pg(nat))
	save("poll-national-ukraine", u, pg(natOpen))
	save("poll-national-open", a0, pg(natOpen))
	save("initiatives", k, "/polls/initiatives")
	save("initiative", a63, pg(ini))
	save("initiative-checking", k, pg(ini2))
	save("new-initiative", a63, "/polls/new")
	save("new-moderator", m, "/polls/new")
	save("desk", m, "/desk/polls")
	save("desk-check", m, "/desk/polls/"+ini2.PollID)
	save("desk-close", m, "/desk/polls/"+tram.PollID)
	_, html := a63.post(pg(air) + "/ballot")
	os.WriteFile(filepath.Join(dir, "poll-error.html"), []byte(html), 0o644)
	_, html = a63.post(pg(tram)+"/ballot", "choices", "o2")
	os.WriteFile(filepath.Join(dir, "poll-thanks.html"), []byte(html), 0o644)
	_, html = m.post("/polls", "title", "", "options", "так", "closesAt", "2020-01-01T10:00")
	os.WriteFile(filepath.Join(dir, "new-error.html"), []byte(html), 0o644)
	fmt.Println("saved")
}
