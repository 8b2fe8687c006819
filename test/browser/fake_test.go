package browser_test

import (
	"html/template"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fake is a city of one poll and a few lines, to try the journey itself on.
type fake struct {
	faulty bool // shows what must be hidden, and breaks rules of access
	mu     sync.Mutex
	votes  map[string]string // by e-mail
}

var fakeOptions = []string{"Так", "Ні"}

var fakePage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="uk"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title><link rel="stylesheet" href="/style.css"></head>
<body><header>{{if .Email}}<form method="post" action="/signout"><button>Вийти</button></form>{{end}}</header>
<main><h1>{{.Title}}</h1>
{{with .Notice}}<p role="status">{{.}}</p>{{end}}
{{if .SignIn}}<form method="post">
<p><label for="email">Електронна пошта</label> <input id="email" name="email" type="email" autocomplete="username"></p>
<p><label for="password">Пароль</label> <input id="password" name="password" type="password" autocomplete="current-password"></p>
<button>Увійти</button></form>{{end}}
{{if .Results}}<table><caption>Проміжний підсумок</caption>
<tr><th scope="col">Варіант</th><th scope="col">Голоси</th></tr>
<tr><th scope="row">Так</th><td>1 234</td></tr></table>{{end}}
{{if .Button}}<form method="post"><fieldset><legend>Ваша відповідь</legend>
{{range .Options}}<label><input type="radio" name="choice" value="{{.}}"> {{.}}</label>{{end}}</fieldset>
<button>{{.Button}}</button></form>{{end}}
{{if .Faulty}}<img src="/logo.png"><p>За: 55 %, проголосували 1 234</p>{{end}}
</main></body></html>`))

const fakeStyle = `:root{color-scheme:light dark}body{font:18px sans-serif;margin:1rem}
button{min-height:48px;min-width:48px;font:inherit}label{display:block;min-height:48px;line-height:48px}`

type fakeView struct {
	Title, Email, Notice, Button string
	Options                      []string
	SignIn, Results, Faulty      bool
}

func startFake(t *testing.T, faulty bool) site {
	t.Helper()
	f := &fake{faulty: faulty, votes: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	return site{
		Base: "http://kamianske.test", Poll: "http://kamianske.test/polls/1",
		Hosts:  map[string]string{"kamianske.test:80": address},
		People: []person{{"olena@example.org", "зелений"}, {"petro@example.org", "жовтий"}},
		Hidden: []string{"1 234"},
		Looks:  1,
	}
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'")
	email := ""
	if cookie, err := r.Cookie("who"); err == nil {
		email = cookie.Value
	}
	switch r.URL.Path {
	case "/style.css":
		w.Header().Set("Content-Type", "text/css")
		_, _ = w.Write([]byte(fakeStyle))
	case "/favicon.ico", "/logo.png":
		w.WriteHeader(http.StatusNoContent)
	case "/sign-in":
		if r.Method == http.MethodPost {
			http.SetCookie(w, &http.Cookie{Name: "who", Value: r.FormValue("email"), Path: "/"})
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		show(w, fakeView{Title: "Вхід", SignIn: true})
	case "/polls/1":
		f.poll(w, r, email)
	default:
		show(w, fakeView{Title: "Віче · Кам’янське", Email: email})
	}
}

func (f *fake) poll(w http.ResponseWriter, r *http.Request, email string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.votes[email]
	notice := ""
	if choice := r.FormValue("choice"); r.Method == http.MethodPost && slices.Contains(fakeOptions, choice) {
		f.votes[email] = choice
		notice = "Дякуємо, ваш голос враховано."
		if before != "" {
			notice = "Новий голос враховано, попередній знято."
		}
	}
	v := fakeView{Title: "Опитування", Email: email, Notice: notice, Faulty: f.faulty}
	switch {
	case f.votes[email] != "":
		v.Button, v.Options, v.Results = "Змінити голос", fakeOptions, true
	case email != "":
		v.Button, v.Options, v.Notice = "Проголосувати", fakeOptions, "Результати відкриються після вашої відповіді."
	}
	show(w, v)
}

func show(w http.ResponseWriter, v fakeView) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = fakePage.Execute(w, v)
}

// TestJourneyPassesSoundPages and its opposite say what a failure on the
// city's own pages is worth.
func TestJourneyPassesSoundPages(t *testing.T) {
	s := startFake(t, false)
	s.Visits = []visit{{Name: "stranger", Pages: map[string]string{"home": "/"}}}
	r := walk(t, "sound", s)
	checkWalk(t, s, r)
	for _, run := range r.Runs[:2] {
		if run.Voted != "Так" || run.Changed != "Ні" {
			t.Errorf("voted %q, changed to %q, want Так, Ні", run.Voted, run.Changed)
		}
	}
}

func TestJourneyFindsFaults(t *testing.T) {
	r := walk(t, "faulty", startFake(t, true))
	for _, run := range r.Runs {
		want := []string{"poll-open: tells 1 234 before the vote", "poll-open: tells a share in per cent before the vote"}
		if run.JavaScript {
			want = append(want, "poll-open: axe image-alt")
		}
		for _, fault := range want {
			if !slices.ContainsFunc(run.Problems, func(p string) bool { return strings.HasPrefix(p, fault) }) {
				t.Errorf("%s: %q is not among the problems:\n%s", run.Name, fault, strings.Join(run.Problems, "\n"))
			}
		}
	}
}
