package people_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"viche/actors"
	"viche/internal/keys"
	"viche/internal/locale"
	"viche/internal/notify"
	"viche/internal/store"
	"viche/internal/store/storetest"
	"viche/internal/territory"
	"viche/modules/people"
	"viche/web"
)

const (
	home  = "UA12040150010056523" // Kamianske
	raion = "UA12040000000032213"
)

// Valid tax numbers of nobody: the check digits were worked out from the weights.
const (
	taxA = "3184710691"
	taxB = "2935277360"
)

// town is one instance with its pages, on a database and a clock of its own.
type town struct {
	*people.People
	t    *testing.T
	db   *store.DB
	url  string
	log  *logBuffer
	dir  string
	move func(time.Duration)
}

// each runs f on a town on each database.
func each(t *testing.T, f func(t *testing.T, w *town), change ...func(*people.Options)) {
	storetest.EachDSN(t, func(t *testing.T, dsn string) { f(t, newTown(t, dsn, change...)) })
}

func newTown(t *testing.T, dsn string, change ...func(*people.Options)) *town {
	t.Helper()
	ctx := context.Background()
	w := &town{t: t, log: &logBuffer{}, dir: t.TempDir()}
	var mu sync.Mutex
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	w.move = func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.db = storetest.Open(t, dsn, store.Options{Log: log, Clock: clock})
	keyFile, err := keys.Create(filepath.Join(w.dir, "keys"), "city", now)
	check(t, err)
	check(t, territory.Seed(ctx, w.db))
	register, err := territory.Open(ctx, w.db)
	check(t, err)
	words, err := locale.New(web.Files, people.Files)
	check(t, err)

	t.Cleanup(func() {
		for line := range strings.Lines(w.log.String()) {
			if strings.Contains(line, "level=ERROR") {
				t.Errorf("logged: %s", line)
			}
		}
	})

	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handler.ServeHTTP(rw, r) }))
	t.Cleanup(server.Close)
	w.url = server.URL
	post, err := notify.Open(w.db, "", "viche@kamianske.test", log)
	check(t, err)
	o := people.Options{
		DB: w.db, Book: actors.New(w.db, keyFile, server.URL), Territories: register, Keys: keyFile,
		Post: post, Words: words, Log: log, Base: server.URL, Name: "Віче · Кам’янське", Home: home,
	}
	for _, f := range change {
		f(&o)
	}
	w.People = people.New(o)
	site, err := web.New(web.Options{
		Base: server.URL, InstanceName: o.Name, Territory: "Кам’янське", Locale: words, Log: log, DB: w.db,
		Modules: []web.Pages{{Name: "people", Files: people.Files}}, LoadViewer: w.LoadViewer,
	})
	check(t, err)
	router := site.Router()
	w.Module(site).Routes(router)
	router.Get("/@{handle}", w.Profile(site))
	handler = router
	return w
}

// logBuffer is a log that several goroutines write to.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// browser is one person with cookies.
type browser struct {
	t      *testing.T
	w      *town
	client *http.Client
}

func (w *town) browser() *browser {
	jar, err := cookiejar.New(nil)
	check(w.t, err)
	return &browser{w.t, w, &http.Client{Jar: jar}}
}

func (b *browser) get(path string) (int, string) {
	b.t.Helper()
	return b.read(b.client.Get(b.address(path)))
}

func (b *browser) post(path string, pairs ...string) (int, string) {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.read(b.client.PostForm(b.address(path), form))
}

func (b *browser) address(path string) string {
	if strings.HasPrefix(path, "http") {
		return path
	}
	return b.w.url + path
}

func (b *browser) read(res *http.Response, err error) (int, string) {
	b.t.Helper()
	check(b.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	check(b.t, err)
	page := string(body)
	if main := strings.Index(page, "<main"); main > 0 { // the frame says nothing about people
		page = page[:strings.Index(page, "<head>")] + page[main:strings.Index(page, "</main>")]
	}
	return res.StatusCode, page
}

const password = "дванадцять гусей летять"

// join signs up, follows the mailed link and signs in.
func (b *browser) join(handle string, more ...string) {
	b.t.Helper()
	form := append([]string{"kind", "resident", "handle", handle, "email", handle + "@example.org", "password", password, "age", "1", "charter", "1"}, more...)
	if status, page := b.post("/sign-up", form...); status != http.StatusOK {
		b.t.Fatalf("sign up %s: %d\n%s", handle, status, page)
	}
	link := b.w.lastLink("/confirm?token=")
	u, err := url.Parse(link)
	check(b.t, err)
	if status, _ := b.get(link); status != http.StatusOK {
		b.t.Fatalf("open %s: %d", link, status)
	}
	if status, page := b.post("/confirm", "token", u.Query().Get("token")); status != http.StatusOK || !strings.Contains(page, "Пошту підтверджено") {
		b.t.Fatalf("confirm: %d\n%s", status, page)
	}
	b.signIn(handle)
}

func (b *browser) signIn(handle string) {
	b.t.Helper()
	status, page := b.post("/sign-in", "email", handle+"@example.org", "password", password, "next", "/me")
	if status != http.StatusOK || !strings.Contains(page, "Моя сторінка") {
		b.t.Fatalf("sign in %s: %d\n%s", handle, status, page)
	}
}

// letters returns the texts of all letters, newest first.
func (w *town) letters() []string {
	w.t.Helper()
	var texts []string
	check(w.t, w.db.Read().NewRaw("select body_text from mails order by id desc").Scan(context.Background(), &texts))
	return texts
}

func (w *town) lastLink(path string) string {
	w.t.Helper()
	form := regexp.MustCompile(regexp.QuoteMeta(w.url+path) + `\S+`)
	for _, text := range w.letters() {
		if link := form.FindString(text); link != "" {
			return link
		}
	}
	w.t.Fatalf("no letter has a link to %s", path)
	return ""
}

// add makes a resident without the detour over the mail, and its viewer.
func (w *town) add(handle, role string) *web.Viewer {
	w.t.Helper()
	added, err := w.AddResident(context.Background(), people.NewResident{
		Handle: handle, Email: handle + "@example.org", PasswordHash: shared(), Role: role,
	})
	check(w.t, err)
	v, err := w.LoadViewer(context.Background(), added.Account, 0)
	check(w.t, err)
	return v
}

// shared is one hash of the tests' password: hashing is slow by design.
var shared = sync.OnceValue(func() string { return people.HashPassword(password) })

// ask makes a request for verification and returns its id.
func (w *town) ask(v *web.Viewer) int64 {
	w.t.Helper()
	check(w.t, w.RequestVerification(context.Background(), v.AccountID, home, "будь-коли"))
	var id int64
	check(w.t, w.db.Read().NewRaw("select id from verification_requests where account = ? and state = 'open'", v.AccountID).Scan(context.Background(), &id))
	return id
}

func (w *town) count(query string, args ...any) (n int) {
	w.t.Helper()
	check(w.t, w.db.Read().NewRaw(query, args...).Scan(context.Background(), &n))
	return n
}

func meeting(request int64, moderator *web.Viewer, code string) people.Meeting {
	return people.Meeting{Request: request, Moderator: moderator, Document: "id-card", Seen: true, Code: code, Territory: home, Reason: "Бачив документ і довідку про місце проживання"}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
