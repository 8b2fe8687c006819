package people_test

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"viche/internal/store"
	"viche/modules/people"
	"viche/web"
)

func TestSignUpConfirmSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		b := w.browser()
		b.join("olena", "name", "Олена Зразкова")
		status, page := b.get("/me")
		if status != http.StatusOK || !strings.Contains(page, "Олена Зразкова") || !strings.Contains(page, "olena@example.org") {
			t.Errorf("own page: %d\n%s", status, page)
		}
		_, page = w.browser().get("/@olena")
		if !strings.Contains(page, "Олена Зразкова") || strings.Contains(page, "olena@example.org") {
			t.Errorf("the public page lacks the name or shows the e-mail\n%s", page)
		}
		if status, page = b.post("/sign-out"); status != http.StatusOK {
			t.Errorf("sign out: %d\n%s", status, page)
		}
		if _, page = b.get("/me"); !strings.Contains(page, "current-password") {
			t.Errorf("after signing out /me does not ask to sign in\n%s", page)
		}
	})
}

func TestConfirmationLinkWorksOnceAndRunsOut(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		sign := func(handle string) string {
			t.Helper()
			wrong, err := w.SignUp(ctx, people.SignUp{Kind: people.Resident, Handle: handle, Email: handle + "@example.org", Password: password, Age: true, Charter: true})
			if err != nil || wrong.Any() {
				t.Fatalf("sign up %s: %v %v", handle, wrong.List(), err)
			}
			return token(w.lastLink("/confirm?token="))
		}
		first := sign("olena")
		check(t, w.Confirm(ctx, first))
		if err := w.Confirm(ctx, first); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("second use of the link: %v, want not found", err)
		}
		late := sign("petro")
		w.move(49 * time.Hour)
		if err := w.Confirm(ctx, late); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("link after two days: %v, want not found", err)
		}
		if n := w.count("select count(*) from accounts"); n != 1 {
			t.Errorf("accounts = %d, want 1", n)
		}
	})
}

var codeOfRequest = regexp.MustCompile(`token=[\w-]+`)

// Nobody finds out from outside which addresses have an account.
func TestNoEnumerationAtSignUpSignInAndReset(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		w.add("olena", "")
		b := w.browser()
		answer := func(path string, pairs ...string) string {
			t.Helper()
			status, page := b.post(path, pairs...)
			return codeOfRequest.ReplaceAllString(http.StatusText(status)+page, "")
		}
		signUp := func(handle, email string) string {
			return answer("/sign-up", "kind", "resident", "handle", handle, "email", email, "password", password, "age", "1", "charter", "1")
		}
		if known, unknown := signUp("newone", "Olena@Example.org"), signUp("newtwo", "nobody@example.org"); known != unknown {
			t.Errorf("sign-up tells a known address from an unknown:\n%s\n%s", known, unknown)
		}
		// The handle is held and has no page in both cases.
		if known, unknown := signUp("newone", "third@example.org"), signUp("newtwo", "third@example.org"); !strings.Contains(known, "вже зайнято") || strings.Contains(unknown, "вже зайнято") != true {
			t.Errorf("the handles of the two are not held alike:\n%s\n%s", known, unknown)
		}
		for _, handle := range []string{"newone", "newtwo"} {
			if status, _ := b.get("/@" + handle); status != http.StatusNotFound {
				t.Errorf("page of the unconfirmed @%s: %d, want 404", handle, status)
			}
		}
		wrongOne := strings.ReplaceAll(answer("/sign-in", "email", "olena@example.org", "password", "не той пароль"), "olena@example.org", "")
		wrongTwo := strings.ReplaceAll(answer("/sign-in", "email", "stranger@example.org", "password", "не той пароль"), "stranger@example.org", "")
		if wrongOne != wrongTwo {
			t.Errorf("sign-in tells a known address from an unknown:\n%s\n%s", wrongOne, wrongTwo)
		}
		if known, unknown := answer("/password", "email", "olena@example.org"), answer("/password", "email", "stranger2@example.org"); known != unknown {
			t.Errorf("reset tells a known address from an unknown:\n%s\n%s", known, unknown)
		}
		// Its owner learns of the try.
		if text := strings.Join(w.letters(), "\n"); !strings.Contains(text, "а обліковий запис за нею вже є") {
			t.Errorf("no letter tells the owner:\n%s", text)
		}
	})
}

// A stranger who signs up with somebody's address must not get in before the
// link is opened.
func TestSignInNeedsTheConfirmedAddress(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		_, err := w.SignUp(ctx, people.SignUp{Kind: people.Resident, Handle: "olena", Email: "olena@example.org", Password: password, Age: true, Charter: true})
		check(t, err)
		if _, err := w.CheckPassword(ctx, "olena@example.org", password, "192.0.2.1"); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("sign-in before the confirmation: %v, want it refused", err)
		}
		check(t, w.Confirm(ctx, token(w.lastLink("/confirm?token="))))
		if _, err := w.CheckPassword(ctx, " OLENA@example.org", password, "192.0.2.1"); err != nil {
			t.Errorf("sign-in after it: %v", err)
		}
	})
}

func TestSignUpNamesWhatIsWrongAndKeepsTheRest(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		good := people.SignUp{Kind: people.Resident, Handle: "olena", Email: "olena@example.org", Password: password, Age: true, Charter: true}
		for name, c := range map[string]struct {
			change func(*people.SignUp)
			field  string
		}{
			"short handle":          {func(f *people.SignUp) { f.Handle = "ol" }, "handle"},
			"cyrillic":              {func(f *people.SignUp) { f.Handle = "олена" }, "handle"},
			"sphere":                {func(f *people.SignUp) { f.Handle = "ecology" }, "handle"},
			"admin":                 {func(f *people.SignUp) { f.Handle = "@Admin" }, "handle"},
			"city":                  {func(f *people.SignUp) { f.Handle = "city" }, "handle"},
			"no e-mail":             {func(f *people.SignUp) { f.Email = "olena" }, "email"},
			"header in e-mail":      {func(f *people.SignUp) { f.Email = "olena@example.org\r\nBcc: all@example.org" }, "email"},
			"named e-mail":          {func(f *people.SignUp) { f.Email = "Olena <olena@example.org>" }, "email"},
			"short password":        {func(f *people.SignUp) { f.Password = "кишка" }, "password"},
			"common password":       {func(f *people.SignUp) { f.Password = "1234567890" }, "password"},
			"own e-mail":            {func(f *people.SignUp) { f.Password = f.Email }, "password"},
			"too young":             {func(f *people.SignUp) { f.Age = false }, "age"},
			"no charter":            {func(f *people.SignUp) { f.Charter = false }, "charter"},
			"nameless organisation": {func(f *people.SignUp) { f.Kind = people.Organisation }, "name"},
		} {
			form := good
			c.change(&form)
			wrong, err := w.SignUp(context.Background(), form)
			if err != nil || wrong.For(c.field) == nil || wrong.Len() != 1 {
				t.Errorf("%s: wrong = %v, err = %v, want %s alone", name, wrong.List(), err, c.field)
			}
		}
		if n := w.count("select count(*) from signups"); n != 0 {
			t.Errorf("refused sign-ups stored: %d", n)
		}
		status, page := w.browser().post("/sign-up", "kind", "resident", "handle", "olena", "email", "olena@example.org", "password", "коротко")
		if status != http.StatusUnprocessableEntity || !strings.Contains(page, `value="olena@example.org"`) || strings.Contains(page, "коротко\"") {
			t.Errorf("form with errors: %d, the e-mail must stay and the password must not\n%s", status, page)
		}
	})
}

func TestClosedRegistrationRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		wrong, err := w.SignUp(context.Background(), people.SignUp{Kind: people.Resident, Handle: "olena", Email: "olena@example.org", Password: password, Age: true, Charter: true})
		if err != nil || !wrong.Any() {
			t.Errorf("closed: %v, %v, want a refusal", wrong.List(), err)
		}
	}, func(o *people.Options) { o.Registration = people.RegistrationClosed })
}

func TestModeratorLetsNewAccountsInWhereTheSettingAsks(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		moderator := w.add("vartovyi", web.Moderator)
		_, err := w.SignUp(ctx, people.SignUp{Kind: people.Resident, Handle: "olena", Email: "olena@example.org", Password: password, Age: true, Charter: true})
		check(t, err)
		check(t, w.Confirm(ctx, token(w.lastLink("/confirm?token="))))
		if _, err := w.CheckPassword(ctx, "olena@example.org", password, "192.0.2.1"); err == nil {
			t.Error("signed in before a moderator let the account in")
		}
		if status, _ := w.browser().get("/@olena"); status != http.StatusNotFound {
			t.Errorf("page of an account that waits: %d, want 404", status)
		}
		var id int64
		check(t, w.db.Read().NewRaw("select id from accounts where approved_at is null").Scan(ctx, &id))
		check(t, w.Approve(ctx, id, moderator.Handle))
		if _, err := w.CheckPassword(ctx, "olena@example.org", password, "192.0.2.1"); err != nil {
			t.Errorf("after it: %v", err)
		}
	}, func(o *people.Options) { o.Registration = people.RegistrationApproval })
}

func TestTriesAreLimitedByAccountAndByAddress(t *testing.T) {
	w := newTown(t, sqlite(t))
	ctx := context.Background()
	w.add("olena", "")
	w.add("petro", "")
	try := func(email, password, address string) error {
		_, err := w.CheckPassword(ctx, email, password, address)
		return err
	}
	for range 10 {
		if err := try("olena@example.org", "не той пароль", "192.0.2.1"); !errors.Is(err, store.ErrInvalid) {
			t.Fatalf("wrong password: %v", err)
		}
	}
	if err := try("olena@example.org", password, "192.0.2.1"); !errors.Is(err, web.ErrTooMany) {
		t.Errorf("eleventh try: %v, want too many, even with the right password", err)
	}
	if err := try("olena@example.org", password, "198.51.100.7"); err != nil {
		t.Errorf("the owner elsewhere is locked out by a stranger: %v", err)
	}
	for i := range 50 {
		_ = try(strings.Repeat("x", i+1)+"@example.org", "не той пароль", "192.0.2.1")
	}
	if err := try("petro@example.org", password, "192.0.2.1"); !errors.Is(err, web.ErrTooMany) {
		t.Errorf("another account from the same address after 60 wrong tries: %v, want too many", err)
	}
	w.move(16 * time.Minute)
	if err := try("petro@example.org", password, "192.0.2.1"); err != nil {
		t.Errorf("after a quarter of an hour: %v", err)
	}
}

func TestSignUpsFromOneAddressAreLimited(t *testing.T) {
	w := newTown(t, sqlite(t))
	b := w.browser()
	for i := range 20 {
		if status, _ := b.post("/sign-up", "handle", "x"); status != http.StatusUnprocessableEntity {
			t.Fatalf("sign-up %d: %d", i, status)
		}
	}
	if status, _ := b.post("/sign-up", "handle", "x"); status != http.StatusTooManyRequests {
		t.Errorf("sign-up 21: %d, want 429", status)
	}
}

func TestResetByMailIsOnceAndEndsSessionsAndTokens(t *testing.T) {
	each(t, func(t *testing.T, w *town) {
		ctx := context.Background()
		w.add("olena", "")
		b := w.browser()
		b.signIn("olena")
		bearer, err := w.IssueToken(ctx, "olena", "", "проба")
		check(t, err)
		check(t, w.Forgotten(ctx, "olena@example.org"))
		link := token(w.lastLink("/password/new?token="))
		if status, page := b.post("/password/new", "token", link, "password", "зовсім новий пароль"); status != http.StatusOK || !strings.Contains(page, "Новий пароль збережено") {
			t.Fatalf("reset: %d\n%s", status, page)
		}
		if err := w.Reset(ctx, link, "ще новіший пароль"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("second use of the link: %v, want not found", err)
		}
		if _, page := b.get("/me"); !strings.Contains(page, "current-password") {
			t.Error("the old session outlived the reset")
		}
		if _, err := w.Authenticate(ctx, bearer); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the old token outlived the reset: %v", err)
		}
		if _, err := w.CheckPassword(ctx, "olena@example.org", "зовсім новий пароль", "192.0.2.1"); err != nil {
			t.Errorf("sign in with the new password: %v", err)
		}
	})
}

func token(link string) string {
	_, token, _ := strings.Cut(link, "token=")
	return token
}
