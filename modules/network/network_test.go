package network_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/internal/store/storetest"
	"viche/modules/network"
	"viche/web"
)

const base = "https://lviv.test"

// plain seals nothing: the keys of a test are nobody's.
type plain struct{}

func (plain) Seal(_ string, b []byte) ([]byte, error)   { return b, nil }
func (plain) Unseal(_ string, b []byte) ([]byte, error) { return b, nil }

// desk is the module on a site, without a network.
type desk struct {
	t      *testing.T
	db     *store.DB
	city   *federation.City
	router http.Handler
}

func open(t *testing.T, db *store.DB) *desk {
	t.Helper()
	book := actors.New(db, plain{}, base)
	if err := book.Found(t.Context(), "Львів"); err != nil {
		t.Fatal(err)
	}
	city := federation.New(federation.Options{DB: db, Book: book, Client: federation.NewClient(federation.ClientOptions{}), Base: base})
	words, err := locale.New(web.Files, network.Files)
	if err != nil {
		t.Fatal(err)
	}
	site, err := web.New(web.Options{
		Base: base, InstanceName: "Віче · Львів", Territory: "Львів", Locale: words, DB: db,
		Modules: []web.Pages{{Name: "network", Files: network.Files}},
	})
	if err != nil {
		t.Fatal(err)
	}
	router := site.Router()
	router.Group(func(r chi.Router) {
		r.Use(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				v := &web.Viewer{AccountID: 7, Handle: "olena", Lang: "en"}
				if role := r.Header.Get("Role"); role != "" {
					v.Roles = []web.Role{{Name: role}}
				}
				next.ServeHTTP(w, web.WithViewer(r, v))
			})
		})
		network.Module(site, network.Options{DB: db, Book: book, Federation: city}).Routes(r)
	})
	return &desk{t, db, city, router}
}

func (d *desk) ask(role, method, path string, form url.Values) (int, string) {
	d.t.Helper()
	r := httptest.NewRequest(method, base+path, strings.NewReader(form.Encode()))
	r.Header.Set("Role", role)
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Language", "en")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", base)
	}
	w := httptest.NewRecorder()
	d.router.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func (d *desk) count(query string) (n int) {
	d.t.Helper()
	if err := d.db.ReadBound().Row(d.t.Context(), []any{&n}, query); err != nil {
		d.t.Fatal(err)
	}
	return n
}

// TestOperatorParksAndRetries goes through what the page offers.
func TestOperatorParksAndRetries(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db)
		if status, page := d.ask("operator", http.MethodGet, "/desk/federation", nil); status != http.StatusOK || !strings.Contains(page, "The queue is empty") {
			t.Fatalf("an empty queue: %d\n%s", status, page)
		}
		d.publish()
		status, page := d.ask("operator", http.MethodGet, "/desk/federation", nil)
		if status != http.StatusOK || !strings.Contains(page, "far.test") || !strings.Contains(page, "answers") {
			t.Errorf("a queue of one: %d\n%s", status, page)
		}
		if status, _ := d.ask("operator", http.MethodPost, "/desk/federation", url.Values{"host": {"far.test"}, "do": {"park"}}); status != http.StatusSeeOther {
			t.Errorf("park: status %d, want 303", status)
		}
		if _, page := d.ask("operator", http.MethodGet, "/desk/federation", nil); !strings.Contains(page, "parked by the operator") {
			t.Errorf("a parked host is not shown so\n%s", page)
		}
		if n := d.count("select count(*) from hosts"); n != 1 {
			t.Errorf("%d hosts rest, want 1", n)
		}
		if status, _ := d.ask("operator", http.MethodPost, "/desk/federation", url.Values{"host": {"far.test"}, "do": {"retry"}}); status != http.StatusSeeOther {
			t.Errorf("retry: status %d, want 303", status)
		}
		if n := d.count("select count(*) from hosts"); n != 0 {
			t.Errorf("%d hosts rest after retry", n)
		}
		if n := d.count("select count(*) from acts where actor = '@olena' and subject = 'far.test'"); n != 2 {
			t.Errorf("%d acts are noted, want 2", n)
		}
	})
}

// TestOnlyTheOperator shows nobody else that there is such a page.
func TestOnlyTheOperator(t *testing.T) {
	t.Parallel()
	d := open(t, storetest.Open(t, storetest.SQLite(t), store.Options{}))
	for _, role := range []string{"", "moderator", "officer"} {
		for _, path := range []string{"/desk/federation", "/desk/federation/servers"} {
			if status, _ := d.ask(role, http.MethodGet, path, nil); status != http.StatusNotFound {
				t.Errorf("%s as %q: %d, want 404", path, role, status)
			}
			if status, _ := d.ask(role, http.MethodPost, path, url.Values{"host": {"far.test"}, "do": {"park"}}); status != http.StatusNotFound {
				t.Errorf("post %s as %q: %d, want 404", path, role, status)
			}
		}
	}
	if n := d.count("select count(*) from hosts"); n != 0 {
		t.Errorf("%d hosts were parked by others", n)
	}
}

// TestOperatorRules lays down rules, one by one and by a list, and takes one back.
func TestOperatorRules(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db)
		const path = "/desk/federation/servers"
		post := func(want int, form ...string) string {
			t.Helper()
			values := url.Values{}
			for i := 0; i < len(form); i += 2 {
				values.Set(form[i], form[i+1])
			}
			status, page := d.ask("operator", http.MethodPost, path, values)
			if status != want {
				t.Errorf("%v: status %d, want %d\n%s", form, status, want, page)
			}
			return page
		}
		if status, page := d.ask("operator", http.MethodGet, path, nil); status != http.StatusOK || !strings.Contains(page, "There are no rules") {
			t.Fatalf("no rules: %d\n%s", status, page)
		}
		post(http.StatusSeeOther, "do", "rule", "host", "Bad.example", "rule", "suspend", "reason", "spam")
		if page := post(http.StatusUnprocessableEntity, "do", "rule", "host", "bad.example", "rule", "suspend"); !strings.Contains(page, "Give the reason") {
			t.Errorf("a rule without a reason\n%s", page)
		}
		if page := post(http.StatusUnprocessableEntity, "do", "rule", "host", "a b", "rule", "limit", "reason", "x"); !strings.Contains(page, "not a server") {
			t.Errorf("a rule about no host\n%s", page)
		}
		if page := post(http.StatusUnprocessableEntity, "do", "rule", "host", "lviv.test", "rule", "limit", "reason", "x"); !strings.Contains(page, "our own") {
			t.Errorf("a rule about ourselves\n%s", page)
		}
		if page := post(http.StatusUnprocessableEntity, "do", "import", "list", "good.example\na b\n"); !strings.Contains(page, "line 2") {
			t.Errorf("a list with a bad line\n%s", page)
		}
		post(http.StatusSeeOther, "do", "import", "list", "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\nloud.example,silence,False,False,\"loud, very\",False\n")
		_, page := d.ask("operator", http.MethodGet, path, nil)
		for _, want := range []string{"bad.example", "shut out", "spam", "loud.example", "limited", "loud, very"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q\n%s", want, page)
			}
		}
		if strings.Contains(page, "good.example") {
			t.Error("half of a bad list was taken")
		}
		status, list := d.ask("operator", http.MethodGet, path+".csv", nil)
		if status != http.StatusOK || !strings.Contains(list, "bad.example,suspend") || !strings.Contains(list, `"loud, very"`) {
			t.Errorf("export: %d\n%s", status, list)
		}
		post(http.StatusSeeOther, "do", "drop", "host", "bad.example")
		if n := d.count("select count(*) from domains"); n != 1 {
			t.Errorf("%d rules are left, want 1", n)
		}
		if n := d.count("select count(*) from acts"); n != 3 {
			t.Errorf("%d acts are noted, want 3", n)
		}
	})
}

func (d *desk) publish() {
	d.t.Helper()
	err := d.db.Write(d.t.Context(), func(ctx context.Context, tx *store.Tx) error {
		news, err := d.city.Book.Own(ctx, tx, actors.News)
		if err != nil {
			return err
		}
		raw, err := ap.Envelope{ID: d.city.ActivityURI(), Actor: news.URI, To: []string{ap.Public}}.Announce("https://x.test/1")
		if err != nil {
			return err
		}
		return d.city.Publish(ctx, tx, news, raw, federation.Audience{Inboxes: []string{"https://far.test/inbox"}})
	})
	_, fanErr := d.city.FanOut(d.t.Context())
	if err := errors.Join(err, fanErr); err != nil {
		d.t.Fatal(err)
	}
}
