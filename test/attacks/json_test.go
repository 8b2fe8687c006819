package attacks

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"viche/federation/ap"
)

// 34: words that only a JSON-LD processor would see, and a Linked Data
// signature by the victim: neither says anything to us.
func TestAttack34LinkedDataTricks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ada := w.peer.person("https://victim.test/users/ada")
		w.works("the victim is known", w.from(ada, w.follow(ada)), "follows")
		w.known()
		hidden := w.follow(ada)
		for _, word := range []string{"@graph", "@included", "@reverse"} {
			w.refused(word, http.StatusBadRequest, w.from(w.evil, with(w.follow(w.evil), word, []any{hidden})))
			w.refused(word+" in the object", http.StatusBadRequest, w.from(w.evil, w.activity("Follow", w.evil, map[string]any{"id": w.base + "/spheres/ecology", word: []any{hidden}})))
		}
		ld := map[string]any{"type": "RsaSignature2017", "creator": ada.keyID, "created": "2026-11-25T12:00:00Z", "signatureValue": ada.sign("anything")}
		w.refused("signed by the victim in the document, by mallory on the wire", http.StatusUnauthorized, w.from(w.evil, with(hidden, "signature", ld)))
		w.refused("signed in the document alone", http.StatusUnauthorized, func() *request {
			q := w.from(w.evil, with(hidden, "signature", ld))
			q.scheme = unsigned
			return q
		}())
		renamed := []any{ap.ActivityStreams, map[string]any{"actor": map[string]string{"@id": "as:object", "@type": "@id"}, "object": "as:actor", "who": "as:actor"}}
		w.refused("a context that renames actor", http.StatusUnauthorized, w.from(w.evil, with(hidden, "@context", renamed, "who", w.evil.id)))
		w.works("its own activity, whatever the context says", w.from(w.evil, with(w.follow(w.evil), "@context", renamed, "who", ada.id)), "follows")
		w.works("its own activity with a Linked Data signature", w.from(w.evil, with(w.follow(w.evil), "signature", ld)), "follows")
		if n := w.number("select count(*) from follows join actors on actors.id = follows.follower where actors.uri = ?", ada.id); n != 1 {
			t.Errorf("the victim follows %d times", n)
		}
	})
}

// 35: a context at an address of mallory's, which changes each time.
func TestAttack35ContextIsNeverFetched(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.known()
		const context = "https://evil.test/context"
		w.peer.put(context, typed("application/ld+json", []byte(`{"@context":{"actor":"as:object"}}`)))
		body := with(w.follow(w.evil), "@context", []any{ap.ActivityStreams, context, "https://evil.test/other-context"})
		w.works("an activity with a context of its own", w.from(w.evil, body), "follows")
		w.peer.document(w.evil.id, with(w.evil.document(), "@context", []any{context}))
		w.works("an actor with a context of its own", w.from(w.evil, w.activity("Update", w.evil, with(w.evil.document(), "@context", []any{context}, "name", "Інше"))), "actors")
		if got := w.peer.requests("https://evil.test/context"); len(got) > 0 {
			t.Errorf("the context is fetched: %q", got)
		}
		if got := w.peer.requests("https://evil.test/other-context"); len(got) > 0 {
			t.Errorf("the context is fetched: %q", got)
		}
	})
}

// 36: one name twice, and other spellings of a name.
func TestAttack36NamesThatShadow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ada := w.peer.person("https://victim.test/users/ada")
		w.works("the victim is known", w.from(ada, w.follow(ada)), "follows")
		w.known()
		for name, pair := range map[string]string{
			"actor, mallory last":       fmt.Sprintf(`"actor":%q,"actor":%q`, ada.id, w.evil.id),
			"actor, the victim last":    fmt.Sprintf(`"actor":%q,"actor":%q`, w.evil.id, ada.id),
			"the same value twice":      fmt.Sprintf(`"actor":%q,"actor":%q`, w.evil.id, w.evil.id),
			"type":                      fmt.Sprintf(`"actor":%q,"type":"Delete"`, w.evil.id),
			"id, one escaped":           fmt.Sprintf(`"actor":%q,"i\u0064":"https://victim.test/a/1"`, w.evil.id),
			"twice, deep in the object": fmt.Sprintf(`"actor":%q,"tag":{"type":"Mention","href":"https://a.test/","href":"https://b.test/"}`, w.evil.id),
		} {
			raw := fmt.Sprintf(`{"@context":%q,"id":%q,"type":"Follow","object":"%s/spheres/ecology",%s}`, ap.ActivityStreams, w.id("evil.test"), w.base, pair)
			w.refused(name, http.StatusBadRequest, w.from(w.evil, raw))
		}
		for name, word := range map[string]string{"a prefix": "as:actor", "the whole address": "https://www.w3.org/ns/activitystreams#actor", "capitals": "Actor", "JSON-LD's id": "@actor"} {
			w.works(name+" beside the name is not read", w.from(w.evil, with(w.follow(w.evil), word, ada.id)), "follows")
			w.refused(name+" in place of the name", http.StatusBadRequest, w.from(w.evil, with(w.follow(w.evil), "actor", nil, word, w.evil.id)))
		}
		w.refused("@id and @type in place of id and type", http.StatusBadRequest, w.from(w.evil, with(w.follow(w.evil), "id", nil, "type", nil, "@id", w.id("evil.test"), "@type", "Follow")))
		if n := w.number("select count(*) from follows join actors on actors.id = follows.follower where actors.uri = ?", ada.id); n != 1 {
			t.Errorf("the victim follows %d times", n)
		}
	})
}

// 37: JSON that is meant to break the reader. It runs alone, for it measures
// memory.
func TestAttack37JSONThatBreaksReaders(t *testing.T) {
	for kind, o := range kinds() {
		t.Run(kind, func(t *testing.T) {
			w := open(t, o, "lviv")
			w.known()
			member := func(value string) []byte {
				return []byte(fmt.Sprintf(`{"@context":%q,"id":%q,"type":"Follow","actor":%q,"object":"%s/spheres/ecology","x":%s}`, ap.ActivityStreams, w.id("evil.test"), w.evil.id, w.base, value))
			}
			for name, value := range map[string]string{
				"200 lists deep":             strings.Repeat("[", 200) + strings.Repeat("]", 200),
				"200 objects deep":           strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200),
				"half a million lists deep":  strings.Repeat("[", 500_000),
				"a high surrogate by itself": `"\ud800"`,
				"a low surrogate by itself":  `"\udc00"`,
				"surrogates the other way":   `"\udc00\ud800"`,
				"NUL":                        `"a\u0000b"`,
				"bytes that are no UTF-8":    "\"\xff\xfe\"",
				"half a letter":              "\"\xd0\"",
				"not a number":               "NaN",
				"Infinity":                   "Infinity",
				"a comma too many":           "[1,]",
				"a comment":                  "/* */1",
				"hexadecimal":                "0x10",
				"a text that does not end":   `"abc`,
				"a control character":        "\"a\nb\"",
			} {
				w.refused(name, http.StatusBadRequest, w.from(w.evil, member(value)))
			}
			w.refused("NUL in a name", http.StatusBadRequest, w.from(w.evil, bytes.Replace(member("1"), []byte(`"x"`), []byte(`"x\u0000"`), 1)))
			w.refused("two values", http.StatusBadRequest, w.from(w.evil, append(member("1"), '{', '}')))
			w.refused("half of it", http.StatusBadRequest, w.from(w.evil, member("1")[:60]))
			w.refused("a list", http.StatusBadRequest, w.from(w.evil, []byte("[]")))
			w.refused("an empty object", http.StatusBadRequest, w.from(w.evil, []byte("{}")))
			w.refused("a byte order mark", http.StatusBadRequest, w.from(w.evil, append([]byte("\xef\xbb\xbf"), member("1")...)))

			// Numbers that no machine holds: where nobody reads them they do no harm.
			for name, value := range map[string]string{"1e999": "1e999", "a number of 900 kB": strings.Repeat("9", 900_000), "minus nothing": "-0"} {
				q := w.from(w.evil, member(value))
				if got := w.send(q); got != http.StatusBadRequest && got != http.StatusAccepted {
					t.Errorf("%s: status %d", name, got)
				}
				w.n.Settle()
			}
			w.refused("a number of 50 MB", http.StatusRequestEntityTooLarge, w.from(w.evil, member(strings.Repeat("9", 50_000_000))))

			var before, after runtime.MemStats
			nested, many := w.from(w.evil, member(strings.Repeat("[", 1_000_000))), w.from(w.evil, member("["+strings.Repeat("{},", 300_000)+"{}]"))
			runtime.ReadMemStats(&before)
			w.refused("a megabyte of brackets", http.StatusBadRequest, nested)
			w.refused("300,000 empty objects", http.StatusBadRequest, many)
			runtime.ReadMemStats(&after)
			if grew := (after.TotalAlloc - before.TotalAlloc) >> 20; grew > 200 {
				t.Errorf("reading two documents of a megabyte took %d MB", grew)
			}
			w.works("an honest document", w.from(w.evil, member(`"ї"`)), "follows")
		})
	}
}

// 38: bodies that are too long, or never end, in both directions.
func TestAttack38EndlessBodies(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.known()
		long := append(encode(w.follow(w.evil)), bytes.Repeat([]byte(" "), 2<<20)...)
		w.refused("2 MB", http.StatusRequestEntityTooLarge, w.from(w.evil, long))
		chunked := w.from(w.evil, long)
		chunked.length = -1
		w.refused("2 MB without a length", http.StatusRequestEntityTooLarge, chunked)
		zipped := w.from(w.evil, squeeze(long))
		zipped.after = func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }
		w.refused("compressed", http.StatusBadRequest, zipped) // nobody said that we take it

		// What mallory's server answers when it is asked for a key.
		ask := func(name string, page http.HandlerFunc) {
			w.n.Advance(time.Hour)
			who := &actor{id: "https://evil.test/users/" + name, keyID: "https://evil.test/users/" + name + "#main-key", key: w.evil.key}
			w.peer.put(who.id, page)
			begun := time.Now()
			w.harmless(name, func() {
				if got := w.send(w.from(who, w.follow(who))); got != http.StatusUnauthorized && got != http.StatusServiceUnavailable {
					t.Errorf("%s: status %d, want 401 or 503", name, got)
				}
			}, asks(3))
			if took := time.Since(begun); took > 40*time.Second {
				t.Errorf("%s: it took %v", name, took)
			}
		}
		sent := 0
		ask("bomb", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", ap.ContentType)
			rw.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(rw)
			zeros := bytes.Repeat([]byte(" "), 1<<20)
			for sent = 0; sent < 1000; sent++ {
				if _, err := z.Write(zeros); err != nil {
					return
				}
				if err := z.Flush(); err != nil {
					return
				}
			}
		})
		if sent >= 1000 {
			t.Error("a gigabyte is read of a compressed answer")
		}
		sent = 0
		ask("endless", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", ap.ContentType)
			zeros := bytes.Repeat([]byte(" "), 1<<20)
			for sent = 0; sent < 1000; sent++ {
				if _, err := rw.Write(zeros); err != nil {
					return
				}
			}
		})
		if sent >= 1000 {
			t.Error("a gigabyte is read of an answer")
		}
		ask("headers", func(rw http.ResponseWriter, _ *http.Request) {
			for i := range 1000 {
				rw.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("a", 1000))
			}
		})
		doc := w.peer.person("https://evil.test/users/zipped")
		raw := encode(doc.document())
		w.peer.put(doc.id, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", ap.ContentType)
			rw.Header().Set("Content-Encoding", "gzip")
			_, _ = rw.Write(squeeze(raw)) // whoever hangs up needs no answer
		})
		w.works("an actor's document of an honest size, compressed", w.from(doc, w.follow(doc)), "follows")
	})
}

// 38, the slow half: an answer that comes a byte a second is given up, and
// holds nobody else up meanwhile.
func TestAttack38SlowAnswer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		drip := &actor{id: "https://evil.test/users/drip", keyID: "https://evil.test/users/drip#main-key", key: w.evil.key}
		raw := encode(drip.document())
		w.peer.put(drip.id, func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", ap.ContentType)
			for _, b := range raw {
				if _, err := rw.Write([]byte{b}); err != nil {
					return
				}
				rw.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-time.After(time.Second):
				}
			}
		})
		answered := make(chan int)
		begun := time.Now()
		go func() {
			q := w.from(drip, w.follow(drip))
			r := w.prepare(q)
			client := w.n.HTTP()
			client.Timeout = time.Minute
			answer, err := client.Do(r)
			if err != nil {
				answered <- 0
				return
			}
			_ = answer.Body.Close() // it was read for its status
			answered <- answer.StatusCode
		}()
		time.Sleep(100 * time.Millisecond)
		w.works("meanwhile, somebody else", w.from(w.good, w.follow(w.good)), "follows")
		status := <-answered
		took := time.Since(begun)
		if status != http.StatusUnauthorized && status != http.StatusServiceUnavailable || took > 45*time.Second || took < 5*time.Second {
			t.Errorf("the slow answer: status %d after %v, want 401 or 503 at the deadline", status, took)
		}
		if n := w.number("select count(*) from actors where uri = ?", drip.id); n != 0 {
			t.Error("the slow actor is stored")
		}
		// The next key of that server is not even asked for: the answer comes at once.
		next := &actor{id: "https://evil.test/users/drop", keyID: "https://evil.test/users/drop#main-key", key: w.evil.key}
		asked := false
		w.peer.put(next.id, func(http.ResponseWriter, *http.Request) { asked = true })
		if again := w.send(w.from(next, w.follow(next))); again != status {
			t.Errorf("another key of the slow server: status %d, want %d", again, status)
		}
		if asked {
			t.Error("the slow server is asked for another key at once")
		}
	})
}

// 39: lists of a hundred thousand things.
func TestAttack39HundredThousandOfEverything(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.known()
		many := func(n int, one string) []byte { return []byte("[" + strings.Repeat(one+",", n-1) + one + "]") }
		put := func(doc map[string]any, name string, value []byte) []byte {
			raw := encode(with(doc, name, "HERE"))
			return bytes.Replace(raw, []byte(`"HERE"`), value, 1)
		}
		for name, list := range map[string][]byte{
			"tag": many(100_000, `{"a":1}`), "attachment": many(100_000, `{"a":1}`), "to": many(50_000, `"https://a.test/"`),
			"oneOf": many(501, `{"name":"a"}`),
		} {
			object := put(note("https://evil.test/n/"+name, w.evil.id), name, list)
			body := put(w.activity("Create", w.evil, nil), "object", object)
			got := w.send(w.from(w.evil, body))
			if got != http.StatusBadRequest && got != http.StatusAccepted {
				t.Errorf("%d bytes of %s: status %d", len(list), name, got)
			}
			if name == "oneOf" && got != http.StatusBadRequest {
				t.Errorf("501 options: status %d, want 400: a poll cut short is another poll", got)
			}
			w.n.Settle()
		}
		objects := put(w.activity("Create", w.evil, nil), "object", many(501, string(encode(w.vote(w.evil, w.base+"/polls/1", "Так")["object"]))))
		w.refused("501 objects", http.StatusBadRequest, w.from(w.evil, objects))
		// An actor that is known by tens of thousands of other names.
		crowd := w.peer.person("https://evil.test/users/crowd")
		alias := many(40_000, `"https://a.test/users/x"`)
		doc := put(crowd.document(), "alsoKnownAs", alias)
		w.peer.put(crowd.id, typed(ap.ContentType, doc))
		if got := w.send(w.from(crowd, w.follow(crowd))); got == http.StatusAccepted {
			w.n.Settle()
			if n := w.number("select length(aliases) from actors where uri = ?", crowd.id); n > 256*40 {
				t.Errorf("%d bytes of aliases are kept", n)
			}
		}
		lines := w.peer.person("https://evil.test/users/lines")
		doc = put(lines.document(), "attachment", many(10_000, `{"type":"PropertyValue","name":"a","value":"b"}`))
		w.peer.put(lines.id, typed(ap.ContentType, doc))
		if got := w.send(w.from(lines, w.follow(lines))); got == http.StatusAccepted {
			w.n.Settle()
			if n := w.number("select length(fields) from actors where uri = ?", lines.id); n > 50*40 {
				t.Errorf("%d bytes of a profile's lines are kept", n)
			}
		}
		w.works("a few of each", w.from(w.evil, with(w.follow(w.evil), "tag", []any{map[string]string{"type": "Mention", "href": w.base + "/users/a"}})), "follows")
	})
}

// 40: members of a kind that nobody expects.
func TestAttack40OddKinds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.known()
		odd := []any{nil, true, 7, -1.5, "", "x", []any{}, []any{nil}, []any{[]any{[]any{"x"}}}, map[string]any{}, map[string]any{"type": "Note"}, map[string]any{"uk": 5}, map[string]any{"@value": "x"}, []any{map[string]any{"type": []any{1}}}}
		for _, name := range []string{"type", "content", "contentMap", "name", "summary", "published", "updated", "to", "cc", "tag", "attachment", "inReplyTo", "url", "icon", "context", "replies", "location", "startTime", "oneOf", "anyOf", "votersCount", "closed", "endTime", "proof", "quote", "interactionPolicy", "audience", "sensitive", "source", "likes", "shares"} {
			for i, value := range odd {
				object := note(fmt.Sprintf("https://evil.test/odd/%s/%d", name, i), w.evil.id)
				object[name] = value
				body := w.activity("Create", w.evil, object)
				if i%2 == 1 {
					body[name] = value
				}
				if got := w.send(w.from(w.evil, body)); got != http.StatusAccepted && got != http.StatusBadRequest {
					t.Errorf("%s = %v: status %d, want 202 or 400", name, value, got)
				}
			}
			w.n.Settle()
		}
		for _, at := range []string{"9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "-001-01-01T00:00:00Z", "2026-13-45T99:99:99Z", "10000-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "now"} {
			body := w.activity("Create", w.evil, note("https://evil.test/when/"+at, w.evil.id, "published", at, "updated", at, "endTime", at, "closed", at))
			if got := w.send(w.from(w.evil, with(body, "published", at))); got != http.StatusAccepted && got != http.StatusBadRequest {
				t.Errorf("published %s: status %d", at, got)
			}
		}
		w.n.Settle()
		poll := map[string]any{"id": "https://evil.test/q/1", "type": []string{"Question", "Note"}, "attributedTo": w.evil.id, "oneOf": []any{map[string]string{"type": "Note", "name": "a"}}}
		if got := w.send(w.from(w.evil, w.activity("Create", w.evil, poll))); got != http.StatusAccepted {
			t.Errorf("two types: status %d, want 202", got)
		}
		w.n.Settle()
		if n := w.number("select count(*) from inbox where state in ('new', 'dead') or body is not null"); n != 0 {
			t.Errorf("%d activities are tried again and again", n)
		}
		w.works("and the city still works", w.from(w.evil, w.follow(w.evil)), "follows")
	})
}

func squeeze(raw []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(raw); err != nil {
		panic(err) // a mistake in the test
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}
