package attacks

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"viche/federation/ap"
	"viche/modules/blogs"
)

// 5b: what somebody passes on is taken from its own server, not from the copy
// that came with it.
func TestAttack5bUnverifiedCopy(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		ira.follows(w.evil)
		ada := w.peer.person("https://victim.test/users/ada")
		for i, kind := range []string{"the object", "its Create, as a group does"} {
			id := fmt.Sprintf("https://victim.test/notes/%d", i)
			honest, forged := note(id, ada.id, "content", "<p>honest</p>"), note(id, ada.id, "content", "<p>forged</p>")
			w.peer.document(id, honest)
			var object any = forged
			if i == 1 {
				object = with(w.activity("Create", ada, forged), "id", id+"/activity")
			}
			w.works(kind, w.from(w.evil, w.activity("Announce", w.evil, object)), "posts")
			if p := w.post(id); p == nil || strings.Contains(p.Content, "forged") || !strings.Contains(p.Content, "honest") {
				t.Errorf("%s: kept is %+v, want the author's own words", kind, p)
			}
		}
		// The victim's server does not have it, or says something else.
		gone := "https://victim.test/notes/none"
		w.ignored("what its server does not have", w.from(w.evil, w.activity("Announce", w.evil, note(gone, ada.id))), asks(2))
		if w.post(gone) != nil {
			t.Error("a copy is kept of what its server does not have")
		}
	})
}

// known to the city is a post of the good one, read by a resident.
func (w *world) postOf(by *actor, id string, pairs ...any) {
	w.t.Helper()
	w.works("a post", w.from(by, w.activity("Create", by, note(id, by.id, pairs...))), "posts")
}

// 12: an Update that opens somebody else's post to others.
func TestAttack12UpdateThatLeaks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		ira.follows(w.good)
		w.known()
		eve := w.peer.person("https://good.test/users/eve")
		w.works("a neighbour is known", w.from(eve, w.follow(eve)), "follows")
		const id = "https://good.test/notes/private"
		w.postOf(w.good, id, "to", []string{w.good.id + "/followers"}, "content", "<p>таємне</p>")
		own := ira.says(blogs.Draft{Text: "Для читачів", Visibility: blogs.Followers})
		wider := note(id, w.good.id, "to", []string{ap.Public, w.evil.id}, "cc", []string{w.evil.id}, "content", "<p>відкрите</p>", "updated", w.n.Now().Add(time.Minute).UTC().Format(time.RFC3339))
		for who, by := range map[string]*actor{"a stranger": w.evil, "a neighbour": eve} {
			w.ignored(who, w.from(by, w.activity("Update", by, wider)))
			w.ignored(who+", as its own", w.from(by, w.activity("Update", by, with(wider, "attributedTo", by.id))))
			w.ignored(who+", of a post of ours", w.from(by, w.activity("Update", by, note(own.URI, ira.uri(), "to", ap.Public))))
		}
		if p := w.post(id); p == nil || p.Visibility != blogs.Followers {
			t.Errorf("the post is %+v, want it for followers", p)
		}
		// Not even its author opens what was for followers by an edit.
		w.works("its author edits it", w.from(w.good, w.activity("Update", w.good, with(wider, "content", "<p>інше</p>"))), "posts")
		if p := w.post(id); p == nil || p.Visibility != blogs.Followers || !strings.Contains(p.Content, "інше") {
			t.Errorf("after the author's edit: %+v", p)
		}
	})
}

// 13: an Update that gives a post to another author.
func TestAttack13UpdateOfTheAuthor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		ira.follows(w.good)
		eve := w.peer.person("https://good.test/users/eve")
		w.works("a neighbour is known", w.from(eve, w.follow(eve)), "follows")
		const id = "https://good.test/notes/1"
		w.postOf(w.good, id)
		now := w.n.Now().Add(time.Minute).UTC().Format(time.RFC3339)
		w.ignored("by the author, to a neighbour", w.from(w.good, w.activity("Update", w.good, note(id, eve.id, "content", "x", "updated", now))))
		w.ignored("by the author, to both", w.from(w.good, w.activity("Update", w.good, note(id, "", "attributedTo", []string{eve.id, w.good.id}, "updated", now))))
		w.ignored("by the neighbour, to itself", w.from(eve, w.activity("Update", eve, note(id, eve.id, "content", "x", "updated", now))))
		w.ignored("created anew by the neighbour", w.from(eve, w.activity("Create", eve, note(id, eve.id, "content", "x"))))
		w.ignored("without an author", w.from(w.good, w.activity("Update", w.good, with(note(id, "", "updated", now), "attributedTo", nil))))
		w.works("by the author, as it is", w.from(w.good, w.activity("Update", w.good, note(id, w.good.id, "content", "<p>друге</p>", "updated", now))), "posts")
		if p := w.post(id); p == nil || !strings.Contains(p.Content, "друге") {
			t.Errorf("the post is %+v", p)
		}
	})
}

// 14: a post whose page is said to be elsewhere.
func TestAttack14PageElsewhere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		ira.follows(w.good)
		for i, url := range []any{
			"https://victim.test/@ada/1", "javascript:alert(1)", "data:text/html,<script>", "https://good.test.evil.test/1", "https://good.test@evil.test/1", "//evil.test/1",
			map[string]string{"type": "Link", "href": "https://evil.test/1", "mediaType": "text/html"}, []any{map[string]string{"type": "Link", "href": "javascript:1", "mediaType": "text/html"}},
		} {
			id := fmt.Sprintf("https://good.test/notes/%d", i)
			w.postOf(w.good, id, "url", url)
			if p := w.post(id); p == nil || p.URL != id && p.URL != "" {
				t.Errorf("url %v: the post leads to %q, want its own id", url, p.URL)
			}
		}
		w.postOf(w.good, "https://good.test/notes/ok", "url", "https://good.test/@olena/ok")
		if p := w.post("https://good.test/notes/ok"); p == nil || p.URL != "https://good.test/@olena/ok" {
			t.Errorf("a page of the same host is not kept: %+v", p)
		}
		for i, url := range []string{"https://victim.test/@ada", "javascript:alert(1)"} {
			who := w.peer.person(fmt.Sprintf("https://good.test/users/page%d", i))
			w.peer.document(who.id, with(who.document(), "url", url))
			w.works("an actor", w.from(who, w.follow(who)), "follows")
			if n := w.number("select count(*) from actors where uri = ? and url = ?", who.id, url); n != 0 {
				t.Errorf("an actor's page is said to be %s", url)
			}
		}
	})
}

// 48: collections without an end, or of other hosts.
func TestAttack48EndlessCollections(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		ira.follows(w.good)
		page := func(id string, next any, items ...any) map[string]any {
			return with(map[string]any{"@context": ap.ActivityStreams, "id": id, "type": "OrderedCollectionPage", "orderedItems": items}, "next", next)
		}
		// Pages that go on for ever, each with a post of its own.
		for i := range 500 {
			at := fmt.Sprintf("https://good.test/endless/%d", i)
			id := fmt.Sprintf("https://good.test/notes/endless%d", i)
			w.peer.document(at, page(at, fmt.Sprintf("https://good.test/endless/%d", i+1), id))
			w.peer.document(id, note(id, w.good.id, "inReplyTo", "https://good.test/notes/0"))
		}
		w.peer.document("https://good.test/self", page("https://good.test/self", "https://good.test/self"))
		w.peer.document("https://good.test/away", page("https://good.test/away", "https://victim.test/away"))
		w.peer.document("https://victim.test/away", page("https://victim.test/away", nil))
		thousand := make([]any, 3000)
		for i := range thousand {
			thousand[i] = fmt.Sprintf("https://good.test/missing/%d", i)
		}
		w.peer.document("https://good.test/long", page("https://good.test/long", nil, thousand...))
		for name, most := range map[string]int{"endless/0": 200, "self": 10, "away": 10, "long": 200} {
			id := "https://good.test/notes/with-" + strings.ReplaceAll(name, "/", "-")
			w.postOf(w.good, id, "replies", "https://good.test/"+name)
			before := len(w.peer.requests(""))
			w.backfill(id)
			n := len(w.peer.requests("")) - before
			if n > most {
				t.Errorf("replies at %s: %d requests, want %d at most", name, n, most)
			}
			if n == 0 {
				t.Errorf("replies at %s: nothing is asked, so nothing was tried", name)
			}
		}
		if got := w.peer.requests("https://victim.test/"); len(got) > 0 {
			t.Errorf("a collection leads to another host, which is asked %q", got)
		}
		if w.post("https://good.test/notes/endless0") == nil {
			t.Error("the first answer of a collection is not fetched")
		}
	})
}

// backfill asks for the conversation of a post, as its page does.
func (w *world) backfill(id string) {
	w.t.Helper()
	p := w.post(id)
	if p == nil {
		w.t.Fatalf("%s is not here", id)
	}
	if err := w.town.Blogs.Backfill(w.t.Context(), p); err != nil {
		w.t.Errorf("Backfill(%s) = %v", id, err)
	}
	w.n.Settle()
}

// 49: answers to answers without an end, and two that answer each other.
func TestAttack49EndlessAncestors(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		ira.follows(w.good)
		for i := range 1000 {
			id := fmt.Sprintf("https://evil.test/chain/%d", i)
			w.peer.document(id, note(id, w.evil.id, "inReplyTo", fmt.Sprintf("https://evil.test/chain/%d", i+1)))
		}
		w.peer.document("https://evil.test/a", note("https://evil.test/a", w.evil.id, "inReplyTo", "https://evil.test/b"))
		w.peer.document("https://evil.test/b", note("https://evil.test/b", w.evil.id, "inReplyTo", "https://evil.test/a"))
		w.peer.document("https://evil.test/self", note("https://evil.test/self", w.evil.id, "inReplyTo", "https://evil.test/self"))
		for name, parent := range map[string]string{"a thousand ancestors": "https://evil.test/chain/0", "two that answer each other": "https://evil.test/a", "one that answers itself": "https://evil.test/self"} {
			before := len(w.peer.requests("https://evil.test"))
			w.postOf(w.good, "https://good.test/notes/"+strings.ReplaceAll(name, " ", "-"), "inReplyTo", parent)
			for range 5 {
				w.n.Advance(time.Hour)
				w.n.Settle()
			}
			if n := len(w.peer.requests("https://evil.test")) - before; n > 600 || n == 0 {
				t.Errorf("%s: %d requests", name, n)
			}
		}
		if w.post("https://evil.test/a") == nil || w.post("https://evil.test/b") == nil {
			t.Error("two ancestors are not fetched")
		}
	})
}

// 51: pictures that are something else, or too much.
func TestAttack51OddPictures(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		var plain bytes.Buffer
		small := image.NewRGBA(image.Rect(0, 0, 8, 8))
		small.Set(1, 1, color.RGBA{200, 100, 50, 255})
		if err := jpeg.Encode(&plain, small, nil); err != nil {
			t.Fatal(err)
		}
		upload := func(raw []byte) (blogs.Picture, error) {
			return w.town.Blogs.Upload(t.Context(), ira.writer, bytes.NewReader(raw), "опис")
		}
		before := len(files(t, w.town.Config.Data))
		for name, raw := range map[string][]byte{
			"SVG with a script":          []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`),
			"SVG after a declaration":    []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`),
			"HTML":                       []byte("<html><script>alert(1)</script></html>"),
			"a page that begins as GIF":  []byte("GIF89a<script>alert(1)</script>"),
			"nothing":                    {},
			"half a picture":             plain.Bytes()[:len(plain.Bytes())/2],
			"a picture of 60000 × 60000": bomb(60_000, 60_000),
			"a document as a picture":    encode(note("https://lviv.test/x", w.evil.id)),
		} {
			if p, err := upload(raw); err == nil {
				t.Errorf("%s is kept as %+v", name, p)
			}
		}
		if after := len(files(t, w.town.Config.Data)); after != before {
			t.Errorf("%d files are left by pictures that were refused", after-before)
		}
		// EXIF with a place, and a page hidden behind the picture.
		exif := append([]byte("Exif\x00\x00GPSLatitude 48.51"), []byte("<script>alert(1)</script>")...)
		raw := plain.Bytes()
		carrier := append([]byte{0xff, 0xd8, 0xff, 0xe1, byte((len(exif) + 2) >> 8), byte(len(exif) + 2)}, exif...)
		carrier = append(append(carrier, raw[2:]...), []byte("<html><script>alert(2)</script>")...)
		p, err := upload(carrier)
		if err != nil {
			t.Fatalf("a picture with EXIF: %v", err)
		}
		if strings.ContainsAny(p.Name, "/\\") || len(p.Name) < 20 {
			t.Errorf("it is called %q", p.Name)
		}
		kept := 0
		for path, content := range files(t, w.town.Config.Data) {
			if !strings.Contains(path, strings.TrimSuffix(p.Name, filepath.Ext(p.Name))) {
				continue
			}
			kept++
			for _, secret := range []string{"GPSLatitude", "Exif", "script"} {
				if strings.Contains(content, secret) {
					t.Errorf("%s still holds %s", filepath.Base(path), secret)
				}
			}
		}
		if kept == 0 {
			t.Errorf("no file of %q is found, so nothing was looked at", p.Name)
		}
		post := ira.says(blogs.Draft{Text: "З малюнком", Pictures: []blogs.Picture{{Name: p.Name, Alt: "опис"}}})
		_ = post
		for _, accept := range []string{"image/*", ap.ContentType, "text/html"} {
			answer := w.fetchPlain("/media/"+p.Name, accept)
			if kind := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || !strings.HasPrefix(kind, "image/") || answer.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("the picture as %s: %d %q", accept, answer.StatusCode, kind)
			}
		}
		for _, path := range []string{"/media/..%2f..%2fkeys.json", "/media/../keys.json", "/media/%2e%2e%2fkeys.json", "/media/.", "/media/proxy/1/..%2f..%2fkeys.json"} {
			if answer := w.fetchPlain(path, "*/*"); answer.StatusCode == http.StatusOK {
				t.Errorf("%s: status 200", path)
			}
		}
	})
}

func (w *world) fetchPlain(path, accept string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.base+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = answer.Body.Close() // read for its header
	return answer
}

// bomb is the head of a PNG that says how large it is, and nothing behind it.
func bomb(width, height uint32) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		panic(err) // a mistake in the test
	}
	raw := b.Bytes()
	binary.BigEndian.PutUint32(raw[16:], width)
	binary.BigEndian.PutUint32(raw[20:], height)
	binary.BigEndian.PutUint32(raw[29:], crc32.ChecksumIEEE(raw[12:29]))
	return raw
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		out[path] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// 52: what a post says about a link: no page is fetched for a preview, and
// nothing of a frame or a script is shown.
func TestAttack52LinkPreview(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		ira.follows(w.good)
		before := len(w.peer.requests("https://evil.test"))
		preview := map[string]any{"type": "Document", "url": "https://evil.test/card", "name": "<script>alert(1)</script>Назва", "content": "<iframe src=https://evil.test>"}
		const id = "https://good.test/notes/card"
		w.postOf(w.good, id, "content", `<p>Дивіться <a href="https://evil.test/page">тут</a></p><iframe src="https://evil.test/frame"></iframe><object data="https://evil.test/o"></object><embed src="https://evil.test/e">`,
			"attachment", []any{preview, map[string]any{"type": "Link", "href": "https://evil.test/oembed", "name": `"><script>alert(2)</script>`}}, "preview", preview)
		w.n.Settle()
		page := w.page(w.pagePath(id))
		for _, bad := range []string{"<script>alert", "<iframe", "<object", "<embed", "evil.test/frame"} {
			if strings.Contains(page, bad) {
				t.Errorf("the page of the post holds %s", bad)
			}
		}
		if !strings.Contains(page, "Дивіться") {
			t.Errorf("the post is not on its page, so nothing was looked at: %.300s", page)
		}
		if got := w.peer.requests("https://evil.test")[before:]; len(got) > 0 {
			t.Errorf("for a preview there is asked %q", got)
		}
	})
}

// pagePath is where people here read a post of another server.
func (w *world) pagePath(uri string) string {
	w.t.Helper()
	p := w.post(uri)
	if p == nil {
		w.t.Fatalf("%s is not here", uri)
	}
	return fmt.Sprintf("/blogs/%d", p.ID)
}

// page is what a browser gets.
func (w *world) page(path string) string {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.base+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(answer.Body); err != nil {
		w.t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		w.t.Errorf("GET %s = %d", path, answer.StatusCode)
	}
	return b.String()
}

// 53: a boost that carries another's post, edited by the booster.
func TestAttack53BoostWithEditedCopy(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		ira.follows(w.evil)
		ada := w.peer.person("https://victim.test/users/ada")
		const id = "https://victim.test/notes/1"
		w.peer.document(id, note(id, ada.id, "content", "<p>honest</p>"))
		w.works("the boost", w.from(w.evil, w.activity("Announce", w.evil, note(id, ada.id, "content", "<p>forged</p>"))), "feed")
		if p := w.post(id); p == nil || !strings.Contains(p.Content, "honest") || strings.Contains(p.Content, "forged") {
			t.Errorf("kept is %+v", p)
		}
		// A post that is here already is not changed by a boost's copy.
		w.ignored("the same again, with another copy", w.from(w.evil, w.activity("Announce", w.evil, note(id, ada.id, "content", "<p>forged again</p>", "updated", "2030-01-01T00:00:00Z"))), asks(2))
		if p := w.post(id); p == nil || strings.Contains(p.Content, "forged") {
			t.Errorf("kept is %+v", p)
		}
	})
}

// 54: a boost of what is not for everybody.
func TestAttack54BoostOfAPrivatePost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		ira.follows(w.good)
		ira.follows(w.evil)
		w.works("mallory reads ira", w.from(w.evil, w.activity("Follow", w.evil, ira.uri())), "follows")
		const theirs = "https://good.test/notes/private"
		w.postOf(w.good, theirs, "to", []string{w.good.id + "/followers"})
		private, direct := ira.says(blogs.Draft{Text: "Для читачів", Visibility: blogs.Followers}), ira.says(blogs.Draft{Text: "Лише @mallory@evil.test", Visibility: blogs.Direct})
		public := ira.says(blogs.Draft{Text: "Для всіх"})
		w.peer.document("https://victim.test/notes/f", note("https://victim.test/notes/f", "https://victim.test/users/ada", "to", []string{"https://victim.test/users/ada/followers"}))
		w.peer.person("https://victim.test/users/ada")
		for name, id := range map[string]string{"ours, for followers": private.URI, "ours, direct": direct.URI, "theirs, for followers": theirs, "one to be fetched, for followers": "https://victim.test/notes/f"} {
			w.ignored(name, w.from(w.evil, w.activity("Announce", w.evil, id)), asks(3), leaves("actors", "actor_keys"))
		}
		w.works("ours, for everybody", w.from(w.evil, w.activity("Announce", w.evil, public.URI)), "feed")
	})
}

// 55: a boost of a boost of a boost.
func TestAttack55BoostOfBoosts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		ira.follows(w.evil)
		const id = "https://good.test/notes/1"
		w.peer.document(id, note(id, w.good.id))
		var object any = id
		for i := range 100 {
			object = map[string]any{"id": fmt.Sprintf("https://evil.test/boosts/%d", i), "type": "Announce", "actor": w.evil.id, "object": object}
		}
		w.refused("a hundred, one in another", http.StatusBadRequest, w.from(w.evil, w.activity("Announce", w.evil, object)))
		two := map[string]any{"id": "https://evil.test/boosts/two", "type": "Announce", "actor": w.evil.id, "object": id}
		w.peer.document("https://evil.test/boosts/two", two)
		w.ignored("two, one in another", w.from(w.evil, w.activity("Announce", w.evil, two)), asks(1))
		// A chain that is to be fetched link by link.
		for i := range 100 {
			at := fmt.Sprintf("https://evil.test/links/%d", i)
			w.peer.document(at, map[string]any{"@context": ap.ActivityStreams, "id": at, "type": "Announce", "actor": w.evil.id, "object": fmt.Sprintf("https://evil.test/links/%d", i+1)})
		}
		w.ignored("by their addresses", w.from(w.evil, w.activity("Announce", w.evil, "https://evil.test/links/0")), asks(3))
		w.works("one boost", w.from(w.evil, w.activity("Announce", w.evil, id)), "feed")
	})
}

// 56: a group that deletes, or edits, what is not its to delete.
func TestAttack56GroupThatModerates(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		group := w.peer.person("https://evil.test/groups/all")
		w.peer.document(group.id, with(group.document(), "type", "Group"))
		ira.follows(w.good)
		ira.follows(group)
		w.known()
		const id = "https://good.test/notes/1"
		w.postOf(w.good, id)
		own := ira.says(blogs.Draft{Text: "Наше"})
		inner := func(kind string, by *actor, object any) map[string]any {
			return map[string]any{"id": w.id(hostOf(by.id)), "type": kind, "actor": by.id, "object": object}
		}
		for name, q := range map[string]*request{
			"a Delete in the author's name":  w.from(group, w.activity("Announce", group, inner("Delete", w.good, id))),
			"a Delete by a moderator":        w.from(group, w.activity("Announce", group, inner("Delete", w.evil, id))),
			"a Delete by the group":          w.from(group, w.activity("Delete", group, id)),
			"a Delete of ours":               w.from(group, w.activity("Announce", group, inner("Delete", w.evil, own.URI))),
			"a Delete by mallory itself":     w.from(w.evil, w.activity("Delete", w.evil, id)),
			"an Update in the author's name": w.from(group, w.activity("Announce", group, inner("Update", w.good, note(id, w.good.id, "content", "forged", "updated", "2030-01-01T00:00:00Z")))),
			"an Undo in the author's name":   w.from(group, w.activity("Announce", group, inner("Undo", w.good, inner("Like", w.good, own.URI)))),
			"a Block in somebody's name":     w.from(group, w.activity("Announce", group, inner("Block", w.good, ira.uri()))),
			"an Add to another's collection": w.from(group, with(w.activity("Add", group, id), "target", w.good.id+"/featured")),
		} {
			w.ignored(name, q, asks(2), leaves("feed"))
			if p := w.post(id); p == nil || p.Deleted > 0 || strings.Contains(p.Content, "forged") {
				t.Errorf("%s: the post is now %+v", name, p)
			}
			if p := w.post(own.URI); p == nil || p.Deleted > 0 || p.Hidden {
				t.Errorf("%s: our post is now %+v", name, p)
			}
		}
		w.works("the author's own deletion", w.from(w.good, w.activity("Delete", w.good, id)), "posts")
	})
}

// 61: reports about others than ours, endless ones, and a flood of them.
func TestAttack61FloodOfReports(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.known()
		w.works("the good one is known", w.from(w.good, w.follow(w.good)), "follows")
		ira := w.resident("ira")
		p := ira.says(blogs.Draft{Text: "Слово"})
		flag := func(by *actor, object any, comment string) *request {
			return w.from(by, with(w.activity("Flag", by, object), "content", comment))
		}
		w.ignored("about somebody of theirs", flag(w.evil, []string{w.good.id}, "x"))
		w.ignored("about nobody", flag(w.evil, []string{w.base + "/users/nobody"}, "x"))
		w.works("with a long comment", flag(w.evil, []string{ira.uri(), p.URI}, strings.Repeat("а", 450_000)), "reports")
		if n := w.number("select max(length(comment)) from reports"); n > 6_000 {
			t.Errorf("a comment of %d letters is kept", n)
		}
		w.refused("with a comment over a megabyte", http.StatusRequestEntityTooLarge, flag(w.evil, []string{ira.uri()}, strings.Repeat("а", 1_000_000)))
		for range 200 {
			w.send(flag(w.evil, []string{ira.uri()}, "знову"))
		}
		w.n.Settle()
		if n := w.number("select count(*) from reports"); n > 60 {
			t.Errorf("%d reports of one server wait for the moderators", n)
		}
		w.works("a report of another server, meanwhile", flag(w.good, []string{ira.uri()}, "<script>x</script>образа"), "reports")
		if n := w.number("select count(*) from reports where comment like '%<script%'"); n != 0 {
			t.Error("a report keeps a script")
		}
	})
}

// 62: leave to quote from whoever is not the author, or that was taken back.
func TestAttack62ForgedLeaveToQuote(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		ira.follows(w.evil)
		const quoted = "https://good.test/notes/quoted"
		w.peer.document(quoted, note(quoted, w.good.id))
		stamp := func(at, by, quoting string) map[string]any {
			return map[string]any{"@context": ap.SocialContext, "id": at, "type": "QuoteAuthorization", "attributedTo": by, "interactingObject": quoting, "interactionTarget": quoted}
		}
		quote := func(i int, leave string) string {
			id := fmt.Sprintf("https://evil.test/notes/quote%d", i)
			doc := note(id, w.evil.id, "quote", quoted, "quoteAuthorization", leave, "@context", ap.SocialContext)
			w.peer.document(id, doc)
			w.works("a post that quotes", w.from(w.evil, w.activity("Create", w.evil, doc)), "posts")
			for range 3 {
				w.n.Advance(10 * time.Minute)
				w.n.Settle()
			}
			return id
		}
		state := func(id string) string {
			if p := w.post(id); p != nil {
				return p.QuoteState
			}
			return "missing"
		}
		at := func(i int) string { return fmt.Sprintf("https://evil.test/notes/quote%d", i) }
		w.peer.document("https://evil.test/stamps/1", stamp("https://evil.test/stamps/1", w.good.id, at(1)))
		w.peer.document("https://good.test/stamps/2", stamp("https://good.test/stamps/2", w.good.id, at(99)))
		w.peer.document("https://good.test/stamps/3", stamp("https://good.test/stamps/3", "https://good.test/users/other", at(3)))
		w.peer.document("https://good.test/stamps/4", with(stamp("https://good.test/stamps/4", w.good.id, at(4)), "interactionTarget", "https://good.test/notes/other"))
		w.peer.document("https://good.test/stamps/5", stamp("https://good.test/stamps/other", w.good.id, at(5)))
		for i, leave := range map[int]string{
			1: "https://evil.test/stamps/1", // of the quoting server
			2: "https://good.test/stamps/2", // of another post
			3: "https://good.test/stamps/3", // by somebody else there
			4: "https://good.test/stamps/4", // for another post
			5: "https://good.test/stamps/5", // under another address
			6: "https://good.test/stamps/6", // not there
			7: "",
		} {
			if got := state(quote(i, leave)); got == blogs.QuoteAllowed {
				t.Errorf("leave %q: the quote is shown", leave)
			}
		}
		good := "https://good.test/stamps/8"
		w.peer.document(good, stamp(good, w.good.id, at(8)))
		id := quote(8, good)
		if got := state(id); got != blogs.QuoteAllowed {
			t.Errorf("a sound leave: the quote is %q", got)
		}
		w.works("the good one is known", w.from(w.good, w.follow(w.good)), "follows")
		w.ignored("taken back by mallory", w.from(w.evil, w.activity("Delete", w.evil, good)))
		if got := state(id); got != blogs.QuoteAllowed {
			t.Errorf("after mallory's Delete the quote is %q", got)
		}
		w.works("taken back by its author", w.from(w.good, w.activity("Delete", w.good, good)), "posts")
		if got := state(id); got != blogs.QuoteRevoked {
			t.Errorf("after the author's Delete the quote is %q", got)
		}
		edited := note(id, w.evil.id, "quote", quoted, "quoteAuthorization", good, "content", "<p>знову</p>", "updated", w.n.Now().Add(time.Second).UTC().Format(time.RFC3339), "@context", ap.SocialContext)
		w.send(w.from(w.evil, w.activity("Update", w.evil, edited)))
		for range 3 {
			w.n.Advance(10 * time.Minute)
			w.n.Settle()
		}
		if got := state(id); got == blogs.QuoteAllowed {
			t.Error("the revoked leave serves again")
		}
	})
}

// 66: HTML that is meant for the reader's browser.
func TestAttack66HostileHTML(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ira := w.resident("ira")
		ira.follows(w.good)
		hostile := map[string]string{
			"script":           `<script>alert(1)</script>`,
			"javascript":       `<a href="javascript:alert(1)">a</a>`,
			"spaced":           "<a href=\"java\tscript:alert(1)\">a</a>",
			"entity":           `<a href="&#106;avascript:alert(1)">a</a>`,
			"data":             `<a href="data:text/html,<script>alert(1)</script>">a</a>`,
			"handler":          `<p onclick="alert(1)" onmouseover=alert(1)>a</p>`,
			"image":            `<img src=x onerror=alert(1)>`,
			"math":             `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">`,
			"svg":              `<svg><animate onbegin=alert(1) attributeName=x dur=1s>`,
			"noscript":         `<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
			"style":            `<p style="position:fixed;top:0;left:0">a</p>`,
			"our class":        `<span class="admin-badge card notice role">Адміністратор</span>`,
			"form":             `<form action="/sign-in"><input name=password><button>a</button></form>`,
			"base":             `<base href="https://evil.test/"><meta http-equiv=refresh content="0;url=https://evil.test">`,
			"id":               `<p id="main" name="csrf">a</p>`,
			"deep":             strings.Repeat("<div><b>", 20_000) + "a",
			"a link that lies": `<a href="https://evil.test/login">https://lviv.test/sign-in</a>`,
		}
		for name, content := range hostile {
			id := "https://good.test/notes/html-" + strings.ReplaceAll(name, " ", "-")
			w.postOf(w.good, id, "content", "<p>слово</p>"+content, "summary", content[:min(len(content), 900)])
			p := w.post(id)
			low := strings.ToLower(p.Content + p.Summary)
			for _, bad := range []string{"<script", "javascript:", "data:text", "onclick", "onerror=", "onmouseover=", "onbegin", "<svg", "<math", "<style", "style=", "<form", "<input", "<base", "<meta", "<iframe", "admin-badge", `class="card`, ` id=`, `name="csrf"`} {
				if strings.Contains(low, bad) && !strings.Contains(low, "&lt;") {
					t.Errorf("%s: %q is kept in %.300s", name, bad, low)
				}
			}
			if !strings.Contains(p.Content, "слово") {
				t.Errorf("%s: the honest part is gone from %.300q", name, p.Content)
			}
			page := strings.ToLower(w.page(w.pagePath(id)))
			for _, bad := range []string{"<script>alert", "javascript:alert", "onerror=alert", "onclick=\"alert", "<svg><animate"} {
				if strings.Contains(page, bad) {
					t.Errorf("%s: the page holds %s", name, bad)
				}
			}
		}
		bidi := w.peer.person("https://good.test/users/bidi")
		w.peer.document(bidi.id, with(bidi.document(), "name", "\u202enimda\u202c <script>x</script>", "summary", `<p>a</p><script>alert(1)</script>`))
		w.works("a name with marks of direction", w.from(bidi, w.follow(bidi)), "follows")
		if page := w.page("/@bidi@good.test"); strings.Contains(page, "\u202e") || strings.Contains(page, "<script>alert") || !strings.Contains(page, "nimda") {
			t.Error("the page of the profile turns its letters around, or runs a script")
		}
		plain := "https://good.test/notes/plain"
		w.postOf(w.good, plain, "content", `<p>Так, <a href="https://good.test/x">посилання</a> і <strong>наголос</strong></p>`)
		if p := w.post(plain); !strings.Contains(p.Content, "<strong>") || !strings.Contains(p.Content, `href="https://good.test/x"`) {
			t.Errorf("honest marks are gone: %q", p.Content)
		}
	})
}
