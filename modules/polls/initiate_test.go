package polls_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"viche/internal/citytest"
	"viche/internal/store"
	"viche/modules/polls"
	"viche/web"
)

func draft(n *citytest.Network, title string) polls.Draft {
	return polls.Draft{Title: title, Options: []string{"так", "ні"}, Sphere: "culture", ClosesAt: n.Now().Add(14 * 24 * time.Hour)}
}

func initiate(t *testing.T, n *citytest.Network, r citytest.Resident) *polls.Poll {
	t.Helper()
	poll, err := r.Town.Polls.Initiate(t.Context(), r.Viewer(), draft(n, "Якою бути набережній?"))
	if err != nil {
		t.Fatal(err)
	}
	return poll
}

func load(t *testing.T, n *citytest.Network, id string) *polls.Poll {
	t.Helper()
	town := n.Town("kamianske")
	poll, err := town.Polls.Load(t.Context(), town.DB.Read(), id)
	if err != nil {
		t.Fatal(err)
	}
	return poll
}

func denied(t *testing.T, what string, err error, reason string) {
	t.Helper()
	var d *polls.Denied
	if !errors.As(err, &d) || d.Reason != reason {
		t.Errorf("%s: %v, want it denied for %s", what, err, reason)
	}
}

func TestInitiativeGathersIsCheckedAndOpens(t *testing.T) {
	t.Parallel()
	each(t, []string{"kamianske"}, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 12)
		p := n.Town("kamianske").Polls
		guest, club := n.Resident("kamianske", "guest", false), n.Organisation("kamianske", "hromada")

		olena := as(t, n, "kamianske", crowd[0])
		status, page := olena.Post("/polls", "title", "Якою бути набережній?", "options", "концерти\nтиша", "more", "hard", "kind", "one", "sphere", "culture", "days", "14")
		if status != http.StatusOK {
			t.Fatalf("initiate = %d", status)
		}
		olena.holds("a new initiative", page, "Ініціативу опубліковано.", "потрібно підтримок – 10", "Збирає підтримку", "Підтримали: 1 із 10 потрібних.", "Це ваша ініціатива", "Важко відповісти", "14 днів")
		list, _, err := p.List(t.Context(), polls.Filter{States: []polls.State{polls.Gathering}})
		if err != nil || len(list) != 1 {
			t.Fatalf("initiatives = %v, %v, want one", list, err)
		}
		id := list[0].PollID

		denied(t, "nobody", p.Support(t.Context(), nil, id, true), polls.SignIn)
		denied(t, "a guest", p.Support(t.Context(), guest.Viewer(), id, true), polls.NotVerified)
		denied(t, "an organisation", p.Support(t.Context(), club.Viewer(), id, true), polls.Organisation)
		if err := p.Support(t.Context(), crowd[0].Viewer(), id, false); !errors.Is(err, store.ErrDenied) {
			t.Errorf("the initiator steps back: %v, want ErrDenied", err)
		}
		if err := n.Cast(crowd[1], id, "o1"); !errors.Is(err, polls.ErrClosed) && !errors.Is(err, store.ErrDenied) {
			t.Errorf("a vote on an initiative: %v, want it refused", err)
		}
		taras := as(t, n, "kamianske", crowd[1])
		_, page = taras.Post("/polls/"+id+"/support", "do", "support")
		taras.holds("support", page, "Вашу підтримку враховано.", "Підтримали: 2 із 10", "Забрати підтримку")
		_, page = taras.Post("/polls/"+id+"/support", "do", "support")
		taras.holds("support again", page, "Підтримали: 2 із 10")
		_, page = taras.Post("/polls/"+id+"/support", "do", "withdraw")
		taras.holds("support withdrawn", page, "Вашу підтримку знято.", "Підтримали: 1 із 10", "Підтримати ініціативу")
		open(t, n, "kamianske").shows("/polls/initiatives", 200, []string{"Якою бути набережній?", "Підтримали: 1 із 10"}, []string{"Supporters: 1 of 10"})
		open(t, n, "kamianske").shows("/polls/"+id, 200, []string{"Увійдіть, щоб підтримати."}, []string{"Sign in to support it."})
		if _, page := open(t, n, "kamianske").Get("/polls"); strings.Contains(page, "Якою бути набережній?") {
			t.Error("an initiative stands among the polls")
		}

		for _, r := range crowd[1:10] {
			if err := p.Support(t.Context(), r.Viewer(), id, true); err != nil {
				t.Fatal(err)
			}
		}
		if got := load(t, n, id).State; got != polls.Checking {
			t.Fatalf("with ten supporters it is %s, want checking", got)
		}
		if err := p.Support(t.Context(), crowd[3].Viewer(), id, false); !errors.Is(err, store.ErrExists) {
			t.Errorf("stepping back from a full initiative: %v, want ErrExists", err)
		}

		own := n.Appoint(crowd[0], "moderator", "")
		if _, err := p.Check(t.Context(), own, id, true, ""); !errors.Is(err, store.ErrDenied) {
			t.Errorf("the initiator opens it: %v, want ErrDenied", err)
		}
		if _, err := p.Check(t.Context(), crowd[2].Viewer(), id, true, ""); !errors.Is(err, store.ErrDenied) {
			t.Errorf("a resident opens it: %v, want ErrDenied", err)
		}
		n.Appoint(crowd[11], "moderator", "culture")
		desk := as(t, n, "kamianske", crowd[11])
		desk.shows("/desk/polls", 200, []string{"Якою бути набережній?", "/desk/polls/" + id}, []string{"Initiatives to check"})
		desk.shows("/desk/polls/"+id, 200, []string{"Розглянути ініціативу", "Якщо відкриєте", "Відхилити ініціативу"}, []string{"If you refuse it"})
		status, page = desk.Post("/desk/polls/"+id, "do", "refuse", "reason", "  ")
		if status != http.StatusUnprocessableEntity {
			t.Errorf("a refusal without a reason = %d, want 422", status)
		}
		desk.holds("a refusal without a reason", page, "Поясніть, чому ініціативу відхилено")
		n.Advance(3 * time.Hour)
		_, page = desk.Post("/desk/polls/"+id, "do", "open")
		desk.holds("the open initiative", page, "Опитування відкрито.", "Проголосувати", "Ініціатива:", "@"+crowd[0].Handle)
		poll := load(t, n, id)
		if poll.State != polls.Open || !poll.OpensAt.Equal(n.Now()) || poll.ClosesAt.Sub(poll.OpensAt) != 14*24*time.Hour || poll.Register != 12 {
			t.Errorf("it opened %s at %s for %s with %d people, want now, for 14 days, with 12", poll.State, poll.OpensAt, poll.ClosesAt.Sub(poll.OpensAt), poll.Register)
		}
		if err := n.Cast(crowd[5], id, "o2"); err != nil {
			t.Errorf("a vote on the opened initiative: %v", err)
		}
		if _, err := p.Check(t.Context(), own, id, false, "пізно"); err == nil {
			t.Error("an open poll was refused")
		}
		var acts int
		if err := n.Town("kamianske").DB.Read().NewRaw("select count(*) from acts where act = 'initiative.open' and actor = ?", crowd[11].Handle).Scan(t.Context(), &acts); err != nil || acts != 1 {
			t.Errorf("acts = %d, %v, want one", acts, err)
		}
	})
}

func TestRefusedInitiativeSaysWhy(t *testing.T) {
	t.Parallel()
	each(t, []string{"kamianske"}, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 11)
		poll := initiate(t, n, crowd[0])
		p := n.Town("kamianske").Polls
		moderator := n.Appoint(crowd[10], "moderator", "")
		if _, err := p.Check(t.Context(), moderator, poll.PollID, false, "рано"); !errors.Is(err, store.ErrExists) {
			t.Errorf("a decision before there is support: %v, want ErrExists", err)
		}
		for _, r := range crowd[1:10] {
			if err := p.Support(t.Context(), r.Viewer(), poll.PollID, true); err != nil {
				t.Fatal(err)
			}
		}
		other := n.Appoint(crowd[9], "moderator", "ecology")
		if _, err := p.Check(t.Context(), other, poll.PollID, false, "чужа сфера"); !errors.Is(err, store.ErrDenied) {
			t.Errorf("a moderator of another sphere: %v, want ErrDenied", err)
		}
		if _, err := p.Check(t.Context(), moderator, poll.PollID, false, "Розпалює ворожнечу: стаття 161."); err != nil {
			t.Fatal(err)
		}
		open(t, n, "kamianske").shows("/polls/"+poll.PollID, 200, []string{"Ініціативу відхилено.", "Розпалює ворожнечу: стаття 161."}, []string{"The initiative was refused."})
	})
}

// TestSupportersWhoComeTogether lets the last nine support at the same moment:
// whoever comes last must see the others, or the initiative waits for ever.
func TestSupportersWhoComeTogether(t *testing.T) {
	t.Parallel()
	each(t, []string{"kamianske"}, func(t *testing.T, n *citytest.Network) {
		crowd := n.Crowd("kamianske", 10)
		poll := initiate(t, n, crowd[0])
		together(t, crowd[1:], func(r citytest.Resident) error {
			return n.Town("kamianske").Polls.Support(t.Context(), r.Viewer(), poll.PollID, true)
		})
		if got := load(t, n, poll.PollID).State; got != polls.Checking {
			t.Errorf("with ten supporters it is %s, want checking", got)
		}
	})
}

func together(t *testing.T, who []citytest.Resident, do func(citytest.Resident) error) {
	t.Helper()
	var wait sync.WaitGroup
	for _, r := range who {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if err := do(r); err != nil {
				t.Errorf("%s: %v", r.Handle, err)
			}
		}()
	}
	wait.Wait()
}

func TestThreeInitiativesAtATime(t *testing.T) {
	t.Parallel()
	each(t, []string{"kamianske"}, func(t *testing.T, n *citytest.Network) {
		olena := n.Resident("kamianske", "olena", true)
		var mu sync.Mutex
		made, refused := 0, 0
		together(t, []citytest.Resident{olena, olena, olena, olena, olena}, func(r citytest.Resident) error {
			_, err := r.Town.Polls.Initiate(t.Context(), r.Viewer(), draft(n, "Ще одне запитання"))
			mu.Lock()
			defer mu.Unlock()
			var field *store.FieldError
			if errors.As(err, &field) && field.Key == "polls.draft.initiatives" {
				refused++
				return nil
			}
			made++
			return err
		})
		if made != 3 || refused != 2 {
			t.Errorf("of five initiatives %d were made and %d refused, want 3 and 2", made, refused)
		}
	})
}

func TestOnlyResidentsPropose(t *testing.T) {
	t.Parallel()
	each(t, []string{"kamianske", "ukraine"}, func(t *testing.T, n *citytest.Network) {
		p := n.Town("kamianske").Polls
		try := func(v *web.Viewer) error {
			_, err := p.Initiate(t.Context(), v, draft(n, "Хто може питати?"))
			return err
		}
		guest := n.Resident("kamianske", "guest", false)
		denied(t, "nobody", try(nil), polls.SignIn)
		denied(t, "a guest", try(guest.Viewer()), polls.NotVerified)
		denied(t, "an organisation", try(n.Organisation("kamianske", "hromada").Viewer()), polls.Organisation)
		b := as(t, n, "kamianske", guest)
		b.shows("/polls/new", 200, []string{"Ще один крок – і вашу підтримку врахують.", "/verify"}, []string{"One step and your support counts."})
		if status, _ := b.Post("/polls", "title", "Хто може питати?", "options", "так\nні", "sphere", "culture", "days", "14"); status != http.StatusForbidden {
			t.Errorf("the form of a guest = %d, want 403", status)
		}
		if status, page := open(t, n, "kamianske").Get("/polls/new"); status != 200 || !strings.Contains(page, "Електронна пошта") {
			t.Errorf("a stranger's new poll = %d, want the way to sign in", status)
		}
		away := n.Resident("ukraine", "ukrainka", true)
		_, err := n.Town("ukraine").Polls.Initiate(t.Context(), away.Viewer(), draft(n, "Хто може питати?"))
		denied(t, "at the coordinator", err, polls.OtherInstance)
		taras := as(t, n, "kamianske", n.Resident("kamianske", "taras", true))
		status, page := taras.Post("/polls", "title", "Мій недописаний заголовок", "body", "Пояснення", "options", "лише один", "sphere", "", "days", "700")
		if status != http.StatusUnprocessableEntity {
			t.Errorf("a faulty initiative = %d, want 422", status)
		}
		taras.holds("a faulty initiative", page, "Залишилося виправити: 3.", "Мій недописаний заголовок", "лише один", `value="700"`, "від 1 до 90", "Оберіть сферу.", "щонайменше два варіанти")
	})
}
