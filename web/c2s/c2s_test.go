package c2s_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"viche/federation/ap"
	"viche/internal/citytest"
	"viche/internal/store"
	"viche/modules/blogs"
	"viche/web/c2s"
)

// client is a program of a resident that speaks ActivityPub to the own server.
type client struct {
	t     *testing.T
	n     *citytest.Network
	who   citytest.Resident
	token string
	uri   string
}

func clientOf(t *testing.T, n *citytest.Network, city, handle string) *client {
	t.Helper()
	r := n.Resident(city, handle, true)
	return &client{t, n, r, n.Bearer(&r), "https://" + city + ".test/users/" + handle}
}

// answer is what came back.
type answer struct {
	status   int
	location string
	header   http.Header
	raw      []byte
	body     map[string]any
}

func (c *client) do(method, address, kind string, body io.Reader) answer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, address, body)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Accept", ap.ContentType)
	res, err := c.n.HTTP().Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, location: res.Header.Get("Location"), header: res.Header}
	if a.raw, err = io.ReadAll(res.Body); err != nil {
		c.t.Fatal(err)
	}
	_ = json.Unmarshal(a.raw, &a.body) // a 201 has none
	return a
}

// post posts to the own outbox; what is no text is written as JSON.
func (c *client) post(doc any) answer {
	c.t.Helper()
	body, ok := doc.(string)
	if !ok {
		raw, err := json.Marshal(doc)
		if err != nil {
			c.t.Fatal(err)
		}
		body = string(raw)
	}
	return c.do(http.MethodPost, c.uri+"/outbox", "application/activity+json", strings.NewReader(body))
}

// must posts what has to be taken, settles, and gives the activity's id.
func (c *client) must(doc any) string {
	c.t.Helper()
	a := c.post(doc)
	if a.status != http.StatusCreated || !strings.HasPrefix(a.location, "https://"+c.who.Town.Host+"/") {
		c.t.Fatalf("%v = %d, Location %q\n%s", doc, a.status, a.location, a.raw)
	}
	c.n.Settle()
	return a.location
}

// note is the Note that a Create answered.
func (c *client) note(location string) *blogs.Post {
	c.t.Helper()
	return c.here(strings.TrimSuffix(location, "/activity"))
}

// here is a post as the client's own city has it.
func (c *client) here(uri string) *blogs.Post {
	c.t.Helper()
	p, err := c.who.Town.Blogs.ByURI(c.t.Context(), c.who.Town.DB.Read(), uri)
	if err != nil {
		c.t.Fatalf("%s at %s: %v", uri, c.who.Town.Host, err)
	}
	return p
}

func (c *client) has(uri string) bool {
	p, err := c.who.Town.Blogs.ByURI(c.t.Context(), c.who.Town.DB.Read(), uri)
	return err == nil && p.Deleted == 0
}

func (c *client) count(query string, args ...any) (n int) {
	c.t.Helper()
	if err := c.who.Town.DB.ReadBound().Row(c.t.Context(), []any{&n}, query, args...); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// inbox are the activities of the first page of the own inbox.
func (c *client) inbox() (items []map[string]any) {
	c.t.Helper()
	page := c.do(http.MethodGet, c.uri+"/inbox?before=0", "", nil)
	if page.status != http.StatusOK || page.body["type"] != "OrderedCollectionPage" || page.header.Get("Cache-Control") != "no-store" {
		c.t.Fatalf("inbox = %d %v\n%s", page.status, page.header, page.raw)
	}
	for _, one := range page.body["orderedItems"].([]any) {
		items = append(items, one.(map[string]any))
	}
	return items
}

// kinds is the inbox in short: "Create by https://… of https://…".
func (c *client) kinds() (list []string) {
	c.t.Helper()
	for _, one := range c.inbox() {
		about, _ := one["object"].(string)
		if inner, embedded := one["object"].(map[string]any); embedded {
			about, _ = inner["id"].(string)
		}
		list = append(list, fmt.Sprintf("%s by %s of %s", one["type"], one["actor"], about))
	}
	return list
}

func want(t *testing.T, what string, a answer, status int, reason, field string) {
	t.Helper()
	gotField, _ := a.body["field"].(string)
	words, _ := a.body["error"].(string)
	if a.status != status || a.body["reason"] != reason || field != "" && gotField != field || words == "" || strings.Contains(words, "c2s.") {
		t.Errorf("%s = %d %v %q, want %d %s %q\n%s", what, a.status, a.body["reason"], gotField, status, reason, field, a.raw)
	}
}

// each runs f on each database with Olena in Kamianske and Petro in Lviv.
func each(t *testing.T, f func(t *testing.T, olena, petro *client)) {
	t.Helper()
	for kind, o := range citytest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			n := citytest.Fediverse(t, o, "kamianske", "lviv")
			f(t, clientOf(t, n, "kamianske", "olena"), clientOf(t, n, "lviv", "petro"))
		})
	}
}

type object = map[string]any

func public(followers string) (to, cc []string) {
	return []string{ap.Public}, []string{followers + "/followers"}
}

// TestANoteGoesRound is the whole way of what a client does: it writes, another
// city's resident reads, likes, passes on and answers, and everything is taken
// back again.
func TestANoteGoesRound(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, olena, petro *client) {
		followed := petro.must(object{"type": "Follow", "object": olena.uri})
		if n := olena.count("select count(*) from follows where uri = ? and state = 'accepted'", followed); n != 1 {
			t.Fatalf("the follow %s has not arrived", followed)
		}
		to, cc := public(olena.uri)
		created := olena.must(object{
			"@context": ap.ActivityStreams, "type": "Note", "to": to, "cc": cc, "sensitive": true, "summary": "про міст",
			"content": `<p>Привіт, <b>Львове</b>!<script>alert(1)</script></p>`, "contentMap": object{"uk": `<p>Привіт, <b>Львове</b>!<script>alert(1)</script></p>`},
		})
		mine := olena.note(created)
		if mine.Visibility != blogs.Public || mine.Lang != "uk" || !mine.Sensitive || mine.Summary != "про міст" || strings.Contains(mine.Content, "script") || !strings.Contains(mine.Content, "<strong>Львове</strong>") && !strings.Contains(mine.Content, "<b>Львове</b>") {
			t.Errorf("stored: %+v", mine)
		}
		theirs := petro.here(mine.URI)
		if theirs.Content != mine.Content || theirs.Summary != "про міст" {
			t.Errorf("in Lviv it says %q, %q", theirs.Summary, theirs.Content)
		}
		if got := petro.kinds(); !slices.Contains(got, "Create by "+olena.uri+" of "+mine.URI) {
			t.Errorf("Petro's inbox: %v", got)
		}

		liked := petro.must(object{"type": "Like", "object": mine.URI})
		again := petro.must(object{"type": "Like", "object": object{"type": "Note", "id": mine.URI}})
		boosted := petro.must(object{"type": "Announce", "object": mine.URI, "to": to})
		if liked != again {
			t.Errorf("a like twice: %s and %s", liked, again)
		}
		reply := petro.must(object{"type": "Create", "actor": petro.uri, "object": object{
			"type": "Note", "inReplyTo": mine.URI, "to": []string{olena.uri}, "source": object{"content": "Привіт, **Олено**", "mediaType": "text/markdown"}, "content": "anything else",
		}})
		answered := olena.here(petro.note(reply).URI)
		if answered.Visibility != blogs.Direct || !strings.Contains(answered.Content, "<strong>Олено</strong>") || answered.ReplyTo != mine.ID {
			t.Errorf("the answer: %+v", answered)
		}
		for _, line := range []string{"Follow by " + petro.uri + " of " + olena.uri, "Like by " + petro.uri + " of " + mine.URI, "Announce by " + petro.uri + " of " + mine.URI, "Create by " + petro.uri + " of " + answered.URI} {
			if got := olena.kinds(); !slices.Contains(got, line) {
				t.Errorf("Olena's inbox lacks %s: %v", line, got)
			}
		}

		petro.must(object{"type": "Undo", "object": liked})
		petro.must(object{"type": "Undo", "object": object{"type": "Announce", "actor": petro.uri, "object": mine.URI}})
		if n := olena.count("select (select count(*) from reactions) + (select count(*) from feed where boost = 1)"); n != 0 {
			t.Errorf("%d reactions and boosts are left; boosted was %s", n, boosted)
		}
		want(t, "an Undo of what was undone", petro.post(object{"type": "Undo", "object": liked}), http.StatusNotFound, "missing", "object")

		olena.n.Advance(time.Minute)
		olena.must(object{"type": "Update", "object": object{"id": mine.URI, "type": "Note", "summary": nil, "source": object{"content": "Інше", "mediaType": "text/markdown"}}})
		if p := petro.here(mine.URI); !strings.Contains(p.Content, "Інше") || p.Summary != "" || p.Edited == 0 {
			t.Errorf("after the edit: %+v", p)
		}
		olena.must(object{"type": "Update", "object": object{"id": mine.URI, "type": "Note", "summary": "знову"}})
		if p := petro.here(mine.URI); !strings.Contains(p.Content, "Інше") || p.Summary != "знову" {
			t.Errorf("what was not named has changed: %+v", p)
		}
		olena.must(object{"type": "Add", "object": mine.URI, "target": olena.uri + "/featured"})
		if n := olena.count("select count(*) from pins where post = ?", mine.ID); n != 1 {
			t.Errorf("%d pins", n)
		}
		olena.must(object{"type": "Remove", "object": mine.URI, "target": olena.uri + "/featured"})
		olena.must(object{"type": "Delete", "object": mine.URI})
		if olena.has(mine.URI) || petro.has(mine.URI) || olena.count("select count(*) from pins") != 0 {
			t.Error("it is still there")
		}
		petro.must(object{"type": "Undo", "object": object{"type": "Follow", "object": olena.uri}})
		if n := olena.count("select count(*) from follows"); n != 0 {
			t.Errorf("%d follows are left", n)
		}
	})
}

func TestFollowersAndBlocksAreTheOwnersToSay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, olena, petro *client) {
		town := olena.who.Town
		if err := town.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			return town.Book.Approve(ctx, tx, olena.who.ActorID, true)
		}); err != nil {
			t.Fatal(err)
		}
		asked := petro.must(object{"type": "Follow", "object": olena.uri})
		items := olena.inbox()
		if len(items) != 1 || items[0]["id"] != asked || items[0]["type"] != "Follow" {
			t.Fatalf("the wish in the inbox: %v", items)
		}
		want(t, "an answer to a wish that is another's", petro.post(object{"type": "Accept", "object": asked}), http.StatusNotFound, "missing", "object")
		olena.must(object{"type": "Accept", "object": asked})
		if n := petro.count("select count(*) from follows where state = 'accepted'"); n != 1 {
			t.Error("the acceptance has not arrived")
		}
		olena.must(object{"type": "Reject", "object": object{"type": "Follow", "actor": petro.uri, "object": olena.uri}})
		if n := petro.count("select count(*) from follows"); n != 0 {
			t.Error("the follower is still there")
		}
		petro.must(object{"type": "Follow", "object": olena.uri})
		olena.must(object{"type": "Accept", "object": object{"type": "Follow", "actor": petro.uri, "object": olena.uri}})
		blocked := olena.must(object{"type": "Block", "object": petro.uri})
		if again := olena.must(object{"type": "Block", "object": petro.uri}); again != blocked {
			t.Errorf("a block twice: %s and %s", blocked, again)
		}
		if n := olena.count("select count(*) from follows") + petro.count("select count(*) from follows"); n != 0 {
			t.Error("who is blocked follows")
		}
		olena.must(object{"type": "Undo", "object": object{"type": "Block", "id": blocked, "object": petro.uri}})
		if n := olena.count("select count(*) from shuns"); n != 0 {
			t.Error("the block is still there")
		}
	})
}

func TestQuestionsAskedAndAnswered(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, olena, petro *client) {
		petro.must(object{"type": "Follow", "object": olena.uri})
		to, cc := public(olena.uri)
		asked := olena.must(object{
			"type": "Question", "content": "<p>Який міст?</p>", "to": to, "cc": cc, "endTime": ap.FormatTime(olena.n.Now().Add(time.Hour)),
			"anyOf": []object{{"type": "Note", "name": "Північний"}, {"type": "Note", "name": "Південний"}},
		})
		mine := olena.note(asked)
		if mine.Type != "Question" || mine.Card().Poll == nil || !mine.Card().Poll.Multiple || len(mine.Card().Poll.Options) != 2 {
			t.Fatalf("the question: %+v", mine)
		}
		vote := func(names ...string) any {
			var notes []object
			for _, name := range names {
				notes = append(notes, object{"type": "Note", "name": name, "inReplyTo": mine.URI, "to": olena.uri})
			}
			return object{"type": "Create", "to": olena.uri, "object": notes}
		}
		want(t, "a vote for what is no option", petro.post(vote("Східний")), http.StatusNotFound, "missing", "name")
		if petro.count("select count(*) from poll_visits") != 0 {
			t.Error("a vote that was refused counts")
		}
		location := petro.must(vote("Північний", "Південний"))
		want(t, "a second vote", petro.post(vote("Північний")), http.StatusConflict, "answered", "")
		if n := olena.count("select count(*) from poll_visits"); n != 1 {
			t.Errorf("%d have voted", n)
		}
		want(t, "one's own question", olena.post(vote("Північний")), http.StatusForbidden, "denied", "")

		// A vote is nowhere to be read: not in an inbox, not at the id that it got.
		for _, c := range []*client{olena, petro} {
			for _, line := range c.inbox() {
				if raw := string(mustJSON(t, line)); strings.Contains(raw, "#votes") || strings.Contains(raw, `"inReplyTo":"`+mine.URI) {
					t.Errorf("a vote in the inbox: %s", raw)
				}
			}
		}
		if a := petro.do(http.MethodGet, location, "", nil); a.status != http.StatusNotFound {
			t.Errorf("the vote is served: %d %s", a.status, a.raw)
		}
		p := olena.n.OpenPoll("kamianske", "city")
		want(t, "a ballot in a civic poll", olena.post(object{"type": "Create", "object": object{
			"type": "Note", "name": "Так", "inReplyTo": "https://kamianske.test/polls/" + p.PollID, "to": "https://kamianske.test/actor",
		}}), http.StatusUnprocessableEntity, "civic-poll", "inReplyTo")
	})
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestWhoMayPost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, olena, petro *client) {
		note := object{"type": "Note", "content": "a", "to": []string{ap.Public}}
		in := func(c client, token string) *client { c.token = token; return &c }
		issue := func(scopes string) string {
			t.Helper()
			token, err := olena.who.Town.People.IssueToken(t.Context(), "olena", scopes, "test")
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		maria := clientOf(t, olena.n, "kamianske", "maria")
		read, write := issue("read"), issue("write")
		revoked := issue("read write")
		if err := olena.who.Town.People.RevokeToken(t.Context(), revoked); err != nil {
			t.Fatal(err)
		}
		for what, one := range map[string]struct {
			token  string
			status int
			reason string
		}{
			"no token":           {"", 401, "sign-in"},
			"an unknown one":     {"nonsense", 401, "token"},
			"a revoked one":      {revoked, 401, "token"},
			"another city's":     {petro.token, 401, "token"},
			"one to read":        {read, 403, "scope"},
			"another resident's": {maria.token, 403, "others"},
		} {
			a := in(*olena, one.token).post(note)
			want(t, what, a, one.status, one.reason, "")
			if one.status == 401 && a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: no WWW-Authenticate", what)
			}
		}
		if n := olena.count("select count(*) from posts"); n != 0 {
			t.Errorf("%d posts were stored", n)
		}
		box := func(token, uri string) answer { return in(*olena, token).do(http.MethodGet, uri+"/inbox", "", nil) }
		want(t, "the inbox for nobody", box("", olena.uri), 401, "sign-in", "")
		want(t, "the inbox with a token to write", box(write, olena.uri), 403, "scope", "")
		want(t, "another's inbox", box(read, maria.uri), 403, "others", "")
		want(t, "an inbox that is not there", box(read, "https://kamianske.test/users/nobody"), 403, "others", "")
		if head := box(read, olena.uri); head.status != 200 || head.body["type"] != "OrderedCollection" || head.body["first"] != olena.uri+"/inbox?before=0" {
			t.Errorf("the own inbox = %d %s", head.status, head.raw)
		}
		want(t, "a page that is none", in(*olena, read).do(http.MethodGet, olena.uri+"/inbox?before=x", "", nil), 400, "form", "before")
	})
}

// TestBadActivitiesAreRefusedByName also holds that nothing is left of them.
func TestBadActivitiesAreRefusedByName(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, olena, petro *client) {
		to, _ := public(petro.uri)
		theirs := petro.note(petro.must(object{"type": "Note", "content": "a", "to": to})).URI
		private := petro.note(petro.must(object{"type": "Note", "content": "a", "to": []string{petro.uri + "/followers"}})).URI
		maria := clientOf(t, olena.n, "kamianske", "maria")
		hers := maria.note(maria.must(object{"type": "Note", "content": "a", "to": to})).URI
		hidden := maria.note(maria.must(object{"type": "Note", "content": "a", "to": []string{maria.uri + "/followers"}})).URI
		posts, reactions := olena.count("select count(*) from posts"), olena.count("select count(*) from reactions")
		deep := strings.Repeat(`{"type":"Note","tag":`, 40) + `{}` + strings.Repeat("}", 40)
		for what, one := range map[string]struct {
			doc    any
			status int
			reason string
			field  string
		}{
			"no JSON":                     {`{"type":`, 400, "form", ""},
			"the library's panic":         {`{"type":"Note","content":"a","duration":""}`, 400, "form", ""},
			"a name twice":                {`{"type":"Note","type":"Like","object":"` + hers + `"}`, 400, "form", ""},
			"too deep":                    {deep, 400, "form", ""},
			"a megabyte and more":         {`{"type":"Note","content":"` + strings.Repeat("a", 1<<20) + `"}`, 413, "large", ""},
			"another's edit":              {object{"type": "Update", "object": object{"type": "Note", "id": hers, "content": "b"}}, 403, "others", "object"},
			"another's deletion":          {object{"type": "Delete", "object": hers}, 403, "others", "object"},
			"the deletion of nothing":     {object{"type": "Delete", "object": "https://kamianske.test/blogs/1"}, 404, "missing", "object"},
			"a like of what is hidden":    {object{"type": "Like", "object": hidden}, 404, "missing", ""},
			"a like of what others hide":  {object{"type": "Like", "object": private}, 422, "address", "object"},
			"a boost of nothing":          {object{"type": "Announce", "object": "https://lviv.test/blogs/1"}, 422, "address", "object"},
			"a follow of a post":          {object{"type": "Follow", "object": theirs}, 422, "address", "object"},
			"an address inside":           {object{"type": "Like", "object": "https://127.0.0.1/x"}, 502, "unreachable", "object"},
			"a note to nobody there is":   {object{"type": "Note", "content": "a", "to": []string{"https://lviv.test/users/nobody"}}, 422, "address", "to"},
			"a note without words":        {object{"type": "Note", "to": to}, 422, "field", "text"},
			"a note that is too long":     {object{"type": "Note", "content": strings.Repeat("а", 5_001), "to": to}, 422, "field", "text"},
			"another's picture":           {object{"type": "Note", "content": "a", "to": to, "attachment": []object{{"type": "Image", "url": "https://kamianske.test/media/nothing.png"}}}, 422, "field", "pictures"},
			"a picture elsewhere":         {object{"type": "Note", "content": "a", "to": to, "attachment": []object{{"type": "Image", "url": "https://lviv.test/media/a.png"}}}, 422, "unsupported", "attachment"},
			"a collection not one's own":  {object{"type": "Add", "object": hers, "target": maria.uri + "/featured"}, 422, "unsupported", "target"},
			"another's post pinned":       {object{"type": "Add", "object": hers, "target": olena.uri + "/featured"}, 404, "missing", ""},
			"an Event":                    {object{"type": "Event", "name": "a", "to": to}, 422, "unsupported", "object.type"},
			"an unknown activity":         {object{"type": "Offer", "object": hers}, 422, "unsupported", "type"},
			"an Undo of another's":        {object{"type": "Undo", "object": object{"type": "Like", "actor": maria.uri, "object": hers}}, 403, "others", "object.actor"},
			"an Undo of a Create":         {object{"type": "Undo", "object": object{"type": "Create", "object": hers}}, 422, "unsupported", "object.type"},
			"a question without a choice": {object{"type": "Question", "content": "a", "to": to, "oneOf": []object{{"type": "Note", "name": "x"}}, "endTime": ap.FormatTime(olena.n.Now().Add(time.Hour))}, 422, "field", "options"},
		} {
			want(t, what, olena.post(one.doc), one.status, one.reason, one.field)
		}
		want(t, "JSON by another name", olena.do(http.MethodPost, olena.uri+"/outbox", "application/json", strings.NewReader(`{"type":"Note","content":"a"}`)), 415, "media-type", "")
		if p, r := olena.count("select count(*) from posts"), olena.count("select count(*) from reactions"); p != posts || r != reactions {
			t.Errorf("%d posts and %d reactions after, %d and %d before", p, r, posts, reactions)
		}
	})
}

func TestProxy(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, olena, petro *client) {
		to, _ := public(petro.uri)
		theirs := petro.note(petro.must(object{"type": "Note", "content": "a", "to": to})).URI
		private := petro.note(petro.must(object{"type": "Note", "content": "a", "to": []string{petro.uri + "/followers"}})).URI
		own := olena.note(olena.must(object{"type": "Note", "content": "b", "to": []string{olena.uri + "/followers"}})).URI
		maria := clientOf(t, olena.n, "kamianske", "maria")
		ask := func(c *client, id string) answer {
			return c.do(http.MethodPost, "https://kamianske.test/proxyUrl", "application/x-www-form-urlencoded", strings.NewReader(url.Values{"id": {id}}.Encode()))
		}
		for _, id := range []string{theirs, petro.uri, own, olena.uri} {
			if a := ask(olena, id); a.status != http.StatusOK || a.body["id"] != id || !strings.HasPrefix(a.header.Get("Content-Type"), "application/") {
				t.Errorf("%s = %d %s", id, a.status, a.raw)
			}
		}
		want(t, "another's private post", ask(maria, own), 404, "missing", "id")
		want(t, "a private post elsewhere", ask(olena, private), 422, "address", "id")
		want(t, "nothing", ask(olena, ""), 400, "form", "id")
		want(t, "a file", ask(olena, "file:///etc/passwd"), 400, "form", "id")
		for _, address := range []string{"https://127.0.0.1/x", "https://10.0.0.1/x", "https://[::1]/x"} {
			if a := ask(olena, address); a.status != http.StatusBadGateway && a.status != http.StatusUnprocessableEntity {
				t.Errorf("%s = %d %s", address, a.status, a.raw)
			}
		}
		nobody := *olena
		nobody.token = ""
		want(t, "a stranger", ask(&nobody, theirs), 401, "sign-in", "")
		want(t, "a page's script", olena.do(http.MethodPost, "https://kamianske.test/proxyUrl", "text/plain", strings.NewReader("id="+theirs)), 415, "media-type", "")

		doc := olena.do(http.MethodGet, olena.uri, "", nil)
		endpoints, _ := doc.body["endpoints"].(map[string]any)
		if endpoints["proxyUrl"] != "https://kamianske.test/proxyUrl" || endpoints["uploadMedia"] != "https://kamianske.test/uploadMedia" || endpoints["sharedInbox"] == nil {
			t.Errorf("the actor names %v", endpoints)
		}
	})
}

func TestUpload(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, olena, petro *client) {
		picture := func() []byte {
			var raw bytes.Buffer
			if err := png.Encode(&raw, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
				t.Fatal(err)
			}
			return raw.Bytes()
		}
		send := func(file []byte, shell string) answer {
			var body bytes.Buffer
			form := multipart.NewWriter(&body)
			if file != nil {
				w, err := form.CreateFormFile("file", "../../etc/a.png")
				if err != nil {
					t.Fatal(err)
				}
				_, _ = w.Write(file) // a buffer takes everything
			}
			if shell != "" {
				_ = form.WriteField("object", shell)
			}
			_ = form.Close()
			return olena.do(http.MethodPost, "https://kamianske.test/uploadMedia", form.FormDataContentType(), &body)
		}
		made := send(picture(), `{"@context":"https://www.w3.org/ns/activitystreams","type":"Image","name":"міст"}`)
		if made.status != http.StatusCreated || !strings.HasPrefix(made.location, "https://kamianske.test/media/") || made.body["url"] != made.location || made.body["type"] != "Image" || made.body["name"] != "міст" {
			t.Fatalf("upload = %d %q %s", made.status, made.location, made.raw)
		}
		to, _ := public(olena.uri)
		p := olena.note(olena.must(object{"type": "Note", "content": "a", "to": to, "attachment": []object{{"type": "Image", "url": made.location, "name": "міст"}}}))
		if pics := p.Card().Pictures; len(pics) != 1 || pics[0].Alt != "міст" || made.location != "https://kamianske.test/media/"+pics[0].Name {
			t.Errorf("the post has %+v", pics)
		}
		want(t, "a picture twice", olena.post(object{"type": "Note", "content": "a", "to": to, "attachment": []object{{"type": "Image", "url": made.location}}}), 422, "field", "pictures")
		want(t, "no file", send(nil, `{"type":"Image"}`), 400, "form", "file")
		want(t, "a Video", send(picture(), `{"type":"Video"}`), 422, "unsupported", "object")
		want(t, "a shell that is none", send(picture(), `{"type":`), 400, "form", "")
		if a := send([]byte("<svg onload=alert(1)>"), `{"type":"Image"}`); a.status < 400 || a.status >= 500 {
			t.Errorf("no picture at all = %d %s", a.status, a.raw)
		}
		if n := olena.count("select count(*) from media"); n != 1 {
			t.Errorf("%d pictures are kept", n)
		}
	})
}

// TestTheLimitIsForEachToken: who asks too often waits, and takes nothing from
// another. Guessing tokens counts against the address.
func TestTheLimitIsForEachToken(t *testing.T) {
	t.Parallel()
	n := citytest.Fediverse(t, citytest.Options{}, "kamianske")
	olena, maria := clientOf(t, n, "kamianske", "olena"), clientOf(t, n, "kamianske", "maria")
	ask := func(c *client) answer {
		return c.do(http.MethodPost, "https://kamianske.test/proxyUrl", "application/x-www-form-urlencoded", strings.NewReader("id=x"))
	}
	for i := range c2s.ProxyLimit {
		if a := ask(olena); a.status != http.StatusBadRequest {
			t.Fatalf("request %d = %d %s", i, a.status, a.raw)
		}
	}
	a := ask(olena)
	want(t, "one too many", a, http.StatusTooManyRequests, "too-many", "")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if a := ask(maria); a.status != http.StatusBadRequest {
		t.Errorf("somebody else = %d", a.status)
	}
}
