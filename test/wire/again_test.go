package wire_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"viche/modules/blogs"
)

// TestOneIDAgainAndAgain is what a live snac 2.94 showed: the id of a like, a
// boost and a reaction is made of the post's address, so that whoever likes,
// takes it back and likes once more sends two activities under one id, told
// apart by their time alone; and two reactions of one person share an id.
func TestOneIDAgainAndAgain(t *testing.T) {
	t.Parallel()
	const sam = "https://snac.test/sam"
	r := newReplay(t, filepath.Join(captures(t), "http-mixed"), "fedify.peers.test")
	w, err := r.town.Blogs.Writer(t.Context(), r.resident("mariia").Account)
	if err != nil {
		t.Fatal(err)
	}
	post, err := r.town.Blogs.Publish(t.Context(), w, blogs.Draft{Text: "Допис", Visibility: blogs.Public})
	if err != nil {
		t.Fatal(err)
	}
	second := 0
	send := func(kind, id, content, undone string) {
		t.Helper()
		second++
		a := map[string]any{
			"@context": "https://www.w3.org/ns/activitystreams", "type": kind, "id": id, "actor": sam, "object": post.URI,
			"published": fmt.Sprintf("2026-11-23T08:00:%02dZ", second), "to": []string{"https://www.w3.org/ns/activitystreams#Public", w.Actor.URI},
		}
		if content != "" {
			a["content"] = content
		}
		if undone != "" {
			a["type"], a["id"] = "Undo", fmt.Sprintf("%s/Undo_1795419808.%06d", id, second)
			a["object"] = map[string]any{"type": kind, "id": id, "actor": sam, "object": post.URI, "content": content}
			delete(a, "content")
		}
		body, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.send(said{ID: id, Type: kind, Actor: sam}, body); err != nil {
			t.Errorf("%s %s: %v", kind, undone, err)
		}
		r.net.Settle()
	}
	expect := func(when string, want int, query string) {
		t.Helper()
		if err := r.count(want, query, post.ID); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	const likes, boosts, leaf = "select count(*) from reactions where post = ? and emoji = ''",
		"select count(*) from feed where post = ? and boost = 1", "select count(*) from reactions where post = ? and emoji = '🌱'"

	for _, round := range []string{"at first", "once more"} {
		send("Like", sam+"/l/9a0364b9e99bb480dd25e1f0284c8555", "", "")
		expect("liked "+round, 1, likes)
		send("Like", sam+"/l/9a0364b9e99bb480dd25e1f0284c8555", "", "undone")
		expect("like taken back "+round, 0, likes)
		expect("its notice "+round, 0, "select count(*) from notices where post = ? and kind = 'like'")

		send("Announce", sam+"/a/9a0364b9e99bb480dd25e1f0284c8555", "", "")
		expect("boosted "+round, 1, boosts)
		send("Announce", sam+"/a/9a0364b9e99bb480dd25e1f0284c8555", "", "undone")
		expect("boost taken back "+round, 0, boosts)
		expect("its notice "+round, 0, "select count(*) from notices where post = ? and kind = 'boost'")
	}
	send("EmojiReact", sam+"/e/9a0364b9e99bb480dd25e1f0284c8555", "🌱", "")
	send("EmojiReact", sam+"/e/9a0364b9e99bb480dd25e1f0284c8555", "🔥", "")
	expect("two reactions under one id", 2, "select count(*) from reactions where post = ?")
	send("EmojiReact", sam+"/e/9a0364b9e99bb480dd25e1f0284c8555", "🔥", "undone")
	expect("one of them taken back", 1, leaf)
	expect("and only that one", 1, "select count(*) from reactions where post = ?")
}
