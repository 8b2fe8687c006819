package attacks

import (
	"net/http"
	"strings"
	"testing"

	"viche/federation/ap"
)

// note is a post by somebody.
func note(id, by string, pairs ...any) map[string]any {
	return with(map[string]any{
		"@context": ap.ActivityStreams, "id": id, "type": "Note", "attributedTo": by, "content": "<p>Слово</p>", "to": ap.Public,
	}, pairs...)
}

// says tells whether the city, asking for an address as it does for whatever it
// is pointed to, comes to believe the text.
func (w *world) says(address, text string) bool {
	w.t.Helper()
	raw, err := w.town.Federation.Fetch(w.t.Context(), address)
	return err == nil && strings.Contains(string(raw), text)
}

// 1: evil.test serves a post with an id of victim.test.
func TestAttack01DocumentOfAnotherHost(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const own = "https://victim.test/notes/1"
		ada := w.peer.person("https://victim.test/users/ada")
		forged := note(own, ada.id, "content", "forged")
		w.peer.document("https://evil.test/x", forged)
		for name, at := range map[string]func(){
			"the victim knows no such post": func() { w.peer.status(own, http.StatusNotFound) },
			"the victim says otherwise":     func() { w.peer.document(own, note(own, ada.id, "content", "honest")) },
			"the victim's leads elsewhere":  func() { w.peer.document(own, note("https://victim.test/notes/2", ada.id, "content", "forged")) },
			"the victim sends one back":     func() { w.peer.redirect(own, "https://evil.test/x") },
		} {
			at()
			w.harmless(name, func() {
				if w.says("https://evil.test/x", "forged") {
					t.Errorf("%s: evil.test is believed", name)
				}
			}, asks(4))
		}
		w.peer.document(own, note(own, ada.id, "content", "honest"))
		if !w.says(own, "honest") {
			t.Error("the victim's own word under its own address is not believed")
		}
		// A page's address that leads to the id of the same host is fine.
		w.peer.document("https://victim.test/@ada/1", note(own, ada.id, "content", "honest"))
		if !w.says("https://victim.test/@ada/1", "honest") {
			t.Error("an address of the same host that names the id is not followed")
		}
	})
}

// 2: a file that somebody uploaded to victim.test claims to be by the victim.
func TestAttack02UploadedDocument(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const upload = "https://victim.test/media/1.json"
		raw := encode(note(upload, "https://victim.test/users/ada", "content", "forged"))
		for _, kind := range []string{"application/json", "text/html; charset=utf-8", "text/plain", "application/octet-stream", "image/png", "application/json-ld", "application/activity+json-not", ""} {
			w.peer.put(upload, typed(kind, raw))
			w.harmless(kind, func() {
				if w.says(upload, "forged") {
					t.Errorf("an upload of type %q is believed", kind)
				}
			}, asks(1))
		}
		w.peer.put(upload, typed("application/activity+json; charset=utf-8", raw))
		if !w.says(upload, "forged") {
			t.Error("the same as application/activity+json is not taken, so nothing was tried")
		}
		// The same for a key: an actor's document as an upload speaks for nobody.
		mallet := w.peer.person("https://victim.test/media/2.json")
		w.peer.put(mallet.id, typed("application/json", encode(mallet.document())))
		w.refused("a key in an upload", http.StatusUnauthorized, w.from(mallet, w.follow(mallet)), asks(2))
	})
}

// 3: JSON-LD that does not say it is ActivityStreams.
func TestAttack03LinkedDataWithoutProfile(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const at = "https://victim.test/data/1"
		raw := encode(note(at, "https://victim.test/users/ada", "content", "forged"))
		for _, kind := range []string{"application/ld+json", `application/ld+json; profile="https://w3.org/ns/json-ld"`, `application/ld+json; profile="https://www.w3.org/ns/activitystreams-not"`} {
			w.peer.put(at, typed(kind, raw))
			w.harmless(kind, func() {
				if w.says(at, "forged") {
					t.Errorf("a document of type %q is believed", kind)
				}
			}, asks(1))
			q := w.from(w.evil, w.follow(w.evil))
			q.kind = kind
			w.refused("posted as "+kind, http.StatusUnsupportedMediaType, q)
		}
		w.peer.put(at, typed(`application/ld+json; profile="https://www.w3.org/ns/activitystreams"`, raw))
		if !w.says(at, "forged") {
			t.Error("the same with the profile is not taken")
		}
		q := w.from(w.evil, w.follow(w.evil))
		q.kind = `application/ld+json; profile="https://www.w3.org/ns/activitystreams"`
		w.works("posted with the profile", q, "follows")
	})
}

// 4: the victim's server has an open redirect, which leads to evil.test's copy
// of an actor of the victim's.
func TestAttack04OpenRedirect(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ada := &actor{id: "https://victim.test/go?to=ada", keyID: "https://victim.test/go?to=ada#main-key", key: w.evil.key}
		w.peer.document("https://evil.test/copy", ada.document())
		w.peer.redirect(ada.id, "https://evil.test/copy")
		w.refused("key through the redirect", http.StatusUnauthorized, w.from(ada, w.follow(ada)), asks(3))
		if w.says(ada.id, "Person") {
			t.Error("evil.test's copy passes for the victim's")
		}
		// The control: a redirect that stays at home.
		real := w.peer.person("https://victim.test/users/ada")
		w.peer.redirect("https://victim.test/@ada", real.id)
		if !w.says("https://victim.test/@ada", real.id) {
			t.Error("a redirect within one host is not followed")
		}
		w.works("the real actor", w.from(real, w.follow(real)), "follows")
	})
}

// 5: an activity of evil.test with an id of victim.test is refused, and the
// victim's own activity of that id is still heard afterwards.
func TestAttack05ForeignActivityID(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ada := w.peer.person("https://victim.test/users/ada")
		w.works("an honest follow", w.from(w.evil, w.follow(w.evil)), "follows")
		const id = "https://victim.test/activities/stolen"
		w.refused("id of another host", http.StatusBadRequest, w.from(w.evil, with(w.follow(w.evil), "id", id)))
		w.works("the victim's own activity of that id", w.from(ada, with(w.follow(ada), "id", id)), "follows")
	})
}

// 6: a key that names the victim as its owner, while the victim doesn't list it.
func TestAttack06KeyThatItsOwnerDisowns(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ada := w.peer.person("https://victim.test/users/ada")
		for _, at := range []string{"https://evil.test/keys/1", "https://victim.test/media/key"} {
			w.peer.document(at, map[string]any{"@context": "https://w3id.org/security/v1", "id": at, "type": "CryptographicKey", "owner": ada.id, "publicKeyPem": publicPEM(w.evil.key.Public())})
			forger := &actor{id: ada.id, keyID: at, key: w.evil.key}
			w.refused(at, http.StatusUnauthorized, w.from(forger, w.follow(ada)), asks(3))
		}
		// The other form: a Multikey that says who controls it.
		const multikey = "https://victim.test/media/multikey"
		w.peer.document(multikey, map[string]any{"id": multikey, "type": "Multikey", "controller": ada.id, "publicKeyMultibase": "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"})
		w.refused("a Multikey", http.StatusUnauthorized, w.from(&actor{id: ada.id, keyID: multikey, key: w.evil.key}, w.follow(ada)), asks(3))
		w.works("the victim's own key", w.from(ada, w.follow(ada)), "follows")
		// A key under an address of its own counts where the owner lists it.
		own := "https://victim.test/keys/ada"
		doc := ada.document()
		doc["publicKey"] = map[string]string{"id": own, "owner": ada.id, "publicKeyPem": publicPEM(ada.key.Public())}
		eve := &actor{id: "https://victim.test/users/eve", keyID: "https://victim.test/keys/eve", key: ada.key}
		listed := eve.document()
		w.peer.document(eve.id, listed)
		w.peer.document(eve.keyID, map[string]any{"id": eve.keyID, "type": "CryptographicKey", "owner": eve.id, "publicKeyPem": publicPEM(eve.key.Public())})
		w.works("a key of its own address", w.from(eve, w.follow(eve)), "follows")
	})
}

// 7: under the victim's id stands another actor's document, which lists a key of
// evil.test.
func TestAttack07ActorOfAnotherID(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ada := &actor{id: "https://victim.test/users/ada", keyID: "https://victim.test/users/ada#main-key", key: w.evil.key}
		eve := &actor{id: "https://victim.test/users/eve", keyID: ada.keyID, key: w.evil.key}
		w.peer.document(ada.id, w.evil.document())
		w.refused("an actor of evil.test", http.StatusUnauthorized, w.from(ada, w.follow(ada)), asks(3))
		w.n.Advance(3600e9) // what could not be had is remembered for minutes
		w.peer.document(ada.id, eve.document())
		w.refused("another actor of the same host", http.StatusUnauthorized, w.from(ada, w.follow(ada)), asks(3))
		w.n.Advance(3600e9)
		w.peer.redirect(ada.id, w.evil.id)
		w.refused("a redirect to evil.test", http.StatusUnauthorized, w.from(ada, w.follow(ada)), asks(3))
		w.n.Advance(3600e9)
		real := w.peer.person(ada.id)
		w.works("the actor itself", w.from(real, w.follow(real)), "follows")
	})
}

// 8: a key document of another id than the one asked for, which must not be
// kept under the address that was asked.
func TestAttack08KeyOfAnotherID(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.works("mallory is known", w.from(w.evil, w.follow(w.evil)), "follows")
		const asked = "https://evil.test/keys/asked"
		eve := &actor{id: "https://evil.test/users/eve", keyID: asked, key: w.evil.key}
		w.peer.document(eve.id, with(eve.document(), "publicKey", map[string]string{"id": "https://evil.test/keys/other", "owner": eve.id, "publicKeyPem": publicPEM(eve.key.Public())}))
		w.peer.document(asked, map[string]any{"id": "https://evil.test/keys/other", "type": "CryptographicKey", "owner": eve.id, "publicKeyPem": publicPEM(eve.key.Public())})
		w.refused("key of another id", http.StatusUnauthorized, w.from(eve, w.follow(eve)), asks(3))
		if n := w.number("select count(*) from actor_keys where uri = ?", asked); n != 0 {
			t.Error("it is kept under the address that was asked")
		}
		w.n.Advance(3600e9)
		w.peer.document(eve.id, eve.document())
		w.peer.document(asked, map[string]any{"id": asked, "type": "CryptographicKey", "owner": eve.id, "publicKeyPem": publicPEM(eve.key.Public())})
		w.works("key of the id that was asked for", w.from(eve, w.follow(eve)), "follows")
	})
}

// 9: evil.test signs properly, in the name of somebody else.
func TestAttack09ActorIsNotTheSigner(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ada := w.peer.person("https://victim.test/users/ada")
		other := w.peer.person("https://evil.test/users/other")
		w.works("an honest follow", w.from(w.evil, w.follow(w.evil)), "follows")
		w.works("an honest follow by the victim", w.from(ada, w.follow(ada)), "follows")
		for name, body := range map[string]any{
			"of another host":       w.follow(ada),
			"of the same host":      w.follow(other),
			"id of the signer's":    with(w.follow(ada), "id", w.id("evil.test")),
			"an embedded actor":     with(w.follow(ada), "actor", ada.document()),
			"one of ours":           with(w.follow(w.evil), "actor", w.base+"/actor"),
			"its own, by a proof":   with(w.follow(ada), "signature", map[string]any{"type": "RsaSignature2017", "creator": ada.keyID, "signatureValue": "eA=="}),
			"the victim's farewell": with(w.activity("Delete", ada, ada.id), "id", ada.id+"#delete"),
		} {
			w.refused(name, http.StatusUnauthorized, w.from(w.evil, body), asks(1))
		}
	})
}

// 10: a Create by evil.test of something that it says the victim wrote.
func TestAttack10AnothersObject(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ada := w.peer.person("https://victim.test/users/ada")
		poll := w.n.OpenPoll("lviv", "city")
		w.works("an honest follow", w.from(w.evil, w.follow(w.evil)), "follows")
		w.works("the victim is known", w.from(ada, w.follow(ada)), "follows")
		vote := func(id, by string) map[string]any {
			return map[string]any{"id": id, "type": "Note", "attributedTo": by, "name": "Так", "inReplyTo": poll.URI, "to": w.base + "/actor"}
		}
		for name, object := range map[string]any{
			"author of another host":       vote("https://evil.test/votes/1", ada.id),
			"object of another host":       vote("https://victim.test/votes/1", w.evil.id),
			"both":                         vote("https://victim.test/votes/2", ada.id),
			"another author of that host":  vote("https://evil.test/votes/2", "https://evil.test/users/other"),
			"the second is the victim's":   []any{vote("https://evil.test/votes/3", w.evil.id), vote("https://evil.test/votes/4", ada.id)},
			"no author":                    with(vote("https://evil.test/votes/5", ""), "attributedTo", nil),
			"an object without an address": with(vote("", w.evil.id), "id", nil),
		} {
			w.ignored(name, w.from(w.evil, w.activity("Create", w.evil, object)))
		}
		w.works("its own vote", w.from(w.evil, w.activity("Create", w.evil, vote("https://evil.test/votes/9", w.evil.id))), "guest_ballots")
	})
}

// 11: somebody of the same host changes or deletes what is another's.
func TestAttack11NeighbourOfTheOwner(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ada, eve := w.peer.person("https://victim.test/users/ada"), w.peer.person("https://victim.test/users/eve")
		for _, a := range []*actor{ada, eve, w.evil} {
			w.works("an honest follow", w.from(a, w.follow(a)), "follows")
		}
		renamed := with(ada.document(), "name", "Renamed")
		for name, by := range map[string]*actor{"a neighbour": eve, "a stranger": w.evil} {
			w.ignored(name+" renames", w.from(by, w.activity("Update", by, renamed)))
			w.ignored(name+" deletes", w.from(by, w.activity("Delete", by, ada.id)), asks(1), leaves("heard"))
			w.ignored(name+" deletes by an object", w.from(by, w.activity("Delete", by, map[string]any{"id": ada.id, "type": "Tombstone"})), leaves("heard"))
		}
		w.peer.document(ada.id, renamed)
		w.works("its own new name", w.from(ada, w.activity("Update", ada, renamed)), "actors")
		w.works("its own farewell", w.from(ada, with(w.activity("Delete", ada, ada.id), "id", ada.id+"#delete")), "actors")
	})
}

// 15: hosts that look or begin alike are others; one host spelled in several
// ways is one.
func TestAttack15HostsThatLookAlike(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.works("an honest follow", w.from(w.evil, w.follow(w.evil)), "follows")
		for _, id := range []string{
			"https://evil.test.victim.test/a/1",
			"https://evil.test@victim.test/a/1",
			"https://evil.test%40victim.test/a/1",
			"https://evil.test:8443/a/1",
			"https://evil%2etest/a/1",
			"https://evil.testy/a/1",
			"https://notevil.test/a/1",
			"https://еvil.test/a/1", // the first letter is Cyrillic
			"https://evil.test\\.victim.test/a/1",
			"http://evil.test/a/1",
			"https:evil.test/a/1",
			"//evil.test/a/1",
			"https:///evil.test/a/1",
			"https://evil.test /a/1",
			"https://evil.test\u0000/a/1",
		} {
			w.refused(id, http.StatusBadRequest, w.from(w.evil, with(w.follow(w.evil), "id", id)))
		}
		for _, id := range []string{"https://EVIL.test/a/1", "https://evil.test:443/a/2", "https://evil.test./a/3"} {
			w.works(id, w.from(w.evil, with(w.follow(w.evil), "id", id)), "follows")
		}
		// The same of keys: a key's address must be of the actor's origin.
		for _, key := range []string{"https://evil.test.victim.test/users/mallory#main-key", "https://evil.test@victim.test/users/mallory#main-key", "https://еvil.test/users/mallory#main-key", "http://evil.test/users/mallory#main-key"} {
			q := w.from(w.evil, w.follow(w.evil))
			q.keyID = key
			w.refused(key, http.StatusUnauthorized, q)
		}
	})
}

// 16: two actors, or two authors with the victim first.
func TestAttack16TwoActors(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ada := w.peer.person("https://victim.test/users/ada")
		poll := w.n.OpenPoll("lviv", "city")
		w.works("an honest follow", w.from(w.evil, w.follow(w.evil)), "follows")
		for name, body := range map[string]any{
			"the victim first":          with(w.follow(w.evil), "actor", []string{ada.id, w.evil.id}),
			"the victim second":         with(w.follow(w.evil), "actor", []string{w.evil.id, ada.id}),
			"a list of one":             with(w.follow(w.evil), "actor", []string{w.evil.id}),
			"a list of objects":         with(w.follow(w.evil), "actor", []any{w.evil.document(), ada.id}),
			"authors of the activity":   with(w.follow(w.evil), "attributedTo", []string{ada.id, w.evil.id}),
			"authors of several hosts":  w.activity("Create", w.evil, note("https://evil.test/n/1", "", "attributedTo", []string{ada.id, w.evil.id})),
			"authors, the victim last":  w.activity("Create", w.evil, note("https://evil.test/n/2", "", "attributedTo", []string{w.evil.id, ada.id})),
			"an author who is a number": w.activity("Create", w.evil, note("https://evil.test/n/3", "", "attributedTo", []any{7, w.evil.id})),
		} {
			w.refused(name, http.StatusBadRequest, w.from(w.evil, body))
		}
		vote := map[string]any{"id": "https://evil.test/v/1", "type": "Note", "attributedTo": []string{"https://evil.test/users/other", w.evil.id}, "name": "Так", "inReplyTo": poll.URI}
		w.ignored("authors of one host, another first", w.from(w.evil, w.activity("Create", w.evil, vote)))
		w.works("one author", w.from(w.evil, w.activity("Create", w.evil, with(vote, "attributedTo", w.evil.id))), "guest_ballots")
	})
}

// 17: an activity without a usable id.
func TestAttack17NoID(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.works("an honest follow", w.from(w.evil, w.follow(w.evil)), "follows")
		for name, id := range map[string]any{
			"null": nil, "an empty text": "", "a number": 17, "a list": []string{"https://evil.test/a/1"}, "an object": map[string]any{"id": "https://evil.test/a/1"},
			"10 kB": "https://evil.test/" + strings.Repeat("a", 10_000), "no address": "evil", "a urn": "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8",
			"a script": "javascript:alert(1)", "a boolean": true,
		} {
			body := w.follow(w.evil)
			body["id"] = id
			w.refused(name, http.StatusBadRequest, w.from(w.evil, body))
		}
		w.refused("missing", http.StatusBadRequest, w.from(w.evil, with(w.follow(w.evil), "id", nil)))
		w.works("an id", w.from(w.evil, w.follow(w.evil)), "follows")
	})
}

// 18: a host gives one of its handles to an actor elsewhere, who does not know
// of it.
func TestAttack18HandleOfAnothersActor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		named := func(name, host, subject, actor string) {
			w.peer.put("https://"+host+"/.well-known/webfinger?resource=acct%3A"+name+"%40"+host, typed("application/jrd+json", encode(map[string]any{
				"subject": "acct:" + subject, "links": []any{map[string]string{"rel": "self", "type": "application/activity+json", "href": actor}},
			})))
		}
		finger := func(name, host, actor string) { named(name, host, name+"@"+host, actor) }
		lookup := func(handle string) string {
			a, err := w.town.Federation.Lookup(t.Context(), handle)
			if err != nil {
				return ""
			}
			return a.URI
		}
		ada := w.peer.person("https://victim.test/users/ada")
		// evil.test has the handle @mayor@evil.test lead to the victim, and the other way.
		finger("mayor", "evil.test", ada.id)
		finger("ada", "victim.test", w.evil.id) // a lapsed or hijacked WebFinger
		finger("mallory", "evil.test", w.evil.id)
		for _, handle := range []string{"@ada@victim.test", "@mayor@evil.test"} {
			w.harmless(handle, func() {
				if got := lookup(handle); got != "" {
					t.Errorf("%s is taken for %s", handle, got)
				}
			}, asks(4), leaves("actors", "actor_keys"))
		}
		if n := w.number("select count(*) from actors where host = 'victim.test' and handle <> 'ada' or host = 'evil.test' and handle <> 'mallory'"); n != 0 {
			t.Errorf("%d actors have a handle that their own host does not give them", n)
		}
		// evil.test says that its actor is somebody of the victim's.
		mayor := &actor{id: "https://evil.test/users/mayor", keyID: "https://evil.test/users/mayor#main-key", key: w.evil.key}
		w.peer.document(mayor.id, with(mayor.document(), "preferredUsername", "ada@victim.test", "webfinger", "ada@victim.test"))
		if status := w.send(w.from(mayor, w.follow(mayor))); status == http.StatusAccepted {
			w.n.Settle()
			if n := w.number("select count(*) from actors where uri = ? and host <> 'evil.test'", mayor.id); n != 0 {
				t.Error("an actor of evil.test is shown as one of victim.test")
			}
		}
		if got := lookup("@mallory@evil.test"); got != w.evil.id {
			t.Errorf("an honest handle leads to %q", got)
		}
		finger("ada", "victim.test", ada.id)
		if got := lookup("@ada@victim.test"); got != ada.id {
			t.Errorf("the victim's own handle leads to %q", got)
		}
		// One host for handles, another for actors: both say so.
		maria := w.peer.person("https://victim.test/users/maria")
		finger("maria", "good.test", maria.id)
		named("maria", "victim.test", "maria@good.test", maria.id)
		if got := lookup("@maria@good.test"); got != maria.id {
			t.Errorf("a handle that both hosts agree on leads to %q", got)
		}
	})
}
