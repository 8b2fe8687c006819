package standing_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	rules "viche/actors/standing"
	"viche/internal/citytest"
	"viche/internal/store"
	"viche/internal/store/storetest"
	"viche/modules/polls"
)

// town is a city whose residents earn statuses.
type town struct {
	*testing.T
	n *citytest.Network
	*citytest.Town
	crowd []citytest.Resident
}

const home = "kamianske"

// each runs a test on cities of each database, early in a month.
func each(t *testing.T, residents int, more []string, f func(c town)) {
	for kind, o := range citytest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			n := citytest.Fediverse(t, o, append([]string{home}, more...)...)
			c := town{t, n, n.Town(home), n.Crowd(home, residents)}
			c.nextMonth()
			f(c)
		})
	}
}

func (c town) check(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// nextMonth goes on to the second hour of the next month, Kyiv time.
func (c town) nextMonth() {
	c.n.Advance(c.Standing.MonthOf(c.n.Now()).AddDate(0, 1, 0).Add(2 * time.Hour).Sub(c.n.Now()))
}

// turn lets the clock's work be done that a running city does by itself.
func (c town) turn() {
	c.Helper()
	ctx := c.Context()
	for _, step := range []func(context.Context) error{c.Polls.CloseDue, c.Standing.Note, c.Standing.Turn, c.Standing.Tell} {
		c.check(step(ctx))
	}
}

// poll has the crowd answer by their number ("": not at all, "a>b": a changed to
// b), and closes.
func (c town) poll(answer func(i int) string) *polls.Poll {
	c.Helper()
	p := c.n.OpenPoll(home, "city")
	for i, r := range c.crowd {
		for one := range strings.SplitSeq(answer(i), ">") {
			if one != "" {
				c.check(c.n.Cast(r, p.PollID, one))
			}
		}
	}
	c.check(c.Polls.Close(c.Context(), p.PollID, "зразок", "test"))
	return p
}

// proposes has somebody propose to a poll.
func (c town) proposes(i int, to *polls.Poll) {
	c.Helper()
	c.check(c.DB.Write(c.Context(), func(ctx context.Context, tx *store.Tx) error {
		id := store.NewID()
		_, err := tx.Exec(ctx, "insert into poll_proposals (id, poll, account, body, folded, at) values (?, ?, ?, ?, ?, ?)",
			id, to.ID, c.crowd[i].Account, "зразок", time.Now().String()+string(rune('a'+i)), store.Millis(tx.Now))
		return err
	}))
}

func (c town) of(i int) rules.Status {
	c.Helper()
	s, err := c.Standing.Of(c.Context(), c.crowd[i].Account)
	c.check(err)
	return s
}

// subjects are the letters that somebody was sent, the oldest first.
func (c town) subjects(i int) (list []string) {
	c.Helper()
	c.check(c.DB.Read().NewRaw("select subject from mails where to_addr = ? order by id", c.crowd[i].Email).Scan(c.Context(), &list))
	return list
}

func (c town) page(i int, path string) string {
	c.Helper()
	b := c.n.Browser(c.T, home)
	b.SignIn(c.crowd[i].Handle)
	status, page := b.Get(path)
	if status != 200 {
		c.Fatalf("GET %s = %d", path, status)
	}
	return citytest.MainOf(page)
}

func yes(int) string { return "o1" }

// R1.6: public levels change for everybody at the same moment, at the turn of the
// month; R1.5: a loss shows after a month of grace, and its holder alone is told.
func TestLevelsChangeAtTheTurnOfTheMonthAlone(t *testing.T) {
	t.Parallel()
	each(t, 24, nil, func(c town) {
		c.turn()
		for range 3 {
			c.poll(func(i int) string {
				if i >= 12 {
					return ""
				}
				return "o1"
			})
		}
		c.turn()
		if got := c.of(0).Level; got != rules.Registered {
			c.Errorf("after three polls within the month: %s", got)
		}
		c.nextMonth()
		if got := c.of(0).Level; got != rules.Registered {
			c.Errorf("before the turn is done: %s", got)
		}
		c.turn()
		c.turn() // the second time does nothing
		for i := range c.crowd {
			if got, want := c.of(i).Level, map[bool]rules.Level{true: rules.Responsible, false: rules.Registered}[i < 12]; got != want {
				c.Errorf("resident %d is %s, want %s", i, got, want)
			}
		}
		if ok, err := c.Standing.AtLeast(c.Context(), c.crowd[0].Account, rules.Responsible); err != nil || !ok {
			c.Errorf("at least responsible: %v, %v", ok, err)
		}
		if got := c.subjects(0); len(got) != 1 || !strings.Contains(got[0], "відповідальний мешканець") {
			c.Errorf("letters to who rose: %q", got)
		}
		// Now resident 0 stays away from five polls: a month of grace, then the loss.
		for range 5 {
			c.poll(func(i int) string {
				if i == 0 {
					return ""
				}
				return "o1"
			})
		}
		c.nextMonth()
		c.turn()
		if got := c.of(0).Level; got != rules.Responsible {
			c.Errorf("in the month of grace: %s", got)
		}
		if page := c.page(0, "/me/standing?lang=uk"); !strings.Contains(page, "ще ваш") || !strings.Contains(page, "3 із 8") {
			c.Errorf("the page in the month of grace:\n%s", page)
		}
		c.nextMonth()
		c.turn()
		if got := c.of(0).Level; got != rules.Registered {
			c.Errorf("after the grace: %s", got)
		}
		if got := c.subjects(0); len(got) != 3 || !strings.Contains(got[1], "ще ваш") || !strings.Contains(got[2], "зареєстрований") {
			c.Errorf("letters to who lost: %q", got)
		}
		if got := c.subjects(20); len(got) != 1 { // came to more than half by the later polls
			c.Errorf("letters to another: %q", got)
		}
		if page := c.page(0, "/me/standing?lang=uk"); !strings.Contains(page, "відповідальний мешканець: з") {
			c.Errorf("the history is not told:\n%s", page)
		}
	})
}

// R1.6: the page never tells an answer. Two residents took part in the same
// polls and answered most of them in opposite ways; their pages are the same byte
// for byte where the one bit on agreement is.
func TestStatusPageNeverTellsAnAnswer(t *testing.T) {
	t.Parallel()
	each(t, 24, nil, func(c town) {
		c.turn()
		opposite := map[string]string{"o1": "o2", "o2": "o1"}
		for n := range 8 {
			p := c.poll(func(i int) string {
				own := "o1" // with the majority in polls 0 to 3
				if n >= 4 {
					own = "o2"
				}
				switch i {
				case 0:
					return own
				case 1:
					return opposite[own]
				case 2: // always with the majority
					return "o1"
				}
				return "o1"
			})
			for i := range 3 {
				c.proposes(i, p)
			}
		}
		c.nextMonth()
		c.turn()
		a, b, with := c.page(0, "/me/standing?lang=uk"), c.page(1, "/me/standing?lang=uk"), c.page(2, "/me/standing?lang=uk")
		if a != b {
			c.Errorf("opposite answers show:\n%s\n\n%s", a, b)
		}
		for _, word := range []string{"збіглися з думкою більшості: ні", "8 із 8"} {
			if !strings.Contains(a, word) {
				c.Errorf("the page lacks %q:\n%s", word, a)
			}
		}
		if !strings.Contains(with, "збіглися з думкою більшості: так") {
			c.Errorf("who agrees reads:\n%s", with)
		}
		for _, secret := range []string{"відходів", "/polls/", "Важко"} {
			if strings.Contains(a, secret) || strings.Contains(with, secret) {
				c.Errorf("the page names a poll or an answer: %q", secret)
			}
		}
		if got := c.of(2); got != (rules.Status{Level: rules.Leader}) {
			c.Errorf("who agrees and proposes to polls is %+v, want the city's leader", got)
		}
		if got := c.of(0); got != (rules.Status{Level: rules.Expert}) {
			c.Errorf("who proposes and does not agree is %+v, want the city's expert", got)
		}
		// No row beside the box tells the two apart either.
		for table, rows := range storetest.Rows(c.T, c.DB) {
			if table == "status_notes" && len(rows) > 0 {
				c.Errorf("notes of single polls are left: %d", len(rows))
			}
		}
	})
}

func TestStatusIsShownByChoiceAlone(t *testing.T) {
	t.Parallel()
	each(t, 12, nil, func(c town) {
		visitor := c.n.Browser(c.T, home)
		path := "/@" + c.crowd[0].Handle + "?lang=uk"
		if _, page := visitor.Get(path); strings.Contains(page, "зареєстрований мешканець") {
			c.Error("the status shows before its holder chose so")
		}
		if status, _ := visitor.Get("/standing/of/" + c.crowd[0].Handle); status != 404 {
			c.Errorf("the credential of who shows nothing: %d", status)
		}
		b := c.n.Browser(c.T, home)
		b.SignIn(c.crowd[0].Handle)
		if status, _ := b.Post("/me/standing", "do", "show"); status >= 400 {
			c.Fatalf("do=show: %d", status)
		}
		if _, page := visitor.Get(path); !strings.Contains(page, "зареєстрований мешканець") {
			c.Error("the status does not show once its holder chose so")
		}
		if status, _ := b.Post("/me/standing", "do", "hide"); status >= 400 {
			c.Fatalf("do=hide: %d", status)
		}
		if _, page := visitor.Get(path); strings.Contains(page, "зареєстрований мешканець") {
			c.Error("the status shows on after its holder hid it")
		}
		if status, _ := b.Post("/me/standing", "do", "dance"); status != 422 && status != 400 {
			c.Errorf("do=dance: %d", status)
		}
	})
}

func TestPausedMonthsDoNotCount(t *testing.T) {
	t.Parallel()
	each(t, 24, nil, func(c town) {
		c.turn()
		for range 3 {
			c.poll(yes)
		}
		c.nextMonth()
		c.turn()
		for range 2 { // twice is once
			c.check(c.Standing.Pause(c.Context(), c.crowd[0].Account))
		}
		for range 2 {
			for range 4 {
				c.poll(func(i int) string {
					if i < 2 {
						return ""
					}
					return "o1"
				})
			}
			c.nextMonth()
			c.turn()
		}
		if got := c.of(0).Level; got != rules.Responsible {
			c.Errorf("paused: %s", got)
		}
		if got := c.of(1).Level; got != rules.Registered {
			c.Errorf("not paused, two months below: %s", got)
		}
		c.check(c.Standing.Resume(c.Context(), c.crowd[0].Account))
		c.nextMonth()
		c.turn()
		if got := c.of(0).Level; got != rules.Responsible {
			c.Errorf("after the pause: %s", got)
		}
		if page := c.page(0, "/me/standing?lang=uk"); !strings.Contains(page, "3 із 3") {
			c.Errorf("the paused months count:\n%s", page)
		}
	})
}

// Bad input: a formula with shares over 100 % is refused, and so is all else that
// makes no rule; what is kept holds from the next turn alone.
func TestFormulaIsTriedOutBeforeItHolds(t *testing.T) {
	t.Parallel()
	each(t, 24, nil, func(c town) {
		c.turn()
		for n := range 3 {
			c.poll(func(i int) string {
				if i >= 12 || n == 2 {
					return ""
				}
				return "o1"
			})
		}
		c.nextMonth()
		c.turn()
		c.check(c.People.SetRole(c.Context(), c.crowd[0].Handle, "moderator", ""))
		b := c.n.Browser(c.T, home)
		b.SignIn(c.crowd[0].Handle)
		form := func(do, responsible, leader, reason string) (int, string) {
			return b.Post("/desk/standing?lang=uk", "window", "12", "minPolls", "3", "responsible", responsible, "expert", "75", "leader", leader, "changed", "50", "monthly", "1", "grace", "1", "reason", reason, "do", do)
		}
		for _, bad := range [][2]string{{"50", "101"}, {"150", "90"}, {"-1", "90"}, {"50", "100"}, {"half", "90"}, {"80", "90"}} {
			for _, do := range []string{"try", "decide"} {
				if status, page := form(do, bad[0], bad[1], "зразок"); status != 422 || !strings.Contains(page, "Потрібн") {
					c.Errorf("%s with %v: %d", do, bad, status)
				}
			}
		}
		if status, page := form("decide", "60", "90", ""); status != 422 || !strings.Contains(page, "чому змінюєте") {
			c.Errorf("without a reason: %d", status)
		}
		status, page := form("try", "70", "90", "")
		if status != 200 || !strings.Contains(page, "замало") || !strings.Contains(page, ">20<") || !strings.Contains(page, ">10<") {
			c.Errorf("tried out: %d\n%s", status, citytest.MainOf(page))
		}
		for _, n := range []string{">12<", ">24<"} {
			if strings.Contains(page, n) {
				c.Errorf("an exact number is shown: %s", n)
			}
		}
		if status, _ := form("decide", "70", "90", "Зразок пояснення"); status >= 400 {
			c.Fatalf("decided: %d", status)
		}
		c.turn()
		if got := c.of(0).Level; got != rules.Responsible {
			c.Errorf("the new formula holds within the month: %s", got)
		}
		if _, page := c.n.Browser(c.T, home).Get("/standing?lang=uk"); !strings.Contains(page, "Зразок пояснення") || !strings.Contains(page, "більше ніж 50 %") {
			c.Errorf("the public page:\n%s", citytest.MainOf(page))
		}
		for range 2 {
			c.nextMonth()
			c.turn()
		}
		if got := c.of(0).Level; got != rules.Registered {
			c.Errorf("two turns later: %s, want registered: 2 of 3 is not more than 70 %%", got)
		}
		stranger := c.n.Browser(c.T, home)
		stranger.SignIn(c.crowd[1].Handle)
		if status, _ := stranger.Get("/desk/standing"); status < 400 {
			c.Errorf("the desk opens to anybody: %d", status)
		}
	})
}

// R1.7: a status that one instance signs is checked at another.
func TestStatusIsCheckedElsewhere(t *testing.T) {
	t.Parallel()
	each(t, 12, []string{"lviv"}, func(c town) {
		lviv := c.n.Town("lviv")
		b := c.n.Browser(c.T, home)
		b.SignIn(c.crowd[0].Handle)
		status, raw := b.Get("/me/standing/credential")
		if status != 200 {
			c.Fatalf("credential: %d", status)
		}
		got, err := lviv.Standing.Check(c.Context(), []byte(raw))
		if err != nil || got.Status.Level != rules.Registered || got.Issuer != "https://kamianske.test/actor" || !strings.HasSuffix(got.Subject, c.crowd[0].Handle) {
			c.Fatalf("checked elsewhere: %+v, %v", got, err)
		}
		if _, err := c.Standing.Check(c.Context(), []byte(raw)); err != nil {
			c.Errorf("checked at home: %v", err)
		}
		checker := c.n.Browser(c.T, "lviv")
		checker.SignIn(c.n.Resident("lviv", "checker", true).Handle)
		if status, page := checker.Post("/standing/check?lang=uk", "credential", raw); status != 200 || !strings.Contains(page, "Посвідчення чинне: зареєстрований мешканець") {
			c.Errorf("pasted: %d\n%s", status, citytest.MainOf(page))
		}
		c.check(c.Standing.Show(c.Context(), c.crowd[0].Account, true))
		if status, page := checker.Post("/standing/check?lang=uk", "credential", "https://kamianske.test/standing/of/"+c.crowd[0].Handle); status != 200 || !strings.Contains(page, "Посвідчення чинне") {
			c.Errorf("fetched: %d\n%s", status, citytest.MainOf(page))
		}
		lie := func(change func(map[string]any)) string {
			var doc map[string]any
			c.check(json.Unmarshal([]byte(raw), &doc))
			change(doc)
			out, err := json.Marshal(doc)
			c.check(err)
			return string(out)
		}
		subject := func(name, value string) func(map[string]any) {
			return func(d map[string]any) { d["credentialSubject"].(map[string]any)[name] = value }
		}
		for name, text := range map[string]string{
			"a higher status":    lie(subject("status", "leader")),
			"somebody else":      lie(subject("id", "https://kamianske.test/users/other")),
			"of another city":    lie(subject("id", "https://lviv.test/users/other")),
			"no such status":     lie(subject("status", "mayor")),
			"no such sphere":     lie(subject("sphere", "alchemy")),
			"another issuer":     lie(func(d map[string]any) { d["issuer"] = "https://lviv.test/actor" }),
			"a longer time":      lie(func(d map[string]any) { d["validUntil"] = "2099-01-01T00:00:00Z" }),
			"no proof":           lie(func(d map[string]any) { delete(d, "proof") }),
			"another kind":       lie(func(d map[string]any) { d["type"] = "Note" }),
			"no JSON":            "{",
			"nothing":            "",
			"an address of none": "https://kamianske.test/standing/of/nobody",
			"too long":           strings.Repeat(" ", 1<<20),
		} {
			if status, _ := checker.Post("/standing/check", "credential", text); status != 422 && status != 413 {
				c.Errorf("%s: %d, want it refused", name, status)
			}
			var field *store.FieldError
			if _, err := lviv.Standing.Check(c.Context(), []byte(text)); !errors.As(err, &field) {
				c.Errorf("%s: %v", name, err)
			}
		}
		c.n.Advance(60 * 24 * time.Hour)
		if _, err := lviv.Standing.Check(c.Context(), []byte(raw)); !errors.Is(err, store.ErrInvalid) {
			c.Errorf("two months later: %v", err)
		}
	})
}

func TestPagesForEverybody(t *testing.T) {
	t.Parallel()
	each(t, 12, nil, func(c town) {
		unverified := c.n.Resident(home, "nova", false)
		for lang, words := range map[string][3]string{"uk": {"Статуси", "Перевірити статус", "Перший статус"}, "en": {"Statuses", "Check a status", "The first status"}} {
			b := c.n.Browser(c.T, home)
			b.SignIn(unverified.Handle)
			for i, path := range []string{"/standing", "/standing/check", "/me/standing"} {
				status, page := b.Get(path + "?lang=" + lang)
				if status != 200 || !strings.Contains(page, words[i]) || strings.Contains(page, "standing.") && strings.Contains(citytest.MainOf(page), "standing.") {
					c.Errorf("%s in %s: %d\n%s", path, lang, status, citytest.MainOf(page))
				}
			}
		}
		c.turn()
		for range 3 {
			c.poll(yes)
		}
		c.nextMonth()
		c.turn()
		// Twelve people of one place, all responsible: nobody else is under k, so
		// the number of those who are not must not be found by subtraction.
		if _, page := c.n.Browser(c.T, home).Get("/standing?lang=uk"); !strings.Contains(page, "замало, щоб показати") || strings.Contains(citytest.MainOf(page), ">100") {
			c.Errorf("small groups show:\n%s", citytest.MainOf(page))
		}
		// A guest of the site is asked to sign in.
		if status, page := c.n.Browser(c.T, home).Get("/me/standing"); status == 200 && strings.Contains(page, "Чому такий статус</h1>") {
			c.Error("the page of a status opens to nobody in particular")
		}
	})
}
