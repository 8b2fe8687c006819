package city_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"viche/internal/ballot"
	"viche/internal/citytest"
	"viche/modules/people"
	"viche/modules/polls"
	"viche/web"
	"viche/web/civic"
)

// world is a network with open polls that the walk goes over.
type world struct {
	t        *testing.T
	n        *citytest.Network
	crowd    map[string][]citytest.Resident
	guises   map[string][]guise
	stranger *stranger

	city, nation, late, initiative *polls.Poll // late shows nothing before its close

	said     map[string]*said             // by city
	fellows  map[string]citytest.Resident // who complains and decides, by city
	thoughts map[string]thought           // by city
	assessed *assessed

	graded *graded

	letters []letter            // what cities have sent since people voted
	seen    map[string][]string // ids of activities that there have ever been, by city
}

// voting are the cities whose residents vote, with how many choose what. The
// numbers stand out: nothing else in these cities is counted 23 or 63.
var voting = map[string][3]int{
	"kamianske": {23, 11, 6},
	"lviv":      {19, 17, 4},
	"kharkiv":   {21, 8, 11},
}

// telling are the numbers above, their sums, and what has been cast in all.
var telling = []string{"23", "11", "40", "19", "17", "21", "63", "36", "120", "37", "54"}

const guests = 7 // accounts elsewhere that vote

func openWorld(t *testing.T, o citytest.Options) *world {
	w := &world{t: t, crowd: map[string][]citytest.Resident{}, guises: map[string][]guise{}, seen: map[string][]string{}, said: map[string]*said{}, fellows: map[string]citytest.Resident{}}
	w.n = citytest.Fediverse(t, o, "ukraine", "kamianske", "lviv", "kharkiv")
	for name := range voting {
		w.crowd[name] = w.n.Crowd(name, 40)
	}
	w.n.Bearer(&w.crowd["kamianske"][2]) // who will vote by token
	early := w.people()
	w.stranger = startStranger(t, w.n)
	for _, followed := range []string{"https://kamianske.test/spheres/ecology", "https://kamianske.test/actor", "https://lviv.test/spheres/ecology", "https://ukraine.test/actor", "https://ukraine.test/spheres/ecology"} {
		w.stranger.follow(followed)
	}
	w.settle()
	w.nominate()
	w.city, w.nation = w.n.OpenPoll("kamianske", "city"), w.n.OpenPoll("ukraine", "national")
	w.late = w.open("ukraine", polls.Draft{Scope: "national", Results: string(ballot.AfterClose)})
	w.settle()
	got := strings.Join(w.stranger.mail(), "\n")
	for _, p := range []*polls.Poll{w.city, w.nation, w.late} {
		if !strings.Contains(got, p.URI) {
			t.Errorf("the poll %s did not reach its followers, so what they get is not looked at", p.URI)
		}
	}
	for _, r := range early {
		poll := w.late
		if r.Handle == "city_voter" {
			poll = w.city
		}
		if err := w.n.Cast(r, poll.PollID, "o1"); err != nil {
			t.Fatalf("%s votes: %v", r.Handle, err)
		}
	}
	w.propose()
	w.rate()
	w.apply()
	w.inspire()
	w.say()
	return w
}

func (w *world) open(name string, d polls.Draft) *polls.Poll {
	w.t.Helper()
	d.Title, d.Options, d.Sphere, d.By = "Хто очолить раду?", []string{"Марія", "Іван", "Ніхто"}, "ecology", "test"
	d.ClosesAt = w.n.Now().Add(7 * 24 * time.Hour)
	p, err := w.n.Town(name).Polls.OpenPoll(w.t.Context(), d)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// propose has a resident collect supporters, so that there is an initiative.
func (w *world) propose() {
	var err error
	w.initiative, err = w.n.Town("kamianske").Polls.Initiate(w.t.Context(), w.crowd["kamianske"][0].Viewer(), polls.Draft{
		Title: "Чи потрібні велосипедні доріжки?", Options: []string{"Так", "Ні"}, Sphere: "transport", ClosesAt: w.n.Now().Add(7 * 24 * time.Hour),
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// apply has somebody ask for verification and somebody write mail, so that the
// desks are not empty.
func (w *world) apply() {
	for name := range voting {
		r := w.n.Resident(name, "applicant", false)
		if err := r.Town.People.RequestVerification(w.t.Context(), r.Account, r.Town.Config.Territory, ""); err != nil {
			w.t.Fatal(err)
		}
		if _, err := r.Town.People.ResetByStaff(w.t.Context(), "applicant", "зразок"); err != nil {
			w.t.Fatal(err)
		}
	}
}

// A guise is one way to be somebody who may not see totals.
type guise struct {
	name  string
	who   string // handle, if signed in
	reads bool   // sends no forms, since another guise sends the same ones
	slow  bool   // sends the forms that take long
	dress func(*http.Request)
}

// people adds those who walk, and gives those who are to vote in one poll
// before the walk begins.
func (w *world) people() (early []citytest.Resident) {
	for _, name := range []string{"ukraine", "kamianske", "lviv", "kharkiv"} {
		w.said[name] = &said{author: w.n.Resident(name, "writer", true)}
		w.fellows[name] = w.n.Resident(name, "fellow", true)
	}
	for _, name := range []string{"ukraine", "kamianske", "lviv"} {
		town := w.n.Town(name)
		add := func(handle string, verified bool, lang, role string) citytest.Resident {
			r := citytest.Resident{Town: town, Email: handle + "@mail.test"}
			var err error
			r.Added, err = town.People.AddResident(w.t.Context(), people.NewResident{Handle: handle, Name: handle, Email: r.Email, Verified: verified, Lang: lang, Role: role, Reason: "зразок"})
			if err != nil {
				w.t.Fatal(err)
			}
			return r
		}
		accept := func(kind string) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set("Accept", kind) }
		}
		page := accept("text/html,application/xhtml+xml,*/*;q=0.8")
		resident := add("resident", true, "uk", "")
		all := []guise{
			{name: "nobody", slow: true, dress: page},
			{name: "nobody in English", reads: true, dress: func(r *http.Request) { page(r); r.Header.Set("Accept-Language", "en") }},
			{name: "a program", dress: accept("application/json")},
			{name: "a server", reads: true, dress: accept("application/activity+json")},
			{name: "a server that signs", reads: true, dress: func(r *http.Request) {
				r.Header.Set("Accept", `application/ld+json; profile="https://www.w3.org/ns/activitystreams"`)
				w.stranger.sign(r, "anna0", nil)
			}},
			w.signedIn("a guest", add("guest", false, "uk", "")),
			w.signedIn("a resident", resident),
			w.signedIn("a resident in English", add("english", true, "en", "")),
			w.bearing("a resident by token", resident),
			w.signedIn("a moderator", add("watch", true, "uk", web.Moderator)),
			w.signedIn("an operator", add("keeper", false, "en", web.Operator)),
			w.signedIn("who asked", w.said[name].author),
			w.bearing("who asked, by token", w.said[name].author),
		}
		all[len(all)-1].reads, all[len(all)-2].reads = true, true // they would delete what they wrote
		if name == "ukraine" {
			all = append(all, w.signedIn("an officer", add("clerk", false, "uk", web.Officer)))
		} else {
			waiting := add("late_voter", true, "uk", "")
			early = append(early, waiting)
			all = append(all, w.signedIn("who voted where nothing shows before the close", waiting), w.bearing("the same by token", waiting))
		}
		if name == "kamianske" {
			voter := add("city_voter", true, "uk", "")
			early = append(early, voter)
			all = append(all, w.signedIn("who voted in the city's poll alone", voter), w.bearing("that voter by token", voter))
		}
		w.guises[name] = all
	}
	w.guises["kharkiv"] = w.guises["lviv"][:5] // without sessions, which end at the city
	return early
}

// signedIn is somebody in a browser.
func (w *world) signedIn(name string, r citytest.Resident) guise {
	cookie := w.session(r)
	return guise{name: name, who: r.Handle, dress: func(q *http.Request) {
		q.Header.Set("Accept", "text/html")
		q.AddCookie(cookie)
	}}
}

func (w *world) session(r citytest.Resident) *http.Cookie {
	w.t.Helper()
	answer := httptest.NewRecorder()
	if err := r.Town.Site.SignIn(w.t.Context(), answer, httptest.NewRequest(http.MethodPost, "https://"+r.Town.Host+"/sign-in", nil), r.Account, 0); err != nil {
		w.t.Fatal(err)
	}
	return answer.Result().Cookies()[0]
}

// bearing is somebody's program.
func (w *world) bearing(name string, r citytest.Resident) guise {
	token := w.n.Bearer(&r)
	return guise{name: name, who: r.Handle, dress: func(q *http.Request) {
		q.Header.Set("Accept", "application/json")
		q.Header.Set("Authorization", "Bearer "+token)
	}}
}

// vote is what the walk must not notice: every city votes, and everybody
// changes the answer, with a count after each; guests vote too. All clocks are
// then where they were before.
func (w *world) vote() {
	w.t.Helper()
	w.letters = nil
	w.castUnmeasured()
	w.answer(map[string][3]int{"kamianske": {23, 11, 6}, "lviv": {19, 17, 4}})
	for _, turn := range []int{1, 0} {
		for name, split := range voting {
			for i, r := range w.crowd[name] {
				option := fmt.Sprintf("o%d", (choiceOf(split, i)+turn)%3+1)
				for _, p := range []*polls.Poll{w.city, w.nation, w.late} {
					if p == w.city && (name != "kamianske" || i == 0) {
						continue // the first of them is who voted before: 23 in all
					}
					if err := w.n.Cast(r, p.PollID, option); err != nil {
						w.t.Fatalf("%s votes in %s: %v", r.Handle, p.Title, err)
					}
				}
			}
		}
		w.grade(turn)
		w.assess(turn)
		w.rateIdeas(turn)
		for i := range guests {
			for _, p := range []*polls.Poll{w.city, w.nation, w.late} {
				w.stranger.vote(fmt.Sprintf("anna%d", i), p.URI, p.Options()[1].Text)
			}
		}
		w.settle()
		w.n.Advance(2 * time.Minute)
		w.settle()
	}
	w.n.Advance(-4 * time.Minute)
}

// choiceOf is what the ith of a crowd chooses in the end.
func choiceOf(split [3]int, i int) int {
	switch {
	case i < split[0]:
		return 0
	case i < split[0]+split[1]:
		return 1
	}
	return 2
}

// castUnmeasured votes as people do, by form and by token, and has the metrics
// of the city not notice it. Later on they count requests of the other cities,
// as they count all; so this is looked at by itself.
func (w *world) castUnmeasured() {
	w.t.Helper()
	town := w.n.Town("kamianske")
	ask := func(method, path, kind, body string, dress func(*http.Request)) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "https://kamianske.test"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		r.RemoteAddr = "127.0.0.1:9"
		dress(r)
		answer := httptest.NewRecorder()
		town.Handler().ServeHTTP(answer, r)
		return answer
	}
	metrics := func() map[string]float64 {
		out := map[string]float64{}
		for line := range strings.Lines(ask(http.MethodGet, "/metrics", "", "", func(*http.Request) {}).Body.String()) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			if strings.HasPrefix(name, "viche_") && !strings.HasPrefix(name, "viche_http_seconds_sum") && !strings.HasPrefix(name, "viche_http_seconds_bucket") {
				n, err := strconv.ParseFloat(value, 64)
				if err != nil {
					w.t.Fatalf("metrics: %q", line)
				}
				out[name] = n
			}
		}
		return out
	}
	first, second := metrics(), metrics()
	form := ask(http.MethodPost, "/polls/"+w.city.PollID+"/ballot", "application/x-www-form-urlencoded", "choices=o1", w.signedIn("", w.crowd["kamianske"][1]).dress)
	put := ask(http.MethodPut, civic.Prefix+"/polls/"+w.city.PollID+"/ballot", "application/json", `{"choices":["o2"]}`, w.bearing("", w.crowd["kamianske"][2]).dress)
	if form.Code != http.StatusSeeOther || put.Code != http.StatusOK {
		w.t.Fatalf("votes by form and token = %d, %d; %s", form.Code, put.Code, put.Body)
	}
	answer := ask(http.MethodPost, w.said["kamianske"].question.Path()+"/vote", "application/x-www-form-urlencoded", "choices=0", w.signedIn("", w.crowd["kamianske"][1]).dress)
	if answer.Code != http.StatusSeeOther {
		w.t.Fatalf("answer by form = %d %s", answer.Code, answer.Body)
	}
	third := metrics()
	if len(third) < 4 {
		w.t.Errorf("metrics are %v: too few for this test to see anything", third)
	}
	for name := range third {
		if third[name]-second[name] != second[name]-first[name] {
			w.t.Errorf("metrics: %s goes from %v to %v when people vote, and from %v to %v when none does", name, second[name], third[name], first[name], second[name])
		}
	}
}

// settle is Network.Settle that looks at what is going out.
func (w *world) settle() {
	w.t.Helper()
	ctx := w.t.Context()
	for range 200 {
		done := 0
		for _, name := range []string{"ukraine", "kamianske", "lviv", "kharkiv"} {
			town := w.n.Town(name)
			for _, step := range []func(context.Context) (int, error){
				town.Federation.DrainInbox,
				func(ctx context.Context) (int, error) { return 0, town.Polls.CloseDue(ctx) },
				func(ctx context.Context) (int, error) { return 0, town.Polls.Snapshots(ctx) },
				func(ctx context.Context) (int, error) { return 0, town.Union.Tick(ctx) },
				town.Blogs.Ask,
				func(ctx context.Context) (int, error) { return 0, town.Blogs.ClosePolls(ctx) },
				func(ctx context.Context) (int, error) { return 0, town.Ideas.Snapshots(ctx) },
				town.FillSearch,
				town.Federation.FanOut,
				func(ctx context.Context) (int, error) { return 0, w.intercept(name) },
				town.Federation.Deliver,
			} {
				n, err := step(ctx)
				if err != nil {
					w.t.Fatalf("%s: %v", name, err)
				}
				done += n
			}
		}
		if done == 0 {
			return
		}
	}
	w.t.Fatal("the network does not settle")
}

// checkVotersSee is the walk's control: the numbers are there for whoever voted.
func (w *world) checkVotersSee() {
	w.t.Helper()
	for _, c := range []struct {
		name  string
		poll  *polls.Poll
		total string
		want  []int
	}{
		{"kamianske", w.city, "40", []int{23, 11, 6}},
		{"kamianske", w.nation, "120", []int{63, 36, 21}},
		{"lviv", w.nation, "120", []int{63, 36, 21}},
	} {
		voter := w.crowd[c.name][5]
		r, err := voter.Town.Polls.ResultsFor(w.t.Context(), w.load(c.name, c.poll), voter.Viewer())
		if err != nil || len(r.Total.Questions) != 1 || fmt.Sprint(r.Total.Questions[0].Counts) != fmt.Sprint(c.want) {
			w.t.Errorf("%s shows a voter %+v, %v; want %v", c.name, r, err, c.want)
		}
		for _, lang := range []string{"uk", "en"} {
			q := httptest.NewRequest(http.MethodGet, "https://"+voter.Town.Host+"/polls/"+c.poll.PollID+"?lang="+lang, nil)
			w.signedIn("", voter).dress(q)
			page := httptest.NewRecorder()
			voter.Town.Handler().ServeHTTP(page, q)
			for _, number := range append([]string{c.total}, strings.Fields(strings.Trim(fmt.Sprint(c.want), "[]"))...) {
				if page.Code != http.StatusOK || !numbersOf(page.Body.String())[number] {
					w.t.Errorf("the page of %q in %s (%s) = %d without %s for whoever voted", c.poll.Title, c.name, lang, page.Code, number)
				}
			}
		}
	}
	w.checkGradersSee()
	w.checkRatersSee()
	if _, err := w.n.Town("lviv").Polls.ResultsFor(w.t.Context(), w.load("lviv", w.late), w.crowd["lviv"][5].Viewer()); err == nil {
		w.t.Error("a poll that shows nothing before its close shows its voters something")
	}
}

func (w *world) load(name string, p *polls.Poll) *polls.Poll {
	w.t.Helper()
	town := w.n.Town(name)
	here, err := town.Polls.Load(w.t.Context(), town.DB.Read(), p.PollID)
	if err != nil {
		w.t.Fatal(err)
	}
	return here
}
