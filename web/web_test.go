package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

func messages(t testing.TB, more ...fs.FS) *locale.Bundle {
	t.Helper()
	b, err := locale.New(append([]fs.FS{web.Files}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// open makes a site with the gallery as its one module.
func open(t testing.TB, change func(*web.Options)) *web.Site {
	t.Helper()
	gallery := os.DirFS("testdata/gallery")
	o := web.Options{
		Base: "http://kamianske.test", InstanceName: "Віче · Кам’янське", Territory: "Кам’янське",
		Operator: "ГО «Сила Громади міста Кам’янське»", Source: "https://example.org/viche", Demo: true,
		Locale:  messages(t, gallery),
		Modules: []web.Pages{{Name: "gallery", Files: gallery}},
	}
	if change != nil {
		change(&o)
	}
	s, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type galleryView struct {
	Crumbs  []web.Crumb
	At      time.Time
	Errors  web.FormErrors
	Options []web.Choice
	Title   string
	Bars    web.Bars
	Steps   []web.Step
	Facts   []web.Fact
	Cards   []card
}

type card struct {
	Title, State string
	Votes        int
	At           time.Time
}

func example(wrong bool) galleryView {
	at := time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)
	v := galleryView{
		At:     at,
		Title:  "Нічний автобус",
		Crumbs: []web.Crumb{{Text: "Опитування", Href: "/polls"}, {Text: "Нічний автобус"}},
		Options: []web.Choice{
			{Value: "yes", Label: "Так, щодня", Hint: "Двічі на годину до 24:00."},
			{Value: "weekend", Label: "Лише у вихідні", Checked: !wrong},
			{Value: "no", Label: "Ні"},
			{Value: "hard", Label: "Важко відповісти"},
		},
		Bars: web.NewBars("Проміжний підсумок станом на 14:00, голоси підтверджених мешканців", "Варіант відповіді", 412,
			web.Bar{Label: "Так, щодня", Count: 231}, web.Bar{Label: "Лише у вихідні", Count: 120, Mine: true},
			web.Bar{Label: "Ні, краще полагодити зупинки й освітлення на тих маршрутах, що вже є", Count: 41}, web.Bar{Label: "Важко відповісти", Count: 20}),
		Steps: []web.Step{
			{Title: "Електронна пошта", State: "done"}, {Title: "Особа", Text: "КЕП, Дія.Підпис або особисто.", Href: "/verify", State: "current"},
			{Title: "Місце проживання", State: "todo"}},
		Facts: []web.Fact{{Term: "Автор", Text: "Олена Зразкова", Href: "/@olena"}, {Term: "Територія", Text: "місто Кам’янське"}, {Term: "Сфера", Text: "Транспорт"}},
		Cards: []card{{"Чи потрібен нічний автобус до лікарні?", "Триває", 412, at}, {"Що робити з пустим кінотеатром на проспекті?", "Триває", 1, at}},
	}
	v.Bars.Note = "Відсотки – від тих, хто відповів."
	if wrong {
		v.Errors.Add("answer", "gallery.missing")
		v.Errors.Add("title", "gallery.title-long", "Max", 200)
	}
	return v
}

func serve(t testing.TB, s *web.Site) http.Handler {
	t.Helper()
	r := s.Router()
	r.Get("/gallery", func(w http.ResponseWriter, r *http.Request) { s.Render(w, r, 200, "gallery/gallery", example(false)) })
	r.Get("/wrong", func(w http.ResponseWriter, r *http.Request) { s.Render(w, r, 422, "gallery/gallery", example(true)) })
	r.Post("/gallery", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			s.Error(w, r, err)
			return
		}
		s.Flash(w, "gallery.done", "Code", "K7-42")
		web.Redirect303(w, r, "/gallery")
	})
	r.Get("/panic", func(http.ResponseWriter, *http.Request) { panic("secret of the inside") })
	r.Get("/polls/{id}/ballot", func(http.ResponseWriter, *http.Request) { panic("my answer is yes") })
	r.Post("/users/{handle}/inbox", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(202) })
	r.Post("/api/v1/statuses", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })
	r.Get("/error", func(w http.ResponseWriter, r *http.Request) {
		kinds := map[string]error{"found": store.ErrNotFound, "denied": fmt.Errorf("look: %w", store.ErrDenied), "exists": store.ErrExists,
			"invalid": store.Invalid("x", "y"), "busy": store.ErrUnavailable, "many": web.ErrTooMany, "other": errors.New("wrong table name")}
		s.Error(w, r, kinds[r.URL.Query().Get("kind")])
	})
	return r
}

func get(h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	return send(h, "GET", path, "", headers...)
}

func send(h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://kamianske.test"+path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestEveryPartShowsInBothLanguages(t *testing.T) {
	t.Parallel()
	h := serve(t, open(t, nil))
	for _, c := range []struct {
		path string
		want []string
	}{
		{"/gallery", []string{`<html lang="uk">`, "Усе, з чого складають сторінки – Віче · Кам’янське</title>", "Демонстраційні дані", "412 голосів", "1 голос",
			`width="56.07"`, "найбільше голосів", "ваша відповідь", "Участь: 412 із 5\u00a0310 (7,8\u00a0%)", "23\u00a0листопада 2026\u00a0р., 18:00",
			"Модерує: ГО «Сила Громади міста Кам’янське»", `href="/gallery?lang=en"`, `value="weekend" checked`}},
		{"/gallery?lang=en", []string{`<html lang="en">`, "412 votes", "1 vote", "most votes", "Moderated by:", "23\u00a0November 2026, 18:00", "7.8%"}},
		{"/wrong", []string{"<title>Помилка: ", "Залишилося виправити: 2.", `href="#answer"`, `id="answer-error"`, `aria-invalid="true"`, "щонайбільше 200 літер", `aria-describedby="title-hint title-error"`}},
		{"/", []string{"Тут громада радиться", `href="/sign-in"`}},
		{"/charter", []string{"Голос не продається"}},
		{"/charter?lang=en", []string{"A vote is not for sale"}},
		{"/how-we-count", []string{"<strong>Кожен підтверджений мешканець має один голос", "Через 60 днів після завершення", "менше ніж 10 людей", "Чого ми не обіцяємо"}},
		{"/how-we-count?lang=en", []string{"What we never claim", "60 days after the close"}},
	} {
		body := get(h, c.path).Body.String()
		for _, want := range c.want {
			if !strings.Contains(body, want) {
				t.Errorf("GET %s lacks %q", c.path, want)
			}
		}
		if strings.Contains(body, "<no value>") || strings.Contains(body, "ZgotmplZ") {
			t.Errorf("GET %s shows a value that is not there", c.path)
		}
	}
}

func TestPagesNeedNoInlineCode(t *testing.T) {
	t.Parallel()
	h := serve(t, open(t, nil))
	w := get(h, "/gallery")
	policy := w.Header().Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("Content-Security-Policy = %q, want default-src 'none' and nothing unsafe", policy)
	}
	if found := regexp.MustCompile(`(?i)<script|<style| style=| on[a-z]+=|javascript:`).FindString(w.Body.String()); found != "" {
		t.Errorf("the page holds %q, which the policy forbids", found)
	}
	for header, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY"} {
		if got := w.Header().Get(header); got != want {
			t.Errorf("%s = %q, want %q", header, got, want)
		}
	}
}

func TestFormsFromOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	h := serve(t, open(t, nil))
	cross := []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.test"}
	for _, c := range []struct {
		path    string
		headers []string
		want    int
	}{
		{"/gallery", cross, 403},
		{"/gallery", []string{"Origin", "https://evil.test"}, 403},
		{"/gallery", []string{"Sec-Fetch-Site", "same-origin"}, 303},
		{"/gallery", []string{"Origin", "http://kamianske.test"}, 303},
		{"/api/v1/statuses", cross, 403},
		{"/api/v1/statuses", append([]string{"Authorization", "Bearer abc"}, cross...), 204},
		{"/users/olena/inbox", cross, 202},
	} {
		if got := send(h, "POST", c.path, "x=1", c.headers...).Code; got != c.want {
			t.Errorf("POST %s %v = %d, want %d", c.path, c.headers, got, c.want)
		}
	}
}

func TestErrorKindsHaveOneStatusEach(t *testing.T) {
	t.Parallel()
	h := serve(t, open(t, nil))
	code := regexp.MustCompile(`[A-Z2-7]{8}`)
	for kind, want := range map[string]int{"found": 404, "denied": 404, "exists": 409, "invalid": 422, "busy": 503, "many": 429, "other": 500} {
		w := get(h, "/error?kind="+kind)
		if w.Code != want {
			t.Errorf("error %s = %d, want %d", kind, w.Code, want)
		}
		if strings.Contains(w.Body.String(), "table name") {
			t.Errorf("error %s tells strangers about our inside", kind)
		}
		if showsCode := code.MatchString(w.Body.String()); showsCode != (want == 500 || want == 503) {
			t.Errorf("error %s shows a code: %v", kind, showsCode)
		}
	}
	lost, hidden := get(h, "/error?kind=found").Body.String(), get(h, "/error?kind=denied").Body.String()
	if strings.ReplaceAll(lost, "kind=found", "") != strings.ReplaceAll(hidden, "kind=denied", "") {
		t.Error("not found and not allowed can be told apart")
	}
	if w := get(h, "/nowhere"); w.Code != 404 || !strings.Contains(w.Body.String(), "Такої сторінки немає.") || strings.Contains(w.Body.String(), `class="button" href="/search"`) {
		t.Errorf("GET /nowhere = %d without its words, or with a search that does not exist", w.Code)
	}
	if w := get(h, "/api/v1/nowhere"); w.Code != 404 || strings.TrimSpace(w.Body.String()) != `{"error":"Такої сторінки немає."}` {
		t.Errorf("GET /api/v1/nowhere = %d %s, want JSON", w.Code, w.Body)
	}
	if w := send(h, "POST", "/gallery", strings.Repeat("x", 1<<20+1)); w.Code != 413 {
		t.Errorf("a body over the limit = %d, want 413", w.Code)
	}
	if w := get(h, "/charter/?lang=en"); w.Code != 301 || w.Header().Get("Location") != "/charter?lang=en" {
		t.Errorf("GET /charter/ = %d to %q", w.Code, w.Header().Get("Location"))
	}
	if w := get(h, "//evil.test/"); w.Header().Get("Location") == "//evil.test" {
		t.Error("a slash at the end leads to another site")
	}
	if w := send(h, "HEAD", "/charter", ""); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("HEAD /charter = %d with %d bytes", w.Code, w.Body.Len())
	}
	if w := send(h, "DELETE", "/gallery", ""); w.Code != 405 {
		t.Errorf("DELETE /gallery = %d, want 405", w.Code)
	}
}

func TestBallotRoutesLeaveNoTrace(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := serve(t, open(t, func(o *web.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) }))
	if w := get(h, "/polls/7/ballot"); w.Code != 500 {
		t.Errorf("a panic = %d, want 500", w.Code)
	}
	if strings.Contains(log.String(), "answer is yes") || strings.Contains(log.String(), "request answered") {
		t.Errorf("a ballot was logged: %s", log.String())
	}
	log.Reset()
	get(h, "/gallery?secret=1")
	if got := log.String(); !strings.Contains(got, "route=/gallery") || strings.Contains(got, "secret") {
		t.Errorf("the log of a page = %s, want its route and no query", got)
	}
	for path, want := range map[string]bool{
		"/polls/7/ballot": true, "/polls/7/ballot/check": true, "/api/viche/v1/polls/7/ballot": true, "/api/v1/polls/7/votes": true,
		"/polls/7": false, "/polls/ballot": false, "/ideas/7/ballot": false, "/ideas/7/rating": true,
	} {
		if got := web.Ballot(path); got != want {
			t.Errorf("Ballot(%s) = %v, want %v", path, got, want)
		}
	}
}

func TestLanguageIsAskedChosenAndKept(t *testing.T) {
	t.Parallel()
	h := serve(t, open(t, nil))
	lang := regexp.MustCompile(`<html lang="(..)">`)
	for _, c := range []struct {
		path    string
		headers []string
		want    string
	}{
		{"/", nil, "uk"},
		{"/", []string{"Accept-Language", "en-GB,en;q=0.9"}, "en"},
		{"/", []string{"Accept-Language", "de,pl;q=0.8"}, "uk"},
		{"/", []string{"Accept-Language", "en", "Cookie", "viche-lang=uk"}, "uk"},
		{"/?lang=en", []string{"Cookie", "viche-lang=uk"}, "en"},
		{"/?lang=xx", nil, "uk"},
		{"/nowhere", []string{"Accept-Language", "en"}, "en"},
	} {
		found := lang.FindStringSubmatch(get(h, c.path, c.headers...).Body.String())
		if len(found) != 2 || found[1] != c.want {
			t.Errorf("GET %s %v is in %v, want %s", c.path, c.headers, found, c.want)
		}
	}
	if got := get(h, "/?lang=en").Header().Get("Set-Cookie"); !strings.HasPrefix(got, "viche-lang=en;") {
		t.Errorf("?lang=en sets %q", got)
	}
}

func TestNegotiation(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]web.Kind{
		"":    web.HTML,
		"*/*": web.HTML,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8":      web.HTML,
		"application/activity+json":                                            web.ActivityPub,
		`application/ld+json; profile="https://www.w3.org/ns/activitystreams"`: web.ActivityPub,
		"application/activity+json, application/ld+json, text/html;q=0.1":      web.ActivityPub,
		"text/html, application/activity+json;q=0.5":                           web.HTML,
		"application/json":         web.JSON,
		"application/json;q=x, ;;": web.HTML,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", accept)
		if got := web.Negotiate(r); got != want {
			t.Errorf("Negotiate(%q) = %v, want %v", accept, got, want)
		}
	}
}

func TestFlashIsShownOnce(t *testing.T) {
	t.Parallel()
	h := serve(t, open(t, nil))
	w := send(h, "POST", "/gallery", "")
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	if w.Code != 303 || w.Header().Get("Location") != "/gallery" || cookie == "" {
		t.Fatalf("POST = %d to %q with cookie %q", w.Code, w.Header().Get("Location"), cookie)
	}
	next := get(h, "/gallery", "Cookie", cookie)
	if !strings.Contains(next.Body.String(), "Контрольний код: K7-42") {
		t.Error("the next page does not show the message")
	}
	if got := next.Header().Get("Set-Cookie"); !strings.Contains(got, "Max-Age=0") {
		t.Errorf("the cookie is not removed: %q", got)
	}
	forged := get(h, "/gallery", "Cookie", "viche-flash=eyJrIjoibm8uc3VjaCJ9") // {"k":"no.such"}
	if forged.Code != 200 || strings.Contains(forged.Body.String(), "no.such") {
		t.Error("a cookie can make the page say something that is not a message of ours")
	}
}

func TestRedirectsStayHere(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/polls/1?x=1#a": "/polls/1?x=1#a", "//evil.test": "/", "https://evil.test": "/", `/\evil.test`: "/", "polls": "/", "": "/",
		"/\t/evil.test": "/", "javascript:alert(1)": "/",
	} {
		if got := web.LocalPath(path); got != want {
			t.Errorf("LocalPath(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestStaticFilesAreKeptForEver(t *testing.T) {
	t.Parallel()
	h := serve(t, open(t, nil))
	home := get(h, "/").Body.String()
	style := regexp.MustCompile(`/static/style\.[0-9a-f]{12}\.css`).FindString(home)
	font := regexp.MustCompile(`/static/vendor/[^"]*\.woff2`).FindString(home)
	for _, path := range []string{style, font} {
		w := get(h, path)
		if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("ETag") == "" {
			t.Errorf("GET %q = %d, %q, ETag %q", path, w.Code, w.Header().Get("Cache-Control"), w.Header().Get("ETag"))
		}
		if again := get(h, path, "If-None-Match", w.Header().Get("ETag")); again.Code != 304 || again.Body.Len() != 0 {
			t.Errorf("GET %q again = %d with %d bytes, want 304 and none", path, again.Code, again.Body.Len())
		}
	}
	packed := get(h, style, "Accept-Encoding", "br, gzip")
	if packed.Header().Get("Content-Encoding") != "gzip" || packed.Body.Len() >= get(h, style).Body.Len() {
		t.Error("the stylesheet does not come packed")
	}
	if w := get(h, "/static/vendor/inter-5.3.0/LICENSE"); w.Code != 404 {
		t.Errorf("a file that is not meant for browsers = %d, want 404", w.Code)
	}
}

// The first visit on a phone must stay small: people pay for it, and the mobile
// network is slow when the power is out.
func TestFirstPageIsSmall(t *testing.T) {
	t.Parallel()
	h := serve(t, open(t, nil))
	total := 0
	page := get(h, "/gallery", "Accept-Encoding", "gzip")
	total += page.Body.Len()
	for _, path := range regexp.MustCompile(`/static/[^"#]*\.(css|svg)`).FindAllString(get(h, "/gallery").Body.String(), -1) {
		if !strings.Contains(path, "icons") {
			total += get(h, path, "Accept-Encoding", "gzip").Body.Len()
		}
	}
	icons := regexp.MustCompile(`/static/[^"#]*icons[^"#]*\.svg`).FindString(get(h, "/gallery").Body.String())
	total += get(h, icons, "Accept-Encoding", "gzip").Body.Len()
	if total > 60_000 {
		t.Errorf("the first page weighs %d bytes besides the font, want at most 60000", total)
	}
}

func TestFaultyPagesAreFoundAtBoot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ page, want string }{
		{`{{define "title"}}x{{end}}{{define "main"}}{{t "no.such.key"}}{{end}}`, `unknown message "no.such.key"`},
		{`{{define "title"}}x{{end}}{{define "main"}}{{template "badge" dict "Text" (t "no.nested")}}{{end}}`, `unknown message "no.nested"`},
		{`{{define "title"}}x{{end}}`, `defines no "main"`},
		{`{{define "main"}}x{{end}}`, `defines no "title"`},
		{`{{define "title"}}`, "page.html"},
	} {
		_, err := web.New(web.Options{Base: "http://a.test", Locale: messages(t),
			Modules: []web.Pages{{Name: "m", Files: fstest.MapFS{"templates/page.html": {Data: []byte(c.page)}}}}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New with page %s = %v, want an error with %q", c.page, err, c.want)
		}
	}
}

func TestFormErrorsKeepTheFirstOfAField(t *testing.T) {
	t.Parallel()
	var e web.FormErrors
	if e.Any() || e.For("title") != nil {
		t.Error("the zero value has errors")
	}
	e.Add("title", "first")
	e.Add("title", "second")
	if !e.Take(fmt.Errorf("save: %w", store.Invalid("text", "long", "Max", 5))) || e.Take(store.ErrDenied) {
		t.Error("Take wants errors that name a field, and no others")
	}
	if e.Len() != 2 || e.For("title").Key != "first" || e.For("text").Args[1] != 5 {
		t.Errorf("errors = %+v", e.List())
	}
}

func TestBarsMarkOneLeader(t *testing.T) {
	t.Parallel()
	tie := web.NewBars("", "", 10, web.Bar{Count: 5}, web.Bar{Count: 5})
	if tie.Rows[0].Leads || tie.Rows[1].Leads {
		t.Error("a tie has a leader")
	}
	b := web.NewBars("", "", 10, web.Bar{Count: 2}, web.Bar{Count: 8})
	if b.Rows[0].Leads || !b.Rows[1].Leads || b.Width(8) != "80.00" || b.Width(0) != "0" || (web.Bars{}).Width(3) != "0" {
		t.Errorf("bars = %+v", b)
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		open(b, nil)
	}
}

func BenchmarkPage(b *testing.B) {
	h := serve(b, open(b, nil))
	for b.Loop() {
		get(h, "/gallery")
	}
}

// TestPreview serves the gallery of parts for somebody who looks at them:
//
//	VICHE_PREVIEW=:8099 go test ./web -run TestPreview -timeout 1h
func TestPreview(t *testing.T) {
	address := os.Getenv("VICHE_PREVIEW")
	if address == "" {
		t.Skip("VICHE_PREVIEW is not set: nobody wants to look")
	}
	s := open(t, func(o *web.Options) {
		o.Nav = append(append([]web.Link{}, web.DefaultNav...), web.Link{Path: "/charter", Key: "web.nav.charter"},
			web.Link{Path: "/", Key: "web.home.title"}, web.Link{Path: "/gallery", Key: "gallery.title", Icon: "layout-grid"})
	})
	server := &http.Server{Addr: address, Handler: serve(t, s)}
	time.AfterFunc(50*time.Minute, func() { _ = server.Shutdown(context.Background()) })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		t.Fatal(err)
	}
}
