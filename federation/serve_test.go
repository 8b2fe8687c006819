package federation

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// ask is a question to a town's handler, without the network.
func ask(h http.Handler, target, accept string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func (c *town) handler() http.Handler {
	r := chi.NewRouter()
	r.Use(c.Negotiate)
	c.Routes(r)
	r.Get("/polls/{id}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page of a poll") })
	return r
}

func TestEveryActorIsFound(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, _ *fediverse, towns ...*town) {
		lviv := towns[0]
		lviv.Page = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "page of "+chi.URLParam(r, "handle"))
		})
		lviv.resident(t, "olena")
		h := lviv.handler()
		for resource, want := range map[string]string{
			"acct:olena@lviv.test":           "https://lviv.test/users/olena",
			"acct:Olena@LVIV.test":           "https://lviv.test/users/olena",
			"acct:@ecology@lviv.test":        "https://lviv.test/spheres/ecology",
			"acct:city@lviv.test":            "https://lviv.test/news",
			"acct:lviv.test@lviv.test":       "https://lviv.test/actor",
			"https://lviv.test/":             "https://lviv.test/actor",
			"https://lviv.test":              "https://lviv.test/actor",
			"https://lviv.test/@olena":       "https://lviv.test/users/olena",
			"https://lviv.test/users/olena":  "https://lviv.test/users/olena",
			"https://lviv.test/users/nobody": "",
			"acct:olena@kharkiv.test":        "",
			"acct:nobody@lviv.test":          "",
			"acct:olena":                     "",
			"https://kharkiv.test/@olena":    "",
			"nonsense":                       "",
		} {
			w := ask(h, "https://lviv.test/.well-known/webfinger?resource="+strings.ReplaceAll(resource, "@", "%40"), "")
			var jrd struct{ Links []link }
			_ = json.Unmarshal(w.Body.Bytes(), &jrd)
			got := ""
			if len(jrd.Links) > 0 {
				got = jrd.Links[0].Href
			}
			if got != want || want == "" && w.Code != http.StatusNotFound {
				t.Errorf("webfinger %s = %d %q, want %q", resource, w.Code, got, want)
			}
			if want == "" {
				continue
			}
			w = ask(h, want, acceptAP)
			a, err := ap.ParseActor(w.Body.Bytes())
			if err != nil || a.ID != want || len(a.Keys) != 1 || len(a.AssertionMethods) != 1 || a.SharedInbox != "https://lviv.test/inbox" ||
				!IsActivityType(w.Header().Get("Content-Type")) || w.Header().Get("Vary") != "Accept" {
				t.Errorf("%s = %d %+v, %v", want, w.Code, a, err)
			}
		}
		if w := ask(h, "https://lviv.test/@olena", acceptAP); !strings.Contains(w.Body.String(), `"id":"https://lviv.test/users/olena"`) {
			t.Errorf("/@olena for a server = %d %s", w.Code, w.Body)
		}
		const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
		if w := ask(h, "https://lviv.test/@olena", browser); w.Body.String() != "page of olena" || w.Header().Get("Vary") != "Accept" {
			t.Errorf("/@olena for people = %d %q", w.Code, w.Body)
		}
		if w := ask(h, "https://lviv.test/users/olena", browser); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "https://lviv.test/@olena" {
			t.Errorf("/users/olena for people = %d to %q", w.Code, w.Header().Get("Location"))
		}
		// FEP-2677 leads from NodeInfo to the server's actor.
		w := ask(h, "https://lviv.test/.well-known/nodeinfo", "")
		if !strings.Contains(w.Body.String(), `"https://www.w3.org/ns/activitystreams#Application"`) || !strings.Contains(w.Body.String(), "https://lviv.test/actor") {
			t.Errorf("nodeinfo links = %s", w.Body)
		}
		for version, status := range map[string]int{"2.0": 200, "2.1": 200, "3.0": 404} {
			w := ask(h, "https://lviv.test/nodeinfo/"+version, "")
			if w.Code != status || status == 200 && !strings.Contains(w.Body.String(), `"name":"viche"`) {
				t.Errorf("nodeinfo %s = %d %s", version, w.Code, w.Body)
			}
		}
		if w := ask(h, "https://lviv.test/.well-known/host-meta", ""); !strings.Contains(w.Body.String(), "https://lviv.test/.well-known/webfinger?resource={uri}") {
			t.Errorf("host-meta = %s", w.Body)
		}
	})
}

func TestObjectsAnswerUnderTheirIDs(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, _ *fediverse, towns ...*town) {
		lviv := towns[0]
		h := lviv.handler()
		const owner, poll, secret = "https://lviv.test/actor", "https://lviv.test/polls/1", "https://lviv.test/polls/2"
		raw := `{"id":"` + poll + `","type":"Question","to":["https://www.w3.org/ns/activitystreams#Public"],"n":1}`
		put := func(uri, raw, by string) error {
			return lviv.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				return lviv.Store(ctx, tx, uri, []byte(raw), "Question", by)
			})
		}
		if err := put(poll, raw, owner); err != nil {
			t.Fatal(err)
		}
		if err := put(secret, `{"id":"`+secret+`","type":"Question","to":["https://far.test/x"]}`, owner); err != nil {
			t.Fatal(err)
		}
		if err := put(poll, raw, "https://lviv.test/users/other"); err == nil {
			t.Error("another owner replaced the object")
		}
		if err := put(secret, raw, owner); err == nil {
			t.Error("an object was stored under another id")
		}
		for _, accept := range []string{acceptAP, "application/activity+json", "application/ld+json", "text/html;q=0.5, application/activity+json"} {
			w := ask(h, poll, accept)
			if w.Body.String() != raw || w.Header().Get("Vary") != "Accept" || w.Header().Get("Content-Type") != ap.ContentType {
				t.Errorf("%s with Accept %s = %d %s", poll, accept, w.Code, w.Body)
			}
		}
		for _, accept := range []string{"", "*/*", "text/html", "text/html, application/activity+json;q=0.5", "application/json"} {
			if w := ask(h, poll, accept); w.Body.String() != "page of a poll" {
				t.Errorf("%s with Accept %q = %s, want the page", poll, accept, w.Body)
			}
		}
		if w := ask(h, secret, acceptAP); strings.Contains(w.Body.String(), "far.test") {
			t.Errorf("what is not public was served: %s", w.Body)
		}
		lviv.write(t, func(ctx context.Context, tx *store.Tx) error { return lviv.Withdraw(ctx, tx, poll) })
		if w := ask(h, poll, acceptAP); w.Code != http.StatusGone || !strings.Contains(w.Body.String(), "Tombstone") {
			t.Errorf("a withdrawn object = %d %s", w.Code, w.Body)
		}
		if err := put(poll, raw, owner); err == nil {
			t.Error("a withdrawn object came back")
		}
	})
}

func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, _ *fediverse, towns ...*town) {
		lviv := towns[0]
		h := lviv.handler()
		for i := range pageSize + 5 {
			lviv.tell(t, i, Audience{})
		}
		page := func(address string) (items []any, next string) {
			w := ask(h, address, acceptAP)
			var doc struct {
				Next         string
				OrderedItems []any
			}
			if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
				t.Fatalf("%s: %v in %s", address, err, w.Body)
			}
			return doc.OrderedItems, doc.Next
		}
		if w := ask(h, "https://lviv.test/news/outbox", acceptAP); !strings.Contains(w.Body.String(), `"totalItems":45`) {
			t.Errorf("outbox = %s", w.Body)
		}
		first, next := page("https://lviv.test/news/outbox?before=0")
		second, end := page(next)
		if len(first) != pageSize || len(second) != 5 || end != "" {
			t.Errorf("pages of %d and %d, then %q; want %d and 5, then nothing", len(first), len(second), end, pageSize)
		}

		olena := lviv.resident(t, "olena")
		news, err := lviv.Book.Own(t.Context(), lviv.DB.Read(), actors.News)
		if err != nil {
			t.Fatal(err)
		}
		lviv.write(t, func(ctx context.Context, tx *store.Tx) error {
			remote, err := lviv.Book.Upsert(ctx, tx, actors.RemoteActor{URI: "https://far.test/u/1", Type: "Person", Inbox: "https://far.test/i"})
			if err != nil {
				return err
			}
			for _, a := range []actors.Actor{remote, olena} {
				if _, err := lviv.Book.Follow(ctx, tx, a.URI+"#f", a, news); err != nil {
					return err
				}
			}
			_, err = lviv.Book.Follow(ctx, tx, "https://far.test/f/2", remote, olena)
			return err
		})
		if items, _ := page("https://lviv.test/news/followers?before=0"); len(items) != 1 || items[0] != "https://far.test/u/1" {
			t.Errorf("followers of the news = %v, want the remote one and no resident", items)
		}
		if w := ask(h, "https://lviv.test/news/followers", acceptAP); !strings.Contains(w.Body.String(), `"totalItems":2`) {
			t.Errorf("followers of the news = %s", w.Body)
		}
		for _, address := range []string{"https://lviv.test/users/olena/followers?before=0", "https://lviv.test/users/olena/following?before=0"} {
			if w := ask(h, address, acceptAP); strings.Contains(w.Body.String(), "far.test") || strings.Contains(w.Body.String(), "/news\"") || !strings.Contains(w.Body.String(), `"totalItems":1`) {
				t.Errorf("%s = %s, want the number alone", address, w.Body)
			}
		}
	})
}
