package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"viche/internal/store"
	"viche/internal/store/storetest"
	"viche/web"
)

// signedIn is a site with one account, 7, whose credentials are of a generation
// that a test can move on.
type signedIn struct {
	h          http.Handler
	s          *web.Site
	db         *store.DB
	now        atomic.Int64
	generation atomic.Int64
}

func openSessions(t *testing.T, dsn, base string) *signedIn {
	c := &signedIn{}
	c.now.Store(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixMilli())
	c.generation.Store(1)
	c.db = storetest.Open(t, dsn, store.Options{Clock: func() time.Time { return time.UnixMilli(c.now.Load()) }})
	c.s = open(t, func(o *web.Options) {
		o.Base, o.DB = base, c.db
		o.LoadViewer = func(_ context.Context, account int64, generation int) (*web.Viewer, error) {
			if account != 7 || int64(generation) != c.generation.Load() {
				return nil, store.ErrNotFound
			}
			return &web.Viewer{AccountID: 7, Handle: "olena", Name: "Олена Зразкова", Lang: "en", Roles: []web.Role{{"moderator", "ecology"}}}, nil
		}
	})
	r := c.s.Router()
	r.Post("/sign-in", func(w http.ResponseWriter, r *http.Request) {
		if err := c.s.SignIn(r.Context(), w, r, 7, 1); err != nil {
			c.s.Error(w, r, err)
		}
	})
	r.Post("/sign-out", func(w http.ResponseWriter, r *http.Request) {
		if err := c.s.SignOut(r.Context(), w, r); err != nil {
			c.s.Error(w, r, err)
		}
	})
	who := func(w http.ResponseWriter, r *http.Request) {
		if v := web.ViewerOf(r); v != nil {
			_, _ = w.Write([]byte(v.Handle))
		}
	}
	r.Get("/who", who)
	r.Get("/polls/{id}/ballot", who)
	r.Post("/users/{handle}/inbox", who)
	r.With(c.s.SignedIn).Get("/me", who)
	c.h = r
	return c
}

func (c *signedIn) signIn(t *testing.T, headers ...string) string {
	t.Helper()
	w := send(c.h, "POST", "/sign-in", "", headers...)
	cookie := w.Header().Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Fatalf("sign-in sets %q, without %s", cookie, want)
		}
	}
	value, _, _ := strings.Cut(cookie, ";")
	return value
}

func (c *signedIn) who(cookie string) string { return get(c.h, "/who", "Cookie", cookie).Body.String() }

func (c *signedIn) row(t *testing.T, column string) (n int64) {
	t.Helper()
	if err := c.db.ReadBound().Row(context.Background(), []any{&n}, "select "+column+" from sessions"); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSessionsBeginAndEnd(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		c := openSessions(t, dsn, "http://kamianske.test")
		first := c.signIn(t)
		if got := c.who(first); got != "olena" {
			t.Fatalf("who with the cookie = %q, want olena", got)
		}
		if got := c.who("viche-session=" + strings.Repeat("A", 43)); got != "" {
			t.Errorf("who with a guessed cookie = %q", got)
		}
		second := c.signIn(t, "Cookie", first)
		if c.who(first) != "" || c.who(second) != "olena" {
			t.Error("signing in again leaves the old session open")
		}
		send(c.h, "POST", "/sign-out", "", "Cookie", second)
		if c.who(second) != "" || c.row(t, "count(*)") != 0 {
			t.Error("signing out leaves the session open")
		}
		third := c.signIn(t)
		err := c.db.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error { return web.EndSessions(ctx, tx, 7) })
		if err != nil || c.who(third) != "" {
			t.Errorf("EndSessions = %v leaves a session open", err)
		}
	})
}

func TestStoredSessionOpensNothing(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		c := openSessions(t, dsn, "http://kamianske.test")
		_, value, _ := strings.Cut(c.signIn(t), "=")
		var stored []byte
		if err := c.db.ReadBound().Row(context.Background(), []any{&stored}, "select token from sessions"); err != nil {
			t.Fatal(err)
		}
		if len(stored) != 32 || strings.Contains(string(stored), value) {
			t.Errorf("the table holds %x for the cookie %s, want a hash", stored, value)
		}
	})
}

func TestSessionIsMarkedOnceADayAndNeverBesideABallot(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		c := openSessions(t, dsn, "http://kamianske.test")
		cookie := c.signIn(t)
		before := c.row(t, "used")
		if before%(24*time.Hour.Milliseconds()) != 0 {
			t.Errorf("used = %d tells more than the day", before)
		}
		c.now.Add(time.Hour.Milliseconds())
		c.who(cookie)
		if got := c.row(t, "used"); got != before {
			t.Error("a second page on the same day writes to the session")
		}
		c.now.Add((48 * time.Hour).Milliseconds())
		if got := get(c.h, "/polls/7/ballot", "Cookie", cookie).Body.String(); got != "olena" || c.row(t, "used") != before {
			t.Errorf("a ballot page knows %q and marks the session: %v", got, c.row(t, "used") != before)
		}
		c.who(cookie)
		if got := c.row(t, "used"); got <= before {
			t.Error("a page on a later day does not prolong the session")
		}
		c.now.Add((31 * 24 * time.Hour).Milliseconds())
		if got := c.who(cookie); got != "" {
			t.Errorf("after 31 idle days who = %q, want nobody", got)
		}
		if err := c.s.SweepSessions(context.Background()); err != nil || c.row(t, "count(*)") != 0 {
			t.Errorf("SweepSessions = %v and leaves an expired session", err)
		}
	})
}

func TestSessionEndsWithItsCredentials(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		c := openSessions(t, dsn, "http://kamianske.test")
		cookie := c.signIn(t)
		c.generation.Store(2)
		if got := c.who(cookie); got != "" || c.row(t, "count(*)") != 0 {
			t.Errorf("after a reset the old session is %q", got)
		}
	})
}

func TestViewerInTheFrame(t *testing.T) {
	t.Parallel()
	storetest.EachDSN(t, func(t *testing.T, dsn string) {
		c := openSessions(t, dsn, "https://kamianske.test")
		cookie := c.signIn(t)
		if !strings.HasPrefix(cookie, "__Host-viche-session=") {
			t.Errorf("on https the cookie is %q, want __Host-", cookie)
		}
		home := get(c.h, "/", "Cookie", cookie)
		body := home.Body.String()
		if !strings.Contains(body, "Олена Зразкова") || !strings.Contains(body, `<html lang="en">`) || !strings.Contains(body, "Sign out") {
			t.Error("the frame does not know the viewer, or not in her language")
		}
		if got := home.Header().Get("Cache-Control"); got != "private, no-store" {
			t.Errorf("a signed-in page has Cache-Control %q", got)
		}
		if got := send(c.h, "POST", "/users/olena/inbox", "", "Cookie", cookie).Body.String(); got != "" {
			t.Errorf("an inbox listens to the cookie of %q", got)
		}
	})
}

func TestNobodyIsAskedToSignIn(t *testing.T) {
	t.Parallel()
	c := openSessions(t, storetest.SQLite(t), "http://kamianske.test")
	if w := get(c.h, "/me?tab=votes"); w.Code != 303 || w.Header().Get("Location") != "/sign-in?next=%2Fme%3Ftab%3Dvotes" {
		t.Errorf("GET /me = %d to %q", w.Code, w.Header().Get("Location"))
	}
	if w := get(c.h, "/me", "Accept", "application/json"); w.Code != 401 {
		t.Errorf("GET /me as JSON = %d, want 401", w.Code)
	}
	if got := get(c.h, "/me", "Cookie", c.signIn(t)).Body.String(); got != "olena" {
		t.Errorf("GET /me signed in = %q", got)
	}
}

func TestRolesHoldWithinTheirScope(t *testing.T) {
	t.Parallel()
	var nobody *web.Viewer
	v := &web.Viewer{Roles: []web.Role{{"moderator", "ecology"}, {"coordinator", ""}}}
	for _, c := range []struct{ got, want bool }{
		{nobody.Has("moderator", "ecology"), false}, {v.Has("moderator", "ecology"), true}, {v.Has("moderator", "it"), false},
		{v.Has("moderator", ""), false}, {v.Has("coordinator", "it"), true}, {v.Has("coordinator", ""), true},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
	r := web.WithViewer(httptest.NewRequest("GET", "/", nil), v)
	if web.ViewerOf(r) != v {
		t.Error("WithViewer is not seen by ViewerOf")
	}
}
