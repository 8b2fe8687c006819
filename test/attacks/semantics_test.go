package attacks

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"viche/federation/ap"
	"viche/internal/store"
	"viche/modules/blogs"
)

// A neighbour is a resident of the city under attack who writes and follows.
type neighbour struct {
	*world
	writer blogs.Writer
}

func (w *world) resident(handle string) *neighbour {
	w.t.Helper()
	name, _, _ := strings.Cut(w.town.Host, ".")
	r := w.n.Resident(name, handle, true)
	writer, err := r.Town.Blogs.Writer(w.t.Context(), r.Account)
	if err != nil {
		w.t.Fatal(err)
	}
	return &neighbour{w, writer}
}

func (n *neighbour) uri() string { return n.writer.Actor.URI }

// follows has the resident follow somebody elsewhere, who agrees.
func (n *neighbour) follows(a *actor) {
	n.t.Helper()
	n.asks(a)
	n.works(a.id+" accepts", n.from(a, n.activity("Accept", a, n.wish(a))), "follows")
}

// asks has the resident ask to follow somebody, who does not answer yet.
func (n *neighbour) asks(a *actor) {
	n.t.Helper()
	to, err := n.town.Federation.Actor(n.t.Context(), a.id)
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.town.Blogs.Follow(n.t.Context(), n.writer.Actor, to); err != nil {
		n.t.Fatal(err)
	}
	n.n.Settle()
}

// wish is the Follow that the resident has sent to somebody.
func (n *neighbour) wish(a *actor) map[string]any {
	n.t.Helper()
	var uri string
	if err := n.town.DB.ReadBound().Row(n.t.Context(), []any{&uri}, `
		select f.uri from follows f join actors a on a.id = f.followee
		where f.follower = ? and a.uri = ?`, n.writer.Actor.ID, a.id); err != nil {
		n.t.Fatalf("the wish to follow %s: %v", a.id, err)
	}
	return map[string]any{"id": uri, "type": "Follow", "actor": n.uri(), "object": a.id}
}

// following is "asked", "accepted" or "".
func (n *neighbour) following(a *actor) (state string) {
	n.t.Helper()
	rows := n.number("select count(*) from follows f join actors a on a.id = f.followee where f.follower = ? and a.uri = ?", n.writer.Actor.ID, a.id)
	if rows == 0 {
		return ""
	}
	if err := n.town.DB.ReadBound().Row(n.t.Context(), []any{&state}, "select f.state from follows f join actors a on a.id = f.followee where f.follower = ? and a.uri = ?", n.writer.Actor.ID, a.id); err != nil {
		n.t.Fatal(err)
	}
	return state
}

func (n *neighbour) says(d blogs.Draft) *blogs.Post {
	n.t.Helper()
	if d.Visibility == "" {
		d.Visibility = blogs.Public
	}
	p, err := n.town.Blogs.Publish(n.t.Context(), n.writer, d)
	if err != nil {
		n.t.Fatalf("says %q: %v", d.Text, err)
	}
	n.n.Settle()
	return p
}

// post is what the city has of a post, nil if nothing.
func (w *world) post(uri string) *blogs.Post {
	w.t.Helper()
	p, err := w.town.Blogs.ByURI(w.t.Context(), w.town.DB.Read(), uri)
	if err != nil {
		return nil
	}
	return p
}

// 57: an Accept of a Follow that was never sent, or by somebody else.
func TestAttack57AcceptNobodyAskedFor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.known()
		w.works("the good one is known", w.from(w.good, w.follow(w.good)), "follows")
		ira := w.resident("ira")
		ira.asks(w.good)
		wish := ira.wish(w.good)
		other := w.peer.person("https://good.test/users/other")
		w.works("a neighbour of the good one is known", w.from(other, w.follow(other)), "follows")
		for name, q := range map[string]*request{
			"by somebody else":                w.from(w.evil, w.activity("Accept", w.evil, wish)),
			"by somebody else, by its id":     w.from(w.evil, w.activity("Accept", w.evil, wish["id"])),
			"by a neighbour":                  w.from(other, w.activity("Accept", other, wish)),
			"of a Follow of itself":           w.from(w.evil, w.activity("Accept", w.evil, with(wish, "object", w.evil.id))),
			"of a Follow nobody sent":         w.from(w.evil, w.activity("Accept", w.evil, map[string]any{"id": w.base + "/activities/1", "type": "Follow", "actor": ira.uri(), "object": w.evil.id})),
			"of a Follow without an id":       w.from(w.evil, w.activity("Accept", w.evil, map[string]any{"type": "Follow", "actor": ira.uri(), "object": w.evil.id})),
			"refused by somebody else":        w.from(w.evil, w.activity("Reject", w.evil, wish)),
			"undone by somebody else":         w.from(w.evil, w.activity("Undo", w.evil, wish)),
			"a Follow in the resident's name": w.from(w.evil, with(w.activity("Accept", w.evil, with(wish, "actor", w.evil.id, "object", ira.uri())))),
		} {
			w.ignored(name, q)
			if got := ira.following(w.good); got != "asked" {
				t.Errorf("%s: the follow is %q, want it to wait", name, got)
			}
			if got := ira.following(w.evil); got != "" {
				t.Errorf("%s: the resident follows mallory: %q", name, got)
			}
		}
		w.works("by the one who was asked", w.from(w.good, w.activity("Accept", w.good, wish)), "follows")
		if got := ira.following(w.good); got != "accepted" {
			t.Errorf("the follow is %q", got)
		}
	})
}

// 57, the other side: a server decides by itself that it follows a resident who
// approves followers, and still gets nothing that is for followers.
func TestAttack57FollowerWithoutApproval(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		if err := w.town.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "update actors set open = 0 where id = ?", ira.writer.Actor.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		ira.writer.Actor.Open = false
		wish := func(a *actor) map[string]any { return w.activity("Follow", a, ira.uri()) }
		evil, good := wish(w.evil), wish(w.good)
		w.works("mallory asks", w.from(w.evil, evil), "follows")
		w.works("a good one asks", w.from(w.good, good), "follows")
		w.ignored("mallory accepts for the resident", w.from(w.evil, w.activity("Accept", w.evil, evil)))
		w.ignored("mallory accepts in the resident's words", w.from(w.evil, w.activity("Accept", w.evil, with(evil, "actor", ira.uri(), "object", w.evil.id))))
		by, err := w.town.Book.ByURI(t.Context(), w.town.DB.Read(), w.good.id)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.town.Blogs.AnswerFollow(t.Context(), ira.writer.Actor, by, true); err != nil {
			t.Fatal(err)
		}
		w.n.Settle()
		p := ira.says(blogs.Draft{Text: "Лише для читачів", Visibility: blogs.Followers})
		mail := func(host string) string { return strings.Join(w.peer.letters(host), "\n") }
		if strings.Contains(mail("https://evil.test"), "Лише для читачів") {
			t.Error("the post is sent to somebody who was not approved")
		}
		if !strings.Contains(mail("https://good.test"), "Лише для читачів") {
			t.Error("the post is not sent to whoever was approved, so nothing was tried")
		}
		if status, _, _ := w.get(p.URI, w.evil); status != http.StatusNotFound {
			t.Errorf("asking for it, signed: status %d, want 404", status)
		}
		if status, _, _ := w.get(p.URI, w.good); status != http.StatusOK {
			t.Errorf("an approved follower asks for it: status %d, want 200", status)
		}
	})
}

// get asks for an ActivityPub document, signed by somebody or not at all.
func (w *world) get(address string, by *actor) (status int, header http.Header, body string) {
	w.t.Helper()
	q := &request{to: address, method: http.MethodGet, by: by, date: w.n.Now(), scheme: unsigned}
	if by != nil {
		q.scheme, q.keyID = cavage, by.keyID
	}
	r := w.prepare(q)
	r.Header.Set("Accept", ap.ContentType)
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(raw)
}

// 58: a Move to somebody who does not say that they are the same person.
func TestAttack58MoveWithoutBackLink(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		old, next := w.peer.person("https://good.test/users/old"), w.peer.person("https://good.test/users/next")
		stranger := w.resident("stranger")
		for _, a := range []*actor{old, w.evil} {
			ira.follows(a)
		}
		w.known()
		move := func(by, of *actor, to string) *request {
			return w.from(by, with(w.activity("Move", by, of.id), "target", to, "to", by.id+"/followers"))
		}
		still := func(what string) {
			if ira.following(old) != "accepted" || ira.following(next) != "" {
				t.Errorf("%s: the resident's follows are moved: %q, %q", what, ira.following(old), ira.following(next))
			}
		}
		may := []allowance{asks(4), leaves("actors", "actor_keys")}
		w.ignored("by somebody else", move(w.evil, old, w.evil.id), may...)
		still("by somebody else")
		w.ignored("to one who does not know of it", move(old, old, next.id), may...)
		still("to one who does not know of it")
		w.n.Advance(time.Hour)
		w.peer.document(next.id, with(next.document(), "alsoKnownAs", []string{w.evil.id}))
		w.ignored("to one who knows of another", move(old, old, next.id), may...)
		still("to one who knows of another")
		w.ignored("to itself", move(old, old, old.id), may...)
		w.ignored("to a resident here, who does not know of it", move(old, old, stranger.uri()), may...)
		still("to a resident")
		w.n.Advance(time.Hour)
		w.peer.document(next.id, with(next.document(), "alsoKnownAs", []string{old.id}, "movedTo", old.id))
		w.ignored("to one who moved back", move(old, old, next.id), may...)
		still("to one who moved back")
		w.n.Advance(time.Hour)
		w.peer.document(next.id, with(next.document(), "alsoKnownAs", []string{old.id}))
		w.works("to one who says so", move(old, old, next.id), "follows")
		if got := ira.following(next); got == "" {
			t.Error("the resident does not follow on")
		}
		if got := ira.following(old); got != "" {
			t.Errorf("the resident still follows the old one: %q", got)
		}
		third := w.peer.person("https://good.test/users/third")
		w.peer.document(third.id, with(third.document(), "alsoKnownAs", []string{old.id}))
		w.ignored("and on again the same day", move(old, old, third.id), may...)
		if got := ira.following(third); got != "" {
			t.Errorf("a chain of moves is followed: %q", got)
		}
	})
}

// 59: a post that was deleted, and then comes again.
func TestAttack59DeleteThenCreate(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		ira.follows(w.good)
		const id, late = "https://good.test/notes/1", "https://good.test/notes/2"
		create := func(id string) *request { return w.from(w.good, w.activity("Create", w.good, note(id, w.good.id))) }
		w.works("a post", create(id), "posts")
		w.works("its deletion", w.from(w.good, w.activity("Delete", w.good, map[string]any{"id": id, "type": "Tombstone"})), "posts")
		w.ignored("the post again", create(id))
		w.ignored("an edit of it", w.from(w.good, w.activity("Update", w.good, note(id, w.good.id, "content", "again"))))
		if p := w.post(id); p != nil && (p.Deleted == 0 || p.Content != "") {
			t.Errorf("the deleted post is back: %q", p.Content)
		}
		// The deletion overtook the post.
		w.works("a deletion of what did not come yet", w.from(w.good, w.activity("Delete", w.good, late)), "heard")
		w.ignored("the post that comes late", create(late))
		if p := w.post(late); p != nil {
			t.Error("what was deleted before it came is stored")
		}
		w.works("another post", create("https://good.test/notes/3"), "posts")
	})
}

// 60: somebody takes back what another did.
func TestAttack60UndoOfAnothers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		p := ira.says(blogs.Draft{Text: "Слово"})
		poll := w.n.OpenPoll("lviv", "city")
		eve := w.peer.person("https://good.test/users/eve")
		w.works("a neighbour is known", w.from(eve, w.follow(eve)), "follows")
		w.known()
		like, boost, follow, vote := w.activity("Like", w.good, p.URI), w.activity("Announce", w.good, p.URI), w.follow(w.good), w.vote(w.good, poll.URI, "Так")
		w.works("a like", w.from(w.good, like), "reactions")
		w.works("a boost", w.from(w.good, boost), "feed")
		w.works("a follow", w.from(w.good, follow), "follows")
		w.works("a vote", w.from(w.good, vote), "guest_ballots")
		for name, done := range map[string]map[string]any{"like": like, "boost": boost, "follow": follow, "vote": vote} {
			for who, by := range map[string]*actor{"a stranger": w.evil, "a neighbour": eve} {
				w.ignored("undo of the "+name+" by "+who, w.from(by, w.activity("Undo", by, done)))
				w.ignored("by its id", w.from(by, w.activity("Undo", by, done["id"])))
				w.ignored("as if it were one's own", w.from(by, w.activity("Undo", by, with(done, "actor", by.id))))
				w.ignored("without an actor", w.from(by, w.activity("Undo", by, with(done, "actor", nil))))
			}
		}
		w.ignored("undo of a vote by the voter", w.from(w.good, w.activity("Undo", w.good, vote)))
		w.works("one's own like", w.from(w.good, w.activity("Undo", w.good, like)), "reactions")
		w.works("one's own boost, by its id", w.from(w.good, w.activity("Undo", w.good, boost["id"])), "feed")
		w.works("one's own follow", w.from(w.good, w.activity("Undo", w.good, follow)), "follows")
	})
}

// 63: a host that is shut out comes back under another spelling, or unsigned.
func TestAttack63SuspendedHostReturns(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		ira.says(blogs.Draft{Text: "Слово"})
		w.works("before", w.from(w.evil, w.follow(w.evil)), "follows")
		block := func(host string) {
			if err := w.town.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error { return w.town.Book.Block(ctx, tx, host, "зразок") }); err != nil {
				t.Fatal(err)
			}
			w.n.Settle()
		}
		block("EVIL.test.")
		before := len(w.peer.letters("https://evil.test"))
		for _, host := range []string{"evil.test", "EVIL.test", "evil.test.", "evil.test:443", "Evil.Test.", "sub.evil.test", "a.b.evil.test", "evil.test:8443"} {
			id := "https://" + host + "/users/mallory"
			who := &actor{id: id, keyID: id + "#main-key", key: w.evil.key}
			q := w.from(who, with(w.follow(w.evil), "id", "https://"+host+"/a/1", "actor", id))
			w.refused(host, http.StatusForbidden, q)
			w.harmless("fetched from "+host, func() {
				if _, err := w.town.Federation.Fetch(t.Context(), "https://"+host+"/n/1"); err == nil {
					t.Errorf("something of %s is fetched", host)
				}
				if _, err := w.town.Federation.Lookup(t.Context(), "@stranger@"+host); err == nil {
					t.Errorf("@stranger@%s is found", host)
				}
			})
		}
		w.refused("unsigned", http.StatusForbidden, func() *request {
			q := w.from(w.evil, w.follow(w.evil))
			q.header = func(string) string {
				return fmt.Sprintf(`keyId="%s",headers="(request-target) host date digest",signature="eA=="`, w.evil.keyID)
			}
			return q
		}())
		w.refused("its farewell", http.StatusForbidden, w.from(w.evil, with(w.activity("Delete", w.evil, w.evil.id), "id", w.evil.id+"#delete")))
		w.announce()
		if n := len(w.peer.letters("https://evil.test")) - before; n > 0 {
			t.Errorf("%d deliveries go to the host that is shut out", n)
		}
		// Through somebody else's hands: an Announce of a post there.
		w.peer.document("https://evil.test/n/2", note("https://evil.test/n/2", w.evil.id))
		ira.follows(w.good)
		w.ignored("passed on by a good one", w.from(w.good, w.activity("Announce", w.good, "https://evil.test/n/2")))
		w.works("a host of a similar name", w.from(w.good, w.follow(w.good)), "follows")
	})
}

// 63, one actor alone.
func TestAttack63SuspendedActorReturns(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.known()
		other := w.peer.person("https://evil.test/users/other")
		a, err := w.town.Book.ByURI(t.Context(), w.town.DB.Read(), w.evil.id)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.town.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error { return w.town.Book.Suspend(ctx, tx, a.ID) }); err != nil {
			t.Fatal(err)
		}
		w.refused("as ever", http.StatusForbidden, w.from(w.evil, w.follow(w.evil)))
		// Its own server says something new of it, signed by somebody else there.
		w.n.Advance(25 * time.Hour)
		w.peer.document(w.evil.id, with(w.evil.document(), "name", "Інше"))
		w.refused("fetched anew", http.StatusForbidden, w.from(w.evil, w.follow(w.evil)), asks(2), leaves("actors", "actor_keys"))
		for _, spelling := range []string{"https://EVIL.test/users/mallory", "https://evil.test:443/users/mallory", "https://evil.test./users/mallory"} {
			q := w.from(w.evil, with(w.follow(w.evil), "actor", spelling))
			q.keyID = spelling + "#main-key"
			if got := w.send(q); got == http.StatusAccepted {
				t.Errorf("as %s: status %d", spelling, got)
			}
		}
		w.n.Settle()
		if n := w.number("select count(*) from actors where uri = ? and suspended = 0", w.evil.id); n != 0 {
			t.Error("it is suspended no more")
		}
		w.works("somebody else of that server", w.from(other, w.follow(other)), "follows")
	})
}

// 64: what may not be read answers as what is not there.
func TestAttack64PrivatePostIsGuessed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.known()
		ira := w.resident("ira")
		w.works("a reader", w.from(w.good, w.activity("Follow", w.good, ira.uri())), "follows")
		private, direct, public := ira.says(blogs.Draft{Text: "Для читачів", Visibility: blogs.Followers}), ira.says(blogs.Draft{Text: "Лише @olena@good.test", Visibility: blogs.Direct}), ira.says(blogs.Draft{Text: "Для всіх"})
		nothing := w.base + "/blogs/383986630886141928"
		shape := func(address, accept string, by *actor) string {
			q := &request{to: address, method: http.MethodGet, by: by, date: w.n.Now(), scheme: unsigned}
			if by != nil {
				q.scheme, q.keyID = cavage, by.keyID
			}
			r := w.prepare(q)
			r.Header.Set("Accept", accept)
			answer, err := w.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			answer.Header.Del("Set-Cookie")
			answer.Header.Del("Date")
			answer.Header.Del("X-Request-Id")
			text := strings.ReplaceAll(string(body), address[strings.LastIndex(address, "/")+1:], "ID")
			for name, values := range answer.Header {
				for i, v := range values {
					answer.Header[name][i] = nonces.ReplaceAllString(v, "NONCE")
				}
			}
			return fmt.Sprintf("%d\n%v\n%s", answer.StatusCode, answer.Header, nonces.ReplaceAllString(text, "NONCE"))
		}
		for _, suffix := range []string{"", "/replies"} {
			for _, accept := range []string{ap.ContentType, "text/html"} {
				for who, by := range map[string]*actor{"nobody": nil, "mallory": w.evil} {
					missing := shape(nothing+suffix, accept, by)
					if !strings.HasPrefix(missing, "404") {
						t.Errorf("what does not exist, to %s: %.200s", who, missing)
					}
					for what, p := range map[string]*blogs.Post{"for followers": private, "direct": direct} {
						if got := shape(p.URI+suffix, accept, by); got != missing {
							at := 0
							for at < min(len(got), len(missing)) && got[at] == missing[at] {
								at++
							}
							from := max(0, at-80)
							t.Errorf("a post %s%s as %s, asked for by %s, answers …%.200q, what does not exist …%.200q", what, suffix, accept, who, got[from:], missing[from:])
						}
					}
				}
			}
		}
		for what, p := range map[string]*blogs.Post{"for followers": private, "direct": direct} {
			if status, _, body := w.get(p.URI, w.good); status != http.StatusOK || !strings.Contains(body, p.URI) {
				t.Errorf("the post %s for whom it is: %d", what, status)
			}
		}
		if status, _, _ := w.get(public.URI, nil); status != http.StatusOK {
			t.Errorf("the public post: %d", status)
		}
	})
}

// 65: an answer for one asker must not be kept for another one.
func TestAttack65AnswersInSharedCaches(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.known()
		ira := w.resident("ira")
		w.works("a reader", w.from(w.good, w.activity("Follow", w.good, ira.uri())), "follows")
		private, public := ira.says(blogs.Draft{Text: "Для читачів", Visibility: blogs.Followers}), ira.says(blogs.Draft{Text: "Для всіх"})
		_, header, body := w.get(private.URI, w.good)
		if !strings.Contains(body, private.URI) {
			t.Errorf("the reader is not answered: %.200s", body)
		}
		if v, c := header.Get("Vary"), header.Get("Cache-Control"); !strings.Contains(v, "Signature") || !strings.Contains(c, "no-store") {
			t.Errorf("a private post: Vary %q, Cache-Control %q; want it kept by nobody", v, c)
		}
		for _, address := range []string{public.URI, public.URI + "/replies", ira.uri(), ira.uri() + "/outbox", ira.uri() + "/outbox?before=0", ira.uri() + "/followers", w.base + "/spheres/ecology/followers?before=0", w.base + "/@ira"} {
			_, forReader, reader := w.get(address, w.good)
			_, _, stranger := w.get(address, nil)
			if reader == stranger {
				continue // the same for everybody
			}
			if v, c := forReader.Get("Vary"), forReader.Get("Cache-Control"); !strings.Contains(v, "Signature") && !strings.Contains(c, "private") && !strings.Contains(c, "no-store") {
				t.Errorf("%s answers a reader otherwise than a stranger, with Vary %q and Cache-Control %q", address, v, c)
			}
		}
		if _, header, _ := w.get(public.URI, nil); !strings.Contains(header.Get("Vary"), "Accept") {
			t.Errorf("one address for people and servers: Vary %q", header.Get("Vary"))
		}
		// Whoever is blocked gets nothing that is not for everybody.
		if err := w.town.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			return w.town.Book.Block(ctx, tx, "good.test", "зразок")
		}); err != nil {
			t.Fatal(err)
		}
		if status, _, _ := w.get(private.URI, w.good); status != http.StatusNotFound {
			t.Errorf("the private post, asked for by a host that is shut out: %d, want 404", status)
		}
	})
}

// nonces are what pages have anew each time.
var nonces = regexp.MustCompile(`nonce-[A-Za-z0-9+/=_-]+|nonce="[^"]*"|name="csrf" value="[^"]*"|[0-9a-f]{32,}`)
