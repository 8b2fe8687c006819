package city_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"viche/internal/citytest"
	"viche/modules/blogs"
	"viche/modules/moderation"
	"viche/web"
)

// said is what one city's people have written, as the walk asks for it.
type said struct {
	author    citytest.Resident
	question  *blogs.Post // open while the walk goes on
	note      *blogs.Post // with a picture
	picture   string      // name of the file
	draft     string      // of nobody who walks
	reports   []string    // the first one is decided
	decisions []string
	remote    []string // posts of another city: its question, its note
	person    string   // an account of another city
}

// Of the residents who vote in a city's own question and of those elsewhere who
// do: sums that stand out as well. Lviv's question is answered in Lviv alone.
const asked = 6 * 24 * time.Hour // how long a question is open

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) writer(r citytest.Resident) blogs.Writer {
	w.t.Helper()
	who, err := r.Town.Blogs.Writer(w.t.Context(), r.Account)
	w.must(err)
	return who
}

// say has people in each city write, report and decide, and hear of each other.
func (w *world) say() {
	w.t.Helper()
	neighbours := map[string]string{"ukraine": "kamianske", "kamianske": "lviv", "lviv": "kamianske", "kharkiv": "lviv"}
	ctx := w.t.Context()
	for name, s := range w.said {
		who, site := w.writer(s.author), s.author.Town
		if name != "kharkiv" { // where nobody follows anything
			w.stranger.follow(s.author.Town.Config.Base() + "/users/writer")
		}
		var drawn bytes.Buffer
		w.must(png.Encode(&drawn, image.NewRGBA(image.Rect(0, 0, 32, 32))))
		picture, err := site.Blogs.Upload(ctx, who, &drawn, "озеро")
		w.must(err)
		s.picture = picture.Name
		w.settle()
		named := ""
		for other, near := range neighbours {
			if near == name {
				named += " @writer@" + other + ".test"
			}
		}
		s.note, err = site.Blogs.Publish(ctx, who, blogs.Draft{Text: "Озеро взимку #lake" + named, Visibility: blogs.Public, Pictures: []blogs.Picture{picture}, Quotable: "public"})
		w.must(err)
		s.question, err = site.Blogs.Publish(ctx, who, blogs.Draft{Text: "Якою бути набережній? #lake" + named, Visibility: blogs.Public, Quotable: "public", Poll: &blogs.Poll{
			Options: []blogs.PollOption{{Name: "Зеленою"}, {Name: "Широкою"}, {Name: "Тихою"}}, Closes: w.n.Now().Add(asked).UnixMilli(),
		}})
		w.must(err)
		for i, r := range []citytest.Resident{w.fellows[name], s.author} {
			id, err := site.Blogs.Save(ctx, w.writer(r), 0, blogs.Draft{Text: "Недописане", Visibility: blogs.Public}, time.Time{})
			w.must(err)
			if i == 0 {
				s.draft = fmt.Sprint(id)
			}
		}
		w.report(name, s)
		w.settle()
	}
	got := strings.Join(w.stranger.mail(), "\n")
	for name, s := range w.said {
		near := w.said[neighbours[name]]
		for _, p := range []*blogs.Post{near.question, near.note} {
			here, err := s.author.Town.Blogs.ByURI(ctx, s.author.Town.DB.Read(), p.URI)
			if err != nil {
				w.t.Fatalf("%s did not come to %s: %v", p.URI, name, err)
			}
			s.remote, s.person = append(s.remote, fmt.Sprint(here.ID)), fmt.Sprint(here.Author)
		}
		if name != "kharkiv" && !strings.Contains(got, s.question.URI) {
			w.t.Errorf("the question %s did not reach a follower, so what it is sent is not looked at", s.question.URI)
		}
	}
}

// report has a resident complain of a post twice, and a moderator decide once.
func (w *world) report(name string, s *said) {
	w.t.Helper()
	ctx, site, by := w.t.Context(), s.author.Town, w.fellows[name]
	for range 2 {
		w.must(site.Blogs.Report(ctx, w.writer(by), w.writer(s.author).Actor, []int64{s.note.ID}, "Подивіться", false))
		s.reports = w.ids(name, "reports")
		if len(s.reports) > 1 {
			break
		}
		v := by.Viewer()
		v.Roles = []web.Role{{Name: "moderator"}}
		id := number64(s.reports[0])
		w.must(site.Moderation.Decide(ctx, moderation.Decision{Report: id, Moderator: v, Posts: []int64{s.note.ID}, OnPosts: moderation.Mark, Warning: "Холодно", Rule: "respect", Reason: "Зразок"}))
	}
	s.decisions = w.ids(name, "moderation_log")
}

func number64(text string) (n int64) {
	_, _ = fmt.Sscan(text, &n) // ids that were numbers before
	return n
}

// answer has people answer the questions in posts: residents at home, one of
// them by the form, and accounts elsewhere from their own servers.
func (w *world) answer(turnout map[string][3]int) {
	w.t.Helper()
	ctx := w.t.Context()
	for name := range turnout {
		s := w.said[name]
		for i, r := range w.crowd[name] {
			if name == "kamianske" && i == 1 {
				continue // castUnmeasured
			}
			w.must(r.Town.Blogs.VoteIn(ctx, w.writer(r).Actor, s.question, []int{choiceOf(turnout[name], i)}))
		}
	}
	lviv, question := w.n.Town("lviv"), w.said["kamianske"].question
	here, err := lviv.Blogs.ByURI(ctx, lviv.DB.Read(), question.URI)
	w.must(err)
	for i := range guests {
		w.must(lviv.Blogs.VoteIn(ctx, w.writer(w.crowd["lviv"][i]).Actor, here, []int{0}))
		w.stranger.answer(fmt.Sprintf("anna%d", i), question.URI, w.said["kamianske"].author.Town.Config.Base()+"/users/writer", "Зеленою")
	}
}

// isAnswer tells a vote in the question of a post on its way from a resident to
// the server of who asked, who alone is told of it.
func (w *world) isAnswer(from, kind, to, about string, addressed []string) bool {
	s := w.said["kamianske"]
	author := s.author.Town.Config.Base() + "/users/writer"
	return from == "lviv" && kind == "Create" && about == s.question.URI &&
		(to == author || to == s.author.Town.Config.Base()) &&
		!slices.ContainsFunc(addressed, func(who string) bool { return who != author })
}

// checkAnswersCounted is the control: the answers lay in the box all the time,
// and their numbers are on the page when the question is over.
func (w *world) checkAnswersCounted() {
	w.t.Helper()
	w.n.Advance(asked + time.Minute)
	w.settle()
	for name, want := range map[string][]string{"kamianske": {"37", "11", "6", "54"}, "lviv": {"19", "17", "4", "40"}} {
		page := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "https://"+name+".test"+w.said[name].question.Path(), nil)
		r.Header.Set("Accept", "text/html")
		w.n.Town(name).Handler().ServeHTTP(page, r)
		for _, number := range want {
			if page.Code != http.StatusOK || !numbersOf(page.Body.String())[number] {
				w.t.Errorf("when it is over the question of %s = %d without %s", name, page.Code, number)
			}
		}
	}
	if mail := strings.Join(w.stranger.mail(), "\n"); !strings.Contains(mail, `"votersCount":54`) {
		w.t.Error("when it is over a follower is not told how many answered")
	}
}

// undoing are the acts that take another one back. The walk does each where
// there is nothing to take back, so that its forms change nothing the second
// time they are sent.
var undoing = []string{"unlike", "unboost", "unbookmark", "unpin"}

// values are the posts, files and people that a route may name. Where all posts
// are treated by one handler that only leads back, one is enough.
func (s *said) values(method, route, parameter string) []string {
	question, note := fmt.Sprint(s.question.ID), fmt.Sprint(s.note.ID)
	act := route[strings.LastIndex(route, "/")+1:]
	switch {
	case strings.HasPrefix(route, "/blogs/drafts/"):
		return []string{s.draft}
	case strings.HasPrefix(route, "/tags/"):
		return []string{"lake"}
	case strings.HasPrefix(route, "/desk/reports/"):
		return s.reports
	case strings.HasPrefix(route, "/desk/decisions/"):
		return s.decisions
	case route == "/media/{name}":
		return []string{s.picture}
	case route == "/media/icon/{id}":
		return []string{s.person}
	case parameter == "{n}":
		return []string{"0"}
	case strings.HasPrefix(route, "/media/proxy/"):
		return s.remote[1:]
	case parameter == "{act}" && method == http.MethodGet:
		return []string{"follow"}
	case parameter == "{act}": // the others would undo these
		return []string{"follow", "mute", "unblock", "unblock-host", "remove", "accept", "refuse", "none"}
	case strings.HasPrefix(route, "/people/"):
		return []string{s.person}
	case slices.Contains(undoing, act):
		return s.remote[:1]
	case method == http.MethodGet && slices.Contains([]string{"like", "boost", "bookmark", "pin", "vote"}, act):
		return []string{question}
	case slices.Contains([]string{"like", "boost", "bookmark", "pin"}, act):
		return []string{question}
	}
	return append([]string{question, note}, s.remote...)
}
