package officials_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"viche/internal/citytest"
	"viche/internal/store"
	"viche/modules/officials"
	"viche/web"
)

// each runs a test on a city of each database.
func each(t *testing.T, f func(t *testing.T, n *citytest.Network)) {
	t.Parallel()
	for kind, o := range citytest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			f(t, citytest.Fediverse(t, o, "kamianske"))
		})
	}
}

func as(t *testing.T, n *citytest.Network, handle string) *citytest.Browser {
	t.Helper()
	b := n.Browser(t, "kamianske")
	if handle != "" {
		b.SignIn(handle)
	}
	return b
}

// keyLike is a message key that nobody wrote, or a value that is not there.
var keyLike = regexp.MustCompile(`\b(officials|spheres|web|people)\.[a-z-]+\.[a-z.-]+\b|<no value>|ZgotmplZ|%!`)

// shows holds a page against words, in both languages.
func shows(b *citytest.Browser, path string, status int, uk, en string) {
	b.T.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	for lang, word := range map[string]string{"uk": uk, "en": en} {
		got, page := b.Get(path + sep + "lang=" + lang)
		if got != status || !strings.Contains(page, word) {
			b.T.Errorf("GET %s in %s = %d, want %d with %q\n%s", path, lang, got, status, word, citytest.MainOf(page))
		}
		if found := keyLike.FindString(page); found != "" {
			b.T.Errorf("%s in %s shows %q", path, lang, found)
		}
	}
	b.Get("/charter?lang=uk")
}

const by = "watch"

// seat adds an office with somebody in it since last year.
func seat(t *testing.T, o *officials.Officials, kind, title, name string) (office *officials.Office, term int64) {
	t.Helper()
	office, err := o.AddOffice(t.Context(), officials.NewOffice{Kind: kind, Territory: o.Territory, Sphere: "government", Title: title, By: by, Reason: "зразок"})
	if err != nil {
		t.Fatal(err)
	}
	if term, err = o.AddTerm(t.Context(), officials.NewTerm{Office: office.ID, Name: name, From: "2025-03-01", Source: "рішення № 1", By: by, Reason: "зразок"}); err != nil {
		t.Fatal(err)
	}
	return office, term
}

// field is the field that an error names, "" for another error.
func field(err error) string {
	var f *store.FieldError
	if errors.As(err, &f) {
		return f.Field + " " + f.Key
	}
	return ""
}

func TestTermsOfASeatNeverShareADay(t *testing.T) {
	each(t, func(t *testing.T, n *citytest.Network) {
		o := n.Town("kamianske").Officials
		office, first := seat(t, o, "community-head", "міський голова", "Роман Гаданенко")
		add := func(name, from, until string) error {
			_, err := o.AddTerm(t.Context(), officials.NewTerm{Office: office.ID, Name: name, From: from, Until: until, Source: "рішення", By: by, Reason: "зразок"})
			return err
		}
		for _, span := range [][2]string{{"2025-06-01", ""}, {"2025-03-01", "2025-03-01"}, {"2020-01-01", "2025-03-01"}, {"2020-01-01", ""}} {
			if got := field(add("Соломія Вигадана", span[0], span[1])); got != "from officials.term.overlap" {
				t.Errorf("a second term %v = %q, want that the seat is taken", span, got)
			}
		}
		if err := add("Соломія Вигадана", "2020-01-01", "2025-02-28"); err != nil {
			t.Errorf("a term that ends the day before: %v", err)
		}
		if got := field(add("Гліб Зразковий", "2026-02-01", "2026-01-01")); got != "until officials.term.backwards" {
			t.Errorf("a term that ends before it begins = %q", got)
		}
		if err := o.EndTerm(t.Context(), first, "2025-05-31", "складено повноваження", by); err != nil {
			t.Fatal(err)
		}
		if got := field(o.EndTerm(t.Context(), first, "2026-05-31", "ще раз", by)); got != "last officials.term.end" {
			t.Errorf("an end later than the known one = %q, want it refused", got)
		}
		// Of twenty moderators at once, one fills the free seat.
		var wait sync.WaitGroup
		errs := make([]error, 20)
		for i := range errs {
			wait.Go(func() { errs[i] = add("Особа "+strconv.Itoa(i), "2025-06-01", "") })
		}
		wait.Wait()
		filled := 0
		for _, err := range errs {
			if err == nil {
				filled++
			} else if field(err) != "from officials.term.overlap" {
				t.Errorf("one of many at once: %v", err)
			}
		}
		if filled != 1 {
			t.Errorf("%d of 20 took the one seat, want 1", filled)
		}
		// The database itself holds that a seat has one term without an end.
		if err := o.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "insert into office_terms select id + 1, office, seat, holder, from_at, until_at, acting, source, ended, created from office_terms where until_at = 0")
			return err
		}); !errors.Is(err, store.ErrExists) {
			t.Errorf("a second open term of a seat by SQL = %v, want it refused", err)
		}
	})
}

func TestSeatsOfACouncilAreFilledOneByOne(t *testing.T) {
	each(t, func(t *testing.T, n *citytest.Network) {
		o := n.Town("kamianske").Officials
		council, err := o.AddOffice(t.Context(), officials.NewOffice{Kind: "councillor", Territory: o.Territory, Title: "депутат міської ради", Seats: "2", By: by, Reason: "зразок"})
		if err != nil {
			t.Fatal(err)
		}
		add := func(holder int64, name string) (int64, error) {
			return o.AddTerm(t.Context(), officials.NewTerm{Office: council.ID, Holder: holder, Name: name, From: "2025-01-01", Source: "рішення", By: by, Reason: "зразок"})
		}
		id, err := add(0, "Юлія Тестовчук")
		if err != nil {
			t.Fatal(err)
		}
		first, err := o.Term(t.Context(), o.DB.Read(), id)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := add(first.Holder, ""); field(err) != "holder officials.term.twice" {
			t.Errorf("the same person on a second seat: %v", err)
		}
		shows(as(t, n, ""), "/officials?state=vacant", 200, "Вакантна 1 посада", "1 seat is vacant")
		if _, err := add(0, "Остап Абищук"); err != nil {
			t.Errorf("the second seat: %v", err)
		}
		if _, err := add(0, "Галина Навчальна"); field(err) != "from officials.term.overlap" {
			t.Errorf("a third person on two seats: %v", err)
		}
		shows(as(t, n, ""), "/officials?state=vacant", 200, "За цими умовами нічого не знайшлося.", "Nothing matches these filters.")
		shows(as(t, n, ""), "/officials?kind=councillor&level=community&territory=UA", 200, "Остап Абищук", "1 office")
		shows(as(t, n, ""), "/officials?kind=minister", 200, "За цими умовами", "Nothing matches")
	})
}

func TestOfficesBelongWhereTheirLevelIs(t *testing.T) {
	each(t, func(t *testing.T, n *citytest.Network) {
		o := n.Town("kamianske").Officials
		for name, c := range map[string]struct {
			in   officials.NewOffice
			want string
		}{
			"a minister of a city":      {officials.NewOffice{Kind: "minister", Territory: o.Territory, Title: "міністр"}, "territory officials.territory.level"},
			"a mayor of another city":   {officials.NewOffice{Kind: "community-head", Territory: "UA46060250010015970", Title: "голова"}, "territory officials.territory.unknown"},
			"a territory that is none":  {officials.NewOffice{Kind: "community-head", Territory: "UA99", Title: "голова"}, "territory officials.territory.unknown"},
			"an office of no kind":      {officials.NewOffice{Kind: "king", Territory: o.Territory, Title: "король"}, "kind officials.kind.unknown"},
			"an office without a name":  {officials.NewOffice{Kind: "community-head", Territory: o.Territory, Title: " \u200b "}, "title officials.missing.title"},
			"a thousand seats":          {officials.NewOffice{Kind: "councillor", Territory: o.Territory, Title: "депутат", Seats: "1000"}, "seats officials.seats"},
			"a sphere that nobody made": {officials.NewOffice{Kind: "councillor", Territory: o.Territory, Title: "депутат", Sphere: "none"}, "sphere officials.sphere.unknown"},
		} {
			c.in.By, c.in.Reason = by, "зразок"
			if _, err := o.AddOffice(t.Context(), c.in); field(err) != c.want {
				t.Errorf("%s: %v, want %s", name, err, c.want)
			}
		}
		if _, err := o.AddOffice(t.Context(), officials.NewOffice{Kind: "president", Territory: "UA", Title: "Президент України (зразок картки)", By: by, Reason: "зразок"}); err != nil {
			t.Errorf("an office of the country in a city's register: %v", err)
		}
	})
}

var (
	termPath  = regexp.MustCompile(`/desk/officials/terms/(\d+)`)
	roundPath = regexp.MustCompile(`/officials/rounds/\d+`)
)

func TestModeratorKeepsTheRegisterAndEverybodyReadsWhy(t *testing.T) {
	each(t, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 3)
		n.Appoint(crowd[0], web.Moderator, "")
		n.Appoint(crowd[1], web.Moderator, "sport")
		for _, path := range []string{"/desk/officials", "/desk/officials/new"} {
			if status, _ := as(t, n, crowd[2].Handle).Get(path); status != http.StatusNotFound {
				t.Errorf("a resident at %s = %d, want 404", path, status)
			}
		}
		desk := as(t, n, crowd[0].Handle)
		shows(desk, "/officials", 200, "Тут ще тихо.", "Quiet here so far.")
		shows(desk, "/desk/officials/new", 200, "Нова посада", "New office")
		office := []string{"kind", "community-head", "territory", n.Town("kamianske").Config.Territory, "title", "міський голова", "sphere", "government", "seats", "1"}
		status, page := desk.Post("/desk/officials/new", office...)
		if status != http.StatusUnprocessableEntity || !strings.Contains(page, "Поясніть чому: це прочитають усі.") || !strings.Contains(page, `value="міський голова"`) {
			t.Errorf("an office without a reason = %d, want 422 with what was typed", status)
		}
		if status, _ = as(t, n, crowd[1].Handle).Post("/desk/officials/new", append(office, "reason", "чуже")...); status != http.StatusUnprocessableEntity {
			t.Errorf("an office of another moderator's sphere = %d, want 422", status)
		}
		if status, page = desk.Post("/desk/officials/new", append(office, "reason", "Створюємо реєстр.")...); status != http.StatusOK || !strings.Contains(page, "Збережено.") {
			t.Fatalf("a new office = %d\n%s", status, citytest.MainOf(page))
		}
		path := regexp.MustCompile(`/officials/offices/\d+`).FindString(citytest.MainOf(page))
		shows(desk, "/desk"+path+"?do=term", 200, "Перший день", "First day")
		if status, _ = as(t, n, crowd[1].Handle).Get("/desk" + path); status != http.StatusNotFound {
			t.Errorf("the office on another moderator's desk = %d, want 404", status)
		}
		if status, page = desk.Post("/desk"+path, "do", "term", "name", "Роман Гаданенко", "from", "першого березня", "source", "рішення № 1", "reason", "Обрано."); status != http.StatusUnprocessableEntity || !strings.Contains(page, "Вкажіть день так: 2026-12-01.") {
			t.Errorf("a day that nobody can read = %d, want 422", status)
		}
		if status, page = desk.Post("/desk"+path, "do", "term", "name", "Роман Гаданенко", "from", "2025-03-01", "source", "рішення № 1", "reason", "Обрано."); status != http.StatusOK {
			t.Fatalf("a new term = %d\n%s", status, citytest.MainOf(page))
		}
		id := termPath.FindStringSubmatch(page)
		if id == nil {
			t.Fatalf("no term on the desk:\n%s", citytest.MainOf(page))
		}
		for _, do := range []string{"indicator", "round", "say", "end", "link"} {
			shows(desk, "/desk/officials/terms/"+id[1]+"?do="+do, 200, "Причина", "Reason")
		}
		if status, page = desk.Post("/desk/officials/terms/"+id[1], "do", "indicator", "kind", "answers", "value", "71", "unit", "%", "target", "95", "from", "2025-03-01", "until", "2025-12-31",
			"source", "звіт ради", "sourceUrl", "https://source.example/a", "sourceAt", "2026-02-14", "reason", "Щорічний звіт."); status != http.StatusOK {
			t.Fatalf("an indicator = %d\n%s", status, citytest.MainOf(page))
		}
		for _, want := range []string{"Роман Гаданенко", "міський голова", "Відповіді на звернення вчасно", "<strong>71</strong> %", "95", `href="https://source.example/a"`, "Щорічний звіт.", "Показники – з документів", "Виконання бюджету", "Право на відповідь"} {
			if !strings.Contains(page, want) {
				t.Errorf("the card lacks %q", want)
			}
		}
		shows(desk, "/officials/"+id[1], 200, "На посаді", "In office")
		shows(desk, path, 200, "Хто на посаді", "Who holds it")
		shows(desk, "/desk/officials", 200, "Нічого не чекає на рішення.", "Nothing waits for a decision.")
		var acts []string
		if err := crowd[0].Town.DB.Read().NewRaw("select actor || ' ' || act || ' ' || reason from acts where act like 'officials.%' order by id").Scan(t.Context(), &acts); err != nil {
			t.Fatal(err)
		}
		me := crowd[0].Handle
		if want := []string{me + " officials.office.add Створюємо реєстр.", me + " officials.term.add Обрано.", me + " officials.indicator.add Щорічний звіт."}; !slices.Equal(acts, want) {
			t.Errorf("acts = %q, want %q", acts, want)
		}
		if status, _ = desk.Post("/desk"+path, "do", "close", "reason", "Ліквідовано."); status != http.StatusUnprocessableEntity {
			t.Errorf("an office that is held is closed: %d, want 422", status)
		}
		for _, gone := range []string{"/officials/1", "/officials/x", "/officials/offices/1", "/officials/rounds/1", "/officials/" + id[1] + "/reply", "/desk/officials/corrections/1"} {
			if status, _ = desk.Get(gone); status != http.StatusNotFound {
				t.Errorf("GET %s = %d, want 404", gone, status)
			}
		}
	})
}

func TestCorrectedIndicatorStaysReadable(t *testing.T) {
	each(t, func(t *testing.T, n *citytest.Network) {
		o := n.Town("kamianske").Officials
		_, term := seat(t, o, "community-head", "міський голова", "Роман Гаданенко")
		add := func(kind, value, from, until, url string) error {
			_, err := o.AddIndicator(t.Context(), officials.NewIndicator{Term: term, Kind: kind, Value: value, From: from, Until: until, Source: "звіт", SourceURL: url, By: by, Reason: "зразок"})
			return err
		}
		for _, value := range []string{"71", "74"} {
			if err := add("answers", value, "2025-04-01", "2025-06-30", ""); err != nil {
				t.Fatal(err)
			}
		}
		_, page := as(t, n, "").Get((&officials.Term{ID: term}).Path())
		if now, old, ok := strings.Cut(page, "Попередні значення, які виправлено"); !ok || !strings.Contains(now, "<strong>74</strong>") || strings.Contains(now, "<strong>71</strong>") || !strings.Contains(old, "<strong>71</strong>") {
			t.Error("the corrected value does not stand before the earlier one")
		}
		for name, c := range map[string][5]string{
			"from officials.indicator.outside": {"answers", "1", "2020-01-01", "2020-12-31", ""},
			"kind officials.indicator.unknown": {"none", "1", "2025-04-01", "2025-06-30", ""},
			"until officials.term.backwards":   {"answers", "1", "2025-06-30", "2025-04-01", ""},
			"sourceUrl officials.url":          {"answers", "1", "2025-04-01", "2025-06-30", "javascript:alert(1)"},
			"value officials.missing.value":    {"answers", " ", "2025-04-01", "2025-06-30", ""},
			"name officials.missing.name":      {"other", "1", "2025-04-01", "2025-06-30", ""},
			"from officials.day.range":         {"answers", "1", "0001-01-01", "2025-06-30", ""},
			"until officials.day.form":         {"answers", "1", "2025-04-01", "2025-02-30", ""},
		} {
			if got := field(add(c[0], c[1], c[2], c[3], c[4])); got != name {
				t.Errorf("an indicator %q = %q, want %q", c, got, name)
			}
		}
	})
}

// grades are what one resident says of everything alike.
func grades(g string) map[string]string {
	out := map[string]string{}
	for _, c := range officials.Criteria {
		out[c] = g
	}
	return out
}

func TestRoundIsAVoteOfTheResidentsThere(t *testing.T) {
	each(t, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 41)
		town := n.Town("kamianske")
		o := town.Officials
		_, term := seat(t, o, "community-head", "міський голова", "Роман Гаданенко")
		elsewhere := n.Resident("kamianske", "elsewhere", true)
		if err := town.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "update entitlements set territory = ? where person_key = (select person_key from persons where account = ?)", "UA46060250010015970", elsewhere.Account)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		n.Resident("kamianske", "guest", false)
		round, err := o.OpenRound(t.Context(), term, "14", "черговий квартал", by)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.OpenRound(t.Context(), term, "14", "ще одне", by); field(err) != "days officials.round.open" {
			t.Errorf("a round while another is open: %v", err)
		}
		card := (&officials.Term{ID: term}).Path()
		shows(as(t, n, ""), round.Path(), 200, "Щоб оцінити, увійдіть", "Sign in to grade")
		shows(as(t, n, "guest"), round.Path(), 200, "Ще один крок", "One step")
		shows(as(t, n, "elsewhere"), round.Path(), 200, "Це оцінювання для іншої території", "These grades are of another territory")
		shows(as(t, n, ""), card, 200, "Зараз мешканці оцінюють цю роботу", "Residents are grading this work now")
		if _, err := o.Grade(t.Context(), elsewhere.Viewer(), round.ID, grades("g1")); !errors.Is(err, store.ErrDenied) {
			t.Errorf("grades from another territory: %v, want denied", err)
		}
		if status, _ := as(t, n, "elsewhere").Post(round.Path()+"/ballot", "overall", "g1"); status != http.StatusForbidden {
			t.Errorf("the form from another territory = %d, want 403", status)
		}
		for i, r := range crowd[1:] {
			if _, err := o.Grade(t.Context(), r.Viewer(), round.ID, grades([]string{"g1", "g2", "g3", "g4", "none"}[i%5])); err != nil {
				t.Fatal(err)
			}
		}
		n.Settle()
		total := regexp.MustCompile(`\b41\b|\b40\b|\b24\b|Серединна оцінка`)
		late := as(t, n, crowd[0].Handle)
		for _, path := range []string{round.Path(), card, card + "/card.json", "/officials/compare?kind=community-head", "/officials/feed.atom"} {
			if _, page := late.Get(path); total.MatchString(citytest.MainOf(page)) {
				t.Errorf("%s tells %q to who has not graded", path, total.FindString(citytest.MainOf(page)))
			}
		}
		if status, page := late.Post(round.Path()+"/ballot", "overall", ""); status != http.StatusUnprocessableEntity || !strings.Contains(page, "Оцініть хоча б за одним критерієм.") {
			t.Errorf("no grade at all = %d, want 422", status)
		}
		if status, page := late.Post(round.Path()+"/ballot", "overall", "g7", "results", "g2"); status != http.StatusUnprocessableEntity || !strings.Contains(page, `value="g2" checked`) {
			t.Errorf("a grade that is none = %d, want 422 with the others kept", status)
		}
		if _, page := late.Post(round.Path()+"/ballot", "overall", "g6", "results", "none"); !strings.Contains(page, "Дякуємо, ваші оцінки враховано.") || !strings.Contains(page, "неприйнятно") {
			t.Errorf("grading says:\n%s", citytest.MainOf(page))
		}
		if _, page := late.Post(round.Path()+"/ballot", "overall", "g5"); !strings.Contains(page, "Нові оцінки враховано") {
			t.Error("a changed answer is not said to be one")
		}
		shows(late, round.Path(), 200, "Проміжні підсумки", "Interim totals")
		shows(late, round.Path()+"?change=1", 200, "Змінити оцінки", "Change the grades")
		n.Advance(15 * 24 * time.Hour)
		n.Settle()
		// 41 of 41 took part; 32 graded by each criterion, one more overall and none by results.
		_, page := as(t, n, "").Get(round.Path())
		for _, want := range []string{"Підсумки кола", "Оцінили: 41", "Серединна оцінка: добре", "Оцінок: 33.", "Оцінок: 32.", "Не мають досвіду: 8", "<table>"} {
			if !strings.Contains(page, want) {
				t.Errorf("the closed round lacks %q\n%s", want, citytest.MainOf(page))
			}
		}
		shows(as(t, n, ""), card, 200, "Загальна оцінка за колами", "Overall grade by round")
		shows(as(t, n, ""), "/officials/compare?kind=community-head", 200, "Роман Гаданенко", "This is no ranking")
		if _, err := o.Grade(t.Context(), crowd[1].Viewer(), round.ID, grades("g1")); !errors.Is(err, store.ErrExists) {
			t.Errorf("grades after the close: %v, want that it is over", err)
		}
		if officials.QuarterOf(n.Now()) == round.Quarter {
			if _, err := o.OpenRound(t.Context(), term, "14", "ще одне", by); field(err) != "days officials.round.quarter" {
				t.Errorf("a second round in a quarter: %v", err)
			}
		}
		n.Advance(100 * 24 * time.Hour)
		next, err := o.OpenRound(t.Context(), term, "14", "новий квартал", by)
		if err != nil {
			t.Fatalf("a round in a new quarter: %v", err)
		}
		// Who leaves the office is graded no more.
		if err := o.EndTerm(t.Context(), term, n.Now().Add(-48*time.Hour).Format("2006-01-02"), "звільнено", by); err != nil {
			t.Fatal(err)
		}
		if _, err := o.Grade(t.Context(), crowd[1].Viewer(), next.ID, grades("g1")); field(err) != "grades officials.grade.not-holder" {
			t.Errorf("grades for who does not hold the office: %v", err)
		}
		if _, err := o.OpenRound(t.Context(), term, "14", "колишній", by); field(err) != "days officials.round.not-holder" {
			t.Errorf("a round about who does not hold the office: %v", err)
		}
		shows(as(t, n, crowd[1].Handle), next.Path(), 200, "Людина вже не на цій посаді", "The person no longer holds this office")
	})
}

func TestFewGradesAreNeverShownNorIsARoundAPoll(t *testing.T) {
	each(t, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 9)
		o := n.Town("kamianske").Officials
		_, term := seat(t, o, "community-head", "міський голова", "Роман Гаданенко")
		round, err := o.OpenRound(t.Context(), term, "7", "черговий квартал", by)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range crowd {
			if _, err := o.Grade(t.Context(), r.Viewer(), round.ID, grades([]string{"g1", "g5"}[i%2])); err != nil {
				t.Fatal(err)
			}
		}
		n.Settle()
		for _, path := range []string{"/polls", "/polls/feed.atom", "/@government", "/"} {
			if _, page := as(t, n, crowd[0].Handle).Get(path); strings.Contains(page, round.Poll) {
				t.Errorf("%s shows the vote of a round among polls", path)
			}
		}
		n.Advance(8 * 24 * time.Hour)
		n.Settle()
		for _, path := range []string{round.Path(), (&officials.Term{ID: term}).Path()} {
			if _, page := as(t, n, crowd[0].Handle).Get(path); !strings.Contains(page, "Оцінок поки що замало") && !strings.Contains(page, "Замало оцінок") || strings.Contains(page, "Серединна оцінка: ") {
				t.Errorf("%s tells of nine grades:\n%s", path, citytest.MainOf(page))
			}
		}
	})
}

func TestChannelTellsOfARoundWithoutNumbersAndOnce(t *testing.T) {
	each(t, func(t *testing.T, n *citytest.Network) {
		town := n.Town("kamianske")
		o := town.Officials
		crowd := n.Crowd("kamianske", 12)
		_, term := seat(t, o, "community-head", "міський голова @olena #тег [сюди](https://evil.example)", "Роман Гаданенко")
		round, err := o.OpenRound(t.Context(), term, "7", "черговий квартал", by)
		if err != nil {
			t.Fatal(err)
		}
		posts := func() (list []string) {
			t.Helper()
			for range 2 {
				if err := o.TellDue(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if err := town.DB.Read().NewRaw("select p.content from posts p join actors a on a.id = p.author where a.handle = 'government' order by p.id").Scan(t.Context(), &list); err != nil {
				t.Fatal(err)
			}
			return list
		}
		if list := posts(); len(list) != 1 || !strings.Contains(list[0], round.Path()) || strings.Contains(list[0], `href="https://evil.example"`) || strings.Contains(list[0], "/tags/") {
			t.Errorf("at the opening the channel says %q", list)
		}
		for i, r := range crowd {
			if _, err := o.Grade(t.Context(), r.Viewer(), round.ID, grades(officials.Grades[i%3])); err != nil {
				t.Fatal(err)
			}
		}
		n.Advance(8 * 24 * time.Hour)
		n.Settle()
		if list := posts(); len(list) != 2 || !strings.Contains(list[1], "завершено") || regexp.MustCompile(`\b12\b`).MatchString(list[1]) {
			t.Errorf("at the close the channel says %q", list)
		}
	})
}

func TestOfficialRepliesAndAsksForACorrection(t *testing.T) {
	each(t, func(t *testing.T, n *citytest.Network) {
		town := n.Town("kamianske")
		o := town.Officials
		official, other := n.Resident("kamianske", "hadanenko", true), n.Resident("kamianske", "sova", true)
		keeper := n.Resident("kamianske", "keeper", true)
		n.Resident("kamianske", "guest", false)
		n.Appoint(keeper, web.Operator, "")
		_, term := seat(t, o, "community-head", "міський голова", "Роман Гаданенко")
		_, second := seat(t, o, "council-secretary", "секретар ради", "Віра Зразкова")
		indicator, err := o.AddIndicator(t.Context(), officials.NewIndicator{Term: term, Kind: "answers", Value: "71", From: "2025-04-01", Until: "2025-06-30", Source: "звіт", By: by, Reason: "зразок"})
		if err != nil {
			t.Fatal(err)
		}
		for handle, want := range map[string]string{"nobody": "handle officials.link.unknown", "guest": "handle officials.link.unverified"} {
			if got := field(o.Link(t.Context(), term, handle, "зразок", by)); got != want {
				t.Errorf("linking %s = %q, want %q", handle, got, want)
			}
		}
		if err := o.Link(t.Context(), term, "@Hadanenko", "документ оглянуто", by); err != nil {
			t.Fatal(err)
		}
		if got := field(o.Link(t.Context(), second, "hadanenko", "зразок", by)); got != "handle officials.link.taken" {
			t.Errorf("one account for two people = %q", got)
		}
		card := (&officials.Term{ID: term}).Path()
		if status, _ := as(t, n, other.Handle).Get(card + "/reply"); status != http.StatusNotFound {
			t.Errorf("somebody else's form of reply = %d, want 404", status)
		}
		if status, _ := as(t, n, other.Handle).Post(card+"/reply", "kind", "reply", "body", "не я"); status != http.StatusNotFound {
			t.Errorf("somebody else's reply = %d, want 404", status)
		}
		me := as(t, n, official.Handle)
		shows(me, card+"/reply", 200, "Усе, що ви напишете, прочитають усі.", "Everybody reads what you write.")
		if _, page := me.Post(card+"/reply", "kind", "reply", "about", "", "body", "Дякую за оцінку.\n\nСтроки відповідей справді затягнули."); !strings.Contains(page, "Дякую за оцінку.") || !strings.Contains(page, "@hadanenko") {
			t.Errorf("the reply is not on the card:\n%s", citytest.MainOf(page))
		}
		if status, _ := me.Post(card+"/reply", "kind", "correction", "about", "i"+strconv.FormatInt(indicator+1, 10), "body", "чуже"); status != http.StatusUnprocessableEntity {
			t.Errorf("a request about another one's indicator = %d, want 422", status)
		}
		_, page := me.Post(card+"/reply", "kind", "correction", "about", "i"+strconv.FormatInt(indicator, 10), "body", "Має бути 74.")
		if !strings.Contains(page, "Відповідь до") || !strings.Contains(page, "заперечено") {
			t.Errorf("the request is not on the card:\n%s", citytest.MainOf(page))
		}
		desk := as(t, n, keeper.Handle)
		_, page = desk.Get("/desk/officials")
		at := regexp.MustCompile(`/desk/officials/corrections/\d+`).FindString(page)
		if at == "" {
			t.Fatalf("the request is not on the desk:\n%s", citytest.MainOf(page))
		}
		shows(desk, at, 200, "Має бути 74.", "Accept: the card is wrong")
		if status, _ := desk.Post(at, "answer", "так"); status != http.StatusUnprocessableEntity {
			t.Errorf("an answer without a decision = %d, want 422", status)
		}
		if status, _ := desk.Post(at, "decision", "accepted", "answer", ""); status != http.StatusUnprocessableEntity {
			t.Errorf("a decision without an answer = %d, want 422", status)
		}
		if _, page = desk.Post(at, "decision", "accepted", "answer", "У звіті справді 74."); !strings.Contains(page, "У звіті справді 74.") || !strings.Contains(page, "Погоджено") || strings.Contains(page, "заперечено") {
			t.Errorf("the decision is not on the card:\n%s", citytest.MainOf(page))
		}
		if status, _ := desk.Post(at, "decision", "refused", "answer", "передумали"); status != http.StatusConflict {
			t.Errorf("a second decision = %d, want 409", status)
		}
		if _, err := o.Say(t.Context(), officials.NewReply{Term: second, Kind: officials.Said, Body: "Лист.", By: by, Reason: "зразок"}); field(err) != "document officials.missing.document" {
			t.Errorf("a moderator's entry without a document: %v", err)
		}
		if _, err := o.Say(t.Context(), officials.NewReply{Term: second, Kind: officials.Said, Body: "Лист.", Document: "лист № 5", By: by, Reason: "зразок"}); err != nil {
			t.Error(err)
		}
		shows(as(t, n, ""), (&officials.Term{ID: second}).Path(), 200, "лист № 5", "entered by a moderator by the document")
		// Nobody fills a card with requests.
		var last error
		for range 30 {
			_, last = o.Say(t.Context(), officials.NewReply{Term: term, Kind: officials.Correction, Body: "ще", Account: official.Account, By: official.Handle})
		}
		if field(last) != "body officials.reply.many" {
			t.Errorf("thirty requests at once: %v", last)
		}
	})
}

func TestNothingTypedIsEverMarkup(t *testing.T) {
	each(t, func(t *testing.T, n *citytest.Network) {
		keeper := n.Resident("kamianske", "keeper", true)
		n.Appoint(keeper, web.Moderator, "")
		desk := as(t, n, keeper.Handle)
		const evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x00\u202e"
		home := n.Town("kamianske").Config.Territory
		_, page := desk.Post("/desk/officials/new", "kind", "community-head", "territory", home, "title", evil, "body", evil, "remit", evil, "reason", evil, "sphere", "", "seats", "1")
		path := regexp.MustCompile(`/desk/officials/offices/\d+`).FindString(page)
		if path == "" {
			t.Fatalf("the office was not added:\n%s", citytest.MainOf(page))
		}
		_, page = desk.Post(path, "do", "term", "name", evil, "about", evil, "from", "2025-03-01", "source", evil, "reason", evil)
		id := termPath.FindStringSubmatch(page)
		if id == nil {
			t.Fatalf("the term was not added:\n%s", citytest.MainOf(page))
		}
		desk.Post("/desk/officials/terms/"+id[1], "do", "indicator", "kind", "other", "name", evil, "definition", evil, "unit", "<b>%", "baseline", "<b>1", "target", "<b>2", "value", "=1+1<b>", "from", "2025-03-01", "until", "2025-12-31", "source", evil, "reason", evil)
		desk.Post("/desk/officials/terms/"+id[1], "do", "say", "kind", "correction", "body", evil, "document", evil, "reason", evil)
		_, page = desk.Post("/desk/officials/terms/"+id[1], "do", "round", "days", "14", "reason", evil)
		round := roundPath.FindString(page)
		if round == "" {
			t.Fatalf("the round was not opened:\n%s", citytest.MainOf(page))
		}
		for _, at := range []string{"/officials", "/officials/" + id[1], strings.TrimPrefix(path, "/desk"), "/desk/officials", path, "/desk/officials/terms/" + id[1], round, "/officials/compare?kind=community-head", "/officials/feed.atom"} {
			status, page := desk.Get(at)
			if status != http.StatusOK || strings.Contains(page, "<script>alert") || strings.Contains(page, "<img src=x") || strings.Contains(page, "\x00") || strings.Contains(page, "<b>") {
				t.Errorf("%s = %d shows what was typed as markup", at, status)
			}
		}
		_, page = desk.Get("/officials/" + id[1] + "/indicators.csv")
		if rows, err := csv.NewReader(strings.NewReader(page)).ReadAll(); err != nil || len(rows) != 2 || rows[1][9] != "'=1+1<b>" {
			t.Errorf("the table is %q, %v; want a value that no spreadsheet calculates", rows, err)
		}
	})
}

func TestMegabytesAndOddAddressesAreRefusedWithWords(t *testing.T) {
	each(t, func(t *testing.T, n *citytest.Network) {
		keeper := n.Resident("kamianske", "keeper", true)
		n.Appoint(keeper, web.Moderator, "")
		o := n.Town("kamianske").Officials
		office, term := seat(t, o, "community-head", "міський голова", "Роман Гаданенко")
		desk := as(t, n, keeper.Handle)
		long := strings.Repeat("а", 1<<16) // near a megabyte as it is sent
		if status, _ := desk.Post("/desk/officials/terms/"+strconv.FormatInt(term, 10), "do", "say", "kind", "reply", "body", strings.Repeat("a", 1<<20), "document", "лист", "reason", "зразок"); status != http.StatusRequestEntityTooLarge {
			t.Errorf("a megabyte = %d, want 413", status)
		}
		for _, form := range [][]string{
			{"/desk/officials/new", "kind", "community-head", "territory", o.Territory, "title", long, "reason", "зразок"},
			{"/desk" + office.Path(), "do", "term", "name", long, "from", "2020-01-01", "until", "2020-12-31", "source", "рішення", "reason", "зразок"},
			{"/desk/officials/terms/" + strconv.FormatInt(term, 10), "do", "say", "kind", "reply", "body", long, "document", "лист", "reason", "зразок"},
			{"/desk/officials/terms/" + strconv.FormatInt(term, 10), "do", "round", "days", "14", "reason", long},
			{"/desk/officials/terms/" + strconv.FormatInt(term, 10), "do", "round", "days", "-1", "reason", "зразок"},
			{"/desk/officials/terms/" + strconv.FormatInt(term, 10), "do", "none"},
		} {
			status, page := desk.Post(form[0], form[1:]...)
			if status != http.StatusUnprocessableEntity || keyLike.MatchString(page[:min(len(page), 20_000)]) {
				t.Errorf("%s %s = %d, want 422 in words", form[0], form[2], status)
			}
		}
		for _, query := range []string{"?territory=%00", "?level=99&kind='--&sphere=%3Cb%3E&after=9.9.9", "?after=1.-5", "?territory=" + strings.Repeat("U", 4000)} {
			if status, _ := desk.Get("/officials" + query); status != http.StatusOK {
				t.Errorf("GET /officials%s = %d, want 200", query, status)
			}
		}
	})
}

func TestProgramsReadTheRegister(t *testing.T) {
	each(t, func(t *testing.T, n *citytest.Network) {
		o := n.Town("kamianske").Officials
		_, term := seat(t, o, "community-head", "міський голова", "Роман Гаданенко")
		if _, err := o.AddIndicator(t.Context(), officials.NewIndicator{Term: term, Kind: "budget", Value: "96", Unit: "%", From: "2025-03-01", Until: "2025-12-31", Source: "звіт", By: by, Reason: "зразок"}); err != nil {
			t.Fatal(err)
		}
		b := as(t, n, "")
		var card struct {
			Name   string
			Office struct {
				Title, Kind, Level string
				Elected            bool
			}
			Indicators []struct{ Kind, Value, From, Until string }
		}
		_, page := b.Get((&officials.Term{ID: term}).Path() + "/card.json")
		if err := json.Unmarshal([]byte(page), &card); err != nil || card.Name != "Роман Гаданенко" || card.Office.Level != "community" || !card.Office.Elected ||
			len(card.Indicators) != 1 || card.Indicators[0].Value != "96" || card.Indicators[0].From != "2025-03-01" || card.Indicators[0].Until != "2025-12-31" {
			t.Errorf("the card is %+v, %v", card, err)
		}
		_, page = b.Get("/officials/indicators.csv")
		if rows, err := csv.NewReader(strings.NewReader(page)).ReadAll(); err != nil || len(rows) != 2 || rows[1][3] != "Роман Гаданенко" || rows[1][9] != "96" {
			t.Errorf("the table is %q, %v", rows, err)
		}
		var feed struct {
			Entries []struct {
				ID    string `xml:"id"`
				Title string `xml:"title"`
			} `xml:"entry"`
		}
		_, page = b.Get("/officials/feed.atom")
		if err := xml.Unmarshal([]byte(page), &feed); err != nil || len(feed.Entries) != 3 || !strings.Contains(feed.Entries[0].Title, "Внесено показник: Роман Гаданенко") || feed.Entries[0].ID == feed.Entries[1].ID {
			t.Errorf("the feed is %+v, %v; want the three changes, the newest first", feed, err)
		}
	})
}
