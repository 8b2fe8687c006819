package people_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"viche/internal/store"
	"viche/internal/store/storetest"
	"viche/modules/people"
	"viche/web"
)

func sqlite(t *testing.T) string { return storetest.SQLite(t) }

func TestVerificationInPersonThroughThePages(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		w.add("vartovyi", web.Moderator)
		resident, moderator := w.browser(), w.browser()
		resident.join("olena")
		moderator.signIn("vartovyi")

		_, page := resident.get("/verify?q=кам'ян")
		if !strings.Contains(page, "місто Кам’янське, Кам’янська громада") || !strings.Contains(page, `value="`+home+`"`) {
			t.Errorf("the picker lacks the city\n%s", page)
		}
		if status, page := resident.post("/verify", "territory", home, "note", "після шостої"); status != http.StatusOK || !strings.Contains(page, "Ваш запит чекає на модератора") {
			t.Fatalf("request: %d\n%s", status, page)
		}
		_, page = moderator.get("/desk/verifications")
		if !strings.Contains(page, "1 запит на") || !strings.Contains(page, "@olena") {
			t.Fatalf("the desk lacks the request\n%s", page)
		}
		var id int64
		check(t, w.db.Read().NewRaw("select id from verification_requests").Scan(context.Background(), &id))
		address := "/desk/verifications/" + strconv.FormatInt(id, 10)
		status, page := moderator.post(address, "do", "verify", "document", "id-card", "seen", "1", "code", "3184710690", "territory", home, "reason", "Довідка про місце проживання")
		if status != http.StatusUnprocessableEntity || !strings.Contains(page, "Контрольна цифра") {
			t.Errorf("wrong check digit: %d\n%s", status, page)
		}
		if strings.Contains(page, "3184710690") || !strings.Contains(page, "Довідка про місце проживання") {
			t.Error("the form with errors shows the number again, or lost the reason")
		}
		status, page = moderator.post(address, "do", "verify", "document", "id-card", "seen", "1", "code", taxA, "territory", home, "reason", "Довідка про місце проживання")
		if status != http.StatusOK || !strings.Contains(page, "Особу підтверджено") {
			t.Fatalf("verify: %d\n%s", status, page)
		}
		_, page = resident.get("/me")
		for _, want := range []string{"Особу підтверджено", "@vartovyi", "Довідка про місце проживання", "Паспорт – ID-картка", "місто Кам’янське"} {
			if !strings.Contains(page, want) {
				t.Errorf("the resident's log lacks %q\n%s", want, page)
			}
		}
		// What was not chosen is not shown.
		if _, page = w.browser().get("/@olena"); strings.Contains(page, "особу підтверджено") || strings.Contains(page, "місто Кам’янське") {
			t.Errorf("the public page tells more than was chosen\n%s", page)
		}
		if status, page := resident.post("/me/profile", "name", "Олена", "show", "verified", "show", "territory", "lang", "uk"); status != http.StatusOK {
			t.Fatalf("edit: %d\n%s", status, page)
		}
		if _, page = w.browser().get("/@olena"); !strings.Contains(page, "особу підтверджено") || !strings.Contains(page, "місто Кам’янське") {
			t.Errorf("the public page lacks what was chosen\n%s", page)
		}
		if status, _ := resident.get("/desk/verifications"); status != http.StatusNotFound {
			t.Errorf("the desk for a resident: %d, want 404", status)
		}
	})
}

func TestOnePersonIsVerifiedOnce(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		moderator := w.add("vartovyi", web.Moderator)
		first, second := w.ask(w.add("olena", "")), w.ask(w.add("olena_two", ""))
		if done, err := w.VerifyInPerson(ctx, meeting(first, moderator, taxA)); err != nil || !done {
			t.Fatalf("first: %v, %v", done, err)
		}
		if _, err := w.VerifyInPerson(ctx, meeting(second, moderator, "318 471-0691")); !errors.Is(err, store.ErrExists) {
			t.Errorf("second account of one person: %v, want ErrExists", err)
		}
		if n := w.count("select count(*) from verification_requests where state = 'open'"); n != 1 {
			t.Errorf("open requests after the refusal = %d, want the second one still", n)
		}
		if n := w.count("select count(*) from verifications"); n != 1 {
			t.Errorf("log lines = %d, want 1: nothing half-stored", n)
		}
		if _, err := w.VerifyInPerson(ctx, meeting(first, moderator, taxA)); !errors.Is(err, store.ErrExists) {
			t.Errorf("a request decided twice: %v, want ErrExists", err)
		}
	})
}

func TestOnePersonAtManyDesksAtOnceIsVerifiedOnce(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		moderator := w.add("vartovyi", web.Moderator)
		var requests []int64
		for i := range 12 {
			requests = append(requests, w.ask(w.add("twin_"+strconv.Itoa(i), "")))
		}
		results := make([]error, len(requests))
		var wait sync.WaitGroup
		for i, request := range requests {
			wait.Go(func() { _, results[i] = w.VerifyInPerson(ctx, meeting(request, moderator, taxA)) })
		}
		wait.Wait()
		won := 0
		for _, err := range results {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, store.ErrExists):
				t.Errorf("a loser got %v, want ErrExists", err)
			}
		}
		if won != 1 || w.count("select count(*) from persons") != 1 || w.count("select count(*) from entitlements") != 1 {
			t.Errorf("verified %d, persons %d, entitlements %d, want one of each",
				won, w.count("select count(*) from persons"), w.count("select count(*) from entitlements"))
		}
	})
}

func TestOneRequestDecidedByManyAtOnceIsDecidedOnce(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		moderator := w.add("vartovyi", web.Moderator)
		request := w.ask(w.add("olena", ""))
		results := make([]error, 12)
		var wait sync.WaitGroup
		for i := range results {
			wait.Go(func() {
				if i%2 == 0 {
					_, results[i] = w.VerifyInPerson(ctx, meeting(request, moderator, taxA))
				} else {
					results[i] = w.Refuse(ctx, request, moderator, "немає довідки")
				}
			})
		}
		wait.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
			} else if !errors.Is(err, store.ErrExists) {
				t.Errorf("a loser got %v, want ErrExists", err)
			}
		}
		if n := w.count("select count(*) from verifications"); won != 1 || n != 1 {
			t.Errorf("decided %d times with %d log lines, want once", won, n)
		}
	})
}

func TestTwoModeratorsDecideWhereTheSettingAsks(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		one, two := w.add("vartovyi", web.Moderator), w.add("vartova", web.Moderator)
		olena := w.add("olena", "")
		request := w.ask(olena)
		if err := w.ConfirmSecond(ctx, request, two); !errors.Is(err, store.ErrExists) {
			t.Errorf("second decision before the first: %v, want it refused", err)
		}
		if done, err := w.VerifyInPerson(ctx, meeting(request, one, taxA)); err != nil || done {
			t.Fatalf("first moderator: done %v, %v, want the second awaited", done, err)
		}
		if n := w.count("select count(*) from entitlements"); n != 0 {
			t.Errorf("entitled after one moderator: %d", n)
		}
		if err := w.ConfirmSecond(ctx, request, one); !errors.Is(err, store.ErrDenied) {
			t.Errorf("the first moderator as the second: %v, want ErrDenied", err)
		}
		if err := w.ConfirmSecond(ctx, request, olena); !errors.Is(err, store.ErrDenied) {
			t.Errorf("a resident as the second: %v, want ErrDenied", err)
		}
		check(t, w.ConfirmSecond(ctx, request, two))
		v, err := w.LoadViewer(ctx, olena.AccountID, 0)
		if err != nil || !v.Verified || v.Territory != home {
			t.Errorf("viewer after both = %+v, %v, want verified", v, err)
		}
		if n := w.count("select count(*) from verifications where moderator = 'vartovyi' and second = 'vartova'"); n != 1 {
			t.Errorf("log lines with both = %d, want 1", n)
		}
		if n := w.count("select count(*) from verification_requests where person_key is not null"); n != 0 {
			t.Errorf("keys left in requests: %d", n)
		}
	}, func(o *people.Options) { o.SecondModerator = true })
}

func TestNobodyVerifiesThemselves(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		moderator := w.add("vartovyi", web.Moderator)
		request := w.ask(moderator)
		if _, err := w.VerifyInPerson(ctx, meeting(request, moderator, taxA)); !errors.Is(err, store.ErrDenied) {
			t.Errorf("verify oneself: %v, want ErrDenied", err)
		}
		if err := w.Refuse(ctx, request, moderator, "так"); !errors.Is(err, store.ErrDenied) {
			t.Errorf("refuse oneself: %v, want ErrDenied", err)
		}
		resident := w.add("olena", "")
		if _, err := w.VerifyInPerson(ctx, meeting(request, resident, taxA)); !errors.Is(err, store.ErrDenied) {
			t.Errorf("verified by a resident: %v, want ErrDenied", err)
		}
		b := w.browser()
		b.signIn("vartovyi")
		status, page := b.post("/desk/verifications/"+strconv.FormatInt(request, 10), "do", "verify", "document", "id-card", "seen", "1", "code", taxA, "territory", home, "reason", "я сам")
		if status != http.StatusForbidden || !strings.Contains(page, "інша людина") || strings.Contains(page, taxA) {
			t.Errorf("by the page: %d\n%s", status, page)
		}
	})
}

func TestOrganisationsAndForeignTerritoriesAreRefused(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		added, err := w.AddResident(ctx, people.NewResident{Handle: "syla", Name: "ГО «Приклад»", Email: "syla@example.org", Kind: people.Organisation})
		check(t, err)
		if err := w.RequestVerification(ctx, added.Account, home, ""); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("request of an organisation: %v, want it refused", err)
		}
		if err := w.VerifyByOperator(ctx, "syla", home, "помилка"); !errors.Is(err, store.ErrDenied) {
			t.Errorf("organisation by the operator: %v, want ErrDenied", err)
		}
		olena := w.add("olena", "")
		for name, code := range map[string]string{"Lviv": "UA46060250010015970", "unknown": "UA99999999999999999", "the raion": raion, "nothing": ""} {
			if err := w.RequestVerification(ctx, olena.AccountID, code, ""); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("request for %s: %v, want ErrInvalid", name, err)
			}
		}
		var kind string
		check(t, w.db.Read().NewRaw("select type from actors where handle = 'syla'").Scan(ctx, &kind))
		if kind != "Organization" {
			t.Errorf("type of the organisation's actor = %q", kind)
		}
	})
}

// The number that a moderator types must be in no byte that stays.
func TestTaxNumberIsNowhere(t *testing.T) {
	dsn := sqlite(t)
	for _, two := range []bool{false, true} {
		dsn := dsn + strconv.FormatBool(two)
		w := newTown(t, dsn, func(o *people.Options) { o.SecondModerator = two })
		ctx := context.Background()
		w.add("vartovyi", web.Moderator)
		second := w.add("vartova", web.Moderator)
		b := w.browser()
		b.signIn("vartovyi")
		request := w.ask(w.add("olena", ""))
		other := w.ask(w.add("petro", ""))
		form := []string{"do", "verify", "document", "id-card", "seen", "1", "territory", home, "reason", "Бачив документ"}
		b.post("/desk/verifications/"+strconv.FormatInt(request, 10), append(form, "code", "3184710690")...) // wrong digit
		b.post("/desk/verifications/"+strconv.FormatInt(request, 10), append(form, "code", taxA)...)
		if two {
			check(t, w.ConfirmSecond(ctx, request, second))
		}
		b.post("/desk/verifications/"+strconv.FormatInt(other, 10), append(form, "code", taxA)...) // already verified
		if n := w.count("select count(*) from persons"); n != 1 {
			t.Fatalf("persons = %d, want 1: the test proves nothing otherwise", n)
		}
		if !strings.Contains(w.log.String(), "request answered") {
			t.Fatal("nothing was logged: the test proves nothing otherwise")
		}
		for _, number := range []string{taxA, "3184710690"} {
			if strings.Contains(w.log.String(), number) {
				t.Errorf("two %v: the log has the number", two)
			}
			files, err := filepath.Glob(strings.TrimPrefix(dsn, "sqlite:") + "*")
			check(t, err)
			found := false
			for _, name := range files {
				content, err := os.ReadFile(name)
				check(t, err)
				found = found || bytes.Contains(content, []byte("vartovyi"))
				if bytes.Contains(content, []byte(number)) {
					t.Errorf("two %v: %s has the number", two, filepath.Base(name))
				}
			}
			if !found {
				t.Errorf("the files %v don't even have a handle: the test looks at the wrong ones", files)
			}
		}
	}
}

func TestEntitlementIsReadAtAMoment(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		olena := w.add("olena", "")
		start := w.db.Now()
		w.move(time.Hour)
		check(t, w.VerifyByOperator(ctx, "olena", home, "знайома"))
		verified := w.db.Now()
		w.move(time.Hour)
		entitled := func(area string, level int, at time.Time) (n int) {
			within := func(code string) bool { return w.Territories.Within(code, area) }
			for key, err := range w.EntitledPersons(ctx, w.db.Read(), within, level, at) {
				check(t, err)
				own, ok, err := w.PersonOf(ctx, w.db.Read(), olena.AccountID)
				if err != nil || !ok || !bytes.Equal(own, key) {
					t.Errorf("PersonOf = %x, %v, %v, want %x", own, ok, err, key)
				}
				n++
			}
			return n
		}
		for _, c := range []struct {
			name  string
			area  string
			level int
			at    time.Time
			want  int
		}{
			{"city", home, 1, w.db.Now(), 1},
			{"raion", raion, 1, w.db.Now(), 1},
			{"country", "UA", 1, w.db.Now(), 1},
			{"Lviv", "UA46060250010015970", 1, w.db.Now(), 0},
			{"level asked for", home, 2, w.db.Now(), 1},
			{"higher level", home, 3, w.db.Now(), 0},
			{"at the moment itself", home, 1, verified, 1},
			{"a moment before", home, 1, verified.Add(-time.Millisecond), 0},
			{"long before", home, 1, start, 0},
		} {
			if got := entitled(c.area, c.level, c.at); got != c.want {
				t.Errorf("%s: entitled = %d, want %d", c.name, got, c.want)
			}
		}
		e, holds, err := w.EntitlementOf(ctx, w.db.Read(), olena.AccountID, w.db.Now())
		if err != nil || !holds || e.Territory != home || !e.From.Equal(verified) || !e.Until.IsZero() {
			t.Errorf("EntitlementOf = %+v, %v, %v", e, holds, err)
		}
		if _, holds, err := w.EntitlementOf(ctx, w.db.Read(), olena.AccountID, start); err != nil || holds {
			t.Errorf("EntitlementOf before = %v, %v, want none", holds, err)
		}
	})
}

func TestStaffCredentialsCarryALaterGeneration(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		olena := w.add("olena", "")
		staff := func() int {
			t.Helper()
			n, err := w.StaffGeneration(ctx, w.db.Read(), olena.AccountID)
			check(t, err)
			return n
		}
		if staff() != 0 {
			t.Fatalf("generation at first = %d, want 0", staff())
		}
		bearer, err := w.IssueToken(ctx, "olena", "read", "застосунок")
		check(t, err)
		v, scopes, err := w.AuthenticateScoped(ctx, bearer)
		if err != nil || v.CredentialGeneration != 1 || staff() != 1 || len(scopes) != 1 {
			t.Errorf("token: viewer %+v, scopes %v, staff %d, %v, want generation 1", v, scopes, staff(), err)
		}
		if _, err := w.LoadViewer(ctx, olena.AccountID, 0); err != nil {
			t.Errorf("the person's own session ended by a token: %v", err)
		}

		given, err := w.ResetByStaff(ctx, "olena", "забула пароль")
		check(t, err)
		if _, err := w.LoadViewer(ctx, olena.AccountID, 0); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("session of before the reset: %v, want it ended", err)
		}
		a, err := w.CheckPassword(ctx, "olena@example.org", given, "192.0.2.1")
		if err != nil || a.CredGeneration != 2 || staff() != 2 {
			t.Fatalf("sign in after the reset: generation %d, staff %d, %v, want 2", a.CredGeneration, staff(), err)
		}
		if text := w.letters()[0]; !strings.Contains(text, "забула пароль") {
			t.Errorf("the person was not told: %s", text)
		}
		// Whoever came in by that password can't launder it.
		check(t, w.ChangePassword(ctx, &web.Viewer{AccountID: olena.AccountID, Handle: "olena", CredentialGeneration: 2}, given, "пароль після скидання", "192.0.2.1"))
		if a, err = w.CheckPassword(ctx, "olena@example.org", "пароль після скидання", "192.0.2.1"); err != nil || a.CredGeneration != 2 {
			t.Errorf("changed by itself: generation %d, %v, want 2 still", a.CredGeneration, err)
		}
		// A link to the person's own mail makes it theirs again.
		check(t, w.Forgotten(ctx, "olena@example.org"))
		check(t, w.Reset(ctx, token(w.lastLink("/password/new?token=")), "власний новий пароль"))
		if a, err = w.CheckPassword(ctx, "olena@example.org", "власний новий пароль", "192.0.2.1"); err != nil || a.CredGeneration != 0 {
			t.Errorf("reset by mail: generation %d, %v, want 0", a.CredGeneration, err)
		}
	})
}

func TestLettersAreForTheOperatorAlone(t *testing.T) {
	w := newTown(t, sqlite(t))
	w.add("operatorka", web.Operator)
	w.add("vartovyi", web.Moderator)
	check(t, w.Forgotten(context.Background(), "vartovyi@example.org"))
	b := w.browser()
	b.signIn("vartovyi")
	if status, _ := b.get("/desk/mail"); status != http.StatusNotFound {
		t.Errorf("letters for a moderator: %d, want 404", status)
	}
	b = w.browser()
	b.signIn("operatorka")
	status, page := b.get("/desk/mail")
	if status != http.StatusOK || !strings.Contains(page, `href="`+w.lastLink("/password/new?token=")+`"`) {
		t.Errorf("letters for the operator: %d, want the link to follow\n%s", status, page)
	}
}

func TestPagesOpenInBothLanguages(t *testing.T) {
	w := newTown(t, sqlite(t))
	w.add("operatorka", web.Operator)
	request := w.ask(w.add("olena", ""))
	b := w.browser()
	for _, path := range []string{"/sign-up", "/sign-up?kind=organisation", "/sign-in", "/confirm?sent=1", "/confirm?token=x", "/password", "/password?sent=1", "/password/new?token=x", "/password/new", "/@olena"} {
		both(t, b, path)
	}
	b.get("/?lang=uk") // back from English, the words of signIn being Ukrainian
	b.signIn("operatorka")
	for _, path := range []string{"/me", "/me/profile", "/verify", "/verify?q=нема", "/desk/verifications", "/desk/verifications/" + strconv.FormatInt(request, 10), "/desk/accounts", "/desk/mail"} {
		both(t, b, path)
	}
}

func both(t *testing.T, b *browser, path string) {
	t.Helper()
	join := "?"
	if strings.Contains(path, "?") {
		join = "&"
	}
	for _, lang := range []string{"uk", "en"} {
		status, page := b.get(path + join + "lang=" + lang)
		if status != http.StatusOK || !strings.Contains(page, `<html lang="`+lang+`"`) || strings.Contains(page, "people.") {
			t.Errorf("%s in %s: %d\n%s", path, lang, status, page)
		}
	}
}
